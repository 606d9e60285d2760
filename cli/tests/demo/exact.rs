//! A repeatable run, exact to the vectors: TS 35.208 test set 1 goes in, and Ks_NAF as Python's own HMAC computes
//! it from the published CK and IK comes out.

use std::process::Command;

use serde_json::Value;

use crate::{OP, demo, demo_of_set_1, repeatable, said};

const BTID: &str = "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.mnc001.mcc001.pub.3gppnetwork.org";
const IMPI: &str = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org";

/// What [`PYTHON`] says about the three NAF_Ids.
const EXPECTED: [(&str, &str); 3] = [
    (
        "root_key",
        "318fec54cd59d14f470107ef15cd936a831b6b2db338abe6ff47886210062c9b",
    ),
    (
        "session_key",
        "d6b933ba04361bb221b6d3053fee28450191ace92a03c0190811269f840915cd",
    ),
    (
        "service_key",
        "31c6cf84334899c7e26e8d440f62d05404634e86b2c647d959d0a82950415fb2",
    ),
];

/// TS 33.220 annex B, from CK and IK of TS 35.208 test set 1: arguments IMPI, FQDN, Ua id.
const PYTHON: &str = r#"
import hashlib, hmac, sys
ck = bytes.fromhex("b40ba9a3c58b2a05bbf0d987b21bf8cb")
ik = bytes.fromhex("f769bcd751044604127672711c6d3441")
rand = bytes.fromhex("23553cbe9637a89d218ae64dae47bf35")
impi, fqdn, ua = sys.argv[1:]
naf_id = fqdn.encode() + bytes.fromhex(ua)
s = b"\x01" + b"".join(p + len(p).to_bytes(2, "big") for p in (b"gba-me", rand, impi.encode(), naf_id))
print(hmac.new(ck + ik, s, hashlib.sha256).hexdigest(), end="")
"#;

fn run(mode: &str) -> Value {
    let said = demo_of_set_1(mode, &["--json", "--show-secrets"]);
    assert_eq!(said.status, 0, "{}", said.err);
    serde_json::from_str(&said.out).unwrap()
}

/// Ks_NAF of GBA_ME and Ks_ext_NAF of GBA_U come from the same string (TS 33.220 5.3.2).
#[test]
fn the_keys_are_those_of_the_vectors_in_both_modes() {
    for mode in ["me", "u"] {
        let whole = run(mode);
        assert_eq!((&whole["btid"], &whole["impi"]), (&BTID.into(), &IMPI.into()));
        for (name, key) in EXPECTED {
            assert_eq!(whole[name]["device"], key, "{mode} {name}");
            assert_eq!(whole[name]["network"], key, "{mode} {name}");
        }
    }
}

//= TS33.220-B.3-r1
#[test]
fn python_computes_the_same_keys_for_the_naf_ids_that_are_printed() {
    let Some(python) = tests::peer::program("python3", "python3") else {
        return;
    };
    let whole = run("me");
    for (name, _) in EXPECTED {
        let text = |member: &str| whole[name][member].as_str().unwrap().to_owned();
        let theirs = said(Command::new(&python).args(["-c", PYTHON, IMPI, &text("naf"), &text("ua")]));
        assert_eq!(theirs.out, text("device"), "{name}: {}", theirs.err);
    }
}

#[test]
fn op_gives_the_same_keys_as_opc() {
    let mut options = repeatable("me", &["--json", "--show-secrets"]);
    let opc = options.iter().position(|o| *o == "--opc").unwrap();
    options.splice(opc..opc + 2, ["--op", OP]);
    let whole: Value = serde_json::from_str(&demo(&options).out).unwrap();
    assert_eq!(whole["root_key"]["device"], EXPECTED[0].1);
}

#[test]
fn another_subscriber_with_the_same_vector_has_other_keys() {
    let options = repeatable("me", &["--json", "--show-secrets", "--imsi", "310410123456789"]);
    let whole: Value = serde_json::from_str(&demo(&options).out).unwrap();
    assert_eq!(whole["impi"], "310410123456789@ims.mnc410.mcc310.3gppnetwork.org");
    assert_eq!(
        whole["btid"],
        "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.mnc410.mcc310.pub.3gppnetwork.org"
    );
    assert_ne!(whole["root_key"]["device"], EXPECTED[0].1);
}

#[test]
fn the_length_of_the_mnc_is_the_users_word() {
    let options = ["--json", "--imsi", "310410123456789", "--mnc-length", "2"];
    let whole: Value = serde_json::from_str(&demo(&options).out).unwrap();
    assert_eq!(whole["impi"], "310410123456789@ims.mnc041.mcc310.3gppnetwork.org");
}
