//! PINs, codes, their counters, and what they open.

use super::{laboratory::*, *};
use crate::software::{Change, profile::KeySpec};

//= TS102221-11.1.9-r1
#[test]
fn verify_counts_and_blocks() {
    let mut card = card();
    let verify = |octets: &str| format!("00200001 08 {octets}");
    play(
        &mut card,
        &[
            ("00200001", "", 0x63c3),
            ("00a4000c 02 2f13", "", 0x9000),
            ("00b0000001", "", 0x6982),
            (&verify(WRONG), "", 0x63c2),
            (&verify(PIN), "", 0x9000),
            ("00b0000001", "01", 0x9000),
            ("00200001", "", 0x63c3),
            (&verify(WRONG), "", 0x63c2),
            ("00b0000001", "", 0x6982), // a wrong one takes the right away
            (&verify(WRONG), "", 0x63c1),
            (&verify(WRONG), "", 0x63c0),
            (&verify(PIN), "", 0x6983),
            ("00200001", "", 0x63c0),
            ("00200001 04 31323334", "", 0x6700),
            ("00200001 08 31323334ffffffff 00", "", 0x6700),
            ("00200101 08 31323334ffffffff", "", 0x6a86),
            ("00200002", "", 0x6a88),
            ("0020000a", "", 0x63ca),
        ],
    );
    card.reset();
    assert_eq!(sw(&mut card, "00200001"), 0x63c0, "the counter outlasts a reset");
}

//= TS102221-11.1.10-r1
#[test]
fn change_pin_takes_the_old_one_first() {
    let mut card = card();
    play(
        &mut card,
        &[
            (&format!("00240001 10 {WRONG}{NEW}"), "", 0x63c2),
            (&format!("00240001 10 {PIN}31320000ffffffff"), "", 0x6a80), // no PIN: nothing is tried
            ("00200001", "", 0x63c2),
            (&format!("00240001 10 {PIN}{NEW}"), "", 0x9000),
            ("00a4000c 02 2f13", "", 0x9000),
            ("00b0000001", "01", 0x9000), // it counts as verified
            (&format!("00200001 08 {PIN}"), "", 0x63c2),
            (&format!("00200001 08 {NEW}"), "", 0x9000),
            (&format!("00240001 08 {NEW}"), "", 0x6700),
            (&format!("00240101 10 {NEW}{PIN}"), "", 0x6a86),
            (&format!("00240002 10 {NEW}{PIN}"), "", 0x6a88),
            (&format!("0024000a 10 {ADM}ff00ff00ff00ff00"), "", 0x9000), // an ADM is any octets
            ("0020000a 08 ff00ff00ff00ff00", "", 0x9000),
        ],
    );
}

//= TS102221-11.1.11-r1
//= TS102221-11.1.12-r1
#[test]
fn a_pin_is_switched_off_and_on() {
    let mut card = card();
    play(
        &mut card,
        &[
            (&format!("00280001 08 {PIN}"), "", 0x6985), // it is on
            (&format!("00260001 08 {WRONG}"), "", 0x63c2),
            (&format!("00260001 08 {PIN}"), "", 0x9000),
            ("00a4000c 02 2f13", "", 0x9000),
            ("00b0000001", "01", 0x9000),
            (&format!("00200001 08 {PIN}"), "", 0x6984),
            (&format!("00240001 10 {PIN}{NEW}"), "", 0x6984),
            (&format!("00260001 08 {PIN}"), "", 0x6984),
            (&format!("00280001 08 {WRONG}"), "", 0x63c2),
            (&format!("00280101 08 {PIN}"), "", 0x6a86),
            (&format!("00280001 08 {PIN}"), "", 0x9000),
            ("00b0000001", "01", 0x9000),                // enabling verifies
            (&format!("0026000a 08 {ADM}"), "", 0x6a88), // an ADM stays on
            (&format!("00261101 08 {PIN}"), "", 0x6a86),
            ("00260001 04 31323334", "", 0x6700),
        ],
    );
    card.reset();
    assert_eq!(sw(&mut card, "00a4000c 02 2f13"), 0x9000);
    assert_eq!(sw(&mut card, "00b0000001"), 0x6982, "it stayed on");
}

//= TS102221-9.5.1-r1
#[test]
fn the_universal_pin_stands_in_for_one_that_is_off() {
    let mut card = card();
    play(
        &mut card,
        &[
            (&format!("00269101 08 {PIN}"), "", 0x9000),
            ("00a4000c 02 2f13", "", 0x9000),
            ("00b0000001", "", 0x6982),
            (&format!("00200011 08 {UNIVERSAL}"), "", 0x9000),
            ("00b0000001", "01", 0x9000),
            (&format!("00260011 08 {UNIVERSAL}"), "", 0x9000),
            ("00b0000001", "01", 0x9000), // that is off too
            (&format!("00280011 08 {UNIVERSAL}"), "", 0x9000),
            (&format!("00269111 08 {UNIVERSAL}"), "", 0x6a86), // not for itself
        ],
    );
    // The FCP says so: PIN 1 off, the universal one with usage 08.
    let (mf, _) = apdu(&mut card, "00a40004 02 3f00 00");
    assert!(mf.contains("9001608301018301"), "{mf}");
    assert!(mf.contains("950108830111"), "{mf}");
    play(
        &mut card,
        &[
            (&format!("00280001 08 {PIN}"), "", 0x9000),
            (&format!("00260001 08 {PIN}"), "", 0x9000),
            ("00a4000c 02 2f13", "", 0x9000),
            ("00b0000001", "01", 0x9000), // off without a replacement
        ],
    );
    let mut without = SoftCard::new(Profile {
        pin: Some(code(PIN)),
        ..profile()
    });
    assert_eq!(sw(&mut without, &format!("00269101 08 {PIN}")), 0x6a88);
}

