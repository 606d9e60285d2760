//! Typed zh messages: round trips, refusals, tolerance of answers.
#![allow(clippy::unwrap_used, reason = "a test helper may panic")]

use aka::{Autn, Auts, Rand, Res, Vector};
use base::{Secret, Utc};
use diameter::{Avp, Identity, Message, Origin, ResultCode, dictionary as d};
use gba::{zh::*, zn};
use proptest::prelude::*;

fn id(name: &str) -> Identity {
    name.parse().unwrap()
}

fn origin() -> Origin {
    Origin {
        host: id("hss.home.test"),
        realm: id("home.test"),
    }
}

fn request() -> MultimediaAuthRequest {
    MultimediaAuthRequest {
        session_id: "bsf.home.test;1;2".into(),
        origin_host: id("bsf.home.test"),
        origin_realm: id("home.test"),
        destination_realm: id("home.test"),
        destination_host: Some(id("hss.home.test")),
        impi: "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"
            .parse()
            .unwrap(),
        public_identity: None,
        scheme: Some(Scheme::DigestAkaV1Md5),
        resync: Some((Rand::from([7; 16]), Auts::from([9; 14]))),
        guss_timestamp: Some(Utc(1_735_689_600)),
    }
}

fn vector(n: u8) -> Vector {
    Vector {
        rand: Rand::from([n; 16]),
        autn: Autn::from([n + 1; 16]),
        xres: Res::new(&[n + 2; 8]).unwrap(),
        ck: Secret::new([n + 3; 16]),
        ik: Secret::new([n + 4; 16]),
    }
}

fn ok(vectors: Vec<Vector>) -> MultimediaAuthAnswer {
    MultimediaAuthAnswer::Ok(Authentication {
        impi: Some(request().impi),
        vectors,
        guss: Some(b"<guss/>".to_vec()),
    })
}

//= TS29.109-4.2-r4
#[test]
fn a_request_comes_back_as_it_was_written() {
    let mut wanted = request();
    let on_the_wire = |r: &MultimediaAuthRequest| Message::parse(&r.to_message().encode()).unwrap();
    assert_eq!(
        MultimediaAuthRequest::parse(&on_the_wire(&wanted)),
        Ok(wanted.clone())
    );
    (wanted.resync, wanted.scheme, wanted.guss_timestamp) = (None, None, None);
    assert_eq!(MultimediaAuthRequest::parse(&on_the_wire(&wanted)), Ok(wanted));
}

//= TS29.109-6.3-r2
#[test]
fn guss_timestamp_is_sent_without_the_m_flag() {
    let m = request().to_message();
    assert!(!m.find(&d::GUSS_TIMESTAMP).unwrap().is_mandatory());
    assert!(m.find(&d::USER_NAME).unwrap().is_mandatory());
}

//= TS29.109-4.2-r7
#[test]
fn several_vectors_keep_their_order_by_item_number() {
    let m = ok(vec![vector(10), vector(20)]).to_message(&request().to_message(), &origin());
    let mut m = Message::parse(&m.encode()).unwrap();
    assert_eq!(m.find(&d::SIP_NUMBER_AUTH_ITEMS).unwrap().as_u32(), Ok(2));
    m.avps.reverse();
    let MultimediaAuthAnswer::Ok(answer) = MultimediaAuthAnswer::parse(&m).unwrap() else {
        panic!("not ok")
    };
    let rands: Vec<_> = answer.vectors.iter().map(|v| v.rand).collect();
    assert_eq!(rands, [Rand::from([10; 16]), Rand::from([20; 16])]);
    assert!(answer.vectors[0].xres.ct_eq(&vector(10).xres));
    assert!(answer.vectors[0].ck.ct_eq(&vector(10).ck) && answer.vectors[0].ik.ct_eq(&vector(10).ik));
    assert_eq!(
        (answer.impi, answer.guss),
        (Some(request().impi), Some(b"<guss/>".to_vec()))
    );
}

#[test]
fn an_answer_with_what_a_relay_added_is_read() {
    let mut m = ok(vec![vector(1)]).to_message(&request().to_message(), &origin());
    m.avps
        .push(Avp::identity(&d::ROUTE_RECORD, &id("relay.home.test")));
    m.avps.push(Avp::raw(9999, 1, Avp::MANDATORY, [1]));
    assert!(matches!(
        MultimediaAuthAnswer::parse(&m),
        Ok(MultimediaAuthAnswer::Ok(_))
    ));
}

