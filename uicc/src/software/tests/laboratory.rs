//! A card with a file of each kind and keys of each kind, for the tests of the file and PIN commands.

use super::*;
use crate::{
    fcp::Security,
    software::{
        FileSystem,
        profile::{Content, FilePath, FileSpec, KeySpec},
    },
};

/// AID of the USIM.
const USIM_AID: &[u8] = &[
    0xa0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02, 0xff, 0xff, 0xff, 0xff, 0x89, 0x00, 0x00, 0x01, 0x00,
];

/// AID of a second application.
pub(super) const OTHER_AID: &[u8] = &[0xa0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x04, 0xff];
pub(super) const PIN: &str = "31323334ffffffff"; // 1234
pub(super) const NEW: &str = "35363738ffffffff"; // 5678
pub(super) const WRONG: &str = "39393939ffffffff";
pub(super) const PUK: &str = "3131313131313131";
pub(super) const PIN2: &str = "32323232ffffffff";
pub(super) const UNIVERSAL: &str = "37373737ffffffff";
pub(super) const ADM: &str = "0001020304050607";

/// Eight octets in hex as a code.
pub(super) fn code(hex_octets: &str) -> Pin {
    Pin::from_octets(Secret::from_slice(&hex::decode(hex_octets).unwrap()).unwrap())
}

/// Read and updated by all, increased with PIN 1, all else with ADM 1.
pub(super) const OPEN: &str =
    "8001039000 840132a406830101950108 800178a40683010a950108 8401d4a40683010a950108";

pub(super) fn expanded(rules: &str) -> Security {
    Security::Other {
        tag: 0xab,
        value: hex::decode(&rules.replace(' ', "")).unwrap(),
    }
}

fn file(fids: &[u16], rules: &str, content: Content) -> FileSpec {
    FileSpec {
        security: expanded(rules),
        ..FileSpec::new(FilePath::in_mf(fids), 0x2f06, 1, content)
    }
}

/// Records of two octets: the number, twice.
fn numbered(count: u8) -> Vec<Vec<u8>> {
    (1..=count).map(|n| vec![n, n]).collect()
}

/// The records of its EF_ARRs: directories by ADM; read by all; read with the PIN; read and updated with the PIN.
const RULES: [&str; 4] = [
    "80017f a40683010a950108",
    "800101 9000 80017a a40683010a950108",
    "800101 a406830101950108 80017a a40683010a950108",
    "800101 a406830101950108 800102 a406830101950108",
];

/// MF and USIM, as far as the tests need them.
fn base() -> Vec<FileSpec> {
    let arr = || Content::LinearFixed {
        record_length: 50,
        records: RULES
            .iter()
            .map(|r| hex::decode(&r.replace(' ', "")).unwrap())
            .collect(),
    };
    let mf = |fid, record, content| FileSpec::new(FilePath::in_mf(&[fid]), 0x2f06, record, content);
    let usim =
        |fid, record, content| FileSpec::new(FilePath::in_adf(USIM_AID, &[fid]), 0x6f06, record, content);
    vec![
        FileSpec::new(FilePath::MF, 0x2f06, 1, Content::Directory),
        mf(0x2f06, 2, arr()).with_sfi(0x06),
        mf(0x2fe2, 2, Content::Transparent(vec![0x89; 10])).with_sfi(0x02),
        FileSpec::new(FilePath::in_adf(USIM_AID, &[]), 0x2f06, 1, Content::Directory),
        usim(0x6f06, 2, arr()),
        usim(0x6f07, 3, Content::Transparent(vec![8; 9])).with_sfi(0x07),
        usim(0x6fad, 2, Content::Transparent(vec![0, 0, 0, 2])).with_sfi(0x03),
        usim(0x6fd6, 4, Content::Transparent(vec![0xff; 255])),
        usim(
            0x6fda,
            3,
            Content::LinearFixed {
                record_length: 255,
                records: vec![Vec::new(); 8],
            },
        ),
    ]
}

/// All files of the card, whatever the built-in profiles have.
pub(super) fn files() -> Vec<FileSpec> {
    let mut all = base();
    all.extend(own());
    all
}

