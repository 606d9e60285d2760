//! `gba explain`: what each kind of blob is taken for, what is hidden, and what is said where nothing fits.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;

use crate::{K, OPC, Said, gba, object};

const NONCE: &str = "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M=";
const BTID: &str = "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.mnc001.mcc123.pub.3gppnetwork.org";

fn explain(words: &[&str]) -> Said {
    gba(&[&["explain"], words].concat())
}

/// What it is taken for, and lines that must be there.
fn is(blob: &str, what: &str, lines: &[&str]) {
    let said = explain(&[blob]);
    assert_eq!(said.status, 0, "{blob}: {}", said.err);
    assert!(said.out.starts_with(what), "{blob}: {}", said.out);
    let dense = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in lines {
        assert!(
            dense(&said.out).contains(line),
            "{blob}: no {line:?} in {}",
            said.out
        );
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|o| format!("{o:02x}")).collect()
}

fn vectors(file: &str) -> Vec<Value> {
    let path = format!("{}/../vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let whole: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    whole["vectors"].as_array().unwrap().clone()
}

#[test]
fn a_nonce_in_base64_and_hex() {
    let parts = [
        "RAND 23553cbe9637a89d218ae64dae47bf35",
        "AUTN 55f328b43577b9b94a9ffac354dfafb3",
        "SQN xor AK 55f328b43577",
        "AMF b9b9",
        "MAC 4a9ffac354dfafb3",
        "RFC 3310 3.2",
    ];
    is(NONCE, "nonce of a Ub challenge", &parts);
    let octets = BASE64_STANDARD.decode(NONCE).unwrap();
    is(&hex(&octets), "nonce of a Ub challenge", &parts);
    let spaced: Vec<String> = octets.iter().map(|o| format!("{o:02X}")).collect();
    is(&spaced.join(":"), "nonce of a Ub challenge", &parts);
    let with_data = [&octets[..], b"server"].concat();
    is(
        &hex(&with_data),
        "nonce of a Ub challenge",
        &["server data 736572766572"],
    );
}

#[test]
fn names_and_tokens() {
    is(
        BTID,
        "B-TID",
        &[
            "RAND 23553cbe9637a89d218ae64dae47bf35",
            "BSF bsf.mnc001.mcc123.pub.3gppnetwork.org",
        ],
    );
    is(
        &format!("3GPP-bootstrapping;{BTID}"),
        "PSK identity, certain",
        &["RAND 23553cbe9637a89d218ae64dae47bf35"],
    );
    is(
        "55f328b4357700004a9ffac354dfafb3",
        "AUTN, likely",
        &["AMF 0000 (separation bit cleared"],
    );
    is(
        "uoU/PBI8z0TpNZbjVcY=",
        "AUTS",
        &["SQN_MS xor AK* ba853f3c123c", "MAC-S cf44e93596e355c6"],
    );
    is(
        "6d61662e6578616d706c6501000100ae",
        "NAF_Id, certain",
        &[
            "FQDN maf.example",
            "Ua id 01000100ae (TLS up to 1.2 with TLS_PSK_WITH_AES_128_CBC_SHA256",
        ],
    );
    is(
        "0100000007",
        "Ua security protocol identifier",
        &["shared key TLS 1.3"],
    );
    is(
        "001010123456789@ims.mnc001.mcc001.3gppnetwork.org",
        "IMPI, certain",
        &["user 001010123456789"],
    );
    is(
        "EeP9quuBPmaEGKWSl6ldwDxRI6rua2Hg@tmpi.bsf.3gppnetwork.org",
        "TMPI",
        &[],
    );
    is(
        "3GPP-bootstrapping-uicc@a.example;3GPP-bootstrapping@a.example",
        "digest realm of a NAF",
        &[],
    );
}

#[test]
fn digest_headers() {
    is(
        &format!(
            "WWW-Authenticate: Digest realm=\"bsf\", nonce=\"{NONCE}\", algorithm=AKAv1-MD5, qop=\"auth-int\""
        ),
        "Digest challenge of Ub (AKA), certain",
        &["RAND 23553cbe9637a89d218ae64dae47bf35", "qop auth-int"],
    );
    is(
        "Digest realm=\"3GPP-bootstrapping@naf.example.org\", nonce=\"x\", qop=\"auth-int\"",
        "Digest challenge, certain",
        &["asks for 3GPP-bootstrapping of naf.example.org"],
    );
    is(
        &format!(
            "Authorization: Digest username=\"u@x.org\", realm=\"bsf\", nonce=\"{NONCE}\", uri=\"/\", response=\"{K}\", \
             auts=\"uoU/PBI8z0TpNZbjVcY=\", algorithm=AKAv1-MD5"
        ),
        "Digest credentials, certain",
        &["step answers with AUTS", "AUTS ba853f3c123ccf44e93596e355c6"],
    );
    is(
        "HTTP/1.1 401 Unauthorized\r\nDate: now\r\nwww-authenticate: Digest realm=\"r\", nonce=\"x\"\r\n\r\n<html>",
        "Digest challenge, certain",
        &["realm r"],
    );
    is(
        "Authentication-Info: qop=auth-int, rspauth=\"6a19067d3962eac8503c6e8e314706e1\", cnonce=\"1\", nc=00000001",
        "Authentication-Info, certain",
        &["rspauth 6a19067d3962eac8503c6e8e314706e1"],
    );
}

#[test]
fn documents() {
    is(
        "<?xml version=\"1.0\"?><guss id=\"a\"><bsfInfo><uiccType>GBA_U</uiccType><lifeTime>3600</lifeTime></bsfInfo>\
         <ussList><uss id=\"1\" type=\"2\"><flags><flag>1</flag></flags></uss></ussList></guss>",
        "GUSS",
        &[
            "uiccType GBA_U",
            "lifeTime 3600 s",
            "USS id 1, service type 2, flags 1",
        ],
    );
    is(
        &format!(
            "<BootstrappingInfo xmlns=\"uri:3gpp-gba\"><btid>{BTID}</btid><lifetime>2020-10-28T23:36:26Z</lifetime>\
             </BootstrappingInfo>"
        ),
        "BootstrappingInfo of Ub, certain",
        &["valid until 2020-10-28T23:36:26Z"],
    );
}

/// Every message of the vectors, with its keys hidden: Confidentiality-Key, Integrity-Key, ME-Key-Material and their
/// like are on the output only with --show-secrets.
#[test]
fn diameter_messages_with_their_keys_hidden() {
    let mut seen = 0;
    for (name, command, key) in [
        ("net-MAA", "MAA", true),
        ("net-BIA", "BIA", true),
        ("net-MAR", "MAR", false),
    ] {
        let all = vectors("diameter.json");
        let v = all.iter().find(|v| v["id"] == name).unwrap();
        let blob = v["hex"].as_str().unwrap();
        let (hidden, shown) = (explain(&[blob]), explain(&[blob, "--show-secrets"]));
        assert!(
            hidden.out.starts_with("Diameter message, certain"),
            "{}",
            hidden.out
        );
        assert!(hidden.out.contains(command), "{}", hidden.out);
        let secret: Vec<&str> = shown
            .out
            .lines()
            .filter(|line| !hidden.out.contains(line.trim()))
            .filter_map(|line| line.rsplit(' ').next())
            .collect();
        assert_eq!(!secret.is_empty(), key, "{name}: {}", shown.out);
        let json = explain(&[blob, "--json"]);
        for octets in secret {
            assert!(
                blob.contains(octets) && octets.len() >= 16,
                "{octets} isn't of the message"
            );
            for out in [&hidden.out, &json.out] {
                assert!(!out.contains(octets), "{octets} in {out}");
            }
            seen += 1;
        }
    }
    // CK, IK, XRES and Ks_NAF at least.
    assert!(seen >= 4, "only {seen} keys were looked for");
}

/// Each message of the vectors that can be decoded is taken for one, whole as a file of octets too.
#[test]
fn every_message_of_zh_and_zn() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("message.bin");
    let mut kinds = std::collections::BTreeSet::new();
    for v in vectors("diameter.json") {
        let (kind, blob) = (
            v["kind"].as_str().unwrap_or_default(),
            v["hex"].as_str().unwrap_or_default(),
        );
        if !matches!(kind, "MAR" | "MAA" | "BIR" | "BIA") || !kinds.insert(kind.to_owned()) {
            continue;
        }
        is(blob, "Diameter message, certain", &[&format!("{kind} command")]);
        let octets: Vec<u8> = (0..blob.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&blob[at..at + 2], 16).unwrap())
            .collect();
        std::fs::write(&file, &octets).unwrap();
        is(
            &format!("@{}", file.display()),
            "Diameter message, certain",
            &[kind],
        );
        let cut = explain(&[&blob[..blob.len() - 8]]);
        assert!(
            cut.err.contains("nearly: Diameter message: "),
            "{}{}",
            cut.out,
            cut.err
        );
    }
    assert_eq!(kinds.len(), 4, "{kinds:?}");
}

