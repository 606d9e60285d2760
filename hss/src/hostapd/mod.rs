//! The HSS behind hostapd's own EAP server: Wi-Fi with EAP-AKA, EAP-AKA' and EAP-SIM for the subscribers of Zh, over a Unix
//! datagram socket (`eap_sim_db=unix:SOCKET`).
//!
//! | module | what it holds |
//! |---|---|
//! | [`text`] | the datagrams |
//! | [`socket`] | the socket's file: who may use it, a stale one, its end |
//!
//! hostapd doesn't say for which EAP method it asks, but the AMF depends on it (ruling 2, TS 33.102 annex H): the separation
//! bit is cleared for EAP-AKA and set for EAP-AKA'. So **the socket says it**: an HSS may have one for each [`Access`]. CK'
//! and IK' are derived by hostapd, hence CK and IK leave the HSS in both cases: both belong on one host.
//!
//! Vectors for Wi-Fi are numbered in INDs of their own ([`Domain::Wlan`], annex C.3.4), one for each access, so that a
//! device may use them in another order than those of Zh.

pub mod socket;
pub mod text;

use std::sync::Arc;

use aka::{Rand, Vector, gsm::Triplet, sqn::Domain};
use base::{Clause, Entropy, Now, SecretBytes};
use diameter::{Fault, ResultCode};
use gba::{
    audit::{Event, Kind, Outcome},
    ids::Imsi,
};
use net::{
    accept::Stop,
    clock,
    tap::{Incident, Measure, Message, Stopwatch},
};

use self::{
    socket::Socket,
    text::{MAX_REQUEST, MAX_TRIPLETS, Malformed, Request, Waiting, triplets_answer, vector_answer},
};
use crate::{
    Hss,
    auc::AucError,
    sqn::SqnStore,
    subscribers::{NotOne, Subscriber, Subscribers},
    zh::fault_of,
};

/// The interface, for taps and metrics.
const INTERFACE: &str = "EAP";

/// For which EAP method a socket's vectors are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// EAP-AKA (RFC 4187): the separation bit is cleared. EAP-SIM too, which has no AMF.
    Aka,
    /// EAP-AKA' (RFC 9048): the separation bit is set, or devices refuse the vector.
    AkaPrime,
}

impl Access {
    /// For people, and for the audit log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aka => "hostapd (EAP-AKA)",
            Self::AkaPrime => "hostapd (EAP-AKA')",
        }
    }
}

/// What holds for all of hostapd's requests.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Settings {
    /// INDs of vectors for Wi-Fi, the first and the last; `None`: the range of [`Domain::Wlan`].
    pub inds: Option<(u64, u64)>,
    /// Whether subscribers may use EAP-SIM: triplets made of their 3G keys (TS 33.102 6.8.1.2), with which a device can't
    /// tell a false network.
    pub sim: bool,
}

/// What becomes of a datagram.
pub struct Reply {
    /// What to send back; `None`: nothing. May hold keys.
    pub text: Option<SecretBytes>,
    /// How it went, for counting; `None` for a datagram that is no request.
    pub result: Option<ResultCode>,
}

impl<S: SqnStore, E: Entropy + Send> Hss<S, E> {
    /// What is to be answered to a datagram of hostapd: never a panic, whatever it is.
    pub async fn answer_hostapd(&self, now: Now, access: Access, s: Settings, datagram: &[u8]) -> Reply {
        let (name, waiting, result) = match Request::parse(datagram) {
            Ok(Request::Aka { imsi }) => {
                let made = self.vector_for_wifi(now, access, s, &imsi).await;
                let made = made.map(|vector| {
                    self.tell_wifi(|| {
                        format!(
                            "AKA-RESP-AUTH: RAND {}…, AMF {}",
                            short(&vector.rand),
                            vector.autn.amf()
                        )
                    });
                    vector_answer(&imsi, &vector)
                });
                (imsi.to_string(), Waiting::Aka, made)
            }
            Ok(Request::Sim { imsi, triplets }) => {
                let made = self.triplets(now, s, &imsi, triplets).map(|triplets| {
                    self.tell_wifi(|| format!("SIM-RESP-AUTH: {} triplets", triplets.len()));
                    triplets_answer(&imsi, &triplets)
                });
                (imsi.to_string(), Waiting::Sim, made)
            }
            Ok(Request::Auts { imsi, auts, rand }) => {
                let done = self.resync_for_wifi(now, access, &imsi, (&rand, &auts)).await;
                return Reply {
                    text: None,
                    result: Some(done.map_or_else(|fault| fault.result, |()| ResultCode::SUCCESS)),
                };
            }
            Err(malformed) => {
                self.tap.incident(Incident::Malformed);
                let (why, text) = match malformed {
                    Malformed::Silence(why) => (why, None),
                    Malformed::Failure(waiting, name, why) => (why, Some(waiting.failure(name))),
                };
                tracing::warn!(
                    from = access.name(),
                    answered = text.is_some(),
                    "no request: {why}"
                );
                return Reply {
                    text: text.map(|text| SecretBytes::new(text.into_bytes())),
                    result: None,
                };
            }
        };
        match result {
            Ok(text) => Reply {
                text: Some(text),
                result: Some(ResultCode::SUCCESS),
            },
            Err(fault) => {
                self.tell_wifi(|| format!("FAILURE: {}", fault.text));
                Reply {
                    text: Some(SecretBytes::new(waiting.failure(&name).into_bytes())),
                    result: Some(fault.result),
                }
            }
        }
    }

