//! Typed zn messages: round trips, refusals, tolerance of answers.
#![allow(clippy::unwrap_used, reason = "a test helper may panic")]

use base::{Secret, Utc};
use diameter::{Avp, Identity, Message, Origin, ResultCode, dictionary as d};
use gba::{
    ids::{NafId, UaId},
    zn::*,
};

fn id(name: &str) -> Identity {
    name.parse().unwrap()
}

fn origin() -> Origin {
    Origin {
        host: id("bsf.home.test"),
        realm: id("home.test"),
    }
}

fn request() -> BootstrappingInfoRequest {
    BootstrappingInfoRequest {
        session_id: "naf.home.test;1;2".into(),
        origin_host: id("naf.home.test"),
        origin_realm: id("home.test"),
        destination_realm: id("home.test"),
        destination_host: None,
        btid: "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.home.test".parse().unwrap(),
        naf_id: NafId::new("naf.home.test".parse().unwrap(), UaId::HTTP_DIGEST),
        gba_u_aware: true,
        service_ids: vec!["1".into(), "2".into()],
    }
}

fn ok() -> BootstrappingInfo {
    BootstrappingInfo {
        impi: None,
        me_key: Secret::new([1; 32]),
        uicc_key: Some(Secret::new([2; 32])),
        expiry: Utc(1_893_456_000),
        created: Utc(1_893_369_600),
        uss: Some(b"<ussList/>".to_vec()),
        gba_type: GbaType::ThreeG,
    }
}

//= TS29.109-5.2-r1
//= TS29.109-5.2-r2
#[test]
fn request_and_answer_come_back_as_they_were_written() {
    let wanted = request();
    let asked = Message::parse(&wanted.to_message().encode()).unwrap();
    assert_eq!(BootstrappingInfoRequest::parse(&asked), Ok(wanted));

    let answer = BootstrappingInfoAnswer::Ok(ok()).to_message(&asked, &origin());
    let answer = Message::parse(&answer.encode()).unwrap();
    let BootstrappingInfoAnswer::Ok(read) = BootstrappingInfoAnswer::parse(&answer).unwrap() else {
        panic!("not ok")
    };
    assert!(read.me_key.ct_eq(&ok().me_key) && read.uicc_key.unwrap().ct_eq(&ok().uicc_key.unwrap()));
    assert_eq!((read.expiry, read.created), (ok().expiry, ok().created));
    assert_eq!(
        (read.impi, read.uss, read.gba_type),
        (None, ok().uss, GbaType::ThreeG)
    );
}

//= TS29.109-5.2-r3
//= TS29.109-5.2-r4
#[test]
fn awareness_absent_is_no_and_type_absent_is_3g() {
    let mut m = request().to_message();
    m.avps.retain(|avp| !avp.is(&d::GBA_U_AWARENESS_INDICATOR));
    assert!(!BootstrappingInfoRequest::parse(&m).unwrap().gba_u_aware);
    let mut a = BootstrappingInfoAnswer::Ok(ok()).to_message(&m, &origin());
    a.avps.retain(|avp| !avp.is(&d::GBA_TYPE));
    let Ok(BootstrappingInfoAnswer::Ok(read)) = BootstrappingInfoAnswer::parse(&a) else {
        panic!("not ok")
    };
    assert_eq!(read.gba_type, GbaType::ThreeG);
}

/// Ruling 22: the FQDN's grammar is checked before the last five octets are cut off.
//= TS29.109-5.2-r1
#[test]
fn ruling_22_naf_id_has_both_parts() {
    let with = |octets: &[u8]| {
        let mut m = request().to_message();
        m.avps.retain(|avp| !avp.is(&d::NAF_ID));
        m.avps.push(Avp::octets(&d::NAF_ID, octets));
        BootstrappingInfoRequest::parse(&m)
            .map(|r| r.naf_id)
            .map_err(|f| (f.result, f.failed_avp))
    };
    let refused = Err((ResultCode::INVALID_AVP_VALUE, Some((402, d::TGPP))));
    assert_eq!(with(b"\x01\0\0\0\x02"), refused);
    assert_eq!(with(b"naf.home.test"), refused);
    assert_eq!(with(b"naf home.test\x01\0\0\0\x02"), refused);
    assert_eq!(with(b""), refused);
    assert_eq!(with(b"NAF.home.test.\x01\0\0\0\x02"), Ok(request().naf_id));
}

//= TS29.109-6.2-r1
#[test]
fn errors_go_in_experimental_result() {
    let asked = request().to_message();
    for code in [
        ResultCode::IDENTITY_UNKNOWN,
        ResultCode::NOT_AUTHORIZED,
        ResultCode::TRANSACTION_IDENTIFIER_INVALID,
    ] {
        let m = BootstrappingInfoAnswer::Err(Failure::new(code)).to_message(&asked, &origin());
        assert!(m.find(&d::RESULT_CODE).is_none() && m.find(&d::EXPERIMENTAL_RESULT).is_some());
        let m = Message::parse(&m.encode()).unwrap();
        let Ok(BootstrappingInfoAnswer::Err(failure)) = BootstrappingInfoAnswer::parse(&m) else {
            panic!("not a failure")
        };
        assert_eq!(failure, Failure::new(code));
    }
    let mut m = asked;
    m.avps.retain(|avp| !avp.is(&d::TRANSACTION_IDENTIFIER));
    m.avps.push(Avp::utf8(&d::TRANSACTION_IDENTIFIER, "no at sign"));
    assert_eq!(
        BootstrappingInfoRequest::parse(&m).unwrap_err().result,
        ResultCode::TRANSACTION_IDENTIFIER_INVALID
    );
}

//= TS29.109-5.2-r2
#[test]
fn a_key_of_another_length_is_refused() {
    let mut m = BootstrappingInfoAnswer::Ok(ok()).to_message(&request().to_message(), &origin());
    m.avps.retain(|avp| !avp.is(&d::ME_KEY_MATERIAL));
    m.avps.push(Avp::octets(&d::ME_KEY_MATERIAL, [1; 31]));
    assert!(BootstrappingInfoAnswer::parse(&m).is_err());
}
