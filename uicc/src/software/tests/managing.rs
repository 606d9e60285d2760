//! TS 102 222: files that come, go and change their life.

use super::{laboratory::*, *};
use crate::software::Change;
use base::tlv;

/// CREATE FILE of these objects.
fn create(objects: &str) -> String {
    let template = tlv::object(0x62, &hex::decode(&objects.replace(' ', "")).unwrap());
    format!("00e00000 {:02x} {}", template.len(), hex::encode(template))
}

/// RESIZE FILE.
fn resize(p1: &str, objects: &str) -> String {
    let template = tlv::object(0x62, &hex::decode(&objects.replace(' ', "")).unwrap());
    format!("80d4{p1}00 {:02x} {}", template.len(), hex::encode(template))
}

const RULES: &str = "8a0105 8b032f0602";

//= TS102222-6.3-r1
#[test]
fn files_of_each_kind_are_created_where_the_directory_allows_it() {
    let transparent = create(&format!("82024121 83022f20 {RULES} 80020003 880160"));
    assert_eq!(sw(&mut card(), &transparent), 0x6982, "without ADM");
    let mut card = by_adm();
    play(
        &mut card,
        &[
            (&transparent, "", 0x9000),
            ("00b0000000", "ffffff", 0x9000), // selected, and FF throughout
            ("00d60000 03 010203", "", 0x9000),
            ("00b08c0003", "010203", 0x9000), // SFI 0C
            (&transparent, "", 0x6a89),
            (
                &create(&format!("82024121 83022f21 {RULES} 80020003 880160")),
                "",
                0x6a80,
            ), // SFI taken
            // The identifier's lowest bits are the SFI where none is named.
            (
                &create(&format!("82024121 83022f21 {RULES} 80020001")),
                "",
                0x9000,
            ),
            ("00b0810001", "ff", 0x9000),
            (
                &create(&format!("82024121 83022f22 {RULES} 80020001 8800")),
                "",
                0x9000,
            ),
            ("00b0820001", "-", 0x9000), // 02 is EF_ICCID
            // Records, with patterns.
            (
                &create(&format!("8204422100 02 83022f23 {RULES} a504 c102abcd 80020006")),
                "",
                0x9000,
            ),
            ("00b2030400", "abcd", 0x9000),
            (
                &create(&format!("8204422100 03 83022f24 {RULES} a504 c202abcd 80020003")),
                "",
                0x9000,
            ),
            ("00b2010400", "abcdab", 0x9000),
            (
                &create(&format!("8204462100 02 83022f25 {RULES} 80020004")),
                "",
                0x9000,
            ),
            ("00b2020400", "ffff", 0x9000),
            (
                &create(&format!("8204422100 02 83022f26 {RULES} 80020003")),
                "",
                0x6a80,
            ), // no whole records
            (
                &create(&format!("8204422100 00 83022f26 {RULES} 80020003")),
                "",
                0x6a80,
            ),
            (
                &create(&format!("8204422100 01 83022f26 {RULES} 800200ff")),
                "",
                0x6a80,
            ), // 255 records
            (
                &create(&format!("82027921 83022f27 {RULES} a506 860400000010")),
                "",
                0x9000,
            ),
            ("80db0080 03 810105", "", 0x9000),
            ("80cb0080 01 81 00", "810105", 0x9000),
            // A directory, and a file in it whose rules are found above.
            (
                &create("82027821 83027f20 8a0105 8b032f0601 8102ffff c606 90018083010a"),
                "",
                0x9000,
            ),
            (
                &create(&format!("82024121 83026f01 {RULES} 80020001")),
                "",
                0x9000,
            ),
            ("00b0000000", "ff", 0x9000),
            ("00a4080c 04 7f206f01", "", 0x9000),
            // An application.
            ("00a4000c 02 3f00", "", 0x9000),
            (
                &create("82027821 83027f21 8405a000000099 8a0105 8b032f0601 8102ffff"),
                "",
                0x9000,
            ),
            ("80f2000100", "", 0x6985), // created, not opened
            ("00a4040c 05 a000000099", "", 0x9000),
            ("00a4000c 02 3f00", "", 0x9000),
            (
                &create("82027821 83027f22 8405a000000099 8a0105 8b032f0601 8102ffff"),
                "",
                0x6a8a,
            ),
            // What is no file.
            (&create(&format!("82024121 {RULES} 80020003")), "", 0x6a80), // no identifier
            (
                &create(&format!("82024121 83023f00 {RULES} 80020003")),
                "",
                0x6a80,
            ),
            (&create(&format!("83022f28 {RULES} 80020003")), "", 0x6a80),
            (&create(&format!("82024121 83022f28 {RULES}")), "", 0x6a80), // no size
            (
                &create("82024121 83022f28 8a0199 8b032f0602 80020003"),
                "",
                0x6a80,
            ),
            (
                &create(&format!("82024121 83022f28 {RULES} 800400ffffff")),
                "",
                0x6a84,
            ),
            (
                &create(&format!("82027921 83022f28 {RULES} a506 860400ffffff")),
                "",
                0x6a84,
            ),
            ("00e00000", "", 0x6700),
            ("00e00100 01 62", "", 0x6a86),
            ("00e00000 02 6200 00", "", 0x6700),
            ("00e00000 03 620182", "", 0x6a80),
        ],
    );
}

