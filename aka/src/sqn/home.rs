//! The home side (TS 33.102 6.3.2, 6.3.5): [`Scheme`] chooses the next number as annex C.1.1 and C.3 say;
//! [`checked_next`] and [`next`] are its counter alone; [`resync`] is what an AUTS does.

use base::Utc;

use super::SqnProfile;
use crate::Sqn;

/// The global counter GLC of annex C.1.1, read from a clock that the caller looks at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Clock {
    /// When GLC was zero.
    pub start: Utc,
    /// Units of GLC in a second: 1 in C.3.1, 10 in C.3.3.
    pub per_second: u32,
}

impl Clock {
    /// Negative before the start. Wide enough for any time and unit.
    fn units(self, now: Utc) -> i128 {
        (i128::from(now.0) - i128::from(self.start.0)) * i128::from(self.per_second)
    }
}

/// How SEQ is made (annex C.1.1). A card can't tell them apart, and a home side may change from one to another: each
/// starts from the last number issued.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Scheme {
    /// C.3.1: SEQ is SEQ1 and SEQ2. SEQ2 follows the clock; SEQ1 counts how often the clock has wrapped.
    PartlyTimeBased {
        /// The clock; GLC is its units modulo 2^`seq2_bits`.
        clock: Clock,
        /// n: bits of SEQ2, at most 47 (more count as 47).
        seq2_bits: u8,
        /// D, in units of the clock: as long as the clock is behind SEQ2 by less, SEQ counts by one.
        d: u64,
    },
    /// C.3.2: SEQ counts by one.
    #[default]
    Counter,
    /// C.3.3: SEQ is the clock and DIF. Within one unit, and while the clock is behind, it counts by one.
    TimeBased {
        /// The clock.
        clock: Clock,
        /// DIF of the subscriber, in units of the clock.
        dif: i64,
    },
}

impl Scheme {
    /// The values of C.3.1: a unit of 1 s, 24 bits of SEQ2, D = 2^16.
    pub const PROFILE_1: Self = Self::PartlyTimeBased {
        clock: Clock {
            start: Utc(0),
            per_second: 1,
        },
        seq2_bits: 24,
        d: 1 << 16,
    };

    /// The values of C.3.3: a unit of 0.1 s and DIF zero. `start` is when the home side began to serve.
    #[must_use]
    pub const fn profile_3(start: Utc) -> Self {
        Self::TimeBased {
            clock: Clock {
                start,
                per_second: 10,
            },
            dif: 0,
        }
    }

    /// The number after `last`, in the given IND (its low bits). `None` when SEQ has run out: the card needs a new key.
    ///
    /// SEQ is always above that of `last`, whatever the clock does. It is at most Δ above it, so that a card in step
    /// accepts it even after a clock that jumped; a clock far ahead is reached in several numbers. A clock that is
    /// beyond the last SEQ of all is wrong, and doesn't use up the rest: SEQ counts by one then.
    #[must_use]
    //= TS33.102-C.3-r1
    //= TS33.102-C.1.1-r1
    //= TS33.102-C.1.1-r2
    pub fn next(self, profile: SqnProfile, last: Sqn, ind: u64, now: Utc) -> Option<Sqn> {
        let counted = checked_next(profile, last, ind)?;
        let (seq, after) = (profile.seq(last), profile.seq(counted));
        let wanted = match self {
            Self::PartlyTimeBased { clock, seq2_bits, d } => partly(clock, seq2_bits, d, seq, now),
            Self::Counter => after,
            Self::TimeBased { clock, dif } => {
                let glc = clock.units(now).saturating_add(i128::from(dif));
                u64::try_from(glc.max(0)).unwrap_or(u64::MAX)
            }
        };
        let reach = seq.saturating_add(profile.delta).max(after);
        let chosen = wanted.clamp(after, reach);
        Some(Sqn::from_parts(chosen, profile.ind(counted), profile.bits()).unwrap_or(counted))
    }
}

/// The three cases of C.1.1 for SEQ = SEQ1 and SEQ2; the caller makes sure that the result is above `seq`.
fn partly(clock: Clock, seq2_bits: u8, d: u64, seq: u64, now: Utc) -> u64 {
    let bits = seq2_bits.min(47);
    let p = 1_u64 << bits;
    let (seq1, seq2) = (seq >> bits, seq & (p - 1));
    // The remainder is in 0..2^47, so it always fits.
    let glc = u64::try_from(clock.units(now).rem_euclid(i128::from(p))).unwrap_or(seq2);
    if glc > seq2 && glc - seq2 <= p.saturating_sub(d) {
        seq1 << bits | glc
    } else if glc < seq2 && seq2 - glc >= d {
        // The clock has wrapped, or was set back by much.
        (seq1 + 1) << bits | glc
    } else {
        // The clock is behind by less than D, perhaps across its wrap.
        seq + 1
    }
}

/// The number after `last`: the next SEQ, in the given IND (its low bits). `None` when SEQ has run out, after
/// 2^43 vectors with 5 bits of IND: the card needs a new key.
#[must_use]
pub const fn checked_next(profile: SqnProfile, last: Sqn, ind: u64) -> Option<Sqn> {
    let bits = profile.bits();
    Sqn::from_parts(last.seq(bits) + 1, ind & ((1 << bits) - 1), bits)
}

/// As [`checked_next`], but stays at `last` when SEQ has run out: a card refuses it, so that no number is
/// accepted twice.
#[must_use]
pub const fn next(profile: SqnProfile, last: Sqn, ind: u64) -> Sqn {
    match checked_next(profile, last, ind) {
        Some(sqn) => sqn,
        None => last,
    }
}

/// What SQN_HE becomes after an AUTS whose MAC-S verified (6.3.5): SQN_MS if the card would refuse the next
/// number, because it isn't higher or lies more than Δ ahead; otherwise `None`, SQN_HE stays.
///
/// This may lower SQN_HE. The caller must have checked that RAND is live and answered once.
#[must_use]
//= TS33.102-6.3.5-r2
pub const fn resync(profile: SqnProfile, sqn_he: Sqn, sqn_ms: Sqn) -> Option<Sqn> {
    let next = profile.seq(sqn_he) + 1;
    let card = profile.seq(sqn_ms);
    if next <= card || next - card > profile.delta {
        Some(sqn_ms)
    } else {
        None
    }
}
