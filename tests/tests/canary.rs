//! Canary keys: the whole story and every fault at trace level, and no log line, error, `Debug` text or line of the
//! ladder holds a key. `cli/tests/demo/secrets.rs` does the same with the program's own output and JSON.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::{
    collections::BTreeSet,
    io::{self, Write},
    sync::{Arc, Mutex},
};

use aka::Rand;
use base::hex;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use gba::ids::{Impi, NafId, UaId};
use lab::{
    demo,
    report::Mode,
    trace::{Entry, Trace},
};
use tests::{canary::Canaries, faults, scene::Sim};
use tracing_subscriber::fmt::MakeWriter;

const SIM: Sim = Sim {
    k: *b"canary-of-key-K!",
    opc: *b"canary-of-OPc-*!",
};
const RAND: [u8; 16] = [0x3c; 16];
const IMPI: &str = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org";

/// Everything that anybody logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn at_trace_level(log: &Log) -> impl tracing::Subscriber + Send + Sync + 'static {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish()
}

fn canaries(rands: impl IntoIterator<Item = [u8; 16]>) -> Canaries {
    let impi: Impi = IMPI.parse().unwrap();
    let naf_ids = [
        ("naf.m2m.example", UaId::HTTP_DIGEST),
        ("maf.m2m.example", UaId::tls(0x00ae)),
        ("in-cse.m2m.example", UaId::tls(0x00ae)),
        ("bank.example", UaId::HTTP_DIGEST),
    ]
    .map(|(name, ua)| NafId::new(name.parse().unwrap(), ua));
    let mut canaries = Canaries::of(&SIM);
    for rand in rands {
        canaries.add_run(&SIM, &Rand::new(rand), &impi, &naf_ids);
    }
    canaries
}

#[tokio::test]
async fn no_log_no_ladder_and_no_error_holds_a_key() {
    let log = Log::default();
    tracing::subscriber::set_global_default(at_trace_level(&log)).unwrap();

    let mut told = String::new();
    for mode in [Mode::Me, Mode::U] {
        let mut setup = SIM.setup_of(mode);
        setup.rand = Some(Rand::new(RAND));
        let (trace, mut entries) = Trace::begin();
        let outcome = demo::run(setup, trace).await.unwrap();
        while let Ok(entry) = entries.try_recv() {
            if let Entry::Message(event) = entry {
                told += &format!("{event:?}\n{}\n", event.summary);
            }
        }
        for pair in [&outcome.root, &outcome.session, &outcome.service] {
            told += &format!("{:?} {}\n", pair.device, pair.device.fingerprint());
            // The search would find the very key that was in use.
            let key = pair.network.key_for(&pair.naf_id().ua()).unwrap();
            let leak = hex::encode(key.expose());
            assert_eq!(canaries([RAND]).found_in(leak.as_bytes()).len(), 4, "{mode:?}");
        }
    }
    let played = faults::all(&SIM).await;
    assert!(played.rands.len() > 12, "{} challenges", played.rands.len());
    told += &played.told;
    let canaries = canaries(played.rands.iter().copied().chain([RAND]));

    let log = log.0.lock().unwrap().clone();
    assert!(log.len() > 20_000, "little was logged: {} octets", log.len());
    assert!(told.len() > 20_000, "little was told: {} octets", told.len());
    for (place, text) in [("log", &log[..]), ("ladder or error", told.as_bytes())] {
        let found = canaries.found_in(text);
        assert!(found.is_empty(), "in the {place}:\n{}", found.join("\n"));
    }

    // What Zh and Zn carry in clear between the elements is what was looked for: the search isn't blind.
    let found: BTreeSet<String> = canaries
        .found_in(&played.wire)
        .iter()
        .filter_map(|name| Some(name.split_once(" after")?.0.to_owned()))
        .collect();
    for name in ["CK, raw", "IK, raw", "RES, raw"] {
        assert!(found.contains(name), "the wire has no {name}: {found:?}");
    }
    let of_naf = |name: &String| name.contains("naf.m2m.example") && name.ends_with("raw");
    assert!(found.iter().any(of_naf), "the wire has no Ks_NAF: {found:?}");
    assert!(
        !found
            .iter()
            .any(|name| name.starts_with("K,") || name.starts_with("OPc,")),
        "{found:?}"
    );
}

/// Whoever wrote a key in any of these ways would be found.
#[test]
fn a_leak_is_found_in_every_form() {
    let canaries = canaries([RAND]);
    let k = SIM.k;
    let upper = hex::encode(k).to_uppercase();
    let spaced = hex::encode(k)
        .as_bytes()
        .chunks(2)
        .map(String::from_utf8_lossy)
        .collect::<Vec<_>>()
        .join(":");
    let url_safe = BASE64_STANDARD
        .encode([&b"x"[..], &k, b"y"].concat())
        .replace('+', "-")
        .replace('/', "_");
    let ways: [(&str, String); 11] = [
        ("hex", hex::encode(k)),
        ("HEX", upper),
        ("with colons", spaced),
        ("half", hex::encode(&k[..8])),
        ("base64", BASE64_STANDARD.encode(k)),
        (
            "base64 of more",
            BASE64_STANDARD.encode([&b"ab"[..], &k, b"c"].concat()),
        ),
        ("base64url", url_safe),
        ("Debug", format!("{k:?}")),
        ("Debug in hex", format!("{k:x?}")),
        ("text", String::from_utf8_lossy(&k).into_owned()),
        (
            "Debug of bytes",
            format!("{:?}", net::http::Bytes::copy_from_slice(&k)),
        ),
    ];
    for (way, leak) in ways {
        let log = Log::default();
        tracing::subscriber::with_default(at_trace_level(&log), || {
            tracing::trace!(note = %leak, "an element says too much");
        });
        let found = canaries.found_in(&log.0.lock().unwrap());
        assert!(
            found.iter().any(|name| name.starts_with("K, ")),
            "{way} isn't found"
        );
    }
    let mut near = k;
    near[7] ^= 1;
    near[15] ^= 1;
    assert!(canaries.found_in(hex::encode(near).as_bytes()).is_empty());
}