//= TS102222-6.4-r1
#[test]
fn files_are_deleted_with_what_lies_in_them() {
    assert_eq!(sw(&mut card(), "00e40000 02 7f10"), 0x6982);
    let mut card = by_adm();
    play(
        &mut card,
        &[
            ("0070000001", "01", 0x9000),
            ("01a4080c 04 7f106f3a", "", 0x9000),
            ("00e40000 02 7f10", "", 0x6985), // channel 1 is in it
            ("01a4000c 02 3f00", "", 0x9000),
            ("00a4080c 04 7f106f3a", "", 0x9000),
            ("00e40000 02 3f00", "", 0x6985), // the MF stays
            ("00e40000 02 9999", "", 0x6a82),
            ("00e40000", "", 0x6700),
            ("00e40100 02 7f10", "", 0x6a86),
            ("00e40001 02 7f10", "", 0x6a86),
            ("00e40800 02 7f10", "", 0x9000), // by path
            ("00b2010400", "", 0x6986),       // what was selected is gone
            ("00a4080c 04 7f106f3a", "", 0x6a82),
            ("80f2000000", "-", 0x9000), // we are in its parent
            ("00a4000c 02 2f12", "", 0x9000),
            ("00e40000 02 2f12", "", 0x9000),
            ("00b0000001", "", 0x6986),
            (
                &create(&format!("82024121 83022f12 {RULES} 80020001")),
                "",
                0x9000,
            ), // its place is free
        ],
    );
    // Rebuilt from profile and changes, deleted and created files are what they were.
    let mut again = of(laboratory());
    again.apply(&card.snapshot()).unwrap();
    play(
        &mut again,
        &[
            ("00a4000c 02 7f10", "", 0x6a82),
            ("00a4000c 02 2f12", "", 0x9000),
            ("00b0000000", "ff", 0x9000),
        ],
    );
}

//= TS102222-6.10-r1
#[test]
fn files_are_resized() {
    let small = resize("00", "83022f12 80020002");
    assert_eq!(sw(&mut card(), &small), 0x6982);
    play(
        &mut by_adm(),
        &[
            (&small, "", 0x9000),
            ("00b0000000", "0001", 0x9000), // selected
            (&resize("00", "83022f12 80020004"), "", 0x9000),
            ("00b0000000", "0001ffff", 0x9000),
            (&resize("00", "83022f10 80020006"), "", 0x9000),
            ("00b2030400", "", 0x6a83),
            (&resize("00", "83022f10 8002000c"), "", 0x9000),
            ("00b2040400", "ffffff", 0x9000),
            (&resize("00", "83022f10 8002000d"), "", 0x6a80),
            (&resize("00", "83022f10 80020000"), "", 0x6a80),
            (&resize("00", "83022f11 a503860110"), "", 0x6985), // its objects need more
            (&resize("01", "83022f11 a503860110"), "", 0x9000), // they go
            ("80cb0080 01 81 00", "", 0x6a88),
            (&resize("00", "83022f11 a506860400ffffff"), "", 0x6a84),
            (&resize("00", "83022f11 80020010"), "", 0x6a80),
            (&resize("00", "83022f12"), "", 0x6a80),
            (&resize("00", "80020010"), "", 0x6a80),
            (&resize("00", "83029999 80020010"), "", 0x6a82),
            (&resize("02", "83022f12 80020010"), "", 0x6a86),
            ("80d40000", "", 0x6700),
            ("80d40000 02 6300", "", 0x6a80),
            ("00d40000 02 6200", "", 0x6e00),
            ("0070000001", "01", 0x9000),
            ("01a4000c 02 2f12", "", 0x9000),
            (&small, "", 0x6985), // selected on channel 1
        ],
    );
}

