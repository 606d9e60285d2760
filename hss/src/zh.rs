//! Zh (TS 29.109 4): what the HSS answers to a MAR. The decisions are pure ([`check`], [`decide`]); [`Hss::answer`]
//! adds the one step that waits, the vector.
//!
//! | fault | answer |
//! |---|---|
//! | not a registered BSF, or Origin-Host isn't the peer's | 5003: permanent, and of the base protocol. TS 29.109 has no code for it, 5401 would speak of the subscriber, 3010 belongs to the capabilities exchange |
//! | another realm or host | 3003, 3002 |
//! | grammar, SIP-Authorization not 30 octets | 5005, 5009, 5014, 5004 from [`gba::zh`] |
//! | a scheme other than Digest-AKAv1-MD5 | 5004 with the AVP: a code that each peer knows |
//! | unknown IMPI | 5401 |
//! | AUTS refused, whatever the reason | 5012, always with the same words |
//! | SQN can't be stored, no randomness | 3004: the BSF may ask another HSS or later |

use std::{
    collections::HashSet,
    future::Future,
    sync::{Arc, PoisonError, RwLock},
};

use aka::{Auts, Rand, Vector};
use base::{Clause, Entropy, Now, Utc};
use diameter::{
    Avp, Fault, Identity, Message, Origin, ResultCode, dictionary as d, grammar,
    layout::{Any, Block, Ids, Out},
};
use gba::{
    audit::{Event, Kind, Outcome, SharedAudit},
    guss::UiccType,
    ids::Impi,
    zh::{
        Authentication, MultimediaAuthAnswer, MultimediaAuthRequest, Scheme, fault_answer,
        view::{Item, Maa, Mar, Success, UserName},
    },
};
use net::{
    accept::Stop,
    changes::Changes,
    clock,
    diameter::{self as node, PeerIdentity, Role, Roster, Rule},
    tap::{self, Measure, SharedTap, Stopwatch},
};
use tokio::net::TcpListener;

use crate::{
    auc::{Auc, AucError},
    sqn::SqnStore,
    subscribers::{Subscriber, Subscribers},
};

/// A GUSS-Timestamp may lie so many seconds ahead of our clock; one further ahead says nothing.
const CLOCK_SKEW: u32 = 60;

/// Who the HSS is and whom it serves.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its own Origin-Host and Origin-Realm.
    pub origin: Origin,
    /// Origin-Host of each BSF that may ask for vectors. Nobody else gets one.
    pub bsfs: HashSet<Identity>,
    /// Diameter agents that may connect and bring requests of the BSFs.
    pub relays: HashSet<Identity>,
    /// How its Diameter connections are protected (ruling 21).
    pub security: node::Security,
    /// Timers and bounds of its connections.
    pub limits: node::Limits,
    /// What the tap calls the HSS.
    pub label: String,
    /// What the tap calls the BSF.
    pub bsf_label: String,
}

impl Config {
    /// An HSS for these BSFs, without agents between.
    #[must_use]
    pub fn new(origin: Origin, bsfs: impl IntoIterator<Item = Identity>) -> Self {
        Self {
            origin,
            bsfs: bsfs.into_iter().collect(),
            relays: HashSet::new(),
            security: node::Security::default(),
            limits: node::Limits::default(),
            label: "HSS".into(),
            bsf_label: "BSF".into(),
        }
    }

    /// How many BSFs come before this one by name.
    fn number_of(&self, bsf: &Identity) -> u64 {
        // As names are compared.
        let letters = |name: &Identity| name.as_str().to_ascii_lowercase();
        let before = self.bsfs.iter().filter(|other| letters(other) < letters(bsf));
        before.count() as u64
    }

    fn rules(&self) -> Vec<Rule> {
        let rule = |(host, role): (&Identity, Role)| Rule {
            host: host.clone(),
            role,
        };
        roles(self).map(rule).collect()
    }
}

/// Each node that may connect, and what it is to us.
fn roles(config: &Config) -> impl Iterator<Item = (&Identity, Role)> {
    let role = |role| move |host| (host, role);
    let bsfs = config.bsfs.iter().map(role(Role::Bsf));
    bsfs.chain(config.relays.iter().map(role(Role::Relay)))
}

fn current<T>(place: &RwLock<Arc<T>>) -> Arc<T> {
    // It holds a whole value at any time.
    Arc::clone(&place.read().unwrap_or_else(PoisonError::into_inner))
}

