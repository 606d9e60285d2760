//! Zn between a NAF and a BSF from a file, Ua between a device with a key at hand and the NAF.

use crate::{Element, Said, Tap, folder, port, program, said};

/// What the example of `gba bsf static-example` gives its second B-TID, and what Python's hmac makes of its first one.
const BTID: &str = "a-device@bsf.mnc001.mcc001.pub.3gppnetwork.org";
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const OTHER_BTID: &str = "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.mnc001.mcc001.pub.3gppnetwork.org";
const OTHER_KEY: &str = "31c6cf84334899c7e26e8d440f62d05404634e86b2c647d959d0a82950415fb2";

struct Pair {
    folder: tempfile::TempDir,
    bsf: Element,
    zn: Tap,
    naf: Element,
    page: String,
    tls: String,
}

impl Pair {
    fn start(rules: &str) -> Self {
        let folder = folder();
        let path = folder.path();
        let example = said(&mut program(path, &["bsf", "static-example"]));
        std::fs::write(path.join("static.toml"), example.out).unwrap();
        let bsf = [
            "bsf",
            "serve",
            "--static",
            "static.toml",
            "--listen-zn",
            "127.0.0.1:0",
        ];
        let mut bsf = Element::start(&mut program(path, &bsf));
        let zn = Tap::start(path, "zn", &bsf.wait("bsf: Zn on "), rules, &[]);
        let free = "127.0.0.1:0";
        let naf = [
            "naf",
            "serve",
            "--bsf",
            &zn.at,
            "--listen",
            free,
            "--listen-tls",
            free,
        ];
        let mut naf = Element::start(&mut program(path, &naf));
        let (page, tls) = (naf.wait("naf: HTTP digest on "), naf.wait("naf: TLS-PSK on "));
        naf.wait("naf: Zn to ");
        Self {
            folder,
            bsf,
            zn,
            naf,
            page,
            tls,
        }
    }

    fn get(&self, scheme: &str, at: &str, more: &[&str]) -> Said {
        self.get_as(BTID, KEY, scheme, at, more)
    }

    fn get_as(&self, btid: &str, key: &str, scheme: &str, at: &str, more: &[&str]) -> Said {
        let url = format!("{scheme}://naf.m2m.example:{}/x", port(at));
        let arguments = ["ue", "get", &url, "--btid", btid, "--ks-naf", "env:KS_NAF"];
        said(
            program(self.folder.path(), &arguments)
                .args(more)
                .env("KS_NAF", key),
        )
    }

    fn stop(self) {
        self.naf.stop();
        self.zn.stop();
        self.bsf.stop();
    }
}

#[test]
fn a_5403_of_the_tap_is_an_unknown_b_tid_for_the_naf_and_the_bsf_is_not_asked() {
    let mut pair =
        Pair::start("[[rule]]\nmatch = { message = \"BIR\", nth = 1 }\naction = \"answer\"\nanswer = 5403\n");
    let refused = pair.get("http", &pair.page, &[]);
    assert_eq!(refused.status, 1, "{}", refused.err);
    pair.zn.did("answered 5403 by the tap");
    // For another one the BSF is asked, and knows it.
    let page = pair.get_as(OTHER_BTID, OTHER_KEY, "http", &pair.page, &[]);
    assert_eq!(page.status, 0, "{}", page.err);
    let bia = pair.zn.message("BIA");
    assert!(
        bia["says"].as_str().unwrap().starts_with("BIA 2001: key until "),
        "{bia}"
    );
    pair.stop();
}

#[test]
fn a_page_that_was_altered_is_not_proven_by_the_naf() {
    let pair = Pair::start("");
    let rules = "[[rule]]\nmatch = { status = 200 }\naction = \"alter\"\nalter = [{ replace = \"knows you\", with = \"loves you\" }]\n";
    let mut ua = Tap::start(pair.folder.path(), "ua", &pair.page, rules, &[]);
    // The port is no part of who the NAF is.
    let refused = pair.get("http", &ua.at, &[]);
    assert_eq!((refused.status, refused.out.as_str()), (1, ""), "{}", refused.err);
    assert!(
        refused.err.contains("rspauth") || refused.err.contains("prove"),
        "{}",
        refused.err
    );
    ua.did("body altered");
    // A proof that is wrong is refused also where none is asked for.
    let refused = pair.get("http", &ua.at, &["--without-proof"]);
    assert_eq!((refused.status, refused.out.as_str()), (1, ""), "{}", refused.err);
    let (all, summary) = ua.stop();
    assert!(summary["to-listener"]["altered"].as_u64() >= Some(1), "{all:#?}");
    pair.stop();
}

