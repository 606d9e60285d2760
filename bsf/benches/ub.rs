//! The BSF's part of a bootstrapping in process: both requests of Ub through [`bsf::Ub::handle`] with the memory store
//! and a source that is there at once, against the digests and the key comparison that nobody can leave out.
//!
//! Interleaved pairs; prints the medians. Reported, not gated: the whole bootstrapping has the gate.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints, and may stop"
)]

use std::{
    hint::black_box,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bsf::{MemorySessions, Ub};
use gba::{
    digest::{Algorithm, Challenge},
    ub::server::{Config, Rate},
};
use http::{Extensions, header};
use net::{
    http::PeerInfo,
    tap::{Connection, Measure, Message, Tap},
};

mod device;

use device::{RES, Source, get, sign};

const IMPI: &str = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org";

/// Measures as `/metrics` does: two additions each.
#[derive(Default)]
struct Measuring(AtomicU64, AtomicU64);

impl Tap for Measuring {
    fn message(&self, _: Message<'_>) {}

    fn listens(&self) -> bool {
        false
    }

    fn measures(&self) -> bool {
        true
    }

    fn measure(&self, measure: Measure<'_>) {
        if let Measure::Answered { took, .. } = measure {
            self.0.fetch_add(1, Ordering::Relaxed);
            let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
            self.1.fetch_add(nanos, Ordering::Relaxed);
        }
    }
}

fn bsf() -> Ub<MemorySessions, Source> {
    let mut config = Config::new("bsf.mnc001.mcc001.pub.3gppnetwork.org".parse().expect("a name"));
    (config.per_impi, config.per_address) = (Rate::UNLIMITED, Rate::UNLIMITED);
    config.repeat_window = Duration::ZERO;
    Ub::new(config, Arc::new(MemorySessions::default()), Source::default())
}

/// What one bootstrapping takes: the BSF, the UE, and bare digests.
async fn bootstrap(ub: &Ub<MemorySessions, Source>, peer: &PeerInfo, first: &str) -> [Duration; 3] {
    let start = Instant::now();
    let asked = ub.handle(get(first), peer.clone()).await;
    let first_half = start.elapsed();
    let start = Instant::now();
    let value = asked.headers()[header::WWW_AUTHENTICATE].to_str().expect("text");
    let sent = sign(&Challenge::parse(value).expect("a challenge"), IMPI);
    let text = sent.to_string();
    let ue = start.elapsed();
    let request = get(&text);
    let start = Instant::now();
    let answer = ub.handle(request, peer.clone()).await;
    let second_half = start.elapsed();
    assert_eq!(answer.status(), 200);
    let start = Instant::now();
    let ha1 = sent.ha1(Algorithm::AkaV1Md5, black_box(&RES));
    black_box(sent.verify(&ha1, Algorithm::AkaV1Md5, "GET", b""));
    black_box(sent.rspauth(&ha1, Algorithm::AkaV1Md5, answer.body()));
    [first_half + second_half, ue, start.elapsed()]
}

fn main() {
    let (plain, watched) = (bsf(), bsf().with_tap(Arc::new(Measuring::default())));
    let address = SocketAddr::from(([127, 0, 0, 1], 80));
    let peer = PeerInfo::new(Connection::new(address, address), Extensions::new());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let first = format!("Digest username=\"{IMPI}\", realm=\"x\", nonce=\"\", uri=\"/\", response=\"\"");

    let (mut bsf, mut measured, mut ue, mut bare) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    runtime.block_on(async {
        for round in 0..20_000 {
            let (of_plain, of_watched) = if round % 2 == 0 {
                let of_plain = bootstrap(&plain, &peer, &first).await;
                (of_plain, bootstrap(&watched, &peer, &first).await)
            } else {
                let of_watched = bootstrap(&watched, &peer, &first).await;
                (bootstrap(&plain, &peer, &first).await, of_watched)
            };
            if round >= 1000 {
                bsf.push(of_plain[0]);
                ue.push(of_plain[1]);
                bare.push(of_plain[2]);
                measured.push(of_watched[0]);
            }
        }
    });
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times
            .get(times.len() / 2)
            .copied()
            .unwrap_or_default()
            .as_secs_f64()
            * 1e6
    };
    let (bsf, measured) = (median(&mut bsf), median(&mut measured));
    let (ue, bare) = (median(&mut ue), median(&mut bare));
    println!(
        "ub: BSF {bsf:.2} us for both requests, of which digests {bare:.2} us; UE's parsing and signing {ue:.2} us; \
         measured for /metrics {:.3} times as long",
        measured / bsf
    );
}
