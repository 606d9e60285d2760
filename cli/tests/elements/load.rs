//! `gba load` against elements in processes of their own. Counts are asserted, never times.

use std::{net::TcpListener, path::Path};

use serde_json::Value;

use crate::{Element, Said, folder, program, said};

const K: &str = "465b5ce8b199b49faa5f0a2ee238a6bc";
const OPC: &str = "cd63cb71954a9f4e48a5994e37a02baf";
/// SIMs with consecutive IMSIs from `001010000000001`.
const SIMS: usize = 4;
const BSF: &str = "bsf.mnc001.mcc001.pub.3gppnetwork.org";
const REALM: &str = "mnc001.mcc001.3gppnetwork.org";

/// The example, with the SIMs as its subscribers; the same in `subscribers.toml`, and the keys in files.
fn lab() -> tempfile::TempDir {
    let folder = folder();
    let path = folder.path().join("gba.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once("\n[[hss.subscriber]]").unwrap();
    let (_, after) = rest.split_once("\n[bsf]").unwrap();
    let sims = |table: &str| -> String {
        let sim =
            |n| format!("[[{table}]]\nimsi = \"{n:015}\"\nmnc_length = 2\nk = \"{K}\"\nopc = \"{OPC}\"\n");
        (1..=SIMS as u64).map(|n| sim(1_010_000_000_000 + n)).collect()
    };
    std::fs::write(
        &path,
        format!("{before}\n{}\n[bsf]{after}", sims("hss.subscriber")),
    )
    .unwrap();
    std::fs::write(folder.path().join("subscribers.toml"), sims("subscriber")).unwrap();
    std::fs::write(folder.path().join("k.hex"), K).unwrap();
    std::fs::write(folder.path().join("opc.hex"), OPC).unwrap();
    folder
}

fn hss(folder: &Path) -> (Element, String) {
    let mut hss = Element::start(program(folder).args(["hss", "serve", "--listen", "127.0.0.1:0"]));
    let zh = hss.wait("hss: Zh on ");
    hss.wait("hss: ready");
    (hss, zh)
}

/// The BSF, where its Ub and its Zn are.
fn bsf(folder: &Path, zh: &str, vectors_per_minute: &str) -> (Element, String, String) {
    let mut bsf = program(folder);
    bsf.args([
        "bsf",
        "serve",
        "--hss",
        zh,
        "--vectors-per-minute",
        vectors_per_minute,
    ]);
    bsf.args(["--listen-ub", "127.0.0.1:0", "--listen-zn", "127.0.0.1:0"]);
    let mut bsf = Element::start(&mut bsf);
    let (ub, zn) = (bsf.wait("bsf: Ub on "), bsf.wait("bsf: Zn on "));
    bsf.wait("bsf: Zh to ");
    (bsf, ub, zn)
}

/// `gba load …`
fn load(folder: &Path, arguments: &str) -> Said {
    said(program(folder).arg("load").args(arguments.split_whitespace()))
}

fn object(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {} {}", said.out, said.err))
}

/// Every run of the count ended well, and the histogram has each once.
fn all_well(said: &Said, count: u64) {
    assert_eq!(said.status, 0, "{} {}", said.out, said.err);
    let object = object(said);
    assert_eq!(
        (&object["runs"], &object["done"]),
        (&count.into(), &count.into()),
        "{object}"
    );
    assert_eq!(object["failed"], 0, "{object}");
    let latency = &object["latency"];
    let buckets = latency["histogram"].as_array().unwrap().iter();
    let sum: u64 = buckets.map(|b| b["count"].as_u64().unwrap()).sum();
    assert_eq!((&latency["count"], sum), (&count.into(), count), "{latency}");
    let at = |name: &str| latency[name].as_u64().unwrap();
    assert!(
        at("min") > 0 && at("p50") <= at("p90") && at("p90") <= at("p99"),
        "{latency}"
    );
    assert!(at("p99") <= at("p99.9") && at("min") <= at("p50"), "{latency}");
}

#[test]
fn every_reference_point_is_loaded_and_every_run_is_counted() {
    let lab = lab();
    let folder = lab.path();
    let (_hss, zh) = hss(folder);
    let sims = "--imsi-from 001010000000001 --imsis 4 --k @k.hex --opc @opc.hex --clients 4 --json";
    // Four subscribers: so many clients and no more.
    let file = "--subscribers subscribers.toml --json";
    let as_bsf = format!("--origin-host {BSF} --origin-realm {REALM} --peer-host hss.{REALM}");
    all_well(&load(folder, &format!("zh {zh} {file} {as_bsf} --count 50")), 50);

    let (_bsf, ub, zn) = bsf(folder, &zh, "0");
    all_well(&load(folder, &format!("ub http://{ub}/ {sims} --count 50")), 50);
    all_well(
        &load(
            folder,
            &format!("ub {ub} {file} --count 50 --new-connection --threads 2"),
        ),
        50,
    );
    let open = load(folder, &format!("ub {ub} {file} --count 50 --rate 400"));
    all_well(&open, 50);
    let object = object(&open);
    assert_eq!(
        (
            &object["plan"]["loop"],
            &object["plan"]["clients"],
            &object["open_loop"]["unsent"]
        ),
        (&"open".into(), &4.into(), &0.into())
    );
    // As a person sees it; what is due in half a second at that rate, all begun or told as unsent.
    let text = load(
        folder,
        &format!("ub {ub} --subscribers subscribers.toml --clients 4 --rate 100 --for 500ms"),
    );
    assert!(
        text.out.contains("open loop, 100 a second") && text.out.contains("p99.9"),
        "{}",
        text.out
    );
    assert!(
        text.out.contains("latency from the intended start"),
        "{}",
        text.out
    );
    assert!(
        text.status == 0 || text.err.contains("never came to their turn"),
        "{}",
        text.err
    );

    let as_naf = format!("--origin-host naf.m2m.example --peer-host {BSF} --peer-realm {REALM}");
    all_well(
        &load(folder, &format!("zn {zn} --bsf {ub} {file} {as_naf} --count 50")),
        50,
    );
    let mut naf = program(folder);
    naf.args([
        "naf",
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--listen-tls",
        "127.0.0.1:0",
        "--bsf",
        &zn,
    ]);
    let mut naf = Element::start(&mut naf);
    let at = naf.wait("naf: HTTP digest on ");
    naf.wait("naf: Zn to ");
    let ua = format!("ua http://naf.m2m.example/ --at {at} --bsf {ub} {file} --count 50");
    all_well(&load(folder, &ua), 50);
    all_well(&load(folder, &format!("{ua} --keep-nonce")), 50);
}

#[test]
fn failures_are_counted_by_kind() {
    let lab = lab();
    let folder = lab.path();
    let (mut hss, zh) = hss(folder);
    let (_bsf, ub, _) = bsf(folder, &zh, "2");
    // The vectors of the address are soon used up: some runs may pass before.
    let file = "--subscribers subscribers.toml --clients 2 --json --count 20";
    let held = load(folder, &format!("ub {ub} {file}"));
    assert_eq!(held.status, 1, "{}", held.out);
    let object = object(&held);
    let refused = object["failures"]["HTTP 429"]["count"].as_u64().unwrap();
    assert_eq!(
        (object["done"].as_u64().unwrap() + refused, &object["runs"]),
        (20, &20.into()),
        "{object}"
    );
    assert_eq!(object["failed_latency"]["count"], refused);

    let (_bsf, ub, _) = bsf(folder, &zh, "0");
    let other_keys = format!(
        "ub {ub} --imsi-from 001010000000001 --imsis 4 --k @opc.hex --opc @k.hex --clients 1 --count 5"
    );
    let wrong = load(folder, &other_keys);
    assert_eq!(wrong.status, 1, "{}", wrong.out);
    assert!(
        wrong.out.contains("5  AUTN's MAC wrong: the card refuses"),
        "{}",
        wrong.out
    );
    assert_eq!(hss.end("KILL").code(), None);
    let down = load(
        folder,
        &format!("ub {ub} --subscribers subscribers.toml --clients 1 --count 3"),
    );
    assert_eq!(down.status, 1, "{}", down.out);
    assert!(down.out.contains("3  HTTP 503"), "{}", down.out);
}

#[test]
fn what_cannot_be_loaded_is_said_before_anything_is_sent() {
    let lab = lab();
    let folder = lab.path();
    // A port where nobody listens.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let sims = "--subscribers subscribers.toml --clients 1 --count 1";
    let as_bsf = format!("--origin-host {BSF} --peer-host hss.{REALM}");
    for (arguments, word) in [
        (format!("ub {nobody} {sims}"), "refused"),
        (
            format!("ua http://naf.m2m.example/ --at {nobody} --bsf {nobody} {sims}"),
            "refused",
        ),
        (format!("zh {nobody} {sims} {as_bsf}"), "refused"),
        (format!("ub {nobody} {sims} --for 1s"), "cannot be used with"),
        (
            format!("ub {nobody} {sims} --rate 0"),
            "a number of runs a second",
        ),
        (
            format!("ub {nobody} {sims} --rate nan"),
            "a number of runs a second",
        ),
        (format!("ub {nobody} {sims} --timeout 5"), "a time such as 30s"),
        (format!("ub {nobody} {sims} --threads 65"), "from 1 to 64"),
        (format!("ub https://{nobody} {sims}"), "only http://"),
        (format!("ub {nobody} --clients 1"), "--subscribers"),
        (format!("ub {nobody} --subscribers none.toml"), "none.toml"),
        (
            format!("ub {nobody} --imsi-from 001010000000001"),
            "--k and --opc",
        ),
        (
            format!("ub {nobody} --subscribers subscribers.toml --clients 5"),
            "5 clients need as many subscribers, got 4",
        ),
        (format!("ub 192.0.2.1:80 {sims}"), "--yes-this-network-is-mine"),
        (
            format!("zn 192.0.2.1:3868 --bsf {nobody} {sims} {as_bsf}"),
            "--yes-this-network-is-mine",
        ),
    ] {
        let said = load(folder, &arguments);
        assert_eq!(
            (said.status, said.out.as_str()),
            (2, ""),
            "{arguments}: {}",
            said.err
        );
        assert!(said.err.contains(word), "{arguments}: {}", said.err);
    }
}
