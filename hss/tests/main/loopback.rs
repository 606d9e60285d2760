//! Zh over real connections: a stranger gets nowhere, a relay brings a BSF's request.

use std::{net::SocketAddr, sync::Arc};

use base::SeededEntropy;
use diameter::{Identity, ResultCode, dictionary as d};
use hss::{Auc, Config, FileSqnStore, Hss, Subscribers};
use net::{
    accept::{self, Stopper},
    diameter::{Client, Error, Role, Rule},
};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::help::*;

struct Running {
    address: SocketAddr,
    stopper: Stopper,
    task: JoinHandle<Result<(), Error>>,
    _directory: tempfile::TempDir,
}

/// An HSS with the file store, on a port of its own.
async fn start(config: Config) -> Running {
    let directory = tempfile::tempdir().unwrap();
    let store = FileSqnStore::create(&directory.path().join("hss.sqn")).unwrap();
    let auc = Auc::new(store, SeededEntropy::new(3));
    let hss = Arc::new(Hss::new(config, Subscribers::from_iter([subscriber()]), auc));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stopper, stop) = accept::stop();
    let task = tokio::spawn(hss::serve(listener, hss, stop));
    Running {
        address,
        stopper,
        task,
        _directory: directory,
    }
}

pub(crate) fn client(address: SocketAddr, host: &str) -> Client {
    let origin = diameter::Origin {
        host: name(host),
        realm: name("home.test"),
    };
    let hss = Rule {
        host: name(HSS),
        role: Role::Hss,
    };
    Client::connect(
        address.to_string(),
        net::diameter::Config::new(origin, vec![d::ZH], vec![hss]),
    )
}

#[tokio::test]
async fn a_stranger_gets_no_further_than_the_capabilities_exchange() {
    let running = start(config()).await;
    let stranger = client(running.address, "naf.home.test");
    let refused = stranger.request(mar().to_message()).await.unwrap_err();
    assert!(matches!(refused, Error::Down { .. }), "{refused}");
    // And a BSF can't ask in another one's name.
    let bsf = client(running.address, BSF);
    let mut other = mar();
    other.origin_host = name("bsf2.home.test");
    let answer = bsf.request(other.to_message()).await;
    assert!(answer.is_err() || answer.is_ok_and(|a| !a.result().unwrap().is_success()));
    running.stopper.stop();
    running.task.await.unwrap().unwrap();
}

//= RFC6733-6.1-r3
#[tokio::test]
async fn a_relay_brings_the_request_of_a_registered_bsf_and_none_of_its_own() {
    let relay: Identity = name("dra.home.test");
    let running = start(Config {
        relays: [relay].into(),
        ..config()
    })
    .await;
    let relay = client(running.address, "dra.home.test");
    let answer = relay.request(mar().to_message()).await.unwrap();
    assert_eq!(answer.result(), Ok(ResultCode::SUCCESS));
    let mut own = mar();
    own.origin_host = name("dra.home.test");
    let answer = relay.request(own.to_message()).await.unwrap();
    assert_eq!(answer.result(), Ok(ResultCode::AUTHORIZATION_REJECTED));
    running.stopper.stop();
    running.task.await.unwrap().unwrap();
}

//= RFC6733-2.1-r1
#[tokio::test]
async fn ruling_21_no_zh_in_clear_away_from_loopback() {
    let hss = Arc::new(hss(subscriber(), &[]));
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let (_stopper, stop) = accept::stop();
    let refused = hss::serve(listener, hss, stop).await.unwrap_err();
    assert!(refused.to_string().contains("in clear"), "{refused}");
}