fn replace<T>(place: &RwLock<Arc<T>>, value: T) {
    *place.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
}

/// Reads a request of `peer` and checks who sent it and whom it is for. `peer` is who the Diameter node says it is:
/// the peer of the connection, or the registered node behind a relay.
///
/// # Errors
/// The [`Fault`] to answer.
pub fn check(config: &Config, peer: &Identity, request: &Message) -> Result<MultimediaAuthRequest, Fault> {
    let not_a_bsf = || {
        Fault::new(
            ResultCode::AUTHORIZATION_REJECTED,
            "not a BSF that is registered with this HSS",
        )
    };
    // Before anything of the message is looked at: who may not ask learns nothing from how it is read.
    if !config.bsfs.contains(peer) {
        return Err(not_a_bsf());
    }
    let mar = MultimediaAuthRequest::parse(request)?;
    if mar.origin_host != *peer {
        return Err(not_a_bsf());
    }
    if mar.destination_realm != config.origin.realm {
        return Err(Fault::new(
            ResultCode::REALM_NOT_SERVED,
            "Destination-Realm is not the realm of this HSS",
        ));
    }
    if mar
        .destination_host
        .as_ref()
        .is_some_and(|host| *host != config.origin.host)
    {
        return Err(Fault::new(
            ResultCode::UNABLE_TO_DELIVER,
            "Destination-Host is another host",
        ));
    }
    if matches!(mar.scheme, Some(Scheme::Other(_))) {
        let text = "Digest-AKAv1-MD5 expected: GBA has no other scheme with AKA";
        let item = request.find(&d::SIP_AUTH_DATA_ITEM);
        return Err(
            match item.and_then(|item| item.find(&d::SIP_AUTHENTICATION_SCHEME)) {
                Some(avp) => Fault::value(avp, text),
                None => Fault::new(ResultCode::INVALID_AVP_VALUE, text),
            },
        );
    }
    Ok(mar)
}

/// As [`check`], for the octets of a usual request. `None` for any other, and for one that is to be refused: [`check`]
/// knows why.
fn check_usual<'a>(config: &Config, peer: &Identity, octets: &'a [u8]) -> Option<(Ids, Mar<'a>)> {
    if !config.bsfs.contains(peer) {
        return None;
    }
    let (ids, mar) = Mar::read(octets)?;
    let route = mar.route.fields;
    let ours = peer.is(route.origin_host.octets())
        && config.origin.realm.is(route.destination_realm.octets())
        && route
            .destination_host
            .is_none_or(|host| config.origin.host.is(host.octets()));
    ours.then_some((ids, mar))
}

/// What is to be done for a subscriber.
#[derive(Debug)]
pub struct Decision<'s> {
    /// Whose vector it is.
    pub subscriber: &'s Arc<Subscriber>,
    /// Whether the GUSS goes along: not if the BSF has it already (TS 29.109 4.2, GUSS-Timestamp).
    pub send_guss: bool,
}

/// Decides whether there is a vector, and whether the GUSS is news to the BSF.
///
/// # Errors
/// 5401 if nobody has that IMPI.
pub fn decide<'s>(
    subscribers: &'s Subscribers,
    impi: &Impi,
    guss_timestamp: Option<Utc>,
    now: Now,
) -> Result<Decision<'s>, Fault> {
    let Some(subscriber) = subscribers.get(impi) else {
        return Err(Fault::new(
            ResultCode::IDENTITY_UNKNOWN,
            "no subscriber has this IMPI",
        ));
    };
    let has_it = |t: Utc| t >= subscriber.guss_changed && t <= now.utc.plus_secs(CLOCK_SKEW);
    Ok(Decision {
        subscriber,
        send_guss: !guss_timestamp.is_some_and(has_it),
    })
}

/// The HSS: subscribers, authentication centre and Zh. Its calls may run side by side.
pub struct Hss<S, E> {
    /// As it was put together: who it is.
    config: Config,
    /// As it is at this moment: who may ask.
    current: RwLock<Arc<Config>>,
    subscribers: RwLock<Arc<Subscribers>>,
    roster: Roster,
    pub(crate) auc: Auc<S, E>,
    pub(crate) tap: SharedTap,
    audit: Option<SharedAudit>,
    /// What each MAA says of it.
    from: Vec<u8>,
}

