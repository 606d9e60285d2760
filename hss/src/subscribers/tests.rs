//! The file: what it gives, what each mistake is answered with, and that no mistake shows a key.

use aka::{Algorithm as _, Rand};
use proptest::prelude::*;

use base::Now;

use super::*;

const K: &str = "465b5ce8b199b49faa5f0a2ee238a6bc";
const OPC: &str = "cd63cb71954a9f4e48a5994e37a02baf";

/// MCC 123, MNC 00.
const IMPI: &str = "123001000000000@ims.mnc000.mcc123.3gppnetwork.org";

fn parse(text: &str) -> Result<Subscribers, FileError> {
    Subscribers::parse(text, &mut OnlyHex, Utc(1_000))
}

fn one(text: &str) -> Arc<Subscriber> {
    let all = parse(text).unwrap();
    assert_eq!(all.len(), 1);
    let impi = all.iter().next().unwrap().impi().clone();
    Arc::clone(all.get(&impi).unwrap())
}

/// A subscriber with these lines added.
fn with(lines: &str) -> String {
    format!(
        "[[subscriber]]\nimsi = \"123001000000000\"\nmnc_length = 2\nk = \"{K}\"\nopc = \"{OPC}\"\n{lines}\n"
    )
}

#[test]
fn a_full_entry_gives_all_that_is_in_it() {
    let text = with(concat!(
        "amf = \"b9b9\"\nsqn = \"ff9bb4d0b607\"\nuicc = \"gba_u\"\nlifetime = 3600\n",
        "guss_changed = \"2026-01-01T00:00:00Z\"\nres_length = 8\n",
        "[[subscriber.uss]]\nid = \"1\"\ntype = 1\nnaf_group = \"A\"\nidentities = [\"sip:a@example.org\"]\n",
        "flags = [1, 2]\nkey_choice = \"UICC_BASED_KEY\"\n",
        "[[subscriber.uss]]\nid = \"7\"\ntype = 0\n",
    ));
    let s = one(&text);
    assert_eq!(s.impi().as_str(), IMPI);
    assert_eq!(s.sqn_rules().first.to_string(), "ff9bb4d0b607");
    assert_eq!(s.sqn_rules().ind, 7);
    assert_eq!(s.guss_changed, Utc::parse("2026-01-01T00:00:00Z").unwrap());
    let guss = Guss::parse(&s.guss_xml).unwrap();
    assert_eq!(&guss, s.guss());
    assert_eq!(
        guss.bsf_info,
        BsfInfo {
            uicc_type: Some(UiccType::GbaU),
            lifetime: Some(3600)
        }
    );
    assert_eq!(guss.uss.len(), 2);
    assert_eq!(guss.uss[0].flags, [1, 2]);
    assert_eq!(guss.uss[0].ue_ids, ["sip:a@example.org"]);
}

/// The example is a whole file, with its keys elsewhere as production wants them.
#[test]
fn the_example_is_read() {
    struct Elsewhere;
    impl KeySource for Elsewhere {
        fn file(&mut self, name: &str, _: bool) -> Result<base::SecretBytes, KeyError> {
            assert_eq!(name, "keys/1.k");
            Ok(base::SecretBytes::from(
                b"8e27b6af0e692e750f32667a3b14605d\n".as_slice(),
            ))
        }
        fn environment(&mut self, name: &str) -> Result<base::SecretBytes, KeyError> {
            assert_eq!(name, "OPC");
            Ok(base::SecretBytes::from(OPC.as_bytes()))
        }
    }
    let text = EXAMPLE.replace("production = false", "production = true");
    let all = Subscribers::parse(&text, &mut Elsewhere, Utc(0)).unwrap();
    let impi = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org"
        .parse()
        .unwrap();
    let subscriber = all.get(&impi).unwrap();
    assert_eq!(subscriber.guss().uss.len(), 1);
    assert_eq!(subscriber.sqn_rules().first.to_string(), "000000000021");
}

//= TS33.102-H-r1
#[test]
fn ruling_02_the_separation_bit_is_cleared_for_zh_unless_told_otherwise() {
    assert_eq!(one(&with("amf = \"b9b9\"")).amf().to_string(), "39b9");
    assert_eq!(one(&with("amf = \"8000\"")).amf().to_string(), "0000");
    assert_eq!(
        one(&with("amf = \"b9b9\"\namf_as_is = true")).amf().to_string(),
        "b9b9"
    );
    assert_eq!(one(&with("")).amf().to_string(), "0000");
}

