//! The Zn client: BIR out, BIA in (TS 29.109 5.2), to the BSF that the B-TID names.

use std::{
    future::Future,
    sync::{Arc, PoisonError, RwLock},
};

use base::Clause;
use diameter::{Identity, Message, Origin, ResultCode, SessionIds};
use gba::{
    ids::{Btid, Fqdn, NafId},
    keys::{KeyKind, KsNaf},
    zn::{BootstrappingInfo, BootstrappingInfoAnswer, BootstrappingInfoRequest, Failure},
};
use net::tap::{Message as Told, SharedTap};

use super::{KeyError, KeySource, NafKey};
use crate::summary;

const BIR: Clause = Clause::new("TS 29.109", "5.2");

/// Carries a request to one BSF and brings its answer: a Diameter connection, or a BSF in a test.
pub trait Transport: Send + Sync + 'static {
    /// Sends a request and awaits its answer, within a time of its own.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    fn exchange(&self, request: Message) -> impl Future<Output = Result<Message, String>> + Send;
}

impl<T: Transport> Transport for Arc<T> {
    fn exchange(&self, request: Message) -> impl Future<Output = Result<Message, String>> + Send {
        (**self).exchange(request)
    }
}

impl Transport for net::diameter::Client {
    async fn exchange(&self, request: Message) -> Result<Message, String> {
        self.request(request).await.map_err(|e| e.to_string())
    }
}

/// Which BSF answers for which B-TIDs: the part after the `@` decides (TS 33.220 4.5.2).
#[derive(Clone, Debug)]
pub struct Route<T> {
    /// The domain after the `@` of the B-TID; `None`: any that no other route names.
    pub domain: Option<Fqdn>,
    /// Destination-Realm.
    pub realm: Identity,
    /// Destination-Host.
    pub host: Option<Identity>,
    /// How to get there.
    pub transport: T,
}

/// What a NAF says of itself over Zn.
#[derive(Clone, Debug)]
pub struct ZnConfig {
    /// Origin-Host and Origin-Realm: the name under which the BSF has this NAF's rights.
    pub origin: Origin,
    /// True if this NAF knows what Ks_int_NAF is.
    pub gba_u_aware: bool,
    /// The user security settings wanted, by GAA service identifier.
    pub service_ids: Vec<String>,
}

impl ZnConfig {
    /// A NAF that doesn't know GBA_U and wants no security settings.
    #[must_use]
    pub const fn new(origin: Origin) -> Self {
        Self {
            origin,
            gba_u_aware: false,
            service_ids: Vec::new(),
        }
    }
}

/// Asks BSFs for keys. Keeps none: put a [`super::Cached`] before it.
pub struct ZnClient<T> {
    config: ZnConfig,
    sessions: SessionIds,
    routes: RwLock<Arc<[Route<T>]>>,
    tap: SharedTap,
    label: String,
    peer: String,
}

impl<T: Transport> ZnClient<T> {
    /// A client with these ways. `start` differs from start to start, such as the time in seconds: Session-Ids must.
    #[must_use]
    pub fn new(config: ZnConfig, start: u32, routes: Vec<Route<T>>) -> Self {
        let sessions = SessionIds::new(config.origin.host.clone(), start);
        Self {
            config,
            sessions,
            routes: RwLock::new(routes.into()),
            tap: net::tap::none(),
            label: "NAF".to_owned(),
            peer: "BSF".to_owned(),
        }
    }

    /// Tells its requests to a tap, under this label and with the BSF under that one.
    #[must_use]
    pub fn with_tap(mut self, tap: SharedTap, label: impl Into<String>, peer: impl Into<String>) -> Self {
        (self.tap, self.label, self.peer) = (tap, label.into(), peer.into());
        self
    }

    /// From now on these ways. What is under way over another and fails is asked anew.
    pub fn set_routes(&self, routes: Vec<Route<T>>) {
        *self.routes.write().unwrap_or_else(PoisonError::into_inner) = routes.into();
    }

