//! One shard: slots in blocks that stay where they are, an index by RAND, and the order in which sessions end.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};

use aka::Rand;
use base::{Mono, Now, Secret, Utc};
use gba::{
    guss::Guss,
    ids::{Btid, Fqdn, Impi},
    keys::Ks,
    ub::server::Mode,
};
use hashbrown::HashTable;

use super::settings::Settings;
use crate::sessions::{Refused, Session};

/// Slots of a block.
const BLOCK: usize = 16;

/// Slots that a shard may have: as many as [`End`] can name.
const MOST: usize = 1 << End::SLOT_BITS;

/// One place for a session: 96 octets, and its IMPI. Free slots hold no key.
pub(super) struct Slot {
    rand: Rand,
    ks: Ks,
    impi: Box<str>,
    guss: Option<Arc<Guss>>,
    ends: Mono,
    created: Utc,
    /// In seconds after `created`.
    lifetime: u32,
    name: u16,
    mode: Mode,
    taken: bool,
}

impl Slot {
    fn free() -> Self {
        Self {
            rand: Rand::from([0; 16]),
            ks: Ks::new(Secret::new([0; 32])),
            impi: Box::default(),
            guss: None,
            ends: Mono(0),
            created: Utc(0),
            lifetime: 0,
            name: 0,
            mode: Mode::Me,
            taken: false,
        }
    }

    const fn expiry(&self) -> Utc {
        self.created.plus_secs(self.lifetime)
    }

    #[cfg(test)]
    pub(super) fn ks(&self) -> &Ks {
        &self.ks
    }
}

/// When a slot's session ends: milliseconds on the monotonic clock, rounded up, above the number of the slot. It is only
/// a reminder: the slot knows its time exactly.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
struct End(u64);

impl End {
    /// Leaves 44 bits, in milliseconds half a thousand years.
    const SLOT_BITS: u32 = 20;

    fn new(ends: Mono, slot: u32) -> Self {
        let ms = ends.0.div_ceil(1_000_000).min(u64::MAX >> Self::SLOT_BITS);
        Self(ms << Self::SLOT_BITS | u64::from(slot))
    }

    const fn is_due(self, now: Mono) -> bool {
        self.0 >> Self::SLOT_BITS <= now.0 / 1_000_000
    }