#[test]
fn ruling_04_the_impi_needs_the_length_of_the_mnc() {
    let two = one(&with(""));
    assert_eq!(two.impi().as_str(), IMPI);
    let three = one(&with("").replace("mnc_length = 2", "mnc_length = 3"));
    assert_eq!(
        three.impi().as_str(),
        "123001000000000@ims.mnc001.mcc123.3gppnetwork.org"
    );
    let error = parse(&with("").replace("mnc_length = 2\n", "")).unwrap_err();
    assert_eq!(error.key, "subscriber[1].mnc_length");
    assert!(error.what.contains("2 or 3"), "{error}");
    let named = one(&with("impi = \"Alice@example.org\""));
    assert_eq!(named.impi().as_str(), "Alice@example.org");
}

//= TS35.206-4.1-r2
#[test]
fn op_gives_the_same_vectors_as_its_opc() {
    let op = with("").replace(
        &format!("opc = \"{OPC}\""),
        "op = \"cdc202d5123e20f62b6d676ac72cb318\"",
    );
    let rand: Rand = "23553cbe9637a89d218ae64dae47bf35".parse().unwrap();
    for s in [one(&with("")), one(&op)] {
        let out = s.algorithm.f2345(&rand);
        assert_eq!(base::hex::encode(out.res.expose()), "a54211d5e3ba50bf");
    }
}

#[test]
fn other_algorithms_are_read() {
    let xor = format!("[[subscriber]]\nimpi = \"x@y\"\nalgorithm = \"xor\"\nk = \"{K}\"\nres_length = 16\n");
    assert!(matches!(one(&xor).algorithm, AlgorithmSet::Xor(_)));
    let tuak =
        format!("[[subscriber]]\nimpi = \"x@y\"\nalgorithm = \"tuak\"\nk = \"{K}\"\ntopc = \"{OPC}{OPC}\"\n");
    assert!(matches!(one(&tuak).algorithm, AlgorithmSet::Tuak(_)));
}

