//! What a phone, a oneM2M node and an Open Mobile API find on the card.

use super::*;
use crate::{
    ef::{ServiceTable, dir::frameworks},
    names,
    software::{
        built_in,
        profile::{AccessRule, ApduAccess, Content, Subscription},
    },
};

fn full() -> Profile {
    let subscription = |n: &str| Subscription {
        subscription_id: format!("sub{n}"),
        provider: "provider.example".to_owned(),
        node: Some("node".to_owned()),
        cse: Some("/cse".to_owned()),
        entities: vec!["Cae1".to_owned(), "Cae2".to_owned()],
        enrolment: vec!["mef.example".to_owned()],
        in_cses: Vec::new(),
        maf: Some("maf.example".to_owned()),
    };
    Profile {
        gsm: true,
        m2m_framework: Some(subscription("1")),
        m2m_module: Some(subscription("2")),
        access_rules: Some(rules()),
        guard_auts: true,
        ..profile().with_gba_u().with_isim()
    }
}

fn rules() -> Vec<AccessRule> {
    let usim = |n: u8| AccessRule {
        aid: Some(vec![0xa0, 0, 0, 0, 0x87, 0x10, n]),
        device: Some(vec![n; 20]),
        apdu: ApduAccess::Filters(vec![[0, 0xa4, 4, 0, 0xff, 0xff, 0xff, 0]]),
        nfc: Some(false),
    };
    let mut all = vec![
        AccessRule {
            aid: None,
            device: None,
            apdu: ApduAccess::Never,
            nfc: None,
        },
        AccessRule {
            aid: None,
            device: Some(vec![0xab; 32]),
            apdu: ApduAccess::Always,
            nfc: Some(true),
        },
    ];
    all.extend((0..6).map(usim));
    all
}

//= TS31.102-5.1.1-r1
#[test]
fn every_file_keeps_to_its_clause_and_has_the_short_identifier_of_its_clause() {
    for spec in built_in(&full()) {
        let (aid, fids) = (spec.path.application(), spec.path.fids());
        let records = match &spec.content {
            Content::Directory => continue,
            Content::Transparent(octets) => vec![octets.clone()],
            Content::LinearFixed {
                record_length,
                records,
            } => records
                .iter()
                .map(|r| {
                    let mut record = r.clone();
                    record.resize(usize::from(*record_length), 0xff);
                    record
                })
                .collect(),
            other => panic!("{}: {other:?}", spec.path),
        };
        let Some(file) = names::file(aid, fids) else {
            assert_eq!(spec.path.fid(), Some(0xaf30), "{} has a name", spec.path);
            continue;
        };
        assert_eq!(spec.sfi, file.sfi, "{}", spec.path);
        for record in records.iter().filter(|r| r.iter().any(|o| *o != 0xff)) {
            let told = (file.decode)(record);
            assert!(told.is_ok(), "{} {}: {told:?}", spec.path, file.name);
        }
    }
    assert!(SoftCard::build(full()).is_ok());
}

