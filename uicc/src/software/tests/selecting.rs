//! SELECT, STATUS, FCP and logical channels.

use base::{Entropy, SeededEntropy};

use super::{laboratory::*, *};

//= TS102221-11.1.1-r1
#[test]
fn directories_are_walked_by_identifier_path_and_parent() {
    play(
        &mut card(),
        &[
            ("00a4000c", "", 0x9000), // no data: the MF
            ("00a4000c 02 7f10", "", 0x9000),
            ("00a4010c 02 5f3b", "", 0x9000), // a child
            ("00a4000c 02 7f10", "", 0x9000), // the parent, by its identifier
            ("00a4000c 02 7f10", "", 0x9000), // itself
            ("00a4090c 02 6f3a", "", 0x9000), // a path from here
            ("00a4010c 02 6f3a", "", 0x6a82), // a child, but no DF
            ("00a4000c 02 5f3b", "", 0x9000),
            ("00a4000c 02 6f3a", "", 0x6a82), // in the parent, but an EF
            ("00a4030c", "", 0x9000),
            ("00a4080c 06 7f105f3b6f3a", "", 0x6a82),
            ("00a4080c 04 7f106f3a", "", 0x9000),
            ("00b2010400", "0101", 0x9000),
            ("00a4080c 03 7f106f", "", 0x6700),
            ("00a4090c", "", 0x6700),
            ("00a4030c 02 3f00", "", 0x6700),
            ("00a4000d 02 3f00", "", 0x6a86), // occurrence without an AID
            ("00a4054c 02 3f00", "", 0x6a86),
        ],
    );
}

//= TS102221-11.1.1-r1
#[test]
fn applications_are_found_first_last_next_and_previous_as_ef_dir_lists_them() {
    let mut card = card();
    let aids: Vec<_> = {
        let files = &card.state.files;
        files
            .applications(&[0xa0, 0, 0, 0, 0x87])
            .map(|id| hex::encode(files.aid(id).unwrap()))
            .collect()
    };
    let (first, last) = (&aids[0], aids.last().unwrap());
    let mut name = |p2: &str| {
        let sw = sw(&mut card, &format!("00a404{p2} 05 a000000087"));
        let current = apdu(&mut card, "80f2000100").0;
        (sw, current.get(4..).unwrap_or_default().to_owned())
    };
    assert_eq!(
        name("0e"),
        (0x9000, first.clone()),
        "next without a current one is the first"
    );
    assert_eq!(name("0d"), (0x9000, last.clone()));
    assert_eq!(name("0e").0, 0x6a82, "none behind the last");
    assert_eq!(name("0f").0, 0x9000);
    assert_eq!(name("0c"), (0x9000, first.clone()));
    assert_eq!(name("0f"), (0x6a82, first.clone()), "none before the first");
    for aid in aids.iter().skip(1) {
        assert_eq!(name("0e"), (0x9000, aid.clone()));
    }
    play(
        &mut card,
        &[
            ("00a4048c 05 a000000087", "", 0x6a86),
            ("00a4042c 05 a000000087", "", 0x6a86),
            ("00a4040c 11 a000000087a000000087a000000087a000", "", 0x6700),
            ("00a4040c", "", 0x6700),
            ("00a4044c 07 a0000000871002", "", 0x6985), // another one's session
            ("00a4044c 08 a0000000871004ff", "", 0x9000),
            ("80f2000100", "", 0x6985), // no application any more
        ],
    );
}

//= TS102221-11.1.2-r1
#[test]
fn status_tells_where_we_are_and_hears_that_an_application_begins_and_ends() {
    play(
        &mut card(),
        &[
            ("80f2010c", "", 0x6985), // nothing to initialise
            ("00a4040c 08 a0000000871004ff", "", 0x9000),
            ("80f2010c", "", 0x9000),
            ("80f2000110", "", 0x6c0a),
            ("80f200010a", "8408a0000000871004ff", 0x9000),
            ("80f2020c", "", 0x9000),
            ("80f2030c", "", 0x6a86),
            ("80f2000200", "", 0x6a86),
            ("80f2000001 00", "", 0x6700),
        ],
    );
}

