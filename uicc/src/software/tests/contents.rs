//! READ, UPDATE, SEARCH, INCREASE, RETRIEVE DATA and SET DATA.

use super::{laboratory::*, *};

//= TS102221-11.1.3-r1
//= TS102221-11.1.4-r1
#[test]
fn octets_are_read_and_updated_by_offset_and_by_sfi() {
    play(
        &mut card(),
        &[
            ("00b0920204", "02030405", 0x9000), // SFI 12, from octet 2: now selected
            ("00b0000002", "0001", 0x9000),
            ("00b0010a02", "0f10", 0x9000), // beyond 256
            ("00b0012b02", "", 0x6c01),
            ("00b0012c01", "", 0x6b00),
            ("00b07fff01", "", 0x6b00),
            ("00d6010a 02 aabb", "", 0x9000),
            ("00d69200 01 cc", "", 0x9000),
            ("00b0010a02", "aabb", 0x9000),
            ("00b0000002", "cc01", 0x9000),
            ("00d6012b 02 aabb", "", 0x6700),
            ("00d6012c 01 aa", "", 0x6b00),
            ("00d60000 01 aa 00", "", 0x6700),
            ("00b0800001", "", 0x6a86), // SFI 0
            ("00b09f0001", "", 0x6a86), // SFI 31
            ("00b0930001", "", 0x6a82),
            ("00b0a00001", "", 0x6a86),
            ("00b0900001", "", 0x6981), // a ring
            ("00b0000001 00", "", 0x6700),
        ],
    );
}

//= TS102221-11.1.5-r1
//= TS102221-11.1.6-r1
#[test]
fn records_of_a_linear_file_are_read_and_updated_in_all_modes() {
    play(
        &mut card(),
        &[
            ("00a4000c 02 7f10", "", 0x9000),
            ("00b2010400", "", 0x6986),
            ("00b2032c02", "0303", 0x9000), // SFI 5, absolute
            ("00b2000402", "", 0x6a83),     // no pointer yet
            ("00b2000302", "0505", 0x9000), // previous of none: the last
            ("00b2000202", "", 0x6a83),     // behind it
            ("00b2000302", "0404", 0x9000),
            ("00b2000402", "0404", 0x9000), // current
            ("00b2010402", "0101", 0x9000), // absolute leaves the pointer
            ("00b2000402", "0404", 0x9000),
            ("00b2002a02", "0101", 0x9000), // by SFI the pointer is forgotten
            ("00b2010202", "", 0x6a86),     // next has no number
            ("00b2010702", "", 0x6a86),
            ("00b20104ff", "", 0x6c02),
            ("00b2010401 00", "", 0x6700),
            ("00b2060402", "", 0x6a83),
            ("00dc0204 02 a1a2", "", 0x9000),
            ("00dc0002 02 b1b2", "", 0x9000), // next: 2
            ("00b2020402", "b1b2", 0x9000),
            ("00dc0003 02 c1c2", "", 0x9000), // previous: 1
            ("00dc0003 02 c1c2", "", 0x6a83),
            ("00dc0004 02 d1d2", "", 0x9000), // current
            ("00b2010402", "d1d2", 0x9000),
            ("00dc0604 02 d1d2", "", 0x6a83),
            ("00dc0104 01 d1", "", 0x6700),
            ("00dc0104 03 d1d2d3", "", 0x6700),
            ("00dc0104 02 d1d2 00", "", 0x6700),
            ("00dc0105 02 d1d2", "", 0x6a86),
            ("00dc01fc 02 d1d2", "", 0x6a86), // SFI 31
            ("00b2017402", "", 0x6a82),
        ],
    );
    play(
        &mut card(),
        &[
            ("00a4080c 02 2f12", "", 0x9000),
            ("00b2010400", "", 0x6981),
            ("00dc0104 01 00", "", 0x6981),
        ],
    );
}

