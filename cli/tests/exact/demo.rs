//! `gba demo --algorithm milenage|tuak|xor` and `gba demo --resync`.

use std::fs;

use serde_json::Value;

use crate::{K, RAND, gba, object};

const TOPC: &str = "bd04d9530e87513c5d837ac2ad954623a8e2330c115305a73eb45d1f40cccbff";
const K_256: &str = "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0efeeedecebeae9e8e7e6e5e4e3e2e1e0";

fn keys_agree(whole: &Value) {
    for name in ["root_key", "session_key", "service_key"] {
        assert_eq!(whole[name]["device"], whole[name]["network"], "{name}");
    }
    assert_ne!(whole["root_key"]["device"], whole["session_key"]["device"]);
}

#[test]
fn every_algorithm_set_in_both_modes() {
    for algorithm in ["milenage", "tuak", "xor"] {
        for mode in ["me", "u"] {
            let whole = object(&["demo", "--json", "--algorithm", algorithm, "--mode", mode]);
            keys_agree(&whole);
            assert_eq!(whole["avs_used"], 1, "{algorithm} {mode}");
        }
    }
}

/// CK and IK of TS 34.108 8.1.2 are K xor RAND, rotated by one and two octets; the root key of them as Python's own
/// HMAC computes it.
//= TS34.108-8.1.2-r1
#[test]
fn xor_gives_the_key_that_another_program_computed() {
    let whole = object(&[
        "demo",
        "--json",
        "--show-secrets",
        "--algorithm",
        "xor",
        "--k",
        K,
        "--rand",
        RAND,
    ]);
    let want = "2686e4d668f9adb34e7d96c4f38e35a90adcfd067fa557c33fef9169e808743b";
    assert_eq!(whole["root_key"]["device"], want);
    keys_agree(&whole);
}

/// From K and TOP to the root key: the calculator's CK and IK are those of the vectors (`keys`), and the demo's keys
/// are the calculator's, though card, HSS, BSF and NAF stand between.
#[test]
fn tuak_gives_the_keys_of_the_calculator() {
    let top = "ae0953bbee2b80e9732209934e7d29e8a3c1fffc2d9e490437811347578bd3c4";
    let vector = [
        "--k",
        "e2949483f87fa31880d79a3ebce426e5",
        "--top",
        top,
        "--rand",
        "7e07ed2f3a98fd41bc9f6856050e7f6d",
        "--sqn",
        "cd9eb48d44bf",
        "--amf",
        "cedd",
        "--imsi",
        "001010123456789",
        "--json",
    ];
    let calculated = object(
        &[
            &["keys", "--naf", "maf.m2m.example:PSK-AES128-CBC-SHA256"],
            &vector[..],
        ]
        .concat(),
    );
    assert_eq!(
        calculated["topc"],
        "57ccde26a0e553fdd690172e12e9c4786b95687a9324f5982910482d116390d1"
    );
    assert_eq!(calculated["ck"], "158be1008088b8305f88fc2fefcba118");
    for mode in ["me", "u"] {
        let whole = object(&[&["demo", "--show-secrets", "--mode", mode], &vector[..]].concat());
        assert_eq!(
            whole["root_key"]["device"], calculated["nafs"][0]["ks_naf"],
            "{mode}"
        );
        assert_eq!(whole["btid"], calculated["btid"]);
        keys_agree(&whole);
    }
}

//= TS35.231-6-r2
#[test]
fn tuak_takes_both_lengths_of_k_and_they_give_other_keys() {
    let run = |k: &str| {
        let whole = object(&[
            "demo",
            "--json",
            "--topc",
            TOPC,
            "--k",
            k,
            "--rand",
            RAND,
            "--sqn",
            "000000000020",
        ]);
        keys_agree(&whole);
        whole["root_key"]["device"].clone()
    };
    assert_ne!(run(K_256), run(&K_256[..32]));
}

#[test]
fn a_card_ahead_of_the_hss_answers_with_auts_and_gets_a_fresh_vector() {
    for algorithm in ["milenage", "tuak", "xor"] {
        for sqn in [&[][..], &["--sqn", "000000000040"], &["--mode", "u"]] {
            let words = ["demo", "--json", "--resync", "--algorithm", algorithm];
            let whole = object(&[&words[..], sqn].concat());
            assert_eq!(whole["avs_used"], 2, "{algorithm}");
            keys_agree(&whole);
            let messages: Vec<String> = whole["messages"]
                .as_array()
                .unwrap()
                .iter()
                .map(|m| {
                    let text = |key: &str| m[key].as_str().unwrap().to_owned();
                    format!("{}>{} {}", text("from"), text("to"), text("summary"))
                })
                .collect();
            let at = |what: &str| {
                let found = messages.iter().position(|m| m.contains(what));
                found.unwrap_or_else(|| panic!("no {what:?} in {messages:#?}"))
            };
            let order = [
                at("UICC>UE synchronisation failure: AUTS"),
                at("UE>BSF GET / with AUTS"),
                at("BSF>HSS MAR AUTS of"),
                at("BSF>UE 401 after AUTS"),
                at("UICC>UE RES"),
            ];
            assert!(order.is_sorted(), "{messages:#?}");
        }
    }
}

#[test]
fn the_file_names_the_algorithm_set_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sim.toml");
    fs::write(
        &file,
        format!("algorithm = \"tuak\"\nk = \"{K_256}\"\ntopc = \"{TOPC}\"\n"),
    )
    .unwrap();
    let file = file.to_str().unwrap();
    let from_file = object(&["demo", "--json", "--config", file, "--rand", RAND]);
    let from_words = object(&[
        "demo",
        "--json",
        "--algorithm",
        "tuak",
        "--k",
        K_256,
        "--topc",
        TOPC,
        "--rand",
        RAND,
    ]);
    assert_eq!(from_file["root_key"], from_words["root_key"]);
}

#[test]
fn keys_of_another_algorithm_set_are_refused_in_words() {
    let refused = |words: &[&str], expected: &str| {
        let said = gba(&[&["demo"], words].concat());
        assert_eq!(said.status, 2, "{words:?}: {}", said.err);
        assert!(said.err.contains(expected), "{words:?}: {}", said.err);
        assert!(!said.err.contains(K) && !said.err.contains(TOPC), "{}", said.err);
    };
    refused(
        &["--algorithm", "tuak", "--k", K, "--opc", K],
        "TUAK takes --topc or --top",
    );
    refused(
        &["--algorithm", "milenage", "--k", K, "--topc", TOPC],
        "Milenage takes --opc or --op",
    );
    refused(
        &["--algorithm", "xor", "--k", K, "--opc", K],
        "XOR has no key but K",
    );
    refused(&["--algorithm", "tuak", "--k", K], "K together with TOPc or TOP");
    refused(&["--topc", TOPC], "K together with TOPc or TOP");
    refused(
        &["--topc", TOPC, "--k", "00"],
        "16 octets (32 hex digits) or 32 octets",
    );
    refused(&["--algorithm", "comp128"], "milenage, tuak, xor");
    refused(&["--resync", "--sqn", "ffffffffffff"], "leaves no room");
}
