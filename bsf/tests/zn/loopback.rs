//! Zn over real connections.

use std::{net::SocketAddr, sync::Arc};

use base::hex;
use bsf::{
    MemorySessions, Sessions,
    sessions::{Mode, Session},
    zn::{ZnServer, serve_zn},
};
use diameter::{Origin, ResultCode, dictionary as d};
use gba::zn::BootstrappingInfoAnswer;
use net::{
    accept, clock,
    diameter::{Client, Error, Role, Rule},
};
use tokio::net::TcpListener;

use crate::help::*;

pub(crate) fn client(address: SocketAddr, host: &str) -> Client {
    let origin = Origin {
        host: name(host),
        realm: name("home.test"),
    };
    let bsf = Rule {
        host: name(BSF),
        role: Role::Bsf,
    };
    Client::connect(
        address.to_string(),
        net::diameter::Config::new(origin, vec![d::ZN], vec![bsf]),
    )
}

/// A BSF whose session lives by the system's clocks.
pub(crate) async fn living(mode: Mode) -> TestBsf {
    let now = clock::now() + std::time::Duration::from_secs(600);
    let session = Session {
        expiry: now.utc,
        ends: now.mono,
        ..session(mode)
    };
    let sessions = Arc::new(MemorySessions::default());
    sessions
        .issue_btid(Arc::new(session), clock::now())
        .await
        .unwrap();
    ZnServer::new((*bsf(mode).await.config()).clone(), sessions)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registered_nafs_and_relays_are_served_and_nobody_else() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stopper, stop) = accept::stop();
    let server = tokio::spawn(serve_zn(listener, Arc::new(living(Mode::Me).await), stop));

    let naf = client(address, "naf.test");
    let asks: Vec<_> = (0..50)
        .map(|_| {
            let naf = naf.clone();
            tokio::spawn(async move { naf.request(bir().to_message()).await.unwrap() })
        })
        .collect();
    for ask in asks {
        let BootstrappingInfoAnswer::Ok(info) = BootstrappingInfoAnswer::parse(&ask.await.unwrap()).unwrap()
        else {
            panic!("refused")
        };
        assert_eq!(hex::encode(info.me_key.expose()), KS_NAF);
    }

    let relay = client(address, "dra.test");
    assert_eq!(
        relay.request(bir().to_message()).await.unwrap().result(),
        Ok(ResultCode::SUCCESS)
    );
    let mut own = bir();
    own.origin_host = name("dra.test");
    assert_eq!(
        relay.request(own.to_message()).await.unwrap().result(),
        Ok(ResultCode::NOT_AUTHORIZED)
    );

    // Another NAF doesn't get at this one's key, neither in its own name nor in a false one.
    let other = client(address, "open.test");
    let mut in_its_own = bir();
    in_its_own.origin_host = name("open.test");
    let answer = other.request(in_its_own.to_message()).await.unwrap();
    assert_eq!(answer.result(), Ok(ResultCode::NOT_AUTHORIZED));
    let answer = other.request(bir().to_message()).await;
    assert!(answer.is_err() || answer.is_ok_and(|a| !a.result().unwrap().is_success()));

    let stranger = client(address, "stranger.test");
    let refused = stranger.request(bir().to_message()).await.unwrap_err();
    assert!(matches!(refused, Error::Down { .. }), "{refused}");

    stopper.stop();
    server.await.unwrap().unwrap();
}

//= RFC6733-2.1-r1
#[tokio::test]
async fn ruling_21_no_zn_in_clear_away_from_loopback() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let (_stopper, stop) = accept::stop();
    let refused = serve_zn(listener, Arc::new(bsf(Mode::Me).await), stop)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("in clear"), "{refused}");
}
