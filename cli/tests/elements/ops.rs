//! What an operator's tools ask a BSF: `/livez`, `/readyz`, `/metrics`.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    thread,
    time::Instant,
};

use crate::{Element, LIMIT, folder, program, said};

fn hss(folder: &Path, listen: &str) -> (Element, String) {
    let mut hss = Element::start(program(folder).args(["hss", "serve", "--listen", listen]));
    let zh = hss.wait("hss: Zh on ");
    hss.wait("hss: ready");
    (hss, zh)
}

/// Head and body.
pub(crate) fn get(address: &str, path: &str) -> (String, String) {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    write!(
        socket,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn status(address: &str, path: &str) -> u16 {
    let (head, _) = get(address, path);
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

/// The value of a line of the metrics.
pub(crate) fn value(metrics: &str, name: &str) -> u64 {
    let line = metrics
        .lines()
        .find_map(|l| l.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {metrics}"))
        .parse()
        .unwrap()
}

#[test]
fn a_bsf_is_ready_while_its_hss_is_there_and_counts_without_naming_anybody() {
    let folder = folder();
    let (mut first, zh) = hss(folder.path(), "127.0.0.1:0");
    let mut bsf = program(folder.path());
    bsf.args([
        "bsf",
        "serve",
        "--hss",
        &zh,
        "--listen-ub",
        "127.0.0.1:0",
        "--listen-zn",
        "127.0.0.1:0",
    ]);
    bsf.env("GBA_BSF_OPS_LISTEN", "127.0.0.1:0");
    let mut bsf = Element::start(&mut bsf);
    let ops = bsf.wait("bsf: /livez, /readyz and /metrics on ");
    let ub = bsf.wait("bsf: Ub on ");
    bsf.wait("bsf: Zh to ");
    assert_eq!((status(&ops, "/livez"), status(&ops, "/readyz")), (200, 200));
    let (_, before) = get(&ops, "/metrics");
    assert!(!before.contains("interface=\"Ub\""), "{before}");

    let done = said(
        program(folder.path())
            .args(["ue", "bootstrap"])
            .env("GBA_UE_BSF", &ub),
    );
    assert_eq!(done.status, 0, "{}", done.err);
    let (head, metrics) = get(&ops, "/metrics");
    assert!(head.contains("application/openmetrics-text"), "{head}");
    // The challenge and the answer; one MAR.
    assert_eq!(
        value(&metrics, "gba_messages_sent_total{interface=\"Ub\"}"),
        2,
        "{metrics}"
    );
    assert_eq!(
        value(&metrics, "gba_messages_sent_total{interface=\"Zh\"}"),
        1,
        "{metrics}"
    );
    for total in ["gba_received_bytes_total", "gba_sent_bytes_total"] {
        assert!(value(&metrics, total) > 500, "{metrics}");
    }
    assert!(value(&metrics, "gba_start_time_seconds") > 1_700_000_000);
    assert!(metrics.ends_with("# EOF\n"));
    let up: Vec<_> = metrics
        .lines()
        .filter(|l| l.starts_with("gba_peer_up{"))
        .collect();
    assert!(up.len() == 1 && up[0].ends_with("} 1"), "{metrics}");
    // Base units, our prefix, and nobody's name.
    for line in metrics.lines().filter(|l| !l.starts_with('#')) {
        assert!(line.starts_with("gba_"), "{line}");
    }
    for subscriber in ["001010123456789", "@ims", "@bsf", "3gpp-akma"] {
        assert!(!metrics.contains(subscriber), "{subscriber}: {metrics}");
    }

    // Alive, but of no use without its HSS.
    first.end("KILL");
    let begun = Instant::now();
    while status(&ops, "/readyz") != 503 {
        assert!(begun.elapsed() < LIMIT, "ready without an HSS");
        thread::yield_now();
    }
    let (_, why) = get(&ops, "/readyz");
    assert!(why.starts_with("no connection to "), "{why}");
    assert_eq!(status(&ops, "/livez"), 200);
    let (_, metrics) = get(&ops, "/metrics");
    assert!(metrics.contains("} 0\n"), "{metrics}");
    assert_eq!(status(&ops, "/else"), 404);
    assert_eq!(bsf.end("TERM").code(), Some(0));
}

/// Nobody asked for it: it isn't there.
#[test]
fn it_is_off_by_default() {
    let folder = folder();
    let (mut hss, _) = hss(folder.path(), "127.0.0.1:0");
    assert!(hss.seen.iter().all(|line| !line.contains("/metrics")));
    assert_eq!(hss.end("TERM").code(), Some(0));
}

/// What an HSS drops and refuses is counted by its kind, so that an alarm can hang on it, and nobody is named.
//= ROW-01
//= ROW-06
#[test]
fn row_13_what_is_refused_on_diameter_is_counted_by_its_kind() {
    let folder = folder();
    let mut hss = program(folder.path());
    hss.args(["hss", "serve", "--listen", "127.0.0.1:0"]);
    hss.env("GBA_HSS_OPS_LISTEN", "127.0.0.1:0");
    let mut hss = Element::start(&mut hss);
    let ops = hss.wait("hss: /livez, /readyz and /metrics on ");
    let zh = hss.wait("hss: Zh on ");
    let refused = |octets: &[u8]| {
        let mut socket = TcpStream::connect(&zh).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        socket.write_all(octets).unwrap();
        // To its end: then it has been counted.
        let _ = socket.read_to_end(&mut Vec::new());
    };
    let mut cer = diameter::Message::request(257, 0, false);
    let origin = diameter::Origin {
        host: "stranger.home.test".parse().unwrap(),
        realm: "home.test".parse().unwrap(),
    };
    cer.push_origin(&origin);
    let mut short = cer.encode();
    short[1..4].copy_from_slice(&[0, 0, 5]);
    for _ in 0..3 {
        refused(&short);
    }
    cer.avps.extend([
        diameter::Avp::raw(257, 0, 0x40, [0, 1, 127, 0, 0, 1]),
        diameter::Avp::raw(266, 0, 0x40, [0; 4]),
        diameter::Avp::raw(269, 0, 0, *b"stranger"),
        diameter::Avp::raw(258, 0, 0x40, diameter::dictionary::ZH.to_be_bytes()),
    ]);
    refused(&cer.encode());
    let (_, metrics) = get(&ops, "/metrics");
    for (kind, times) in [
        ("malformed", 3),
        ("peer_refused", 1),
        ("unasked_answer", 0),
        ("foreign_name", 0),
        ("not_allowed", 0),
    ] {
        let name = format!("gba_incidents_total{{kind=\"{kind}\"}}");
        assert_eq!(value(&metrics, &name), times, "{metrics}");
    }
    assert!(!metrics.contains("stranger"), "{metrics}");
    assert_eq!(hss.end("TERM").code(), Some(0));
}