//= TS102221-11.1.14-r1
//= TS102221-11.1.15-r1
#[test]
fn a_deactivated_file_is_selected_with_a_warning_and_not_used() {
    assert_eq!(sw(&mut card(), "00040000 02 2f12"), 0x6982);
    play(
        &mut by_adm(),
        &[
            ("00040000", "", 0x6986),
            ("00040000 02 2f12", "", 0x9000),
            ("00b0000001", "", 0x6985),
            ("00d60000 01 00", "", 0x6985),
            ("00a4000c 02 2f12", "", 0x6283),
            ("00a40004 02 2f12", "", 0x6140),
            ("00c0000040", "-", 0x6283),
            ("00a40004 02 2f12 00", "-", 0x6283),
            ("00440000", "", 0x9000), // the current one
            ("00b0000001", "00", 0x9000),
            ("00a4000c 02 2f12", "", 0x9000),
            // A directory takes its files along.
            ("00040800 02 7f10", "", 0x9000),
            ("00b2012c02", "", 0x6985),
            ("00a4080c 04 7f106f3a", "", 0x9000),
            ("00b2010402", "", 0x6985),
            ("00440900 02 7f10", "", 0x6a82), // not below itself
            ("00440000 02 7f10", "", 0x9000),
            ("00b2012c02", "0101", 0x9000),
            ("00040000 02 3f00", "", 0x6985),
            ("00040000 01 3f", "", 0x6700),
            ("00040001 02 2f12", "", 0x6a86),
            ("00040300 02 2f12", "", 0x6a86),
        ],
    );
}

//= TS102222-6.7-r1
//= TS102222-6.8-r1
//= TS102222-6.9-r1
#[test]
fn what_is_terminated_stays_so() {
    for command in ["00e60000 02 7f10", "00e80000 02 2f12", "00fe0000"] {
        assert_eq!(sw(&mut card(), command), 0x6982, "{command}");
    }
    let mut card = by_adm();
    play(
        &mut card,
        &[
            ("00e80000 02 7f10", "", 0x6981),
            ("00e60000 02 2f12", "", 0x6981),
            ("00e80000 02 2f12", "", 0x9000),
            ("00a4000c 02 2f12", "", 0x6285),
            ("00b0000001", "", 0x6985),
            ("00440000 02 2f12", "", 0x6985),
            ("00a4000c 02 7f10", "", 0x9000),
            ("00e60000", "", 0x9000), // the current directory
            ("00a4000c 02 7f10", "", 0x6285),
            ("00a4090c 02 6f3a", "", 0x9000),
            ("00b2010402", "", 0x6985),
            ("00e60000 02 3f00", "", 0x6985), // that is the card's end
            ("00fe0100", "", 0x6a86),
            ("00fe0000 01 00", "", 0x6700),
            ("00fe0000", "", 0x9000),
            ("00a40004 02 3f00 00", "-", 0x9000),
            ("00b0820000", "", 0x6985),
            ("00200001", "", 0x6985),
            ("80f2000000", "-", 0x9000),
        ],
    );
    let mut again = of(laboratory());
    again.apply(&card.snapshot()).unwrap();
    assert_eq!(sw(&mut again, "00b0820000"), 0x6985, "for ever");
}

/// Every instruction with every P1 and P2, without data and with some, on channels that are there and not: no state
/// changes where the answer isn't a success, and none at all on a channel that isn't open.
//= ROW-54
#[test]
fn row_54_junk_gets_the_right_word_and_changes_nothing() {
    let mut card = card();
    let before: Vec<_> = card.snapshot().iter().map(Change::item).collect();
    play(
        &mut card,
        &[
            ("00c0000000", "", 0x6985),       // GET RESPONSE without cause
            ("4f70000000", "", 0x6881),       // channel 19 isn't open
            ("4fa4000c 02 3f00", "", 0x6881), // nor
            ("10a4000c 02 3f00", "", 0x6e00), // a chain that nobody ends
            ("00b0000000", "", 0x6986),       // Le 0, and nothing selected
            ("00a4000c 02 2fe2", "", 0x9000),
            ("00b0000000", "89898989898989898989", 0x9000), // Le 0: what there is
        ],
    );
    // READ, SEARCH, SELECT, STATUS and what only asks may succeed; nothing here may change a file or a counter.
    for ins in (0..=255).filter(|ins| super::super::command(*ins).is_some()) {
        for p1 in [0x00, 0x01, 0x02, 0x08, 0x1f, 0x40, 0x7f, 0x80, 0x9f, 0xff] {
            for p2 in [0x00, 0x01, 0x04, 0x0c, 0x13, 0x1f, 0x40, 0x80, 0x91, 0xff] {
                for rest in ["", "00", "01", "0100", "020000", "02ffff00"] {
                    for cla in ["00", "80", "4f", "cf"] {
                        let command = format!("{cla}{ins:02x}{p1:02x}{p2:02x}{rest}");
                        let word = crate::Sw(sw(&mut card, &command));
                        let ranges = matches!(word.sw1(), 0x61 | 0x6c) || word.tries_left().is_some();
                        assert!(ranges || crate::Sw::TABLE.contains(&word), "{command}: {word}");
                    }
                }
            }
        }
        card.reset();
    }
    let after: Vec<_> = card.snapshot().iter().map(Change::item).collect();
    assert_eq!(after, before, "no file came, went or changed");
    for (reference, tries) in [("01", 0x63c3), ("0a", 0x63ca), ("11", 0x63c3)] {
        assert_eq!(sw(&mut card, &format!("002000{reference}")), tries, "{reference}");
    }
}

