//! `gba keys`: every value against vectors that other programs computed, and what it refuses in which words.

use serde_json::Value;

use crate::{K, OP, OPC, RAND, gba, object};

/// TS 35.208 test set 1, without K and OPc.
const SET_1: [&str; 6] = ["--rand", RAND, "--sqn", "ff9bb4d0b607", "--amf", "b9b9"];
const CK: &str = "b40ba9a3c58b2a05bbf0d987b21bf8cb";
const IK: &str = "f769bcd751044604127672711c6d3441";

fn keys(words: &[&str]) -> Value {
    object(&[&["keys", "--json"], words].concat())
}

/// The vectors of one file of the project.
fn vectors(file: &str) -> Vec<Value> {
    let path = format!("{}/../vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let whole: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    whole["vectors"].as_array().unwrap().clone()
}

fn is(whole: &Value, expected: &[(&str, &str)]) {
    for (key, value) in expected {
        assert_eq!(whole[key], *value, "{key}");
    }
}

/// A whole run that was played with a third-party UE against a third-party BSF and NAF.
#[test]
fn test_set_1_from_k_to_the_key_of_a_naf() {
    let naf = "xcap.ims.mnc001.mcc123.pub.3gppnetwork.org";
    let identity = ["--imsi", "123001000000000", "--mnc-length", "3", "--naf", naf];
    for operator in [["--opc", OPC], ["--op", OP]] {
        let whole = keys(&[&["--k", K][..], &operator, &SET_1, &identity].concat());
        is(
            &whole,
            &[
                ("autn", "55f328b43577b9b94a9ffac354dfafb3"),
                ("res", "a54211d5e3ba50bf"),
                ("ck", CK),
                ("ik", IK),
                ("ak", "aa689c648370"),
                ("ak_star", "451e8beca43b"),
                ("mac_a", "4a9ffac354dfafb3"),
                ("nonce", "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M="),
                ("ks", &[CK, IK].concat()),
                ("impi", "123001000000000@ims.mnc001.mcc123.3gppnetwork.org"),
                (
                    "btid",
                    "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.mnc001.mcc123.pub.3gppnetwork.org",
                ),
                (
                    "tmpi",
                    "EeP9quuBPmaEGKWSl6ldwDxRI6rua2Hg@tmpi.bsf.3gppnetwork.org",
                ),
            ],
        );
        let key = "8a2229143a3c8839422b9dee88bf90dc33aa7f6daac93daee7e3a24d009f0627";
        is(
            &whole["nafs"][0],
            &[("ks_naf", key), ("ua", "0100000002"), ("naf", naf)],
        );
        assert_eq!(whole["opc"].as_str(), (operator[0] == "--op").then_some(OPC));
    }
}

#[test]
fn ck_and_ik_alone_give_ks() {
    let whole = keys(&["--ck", CK, "--ik", IK]);
    is(&whole, &[("ks", &[CK, IK].concat())]);
    assert!(whole["notes"][0].as_str().unwrap().contains("--rand"));
}

#[test]
fn gba_u_has_forms_of_its_own() {
    let naf = ["--gba-u", "--naf", "naf.example.org"];
    let whole = keys(
        &[
            &["--k", K, "--opc", OPC, "--imsi", "001010123456789"],
            &SET_1[..],
            &naf,
        ]
        .concat(),
    );
    is(
        &whole,
        &[
            ("autn_gba_u", "55f328b43577b9b98c7f3f0d723fb244"),
            ("res_gba_u", "a54211d5e3ba50be"),
        ],
    );
    let ext = "7a205ce786b14dad6f28d1f8b39d74aba2a172a3c134043bb036912e2036b610";
    let int = "3e9f04a7de64efd1db6843a0a5f1c5677b7f7cc3fb7a37b7c53dcb4b2806b19c";
    is(&whole["nafs"][0], &[("ks_ext_naf", ext), ("ks_int_naf", int)]);
}

#[test]
fn every_milenage_and_tuak_and_xor_vector_of_the_right_size() {
    for (file, algorithm) in [
        ("milenage.json", "milenage"),
        ("tuak.json", "tuak"),
        ("xor3g.json", "xor"),
    ] {
        let mut tried = 0;
        for v in vectors(file) {
            let text = |key: &str| v[key].as_str();
            let (Some(k), Some(rand), Some(sqn), Some(amf), Some(autn)) =
                (text("K"), text("RAND"), text("SQN"), text("AMF"), text("AUTN"))
            else {
                continue;
            };
            // GBA needs CK and IK of 16 octets and a MAC of 8.
            let sized = |key: &str, digits| text(key).is_some_and(|t| t.len() == digits);
            if v.get("c1").is_some() || !(sized("f1", 16) && sized("f3", 32) && sized("f4", 32)) {
                continue;
            }
            let res = (text("f2").unwrap().len() / 2).to_string();
            let iterations = v["KeccakIterations"].to_string();
            let mut words = vec![
                "--algorithm",
                algorithm,
                "--k",
                k,
                "--rand",
                rand,
                "--sqn",
                sqn,
                "--amf",
                amf,
            ];
            match algorithm {
                "milenage" => words.extend(["--opc", text("OPc").unwrap()]),
                "tuak" if res == "32" => continue,
                "tuak" => words.extend([
                    "--topc",
                    text("TOPc").unwrap(),
                    "--iterations",
                    &iterations,
                    "--res-length",
                    &res,
                ]),
                _ => {}
            }
            let whole = keys(&words);
            is(
                &whole,
                &[
                    ("autn", autn),
                    ("res", text("f2").unwrap()),
                    ("ck", text("f3").unwrap()),
                    ("ik", text("f4").unwrap()),
                    ("ak", text("f5").unwrap()),
                    ("ak_star", text("f5star").unwrap()),
                ],
            );
            tried += 1;
            if tried == 12 {
                break;
            }
        }
        assert!(tried > 0, "no vector of {file} was tried");
    }
}

/// From the network's vectors: S as other programs wrote it down, octet by octet.
#[test]
fn the_strings_are_those_of_the_vectors() {
    let mut seen = 0;
    for v in vectors("kdf.json") {
        let text = |key: &str| v[key].as_str().unwrap_or_default();
        let (kind, member) = match text("kind") {
            "Ks_NAF" => (&[][..], "ks_naf"),
            "Ks_ext_NAF" => (&["--gba-u"][..], "ks_ext_naf"),
            "Ks_int_NAF" => (&["--gba-u"][..], "ks_int_naf"),
            _ => continue,
        };
        let (ck, ik) = text("Key").split_at(32);
        let naf = format!("{}:{}", text("NAF_FQDN"), text("Ua_security_protocol_id"));
        let lower = naf.to_ascii_lowercase() == naf && naf.is_ascii() && !text("NAF_FQDN").ends_with('.');
        if ck.len() != 32 || !lower || seen > 30 {
            continue;
        }
        let words = [
            "keys",
            "--json",
            "--ck",
            ck,
            "--ik",
            ik,
            "--rand",
            text("RAND"),
            "--impi",
            text("IMPI"),
            "--bsf",
            "bsf.example.org",
            "--naf",
            &naf,
            "--explain",
        ];
        let said = gba(&[&words, kind].concat());
        // Vectors may hold names that are no host names.
        if said.status == 2 {
            continue;
        }
        let whole: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(whole["nafs"][0][member], text("output"), "{}", v["id"]);
        let all = whole["derivations"].as_array().unwrap();
        let one = all.iter().find(|d| d["name"] == text("kind")).unwrap();
        assert_eq!(one["s"], text("S"), "{}", v["id"]);
        let joined: String = one["parts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p["octets"].as_str().unwrap())
            .collect();
        assert_eq!(joined, text("S"));
        seen += 1;
    }
    assert!(seen > 20, "only {seen} vectors were tried");
}

//= TS33.535-A.2-r1
//= TS33.535-A.3-r1
//= TS33.535-A.4-r1
#[test]
fn akma_keys_are_those_of_the_vectors() {
    let find = |kind: &str| {
        vectors("kdf.json")
            .into_iter()
            .find(|v| v["kind"] == kind)
            .unwrap()
    };
    let v = find("K_AKMA");
    let whole = keys(&[
        "--akma",
        v["Key"].as_str().unwrap(),
        "--supi",
        v["SUPI"].as_str().unwrap(),
        "--naf",
        "naf.example.org",
    ]);
    assert_eq!(whole["k_akma"], v["output"]);
    assert_eq!(whole["a_tid"], find("A_TID")["output"]);
    assert_eq!(whole["nafs"][0]["k_af"], find("K_AF")["output"]);
}

#[test]
fn a_person_sees_every_part_of_s_with_its_length() {
    let said = gba(&[
        "keys",
        "--ck",
        CK,
        "--ik",
        IK,
        "--rand",
        RAND,
        "--imsi",
        "001010123456789",
        "--naf",
        "maf.m2m.example:TLS_PSK_WITH_AES_128_CBC_SHA256",
        "--explain",
    ]);
    assert_eq!(said.status, 0, "{}", said.err);
    for line in [
        "maf.m2m.example, Ua 01000100ae (TLS up to 1.2 with TLS_PSK_WITH_AES_128_CBC_SHA256, TS 33.222)",
        "Ks_NAF for maf.m2m.example, Ua 01000100ae = HMAC-SHA-256(Ks, S)",
        "FC  01  (function code)",
        "P0  6762612d6d65  (label, the text gba-me)",
        "L0  0006  (6 octets)",
        "L1  0010  (16 octets)",
        "P3  6d61662e6d326d2e6578616d706c6501000100ae  (NAF_Id)",
        "L3  0014  (20 octets)",
    ] {
        assert!(said.out.contains(line), "no {line:?} in {}", said.out);
    }
    // A PSK suite's key is no password (ruling 17).
    assert!(!said.out.contains("password"), "{}", said.out);
}

//= TS33.220-H.3-r2
#[test]
fn the_suite_is_a_part_of_the_key_and_its_name_has_two_forms() {
    let run = |ua: &str| {
        let naf = format!("naf.example.org:{ua}");
        let base = [
            "--ck",
            CK,
            "--ik",
            IK,
            "--rand",
            RAND,
            "--imsi",
            "001010123456789",
        ];
        keys(&[&base[..], &["--naf", &naf]].concat())["nafs"][0].clone()
    };
    let named = run("PSK-AES128-CBC-SHA256");
    assert_eq!(named, run("TLS_PSK_WITH_AES_128_CBC_SHA256"));
    assert_eq!(named, run("01000100ae"));
    assert_ne!(named["ks_naf"], run("PSK-AES128-GCM-SHA256")["ks_naf"]);
    assert_eq!(run("digest"), run("0100000002"));
}

#[test]
fn ruling_05_a_key_on_the_command_line_is_warned_of() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("k");
    std::fs::write(&file, K).unwrap();
    let from_file = format!("@{}", file.display());
    let run = |k: &str| gba(&["keys", "--algorithm", "xor", "--k", k, "--rand", RAND]);
    let (bare, hidden) = (run(K), run(&from_file));
    assert_eq!((bare.status, hidden.status), (0, 0), "{}{}", bare.err, hidden.err);
    assert_eq!(bare.out, hidden.out);
    assert!(
        bare.err.contains("--k: a key on the command line"),
        "{}",
        bare.err
    );
    assert!(!hidden.err.contains("command line"), "{}", hidden.err);
}

#[test]
fn what_is_missing_is_said() {
    let refused = |words: &[&str], expected: &str| {
        let said = gba(&[&["keys"], words].concat());
        assert_eq!(said.status, 2, "{words:?}: {}", said.err);
        assert!(said.err.contains(expected), "{words:?}: {}", said.err);
        assert!(!said.err.contains(K) && said.out.is_empty(), "{}", said.err);
    };
    refused(&["--rand", RAND], "nothing to compute from");
    refused(&["--k", K, "--opc", OPC], "--rand is missing");
    refused(&["--opc", OPC, "--rand", RAND], "--k is missing");
    refused(&["--k", K, "--rand", RAND], "OPc or OP");
    refused(&["--ck", CK, "--rand", RAND], "--ik");
    refused(&["--k", K, "--opc", OPC, "--ck", CK, "--ik", IK], "not both");
    refused(
        &[
            "--ck",
            CK,
            "--ik",
            IK,
            "--imsi",
            "001010123456789",
            "--naf",
            "naf.example.org",
        ],
        "--naf needs --rand",
    );
    let ck = ["--ck", CK, "--ik", IK, "--rand", RAND];
    refused(
        &[&ck[..], &["--naf", "naf.example.org"]].concat(),
        "--naf needs --imsi or --impi",
    );
    refused(
        &[&ck[..], &["--naf", "naf.example.org:tls9"]].concat(),
        "PSK-AES128-CBC-SHA256",
    );
    refused(&["--akma", K], "--akma: 32 octets");
    refused(
        &["--k", K, "--opc", OPC, "--rand", RAND, "--iterations", "2"],
        "TUAK only",
    );
}
