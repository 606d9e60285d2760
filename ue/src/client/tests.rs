//! The client against NAFs over sockets, with a real run of the device behind it.

use std::{collections::HashMap, sync::atomic::Ordering};

use gba::ub::client::Mode;

use super::*;
use crate::{
    fake::{self, Bsf, Fault, Naf, card, device},
    test_clock,
};

fn start() -> Now {
    fake::at(0)
}

fn get(url: &str) -> UaRequest {
    UaRequest::get(url.parse().unwrap())
}

/// A client that finds these NAFs by name.
fn client(bsf: &Bsf, nafs: &[(&str, &Naf)]) -> Client {
    let addresses: HashMap<Fqdn, String> = nafs
        .iter()
        .map(|(name, naf)| (name.parse().unwrap(), naf.addr.to_string()))
        .collect();
    Client::new(bsf.address()).with_resolver(move |name, _| addresses[name].clone())
}

#[tokio::test]
async fn a_request_bootstraps_answers_and_checks_the_proof() {
    for mode in [Mode::Me, Mode::U] {
        let bsf = Bsf::start(mode).await;
        let naf = Naf::start(&bsf, "naf.home.test").await;
        let mut ue = device(card(mode), start, net::tap::none()).await;
        let mut client = client(&bsf, &[("naf.home.test", &naf)]);
        for n in 1..=3u32 {
            let answer = client
                .fetch(&mut ue, get("http://NAF.home.test/a?x=1"))
                .await
                .unwrap();
            assert!(answer.status == 200 && answer.proven);
            assert_eq!(answer.body, "hello from naf.home.test");
            let last = naf.state.credentials.lock().unwrap().last().unwrap().clone();
            assert_eq!((last.nonce_count(), last.uri.as_str()), (Some(n), "/a?x=1"));
        }
        assert_eq!(
            (naf.challenges(), bsf.vectors()),
            (1, 1),
            "one challenge and one vector for three requests"
        );
    }
}

//= TS33.220-4.5.3-r1
#[tokio::test]
async fn two_nafs_have_two_keys_from_one_run() {
    let bsf = Bsf::start(Mode::Me).await;
    let first = Naf::start(&bsf, "naf.home.test").await;
    let second = Naf::start(&bsf, "second.home.test").await;
    let mut ue = device(card(Mode::Me), start, net::tap::none()).await;
    let mut client = client(&bsf, &[("naf.home.test", &first), ("second.home.test", &second)]);
    // A redirect leads from one to the other: each is answered with its own key, and only its own.
    let answer = client
        .fetch(&mut ue, get("http://naf.home.test/away"))
        .await
        .unwrap();
    assert_eq!(
        (answer.body, answer.url.host().as_str()),
        (Bytes::from("hello from second.home.test"), "second.home.test")
    );
    assert!(
        client
            .fetch(&mut ue, get("http://naf.home.test/"))
            .await
            .unwrap()
            .proven
    );
    assert_eq!(bsf.vectors(), 1);
    let realm_of = |naf: &Naf| naf.state.credentials.lock().unwrap()[0].realm.clone();
    assert_eq!(realm_of(&first), "3GPP-bootstrapping@naf.home.test");
    assert_eq!(realm_of(&second), "3GPP-bootstrapping@second.home.test");
}

#[tokio::test]
async fn ruling_16_a_naf_that_asks_for_anothers_key_gets_nothing() {
    let bsf = Bsf::start(Mode::Me).await;
    let naf = Naf::start(&bsf, "naf.home.test").await;
    *naf.state.realm.lock().unwrap() = Some("3GPP-bootstrapping@bank.test".to_owned());
    let mut ue = device(card(Mode::Me), start, net::tap::none()).await;
    let mut client = client(&bsf, &[("naf.home.test", &naf)]);
    let e = client
        .fetch(&mut ue, get("http://naf.home.test/"))
        .await
        .unwrap_err();
    assert!(matches!(e, ClientError::Ua(UaError::ForeignRealm { .. })), "{e}");
    assert!(naf.state.credentials.lock().unwrap().is_empty());
    assert_eq!(bsf.vectors(), 0, "not even a bootstrapping");
    assert!(client.connections.is_empty(), "the connection is closed");
}

