//! Whole bootstrappings through the shell: in process, and over a socket.

use std::{
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use aka::{Algorithm as _, Amf, Auts, Milenage, Rand, Res, Sqn};
use base::Secret;
use gba::{
    digest::{Algorithm, Challenge, Credentials, Qop, response},
    ids::Impi,
    keys::KeyKind,
    ub::{
        BootstrappingInfo,
        server::{Obtained, Rate, SourceFailure},
    },
};
use http::Extensions;
use net::tap::{Connection, Message, Tap};

use super::*;
use crate::sessions::MemorySessions;

const IMPI: &str = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org";

/// An HSS of a few lines: RANDs count up.
#[derive(Default)]
struct Hss {
    asked: AtomicU32,
    failure: Mutex<Option<SourceFailure>>,
    resyncs: Mutex<Vec<(Rand, Auts)>>,
}

fn milenage() -> Milenage {
    Milenage::new(&Secret::new([0x4b; 16]), &Secret::new([0x09; 16]))
}

fn res(rand: &Rand) -> Res {
    milenage().f2345(rand).res
}

impl VectorSource for Hss {
    async fn fetch(&self, _: &Impi, resync: Option<(Rand, Auts)>) -> Result<Obtained, SourceFailure> {
        self.resyncs.lock().unwrap().extend(resync);
        if let Some(failure) = *self.failure.lock().unwrap() {
            return Err(failure);
        }
        let n = self.asked.fetch_add(1, Ordering::Relaxed);
        let mut rand = [0x52; 16];
        rand[..4].copy_from_slice(&n.to_be_bytes());
        let sqn = Sqn::new(u64::from(n) * 32).unwrap();
        let vector = milenage().vector(&rand.into(), sqn, Amf::from([0, 0]));
        Ok(Obtained { vector, guss: None })
    }
}

#[derive(Default)]
struct Ladder(Mutex<Vec<String>>);

impl Tap for Ladder {
    fn message(&self, m: Message<'_>) {
        let line = format!("{} {}→{} {}", m.interface, m.from, m.to, m.summary);
        self.0.lock().unwrap().push(line);
    }
}

type Tested = Ub<MemorySessions, Arc<Hss>>;

fn bsf() -> (Arc<Tested>, Arc<Hss>, Arc<Ladder>) {
    let mut config = Config::new("bsf.mnc001.mcc001.pub.3gppnetwork.org".parse().unwrap());
    config.per_impi = Rate::UNLIMITED;
    config.per_address = Rate::UNLIMITED;
    config.repeat_window = Duration::ZERO;
    let (hss, ladder) = (Arc::new(Hss::default()), Arc::new(Ladder::default()));
    let ub = Ub::new(config, Arc::new(MemorySessions::default()), Arc::clone(&hss)).with_tap(ladder.clone());
    (Arc::new(ub), hss, ladder)
}

fn peer() -> PeerInfo {
    let local = SocketAddr::from(([127, 0, 0, 1], 80));
    PeerInfo::new(Connection::new(local, local), Extensions::new())
}

fn get(authorization: &str) -> http::Request<Bytes> {
    http::Request::get("/")
        .header(header::AUTHORIZATION, authorization)
        .header(header::HOST, "bsf.mnc001.mcc001.pub.3gppnetwork.org")
        .body(Bytes::new())
        .unwrap()
}

fn first() -> http::Request<Bytes> {
    get(&format!(
        r#"Digest username="{IMPI}", realm="x", nonce="", uri="/", response="""#
    ))
}

fn challenge(response: &http::Response<Bytes>) -> Challenge {
    assert_eq!(response.status(), 401);
    Challenge::parse(response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap()).unwrap()
}

fn credentials(c: &Challenge, password: &[u8], auts: Option<&str>) -> Credentials {
    let mut out = Credentials {
        username: IMPI.into(),
        realm: c.realm.clone(),
        nonce: c.nonce.clone(),
        uri: "/".into(),
        algorithm: Some(c.algorithm),
        qop: Some(Qop::AuthInt),
        nc: Some("00000001".into()),
        cnonce: Some("0a4f113b".into()),
        opaque: c.opaque.clone(),
        auts: auts.map(str::to_owned),
        ..Credentials::default()
    };
    let ha1 = out.ha1(Algorithm::AkaV1Md5, password);
    out.response = response(&ha1, &out.fields(Algorithm::AkaV1Md5), "GET", b"");
    out
}

/// The first RAND of the HSS above is 00000000 52…52, and so on.
fn rand(n: u32) -> Rand {
    let mut rand = [0x52; 16];
    rand[..4].copy_from_slice(&n.to_be_bytes());
    rand.into()
}

#[tokio::test]
async fn a_whole_bootstrapping_in_process() {
    let (ub, hss, ladder) = bsf();
    let response = ub.handle(first(), peer()).await;
    let c = challenge(&response);
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    let sent = credentials(&c, res(&rand(0)).expose(), None);
    let response = ub.handle(get(&sent.to_string()), peer()).await;
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "application/vnd.3gpp.bsf+xml"
    );
    assert!(response.headers().contains_key("authentication-info"));
    let info = BootstrappingInfo::parse(response.body()).unwrap();
    let session = ub.sessions().find(&info.btid, net::clock::now()).await.unwrap();
    assert_eq!((session.impi.as_str(), session.rand), (IMPI, rand(0)));
    // Both ends derive one key.
    let keys = milenage().f2345(&rand(0));
    let ue = gba::keys::Ks::from_ck_ik(&keys.ck, &keys.ik);
    let naf = gba::ids::NafId::new("naf.example.org".parse().unwrap(), gba::ids::UaId::HTTP_DIGEST);
    let of = |ks: &gba::keys::Ks| ks.naf_key(KeyKind::Me, &session.rand, &session.impi, &naf);
    assert!(of(&ue).ct_eq(&of(&session.ks)));
    assert_eq!(hss.asked.load(Ordering::Relaxed), 1);
    let lines = ladder.0.lock().unwrap().clone();
    assert_eq!(lines.len(), 2, "each answer once: {lines:?}");
    assert_eq!(
        lines[0],
        "Ub BSF→UE 401 challenge: RAND 000000…, AKAv1-MD5, auth-int"
    );
    assert!(
        lines[1].starts_with("Ub BSF→UE 200 B-TID AAAAAFJSUl…, GBA_ME, valid until "),
        "{lines:?}"
    );
}

