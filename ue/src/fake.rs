//! For tests: a BSF and a NAF of a hundred lines each, over loopback sockets, and the card that belongs to them.
//!
//! Written from the clauses by themselves, so that an error of the real elements isn't repeated here.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use aka::{Algorithm as _, Amf, Milenage, Rand, Sqn, gba_u::mac_star};
use base::{Mono, Now, Secret, Utc};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use gba::{
    digest::{Algorithm, AuthenticationInfo, Challenge, Credentials, Qop},
    ids::{Btid, Fqdn, Impi, Imsi, MncLength, NafId, UaId},
    keys::{KeyKind, Ks},
    ub::client::Mode,
};
use http::{Request, Response};
use net::{
    accept::{Stopper, stop},
    http::{Limits, serve},
    tap::{Message, SharedTap, Tap},
};
use tokio::net::TcpListener;
use uicc::{
    Card, CardError,
    software::{Profile, SoftCard},
};

use crate::device::{BsfAddress, Device, DeviceOptions, Labels};

pub(crate) const BSF: &str = "bsf.mnc001.mcc001.pub.3gppnetwork.org";
pub(crate) const IMPI: &str = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org";
const K: [u8; 16] = [0x46; 16];
const OPC: [u8; 16] = [0xcd; 16];

/// A clock that tests move; one for each test, as tests run side by side.
#[macro_export]
macro_rules! test_clock {
    ($seconds:ident, $clock:ident) => {
        static $seconds: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        fn $clock() -> base::Now {
            $crate::fake::at($seconds.load(std::sync::atomic::Ordering::SeqCst))
        }
    };
}

/// That many seconds after the beginning of the test world, on both clocks.
pub(crate) fn at(seconds: u64) -> Now {
    let utc = i64::try_from(seconds).unwrap();
    Now {
        mono: Mono(seconds * 1_000_000_000),
        utc: Utc(1_800_000_000 + utc),
    }
}

fn milenage(k: [u8; 16]) -> Milenage {
    Milenage::new(&Secret::new(k), &Secret::new(OPC))
}

/// The subscriber's card, and one whose K the network doesn't have.
pub(crate) fn profile(mode: Mode, k: [u8; 16]) -> Profile {
    let imsi: Imsi = "001010123456789".parse().unwrap();
    let profile = Profile::new(imsi, MncLength::Two, milenage(k));
    if mode == Mode::U {
        profile.with_gba_u()
    } else {
        profile
    }
}

pub(crate) fn card(mode: Mode) -> Box<dyn Card> {
    Box::new(SoftCard::new(profile(mode, K)))
}

pub(crate) fn foreign_card(mode: Mode) -> Box<dyn Card> {
    Box::new(SoftCard::new(profile(mode, [0x47; 16])))
}

/// A card that can be taken out.
pub(crate) struct Removable {
    pub(crate) card: Box<dyn Card>,
    pub(crate) out: Arc<AtomicBool>,
}

impl Card for Removable {
    fn transmit(&mut self, command: &base::apdu::Command) -> Result<base::apdu::Response, CardError> {
        if self.out.load(Ordering::SeqCst) {
            Err(CardError::Absent)
        } else {
            self.card.transmit(command)
        }
    }
}

pub(crate) async fn device(card: Box<dyn Card>, clock: fn() -> Now, tap: SharedTap) -> Device {
    let options = DeviceOptions {
        clock,
        tap,
        labels: Labels::default(),
        ..DeviceOptions::default()
    };
    Device::open(card, options).await.unwrap()
}

/// What the BSF does wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    None,
    WrongRspauth,
    Down,
    Unknown,
}

pub(crate) struct Bsf {
    pub(crate) addr: SocketAddr,
    pub(crate) state: Arc<BsfState>,
    _stop: Stopper,
}

pub(crate) struct BsfState {
    mode: Mode,
    pub(crate) fault: Mutex<Fault>,
    pub(crate) sqn: Mutex<Sqn>,
    pub(crate) vectors: AtomicU32,
    pub(crate) reports: AtomicU32,
    /// RAND by nonce.
    open: Mutex<HashMap<String, Rand>>,
    /// Ks and RAND by B-TID: what Zn would tell.
    pub(crate) sessions: Mutex<HashMap<String, (Ks, Rand)>>,
}

