//! What a BSF remembers, as the verbs of its trade. Each verb is atomic; nothing is read and then written back.
//!
//! * [`Sessions`]: the trait; [`MemorySessions`]: in memory, bounded;
//! * `conformance` (feature of that name): the tests that every implementation passes.

mod buckets;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod memory;
mod table;

use std::{future::Future, sync::Arc, time::Duration};

use base::{Mono, Now};
use gba::ids::{Btid, Impi};
pub use gba::ub::server::{ADDRESSES_PER_IMPI, AddressKey, Mode, OpenChallenge, Rate, Session};
pub use memory::{Limits, MemorySessions};

/// How long a challenge has its place for sure: a device answers in less, its card included. Then it may have to give
/// way to another, so that whoever begins many and ends none keeps nobody out for longer.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Why the store took something not in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The RAND, and so the B-TID, is in use: it never names a second Ks (ruling 9).
    #[error("this RAND is in use")]
    InUse,
    /// No room, even after what has ended was thrown away.
    #[error("the store is full")]
    Full,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Challenges that wait for their answer.
    pub challenges: usize,
    /// Sessions.
    pub sessions: usize,
}

/// The store of a BSF.
pub trait Sessions: Send + Sync + 'static {
    /// Takes one token from each of three buckets, or none at all (ruling 6): the IMPI's at this address, the IMPI's
    /// at all addresses, which has [`ADDRESSES_PER_IMPI`] times the rate `per_impi`, and the address's.
    ///
    /// The error is how long to wait.
    fn take_token(
        &self,
        impi: &Impi,
        address: AddressKey,
        per_impi: Rate,
        per_address: Rate,
        now: Mono,
    ) -> impl Future<Output = Result<(), Duration>> + Send;

    /// Whether another challenge would be taken in. Asked before a vector is, so that a flood of first requests costs
    /// the HSS no vector that nobody can be challenged with.
    fn has_room(&self, now: Now) -> impl Future<Output = bool> + Send;

    /// Keeps a challenge for `life`, as the newest of its (IMPI, address). In a full store it takes the place of the
    /// oldest, if that has waited for [`PATIENCE`].
    ///
    /// Refused if its RAND is that of another challenge or of a living session.
    fn open_challenge(
        &self,
        challenge: Arc<OpenChallenge>,
        life: Duration,
        now: Now,
    ) -> impl Future<Output = Result<(), Refused>> + Send;

    /// Takes the challenge of (IMPI, nonce) out: whoever gets it is the only one. Another IMPI takes nothing out.
    fn consume_challenge(
        &self,
        impi: &Impi,
        nonce: &str,
        now: Now,
    ) -> impl Future<Output = Option<Arc<OpenChallenge>>> + Send;

    /// The newest challenge of (IMPI, address) that waits for its answer.
    fn unanswered(
        &self,
        impi: &Impi,
        address: AddressKey,
        now: Now,
    ) -> impl Future<Output = Option<Arc<OpenChallenge>>> + Send;

    /// Keeps a session until it ends. Refused if its B-TID lives: a B-TID never changes its Ks. The B-TID is that of the
    /// session's RAND ([`Btid::issue`]).
    fn issue_btid(&self, session: Arc<Session>, now: Now)
    -> impl Future<Output = Result<(), Refused>> + Send;

    /// The session of a B-TID, unless it has ended.
    fn find(&self, btid: &Btid, now: Now) -> impl Future<Output = Option<Arc<Session>>> + Send;

    /// Ends a session before its time; true if there was one.
    fn revoke(&self, btid: &Btid) -> impl Future<Output = bool> + Send;

    /// How much there is, without what has ended.
    fn counts(&self, now: Now) -> impl Future<Output = Counts> + Send;
}
