//! The terminal against software cards, in both manners of a T=0 card, and against cards that answer nonsense.

use std::sync::{Arc, Mutex};

use aka::{Algorithm, Amf, Autn, Milenage, Rand, Sqn, gba_u::mac_star, sqn::SqnProfile};
use base::{
    Secret, Utc,
    apdu::{Command, Response},
    hex,
};
use gba::{
    ids::{Btid, MncLength, NafId, UaId},
    keys::{KeyKind, Ks},
    ub,
};
use proptest::prelude::*;

use super::{
    AkaOutcome, GbaOutcome, MncSource, Mode, Options, Usim, UsimError,
    authenticate::{read_3g, read_gba, read_naf_key},
    describe, mac_failure_advice,
};
use crate::{
    Card, CardError, Pin, Sw,
    ef::gbabp::NotUsable,
    software::{Profile, SoftCard},
};

const NOW: Utc = Utc(1_800_000_000);

fn rand() -> Rand {
    Rand::from([0x23; 16])
}

fn algorithm() -> Milenage {
    Milenage::new(&Secret::new([0x46; 16]), &Secret::new([0xcd; 16]))
}

fn profile() -> Profile {
    Profile::new("001010123456789".parse().unwrap(), MncLength::Three, algorithm())
}

fn autn(seq: u64) -> Autn {
    let sqn = Sqn::from_parts(seq, 0, SqnProfile::default().ind_bits).unwrap();
    algorithm().vector(&rand(), sqn, Amf::from([0, 0])).autn
}

fn autn_star(seq: u64) -> Autn {
    mac_star(&autn(seq), &algorithm().f2345(&rand()).ik)
}

fn naf() -> NafId {
    NafId::new("naf.example.org".parse().unwrap(), UaId::HTTP_DIGEST)
}

fn btid(rand: &Rand) -> Btid {
    Btid::issue(rand, &"bsf.example.org".parse().unwrap())
}

//= TS23.003-13.3-r1
//= TS23.003-16.2-r1
#[test]
fn opens_a_card_and_knows_who_it_is() {
    for t0 in [false, true] {
        let mut usim = Usim::open(SoftCard::new(Profile {
            t0,
            ..profile().with_gba_u()
        }))
        .unwrap();
        assert_eq!(usim.imsi().as_str(), "001010123456789");
        assert_eq!(
            usim.impi().as_str(),
            "001010123456789@ims.mnc010.mcc001.3gppnetwork.org"
        );
        assert_eq!(usim.bsf().as_str(), "bsf.mnc010.mcc001.pub.3gppnetwork.org");
        assert_eq!(usim.mnc().source, MncSource::EfAd);
        assert_eq!(usim.iccid().as_str().len(), 19);
        assert_eq!(usim.label(), Some("USIM"));
        assert_eq!(usim.mode(), Mode::U);
        assert_eq!(usim.check(), Ok(()));
    }
}

//= TS31.102-4.2.18-r1
#[test]
fn ruling_04_an_old_ef_ad_leaves_it_to_the_person_or_the_table() {
    let open = |mnc_length| {
        let old = Profile {
            mnc_length: None,
            ..profile()
        };
        let options = Options {
            mnc_length,
            ..Options::default()
        };
        Usim::open_with(SoftCard::new(old), options).unwrap()
    };
    assert_eq!(open(None).mnc().source, MncSource::Assumed);
    let told = open(Some(MncLength::Three));
    assert_eq!(told.mnc().source, MncSource::Told { ef_ad: None });
    assert_eq!(
        told.impi().as_str(),
        "001010123456789@ims.mnc010.mcc001.3gppnetwork.org"
    );
}

#[test]
fn a_card_through_a_trait_object_does_the_same() {
    let mut boxed: Box<dyn Card> = Box::new(SoftCard::new(profile()));
    assert_eq!(Usim::open(&mut *boxed).unwrap().mode(), Mode::Me);
    assert_eq!(Usim::open(boxed).unwrap().mode(), Mode::Me);
}

#[test]
fn a_pin_is_asked_for_tried_once_and_never_to_the_last() {
    let pin = |digits: &str| Some(Pin::from_digits(digits).unwrap());
    let mut card = SoftCard::new(Profile {
        pin: pin("1234"),
        ..profile()
    });
    let mut open = |digits: Option<&str>, force_pin| {
        let options = Options {
            pin: digits.and_then(pin),
            force_pin,
            ..Options::default()
        };
        card.reset();
        Usim::open_with(&mut card, options).err()
    };
    assert_eq!(open(None, false), Some(UsimError::PinNeeded { tries: 3 }));
    assert_eq!(open(Some("4321"), false), Some(UsimError::PinWrong { tries: 2 }));
    assert_eq!(open(Some("1234"), false), None);
    assert_eq!(open(Some("4321"), false), Some(UsimError::PinWrong { tries: 2 }));
    assert_eq!(open(Some("4321"), false), Some(UsimError::PinWrong { tries: 1 }));
    assert_eq!(
        open(Some("1234"), false),
        Some(UsimError::PinLastTry { tries: 1 })
    );
    assert_eq!(open(Some("4321"), true), Some(UsimError::PinBlocked));
    assert_eq!(open(Some("1234"), true), Some(UsimError::PinBlocked));
}

