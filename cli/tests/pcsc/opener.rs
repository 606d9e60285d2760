//! Our own way to a card in a reader, by which every terminal's command drives it.

use aka::gba_u::mac_star;
use base::{Utc, apdu::Command};
use gba::{
    ids::{Btid, NafId, UaId},
    keys::{KeyKind, Ks},
};
use tests::{
    apart::apart,
    pcscd::{Pcscd, READER},
};
use uicc::{
    Card as _, CardError,
    pcsc::{Choice, Reader, readers},
    terminal::{GbaOutcome, Mode, Usim, UsimError},
};

use crate::{IMPI, IMSI, gba as gba_program, in_reader, vector};

fn open() -> Reader {
    Reader::open(&Choice::Number(0)).unwrap()
}

/// SELECT MF: answered by any card that is there.
fn select_mf() -> Command {
    Command::new(0, 0xa4, 0, 0x0c).with_data(&[0x3f, 0]).unwrap()
}

/// As many tries as the reader needs to find out; each one that fails must say the same.
fn until_it_answers(reader: &mut Reader, meanwhile: fn(&CardError) -> bool) {
    for _ in 0..600 {
        match reader.transmit(&select_mf()) {
            Ok(answer) => return assert_eq!(answer.sw, 0x9000),
            Err(e) if meanwhile(&e) => std::thread::sleep(std::time::Duration::from_millis(50)),
            Err(e) => panic!("{e}"),
        }
    }
    panic!("no answer for 30 s");
}

#[test]
//= PC/SC-part5-r1
fn a_bootstrapping_in_a_reader_goes_on_after_a_reset_in_its_middle() {
    apart(
        "opener::a_bootstrapping_in_a_reader_goes_on_after_a_reset_in_its_middle",
        || {
            let folder = tempfile::tempdir().unwrap();
            let Some(mut pcscd) = Pcscd::start(folder.path()) else {
                return;
            };
            let _card = in_reader(&[]);
            pcscd.wait_for_card();
            let found = readers().unwrap();
            assert!(found[0].card && !found[1].card, "{found:?}");
            assert_eq!(
                (found[0].name.as_str(), &found[0].atr[..]),
                (READER, &uicc::atr::SOFTWARE[..])
            );

            let reader = Reader::open(&Choice::Name("00 00".into())).unwrap();
            assert!(reader.is_t0());
            assert_eq!(reader.atr(), uicc::atr::SOFTWARE);
            let mut usim = Usim::open(reader).unwrap();
            assert_eq!((usim.imsi().as_str(), usim.impi().as_str()), (IMSI, IMPI));
            assert_eq!(usim.mode(), Mode::U);
            // Nobody else comes between.
            assert_eq!(Reader::open(&Choice::Number(0)).err(), Some(CardError::InUse));

            let v = vector(3, "000000000020");
            let autn = mac_star(&v.autn, &v.ik);
            let GbaOutcome::Success { res } = usim.gba_bootstrap(&v.rand, &autn).unwrap() else {
                panic!("refused")
            };
            assert!(res.ct_eq(&v.xres.flipped_lsb()));

            let mut reader = usim.into_card();
            reader.reset().unwrap();
            let mut usim = Usim::open(reader).unwrap();
            let btid = Btid::issue(&v.rand, &usim.bsf());
            usim.write_gbabp(&v.rand, &btid, Utc(2_000_000_000)).unwrap();
            let naf = NafId::new("naf.example.org".parse().unwrap(), UaId::HTTP_DIGEST);
            let impi = usim.impi();
            let key = usim.gba_naf_key(&naf, &impi).unwrap();
            let expected = Ks::from_ck_ik(&v.ck, &v.ik).naf_key(KeyKind::Me, &v.rand, &impi, &naf);
            assert!(key.ct_eq(expected.key_for(&naf.ua()).unwrap()));
        },
    );
}

#[test]
//= PC/SC-part5-r2
fn a_service_that_is_stopped_is_told_and_a_retry_finds_the_new_one() {
    apart(
        "opener::a_service_that_is_stopped_is_told_and_a_retry_finds_the_new_one",
        || {
            let [first, second] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
            let Some(mut pcscd) = Pcscd::start(first.path()) else {
                return;
            };
            let mut card = in_reader(&[]);
            pcscd.wait_for_card();
            let mut reader = open();
            assert_eq!(reader.transmit(&select_mf()).unwrap().sw, 0x9000);
            pcscd.stop();
            card.wait("closed after");
            for _ in 0..2 {
                let told = reader.transmit(&select_mf()).unwrap_err();
                assert_eq!(told, CardError::NoService);
                assert!(told.to_string().contains("start pcscd"), "{told}");
            }
            assert_eq!(readers().err(), Some(CardError::NoService));

            // The card goes in again by itself.
            let mut pcscd = Pcscd::start(second.path()).unwrap();
            pcscd.wait_for_card();
            until_it_answers(&mut reader, |_| false);
            drop(reader);
            assert_eq!(Usim::open(open()).unwrap().imsi().as_str(), IMSI);
        },
    );
}