/// Each mistake: line, column, key and a word of what is expected.
#[test]
fn each_mistake_is_told_with_its_place_and_what_is_expected() {
    let cases = [
        (
            with("amf = 5"),
            6,
            7,
            "subscriber[1].amf",
            "a text in quotes expected, not integer",
        ),
        (
            with("amf = \"80\""),
            6,
            7,
            "subscriber[1].amf",
            "2 octets (4 hex digits) expected",
        ),
        (with("sqn = \"12\""), 6, 7, "subscriber[1].sqn", "6 octets"),
        (
            with("lifetime = 0"),
            6,
            12,
            "subscriber[1].lifetime",
            "from 1 to 31622400",
        ),
        (
            with("lifetime = \"1h\""),
            6,
            12,
            "subscriber[1].lifetime",
            "a number from 1",
        ),
        (
            with("lifetime = 99999999999999999999"),
            6,
            12,
            "subscriber[1].lifetime",
            "a number from 1",
        ),
        (
            with("uicc = \"GBA\""),
            6,
            8,
            "subscriber[1].uicc",
            "\"gba\" or \"gba_u\"",
        ),
        (
            with("algorithm = \"comp128\""),
            6,
            13,
            "subscriber[1].algorithm",
            "\"milenage\", \"tuak\" or \"xor\"",
        ),
        (
            with(&format!("op = \"{OPC}\"")),
            1,
            1,
            "subscriber[1].op",
            "not both",
        ),
        (
            with("lifetim = 60"),
            6,
            1,
            "subscriber[1].this key",
            "not known here; did you mean `lifetime`?",
        ),
        (
            with("guss_changed = \"today\""),
            6,
            16,
            "subscriber[1].guss_changed",
            "2030-01-01",
        ),
        (
            with("amf = \"0000\"\namf = \"0000\""),
            7,
            1,
            "the file",
            "not TOML: duplicate key",
        ),
        (with("ind = 32"), 1, 1, "subscriber[1].ind", "0 to 31"),
        (with("res_length = 12"), 1, 1, "subscriber[1].res_length", "8"),
        (
            with("[[subscriber.uss]]\nid = \"a\"\ntype = 1"),
            7,
            6,
            "subscriber[1].uss[1].id",
            "1 to 10 digits",
        ),
        (
            with("[[subscriber.uss]]\nid = \"1\""),
            6,
            1,
            "subscriber[1].uss[1].type",
            "missing",
        ),
        (
            with("[[subscriber.uss]]\nid = \"1\"\ntype = 1\nidentities = [\"a\", 2]"),
            9,
            20,
            "subscriber[1].uss[1].identities[2]",
            "texts in quotes expected",
        ),
        (
            with("").replace(OPC, &OPC[..31]),
            5,
            7,
            "subscriber[1].opc",
            "odd number of hex digits (31)",
        ),
        (
            with("").replace(OPC, &OPC[..30]),
            5,
            7,
            "subscriber[1].opc",
            "16 octets (32 hex digits) expected, got 15",
        ),
        (
            with("").replace(K, &K.replace('5', "x")),
            4,
            5,
            "subscriber[1].k",
            "not a hex digit at position 2",
        ),
        (
            with("").replace(&format!("k = \"{K}\"\n"), ""),
            1,
            1,
            "subscriber[1].k",
            "missing",
        ),
        (
            with("").replace(&format!("opc = \"{OPC}\"\n"), ""),
            1,
            1,
            "subscriber[1].opc",
            "missing",
        ),
        (
            with("").replace(K, "env:K"),
            4,
            5,
            "subscriber[1].k",
            "can't be used here",
        ),
        (
            with("").replace(&format!("\"{K}\""), K),
            4,
            8,
            "the file",
            "not TOML",
        ),
        (with("") + &with(""), 7, 1, "subscriber[2]", "is there already"),
        ("subscriber = 1".into(), 1, 14, "subscriber", "a list of tables"),
        (
            "productoin = true".into(),
            1,
            1,
            "this key",
            "did you mean `production`?",
        ),
    ];
    for (text, line, column, key, what) in cases {
        let error = parse(&text).unwrap_err();
        assert!(error.what.contains(what), "{error}\nnot '{what}' for\n{text}");
        assert_eq!(error.key, key, "{error}\n{text}");
        assert_eq!(error.place.line, line, "{error}\n{text}");
        if error.place.column != column {
            // Only where the whole table is meant, its head's column is the parser's.
            assert_eq!((line, column), (1, 1), "{error}\n{text}");
        }
    }
}