#[test]
fn gba_me_gives_the_keys_to_the_terminal() {
    for t0 in [false, true] {
        let mut usim = Usim::open(SoftCard::new(Profile {
            t0,
            gsm: true,
            ..profile()
        }))
        .unwrap();
        let f = algorithm().f2345(&rand());
        match usim.authenticate_3g(&rand(), &autn(1)).unwrap() {
            AkaOutcome::Success { res, ck, ik } => {
                assert!(res.ct_eq(&f.res) && ck.ct_eq(&f.ck) && ik.ct_eq(&f.ik));
            }
            _ => panic!("refused"),
        }
        assert!(matches!(
            usim.authenticate_3g(&rand(), &autn(1)),
            Ok(AkaOutcome::SyncFailure(_))
        ));
        assert!(matches!(
            usim.authenticate_3g(&rand(), &autn_star(2)),
            Ok(AkaOutcome::MacFailure)
        ));
        assert_eq!(
            usim.gba_bootstrap(&rand(), &autn(2)).err(),
            Some(UsimError::NoGbaService)
        );
        assert_eq!(usim.read_gbabp().err(), Some(UsimError::NoGbaService));
    }
}

//= TS33.220-5.3.2-r3
#[test]
fn gba_u_leaves_them_in_the_card_and_gives_the_external_key() {
    for t0 in [false, true] {
        let mut card = SoftCard::new(Profile {
            t0,
            ..profile().with_gba_u()
        });
        let mut usim = Usim::open(&mut card).unwrap();
        let impi = usim.impi();
        assert_eq!(usim.gba_naf_key(&naf(), &impi).err(), Some(UsimError::NoKs));
        let f = algorithm().f2345(&rand());
        match usim.gba_bootstrap(&rand(), &autn_star(1)).unwrap() {
            GbaOutcome::Success { res } => assert!(res.ct_eq(&f.res.flipped_lsb())),
            _ => panic!("refused"),
        }
        assert_eq!(
            usim.gba_naf_key(&naf(), &impi).err(),
            Some(UsimError::NoKs),
            "ruling 14"
        );
        usim.write_gbabp(&rand(), &btid(&rand()), NOW.plus_secs(3600))
            .unwrap();
        let key = usim.gba_naf_key(&naf(), &impi).unwrap();
        let ks = Ks::from_ck_ik(&f.ck, &f.ik);
        let ours = |kind| ks.naf_key(kind, &rand(), &impi, &naf());
        let naf_key = gba::keys::KsNaf::from_parts(key, naf(), KeyKind::Ext);
        assert!(ours(KeyKind::Ext).ct_eq(&naf_key));
        assert!(matches!(
            usim.gba_bootstrap(&rand(), &autn_star(1)),
            Ok(GbaOutcome::SyncFailure(_))
        ));
        assert!(matches!(
            usim.gba_bootstrap(&rand(), &autn(2)),
            Ok(GbaOutcome::MacFailure)
        ));
        let int = gba::keys::naf_key_octets(
            ks.expose(),
            gba::keys::Label::GbaU,
            rand().octets(),
            impi.kdf_octets(),
            naf().octets(),
        );
        assert!(card.holds_ks_int_naf(naf().octets(), &int.unwrap()));
    }
}