#[test]
//= PC/SC-part5-r3
fn a_card_that_is_pulled_out_is_told_and_the_next_one_answers() {
    apart(
        "opener::a_card_that_is_pulled_out_is_told_and_the_next_one_answers",
        || {
            let folder = tempfile::tempdir().unwrap();
            let Some(mut pcscd) = Pcscd::start(folder.path()) else {
                return;
            };
            let card = in_reader(&[]);
            pcscd.wait_for_card();
            let mut reader = open();
            assert_eq!(reader.transmit(&select_mf()).unwrap().sw, 0x9000);
            // In the middle of its work: what the reader says then depends on where it notices.
            card.signal("KILL");
            let told = reader.transmit(&select_mf()).unwrap_err();
            assert!(
                matches!(told, CardError::Absent | CardError::Transport { .. }),
                "{told}"
            );
            pcscd.wait_for_removal();
            assert_eq!(reader.transmit(&select_mf()).unwrap_err(), CardError::Absent);
            assert_eq!(Reader::open(&Choice::Number(0)).err(), Some(CardError::Absent));

            let _card = in_reader(&["--pin", "1234"]);
            pcscd.wait_for_card();
            until_it_answers(&mut reader, |_| false);
            let why = Usim::open(reader).err().unwrap();
            assert!(matches!(why, UsimError::PinNeeded { tries: 3 }), "{why}");
        },
    );
}

/// Nothing of a command's session outlasts it: who connects next finds the card as after a reset.
#[test]
fn what_was_selected_and_verified_ends_with_the_connection() {
    apart(
        "opener::what_was_selected_and_verified_ends_with_the_connection",
        || {
            let folder = tempfile::tempdir().unwrap();
            let Some(mut pcscd) = Pcscd::start(folder.path()) else {
                return;
            };
            let _card = in_reader(&["--pin", "1234"]);
            pcscd.wait_for_card();
            let verify = Command::new(0, 0x20, 0, 1)
                .with_data(uicc::Pin::from_digits("1234").unwrap().expose())
                .unwrap();
            let select = Command::new(0, 0xa4, 4, 0x0c)
                .with_data(&uicc::names::USIM_AID_PREFIX)
                .unwrap();
            let imsi = Command::new(0, 0xb0, 0x87, 0).with_le(9);
            for _ in 0..2 {
                let mut reader = open();
                assert_eq!(reader.transmit(&select).unwrap().sw, 0x9000);
                assert_eq!(reader.transmit(&imsi).unwrap().sw, 0x6982);
                assert_eq!(reader.transmit(&verify).unwrap().sw, 0x9000);
                assert_eq!(reader.transmit(&imsi).unwrap().sw, 0x9000);
            }
            let none = Reader::open(&Choice::Number(7)).err().unwrap();
            assert!(none.to_string().contains("0: Virtual PCD 00 00"), "{none}");
        },
    );
}

/// The program's own commands, one after the other, on one card in a reader.
#[test]
fn a_card_in_a_reader_says_who_it_is_and_plays_the_demo_twice() {
    apart(
        "opener::a_card_in_a_reader_says_who_it_is_and_plays_the_demo_twice",
        || {
            let folder = tempfile::tempdir().unwrap();
            let Some(mut pcscd) = Pcscd::start(folder.path()) else {
                return;
            };
            let _card = in_reader(&[]);
            pcscd.wait_for_card();
            let limit = std::time::Duration::from_secs(60);
            let said = |args: &[&str]| {
                let output = tests::peer::run(&mut gba_program(args), limit);
                let text = [output.stdout, output.stderr].map(|o| String::from_utf8_lossy(&o).into_owned());
                (output.status.code(), text.concat())
            };
            let (status, info) = said(&["card", "info", "--card", "pcsc:0"]);
            assert!(
                status == Some(0) && info.contains(IMSI) && info.contains(READER),
                "{info}"
            );
            for _ in 0..2 {
                let (status, story) = said(&[
                    "demo", "--card", "pcsc:0", "--k", "env:K", "--opc", "env:OPC", "--yes",
                ]);
                assert!(
                    status == Some(0) && story.contains("GBA bootstrapping"),
                    "{story}"
                );
            }
            let (status, story) = said(&["card", "info", "--card", "pcsc:1"]);
            assert!(
                status == Some(2) && story.contains("no card"),
                "{status:?} {story}"
            );
        },
    );
}
