//! HTTP requests authenticated with NAF keys (TS 24.109 clause 5).
//!
//! * [`Gate`]: the whole of it for plain functions: [`Gate::guard`] fits into [`net::http::serve`];
//! * [`AuthenticateLayer`], [`Authenticate`]: the same as a tower layer, for axum and any other tower stack;
//! * [`Authenticated`]: what the service finds in the request's extensions.
//!
//! What is decided is decided in [`gba::ua::server`]; here are the key source, the clock and the replay table.

mod layer;
#[cfg(test)]
mod tests;

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use base::{Clause, Entropy as _, NoEntropy, Now, Secret, Utc};
use bytes::Bytes;
use gba::{
    audit::{Event, Kind, NotRecorded, Outcome, SharedAudit},
    ids::{Btid, Impi, NafId, UaId},
    ua::server::{
        Accepted, Config, Context, Decision, KeyAnswer, Pending, Reason, Refusal, ReplayTable, Verdict,
        decide,
    },
};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use net::{
    entropy::OsEntropy,
    http::PeerInfo,
    tap::{Measure, Message, SharedTap, Stopwatch},
};

pub use self::layer::{Authenticate, AuthenticateLayer};
use crate::{KeyError, KeySource, NafKey};

/// Most nonces in use that are remembered.
const REPLAY_CAPACITY: usize = 65_536;
const AUTHENTICATION: Clause = Clause::new("TS 24.109", "5.2");

/// Who a request comes from: the service finds it in the request's extensions.
#[derive(Clone, Debug)]
pub struct Authenticated {
    /// The name of the bootstrapping session.
    pub btid: Btid,
    /// The subscriber, where the BSF lets this NAF know (ruling 22).
    pub impi: Option<Impi>,
    /// Under which name and protocol the NAF was asked.
    pub naf_id: NafId,
    /// When the key ends: nothing that rests on it may live longer.
    pub expiry: Utc,
    /// The user security settings, an `ussList` document, where the BSF sent any.
    pub uss: Option<Vec<u8>>,
}

/// Answers challenges and lets in who has the key. Clones share nonces and the replay table.
pub struct Gate<K>(Arc<Inner<K>>);

impl<K> Clone for Gate<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Inner<K> {
    keys: K,
    config: Config,
    secret: Secret<32>,
    replay: Mutex<ReplayTable>,
    clock: fn() -> Now,
    tap: SharedTap,
    audit: Option<SharedAudit>,
    label: String,
    peer: String,
}

/// An authenticated request on its way through the service.
struct Pass {
    accepted: Box<Accepted>,
    /// HEAD: the answer's body stays here, so the proof is over an empty one.
    no_body: bool,
}

impl<K: KeySource> Gate<K> {
    /// A gate before the names of `config`, whose keys `keys` has.
    ///
    /// # Errors
    /// [`NoEntropy`] if there is none for the key under its nonces.
    pub fn new(keys: K, config: Config) -> Result<Self, NoEntropy> {
        Ok(Self(Arc::new(Inner {
            keys,
            config,
            secret: Secret::new(OsEntropy.array()?),
            replay: Mutex::new(ReplayTable::new(REPLAY_CAPACITY)),
            clock: net::clock::now,
            tap: net::tap::none(),
            audit: None,
            label: "NAF".to_owned(),
            peer: "UE".to_owned(),
        })))
    }

    /// Tells its answers to a tap, under this label and with the device under that one. To be called before the first
    /// clone; later it changes nothing.
    #[must_use]
    pub fn with_tap(self, tap: SharedTap, label: impl Into<String>, peer: impl Into<String>) -> Self {
        let (label, peer) = (label.into(), peer.into());
        self.change(|inner| (inner.tap, inner.label, inner.peer) = (tap, label, peer))
    }

    /// Records each session that begins, and each device that was refused, there, before the answer leaves. To be called
    /// before the first clone; later it changes nothing.
    ///
    /// A session is what one device does with one nonce: its first request is recorded.
    #[must_use]
    pub fn with_audit(self, audit: Option<SharedAudit>) -> Self {
        self.change(|inner| inner.audit = audit)
    }

    /// Another clock, for tests and simulation. To be called before the first clone; later it changes nothing.
    #[must_use]
    pub fn with_clock(self, clock: fn() -> Now) -> Self {
        self.change(|inner| inner.clock = clock)
    }