#[tokio::test]
async fn an_auts_goes_to_the_hss_once() {
    let (ub, hss, _) = bsf();
    let c = challenge(&ub.handle(first(), peer()).await);
    let sent = credentials(&c, b"", Some("uoU/PBI8z0TpNZbjVcY=")).to_string();
    let fresh = challenge(&ub.handle(get(&sent), peer()).await);
    assert_ne!(fresh.nonce, c.nonce);
    ub.handle(get(&sent), peer()).await;
    let resyncs = hss.resyncs.lock().unwrap().clone();
    assert_eq!(
        resyncs.len(),
        1,
        "a replayed AUTS asks for a vector, not for a resynchronisation"
    );
    assert_eq!(resyncs[0].0, rand(0));
}

#[tokio::test]
async fn wrong_responses_close_their_connection_and_nothing_else() {
    let (ub, _, _) = bsf();
    let stranger = peer();
    let mut c = challenge(&ub.handle(first(), stranger.clone()).await);
    for _ in 0..2 {
        let wrong = credentials(&c, b"guess", None).to_string();
        c = challenge(&ub.handle(get(&wrong), stranger.clone()).await);
    }
    let wrong = credentials(&c, b"guess", None).to_string();
    let response = ub.handle(get(&wrong), stranger.clone()).await;
    assert_eq!(response.status(), 403);
    assert_eq!(response.headers()[header::CONNECTION], "close");
    assert_eq!(stranger.strikes(), 3);
    let c = challenge(&ub.handle(first(), peer()).await);
    let n = ub.sessions().counts(net::clock::now()).await.challenges;
    assert_eq!(n, 1, "each wrong response closed its challenge");
    let right = credentials(&c, res(&rand(3)).expose(), None).to_string();
    assert_eq!(ub.handle(get(&right), peer()).await.status(), 200);
}