#[test]
fn tls_psk_passes_unopened_and_its_handshake_is_told() {
    let pair = Pair::start("");
    let mut ua = Tap::start(pair.folder.path(), "ua", &pair.tls, "", &[]);
    let page = pair.get("https", &ua.at, &["--tls-psk"]);
    let (status, err) = (page.status, page.err);
    let told = ua.wait("the identity", |o| {
        o["says"]
            .as_str()
            .unwrap_or_default()
            .contains("ClientKeyExchange identity")
    });
    assert!(told["says"].as_str().unwrap().contains(BTID), "{told}");
    let (all, _) = ua.stop();
    let says: Vec<_> = all.iter().filter_map(|o| o["says"].as_str()).collect();
    assert!(says[0].contains("ClientHello SNI naf.m2m.example"), "{says:?}");
    assert!(says.iter().any(|s| s.contains("ServerHello PSK-AES128-CBC-SHA256") && s.contains("hint 3GPP-bootstrapping")), "{says:?}");
    // The example gives this B-TID a key for digest only: so the handshake ends as with a wrong key.
    assert_eq!(status, 1, "{err}");
    pair.stop();
}

#[test]
fn tls_psk_is_opened_by_its_key_and_begun_anew() {
    let folder = folder();
    let path = folder.path();
    let session = format!(
        "[[session]]\nbtid = \"{BTID}\"\n[[session.key]]\nnaf = \"naf.m2m.example\"\nua = \"01000100ae\"\nme_key = \"{KEY}\"\n"
    );
    std::fs::write(path.join("static.toml"), session).unwrap();
    let bsf = [
        "bsf",
        "serve",
        "--static",
        "static.toml",
        "--listen-zn",
        "127.0.0.1:0",
    ];
    let mut bsf = Element::start(&mut program(path, &bsf));
    let free = "127.0.0.1:0";
    let zn = bsf.wait("bsf: Zn on ");
    let naf = [
        "naf",
        "serve",
        "--bsf",
        &zn,
        "--listen",
        free,
        "--listen-tls",
        free,
    ];
    let mut naf = Element::start(&mut program(path, &naf));
    let tls = naf.wait("naf: TLS-PSK on ");
    naf.wait("naf: Zn to ");
    std::fs::write(path.join("ks-naf.hex"), KEY).unwrap();
    let rules = "[[rule]]\nmatch = { message = \"response\" }\naction = \"alter\"\nalter = [{ replace = \"knows you\", with = \"loves you\" }]\n";
    let mut ua = Tap::start(
        path,
        "ua",
        &tls,
        rules,
        &["--btid", BTID, "--ks-naf", "@ks-naf.hex"],
    );
    let url = format!("https://naf.m2m.example:{}/x", port(&ua.at));
    let get = [
        "ue",
        "get",
        &url,
        "--tls-psk",
        "--btid",
        BTID,
        "--ks-naf",
        "@ks-naf.hex",
    ];
    let page = said(&mut program(path, &get));
    assert_eq!(page.status, 0, "{}", page.err);
    assert!(page.out.contains("loves you"), "{}", page.out);
    assert_eq!(ua.message("GET")["says"], "GET /x");
    ua.did("body altered");
    let (all, _) = ua.stop();
    let notes: Vec<_> = all.iter().filter_map(|o| o["note"].as_str()).collect();
    assert!(
        notes
            .iter()
            .any(|n| n.starts_with("TLS-PSK with the device: SNI naf.m2m.example, PSK-AES128-CBC-SHA256")),
        "{notes:?}"
    );
    assert!(
        notes.iter().any(|n| n.starts_with("TLS-PSK with the NAF: ")),
        "{notes:?}"
    );
    // Another key opens nothing.
    std::fs::write(path.join("other.hex"), KEY.replace("1f", "1e")).unwrap();
    let ua = Tap::start(path, "ua", &tls, "", &["--btid", BTID, "--ks-naf", "@other.hex"]);
    let url = format!("https://naf.m2m.example:{}/x", port(&ua.at));
    let get = [
        "ue",
        "get",
        &url,
        "--tls-psk",
        "--btid",
        BTID,
        "--ks-naf",
        "@ks-naf.hex",
    ];
    assert_eq!(said(&mut program(path, &get)).status, 1);
    let (all, _) = ua.stop();
    assert!(
        all.iter().any(|o| o["note"]
            .as_str()
            .is_some_and(|n| n.contains("TLS-PSK with 127.0.0.1"))),
        "{all:#?}"
    );
    naf.stop();
    bsf.stop();
}
