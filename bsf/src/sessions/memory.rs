//! The store in memory: bounded; what has ended is thrown away as time passes. Sessions, of which there are most, have a
//! table of their own with many locks; challenges and buckets share one.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    future::{Future, ready},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aka::Rand;
use base::{Mono, Now};
use gba::{
    ids::{Btid, Impi},
    ub::server::ADDRESSES_PER_IMPI,
};

use super::{
    AddressKey, Counts, OpenChallenge, PATIENCE, Rate, Refused, Session, Sessions, buckets::Buckets,
    table::Table,
};

/// Bounds of the store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Challenges that wait: about 1 KiB each.
    pub challenges: usize,
    /// Sessions: about 200 octets each; those whose GUSS is equal share it.
    pub sessions: usize,
    /// Buckets of IMPIs, as many of addresses, and as many of both together: about 100 octets each.
    pub buckets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            challenges: 100_000,
            sessions: 1_000_000,
            buckets: 200_000,
        }
    }
}

/// How many ended things one call throws away, so that no call pays for all.
const SWEEP: usize = 64;

/// [`Sessions`] in memory; gone with the process, as Ks may be.
#[derive(Default)]
pub struct MemorySessions {
    limits: Limits,
    sessions: Table,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    challenges: HashMap<Box<str>, Waiting>,
    /// Their RANDs.
    rands: HashMap<Rand, ()>,
    newest: HashMap<(Impi, AddressKey), Box<str>>,
    challenge_ends: BTreeMap<End, Box<str>>,
    /// How many challenges were ever kept: tells those apart that end at one time.
    count: u64,
    pair_buckets: Buckets<(Impi, AddressKey)>,
    impi_buckets: Buckets<Impi>,
    address_buckets: Buckets<AddressKey>,
}

type End = (Mono, u64);

struct Waiting {
    challenge: Arc<OpenChallenge>,
    ends: End,
}

impl MemorySessions {
    /// With bounds of one's own.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing under the lock panics half-way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn swept(&self, now: Now) -> MutexGuard<'_, Inner> {
        let mut inner = self.lock();
        inner.sweep(now, SWEEP);
        inner
    }
}

impl Inner {
    fn end(&mut self, at: Mono) -> End {
        self.count += 1;
        (at, self.count)
    }

    fn sweep(&mut self, now: Now, most: usize) {
        for _ in 0..most {
            match self.challenge_ends.first_entry() {
                Some(first) if first.key().0 <= now.mono => {
                    let nonce = first.remove();
                    self.forget_challenge(&nonce);
                }
                _ => break,
            }
        }
    }

    fn forget_challenge(&mut self, nonce: &str) -> Option<Waiting> {
        let waiting = self.challenges.remove(nonce)?;
        self.challenge_ends.remove(&waiting.ends);
        let challenge = &waiting.challenge;
        self.rands.remove(&challenge.rand);
        if let Entry::Occupied(newest) = self.newest.entry((challenge.impi.clone(), challenge.address))
            && **newest.get() == *nonce
        {
            newest.remove();
        }
        Some(waiting)
    }

    /// The nonce of the oldest challenge, if it has had its time to be answered.
    fn gives_way(&self, now: Now) -> Option<Box<str>> {
        let nonce = self.challenge_ends.first_key_value()?.1;
        let oldest = self.challenges.get(nonce)?;
        (now.mono.since(oldest.challenge.opened) >= PATIENCE).then(|| nonce.clone())
    }

    /// True if there is room for another challenge, now at the latest.
    fn make_room(&mut self, most: usize, now: Now) -> bool {
        self.challenges.len() < most
            || self
                .gives_way(now)
                .and_then(|oldest| self.forget_challenge(&oldest))
                .is_some()
    }
}

/// Makes room in a map for one more. Where it would grow, the places of what is gone count as taken: a new map has them
/// back, so that coming and going takes no memory.
fn make_place<K: Hash + Eq, V>(map: &mut HashMap<K, V>) {
    if map.len() == map.capacity() {
        let mut fresh = HashMap::with_capacity(map.len() + 1);
        fresh.extend(map.drain());
        *map = fresh;
    }
}

