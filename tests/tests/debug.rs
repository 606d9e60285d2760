//! `Debug` of what holds keys: either there is none, or it shows none.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::{
    fmt::Debug,
    sync::{Arc, Mutex},
};

use aka::{Algorithm as _, AlgorithmSet, Amf, Milenage, Rand, sqn::SqnArray};
use base::{Secret, SecretBytes, Utc};
use diameter::{Message, Origin, dictionary as d};
use gba::{
    ids::{Impi, Imsi, MncLength, NafId, UaId},
    keys::{KeyKind, Ks},
    ub::client::AkaOutcome,
    zh::{Authentication, MultimediaAuthAnswer, MultimediaAuthRequest},
    zn::{BootstrappingInfo, BootstrappingInfoAnswer, BootstrappingInfoRequest, GbaType},
};
use lab::report::KeyPair;
use tests::{canary::Canaries, scene::Sim};
use uicc::{
    software::{Profile, SoftCard},
    terminal::{Options, Usim, describe},
};

const SIM: Sim = Sim {
    k: *b"canary-of-key-K!",
    opc: *b"canary-of-OPc-*!",
};
const RAND: [u8; 16] = [0x3c; 16];

struct Shown<'a, T>(&'a T);

/// Where there is no `Debug`, there is no text.
trait Silent {
    fn text(&self) -> Option<String> {
        None
    }
}
impl<T> Silent for &Shown<'_, T> {}

/// Found before [`Silent`] where there is a `Debug`.
trait Loud {
    fn text(&self) -> Option<String>;
}
impl<T: Debug> Loud for Shown<'_, T> {
    fn text(&self) -> Option<String> {
        Some(format!("{:?}\n{:#?}", self.0, self.0))
    }
}

macro_rules! texts {
    ($($value:expr),* $(,)?) => {
        vec![$((stringify!($value), (&Shown(&$value)).text())),*]
    };
}

fn milenage() -> Milenage {
    Milenage::new(&Secret::new(SIM.k), &Secret::new(SIM.opc))
}

fn rand() -> Rand {
    Rand::new(RAND)
}

fn impi() -> Impi {
    "001010123456789@ims.mnc001.mcc001.3gppnetwork.org"
        .parse()
        .unwrap()
}

fn naf_id() -> NafId {
    NafId::new("naf.m2m.example".parse().unwrap(), UaId::HTTP_DIGEST)
}

fn canaries() -> Canaries {
    let mut canaries = Canaries::of(&SIM);
    canaries.add_run(&SIM, &rand(), &impi(), &[naf_id()]);
    canaries
}

fn ks() -> Ks {
    let made = milenage().f2345(&rand());
    Ks::from_ck_ik(&made.ck, &made.ik)
}

fn check(texts: Vec<(&str, Option<String>)>, speaking: usize) {
    let canaries = canaries();
    let mut with_debug = 0;
    for (value, text) in texts {
        let Some(text) = text else { continue };
        with_debug += 1;
        let found = canaries.found_in(text.as_bytes());
        assert!(found.is_empty(), "Debug of {value}: {text}\n{}", found.join("\n"));
    }
    assert!(
        with_debug >= speaking,
        "only {with_debug} have a Debug: is the probe blind?"
    );
}

#[test]
fn a_type_that_shows_its_key_would_be_found() {
    #[derive(Debug)]
    struct Careless {
        #[allow(dead_code, reason = "read by Debug")]
        k: [u8; 16],
    }
    let (_, text) = texts![Careless { k: SIM.k }].pop().unwrap();
    assert!(!canaries().found_in(text.unwrap().as_bytes()).is_empty());
}

#[test]
fn values_of_the_algorithms() {
    let vector = milenage().vector(&rand(), "000000000040".parse().unwrap(), Amf::new([0, 0]));
    let mut array = SqnArray::new(aka::sqn::SqnProfile::default());
    let checked = aka::authenticate(&milenage(), &mut array, &vector.rand, &vector.autn);
    assert!(matches!(checked, aka::Check::Accept { .. }));
    check(
        texts![
            Secret::new(SIM.k),
            SecretBytes::from(&SIM.k[..]),
            milenage(),
            AlgorithmSet::from(milenage()),
            milenage().f2345(&rand()),
            vector.xres,
            checked,
            vector,
        ],
        0,
    );
}

#[test]
fn values_of_bootstrapping() {
    let key = |kind| ks().naf_key(kind, &rand(), &impi(), &naf_id());
    let pair = KeyPair {
        device: key(KeyKind::Me),
        network: key(KeyKind::Me),
    };
    let outcome = AkaOutcome::Success {
        res: milenage().f2345(&rand()).res,
        ks: Some(ks()),
    };
    let subscriber = hss::Subscriber::new(impi(), milenage());
    let password = key(KeyKind::Me).password().unwrap();
    let ha1 = gba::digest::Ha1::from_hex_text(password.expose());
    let imsi: Imsi = "001010123456789".parse().unwrap();
    let profile = Profile::new(imsi, MncLength::Two, milenage()).with_gba_u();
    check(
        texts![
            ks(),
            key(KeyKind::Me),
            key(KeyKind::Int),
            key(KeyKind::Ext),
            pair,
            outcome,
            subscriber,
            password,
            ha1,
            SIM.setup(),
            profile,
        ],
        2,
    );
}

