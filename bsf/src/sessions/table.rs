//! Sessions at their smallest, found by RAND: a B-TID is its RAND and its BSF's name, and both are kept once.
//!
//! * [`Table`]: shards, each under a lock of its own and small, so that growing one stalls nobody for long;
//! * [`shard`]: slots that never move, so that growing leaves no copy of a Ks behind;
//! * [`settings`]: equal GUSS of different subscribers are one in memory.

mod settings;
mod shard;
#[cfg(test)]
mod tests;

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use aka::Rand;
use base::{Mono, Now};
use gba::ids::{Btid, Fqdn};

use self::shard::Shard;
use super::{Refused, Session};

/// Shards: at ten million sessions one holds some forty thousand, and its index grows within milliseconds.
const SHARDS: usize = 256;

/// How many ended sessions one call throws out of a shard, so that no call pays for all.
const SWEEP: usize = 64;

/// The sessions of [`super::MemorySessions`].
pub(super) struct Table {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    /// What B-TIDs have behind the `@`: a BSF has one name, or some in its life.
    names: RwLock<Vec<Fqdn>>,
    /// Sessions in all shards, and those about to be.
    count: AtomicUsize,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            names: RwLock::default(),
            count: AtomicUsize::new(0),
        }
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // Nothing under the lock panics half-way through a change.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Table {
    /// The shard of a RAND and the hash under which the shard knows it.
    fn shard(&self, rand: &Rand) -> Option<(u64, MutexGuard<'_, Shard>)> {
        let hash = self.hasher.hash_one(rand.octets());
        // Not the lowest bits and not the highest ones: the index inside the shard uses those.
        let at = usize::try_from(hash >> 40).unwrap_or_default() % SHARDS;
        Some((hash, lock(self.shards.get(at)?)))
    }

    fn sweep(&self, shard: &mut Shard, now: Mono, most: usize) {
        let ended = shard.sweep(&self.hasher, now, most);
        self.count.fetch_sub(ended, Ordering::Relaxed);
    }

    /// Whether a session lives that has this RAND.
    pub(super) fn holds(&self, rand: &Rand, now: Now) -> bool {
        self.shard(rand).is_some_and(|(hash, mut shard)| {
            self.sweep(&mut shard, now.mono, SWEEP);
            shard.at(hash, rand).is_some_and(|at| !shard.is_over(at, now))
        })
    }

    /// Keeps a session, unless its RAND lives or there are `most` already. `session.btid` is taken as what
    /// [`Btid::issue`] makes of the session's RAND.
    pub(super) fn insert(&self, session: &Session, most: usize, now: Now) -> Result<(), Refused> {
        let name = self.name(session.btid.bsf()).ok_or(Refused::Full)?;
        if !self.reserve(most) {
            self.make_room(most, now.mono);
            if !self.reserve(most) {
                return Err(Refused::Full);
            }
        }
        let kept = self
            .shard(&session.rand)
            .ok_or(Refused::Full)
            .and_then(|(hash, mut shard)| {
                self.sweep(&mut shard, now.mono, SWEEP);
                match shard.at(hash, &session.rand) {
                    Some(at) if !shard.is_over(at, now) => Err(Refused::InUse),
                    over => {
                        if let Some(at) = over {
                            shard.free(hash, at);
                            self.count.fetch_sub(1, Ordering::Relaxed);
                        }
                        shard.insert(&self.hasher, hash, session, name)
                    }
                }
            });
        if kept.is_err() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        kept
    }

    fn reserve(&self, most: usize) -> bool {
        let more = |count| (count < most).then_some(count + 1);
        self.count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .is_ok()
    }

    /// Throws out what has ended in other shards, until there is room for one.
    fn make_room(&self, most: usize, now: Mono) {
        for shard in &self.shards {
            self.sweep(&mut lock(shard), now, SWEEP);
            if self.count.load(Ordering::Relaxed) < most {
                break;
            }
        }
    }

    /// The number of a BSF's name.
    fn name(&self, bsf: &Fqdn) -> Option<u16> {
        let find = |names: &[Fqdn]| names.iter().position(|name| name == bsf);
        let known = find(&self.names.read().unwrap_or_else(PoisonError::into_inner));
        let at = known.unwrap_or_else(|| {
            let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
            find(&names).unwrap_or_else(|| {
                names.push(bsf.clone());
                names.len() - 1
            })
        });
        u16::try_from(at).ok()
    }

    /// The session of a B-TID. Also throws out one that the UTC clock has ended.
    pub(super) fn find(&self, btid: &Btid, now: Now) -> Option<Arc<Session>> {
        let rand = btid.rand()?;
        let (hash, mut shard) = self.shard(&rand)?;
        self.sweep(&mut shard, now.mono, SWEEP);
        let at = shard.at(hash, &rand)?;
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let session = shard.session(at, &names)?;
        if session.btid != *btid {
            return None;
        }
        if session.is_over(now) {
            shard.free(hash, at);
            self.count.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(session.into())
    }

    /// Ends the session of a B-TID; true if there was one.
    pub(super) fn remove(&self, btid: &Btid) -> bool {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        btid.rand()
            .and_then(|rand| {
                let (hash, mut shard) = self.shard(&rand)?;
                let at = shard.at(hash, &rand)?;
                if shard.session(at, &names)?.btid != *btid {
                    return None;
                }
                shard.free(hash, at);
                self.count.fetch_sub(1, Ordering::Relaxed);
                Some(())
            })
            .is_some()
    }

    /// How many sessions there are that have not ended. Lets others run between shards: there may be much to throw out.
    pub(super) async fn count(&self, now: Mono) -> usize {
        for shard in &self.shards {
            self.sweep(&mut lock(shard), now, usize::MAX);
            tokio::task::yield_now().await;
        }
        self.count.load(Ordering::Relaxed)
    }
}
