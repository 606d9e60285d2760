//! The UE against NAFs that behave, and against hosts that want what isn't theirs.

use base::{Secret, SeededEntropy, Utc};

use super::*;
use crate::{
    digest::{Algorithm, AuthenticationInfo, Challenge, Qop},
    ids::{Fqdn, UaId},
    keys::{KeyKind, Ks},
};

const NOW: Now = Now {
    mono: Mono(0),
    utc: Utc(1_800_000_000),
};
const NAF: &str = "naf.home.test";

fn url() -> Url {
    "http://naf.home.test:8080/a?x=1".parse().unwrap()
}

fn btid() -> Btid {
    "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.mnc001.mcc001.pub.3gppnetwork.org"
        .parse()
        .unwrap()
}

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

fn realm(text: &str) -> String {
    format!(r#"Digest realm="{text}", nonce="n1", algorithm=MD5, qop="auth-int", opaque="o""#)
}

fn good() -> String {
    realm("3GPP-bootstrapping@naf.home.test")
}

struct Run {
    client: UaClient,
    entropy: SeededEntropy,
}

impl Run {
    fn start(request: UaRequest, session: Option<Session>) -> (Self, Output) {
        // Another seed for a request that goes on with a session, as a second draw would give other octets.
        let entropy = SeededEntropy::new(if session.is_some() { 4 } else { 3 });
        let mut run = Self {
            client: UaClient::new(request, Mode::Me, session),
            entropy,
        };
        let output = run.put(Input::Start);
        (run, output)
    }

    fn put(&mut self, input: Input<'_>) -> Output {
        self.client.handle_input(NOW, &mut self.entropy, input).unwrap();
        self.client.poll_output()
    }

    fn http(&mut self, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Output {
        self.put(Input::Http(
            HttpResponse {
                status,
                headers,
                body,
            },
            Channel::Plain,
        ))
    }

    fn challenged(&mut self, challenge: &str) -> Output {
        self.http(401, &[("www-authenticate", challenge)], b"")
    }

    fn key(&mut self) -> Output {
        self.put(Input::Key {
            btid: &btid(),
            ks_naf: &key(),
        })
    }

    /// As far as the answer to a good challenge.
    fn answered() -> (Self, Credentials) {
        let (mut run, _) = Self::start(UaRequest::get(url()), None);
        assert_eq!(
            needs(&run.challenged(&good())),
            (NafId::new(NAF.parse().unwrap(), UaId::HTTP_DIGEST), false)
        );
        let output = run.key();
        let credentials = credentials(&output);
        (run, credentials)
    }
}

fn sent(output: &Output) -> &HttpRequest {
    match output {
        Output::Send(request) => request,
        other => panic!("a request was expected, got {}", name(other)),
    }
}

fn credentials(output: &Output) -> Credentials {
    Credentials::parse(sent(output).header("authorization").unwrap()).unwrap()
}

fn needs(output: &Output) -> (NafId, bool) {
    match output {
        Output::NeedKey { naf_id, fresh } => (naf_id.clone(), *fresh),
        other => panic!("NeedKey was expected, got {}", name(other)),
    }
}

fn failure(output: Output) -> UaError {
    match output {
        Output::Failed(e) => e,
        other => panic!("a failure was expected, got {}", name(&other)),
    }
}

fn done(output: Output) -> Fetched {
    match output {
        Output::Done(fetched) => fetched,
        other => panic!("an answer was expected, got {}", name(&other)),
    }
}

fn name(output: &Output) -> String {
    match output {
        Output::Send(r) => format!("{r:?}"),
        Output::NeedKey { naf_id, fresh } => format!("NeedKey {naf_id:?} {fresh}"),
        Output::Done(f) => format!("Done {}", f.status),
        Output::Failed(e) => format!("Failed: {e}"),
        Output::Wait(_) => "Wait".to_owned(),
    }
}

fn info(c: &Credentials, body: &[u8]) -> String {
    let algorithm = c.algorithm.unwrap();
    let ha1 = c.ha1(algorithm, key().password().unwrap().expose());
    AuthenticationInfo::answering(c, c.rspauth(&ha1, algorithm, body)).to_string()
}

#[test]
fn fetches_with_each_algorithm_and_qop() {
    for algorithm in [
        Algorithm::Md5,
        Algorithm::Md5Sess,
        Algorithm::Sha256,
        Algorithm::Sha256Sess,
    ] {
        for (qop, expected) in [
            ("auth", Qop::Auth),
            ("auth-int", Qop::AuthInt),
            ("auth,auth-int", Qop::AuthInt),
        ] {
            let request = UaRequest {
                method: "POST".to_owned(),
                body: b"hello".to_vec(),
                ..UaRequest::get(url())
            };
            let (mut run, first) = Run::start(request, None);
            assert!(sent(&first).header("authorization").is_none());
            assert!(sent(&first).header("user-agent").unwrap().ends_with("3gpp-gba"));
            assert_eq!(sent(&first).host_header(), "naf.home.test:8080");
            let challenge = format!(
                r#"Digest realm="3GPP-bootstrapping@naf.home.test", nonce="n1", algorithm={algorithm}, qop="{qop}""#
            );
            let _ = needs(&run.challenged(&challenge));
            let output = run.key();
            let c = credentials(&output);
            assert_eq!(c.username, btid().to_string());
            assert_eq!(
                (c.qop, c.nc.as_deref(), c.uri.as_str()),
                (Some(expected), Some("00000001"), "/a?x=1")
            );
            let ha1 = c.ha1(algorithm, key().password().unwrap().expose());
            assert!(c.verify(&ha1, algorithm, "POST", b"hello"));
            assert_eq!(c.verify(&ha1, algorithm, "POST", b"other"), expected == Qop::Auth);
            let fetched = done(run.http(200, &[("Authentication-Info", &info(&c, b"body"))], b"body"));
            assert!(fetched.proven && fetched.session.is_some() && fetched.status == 200);
        }
    }
}

#[test]
fn a_session_saves_the_challenge_and_its_count_goes_on() {
    for algorithm in ["MD5", "MD5-sess"] {
        let (mut run, _) = Run::start(UaRequest::get(url()), None);
        let _ = run.challenged(&good().replace("MD5", algorithm));
        let first = credentials(&run.key());
        let session = done(run.http(200, &[("Authentication-Info", &info(&first, b""))], b"")).session;

        let (mut run, output) = Run::start(UaRequest::get(url()), session);
        let second = credentials(&output);
        assert_eq!(
            (second.nonce.as_str(), second.nc.as_deref()),
            ("n1", Some("00000002"))
        );
        assert_eq!(
            second.cnonce == first.cnonce,
            algorithm == "MD5-sess",
            "{algorithm}"
        );

        let next = info(&second, b"") + r#", nextnonce="n2""#;
        let session = done(run.http(200, &[("Authentication-Info", &next)], b"")).session;
        let (_, output) = Run::start(UaRequest::get(url()), session);
        let third = credentials(&output);
        assert_eq!(
            (third.nonce.as_str(), third.nc.as_deref()),
            ("n2", Some("00000001"))
        );
    }
    let (mut run, c) = Run::answered();
    let session = done(run.http(200, &[("Authentication-Info", &info(&c, b""))], b"")).session;
    let elsewhere = UaRequest::get("http://naf.home.test:8081/".parse().unwrap());
    let (_, output) = Run::start(elsewhere, session);
    assert!(
        sent(&output).header("authorization").is_none(),
        "another port is another origin"
    );
}

#[test]
fn ruling_16_only_the_host_itself_may_ask_for_its_key() {
    for (text, answered) in [
        ("3GPP-bootstrapping@naf.home.test", true),
        ("3GPP-bootstrapping@NAF.Home.TEST", true),
        ("3GPP-bootstrapping@naf.home.test.", true),
        (
            "3GPP-bootstrapping-uicc@naf.home.test;3GPP-bootstrapping@naf.home.test",
            true,
        ),
        (
            "3GPP-bootstrapping@other.test;3GPP-bootstrapping@naf.home.test",
            true,
        ),
        ("3GPP-bootstrapping@other.test", false),
        ("3GPP-bootstrapping@naf.home.test.evil.test", false),
        ("3GPP-bootstrapping@home.test", false),
        ("3GPP-bootstrapping@evilnaf.home.test", false),
        (
            "3GPP-bootstrapping-uicc@naf.home.test;3GPP-bootstrapping@other.test",
            false,
        ),
    ] {
        let (mut run, _) = Run::start(UaRequest::get(url()), None);
        match run.challenged(&realm(text)) {
            Output::NeedKey { naf_id, .. } => {
                assert!(answered, "{text}");
                assert_eq!(
                    naf_id.octets(),
                    b"naf.home.test\x01\x00\x00\x00\x02",
                    "the host that was asked"
                );
                let c = credentials(&run.key());
                assert!(
                    text.split(';').any(|e| e == c.realm),
                    "one element, letter by letter: {}",
                    c.realm
                );
            }
            Output::Failed(UaError::ForeignRealm { .. }) => assert!(!answered, "{text}"),
            other => panic!("{text}: {}", name(&other)),
        }
    }
    // The right challenge among others, in one field.
    let (mut run, _) = Run::start(UaRequest::get(url()), None);
    let several = format!(
        r#"Basic realm="x", {}, {}"#,
        realm("3GPP-bootstrapping@other.test"),
        good()
    );
    assert!(!needs(&run.challenged(&several)).1);
    // With a port it isn't a realm of GBA: it is handed to the caller unanswered.
    let (mut run, _) = Run::start(UaRequest::get(url()), None);
    let fetched = done(run.challenged(&realm("3GPP-bootstrapping@naf.home.test:8080")));
    assert!(fetched.status == 401 && !fetched.proven);
}

//= TS33.222-5.3-r1
#[test]
fn ruling_16_over_tls_the_certificate_must_name_the_host() {
    let naf: Fqdn = NAF.parse().unwrap();
    let other: Fqdn = "other.test".parse().unwrap();
    let try_names = |names: &[Fqdn]| {
        choose(
            &naf,
            Channel::Tls { suite: 0xc02f, names },
            [good().as_str()].into_iter(),
        )
    };
    let chosen = try_names(&[other.clone(), naf.clone()]).unwrap().unwrap();
    assert_eq!(
        chosen.naf_id().ua(),
        UaId::tls(0xc02f),
        "the suite of this connection, not 01 00 00 00 02"
    );
    assert_eq!(
        try_names(&[other]).unwrap_err(),
        UaError::NotInCertificate { host: naf.clone() }
    );
    assert!(try_names(&[]).is_err());
}

//= RFC9110-15.4-r1
#[test]
fn ruling_16_each_redirect_is_checked_afresh_and_takes_no_credentials() {
    let mut request = UaRequest::get(url());
    request.headers = vec![
        ("Cookie".to_owned(), "c".to_owned()),
        ("X-Api-Key".to_owned(), "k".to_owned()),
        ("Accept".to_owned(), "a".to_owned()),
    ];
    let (mut run, first) = Run::start(request, None);
    assert_eq!(sent(&first).header("x-api-key"), Some("k"));
    let _ = run.challenged(&good());
    assert!(sent(&run.key()).header("authorization").is_some());
    let output = run.http(302, &[("Location", "http://other.test/b")], b"");
    let next = sent(&output);
    assert_eq!((next.host.as_str(), next.target.as_str()), ("other.test", "/b"));
    for name in ["authorization", "cookie", "x-api-key"] {
        assert!(next.header(name).is_none(), "{name}");
    }
    assert_eq!(next.header("accept"), Some("a"));
    // The new host can't have a key of the old one.
    assert!(matches!(
        failure(run.challenged(&good())),
        UaError::ForeignRealm { .. }
    ));

    let (mut run, _) = Run::answered();
    let _ = run.http(307, &[("Location", "http://other.test/b")], b"");
    let (naf_id, fresh) = needs(&run.challenged(&realm("3GPP-bootstrapping@other.test")));
    assert_eq!((naf_id.fqdn().as_str(), fresh), ("other.test", false));
    // The shell must bring the key of that NAF: the first one's isn't taken.
    assert_eq!(failure(run.key()), UaError::WrongKey);

    let (mut run, _) = Run::start(UaRequest::get(url()), None);
    for n in 1..=MAX_REDIRECTS {
        let _ = sent(&run.http(302, &[("Location", &format!("/{n}"))], b""));
    }
    assert_eq!(
        failure(run.http(302, &[("Location", "/more")], b"")),
        UaError::TooManyRedirects
    );

    let (mut run, _) = Run::start(UaRequest::get(url()), None);
    assert!(matches!(
        failure(run.http(302, &[("Location", "https://naf.home.test/")], b"")),
        UaError::Redirect(_)
    ));
}

//= RFC9110-15.4-r1
#[test]
fn a_redirect_changes_the_method_as_http_says() {
    for (status, method, expected) in [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (302, "PUT", "PUT"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
    ] {
        let request = UaRequest {
            method: method.to_owned(),
            body: b"b".to_vec(),
            headers: vec![("Content-Type".to_owned(), "t".to_owned())],
            ..UaRequest::get(url())
        };
        let (mut run, _) = Run::start(request, None);
        let output = run.http(status, &[("location", "/x")], b"");
        let next = sent(&output);
        assert_eq!(
            (next.method.as_str(), next.body.is_empty()),
            (expected, expected == "GET"),
            "{status} {method}"
        );
        assert_eq!(next.header("content-type").is_none(), expected == "GET");
    }
}

#[test]
fn ruling_16_a_proxy_is_never_answered() {
    let proxy = [("Proxy-Authenticate", &*good()), ("WWW-Authenticate", &*good())];
    let (mut run, _) = Run::start(UaRequest::get(url()), None);
    assert_eq!(failure(run.http(407, &proxy, b"")), UaError::ProxyAsks);
    let (mut run, _) = Run::answered();
    assert_eq!(failure(run.http(407, &proxy, b"")), UaError::ProxyAsks);
}

//= TS24.109-5.2-r8
#[test]
fn ruling_16_a_naf_causes_one_new_bootstrapping_for_each_request() {
    let (mut run, _) = Run::answered();
    assert!(
        needs(&run.challenged(&good())).1,
        "the B-TID is refused: a fresh one is wanted"
    );
    let _ = run.key();
    assert_eq!(failure(run.challenged(&good())), UaError::Refused);

    let (mut run, _) = Run::answered();
    let _ = run.challenged(&good());
    assert_eq!(failure(run.put(Input::TooSoon)), UaError::TooSoon);

    // Not even with a redirect between.
    let (mut run, _) = Run::answered();
    let _ = needs(&run.challenged(&good()));
    let _ = run.key();
    let _ = run.http(302, &[("location", "/again")], b"");
    assert!(!needs(&run.challenged(&good())).1);
    let _ = run.key();
    assert_eq!(failure(run.challenged(&good())), UaError::Refused);
}

//= RFC7616-3.3-r3
#[test]
fn a_stale_nonce_is_replaced_without_a_new_key_but_not_for_ever() {
    let (mut run, _) = Run::answered();
    for n in 2..4 {
        let challenge = good().replace("n1", &format!("n{n}")) + ", stale=TRUE";
        let c = credentials(&run.challenged(&challenge));
        assert_eq!((c.nonce, c.nc.as_deref()), (format!("n{n}"), Some("00000001")));
    }
    assert!(needs(&run.challenged(&(good() + ", stale=true"))).1);

    // Nor does the nonce of an earlier request need the key again.
    let (mut run, c) = Run::answered();
    let session = done(run.http(200, &[("Authentication-Info", &info(&c, b""))], b"")).session;
    let (mut run, _) = Run::start(UaRequest::get(url()), session);
    let c = credentials(&run.challenged(&(good().replace("n1", "n9") + ", stale=true")));
    assert_eq!((c.nonce.as_str(), c.nc.as_deref()), ("n9", Some("00000001")));
}

#[test]
fn ruling_17_a_key_for_another_use_is_not_used() {
    for wrong in [
        key_of("other.test", UaId::HTTP_DIGEST, KeyKind::Me),
        key_of(NAF, UaId::tls(0x00ae), KeyKind::Me),
        key_of(NAF, UaId::TLS13_PSK, KeyKind::Me),
        key_of(NAF, UaId::HTTP_DIGEST, KeyKind::Int),
    ] {
        let (mut run, _) = Run::start(UaRequest::get(url()), None);
        let _ = run.challenged(&good());
        let output = run.put(Input::Key {
            btid: &btid(),
            ks_naf: &wrong,
        });
        assert_eq!(
            failure(output),
            UaError::WrongKey,
            "{:?} {}",
            wrong.naf_id(),
            wrong.kind()
        );
    }
}

#[test]
fn ruling_13_ks_int_is_never_replaced_by_ks_ext() {
    let (mut run, _) = Run::start(UaRequest::get(url()), None);
    assert_eq!(
        failure(run.challenged(&realm("3GPP-bootstrapping-uicc@naf.home.test"))),
        UaError::NeedsKsInt
    );
    let (mut run, _) = Run::start(UaRequest::get(url()), None);
    assert_eq!(
        failure(run.challenged(&realm("3GPP-bootstrapping-digest@naf.home.test"))),
        UaError::NeedsGbaDigest
    );
}

//= TS24.109-5.2-r6
//= TS24.109-E.4-r1
#[test]
fn a_success_must_be_proven() {
    let (mut run, c) = Run::answered();
    let right = info(&c, b"body");
    assert!(matches!(
        failure(run.http(200, &[], b"body")),
        UaError::NotProven(_)
    ));
    let wrong_nc = right.replace("00000001", "00000002");
    let other_qop = right.replace("auth-int", "auth");
    let other_cnonce = right.replace("cnonce=\"", "cnonce=\"x");
    for (header, body) in [
        (&right, b"bodY".as_slice()),
        (&wrong_nc, b"body"),
        (&other_qop, b"body"),
        (&other_cnonce, b"body"),
        (&"qop=auth-int".to_owned(), b"body"),
        (&"qop=private".to_owned(), b"body"),
    ] {
        // The same seed gives the same cnonce, so the same proof.
        let (mut run, again) = Run::answered();
        assert_eq!(again.cnonce, c.cnonce);
        let e = failure(run.http(200, &[("authentication-info", header)], body));
        assert!(matches!(e, UaError::NotProven(_)), "{header}: {e}");
    }
    // An error may come from before the NAF; but a proof that is there is checked.
    let (mut run, _) = Run::answered();
    assert!(!done(run.http(502, &[], b"")).proven);
    let (mut run, c) = Run::answered();
    assert!(
        done(run.http(403, &[("authentication-info", &info(&c, b"no"))], b"no")).proven,
        "TS 24.109 E.4"
    );
    let (mut run, _) = Run::answered();
    assert!(matches!(
        failure(run.http(403, &[("authentication-info", &right)], b"no")),
        UaError::NotProven(_)
    ));
    // A laboratory switch for NAFs that send none.
    let (run, _) = Run::answered();
    let mut run = Run {
        client: run.client.without_proof(),
        entropy: run.entropy,
    };
    assert!(!done(run.http(200, &[], b"body")).proven);
}

#[test]
fn what_is_not_gba_goes_to_the_caller_and_what_is_not_offered_says_so() {
    let (mut run, _) = Run::start(UaRequest::get(url()), None);
    let fetched = done(run.challenged(r#"Digest realm="members", nonce="n", qop="auth""#));
    assert!(fetched.status == 401 && fetched.session.is_none());
    let (mut run, _) = Run::start(UaRequest::get(url()), None);
    assert!(!done(run.challenged("Basic realm=\"3GPP-bootstrapping@naf.home.test\"")).proven);
    for (from, to, words) in [
        ("=MD5", "=AKAv1-MD5", "algorithm AKAv1-MD5"),
        (r#", qop="auth-int""#, "", "qop none"),
    ] {
        let (mut run, _) = Run::start(UaRequest::get(url()), None);
        let e = failure(run.challenged(&good().replace(from, to)));
        assert!(e.to_string().contains(words), "{e}");
    }
    let (mut run, _) = Run::start(UaRequest::get(url()), None);
    let _ = run.challenged(&good());
    assert_eq!(
        failure(run.put(Input::NoKey("the BSF is down".to_owned()))).to_string(),
        "there is no key for this NAF: the BSF is down"
    );
}

#[test]
fn each_request_has_a_line_for_the_ladder() {
    let (mut run, first) = Run::start(UaRequest::get(url()), None);
    assert_eq!(describe(sent(&first)), "GET /a?x=1");
    let _ = run.challenged(&good());
    assert_eq!(
        describe(sent(&run.key())),
        "GET /a?x=1 as I1U8vpY3qJ…, auth-int, nc 00000001"
    );
}

#[test]
fn silence_ends_a_request() {
    let (mut run, _) = Run::start(UaRequest::get(url()), None);
    assert!(matches!(run.client.poll_output(), Output::Wait(Some(_))));
    assert_eq!(failure(run.put(Input::Timeout)), UaError::Timeout("the NAF"));
    assert!(matches!(run.client.poll_output(), Output::Wait(None)));
    let unexpected = run.client.handle_input(NOW, &mut run.entropy, Input::Start);
    assert_eq!(unexpected, Err(UaError::Unexpected));
}

proptest::proptest! {
    /// Whatever a NAF says, nothing panics, and no key is asked for under another name than the host's.
    #[test]
    fn no_challenge_gets_a_key_of_another_naf(
        value in r#"(Digest )?(realm="3GPP-bootstrapping(-uicc)?@[a-z.;@-]{0,30}", nonce="a", qop="auth"|[ -~]{0,60})"#,
        location in "[ -~]{0,40}",
        info in "[ -~]{0,40}",
    ) {
        let (mut run, _) = Run::start(UaRequest::get(url()), None);
        if let Output::NeedKey { naf_id, .. } = run.challenged(&value) {
            proptest::prop_assert_eq!(naf_id.fqdn().as_str(), NAF);
            let challenge = Challenge::parse(&value).unwrap();
            proptest::prop_assert!(challenge.realm.contains(NAF));
        }
        let (mut run, _) = Run::start(UaRequest::get(url()), None);
        let _ = run.http(302, &[("location", &location)], b"");
        let (mut run, _) = Run::answered();
        proptest::prop_assert!(!matches!(run.http(200, &[("authentication-info", &info)], b""), Output::Done(_)));
    }
}