impl Sessions for MemorySessions {
    fn take_token(
        &self,
        impi: &Impi,
        address: AddressKey,
        per_impi: Rate,
        per_address: Rate,
        now: Mono,
    ) -> impl Future<Output = Result<(), Duration>> + Send {
        let mut inner = self.lock();
        let most = self.limits.buckets;
        inner.pair_buckets.make_room(most, now);
        inner.impi_buckets.make_room(most, now);
        inner.address_buckets.make_room(most, now);
        let of_all = per_impi.times(ADDRESSES_PER_IMPI);
        // As tuples and references hash like what they stand for.
        let pair = inner.pair_buckets.hash(&(impi, address));
        let is_pair = |(i, a): &(Impi, AddressKey)| i == impi && *a == address;
        let whole = inner.impi_buckets.hash(impi);
        let place = inner.address_buckets.hash(&address);
        let result = match (
            inner.pair_buckets.get(pair, is_pair, most),
            inner.impi_buckets.get(whole, |i| i == impi, most),
            inner.address_buckets.get(place, |a| *a == address, most),
        ) {
            (Some(mut of_pair), Some(mut of_impi), Some(mut of_address)) => {
                let wait = of_pair
                    .wait(per_impi, now)
                    .max(of_impi.wait(of_all, now))
                    .max(of_address.wait(per_address, now));
                if wait.is_zero() {
                    of_pair.take(per_impi, now);
                    of_impi.take(of_all, now);
                    of_address.take(per_address, now);
                    if per_impi != Rate::UNLIMITED {
                        let make = || (impi.clone(), address);
                        inner.pair_buckets.put(pair, is_pair, make, of_pair);
                        inner
                            .impi_buckets
                            .put(whole, |i| i == impi, || impi.clone(), of_impi);
                    }
                    if per_address != Rate::UNLIMITED {
                        inner
                            .address_buckets
                            .put(place, |a| *a == address, || address, of_address);
                    }
                    Ok(())
                } else {
                    Err(wait)
                }
            }
            // So many ask at once that they can't be told apart: all wait.
            _ => Err(Duration::from_secs(1)),
        };
        ready(result)
    }

    fn has_room(&self, now: Now) -> impl Future<Output = bool> + Send {
        let inner = self.swept(now);
        ready(inner.challenges.len() < self.limits.challenges || inner.gives_way(now).is_some())
    }

    fn open_challenge(
        &self,
        challenge: Arc<OpenChallenge>,
        life: Duration,
        now: Now,
    ) -> impl Future<Output = Result<(), Refused>> + Send {
        let mut inner = self.swept(now);
        let rand = challenge.rand;
        ready(
            if inner.rands.contains_key(&rand) || self.sessions.holds(&rand, now) {
                Err(Refused::InUse)
            } else if !inner.make_room(self.limits.challenges, now) {
                Err(Refused::Full)
            } else {
                let nonce = challenge.nonce.clone();
                let ends = inner.end(now.mono + life);
                make_place(&mut inner.rands);
                make_place(&mut inner.newest);
                make_place(&mut inner.challenges);
                inner.rands.insert(rand, ());
                inner
                    .newest
                    .insert((challenge.impi.clone(), challenge.address), nonce.clone());
                inner.challenge_ends.insert(ends, nonce.clone());
                inner.challenges.insert(nonce, Waiting { challenge, ends });
                Ok(())
            },
        )
    }

    fn consume_challenge(
        &self,
        impi: &Impi,
        nonce: &str,
        now: Now,
    ) -> impl Future<Output = Option<Arc<OpenChallenge>>> + Send {
        let mut inner = self.swept(now);
        let mine = inner
            .challenges
            .get(nonce)
            .is_some_and(|w| w.challenge.impi == *impi);
        let waiting = if mine { inner.forget_challenge(nonce) } else { None };
        ready(waiting.filter(|w| w.ends.0 > now.mono).map(|w| w.challenge))
    }

    fn unanswered(
        &self,
        impi: &Impi,
        address: AddressKey,
        now: Now,
    ) -> impl Future<Output = Option<Arc<OpenChallenge>>> + Send {
        let inner = self.swept(now);
        let newest = inner
            .newest
            .get(&(impi.clone(), address))
            .and_then(|nonce| inner.challenges.get(nonce))
            .filter(|w| w.ends.0 > now.mono)
            .map(|w| Arc::clone(&w.challenge));
        ready(newest)
    }

    fn issue_btid(
        &self,
        session: Arc<Session>,
        now: Now,
    ) -> impl Future<Output = Result<(), Refused>> + Send {
        ready(self.sessions.insert(&session, self.limits.sessions, now))
    }

    fn find(&self, btid: &Btid, now: Now) -> impl Future<Output = Option<Arc<Session>>> + Send {
        ready(self.sessions.find(btid, now))
    }

    fn revoke(&self, btid: &Btid) -> impl Future<Output = bool> + Send {
        ready(self.sessions.remove(btid))
    }

    async fn counts(&self, now: Now) -> Counts {
        let challenges = {
            let mut inner = self.lock();
            inner.sweep(now, usize::MAX);
            inner.pair_buckets.clear_all(now.mono);
            inner.impi_buckets.clear_all(now.mono);
            inner.address_buckets.clear_all(now.mono);
            inner.challenges.len()
        };
        Counts {
            challenges,
            sessions: self.sessions.count(now.mono).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sessions::conformance;

    #[tokio::test]
    async fn conforms() {
        conformance::all(MemorySessions::default).await;
    }

    #[tokio::test]
    async fn is_bounded() {
        conformance::bounds(MemorySessions::new(Limits {
            challenges: 2,
            sessions: 2,
            buckets: 2,
        }))
        .await;
    }
}