    fn change(mut self, change: impl FnOnce(&mut Inner<K>)) -> Self {
        // A gate that is shared already has begun to work, and stays as it is.
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            change(inner);
        }
        self
    }

    /// Has the service answer an authenticated request, which has [`Authenticated`] in its extensions and no
    /// `Authorization` any more; proves the answer with `Authentication-Info`. Refuses any other request itself.
    ///
    /// The [`PeerInfo`] of the connection, if it is among the request's extensions, names the device's address in the
    /// audit log.
    ///
    /// Under TLS with a certificate, who terminates it puts the [`UaId`] of the connection's suite into the
    /// request's extensions; without one the request counts as plain HTTP (01 00 00 00 02).
    pub async fn guard<F>(
        &self,
        request: Request<Bytes>,
        service: impl FnOnce(Request<Bytes>) -> F,
    ) -> Response<Bytes>
    where
        F: Future<Output = Response<Bytes>>,
    {
        let tap = &self.0.tap;
        let watch = Stopwatch::begin(tap);
        let response = match self.admit(request).await {
            Ok((request, pass)) => self.prove(&pass, service(request).await),
            Err(refusal) => refusal,
        };
        let result = response.status().as_u16().into();
        watch.end(tap, |took| Measure::Answered {
            interface: "Ua",
            result,
            took,
        });
        response
    }

    /// Authenticates a request, or gives the answer that refuses it.
    async fn admit(&self, request: Request<Bytes>) -> Result<(Request<Bytes>, Pass), Response<Bytes>> {
        let inner = &*self.0;
        let view = View::of(&request).ok_or_else(|| {
            respond(
                StatusCode::BAD_REQUEST,
                "header fields must be text, at most one Host",
            )
        })?;
        let pending = match inner.decide(&view.request()) {
            Ok(Decision::NeedKey(pending)) => pending,
            Ok(Decision::Refuse(refusal)) => return Err(inner.refuse(&refusal)),
            Err(NoEntropy) => return Err(respond(StatusCode::INTERNAL_SERVER_ERROR, "no randomness")),
        };
        let address = request.extensions().get::<PeerInfo>();
        let address = address.map(|peer| peer.connection.peer.ip());
        let key = inner
            .keys
            .key_for(pending.btid(), pending.naf_id(), address)
            .await;
        let asked = inner.audit.is_some().then(|| {
            let peer = request.extensions().get::<PeerInfo>();
            let peer = peer.map_or_else(String::new, |peer| peer.connection.peer.to_string());
            (pending.btid().clone(), pending.naf_id().clone(), peer)
        });
        let verdict = inner.verify(*pending, &view.request(), &key);
        if let (Ok(verdict), Some((btid, naf_id, peer))) = (&verdict, &asked) {
            let event = Event {
                btid: Some(btid),
                naf_id: Some(naf_id),
                ..Event::new(Kind::Session, (inner.clock)().utc, naf_id.fqdn().as_str(), peer)
            };
            if let Err(NotRecorded) = inner.record(event, verdict, &key) {
                return Err(respond(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "this NAF cannot account for another session just now",
                ));
            }
        }
        match verdict {
            Ok(Verdict::Accept(accepted)) => {
                drop(view);
                let (Ok(key), no_body) = (key, request.method() == Method::HEAD) else {
                    return Err(respond(StatusCode::INTERNAL_SERVER_ERROR, "no key"));
                };
                Ok((admitted(request, &accepted, &key), Pass { accepted, no_body }))
            }
            Ok(Verdict::Refuse(refusal)) => Err(inner.refuse(&refusal)),
            Err(NoEntropy) => Err(respond(StatusCode::INTERNAL_SERVER_ERROR, "no randomness")),
        }
    }

    fn prove(&self, pass: &Pass, mut response: Response<Bytes>) -> Response<Bytes> {
        let body = if pass.no_body {
            &[][..]
        } else {
            response.body().as_ref()
        };
        let info = pass.accepted.authentication_info(body);
        let qop = pass.accepted.qop().map_or("", |q| q.as_str());
        self.0.tell(format!(
            "{} proven by rspauth, qop {qop}",
            response.status().as_u16()
        ));
        match HeaderValue::from_str(&info) {
            Ok(value) => {
                response
                    .headers_mut()
                    .insert(header::HeaderName::from_static("authentication-info"), value);
                response
            }
            Err(_) => respond(StatusCode::INTERNAL_SERVER_ERROR, "no proof could be made"),
        }
    }
}

impl<K> Inner<K> {
    fn decide(&self, request: &gba::ua::server::Request<'_>) -> Result<Decision, NoEntropy> {
        decide(&mut self.context(&mut OsEntropy), request)
    }