//= TS31.102-4.2.8-r1
#[test]
fn ruling_11_a_card_with_the_service_is_never_asked_at_p2_81() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let open = |force_me| {
        let log = Arc::clone(&seen);
        let options = Options {
            force_me,
            observer: Some(Box::new(move |c: &Command, _: &Response| {
                log.lock().unwrap().push((c.ins, c.p2))
            })),
            ..Options::default()
        };
        Usim::open_with(SoftCard::new(profile().with_gba_u()), options).unwrap()
    };
    let mut usim = open(false);
    let error = usim.authenticate_3g(&rand(), &autn(1)).err().unwrap();
    assert_eq!(error, UsimError::GbaUOnly);
    assert!(error.to_string().contains("HSS uiccType and card disagree"));
    // Also not after the GBA context has refused a plain AUTN.
    assert!(matches!(
        usim.run(&rand(), &autn(1)),
        ub::client::AkaOutcome::MacFailure
    ));
    assert!(matches!(
        usim.run(&rand(), &autn_star(1)),
        ub::client::AkaOutcome::Success { ks: None, .. }
    ));
    assert!(seen.lock().unwrap().contains(&(0x88, 0x84)));
    assert!(!seen.lock().unwrap().contains(&(0x88, 0x81)));
    assert!(mac_failure_advice(usim.mode()).contains("HSS uiccType and card disagree"));

    let mut forced = open(true);
    assert_eq!(forced.mode(), Mode::Me);
    assert!(matches!(
        forced.run(&rand(), &autn(1)),
        ub::client::AkaOutcome::Success { ks: Some(_), .. }
    ));
    assert!(seen.lock().unwrap().contains(&(0x88, 0x81)));
}

#[test]
fn ruling_14_a_stored_run_is_used_only_if_whole_and_alive() {
    let mut usim = Usim::open(SoftCard::new(profile().with_gba_u())).unwrap();
    assert_eq!(usim.stored_run(NOW), Ok(Err(NotUsable::None)));
    let _ = usim.gba_bootstrap(&rand(), &autn_star(1)).unwrap();
    assert_eq!(usim.stored_run(NOW), Ok(Err(NotUsable::Unfinished)));
    let end = NOW.plus_secs(3600);
    let other = Rand::from([9; 16]);
    assert_eq!(
        usim.write_gbabp(&other, &btid(&other), end),
        Err(UsimError::OtherRun)
    );
    usim.write_gbabp(&rand(), &btid(&rand()), end).unwrap();
    assert_eq!(usim.stored_run(NOW), Ok(Ok((rand(), btid(&rand()), end))));
    assert_eq!(usim.stored_run(end), Ok(Err(NotUsable::Expired(end))));
    // A torn file: the B-TID of another run behind this RAND.
    usim.write_gbabp(&rand(), &btid(&other), end).unwrap();
    assert_eq!(usim.stored_run(NOW), Ok(Err(NotUsable::Torn)));
    // Power off and on changes nothing.
    let mut card = usim.into_card();
    card.reset();
    let mut usim = Usim::open(card).unwrap();
    usim.write_gbabp(&rand(), &btid(&rand()), end).unwrap();
    assert!(usim.stored_run(NOW).unwrap().is_ok());
}

#[test]
fn what_is_too_long_is_told_in_numbers() {
    let mut usim = Usim::open(SoftCard::new(profile().with_gba_u())).unwrap();
    let _ = usim.gba_bootstrap(&rand(), &autn_star(1)).unwrap();
    let long = ["a"; 4].map(|a| a.repeat(60)).join(".");
    let bsf = Btid::issue(&rand(), &long.parse().unwrap());
    assert!(matches!(
        usim.write_gbabp(&rand(), &bsf, NOW),
        Err(UsimError::NoRoom { .. })
    ));
    let naf = NafId::new(long.parse().unwrap(), UaId::HTTP_DIGEST);
    let impi = usim.impi();
    assert!(matches!(
        usim.gba_naf_key(&naf, &impi),
        Err(UsimError::TooLong { octets: 297.. })
    ));
}

#[test]
fn ruling_35_a_ladder_tells_every_command_and_no_secret() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&log);
    let options = Options {
        pin: Some(Pin::from_digits("86420").unwrap()),
        observer: Some(Box::new(move |c: &Command, r: &Response| {
            lines.lock().unwrap().push(describe(c, r))
        })),
        ..Options::default()
    };
    let pin = Some(Pin::from_digits("86420").unwrap());
    let card = SoftCard::new(Profile {
        pin,
        ..profile().with_gba_u()
    });
    let mut usim = Usim::open_with(card, options).unwrap();
    let impi = usim.impi();
    let _ = usim.gba_bootstrap(&rand(), &autn_star(1));
    usim.write_gbabp(&rand(), &btid(&rand()), NOW).unwrap();
    let key = usim.gba_naf_key(&naf(), &impi).unwrap();
    let text = log.lock().unwrap().join("\n");
    for line in [
        "SELECT ADF.USIM → done, FCP",
        "SELECT EF_IMSI → done, FCP",
        "VERIFY PIN 1: how many tries? → 3 tries left",
        "VERIFY PIN 1 → done",
        "AUTHENTICATE GBA bootstrapping: RAND, AUTN → RES 8 octets; Ks stays in the card",
        "UPDATE BINARY from 17, ",
        "AUTHENTICATE GBA NAF key: naf.example.org 0100000002 → Ks_ext_NAF 32 octets",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    let f = algorithm().f2345(&rand());
    let secrets: [&[u8]; 5] = [
        key.expose(),
        f.ck.expose(),
        f.ik.expose(),
        f.res.expose(),
        b"86420",
    ];
    for secret in secrets {
        assert!(!text.contains(&hex::encode(secret)));
        assert!(!text.contains(&hex::encode(&secret[..4])));
    }
    assert!(!text.contains("86420"));
    assert!(
        text.lines()
            .all(|l| l.split(" → ").all(|half| half.chars().count() <= 70)),
        "{text}"
    );
}

