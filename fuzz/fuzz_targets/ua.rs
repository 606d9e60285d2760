//! Both ends of Ua. A device against a NAF that says anything: the key goes to nobody but the host that was asked.
//! A NAF against anything a client says: nobody gets in without the key.
#![no_main]

use base::{Mono, Now, Secret, SeededEntropy, Utc};
use gba::{
    ids::{NafId, UaId},
    keys::{KeyKind, KsNaf},
    ua::{
        client::{Channel, Input, Output, UaClient, UaRequest},
        server::{self, Config, Context, Decision, KeyAnswer, ReplayTable, Verdict},
    },
    ub::client::Mode,
};
use libfuzzer_sys::fuzz_target;

const NOW: Now = Now {
    mono: Mono(0),
    utc: Utc(1_800_000_000),
};

fn device(data: &[u8]) {
    let url: gba::ua::Url = "http://naf.example.org/a".parse().expect("an address");
    let btid = "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.example.org"
        .parse()
        .expect("a B-TID");
    let mut entropy = SeededEntropy::new(1);
    let mut client = UaClient::new(UaRequest::get(url), Mode::Me, None);
    client
        .handle_input(NOW, &mut entropy, Input::Start)
        .expect("a start fits");
    let mut answers = gba_fuzz::answers(data);
    for _ in 0..64 {
        match client.poll_output() {
            Output::Send(request) => {
                assert_eq!(request.host.as_str(), client.url().host().as_str());
                let Some(answer) = answers.next() else { return };
                let input = Input::Http(answer.response(), Channel::Plain);
                if client.handle_input(NOW, &mut entropy, input).is_err() {
                    return;
                }
            }
            Output::NeedKey { naf_id, .. } => {
                // Ruling 16: the name in the key is the host in the address, whatever the realm says.
                assert_eq!(naf_id.fqdn().as_str(), client.url().host().as_str());
                let ks_naf = KsNaf::from_parts(Secret::new([3; 32]), naf_id, KeyKind::Me);
                let input = Input::Key {
                    btid: &btid,
                    ks_naf: &ks_naf,
                };
                client
                    .handle_input(NOW, &mut entropy, input)
                    .expect("what was asked for fits");
            }
            Output::Done(fetched) => assert!(!fetched.proven, "a NAF without the key has proven itself"),
            Output::Failed(error) => assert!(!error.to_string().is_empty()),
            Output::Wait(None) => return,
            Output::Wait(Some(_)) => {
                client
                    .handle_input(NOW, &mut entropy, Input::Timeout)
                    .expect("a timeout fits");
            }
        }
    }
    panic!("the device does not come to rest");
}

fn naf(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.splitn(6, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (method, target, host, user_agent, authorization) = (line(), line(), line(), line(), line());
    let authorization = [authorization];
    let request = server::Request {
        method,
        target,
        host: Some(host),
        user_agent: Some(user_agent),
        authorization: if authorization[0].is_empty() {
            &[]
        } else {
            &authorization
        },
        body: line().as_bytes(),
        ua: UaId::HTTP_DIGEST,
    };
    let name = "naf.example.org".parse::<gba::ids::Fqdn>().expect("a name");
    let config = Config::new(vec![name.clone()]);
    let (secret, mut entropy) = (Secret::new([4; 32]), SeededEntropy::new(1));
    let mut context = Context {
        config: &config,
        secret: &secret,
        now: NOW,
        entropy: &mut entropy,
    };
    if let Ok(Decision::NeedKey(pending)) = server::decide(&mut context, &request) {
        assert_eq!(pending.naf_id().fqdn().as_str(), "naf.example.org");
        let ks_naf = KsNaf::from_parts(
            Secret::new([5; 32]),
            NafId::new(name, UaId::HTTP_DIGEST),
            KeyKind::Me,
        );
        let answer = KeyAnswer::Key {
            ks_naf: &ks_naf,
            expiry: Utc(NOW.utc.0 + 60),
        };
        let mut replay = ReplayTable::new(16);
        let verdict = pending.verify(&mut context, &request, &answer, &mut replay);
        assert!(
            !matches!(verdict, Ok(Verdict::Accept(_))),
            "somebody without the key got in"
        );
    }
}

fuzz_target!(|data: &[u8]| {
    device(data);
    naf(data);
});
