//! Sequence numbers of the home side (TS 33.102 annexes C.1 and C.3): who may issue which SQN, and that none is issued twice.
//!
//! [`SqnStore`] has two verbs, each atomic: [`reserve_sqn`](SqnStore::reserve_sqn) and
//! [`resync_sqn`](SqnStore::resync_sqn). What they return is already stored as firmly as the implementation can:
//! [`MemorySqnStore`] for one run, [`FileSqnStore`] over a crash. One set of tests runs over both.
//!
//! | module | what it holds |
//! |---|---|
//! | `memory` | the store that forgets |
//! | `file` | the store that doesn't: blocks reserved durably, read-only after the first failed write |
//! | `format` | the file's text: all of them with a count and a digest, then what has changed, line by line |
//! | `disk` | the steps of durable writing, and the lock against a second process |

mod disk;
mod file;
mod format;
mod memory;
#[cfg(test)]
mod tests;

use std::{future::Future, io, path::PathBuf};

use aka::{
    Sqn,
    sqn::{
        SqnProfile,
        home::{self, Clock, Scheme},
    },
};
use base::Utc;
use gba::ids::Impi;

pub use disk::{Disk, OsDisk};
pub use file::FileSqnStore;
pub use format::{Damage, decode as decode_sqn_file};
pub use memory::MemorySqnStore;

/// SEQ values that one durable write reserves where SEQ is counted.
const BLOCK: u64 = 32;

/// How SQN advance for one subscriber (TS 33.102 Annex C.1.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SqnRules {
    /// Bits of IND, and the Δ that the card uses.
    pub profile: SqnProfile,
    /// The IND of all vectors for Zh; other domains use others, so that their vectors don't refuse each other.
    pub ind: u64,
    /// The very first SQN, for a subscriber that the store doesn't know yet: issued exactly as it stands here by a
    /// counter; by a clock the first is above it.
    pub first: Sqn,
    /// Whether SEQ is counted or follows a clock (annex C.3).
    pub scheme: Scheme,
}

/// A name that is no scheme, or a scheme without what it needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAScheme {
    /// Another word.
    #[error("\"counter\", \"partly-time\" or \"time\" expected")]
    Name,
    /// `time` needs the time at which SEQ was zero: a card takes a first SEQ of at most Δ.
    #[error(
        "missing: with \"time\" the time when these cards were new, such as \"2026-11-01T00:00:00Z\", expected"
    )]
    NoStart,
}

/// The scheme of a configuration: `counter` (annex C.3.2), `partly-time` (C.3.1) or `time` (C.3.3), whose clock was zero
/// at `start`.
///
/// # Errors
/// [`NotAScheme`].
pub fn scheme_of(name: &str, start: Option<Utc>) -> Result<Scheme, NotAScheme> {
    match (name, Scheme::PROFILE_1) {
        ("counter", _) => Ok(Scheme::Counter),
        ("partly-time", Scheme::PartlyTimeBased { clock, seq2_bits, d }) => Ok(Scheme::PartlyTimeBased {
            clock: Clock {
                start: start.unwrap_or(clock.start),
                ..clock
            },
            seq2_bits,
            d,
        }),
        ("time", _) => start.map(Scheme::profile_3).ok_or(NotAScheme::NoStart),
        _ => Err(NotAScheme::Name),
    }
}

impl Default for SqnRules {
    /// Annex C.3.2's profile, the highest IND (which other domains leave alone), and a first SQN that a new card
    /// accepts.
    fn default() -> Self {
        let profile = SqnProfile::default();
        let ind = profile.ind(Sqn::MAX);
        Self {
            profile,
            ind,
            first: home::next(profile, Sqn::default(), ind),
            scheme: Scheme::Counter,
        }
    }
}

impl SqnRules {
    /// The SQN after `last`, which is above it whatever the clock says; the first one for a subscriber that has none.
    fn after(&self, impi: &Impi, last: Option<Sqn>, now: Utc) -> Result<Sqn, SqnError> {
        let last = match (last, self.scheme) {
            (None, Scheme::Counter) => return Ok(self.first),
            (last, _) => last.unwrap_or(self.first),
        };
        self.scheme
            .next(self.profile, last, self.ind, now)
            .ok_or_else(|| SqnError::Exhausted { impi: impi.clone() })
    }

    /// What SQN_HE becomes after a verified AUTS: SQN_MS if the card would refuse the next number as it is now, because
    /// it isn't higher or lies more than Δ ahead (TS 33.102 6.3.5, ruling 1); else it stays.
    fn resync(&self, sqn_he: Sqn, sqn_ms: Sqn, now: Utc) -> Option<Sqn> {
        let card = self.profile.seq(sqn_ms);
        let accepted = |next: Sqn| {
            let ahead = self.profile.seq(next).checked_sub(card);
            ahead.is_some_and(|ahead| (1..=self.profile.delta).contains(&ahead))
        };
        let next = self.scheme.next(self.profile, sqn_he, self.ind, now);
        (!next.is_some_and(accepted)).then_some(sqn_ms)
    }

