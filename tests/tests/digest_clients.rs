//! `curl --digest` and Python `requests` as devices before our NAF: user name = B-TID, password = base64(Ks_NAF).
//!
//! curl 7.88 hashes an empty body for auth-int whatever it sends, so its POST under auth-int must get 401;
//! `requests` knows no auth-int at all. That is why the NAF offers `auth` to who shows no GBA product token.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::{Command, Output},
    sync::{Arc, Mutex},
    time::Duration,
};

use aka::Rand;
use base::{Secret, Utc};
use gba::{
    digest::Algorithm,
    ids::{Btid, NafId, UaId},
    keys::{KeyKind, Ks, KsNaf},
    ua::server::{Config, QopPolicy},
};
use http::{Request, Response};
use naf::{Authenticated, Gate, KeyError, KeySource, NafKey};
use net::{
    accept::{Stopper, stop},
    http::{Bytes, Limits, serve},
};
use tests::peer;
use tokio::{net::TcpListener, task::spawn_blocking};

const NAF: &str = "naf.home.test";
/// With every character that base64 has beyond letters and digits.
const BTID: &str = "I1U8vpY3qJ0hiuZNrke/NQ==+x@bsf.mnc001.mcc001.pub.3gppnetwork.org";
const LIMIT: Duration = Duration::from_secs(20);

fn ks_naf() -> KsNaf {
    let naf_id = NafId::new(NAF.parse().unwrap(), UaId::HTTP_DIGEST);
    let impi = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org"
        .parse()
        .unwrap();
    Ks::new(Secret::new([0x5c; 32])).naf_key(KeyKind::Me, &Rand::from([1; 16]), &impi, &naf_id)
}

/// The BSF's part.
#[derive(Clone, Default)]
struct Bsf(Arc<Mutex<Option<KeyError>>>);

impl KeySource for Bsf {
    async fn key(&self, btid: &Btid, naf_id: &NafId) -> Result<Arc<NafKey>, KeyError> {
        if let Some(e) = self.0.lock().unwrap().clone() {
            return Err(e);
        }
        if btid.as_str() != BTID {
            return Err(KeyError::Unknown);
        }
        assert_eq!(naf_id, ks_naf().naf_id());
        Ok(Arc::new(NafKey {
            ks_naf: ks_naf(),
            uicc_key: None,
            expiry: Utc(i64::MAX),
            impi: None,
            uss: None,
        }))
    }
}

struct Naf {
    addr: SocketAddr,
    bsf: Bsf,
    _stop: Stopper,
}

async fn naf(qop: QopPolicy, algorithm: Algorithm) -> Naf {
    let bsf = Bsf::default();
    let mut config = Config::new(vec![NAF.parse().unwrap()]);
    (config.qop, config.algorithms) = (qop, vec![algorithm]);
    let gate = Gate::new(bsf.clone(), config).unwrap();
    let service = move |request, _| {
        let gate = gate.clone();
        async move { gate.guard(request, hello).await }
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stopper, stop) = stop();
    tokio::spawn(serve(listener, Limits::default(), service, stop));
    Naf {
        addr,
        bsf,
        _stop: stopper,
    }
}

async fn hello(request: Request<Bytes>) -> Response<Bytes> {
    let who = request.extensions().get::<Authenticated>().unwrap();
    assert_eq!(who.btid.as_str(), BTID);
    Response::new(Bytes::from(format!("{} octets from you\n", request.body().len())))
}

fn password() -> String {
    String::from_utf8(ks_naf().password().unwrap().expose().to_vec()).unwrap()
}

/// Runs a peer beside the runtime that serves it; gives what it printed.
async fn run(mut command: Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = spawn_blocking(move || peer::run(&mut command, LIMIT))
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&stdout).into_owned();
    assert!(status.success(), "{text}{}", String::from_utf8_lossy(&stderr));
    text
}

/// curl's bodies and status codes; `None` without curl.
async fn curl(naf: &Naf, user: &str, more: &[&str]) -> Option<String> {
    let mut command = Command::new(peer::program("curl", "curl")?);
    let port = naf.addr.port();
    command.args([
        "--silent",
        "--digest",
        "--noproxy",
        "*",
        "--write-out",
        "%{http_code}\n",
    ]);
    command.args([
        "--resolve",
        &format!("{NAF}:{port}:127.0.0.1"),
        "--user",
        &format!("{user}:{}", password()),
    ]);
    command.args(more).arg(format!("http://{NAF}:{port}/a?x=1"));
    Some(run(command).await)
}

