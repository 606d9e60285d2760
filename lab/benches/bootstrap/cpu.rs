//! CPU time of this process, and medians: a shared machine moves seconds, and its ratios much less.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// User and system time of all threads so far.
pub(crate) fn now() -> Duration {
    let t = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(t.tv_sec).unwrap_or(0),
        u32::try_from(t.tv_nsec).unwrap_or(0),
    )
}

/// Nanoseconds of CPU for one of `runs` equal pieces of work.
pub(crate) fn each(runs: u32, work: impl FnOnce()) -> f64 {
    let start = now();
    work();
    now().saturating_sub(start).as_secs_f64() * 1e9 / f64::from(runs)
}

/// The middle value.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