//= TS102221-11.1.1.3-r1
#[test]
fn the_fcp_of_each_kind_of_file_is_complete() {
    let mut card = card();
    let pins = "90 01 e0 83 01 01 83 01 0a 95 01 00 83 01 11";
    for (command, want) in [
        (
            "00a40004 02 3f00 00",
            format!("82027821 83023f00 a506800171870101 8a0105 8b032f0601 c60f{pins}"),
        ),
        (
            "00a40004 02 7f10 00",
            format!("82027821 83027f10 a503800171 8a0105 8b032f0601 c60f{pins}"),
        ),
        (
            "00a40804 04 7f106f3a 00",
            "82054221000205 83026f3a 8a0105 OPEN 8002000a 8102000a 880128".to_owned(),
        ),
        (
            "00a40804 02 2f10 00",
            "82054621000303 83022f10 8a0105 OPEN 80020009 81020009 880180".to_owned(),
        ),
        (
            "00a40804 02 2f11 00",
            "82027921 83022f11 a509840101 8604000003e8 8a0105 OPEN 8002020a 8102020a 880188".to_owned(),
        ),
        (
            "00a40804 02 2f12 00",
            "82024121 83022f12 8a0105 OPEN 8002012c 8102012c 880190".to_owned(),
        ),
        (
            "00a40804 02 2f14 00",
            "82024121 83022f14 8a0105 8c0303ff10 80020001 81020001 8800".to_owned(),
        ),
    ] {
        let open = hex::encode(base::tlv::object(
            0xab,
            &hex::decode(&OPEN.replace(' ', "")).unwrap(),
        ));
        let inner = hex::decode(&want.replace("OPEN", &open).replace(' ', "")).unwrap();
        let want = hex::encode(base::tlv::object(0x62, &inner));
        assert_eq!(apdu(&mut card, command), (want, 0x9000), "{command}");
    }
    // A local PIN only in its application.
    let (adf, _) = apdu(&mut card, "00a40404 08 a0000000871004ff 00");
    assert!(adf.contains("c6129001f083010183010a950100830111830181"), "{adf}");
}

//= TS102221-11.1.17-r1
#[test]
fn channels_are_opened_closed_and_select_for_themselves() {
    let mut card = card();
    play(
        &mut card,
        &[
            ("01a4000c 02 3f00", "", 0x6881), // not open
            ("4fa4000c 02 3f00", "", 0x6881),
            ("0070000002", "", 0x6c01), // a wrong Le opens none
            ("00700000", "", 0x6c01),
            ("0070000001", "01", 0x9000),
            ("0070000001", "02", 0x9000),
            ("00700013", "", 0x9000), // the terminal's choice
            ("00700013", "", 0x6a81),
            ("00700014", "", 0x6a86),
            ("00708000", "", 0x6a86), // the basic channel stays
            ("00708003", "", 0x6881),
            ("00704001", "", 0x6a86),
            ("0070000001 00", "", 0x6700),
            ("00a4040c 07 a0000000871002", "", 0x9000),
            ("00a4000c 02 6fad", "", 0x9000),
            ("01a4000c 02 6fad", "", 0x6a82), // channel 1 is in the MF
            ("01a4000c 02 7f10", "", 0x9000),
            ("0170000001", "03", 0x9000),   // from there: the same directory
            ("03b2010c00", "", 0x6a82),     // SFI 1 isn't in it
            ("03b2012c00", "0101", 0x9000), // SFI 5 is
            ("00b0000000", "-", 0x9000),    // EF_AD is still selected on the basic one
            ("4f70000001", "04", 0x9000),
            ("40a4000c 02 2f10", "", 0x9000), // channel 4 is 40
            ("40708004", "", 0x9000),         // closes itself
            ("40a4000c 02 2f10", "", 0x6881),
            ("00708013", "", 0x9000),
            ("4fa4000c 02 3f00", "", 0x6881),
        ],
    );
    card.reset();
    assert_eq!(sw(&mut card, "01a4000c 02 3f00"), 0x6881, "a reset closes them");
    for number in 1..=19 {
        assert_eq!(apdu(&mut card, "0070000001"), (format!("{number:02x}"), 0x9000));
    }
    assert_eq!(sw(&mut card, "0070000001"), 0x6a81, "there are twenty");
}

