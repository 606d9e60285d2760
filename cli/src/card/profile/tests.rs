//! Every built-in and the example make a card; a mistake is told by its place and never by what stands there; an
//! export makes the same card.

use base::apdu::Command;
use base::{SecretBytes, hex};
use hss::subscribers::{KeyError, KeySource};
use uicc::{
    Card as _,
    software::{SoftCard, profile::Content},
};

use super::*;

fn of(text: &str) -> Result<Profile, String> {
    of_text(
        "card.toml",
        text,
        &mut Source {
            keys: &mut OnlyHex,
            production: false,
        },
    )
}

const KEYS: &str =
    "[keys]\nk = \"465b5ce8b199b49faa5f0a2ee238a6bc\"\nopc = \"cd63cb71954a9f4e48a5994e37a02baf\"\n";

/// Every built-in, with keys, and the example.
fn all() -> Vec<(&'static str, String)> {
    let mut all: Vec<_> = BUILT_IN
        .iter()
        .map(|(name, _)| {
            (
                *name,
                format!("base = \"{name}\"\n{}", if *name == "ts48" { "" } else { KEYS }),
            )
        })
        .collect();
    all.push(("example", EXAMPLE.into()));
    all
}

#[test]
fn every_built_in_and_the_example_make_a_card() {
    for (name, text) in BUILT_IN {
        let source = &mut Source {
            keys: &mut OnlyHex,
            production: false,
        };
        assert!(read(text, source).is_ok_and(|r| r.base.is_some()), "{name}");
        assert!(load(name).unwrap().card(Over::default()).is_ok(), "{name}");
    }
    for (name, text) in all() {
        let made = of(&text)
            .unwrap()
            .card(Over::default())
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(!made.random_keys, "{name}");
    }
}

//= CARD-PROFILE-r1
#[test]
fn a_mistake_is_told_by_place_key_and_what_is_expected() {
    for (text, why) in [
        (
            "algoritm = 1",
            "card.toml, line 1, column 1: this key: not known here",
        ),
        (
            "imsi = 12",
            "card.toml, line 1, column 8: imsi: a text in quotes expected, not integer",
        ),
        (
            "base = \"m2n\"",
            "line 1, column 8: base: gba, m2m, ts48, none expected; did you mean `m2m`?",
        ),
        (
            "\ngsmm = true",
            "line 2, column 1: this key: not known here; did you mean `gsm`?",
        ),
        (
            "mnc_length = 1",
            "line 1, column 1: mnc_length: 2 or 3 expected, or 0",
        ),
        ("[keys]\nk = \"465b\"", "line 2, column 5: keys.k: "),
        (
            "[keys]\nk = \"465b5ce8b199b49faa5f0a2ee238a6bc\"",
            "line 1, column 1: keys: opc or op expected for milenage",
        ),
        (
            "[[pin]]\nkey = \"PIN9\"\nvalue = \"1234\"",
            "line 2, column 7: pin[1].key: PIN1, PIN2",
        ),
        (
            "[[pin]]\nkey = \"PIN1\"\nvalue = \"12\"",
            "line 3, column 9: pin[1].value: 4 to 8 digits",
        ),
        (
            "[[file]]\npath = \"EF_IMSY\"",
            "line 2, column 8: file[1].path: EF_IMSY is no file that is known",
        ),
        (
            "[[file]]\npath = \"3F00/2F99\"\nhex = \"00\"",
            "line 2, column 8: file[1]: structure: missing, as no such file is there to change",
        ),
        (
            "[[file]]\npath = \"EF_AD\"\nsize = 2\nhex = \"00000002\"",
            "4 octets are given, and the file or record has 2",
        ),
        (
            "[[file]]\npath = \"3F00/7F99/6F01\"\nstructure = \"transparent\"\nsize = 2",
            "line 2, column 8: file[1]: its directory isn't there",
        ),
        (
            "[[file]]\npath = \"EF_AD\"\naccess = { read = \"allways\" }",
            "line 3, column 19: file[1].access.read: always, never, PIN1",
        ),
        (
            "[[file]]\npath = \"EF_AD\"\n[[file]]\npath = \"7FFF/6FAD\"",
            "line 3, column 1: file[2].path: named twice",
        ),
        (
            "[[ota]]\nversion = 16",
            "ota[1].version: a number from 1 to 15 expected",
        ),
        (
            "[[ota]]\nversion = 1\nkic = { key = \"0011\" }\nkid = { key = \"0011\" }",
            "line 3, column 15: ota[1].kic.key: 16 or 24 or 32 octets in hex expected",
        ),
        (
            "[sqn]\nhighest = \"21\"",
            "line 2, column 11: sqn.highest: an SQN of 12 hex digits expected",
        ),
    ] {
        let told = of(text)
            .and_then(|p| p.card(Over::default()))
            .err()
            .unwrap_or_default();
        assert!(told.contains(why), "{text:?}\n  told {told}\n  not  {why}");
    }
}

