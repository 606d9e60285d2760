//! The machine against a BSF that knows RES, and against ones that break the rules.

use aka::{Auts, Res};
use base::{Secret, SeededEntropy};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::*;
use crate::digest::{self, Algorithm, Fields, Qop};

const BSF: &str = "bsf.mnc001.mcc001.pub.3gppnetwork.org";
/// With octets that are no UTF-8, a zero and a colon: the password is binary.
const RES: [u8; 8] = [0xa5, 0x00, 0x3a, 0xff, 0x80, 0x0d, 0x0a, 0xbf];
const NOW: Now = Now {
    mono: Mono(1_000_000_000),
    utc: Utc(1_800_000_000),
};

fn config(mode: Mode) -> Config {
    Config::new(
        "001010123456789@ims.mnc001.mcc001.3gppnetwork.org"
            .parse()
            .unwrap(),
        BSF.parse().unwrap(),
        mode,
    )
}

fn nonce(rand: u8) -> String {
    STANDARD.encode([[rand; 16], [0xa0; 16]].concat())
}

fn challenge(rand: u8) -> Vec<(String, String)> {
    let value = format!(
        r#"Digest realm="{BSF}", nonce="{}", algorithm=AKAv1-MD5, qop="auth-int", opaque="op""#,
        nonce(rand)
    );
    vec![("WWW-Authenticate".to_owned(), value)]
}

fn body(lifetime: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<BootstrappingInfo xmlns=\"uri:3gpp-gba\">\
         <btid>AQEBAQEBAQEBAQEBAQEBAQ==@{BSF}</btid><lifetime>{lifetime}</lifetime></BootstrappingInfo>"
    )
}

const LIFETIME: &str = "2027-01-15T09:00:00Z";

fn ks() -> Ks {
    Ks::new(Secret::new([0x11; 32]))
}

fn success(mode: Mode) -> Input<'static> {
    Input::Aka(AkaOutcome::Success {
        res: Res::new(&RES).unwrap(),
        ks: (mode == Mode::Me).then(ks),
    })
}

struct Run {
    client: UbClient,
    entropy: SeededEntropy,
}

impl Run {
    fn new(mode: Mode) -> Self {
        Self {
            client: UbClient::new(config(mode)),
            entropy: SeededEntropy::new(1),
        }
    }

    fn put(&mut self, input: Input<'_>) -> Output {
        self.client.handle_input(NOW, &mut self.entropy, input).unwrap();
        let output = self.client.poll_output();
        assert!(
            matches!(self.client.poll_output(), Output::Wait(_)),
            "one output for each input"
        );
        output
    }

    fn http(&mut self, status: u16, headers: &[(String, String)], body: &[u8]) -> Output {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        self.put(Input::Http(HttpResponse {
            status,
            headers: &headers,
            body,
        }))
    }

    /// As far as the response with RES; gives what was sent.
    fn up_to_response(mode: Mode) -> (Self, Credentials) {
        let mut run = Self::new(mode);
        let _ = run.put(Input::Start);
        let _ = run.http(401, &challenge(1), b"");
        let sent = credentials(run.put(success(mode)));
        (run, sent)
    }
}

fn credentials(output: Output) -> Credentials {
    Credentials::parse(sent(&output).header("authorization").unwrap()).unwrap()
}

fn sent(output: &Output) -> &HttpRequest {
    match output {
        Output::Send(request) => request,
        _ => panic!("a request was expected, got {}", name(output)),
    }
}

fn failure(output: Output) -> UbError {
    match output {
        Output::Failed(e) => e,
        other => panic!("a failure was expected, got {}", name(&other)),
    }
}

fn done(output: Output) -> Bootstrapped {
    match output {
        Output::Done(b) => b,
        other => panic!("success was expected, got {}", name(&other)),
    }
}

fn name(output: &Output) -> String {
    match output {
        Output::Send(r) => format!("{r:?}"),
        Output::RunAka(..) => "RunAka".to_owned(),
        Output::Done(_) => "Done".to_owned(),
        Output::Failed(e) => format!("Failed: {e}"),
        Output::Wait(until) => format!("Wait({until:?})"),
    }
}