    fn routes(&self) -> Arc<[Route<T>]> {
        // It holds a whole list at any time.
        Arc::clone(&self.routes.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn ask(&self, btid: &Btid, naf_id: &NafId) -> Result<NafKey, KeyError> {
        loop {
            let routes = self.routes();
            let key = self.ask_by(&routes, btid, naf_id).await;
            // To ask again costs no vector.
            if key.is_ok() || Arc::ptr_eq(&routes, &self.routes()) {
                return key;
            }
        }
    }

    async fn ask_by(&self, routes: &[Route<T>], btid: &Btid, naf_id: &NafId) -> Result<NafKey, KeyError> {
        // A BSF that we have no way to is none of ours: to the device that is a B-TID of no use here.
        let route = route(routes, btid).ok_or(KeyError::Unknown)?;
        let request = BootstrappingInfoRequest {
            session_id: self.sessions.next(),
            origin_host: self.config.origin.host.clone(),
            origin_realm: self.config.origin.realm.clone(),
            destination_realm: route.realm.clone(),
            destination_host: route.host.clone(),
            btid: btid.clone(),
            naf_id: naf_id.clone(),
            gba_u_aware: self.config.gba_u_aware,
            service_ids: self.config.service_ids.clone(),
        };
        if self.tap.listens() {
            self.tap.message(Told {
                interface: "Zn",
                from: &self.label,
                to: &self.peer,
                summary: summary(format!(
                    "BIR {} for {} {}",
                    btid.short(),
                    naf_id.fqdn(),
                    naf_id.ua()
                )),
                clause: Some(BIR),
            });
        }
        let answer = route
            .transport
            .exchange(request.to_message())
            .await
            .map_err(KeyError::Unavailable)?;
        match BootstrappingInfoAnswer::parse(&answer) {
            Ok(BootstrappingInfoAnswer::Ok(info)) => Ok(naf_key(naf_id, info)),
            Ok(BootstrappingInfoAnswer::Err(failure)) => Err(refused(&failure)),
            Err(fault) => Err(KeyError::BadAnswer(fault.text.into_owned())),
        }
    }
}

fn route<'r, T>(routes: &'r [Route<T>], btid: &Btid) -> Option<&'r Route<T>> {
    let named = routes.iter().find(|r| r.domain.as_ref() == Some(btid.bsf()));
    named.or_else(|| routes.iter().find(|r| r.domain.is_none()))
}

impl<T: Transport> KeySource for ZnClient<T> {
    async fn key(&self, btid: &Btid, naf_id: &NafId) -> Result<Arc<NafKey>, KeyError> {
        let key = self.ask(btid, naf_id).await;
        if let Err(e) = &key {
            tracing::info!(naf = %naf_id.fqdn(), error = %e, "no key over Zn");
        }
        key.map(Arc::new)
    }
}

fn naf_key(naf_id: &NafId, info: BootstrappingInfo) -> NafKey {
    // Only a subscriber with GBA_U has a key in the card, and then the other is Ks_ext_NAF.
    let kind = if info.uicc_key.is_some() {
        KeyKind::Ext
    } else {
        KeyKind::Me
    };
    NafKey {
        ks_naf: KsNaf::from_parts(info.me_key, naf_id.clone(), kind),
        uicc_key: info
            .uicc_key
            .map(|key| KsNaf::from_parts(key, naf_id.clone(), KeyKind::Int)),
        expiry: info.expiry,
        impi: info.impi,
        uss: info.uss,
    }
}

fn refused(failure: &Failure) -> KeyError {
    match failure.result {
        ResultCode::TRANSACTION_IDENTIFIER_INVALID => KeyError::Unknown,
        ResultCode::NOT_AUTHORIZED => KeyError::NotAuthorized,
        result @ (ResultCode::Base(3000..=3999) | ResultCode::UNABLE_TO_COMPLY) => {
            KeyError::Unavailable(format!("it answered {result}"))
        }
        result => KeyError::BadAnswer(format!("it answered {result}")),
    }
}
