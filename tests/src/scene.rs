//! The laboratory's network with a device in it, and a note of every message: the stage on which faults are played.

use std::{
    collections::BTreeSet,
    error::Error,
    ops::AddAssign,
    sync::{Arc, Mutex, PoisonError},
};

use aka::{Milenage, Sqn};
use base::{Now, Secret};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use gba::digest::{Algorithm, Challenge, Credentials, response};
use http::{Request, Response, header};
use lab::{
    demo::{Setup, personalise},
    report::Mode,
    topology::{Network, Options},
};
use net::{
    http::Bytes,
    tap::{Connection, Direction, Message, Tap, WireBytes},
};
use ue::{BsfAddress, Client, Device, device::DeviceOptions};

/// A SIM's keys.
#[derive(Clone, Copy)]
pub struct Sim {
    /// Subscriber key.
    pub k: [u8; 16],
    /// Milenage OPc.
    pub opc: [u8; 16],
}

impl Sim {
    /// What HSS and card are made from, in mode `me`.
    #[must_use]
    pub fn setup(&self) -> Setup {
        Setup {
            mode: Mode::Me,
            imsi: "001010123456789".parse().unwrap(),
            mnc_length: None,
            algorithm: Milenage::new(&Secret::new(self.k), &Secret::new(self.opc)).into(),
            amf: None,
            sqn: Sqn::new(0x40),
            resync: false,
            rand: None,
        }
    }

    /// The same in that mode.
    #[must_use]
    pub fn setup_of(&self, mode: Mode) -> Setup {
        Setup { mode, ..self.setup() }
    }
}

/// Every message as a line: `Ub BSF → UE: 401 challenge…`; and the octets of every connection.
#[derive(Default)]
pub struct Ladder {
    lines: Mutex<Vec<String>>,
    wire: Mutex<Vec<u8>>,
}

impl Tap for Ladder {
    fn message(&self, m: Message<'_>) {
        let line = format!("{} {} → {}: {}", m.interface, m.from, m.to, m.summary);
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    }

    fn octets(&self, _: &Connection, _: Direction, octets: WireBytes<'_>) {
        self.wire
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(octets.expose());
    }
}

/// What a play leaves behind.
#[derive(Default)]
pub struct Played {
    /// All that was said and told.
    pub told: String,
    /// All octets that passed, of all connections.
    pub wire: Vec<u8>,
    /// The RAND of each challenge on Ub.
    pub rands: BTreeSet<[u8; 16]>,
}

impl AddAssign for Played {
    fn add_assign(&mut self, mut other: Self) {
        self.told += &other.told;
        self.wire.append(&mut other.wire);
        self.rands.append(&mut other.rands);
    }
}

/// The RANDs of nonces that are base64 of RAND and AUTN (TS 24.109 4.2).
fn rands(wire: &[u8]) -> BTreeSet<[u8; 16]> {
    let text = String::from_utf8_lossy(wire);
    let nonces = text.split("nonce=\"").skip(1);
    let rand = |rest: &str| {
        let nonce = BASE64_STANDARD.decode(rest.split('"').next()?).ok()?;
        let (rand, autn) = nonce.split_first_chunk::<16>()?;
        (autn.len() == 16).then_some(*rand)
    };
    nonces.filter_map(rand).collect()
}

impl Ladder {
    /// All lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many lines hold these words.
    #[must_use]
    pub fn count(&self, words: &str) -> usize {
        self.lines().iter().filter(|line| line.contains(words)).count()
    }

    /// Asserts that so many lines hold these words.
    pub fn assert(&self, times: usize, words: &str) {
        assert_eq!(
            self.count(words),
            times,
            "{words:?} in\n{}",
            self.lines().join("\n")
        );
    }
}

/// A network and a device.
pub struct Scene {
    /// The network.
    pub network: Network,
    /// A device with its card.
    pub device: Device,
    /// What was said.
    pub ladder: Arc<Ladder>,
    /// What people were told: errors, bodies, `Debug` texts.
    pub told: Vec<String>,
}

impl Scene {
    /// A network for the subscriber `home`, and a device whose card was made from other data, by the system's clock.
    pub async fn of(home: &Setup, card: &Setup) -> Self {
        Self::at(home, card, net::clock::now).await
    }