#[test]
fn what_a_card_says_with_keys_and_pins_hidden() {
    is("00a40004026fd6", "command APDU", &["SELECT EF_GBABP"]);
    is("9862", "response APDU", &["incorrect MAC"]);
    is(
        "dc0eba853f3c123ccf44e93596e355c69000",
        "response APDU, certain",
        &["MAC-S cf44e93596e355c6"],
    );
    is(
        "0088008416de146e61662e6578616d706c652e6f7267010000000200",
        "command APDU",
        &["FQDN naf.example.org", "HTTP digest"],
    );
    let (ck, ik, pin) = (
        "b40ba9a3c58b2a05bbf0d987b21bf8cb",
        "f769bcd751044604127672711c6d3441",
        "31323334ffffffff",
    );
    for (blob, secrets) in [
        (
            format!("db08a54211d5e3ba50bf10{ck}10{ik}9000"),
            vec!["a54211d5e3ba50bf", ck, ik],
        ),
        (format!("db20{ck}{ik}9000"), vec![ck, ik]),
        (format!("0020000108{pin}"), vec![pin]),
    ] {
        let runs = [explain(&[&blob]), explain(&[&blob, "--json"])];
        let shown = explain(&[&blob, "--show-secrets"]);
        for secret in secrets {
            assert!(shown.out.contains(secret), "{}", shown.out);
            for said in &runs {
                assert!(
                    !said.out.contains(secret) && !said.err.contains(secret),
                    "{}",
                    said.out
                );
            }
        }
    }
}

