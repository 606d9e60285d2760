//! Buckets by key, in shards, so that neither growing nor clearing away stalls whoever asks.

use std::{
    array,
    hash::{BuildHasher as _, Hash, RandomState},
    time::Duration,
};

use base::Mono;
use gba::ub::server::Bucket;
use hashbrown::HashTable;

const SHARDS: usize = 64;

/// How many buckets one call looks at when it clears away.
const LOOK: usize = 8192;

/// Bounded by whoever inserts.
pub(super) struct Buckets<K> {
    shards: [HashTable<(K, Bucket)>; SHARDS],
    hasher: RandomState,
    count: usize,
    /// Where clearing away goes on, and when its round began.
    next: usize,
    began: Mono,
}

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self {
            shards: array::from_fn(|_| HashTable::new()),
            hasher: RandomState::new(),
            count: 0,
            next: SHARDS,
            began: Mono(0),
        }
    }
}

/// The shard of a hash: by other bits than the shard itself goes by.
fn shard(hash: u64) -> usize {
    usize::try_from(hash >> 40).unwrap_or_default() % SHARDS
}

impl<K: Hash + Eq> Buckets<K> {
    /// What a key is found by: whoever gets and puts hashes it once.
    pub(super) fn hash(&self, key: &impl Hash) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The bucket of the key that has that hash and for which `is` holds, full if it is new; `None` if there is no room
    /// for another.
    pub(super) fn get(&self, hash: u64, is: impl Fn(&K) -> bool, most: usize) -> Option<Bucket> {
        match self.shards.get(shard(hash))?.find(hash, |(key, _)| is(key)) {
            Some((_, bucket)) => Some(*bucket),
            None => (self.count < most).then(Bucket::default),
        }
    }

    /// Keeps a bucket, under the key's hash; `make` is asked for the key if it is new.
    pub(super) fn put(
        &mut self,
        hash: u64,
        is: impl Fn(&K) -> bool,
        make: impl FnOnce() -> K,
        bucket: Bucket,
    ) {
        let Some(shard) = self.shards.get_mut(shard(hash)) else {
            return;
        };
        match shard.find_mut(hash, |(key, _)| is(key)) {
            Some((_, old)) => *old = bucket,
            None => {
                shard.insert_unique(hash, (make(), bucket), |(key, _)| self.hasher.hash_one(key));
                self.count += 1;
            }
        }
    }

    /// Where there are `most`, throws out full ones, which needn't exist, until there is room or enough was looked at.
    /// Rounds begin at most once a second: a flood mustn't make each request look for what isn't there.
    pub(super) fn make_room(&mut self, most: usize, now: Mono) {
        let mut looked = 0;
        while self.count >= most && looked < LOOK {
            if self.next >= SHARDS {
                if now.since(self.began) < Duration::from_secs(1) {
                    break;
                }
                (self.next, self.began) = (0, now);
            }
            looked += self.clear(self.next, now);
            self.next += 1;
        }
    }

    /// Throws out all that are full.
    pub(super) fn clear_all(&mut self, now: Mono) {
        for at in 0..SHARDS {
            self.clear(at, now);
        }
    }

    /// Throws out the full ones of a shard; gives how many it looked at. What stays moves to a new map: in the old one
    /// the places of what is gone would count as taken, and it would grow without need.
    fn clear(&mut self, at: usize, now: Mono) -> usize {
        let Some(shard) = self.shards.get_mut(at) else {
            return 0;
        };
        let looked = shard.len();
        let live = shard.iter().filter(|(_, bucket)| !bucket.is_full(now)).count();
        if live < looked {
            let mut kept = HashTable::with_capacity(live);
            for one in shard.drain().filter(|(_, bucket)| !bucket.is_full(now)) {
                let hash = self.hasher.hash_one(&one.0);
                kept.insert_unique(hash, one, |(key, _)| self.hasher.hash_one(key));
            }
            *shard = kept;
            self.count -= looked - live;
        }
        looked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gba::ub::server::Rate;

    #[test]
    fn churn_takes_no_memory_and_room_is_found_in_parts() {
        const MOST: u32 = 20_000;
        let rate = Rate::new(1, 60);
        let mut buckets = Buckets::<u32>::default();
        let room = |buckets: &Buckets<u32>| buckets.shards.iter().map(HashTable::capacity).sum::<usize>();
        let mut full = None;
        // Each is full again after a second, when as many others have come.
        for n in 0..50 * MOST {
            let now = Mono(u64::from(n) * 50_000 + 1_000_000_000);
            buckets.make_room(MOST as usize, now);
            let hash = buckets.hash(&n);
            if let Some(mut bucket) = buckets.get(hash, |key| *key == n, MOST as usize) {
                bucket.take(rate, now);
                buckets.put(hash, |key| *key == n, || n, bucket);
            }
            assert!(buckets.count <= MOST as usize);
            if n == 5 * MOST {
                full = Some(room(&buckets));
            }
        }
        let full = full.unwrap_or_default();
        assert!(
            room(&buckets) <= full + full / 10,
            "{} after {full}",
            room(&buckets)
        );
        let counted: usize = buckets.shards.iter().map(HashTable::len).sum();
        assert_eq!(buckets.count, counted);
        buckets.clear_all(Mono(u64::MAX));
        let one = buckets.get(buckets.hash(&1_u32), |key| *key == 1, 1);
        assert_eq!((buckets.count, one), (0, Some(Bucket::default())));
    }
}