impl<S: SqnStore, E: Entropy + Send> Hss<S, E> {
    /// Puts one together. Nobody listens on its tap.
    pub fn new(config: Config, subscribers: Subscribers, auc: Auc<S, E>) -> Self {
        Self {
            roster: Roster::new(config.rules(), None),
            current: RwLock::new(Arc::new(config.clone())),
            from: Block::octets_of(Success::origin(&config.origin)),
            config,
            subscribers: RwLock::new(Arc::new(subscribers)),
            auc,
            tap: tap::none(),
            audit: None,
        }
    }

    /// Records each vector, resynchronisation and refusal there, before its answer leaves.
    #[must_use]
    pub fn with_audit(mut self, audit: Option<SharedAudit>) -> Self {
        self.audit = audit;
        self
    }

    /// Tells each MAA to `tap`.
    #[must_use]
    pub fn with_tap(mut self, tap: SharedTap) -> Self {
        self.tap = tap;
        self
    }

    /// Who it is and whom it serves, at this moment.
    pub fn config(&self) -> Arc<Config> {
        current(&self.current)
    }

    /// Takes other subscribers and other BSFs and relays while it runs: what of `config` says who it is stays.
    ///
    /// Counts for each request that comes from now on. Sequence numbers are the store's and go on. Returns what is new
    /// among subscribers, and among BSFs and relays.
    pub fn reload(&self, config: Config, subscribers: Subscribers, now: Now) -> (Changes, Changes) {
        let (old, known) = (self.config(), self.subscribers());
        let (subscribers, changes) = subscribers.in_place_of(&known, now.utc);
        let config = Config {
            bsfs: config.bsfs,
            relays: config.relays,
            ..(*old).clone()
        };
        let peers = Changes::between(roles(&old), roles(&config), PartialEq::eq);
        replace(&self.subscribers, subscribers);
        self.roster.set(config.rules(), None);
        replace(&self.current, config);
        (changes, peers)
    }

    /// Its Diameter node: who may connect, and what sees the octets.
    pub fn node(&self) -> node::Config {
        let mut node = node::Config::new(self.config.origin.clone(), vec![d::ZH], self.config().rules());
        node.tap = Arc::clone(&self.tap);
        node.security = self.config.security.clone();
        node.limits = self.config.limits;
        node
    }

    /// Who may connect, as it changes by [`Self::reload`].
    #[must_use]
    pub fn roster(&self) -> Roster {
        self.roster.clone()
    }

    /// Whom it knows at this moment.
    pub fn subscribers(&self) -> Arc<Subscribers> {
        current(&self.subscribers)
    }

    /// A vector, and the GUSS if it is news: what the MAR of a BSF asks for, without Diameter.
    ///
    /// # Errors
    /// The [`Fault`] to answer.
    pub async fn authenticate(
        &self,
        now: Now,
        bsf: &Identity,
        impi: &Impi,
        resync: Option<&(Rand, Auts)>,
        guss_timestamp: Option<Utc>,
    ) -> Result<Authentication, Fault> {
        let result = self.vector(now, bsf, impi, resync, guss_timestamp).await;
        let refused = result.as_ref().err().map(|NoVector { fault, why }| {
            let why = why.as_ref().map(ToString::to_string);
            (fault, why.unwrap_or_else(|| fault.text.to_string()))
        });
        let refused = refused.as_ref().map(|(fault, why)| (*fault, why.as_str()));
        self.record(now, bsf.as_str(), Some(impi), refused)?;
        result.map_err(|NoVector { fault, .. }| fault)
    }

    async fn vector(
        &self,
        now: Now,
        bsf: &Identity,
        impi: &Impi,
        resync: Option<&(Rand, Auts)>,
        guss_timestamp: Option<Utc>,
    ) -> Result<Authentication, NoVector> {
        let subscribers = self.subscribers();
        let Decision {
            subscriber,
            send_guss,
        } = decide(&subscribers, impi, guss_timestamp, now)?;
        let no_vector = |error| {
            tracing::warn!(%error, "no vector");
            NoVector {
                fault: fault_of(&error),
                why: Some(error),
            }
        };
        if let Some((rand, auts)) = resync {
            let done = self.auc.resync(subscriber, rand, auts, now).await;
            self.record_event(&Event {
                impi: Some(impi),
                resync: Some(done.map_err(no_vector)?),
                ..self.event(Kind::Resynchronisation, now, bsf.as_str())
            })?;
        }
        let vector = self
            .auc
            .vector_for(self.config().number_of(bsf), subscriber, now)
            .await;
        let vector = vector.map_err(no_vector)?;
        Ok(Authentication {
            impi: Some(impi.clone()),
            vectors: vec![vector],
            guss: send_guss.then(|| subscriber.guss_xml.clone()),
        })
    }