//= TS102221-11.1.6-r2
#[test]
fn a_ring_is_updated_over_its_oldest_record() {
    play(
        &mut card(),
        &[
            ("00a4000c 02 2f10", "", 0x9000),
            ("00dc0003 03 aaaaaa", "", 0x9000),
            ("00b2010403", "aaaaaa", 0x9000),
            ("00b2020403", "000001", 0x9000),
            ("00b2000203", "000001", 0x9000), // the pointer is on 1 since the update: next is 2
            ("00b2000203", "000000", 0x9000),
            ("00b2000203", "aaaaaa", 0x9000), // round
            ("00b2000303", "000000", 0x9000),
            ("00dc0104 03 bbbbbb", "", 0x6981),
            ("00dc0002 03 bbbbbb", "", 0x6981),
            ("00dc0103 03 bbbbbb", "", 0x6a86),
            ("00dc0003 02 bbbb", "", 0x6700),
            ("00dc0083 03 bbbbbb", "", 0x9000), // SFI 10
            ("00b2010403", "bbbbbb", 0x9000),
        ],
    );
}

//= TS102221-11.1.7-r1
#[test]
fn records_are_searched_simple_and_enhanced() {
    let mut card = card();
    play(
        &mut card,
        &[
            ("00a2012c 01 03 00", "", 0x6a82), // not in the MF
            ("00a4080c 04 7f106f3a", "", 0x9000),
            ("00dc0504 02 0301", "", 0x9000),
            ("00a20104 01 03", "", 0x6102),
            ("00c0000002", "0305", 0x9000),
            ("00b2000402", "0303", 0x9000), // the first one is current
            ("00a20104 01 03 00", "0305", 0x9000),
            ("00a20404 01 03 00", "05", 0x9000),
            ("00a20505 01 03 00", "0503", 0x9000), // backward
            ("00a20405 01 03 00", "03", 0x9000),
            ("00a20004 01 03 00", "0305", 0x9000), // from the current one
            ("00a2012c 02 0301 00", "05", 0x9000),
            ("00a20104 01 09 00", "", 0x6282),
            ("00a20604 01 03 00", "", 0x6a83),
            ("00a20104 03 030303 00", "", 0x6700),
            ("00a20104", "", 0x6700),
            ("00a20107 01 03 00", "", 0x6a86), // proprietary
            // Enhanced: direction, offset or value, then the octets.
            ("00a20106 03 04 01 03 00", "03", 0x9000), // only the second octet
            ("00a20106 03 05 01 01 00", "01", 0x9000),
            ("00a20506 03 05 01 01 00", "0501", 0x9000),
            ("00a20106 03 0c 03 01 00", "05", 0x9000), // behind an octet 03
            ("00a20006 03 06 00 03 00", "", 0x6282),   // behind the current one, which is 5
            ("00a20006 03 07 00 03 00", "03", 0x9000), // before it
            ("00a20006 03 06 00 03 00", "05", 0x9000),
            ("00a20106 03 06 00 03 00", "", 0x6a86),
            ("00a20106 03 01 00 03 00", "", 0x6a86),
            ("00a20106 03 10 00 03 00", "", 0x6a80),
            ("00a20106 02 04 00 00", "", 0x6700),
            ("00a20106 01 04 00", "", 0x6700),
        ],
    );
    play(
        &mut card,
        &[
            ("00a4080c 02 2f12", "", 0x9000),
            ("00a20104 01 03 00", "", 0x6981),
            ("00a20004 01 03 00", "", 0x6981),
        ],
    );
}

//= TS102221-11.1.8-r1
#[test]
fn increase_adds_to_the_newest_record_of_a_ring() {
    let mut card = by_adm();
    play(
        &mut card,
        &[
            ("80320000 01 01", "", 0x6986),
            ("80329000 01 05", "", 0x6982), // PIN 1
        ],
    );
    assert_eq!(sw(&mut card, &format!("0020000108{PIN}")), 0x9000);
    play(
        &mut card,
        &[
            ("80329000 01 05", "", 0x6104), // SFI 10
            ("00c0000004", "000006 05", 0x9000),
            ("00b2010403", "000006", 0x9000),
            ("00b2020403", "000001", 0x9000),
            ("80320000 03 00ffff 00", "010005 00ffff", 0x9000),
            ("80320000 03 fefffa 00", "ffffff fefffa", 0x9000), // 010005 + fefffa
            ("80320000 01 01 00", "", 0x9850),
            ("00b2010403", "ffffff", 0x9000),
            ("80320000 00", "", 0x6700),
            ("80320000 04 00000001 00", "", 0x6700),
            ("80320001 01 01 00", "", 0x6a86),
            ("80321000 01 01 00", "", 0x6a86),
            ("80329300 01 01 00", "", 0x6a82),
            ("80329200 01 01 00", "", 0x6981), // no ring
        ],
    );
}

