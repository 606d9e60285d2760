//! The device's PSK client against a plain TLS-PSK server.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use base::Secret;
use gba::keys::KeyKind;
use http::Extensions;
use net::{
    accept::stop,
    http::{Limits, PeerInfo, serve_connection},
    tap::{self, Connection},
    tls::{
        psk::{Lookup, Server},
        suite::Suite,
    },
};
use tokio::net::TcpListener;

use super::*;

const BTID: &str = "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.mnc001.mcc001.pub.3gppnetwork.org";
const MAF: &str = "maf.operator.example";
const KEY: [u8; 32] = [0x42; 32];
const FAR: Utc = Utc(i64::MAX);

/// A server with that hint and suite that knows [`KEY`]; its address, and the identities that came.
async fn start(hint: &str, suite: Suite) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let config = Config {
        suites: vec![suite],
        ..Config::default()
    };
    let server = Server::new(config, hint, None).unwrap();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let identities = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let connection = Connection::of(&socket).unwrap();
            let find = async |hello: psk::PskHello| {
                let identity = String::from_utf8(hello.identity).unwrap();
                identities
                    .lock()
                    .unwrap()
                    .push(format!("{} {identity}", hello.sni));
                Lookup::Key(Secret::new(KEY))
            };
            if let Ok(stream) = server.accept(socket, connection, find).await {
                let info = PeerInfo::new(connection, Extensions::new());
                let mirror = async |request: Request<Bytes>, _| {
                    let host = request.headers()[header::HOST].to_str().unwrap();
                    Response::new(Bytes::from(format!("{host} {}", request.uri())))
                };
                let (_stopper, stop) = stop();
                serve_connection(stream, Limits::default(), info, mirror, stop).await;
            }
        }
    });
    (addr, seen)
}

fn client(config: PskConfig) -> PskClient {
    PskClient::new(config, tap::none()).unwrap()
}

fn all_suites() -> PskConfig {
    let mut config = PskConfig::default();
    config.tls.suites = Suite::ALL.to_vec();
    config
}

async fn derived(naf_id: NafId) -> Result<KsNaf, fmt::Error> {
    Ok(KsNaf::from_parts(Secret::new(KEY), naf_id, KeyKind::Me))
}

async fn connect<K, F>(client: &PskClient, addr: SocketAddr, derive: K) -> Result<PskSession, PskError>
where
    K: FnOnce(NafId) -> F,
    F: Future<Output = Result<KsNaf, fmt::Error>>,
{
    let (fqdn, btid) = (MAF.parse().unwrap(), BTID.parse().unwrap());
    client.connect(addr, &fqdn, &btid, FAR, derive).await
}

//= TS33.222-5.4-r2
#[tokio::test]
async fn derives_for_the_suite_that_the_naf_chose_and_asks_over_it() {
    for suite in Suite::ALL {
        let (addr, seen) = start("3GPP-bootstrapping", suite).await;
        let session = connect(&client(all_suites()), addr, derived).await.unwrap();
        let naf_id = NafId::new(MAF.parse().unwrap(), UaId::tls(suite.code()));
        assert_eq!(*session.key().naf_id(), naf_id);
        let request = Request::get("/cse?x=y").body(Bytes::new()).unwrap();
        let answer = session.send(request).await.unwrap();
        assert_eq!(answer.body(), &format!("{MAF} /cse?x=y"));
        let identity = format!("{MAF} 3GPP-bootstrapping;{BTID}");
        assert_eq!(*seen.lock().unwrap(), [identity]);
    }
}

//= TS24.109-F.3-r2
#[tokio::test]
async fn ruling_18_the_hint_is_searched_for_a_whole_element() {
    for (hint, offered) in [
        ("3GPP-bootstrapping", true),
        ("other;3GPP-bootstrapping", true),
        ("3GPP-bootstrapping-uicc;3GPP-bootstrapping", true),
        ("3GPP-bootstrapping-uicc", false),
        ("x3GPP-bootstrapping", false),
        ("other", false),
    ] {
        let (addr, seen) = start(hint, Suite::Aes128CbcSha256).await;
        let ended = connect(&client(PskConfig::default()), addr, derived).await;
        assert_eq!(ended.is_ok(), offered, "{hint}");
        assert_eq!(
            seen.lock().unwrap().is_empty(),
            !offered,
            "{hint}: no B-TID for others"
        );
        if let Err(e) = ended {
            assert!(
                matches!(&e, PskError::NotOffered { hint: Some(h) } if h == hint),
                "{e}"
            );
        }
    }
}