#[test]
fn no_mistake_shows_a_key() {
    let key = "465b5ce8b199b49faa5f0a2ee238a6bc";
    for text in [
        format!("{key} = 1"),
        format!("imsi = \"{key}\""),
        format!("[[file]]\npath = \"{key}\""),
        format!("[keys]\nk = \"{key}0\""),
        format!("[keys]\nk = \"{key}\"\nopc = \"{key}x\""),
        format!("[[pin]]\nkey = \"PIN1\"\nvalue = \"{key}\""),
        format!("[[ota]]\nversion = 1\nkic = {{ key = \"{key}zz\" }}"),
        format!("[keys]\nalgorithm = \"{key}\""),
    ] {
        let told = of(&text).and_then(|p| p.card(Over::default())).err().unwrap();
        assert!(!told.to_lowercase().contains(&key[..8]), "{told}");
    }
}

/// What a card answers when each file is selected and read, with and without PIN 1 and ADM 1.
fn answers(profile: &Profile) -> Vec<String> {
    let (software, _) = profile.profile(&Over::default()).unwrap();
    let mut specs = SoftCard::files_of(&software);
    specs.extend(software.files.iter().cloned());
    let mut card = SoftCard::build(software).unwrap();
    let mut send = |cla, ins, p1, p2, data: &[u8], le| {
        let mut c = Command::new(cla, ins, p1, p2);
        if !data.is_empty() {
            c = c.with_data(data).unwrap();
        }
        let answer = card
            .transmit(&if let Some(le) = le { c.with_le(le) } else { c })
            .unwrap();
        format!("{}{:04x}", hex::encode(answer.data()), answer.sw)
    };
    let mut all = Vec::new();
    for round in 0..2 {
        for spec in &specs {
            match spec.path.application() {
                Some(aid) => all.push(send(0, 0xa4, 4, 0x0c, aid, None)),
                None => all.push(send(0, 0xa4, 0, 0x0c, &[0x3f, 0], None)),
            }
            for fid in spec.path.fids() {
                all.push(send(0, 0xa4, 0, 4, &fid.to_be_bytes(), None));
                all.push(send(0, 0xc0, 0, 0, &[], Some(0)));
            }
            match &spec.content {
                Content::Transparent(octets) => {
                    all.push(send(
                        0,
                        0xb0,
                        0,
                        0,
                        &[],
                        Some(octets.len().min(255).to_le_bytes()[0]),
                    ));
                }
                Content::LinearFixed { record_length, .. } | Content::Cyclic { record_length, .. } => {
                    all.push(send(0, 0xb2, 1, 4, &[], Some(*record_length)));
                }
                _ => {}
            }
        }
        if round == 0 {
            all.push(send(0, 0x20, 0, 1, b"1234\xff\xff\xff\xff", None));
            all.push(send(0, 0x20, 0, 0x0a, b"12345678", None));
            all.push(send(0, 0x20, 0, 0x0a, b"55555555", None));
        }
    }
    // Counted: UNBLOCK without data says how often it may still be tried.
    all.push(send(0, 0x2c, 0, 1, &[], None));
    let auth = [&[16][..], &[0x23; 16], &[16], &[0x55; 16]].concat();
    all.push(send(0, 0x88, 0, 0x81, &auth, Some(0)));
    all
}

