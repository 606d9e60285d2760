//! What a laboratory does: sessions from a file, NAFs that nobody listed, answers that are wrong on purpose.

use std::{collections::HashMap, sync::Arc, time::Duration};

use base::Secret;
use bsf::{
    fixed::{FixedSessions, GivenKeys, NafKeys},
    inject::Injections,
    rights::Rights,
    sessions::Mode,
    zn::{ZnConfig, ZnServer},
};
use diameter::{Message, Origin, ResultCode};
use gba::{
    guss::{BsfInfo, Guss, Uss},
    ids::Btid,
    zn::{BootstrappingInfo, BootstrappingInfoAnswer, BootstrappingInfoRequest},
};

use crate::help::{BSF, KS_NAF, LIFETIME, NAF, at, bir, naf_id, name, rights, session};

fn given() -> Btid {
    "given@bsf.test".parse().unwrap()
}

/// The session of the other tests, and one without Ks.
fn sessions(mode: Mode) -> FixedSessions {
    let mut all = FixedSessions::new();
    all.add(session(mode)).unwrap();
    let me = Secret::new([1; 32]);
    let uicc = Some(Secret::new([2; 32]));
    let uss = Uss {
        id: "1".into(),
        ..Uss::default()
    };
    let guss = Guss {
        id: None,
        bsf_info: BsfInfo::default(),
        uss: vec![uss],
    };
    let given = || GivenKeys {
        btid: given(),
        impi: Some("a@home.test".parse().unwrap()),
        keys: HashMap::new(),
        guss: Some(Arc::new(guss.clone())),
        created: at(0).utc,
        expiry: at(LIFETIME).utc,
        ends: at(LIFETIME).mono,
    };
    let keys = [(naf_id(NAF, "0100000002"), NafKeys { me, uicc })].into();
    all.add_given(GivenKeys { keys, ..given() }).unwrap();
    assert!(all.add(session(mode)).is_err() && all.add_given(given()).is_err());
    all
}

fn server(mode: Mode, rights: Rights, inject: &[&str]) -> ZnServer<FixedSessions> {
    let origin = Origin {
        host: name(BSF),
        realm: name("home.test"),
    };
    let mut config = ZnConfig::new(origin, rights);
    config.injections = Injections(inject.iter().map(|text| text.parse().unwrap()).collect());
    ZnServer::new(config, Arc::new(sessions(mode)))
}

async fn ask(
    bsf: &ZnServer<FixedSessions>,
    secs: u32,
    bir: &BootstrappingInfoRequest,
) -> Option<Result<BootstrappingInfo, ResultCode>> {
    let answer = bsf.respond(at(secs), &bir.origin_host, &bir.to_message()).await?;
    let answer = Message::parse(&answer.encode()).unwrap();
    Some(match BootstrappingInfoAnswer::parse(&answer).unwrap() {
        BootstrappingInfoAnswer::Ok(info) => Ok(info),
        BootstrappingInfoAnswer::Err(failure) => Err(failure.result),
    })
}

fn of_given() -> BootstrappingInfoRequest {
    BootstrappingInfoRequest {
        btid: given(),
        gba_u_aware: true,
        service_ids: vec!["1".into()],
        ..bir()
    }
}

#[tokio::test]
async fn a_file_s_sessions_answer_as_bootstrapped_ones_until_they_end() {
    let bsf = server(Mode::U, rights(), &[]);
    let derived = ask(&bsf, 0, &bir()).await.unwrap().unwrap();
    assert_eq!(base::hex::encode(derived.me_key.expose()), KS_NAF);
    let mut aware = bir();
    aware.gba_u_aware = true;
    let info = ask(&bsf, 0, &aware).await.unwrap().unwrap();
    assert!(info.uicc_key.is_some() && derived.uicc_key.is_none());

    let info = ask(&bsf, 0, &of_given()).await.unwrap().unwrap();
    assert_eq!(info.me_key.expose(), &[1; 32]);
    assert_eq!(info.uicc_key.unwrap().expose(), &[2; 32]);
    assert!(info.uss.is_some());
    assert!(info.impi.is_none(), "ruling 22: this NAF may not know it");
    assert_eq!(info.expiry, at(LIFETIME).utc);
    let unaware = BootstrappingInfoRequest {
        gba_u_aware: false,
        service_ids: Vec::new(),
        ..of_given()
    };
    let info = ask(&bsf, 0, &unaware).await.unwrap().unwrap();
    assert!(info.uicc_key.is_none() && info.uss.is_none());

    let unknown = Some(ResultCode::TRANSACTION_IDENTIFIER_INVALID);
    for request in [&bir(), &of_given()] {
        assert_eq!(ask(&bsf, LIFETIME, request).await.unwrap().err(), unknown);
    }
    // A NAF-Id that is the NAF's own, but that the file has no key for.
    let other = BootstrappingInfoRequest {
        naf_id: naf_id(NAF, "01000100ae"),
        ..of_given()
    };
    assert_eq!(ask(&bsf, 0, &other).await.unwrap().err(), unknown);
}

#[tokio::test]
async fn ruling_22_holds_for_a_file_s_sessions_until_anybody_is_allowed() {
    let stranger = BootstrappingInfoRequest {
        origin_host: name("stranger.test"),
        ..of_given()
    };
    let strict = server(Mode::Me, rights(), &["key-flip", "drop"]);
    let refused = Some(ResultCode::NOT_AUTHORIZED);
    // Refused as ever, also where answers are dropped: an injection is for those who may ask.
    assert_eq!(ask(&strict, 0, &stranger).await.unwrap().err(), refused);
    assert!(strict.node().strangers.is_none());

    let mut anybody = rights();
    anybody.allow_anybody();
    let bsf = server(Mode::Me, anybody, &[]);
    let info = ask(&bsf, 0, &stranger).await.unwrap().unwrap();
    assert!(info.impi.is_some() && info.uss.is_some());
    assert!(bsf.node().strangers.is_some());
    // Those that are listed keep their own rights.
    let info = ask(&bsf, 0, &of_given()).await.unwrap().unwrap();
    assert!(info.impi.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_injection_changes_the_answer_delays_it_or_drops_it() {
    let flipped = server(Mode::Me, rights(), &["key-flip@given"]);
    let info = ask(&flipped, 0, &of_given()).await.unwrap().unwrap();
    assert_eq!(info.me_key.expose()[31], 0);
    let info = ask(&flipped, 0, &bir()).await.unwrap().unwrap();
    assert_eq!(base::hex::encode(info.me_key.expose()), KS_NAF);

    let slow = server(Mode::Me, rights(), &["slow=3s"]);
    let start = tokio::time::Instant::now();
    assert!(ask(&slow, 0, &bir()).await.unwrap().is_ok());
    assert_eq!(start.elapsed(), Duration::from_secs(3));
    let limit = server(Mode::Me, rights(), &[]).node().limits.handler;
    assert_eq!(slow.node().limits.handler, limit + Duration::from_secs(3));

    let dropped = server(Mode::Me, rights(), &["drop"]);
    assert!(ask(&dropped, 0, &bir()).await.is_none());
}
