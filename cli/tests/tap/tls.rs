//! Diameter over TLS through a tap that ends it on both sides, and what may not be tapped in clear (ruling 21).

use crate::{Element, Tap, folder, program, said};

const HSS: &str = "hss.mnc001.mcc001.3gppnetwork.org";
const BSF: &str = "bsf.mnc001.mcc001.pub.3gppnetwork.org";

#[test]
fn tls_with_certificates_ends_at_the_tap_and_begins_anew() {
    let folder = folder();
    let path = folder.path();
    assert_eq!(said(&mut program(path, &["pki", "init", HSS, BSF])).status, 0);
    let secure = |command: &mut std::process::Command, element: &str, name: &str| {
        let element = element.to_uppercase();
        for (what, file) in [
            ("CA", "ca.pem".to_owned()),
            ("CERT", format!("{name}.pem")),
            ("KEY", format!("{name}.key")),
        ] {
            command.env(format!("GBA_{element}_TLS_{what}"), path.join("pki").join(file));
        }
    };
    let mut hss = program(path, &["hss", "serve", "--listen", "127.0.0.1:0"]);
    secure(&mut hss, "hss", HSS);
    let mut hss = Element::start(&mut hss);
    let at = hss.wait("hss: Zh on ");
    let (from, to) = (format!("pki/{HSS}"), format!("pki/{BSF}"));
    let mut zh = Tap::start(path, "zh", &at, "", &["--tls-from", &from, "--tls-to", &to]);
    let mut bsf = program(path, &["bsf", "serve", "--hss", &zh.at]);
    bsf.env("GBA_BSF_LISTEN_UB", "127.0.0.1:0")
        .env("GBA_BSF_LISTEN_ZN", "127.0.0.1:0");
    secure(&mut bsf, "bsf", BSF);
    let mut bsf = Element::start(&mut bsf);
    let ub = bsf.wait("bsf: Ub on ");
    bsf.wait("bsf: Zh to ");
    let done = said(&mut program(path, &["ue", "bootstrap", "--bsf", &ub]));
    assert_eq!(done.status, 0, "{}", done.err);
    zh.message("MAA");
    bsf.stop();
    let (all, _) = zh.stop();
    let notes: Vec<_> = all.iter().filter_map(|o| o["note"].as_str()).collect();
    assert_eq!(notes[..2], [format!("TLS with {BSF}"), format!("TLS with {HSS}")]);
    hss.stop();
}

#[test]
fn ruling_21_away_from_loopback_diameter_is_not_tapped_in_clear() {
    let folder = folder();
    for (listen, target, option) in [
        ("0.0.0.0:0", "127.0.0.1:1", "--tls-from"),
        ("127.0.0.1:0", "192.0.2.1:3868", "--tls-to"),
    ] {
        for interface in ["zh", "zn"] {
            let refused = said(&mut program(folder.path(), &["tap", interface, listen, target]));
            assert_eq!(refused.status, 2, "{}", refused.err);
            assert!(
                refused.err.contains("keys in clear") && refused.err.contains(option),
                "{}",
                refused.err
            );
        }
    }
    // HTTP carries none.
    let ub = Element::start(&mut program(
        folder.path(),
        &["tap", "ub", "0.0.0.0:0", "192.0.2.1:80"],
    ));
    ub.stop_when("tap Ub: listening on ");
    let zh = Element::start(&mut program(
        folder.path(),
        &["tap", "zh", "0.0.0.0:0", "192.0.2.1:3868", "--insecure-diameter"],
    ));
    zh.stop_when("tap Zh: listening on ");
}

#[test]
fn ruling_35_in_production_a_tap_alters_nothing_and_shows_no_keys() {
    let folder = folder();
    std::fs::write(folder.path().join("rules.toml"), "").unwrap();
    for more in [
        &["--rule", "rules.toml"][..],
        &["--pcap", "x.pcapng"],
        &["-v", "--show-secrets"],
        &["--insecure-diameter"],
    ] {
        let mut command = program(folder.path(), &["tap", "zh", "127.0.0.1:0", "127.0.0.1:1"]);
        let refused = said(command.args(more).env("GBA_PRODUCTION", "true"));
        assert_eq!(refused.status, 2, "{more:?} {}", refused.err);
        assert!(refused.err.contains("production = true"), "{}", refused.err);
    }
    assert!(!folder.path().join("x.pcapng").exists());
}
