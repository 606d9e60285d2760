//! Selecting, reading and updating: status words and lengths.

use super::*;

//= TS102221-11.1.1-r1
#[test]
fn files_are_selected_by_identifier_path_and_aid() {
    let mut card = SoftCard::new(profile().with_gba_u());
    for (command, want) in [
        ("00a40004 02 3f00 00", 0x9000),
        ("00a4000c 02 2fe2", 0x9000),
        ("00a4000c 02 6f07", 0x6a82), // not in the MF
        ("00a4000c 02 7fff", 0x6a82), // no application yet
        ("00a4080c 04 7fff6f07", 0x6a82),
        ("00a4040c 10 a0000000871002ffffffff8900000100", 0x9000),
        ("00a4000c 02 6f07", 0x9000),
        ("00a4030c", 0x9000), // to the MF
        ("00a4030c", 0x6a82), // it has no parent
        ("00a4080c 04 7fff6fd6", 0x9000),
        ("00a4090c 02 6fda", 0x9000),
        ("00a4080c 02 2f00", 0x9000),
        ("00a4080c 04 2f006f07", 0x6a82), // an EF is no directory
        ("00a4000c 02 7fff", 0x9000),
        ("00a4010c 02 3f00", 0x6a82), // no child of the ADF
        ("00a4000c 02 3f00", 0x9000),
        ("00a4040c 05 a000000087", 0x9000),
        ("00a4040e 05 a000000087", 0x6a82), // there is no next one
        ("00a4040d 05 a000000087", 0x9000), // but a last one
        ("00a4040c 06 a000000151ff", 0x6a82),
        ("00a4044c 07 a0000000871002", 0x9000), // ends the session
        ("00a4000c 02 7fff", 0x6a82),
        ("00a40000 02 3f00", 0x6a86),
        ("00a4020c 02 3f00", 0x6a86),
        ("00a4000c 03 3f0000", 0x6700),
        ("00a4000c 02 3f00", 0x9000),
    ] {
        assert_eq!(sw(&mut card, command), want, "{command}");
    }
}

//= TS102221-11.1.1.3-r1
//= TS102221-11.1.2-r1
#[test]
fn fcp_tells_what_a_terminal_needs() {
    let mut card = SoftCard::new(profile().with_gba_u());
    let mut fcp = |command: &str| {
        let (data, sw) = apdu(&mut card, command);
        assert_eq!(sw, 0x9000, "{command}");
        Fcp::parse(&hex::decode(&data).unwrap()).unwrap()
    };
    let mf = fcp("00a40004 02 3f00 00");
    assert_eq!(
        (mf.structure, mf.fid, mf.pins.unwrap().iter().count()),
        (Structure::Directory, Some(0x3f00), 1)
    );
    let dir = fcp("00a40004 02 2f00 00");
    assert_eq!(
        dir.structure,
        Structure::LinearFixed {
            record_length: 38,
            records: 1
        }
    );
    assert_eq!(dir.sfi, Sfi::Is(0x1e));
    let adf = fcp("00a40404 07 a0000000871002 00");
    assert_eq!(adf.df_name.map(|n| n.len()), Some(16));
    let pins: Vec<_> = adf.pins.unwrap().iter().collect();
    assert!(pins[0].reference == 0x01 && !pins[0].enabled);
    let bp = fcp("00a40004 02 6fd6 00");
    assert_eq!(
        (bp.structure, bp.size, bp.sfi),
        (Structure::Transparent, Some(255), Sfi::None)
    );
    // The rule that the FCP names is in EF_ARR: read and update with PIN 1.
    let (rule, _) = apdu(&mut card, "00b204bc00");
    assert!(
        rule.starts_with("800101a406830101950108800102a406830101950108"),
        "{rule}"
    );
    // STATUS: where we are, and the application's name.
    assert!(apdu(&mut card, "80f2000000").0.starts_with("62"));
    assert_eq!(
        apdu(&mut card, "80f2000100").0,
        "8410a0000000871002ffffffff8900000100"
    );
}

//= TS102221-11.1.3-r1
//= TS102221-11.1.5-r1
#[test]
fn reading_and_updating_keeps_to_the_file_and_its_rules() {
    let mut card = usim(profile().with_gba_u());
    for (command, want) in [
        ("00b0000000", 0x6986), // no EF
        ("00b0870000", 0x9000), // EF_IMSI by SFI
        ("00b000000a", 0x6c09),
        ("00b0000009", 0x9000),
        ("00b0000900", 0x6b00),
        ("00b0ff0000", 0x6a86),
        ("00b0990000", 0x6a82),
        ("00d6000001ff", 0x6982), // IMSI: ADM
        ("00a4000c 02 6fd6", 0x9000),
        ("00d6000001ff", 0x9000),
        ("00d600ff01ff", 0x6b00),
        ("00d600fe02ffff", 0x6700),
        ("00d6000000", 0x6700),
        ("00b2010400", 0x6981),
        ("00a4000c 02 6fda", 0x9000),
        ("00b0000000", 0x6981),
        ("00b2010400", 0x9000),
        ("00b2010410", 0x6cff),
        ("00b2090400", 0x6a83),
        ("00b2000400", 0x6a83), // no current record
        ("00b2000200", 0x9000),
        ("00b2000400", 0x9000),
        ("00b2000300", 0x6a83), // before the first
        ("00b2000500", 0x6a86),
        ("00dc010401ff", 0x6982), // the list: ADM
        ("a0a40000023f00", 0x6e00),
        ("01a4000c023f00", 0x6881),
        ("40a4000c023f00", 0x6881),
        ("04a4000c023f00", 0x6882),
        ("80a4000c023f00", 0x6e00),
        ("00f2000000", 0x6e00),
        ("80f2000300", 0x6a86),
        ("00c0000000", 0x6985), // nothing waits
        ("00c0010000", 0x6a86),
        ("00a4", 0x6700),
    ] {
        assert_eq!(sw(&mut card, command), want, "{command}");
    }
}

//= TS102221-11.1.5-r1
#[test]
fn a_record_pointer_moves_once_though_t0_asks_twice() {
    let mut card = SoftCard::new(Profile {
        t0: true,
        ..profile().with_gba_u()
    });
    assert_eq!(
        apdu(&mut card, "00a40404 07 a0000000871002 00").1 & 0xff00,
        0x6100
    );
    assert_eq!(sw(&mut card, "00a4000c 02 6f06"), 0x9000);
    for (want, access) in crate::software::arr::Access::ALL.iter().enumerate() {
        assert_eq!(sw(&mut card, "00b2000200"), 0x6c32);
        let (data, sw) = apdu(&mut card, "00b2000232");
        assert_eq!(sw, 0x9000);
        assert!(data.starts_with(&hex::encode(access.rule())), "record {want}");
    }
    assert_eq!(sw(&mut card, "00b2000200"), 0x6a83);
}
