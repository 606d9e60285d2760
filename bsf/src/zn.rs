//! Zn (TS 29.109 5): what the BSF answers to a BIR. The decisions are pure ([`check`], [`decide`]); [`ZnServer::answer`]
//! adds the one step that may wait, finding the key ([`Keys`]); [`ZnServer::respond`] what a laboratory does to it;
//! [`serve_zn`] the connections.
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

use std::{
    future::Future,
    sync::{Arc, PoisonError, RwLock},
};

use base::{Clause, Now, Secret, Utc};
use diameter::{Fault, Identity, Message, Origin, ResultCode, dictionary as d};
use gba::{
    audit::{Event, Kind, Outcome, SharedAudit},
    guss::{Guss, Uss, UssList},
    ids::{Impi, NafId},
    keys::KeyKind,
    zn::{BootstrappingInfo, BootstrappingInfoAnswer, BootstrappingInfoRequest, GbaType, fault_answer},
};
use net::{
    accept::Stop,
    changes::Changes,
    clock,
    diameter::{self as node, Role, Roster, Rule},
    tap::{self, Measure, SharedTap, Stopwatch},
};
use tokio::net::TcpListener;

use crate::{
    inject::{Injected, Injections},
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
    /// Timers and bounds of those connections.
    pub limits: node::Limits,
    /// What the tap calls the BSF.
    pub label: String,
    /// What is done to its answers in a laboratory; nothing by default.
    pub injections: Injections,
}

impl ZnConfig {
    /// A BSF for these NAFs.
    #[must_use]
    pub fn new(origin: Origin, rights: Rights) -> Self {
        Self {
            origin,
            rights,
            security: node::Security::default(),
            limits: node::Limits::default(),
            label: "BSF".into(),
            injections: Injections::default(),
        }
    }
}

/// The NAFs and relays that may connect.
fn rules(rights: &Rights) -> Vec<Rule> {
    let rule = |role| {
        move |host: &Identity| Rule {
            host: host.clone(),
            role,
        }
    };
    let nafs = rights.hosts().map(rule(Role::Naf));
    nafs.chain(rights.relays().map(rule(Role::Relay))).collect()
}

/// What everybody else is.
fn strangers(rights: &Rights) -> Option<Role> {
    rights.allows_anybody().then_some(Role::Naf)
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
        return Err(unknown());
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
        expiry: expiry(session.expiry, naf, now),
        created: session.created,
        uss: settings(session.guss.as_deref(), naf, &bir.service_ids),
        gba_type: GbaType::ThreeG,
    })
}

/// One answer for a B-TID that never was and one that is over: how long ago it lived is nobody's business.
fn unknown() -> Fault {
    Fault::new(
        ResultCode::TRANSACTION_IDENTIFIER_INVALID,
        "no live bootstrapping has this B-TID: the UE must bootstrap again",
    )
}

fn naf_key(session: &Session, kind: KeyKind, naf_id: &NafId) -> Result<Secret<32>, Fault> {
    let key = session.ks.naf_key(kind, &session.rand, &session.impi, naf_id);
    // The key is asked for the very protocol that it was derived for, so there is no other outcome.
    key.key_for(&naf_id.ua())
        .map(Secret::duplicate)
        .map_err(|e| Fault::new(ResultCode::UNABLE_TO_COMPLY, e.to_string()))
}

/// Never longer than Ks lives.
pub(crate) fn expiry(of_ks: Utc, naf: &NafRights, now: Now) -> Utc {
    naf.max_lifetime
        .map_or(of_ks, |secs| of_ks.min(now.utc.plus_secs(secs)))
}

/// The settings of the services asked for, as far as the NAF may read them.
pub(crate) fn settings(guss: Option<&Guss>, naf: &NafRights, asked: &[String]) -> Option<Vec<u8>> {
    let given = |uss: &&Uss| asked.contains(&uss.id) && naf.may_read(uss);
    let list: Vec<Uss> = guss?.uss.iter().filter(given).cloned().collect();
    (!list.is_empty()).then(|| UssList(list).to_xml().into_bytes())
}

/// What was found for a NAF.
pub struct Given {
    /// What it gets.
    pub info: BootstrappingInfo,
    /// Whose, also where the NAF may not know: for the audit log.
    pub subscriber: Option<Impi>,
}

