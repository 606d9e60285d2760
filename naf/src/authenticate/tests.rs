//! The gate and the tower layer against our own UE's state machine, without sockets.

use std::{
    convert::Infallible,
    sync::Mutex,
    task::{self, Poll},
};

use base::Mono;
use gba::{
    http::HttpResponse,
    keys::{KeyKind, Ks, KsNaf},
    ua::client::{Channel, Fetched, Input, Output, UaClient, UaError, UaRequest},
    ub::client::Mode,
};
use http_body_util::{BodyExt, Full};
use net::tap::Tap;
use tower::ServiceExt;
use tower_layer::Layer;
use tower_service::Service;

use super::*;

const NAF: &str = "naf.home.test";
const BTID: &str = "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.home.test";
const NOW: Now = Now {
    mono: Mono(5_000_000_000),
    utc: Utc(1_800_000_000),
};

fn ks_naf(octet: u8) -> KsNaf {
    let impi = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org"
        .parse()
        .unwrap();
    let naf_id = NafId::new(NAF.parse().unwrap(), UaId::HTTP_DIGEST);
    Ks::new(Secret::new([octet; 32])).naf_key(KeyKind::Me, &aka::Rand::from([1; 16]), &impi, &naf_id)
}

/// What the BSF answers.
#[derive(Clone)]
struct Keys(Result<(), KeyError>);

impl KeySource for Keys {
    async fn key(&self, btid: &Btid, naf_id: &NafId) -> Result<Arc<NafKey>, KeyError> {
        self.0.clone()?;
        assert_eq!((btid.as_str(), naf_id.fqdn().as_str()), (BTID, NAF));
        let key = NafKey {
            ks_naf: ks_naf(7),
            uicc_key: None,
            expiry: Utc(1_800_003_600),
            impi: None,
            uss: None,
        };
        Ok(Arc::new(key))
    }
}

fn gate(keys: Result<(), KeyError>) -> Gate<Keys> {
    Gate::new(Keys(keys), Config::new(vec![NAF.parse().unwrap()]))
        .unwrap()
        .with_clock(|| NOW)
}

/// Runs our UE against a function that answers requests.
async fn fetch<F>(
    request: UaRequest,
    key: u8,
    mut naf: impl FnMut(Request<Bytes>) -> F,
) -> Result<(Fetched, Bytes), UaError>
where
    F: Future<Output = Response<Bytes>>,
{
    let mut client = UaClient::new(request, Mode::Me, None);
    client.handle_input(NOW, &mut OsEntropy, Input::Start).unwrap();
    let mut body = Bytes::new();
    loop {
        match client.poll_output() {
            Output::Send(r) => {
                let mut request = Request::builder().method(r.method.as_str()).uri(&r.target);
                request = request.header("host", r.host_header());
                for (name, value) in &r.headers {
                    request = request.header(name, value);
                }
                let response = naf(request.body(Bytes::from(r.body)).unwrap()).await;
                let headers: Vec<(&str, &str)> = response
                    .headers()
                    .iter()
                    .map(|(n, v)| (n.as_str(), v.to_str().unwrap()))
                    .collect();
                let answer = HttpResponse {
                    status: response.status().as_u16(),
                    headers: &headers,
                    body: response.body(),
                };
                client
                    .handle_input(NOW, &mut OsEntropy, Input::Http(answer, Channel::Plain))
                    .unwrap();
                body = response.body().clone();
            }
            Output::NeedKey { fresh: false, .. } => {
                let (btid, ks_naf) = (BTID.parse().unwrap(), ks_naf(key));
                client
                    .handle_input(
                        NOW,
                        &mut OsEntropy,
                        Input::Key {
                            btid: &btid,
                            ks_naf: &ks_naf,
                        },
                    )
                    .unwrap();
            }
            Output::NeedKey { fresh: true, .. } => {
                client.handle_input(NOW, &mut OsEntropy, Input::TooSoon).unwrap();
            }
            Output::Done(fetched) => return Ok((fetched, body)),
            Output::Failed(e) => return Err(e),
            Output::Wait(_) => panic!("stuck"),
        }
    }
}

fn get() -> UaRequest {
    UaRequest::get(format!("http://{NAF}:8080/a?x=1").parse().unwrap())
}