    fn verify(
        &self,
        pending: Pending,
        request: &gba::ua::server::Request<'_>,
        key: &Result<Arc<NafKey>, KeyError>,
    ) -> Result<Verdict, NoEntropy> {
        let answer = match key {
            Ok(key) => KeyAnswer::Key {
                ks_naf: &key.ks_naf,
                expiry: key.expiry,
            },
            Err(KeyError::Unknown) => KeyAnswer::Unknown,
            Err(KeyError::NotAuthorized) => KeyAnswer::NotAuthorized,
            Err(KeyError::TooMany(wait)) => {
                KeyAnswer::TooMany(u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX))
            }
            Err(e) => {
                tracing::warn!(error = %e, "no NAF key could be had");
                KeyAnswer::Unavailable
            }
        };
        // A panic elsewhere can't leave the table half changed: each change is one insertion.
        let mut replay = self.replay.lock().unwrap_or_else(PoisonError::into_inner);
        pending.verify(&mut self.context(&mut OsEntropy), request, &answer, &mut replay)
    }

    /// The error means that the session must not begin.
    fn record(
        &self,
        event: Event<'_>,
        verdict: &Verdict,
        key: &Result<Arc<NafKey>, KeyError>,
    ) -> Result<(), NotRecorded> {
        let Some(audit) = &self.audit else { return Ok(()) };
        let key = key.as_ref().ok();
        let event = Event {
            impi: key.and_then(|key| key.impi.as_ref()),
            expiry: key.map(|key| key.expiry),
            ..event
        };
        match verdict {
            Verdict::Accept(accepted) if accepted.begins_session() => audit.record(&event),
            Verdict::Accept(_) => Ok(()),
            Verdict::Refuse(refusal) => {
                // The client repeats it with the new nonce.
                if refusal.reason != Reason::Stale {
                    // A refusal leaves also unrecorded.
                    let _ = audit.record(&Event {
                        outcome: Outcome::Refused {
                            code: Some(refusal.status().into()),
                            reason: &refusal.text,
                        },
                        ..event
                    });
                }
                Ok(())
            }
        }
    }

    fn context<'a>(&'a self, entropy: &'a mut OsEntropy) -> Context<'a> {
        Context {
            config: &self.config,
            secret: &self.secret,
            now: (self.clock)(),
            entropy,
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Response<Bytes> {
        tracing::info!(status = refusal.status(), reason = %refusal.text, "request refused");
        self.tell(match refusal.reason {
            Reason::NoCredentials => format!("401 challenge for 3GPP-bootstrapping{}", offer(refusal)),
            reason => format!("{} {reason}", refusal.status()),
        });
        let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = respond(status, &refusal.text);
        for (name, value) in &refusal.headers {
            if let (Ok(name), Ok(value)) = (
                header::HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_str(value),
            ) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }

    fn tell(&self, summary: String) {
        self.tap.message(Message {
            interface: "Ua",
            from: &self.label,
            to: &self.peer,
            summary: crate::summary(summary),
            clause: Some(AUTHENTICATION),
        });
    }
}

/// What a challenge offers, for the tap.
fn offer(refusal: &Refusal) -> String {
    let challenge = refusal
        .headers
        .first()
        .and_then(|(_, value)| value.parse::<gba::digest::Challenge>().ok());
    challenge
        .map(|c| {
            let qop: Vec<&str> = c.qop.iter().map(|q| q.as_str()).collect();
            format!(", {}, qop {}", c.algorithm, qop.join(" or "))
        })
        .unwrap_or_default()
}

/// A request as the decision sees it, with what it borrows.
struct View<'a> {
    target: &'a str,
    host: Option<&'a str>,
    user_agent: Option<&'a str>,
    authorization: Vec<&'a str>,
    method: &'a str,
    body: &'a [u8],
    ua: UaId,
}

impl<'a> View<'a> {
    /// `None` if a field that counts isn't text.
    fn of(request: &'a Request<Bytes>) -> Option<Self> {
        let texts = |name| -> Option<Vec<&'a str>> {
            request
                .headers()
                .get_all(name)
                .iter()
                .map(|v| v.to_str().ok())
                .collect()
        };
        let hosts = texts(header::HOST)?;
        // RFC 9112 3.2.2: the authority of an absolute target stands above Host.
        let host = match (request.uri().authority(), hosts.as_slice()) {
            (Some(authority), [] | [_]) => Some(authority.as_str()),
            (None, [host]) => Some(*host),
            _ => None,
        };
        Some(Self {
            target: request.uri().path_and_query().map_or("/", |t| t.as_str()),
            host,
            user_agent: request
                .headers()
                .get(header::USER_AGENT)
                .and_then(|v| v.to_str().ok()),
            authorization: texts(header::AUTHORIZATION)?,
            method: request.method().as_str(),
            body: request.body(),
            ua: request.extensions().get().copied().unwrap_or(UaId::HTTP_DIGEST),
        })
    }

    fn request(&self) -> gba::ua::server::Request<'_> {
        gba::ua::server::Request {
            method: self.method,
            target: self.target,
            host: self.host,
            user_agent: self.user_agent,
            authorization: &self.authorization,
            body: self.body,
            ua: self.ua,
        }
    }
}

fn admitted(mut request: Request<Bytes>, accepted: &Accepted, key: &NafKey) -> Request<Bytes> {
    request.headers_mut().remove(header::AUTHORIZATION);
    request.extensions_mut().insert(Authenticated {
        btid: accepted.btid().clone(),
        impi: key.impi.clone(),
        naf_id: accepted.naf_id().clone(),
        expiry: key.expiry,
        uss: key.uss.clone(),
    });
    request
}

fn respond(status: StatusCode, text: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(format!("{text}\n")));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}
