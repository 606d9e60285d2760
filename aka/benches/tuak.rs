//! A TUAK vector (K of 128 bits, one iteration, TOPc kept) against the two permutations that nobody can leave out.
//!
//! `cargo bench -p gba-aka --bench tuak`. Ours: the algorithm set made from K and TOPc, f1 and f2 to f5, AUTN, XRES, CK
//! and IK, everything wiped; each vector has a K, a RAND and an SQN of its own. Theirs: Keccak-f\[1600\] of crate
//! `keccak` twice on one state that is already lanes.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints, and may stop"
)]

use std::{hint::black_box, process::ExitCode};

use aka::{Algorithm, Amf, Rand, Sqn, Tuak, tuak::Lengths};
use base::{Secret, SecretBytes};
use keccak::Keccak;

#[path = "../../benches/pairs.rs"]
mod pairs;

const PAIRS: usize = 41;
const VECTORS: u32 = 10_000;
/// Ours by theirs.
const GOAL: f64 = 1.3;

fn main() -> ExitCode {
    let topc = Secret::new([0x5c; 32]);
    let mut salt = 0u128;
    let ours = |n| {
        for _ in 0..n {
            salt += 1;
            let k = SecretBytes::from(salt.to_le_bytes().as_slice());
            let tuak = Tuak::new(&k, &topc, Lengths::AKA).expect("16 octets");
            let sqn = Sqn::new(0x20).expect("48 bits");
            let rand = Rand::new(salt.to_be_bytes());
            black_box(&black_box(&tuak).vector(black_box(&rand), sqn, Amf::new([0x80, 0])));
        }
    };
    let mut state = [0x5c; 25];
    let theirs = |n| {
        Keccak::new().with_f1600(|f1600| {
            for _ in 0..n {
                f1600(black_box(&mut state));
                f1600(black_box(&mut state));
            }
        });
    };
    let measured = pairs::pairs(PAIRS, VECTORS, ours, theirs);
    println!(
        "tuak: a vector {:.0} ns, two permutations {:.0} ns, median ratio {:.3} (goal {GOAL})",
        measured.ours, measured.theirs, measured.ratio
    );
    pairs::verdict(measured.ratio <= GOAL)
}
