//! Load: many runs of a protocol against any server, ours or another's, and what became of each (`gba load`).
//!
//! * [`engine`]: who runs when: closed loop or open loop; [`tally`]: what is counted and measured;
//! * [`http`]: an HTTP connection that costs little; [`sim`]: a card that is only its keys;
//! * [`ub`], [`ua`], [`diameter`]: one run of each protocol, checked as a device, a BSF or a NAF checks it;
//! * [`failed`]: why a run failed, in a word that can be counted.

pub mod diameter;
pub mod engine;
pub mod failed;
pub mod http;
pub mod sim;
pub mod tally;
pub mod ua;
pub mod ub;

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

pub use self::{
    engine::{Client, Place, run},
    failed::{Failed, Kind},
    tally::Report,
};

/// Most clients: each has a socket.
pub const MAX_CLIENTS: usize = 10_000;
/// Most threads of the generator.
pub const MAX_THREADS: usize = 64;
/// Highest rate of an open loop, per second.
pub const MAX_RATE: f64 = 1_000_000.0;
/// Longest duration.
pub const MAX_DURATION: Duration = Duration::from_secs(24 * 3600);

/// When the next run begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Each client begins its next run when the last has ended: the server sets the pace.
    Closed,
    /// So many a second whatever the server does. Each has an intended start, and its latency counts from there: a server
    /// that stalls is charged with the runs that would have come meanwhile.
    Open(f64),
}

/// When it is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// After this time; what runs then is finished.
    After(Duration),
    /// After so many runs.
    Count(u64),
}

/// How a load is applied. The bounds of this module are the caller's to keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// Closed or open loop.
    pub pace: Pace,
    /// The end.
    pub end: End,
    /// Runs at once, at most; each client is one device, connection or questioner.
    pub clients: usize,
    /// Threads that the clients share.
    pub threads: usize,
    /// After this a run has failed.
    pub timeout: Duration,
}

/// What others may see while it runs, and how they end it early.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    failed: AtomicU64,
    stopped: AtomicBool,
}

impl Progress {
    /// Runs that have ended well, and runs that have failed.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (
            self.done.load(Ordering::Relaxed),
            self.failed.load(Ordering::Relaxed),
        )
    }

    /// No new run begins.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn count(&self, well: bool) {
        let counter = if well { &self.done } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
