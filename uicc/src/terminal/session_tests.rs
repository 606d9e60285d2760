//! [`Session`] against software cards, in both manners of a T=0 card, and against cards that answer nonsense.

use std::collections::VecDeque;

use aka::{
    Algorithm, Milenage, Rand,
    sqn::{SqnArray, SqnProfile},
};
use base::{
    Secret,
    apdu::{Command, Response},
    hex,
};
use proptest::prelude::*;

use super::{
    Answer, Content, Context, KeyRef, Path, PinAction, PinState, ProbeError, Search, Session, SqnState,
    UsimError,
    atr::Atr,
    is_a_jump, next_sqn,
    rules::{Need, Operation},
};
use crate::{
    Card, CardError, Pin, Sw,
    ef::{DirEntry, Iccid, imsi},
    names,
    software::{GbaU, MacForm, Profile, SoftCard},
};

fn algorithm() -> Milenage {
    Milenage::new(&Secret::new([0x46; 16]), &Secret::new([0xcd; 16]))
}

fn profile() -> Profile {
    Profile::new(
        "001010123456789".parse().unwrap(),
        gba::ids::MncLength::Two,
        algorithm(),
    )
}

fn path(text: &str) -> Path {
    text.parse().unwrap()
}

fn pin(digits: &str) -> Pin {
    Pin::from_digits(digits).unwrap()
}

/// Answers what is written, one after the other, then the last one again and again.
struct Scripted(VecDeque<Response>);

impl Scripted {
    fn new(answers: &[&str]) -> Self {
        let response = |text: &&str| Response::parse(&hex::decode(&text.replace(' ', "")).unwrap()).unwrap();
        Self(answers.iter().map(response).collect())
    }
}

impl Card for Scripted {
    fn transmit(&mut self, _: &Command) -> Result<Response, CardError> {
        match self.0.len() {
            0 => Err(CardError::Absent),
            1 => Ok(self.0[0].clone()),
            _ => Ok(self.0.pop_front().unwrap()),
        }
    }
}

#[test]
fn a_file_is_found_by_name_path_and_identifier() {
    for (text, shown) in [
        ("EF_IMSI", "ADF.USIM/EF_IMSI"),
        ("ef.imsi", "ADF.USIM/EF_IMSI"),
        ("IMSI", "ADF.USIM/EF_IMSI"),
        ("7FFF/6F07", "ADF.USIM/EF_IMSI"),
        ("6f07", "ADF.USIM/EF_IMSI"),
        ("ADF.USIM/EF.UST", "ADF.USIM/EF_UST"),
        ("a0000000871002/6f38", "ADF.USIM/EF_UST"),
        ("2FE2", "MF/EF_ICCID"),
        ("3F00/2FE2", "MF/EF_ICCID"),
        ("MF/EF_DIR", "MF/EF_DIR"),
        ("/EF_DIR", "MF/EF_DIR"),
        ("MF", "MF"),
        ("ADF.ISIM", "ADF.ISIM"),
        ("MF/7F10/6F3A", "MF/7F10/6F3A"),
    ] {
        let shown_now = path(text).to_string();
        // The table of names may know more than this test.
        assert!(
            shown_now == shown || path(&shown_now) == path(text),
            "{text}: {shown_now}"
        );
    }
    for bad in [
        "",
        "/",
        "EF_NOSUCH",
        "MF//2FE2",
        "ADF.USIM/MF",
        "2FE2/3F00",
        "ADF.NOSUCH",
        "../x",
    ] {
        assert!(bad.parse::<Path>().is_err(), "{bad}");
    }
    let here = path("ADF.USIM");
    assert_eq!(Path::parse_in(&here, "..").unwrap(), Path::MF);
    assert_eq!(Path::parse_in(&here, "EF_UST").unwrap(), path("ADF.USIM/6F38"));
}

proptest! {
    #[test]
    fn a_path_is_read_back_from_what_is_shown(fids in proptest::collection::vec(any::<u16>(), 0..4), usim: bool) {
        prop_assume!(!fids.iter().any(|f| matches!(*f, names::MF | names::ADF)));
        let root = if usim { Path::usim() } else { Path::MF };
        let path = fids.into_iter().fold(root, |p, fid| p.child(fid));
        prop_assert_eq!(path.to_string().parse::<Path>().unwrap(), path);
    }

    #[test]
    fn a_path_never_panics(text in ".{0,40}") {
        let _ = text.parse::<Path>();
    }
}

