//! Any request on Ub: the BSF answers or wants a store or the HSS; nobody gets a session without a challenge.
#![no_main]

use gba_fuzz as _;
use std::net::IpAddr;

use base::{Mono, Now, SeededEntropy, Utc};
use gba::ub::server::{Asked, Config, Decision, Found, Request, SourceFailure, decide};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.splitn(6, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (method, uri, host, authorization, user_agent) = (line(), line(), line(), line(), line());
    // The HTTP parser lets nothing else through as a request target.
    if !uri.bytes().all(|octet| octet.is_ascii_graphic()) {
        return;
    }
    let request = Request {
        method,
        uri,
        host: (!host.is_empty()).then_some(host),
        authorization: (!authorization.is_empty()).then_some(authorization),
        user_agent: (!user_agent.is_empty()).then_some(user_agent),
        body: line().as_bytes(),
        address: IpAddr::from([127, 0, 0, 1]).into(),
    };
    let config = Config::new("bsf.example.org".parse().expect("a name"));
    let asked = match Asked::read(&config, request) {
        Ok(asked) => asked,
        Err(answer) => {
            assert!((400..500).contains(&answer.status));
            return;
        }
    };
    assert!(
        !asked.summary().contains(['\r', '\n', '\u{1b}']),
        "a summary stays on its line"
    );
    let mut entropy = SeededEntropy::new(1);
    let now = Now {
        mono: Mono(0),
        utc: Utc(1_800_000_000),
    };
    let mut found = Found::Start;
    for _ in 0..8 {
        match decide(&config, &asked, found, now, &mut entropy) {
            Decision::Consume => found = Found::Consumed(None, 0),
            Decision::Recall => found = Found::Recalled(None),
            Decision::Fetch(fetch, _) => found = Found::Vector(fetch, Err(SourceFailure::Down)),
            Decision::Open(..) | Decision::Issue(..) => panic!("there was neither vector nor challenge"),
            Decision::Done(answer, _) => {
                assert!((400..600).contains(&answer.status));
                for (name, value) in &answer.headers {
                    assert!(!value.contains(['\r', '\n']), "{name} breaks the header");
                }
                return;
            }
        }
    }
    panic!("the BSF does not come to an answer");
});