/// Directories take no octets, so their number and depth have limits of their own; what is deleted with all in it can't
/// be so deep that going through it needs more stack than there is.
#[test]
fn files_have_a_most_and_directories_a_deepest() {
    let directory = |fid: u16| create(&format!("82027821 8302{fid:04x} 8a0105 8b032f0601"));
    let mut card = by_adm();
    let nested = (0..100_u16)
        .take_while(|n| sw(&mut card, &directory(0x5f00 + n)) == 0x9000)
        .count();
    assert_eq!(nested, 16);
    let mut card = by_adm();
    let mut made = 0;
    let last = loop {
        // Each is selected once it is there.
        assert_eq!(sw(&mut card, "00a4000c 02 3f00"), 0x9000);
        match sw(&mut card, &directory(0x8000 + made)) {
            0x9000 => made += 1,
            other => break other,
        }
    };
    assert_eq!(last, 0x6a84);
    assert!((900..1024).contains(&made), "{made}");
    assert_eq!(sw(&mut card, "00e40000 02 8000"), 0x9000);
    assert_eq!(sw(&mut card, &directory(0x8000)), 0x9000, "its place is free");
}

/// A deactivated or terminated application computes nothing, and nothing of a deleted one stays verified for the next of
/// its name.
#[test]
fn an_application_out_of_use_does_not_authenticate_and_a_deleted_one_leaves_no_pin() {
    let mut card = by_adm();
    let aid = hex::encode(crate::names::USIM_AID_PREFIX);
    let run = format!(
        "00880081 22 10 {} 10 {}",
        hex::encode([7; 16]),
        hex::encode([7; 16])
    );
    play(
        &mut card,
        &[
            (&format!("00a4040c 07 {aid}"), "", 0x9000),
            (&format!("00200001 08 {PIN}"), "", 0x9000),
            (&run, "", 0x9862),
            ("00040000 02 7fff", "", 0x9000),
            (&run, "", 0x6985),
            ("00440000 02 7fff", "", 0x9000),
            (&run, "", 0x9862),
            ("00e60000 02 7fff", "", 0x9000),
            (&run, "", 0x6985),
        ],
    );
    let mut card = by_adm();
    let aid = hex::encode(OTHER_AID);
    let again = create(&format!("82027821 83027f55 8408{aid} 8a0105 8b032f0601"));
    play(
        &mut card,
        &[
            (&format!("00a4040c 08 {aid}"), "", 0x9000),
            (&format!("00200081 08 {PIN2}"), "", 0x9000),
            ("00b0810000", "05", 0x9000),
            ("00e40000 02 7fff", "", 0x9000),
            ("00a4000c 02 3f00", "", 0x9000),
            (&again, "", 0x9000),
            (&format!("00a4040c 08 {aid}"), "", 0x9000),
            (
                &create("82024121 83026f01 8a0105 ab0b 800101 a406 830181 950108 80020001 8800"),
                "",
                0x9000,
            ),
            ("00b0000000", "", 0x6982),
        ],
    );
}

/// A file that isn't shareable isn't reached by its short identifier either while another channel has it.
#[test]
fn a_short_identifier_does_not_share_what_is_not_shareable() {
    let mut card = by_adm();
    play(
        &mut card,
        &[
            (
                &create("82020121 83022f30 8a0105 ab05 800101 9000 80020001 8801e0"),
                "",
                0x9000,
            ),
            ("0070000001", "01", 0x9000),
            ("01b09c0001", "", 0x6985),
            ("00a4000c 02 2f12", "", 0x9000),
            ("01b09c0001", "ff", 0x9000),
            ("00b09c0001", "", 0x6985),
            // Nor is a directory on the channel that is opened from its own.
            (&create("82023821 83027f30 8a0105 8b032f0601"), "", 0x9000),
            ("00a4000c 02 3f00", "", 0x9000),
            ("01a4000c 02 7f30", "", 0x9000),
            ("01700002", "", 0x6985),
            ("01a4000c 02 3f00", "", 0x9000),
            ("01700002", "", 0x9000),
        ],
    );
}

/// A block of SET DATA costs what came, not what it announces.
#[test]
fn an_object_has_to_fit_before_it_is_begun() {
    let create = create("82027921 83022f31 8a0105 ab0a 800103 9000 8401d4 9000 a504 86024000 8800");
    play(
        &mut by_adm(),
        &[
            (&create, "", 0x9000),
            ("80db0080 06 5f2183003ff9", "", 0x63f1),
            ("80db0080 06 5f2183ffffff", "", 0x6a84),
        ],
    );
}
