//! The NAF's PSK server against a plain TLS-PSK client.

use std::{net::Ipv4Addr, sync::Mutex};

use base::{Secret, Utc};
use gba::keys::{KeyKind, KsNaf};
use net::{
    accept::{Stopper, stop},
    http::{Client, ClientLimits},
    tap,
    tls::{psk, suite::Suite},
};
use tokio::io::AsyncReadExt;

use super::*;

const BTID: &str = "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.mnc001.mcc001.pub.3gppnetwork.org";
const MAF: &str = "maf.operator.example";
const KEY: [u8; 32] = [0x42; 32];

/// What the key source says, and what it was asked.
struct Source {
    asked: Mutex<Vec<(Btid, NafId)>>,
    says: fn(&NafId) -> Result<NafKey, KeyError>,
}

impl KeySource for Source {
    async fn key(&self, btid: &Btid, naf_id: &NafId) -> Result<Arc<NafKey>, KeyError> {
        self.asked.lock().unwrap().push((btid.clone(), naf_id.clone()));
        tokio::task::yield_now().await;
        (self.says)(naf_id).map(Arc::new)
    }
}

fn naf_key(naf_id: &NafId) -> NafKey {
    expiring(naf_id, Utc(i64::MAX))
}

fn expiring(naf_id: &NafId, expiry: Utc) -> NafKey {
    NafKey {
        ks_naf: KsNaf::from_parts(Secret::new(KEY), naf_id.clone(), KeyKind::Me),
        uicc_key: None,
        expiry,
        impi: None,
        uss: None,
    }
}

/// A server, its address, and what it asks.
async fn start(says: fn(&NafId) -> Result<NafKey, KeyError>) -> (SocketAddr, Arc<Source>, Stopper) {
    start_patient(says, Duration::from_secs(10)).await
}

/// The same, waiting so long for silent clients.
async fn start_patient(
    says: fn(&NafId) -> Result<NafKey, KeyError>,
    patience: Duration,
) -> (SocketAddr, Arc<Source>, Stopper) {
    let source = Arc::new(Source {
        asked: Mutex::default(),
        says,
    });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut config = PskConfig::new(MAF.parse().unwrap());
    config.tls.suites = Suite::ALL.to_vec();
    config.tls.handshake_timeout = patience;
    config.http.header_timeout = patience;
    let server = PskServer::new(config, Arc::clone(&source), tap::none()).unwrap();
    let (stopper, stop) = stop();
    let service = async |request: Request<Bytes>, peer: Arc<PskPeer>| {
        let naf_id = peer.key.ks_naf.naf_id();
        let said = format!("{} {} {} {naf_id}", request.uri(), peer.btid, peer.prefixed);
        Response::new(said.into())
    };
    tokio::spawn(server.serve(listener, move |r, p| Box::pin(service(r, p)), stop));
    (addr, source, stopper)
}

/// A request over a fresh session.
async fn ask(addr: SocketAddr, sni: &str, identity: &str, suite: Suite) -> Result<(String, Client), Error> {
    let config = Config {
        suites: vec![suite],
        ..Config::default()
    };
    let client = psk::Client::new(config, None).unwrap();
    let socket = TcpStream::connect(addr).await.unwrap();
    let connection = Connection::of(&socket).unwrap();
    let key = async |_| Ok(Secret::new(KEY));
    let stream = client
        .connect(socket, connection, sni, identity.as_bytes(), key)
        .await?;
    let http = Client::over(stream, addr, ClientLimits::default()).await?;
    let answer = http.send(Request::get("/a").body(Bytes::new()).unwrap()).await?;
    Ok((String::from_utf8(answer.body().to_vec()).unwrap(), http))
}

fn prefixed() -> String {
    format!("3GPP-bootstrapping;{BTID}")
}

//= TS33.222-5.4-r1
//= TS0003-8.3.2.3-r5
#[tokio::test]
async fn ruling_18_takes_the_identity_with_and_without_its_prefix() {
    let (addr, source, _stopper) = start(|id| Ok(naf_key(id))).await;
    for (identity, flag) in [(prefixed(), true), (BTID.to_owned(), false)] {
        let (said, _) = ask(addr, MAF, &identity, Suite::Aes128CbcSha256).await.unwrap();
        assert_eq!(said, format!("/a {BTID} {flag} {MAF} 01000100ae"));
    }
    for prefix in ["3GPP-bootstrapping-uicc;", "3GPP-bootstrapping-digest;"] {
        let identity = format!("{prefix}{BTID}");
        let refused = ask(addr, MAF, &identity, Suite::Aes128CbcSha256)
            .await
            .unwrap_err();
        assert!(matches!(refused, Error::TlsAlert { alert: 20, .. }), "{identity}");
    }
    assert_eq!(
        source.asked.lock().unwrap().len(),
        2,
        "nothing asked for the others"
    );
}

