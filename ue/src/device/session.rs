//! Ks of a device and when it ends (TS 33.220 4.4.11, ruling 10): in memory only, never written anywhere.

use aka::Rand;
use base::{Now, Utc};
use gba::{
    ids::{Btid, Impi, NafId},
    keys::{KeyKind, Ks, KsNaf},
    ub::client::{self as ub, MAX_LIFETIME, Mode},
};

/// What may be known of a session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bootstrapped {
    /// Its name.
    pub btid: Btid,
    /// When Ks ends, as the BSF said.
    pub lifetime: Utc,
    /// When Ks ends on this device's clocks.
    pub expires: Now,
    /// RAND of the run.
    pub rand: Rand,
    /// Where Ks is.
    pub mode: Mode,
}

/// A session, with Ks in mode `me`. Ks is wiped when this is dropped.
pub(super) struct Session {
    public: Bootstrapped,
    ks: Option<Ks>,
}

impl Session {
    pub(super) fn new(run: ub::Bootstrapped, mode: Mode) -> Self {
        let ub::Bootstrapped {
            btid,
            lifetime,
            expires,
            rand,
            ks,
        } = run;
        Self {
            public: Bootstrapped {
                btid,
                lifetime,
                expires,
                rand,
                mode,
            },
            ks,
        }
    }

    /// The session of a run that the card has kept.
    pub(super) fn stored(now: Now, rand: Rand, btid: Btid, lifetime: Utc) -> Self {
        let left = u64::try_from(lifetime.0.saturating_sub(now.utc.0)).unwrap_or(0);
        let left = core::time::Duration::from_secs(left.min(MAX_LIFETIME.as_secs()));
        Self {
            public: Bootstrapped {
                btid,
                lifetime,
                expires: now + left,
                rand,
                mode: Mode::U,
            },
            ks: None,
        }
    }

    pub(super) const fn public(&self) -> &Bootstrapped {
        &self.public
    }

    /// By either clock: one that is set back revives nothing (ruling 37).
    pub(super) fn is_live(&self, now: Now) -> bool {
        now.mono < self.public.expires.mono && now.utc < self.public.expires.utc
    }

    /// Ks_NAF; `None` in mode `u`, where the card derives.
    pub(super) fn naf_key(&self, impi: &Impi, naf_id: &NafId) -> Option<KsNaf> {
        self.ks
            .as_ref()
            .map(|ks| ks.naf_key(KeyKind::Me, &self.public.rand, impi, naf_id))
    }
}