/// TS 31.102 5.1.1: what an ME reads when it initialises a USIM, in that order.
//= TS31.102-5.1.1-r1
#[test]
fn a_phone_reads_what_it_needs_at_start() {
    let mut card = SoftCard::new(Profile {
        pin: Some(Pin::from_digits("1234").unwrap()),
        ..full()
    });
    // Without the PIN: emergency calls, languages, ICCID, name, administrative data.
    for (path, want) in [
        ("00a4080c 04 7fff6fb7", 0x6a82), // no application yet
        ("00a4080c 02 2fe2", 0x9000),
        ("00a4080c 02 2f05", 0x9000),
    ] {
        assert_eq!(sw(&mut card, path), want, "{path}");
    }
    assert_eq!(sw(&mut card, "00b0000000"), 0x9000);
    assert_eq!(sw(&mut card, "00a4040c 07 a0000000871002"), 0x9000);
    for open in [
        "00b2010c00", // EF_ECC, SFI 01
        "00b0820000", // EF_LI
        "00b0830000", // EF_AD
    ] {
        assert_eq!(sw(&mut card, open), 0x9000, "{open}");
    }
    assert_eq!(sw(&mut card, "00d6820002 6465"), 0x6982);
    let sfis = [
        0x07, 0x03, 0x04, 0x05, 0x06, 0x12, 0x08, 0x09, 0x0a, 0x0d, 0x0b, 0x0c, 0x0e, 0x0f, 0x10, 0x1e, 0x1d,
    ];
    for sfi in sfis.iter().filter(|s| **s != 0x03) {
        assert_eq!(
            sw(&mut card, &format!("00b0{:02x}0000", 0x80 | sfi)),
            0x6982,
            "SFI {sfi:02x}"
        );
    }
    assert_eq!(sw(&mut card, "00200001 08 31323334ffffffff"), 0x9000);
    for sfi in sfis {
        assert_eq!(
            sw(&mut card, &format!("00b0{:02x}0000", 0x80 | sfi)),
            0x9000,
            "SFI {sfi:02x}"
        );
    }
    // And writes what it does: languages, location, keys, forbidden networks; not the service table, not EF_EST.
    assert_eq!(sw(&mut card, "00d6820002 6465"), 0x9000);
    assert_eq!(apdu(&mut card, "00b0820002"), ("6465".to_owned(), 0x9000));
    assert_eq!(sw(&mut card, "00d68b000b ffffffff00f1100001ff00"), 0x9000);
    assert_eq!(sw(&mut card, "00d68d0003 42f618"), 0x9000);
    assert_eq!(sw(&mut card, "00d6840001 00"), 0x6982);
    assert_eq!(sw(&mut card, "00d6850001 01"), 0x6982);
    // 5GS and GSM, each in its directory.
    for path in ["7fff5fc04f01", "7fff5fc04f07", "7fff5f3b4f20"] {
        assert_eq!(sw(&mut card, &format!("00a4080c 06 {path}")), 0x9000, "{path}");
        assert_eq!(sw(&mut card, "00b0000000"), 0x9000, "{path}");
    }
}

//= TS31.102-4.2.8-r1
#[test]
fn ruling_11_the_service_table_says_whether_the_card_does_gba_u() {
    for (with, profile) in [(true, profile().with_gba_u()), (false, profile())] {
        let mut card = usim(profile);
        let (ust, _) = apdu(&mut card, "00b0840000");
        let table = ServiceTable::parse(&hex::decode(&ust).unwrap());
        assert_eq!(table.has(68), with);
        assert_eq!(sw(&mut card, "00a4000c 02 6fd6") == 0x9000, with);
    }
}

//= TS0003-D.1.2-r1
//= TS0003-D.1.3-r3
#[test]
fn a_onem2m_node_finds_its_subscription_by_ef_dir() {
    let mut card = SoftCard::new(full());
    let record = hex::decode(&apdu(&mut card, "00b201f400").0).unwrap();
    assert_eq!(frameworks(&record).unwrap(), [(0x5f10, b"sub1".to_vec())]);
    assert_eq!(sw(&mut card, "00a4040c 07 a0000000871002"), 0x9000);
    assert_eq!(sw(&mut card, "00a4000c 02 5f10"), 0x9000);
    // Services 1, 3, 4, 5, 6 by what is there; 7 and 8 by the GBA of the USIM around it.
    assert_eq!(apdu(&mut card, "00b08a0000"), ("fd".to_owned(), 0x9000));
    assert!(apdu(&mut card, "00b0820000").0.starts_with("800473756231ff"));
    assert_eq!(apdu(&mut card, "00b2023400").0.get(..10), Some("0443616532"));
    assert_eq!(sw(&mut card, "00d6820001 80"), 0x6982, "changed by ADM alone");
    // In its own application the same files, and no GBA.
    assert_eq!(sw(&mut card, "00a4040c 07 a0000000 09f12d"), 0x9000);
    assert_eq!(apdu(&mut card, "00b08a0000"), ("3d".to_owned(), 0x9000));
    for fid in [
        "6f02", "6f03", "6f04", "6f05", "6f06", "6f07", "6f08", "6f09", "6f0a",
    ] {
        assert_eq!(sw(&mut card, &format!("00a4000c 02 {fid}")), 0x9000, "{fid}");
    }
    assert_eq!(
        sw(
            &mut card,
            &format!("00880081 22 10{} 10{} 00", Rand::from(RAND), autn(1))
        ),
        0x6d00
    );
}