/// MAA and BIA, which carry keys, as messages and as typed values; and the AVPs by themselves, in the groups as well.
#[test]
fn messages_that_carry_keys() {
    let origin = Origin {
        host: "hss.home.test".parse().unwrap(),
        realm: "home.test".parse().unwrap(),
    };
    let mar = MultimediaAuthRequest {
        session_id: "bsf.home.test;1;1".into(),
        origin_host: "bsf.home.test".parse().unwrap(),
        origin_realm: "home.test".parse().unwrap(),
        destination_realm: "home.test".parse().unwrap(),
        destination_host: None,
        impi: impi(),
        public_identity: None,
        scheme: None,
        resync: None,
        guss_timestamp: None,
    };
    let vector = milenage().vector(&rand(), "000000000040".parse().unwrap(), Amf::new([0, 0]));
    let maa = MultimediaAuthAnswer::Ok(Authentication {
        impi: Some(impi()),
        vectors: vec![vector],
        guss: None,
    });
    let bir = BootstrappingInfoRequest {
        session_id: "naf.home.test;1;1".into(),
        origin_host: "naf.home.test".parse().unwrap(),
        origin_realm: "home.test".parse().unwrap(),
        destination_realm: "home.test".parse().unwrap(),
        destination_host: None,
        btid: "x@bsf.home.test".parse().unwrap(),
        naf_id: naf_id(),
        gba_u_aware: true,
        service_ids: Vec::new(),
    };
    let key = |kind| {
        let key = ks().naf_key(kind, &rand(), &impi(), &naf_id());
        key.key_for(&UaId::HTTP_DIGEST).unwrap().duplicate()
    };
    let bia = BootstrappingInfoAnswer::Ok(BootstrappingInfo {
        impi: Some(impi()),
        me_key: key(KeyKind::Ext),
        uicc_key: Some(key(KeyKind::Int)),
        expiry: Utc(1_893_456_000),
        created: Utc(1_893_452_400),
        uss: None,
        gba_type: GbaType::ThreeG,
    });
    let carriers = [
        maa.to_message(&mar.to_message(), &origin),
        bia.to_message(&bir.to_message(), &origin),
    ];
    for message in &carriers {
        assert!(
            !canaries().found_in(&message.encode()).is_empty(),
            "the message holds keys"
        );
        let read = Message::parse(&message.encode()).unwrap();
        check(texts![message, read, read.avps, read.pretty(), read.summary()], 5);
        for avp in &read.avps {
            check(texts![avp, avp.value()], 2);
        }
        // As an error would quote it.
        if let Some(item) = read.find(&d::SIP_AUTH_DATA_ITEM) {
            for code in [&d::CONFIDENTIALITY_KEY, &d::INTEGRITY_KEY, &d::SIP_AUTHORIZATION] {
                let avp = item.find(code).unwrap();
                let fault = diameter::Fault::value(avp, "of no use");
                check(texts![avp, fault], 2);
                assert!(
                    canaries().found_in(fault.to_string().as_bytes()).is_empty(),
                    "{fault}"
                );
            }
        }
    }
    check(texts![maa, bia], 0);
}

/// Commands and answers between terminal and card, as the log and the ladder see them.
#[test]
fn what_passes_between_terminal_and_card() {
    for gba_u in [false, true] {
        let imsi: Imsi = "001010123456789".parse().unwrap();
        let mut profile = Profile::new(imsi, MncLength::Two, milenage());
        if gba_u {
            profile = profile.with_gba_u();
        }
        let seen = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&seen);
        let options = Options {
            observer: Some(Box::new(move |c: &_, r: &_| {
                let text = format!("{c:?} {r:?} {c:#?} {r:#?} {}", describe(c, r));
                keep.lock().unwrap().push(text);
            })),
            ..Options::default()
        };
        let mut usim = Usim::open_with(SoftCard::new(profile), options).unwrap();
        let vector = milenage().vector(&rand(), "000000000040".parse().unwrap(), Amf::new([0, 0]));
        let autn = if gba_u {
            aka::gba_u::mac_star(&vector.autn, &vector.ik)
        } else {
            vector.autn
        };
        let outcome = usim.run(&rand(), &autn);
        assert!(matches!(outcome, AkaOutcome::Success { .. }));
        if gba_u {
            let lifetime = Utc(4_000_000_000);
            let btid = "x@bsf.home.test".parse().unwrap();
            usim.write_gbabp(&rand(), &btid, lifetime).unwrap();
            let key = usim.gba_naf_key(&naf_id(), &impi()).unwrap();
            assert!(
                !canaries().found_in(key.expose()).is_empty(),
                "the very key that is looked for"
            );
        }
        let seen = seen.lock().unwrap().join("\n");
        assert!(seen.len() > 500, "{seen}");
        let found = canaries().found_in(seen.as_bytes());
        assert!(found.is_empty(), "{seen}\n{}", found.join("\n"));
    }
}