#[tokio::test]
async fn ruling_18_an_absent_hint_is_no_offer_unless_configured() {
    let (addr, seen) = start("", Suite::Aes128CbcSha256).await;
    let never = async |_| -> Result<KsNaf, fmt::Error> { panic!("nothing is derived") };
    let refused = connect(&client(PskConfig::default()), addr, never)
        .await
        .unwrap_err();
    assert!(
        matches!(refused, PskError::NotOffered { hint: None }),
        "{refused}"
    );
    assert!(seen.lock().unwrap().is_empty());
    let lenient = PskConfig {
        without_hint: true,
        ..PskConfig::default()
    };
    assert!(connect(&client(lenient), addr, derived).await.is_ok());
}

#[tokio::test]
async fn ruling_17_a_key_of_another_protocol_or_naf_is_not_used() {
    let (addr, seen) = start("3GPP-bootstrapping", Suite::Aes128CbcSha256).await;
    let client = client(PskConfig::default());
    for ua in [UaId::HTTP_DIGEST, UaId::tls(0x00a8), UaId::TLS13_PSK] {
        let derive = |id: NafId| derived(NafId::new(id.fqdn().clone(), ua));
        let refused = connect(&client, addr, derive).await.unwrap_err();
        assert!(
            matches!(&refused, PskError::WrongUse(e) if e.derived_for == ua),
            "{refused}"
        );
    }
    let derive = |id: NafId| derived(NafId::new("cse.operator.example".parse().unwrap(), id.ua()));
    let refused = connect(&client, addr, derive).await.unwrap_err();
    assert!(matches!(refused, PskError::WrongNaf { .. }), "{refused}");
    assert!(seen.lock().unwrap().is_empty(), "the B-TID wasn't sent either");
}

#[tokio::test]
async fn says_in_words_what_is_wrong() {
    let (addr, _) = start("3GPP-bootstrapping", Suite::Aes128CbcSha256).await;
    let client = client(PskConfig::default());
    let wrong = |id| async { Ok(KsNaf::from_parts(Secret::new([1; 32]), id, KeyKind::Me)) };
    let e = connect(&client, addr, wrong).await.unwrap_err().to_string();
    assert!(e.contains("different keys"), "{e}");
    let e = connect(&client, addr, async |_| Err(fmt::Error))
        .await
        .unwrap_err();
    assert!(matches!(e, PskError::Key(_)), "{e}");
    let (fqdn, btid): (Fqdn, Btid) = (MAF.parse().unwrap(), BTID.parse().unwrap());
    let e = client
        .connect(addr, &fqdn, &btid, Utc(0), derived)
        .await
        .unwrap_err();
    assert!(matches!(e, PskError::Expired), "{e}");
}

//= TS33.222-5.4-r4
#[tokio::test]
async fn ruling_18_nothing_is_sent_after_the_expiry() {
    let (addr, _) = start("3GPP-bootstrapping", Suite::Aes128CbcSha256).await;
    let (fqdn, btid): (Fqdn, Btid) = (MAF.parse().unwrap(), BTID.parse().unwrap());
    let soon = clock::now().utc.plus_secs(1);
    let client = client(PskConfig::default());
    let session = client.connect(addr, &fqdn, &btid, soon, derived).await.unwrap();
    let ended = async {
        loop {
            let request = Request::get("/").body(Bytes::new()).unwrap();
            if let Err(e) = session.send(request).await {
                break e;
            }
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(5), ended).await.unwrap();
    assert!(matches!(ended, PskError::Expired), "{ended}");
}