//= GPD_SPE_013-4.1-r1
#[test]
fn ara_m_gives_all_rules_one_rule_and_a_refresh_tag() {
    let mut card = SoftCard::new(full());
    assert_eq!(sw(&mut card, "80caff4000"), 0x6d00, "not selected");
    assert_eq!(sw(&mut card, "00a4040c 09 a00000015141434c00"), 0x9000);
    assert_eq!(sw(&mut card, "80caff6000"), 0x6985, "nothing was begun");
    let (first, word) = apdu(&mut card, "80caff4000");
    assert_eq!((first.len(), word), (2 * 255, 0x9000));
    let mut all = hex::decode(&first).unwrap();
    while let (next, 0x9000) = apdu(&mut card, "80caff6000") {
        all.extend(hex::decode(&next).unwrap());
    }
    let whole = base::tlv::read_all(&all).unwrap();
    assert_eq!((whole.len(), whole[0].tag), (1, 0xff40));
    let pairs = base::tlv::read_all(whole[0].value).unwrap();
    assert_eq!(pairs.len(), rules().len());
    assert_eq!(hex::encode(pairs[0].value), "e1044f00c100e303d00100");

    let (specific, word) = apdu(
        &mut card,
        &format!("80caff50 26 e1244f00c120{} 00", "ab".repeat(32)),
    );
    assert_eq!((specific.as_str(), word), ("ff5008e306d00101d10101", 0x9000));
    assert_eq!(sw(&mut card, "80caff50 06 e1044f00c100 00"), 0x9000);
    assert_eq!(sw(&mut card, "80caff50 07 e1054f00c10199 00"), 0x6a88);
    assert_eq!(sw(&mut card, "80caff50 02 e200 00"), 0x6a80);
    assert_eq!(sw(&mut card, "80caff5000"), 0x6700);
    assert_eq!(sw(&mut card, "80cadf2100"), 0x6a88);
    let tag = |access_rules| {
        let mut card = SoftCard::new(Profile {
            access_rules,
            ..full()
        });
        assert_eq!(sw(&mut card, "00a4040c 09 a00000015141434c00"), 0x9000);
        apdu(&mut card, "80cadf2000")
    };
    let (refresh, word) = tag(Some(rules()));
    assert_eq!((refresh.len(), word), (2 * 11, 0x9000));
    assert!(refresh.starts_with("df2008"));
    assert_eq!(tag(Some(rules())).0, refresh);
    assert_ne!(tag(Some(Vec::new())).0, refresh, "other rules, another tag");
}

/// An AUTS for one RAND at two times shows how SQN moved; with the guard it doesn't.
#[test]
fn row_32_one_rand_gives_a_rogue_reader_one_auts() {
    let leaks = |guard_auts| {
        let mut card = usim(Profile {
            guard_auts,
            ..profile()
        });
        let replayed = |card: &mut SoftCard| {
            let (data, word) = authenticate(card, "81", "", autn(1));
            assert_eq!(word, 0x9000);
            let auts: aka::Auts = data.strip_prefix("dc0e").unwrap().parse().unwrap();
            auts.octets()[..6].to_vec()
        };
        assert_eq!(authenticate(&mut card, "81", "", autn(1)).1, 0x9000);
        let first = replayed(&mut card);
        let fresh = Rand::from([0x42; 16]);
        let legitimate = algorithm().vector(&fresh, sqn(7), Amf::from([0x80, 0])).autn;
        assert_eq!(
            sw(&mut card, &format!("00880081 22 10{fresh} 10{legitimate} 00")),
            0x9000
        );
        card.reset();
        assert_eq!(sw(&mut card, "00a4040c 07 a0000000871002"), 0x9000);
        let second = replayed(&mut card);
        let xor: Vec<u8> = first.iter().zip(second).map(|(a, b)| a ^ b).collect();
        xor
    };
    let moved: Vec<u8> = sqn(1)
        .octets()
        .iter()
        .zip(sqn(7).octets())
        .map(|(a, b)| a ^ b)
        .collect();
    assert_eq!(leaks(false), moved, "a card as it is sold");
    assert_eq!(leaks(true), [0; 6]);
}

