//! The NAF's PSK server with the device's PSK client, and with `openssl s_client` (TLS 1.2).
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use base::{Secret, Utc};
use gba::{
    ids::{Btid, Fqdn, NafId, UaId},
    keys::{KeyKind, KsNaf, WrongUse},
};
use http::{Request, Response};
use naf::{
    KeyError, KeySource, NafKey,
    psk::{PskConfig, PskPeer, PskServer},
};
use net::{
    accept::{Stopper, stop},
    http::Bytes,
    tap::{Message, SharedTap, Summary, Tap},
};
use tests::peer;
use tokio::{io::AsyncWriteExt, net::TcpListener, process::Command, time::timeout};
use ue::psk::PskClient;

const BTID: &str = "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.mnc001.mcc001.pub.3gppnetwork.org";
const CSE: &str = "in-cse.operator.example";
const FAR: Utc = Utc(i64::MAX);

/// A key per NAF_Id, the same at both ends: what two KDFs would give.
fn key_of(naf_id: &NafId) -> KsNaf {
    let mut key = [7; 32];
    for (place, octet) in key.iter_mut().zip(naf_id.octets().iter().rev()) {
        *place = *octet;
    }
    KsNaf::from_parts(Secret::new(key), naf_id.clone(), KeyKind::Me)
}

#[derive(Default)]
struct Ladder(Mutex<Vec<String>>);

impl Tap for Ladder {
    fn message(&self, m: Message<'_>) {
        let line = format!("{} {}>{} {}", m.interface, m.from, m.to, m.summary);
        self.0.lock().unwrap().push(line);
    }
}

/// The BSF's part: knows one B-TID, and says on the ladder when it is asked.
struct Zn(Arc<Ladder>);

impl KeySource for Zn {
    async fn key(&self, btid: &Btid, naf_id: &NafId) -> Result<Arc<NafKey>, KeyError> {
        self.0.0.lock().unwrap().push(format!("Zn {}", naf_id.ua()));
        tokio::task::yield_now().await;
        if btid.as_str() != BTID {
            return Err(KeyError::Unknown);
        }
        Ok(Arc::new(NafKey {
            ks_naf: key_of(naf_id),
            uicc_key: None,
            expiry: FAR,
            impi: None,
            uss: None,
        }))
    }
}

async fn naf() -> (SocketAddr, Arc<Ladder>, Stopper) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let ladder = Arc::new(Ladder::default());
    let mut config = PskConfig::new(CSE.parse().unwrap());
    "IN-CSE".clone_into(&mut config.story.server);
    let server = PskServer::new(config, Zn(Arc::clone(&ladder)), ladder.clone()).unwrap();
    let (stopper, stop) = stop();
    let service = |request: Request<Bytes>, peer: Arc<PskPeer>| async move {
        let body = format!("{} for {}\n", request.uri(), peer.btid);
        let mut response = Response::new(Bytes::from(body));
        response
            .extensions_mut()
            .insert(Summary("2000 OK, the CSEBase".to_owned()));
        response
    };
    tokio::spawn(server.serve(listener, service, stop));
    (addr, ladder, stopper)
}

//= TS24.109-F.3-r1
//= TS0003-10.2-r1
#[tokio::test]
async fn a_device_opens_a_session_and_the_ladder_tells_it_in_order() {
    let (addr, ladder, _stopper) = naf().await;
    let tap: SharedTap = ladder.clone();
    let mut config = ue::psk::PskConfig::default();
    "IN-CSE".clone_into(&mut config.story.server);
    let device = PskClient::new(config, tap).unwrap();
    let (fqdn, btid): (Fqdn, Btid) = (CSE.parse().unwrap(), BTID.parse().unwrap());
    let derive = async |naf_id| Ok::<_, WrongUse>(key_of(&naf_id));
    let session = device.connect(addr, &fqdn, &btid, FAR, derive).await.unwrap();
    assert_eq!(session.key().naf_id().ua(), UaId::tls(0x00ae));
    let mut request = Request::get("/~/in-cse/base").body(Bytes::new()).unwrap();
    request
        .extensions_mut()
        .insert(Summary("RETRIEVE the CSEBase".to_owned()));
    let answer = session.send(request).await.unwrap();
    assert_eq!(answer.body(), &format!("/~/in-cse/base for {BTID}\n"));
    let told = ladder.0.lock().unwrap().clone();
    let expected = [
        "Ua UE>IN-CSE ClientHello SNI in-cse.operator.example",
        "Ua IN-CSE>UE ServerHello PSK-AES128-CBC-SHA256",
        "Ua IN-CSE>UE ServerKeyExchange hint 3GPP-bootstrapping",
        "Ua UE>IN-CSE ClientKeyExchange identity 3GPP-bootstrapping;I1U8vpY3qJ0hiuZNrke/NQ=…",
        "Zn 01000100ae",
        "Ua IN-CSE>UE Finished, PSK-AES128-CBC-SHA256",
        "Ua UE>IN-CSE RETRIEVE the CSEBase",
        "Ua IN-CSE>UE 2000 OK, the CSEBase",
    ];
    assert_eq!(told, expected);
}

/// What s_client prints that sends one request and waits for the end.
async fn s_client(addr: SocketAddr, identity: &str, key: &KsNaf) -> Option<String> {
    let openssl = peer::program("openssl", "openssl")?;
    let key = base::hex::encode(key.key_for(&key.naf_id().ua()).unwrap().expose());
    let mut child = Command::new(openssl)
        .args(["s_client", "-connect", &addr.to_string(), "-servername", CSE])
        .args(["-psk", &key, "-psk_identity", identity])
        .args(["-cipher", "PSK", "-ign_eof"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let request = format!("GET /from-openssl HTTP/1.1\r\nHost: {CSE}\r\nConnection: close\r\n\r\n");
    child
        .stdin
        .as_mut()
        .unwrap()
        .write_all(request.as_bytes())
        .await
        .unwrap();
    let output = timeout(Duration::from_secs(20), child.wait_with_output()).await;
    let output = output.unwrap().unwrap();
    Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

//= TS33.222-5.4-r1
#[tokio::test]
async fn s_client_gets_an_answer_with_and_without_prefix_but_not_with_another_btid_or_key() {
    let (addr, _, _stopper) = naf().await;
    let key = key_of(&NafId::new(CSE.parse().unwrap(), UaId::tls(0x00ae)));
    for identity in [format!("3GPP-bootstrapping;{BTID}"), BTID.to_owned()] {
        let Some(said) = s_client(addr, &identity, &key).await else {
            return;
        };
        let answer = format!("/from-openssl for {BTID}\n");
        assert!(
            said.contains("HTTP/1.1 200 OK") && said.contains(&answer),
            "{said}"
        );
    }
    // Ruling 17: the digest key of the same device and NAF opens nothing here.
    let digest = key_of(&NafId::new(CSE.parse().unwrap(), UaId::HTTP_DIGEST));
    let other = format!("3GPP-bootstrapping;x{BTID}");
    for (identity, key) in [(BTID, &digest), (&other, &key)] {
        let Some(said) = s_client(addr, identity, key).await else {
            return;
        };
        assert!(said.contains("SSL alert number 20"), "{said}");
    }
}
