//! Ub between a device and a BSF, Zh between the BSF and its HSS.

use serde_json::Value;

use crate::{Element, Said, Tap, did, folder, program, said};

/// HSS, tap, BSF, tap.
struct Network {
    folder: tempfile::TempDir,
    hss: Element,
    zh: Tap,
    bsf: Element,
    ub: Tap,
}

impl Network {
    fn start(zh_rules: &str, ub_rules: &str) -> Self {
        let folder = folder();
        let path = folder.path();
        let mut hss = Element::start(&mut program(path, &["hss", "serve", "--listen", "127.0.0.1:0"]));
        let at = hss.wait("hss: Zh on ");
        let zh = Tap::start(path, "zh", &at, zh_rules, &[]);
        let mut bsf = program(
            path,
            &["bsf", "serve", "--hss", &zh.at, "--vectors-per-minute", "0"],
        );
        bsf.env("GBA_BSF_LISTEN_UB", "127.0.0.1:0")
            .env("GBA_BSF_LISTEN_ZN", "127.0.0.1:0");
        let mut bsf = Element::start(&mut bsf);
        let at = bsf.wait("bsf: Ub on ");
        bsf.wait("bsf: Zh to ");
        let ub = Tap::start(path, "ub", &at, ub_rules, &[]);
        Self {
            folder,
            hss,
            zh,
            bsf,
            ub,
        }
    }

    fn bootstrap(&self) -> Said {
        said(&mut program(
            self.folder.path(),
            &["ue", "bootstrap", "--bsf", &self.ub.at],
        ))
    }

    /// Stops all; what the taps of Zh and Ub have said, and their summaries.
    fn stop(self) -> [(Vec<Value>, Value); 2] {
        self.bsf.stop();
        let taps = [self.zh.stop(), self.ub.stop()];
        self.hss.stop();
        taps
    }
}

fn named(all: &[Value]) -> Vec<&str> {
    all.iter()
        .filter_map(|object| object["message"].as_str())
        .collect()
}

#[test]
fn every_message_is_shown_in_its_order_with_what_it_says_and_where_it_is_described() {
    let network = Network::start("", "");
    let done = network.bootstrap();
    assert_eq!(done.status, 0, "{}", done.err);
    let [(zh, zh_sum), (ub, ub_sum)] = network.stop();
    assert_eq!(named(&zh), ["CER", "CEA", "MAR", "MAA", "DPR", "DPA"]);
    assert_eq!(named(&ub), ["GET", "401", "GET", "200"]);
    let says: Vec<_> = zh.iter().filter_map(|o| o["says"].as_str()).collect();
    assert_eq!(
        says[2],
        "MAR vector for 001010123456789@ims.mnc001.mcc001.3gppnetwork.org"
    );
    assert!(says[3].starts_with("MAA 2001: RAND "), "{}", says[3]);
    let maa = zh.iter().find(|o| o["message"] == "MAA").unwrap();
    assert_eq!(
        (&maa["from"], &maa["to"], &maa["clause"]),
        (&"HSS".into(), &"BSF".into(), &"TS 29.109 4.2".into())
    );
    assert_eq!(ub[3]["says"].as_str().unwrap().split(' ').next(), Some("401,"));
    for (summary, seen) in [(zh_sum, 3), (ub_sum, 2)] {
        for way in ["to-target", "to-listener"] {
            assert_eq!(summary[way]["seen"], seen, "{summary}");
            assert_eq!(summary[way]["altered"], 0, "{summary}");
        }
        assert_eq!(summary["connections"], 1);
    }
}

#[test]
fn a_challenge_whose_nonce_was_altered_has_a_wrong_mac_for_the_device() {
    let rules = "[[rule]]\nname = \"bad MAC\"\nmatch = { status = 401 }\naction = \"alter\"\n\
                 alter = [{ flip = \"WWW-Authenticate\", parameter = \"nonce\", octet = 31 }]\n";
    let mut network = Network::start("", rules);
    let refused = network.bootstrap();
    assert_eq!(refused.status, 1, "{}", refused.err);
    assert!(refused.err.to_lowercase().contains("mac"), "{}", refused.err);
    let told = network.ub.did("octet 31 of nonce flipped");
    assert_eq!(
        (&told["message"], &told["rules"][0]["rule"]),
        (&"401".into(), &"bad MAC".into())
    );
    let [_, (_, summary)] = network.stop();
    assert!(summary["to-listener"]["altered"].as_u64() >= Some(1), "{summary}");
}

#[test]
fn an_autn_altered_on_zh_has_a_wrong_mac_for_the_device_too() {
    let rules = "[[rule]]\nmatch = { message = \"MAA\" }\naction = \"alter\"\nalter = [{ flip = \"SIP-Authenticate\", octet = 31 }]\n";
    let mut network = Network::start(rules, "");
    let refused = network.bootstrap();
    assert_eq!(refused.status, 1, "{}", refused.err);
    assert!(refused.err.to_lowercase().contains("mac"), "{}", refused.err);
    network.zh.did("octet 31 of SIP-Authenticate flipped");
    network.stop();
}