async fn hello(request: Request<Bytes>) -> Response<Bytes> {
    assert!(
        !request.headers().contains_key("authorization"),
        "the service sees no credentials"
    );
    let who = request.extensions().get::<Authenticated>().unwrap();
    Response::new(Bytes::from(format!(
        "hello {}, {} octets",
        who.btid,
        request.body().len()
    )))
}

//= TS24.109-5.2-r6
#[tokio::test]
async fn the_service_sees_who_it_is_and_the_answer_is_proven() {
    let gate = gate(Ok(()));
    let request = UaRequest {
        method: "POST".to_owned(),
        body: b"12345".to_vec(),
        ..get()
    };
    let (fetched, body) = fetch(request, 7, |r| gate.guard(r, hello)).await.unwrap();
    assert!(fetched.proven && fetched.status == 200);
    assert_eq!(body, format!("hello {BTID}, 5 octets"));
    // HEAD: the proof is over the empty body that goes out.
    let (fetched, _) = fetch(
        UaRequest {
            method: "HEAD".to_owned(),
            ..get()
        },
        7,
        |r| {
            let answer = gate.guard(r, hello);
            async { answer.await.map(|_| Bytes::new()) }
        },
    )
    .await
    .unwrap();
    assert!(fetched.proven);
}

#[tokio::test]
async fn who_has_another_key_gets_401_and_the_service_is_not_asked() {
    let gate = gate(Ok(()));
    let result = fetch(get(), 8, |r| {
        gate.guard(r, async |_| panic!("the service was asked"))
    })
    .await;
    assert_eq!(
        result.map(drop),
        Err(UaError::TooSoon),
        "401 again: the UE would bootstrap"
    );
}

#[tokio::test]
async fn each_trouble_with_the_key_has_its_status_and_its_words() {
    for (trouble, status, words) in [
        (
            KeyError::NotAuthorized,
            403,
            "no keys under the name naf.home.test",
        ),
        (KeyError::Unavailable("down".to_owned()), 503, "try again later"),
        (KeyError::BadAnswer("nonsense".to_owned()), 503, "try again later"),
    ] {
        let gate = gate(Err(trouble));
        let (fetched, body) = fetch(get(), 7, |r| gate.guard(r, hello)).await.unwrap();
        let text = String::from_utf8_lossy(&body).into_owned();
        assert_eq!((fetched.status, fetched.proven), (status, false));
        assert!(text.contains(words), "{text}");
    }
    let gate = gate(Err(KeyError::Unknown));
    assert_eq!(
        fetch(get(), 7, |r| gate.guard(r, hello)).await.map(drop),
        Err(UaError::TooSoon)
    );
}

#[tokio::test]
async fn a_retry_after_and_a_challenge_are_in_the_headers() {
    let request = || {
        Request::builder()
            .uri("/")
            .header("host", NAF)
            .body(Bytes::new())
            .unwrap()
    };
    let response = gate(Ok(())).guard(request(), hello).await;
    assert_eq!(response.status(), 401);
    let challenge = response.headers()["www-authenticate"].to_str().unwrap();
    assert!(
        challenge.starts_with(r#"Digest realm="3GPP-bootstrapping@naf.home.test""#),
        "{challenge}"
    );
    for bad in [
        Request::builder().uri("/").body(Bytes::new()).unwrap(),
        Request::builder()
            .uri("/")
            .header("host", NAF)
            .header("host", NAF)
            .body(Bytes::new())
            .unwrap(),
        Request::builder()
            .uri("/")
            .header("host", "x y")
            .body(Bytes::new())
            .unwrap(),
    ] {
        assert_eq!(gate(Ok(())).guard(bad, hello).await.status(), 400);
    }
    let absolute = Request::builder()
        .uri("http://other.test/")
        .header("host", NAF)
        .body(Bytes::new())
        .unwrap();
    assert_eq!(
        gate(Ok(())).guard(absolute, hello).await.status(),
        421,
        "the target's authority counts"
    );
}

#[tokio::test]
async fn axum_works_under_the_layer() {
    let app = axum::Router::new()
        .route(
            "/a",
            axum::routing::get(|who: axum::Extension<Authenticated>| async move { who.btid.to_string() }),
        )
        .layer(AuthenticateLayer::new(gate(Ok(()))));
    let (fetched, body) = fetch(get(), 7, |r| {
        let app = app.clone();
        async move {
            let response = app.oneshot(r.map(axum::body::Body::from)).await.unwrap();
            let (head, body) = response.into_parts();
            Response::from_parts(head, body.collect().await.unwrap().to_bytes())
        }
    })
    .await
    .unwrap();
    assert!(fetched.proven);
    assert_eq!(body, BTID);
}

/// Any tower service: here one that counts how often it was ready.
#[derive(Clone)]
struct Echo;

impl Service<Request<Full<Bytes>>> for Echo {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        std::future::ready(Ok(Response::new(request.into_body())))
    }
}

