//! The store in memory: one lock, bounded, what has ended is thrown away as time passes.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque, hash_map::Entry},
    future::{Future, ready},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aka::Rand;
use base::{Mono, Now};
use gba::{
    ids::{Btid, Impi},
    ub::server::Bucket,
};

use super::{AddressKey, Counts, OpenChallenge, Rate, Refused, Session, Sessions};

/// Bounds of the store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Challenges that wait: about 1 KiB each.
    pub challenges: usize,
    /// Sessions: about 1 KiB each, and their GUSS.
    pub sessions: usize,
    /// Buckets of IMPIs, and as many of addresses: about 100 octets each.
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
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    challenges: HashMap<Box<str>, Waiting>,
    /// Their RANDs.
    rands: HashSet<Rand>,
    newest: HashMap<(Impi, AddressKey), Box<str>>,
    /// Ends of challenges in the order of opening, which is the order of ending too.
    challenge_ends: VecDeque<(Mono, Box<str>)>,
    sessions: HashMap<Btid, Arc<Session>>,
    session_rands: HashSet<Rand>,
    /// Ends of sessions; the B-TID keeps those apart that end at one time.
    session_ends: BTreeSet<(Mono, Box<str>)>,
    impi_buckets: HashMap<Impi, Bucket>,
    address_buckets: HashMap<AddressKey, Bucket>,
}

struct Waiting {
    challenge: Arc<OpenChallenge>,
    ends: Mono,
}

impl MemorySessions {
    /// With bounds of one's own.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            inner: Mutex::default(),
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
    fn sweep(&mut self, now: Now, most: usize) {
        for _ in 0..most {
            match self.challenge_ends.front() {
                Some((ends, _)) if *ends <= now.mono => {}
                _ => break,
            }
            if let Some((ends, nonce)) = self.challenge_ends.pop_front()
                && self.challenges.get(&nonce).is_some_and(|w| w.ends == ends)
            {
                self.forget_challenge(&nonce);
            }
        }
        for _ in 0..most {
            let over = match self.session_ends.first() {
                Some((ends, btid)) if *ends <= now.mono => btid.clone(),
                _ => break,
            };
            self.session_ends.pop_first();
            if let Ok(btid) = over.parse() {
                self.forget_session(&btid);
            }
        }
    }

    fn forget_challenge(&mut self, nonce: &str) -> Option<Waiting> {
        let waiting = self.challenges.remove(nonce)?;
        let challenge = &waiting.challenge;
        self.rands.remove(&challenge.rand);
        if let Entry::Occupied(newest) = self.newest.entry((challenge.impi.clone(), challenge.address))
            && **newest.get() == *nonce
        {
            newest.remove();
        }
        Some(waiting)
    }

    fn forget_session(&mut self, btid: &Btid) -> bool {
        let Some(session) = self.sessions.remove(btid) else {
            return false;
        };
        self.session_rands.remove(&session.rand);
        self.session_ends.remove(&(session.ends, btid.as_str().into()));
        true
    }

    /// Also throws out a session that the UTC clock has ended.
    fn live_session(&mut self, btid: &Btid, now: Now) -> Option<Arc<Session>> {
        let session = self.sessions.get(btid)?;
        if session.is_over(now) {
            self.forget_session(btid);
            return None;
        }
        Some(Arc::clone(session))
    }
}

/// A bucket to change in place: a full one needn't exist. `None` if there is no room for another.
fn bucket<K: std::hash::Hash + Eq + Clone>(
    buckets: &mut HashMap<K, Bucket>,
    key: &K,
    most: usize,
    now: Mono,
) -> Option<Bucket> {
    if let Some(bucket) = buckets.get(key) {
        return Some(*bucket);
    }
    if buckets.len() >= most {
        buckets.retain(|_, b| !b.is_full(now));
    }
    (buckets.len() < most).then(Bucket::default)
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
        let result = match (
            bucket(&mut inner.impi_buckets, impi, most, now),
            bucket(&mut inner.address_buckets, &address, most, now),
        ) {
            (Some(mut of_impi), Some(mut of_address)) => {
                let wait = of_impi.wait(per_impi, now).max(of_address.wait(per_address, now));
                if wait.is_zero() {
                    of_impi.take(per_impi, now);
                    of_address.take(per_address, now);
                    if per_impi != Rate::UNLIMITED {
                        inner.impi_buckets.insert(impi.clone(), of_impi);
                    }
                    if per_address != Rate::UNLIMITED {
                        inner.address_buckets.insert(address, of_address);
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

    fn open_challenge(
        &self,
        challenge: Arc<OpenChallenge>,
        life: Duration,
        now: Now,
    ) -> impl Future<Output = Result<(), Refused>> + Send {
        let mut inner = self.swept(now);
        let rand = challenge.rand;
        ready(
            if inner.rands.contains(&rand) || inner.session_rands.contains(&rand) {
                Err(Refused::InUse)
            } else if inner.challenges.len() >= self.limits.challenges {
                Err(Refused::Full)
            } else {
                let nonce = challenge.nonce.clone();
                let ends = now.mono + life;
                inner.rands.insert(rand);
                inner
                    .newest
                    .insert((challenge.impi.clone(), challenge.address), nonce.clone());
                inner.challenge_ends.push_back((ends, nonce.clone()));
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
        ready(waiting.filter(|w| w.ends > now.mono).map(|w| w.challenge))
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
            .filter(|w| w.ends > now.mono)
            .map(|w| Arc::clone(&w.challenge));
        ready(newest)
    }

    fn issue_btid(
        &self,
        session: Arc<Session>,
        now: Now,
    ) -> impl Future<Output = Result<(), Refused>> + Send {
        let mut inner = self.swept(now);
        ready(if inner.live_session(&session.btid, now).is_some() {
            Err(Refused::InUse)
        } else if inner.sessions.len() >= self.limits.sessions {
            Err(Refused::Full)
        } else {
            inner
                .session_ends
                .insert((session.ends, session.btid.as_str().into()));
            inner.session_rands.insert(session.rand);
            inner.sessions.insert(session.btid.clone(), session);
            Ok(())
        })
    }

    fn find(&self, btid: &Btid, now: Now) -> impl Future<Output = Option<Arc<Session>>> + Send {
        ready(self.swept(now).live_session(btid, now))
    }

    fn revoke(&self, btid: &Btid) -> impl Future<Output = bool> + Send {
        ready(self.lock().forget_session(btid))
    }

    fn counts(&self, now: Now) -> impl Future<Output = Counts> + Send {
        let mut inner = self.lock();
        inner.sweep(now, usize::MAX);
        ready(Counts {
            challenges: inner.challenges.len(),
            sessions: inner.sessions.len(),
        })
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
