//! A whole bootstrap in one process against the sum of its primitives: `cargo bench -p gba-lab --bench bootstrap`.
//!
//! One bootstrap is UE with a software card behind APDUs in octets, BSF with its memory store, HSS behind Zh in octets,
//! and a NAF that gets its key over Zn in octets; the UE derives the same key, and both are compared. No sockets, no
//! HTTP octets. Many subscribers take turns.
//!
//! - [`network`]: the elements; [`primitives`]: what the sum is made of; [`sockets`]: the same over loopback, reported
//! - `--gate`: fails beyond [`GATE`]; `--count N [u]`: N bootstraps of GBA_ME (GBA_U) and nothing else, for callgrind and profilers
//! - without `--bench` (that is, as a test): a few runs, nothing is measured
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench prints, and may stop"
)]

use std::process::ExitCode;

use gba::ub::client::Mode;

mod cpu;
mod network;
mod primitives;
mod sockets;

use network::{Logs, Network};
use primitives::Primitive;

/// Interleaved pairs for each mode.
const PAIRS: usize = 15;
/// Bootstraps for one half of a pair.
const RUNS: u32 = 2000;
const SUBSCRIBERS: u32 = 500;
/// What a bootstrap may cost at most, in sums of its primitives.
const GOAL: f64 = 3.0;
/// Where CI fails: the goal and what a noisy machine moves a median of ratios.
const GATE: f64 = 3.45;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|a| a == flag);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    if let Some(count) = args.iter().skip_while(|a| *a != "--count").nth(1) {
        let count = count.parse().expect("--count needs a number");
        let mode = if has("u") { Mode::U } else { Mode::Me };
        runtime.block_on(only(mode, count));
        return ExitCode::SUCCESS;
    }
    if !has("--bench") {
        runtime.block_on(async {
            only(Mode::Me, 3).await;
            only(Mode::U, 3).await;
        });
        return ExitCode::SUCCESS;
    }
    let mut kept = true;
    for mode in [Mode::Me, Mode::U] {
        let ratio = runtime.block_on(measure(mode));
        kept &= ratio <= GATE;
    }
    if !has("--gate") {
        runtime.block_on(sockets::measure());
    } else if !kept {
        println!("bootstrap: beyond the gate of {GATE}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

async fn only(mode: Mode, count: usize) {
    let mut network = Network::new(mode, 10, &Logs::default());
    for n in 0..count {
        network.bootstrap(n).await;
    }
}

/// Measures one mode, prints its table and gives the median of the pairs' ratios.
async fn measure(mode: Mode) -> f64 {
    let primitives = primitives::of_a_run(mode).await;
    let mut network = Network::new(mode, SUBSCRIBERS, &Logs::default());
    let mut turn = 0;
    let mut whole = async || {
        let start = cpu::now();
        for _ in 0..RUNS {
            network.bootstrap(turn).await;
            turn += 1;
        }
        cpu::now().saturating_sub(start).as_secs_f64() * 1e9 / f64::from(RUNS)
    };
    let parts = || -> Vec<f64> { primitives.iter().map(part).collect() };

    whole().await;
    parts();
    let (mut wholes, mut sums, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut rows: Vec<Vec<f64>> = vec![Vec::new(); primitives.len()];
    for pair in 0..PAIRS {
        // Who goes first alternates, so that neither side always finds the warmer machine.
        let (a, b) = if pair % 2 == 0 {
            let a = whole().await;
            (a, parts())
        } else {
            let b = parts();
            (whole().await, b)
        };
        let sum: f64 = b.iter().sum();
        wholes.push(a);
        sums.push(sum);
        ratios.push(a / sum);
        rows.iter_mut().zip(b).for_each(|(row, ns)| row.push(ns));
    }
    let rows: Vec<f64> = rows.iter().map(|row| cpu::median(row)).collect();
    print(mode, &primitives, &rows, &wholes, &sums, &ratios)
}

/// Nanoseconds that a run spends in a primitive.
fn part(primitive: &Primitive) -> f64 {
    f64::from(primitive.count) * cpu::each(RUNS, || (0..RUNS).for_each(|_| (primitive.run)()))
}

fn print(
    mode: Mode,
    primitives: &[Primitive],
    rows: &[f64],
    wholes: &[f64],
    sums: &[f64],
    ratios: &[f64],
) -> f64 {
    let (whole, sum, ratio) = (cpu::median(wholes), cpu::median(sums), cpu::median(ratios));
    let name = if mode == Mode::U { "GBA_U" } else { "GBA_ME" };
    println!("\n{name}: primitives of one bootstrap, ns of CPU, medians of {PAIRS} pairs");
    println!("{:>5} {:>8} {:>8}  primitive", "count", "each", "all");
    let mut subtotals = [0.0; 2];
    for is_codec in [false, true] {
        for (primitive, ns) in primitives.iter().zip(rows) {
            if primitive.is_codec != is_codec {
                continue;
            }
            subtotals[usize::from(is_codec)] += ns;
            println!(
                "{:>5} {:>8.0} {ns:>8.0}  {}",
                primitive.count,
                ns / f64::from(primitive.count),
                primitive.what
            );
        }
    }
    let [crypto, codecs] = subtotals;
    println!(
        "      cryptography {crypto:.0} ns, codecs {codecs:.0} ns, sum {sum:.0} ns; the bootstrap is {:.1} x its cryptography",
        whole / crypto
    );
    println!(
        "bootstrap {name}: {:.2} us of CPU, {:.0} per second and core, {ratio:.2} x the sum of its primitives ({:.2} to {:.2}; goal {GOAL:.1}) {}",
        whole / 1e3,
        1e9 / whole,
        ratios.iter().copied().fold(f64::INFINITY, f64::min),
        ratios.iter().copied().fold(0.0, f64::max),
        if ratio <= GOAL { "reached" } else { "missed" }
    );
    ratio
}