#[test]
fn ef_gbabp_whole_and_torn() {
    let rand = "23553cbe9637a89d218ae64dae47bf35";
    let file = |rand: &str| {
        let time = "2030-01-01T00:00:00Z";
        format!(
            "10{rand}{:02x}{}{:02x}{}",
            BTID.len(),
            hex(BTID.as_bytes()),
            time.len(),
            hex(time.as_bytes())
        )
    };
    is(
        &file(rand),
        "EF_GBABP, certain",
        &["belongs to the RAND", "valid until 2030-01-01T00:00:00Z"],
    );
    is(&file(&rand.replace("23", "24")), "EF_GBABP, certain", &["torn"]);
}

/// Ruling 5: a file may hold a key, and a key looks like an AUTN, a RAND or a nonce.
#[test]
fn ruling_05_a_key_file_is_not_printed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("k");
    let at = format!("@{}", file.display());
    for key in [
        K.to_owned(),
        [K, OPC].concat(),
        BASE64_STANDARD.encode([K, OPC].concat().as_bytes()),
    ] {
        std::fs::write(&file, format!("{key}\n")).unwrap();
        for words in [&[at.as_str()][..], &[&at, "--json"]] {
            let said = explain(words);
            for part in [&K[..12], &K[20..], &OPC[..12]] {
                assert!(
                    !said.out.contains(part) && !said.err.contains(part),
                    "{}{}",
                    said.out,
                    said.err
                );
            }
        }
    }
    std::fs::write(&file, K).unwrap();
    assert!(
        explain(&[&at, "--as", "autn"]).out.contains("SQN xor AK"),
        "the user's word counts"
    );
}

#[test]
fn nothing_recognised_says_what_was_tried() {
    let said = explain(&["hello world"]);
    assert_eq!((said.status, said.out.as_str()), (1, ""));
    for word in ["not recognised", "tried", "Diameter message", "B-TID"] {
        assert!(said.err.contains(word), "{}", said.err);
    }
    let nearly = explain(&["WWW-Authenticate: Digest nonce=\"x\""]);
    assert_eq!(nearly.status, 1);
    assert!(
        nearly.err.contains("nearly: Digest challenge: ") && nearly.err.contains("realm"),
        "{}",
        nearly.err
    );
    let json = explain(&["hello world", "--json"]);
    assert_eq!(json.status, 1);
    let whole: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(whole["recognised"], false);
    assert!(whole["tried"].as_array().unwrap().len() > 10);
    for (words, expected) in [
        (&[""][..], "empty"),
        (&["@/nonexistent/blob"], "/nonexistent/blob"),
        (&["@/dev/zero"], "512 KiB"),
        (&["00", "--as", "bicycle"], "there are"),
    ] {
        let said = explain(words);
        assert_eq!(said.status, 2, "{words:?}");
        assert!(said.err.contains(expected), "{}", said.err);
    }
}

#[test]
fn json_has_the_same_fields() {
    let whole = object(&["explain", NONCE, "--json"]);
    let best = &whole["found"][0];
    assert_eq!(
        (&best["sure"], &best["read_as"]),
        (&"likely".into(), &"base64".into())
    );
    assert_eq!(best["fields"][0]["value"], "23553cbe9637a89d218ae64dae47bf35");
    assert!(
        whole["found"][1].get("fields").is_none(),
        "of another reading nobody knows what is secret"
    );
}

/// What could steer a terminal is escaped.
#[test]
fn control_characters_do_not_reach_the_terminal() {
    let said = explain(&["Digest realm=\"\u{1b}[2Ja\u{202e}b\", nonce=\"x\", qop=\"auth\""]);
    assert!(
        !said.out.contains('\u{1b}') && !said.out.contains('\u{202e}'),
        "{:?}",
        said.out
    );
}
