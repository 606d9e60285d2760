//! The BSF's part of a bootstrapping in process: both requests of Ub through [`bsf::Ub::handle`] with the memory store
//! and a source that is there at once, against the digests and the key comparison that nobody can leave out.
//!
//! Interleaved pairs; prints the medians. Reported, not gated: the whole bootstrapping has the gate.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints, and may stop"
)]

use std::{hint::black_box, net::SocketAddr, sync::Arc, time::Instant};

use bsf::{MemorySessions, Ub};
use gba::{
    digest::{Algorithm, Challenge},
    ub::server::{Config, Rate},
};
use http::{Extensions, header};
use net::{http::PeerInfo, tap::Connection};

mod device;

use device::{RES, Source, get, sign};

fn main() {
    let impi = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org";
    let mut config = Config::new("bsf.mnc001.mcc001.pub.3gppnetwork.org".parse().expect("a name"));
    (config.per_impi, config.per_address) = (Rate::UNLIMITED, Rate::UNLIMITED);
    config.repeat_window = std::time::Duration::ZERO;
    let ub = Ub::new(config, Arc::new(MemorySessions::default()), Source::default());
    let address = SocketAddr::from(([127, 0, 0, 1], 80));
    let peer = PeerInfo::new(Connection::new(address, address), Extensions::new());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let first = format!("Digest username=\"{impi}\", realm=\"x\", nonce=\"\", uri=\"/\", response=\"\"");

    let (mut bsf, mut ue, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    runtime.block_on(async {
        for round in 0..20_000 {
            let start = Instant::now();
            let asked = ub.handle(get(&first), peer.clone()).await;
            let first_half = start.elapsed();
            let start = Instant::now();
            let value = asked.headers()[header::WWW_AUTHENTICATE].to_str().expect("text");
            let sent = sign(&Challenge::parse(value).expect("a challenge"), impi);
            let text = sent.to_string();
            let ues = start.elapsed();
            let request = get(&text);
            let start = Instant::now();
            let answer = ub.handle(request, peer.clone()).await;
            let second_half = start.elapsed();
            assert_eq!(answer.status(), 200);
            let start = Instant::now();
            let ha1 = sent.ha1(Algorithm::AkaV1Md5, black_box(&RES));
            black_box(sent.verify(&ha1, Algorithm::AkaV1Md5, "GET", b""));
            black_box(sent.rspauth(&ha1, Algorithm::AkaV1Md5, answer.body()));
            let digests = start.elapsed();
            if round >= 1000 {
                bsf.push(first_half + second_half);
                ue.push(ues);
                bare.push(digests);
            }
        }
    });
    let median = |times: &mut Vec<std::time::Duration>| {
        times.sort();
        times
            .get(times.len() / 2)
            .copied()
            .unwrap_or_default()
            .as_secs_f64()
            * 1e6
    };
    let (bsf, ue, bare) = (median(&mut bsf), median(&mut ue), median(&mut bare));
    println!(
        "ub: BSF {bsf:.2} us for both requests, of which digests {bare:.2} us; UE's parsing and signing {ue:.2} us"
    );
}