/// What answers a NAF with the right to ask: the store of sessions, or something in its place.
pub trait Keys: Send + Sync + 'static {
    /// What the NAF gets.
    ///
    /// The fault is what it is answered with otherwise.
    fn info(
        &self,
        bir: &BootstrappingInfoRequest,
        naf: &NafRights,
        now: Now,
    ) -> impl Future<Output = Result<Given, Fault>> + Send;
}

impl<S: Sessions> Keys for S {
    async fn info(&self, bir: &BootstrappingInfoRequest, naf: &NafRights, now: Now) -> Result<Given, Fault> {
        let session = self.find(&bir.btid, now).await;
        Ok(Given {
            info: decide(bir, naf, session.as_deref(), now)?,
            subscriber: session.map(|session| session.impi.clone()),
        })
    }
}

/// Zn over the sessions that Ub has issued. Its calls may run side by side.
pub struct ZnServer<S> {
    /// As it was put together: who it is.
    config: ZnConfig,
    /// As it is at this moment: who may have what.
    current: RwLock<Arc<ZnConfig>>,
    roster: Roster,
    keys: Arc<S>,
    clock: fn() -> Now,
    tap: SharedTap,
    audit: Option<SharedAudit>,
}

impl<S: Keys> ZnServer<S> {
    /// Puts one together. Nobody listens on its tap.
    pub fn new(config: ZnConfig, keys: Arc<S>) -> Self {
        Self {
            roster: Roster::new(rules(&config.rights), strangers(&config.rights)),
            current: RwLock::new(Arc::new(config.clone())),
            config,
            keys,
            clock: clock::now,
            tap: tap::none(),
            audit: None,
        }
    }