    /// SEQ values that one durable write reserves, all skipped by a crash: far below any Δ. By a clock a minute of it, or
    /// each number would need a write.
    fn block(&self) -> u64 {
        match self.scheme {
            Scheme::PartlyTimeBased { clock, .. } | Scheme::TimeBased { clock, .. } => {
                BLOCK.max(60 * u64::from(clock.per_second))
            }
            _ => BLOCK,
        }
    }

    /// The highest SQN of the block that starts with `first`.
    fn block_end(&self, first: Sqn) -> Sqn {
        let seq = self.profile.seq(first).saturating_add(self.block() - 1);
        Sqn::from_parts(seq, self.ind, self.profile.ind_bits)
            .unwrap_or(Sqn::MAX)
            .max(first)
    }
}

/// What a resynchronisation did (ruling 1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Resync {
    /// SQN_HE before: the last SQN issued.
    pub before: Sqn,
    /// SQN_HE after, if it was set to SQN_MS; `None` if the card would accept the next SQN anyway.
    pub after: Option<Sqn>,
}

/// Why no SQN was given. Nothing was issued then.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SqnError {
    /// All SQN of the subscriber are used up.
    #[error("no sequence number is left: give the subscriber a new K")]
    Exhausted {
        /// Whose.
        impi: Impi,
    },
    /// A write failed, so nobody knows what the disk holds.
    #[error("the sequence numbers can't be stored: {step} of {} failed ({kind})", path.display())]
    NotStored {
        /// The step that failed, such as `fsync`.
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        kind: io::ErrorKind,
    },
    /// An earlier write failed; the store gives no more numbers until it is opened anew.
    #[error(
        "an earlier write of the sequence numbers failed, so none is given: check the disk, then start again"
    )]
    ReadOnly,
    /// The task that writes was cancelled or died.
    #[error("the writer of the sequence numbers stopped")]
    Stopped,
}

/// Why a file with sequence numbers wasn't opened. It is never replaced by an empty one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no such file.
    #[error(
        "{} doesn't exist. Was it lost? Restore it, or, only if these subscribers never had a vector, create it",
        path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// There is a file already where a new one was to be made.
    #[error("{} exists already: open it instead of creating it", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Another process has it.
    #[error("{} is in use by another process: only one HSS may issue from it", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// It has two names.
    #[error(
        "{} is one file with another name (a hard link), by which another HSS could issue from it: remove that name",
        path.display()
    )]
    Linked {
        /// The file.
        path: PathBuf,
    },
    /// Its content isn't what this store wrote.
    #[error(
        "{} is damaged ({damage}). Starting at zero would repeat sequence numbers, so restore the file by hand",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        damage: Damage,
    },
    /// The system refused.
    #[error("{step} of {} failed: {source}", path.display())]
    Io {
        /// The step, such as `open`.
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// Where the last SQN of each subscriber is kept. Each verb is atomic, also against other calls for the same IMPI.
pub trait SqnStore: Send + Sync + 'static {
    /// Takes the next SQN, by the clock `now` if the rules go by one. It is stored before it is returned and is never returned again, whatever crashes; some
    /// may be skipped.
    ///
    /// # Errors
    /// [`SqnError`]; then no SQN was given.
    fn reserve_sqn(
        &self,
        impi: &Impi,
        rules: &SqnRules,
        now: Utc,
    ) -> impl Future<Output = Result<Sqn, SqnError>> + Send;

    /// Sets SQN_HE to the SQN_MS of a verified AUTS, but only if the card would refuse the next SQN: it isn't
    /// higher, or more than Δ ahead (TS 33.102 6.3.5, ruling 1). The one verb that may go back.
    ///
    /// # Errors
    /// [`SqnError`]; then nothing has changed as far as later calls can tell.
    fn resync_sqn(
        &self,
        impi: &Impi,
        rules: &SqnRules,
        sqn_ms: Sqn,
        now: Utc,
    ) -> impl Future<Output = Result<Resync, SqnError>> + Send;
}

impl<S: SqnStore> SqnStore for std::sync::Arc<S> {
    fn reserve_sqn(
        &self,
        impi: &Impi,
        rules: &SqnRules,
        now: Utc,
    ) -> impl Future<Output = Result<Sqn, SqnError>> + Send {
        (**self).reserve_sqn(impi, rules, now)
    }

    fn resync_sqn(
        &self,
        impi: &Impi,
        rules: &SqnRules,
        sqn_ms: Sqn,
        now: Utc,
    ) -> impl Future<Output = Result<Resync, SqnError>> + Send {
        (**self).resync_sqn(impi, rules, sqn_ms, now)
    }
}