    async fn vector_for_wifi(
        &self,
        now: Now,
        access: Access,
        settings: Settings,
        imsi: &Imsi,
    ) -> Result<Vector, Fault> {
        let subscribers = self.subscribers();
        let found = subscribers.by_imsi(imsi);
        let made = match found {
            Ok(subscriber) => {
                let rules = subscriber.rules_for_wifi(access, settings);
                let amf = subscriber.amf_for_wifi(access);
                let made = self.auc.vector_by(&rules, amf, subscriber, now).await;
                made.map_err(Refused::from)
            }
            Err(why) => Err(Refused::from(why)),
        };
        self.note(now, access.name(), found.ok(), made)
    }

    /// Triplets; hostapd asks for three.
    fn triplets(
        &self,
        now: Now,
        settings: Settings,
        imsi: &Imsi,
        count: u8,
    ) -> Result<Vec<(Rand, Triplet)>, Fault> {
        let subscribers = self.subscribers();
        let found = subscribers.by_imsi(imsi);
        let made = match found {
            _ if !settings.sim => Err(Refused::new(
                ResultCode::AUTHORIZATION_REJECTED,
                "EAP-SIM is off, as a device can't tell a false network with it: let the device use EAP-AKA, or set hostapd_sim",
            )),
            Ok(subscriber) => {
                let one = |_| self.auc.triplet(subscriber, now);
                let all = (0..count.min(MAX_TRIPLETS)).map(one);
                all.collect::<Result<Vec<_>, _>>().map_err(Refused::from)
            }
            Err(why) => Err(Refused::from(why)),
        };
        self.note(now, "hostapd (EAP-SIM)", found.ok(), made)
    }

    /// Ruling 1. hostapd waits for no answer, so what is wrong is logged only.
    async fn resync_for_wifi(
        &self,
        now: Now,
        access: Access,
        imsi: &Imsi,
        (rand, auts): (&Rand, &aka::Auts),
    ) -> Result<(), Fault> {
        let subscribers = self.subscribers();
        let found = subscribers.by_imsi(imsi);
        let done = match found {
            Ok(subscriber) => self
                .auc
                .resync(subscriber, rand, auts, now)
                .await
                .map_err(Refused::from),
            Err(why) => Err(Refused::from(why)),
        };
        let event = self.event(Kind::Resynchronisation, now, access.name());
        let impi = found.ok().map(|subscriber| subscriber.impi());
        match done {
            Ok(done) => self.record_event(&Event {
                impi,
                resync: Some(done),
                ..event
            }),
            Err(Refused { fault, why }) => {
                tracing::warn!(from = access.name(), "no resynchronisation: {why}");
                let outcome = Outcome::Refused {
                    code: Some(fault.result.number()),
                    reason: &why,
                };
                // A refusal counts also unrecorded.
                let _ = self.record_event(&Event {
                    impi,
                    outcome,
                    ..event
                });
                Err(fault)
            }
        }
    }

    /// Records what was made for hostapd, or why nothing was, before it leaves.
    fn note<T>(
        &self,
        now: Now,
        peer: &str,
        subscriber: Option<&Arc<Subscriber>>,
        made: Result<T, Refused>,
    ) -> Result<T, Fault> {
        let refused = made
            .as_ref()
            .err()
            .map(|refused| (&refused.fault, refused.why.as_str()));
        if let Some((_, why)) = refused {
            tracing::warn!(from = peer, "nothing for hostapd: {why}");
        }
        self.record(now, peer, subscriber.map(|s| s.impi()), refused)?;
        made.map_err(|refused| refused.fault)
    }

