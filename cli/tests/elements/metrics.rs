//! `/metrics` as Prometheus' own parser reads it, and sockets that keep an operator's listener waiting.

use std::{
    collections::HashMap,
    fs,
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    process::Command,
    time::{Duration, Instant},
};

use tests::peer;

use crate::{
    LIMIT,
    audit::Scene,
    ops::{get, value},
};

/// Families with their samples, read by the parser of Prometheus' Python library.
const PARSE: &str = "
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
families = [[f.name, f.type, f.unit, f.documentation, [[s.name, s.labels, s.value] for s in f.samples]]
    for f in parse(open(sys.argv[1]).read())]
print(json.dumps(families))
";

/// Labels, and what may stand in them.
const LABELS: [&str; 7] = ["interface", "result", "peer", "state", "kind", "le", "element"];

/// Name, labels and value.
type Sample = (String, HashMap<String, String>, f64);
/// Name, type, unit, help and samples.
type Family = (String, String, String, String, Vec<Sample>);

#[test]
fn prometheus_reads_durations_states_and_counts_and_nobody_is_named() {
    let Some(python) = peer::python("prometheus_client", "prometheus-client") else {
        return;
    };
    let scene = Scene::start();
    let btid = scene.play();
    let mut samples: HashMap<String, f64> = HashMap::new();
    for (element, ops) in ["hss", "bsf", "naf"].iter().zip(&scene.ops) {
        let (_, text) = get(ops, "/metrics");
        let file = scene.folder.path().join("metrics");
        fs::write(&file, &text).unwrap();
        let parsed = peer::run(Command::new(&python).args(["-c", PARSE]).arg(&file), LIMIT);
        assert!(
            parsed.status.success(),
            "{element}: {}\n{text}",
            String::from_utf8_lossy(&parsed.stderr)
        );
        let families: Vec<Family> = serde_json::from_slice(&parsed.stdout).unwrap();
        for (name, kind, unit, help, of_it) in families {
            assert!(name.starts_with("gba_") && !help.is_empty(), "{name}");
            if kind == "histogram" {
                assert!(unit == "seconds" && name.ends_with("_seconds"), "{name}");
            }
            for (name, labels, value) in of_it {
                assert!(
                    labels.keys().all(|label| LABELS.contains(&label.as_str())),
                    "{labels:?}"
                );
                let mut labels: Vec<_> = labels.iter().filter(|(label, _)| *label != "peer").collect();
                labels.sort();
                let labels: String = labels.iter().map(|(_, value)| format!(" {value}")).collect();
                samples.insert(format!("{element} {name}{labels}"), value);
            }
        }
        for somebody in ["001010123456789", "@ims", btid.as_str(), "3gpp-gba"] {
            assert!(!text.contains(somebody), "{element}: {somebody}: {text}");
        }
    }
    let sample = |name: &str| {
        *samples
            .get(name)
            .unwrap_or_else(|| panic!("no {name}: {samples:?}"))
    };
    for (name, count) in [
        // Three bootstrappings of two requests each; a page by digest of two, and one over TLS-PSK.
        ("bsf gba_ub_request_duration_seconds_count", 6),
        ("bsf gba_answers_total Ub 200", 3),
        ("bsf gba_answers_total Ub 401", 3),
        ("hss gba_zh_request_duration_seconds_count", 3),
        ("hss gba_answers_total Zh 2001", 3),
        ("bsf gba_zn_request_duration_seconds_count", 2),
        ("bsf gba_answers_total Zn 2001", 2),
        ("naf gba_ua_request_duration_seconds_count", 3),
        ("naf gba_answers_total Ua 200", 2),
        ("naf gba_answers_total Ua 401", 1),
        ("bsf gba_diameter_round_trip_duration_seconds_count", 3),
        ("naf gba_diameter_round_trip_duration_seconds_count", 2),
        ("naf gba_tls_handshake_duration_seconds_count done", 1),
        ("bsf gba_peer_state open", 1),
        ("bsf gba_peer_state down", 0),
        // The BSF's connection, which stays.
        ("hss gba_connections_open", 1),
    ] {
        assert_eq!(sample(name), f64::from(count), "{name}");
    }
    for name in [
        "bsf gba_ub_request_duration_seconds",
        "hss gba_zh_request_duration_seconds",
    ] {
        let (sum, all) = (
            sample(&format!("{name}_sum")),
            sample(&format!("{name}_bucket +Inf")),
        );
        assert!(sum > 0.0 && sum < LIMIT.as_secs_f64(), "{name}");
        assert_eq!(all, sample(&format!("{name}_count")), "{name}");
    }
}

#[test]
fn what_is_turned_away_or_unanswered_is_counted() {
    let mut scene = Scene::start();
    // The HSS is there and silent.
    scene.hss.signal("STOP");
    let refused = scene.ue(&["bootstrap"]);
    scene.hss.signal("CONT");
    assert_ne!(refused.status, 0);
    let (_, metrics) = get(&scene.ops[1], "/metrics");
    assert_eq!(
        value(&metrics, "gba_incidents_total{kind=\"unanswered\"}"),
        1,
        "{metrics}"
    );
    scene.hss.end("KILL");
    let begun = Instant::now();
    loop {
        let (_, metrics) = get(&scene.ops[1], "/metrics");
        let down = |line: &&str| line.starts_with("gba_peer_state{") && line.contains("state=\"down\"");
        if metrics
            .lines()
            .find(down)
            .is_some_and(|line| line.ends_with(" 1"))
        {
            break;
        }
        assert!(begun.elapsed() < LIMIT, "{metrics}");
        std::thread::yield_now();
    }
}

/// Reads until the other side ends the connection, sending an octet of `drip` whenever nothing came for a while.
fn until_closed(mut socket: TcpStream, drip: &str) {
    let begun = Instant::now();
    let mut drip = drip.bytes().cycle();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    while begun.elapsed() < LIMIT {
        match socket.read(&mut [0; 1024]) {
            Ok(0) => return,
            Ok(_) => {}
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if let Some(octet) = drip.next()
                    && socket.write_all(&[octet]).is_err()
                {
                    return;
                }
            }
            Err(_) => return,
        }
    }
    panic!("still open");
}

fn from_another_address(to: &str) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let connect = async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        socket
            .connect(to.parse().unwrap())
            .await
            .unwrap()
            .into_std()
            .unwrap()
    };
    let socket = runtime.block_on(connect);
    socket.set_nonblocking(false).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket
}

#[test]
fn silent_and_slow_sockets_are_closed_and_keep_nobody_out() {
    let scene = Scene::start();
    let ops = &scene.ops[1];
    let open = || TcpStream::connect(ops).unwrap();
    let silent: Vec<_> = (0..15).map(|_| open()).collect();
    let slow = open();
    // That was this address's share.
    let mut one_more = open();
    one_more.set_read_timeout(Some(LIMIT)).unwrap();
    assert!(matches!(one_more.read(&mut [0; 16]), Ok(0) | Err(_)));
    // Another address is served all the while.
    let mut other = from_another_address(ops);
    write!(
        other,
        "GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    other.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    std::thread::scope(|threads| {
        threads.spawn(|| {
            until_closed(
                slow,
                "GET /livez HTTP/1.1\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            )
        });
        for socket in silent {
            threads.spawn(|| until_closed(socket, ""));
        }
    });
    let (head, _) = get(ops, "/livez");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
}