//= CARD-PROFILE-r2
#[test]
fn an_export_makes_a_card_that_answers_the_same() {
    for (name, text) in all() {
        let profile = of(&text).unwrap();
        let exported = export(&profile, true, None);
        let again = of(&exported).unwrap_or_else(|e| panic!("{name}: {e}\n{exported}"));
        assert_eq!(export(&again, true, None), exported, "{name}");
        let (one, two) = (answers(&profile), answers(&again));
        assert_eq!(one, two, "{name}");
        assert!(
            one.iter().any(|a| a.ends_with("9000") && a.len() > 20),
            "{name}: nothing was read"
        );
    }
}

#[test]
fn what_a_state_changed_is_in_the_export() {
    let profile = of(&EXAMPLE.replace("enabled = false", "enabled = true")).unwrap();
    let mut made = profile.card(Over::default()).unwrap();
    let mut send = |octets: &str| hex::encode(made.card.exchange(&hex::decode(octets).unwrap()));
    assert_eq!(send("00200001083939393900000000"), "63c2");
    assert_eq!(send("002000010831323334ffffffff"), "9000");
    assert_eq!(send("00200001083939393900000000"), "63c2");
    let exported = export(&profile, true, Some(&made.card.snapshot()));
    let again = of(&exported).unwrap();
    let pin = again.draft.pins.iter().find(|p| p.reference == 1).unwrap();
    assert_eq!((pin.tries, pin.max_tries), (2, 3), "{exported}");
}

//= CARD-PROFILE-r3
#[test]
fn an_export_has_no_secret_unless_it_is_asked_for() {
    let profile = of(EXAMPLE).unwrap();
    let exported = export(&profile, false, None);
    for secret in [
        "465b5ce8b199b49f",
        "cd63cb71954a9f4e",
        "\"1234\"",
        "\"12345678\"",
        "\"5678\"",
        "3132333435363738",
        "0011223344556677",
        "ffeeddcc",
    ] {
        assert!(!exported.contains(secret), "{secret} in\n{exported}");
    }
    let why = of(&exported).err().unwrap();
    assert!(why.contains("exported without its secrets"), "{why}");
}

/// One key wherever it is looked for.
struct Everywhere(&'static str);

impl KeySource for Everywhere {
    fn file(&mut self, _: &str, _: bool) -> Result<SecretBytes, KeyError> {
        Ok(SecretBytes::from(self.0.as_bytes()))
    }

    fn environment(&mut self, _: &str) -> Result<SecretBytes, KeyError> {
        Ok(SecretBytes::from(self.0.as_bytes()))
    }
}

//= ROW-38
#[test]
fn row_38_a_test_profile_with_published_keys_is_refused_in_production() {
    let production = |text: &str, key| {
        of_text(
            "card.toml",
            text,
            &mut Source {
                keys: &mut Everywhere(key),
                production: true,
            },
        )
        .map(|_| ())
    };
    let known = "000102030405060708090a0b0c0d0e0f";
    let own = "8d2a9c1e77f04b3a9be1c05d6f21e84c";
    let keys = "[keys]\nalgorithm = \"xor\"\nk = \"@k.hex\"";
    let why = production(keys, known).unwrap_err();
    assert!(
        why.contains("keys.k: this key is printed in a specification"),
        "{why}"
    );
    assert_eq!(production(keys, own), Ok(()));
    let why = production("base = \"ts48\"", own).unwrap_err();
    assert!(why.contains("keys are printed in a specification"), "{why}");
    assert_eq!(production(&format!("base = \"ts48\"\n{keys}"), own), Ok(()));
    let why = production(&format!("[keys]\nalgorithm = \"xor\"\nk = \"{own}\""), own).unwrap_err();
    assert!(why.contains("a bare key isn't allowed"), "{why}");
}