    fn tell_wifi(&self, summary: impl FnOnce() -> String) {
        if self.tap.listens() {
            self.tap.message(Message {
                interface: INTERFACE,
                from: &self.config().label,
                to: "hostapd",
                summary: summary().chars().take(70).collect(),
                clause: Some(Clause::new("RFC 4187", "1")),
            });
        }
    }
}

/// What is counted, and the reason in words that stay here.
struct Refused {
    fault: Fault,
    why: String,
}

impl Refused {
    fn new(result: ResultCode, why: &'static str) -> Self {
        Self {
            fault: Fault::new(result, why),
            why: why.into(),
        }
    }
}

impl From<AucError> for Refused {
    fn from(error: AucError) -> Self {
        Self {
            fault: fault_of(&error),
            why: error.to_string(),
        }
    }
}

impl From<NotOne> for Refused {
    fn from(error: NotOne) -> Self {
        Self {
            fault: Fault::new(ResultCode::IDENTITY_UNKNOWN, error.to_string()),
            why: error.to_string(),
        }
    }
}

fn short(rand: &Rand) -> String {
    rand.to_string().chars().take(6).collect()
}

/// Looks whether all subscribers have the INDs of these settings.
///
/// # Errors
/// The first one that hasn't.
pub fn check(subscribers: &Subscribers, settings: Settings) -> Result<(), crate::subscribers::NoSuchInd> {
    match settings.inds {
        Some((_, last)) => subscribers.check_ind(last),
        None => Ok(()),
    }
}

impl Subscriber {
    /// The INDs of Wi-Fi, whatever IND the subscriber has over Zh: the last for EAP-AKA, the one before for EAP-AKA'.
    fn rules_for_wifi(&self, access: Access, settings: Settings) -> crate::sqn::SqnRules {
        let profile = self.sqn.profile;
        let own = Domain::Wlan.ind_range(profile);
        let (first, last) = settings.inds.unwrap_or((own.first(), own.last()));
        let ind = match access {
            Access::AkaPrime if first < last => last - 1,
            _ => last,
        };
        self.rules_with_ind(ind)
    }

    /// Ruling 2; an AMF that is taken as it is has no bit changed.
    fn amf_for_wifi(&self, access: Access) -> aka::Amf {
        if self.own.amf_as_is {
            self.amf
        } else {
            self.amf.with_separation_bit(access == Access::AkaPrime)
        }
    }
}

/// Answers hostapd on `socket` until `stop`, one request after the other: an AUTS counts before the request that follows
/// it. The socket's file is removed at the end.
///
/// Who doesn't read his answers loses them; nobody is waited for.
pub async fn serve<S, E>(
    socket: Socket,
    hss: Arc<Hss<S, E>>,
    access: Access,
    settings: Settings,
    mut stop: Stop,
) where
    S: SqnStore,
    E: Entropy + Send + 'static,
{
    // One more than is read: a longer datagram is cut off, and must not look whole.
    let mut room = [0; MAX_REQUEST + 1];
    loop {
        let came = tokio::select! {
            () = stop.stopped() => return,
            came = socket.receive(&mut room) => came,
        };
        let (datagram, from) = match came {
            Ok((length, from)) => (room.get(..length).unwrap_or_default(), from),
            Err(error) => {
                tracing::error!(%error, "hostapd's datagrams can't be received");
                return;
            }
        };
        if from.is_unnamed() {
            tracing::warn!("a datagram of a socket without a name, which can't be answered: nothing done");
            hss.tap.incident(Incident::Malformed);
            continue;
        }
        let watch = Stopwatch::begin(&hss.tap);
        let reply = hss.answer_hostapd(clock::now(), access, settings, datagram).await;
        if let Some(result) = reply.result {
            watch.end(&hss.tap, |took| Measure::Answered {
                interface: INTERFACE,
                result: result.number(),
                took,
            });
        }
        if let Some(text) = reply.text
            && let Err(error) = socket.answer(text.expose(), &from)
        {
            let name = from.as_pathname().unwrap_or_else(|| std::path::Path::new(""));
            tracing::warn!(to = ?name, "hostapd gets no answer: {}", socket::advice(&error));
        }
    }
}
