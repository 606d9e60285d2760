//! A card that is only its keys: what a USIM answers to AUTHENTICATE, without files, APDUs or PIN.

use std::sync::Arc;

use aka::{
    AlgorithmSet, Autn, Check, Rand,
    sqn::{SqnArray, SqnProfile},
};
use gba::{
    ids::{IdError, Impi, Imsi, MncLength},
    keys::Ks,
    ub::client::AkaOutcome,
};

/// Takes any jump ahead: the other side may count by its clock, and a card begins anew with each load.
const PROFILE: SqnProfile = SqnProfile {
    ind_bits: 5,
    delta: 1 << 43,
    l: None,
};

/// A subscriber's SIM for GBA_ME.
pub struct Sim {
    /// Who it is.
    pub impi: Impi,
    algorithm: Arc<AlgorithmSet>,
    sqn: SqnArray,
    any_sqn: bool,
}

impl Sim {
    /// A new card, which takes any sequence number once.
    #[must_use]
    pub fn new(impi: Impi, algorithm: Arc<AlgorithmSet>) -> Self {
        let sqn = SqnArray::new(PROFILE);
        Self {
            impi,
            algorithm,
            sqn,
            any_sqn: false,
        }
    }

    /// Takes the same sequence number again and again, as a test card does: for a server with one fixed answer.
    #[must_use]
    pub const fn with_any_sqn(mut self) -> Self {
        self.any_sqn = true;
        self
    }

    /// Checks the network and answers as the card and its device do.
    #[must_use]
    pub fn authenticate(&mut self, rand: &Rand, autn: &Autn) -> AkaOutcome {
        if self.any_sqn {
            self.sqn = SqnArray::new(PROFILE);
        }
        match aka::authenticate(&*self.algorithm, &mut self.sqn, rand, autn) {
            Check::Accept { res, ck, ik, .. } => AkaOutcome::Success {
                res,
                ks: Some(Ks::from_ck_ik(&ck, &ik)),
            },
            Check::SyncFailure(auts) => AkaOutcome::SyncFailure(auts),
            Check::MacFailure => AkaOutcome::MacFailure,
        }
    }
}

/// SIMs with consecutive IMSIs and the same keys.
///
/// # Errors
/// [`IdError`] if the last IMSI has more digits than the first.
pub fn consecutive(
    first: &Imsi,
    count: usize,
    mnc: MncLength,
    algorithm: &Arc<AlgorithmSet>,
) -> Result<Vec<Sim>, IdError> {
    let text = first.to_string();
    let start: u64 = text.parse().unwrap_or(0);
    let width = text.len();
    let sim = |n| {
        let imsi: Imsi = format!("{:0width$}", start + n).parse()?;
        Ok(Sim::new(Impi::from_imsi(&imsi, mnc), Arc::clone(algorithm)))
    };
    (0..u64::try_from(count).unwrap_or(u64::MAX)).map(sim).collect()
}