#[test]
fn ruling_05_production_wants_keys_elsewhere_and_unpublished() {
    let bare = parse(&format!("production = true\n{}", with(""))).unwrap_err();
    assert!(
        bare.what.contains("bare key") && bare.key.ends_with(".k"),
        "{bare}"
    );

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hss.toml");
    let text = format!(
        "production = true\n[[subscriber]]\nimpi = \"x@y\"\nk = \"@k\"\nopc = \"@opc\"\n{}",
        "lifetime = 60"
    );
    std::fs::write(&path, text).unwrap();
    let write_key = |name: &str, key: &str, mode: u32| {
        let path = directory.path().join(name);
        std::fs::write(&path, format!("{key}\n")).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    let load = || Subscribers::load(&path, Now::default()).map_err(|e| e.to_string());
    let unknown = "8e27b6af0e692e750f32667a3b14605d";

    write_key("opc", OPC, 0o600);
    assert!(load().unwrap_err().contains("key file k can't be read"));
    write_key("k", K, 0o600);
    assert!(load().unwrap_err().contains("printed in a specification"));
    write_key("k", unknown, 0o644);
    assert!(load().unwrap_err().contains("chmod 600"));
    write_key("k", unknown, 0o600);
    assert_eq!(load().unwrap().len(), 1);
    write_key("k", &unknown[..30], 0o600);
    let error = load().unwrap_err();
    assert!(
        error.contains("line 4, column 5") && error.contains("got 15 octets"),
        "{error}"
    );
    assert!(!error.contains(&unknown[..8]), "{error}");
}

#[test]
fn too_much_is_refused_before_it_is_read() {
    let error = parse(&" ".repeat(MAX_FILE + 1)).unwrap_err();
    assert!(error.what.contains("at most"), "{error}");
    let nested = format!("x = {}", "[".repeat(100_000));
    assert!(parse(&nested).is_err());
    let identities = format!("\"sip:{}@example.org\"", "a".repeat(200));
    let uss = format!("[[subscriber.uss]]\nid = \"1\"\ntype = 1\nidentities = [{identities}]\n").repeat(400);
    let error = parse(&with(&uss)).unwrap_err();
    assert!(error.what.contains("64 KiB"), "{error}");
}

/// True if the text holds eight digits of a key in a row.
fn leaks(text: &str) -> bool {
    [K, OPC]
        .iter()
        .any(|key| (0..=24).any(|n| text.to_ascii_lowercase().contains(&key[n..n + 8])))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// The file with something cut out, put in or moved: it is read or refused, and no error shows a key.
    #[test]
    fn no_error_shows_a_key(
        cut in 0usize..400,
        length in 0usize..80,
        put in prop_oneof![
            Just(String::new()),
            Just(K.to_owned()),
            Just(format!("\"{K}\"")),
            Just(format!("{K} = 1\n")),
            Just(format!("env:{K}")),
            Just(format!("@{K}")),
            Just(format!("lifetime = \"{OPC}\"\n")),
            "[\\PC\n]{0,12}",
        ],
        bare in any::<bool>(),
    ) {
        let text = with("amf = \"8000\"\nlifetime = 60\n[[subscriber.uss]]\nid = \"1\"\ntype = 1\nflags = [1]");
        let mut characters: Vec<char> = text.chars().collect();
        let cut = cut.min(characters.len());
        let end = (cut + length).min(characters.len());
        characters.splice(cut..end, put.chars());
        let text: String = characters.into_iter().collect();
        let result = if bare {
            parse(&text).map_err(|e| e.to_string())
        } else {
            let mut keys = OsKeys { directory: "/nonexistent".into() };
            Subscribers::parse(&text, &mut keys, Utc(0)).map_err(|e| e.to_string())
        };
        match result {
            Ok(all) => {
                let shown = format!("{all:?}");
                prop_assert!(!leaks(&shown));
            }
            Err(error) => prop_assert!(!leaks(&error), "{}", error),
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[\\PC\n]{0,200}") {
        let _ = parse(&text);
    }

    /// What is written is what is read.
    #[test]
    fn round_trips(imsi in "[0-9]{6,15}", mnc in 2u8..=3, lifetime in 1u32..=MAX_LIFETIME, gba_u in any::<bool>()) {
        let uicc = if gba_u { "gba_u" } else { "gba" };
        let text = with(&format!("lifetime = {lifetime}\nuicc = \"{uicc}\""))
            .replace("123001000000000", &imsi)
            .replace("mnc_length = 2", &format!("mnc_length = {mnc}"));
        let s = one(&text);
        let want = Impi::from_imsi(&imsi.parse().unwrap(), mnc.try_into().unwrap());
        prop_assert_eq!(s.impi(), &want);
        prop_assert_eq!(s.guss().bsf_info.lifetime, Some(lifetime));
        prop_assert_eq!(s.guss().bsf_info.uicc_type == Some(UiccType::GbaU), gba_u);
    }
}

#[test]
fn ruling_05_subscribers_stand_within_another_file_and_production_comes_from_outside() {
    let text = "[ue]\nanything = 1\n[[hss.subscriber]]\nimpi = \"a@b.c\"\nk = \"465b5ce8b199b49faa5f0a2ee238a6bd\"\n\
                opc = \"cd63cb71954a9f4e48a5994e37a02bae\"\n";
    let read = |text, production| Subscribers::parse_within(text, "hss", production, &mut OnlyHex, Utc(0));
    assert_eq!(read(text, false).unwrap().len(), 1);
    assert!(read("[ue]\n", false).unwrap().is_empty());
    let why = read(text, true).unwrap_err().to_string();
    assert!(
        why.starts_with("line 5, column 5: hss.subscriber[1].k: a bare key"),
        "{why}"
    );
    let why = read("hss = 1\n", false).unwrap_err().to_string();
    assert!(why.contains("[hss]"), "{why}");
}