#[test]
fn files_are_read_in_both_manners_of_a_card() {
    for t0 in [false, true] {
        let mut session = Session::new(SoftCard::new(Profile {
            t0,
            ..profile().with_gba_u()
        }));
        let (_, content) = session.read(&path("EF_ICCID")).unwrap();
        let Content::Transparent(octets) = content else {
            panic!("transparent")
        };
        assert_eq!(Iccid::parse(&octets).unwrap().as_str(), "8900010101234567896");
        let (_, Content::Transparent(octets)) = session.read(&path("EF_IMSI")).unwrap() else {
            panic!("transparent")
        };
        assert_eq!(imsi::parse(&octets).unwrap().as_str(), "001010123456789");
        let (_, Content::Records(records)) = session.read(&path("EF_DIR")).unwrap() else {
            panic!("records")
        };
        assert!(DirEntry::parse(&records[0]).unwrap().is_some());
        assert!(!session.applications().unwrap().is_empty());
        assert_eq!(
            session.read(&path("MF/2FEE")),
            Err(UsimError::Missing {
                file: "MF/2FEE".into()
            })
        );
        assert!(matches!(
            session.read(&Path::usim()),
            Err(UsimError::Directory { .. })
        ));
        // After somebody else selected, the path is walked from its root.
        let mf = Command::new(0, 0xa4, 0, 4).with_data(&[0x3f, 0]).unwrap();
        assert!(session.apdu(&mf).unwrap().is_success());
        assert!(session.read(&path("EF_UST")).is_ok());
    }
}

#[test]
fn a_tree_has_the_files_and_who_may_read_them() {
    let mut session = Session::new(SoftCard::new(Profile {
        pin: Some(pin("1234")),
        ..profile().with_gba_u()
    }));
    let mut told = Vec::new();
    let roots = session
        .tree(Search::Known, &mut |p| told.push(p.to_string()))
        .unwrap();
    assert!(told.contains(&"MF".to_owned()), "{told:?}");
    let find = |name: &str| {
        let mut found = None;
        for root in &roots {
            root.walk(&mut |node, _| {
                if node.path == path(name) || node.path.to_string().ends_with(name) {
                    found = Some(node.clone());
                }
            });
        }
        found.unwrap_or_else(|| panic!("no {name}"))
    };
    let need = |name: &str, operation| find(name).rules.unwrap().need(operation);
    assert_eq!(need("EF_ICCID", Operation::Read), Need::Always);
    assert_eq!(need("EF_IMSI", Operation::Read), Need::Key(KeyRef::PIN1));
    assert_eq!(need("EF_IMSI", Operation::Update), Need::Key(KeyRef::ADM1));
    assert_eq!(need("EF_GBABP", Operation::Update), Need::Key(KeyRef::PIN1));
    assert!(find("MF").is_directory() && find("MF").count() > 3);
    // What it says is what holds: the PIN isn't verified.
    assert!(matches!(
        session.read(&path("EF_IMSI")),
        Err(UsimError::Refused { sw: Sw::SECURITY, .. })
    ));
}

#[test]
fn tries_are_asked_for_before_one_is_used_and_the_last_only_by_force() {
    let mut session = Session::new(SoftCard::new(Profile {
        pin: Some(pin("1234")),
        ..profile()
    }));
    session.select(&Path::usim()).unwrap();
    assert_eq!(session.pin_state(KeyRef::PIN1).unwrap(), PinState::Tries(3));
    assert_eq!(session.pin_state(KeyRef(0x0e)).unwrap(), PinState::Absent);
    let wrong = || PinAction::Verify(pin("9999"));
    let key = || "PIN 1".to_owned();
    for tries in [2, 1] {
        assert_eq!(
            session.pin(KeyRef::PIN1, &wrong(), false),
            Err(UsimError::KeyWrong { key: key(), tries })
        );
    }
    assert_eq!(
        session.pin(KeyRef::PIN1, &PinAction::Verify(pin("1234")), false),
        Err(UsimError::LastTry { key: key(), tries: 1 })
    );
    assert_eq!(session.pin_state(KeyRef::PIN1).unwrap(), PinState::Tries(1));
    assert_eq!(
        session.pin(KeyRef::PIN1, &PinAction::Verify(pin("1234")), true),
        Ok(())
    );
    // A card may say 9000 or the tries once more.
    assert!(matches!(
        session.pin_state(KeyRef::PIN1).unwrap(),
        PinState::Verified | PinState::Tries(3)
    ));
    assert!(session.read(&path("EF_IMSI")).is_ok());
    for _ in 0..3 {
        let _ = session.pin(KeyRef::PIN1, &wrong(), true);
    }
    for force in [false, true] {
        assert_eq!(
            session.pin(KeyRef::PIN1, &PinAction::Verify(pin("1234")), force),
            Err(UsimError::KeyBlocked { key: key() })
        );
    }
    // Switched off: nothing to verify.
    let mut session = Session::new(SoftCard::new(profile()));
    session.select(&Path::usim()).unwrap();
    assert_eq!(
        session.pin(KeyRef::PIN1, &wrong(), true),
        Err(UsimError::KeyDisabled { key: key() })
    );
    // A card that doesn't say how many tries are left may have one.
    let mut session = Session::new(Scripted::new(&["6700"]));
    assert!(matches!(
        session.pin(KeyRef::PIN1, &wrong(), false),
        Err(UsimError::TriesUnknown { .. })
    ));
}

