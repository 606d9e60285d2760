//! One question over Diameter: a vector, as a BSF asks an HSS (Zh), or a key, as a NAF asks a BSF (Zn). All clients of a
//! thread share a connection, as the requests of one node do.

use std::sync::Arc;

use bsf::{VectorSource as _, ZhSource};
use gba::{
    ids::NafId,
    keys::KeyKind,
    ub::{client::AkaOutcome, server::SourceFailure},
};
use naf::{KeyError, KeySource as _, ZnClient};
use net::diameter;

use super::{
    engine::Client,
    failed::{Failed, Kind},
    sim::Sim,
    ub::Session,
};

/// Asks an HSS for vectors; each is tried on the subscriber's card.
pub struct VectorAsker {
    hss: Arc<ZhSource>,
    sims: Vec<Sim>,
    turn: usize,
}

impl VectorAsker {
    /// With at least one card.
    #[must_use]
    pub const fn new(hss: Arc<ZhSource>, sims: Vec<Sim>) -> Self {
        Self { hss, sims, turn: 0 }
    }
}

impl Client for VectorAsker {
    async fn run(&mut self) -> Result<(), Failed> {
        self.turn = (self.turn + 1) % self.sims.len().max(1);
        let Some(sim) = self.sims.get_mut(self.turn) else {
            return Err(Failed::new(Kind::Own, "no card"));
        };
        let obtained = self.hss.fetch(&sim.impi, None).await.map_err(|e| match e {
            SourceFailure::Down => Failed::new(Kind::NoConnection, "no answer from the HSS"),
            SourceFailure::UnknownImpi => {
                Failed::new(Kind::Refused, format_args!("the HSS doesn't know {}", sim.impi))
            }
            e => Failed::new(
                Kind::Malformed,
                format_args!("the HSS's answer is of no use: {e:?}"),
            ),
        })?;
        let vector = obtained.vector;
        match sim.authenticate(&vector.rand, &vector.autn) {
            AkaOutcome::Success { res, .. } if res.ct_eq(&vector.xres) => Ok(()),
            AkaOutcome::Success { .. } => {
                Err(Failed::new(Kind::OtherKey, "XRES isn't what the card computes"))
            }
            AkaOutcome::SyncFailure(_) => Err(Failed::new(Kind::Sqn, "a number that was there before")),
            _ => Err(Failed::new(Kind::Mac, "the HSS has other keys than this SIM")),
        }
    }
}

/// Asks a BSF for keys; each is compared with the device's.
pub struct KeyAsker {
    bsf: Arc<ZnClient<diameter::Client>>,
    naf_id: NafId,
    sessions: Vec<Session>,
    turn: usize,
}

impl KeyAsker {
    /// With at least one device that has bootstrapped.
    #[must_use]
    pub const fn new(bsf: Arc<ZnClient<diameter::Client>>, naf_id: NafId, sessions: Vec<Session>) -> Self {
        Self {
            bsf,
            naf_id,
            sessions,
            turn: 0,
        }
    }
}

impl Client for KeyAsker {
    async fn run(&mut self) -> Result<(), Failed> {
        self.turn = (self.turn + 1) % self.sessions.len().max(1);
        let Some(Session { impi, bootstrapped }) = self.sessions.get(self.turn) else {
            return Err(Failed::new(Kind::Own, "no device"));
        };
        let key = self
            .bsf
            .key(&bootstrapped.btid, &self.naf_id)
            .await
            .map_err(|e| {
                let kind = match e {
                    KeyError::Unknown | KeyError::NotAuthorized => Kind::Refused,
                    KeyError::Unavailable(_) => Kind::NoConnection,
                    _ => Kind::Malformed,
                };
                Failed::new(kind, e)
            })?;
        let ours = bootstrapped
            .ks
            .as_ref()
            .map(|ks| ks.naf_key(KeyKind::Me, &bootstrapped.rand, impi, &self.naf_id));
        match ours {
            Some(ours) if ours.ct_eq(&key.ks_naf) => Ok(()),
            _ => Err(Failed::new(
                Kind::OtherKey,
                "the BSF's key isn't the one that the device derives",
            )),
        }
    }
}
