//! A subscriber, a card that follows it, and an HSS over them.

use std::collections::VecDeque;

use aka::{Check, Milenage, Rand, Sqn, authenticate, sqn::SqnArray};
use base::{Entropy, Mono, NoEntropy, Now, Secret, SeededEntropy, Utc, hex};
use diameter::{Identity, Message, Origin, ResultCode};
use gba::{
    ids::Impi,
    zh::{MultimediaAuthAnswer, MultimediaAuthRequest, Scheme},
};
use hss::{Auc, Config, Hss, MemorySqnStore, Subscriber, Subscribers};

pub(crate) const K: &str = "465b5ce8b199b49faa5f0a2ee238a6bc";
pub(crate) const OPC: &str = "cd63cb71954a9f4e48a5994e37a02baf";
pub(crate) const IMPI: &str = "123001000000000@ims.mnc001.mcc123.3gppnetwork.org";
pub(crate) const RAND: &str = "23553cbe9637a89d218ae64dae47bf35";

/// Gives the listed RANDs first, then goes on from a seed.
pub(crate) struct Script(VecDeque<[u8; 16]>, SeededEntropy);

impl Script {
    pub(crate) fn new(rands: &[&str]) -> Self {
        Self(
            rands.iter().map(|r| hex::array(r).unwrap()).collect(),
            SeededEntropy::new(1),
        )
    }
}

impl Entropy for Script {
    fn fill(&mut self, dst: &mut [u8]) -> Result<(), NoEntropy> {
        match self.0.pop_front() {
            Some(rand) => {
                dst.copy_from_slice(&rand);
                Ok(())
            }
            None => self.1.fill(dst),
        }
    }
}

pub(crate) fn milenage() -> Milenage {
    Milenage::new(
        &Secret::new(hex::array(K).unwrap()),
        &Secret::new(hex::array(OPC).unwrap()),
    )
}

pub(crate) fn impi() -> Impi {
    IMPI.parse().unwrap()
}

pub(crate) fn subscriber() -> Subscriber {
    Subscriber::new(impi(), milenage())
}

pub(crate) fn sqn(text: &str) -> Sqn {
    text.parse().unwrap()
}

pub(crate) fn name(text: &str) -> Identity {
    text.parse().unwrap()
}

pub(crate) fn at(secs: u32) -> Now {
    Now {
        mono: Mono(u64::from(secs) * 1_000_000_000),
        utc: Utc(1_800_000_000 + i64::from(secs)),
    }
}

pub(crate) fn auc(rands: &[&str]) -> Auc<MemorySqnStore, Script> {
    Auc::new(MemorySqnStore::new(), Script::new(rands))
}

pub(crate) type TestHss = Hss<MemorySqnStore, Script>;

pub(crate) const HSS: &str = "hss.home.test";
pub(crate) const BSF: &str = "bsf.home.test";

pub(crate) fn config() -> Config {
    Config::new(
        Origin {
            host: name(HSS),
            realm: name("home.test"),
        },
        [name(BSF)],
    )
}

pub(crate) fn hss(subscriber: Subscriber, rands: &[&str]) -> TestHss {
    Hss::new(config(), Subscribers::from_iter([subscriber]), auc(rands))
}

pub(crate) fn mar() -> MultimediaAuthRequest {
    MultimediaAuthRequest {
        session_id: "bsf.home.test;1;1".into(),
        origin_host: name(BSF),
        origin_realm: name("home.test"),
        destination_realm: name("home.test"),
        destination_host: None,
        impi: impi(),
        public_identity: None,
        scheme: Some(Scheme::DigestAkaV1Md5),
        resync: None,
        guss_timestamp: None,
    }
}

/// Asks over octets, as a wire would carry them.
pub(crate) async fn ask(hss: &TestHss, peer: &str, request: &Message) -> Message {
    let request = Message::parse(&request.encode()).unwrap();
    let answer = hss.answer(at(0), &name(peer), &request).await;
    assert_eq!(answer.hop_by_hop, request.hop_by_hop);
    Message::parse(&answer.encode()).unwrap()
}

pub(crate) async fn result(hss: &TestHss, peer: &str, request: &Message) -> ResultCode {
    let answer = ask(hss, peer, request).await;
    if !answer.is_error() {
        assert!(MultimediaAuthAnswer::parse(&answer).is_ok());
    }
    answer.result().unwrap()
}

/// The card of [`subscriber`].
pub(crate) struct Card {
    pub(crate) array: SqnArray,
    pub(crate) accepted: Vec<Sqn>,
}

impl Card {
    pub(crate) fn new() -> Self {
        Self {
            array: SqnArray::new(aka::sqn::SqnProfile::default()),
            accepted: Vec::new(),
        }
    }

    pub(crate) fn run(&mut self, vector: &aka::Vector) -> Check {
        let check = authenticate(&milenage(), &mut self.array, &vector.rand, &vector.autn);
        if let Check::Accept { sqn, .. } = &check {
            assert!(!self.accepted.contains(sqn), "{sqn} accepted twice");
            self.accepted.push(*sqn);
        }
        check
    }
}

/// The SQN inside an AUTN.
pub(crate) fn sqn_of(vector: &aka::Vector) -> Sqn {
    use aka::Algorithm as _;
    let ak = milenage().f2345(&vector.rand).ak;
    Sqn::from_octets(Sqn::from_octets(vector.autn.sqn_xor_ak()).xor(ak))
}

pub(crate) fn rand() -> Rand {
    RAND.parse().unwrap()
}