//= TS102221-7.3.1-r1
#[test]
fn an_answer_waits_on_its_own_channel() {
    play(
        &mut card(),
        &[
            ("0070000001", "01", 0x9000),
            ("01a40004 02 2f12", "", 0x6140),
            ("00a40004 02 7f10", "", 0x6128),
            ("01c0000004", "623e8202", 0x613c),
            ("00c0000028", "-", 0x9000),
            ("00c0000028", "", 0x6985),
            ("01c000003c", "-", 0x9000),
            ("01a40004 02 2f12", "", 0x6140),
            ("80f2000c", "", 0x9000), // another channel's command leaves it
            ("01c0000000", "-", 0x9000),
            ("01a40004 02 2f12", "", 0x6140),
            ("81f2000c", "", 0x9000),
            ("01c0000000", "", 0x6985),
            ("01a40004 02 2f12", "", 0x6140),
            ("00708001", "", 0x9000),
            ("01c0000000", "", 0x6881),
        ],
    );
}

//= TS102221-8.7-r1
#[test]
fn a_file_that_is_not_shareable_has_one_channel_at_a_time() {
    play(
        &mut card(),
        &[
            ("0070000001", "01", 0x9000),
            ("00a4000c 02 2f15", "", 0x9000),
            ("01a4000c 02 2f15", "", 0x6985),
            ("00a4000c 02 2f12", "", 0x9000),
            ("01a4000c 02 2f15", "", 0x9000),
        ],
    );
}

#[test]
fn instructions_of_the_other_class_and_unknown_ones_are_told_apart() {
    play(
        &mut card(),
        &[
            ("80a4000c 02 3f00", "", 0x6e00),
            ("00320000 01 01", "", 0x6e00),
            ("a0a40000 02 3f00", "", 0x6e00), // the class of GSM 11.11
            ("a0ff0000", "", 0x6e00),
            ("10a4000c 02 3f00", "", 0x6e00), // chaining
            ("04a4000c 02 3f00", "", 0x6882),
            ("60a4000c 02 3f00", "", 0x6882),
            ("00030000", "", 0x6d00),
            ("80030000", "", 0x6d00),
            ("00a4", "", 0x6700),
        ],
    );
}

//= TS102221-11.1.18-r1
//= TS102221-11.1.19-r1
#[test]
fn a_challenge_is_as_long_as_asked_for_and_capabilities_are_heard() {
    let mut with = card().with_entropy(Box::new(SeededEntropy::new(7)));
    let mut same = SeededEntropy::new(7);
    let [first, second] = [0, 1].map(|_| hex::encode(same.array::<4>().unwrap()));
    play(
        &mut with,
        &[
            ("0084000004", &first, 0x9000),
            ("0084000004", &second, 0x9000),
            ("0084010004", "", 0x6a86),
            ("00840000", "", 0x6700),
            ("0084000001 00 04", "", 0x6700),
            ("80aa0000 05 a903830107", "", 0x9000),
            ("80aa0000 02 a900", "", 0x9000),
            ("80aa0000 02 a800", "", 0x6a80),
            ("80aa0000 03 a90183", "", 0x6a80),
            ("80aa0000", "", 0x6700),
            ("80aa0100 02 a900", "", 0x6a86),
        ],
    );
    assert_eq!(apdu(&mut with, "0084000000").0.len(), 512);
    assert_eq!(sw(&mut card(), "0084000004"), 0x6a81, "no source of randomness");
    let mut dry = card().with_entropy(Box::new(Dry));
    assert_eq!(
        apdu(&mut dry, "0084000004"),
        (String::new(), 0x6985),
        "one that failed"
    );
}

/// A source that has nothing to give.
struct Dry;

impl Entropy for Dry {
    fn fill(&mut self, _: &mut [u8]) -> Result<(), base::NoEntropy> {
        Err(base::NoEntropy)
    }
}