#[test]
fn ruling_03_where_the_sqn_stands_is_known_without_moving_it() {
    let sqn = SqnProfile::default();
    let mut seq_ms = vec![7; 32];
    seq_ms[3] = 5000;
    let mut session = Session::new(SoftCard::new(Profile {
        sqn: SqnArray::with_seq_ms(sqn, &seq_ms).unwrap(),
        ..profile().with_gba_u()
    }));
    session.select(&Path::usim()).unwrap();
    let rand = Rand::from([9; 16]);
    let at = SqnState::At("000000027103".parse().unwrap());
    for _ in 0..3 {
        assert_eq!(session.probe_sqn(&algorithm(), &rand), Ok(at), "nothing moved");
    }
    assert_eq!(
        session.probe_gba_form(&algorithm(), &rand),
        Ok(Some(MacForm::Star)),
        "the standard's form, and no run was begun"
    );
    let (_, Content::Transparent(gbabp)) = session.read(&path("EF_GBABP")).unwrap() else {
        panic!("transparent")
    };
    assert!(gbabp.iter().all(|o| *o == 0xff));

    // The smallest step, in the highest IND, is accepted; the network's own next number in another IND stays good.
    let next = next_sqn(at, sqn).unwrap();
    assert_eq!((sqn.seq(next), sqn.ind(next)), (5001, 31));
    session.select(&Path::usim()).unwrap();
    let autn = algorithm().vector(&rand, next, aka::Amf::from([0, 0])).autn;
    assert!(matches!(
        session.authenticate(Context::Umts, &rand, Some(&autn)),
        Ok(Answer::Umts { .. })
    ));
    assert_eq!(
        session.probe_sqn(&algorithm(), &rand),
        Ok(SqnState::At(next)),
        "the card says where it stands now"
    );
    let far = aka::Sqn::from_parts(5001 + (1 << 15) + 1, 31, 5).unwrap();
    assert!(is_a_jump(at, far, sqn) && !is_a_jump(at, next, sqn));

    let other = Milenage::new(&Secret::new([1; 16]), &Secret::new([2; 16]));
    assert_eq!(session.probe_sqn(&other, &rand), Err(ProbeError::WrongKeys));
}

#[test]
fn ruling_12_the_form_of_a_laboratory_card_is_told_apart() {
    let gba_u = GbaU {
        mac: MacForm::Plain,
        ..GbaU::default()
    };
    let mut session = Session::new(SoftCard::new(Profile {
        gba_u: Some(gba_u),
        ..profile()
    }));
    session.select(&Path::usim()).unwrap();
    let form = session.probe_gba_form(&algorithm(), &Rand::from([9; 16]));
    assert_eq!(form, Ok(Some(MacForm::Plain)));
}

