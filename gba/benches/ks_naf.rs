//! Ks_NAF from a parsed `Impi` and `NafId` (S of 122 octets) against a bare HMAC-SHA-256 of that many octets.
//!
//! Interleaved pairs; each prints the median of the pairs' ratios, which a noisy host moves little.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints, and may stop"
)]

use std::{hint::black_box, time::Instant};

use aka::Rand;
use base::Secret;
use gba::{
    ids::{Impi, NafId, UaId},
    keys::{KeyKind, Ks},
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const PAIRS: usize = 401;
const RUNS: u32 = 2_000;
const GATE: f64 = 1.4;

fn main() {
    let ks = Ks::new(Secret::new([7; 32]));
    let rand = Rand::from([9; 16]);
    let impi: Impi = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org"
        .parse()
        .expect("an IMPI");
    let naf = NafId::new(
        "maf.m2m.operator.example-provider.org".parse().expect("a name"),
        UaId::tls(0x00ae),
    );
    let octets = 1 + 6 + 2 + 16 + 2 + impi.kdf_octets().len() + 2 + naf.octets().len() + 2;
    let s = vec![0x55_u8; 122];
    let ours = || {
        let key = ks.naf_key(KeyKind::Me, black_box(&rand), black_box(&impi), black_box(&naf));
        black_box(&key);
    };
    let bare = || {
        let mut mac = Hmac::<Sha256>::new_from_slice(black_box(ks.expose())).expect("any length");
        mac.update(black_box(&s));
        black_box(mac.finalize().into_bytes());
    };
    let time = |f: &dyn Fn()| {
        let start = Instant::now();
        (0..RUNS).for_each(|_| f());
        start.elapsed().as_secs_f64() / f64::from(RUNS) * 1e9
    };
    time(&ours);
    time(&bare);
    let mut pairs: Vec<(f64, f64, f64)> = (0..PAIRS)
        .map(|_| {
            let (a, b) = (time(&ours), time(&bare));
            (a / b, a, b)
        })
        .collect();
    pairs.sort_by(|x, y| x.0.total_cmp(&y.0));
    let (ratio, a, b) = pairs.get(PAIRS / 2).copied().expect("pairs");
    println!(
        "ks_naf: S of {octets} octets {a:.0} ns, bare HMAC-SHA-256 of 122 octets {b:.0} ns, median ratio {ratio:.3} (gate {GATE})"
    );
    let gated = std::env::args().any(|arg| arg == "--gate");
    if gated && ratio > GATE {
        std::process::exit(1);
    }
}