//= TS102221-11.3.1-r1
//= TS102221-11.3.2-r1
#[test]
fn data_objects_are_retrieved_and_set_in_blocks() {
    let mut card = card();
    let long = hex::encode(base::tlv::object(
        0x5f21,
        &(0..=255).chain(0..=255).collect::<Vec<u8>>(),
    ));
    play(
        &mut card,
        &[
            ("80cb0080 01 81 00", "", 0x6986),
            ("80cb9180 01 81 00", "8103070707", 0x9000), // SFI 11
            ("80cb0080 02 5f21 00", &long[..512], 0x62f1),
            ("80cb004000", &long[..512], 0x62f1), // the same again
        ],
    );
    let (second, word) = apdu(&mut card, "80cb000000");
    assert_eq!((second.as_str(), word), (&long[512..1024], 0x62f1));
    assert_eq!(apdu(&mut card, "80cb000000"), (long[1024..].to_owned(), 0x9000));
    play(
        &mut card,
        &[
            ("80cb000000", "", 0x6985), // nothing is left
            ("80cb004000", &long[1024..], 0x9000),
            ("80cb0080 02 5f21", "", 0x6100),
            ("00c0000000", &long[..512], 0x62f1), // the warning comes with the data
            ("80cb0080 01 82 00", "", 0x6a88),
            ("80cb0080 02 8182 00", "", 0x6a80),
            ("80cb008000", "", 0x6700),
            ("80cb0000 01 81 00", "", 0x6700),
            ("80cb0081 01 81 00", "", 0x6a86),
            ("80cb9f80 01 81 00", "", 0x6a86),
            ("80cb9280 01 81 00", "", 0x6981),
            // One block.
            ("80db9180 05 8103010203", "", 0x9000),
            ("80cb0080 01 81 00", "8103010203", 0x9000),
            // Two blocks: the old value stays until the new one is whole.
            ("80db0080 03 810401", "", 0x63f1),
            ("80cb0080 01 81 00", "8103010203", 0x9000),
            ("80db0000 03 020304", "", 0x9000),
            ("80cb0080 01 81 00", "810401020304", 0x9000),
            ("80db0000 01 05", "", 0x6985), // no object is begun
            ("80db0080 03 810205", "", 0x63f1),
            ("80db0000 02 0607", "", 0x6a80), // one octet too many
            ("80cb0080 01 81 00", "810401020304", 0x9000),
            ("80db0080 04 828203e8", "", 0x6a84), // does not fit into 1000 octets
            ("80db0080 04 8282018f", "", 0x63f1),
            ("80db0080 01 81", "", 0x9000), // the tag alone deletes
            ("80cb0080 01 81 00", "", 0x6a88),
            ("80db0080 01 81", "", 0x6a88),
            ("80db0080 02 8100", "", 0x9000), // an empty object
            ("80cb0080 01 81 00", "8100", 0x9000),
            ("80db0080 02 8280", "", 0x6a80), // indefinite length
            ("80db0080 00", "", 0x6700),
            ("80db0080 02 8100 00", "", 0x6700),
            ("80db0040 02 8100", "", 0x6a86),
        ],
    );
}

#[test]
fn objects_fill_a_file_up_to_its_maximum_and_no_further() {
    let mut card = card();
    // 1000 octets hold 81 with 3 octets (5) and 5F21 with 512 (517): 478 are left.
    let fill = |tag: &str, octets: usize| format!("{tag}82{octets:04x}{}", "00".repeat(octets));
    assert_eq!(sw(&mut card, "00a4000c 02 2f11"), 0x9000);
    for (octets, want) in [(475, 0x6a84), (474, 0x9000)] {
        let object = fill("83", octets);
        let (first, second) = object.split_at(400);
        assert_eq!(sw(&mut card, &format!("80db0080 c8 {first}")), 0x63f1);
        let middle = &second[..400];
        assert_eq!(sw(&mut card, &format!("80db0000 c8 {middle}")), 0x63f1);
        let rest = &second[400..];
        assert_eq!(
            sw(&mut card, &format!("80db0000 {:02x} {rest}", rest.len() / 2)),
            want
        );
    }
    assert_eq!(sw(&mut card, "80db0080 02 8400"), 0x6a84, "full");
    assert_eq!(
        sw(&mut card, "80db0080 02 8300"),
        0x9000,
        "in place of the large one"
    );
}