#[test]
fn a_card_that_never_ends_or_lies_about_lengths_is_an_error_and_no_more() {
    let fcp = "621c 8202 4121 8302 2fe2 a503 c00140 8a0105 8b03 2f0602 8002 000a 8801 10 9000";
    let endless: [(&str, &[&str]); 3] = [
        ("6C without end", &["6c10"]),
        ("61 without end", &["6110"]),
        ("61 with data without end", &["aabb 6110"]),
    ];
    for (what, answers) in endless {
        let read = Session::new(Scripted::new(answers)).read(&path("EF_ICCID"));
        assert!(matches!(read, Err(UsimError::Endless { .. })), "{what}: {read:?}");
    }
    // A data object of which there is ever one octet more.
    let objects = "6210 82027921 83022fe2 8a0105 8b032f0602 9000";
    let read = Session::new(Scripted::new(&["9000", objects, "aa 62f1"])).read(&path("EF_ICCID"));
    assert!(matches!(read, Err(UsimError::Endless { .. })), "{read:?}");
    let bad: [(&str, &[&str]); 5] = [
        ("an FCP that ends early", &["9000", "6220 8202 4121 9000"]),
        ("an FCP that is none", &["9000", "6f05 9000"]),
        ("no FCP at all", &["9000"]),
        (
            "a record length of a transparent file",
            &["9000", "6207 8202 42 8a0105 9000"],
        ),
        (
            "a file size of five octets",
            &["9000", "620f 82020121 8a0105 8b032f0602 800500 00 00 00 01 9000"],
        ),
    ];
    for (what, answers) in bad {
        let read = Session::new(Scripted::new(answers)).read(&path("EF_ICCID"));
        assert!(
            matches!(read, Err(UsimError::Malformed { .. })),
            "{what}: {read:?}"
        );
    }
    // Fewer octets than the FCP says, then none: what is there is read.
    let mut session = Session::new(Scripted::new(&["9000", fcp, "0102 9000", "9000"]));
    assert_eq!(
        session.read(&path("EF_ICCID")).map(|(_, c)| c),
        Ok(Content::Transparent(vec![1, 2]))
    );
    // More octets than were asked for.
    let long = format!("{} 9000", "ab".repeat(200));
    let mut session = Session::new(Scripted::new(&["9000", fcp, &long, "9000"]));
    assert!(session.read(&path("EF_ICCID")).is_ok());
    assert!(matches!(
        Session::new(Scripted::new(&[])).read(&path("EF_ICCID")),
        Err(UsimError::Card(CardError::Absent))
    ));
}

/// Every identifier is a directory, in which every identifier is one.
#[test]
fn a_card_that_makes_up_files_is_an_error_and_no_more() {
    let directory = "6210 82027821 83022fe2 8a0105 8b032f0602 9000";
    let tree = Session::new(Scripted::new(&["9000", "6a82", directory])).tree(Search::All, &mut |_| {});
    assert!(matches!(tree, Err(UsimError::TooManyFiles { .. })));
}

proptest! {
    #[test]
    fn whatever_a_card_answers_nothing_panics(
        answers in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 0..40), prop_oneof![Just(0x9000_u16), Just(0x6110), Just(0x6c08), any::<u16>()]),
            1..24,
        ),
    ) {
        let responses: VecDeque<_> = answers.into_iter().map(|(data, sw)| Response::new(data, sw)).collect();
        let rand = Rand::from([1; 16]);
        let _ = Session::new(Scripted(responses.clone())).read(&path("EF_DIR"));
        let _ = Session::new(Scripted(responses.clone())).applications();
        let _ = Session::new(Scripted(responses.clone())).search(&[1]);
        let _ = Session::new(Scripted(responses.clone())).pin(KeyRef::PIN1, &PinAction::Verify(pin("0000")), false);
        let _ = Session::new(Scripted(responses.clone())).authenticate(Context::Gsm, &rand, None);
        let _ = Session::new(Scripted(responses)).probe_sqn(&algorithm(), &rand);
    }
}

#[test]
fn the_software_cards_own_atr_is_read() {
    let atr = Atr::parse(&crate::atr::SOFTWARE).unwrap();
    assert_eq!(atr.protocols, [0]);
    assert_eq!(atr.checksum, super::atr::Checksum::Right);
    assert_eq!(atr.text().as_deref(), Some("GBA SIM"));
}

#[test]
fn a_card_is_tested_clause_by_clause() {
    let rands: Vec<Rand> = (1..20).map(|n| Rand::from([n; 16])).collect();
    let keys = algorithm();
    let known = super::conform::Known {
        keys: &keys,
        rands: &rands,
        until: base::Utc(1_900_000_000),
    };
    let failed = |profile: Profile| -> Vec<&'static str> {
        let all = super::conform::conform(SoftCard::new(profile), &known).unwrap();
        assert!(all.len() > 12, "{}", all.len());
        all.iter()
            .filter(|c| c.outcome.is_err())
            .map(|c| c.name)
            .collect()
    };
    let none: [&str; 0] = [];
    for t0 in [false, true] {
        assert_eq!(failed(Profile { t0, ..profile() }), none);
        assert_eq!(
            failed(Profile {
                t0,
                gsm: true,
                ..profile().with_gba_u()
            }),
            none
        );
    }
    // A card of a laboratory is told from one of the standard.
    let gba_u = GbaU {
        mac: MacForm::Plain,
        res: crate::software::ResForm::Plain,
        ..GbaU::default()
    };
    assert_eq!(
        failed(Profile {
            gba_u: Some(gba_u),
            ..profile()
        }),
        [
            "the GBA context takes AUTN*",
            "bootstrapping gives RES with its lowest bit inverted, and nothing else"
        ]
    );
    let other = Milenage::new(&Secret::new([1; 16]), &Secret::new([2; 16]));
    let wrong = super::conform::Known {
        keys: &other,
        ..known
    };
    assert_eq!(
        super::conform::conform(SoftCard::new(profile()), &wrong).err(),
        Some(ProbeError::WrongKeys)
    );
}