//= RFC7616-3.4.1-r1
#[tokio::test]
async fn curl_gets_in_with_each_algorithm() {
    for algorithm in [Algorithm::Md5, Algorithm::Md5Sess, Algorithm::Sha256] {
        let naf = naf(QopPolicy::default(), algorithm).await;
        let Some(text) = curl(&naf, BTID, &[]).await else {
            return;
        };
        assert_eq!(text, "0 octets from you\n200\n", "{algorithm}");
        let text = curl(&naf, BTID, &["--data", "hello"]).await.unwrap();
        assert_eq!(text, "5 octets from you\n200\n", "{algorithm}");
        // A second request of the same curl goes on with the nonce, and its count rises.
        let again = format!("http://{NAF}:{}/b", naf.addr.port());
        let text = curl(&naf, BTID, &[&again]).await.unwrap();
        assert_eq!(
            text, "0 octets from you\n200\n0 octets from you\n200\n",
            "{algorithm}"
        );
    }
}

#[tokio::test]
async fn curl_under_auth_int_gets_in_without_a_body_only() {
    for qop in [QopPolicy::AuthInt, QopPolicy::Both] {
        let naf = naf(qop, Algorithm::Md5).await;
        let Some(text) = curl(&naf, BTID, &[]).await else {
            return;
        };
        assert!(text.ends_with("200\n"), "{qop:?}: {text}");
    }
    let naf = naf(QopPolicy::AuthInt, Algorithm::Md5).await;
    let text = curl(&naf, BTID, &["--data", "hello"]).await.unwrap();
    assert!(
        text.ends_with("401\n"),
        "curl's hash is that of an empty body: 401, not 400: {text}"
    );
}

#[tokio::test]
async fn curl_is_told_what_is_wrong() {
    let naf = naf(QopPolicy::default(), Algorithm::Md5).await;
    let stranger = BTID.to_lowercase();
    let Some(text) = curl(&naf, &stranger, &[]).await else {
        return;
    };
    assert!(
        text.contains("bootstrap again") && text.ends_with("401\n"),
        "ruling 19, other letters: {text}"
    );
    let text = curl(&naf, "nobody", &[]).await.unwrap();
    assert!(text.contains("no B-TID") && text.ends_with("401\n"), "{text}");
    for (trouble, words) in [
        (
            KeyError::NotAuthorized,
            "no keys under the name naf.home.test\n403\n",
        ),
        (KeyError::Unavailable("down".to_owned()), "try again later\n503\n"),
    ] {
        *naf.bsf.0.lock().unwrap() = Some(trouble);
        let text = curl(&naf, BTID, &[]).await.unwrap();
        assert!(text.ends_with(words), "{text}");
    }
    let text = curl(&naf, BTID, &["--head"]).await.unwrap();
    assert!(text.to_lowercase().contains("\nretry-after: 5\r\n"), "{text}");
}

const REQUESTS: &str = r#"
import sys, requests
from requests.auth import HTTPDigestAuth
port, host, user, password = sys.argv[1:]
session = requests.Session()
session.trust_env = False
session.auth = HTTPDigestAuth(user, password)
for method, body in (("GET", None), ("POST", "hello"), ("GET", None)):
    r = session.request(method, f"http://127.0.0.1:{port}/a?x=1", data=body, timeout=10,
                        headers={"Host": f"{host}:{port}"})
    print(r.status_code, "rspauth" in r.headers.get("Authentication-Info", ""), r.text, end="")
"#;

#[tokio::test]
async fn requests_gets_in_with_each_algorithm_and_not_with_another_key() {
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let naf = naf(QopPolicy::default(), algorithm).await;
        for (password, expected) in [
            (
                password(),
                "200 True 0 octets from you\n200 True 5 octets from you\n200 True 0 octets from you\n"
                    .to_owned(),
            ),
            (
                "x".to_owned() + &password(),
                "401 False the response is wrong: the key is not the one of this B-TID and this NAF\n"
                    .repeat(3),
            ),
        ] {
            let Some(python) = peer::python("requests", "requests") else {
                return;
            };
            let mut command = Command::new(python);
            command.args(["-c", REQUESTS, &naf.addr.port().to_string(), NAF, BTID, &password]);
            assert_eq!(run(command).await, expected, "{algorithm}");
        }
    }
}