impl Bsf {
    pub(crate) async fn start(mode: Mode) -> Self {
        let state = Arc::new(BsfState {
            mode,
            fault: Mutex::new(Fault::None),
            sqn: Mutex::new(Sqn::new(0).unwrap()),
            vectors: AtomicU32::new(0),
            reports: AtomicU32::new(0),
            open: Mutex::default(),
            sessions: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        let (addr, stop) = listen(move |request| shared.answer(&request)).await;
        Self {
            addr,
            state,
            _stop: stop,
        }
    }

    pub(crate) fn address(&self) -> BsfAddress {
        BsfAddress::new(self.addr, BSF.parse().unwrap())
    }

    pub(crate) fn vectors(&self) -> u32 {
        self.state.vectors.load(Ordering::SeqCst)
    }

    pub(crate) fn fault(&self, fault: Fault) {
        *self.state.fault.lock().unwrap() = fault;
    }
}

async fn listen(
    answer: impl Fn(Request<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
) -> (SocketAddr, Stopper) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stopper, stop) = stop();
    let answer = Arc::new(answer);
    let service = move |request, _| {
        let answer = Arc::clone(&answer);
        async move { answer(request) }
    };
    tokio::spawn(serve(listener, Limits::default(), service, stop));
    (addr, stopper)
}

fn respond(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap()
}

fn credentials(request: &Request<Bytes>) -> Option<Credentials> {
    request
        .headers()
        .get("authorization")
        .map(|v| v.to_str().unwrap().parse().unwrap())
}

impl BsfState {
    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let agent = request.headers()["user-agent"].to_str().unwrap();
        assert!(agent.contains(Mode::Me.product()), "{agent}");
        let fault = *self.fault.lock().unwrap();
        match fault {
            Fault::Down => return respond(503, &[("retry-after", "9")], ""),
            Fault::Unknown => return respond(403, &[], ""),
            Fault::None | Fault::WrongRspauth => {}
        }
        let c = credentials(request).unwrap();
        assert_eq!(c.username, IMPI);
        let Some(rand) = self.open.lock().unwrap().remove(&c.nonce) else {
            return self.challenge();
        };
        if let Some(auts) = c.auts().unwrap() {
            assert!(c.verify(&c.ha1(Algorithm::AkaV1Md5, b""), Algorithm::AkaV1Md5, "GET", b""));
            let Some(sqn_ms) = aka::auts::verify(&milenage(K), &rand, &auts) else {
                return respond(403, &[], "");
            };
            *self.sqn.lock().unwrap() = sqn_ms;
            return self.challenge();
        }
        if c.response.is_empty() {
            self.reports.fetch_add(1, Ordering::SeqCst);
            return respond(403, &[], "");
        }
        let f = milenage(K).f2345(&rand);
        let xres = if self.mode == Mode::U {
            f.res.flipped_lsb()
        } else {
            f.res
        };
        let ha1 = c.ha1(Algorithm::AkaV1Md5, xres.expose());
        if c.qop != Some(Qop::AuthInt) || !c.verify(&ha1, Algorithm::AkaV1Md5, "GET", b"") {
            return self.challenge();
        }
        let btid = Btid::issue(&rand, &BSF.parse::<Fqdn>().unwrap());
        let body = format!(
            "<BootstrappingInfo xmlns=\"uri:3gpp-gba\"><btid>{btid}</btid>\
             <lifetime>{}</lifetime></BootstrappingInfo>",
            at(3600).utc
        );
        let mut rspauth = c.rspauth(&ha1, Algorithm::AkaV1Md5, body.as_bytes());
        if fault == Fault::WrongRspauth {
            rspauth = rspauth.chars().rev().collect();
        }
        let info = AuthenticationInfo::answering(&c, rspauth).to_string();
        self.sessions
            .lock()
            .unwrap()
            .insert(btid.to_string(), (Ks::from_ck_ik(&f.ck, &f.ik), rand));
        respond(
            200,
            &[
                ("authentication-info", &info),
                ("content-type", "application/vnd.3gpp.bsf+xml"),
            ],
            body,
        )
    }