//= TS29.109-4.2-r1
//= TS29.109-6.2-r1
#[test]
fn refusals_name_code_and_avp() {
    let mut m = request().to_message();
    m.avps.retain(|avp| !avp.is(&d::USER_NAME));
    let fault = MultimediaAuthRequest::parse(&m).unwrap_err();
    let answer = fault_answer(&m, &origin(), &fault);
    assert_eq!(answer.result(), Ok(ResultCode::MISSING_AVP));
    let MultimediaAuthAnswer::Err(failure) = MultimediaAuthAnswer::parse(&answer).unwrap() else {
        panic!("not a failure")
    };
    assert_eq!(failure.failed_avp.map(|avp| avp.code()), Some(1));

    for name in ["", "nobody", "@"] {
        let mut m = request().to_message();
        m.avps.retain(|avp| !avp.is(&d::USER_NAME));
        m.avps.push(Avp::utf8(&d::USER_NAME, name));
        let fault = MultimediaAuthRequest::parse(&m).unwrap_err();
        assert_eq!(fault.result, ResultCode::IDENTITY_UNKNOWN, "{name:?}");
        let answer = fault_answer(&m, &origin(), &fault);
        assert!(answer.find(&d::RESULT_CODE).is_none() && !answer.is_error());
        assert_eq!(answer.result(), Ok(ResultCode::IDENTITY_UNKNOWN));
    }

    let mut m = request().to_message();
    m.avps.retain(|avp| !avp.is(&d::SIP_AUTH_DATA_ITEM));
    m.avps.push(Avp::group(
        &d::SIP_AUTH_DATA_ITEM,
        vec![Avp::octets(&d::SIP_AUTHORIZATION, [0; 29])],
    ));
    let fault = MultimediaAuthRequest::parse(&m).unwrap_err();
    assert_eq!(
        (fault.result, fault.failed_avp),
        (ResultCode::INVALID_AVP_VALUE, Some((610, d::TGPP)))
    );
}

//= TS29.109-4.2-r5
#[test]
fn success_needs_a_whole_vector() {
    let good = ok(vec![vector(1)]).to_message(&request().to_message(), &origin());
    let with = |item: Option<Avp>| {
        let mut m = good.clone();
        m.avps.retain(|avp| !avp.is(&d::SIP_AUTH_DATA_ITEM));
        m.avps.extend(item);
        MultimediaAuthAnswer::parse(&m)
            .err()
            .map(|f| (f.result.number(), f.failed_avp))
    };
    let whole = good.find(&d::SIP_AUTH_DATA_ITEM).unwrap();
    assert_eq!(with(Some(whole.clone())), None);
    assert_eq!(with(None), Some((5005, Some((612, d::TGPP)))));
    for def in [
        &d::SIP_AUTHENTICATE,
        &d::SIP_AUTHORIZATION,
        &d::CONFIDENTIALITY_KEY,
        &d::INTEGRITY_KEY,
    ] {
        let without = |replacement: Option<Avp>| {
            let rest = whole.as_group().iter().filter(|avp| !avp.is(def)).cloned();
            Avp::group(&d::SIP_AUTH_DATA_ITEM, rest.chain(replacement).collect())
        };
        assert_eq!(with(Some(without(None))), Some((5005, Some((def.code, d::TGPP)))));
        let wrong = without(Some(Avp::octets(def, [0; 3])));
        assert_eq!(with(Some(wrong)), Some((5004, Some((def.code, d::TGPP)))));
    }
}

proptest! {
    #[test]
    fn typed_reading_never_panics(body in proptest::collection::vec(any::<u8>(), 0..400), answer in any::<bool>()) {
        let mut octets = request().to_message().encode();
        octets[4] = if answer { 0x40 } else { 0xc0 };
        octets.extend_from_slice(&body);
        octets.resize(octets.len().next_multiple_of(4), 0);
        let len = u32::try_from(octets.len()).unwrap().to_be_bytes();
        octets[1..4].copy_from_slice(&len[1..]);
        if let Ok(m) = Message::parse(&octets) {
            let _ = MultimediaAuthRequest::parse(&m);
            let _ = MultimediaAuthAnswer::parse(&m);
            let _ = zn::BootstrappingInfoRequest::parse(&m);
            let _ = zn::BootstrappingInfoAnswer::parse(&m);
        }
    }
}
