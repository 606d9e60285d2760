//! The decisions, driven by a store of a few lines.

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
                    let wait = self.bucket.wait(self.config.per_impi, self.now.mono);
                    if wait.is_zero() {
                        self.bucket.take(self.config.per_impi, self.now.mono);
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

#[test]
fn the_reference_run_succeeds_and_the_bsf_proves_itself() {
    let mut shell = Shell::new();
    let a = shell.ask(&first());
    assert_eq!(a.summary, "401 challenge: RAND 23553c…, AKAv1-MD5, auth-int");
    let c = challenge_in(&a);
    assert_eq!(c.nonce, "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M=");
    assert_eq!(
        (c.realm.as_str(), c.algorithm, &c.qop[..]),
        (BSF, Algorithm::AkaV1Md5, &[Qop::AuthInt][..])
    );
    let sent = credentials(&c, &hex!("a54211d5e3ba50bf"));
    assert_eq!(sent.response, "6a19067d3962eac8503c6e8e314706e1");
    let a = shell.ask(&sent.to_string());
    assert_eq!((a.status, a.outcome), (200, Outcome::Bootstrapped));
    assert_eq!(a.header("Content-Type"), Some("application/vnd.3gpp.bsf+xml"));
    let info = BootstrappingInfo::parse(&a.body).unwrap();
    assert_eq!(info.btid.as_str(), format!("I1U8vpY3qJ0hiuZNrke/NQ==@{BSF}"));
    assert_eq!(info.lifetime, shell.now.utc.plus_secs(3600));
    let proof = AuthenticationInfo::parse(a.header("Authentication-Info").unwrap()).unwrap();
    let ha1 = sent.ha1(Algorithm::AkaV1Md5, &hex!("a54211d5e3ba50bf"));
    assert_eq!(
        proof.rspauth,
        Some(sent.rspauth(&ha1, Algorithm::AkaV1Md5, &a.body))
    );
    assert_eq!(
        (proof.qop, proof.nc.as_deref()),
        (Some(Qop::AuthInt), Some("00000001"))
    );
    let session = &shell.sessions[0];
    assert_eq!((&session.btid, session.mode), (&info.btid, Mode::Me));
    let ks = hex!("b40ba9a3c58b2a05bbf0d987b21bf8cbf769bcd751044604127672711c6d3441");
    assert_eq!(session.ks.expose(), &ks);
    assert!(a.summary.chars().count() <= 70, "{}", a.summary);
}

#[test]
fn ruling_06_an_unanswered_challenge_is_repeated_for_two_seconds_to_its_address() {
    let mut shell = Shell::new();
    let c = shell.challenge();
    shell.pass(Duration::from_millis(1999));
    let again = shell.ask(&first());
    assert_eq!(again.outcome, Outcome::Repeated);
    assert_eq!(challenge_in(&again), c);
    let other = shell.ask_from("192.0.2.2", "GET", Some(&first()));
    assert_ne!(challenge_in(&other).nonce, c.nonce, "another address");
    shell.pass(Duration::from_millis(1));
    assert_ne!(shell.challenge().nonce, c.nonce, "two seconds later");
    assert_eq!(shell.asked_hss, 3);
    assert_eq!(shell.ask(&answer(&c)).status, 200, "the first one is still live");
}

#[test]
fn ruling_06_vectors_come_from_a_bucket() {
    let mut shell = Shell::new();
    for _ in 0..3 {
        assert_eq!(shell.ask(&first()).outcome, Outcome::Challenged);
        shell.pass(Duration::from_secs(2));
    }
    let a = shell.ask(&first());
    assert_eq!((a.status, a.outcome), (429, Outcome::TooMany));
    assert_eq!(a.header("Retry-After"), Some("4"));
    shell.pass(Duration::from_secs(4));
    assert_eq!(shell.ask(&first()).outcome, Outcome::Challenged);
    assert_eq!(shell.asked_hss, 4);
}

#[test]
fn ruling_06_an_answered_challenge_is_never_sent_or_accepted_again() {
    let mut shell = Shell::new();
    let c = shell.challenge();
    assert_eq!(shell.ask(&answer(&c)).status, 200);
    let replay = shell.ask(&answer(&c));
    assert_eq!(replay.outcome, Outcome::Challenged);
    let fresh = challenge_in(&replay);
    assert!(fresh.nonce != c.nonce && fresh.stale);
    assert_eq!(shell.sessions.len(), 1);
}

#[test]
fn ruling_06_a_wrong_response_closes_only_its_own_nonce() {
    let mut shell = Shell::new();
    let victims = shell.challenge();
    let strangers = challenge_in(&shell.ask_from("198.51.100.7", "GET", Some(&first())));
    let wrong = credentials(&strangers, b"guess").to_string();
    let a = shell.ask_from("198.51.100.7", "GET", Some(&wrong));
    assert_eq!((a.status, a.outcome), (401, Outcome::WrongResponse));
    assert_ne!(challenge_in(&a).nonce, strangers.nonce);
    let again = shell.ask_from("198.51.100.7", "GET", Some(&answer(&strangers)));
    assert_ne!(again.status, 200, "closed, even for the right response");
    assert_eq!(
        shell.ask(&answer(&victims)).status,
        200,
        "the victim isn't locked out"
    );
}

#[test]
fn ruling_06_the_third_wrong_response_on_a_connection_is_refused() {
    let mut shell = Shell::new();
    let mut c = shell.challenge();
    for _ in 0..2 {
        c = challenge_in(&shell.ask(&credentials(&c, b"guess").to_string()));
    }
    let a = shell.ask(&credentials(&c, b"guess").to_string());
    assert_eq!((a.status, a.outcome), (403, Outcome::RefusedAfterWrong));
    assert_eq!((shell.strikes, shell.asked_hss), (3, 3));
    // Never a lock on the IMPI: another connection, and another minute, succeed.
    shell.strikes = 0;
    shell.pass(Duration::from_secs(60));
    let c = shell.challenge();
    assert_eq!(shell.ask(&answer(&c)).status, 200);
}

#[test]
fn ruling_07_a_report_of_a_bad_mac_costs_no_vector() {
    let mut shell = Shell::new();
    let c = shell.challenge();
    let report = format!(
        r#"Digest username="{IMPI}", realm="{BSF}", nonce="{}", uri="/", response="""#,
        c.nonce
    );
    let a = shell.ask(&report);
    assert_eq!((a.status, a.outcome), (403, Outcome::MacFailureReported));
    assert!(a.note.is_some() && shell.open.is_empty());
    assert_eq!(shell.asked_hss, 1);
    assert_ne!(shell.ask(&answer(&c)).status, 200, "the challenge is gone");
}

#[test]
fn ruling_09_a_repeated_rand_never_names_a_second_ks() {
    let mut replies = [0_u8, 0, 0, 1, 1, 1, 1].into_iter();
    let mut shell = Shell::with_source(Box::new(move |_| {
        let rand = [replies.next().unwrap_or(9); 16];
        Ok(Obtained {
            vector: vector(rand),
            guss: None,
        })
    }));
    shell.config.per_impi = Rate::UNLIMITED;
    let c = shell.challenge();
    assert_eq!(shell.ask(&answer(&c)).status, 200);
    let fresh = shell.challenge();
    assert_eq!(shell.asked_hss, 3 + 1, "the repeated RAND was asked for again");
    assert_ne!(fresh.nonce, c.nonce);
    let a = shell.ask_from("192.0.2.9", "GET", Some(&first()));
    assert_eq!((a.status, a.outcome), (503, Outcome::RandRepeated));
    assert!(a.note.is_some_and(|n| n.starts_with("alarm")) && shell.sessions.len() == 1);
}

#[test]
fn ruling_09_an_unknown_impi_can_be_hidden() {
    let mut shell = Shell::with_source(Box::new(|_| Err(SourceFailure::UnknownImpi)));
    let a = shell.ask(&first());
    assert_eq!((a.status, a.outcome), (403, Outcome::UnknownImpi));
    shell.config.hide_unknown = true;
    shell.bucket = Bucket::default();
    let shown = shell.ask(&first());
    let c = challenge_in(&shown);
    let real = Shell::new().ask(&first());
    assert_eq!(shown.summary.len(), real.summary.len());
    assert_eq!(
        shown.header("WWW-Authenticate").map(str::len),
        real.header("WWW-Authenticate").map(str::len)
    );
    assert_eq!(
        challenge_in(&shell.ask(&first())),
        c,
        "stable, by the same rule as a real one"
    );
    assert_eq!(shell.asked_hss, 2);
    // Not even the XRES in the store meets it.
    let xres = shell.open[0].xres.duplicate();
    let a = shell.ask(&credentials(&c, xres.expose()).to_string());
    assert_eq!(a.outcome, Outcome::WrongResponse);
    let mut auts = credentials(&challenge_in(&a), b"");
    auts.auts = Some("uoU/PBI8z0TpNZbjVcY=".into());
    sign(&mut auts, b"");
    assert_eq!(shell.ask(&auts.to_string()).outcome, Outcome::BadAuts);
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

#[test]
fn ruling_12_gba_u_has_its_own_autn_and_res() {
    let mut shell = Shell::with_guss(Some(gba_u_guss()));
    let a = shell.ask(&first());
    let c = challenge_in(&a);
    assert!(
        a.note.is_some_and(|n| n.contains("disagree")),
        "the User-Agent shows GBA_ME"
    );
    let v = vector(hex!("23553cbe9637a89d218ae64dae47bf35"));
    let star = gba_u::mac_star(&v.autn, &v.ik);
    assert!(star != v.autn && shell.open[0].nonce == nonce_of(&v.rand, &star).into());
    let a = shell.ask(&answer(&c));
    assert_eq!(a.outcome, Outcome::WrongResponse, "a 3G AKA RES is no GBA_U RES");
    let c = challenge_in(&a);
    let flipped = Res::new(res(&c).expose()).unwrap().flipped_lsb();
    let a = shell.ask(&credentials(&c, flipped.expose()).to_string());
    assert_eq!((a.status, shell.sessions[0].mode), (200, Mode::U));
    assert_eq!(
        BootstrappingInfo::parse(&a.body).map(|i| i.lifetime),
        Ok(shell.now.utc.plus_secs(120)),
        "the GUSS's lifetime"
    );
}

#[test]
fn gba_u_forms_can_be_switched() {
    let mut shell = Shell::with_guss(Some(gba_u_guss()));
    shell.config.gba_u_mac = MacForm::Plain;
    shell.config.gba_u_res = ResForm::Plain;
    let c = shell.challenge();
    assert_eq!(c.nonce, "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M=");
    assert_eq!(shell.ask(&answer(&c)).status, 200);
    shell.config.gba_u_res = ResForm::Either;
    shell.pass(Duration::from_secs(60));
    let c = shell.challenge();
    let a = shell.ask(&answer(&c));
    assert_eq!(
        (a.status, a.note.as_deref()),
        (200, Some("the card sent RES plain"))
    );
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

#[test]
fn auts_brings_a_fresh_challenge_with_its_rand_told_to_the_hss() {
    let mut n = 0;
    let mut shell = Shell::with_source(Box::new(move |fetch| {
        n += 1;
        if n == 2 {
            let (rand, auts): (Rand, Auts) = fetch.resync.expect("resync");
            assert_eq!(rand, Rand::from([1; 16]));
            assert_eq!(auts.to_string(), "ba853f3c123ccf44e93596e355c6");
        } else {
            assert_eq!(fetch.resync, None);
        }
        Ok(Obtained {
            vector: vector([n; 16]),
            guss: None,
        })
    }));
    let c = shell.challenge();
    let a = shell.ask(&auts_for(&c).to_string());
    assert_eq!((a.status, a.outcome), (401, Outcome::Resynchronised));
    let fresh = challenge_in(&a);
    assert_eq!(shell.ask(&answer(&fresh)).status, 200);
    assert_ne!(
        shell.ask(&answer(&c)).status,
        200,
        "the first challenge was used up by the AUTS"
    );
}

#[test]
fn auts_without_a_right_digest_or_mac_is_refused() {
    let mut shell = Shell::new();
    let c = shell.challenge();
    let mut forged = auts_for(&c);
    sign(&mut forged, res(&c).expose());
    assert_eq!(shell.ask(&forged.to_string()).outcome, Outcome::WrongResponse);
    let mut shell = Shell::new();
    let c = shell.challenge();
    let malformed = Credentials {
        auts: Some("AAAA".into()),
        ..auts_for(&c)
    };
    assert_eq!(shell.ask(&malformed.to_string()).status, 400);
    let mut n = 0;
    let mut shell = Shell::with_source(Box::new(move |_| {
        n += 1;
        if n == 1 {
            Ok(Obtained {
                vector: vector([1; 16]),
                guss: None,
            })
        } else {
            Err(SourceFailure::BadAuts)
        }
    }));
    let c = shell.challenge();
    let a = shell.ask(&auts_for(&c).to_string());
    assert_eq!((a.status, a.outcome), (403, Outcome::BadAuts));
}

#[test]
fn a_silent_hss_is_503_with_retry_after() {
    for failure in [SourceFailure::Down, SourceFailure::Broken] {
        let mut shell = Shell::with_source(Box::new(move |_| Err(failure)));
        let a = shell.ask(&first());
        assert_eq!((a.status, a.outcome), (503, Outcome::SourceDown));
        assert_eq!(a.header("Retry-After"), Some("5"));
        assert!(String::from_utf8(a.body).unwrap().contains("HSS"));
    }
}

#[test]
fn an_expired_challenge_is_replaced() {
    let mut shell = Shell::new();
    let c = shell.challenge();
    shell.pass(Duration::from_secs(60));
    let a = shell.ask(&answer(&c));
    assert_eq!(a.outcome, Outcome::Challenged);
    assert!(challenge_in(&a).stale);
}

#[test]
fn ruling_37_lifetimes_are_clamped_and_end_on_either_clock() {
    for (told, got) in [(0, 1), (u32::MAX, 30 * 24 * 3600), (77, 77)] {
        let mut guss = gba_u_guss();
        guss.bsf_info = BsfInfo {
            uicc_type: None,
            lifetime: Some(told),
        };
        let mut shell = Shell::with_guss(Some(guss));
        let c = shell.challenge();
        shell.ask(&answer(&c));
        let session = &shell.sessions[0];
        assert_eq!(session.expiry, shell.now.utc.plus_secs(got));
        let later = shell.now + Duration::from_secs(got.into());
        assert!(!session.is_over(shell.now) && session.is_over(later));
        let set_back = Now {
            utc: shell.now.utc,
            mono: later.mono,
        };
        assert!(session.is_over(set_back), "a clock set back revives nothing");
    }
}

#[test]
fn broken_requests_use_up_no_challenge() {
    let mut shell = Shell::new();
    let c = shell.challenge();
    let good = credentials(&c, res(&c).expose());
    let other = |change: fn(&mut Credentials)| {
        let mut c = good.clone();
        change(&mut c);
        c.to_string()
    };
    for (bad, why) in [
        (other(|c| c.algorithm = Some(Algorithm::Md5)), "algorithm"),
        (other(|c| c.realm = "other.example".into()), "realm"),
        (other(|c| c.uri = "/other".into()), "uri"),
        (other(|c| c.nc = Some("00000002".into())), "nc"),
        (other(|c| c.cnonce = None), "cnonce"),
        ("Basic eDp5".into(), "Digest"),
        ("Digest username=\"no domain\"".into(), "IMPI"),
    ] {
        let a = shell.ask(&bad);
        assert_eq!((a.status, a.outcome), (400, Outcome::Malformed), "{why}");
        assert!(String::from_utf8(a.body).unwrap().contains(why), "{why}");
    }
    assert_eq!(shell.ask_from(HOME, "GET", None).status, 400);
    let a = shell.ask_from(HOME, "POST", Some(&first()));
    assert_eq!((a.status, a.header("Allow")), (405, Some("GET")));
    assert_eq!(shell.ask(&good.to_string()).status, 200);
}

#[test]
fn only_auth_int_and_our_opaque_are_right() {
    let mut shell = Shell::new();
    shell.config.per_impi = Rate::UNLIMITED;
    let change: [fn(&mut Credentials); 2] = [|c| c.qop = Some(Qop::Auth), |c| c.opaque = Some("x".into())];
    for change in change {
        let c = shell.challenge();
        let mut sent = credentials(&c, b"");
        change(&mut sent);
        sign(&mut sent, res(&c).expose());
        assert_eq!(shell.ask(&sent.to_string()).outcome, Outcome::WrongResponse);
    }
    let c = shell.challenge();
    let sent = Credentials {
        opaque: None,
        algorithm: None,
        ..credentials(&c, res(&c).expose())
    };
    assert_eq!(
        shell.ask(&sent.to_string()).status,
        200,
        "a UE may leave opaque out"
    );
}

#[test]
fn another_impi_cannot_answer_or_close_a_challenge() {
    let mut shell = Shell::new();
    let c = shell.challenge();
    let mut thief = credentials(&c, b"");
    thief.username = "thief@ims.mnc001.mcc123.3gppnetwork.org".into();
    sign(&mut thief, res(&c).expose());
    assert_eq!(shell.ask(&thief.to_string()).outcome, Outcome::Challenged);
    assert_eq!(shell.ask(&answer(&c)).status, 200);
}

proptest! {
    #[test]
    fn any_authorization_gets_an_answer(
        text in "Digest (username|nonce|response|auts|qop|nc|,|=|\"|[a-z@/]{1,3}| ){0,30}", method in "GET|PUT",
    ) {
        let mut shell = Shell::new();
        let a = shell.ask_from(HOME, &method, Some(&text));
        prop_assert!(a.status != 200 && a.status >= 400);
        prop_assert!(a.summary.chars().count() <= 70);
    }

    #[test]
    fn a_response_that_is_not_right_never_succeeds(guess in proptest::collection::vec(any::<u8>(), 0..17)) {
        let mut shell = Shell::new();
        let c = shell.challenge();
        prop_assume!(guess != res(&c).expose());
        prop_assert_eq!(shell.ask(&credentials(&c, &guess).to_string()).outcome, Outcome::WrongResponse);
        prop_assert!(shell.sessions.is_empty());
    }

    #[test]
    fn the_impi_in_a_challenge_is_the_one_that_asked(user in "[a-z0-9]{1,12}") {
        let impi: Impi = format!("{user}@ims.example.org").parse().unwrap();
        let mut shell = Shell::new();
        shell.ask(&format!(r#"Digest username="{impi}""#));
        prop_assert_eq!(&shell.open[0].impi, &impi);
    }
}
