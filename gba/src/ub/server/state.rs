//! What the BSF keeps: challenges that wait for their answer, and bootstrapped sessions.

use core::fmt;
use std::sync::Arc;

use aka::{Rand, Res};
use base::{Mono, Now, Secret, Utc};

use super::AddressKey;
use crate::{
    guss::Guss,
    ids::{Btid, Impi},
    keys::Ks,
};

/// Where Ks lives on the UE's side.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Mode {
    /// GBA_ME: in the terminal.
    Me,
    /// GBA_U: in the card.
    U,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Me => "GBA_ME",
            Self::U => "GBA_U",
        })
    }
}

/// A challenge that went out, keyed by (IMPI, nonce); it is answered at most once (ruling 6).
pub struct OpenChallenge {
    /// Whose.
    pub impi: Impi,
    /// base64(RAND ‖ AUTN), or with AUTN* in GBA_U: 44 characters.
    pub nonce: Box<str>,
    /// The opaque value that went with it.
    pub opaque: Box<str>,
    /// Where the request came from.
    pub address: AddressKey,
    /// When it was made.
    pub opened: Mono,
    /// The RAND in the nonce, and in the B-TID to come.
    pub rand: Rand,
    /// Where Ks will live.
    pub mode: Mode,
    /// XRES as the HSS made it.
    pub(super) xres: Res,
    pub(super) ck: Secret<16>,
    pub(super) ik: Secret<16>,
    /// The subscriber's settings, as the HSS sent them with the vector.
    pub guss: Option<Arc<Guss>>,
    /// True for the challenge that hides an unknown IMPI: no response meets it (ruling 9).
    pub(super) is_false: bool,
}

impl fmt::Debug for OpenChallenge {
    /// Neither XRES nor CK and IK.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "OpenChallenge({}, RAND {}, {})",
            self.impi, self.rand, self.mode
        )
    }
}

/// A bootstrapped UE: what Zn needs to derive a NAF's keys (TS 33.220 4.5.2 to 4.5.3).
pub struct Session {
    /// Its name.
    pub btid: Btid,
    /// Whose.
    pub impi: Impi,
    /// Enters every derivation.
    pub rand: Rand,
    /// The key that never leaves the BSF.
    pub ks: Ks,
    /// Where the UE keeps Ks: GBA_U has Ks_ext_NAF and Ks_int_NAF.
    pub mode: Mode,
    /// The subscriber's settings.
    pub guss: Option<Arc<Guss>>,
    /// When the bootstrapping succeeded.
    pub created: Utc,
    /// When Ks ends, as the UE was told.
    pub expiry: Utc,
    /// When Ks ends on the monotonic clock, which nobody can set back (ruling 37).
    pub ends: Mono,
}

impl Session {
    /// True once Ks has ended on either clock.
    #[must_use]
    pub fn is_over(&self, now: Now) -> bool {
        self.ends <= now.mono || self.expiry <= now.utc
    }
}

impl fmt::Debug for Session {
    /// Everything but Ks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Session({}, {}, {}, until {})",
            self.btid, self.impi, self.mode, self.expiry
        )
    }
}