#[tokio::test]
async fn ruling_16_a_refusing_naf_burns_one_vector_a_minute() {
    test_clock!(SECONDS, clock);
    let bsf = Bsf::start(Mode::Me).await;
    let naf = Naf::start(&bsf, "naf.home.test").await;
    naf.state.refuse.store(true, Ordering::SeqCst);
    let mut ue = device(card(Mode::Me), clock, net::tap::none()).await;
    let mut client = client(&bsf, &[("naf.home.test", &naf)]);
    let mut failure = async || match client.fetch(&mut ue, get("http://naf.home.test/")).await {
        Err(ClientError::Ua(e)) => e,
        other => panic!("{:?}", other.map(drop)),
    };
    assert_eq!(failure().await, UaError::Refused);
    assert_eq!(
        bsf.vectors(),
        2,
        "the first key, and one more because of the refusal"
    );
    for _ in 0..3 {
        assert_eq!(failure().await, UaError::TooSoon);
    }
    assert_eq!(bsf.vectors(), 2);
    SECONDS.store(60, Ordering::SeqCst);
    assert_eq!(failure().await, UaError::Refused);
    assert_eq!(bsf.vectors(), 3);
}

//= TS33.220-4.5.3-r4
//= TS24.109-5.2-r8
#[tokio::test]
async fn a_lost_b_tid_is_replaced_by_a_new_run() {
    let bsf = Bsf::start(Mode::Me).await;
    let naf = Naf::start(&bsf, "naf.home.test").await;
    let mut ue = device(card(Mode::Me), start, net::tap::none()).await;
    let mut client = client(&bsf, &[("naf.home.test", &naf)]);
    client.fetch(&mut ue, get("http://naf.home.test/")).await.unwrap();
    let old = ue.btid().cloned();
    bsf.state.sessions.lock().unwrap().clear();
    let answer = client.fetch(&mut ue, get("http://naf.home.test/")).await.unwrap();
    assert!(answer.proven && ue.btid() != old.as_ref());
    assert_eq!(bsf.vectors(), 2);
}

//= TS33.220-4.5.3-r5
#[tokio::test]
async fn an_expired_session_is_replaced_before_it_is_used() {
    test_clock!(SECONDS, clock);
    let bsf = Bsf::start(Mode::Me).await;
    let naf = Naf::start(&bsf, "naf.home.test").await;
    let mut ue = device(card(Mode::Me), clock, net::tap::none()).await;
    let mut client = client(&bsf, &[("naf.home.test", &naf)]);
    client.fetch(&mut ue, get("http://naf.home.test/")).await.unwrap();
    let old = ue.btid().unwrap().to_string();
    SECONDS.store(3600, Ordering::SeqCst);
    // The BSF of the test gives a lifetime that has ended by now: that is told, and the old key isn't used.
    let e = client
        .fetch(&mut ue, get("http://naf.home.test/"))
        .await
        .unwrap_err();
    assert!(e.to_string().contains("lies in the past"), "{e}");
    let used = naf
        .state
        .credentials
        .lock()
        .unwrap()
        .iter()
        .filter(|c| c.username == old)
        .count();
    assert_eq!(used, 1);
}

#[tokio::test]
async fn troubles_are_told_in_plain_words() {
    let bsf = Bsf::start(Mode::Me).await;
    let naf = Naf::start(&bsf, "naf.home.test").await;
    let mut ue = device(card(Mode::Me), start, net::tap::none()).await;
    let mut client = client(&bsf, &[("naf.home.test", &naf)]);
    bsf.fault(Fault::Down);
    let e = client
        .fetch(&mut ue, get("http://naf.home.test/"))
        .await
        .unwrap_err();
    assert!(e.to_string().contains("503"), "{e}");
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let mut lost = Client::new(bsf.address()).with_resolver(move |_, _| nobody.to_string());
    let e = lost
        .fetch(&mut ue, get("http://naf.home.test/"))
        .await
        .unwrap_err();
    assert!(matches!(e, ClientError::Unreachable(_)), "{e}");
}