fn own() -> Vec<FileSpec> {
    let adf = |fids: &[u16], content| FileSpec::new(FilePath::in_adf(OTHER_AID, fids), 0x2f06, 1, content);
    vec![
        FileSpec::new(FilePath::in_mf(&[0x7f10]), 0x2f06, 1, Content::Directory),
        file(
            &[0x7f10, 0x6f3a],
            OPEN,
            Content::LinearFixed {
                record_length: 2,
                records: numbered(5),
            },
        )
        .with_sfi(0x05),
        FileSpec::new(FilePath::in_mf(&[0x7f10, 0x5f3b]), 0x2f06, 1, Content::Directory),
        file(
            &[0x2f10],
            OPEN,
            Content::Cyclic {
                record_length: 3,
                records: vec![vec![0, 0, 1], vec![0, 0, 0], vec![0, 0, 0]],
            },
        )
        .with_sfi(0x10),
        file(
            &[0x2f11],
            OPEN,
            Content::BerTlv {
                max_size: 1000,
                objects: vec![(0x81, vec![7; 3]), (0x5f21, (0..=255).chain(0..=255).collect())],
            },
        )
        .with_sfi(0x11),
        file(
            &[0x2f12],
            OPEN,
            Content::Transparent((0..300).map(|n| (n % 251) as u8).collect()),
        )
        .with_sfi(0x12),
        // PIN 1 reads, PIN 2 of the application updates.
        file(
            &[0x2f13],
            "800101a406830101950108 800102a40683010a950108",
            Content::Transparent(vec![1]),
        ),
        FileSpec {
            security: Security::Other {
                tag: 0x8c,
                value: vec![0x03, 0xff, 0x10],
            },
            ..FileSpec::new(FilePath::in_mf(&[0x2f14]), 0, 0, Content::Transparent(vec![2]))
        },
        FileSpec {
            shareable: false,
            ..file(&[0x2f15], OPEN, Content::Transparent(vec![3]))
        },
        // By security environment: 00 without the PIN, 01 with it.
        FileSpec {
            security: Security::Other {
                tag: 0x8b,
                value: vec![0x2f, 0x06, 0x00, 0x02, 0x01, 0x03],
            },
            ..FileSpec::new(FilePath::in_mf(&[0x2f16]), 0, 0, Content::Transparent(vec![4]))
        },
        adf(&[], Content::Directory),
        FileSpec {
            security: expanded("800101a406830181950108"),
            ..adf(&[0x6f01], Content::Transparent(vec![5]))
        }
        .with_sfi(0x01),
    ]
}

pub(super) fn laboratory() -> Profile {
    Profile {
        adm: Some(code(ADM)),
        keys: vec![
            KeySpec::new(0x01, code(PIN)).with_unblock(code(PUK)),
            KeySpec::new(0x11, code(UNIVERSAL)),
            KeySpec::new(0x81, code(PIN2)).of_application(OTHER_AID),
        ],
        ..profile().with_gba_u()
    }
}

/// The card, with PIN 1 and ADM 1 to be verified.
pub(super) fn card() -> SoftCard {
    of(laboratory())
}

/// A card of that profile with the laboratory's files.
pub(super) fn of(profile: Profile) -> SoftCard {
    SoftCard::with_files(profile, FileSystem::new(&files()).unwrap())
}

/// The card after ADM 1.
pub(super) fn by_adm() -> SoftCard {
    let mut card = card();
    assert_eq!(sw(&mut card, &format!("0020000a08{ADM}")), 0x9000);
    card
}

/// Sends each command and compares data (in hex; "-" doesn't matter) and status word.
pub(super) fn play(card: &mut SoftCard, script: &[(&str, &str, u16)]) {
    for (i, (command, data, want)) in script.iter().enumerate() {
        let (got, sw) = apdu(card, command);
        assert_eq!(sw, *want, "step {i}: {command} answered {sw:04x}");
        if *data != "-" {
            assert_eq!(got, data.replace(' ', ""), "step {i}: {command}");
        }
    }
}