    fn challenge(&self) -> Response<Bytes> {
        let n = self.vectors.fetch_add(1, Ordering::SeqCst);
        let mut rand = [0x5a; 16];
        rand[..4].copy_from_slice(&n.to_be_bytes());
        let rand = Rand::from(rand);
        let mut sqn = self.sqn.lock().unwrap();
        *sqn = aka::sqn::home::next(aka::sqn::SqnProfile::default(), *sqn, 0);
        let vector = milenage(K).vector(&rand, *sqn, Amf::from([0x80, 0]));
        let autn = if self.mode == Mode::U {
            mac_star(&vector.autn, &vector.ik)
        } else {
            vector.autn
        };
        let nonce = STANDARD.encode([&rand.octets()[..], autn.octets()].concat());
        self.open.lock().unwrap().insert(nonce.clone(), rand);
        let challenge = Challenge {
            realm: BSF.to_owned(),
            nonce,
            algorithm: Algorithm::AkaV1Md5,
            qop: vec![Qop::AuthInt],
            opaque: None,
            domain: None,
            stale: false,
        };
        respond(401, &[("www-authenticate", &challenge.to_string())], "")
    }

    /// Ks_NAF as the network has it.
    pub(crate) fn naf_key(&self, btid: &str, naf_id: &NafId) -> Option<gba::keys::KsNaf> {
        let kind = if self.mode == Mode::U {
            KeyKind::Ext
        } else {
            KeyKind::Me
        };
        let impi: Impi = IMPI.parse().unwrap();
        self.sessions
            .lock()
            .unwrap()
            .get(btid)
            .map(|(ks, rand)| ks.naf_key(kind, rand, &impi, naf_id))
    }
}

/// A NAF that keeps no nonces: it always issues the same one, and trusts its BSF.
pub(crate) struct Naf {
    pub(crate) addr: SocketAddr,
    pub(crate) state: Arc<NafState>,
    _stop: Stopper,
}

pub(crate) struct NafState {
    bsf: Arc<BsfState>,
    name: Fqdn,
    /// The realm sent, if it isn't the honest one.
    pub(crate) realm: Mutex<Option<String>>,
    /// Refuses every B-TID.
    pub(crate) refuse: AtomicBool,
    pub(crate) challenges: AtomicU32,
    pub(crate) credentials: Mutex<Vec<Credentials>>,
}

impl Naf {
    pub(crate) async fn start(bsf: &Bsf, name: &str) -> Self {
        let state = Arc::new(NafState {
            bsf: Arc::clone(&bsf.state),
            name: name.parse().unwrap(),
            realm: Mutex::default(),
            refuse: AtomicBool::new(false),
            challenges: AtomicU32::new(0),
            credentials: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        let (addr, stop) = listen(move |request| shared.answer(&request)).await;
        Self {
            addr,
            state,
            _stop: stop,
        }
    }

    pub(crate) fn challenges(&self) -> u32 {
        self.state.challenges.load(Ordering::SeqCst)
    }
}

impl NafState {
    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        if request.uri().path() == "/away" {
            return respond(302, &[("location", "http://second.home.test/b")], "");
        }
        let Some(c) = credentials(request) else {
            return self.challenge();
        };
        self.credentials.lock().unwrap().push(c.clone());
        let naf_id = NafId::new(self.name.clone(), UaId::HTTP_DIGEST);
        let key = self
            .bsf
            .naf_key(&c.username, &naf_id)
            .filter(|_| !self.refuse.load(Ordering::SeqCst));
        let Some(key) = key else {
            return self.challenge();
        };
        let ha1 = c.ha1(Algorithm::Md5, key.password().unwrap().expose());
        if !c.verify(&ha1, Algorithm::Md5, request.method().as_str(), request.body()) {
            return self.challenge();
        }
        let body = format!("hello from {}", self.name);
        let info = AuthenticationInfo::answering(&c, c.rspauth(&ha1, Algorithm::Md5, body.as_bytes()));
        respond(200, &[("authentication-info", &info.to_string())], body)
    }

    fn challenge(&self) -> Response<Bytes> {
        self.challenges.fetch_add(1, Ordering::SeqCst);
        let realm = self.realm.lock().unwrap().clone();
        let realm = realm.unwrap_or_else(|| format!("3GPP-bootstrapping@{}", self.name));
        let value = format!(r#"Digest realm="{realm}", nonce="nafnonce0001", algorithm=MD5, qop="auth-int""#);
        respond(401, &[("www-authenticate", &value)], "")
    }
}

/// Keeps what the tap was told.
#[derive(Default)]
pub(crate) struct Lines(Mutex<Vec<String>>);

impl Lines {
    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

impl Tap for Lines {
    fn message(&self, m: Message<'_>) {
        assert!(m.summary.chars().count() <= 70, "{}", m.summary);
        let line = format!("{} {}→{} {}", m.interface, m.from, m.to, m.summary);
        self.0.lock().unwrap().push(line);
    }
}
