//! IND ranges per domain (TS 33.102 C.3.4): with an IND of its own, a domain's vectors may be used in another order than
//! those of other domains without refusing each other.

use super::SqnProfile;
use crate::Sqn;

/// Who asks for vectors.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Domain {
    /// Circuit switched: a VLR.
    Cs,
    /// Packet switched: an SGSN.
    Ps,
    /// An MME (TS 33.401).
    Eps,
    /// Wi-Fi: an AAA server, or an access point's own (TS 33.402, EAP-AKA and EAP-AKA').
    Wlan,
    /// An S-CSCF (TS 33.203).
    Ims,
    /// A BSF (TS 33.220).
    Gba,
}

impl Domain {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Cs, Self::Ps, Self::Eps, Self::Wlan, Self::Ims, Self::Gba];

    /// Our allocation (the standard leaves it to the operator): a quarter each for CS and PS, where many nodes ask, an
    /// eighth each for EPS, Wi-Fi and IMS, and the highest eighth for GBA. With 5 bits: 0 to 7, 8 to 15, 16 to 19, 20 to
    /// 23, 24 to 27, 28 to 31. With fewer than 3 bits there aren't enough, and all domains share all.
    #[must_use]
    //= TS33.102-C.3.4-r1
    pub fn ind_range(self, profile: SqnProfile) -> IndRange {
        let count = profile.ind(Sqn::MAX) + 1;
        let eighth = count / 8;
        let (first, end) = match self {
            _ if eighth == 0 => (0, count),
            Self::Cs => (0, 2 * eighth),
            Self::Ps => (2 * eighth, 4 * eighth),
            Self::Eps => (4 * eighth, 5 * eighth),
            Self::Wlan => (5 * eighth, 6 * eighth),
            Self::Ims => (6 * eighth, 7 * eighth),
            Self::Gba => (7 * eighth, count),
        };
        IndRange { first, last: end - 1 }
    }
}

/// Some IND that follow each other; never empty.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IndRange {
    first: u64,
    last: u64,
}

impl IndRange {
    /// From the first to the last IND, both included; `None` if the last is below the first or the profile has no such
    /// IND.
    #[must_use]
    pub fn new(profile: SqnProfile, first: u64, last: u64) -> Option<Self> {
        (first <= last && last <= profile.ind(Sqn::MAX)).then_some(Self { first, last })
    }

    /// The lowest IND.
    #[must_use]
    pub const fn first(self) -> u64 {
        self.first
    }

    /// The highest IND.
    #[must_use]
    pub const fn last(self) -> u64 {
        self.last
    }

    /// Whether the IND belongs to the range.
    #[must_use]
    pub const fn contains(self, ind: u64) -> bool {
        self.first <= ind && ind <= self.last
    }

    /// Whether an IND belongs to both.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// The IND for another node than the one that got `ind`: the next of the range, the first after the last, and the
    /// first if `ind` isn't of the range. The same node keeps its IND.
    #[must_use]
    pub const fn after(self, ind: u64) -> u64 {
        if self.contains(ind) && ind < self.last {
            ind + 1
        } else {
            self.first
        }
    }
}
