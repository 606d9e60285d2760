//! A small cache before Zn: one key for each (B-TID, NAF_Id) until it expires.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base::{Mono, Now};
use gba::ids::{Btid, NafId};

use super::{KeyError, KeySource, NafKey, Strangers, strangers::Refusals};

/// Keeps keys that another source gave, until they expire and at most so many; and refusals, as [`Strangers`] says.
///
/// Time runs on the monotonic clock as well, so that a clock set back revives no key (ruling 37).
pub struct Cached<S> {
    source: S,
    strangers: Strangers,
    refusals: Mutex<Refusals>,
    capacity: usize,
    clock: fn() -> Now,
    keys: Mutex<Keys>,
}

#[derive(Default)]
struct Keys {
    entries: HashMap<(Btid, NafId), Entry>,
    /// How often all were forgotten: what was asked for before isn't kept after.
    cleared: u64,
}

struct Entry {
    key: Arc<NafKey>,
    until: Mono,
}

impl<S: KeySource> Cached<S> {
    /// Keeps at most `capacity` keys.
    #[must_use]
    pub fn new(source: S, capacity: usize) -> Self {
        Self {
            source,
            strangers: Strangers::default(),
            refusals: Mutex::default(),
            capacity: capacity.max(1),
            clock: net::clock::now,
            keys: Mutex::default(),
        }
    }

    /// Another bound for B-TIDs that the BSF doesn't know.
    #[must_use]
    pub const fn with_strangers(mut self, strangers: Strangers) -> Self {
        self.strangers = strangers;
        self
    }

    /// Another clock, for tests and simulation.
    #[must_use]
    pub fn with_clock(mut self, clock: fn() -> Now) -> Self {
        self.clock = clock;
        self
    }

    /// How many keys are kept, also those that have expired since.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// True if none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().entries.is_empty()
    }

    /// The source before which it stands.
    pub const fn source(&self) -> &S {
        &self.source
    }

    /// Forgets all keys and refusals, also those that are being asked for: who gave them may be nobody's BSF any more.
    /// Call it when the source asks another one already.
    pub fn clear(&self) {
        let mut keys = self.lock();
        keys.entries.clear();
        keys.cleared += 1;
        self.refusals().forget();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Keys> {
        // A panic elsewhere can't leave the map half changed: each change is one call.
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refusals(&self) -> std::sync::MutexGuard<'_, Refusals> {
        // As above.
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, keys: &mut Keys, now: Now, btid: &Btid, naf_id: &NafId, key: &Arc<NafKey>) {
        let keys = &mut keys.entries;
        let Ok(secs) = u64::try_from(key.expiry.0.saturating_sub(now.utc.0)) else {
            return;
        };
        let until = now.mono + Duration::from_secs(secs);
        if keys.len() >= self.capacity {
            keys.retain(|_, e| e.is_live(now));
        }
        if keys.len() >= self.capacity {
            let first = keys.iter().min_by_key(|(_, e)| e.until).map(|(id, _)| id.clone());
            first.and_then(|id| keys.remove(&id));
        }
        keys.insert(
            (btid.clone(), naf_id.clone()),
            Entry {
                key: Arc::clone(key),
                until,
            },
        );
    }
}

impl Entry {
    fn is_live(&self, now: Now) -> bool {
        now.mono < self.until && now.utc < self.key.expiry
    }
}

impl<S: KeySource> KeySource for Cached<S> {
    async fn key(&self, btid: &Btid, naf_id: &NafId) -> Result<Arc<NafKey>, KeyError> {
        self.key_for(btid, naf_id, None).await
    }

    async fn key_for(
        &self,
        btid: &Btid,
        naf_id: &NafId,
        address: Option<IpAddr>,
    ) -> Result<Arc<NafKey>, KeyError> {
        let id = (btid.clone(), naf_id.clone());
        let now = (self.clock)();
        let cleared = {
            let mut keys = self.lock();
            match keys.entries.get(&id) {
                Some(entry) if entry.is_live(now) => return Ok(Arc::clone(&entry.key)),
                Some(_) => drop(keys.entries.remove(&id)),
                None => {}
            }
            keys.cleared
        };
        let ticket = self.refusals().ask(&self.strangers, &id, address, now.mono)?;
        let answer = self.source.key(btid, naf_id).await;
        // The source's own clock may be late: a key that has ended is none (TS 33.220 4.5.3).
        let answer = answer.and_then(|key| {
            if key.expiry <= now.utc {
                Err(KeyError::Unknown)
            } else {
                Ok(key)
            }
        });
        let mut keys = self.lock();
        let is_of_now = keys.cleared == cleared;
        if let (true, Ok(key)) = (is_of_now, &answer) {
            self.keep(&mut keys, now, btid, naf_id, key);
        }
        // Of a refusal that isn't kept the address has its token back.
        let error = answer.as_ref().err().filter(|_| is_of_now);
        self.refusals()
            .settle(&self.strangers, id, ticket, now.mono, error);
        drop(keys);
        answer
    }
}
