//! What is counted and measured of a load.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use super::failed::{Failed, Kind};

/// A send that began later than this after its time, though a client was free, was late by the generator's fault.
pub const LATE: Duration = Duration::from_millis(2);
/// Share of its time that a thread may be busy before it counts as full.
pub const FULL: f64 = 0.9;
/// Share of sends that may be late.
pub const LATE_SHARE: f64 = 0.01;

/// Up to an hour in microseconds, three digits exact.
fn histogram() -> Histogram<u64> {
    #[expect(
        clippy::expect_used,
        reason = "constants that the crate accepts, as each test shows"
    )]
    Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("bounds")
}

/// Microseconds, at least one.
fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1)
}

/// What one thread has counted.
#[derive(Debug)]
pub(super) struct Tally {
    latency: Histogram<u64>,
    failed_latency: Histogram<u64>,
    failures: BTreeMap<Kind, (u64, String)>,
    late: Histogram<u64>,
    waited: u64,
    ended: Option<Instant>,
    /// Processor time of the thread, and time in which it wanted a processor and had none.
    pub(super) busy: (Duration, Duration),
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            latency: histogram(),
            failed_latency: histogram(),
            failures: BTreeMap::new(),
            late: histogram(),
            waited: 0,
            ended: None,
            busy: (Duration::ZERO, Duration::ZERO),
        }
    }

    /// A run that began, or was to begin, at `from`.
    pub(super) fn count(&mut self, from: Instant, result: Result<(), Failed>) {
        let now = Instant::now();
        self.ended = Some(now);
        let time = micros(now.saturating_duration_since(from));
        match result {
            Ok(()) => self.latency.saturating_record(time),
            Err(Failed { kind, why }) => {
                self.failed_latency.saturating_record(time);
                self.failures.entry(kind).or_insert((0, why)).0 += 1;
            }
        }
    }

    /// A send whose time came while a client was free.
    pub(super) fn sent(&mut self, after: Duration) {
        self.late.saturating_record(micros(after));
    }

    /// A send whose time came while every client was busy.
    pub(super) const fn waited(&mut self) {
        self.waited += 1;
    }
}

/// What came out of a load.
#[derive(Debug)]
pub struct Report {
    /// From the first start to the last end.
    pub elapsed: Duration,
    /// Latencies of the runs that ended well, in microseconds.
    pub latency: Histogram<u64>,
    /// Time until the other runs failed, in microseconds.
    pub failed_latency: Histogram<u64>,
    /// Failures by kind: how many, and the words of the first.
    pub failures: BTreeMap<Kind, (u64, String)>,
    /// Open loop: starts whose time came while every client was busy.
    pub waited: u64,
    /// Open loop: starts that never came to their turn.
    pub unsent: u64,
    /// Open loop: how late the other starts were, in microseconds.
    pub late: Histogram<u64>,
    /// Processor time of the generator's threads.
    pub cpu: Duration,
    /// The busiest thread's share of time on a processor or waiting for one.
    pub busiest: f64,
}

impl Report {
    pub(super) fn of(began: Instant, tallies: Vec<Tally>, unsent: u64) -> Self {
        let ended = tallies.iter().filter_map(|t| t.ended).max().unwrap_or(began);
        let mut report = Self {
            elapsed: ended.saturating_duration_since(began),
            latency: histogram(),
            failed_latency: histogram(),
            failures: BTreeMap::new(),
            waited: 0,
            unsent,
            late: histogram(),
            cpu: Duration::ZERO,
            busiest: 0.0,
        };
        for tally in tallies {
            // All have the same bounds.
            let _ = report.latency.add(tally.latency);
            let _ = report.failed_latency.add(tally.failed_latency);
            let _ = report.late.add(tally.late);
            report.waited += tally.waited;
            for (kind, (count, why)) in tally.failures {
                report.failures.entry(kind).or_insert((0, why)).0 += count;
            }
            let (cpu, wanted) = tally.busy;
            report.cpu += cpu;
            let share = (cpu + wanted).as_secs_f64() / report.elapsed.as_secs_f64();
            report.busiest = report.busiest.max(share);
        }
        report
    }

    /// Runs that ended well.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.latency.len()
    }

    /// Runs that failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed_latency.len()
    }

    /// Runs that ended well, a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a count of runs")]
        let done = self.done() as f64;
        if self.elapsed.is_zero() {
            0.0
        } else {
            done / self.elapsed.as_secs_f64()
        }
    }

    /// Starts that were late by more than [`LATE`] though a client was free.
    #[must_use]
    pub fn late_sends(&self) -> u64 {
        self.late.len() - self.late.count_between(0, micros(LATE))
    }

    /// Why these numbers may say more of the generator than of the server.
    #[must_use]
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        if self.busiest > FULL {
            doubts.push(format!(
                "the generator was the bottleneck: a thread of it was busy, or waited for a processor, {:.0} % of the time; give it \
                 more threads (--threads) or a host of its own, or ask for less",
                (self.busiest * 100.0).min(100.0)
            ));
        }
        #[expect(clippy::cast_precision_loss, reason = "a share of a count")]
        let share = self.late_sends() as f64 / (self.late.len().max(1)) as f64;
        if share > LATE_SHARE {
            doubts.push(format!(
                "the generator was late with {} of {} sends (by up to {} ms) though a client was free: latencies are too long by that",
                self.late_sends(),
                self.late.len(),
                self.late.max() / 1000
            ));
        }
        if self.waited > 0 {
            doubts.push(format!(
                "{} of the sends found every client busy: the server didn't keep up with the rate, or --clients is too small",
                self.waited
            ));
        }
        if self.unsent > 0 {
            doubts.push(format!("of the sends {} never came to their turn", self.unsent));
        }
        doubts
    }
}
