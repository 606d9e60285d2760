//! The NAF's decisions, against hand-made requests and against our own UE.

use core::time::Duration;

use base::{SeededEntropy, Utc};

use super::*;
use crate::{
    keys::Ks,
    ua::client::{Channel, Expected, Session, choose},
};

const NAF: &str = "naf.home.test";
const NOW: Now = Now {
    mono: Mono(1_000_000_000_000),
    utc: Utc(1_800_000_000),
};
const EXPIRY: Utc = Utc(1_800_003_600);
const BTID: &str = "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.mnc001.mcc001.pub.3gppnetwork.org";

fn key_of(host: &str, ua: UaId, kind: KeyKind) -> KsNaf {
    let naf_id = NafId::new(host.parse().unwrap(), ua);
    let impi = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org"
        .parse()
        .unwrap();
    Ks::new(Secret::new([0x11; 32])).naf_key(kind, &aka::Rand::from([1; 16]), &impi, &naf_id)
}

fn key() -> KsNaf {
    key_of(NAF, UaId::HTTP_DIGEST, KeyKind::Me)
}

struct Naf {
    config: Config,
    secret: Secret<32>,
    replay: ReplayTable,
    entropy: SeededEntropy,
    now: Now,
}

impl Naf {
    fn new() -> Self {
        Self {
            config: Config::new(vec![NAF.parse().unwrap(), "second.home.test".parse().unwrap()]),
            secret: Secret::new([9; 32]),
            replay: ReplayTable::new(16),
            entropy: SeededEntropy::new(5),
            now: NOW,
        }
    }

    fn decide(&mut self, request: &Request<'_>) -> Decision {
        let mut context = Context {
            config: &self.config,
            secret: &self.secret,
            now: self.now,
            entropy: &mut self.entropy,
        };
        decide(&mut context, request).unwrap()
    }

    fn verify(&mut self, request: &Request<'_>, key: &KeyAnswer<'_>) -> Verdict {
        match self.decide(request) {
            Decision::NeedKey(pending) => {
                assert_eq!(pending.btid().to_string(), BTID);
                let mut context = Context {
                    config: &self.config,
                    secret: &self.secret,
                    now: self.now,
                    entropy: &mut self.entropy,
                };
                pending
                    .verify(&mut context, request, key, &mut self.replay)
                    .unwrap()
            }
            Decision::Refuse(refusal) => Verdict::Refuse(refusal),
        }
    }

    fn full(&mut self, request: &Request<'_>) -> Verdict {
        self.verify(
            request,
            &KeyAnswer::Key {
                ks_naf: &key(),
                expiry: EXPIRY,
            },
        )
    }

    fn challenge(&mut self, user_agent: Option<&str>) -> String {
        let refusal = refused(self.full(&Request {
            user_agent,
            ..request(&[])
        }));
        assert_eq!(refusal.status(), 401);
        refusal.headers.into_iter().next().unwrap().1
    }

    /// Our UE at a fresh challenge.
    fn ue(&mut self) -> Ue {
        Ue::new(&self.challenge(Some("gba-ue 3gpp-gba")))
    }
}

struct Ue(Session, SeededEntropy);

impl Ue {
    fn new(challenge: &str) -> Self {
        let host = NAF.parse().unwrap();
        let chosen = choose(&host, Channel::Plain, [challenge].into_iter())
            .unwrap()
            .unwrap();
        let url = format!("http://{NAF}/").parse().unwrap();
        Self(
            Session::new(url, chosen, &BTID.parse().unwrap(), &key()).unwrap(),
            SeededEntropy::new(6),
        )
    }

    fn authorize(&mut self, target: &str, body: &[u8]) -> (String, Expected) {
        self.0.authorize("GET", target, body, &mut self.1).unwrap()
    }
}

