//! The decisions, driven by a store of a few lines: `flow`, `rulings`.

use core::{net::IpAddr, time::Duration};
use std::sync::Arc;

use aka::{Algorithm as _, Amf, Auts, Milenage, Rand, Res, Sqn, Vector, gba_u};
use base::{Now, Secret, SecretBytes, SeededEntropy};
use hex_literal::hex;
use proptest::prelude::*;

use super::*;
use crate::{
    digest::{Algorithm, AuthenticationInfo, Challenge, Credentials, Qop},
    guss::{BsfInfo, Guss, UiccType},
    ids::Impi,
    ub::BootstrappingInfo,
};

mod flow;
mod rulings;

const IMPI: &str = "123001000000000@ims.mnc001.mcc123.3gppnetwork.org";
const BSF: &str = "bsf.mnc001.mcc123.pub.3gppnetwork.org";
const HOME: &str = "192.0.2.1";

fn vector(rand: [u8; 16]) -> Vector {
    let k = Secret::new(hex!("465b5ce8b199b49faa5f0a2ee238a6bc"));
    let opc = Secret::new(hex!("cd63cb71954a9f4e48a5994e37a02baf"));
    let sqn: Sqn = "ff9bb4d0b607".parse().unwrap();
    Milenage::new(&k, &opc).vector(&Rand::from(rand), sqn, "b9b9".parse::<Amf>().unwrap())
}

type Source = Box<dyn FnMut(&Fetch) -> Result<Obtained, SourceFailure>>;

/// A shell without sockets: one store, one HSS, one connection.
struct Shell {
    config: Config,
    now: Now,
    entropy: SeededEntropy,
    open: Vec<Arc<OpenChallenge>>,
    sessions: Vec<Session>,
    strikes: u32,
    bucket: Bucket,
    asked_hss: u32,
    source: Source,
}

impl Shell {
    fn new() -> Self {
        Self::with_guss(None)
    }

    /// The HSS counts its RANDs up from the reference run's.
    fn with_guss(guss: Option<Guss>) -> Self {
        let mut rand = hex!("23553cbe9637a89d218ae64dae47bf35");
        let guss = guss.map(Arc::new);
        Self::with_source(Box::new(move |_| {
            let vector = vector(rand);
            rand[0] = rand[0].wrapping_add(1);
            Ok(Obtained {
                vector,
                guss: guss.clone(),
            })
        }))
    }

    fn with_source(source: Source) -> Self {
        Self {
            config: Config::new(BSF.parse().unwrap()),
            now: Now::default() + Duration::from_secs(1_800_000_000),
            entropy: SeededEntropy::new(1),
            open: Vec::new(),
            sessions: Vec::new(),
            strikes: 0,
            bucket: Bucket::default(),
            asked_hss: 0,
            source,
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    fn ask(&mut self, authorization: &str) -> Answer {
        self.ask_from(HOME, "GET", Some(authorization))
    }

    fn ask_from(&mut self, address: &str, method: &str, authorization: Option<&str>) -> Answer {
        let address: IpAddr = address.parse().unwrap();
        let request = Request {
            method,
            uri: "/",
            host: Some("bsf.mnc001.mcc001.pub.3gppnetwork.org"),
            authorization,
            user_agent: Some("Bootstrapping Client Agent; Release-6; 3gpp-gba"),
            body: b"",
            address: address.into(),
        };
        let asked = match Asked::read(&self.config, request) {
            Ok(asked) => asked,
            Err(answer) => return *answer,
        };
        let mut found = Found::Start;
        for _ in 0..20 {
            found = match decide(&self.config, &asked, found, self.now, &mut self.entropy) {
                Decision::Consume => {
                    let mine =
                        |o: &Arc<OpenChallenge>| o.impi == asked.impi && Some(&*o.nonce) == asked.nonce();
                    let i = self.open.iter().position(mine);
                    Found::Consumed(i.map(|i| self.open.remove(i)), self.strikes)
                }
                Decision::Recall => Found::Recalled(
                    self.open
                        .iter()
                        .rev()
                        .find(|o| o.impi == asked.impi && o.address == address.into())
                        .cloned(),
                ),
                Decision::Fetch(fetch, wrong) => {
                    self.strikes += u32::from(wrong);
                    let rate = if fetch.needs_token() {
                        self.config.per_impi
                    } else {
                        Rate::UNLIMITED
                    };
                    let wait = self.bucket.wait(rate, self.now.mono);
                    if wait.is_zero() {
                        self.bucket.take(rate, self.now.mono);
                        self.asked_hss += 1;
                        let result = (self.source)(&fetch);
                        Found::Vector(fetch, result)
                    } else {
                        Found::Exhausted(wait)
                    }
                }
                Decision::Open(open, fetch, answer) => {
                    if self.open.iter().any(|o| o.rand == open.rand)
                        || self.sessions.iter().any(|s| s.rand == open.rand)
                    {
                        Found::InUse(fetch)
                    } else {
                        self.open.push((*open).into());
                        return *answer;
                    }
                }
                Decision::Issue(session, fetch, answer) => {
                    if self.sessions.iter().any(|s| s.btid == session.btid) {
                        Found::InUse(fetch)
                    } else {
                        self.sessions.push(*session);
                        return *answer;
                    }
                }
                Decision::Done(answer, wrong) => {
                    self.strikes += u32::from(wrong);
                    return *answer;
                }
            };
        }
        panic!("no answer");
    }

    fn challenge(&mut self) -> Challenge {
        challenge_in(&self.ask(&first()))
    }
}

fn challenge_in(answer: &Answer) -> Challenge {
    assert_eq!(answer.status, 401, "{answer:?}");
    Challenge::parse(answer.header("WWW-Authenticate").unwrap()).unwrap()
}

fn first() -> String {
    format!(r#"Digest username="{IMPI}", realm="{BSF}", nonce="", uri="/", response="""#)
}

fn credentials(c: &Challenge, password: &[u8]) -> Credentials {
    let mut credentials = Credentials {
        username: IMPI.into(),
        realm: c.realm.clone(),
        nonce: c.nonce.clone(),
        uri: "/".into(),
        response: String::new(),
        algorithm: Some(c.algorithm),
        qop: Some(Qop::AuthInt),
        nc: Some("00000001".into()),
        cnonce: Some("468f5b9d04a32d38".into()),
        opaque: c.opaque.clone(),
        auts: None,
    };
    sign(&mut credentials, password);
    credentials
}

fn sign(c: &mut Credentials, password: &[u8]) {
    let ha1 = c.ha1(Algorithm::AkaV1Md5, password);
    c.response = crate::digest::response(&ha1, &c.fields(Algorithm::AkaV1Md5), "GET", b"");
}

/// RES of the challenge, as a GBA_ME card gives it.
fn res(c: &Challenge) -> SecretBytes {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let nonce = STANDARD.decode(&c.nonce).unwrap();
    vector(nonce[..16].try_into().unwrap()).xres.expose().into()
}

fn answer(c: &Challenge) -> String {
    credentials(c, res(c).expose()).to_string()
}

fn gba_u_guss() -> Guss {
    Guss {
        bsf_info: BsfInfo {
            uicc_type: Some(UiccType::GbaU),
            lifetime: Some(120),
        },
        ..Guss::default()
    }
}

fn nonce_of(rand: &Rand, autn: &aka::Autn) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    STANDARD.encode([*rand.octets(), *autn.octets()].concat())
}

fn auts_for(c: &Challenge) -> Credentials {
    let mut credentials = credentials(c, b"");
    credentials.auts = Some("uoU/PBI8z0TpNZbjVcY=".into());
    credentials
}
