//! `--json`: one object on one line, with exactly the keys that scripts rely on.

use serde_json::Value;

use crate::{demo, demo_of_set_1};

/// The names of an object's members, sorted.
fn names(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

fn parsed(out: &str) -> Value {
    assert_eq!(out.lines().count(), 1, "one line: {out}");
    serde_json::from_str(out).unwrap()
}

const KEYS: [&str; 3] = ["root_key", "session_key", "service_key"];

#[test]
fn has_the_documented_members_and_no_others() {
    for mode in ["me", "u"] {
        let said = demo(&["--mode", mode, "--json"]);
        assert_eq!(said.status, 0, "{}", said.err);
        let whole = parsed(&said.out);
        let expected = [
            "avs_used",
            "btid",
            "elapsed_ms",
            "impi",
            "lifetime",
            "messages",
            "mode",
            "root_key",
            "service_key",
            "session_key",
        ];
        assert_eq!(names(&whole), expected);
        assert_eq!(whole["mode"], mode);
        assert_eq!(whole["avs_used"], 1, "the session key needs no second AKA run");
        let elapsed = whole["elapsed_ms"].as_f64().unwrap();
        assert!(elapsed > 0.0 && elapsed <= 2000.0, "{elapsed} ms");
        for key in KEYS {
            assert_eq!(names(&whole[key]), ["device", "id", "naf", "network", "ua"]);
            assert_eq!(whole[key]["id"], whole["btid"]);
            assert_eq!(whole[key]["device"], whole[key]["network"]);
            let fingerprint = whole[key]["device"].as_str().unwrap();
            let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
            assert!(
                fingerprint.len() == 16 && fingerprint.chars().all(hex),
                "{fingerprint}"
            );
        }
        assert_eq!(whole["root_key"]["naf"], "maf.m2m.example");
        assert_eq!(whole["root_key"]["ua"], "01000100ae");
        assert_eq!(whole["session_key"]["naf"], "in-cse.m2m.example");
        assert_eq!(whole["session_key"]["ua"], "01000100ae");
        assert_eq!(whole["service_key"]["naf"], "naf.m2m.example");
        assert_eq!(whole["service_key"]["ua"], "0100000002");
        assert_ne!(whole["root_key"]["device"], whole["session_key"]["device"]);

        let messages = whole["messages"].as_array().unwrap();
        let mut before = 0;
        for message in messages {
            assert_eq!(
                names(message),
                ["at_us", "from", "interface", "summary", "to"],
                "{message}"
            );
            let at = message["at_us"].as_u64().unwrap();
            assert!(at >= before, "messages stand in the order of time");
            before = at;
            assert!(
                message["summary"].as_str().unwrap().chars().count() <= 70,
                "{message}"
            );
        }
        let seen = |interface: &str| messages.iter().any(|m| m["interface"] == interface);
        for interface in ["card", "Ub", "Zh", "Zn", "Ua", "Mca"] {
            assert!(seen(interface), "no message on {interface}");
        }
    }
}

#[test]
fn the_fingerprint_is_the_begin_of_the_sha_256_of_the_key() {
    use sha2::{Digest, Sha256};
    for mode in ["me", "u"] {
        let prints = parsed(&demo_of_set_1(mode, &["--json"]).out);
        let secrets = parsed(&demo_of_set_1(mode, &["--json", "--show-secrets"]).out);
        assert_eq!(prints["btid"], secrets["btid"]);
        for name in KEYS {
            for end in ["device", "network"] {
                let key = base::hex::array::<32>(secrets[name][end].as_str().unwrap()).unwrap();
                let print = base::hex::encode(&Sha256::digest(key)[..8]);
                assert_eq!(prints[name][end], *print, "{mode} {name} {end}");
            }
        }
    }
}

#[test]
fn two_runs_without_options_share_nothing() {
    let (one, two) = (parsed(&demo(&["--json"]).out), parsed(&demo(&["--json"]).out));
    assert_ne!(one["btid"], two["btid"]);
    for name in KEYS {
        assert_ne!(one[name]["device"], two[name]["device"]);
    }
}

#[test]
fn what_cannot_be_run_is_an_object_as_well() {
    let said = demo(&["--json", "--sqn", "00000000001f"]);
    assert_eq!(said.status, 2);
    let whole = parsed(&said.out);
    assert_eq!(names(&whole), ["error"]);
    assert_eq!(whole["error"]["refused"], false);
    assert!(
        whole["error"]["message"].as_str().unwrap().contains("SEQ 0"),
        "{whole}"
    );
}