    const fn slot(self) -> u32 {
        (self.0 & ((1 << Self::SLOT_BITS) - 1)) as u32
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct Shard {
    blocks: Vec<Box<[Slot]>>,
    unused: Vec<u32>,
    index: HashTable<u32>,
    ends: BinaryHeap<Reverse<End>>,
    settings: Settings,
}

const fn place(at: u32) -> (usize, usize) {
    (at as usize / BLOCK, at as usize % BLOCK)
}

fn get(blocks: &[Box<[Slot]>], at: u32) -> Option<&Slot> {
    let (block, slot) = place(at);
    blocks.get(block)?.get(slot)
}

impl Shard {
    /// The slot of a RAND.
    pub(super) fn at(&self, hash: u64, rand: &Rand) -> Option<u32> {
        let same = |at: &u32| get(&self.blocks, *at).is_some_and(|slot| slot.rand == *rand);
        self.index.find(hash, same).copied()
    }

    /// As [`Session::is_over`].
    pub(super) fn is_over(&self, at: u32, now: Now) -> bool {
        get(&self.blocks, at).is_none_or(|slot| slot.ends <= now.mono || slot.expiry() <= now.utc)
    }

    /// What the slot holds.
    pub(super) fn session(&self, at: u32, names: &[Fqdn]) -> Option<Session> {
        let slot = get(&self.blocks, at)?;
        Some(Session {
            btid: Btid::issue(&slot.rand, names.get(usize::from(slot.name))?),
            // Was an IMPI when it came.
            impi: slot.impi.parse::<Impi>().ok()?,
            rand: slot.rand,
            ks: slot.ks.duplicate(),
            mode: slot.mode,
            guss: slot.guss.clone(),
            created: slot.created,
            expiry: slot.expiry(),
            ends: slot.ends,
        })
    }

    /// Puts a session into a free slot; its RAND isn't in the index.
    pub(super) fn insert(
        &mut self,
        hasher: &RandomState,
        hash: u64,
        session: &Session,
        name: u16,
    ) -> Result<(), Refused> {
        let at = self.unused.pop().or_else(|| self.grow()).ok_or(Refused::Full)?;
        let guss = session
            .guss
            .as_ref()
            .map(|guss| self.settings.share(hasher, guss));
        let (block, slot) = place(at);
        let slot = self
            .blocks
            .get_mut(block)
            .and_then(|block| block.get_mut(slot))
            .ok_or(Refused::Full)?;
        *slot = Slot {
            rand: session.rand,
            ks: session.ks.duplicate(),
            impi: session.impi.as_str().into(),
            guss,
            ends: session.ends,
            created: session.created,
            // What doesn't fit ends early and never late.
            lifetime: u32::try_from(session.expiry.0.saturating_sub(session.created.0)).unwrap_or(
                if session.expiry < session.created {
                    0
                } else {
                    u32::MAX
                },
            ),
            name,
            mode: session.mode,
            taken: true,
        };
        let Self {
            blocks, index, ends, ..
        } = self;
        index.insert_unique(hash, at, |at| {
            get(blocks, *at).map_or(0, |slot| hasher.hash_one(slot.rand.octets()))
        });
        if ends.len() > 2 * index.len() + BLOCK {
            // Reminders of sessions that were ended by hand: begin again with those that live.
            let live = index
                .iter()
                .filter_map(|at| Some(Reverse(End::new(get(blocks, *at)?.ends, *at))));
            *ends = live.collect();
        } else {
            if ends.len() == ends.capacity() {
                // Doubling would waste half of it.
                ends.reserve_exact(BLOCK.max(ends.len() / 8));
            }
            ends.push(Reverse(End::new(session.ends, at)));
        }
        Ok(())
    }

    /// One more block; its first slot is for the caller.
    fn grow(&mut self) -> Option<u32> {
        let first = self.blocks.len() * BLOCK;
        if first + BLOCK > MOST {
            return None;
        }
        let first = u32::try_from(first).ok()?;
        self.blocks.push((0..BLOCK).map(|_| Slot::free()).collect());
        let rest = first + 1..first + u32::try_from(BLOCK).ok()?;
        self.unused.extend(rest.rev());
        Some(first)
    }

    /// Empties a slot, Ks first of all.
    pub(super) fn free(&mut self, hash: u64, at: u32) {
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == at) {
            entry.remove();
        }
        let (block, slot) = place(at);
        if let Some(slot) = self.blocks.get_mut(block).and_then(|block| block.get_mut(slot)) {
            // Drops what was there, which wipes Ks where it lay.
            *slot = Slot::free();
            self.unused.push(at);
        }
    }

    /// Throws out up to `most` sessions that have ended; gives how many.
    pub(super) fn sweep(&mut self, hasher: &RandomState, now: Mono, most: usize) -> usize {
        let mut ended = 0;
        for _ in 0..most {
            let at = match self.ends.peek() {
                Some(Reverse(end)) if end.is_due(now) => end.slot(),
                _ => break,
            };
            self.ends.pop();
            let due = get(&self.blocks, at).filter(|slot| slot.taken && slot.ends <= now);
            if let Some(hash) = due.map(|slot| hasher.hash_one(slot.rand.octets())) {
                self.free(hash, at);
                ended += 1;
            }
        }
        ended
    }

    #[cfg(test)]
    pub(super) fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.blocks.iter().flat_map(|block| block.iter())
    }

    #[cfg(test)]
    pub(super) fn settings(&self) -> usize {
        self.settings.len()
    }

    #[cfg(test)]
    pub(super) fn reminders(&self) -> usize {
        self.ends.len()
    }
}
