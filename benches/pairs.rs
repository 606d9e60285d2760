//! What the gated benches of all crates share (each takes it in by `#[path]`): CPU time, interleaved pairs, the median
//! of their ratios. A shared machine moves seconds, and the ratios of neighbours much less.
#![allow(dead_code, reason = "each bench takes what it needs")]

use std::{process::ExitCode, time::Duration};

use rustix::time::{ClockId, clock_gettime};

/// User and system time of all threads of this process so far.
pub(crate) fn cpu() -> Duration {
    let t = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(t.tv_sec).unwrap_or(0),
        u32::try_from(t.tv_nsec).unwrap_or(0),
    )
}

/// The middle value.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Medians over all pairs.
pub(crate) struct Measured {
    /// Nanoseconds of one piece of work by our code.
    pub(crate) ours: f64,
    /// Nanoseconds of the same by what it is compared with.
    pub(crate) theirs: f64,
    /// Ours by theirs, pair by pair.
    pub(crate) ratio: f64,
}

/// Runs both sides in turn `pairs` times; each call does `runs` pieces of work. Who goes first alternates, so that
/// neither side always finds the warmer machine.
pub(crate) fn pairs(
    pairs: usize,
    runs: u32,
    mut ours: impl FnMut(u32),
    mut theirs: impl FnMut(u32),
) -> Measured {
    let each = |work: &mut dyn FnMut(u32)| {
        let start = cpu();
        work(runs);
        cpu().saturating_sub(start).as_secs_f64() * 1e9 / f64::from(runs)
    };
    each(&mut ours);
    each(&mut theirs);
    let (mut a, mut b, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..pairs {
        let (x, y) = if pair % 2 == 0 {
            let x = each(&mut ours);
            (x, each(&mut theirs))
        } else {
            let y = each(&mut theirs);
            (each(&mut ours), y)
        };
        a.push(x);
        b.push(y);
        ratios.push(x / y);
    }
    Measured {
        ours: median(&mut a),
        theirs: median(&mut b),
        ratio: median(&mut ratios),
    }
}

/// What the bench exits with: only `--gate` makes a missed goal a failure.
pub(crate) fn verdict(reached: bool) -> ExitCode {
    if reached || !std::env::args().any(|arg| arg == "--gate") {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