#[test]
fn row_32_there_is_a_limit_until_a_run_is_accepted() {
    let mut card = usim(Profile {
        guard_auts: true,
        ..profile()
    });
    assert_eq!(authenticate(&mut card, "81", "", autn(50)).1, 0x9000);
    let stale = |card: &mut SoftCard, n: u8| {
        let rand = Rand::from([n; 16]);
        let autn = algorithm().vector(&rand, sqn(1), Amf::from([0x80, 0])).autn;
        sw(card, &format!("00880081 22 10{rand} 10{autn} 00"))
    };
    for n in 0..16 {
        assert_eq!(stale(&mut card, n), 0x9000, "{n}");
    }
    assert_eq!(stale(&mut card, 16), 0x6985);
    assert_eq!(stale(&mut card, 3), 0x9000, "what was told may be told again");
    card.reset();
    assert_eq!(sw(&mut card, "00a4040c 07 a0000000871002"), 0x9000);
    assert_eq!(stale(&mut card, 16), 0x6985, "a reset doesn't help");
    assert_eq!(
        authenticate(&mut card, "81", "", autn(51)).1,
        0x9000,
        "a fresh run does"
    );
    assert_eq!(stale(&mut card, 16), 0x9000);
    assert_eq!(sw(&mut card, "00a4080c 02 af30"), 0x9000);
    assert_eq!(
        sw(&mut card, "00b0000000"),
        0x6982,
        "nobody reads what is remembered"
    );
}

#[test]
fn row_54_junk_at_authenticate_gets_the_right_word_and_changes_nothing() {
    let mut card = usim(profile().with_gba_u());
    let rand = Rand::from(RAND);
    let good = autn(1);
    for (command, want) in [
        (format!("00880181 22 10{rand} 10{good} 00"), 0x6a86),
        (format!("008800c1 22 10{rand} 10{good} 00"), 0x6a86),
        (format!("00880001 22 10{rand} 10{good} 00"), 0x6a86),
        (format!("00880087 22 10{rand} 10{good} 00"), 0x9864),
        (format!("00880086 22 10{rand} 10{good} 00"), 0x9864),
        (format!("00898085 22 10{rand} 10{good} 00"), 0x9864), // MBMS
        (format!("00890086 22 10{rand} 10{good} 00"), 0x9864), // local keys
        (format!("00894085 22 10{rand} 10{good} 00"), 0x6a86),
        (format!("00890005 22 10{rand} 10{good} 00"), 0x6a86),
        (format!("10880081 22 10{rand} 10{good} 00"), 0x6e00), // chaining
        (format!("4f880081 22 10{rand} 10{good} 00"), 0x6881), // channel 19
        (format!("04880081 22 10{rand} 10{good} 00"), 0x6882),
        (format!("80880081 22 10{rand} 10{good} 00"), 0x6e00),
        ("00c0000000".to_owned(), 0x6985), // without cause
        ("0088008100".to_owned(), 0x6700),
        (
            format!("00880081 21 10{rand} 0f{} 00", &good.to_string()[2..]),
            0x6a80,
        ),
    ] {
        assert_eq!(sw(&mut card, &command), want, "{command}");
    }
    assert_eq!(
        authenticate(&mut card, "81", "", good).1,
        0x9000,
        "SQN 1 is still good"
    );
}
