//! Keeps what each NAF was told over Zn, so that the network's key can be shown beside the device's.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use gba::{
    ids::{Btid, NafId},
    keys::KsNaf,
};
use naf::{KeyError, KeySource, NafKey};

/// The keys that NAFs got, by NAF_Id. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<HashMap<NafId, Arc<NafKey>>>>);

impl Seen {
    /// The key that came over Zn for that NAF_Id, if one came.
    pub(crate) fn key(&self, naf_id: &NafId) -> Option<KsNaf> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(naf_id).map(|key| key.ks_naf.duplicate())
    }
}

/// A key source whose answers are kept as well.
pub(crate) struct Recorded<S> {
    pub(crate) source: S,
    pub(crate) seen: Seen,
}

impl<S: KeySource> KeySource for Recorded<S> {
    async fn key(&self, btid: &Btid, naf_id: &NafId) -> Result<Arc<NafKey>, KeyError> {
        let key = self.source.key(btid, naf_id).await?;
        self.seen
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(naf_id.clone(), Arc::clone(&key));
        Ok(key)
    }
}