#[test]
fn row_23_a_digest_header_sent_twice_is_refused_the_second_time() {
    let rules = "[[rule]]\nname = \"again\"\nmatch = { message = \"request\", header = { Authorization = \"nc=00000001\" } }\n\
                 action = \"replay\"\nafter = \"50ms\"\n";
    let mut network = Network::start("", rules);
    let done = network.bootstrap();
    assert_eq!(done.status, 0, "the first one counts: {}", done.err);
    let answer = network.ub.did("kept here");
    assert_eq!(answer["message"], "401", "{answer}");
    // It came from another connection, and so from another address of the device's host.
    let [_, (all, summary)] = network.stop();
    assert_eq!(named(&all).iter().filter(|name| **name == "200").count(), 1);
    assert_eq!(summary["to-target"]["replayed"], 1, "{summary}");
}

#[test]
fn an_answer_of_the_hss_that_is_lost_is_a_503_and_the_next_one_is_taken() {
    let rules = "[[rule]]\nmatch = { message = \"MAA\", nth = 1 }\naction = \"drop\"\n";
    let mut network = Network::start(rules, "");
    let first = network.bootstrap();
    assert_ne!(first.status, 0, "{}", first.out);
    network.zh.did("dropped");
    network.ub.message("503");
    let second = network.bootstrap();
    assert_eq!(second.status, 0, "{}", second.err);
    network.stop();
}

#[test]
fn an_answer_that_is_held_comes_late_and_counts() {
    let rules =
        "[[rule]]\nname = \"late\"\nmatch = { message = \"MAA\" }\naction = \"delay\"\ndelay = \"700ms\"\n";
    let mut network = Network::start(rules, "");
    let done = network.bootstrap();
    assert_eq!(done.status, 0, "{}", done.err);
    let held = network.zh.did("held 700 ms");
    let gone = network.zh.did("goes on now");
    let waited = gone["ms"].as_f64().unwrap() - held["ms"].as_f64().unwrap();
    assert!(waited >= 690.0, "{waited}");
    // On Ub the challenge came after it.
    let [(_, summary), _] = network.stop();
    assert_eq!(summary["to-listener"]["delayed"], 1);
}

#[test]
fn another_result_code_reaches_the_bsf_as_if_the_hss_had_said_it() {
    let rules = "[[rule]]\nmatch = { message = \"MAA\", avp = { \"Result-Code\" = 2001 } }\naction = \"alter\"\n\
                 alter = [{ set = \"Result-Code\", value = 5001 }]\n";
    let mut network = Network::start(rules, "");
    let refused = network.bootstrap();
    assert_ne!(refused.status, 0, "{}", refused.out);
    let told = network.zh.did("Result-Code set");
    assert!(told["became"].as_str().unwrap().starts_with("MAA 5001"), "{told}");
    network.ub.message("503");
    network.stop();
}

#[test]
fn an_answer_by_the_tap_and_a_line_that_is_cut_are_what_the_device_sees() {
    let rules = "[[rule]]\nname = \"not today\"\nmatch = { message = \"request\", nth = 1 }\naction = \"answer\"\nanswer = 403\n\
                 [[rule]]\nname = \"cut\"\nmatch = { message = \"request\", nth = 2 }\naction = \"close\"\n";
    let mut network = Network::start("", rules);
    let refused = network.bootstrap();
    assert_eq!(refused.status, 1, "{}", refused.err);
    network.ub.did("answered 403 by the tap");
    // The second rule counts what the first one let by.
    for _ in 0..2 {
        let cut = network.bootstrap();
        if cut.status == 2 {
            break;
        }
    }
    network.ub.did("connection closed");
    let [(zh, _), (ub, _)] = network.stop();
    assert!(!named(&zh).is_empty());
    assert!(ub.iter().any(|o| o["note"] == "closed by a rule"), "{ub:#?}");
}

#[test]
fn a_repeated_mar_is_answered_twice_and_the_bsf_sees_one_answer() {
    let rules = "[[rule]]\nmatch = { message = \"MAR\" }\naction = \"replay\"\ntimes = 2\n";
    let mut network = Network::start(rules, "");
    let done = network.bootstrap();
    assert_eq!(done.status, 0, "{}", done.err);
    network.zh.did("sent again, 1 of 2");
    network.zh.did("kept here");
    network.zh.did("kept here");
    let [(all, _), _] = network.stop();
    let answers: Vec<_> = all.iter().filter(|o| o["message"] == "MAA").collect();
    assert_eq!(answers.len(), 3);
    assert_eq!(
        answers.iter().filter(|o| did(o).is_empty()).count(),
        1,
        "one went on"
    );
    // Each with a vector of its own: no SQN twice.
    let rands: std::collections::HashSet<_> = answers.iter().filter_map(|o| o["says"].as_str()).collect();
    assert_eq!(rands.len(), 3);
}
