//! Sequence numbers (TS 33.102 annex C.2): the card's array of one SEQ per IND, and the home side's next number.
//!
//! - here: [`SqnProfile`] and the card's [`SqnArray`] (C.2)
//! - [`home`]: the next number by counter or clock (C.1.1, C.3), resynchronisation (6.3.5)
//! - [`ind`]: which IND belong to which domain (C.3.4)

pub mod home;
pub mod ind;

use thiserror::Error;

pub use self::ind::{Domain, IndRange};
use crate::Sqn;

/// How SQN is read and what a card accepts. The same profile holds for a card and its home side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SqnProfile {
    /// Bits of IND at the low end of SQN: the array has 2^`ind_bits` elements (C.1.1.1). At most
    /// [`SqnProfile::MAX_IND_BITS`].
    pub ind_bits: u8,
    /// Δ: how far SEQ may jump ahead of the highest SEQ accepted (C.2.1).
    pub delta: u64,
    /// L: how far SEQ may lie behind the highest SEQ accepted; `None`: no limit (C.2.2).
    pub l: Option<u64>,
}

impl SqnProfile {
    /// Bounds the array at 65 536 elements.
    pub const MAX_IND_BITS: u8 = 16;

    const fn bits(self) -> u8 {
        if self.ind_bits > Self::MAX_IND_BITS {
            Self::MAX_IND_BITS
        } else {
            self.ind_bits
        }
    }

    /// SEQ of a number under this profile.
    #[must_use]
    pub const fn seq(self, sqn: Sqn) -> u64 {
        sqn.seq(self.bits())
    }

    /// IND of a number under this profile.
    #[must_use]
    pub const fn ind(self, sqn: Sqn) -> u64 {
        sqn.ind(self.bits())
    }
}

impl Default for SqnProfile {
    /// Profile 2 of C.3.2: 5 bits of IND, Δ = 2^28, no L.
    fn default() -> Self {
        Self {
            ind_bits: 5,
            delta: 1 << 28,
            l: None,
        }
    }
}

/// Which test of annex C.2 refused a number.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Refused {
    /// SEQ - SEQ_MS > Δ (C.2.1).
    #[error("the sequence number jumps too far ahead")]
    TooFarAhead,
    /// SEQ ≤ SEQ_MS(IND) (C.2.2).
    #[error("the sequence number, or a higher one of its IND, was accepted before")]
    NotFresh,
    /// SEQ_MS - SEQ ≥ L (C.2.2).
    #[error("the sequence number is too old")]
    TooOld,
}

/// The array doesn't have the size or range of its profile.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the SEQ array must have {want} elements of at most {max}")]
pub struct BadArray {
    /// Elements expected.
    pub want: usize,
    /// The highest SEQ of the profile.
    pub max: u64,
}

/// The card's memory: the highest SEQ accepted for each IND (C.2.2).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SqnArray {
    profile: SqnProfile,
    seq_ms: Vec<u64>,
}

impl SqnArray {
    /// A new card: all zero.
    #[must_use]
    pub fn new(profile: SqnProfile) -> Self {
        Self {
            profile,
            seq_ms: vec![0; 1 << profile.bits()],
        }
    }

    /// A card in use, with SEQ_MS(0), SEQ_MS(1) ….
    ///
    /// # Errors
    /// [`BadArray`] if there aren't 2^`ind_bits` elements, or one is out of range.
    pub fn with_seq_ms(profile: SqnProfile, seq_ms: &[u64]) -> Result<Self, BadArray> {
        let (want, max) = (1 << profile.bits(), profile.seq(Sqn::MAX));
        if seq_ms.len() != want || seq_ms.iter().any(|seq| *seq > max) {
            return Err(BadArray { want, max });
        }
        Ok(Self {
            profile,
            seq_ms: seq_ms.to_vec(),
        })
    }

    /// SEQ_MS(0), SEQ_MS(1) …, to be stored.
    #[must_use]
    pub fn seq_ms(&self) -> &[u64] {
        &self.seq_ms
    }

    /// The profile.
    #[must_use]
    pub const fn profile(&self) -> SqnProfile {
        self.profile
    }

    /// SQN_MS, the highest number accepted, which AUTS carries; zero for a new card.
    #[must_use]
    pub fn highest(&self) -> Sqn {
        (0..)
            .zip(&self.seq_ms)
            .filter(|(_, seq)| **seq > 0)
            .filter_map(|(ind, seq)| Sqn::from_parts(*seq, ind, self.profile.bits()))
            .max()
            .unwrap_or_default()
    }

    /// Whether the number would be accepted.
    ///
    /// # Errors
    /// [`Refused`]: which test failed.
    //= TS33.102-C.2-r1
    pub fn check(&self, sqn: Sqn) -> Result<(), Refused> {
        let seq = self.profile.seq(sqn);
        let highest = self.seq_ms.iter().copied().max().unwrap_or(0);
        if seq.saturating_sub(highest) > self.profile.delta {
            return Err(Refused::TooFarAhead);
        }
        if seq
            <= self
                .slot(sqn)
                .and_then(|i| self.seq_ms.get(i))
                .copied()
                .unwrap_or(u64::MAX)
        {
            return Err(Refused::NotFresh);
        }
        // A number above the highest isn't old, whatever L is.
        let behind = highest.checked_sub(seq);
        if self.profile.l.zip(behind).is_some_and(|(l, behind)| behind >= l) {
            return Err(Refused::TooOld);
        }
        Ok(())
    }

    /// Records the number if it is acceptable; otherwise nothing changes.
    ///
    /// # Errors
    /// As [`SqnArray::check`].
    pub fn accept(&mut self, sqn: Sqn) -> Result<(), Refused> {
        self.check(sqn)?;
        let seq = self.profile.seq(sqn);
        // IND is below the array's length by construction of both.
        if let Some(slot) = self.slot(sqn).and_then(|i| self.seq_ms.get_mut(i)) {
            *slot = seq;
        }
        Ok(())
    }

    fn slot(&self, sqn: Sqn) -> Option<usize> {
        usize::try_from(self.profile.ind(sqn)).ok()
    }
}