#[test]
fn row_38_published_keys_are_found_on_a_card() {
    use super::lint::{Level, PUBLISHED_KEY, Published};
    let lint = |keys: Milenage| {
        let published = [Published {
            keys: keys.into(),
            source: "a book".to_owned(),
        }];
        let mut session = Session::new(SoftCard::new(profile()));
        let findings = session.lint(&published, &Rand::from([3; 16]), false).unwrap();
        findings.into_iter().find(|f| f.check == PUBLISHED_KEY).unwrap()
    };
    let found = lint(algorithm());
    assert_eq!(found.level, Level::Error);
    assert!(found.found.contains("a book"));
    assert_eq!(
        lint(Milenage::new(&Secret::new([1; 16]), &Secret::new([2; 16]))).level,
        Level::Ok
    );
}

/// A card for the checks that send short messages: it answers each ENVELOPE with this, everything else as a software card.
struct Answering {
    card: SoftCard,
    envelope: &'static str,
    key_sets: &'static str,
}

impl Card for Answering {
    fn transmit(&mut self, c: &Command) -> Result<Response, CardError> {
        let response = |text: &str| Response::parse(&hex::decode(&text.replace(' ', "")).unwrap()).unwrap();
        match c.ins {
            0xc2 => Ok(response(self.envelope)),
            0x10 => Ok(Response::status(0x9000)),
            0xca => Ok(response(self.key_sets)),
            0xa4 if c.data() == names::ISD_AID => Ok(response(
                "6216 82027821 8408a000000151000000 8a0105 8b032f0601 9000",
            )),
            _ => self.card.transmit(c),
        }
    }
}

fn linted(envelope: &'static str, key_sets: &'static str) -> Vec<super::lint::Finding> {
    let card = Answering {
        card: SoftCard::new(profile()),
        envelope,
        key_sets,
    };
    Session::new(card).lint(&[], &Rand::from([3; 16]), true).unwrap()
}

#[test]
fn row_33_row_35_row_36_row_37_a_card_that_answers_forged_messages_is_told() {
    use super::lint::{Level, MIXED_PARTS, OPEN_APPLICATION, PADDING, SIGNED_ERROR};
    let level = |findings: &[super::lint::Finding], check| {
        findings
            .iter()
            .find(|f| f.check == check)
            .map(|f| f.level)
            .unwrap()
    };
    let none = "6a88";
    // Signed error.
    let signed = linted(
        "027100 0013 12 b00010 0000000000 00 01 1122334455667788 9000",
        none,
    );
    assert_eq!(level(&signed, SIGNED_ERROR), Level::Error);
    assert_eq!(level(&signed, OPEN_APPLICATION), Level::Ok);
    // Unsigned refusal, as our policy is (ruling 26).
    let refusing = linted("027100 000b 0a b00010 0000000000 00 06 9000", none);
    for check in [SIGNED_ERROR, OPEN_APPLICATION, PADDING] {
        assert_eq!(level(&refusing, check), Level::Ok, "{}", check.name);
    }
    // Everything is done for everybody.
    let open = linted("027100 000b 0a b00010 0000000000 00 00 9000", none);
    for check in [OPEN_APPLICATION, PADDING, MIXED_PARTS] {
        assert_eq!(level(&open, check), Level::Error, "{}", check.name);
    }
    let silent = linted("9000", none);
    for check in [SIGNED_ERROR, OPEN_APPLICATION, PADDING, MIXED_PARTS] {
        assert_eq!(level(&silent, check), Level::Ok, "{}", check.name);
    }
    let deaf = linted("6d00", none);
    for check in [SIGNED_ERROR, OPEN_APPLICATION, PADDING, MIXED_PARTS] {
        assert_eq!(level(&deaf, check), Level::NotChecked, "{}", check.name);
    }
}

#[test]
fn row_34_a_key_set_of_56_bits_is_told() {
    use super::lint::{Level, WEAK_KEYSET};
    let level = |key_sets| {
        let findings = linted("9000", key_sets);
        findings.into_iter().find(|f| f.check == WEAK_KEYSET).unwrap()
    };
    let weak = level("e00c c00401018208 c00402018810 9000");
    assert_eq!(
        (weak.level, weak.found.as_str()),
        (Level::Error, "DES of 56 bits: key 1 of set 1")
    );
    assert_eq!(level("e00c c00401018210 c00402018810 9000").level, Level::Ok);
    assert_eq!(level("6a88").level, Level::NotChecked);
}