    pub(crate) fn event<'a>(&'a self, kind: Kind, now: Now, peer: &'a str) -> Event<'a> {
        Event::new(kind, now.utc, self.config.origin.host.as_str(), peer)
    }

    /// Records a vector, or why there is none. The error is what is answered instead of a vector.
    pub(crate) fn record(
        &self,
        now: Now,
        peer: &str,
        impi: Option<&Impi>,
        refused: Option<(&Fault, &str)>,
    ) -> Result<(), Fault> {
        let outcome = refused.map_or(Outcome::Done, |(fault, reason)| Outcome::Refused {
            code: Some(fault.result.number()),
            reason,
        });
        let recorded = self.record_event(&Event {
            impi,
            outcome,
            ..self.event(Kind::Vector, now, peer)
        });
        // A refusal leaves also unrecorded.
        if refused.is_some() { Ok(()) } else { recorded }
    }

    pub(crate) fn record_event(&self, event: &Event<'_>) -> Result<(), Fault> {
        let Some(audit) = &self.audit else { return Ok(()) };
        audit
            .record(event)
            .map_err(|e| Fault::new(ResultCode::TOO_BUSY, e.to_string()))
    }

    /// The answer to whatever `peer` sent on Zh: always one, never a panic.
    pub async fn answer(&self, now: Now, peer: &Identity, request: &Message) -> Message {
        let result = match check(&self.config(), peer, request) {
            Ok(mar) => {
                self.for_bsf(now, peer, &mar.impi, mar.resync.as_ref(), mar.guss_timestamp)
                    .await
            }
            Err(fault) => {
                tracing::warn!(%peer, %fault, "MAR refused");
                if fault.result == ResultCode::AUTHORIZATION_REJECTED {
                    self.tap.incident(tap::Incident::NotAllowed);
                }
                if self.audit.is_some() {
                    let mar = MultimediaAuthRequest::parse(request).ok();
                    let impi = mar.as_ref().map(|mar| &mar.impi);
                    let _ = self.record(now, peer.as_str(), impi, Some((&fault, &fault.text)));
                }
                self.tell_fault(&fault);
                Err(fault)
            }
        };
        match result {
            Ok(ok) => MultimediaAuthAnswer::Ok(ok).to_message(request, &self.config.origin),
            Err(fault) => fault_answer(request, &self.config.origin, &fault),
        }
    }

    /// As [`Self::answer`], for the octets of a usual request that `peer` may send: result and octets. `None` for any
    /// other, which [`Self::answer`] is for.
    pub fn usual(
        self: &Arc<Self>,
        now: Now,
        peer: &Identity,
        octets: &[u8],
    ) -> Option<impl Future<Output = (ResultCode, impl FnOnce(&mut Out) + use<S, E>)> + use<S, E>> {
        let (ids, mar) = check_usual(&self.config(), peer, octets)?;
        let (session, impi) = (mar.session_id.octets().to_vec(), mar.impi.impi()?);
        let (resync, guss_timestamp) = (mar.resync(), mar.guss_timestamp());
        let (hss, peer) = (Arc::clone(self), peer.clone());
        Some(async move {
            let result = hss
                .for_bsf(now, &peer, &impi, resync.as_ref(), guss_timestamp)
                .await;
            let code = result
                .as_ref()
                .map_or_else(|fault| fault.result, |_| ResultCode::SUCCESS);
            let write = move |out: &mut Out| match &result {
                Ok(ok) => {
                    let [vector] = ok.vectors.as_slice() else { return };
                    let maa = Maa {
                        session_id: Any::of(&session),
                        from: Block::ready(&hss.from),
                        impi: ok.impi.as_ref().map(UserName::of),
                        item: Item::of(vector),
                        guss: ok.guss.as_deref().map(Any::of),
                    };
                    out.write(maa, ids);
                }
                Err(fault) => {
                    let mut request = Message::request(grammar::MULTIMEDIA_AUTH, d::ZH, true);
                    (request.hop_by_hop, request.end_to_end) = (ids.hop_by_hop, ids.end_to_end);
                    request.avps.push(Avp::octets(&d::SESSION_ID, session));
                    out.push(&fault_answer(&request, &hss.config.origin, fault));
                }
            };
            (code, write)
        })
    }

