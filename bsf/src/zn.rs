//! Zn (TS 29.109 5): what the BSF answers to a BIR. The decisions are pure ([`check`], [`decide`]); [`ZnServer::answer`]
//! adds the one step that may wait, finding the session; [`serve_zn`] the connections.
//!
//! Rights come first, and they need no B-TID: so a NAF that may not have the key gets 5402 whether the B-TID lives,
//! has ended or never was, after the same work (ruling 22). Only a NAF with the right to ask learns 5403.
//!
//! | fault | answer |
//! |---|---|
//! | unknown NAF, another's Origin-Host, a name or Ua id that isn't its own | 5402 |
//! | grammar, NAF-Id without FQDN or Ua id | 5005, 5009, 5014, 5004 from [`gba::zn`] |
//! | another realm or host | 3003, 3002 |
//! | B-TID unknown, over, or no B-TID at all | 5403 |

use std::sync::Arc;

use base::{Clause, Now, Secret, Utc};
use diameter::{Fault, Identity, Message, Origin, ResultCode, dictionary as d};
use gba::{
    guss::{Uss, UssList},
    ids::NafId,
    keys::KeyKind,
    zn::{BootstrappingInfo, BootstrappingInfoAnswer, BootstrappingInfoRequest, GbaType, fault_answer},
};
use net::{
    accept::Stop,
    clock,
    diameter::{self as node, Role, Rule},
    tap::{self, SharedTap},
};
use tokio::net::TcpListener;

use crate::{
    rights::{NafRights, Rights},
    sessions::{Mode, Session, Sessions},
};

/// Who the BSF is on Zn, and who may have what.
#[derive(Clone, Debug)]
pub struct ZnConfig {
    /// Its own Origin-Host and Origin-Realm.
    pub origin: Origin,
    /// The NAFs.
    pub rights: Rights,
    /// How its Diameter connections are protected (ruling 21).
    pub security: node::Security,
    /// What the tap calls the BSF.
    pub label: String,
}

impl ZnConfig {
    /// A BSF for these NAFs.
    #[must_use]
    pub fn new(origin: Origin, rights: Rights) -> Self {
        Self {
            origin,
            rights,
            security: node::Security::default(),
            label: "BSF".into(),
        }
    }
}

/// Reads a request of `peer` and checks whether it may have the key it asks for, without a look at any session. `peer`
/// is who the Diameter node says it is: the peer of the connection, or the registered node behind a relay.
///
/// # Errors
/// The [`Fault`] to answer.
pub fn check<'r>(
    config: &'r ZnConfig,
    peer: &Identity,
    request: &Message,
) -> Result<(BootstrappingInfoRequest, &'r Arc<NafRights>), Fault> {
    let refused = || {
        Fault::new(
            ResultCode::NOT_AUTHORIZED,
            "this NAF may not have a key for this NAF-Id",
        )
    };
    // Before anything of the message is looked at: who may not ask learns nothing from how it is read.
    let naf = config.rights.naf(peer).ok_or_else(refused)?;
    let bir = match BootstrappingInfoRequest::parse(request) {
        // No session can have such a B-TID. That, too, is only for those who may ask.
        Err(fault)
            if fault.result == ResultCode::TRANSACTION_IDENTIFIER_INVALID && !names_its_own(request, naf) =>
        {
            return Err(refused());
        }
        other => other?,
    };
    if bir.origin_host != *peer || !naf.may_have(&bir.naf_id) {
        return Err(refused());
    }
    if bir.destination_realm != config.origin.realm {
        return Err(Fault::new(
            ResultCode::REALM_NOT_SERVED,
            "Destination-Realm is not the realm of this BSF",
        ));
    }
    if bir
        .destination_host
        .as_ref()
        .is_some_and(|host| *host != config.origin.host)
    {
        return Err(Fault::new(
            ResultCode::UNABLE_TO_DELIVER,
            "Destination-Host is another host",
        ));
    }
    Ok((bir, naf))
}

/// Whether the NAF-Id of a request that couldn't be read otherwise is one of this NAF.
fn names_its_own(request: &Message, naf: &NafRights) -> bool {
    let naf_id = request
        .find(&d::NAF_ID)
        .and_then(|avp| NafId::parse(avp.as_octets()).ok());
    naf_id.is_some_and(|naf_id| naf.may_have(&naf_id))
}

/// Decides what a NAF with the right to ask gets for what was found under its B-TID (TS 33.220 4.5.3, 5.3.3). Never Ks.
///
/// # Errors
/// 5403 if nothing was found or the session is over.
pub fn decide(
    bir: &BootstrappingInfoRequest,
    naf: &NafRights,
    found: Option<&Session>,
    now: Now,
) -> Result<BootstrappingInfo, Fault> {
    let Some(session) = found.filter(|session| !session.is_over(now)) else {
        // One answer for both: how long ago a B-TID lived is nobody's business.
        return Err(Fault::new(
            ResultCode::TRANSACTION_IDENTIFIER_INVALID,
            "no live bootstrapping has this B-TID: the UE must bootstrap again",
        ));
    };
    let key = |kind| naf_key(session, kind, &bir.naf_id);
    let (me, uicc) = match session.mode {
        Mode::Me => (KeyKind::Me, None),
        // A NAF that doesn't know GBA_U gets Ks_ext_NAF alone and needn't know the difference.
        Mode::U => (KeyKind::Ext, bir.gba_u_aware.then_some(KeyKind::Int)),
    };
    Ok(BootstrappingInfo {
        impi: naf.impi.then(|| session.impi.clone()),
        me_key: key(me)?,
        uicc_key: uicc.map(key).transpose()?,
        expiry: expiry(session, naf, now),
        created: session.created,
        uss: settings(session, naf, &bir.service_ids),
        gba_type: GbaType::ThreeG,
    })
}