    /// Records each key that a NAF gets, and each refusal, there, before the answer leaves.
    #[must_use]
    pub fn with_audit(mut self, audit: Option<SharedAudit>) -> Self {
        self.audit = audit;
        self
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

    /// Who it is, and who may have what at this moment.
    pub fn config(&self) -> Arc<ZnConfig> {
        // It holds a whole value at any time.
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives the NAFs other rights while it runs; they count for each request that comes from now on. Returns what is
    /// new among NAFs (by Origin-Host) and among relays.
    pub fn reload(&self, rights: Rights) -> (Changes, Changes) {
        let old = self.config();
        let changes = (
            Changes::between(old.rights.nafs(), rights.nafs(), PartialEq::eq),
            Changes::of_names(old.rights.relays(), rights.relays()),
        );
        let (rules, strangers) = (rules(&rights), strangers(&rights));
        let new = ZnConfig {
            rights,
            ..(*old).clone()
        };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        self.roster.set(rules, strangers);
        changes
    }

    /// Who may connect, as it changes by [`Self::reload`].
    pub fn roster(&self) -> Roster {
        self.roster.clone()
    }

    /// Its Diameter node: who may connect, and what sees the octets.
    pub fn node(&self) -> node::Config {
        let current = self.config();
        let rights = &current.rights;
        let mut node = node::Config::new(self.config.origin.clone(), vec![d::ZN], rules(rights));
        node.tap = Arc::clone(&self.tap);
        node.security = self.config.security.clone();
        node.limits = self.config.limits;
        node.strangers = strangers(rights);
        node.limits.handler += self.config.injections.longest_wait();
        node
    }

    /// The answer to whatever `peer` sent on Zn: always one, never a panic. No injection touches it.
    pub async fn answer(&self, now: Now, peer: &Identity, request: &Message) -> Message {
        let config = self.config();
        let result = match check(&config, peer, request) {
            Ok((bir, naf)) => self.keys.info(&bir, naf, now).await,
            Err(fault) => Err(fault),
        };
        let (result, whose) = apart(result);
        let result = self.record(now, peer, request, whose.as_ref(), result);
        self.message(peer, request, result, "")
    }

    /// As [`Self::answer`], with the configured injections: it comes after their time, changed by them, or not at all.
    /// They touch only what a NAF with the right to ask gets.
    pub async fn respond(&self, now: Now, peer: &Identity, request: &Message) -> Option<Message> {
        let injections = &self.config.injections;
        let config = self.config();
        let (bir, naf) = match check(&config, peer, request) {
            Ok(allowed) if !injections.is_empty() => allowed,
            _ => return Some(self.answer(now, peer, request).await),
        };
        let (result, whose) = apart(self.keys.info(&bir, naf, now).await);
        let Injected { names, wait, answer } = injections.apply(&bir.btid, result, now);
        if !names.is_empty() {
            tracing::warn!(%peer, injected = names, "laboratory: this BIA is made wrong on purpose");
        }
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let Some(result) = answer else {
            let fault = Fault::new(ResultCode::UNABLE_TO_COMPLY, "no answer: injected drop");
            let _ = self.record(now, peer, request, whose.as_ref(), Err(fault));
            self.tell(peer, || "no BIA (injected drop)".into());
            return None;
        };
        let result = self.record(now, peer, request, whose.as_ref(), result);
        Some(self.message(peer, request, result, &names))
    }

    /// Records what is about to be answered. A key that can't be recorded becomes a refusal.
    fn record(
        &self,
        now: Now,
        peer: &Identity,
        request: &Message,
        whose: Option<&Impi>,
        result: Result<BootstrappingInfo, Fault>,
    ) -> Result<BootstrappingInfo, Fault> {
        let Some(audit) = &self.audit else { return result };
        let asked = BootstrappingInfoRequest::parse(request).ok();
        let (element, info) = (self.config.origin.host.as_str(), result.as_ref().ok());
        let recorded = audit.record(&Event {
            impi: whose,
            btid: asked.as_ref().map(|bir| &bir.btid),
            naf_id: asked.as_ref().map(|bir| &bir.naf_id),
            bootstrapped: info.map(|info| info.created),
            expiry: info.map(|info| info.expiry),
            outcome: match &result {
                Ok(_) => Outcome::Done,
                Err(fault) => Outcome::Refused {
                    code: Some(fault.result.number()),
                    reason: &fault.text,
                },
            },
            ..Event::new(Kind::KeyDelivery, now.utc, element, peer.as_str())
        });
        match recorded {
            // The NAF may ask again, and another BSF.
            Err(e) if result.is_ok() => Err(Fault::new(ResultCode::TOO_BUSY, e.to_string())),
            _ => result,
        }
    }

    fn message(
        &self,
        peer: &Identity,
        request: &Message,
        result: Result<BootstrappingInfo, Fault>,
        injected: &str,
    ) -> Message {
        let origin = &self.config.origin;
        let note = |summary: String| match injected {
            "" => summary,
            names => format!("{summary} (injected {names})"),
        };
        match result {
            Ok(info) => {
                self.tell(peer, || note(success_summary(&info)));
                BootstrappingInfoAnswer::Ok(info).to_message(request, origin)
            }
            Err(fault) => {
                tracing::warn!(%peer, %fault, "BIR refused");
                if fault.result == ResultCode::NOT_AUTHORIZED {
                    self.tap.incident(tap::Incident::NotAllowed);
                }
                self.tell(peer, || {
                    note(format!("BIA {}: {}", fault.result.number(), fault.text))
                });
                fault_answer(request, origin, &fault)
            }
        }
    }

    fn tell(&self, peer: &Identity, summary: impl FnOnce() -> String) {
        if self.tap.listens() {
            self.tap.message(tap::Message {
                interface: "Zn",
                from: &self.config.label,
                to: self.config().rights.naf(peer).map_or("NAF", |naf| &naf.label),
                summary: summary().chars().take(70).collect(),
                clause: Some(Clause::new("TS 29.109", "5.2")),
            });
        }
    }
}

fn apart(result: Result<Given, Fault>) -> (Result<BootstrappingInfo, Fault>, Option<Impi>) {
    match result {
        Ok(Given { info, subscriber }) => (Ok(info), subscriber),
        Err(fault) => (Err(fault), None),
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
pub async fn serve_zn<S: Keys>(
    listener: TcpListener,
    zn: Arc<ZnServer<S>>,
    stop: Stop,
) -> Result<(), node::Error> {
    node::serve_roster(listener, zn.node(), zn.roster(), stop, move |peer, request| {
        let zn = Arc::clone(&zn);
        async move {
            let watch = Stopwatch::begin(&zn.tap);
            let answer = zn.respond((zn.clock)(), &peer.host, &request).await?;
            watch.end(&zn.tap, |took| Measure::Answered {
                interface: "Zn",
                result: answer.result().map_or(0, ResultCode::number),
                took,
            });
            Some(answer)
        }
    })
    .await
}
