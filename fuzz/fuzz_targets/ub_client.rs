//! A UE against a BSF that says anything: without the key nobody convinces it that Ks is shared.
#![no_main]

use aka::Res;
use base::{Mono, Now, Secret, SeededEntropy, Utc};
use gba::{
    keys::Ks,
    ub::client::{AkaOutcome, Config, Input, Mode, Output, UbClient},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let impi = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org"
        .parse()
        .expect("an IMPI");
    let bsf = "bsf.mnc001.mcc001.pub.3gppnetwork.org".parse().expect("a name");
    let mode = if data.first().is_some_and(|octet| octet & 1 == 0) {
        Mode::Me
    } else {
        Mode::U
    };
    let mut client = UbClient::new(Config::new(impi, bsf, mode));
    let mut entropy = SeededEntropy::new(1);
    let now = Now {
        mono: Mono(0),
        utc: Utc(1_800_000_000),
    };
    client
        .handle_input(now, &mut entropy, Input::Start)
        .expect("a start fits");
    let mut answers = gba_fuzz::answers(data.get(1..).unwrap_or_default());
    for _ in 0..32 {
        let input = match client.poll_output() {
            Output::Send(request) => {
                assert_eq!(request.method, "GET");
                let Some(answer) = answers.next() else { return };
                if client
                    .handle_input(now, &mut entropy, Input::Http(answer.response()))
                    .is_err()
                {
                    return;
                }
                continue;
            }
            // RES and Ks of this very run: the BSF of this test does not know them.
            Output::RunAka(rand, autn) => match autn.octets()[15] & 3 {
                0 => Input::Aka(AkaOutcome::MacFailure),
                1 => Input::Aka(AkaOutcome::SyncFailure(aka::Auts::new([7; 14]))),
                _ => {
                    let res = Res::new(&[rand.octets()[0] ^ 0x5a; 8]).expect("eight octets");
                    let (ck, ik) = (Secret::new([1; 16]), Secret::new([2; 16]));
                    let ks = (mode == Mode::Me).then(|| Ks::from_ck_ik(&ck, &ik));
                    Input::Aka(AkaOutcome::Success { res, ks })
                }
            },
            Output::Done(_) => panic!("a BSF without the key has convinced the UE"),
            Output::Failed(error) => {
                assert!(!error.to_string().is_empty());
                continue;
            }
            Output::Wait(None) => return,
            Output::Wait(Some(_)) => Input::Timeout,
        };
        client
            .handle_input(now, &mut entropy, input)
            .expect("what was asked for fits");
    }
    panic!("the UE does not come to rest");
});