/// Answers from a list, then for ever the last one.
struct Script(Vec<&'static str>, usize);

impl Card for Script {
    fn transmit(&mut self, _: &Command) -> Result<Response, CardError> {
        let text = self.0.get(self.1).or(self.0.last()).copied().unwrap_or("");
        self.1 += 1;
        Ok(Response::parse(&hex::decode(text).unwrap())?)
    }
}

#[test]
fn get_response_is_of_the_interindustry_class_on_the_commands_channel() {
    struct Classes(Vec<u8>);
    impl Card for Classes {
        fn transmit(&mut self, c: &Command) -> Result<Response, CardError> {
            self.0.push(c.cla);
            Ok(Response::status(if c.ins == 0xc0 { 0x9000 } else { 0x6102 }))
        }
    }
    for (cla, wanted) in [(0x00, 0x00), (0x83, 0x03), (0x41, 0x41), (0xcf, 0x4f)] {
        let mut session = super::Session::new(Classes(Vec::new()));
        session.apdu(&Command::new(cla, 0xca, 0, 0)).unwrap();
        assert_eq!(session.into_card().0, [cla, wanted]);
    }
}

#[test]
fn a_card_that_answers_nonsense_is_an_error() {
    let open = |answers: &[&'static str]| Usim::open(Script(answers.to_vec(), 0)).err().unwrap();
    assert!(matches!(open(&["90"]), UsimError::Card(CardError::Malformed(_))));
    assert!(matches!(open(&["9000"]), UsimError::Malformed { .. }));
    assert!(matches!(open(&["6105"]), UsimError::Endless { .. }));
    assert!(matches!(open(&["6c05"]), UsimError::Endless { .. }));
    let refused = open(&["6f00"]);
    assert!(matches!(refused, UsimError::Refused { sw: Sw(0x6f00), .. }));
    assert_eq!(
        refused.to_string(),
        "SELECT MF: the card answers 6F00 (technical problem)"
    );
}

#[test]
fn answers_that_hold_more_than_they_should_are_refused() {
    // A card that adds CK and IK to RES in the GBA context.
    let leaky = [&[0xdb, 4, 1, 2, 3, 4, 16][..], &[7; 16]].concat();
    assert!(read_gba(&leaky).is_err());
    assert!(read_3g(&[0xdb, 3, 1, 2, 3]).is_err());
    assert!(read_naf_key(&[&[0xdb, 0x20][..], &[1; 33]].concat()).is_err());
    assert!(matches!(
        read_gba(&[&[0xdc, 14][..], &[1; 14]].concat()),
        Ok(GbaOutcome::SyncFailure(_))
    ));
}

proptest! {
    #[test]
    fn answers_never_panic(octets in proptest::collection::vec(any::<u8>(), 0..80), tag in any::<bool>()) {
        let mut octets = octets;
        if let Some(first) = octets.first_mut() {
            *first = if tag { 0xdb } else { 0xdc };
        }
        let _ = read_3g(&octets);
        let _ = read_gba(&octets);
        let _ = read_naf_key(&octets);
    }

    #[test]
    fn descriptions_never_panic_and_stay_short(
        command in proptest::collection::vec(any::<u8>(), 4..60),
        response in proptest::collection::vec(any::<u8>(), 2..60),
    ) {
        if let (Ok(c), Ok(r)) = (Command::parse(&command), Response::parse(&response)) {
            prop_assert!(describe::command(&c).chars().count() <= 70);
            prop_assert!(describe::response(&c, &r).chars().count() <= 70);
        }
    }

    /// A card of which any answer may be anything.
    #[test]
    fn opening_never_panics(answers in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 2..40), 1..30)) {
        struct Random(Vec<Vec<u8>>, usize);
        impl Card for Random {
            fn transmit(&mut self, _: &Command) -> Result<Response, CardError> {
                self.1 += 1;
                Ok(Response::parse(&self.0[self.1 % self.0.len()])?)
            }
        }
        let _ = Usim::open(Random(answers, 0));
    }
}