fn request<'a>(authorization: &'a [&'a str]) -> Request<'a> {
    Request {
        method: "GET",
        target: "/a?x=1",
        host: Some("NAF.home.test:8080"),
        user_agent: None,
        authorization,
        body: b"",
        ua: UaId::HTTP_DIGEST,
    }
}

fn refused(verdict: Verdict) -> Refusal {
    match verdict {
        Verdict::Refuse(refusal) => refusal,
        Verdict::Accept(_) => panic!("accepted"),
    }
}

fn accepted(verdict: Verdict) -> Box<Accepted> {
    match verdict {
        Verdict::Accept(accepted) => accepted,
        Verdict::Refuse(refusal) => panic!("{refusal:?}"),
    }
}

//= TS33.220-B.3-r3
//= TS33.220-H.3-r1
//= TS24.109-5.2-r3
#[test]
fn our_ue_and_our_naf_prove_themselves_to_each_other() {
    let mut naf = Naf::new();
    let mut ue = naf.ue();
    for body in ["first", "second", ""] {
        let (authorization, expected) = ue.authorize("/a?x=1", body.as_bytes());
        let header = [authorization.as_str()];
        let a = accepted(naf.full(&Request {
            body: body.as_bytes(),
            ..request(&header)
        }));
        assert_eq!(
            (a.btid().to_string().as_str(), a.qop()),
            (BTID, Some(Qop::AuthInt))
        );
        assert_eq!(a.naf_id().octets(), b"naf.home.test\x01\x00\x00\x00\x02");
        ue.0.prove(&expected, &a.authentication_info(b"answer"), b"answer")
            .unwrap();
        assert!(
            ue.0.prove(&expected, &a.authentication_info(b"answer"), b"other")
                .is_err()
        );
    }
}

//= TS24.109-5.2-r1
//= TS24.109-5.2-r5
#[test]
fn the_challenge_is_one_line_with_one_qop() {
    let mut naf = Naf::new();
    let text = naf.challenge(None);
    assert!(
        text.starts_with(r#"Digest realm="3GPP-bootstrapping@naf.home.test", nonce=""#),
        "{text}"
    );
    for (agent, qop) in [
        (None, "auth"),
        (Some("curl/7.88.1"), "auth"),
        (Some("app 3gpp-gbax"), "auth"),
        (Some("Bootstrapping Client Agent; Release-6 3gpp-gba"), "auth-int"),
        (Some("gba-ue/0.1 3gpp-gba-uicc"), "auth-int"),
    ] {
        let text = naf.challenge(agent);
        assert!(text.contains(&format!(r#"qop="{qop}""#)), "{agent:?}: {text}");
        assert_eq!(
            text.matches(',').count(),
            3,
            "no comma but between parameters: {text}"
        );
    }
    naf.config.qop = QopPolicy::Both;
    assert!(naf.challenge(None).contains(r#"qop="auth,auth-int""#));
    let refusal = {
        naf.config.algorithms = vec![Algorithm::Sha256, Algorithm::Md5];
        refused(naf.full(&request(&[])))
    };
    assert_eq!(refusal.headers.len(), 2);
    assert_ne!(naf.challenge(None), naf.challenge(None), "nonces differ");
}

/// A challenge that somebody on the way has rewritten to ask for another qop.
fn asking(challenge: &str, qop: &str) -> String {
    let mut c: Challenge = challenge.parse().unwrap();
    c.qop = vec![if qop == "auth" { Qop::Auth } else { Qop::AuthInt }];
    c.to_string()
}

//= RFC7616-5.8-r1
#[test]
fn a_rewritten_challenge_takes_no_protection_away() {
    for policy in [QopPolicy::ByClient, QopPolicy::AuthInt] {
        let mut naf = Naf::new();
        naf.config.qop = policy;
        let issued = naf.challenge(Some("gba-ue 3gpp-gba"));
        assert!(issued.contains(r#"qop="auth-int""#), "{issued}");
        let (stripped, _) = Ue::new(&asking(&issued, "auth")).authorize("/a?x=1", b"");
        // Whatever User-Agent goes with the answer: the man in the middle may write that too.
        for user_agent in [None, Some("gba-ue 3gpp-gba")] {
            let r = refused(naf.full(&Request {
                user_agent,
                body: b"of another",
                ..request(&[&stripped])
            }));
            assert_eq!((r.status(), r.reason), (401, Reason::NotOffered), "{policy:?}");
            assert!(r.headers[0].1.contains("nonce="), "with a fresh challenge");
        }
        assert!(naf.replay.is_empty());
        let (whole, _) = Ue::new(&issued).authorize("/a?x=1", b"");
        let _ = accepted(naf.full(&request(&[&whole])));
    }
}

#[test]
fn each_qop_policy_takes_what_it_offers_and_no_less() {
    for (policy, auth, auth_int) in [
        (QopPolicy::ByClient, true, false),
        (QopPolicy::Both, true, true),
        (QopPolicy::Auth, true, false),
        (QopPolicy::AuthInt, false, true),
    ] {
        for (qop, allowed) in [("auth", auth), ("auth-int", auth_int)] {
            let mut naf = Naf::new();
            naf.config.qop = policy;
            let challenge = asking(&naf.challenge(None), qop);
            let (authorization, _) = Ue::new(&challenge).authorize("/a?x=1", b"");
            match naf.full(&request(&[&authorization])) {
                Verdict::Accept(_) => assert!(allowed, "{policy:?} {qop}"),
                Verdict::Refuse(r) => assert_eq!(
                    (r.reason, allowed),
                    (Reason::NotOffered, false),
                    "{policy:?} {qop}"
                ),
            }
        }
    }
}

//= TS24.109-5.2-r2
//= TS24.109-5.2-r4
#[test]
fn a_list_of_realms_may_be_echoed_whole() {
    let mut naf = Naf::new();
    let challenge = naf.challenge(None);
    let mut c = Credentials::parse(&Ue::new(&challenge).authorize("/a?x=1", b"").0).unwrap();
    for (realm, ok) in [
        (
            "3GPP-bootstrapping-uicc@naf.home.test;3GPP-bootstrapping@naf.home.test",
            true,
        ),
        ("3GPP-bootstrapping@NAF.home.test", true),
        ("3GPP-bootstrapping@second.home.test", false),
        ("3GPP-bootstrapping-uicc@naf.home.test", false),
        ("members", false),
        ("", false),
    ] {
        c.realm = realm.to_owned();
        let ha1 = c.ha1(Algorithm::Md5, key().password().unwrap().expose());
        c.response = crate::digest::response(&ha1, &c.fields(Algorithm::Md5), "GET", b"");
        let mut fresh = Naf::new();
        match fresh.full(&request(&[&c.to_string()])) {
            Verdict::Accept(_) => assert!(ok, "{realm}"),
            Verdict::Refuse(r) => assert_eq!((ok, r.status()), (false, 403), "{realm}"),
        }
    }
}

#[test]
fn a_wrong_response_is_challenged_and_takes_no_place() {
    let mut naf = Naf::new();
    let (authorization, _) = naf.ue().authorize("/a?x=1", b"");
    let right = Credentials::parse(&authorization).unwrap();
    type Change = fn(&mut Credentials);
    let changes: [(&str, Change); 4] = [
        ("response", |c| c.response = "0".repeat(32)),
        ("empty response", |c| c.response = String::new()),
        ("cnonce", |c| c.cnonce = Some("x".to_owned())),
        ("nc", |c| c.nc = Some("00000007".to_owned())),
    ];
    for (what, change) in changes {
        let mut c = right.clone();
        change(&mut c);
        let r = refused(naf.full(&request(&[&c.to_string()])));
        assert_eq!((r.status(), r.reason), (401, Reason::WrongResponse), "{what}");
        assert!(r.headers[0].1.contains("Digest") && !r.headers[0].1.contains("stale"));
    }
    let other_method = Request {
        method: "DELETE",
        ..request(&[])
    };
    let other_body = Request {
        body: b"x",
        ..request(&[])
    };
    for changed in [other_method, other_body] {
        let r = refused(naf.full(&Request {
            authorization: &[&authorization],
            ..changed
        }));
        assert_eq!(r.reason, Reason::WrongResponse);
    }
    assert!(naf.replay.is_empty(), "only a right response takes a place");
    let _ = accepted(naf.full(&request(&[&authorization])));
}

//= RFC7616-5.5-r1
#[test]
fn replays_and_old_nonces_are_stale() {
    let mut naf = Naf::new();
    let mut ue = naf.ue();
    let (first, _) = ue.authorize("/a?x=1", b"");
    let (second, _) = ue.authorize("/a?x=1", b"");
    let _ = accepted(naf.full(&request(&[&second])));
    for replay in [&second, &first] {
        let r = refused(naf.full(&request(&[replay])));
        assert_eq!((r.status(), r.reason), (401, Reason::Stale));
        assert!(r.headers[0].1.contains("stale=TRUE"), "{:?}", r.headers);
    }
    naf.config.nonce_count_window = 8;
    let (third, _) = ue.authorize("/a?x=1", b"");
    let (fourth, _) = ue.authorize("/a?x=1", b"");
    let _ = accepted(naf.full(&request(&[&fourth])));
    let _ = accepted(naf.full(&request(&[&third])));
    assert_eq!(
        refused(naf.full(&request(&[&third]))).reason,
        Reason::Stale,
        "no window takes a count twice"
    );

    let (late, _) = ue.authorize("/a?x=1", b"");
    naf.now = NOW + Duration::from_secs(301);
    assert_eq!(refused(naf.full(&request(&[&late]))).reason, Reason::Stale);
    let wrong = late.replace(r#"response=""#, r#"response="0"#);
    assert_eq!(
        refused(naf.full(&request(&[&wrong]))).reason,
        Reason::WrongResponse,
        "staleness is for the right one"
    );
}

#[test]
fn a_count_of_zero_is_for_the_laboratory() {
    let mut naf = Naf::new();
    let mut c = Credentials::parse(&naf.ue().authorize("/a?x=1", b"").0).unwrap();
    c.nc = Some("00000000".to_owned());
    let ha1 = c.ha1(Algorithm::Md5, key().password().unwrap().expose());
    c.response = crate::digest::response(&ha1, &c.fields(Algorithm::Md5), "GET", b"");
    assert_eq!(refused(naf.full(&request(&[&c.to_string()]))).status(), 400);
    naf.config.lenient_nonce_count = true;
    let _ = accepted(naf.full(&request(&[&c.to_string()])));
}

//= TS33.220-4.5.3-r4
//= TS24.109-5.2-r7
#[test]
fn what_the_bsf_says_decides() {
    let mut naf = Naf::new();
    let (authorization, _) = naf.ue().authorize("/a?x=1", b"");
    let header = [authorization.as_str()];
    for (answer, status, reason) in [
        (KeyAnswer::Unknown, 401, Reason::BootstrappingRequired),
        (KeyAnswer::NotAuthorized, 403, Reason::NotAuthorized),
        (KeyAnswer::Unavailable, 503, Reason::BsfUnavailable),
        (
            KeyAnswer::Key {
                ks_naf: &key(),
                expiry: NOW.utc,
            },
            401,
            Reason::BootstrappingRequired,
        ),
    ] {
        let r = refused(naf.verify(&request(&header), &answer));
        assert_eq!((r.status(), r.reason), (status, reason));
        assert_eq!(
            r.headers.iter().any(|(n, _)| *n == "WWW-Authenticate"),
            status == 401
        );
        assert_eq!(
            r.headers.iter().any(|(n, v)| *n == "Retry-After" && v == "5"),
            status == 503
        );
    }
}

#[test]
fn ruling_17_a_key_for_another_use_opens_nothing() {
    let mut naf = Naf::new();
    let (authorization, _) = naf.ue().authorize("/a?x=1", b"");
    for wrong in [
        key_of("second.home.test", UaId::HTTP_DIGEST, KeyKind::Me),
        key_of(NAF, UaId::tls(0x00ae), KeyKind::Me),
        key_of(NAF, UaId::HTTP_DIGEST, KeyKind::Int),
    ] {
        let answer = KeyAnswer::Key {
            ks_naf: &wrong,
            expiry: EXPIRY,
        };
        assert_eq!(
            refused(naf.verify(&request(&[&authorization]), &answer)).reason,
            Reason::WrongKey
        );
    }
}

#[test]
fn ruling_19_the_b_tid_reaches_the_bsf_letter_by_letter() {
    let mut naf = Naf::new();
    let (authorization, _) = naf.ue().authorize("/a?x=1", b"");
    let upper = authorization.replace("I1U8vpY3", "i1u8VPy3");
    let asked = |naf: &mut Naf, header: &str| match naf.decide(&request(&[header])) {
        Decision::NeedKey(pending) => pending.btid().clone(),
        Decision::Refuse(r) => panic!("{r:?}"),
    };
    let (one, two) = (asked(&mut naf, &authorization), asked(&mut naf, &upper));
    assert_ne!(one, two, "base64 is case-sensitive");
    assert!(two.to_string().starts_with("i1u8VPy3"));
}

//= TS24.109-5.2-r4
#[test]
fn malformed_and_misdirected_requests_are_told_what_is_wrong() {
    let mut naf = Naf::new();
    let (authorization, _) = naf.ue().authorize("/a?x=1", b"");
    let header = [authorization.as_str()];
    let no_btid = authorization.replace(BTID, "nobody");
    let no_qop = authorization.replace("qop=auth-int, ", "");
    let foreign_nonce = authorization.replace(r#"nonce=""#, r#"nonce="00"#);
    let absolute = authorization.replace(r#"uri="/a?x=1""#, r#"uri="http://other.test/a?x=1""#);
    let cases: [(Request<'_>, u16); 11] = [
        (
            Request {
                host: None,
                ..request(&header)
            },
            400,
        ),
        (
            Request {
                host: Some("127.0.0.1:80"),
                ..request(&header)
            },
            400,
        ),
        (
            Request {
                host: Some("naf.home.test:x"),
                ..request(&header)
            },
            400,
        ),
        (
            Request {
                host: Some("other.test"),
                ..request(&header)
            },
            421,
        ),
        (
            Request {
                target: "/b",
                ..request(&header)
            },
            400,
        ),
        (
            Request {
                authorization: &[&authorization, &authorization],
                ..request(&header)
            },
            400,
        ),
        (
            Request {
                authorization: &["Basic eDp5"],
                ..request(&header)
            },
            401,
        ),
        (
            Request {
                authorization: &["Digest username=\"x"],
                ..request(&header)
            },
            400,
        ),
        (
            Request {
                authorization: &[&no_btid],
                ..request(&header)
            },
            401,
        ),
        (
            Request {
                authorization: &[&no_qop],
                ..request(&header)
            },
            401,
        ),
        (
            Request {
                authorization: &[&foreign_nonce],
                ..request(&header)
            },
            401,
        ),
    ];
    for (request, status) in cases {
        let r = refused(naf.full(&request));
        assert_eq!(r.status(), status, "{request:?}: {r:?}");
        assert!(!r.text.is_empty());
    }
    assert_eq!(
        refused(naf.full(&request(&[&absolute]))).status(),
        400,
        "an absolute uri of another host"
    );
    // A nonce of one host doesn't live at another, though both are served here.
    let elsewhere = authorization.replace("@naf.home.test", "@second.home.test");
    let r = refused(naf.full(&Request {
        host: Some("second.home.test"),
        ..request(&[&elsewhere])
    }));
    assert_eq!(r.reason, Reason::UnknownNonce);
}

proptest::proptest! {
    #[test]
    fn never_panics_and_lets_no_noise_in(
        authorization in "(Digest )?[ -~]{0,80}",
        host in proptest::option::of("[ -~]{0,20}"),
        target in "[ -~]{0,20}",
    ) {
        let mut naf = Naf::new();
        let header = [authorization.as_str()];
        let request = Request { host: host.as_deref(), target: &target, ..request(&header) };
        if let Decision::NeedKey(_) = naf.decide(&request) {
            proptest::prop_assert!(false, "noise got as far as the key");
        }
    }
}