fn naf_key(session: &Session, kind: KeyKind, naf_id: &NafId) -> Result<Secret<32>, Fault> {
    let key = session.ks.naf_key(kind, &session.rand, &session.impi, naf_id);
    // The key is asked for the very protocol that it was derived for, so there is no other outcome.
    key.key_for(&naf_id.ua())
        .map(Secret::duplicate)
        .map_err(|e| Fault::new(ResultCode::UNABLE_TO_COMPLY, e.to_string()))
}

/// Never longer than Ks lives.
fn expiry(session: &Session, naf: &NafRights, now: Now) -> Utc {
    naf.max_lifetime
        .map_or(session.expiry, |secs| session.expiry.min(now.utc.plus_secs(secs)))
}

/// The settings of the services asked for, as far as the NAF may read them: its services, and its groups where a
/// setting names one (`nafGroup`).
fn settings(session: &Session, naf: &NafRights, asked: &[String]) -> Option<Vec<u8>> {
    let may_read = |uss: &&Uss| {
        let group = uss.naf_group.as_ref();
        asked.contains(&uss.id)
            && naf.services.contains(&uss.id)
            && group.is_none_or(|g| naf.groups.contains(g))
    };
    let guss = session.guss.as_ref()?;
    let list: Vec<Uss> = guss.uss.iter().filter(may_read).cloned().collect();
    (!list.is_empty()).then(|| UssList(list).to_xml().into_bytes())
}

/// Zn over the sessions that Ub has issued. Its calls may run side by side.
pub struct ZnServer<S> {
    config: ZnConfig,
    sessions: Arc<S>,
    clock: fn() -> Now,
    tap: SharedTap,
}

impl<S: Sessions> ZnServer<S> {
    /// Puts one together. Nobody listens on its tap.
    pub fn new(config: ZnConfig, sessions: Arc<S>) -> Self {
        Self {
            config,
            sessions,
            clock: clock::now,
            tap: tap::none(),
        }
    }

    /// With a clock of one's own, for simulations.
    #[must_use]
    pub fn with_clock(mut self, clock: fn() -> Now) -> Self {
        self.clock = clock;
        self
    }

    /// Tells each BIA to `tap`.
    #[must_use]
    pub fn with_tap(mut self, tap: SharedTap) -> Self {
        self.tap = tap;
        self
    }

    /// Who it is and who may have what.
    pub const fn config(&self) -> &ZnConfig {
        &self.config
    }

    /// Its Diameter node: who may connect, and what sees the octets.
    pub fn node(&self) -> node::Config {
        let rule = |role| {
            move |host: &Identity| Rule {
                host: host.clone(),
                role,
            }
        };
        let rights = &self.config.rights;
        let peers = rights
            .hosts()
            .map(rule(Role::Naf))
            .chain(rights.relays().map(rule(Role::Relay)))
            .collect();
        let mut node = node::Config::new(self.config.origin.clone(), vec![d::ZN], peers);
        node.tap = Arc::clone(&self.tap);
        node.security = self.config.security.clone();
        node
    }

    /// The answer to whatever `peer` sent on Zn: always one, never a panic.
    pub async fn answer(&self, now: Now, peer: &Identity, request: &Message) -> Message {
        let origin = &self.config.origin;
        match self.info(now, peer, request).await {
            Ok(info) => {
                self.tell(peer, || success_summary(&info));
                BootstrappingInfoAnswer::Ok(info).to_message(request, origin)
            }
            Err(fault) => {
                tracing::warn!(%peer, %fault, "BIR refused");
                self.tell(peer, || format!("BIA {}: {}", fault.result.number(), fault.text));
                fault_answer(request, origin, &fault)
            }
        }
    }

    fn tell(&self, peer: &Identity, summary: impl FnOnce() -> String) {
        if self.tap.listens() {
            self.tap.message(tap::Message {
                interface: "Zn",
                from: &self.config.label,
                to: self.label_of(peer),
                summary: summary().chars().take(70).collect(),
                clause: Some(Clause::new("TS 29.109", "5.2")),
            });
        }
    }

    async fn info(&self, now: Now, peer: &Identity, request: &Message) -> Result<BootstrappingInfo, Fault> {
        let (bir, naf) = check(&self.config, peer, request)?;
        let found = self.sessions.find(&bir.btid, now).await;
        decide(&bir, naf, found.as_deref(), now)
    }

    fn label_of(&self, peer: &Identity) -> &str {
        self.config.rights.naf(peer).map_or("NAF", |naf| &naf.label)
    }
}

/// `BIA 2001: key until 13:10:00Z`, and what else goes along.
fn success_summary(info: &BootstrappingInfo) -> String {
    let until = info.expiry.to_string();
    let time = until.split_once('T').map_or(until.as_str(), |(_, time)| time);
    let mut summary = format!("BIA 2001: key until {time}");
    if info.uicc_key.is_some() {
        summary.push_str(", UICC key");
    }
    if info.impi.is_some() {
        summary.push_str(", IMPI");
    }
    if info.uss.is_some() {
        summary.push_str(", USS");
    }
    summary
}

/// Serves Zn on `listener` until `stop`: registered NAFs and relays get past the capabilities exchange, nobody else.
///
/// # Errors
/// If the listener isn't on loopback and the configuration doesn't allow that (ruling 21).
pub async fn serve_zn<S: Sessions>(
    listener: TcpListener,
    zn: Arc<ZnServer<S>>,
    stop: Stop,
) -> Result<(), node::Error> {
    node::serve(listener, zn.node(), stop, move |peer, request| {
        let zn = Arc::clone(&zn);
        async move { zn.answer((zn.clock)(), &peer.host, &request).await }
    })
    .await
}