//= TS33.222-5.4-r2
#[tokio::test]
async fn ruling_17_asks_for_the_suite_of_this_connection_and_uses_the_key_for_nothing_else() {
    let (addr, source, _stopper) = start(|id| Ok(naf_key(id))).await;
    for suite in Suite::ALL {
        let (said, _) = ask(addr, MAF, &prefixed(), suite).await.unwrap();
        assert!(said.ends_with(&UaId::tls(suite.code()).to_string()), "{said}");
    }
    let asked: Vec<NafId> = source
        .asked
        .lock()
        .unwrap()
        .iter()
        .map(|(_, id)| id.clone())
        .collect();
    let wanted = Suite::ALL.map(|suite| NafId::new(MAF.parse().unwrap(), UaId::tls(suite.code())));
    assert_eq!(asked, wanted);

    // A source that answers with the key of another protocol or of another name.
    for says in [
        (|id| Ok(naf_key(&NafId::new(id.fqdn().clone(), UaId::HTTP_DIGEST))))
            as fn(&NafId) -> Result<NafKey, KeyError>,
        |id| {
            Ok(naf_key(&NafId::new(
                "cse.operator.example".parse().unwrap(),
                id.ua(),
            )))
        },
    ] {
        let (addr, _, _stopper) = start(says).await;
        let refused = ask(addr, MAF, &prefixed(), Suite::Aes128CbcSha256)
            .await
            .unwrap_err();
        assert!(matches!(refused, Error::TlsAlert { alert: 20, .. }), "{refused}");
    }
}

//= TS24.109-F.3-r1
#[tokio::test]
async fn serves_only_its_own_name_in_any_spelling() {
    let (addr, source, _stopper) = start(|id| Ok(naf_key(id))).await;
    let suite = Suite::Aes128CbcSha256;
    assert!(
        ask(addr, "MAF.Operator.Example", &prefixed(), suite)
            .await
            .is_ok()
    );
    for other in ["cse.operator.example", "maf.operator.example.evil.example", "x"] {
        let refused = ask(addr, other, &prefixed(), suite).await.unwrap_err();
        assert!(matches!(refused, Error::TlsAlert { alert: 20, .. }), "{other}");
    }
    assert_eq!(source.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn no_key_ends_as_a_wrong_key_and_a_bsf_that_is_down_as_our_trouble() {
    let alerts = [
        (
            (|_| Err(KeyError::Unknown)) as fn(&NafId) -> Result<NafKey, KeyError>,
            20,
        ),
        (|_| Err(KeyError::NotAuthorized), 20),
        (|id| Ok(expiring(id, Utc(0))), 20),
        (|_| Err(KeyError::Unavailable("refused".to_owned())), 80),
        (|_| Err(KeyError::BadAnswer("no key".to_owned())), 80),
    ];
    for (says, wanted) in alerts {
        let (addr, _, _stopper) = start(says).await;
        match ask(addr, MAF, &prefixed(), Suite::Aes128CbcSha256).await {
            Err(Error::TlsAlert { alert, .. }) => assert_eq!(alert, wanted),
            other => panic!("{:?}", other.map(|(said, _)| said)),
        }
    }
}

//= TS33.222-5.4-r4
#[tokio::test]
async fn ruling_18_the_session_ends_with_its_key() {
    let (addr, _, _stopper) = start(|id| Ok(expiring(id, clock::now().utc.plus_secs(1)))).await;
    let (_, http) = ask(addr, MAF, &prefixed(), Suite::Aes128CbcSha256).await.unwrap();
    let again = async {
        // Asks until the server has closed: at most for the second that the key lives.
        while http
            .send(Request::get("/").body(Bytes::new()).unwrap())
            .await
            .is_ok()
        {}
    };
    tokio::time::timeout(Duration::from_secs(5), again).await.unwrap();
}

#[tokio::test]
async fn silent_sockets_are_closed_before_and_after_the_handshake() {
    let (addr, _, _stopper) = start_patient(|id| Ok(naf_key(id)), Duration::from_secs(1)).await;
    let closed = async {
        let mut socket = TcpStream::connect(addr).await.unwrap();
        let _ = socket.read(&mut [0; 16]).await;
        let client = psk::Client::new(Config::default(), None).unwrap();
        let socket = TcpStream::connect(addr).await.unwrap();
        let connection = Connection::of(&socket).unwrap();
        let key = async |_| Ok(Secret::new(KEY));
        let identity = prefixed();
        let connect = client.connect(socket, connection, MAF, identity.as_bytes(), key);
        let mut stream = connect.await.unwrap();
        let _ = stream.read(&mut [0; 16]).await;
    };
    tokio::time::timeout(Duration::from_secs(10), closed)
        .await
        .unwrap();
}
