//! Sequence numbers of the home side (TS 33.102 Annex C.1): who may issue which SQN, and that none is issued twice.
//!
//! [`SqnStore`] has two verbs, each atomic: [`reserve_sqn`](SqnStore::reserve_sqn) and
//! [`resync_sqn`](SqnStore::resync_sqn). What they return is already stored as firmly as the implementation can:
//! [`MemorySqnStore`] for one run, [`FileSqnStore`] over a crash. One set of tests runs over both.
//!
//! | module | what it holds |
//! |---|---|
//! | `memory` | the store that forgets |
//! | `file` | the store that doesn't: blocks reserved durably, read-only after the first failed write |
//! | `format` | the file's text, with a count and a digest |
//! | `disk` | the steps of a durable replacement, and the lock against a second process |

mod disk;
mod file;
mod format;
mod memory;
#[cfg(test)]
mod tests;

use std::{future::Future, io, path::PathBuf};

use aka::{
    Sqn,
    sqn::{SqnProfile, home},
};
use gba::ids::Impi;

pub use disk::{Disk, OsDisk};
pub use file::FileSqnStore;
pub use format::{Damage, decode as decode_sqn_file};
pub use memory::MemorySqnStore;

/// How SQN advance for one subscriber (TS 33.102 Annex C.1.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SqnRules {
    /// Bits of IND, and the Δ that the card uses.
    pub profile: SqnProfile,
    /// The IND of all vectors for Zh; other domains use others, so that their vectors don't refuse each other.
    pub ind: u64,
    /// The very first SQN, issued exactly as it stands here if the store doesn't know the subscriber yet.
    pub first: Sqn,
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
        }
    }
}

impl SqnRules {
    /// The SQN after `last`; the first one for a subscriber that has none.
    fn after(&self, impi: &Impi, last: Option<Sqn>) -> Result<Sqn, SqnError> {
        let Some(last) = last else { return Ok(self.first) };
        home::checked_next(self.profile, last, self.ind)
            .ok_or_else(|| SqnError::Exhausted { impi: impi.clone() })
    }

    /// The highest SQN of the block that starts with `first`.
    fn block_end(&self, first: Sqn, block: u64) -> Sqn {
        let seq = self.profile.seq(first).saturating_add(block.saturating_sub(1));
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
    /// Takes the next SQN. It is stored before it is returned and is never returned again, whatever crashes; some
    /// may be skipped.
    ///
    /// # Errors
    /// [`SqnError`]; then no SQN was given.
    fn reserve_sqn(
        &self,
        impi: &Impi,
        rules: &SqnRules,
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
    ) -> impl Future<Output = Result<Resync, SqnError>> + Send;
}

impl<S: SqnStore> SqnStore for std::sync::Arc<S> {
    fn reserve_sqn(
        &self,
        impi: &Impi,
        rules: &SqnRules,
    ) -> impl Future<Output = Result<Sqn, SqnError>> + Send {
        (**self).reserve_sqn(impi, rules)
    }

    fn resync_sqn(
        &self,
        impi: &Impi,
        rules: &SqnRules,
        sqn_ms: Sqn,
    ) -> impl Future<Output = Result<Resync, SqnError>> + Send {
        (**self).resync_sqn(impi, rules, sqn_ms)
    }
}