/// `Authentication-Info` of a BSF that has this RES.
fn info(sent: &Credentials, res: &[u8], body: &[u8]) -> Vec<(String, String)> {
    let ha1 = sent.ha1(Algorithm::AkaV1Md5, res);
    let info = digest::AuthenticationInfo::answering(sent, sent.rspauth(&ha1, Algorithm::AkaV1Md5, body));
    vec![("authentication-info".to_owned(), info.to_string())]
}

//= TS33.220-5.3.2-r3
//= TS24.109-A.3-r1
//= TS24.109-A.3-r4
//= TS24.109-A.3-r6
#[test]
fn bootstraps_in_both_modes() {
    for mode in [Mode::Me, Mode::U] {
        let mut run = Run::new(mode);
        let output = run.put(Input::Start);
        let first = sent(&output);
        let agent = first.header("user-agent").unwrap();
        assert_eq!(
            (first.method.as_str(), first.target.as_str(), first.host.as_str()),
            ("GET", "/", BSF)
        );
        assert!(agent.split(' ').any(|p| p == mode.product()), "{agent}");
        assert_eq!(
            agent.split(' ').any(|p| p == "3gpp-gba"),
            mode == Mode::Me,
            "the tokens exclude each other"
        );
        let text = first.header("authorization").unwrap();
        assert!(
            text.contains(r#"nonce="""#) && text.contains(r#"response="""#),
            "{text}"
        );
        let c = credentials(output);
        assert_eq!(
            (c.username.as_str(), c.realm.as_str()),
            (config(mode).impi.as_str(), BSF)
        );

        let Output::RunAka(rand, autn) = run.http(401, &challenge(1), b"") else {
            panic!("no RunAka")
        };
        assert_eq!((rand.octets(), autn.octets()), (&[1; 16], &[0xa0; 16]));

        let c = credentials(run.put(success(mode)));
        assert_eq!(
            (c.qop, c.nc.as_deref(), c.opaque.as_deref()),
            (Some(Qop::AuthInt), Some("00000001"), Some("op"))
        );
        assert_eq!(c.algorithm, Some(Algorithm::AkaV1Md5));
        assert!(c.verify(&c.ha1(Algorithm::AkaV1Md5, &RES), Algorithm::AkaV1Md5, "GET", b""));

        let body = body(LIFETIME);
        let b = done(run.http(200, &info(&c, &RES, body.as_bytes()), body.as_bytes()));
        assert_eq!(b.btid.to_string(), format!("AQEBAQEBAQEBAQEBAQEBAQ==@{BSF}"));
        assert_eq!(b.lifetime, Utc::parse(LIFETIME).unwrap());
        assert_eq!(b.expires, NOW + Duration::from_secs(3600));
        assert_eq!(
            b.ks.is_some(),
            mode == Mode::Me,
            "in mode u the terminal has no Ks"
        );
        assert!(matches!(run.client.poll_output(), Output::Wait(None)));
        assert_eq!(run.client.state(), State::Done);
    }
}

//= TS24.109-A.3-r3
//= RFC3310-3.1-r1
#[test]
fn a_longer_nonce_carries_server_data_and_a_shorter_one_is_refused() {
    for (octets, fits) in [
        (32, true),
        (33, true),
        (48, true),
        (31, false),
        (16, false),
        (0, false),
    ] {
        let mut run = Run::new(Mode::Me);
        let _ = run.put(Input::Start);
        let nonce = STANDARD.encode(vec![3; octets]);
        let value = format!(r#"Digest realm="{BSF}", nonce="{nonce}", algorithm=AKAv1-MD5, qop="auth-int""#);
        let output = run.http(401, &[("WWW-Authenticate".to_owned(), value)], b"");
        assert_eq!(
            matches!(output, Output::RunAka(..)),
            fits,
            "{octets}: {}",
            name(&output)
        );
    }
}

#[test]
fn ruling_08_other_algorithms_and_qops_are_refused() {
    for (algorithm, qop, expected) in [
        ("algorithm=MD5, ", "auth-int", "AKAv1-MD5"),
        ("algorithm=AKAv2-MD5, ", "auth-int", "AKAv1-MD5"),
        ("algorithm=SHA-256, ", "auth-int", "AKAv1-MD5"),
        ("algorithm=AKAv9-MD5, ", "auth-int", "AKAv1-MD5"),
        ("", "auth-int", "AKAv1-MD5"),
        ("algorithm=AKAv1-MD5, ", "auth", "auth-int"),
    ] {
        let mut run = Run::new(Mode::Me);
        let _ = run.put(Input::Start);
        let value = format!(
            r#"Digest realm="{BSF}", nonce="{}", {algorithm}qop="{qop}""#,
            nonce(1)
        );
        let e = failure(run.http(401, &[("WWW-Authenticate".to_owned(), value)], b""));
        assert!(e.to_string().contains(expected), "{algorithm}{qop}: {e}");
        assert!(
            matches!(e, UbError::Algorithm { .. } | UbError::Qop { .. }),
            "{e}"
        );
    }
    let mut run = Run::new(Mode::Me);
    let _ = run.put(Input::Start);
    let both = [
        (
            "WWW-Authenticate".to_owned(),
            format!(r#"Digest realm="{BSF}", nonce="x", algorithm=MD5, qop="auth""#),
        ),
        challenge(1).remove(0),
    ];
    assert!(
        matches!(run.http(401, &both, b""), Output::RunAka(..)),
        "the right one among several is found"
    );
}

//= RFC7616-3.4.3-r1
//= RFC7616-3.5-r1
//= TS33.220-4.5.2-r7
#[test]
fn ruling_08_a_success_without_proof_is_discarded() {
    let good = body(LIFETIME);
    type Change = fn(&Credentials, &str) -> (Vec<(String, String)>, String);
    let cases: [(&str, Change, Unproven); 8] = [
        (
            "absent header",
            |_, b| (vec![], b.to_owned()),
            Unproven::NoRspauth,
        ),
        (
            "absent rspauth",
            |_, b| {
                (
                    vec![("authentication-info".to_owned(), "qop=auth-int".to_owned())],
                    b.to_owned(),
                )
            },
            Unproven::NoRspauth,
        ),
        (
            "another RES",
            |c, b| (info(c, b"another!", b.as_bytes()), b.to_owned()),
            Unproven::Rspauth,
        ),
        (
            "qop auth",
            |c, b| {
                let c = Credentials {
                    qop: Some(Qop::Auth),
                    ..c.clone()
                };
                (info(&c, &RES, b.as_bytes()), b.to_owned())
            },
            Unproven::Qop,
        ),
        (
            "no qop",
            |c, b| {
                let c = Credentials {
                    qop: None,
                    ..c.clone()
                };
                (info(&c, &RES, b.as_bytes()), b.to_owned())
            },
            Unproven::Qop,
        ),
        (
            "altered body",
            |c, b| (info(c, &RES, b.as_bytes()), b.replace("09:00", "19:00")),
            Unproven::Rspauth,
        ),
        (
            "another cnonce",
            |c, b| {
                let c = Credentials {
                    cnonce: Some("other".to_owned()),
                    ..c.clone()
                };
                (info(&c, &RES, b.as_bytes()), b.to_owned())
            },
            Unproven::NotOurRequest,
        ),
        (
            "the request's response sent back",
            |c, b| {
                let ha1 = c.ha1(Algorithm::AkaV1Md5, &RES);
                let fields = Fields {
                    qop: Some(Qop::AuthInt),
                    ..c.fields(Algorithm::AkaV1Md5)
                };
                let mirrored = digest::response(&ha1, &fields, "GET", b.as_bytes());
                let info = digest::AuthenticationInfo::answering(c, mirrored).to_string();
                (vec![("authentication-info".to_owned(), info)], b.to_owned())
            },
            Unproven::Rspauth,
        ),
    ];
    for (what, change, expected) in cases {
        let (mut run, sent) = Run::up_to_response(Mode::Me);
        let (headers, body) = change(&sent, &good);
        let e = failure(run.http(200, &headers, body.as_bytes()));
        assert_eq!(e, UbError::NotProven(expected), "{what}");
        assert!(run.client.unproven.is_none(), "{what}: the new Ks is gone");
        assert!(e.to_string().contains("old Ks stands"));
    }
}

#[test]
fn a_proven_body_that_is_no_bootstrapping_info_or_has_ended_gives_no_ks() {
    for (text, words) in [
        ("<html/>".to_owned(), "BootstrappingInfo"),
        (String::new(), "BootstrappingInfo"),
        (body("2020-01-01T00:00:00Z"), "lies in the past"),
    ] {
        let (mut run, sent) = Run::up_to_response(Mode::Me);
        let e = failure(run.http(200, &info(&sent, &RES, text.as_bytes()), text.as_bytes()));
        assert!(e.to_string().contains(words), "{e}");
    }
}

//= TS24.109-C.1-r3
#[test]
fn lifetimes_absurdly_far_are_cut_and_the_bsfs_clock_counts() {
    let expires = |text: &str| {
        let (mut run, sent) = Run::up_to_response(Mode::Me);
        done(run.http(200, &info(&sent, &RES, text.as_bytes()), text.as_bytes())).expires
    };
    assert_eq!(expires(&body("9999-01-01T00:00:00Z")), NOW + MAX_LIFETIME);
    // A BSF whose clock is years behind: its own currenttime tells the duration.
    let behind = body("2020-01-01T01:00:00Z").replace(
        "</lifetime>",
        "</lifetime><Extension><currenttime>2020-01-01T00:00:00Z</currenttime></Extension>",
    );
    assert_eq!(expires(&behind), NOW + Duration::from_secs(3600));
}

//= TS24.109-A.4-r1
//= RFC3310-3.4-r1
#[test]
fn a_resynchronisation_has_an_empty_password_and_happens_once() {
    let auts = Auts::from([0x5a; 14]);
    let mut run = Run::new(Mode::Me);
    let _ = run.put(Input::Start);
    let _ = run.http(401, &challenge(1), b"");
    let c = credentials(run.put(Input::Aka(AkaOutcome::SyncFailure(auts))));
    assert_eq!(c.auts().unwrap(), Some(auts));
    assert_eq!(c.nonce, nonce(1));
    assert!(
        c.verify(&c.ha1(Algorithm::AkaV1Md5, b""), Algorithm::AkaV1Md5, "GET", b""),
        "RFC 3310 3.4"
    );

    // The same challenge again would only cost another AUTS.
    let mut stuck = Run::new(Mode::Me);
    let _ = stuck.put(Input::Start);
    let _ = stuck.http(401, &challenge(1), b"");
    let _ = stuck.put(Input::Aka(AkaOutcome::SyncFailure(auts)));
    assert!(matches!(
        failure(stuck.http(401, &challenge(1), b"")),
        UbError::PeerBroke { .. }
    ));

    assert!(matches!(run.http(401, &challenge(2), b""), Output::RunAka(..)));
    assert_eq!(
        failure(run.put(Input::Aka(AkaOutcome::SyncFailure(auts)))),
        UbError::SqnRefused
    );
}

//= TS24.109-4.3-r2
#[test]
fn a_refused_auts_says_so() {
    let mut run = Run::new(Mode::Me);
    let _ = run.put(Input::Start);
    let _ = run.http(401, &challenge(1), b"");
    let _ = run.put(Input::Aka(AkaOutcome::SyncFailure(Auts::from([0; 14]))));
    assert_eq!(failure(run.http(403, &[], b"")), UbError::AutsRefused);
}

//= TS24.109-4.3-r3
#[test]
fn ruling_07_a_wrong_mac_is_reported_with_an_empty_response() {
    for answer in [Some(403), Some(401), Some(200), None] {
        let mut run = Run::new(Mode::Me);
        let _ = run.put(Input::Start);
        let _ = run.http(401, &challenge(1), b"");
        let c = credentials(run.put(Input::Aka(AkaOutcome::MacFailure)));
        assert_eq!(
            (c.nonce.as_str(), c.response.as_str(), c.auts.as_ref()),
            (nonce(1).as_str(), "", None)
        );
        let e = failure(match answer {
            Some(status) => run.http(status, &challenge(2), b""),
            None => run.put(Input::Timeout),
        });
        assert_eq!(e, UbError::MacFailure, "whatever the BSF answers");
        for word in ["K", "OPc", "AMF"] {
            assert!(e.to_string().contains(word), "{e}");
        }
    }
}

#[test]
fn a_refused_response_is_tried_again_at_most_twice() {
    let (mut run, _) = Run::up_to_response(Mode::Me);
    for rand in [2, 3] {
        assert!(
            matches!(run.http(401, &challenge(rand), b""), Output::RunAka(..)),
            "{rand}"
        );
        let _ = sent(&run.put(success(Mode::Me)));
    }
    let e = failure(run.http(401, &challenge(4), b""));
    assert_eq!(e, UbError::WrongResponse { tries: 3 });
    assert!(e.to_string().contains("OPc"));

    let (mut run, _) = Run::up_to_response(Mode::Me);
    assert_eq!(
        failure(run.http(403, &[], b"")),
        UbError::WrongResponse { tries: 1 }
    );
}

#[test]
fn who_is_always_answered_before_is_told_so_and_not_that_its_res_is_wrong() {
    let stale = |rand| {
        let mut headers = challenge(rand);
        headers[0].1.push_str(", stale=true");
        headers
    };
    let (mut run, _) = Run::up_to_response(Mode::Me);
    for rand in [2, 3] {
        assert!(
            matches!(run.http(401, &stale(rand), b""), Output::RunAka(..)),
            "{rand}"
        );
        let _ = sent(&run.put(success(Mode::Me)));
    }
    let e = failure(run.http(401, &stale(4), b""));
    assert_eq!(e, UbError::AlreadyAnswered { tries: 3 });
    assert!(
        e.to_string().starts_with("this challenge was already answered"),
        "{e}"
    );
    assert!(e.to_string().contains("bootstrap again"), "{e}");
}

#[test]
fn refusals_are_told_in_plain_words() {
    let retry = vec![("Retry-After".to_owned(), " 7 ".to_owned())];
    for (status, headers, words) in [
        (
            403,
            vec![],
            "IMPI 001010123456789@ims.mnc001.mcc001.3gppnetwork.org",
        ),
        (429, retry.clone(), "429, 7 s"),
        (503, retry, "503, 7 s"),
        (503, vec![], "HSS is down"),
        (500, vec![], "expected 401"),
        (200, vec![], "before any authentication"),
        (302, vec![], "expected 401"),
        (401, vec![], "none"),
    ] {
        let mut run = Run::new(Mode::Me);
        let _ = run.put(Input::Start);
        let e = failure(run.http(status, &headers, b""));
        assert!(e.to_string().contains(words), "{status}: {e}");
    }
}

#[test]
fn every_input_in_every_state_is_decided() {
    let reach: [(State, fn() -> Run); 7] = [
        (State::Idle, || Run::new(Mode::Me)),
        (State::AwaitChallenge, || {
            let mut run = Run::new(Mode::Me);
            let _ = run.put(Input::Start);
            run
        }),
        (State::AwaitAka, || {
            let mut run = Run::new(Mode::Me);
            let _ = run.put(Input::Start);
            let _ = run.http(401, &challenge(1), b"");
            run
        }),
        (State::AwaitFinal, || Run::up_to_response(Mode::Me).0),
        (State::AwaitReport, || {
            let mut run = Run::new(Mode::Me);
            let _ = run.put(Input::Start);
            let _ = run.http(401, &challenge(1), b"");
            let _ = run.put(Input::Aka(AkaOutcome::MacFailure));
            run
        }),
        (State::Done, || {
            let (mut run, sent) = Run::up_to_response(Mode::Me);
            let body = body(LIFETIME);
            let _ = done(run.http(200, &info(&sent, &RES, body.as_bytes()), body.as_bytes()));
            run
        }),
        (State::Failed, || {
            let (mut run, _) = Run::up_to_response(Mode::Me);
            let _ = run.http(403, &[], b"");
            run
        }),
    ];
    let mut table = String::new();
    for (state, reach) in reach {
        for kind in 0..4 {
            let mut run = reach();
            assert_eq!(run.client.state(), state);
            let headers = challenge(9);
            let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let (label, input) = match kind {
                0 => ("Start", Input::Start),
                1 => (
                    "401",
                    Input::Http(HttpResponse {
                        status: 401,
                        headers: &headers,
                        body: b"",
                    }),
                ),
                2 => ("RES", success(Mode::Me)),
                _ => ("Timeout", Input::Timeout),
            };
            let next = match run.client.handle_input(NOW, &mut run.entropy, input) {
                Ok(()) => format!("{:?}", run.client.state()),
                Err(UbError::Unexpected { state: at, .. }) => {
                    assert_eq!(
                        (at, run.client.state()),
                        (state, state),
                        "a wrong input changes nothing"
                    );
                    "-".to_owned()
                }
                Err(e) => panic!("{e}"),
            };
            table += &format!("{state:?} {label} {next}\n");
        }
    }
    assert_eq!(
        table,
        "Idle Start AwaitChallenge\nIdle 401 -\nIdle RES -\nIdle Timeout -\n\
         AwaitChallenge Start -\nAwaitChallenge 401 AwaitAka\nAwaitChallenge RES -\nAwaitChallenge Timeout Failed\n\
         AwaitAka Start -\nAwaitAka 401 -\nAwaitAka RES AwaitFinal\nAwaitAka Timeout Failed\n\
         AwaitFinal Start -\nAwaitFinal 401 AwaitAka\nAwaitFinal RES -\nAwaitFinal Timeout Failed\n\
         AwaitReport Start -\nAwaitReport 401 Failed\nAwaitReport RES -\nAwaitReport Timeout Failed\n\
         Done Start -\nDone 401 -\nDone RES -\nDone Timeout -\n\
         Failed Start -\nFailed 401 -\nFailed RES -\nFailed Timeout -\n"
    );
}

#[test]
fn deadlines_are_named() {
    let mut run = Run::new(Mode::Me);
    assert!(matches!(run.client.poll_output(), Output::Wait(None)));
    let _ = run.put(Input::Start);
    assert!(matches!(run.client.poll_output(), Output::Wait(Some(at)) if at == NOW.mono + HTTP_TIMEOUT));
    let _ = run.http(401, &challenge(1), b"");
    assert!(matches!(run.client.poll_output(), Output::Wait(Some(at)) if at == NOW.mono + CARD_TIMEOUT));
}

#[test]
fn each_request_has_a_line_for_the_ladder() {
    let mut run = Run::new(Mode::Me);
    let first = describe(sent(&run.put(Input::Start)));
    assert_eq!(
        first,
        "GET / as 001010123456789@ims.mnc001.mcc001.3gppnetwork.org"
    );
    let _ = run.http(401, &challenge(1), b"");
    let auts = run.put(Input::Aka(AkaOutcome::SyncFailure(Auts::from([0; 14]))));
    assert_eq!(describe(sent(&auts)), "GET / with AUTS: SQN out of range");
    let _ = run.http(401, &challenge(2), b"");
    let response = run.put(success(Mode::Me));
    assert_eq!(
        describe(sent(&response)),
        "GET / with response (RES), auth-int, nc 00000001"
    );
    let mut run = Run::new(Mode::Me);
    let _ = run.put(Input::Start);
    let _ = run.http(401, &challenge(1), b"");
    let report = run.put(Input::Aka(AkaOutcome::MacFailure));
    assert_eq!(
        describe(sent(&report)),
        "GET / without response: AUTN's MAC is wrong"
    );
}

#[test]
fn a_request_shows_no_digest_when_printed() {
    let mut run = Run::new(Mode::Me);
    let _ = run.put(Input::Start);
    let _ = run.http(401, &challenge(1), b"");
    let output = run.put(success(Mode::Me));
    let text = format!("{:?}", sent(&output));
    assert!(
        text.contains("Authorization") && !text.contains("response"),
        "{text}"
    );
}

proptest::proptest! {
    /// Whatever a BSF says, the machine neither panics nor believes it.
    #[test]
    fn no_header_or_body_is_believed_without_res(
        status in proptest::sample::select(vec![200u16, 401, 403, 503]),
        challenge in "(Digest |Basic )?[ -~]{0,60}",
        info in "[ -~]{0,60}",
        body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60),
    ) {
        let headers = [("WWW-Authenticate".to_owned(), challenge), ("Authentication-Info".to_owned(), info)];
        let mut run = Run::new(Mode::Me);
        let _ = run.put(Input::Start);
        let _ = run.http(status, &headers, &body);
        let (mut run, _) = Run::up_to_response(Mode::Me);
        proptest::prop_assert!(!matches!(run.http(status, &headers, &body), Output::Done(_)));
    }
}
