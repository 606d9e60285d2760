//! Where a NAF gets its keys from: [`KeySource`], answered by the BSF over Zn (TS 29.109 clause 5).
//!
//! * this file: the trait, [`NafKey`], [`KeyError`];
//! * [`ZnClient`]: asks the BSF that a B-TID names, by [`Route`];
//! * [`Cached`]: a small cache before any source, with [`Strangers`]: what B-TIDs cost that the BSF doesn't know.

mod cache;
mod client;
mod strangers;
#[cfg(test)]
mod tests;

use std::{future::Future, net::IpAddr, sync::Arc, time::Duration};

use base::Utc;
use gba::{
    ids::{Btid, Impi, NafId},
    keys::KsNaf,
};

pub use self::{
    cache::Cached,
    client::{Route, Transport, ZnClient, ZnConfig},
    strangers::Strangers,
};

/// What the BSF gives out for one B-TID and one NAF_Id (TS 33.220 4.5.3).
pub struct NafKey {
    /// Ks_NAF of GBA_ME, or Ks_ext_NAF of GBA_U: what the terminal has. It knows its NAF_Id.
    pub ks_naf: KsNaf,
    /// Ks_int_NAF, only for a NAF that says it is GBA_U aware and a subscriber with GBA_U.
    pub uicc_key: Option<KsNaf>,
    /// When both keys end; nothing derived from them may live longer.
    pub expiry: Utc,
    /// The subscriber's private identity, where the BSF's rights let this NAF know it (ruling 22).
    pub impi: Option<Impi>,
    /// The user security settings asked for: an `ussList` document.
    pub uss: Option<Vec<u8>>,
}

/// Why there is no key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// 5403: the BSF has no such B-TID, or it has expired. The UE must bootstrap (again).
    #[error("the BSF does not know this B-TID: the device has to bootstrap again")]
    Unknown,
    /// 5402: this NAF may not use this name, Ua id or service.
    #[error("the BSF refuses keys for this NAF name: check the NAF's rights at the BSF")]
    NotAuthorized,
    /// The BSF could not be reached or could not answer in time.
    #[error("the BSF cannot be asked now: {0}")]
    Unavailable(String),
    /// The BSF isn't asked, as this address has named too many B-TIDs that it doesn't know.
    #[error("too many unknown B-TIDs from this address: the BSF is not asked for {} s", .0.as_secs().max(1))]
    TooMany(Duration),
    /// The BSF answered with something that is no key and no known error.
    #[error("the BSF's answer is of no use: {0}")]
    BadAnswer(String),
}

/// Who has NAF keys: the BSF over Zn, a cache before it, or a fixed table in a test.
///
/// An implementation gives a key only for exactly this B-TID (compared by octets, ruling 19) and exactly this
/// NAF_Id, and never one that has expired.
pub trait KeySource: Send + Sync + 'static {
    /// The key for `btid` at `naf_id`.
    ///
    /// # Errors
    /// [`KeyError`].
    fn key(&self, btid: &Btid, naf_id: &NafId) -> impl Future<Output = Result<Arc<NafKey>, KeyError>> + Send;

    /// The same for a device at that address, if it is known: a source may bound what one address costs.
    ///
    /// # Errors
    /// [`KeyError`].
    fn key_for(
        &self,
        btid: &Btid,
        naf_id: &NafId,
        address: Option<IpAddr>,
    ) -> impl Future<Output = Result<Arc<NafKey>, KeyError>> + Send {
        let _ = address;
        self.key(btid, naf_id)
    }
}

impl<S: KeySource> KeySource for Arc<S> {
    fn key(&self, btid: &Btid, naf_id: &NafId) -> impl Future<Output = Result<Arc<NafKey>, KeyError>> + Send {
        (**self).key(btid, naf_id)
    }

    fn key_for(
        &self,
        btid: &Btid,
        naf_id: &NafId,
        address: Option<IpAddr>,
    ) -> impl Future<Output = Result<Arc<NafKey>, KeyError>> + Send {
        (**self).key_for(btid, naf_id, address)
    }
}