#[tokio::test]
async fn the_layer_caps_bodies() {
    let service = AuthenticateLayer::new(gate(Ok(()))).with_max_body(4).layer(Echo);
    for (body, status) in [("1234", 401), ("12345", 413)] {
        let request = Request::builder()
            .uri("/")
            .header("host", NAF)
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        assert_eq!(service.clone().oneshot(request).await.unwrap().status(), status);
    }
}

#[tokio::test]
async fn each_answer_is_told_once_within_a_line_and_without_keys() {
    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);
    impl Tap for Lines {
        fn message(&self, m: Message<'_>) {
            assert!(m.summary.chars().count() <= 70, "{}", m.summary);
            self.0
                .lock()
                .unwrap()
                .push(format!("{} {}→{} {}", m.interface, m.from, m.to, m.summary));
        }
    }
    let lines = Arc::new(Lines::default());
    let gate = gate(Ok(())).with_tap(Arc::clone(&lines) as SharedTap, "NAF", "UE");
    fetch(get(), 7, |r| gate.guard(r, hello)).await.unwrap();
    let told = lines.0.lock().unwrap().join("\n");
    assert_eq!(
        told,
        "Ua NAF→UE 401 challenge for 3GPP-bootstrapping, MD5, qop auth-int\n\
         Ua NAF→UE 200 proven by rspauth, qop auth-int"
    );
}

#[tokio::test]
async fn an_address_with_too_many_unknown_b_tids_is_told_to_wait() {
    let strangers = crate::Strangers {
        remember: std::time::Duration::ZERO,
        per_address: gba::ub::server::Rate::new(2, 6),
        ..crate::Strangers::default()
    };
    let keys = crate::Cached::new(Keys(Err(KeyError::Unknown)), 1)
        .with_clock(|| NOW)
        .with_strangers(strangers);
    let gate = Gate::new(keys, Config::new(vec![NAF.parse().unwrap()]))
        .unwrap()
        .with_clock(|| NOW);
    let at = |address: &str| {
        let connection = net::tap::Connection::new("127.0.0.1:80".parse().unwrap(), address.parse().unwrap());
        let gate = gate.clone();
        move |mut request: Request<Bytes>| {
            let peer = PeerInfo::new(connection, http::Extensions::new());
            request.extensions_mut().insert(peer);
            let gate = gate.clone();
            async move { gate.guard(request, hello).await }
        }
    };
    for port in [1, 2] {
        let unknown = fetch(get(), 7, at(&format!("10.0.0.1:{port}"))).await;
        assert_eq!(unknown.map(drop), Err(UaError::TooSoon), "401: bootstrap again");
    }
    let wait = Mutex::new(None);
    let (refused, body) = fetch(get(), 7, |r| {
        let (answer, wait) = (at("10.0.0.1:3")(r), &wait);
        async move {
            let answer = answer.await;
            *wait.lock().unwrap() = answer.headers().get("retry-after").cloned();
            answer
        }
    })
    .await
    .unwrap();
    assert_eq!(refused.status, 429);
    assert!(
        String::from_utf8_lossy(&body).contains("too many B-TIDs"),
        "{body:?}"
    );
    assert_eq!(wait.into_inner().unwrap().unwrap(), "11");
    let other = fetch(get(), 7, at("10.0.0.2:1")).await;
    assert_eq!(
        other.map(drop),
        Err(UaError::TooSoon),
        "another address has tokens of its own"
    );
}