    /// The same by another clock.
    pub async fn at(home: &Setup, card: &Setup, clock: fn() -> Now) -> Self {
        let ladder = Arc::new(Ladder::default());
        let (subscriber, _, names) = personalise(home).unwrap();
        let (_, card, _) = personalise(card).unwrap();
        let options = Options {
            rand: home.rand,
            tap: ladder.clone(),
            clock,
            ..Options::default()
        };
        let network = Network::start_with(names, subscriber, options).await.unwrap();
        let options = DeviceOptions {
            tap: ladder.clone(),
            clock,
            ..DeviceOptions::default()
        };
        let device = Device::open(Box::new(card), options).await.unwrap();
        Self {
            network,
            device,
            ladder,
            told: Vec::new(),
        }
    }

    /// Where the device bootstraps.
    #[must_use]
    pub fn bsf(&self) -> BsfAddress {
        BsfAddress::new(self.network.addresses.ub, self.network.names.bsf.clone())
    }

    /// The device's HTTP client, for which every name is the plain NAF.
    #[must_use]
    pub fn client(&self) -> Client {
        let address = self.network.addresses.naf.to_string();
        Client::new(self.bsf()).with_resolver(move |_, _| address.clone())
    }

    /// Bootstraps, which must fail; gives the error's text with its causes.
    pub async fn bootstrap_fails(&mut self) -> String {
        let bsf = self.bsf();
        match self.device.bootstrap(&bsf).await {
            Ok(_) => panic!("bootstrapped, although:\n{}", self.ladder.lines().join("\n")),
            Err(error) => self.tell(&error),
        }
    }

    /// Notes an error as a person and as a log would see it; gives the person's text.
    pub fn tell(&mut self, error: &impl Error) -> String {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            text = format!("{text}: {inner}");
            cause = inner.source();
        }
        self.told.push(format!("{text}\n{error:?}\n{error:#?}"));
        text
    }

    /// Sends a request on this connection, and notes the answer.
    pub async fn ask(&mut self, connection: &net::http::Client, request: Request<Bytes>) -> Response<Bytes> {
        let response = connection.send(request).await.unwrap();
        self.told.push(format!("{response:?}"));
        response
    }

    /// Stops everything; gives all that was said and told.
    pub async fn end(mut self) -> Played {
        self.network.stop().await;
        self.told.extend(self.ladder.lines());
        let wire = std::mem::take(&mut *self.ladder.wire.lock().unwrap_or_else(PoisonError::into_inner));
        Played {
            told: self.told.join("\n"),
            rands: rands(&wire),
            wire,
        }
    }
}

/// Asserts that a text has all these words.
pub fn assert_words(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no {word:?} in: {text}");
    }
}

/// GET of that path at that host, with an `Authorization` or without one.
#[must_use]
pub fn get(host: &str, path: &str, authorization: Option<&str>) -> Request<Bytes> {
    let mut request = Request::get(path).header(header::HOST, host);
    if let Some(value) = authorization {
        request = request.header(header::AUTHORIZATION, value);
    }
    request.body(Bytes::new()).unwrap()
}

/// The challenge of a 401.
#[must_use]
pub fn challenge(response: &Response<Bytes>) -> Challenge {
    assert_eq!(response.status(), 401);
    Challenge::parse(response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap()).unwrap()
}

/// The answer to a challenge for GET of `path`, by whoever has that password.
#[must_use]
pub fn answer(c: &Challenge, path: &str, user: &str, password: &[u8]) -> String {
    signed(credentials(c, path, user), password)
}

/// The answer to a challenge for GET of `path`, still without its response.
#[must_use]
pub fn credentials(c: &Challenge, path: &str, user: &str) -> Credentials {
    Credentials {
        username: user.into(),
        realm: c.realm.clone(),
        nonce: c.nonce.clone(),
        uri: path.into(),
        algorithm: Some(c.algorithm),
        qop: c.qop.first().copied(),
        nc: Some("00000001".into()),
        cnonce: Some("0a4f113b".into()),
        opaque: c.opaque.clone(),
        ..Credentials::default()
    }
}

/// The same with the response of whoever has that password, for a GET without a body.
#[must_use]
pub fn signed(mut out: Credentials, password: &[u8]) -> String {
    let algorithm = out.algorithm.unwrap_or(Algorithm::Md5);
    let ha1 = out.ha1(algorithm, password);
    out.response = response(&ha1, &out.fields(algorithm), "GET", b"");
    out.to_string()
}