    /// What a BSF gets that may ask.
    async fn for_bsf(
        &self,
        now: Now,
        bsf: &Identity,
        impi: &Impi,
        resync: Option<&(Rand, Auts)>,
        guss_timestamp: Option<Utc>,
    ) -> Result<Authentication, Fault> {
        let result = self.authenticate(now, bsf, impi, resync, guss_timestamp).await;
        match &result {
            Ok(ok) => self.tell(|| {
                let subscribers = self.subscribers();
                let subscriber = subscribers.get(impi);
                success_summary(ok, subscriber.and_then(|s| s.guss.bsf_info.uicc_type))
            }),
            Err(fault) => self.tell_fault(fault),
        }
        result
    }

    fn tell_fault(&self, fault: &Fault) {
        self.tell(|| format!("MAA {}: {}", fault.result.number(), fault.text));
    }

    fn tell(&self, summary: impl FnOnce() -> String) {
        if self.tap.listens() {
            self.tap.message(tap::Message {
                interface: "Zh",
                from: &self.config.label,
                to: &self.config.bsf_label,
                summary: summary().chars().take(70).collect(),
                clause: Some(Clause::new("TS 29.109", "4.2")),
            });
        }
    }
}

/// Why there is no vector: what the BSF is told, and what stays here.
struct NoVector {
    fault: Fault,
    why: Option<AucError>,
}

impl From<Fault> for NoVector {
    fn from(fault: Fault) -> Self {
        Self { fault, why: None }
    }
}

pub(crate) fn fault_of(error: &AucError) -> Fault {
    match error {
        // One answer for both: which of the two it was is nobody's business but the operator's.
        AucError::UnknownRand | AucError::MacS => Fault::new(
            ResultCode::UNABLE_TO_COMPLY,
            "the AUTS is not accepted: bootstrap anew",
        ),
        AucError::NoEntropy(_) | AucError::RepeatedRand | AucError::Sqn(_) => {
            Fault::new(ResultCode::TOO_BUSY, "no vector can be made at present")
        }
    }
}

/// `MAA 2001: RAND 23553c…, GUSS uiccType GBA_U`.
fn success_summary(ok: &Authentication, uicc: Option<UiccType>) -> String {
    let rand = ok
        .vectors
        .first()
        .map_or_else(String::new, |v: &Vector| v.rand.to_string());
    let guss = match (&ok.guss, uicc) {
        (None, _) => "GUSS unchanged",
        (Some(_), Some(UiccType::GbaU)) => "GUSS uiccType GBA_U",
        (Some(_), Some(UiccType::Gba)) => "GUSS uiccType GBA",
        (Some(_), None) => "GUSS",
    };
    format!("MAA 2001: RAND {}…, {guss}", rand.get(..6).unwrap_or_default())
}

/// Serves Zh on `listener` until `stop`: registered BSFs and relays get past the capabilities exchange, nobody else.
///
/// # Errors
/// If the listener isn't on loopback and the configuration doesn't allow that (ruling 21).
pub async fn serve<S, E>(listener: TcpListener, hss: Arc<Hss<S, E>>, stop: Stop) -> Result<(), node::Error>
where
    S: SqnStore,
    E: Entropy + Send + 'static,
{
    let (node, roster, usual) = (hss.node(), hss.roster(), Arc::clone(&hss));
    let measure = |tap: &SharedTap, watch: Stopwatch, result: u32| {
        watch.end(tap, |took| Measure::Answered {
            interface: "Zh",
            result,
            took,
        });
    };
    let usual = move |peer: &PeerIdentity, octets: &[u8]| {
        let (watch, tap) = (Stopwatch::begin(&usual.tap), Arc::clone(&usual.tap));
        let work = usual.usual(clock::now(), &peer.host, octets)?;
        Some(async move {
            let (result, write) = work.await;
            measure(&tap, watch, result.number());
            write
        })
    };
    node::serve_usual(listener, node, roster, stop, usual, move |peer, request| {
        let hss = Arc::clone(&hss);
        async move {
            let watch = Stopwatch::begin(&hss.tap);
            let answer = hss.answer(clock::now(), &peer.host, &request).await;
            measure(&hss.tap, watch, answer.result().map_or(0, ResultCode::number));
            answer
        }
    })
    .await
}