//= TS102221-11.1.13-r1
#[test]
fn an_unblock_pin_sets_a_new_pin_and_blocks_after_ten() {
    let mut card = card();
    let unblock = format!("002c0001 10 {PUK}{NEW}");
    for _ in 0..3 {
        let _ = sw(&mut card, &format!("00200001 08 {WRONG}"));
    }
    play(
        &mut card,
        &[
            ("002c0001", "", 0x63ca),
            (&format!("002c0001 10 {WRONG}{NEW}"), "", 0x63c9),
            (&format!("002c0001 08 {PUK}"), "", 0x6700),
            (&format!("002c0101 10 {PUK}{NEW}"), "", 0x6a86),
            (&format!("002c0001 10 {PUK}ffffffffffffffff"), "", 0x6a80),
            (&format!("002c000a 10 {PUK}{NEW}"), "", 0x6a88), // nothing unblocks the ADM
            (&unblock, "", 0x9000),
            ("002c0001", "", 0x63ca),
            ("00200001", "", 0x63c3),
            ("00a4000c 02 2f13", "", 0x9000),
            ("00b0000001", "01", 0x9000),
            (&format!("00260001 08 {NEW}"), "", 0x9000),
            (&unblock, "", 0x9000), // also switches on
            (&format!("00200001 08 {NEW}"), "", 0x9000),
        ],
    );
    for left in (0..10).rev() {
        assert_eq!(sw(&mut card, &format!("002c0001 10 {WRONG}{NEW}")), 0x63c0 | left);
    }
    assert_eq!(sw(&mut card, &unblock), 0x6983);
}

//= TS102221-9.5-r1
#[test]
fn a_local_pin_belongs_to_its_application_and_ends_with_its_last_session() {
    let mut card = card();
    let verify = format!("00200081 08 {PIN2}");
    let on_1 = format!("01200081 08 {PIN2}");
    play(
        &mut card,
        &[
            (&verify, "", 0x6a88), // not under the MF
            ("00a4040c 08 a0000000871004ff", "", 0x9000),
            ("00b0810001", "", 0x6982),
            (&verify, "", 0x9000),
            ("00b0810001", "05", 0x9000),
            ("0070000001", "01", 0x9000),
            ("01a4040c 08 a0000000871004ff", "", 0x9000),
            ("01b0810001", "05", 0x9000), // verified is verified on every channel
            ("00a4040c 07 a0000000871002", "", 0x9000),
            ("01b0810001", "05", 0x9000), // channel 1 is still there
            ("01a4044c 08 a0000000871004ff", "", 0x9000),
            ("01a4040c 08 a0000000871004ff", "", 0x9000),
            ("01b0810001", "", 0x6982),
            (&on_1, "", 0x9000),
            ("00708001", "", 0x9000), // closing ends a session as well
            ("00a4040c 08 a0000000871004ff", "", 0x9000),
            ("00b0810001", "", 0x6982),
        ],
    );
}

//= TS102221-9.2-r4
#[test]
fn rules_hold_as_they_are_written_in_whatever_form() {
    let mut card = card();
    let pin = format!("00200001 08 {PIN}");
    let adm = format!("0020000a 08 {ADM}");
    play(
        &mut card,
        &[
            // Compact: update never, read with the PIN.
            ("00a4000c 02 2f14", "", 0x9000),
            ("00b0000001", "", 0x6982),
            (&pin, "", 0x9000),
            ("00b0000001", "02", 0x9000),
            ("00d60000 01 00", "", 0x6982),
            (&adm, "", 0x9000),
            ("00d60000 01 00", "", 0x6982),
            // By security environment.
            ("00a4000c 02 2f16", "", 0x9000),
            ("00b0000001", "04", 0x9000),
            // What is written into EF_ARR holds: record 2, for everybody, now for nobody.
            ("00a4000c 02 2fe2", "", 0x9000),
            ("00b0000001", "-", 0x9000),
        ],
    );
    let never = format!("{:f<100}", "8001039700");
    play(
        &mut card,
        &[
            (&format!("00dc0234 32 {never}"), "", 0x9000),
            ("00a4000c 02 2fe2", "", 0x9000),
            ("00b0000001", "", 0x6982),
        ],
    );
}

#[test]
fn a_changed_key_is_recorded_without_what_a_reset_ends() {
    let mut card = card();
    assert_eq!(sw(&mut card, &format!("00240001 10 {PIN}{NEW}")), 0x9000);
    let mut again = of(laboratory());
    again.apply(&card.snapshot()).unwrap();
    assert_eq!(sw(&mut again, "00a4000c 02 2f13"), 0x9000);
    assert_eq!(sw(&mut again, "00b0000001"), 0x6982, "not verified");
    assert_eq!(sw(&mut again, &format!("00200001 08 {NEW}")), 0x9000);
    let blocked = KeySpec {
        tries: 0,
        ..KeySpec::new(0x01, code(PIN))
    };
    again.apply(&[Change::Key(blocked)]).unwrap();
    assert_eq!(sw(&mut again, &format!("00200001 08 {PIN}")), 0x6983);
}
