//! GUSS by content: a million subscribers have a handful of different ones.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, Weak},
};

use gba::guss::Guss;
use hashbrown::HashTable;

/// Those that are in use, each with its hash.
#[derive(Default)]
pub(super) struct Settings(HashTable<(u64, Weak<Guss>)>);

impl Settings {
    /// An equal one that is in use already, or this one. Its `id` is left out: it names the subscriber, whom the session
    /// names as well, and would make each GUSS a different one.
    pub(super) fn share(&mut self, hasher: &RandomState, guss: &Arc<Guss>) -> Arc<Guss> {
        let hash = hasher.hash_one((&guss.bsf_info, &guss.uss));
        let equal = |known: &Guss| known.bsf_info == guss.bsf_info && known.uss == guss.uss;
        let known = self
            .0
            .find(hash, |(its, known)| {
                *its == hash && known.upgrade().is_some_and(|known| equal(&known))
            })
            .and_then(|(_, known)| known.upgrade());
        known.unwrap_or_else(|| {
            let own = match guss.id {
                None => Arc::clone(guss),
                Some(_) => Arc::new(Guss {
                    id: None,
                    ..Guss::clone(guss)
                }),
            };
            if self.0.len() == self.0.capacity() {
                // What nobody uses any more makes room first; what remains gets as much again.
                self.0.retain(|(_, known)| known.strong_count() > 0);
                self.0.reserve(self.0.len() + 1, |(hash, _)| *hash);
            }
            self.0
                .insert_unique(hash, (hash, Arc::downgrade(&own)), |(hash, _)| *hash);
            own
        })
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
