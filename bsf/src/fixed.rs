//! Sessions that nobody bootstrapped: B-TIDs with their keys and settings from a file, so that a NAF can be built and
//! tested without HSS and UE.
//!
//! A session has either Ks, of which the key of every NAF is derived as after a bootstrapping, or the very keys that
//! some NAFs are to get. [`FixedSessions`] stands in the place of a store of sessions in
//! [`ZnServer`](crate::zn::ZnServer); rights count as ever.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use base::{Mono, Now, Secret, Utc};
use diameter::{Fault, ResultCode};
use gba::{
    guss::Guss,
    ids::{Btid, Impi, NafId},
    zn::{BootstrappingInfo, BootstrappingInfoRequest, GbaType},
};

use crate::{
    rights::NafRights,
    sessions::Session,
    zn::{self, Given, Keys},
};

/// The keys of one NAF.
pub struct NafKeys {
    /// ME-Key-Material: Ks_NAF, or Ks_ext_NAF of GBA_U.
    pub me: Secret<32>,
    /// UICC-Key-Material: Ks_int_NAF of GBA_U, for NAFs that know it.
    pub uicc: Option<Secret<32>>,
}

/// A session without Ks: it has keys for the NAFs that it names, and for no other.
pub struct GivenKeys {
    /// Its name.
    pub btid: Btid,
    /// Whose, if that is to be told.
    pub impi: Option<Impi>,
    /// Keys by NAF_Id.
    pub keys: HashMap<NafId, NafKeys>,
    /// The subscriber's settings.
    pub guss: Option<Arc<Guss>>,
    /// BootstrapInfoCreationTime.
    pub created: Utc,
    /// When it ends.
    pub expiry: Utc,
    /// When it ends on the monotonic clock (ruling 37).
    pub ends: Mono,
}

enum Fixed {
    Ks(Session),
    Given(GivenKeys),
}

/// The sessions of a file. They end at their time, and no other comes.
#[derive(Default)]
pub struct FixedSessions(HashMap<Btid, Fixed>);

/// Two sessions can't have one B-TID.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("another session has this B-TID")]
pub struct Taken;

impl FixedSessions {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a session whose keys are derived.
    ///
    /// # Errors
    /// [`Taken`].
    pub fn add(&mut self, session: Session) -> Result<(), Taken> {
        self.insert(session.btid.clone(), Fixed::Ks(session))
    }

    /// Adds a session whose keys are given.
    ///
    /// # Errors
    /// [`Taken`].
    pub fn add_given(&mut self, session: GivenKeys) -> Result<(), Taken> {
        self.insert(session.btid.clone(), Fixed::Given(session))
    }

    fn insert(&mut self, btid: Btid, fixed: Fixed) -> Result<(), Taken> {
        match self.0.entry(btid) {
            Entry::Occupied(_) => Err(Taken),
            Entry::Vacant(place) => {
                place.insert(fixed);
                Ok(())
            }
        }
    }

    /// How many there are, those that have ended among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each B-TID with the end of its session, in the order of the B-TIDs.
    #[must_use]
    pub fn list(&self) -> Vec<(&Btid, Utc)> {
        let end = |fixed: &Fixed| match fixed {
            Fixed::Ks(session) => session.expiry,
            Fixed::Given(given) => given.expiry,
        };
        let mut all: Vec<_> = self.0.iter().map(|(btid, fixed)| (btid, end(fixed))).collect();
        all.sort_by_key(|(btid, _)| btid.as_str());
        all
    }

    /// What a NAF with the right to ask gets.
    ///
    /// # Errors
    /// 5403 if the B-TID isn't here, has ended, or has no key for that NAF_Id.
    pub fn decide(
        &self,
        bir: &BootstrappingInfoRequest,
        naf: &NafRights,
        now: Now,
    ) -> Result<BootstrappingInfo, Fault> {
        match self.0.get(&bir.btid) {
            Some(Fixed::Given(given)) if given.ends > now.mono && given.expiry > now.utc => {
                given.info(bir, naf, now)
            }
            Some(Fixed::Ks(session)) => zn::decide(bir, naf, Some(session), now),
            _ => zn::decide(bir, naf, None, now),
        }
    }
}

impl GivenKeys {
    fn info(
        &self,
        bir: &BootstrappingInfoRequest,
        naf: &NafRights,
        now: Now,
    ) -> Result<BootstrappingInfo, Fault> {
        let Some(keys) = self.keys.get(&bir.naf_id) else {
            return Err(Fault::new(
                ResultCode::TRANSACTION_IDENTIFIER_INVALID,
                format!("this B-TID has no key for {}", bir.naf_id),
            ));
        };
        Ok(BootstrappingInfo {
            impi: self.impi.clone().filter(|_| naf.impi),
            me_key: keys.me.duplicate(),
            uicc_key: keys
                .uicc
                .as_ref()
                .filter(|_| bir.gba_u_aware)
                .map(Secret::duplicate),
            expiry: zn::expiry(self.expiry, naf, now),
            created: self.created,
            uss: zn::settings(self.guss.as_deref(), naf, &bir.service_ids),
            gba_type: GbaType::ThreeG,
        })
    }
}

impl Keys for FixedSessions {
    async fn info(&self, bir: &BootstrappingInfoRequest, naf: &NafRights, now: Now) -> Result<Given, Fault> {
        Ok(Given {
            info: self.decide(bir, naf, now)?,
            subscriber: match self.0.get(&bir.btid) {
                Some(Fixed::Ks(session)) => Some(session.impi.clone()),
                Some(Fixed::Given(given)) => given.impi.clone(),
                None => None,
            },
        })
    }
}
