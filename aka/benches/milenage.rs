//! Milenage vectors against the crate `milenage`: median of interleaved pairs, CPU time of this process.
//!
//! `cargo bench -p gba-aka --bench milenage`. Goal: 2.5 times as many vectors per second.
//!
//! Built beside this crate, the other's `aes` wipes its key schedules too, which costs it about a tenth: built
//! alone it needs 1986 instructions a vector instead of 2278, and the ratio is about 3.3 instead of 3.6.
#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

use std::{process::ExitCode, time::Duration};

use rustix::time::{ClockId, clock_gettime};

mod work;

const PAIRS: usize = 15;
const VECTORS: u64 = 100_000;
/// How many times as many vectors. Measured is more than 3, which leaves a noisy machine its margin.
const GOAL: f64 = 2.5;

fn cpu_time(run: impl FnOnce()) -> Duration {
    let now = || {
        let t = clock_gettime(ClockId::ProcessCPUTime);
        Duration::new(
            u64::try_from(t.tv_sec).unwrap_or(0),
            u32::try_from(t.tv_nsec).unwrap_or(0),
        )
    };
    let start = now();
    run();
    now().saturating_sub(start)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() -> ExitCode {
    assert!(
        (0..100).all(work::agree),
        "both sides must compute the same vectors"
    );
    cpu_time(|| work::ours(VECTORS));
    cpu_time(|| work::theirs(VECTORS));
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        // Who goes first alternates, so that neither side always finds the warmer machine.
        let (a, b) = if pair % 2 == 0 {
            let a = cpu_time(|| work::ours(VECTORS));
            (a, cpu_time(|| work::theirs(VECTORS)))
        } else {
            let b = cpu_time(|| work::theirs(VECTORS));
            (cpu_time(|| work::ours(VECTORS)), b)
        };
        let per_vector = |d: Duration| d.as_secs_f64() * 1e9 / VECTORS as f64;
        ours.push(per_vector(a));
        theirs.push(per_vector(b));
        ratios.push(b.as_secs_f64() / a.as_secs_f64());
    }
    let ratio = median(&mut ratios);
    println!(
        "milenage_vector ours_ns={:.1} crate_ns={:.1} ratio={ratio:.2} goal={GOAL:.2} pairs={PAIRS} {}",
        median(&mut ours),
        median(&mut theirs),
        if ratio >= GOAL { "reached" } else { "missed" }
    );
    if ratio < GOAL && std::env::args().any(|arg| arg == "--gate") {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