#[tokio::test]
async fn the_hss_being_down_is_said_with_retry_after() {
    let (ub, hss, _) = bsf();
    *hss.failure.lock().unwrap() = Some(SourceFailure::Down);
    let response = ub.handle(first(), peer()).await;
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key(header::RETRY_AFTER));
    *hss.failure.lock().unwrap() = Some(SourceFailure::UnknownImpi);
    assert_eq!(ub.handle(first(), peer()).await.status(), 403);
}

#[tokio::test]
async fn several_authorization_fields_are_refused() {
    let (ub, _, _) = bsf();
    let mut request = first();
    request.headers_mut().append(
        header::AUTHORIZATION,
        HeaderValue::from_static("Digest username=\"b@x\""),
    );
    assert_eq!(ub.handle(request, peer()).await.status(), 400);
    let mut request = first();
    request.headers_mut().remove(header::AUTHORIZATION);
    assert_eq!(ub.handle(request, peer()).await.status(), 400);
}

#[tokio::test]
async fn a_request_names_one_host() {
    let (ub, hss, _) = bsf();
    let to = |uri: &str, hosts: &[&'static str]| {
        let mut request = first();
        *request.uri_mut() = uri.parse().unwrap();
        request.headers_mut().remove(header::HOST);
        for host in hosts {
            let host = HeaderValue::from_static(host);
            request.headers_mut().append(header::HOST, host);
        }
        request
    };
    for (uri, hosts) in [
        ("/", &[][..]),
        ("/", &["bsf.example.org", "bsf.example.org"]),
        ("/", &["evil@bsf.example.org"]),
        ("/", &[""]),
        (
            "http://bsf.example.org/",
            &["bsf.example.org", "other.example.org"],
        ),
        ("http://evil@bsf.example.org/", &["bsf.example.org"]),
    ] {
        let response = ub.handle(to(uri, hosts), peer()).await;
        assert_eq!(response.status(), 400, "{uri} {hosts:?}");
    }
    assert_eq!(hss.asked.load(Ordering::Relaxed), 0, "and no vector is used up");
    for (uri, hosts) in [
        ("/", &["127.0.0.1:8080"][..]),
        ("http://bsf.example.org/", &["bsf.example.org"]),
    ] {
        assert_eq!(ub.handle(to(uri, hosts), peer()).await.status(), 401, "{uri}");
    }
}

#[tokio::test]
async fn of_many_right_answers_to_one_challenge_one_succeeds() {
    let (ub, _, _) = bsf();
    let c = challenge(&ub.handle(first(), peer()).await);
    let sent = credentials(&c, res(&rand(0)).expose(), None).to_string();
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (ub, request) = (Arc::clone(&ub), get(&sent));
            tokio::spawn(async move { ub.handle(request, peer()).await.status() })
        })
        .collect();
    let mut succeeded = 0;
    for task in tasks {
        succeeded += u32::from(task.await.unwrap() == 200);
    }
    assert_eq!(succeeded, 1);
}

#[tokio::test]
async fn a_whole_bootstrapping_over_a_socket() {
    let (ub, _, _) = bsf();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stopper, stop) = net::accept::stop();
    let server = tokio::spawn(serve_ub(listener, Limits::default(), Arc::clone(&ub), stop));
    let client = net::http::Client::new(address.to_string());
    let c = challenge(&client.send(first()).await.unwrap());
    let sent = credentials(&c, res(&rand(0)).expose(), None).to_string();
    let response = client.send(get(&sent)).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(BootstrappingInfo::parse(response.body()).is_ok());
    drop(client);
    stopper.stop();
    server.await.unwrap();
}
