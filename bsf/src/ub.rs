//! Towards UEs (TS 24.109 4): loads, decides, commits, answers. Every rule is in [`gba::ub::server`].

use std::{borrow::Cow, sync::Arc, time::Duration};

use base::{Clause, Entropy, Now};
use bytes::Bytes;
use gba::{
    audit::{Event, Kind, NotRecorded, Outcome as Audited, SharedAudit},
    ub::server::{
        AddressKey, Answer, Asked, Config, Decision, Found, Outcome, Request, Said, Session, decide,
    },
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use net::{
    accept::Stop,
    entropy::OsEntropy,
    http::{Limits, PeerInfo},
    tap::{self, Measure, SharedTap, Stopwatch},
};
use tokio::net::TcpListener;

use crate::{
    sessions::{Refused, Sessions},
    sources::VectorSource,
};

/// Ub of one BSF. Cheap calls: [`Self::handle`] may be called from any number of tasks at once.
pub struct Ub<S, V, E = OsEntropy> {
    config: Config,
    sessions: Arc<S>,
    source: V,
    clock: fn() -> Now,
    entropy: E,
    tap: SharedTap,
    audit: Option<SharedAudit>,
    label: String,
    ue_label: String,
}

impl<S: Sessions, V: VectorSource> Ub<S, V> {
    /// With the system's clock and randomness. Nobody listens on its tap.
    #[must_use]
    pub fn new(config: Config, sessions: Arc<S>, source: V) -> Self {
        Self {
            config,
            sessions,
            source,
            clock: net::clock::now,
            entropy: OsEntropy,
            tap: tap::none(),
            audit: None,
            label: "BSF".into(),
            ue_label: "UE".into(),
        }
    }
}

impl<S: Sessions, V: VectorSource, E: Entropy + Clone + Send + Sync + 'static> Ub<S, V, E> {
    /// With a clock of one's own, for simulations.
    #[must_use]
    pub fn with_clock(mut self, clock: fn() -> Now) -> Self {
        self.clock = clock;
        self
    }

    /// With randomness of one's own, for laboratories: each request clones it.
    #[must_use]
    pub fn with_entropy<F: Entropy + Clone + Send + Sync + 'static>(self, entropy: F) -> Ub<S, V, F> {
        let Self {
            config,
            sessions,
            source,
            clock,
            tap,
            audit,
            label,
            ue_label,
            ..
        } = self;
        Ub {
            config,
            sessions,
            source,
            clock,
            entropy,
            tap,
            audit,
            label,
            ue_label,
        }
    }

    /// Tells each answer to `tap`.
    #[must_use]
    pub fn with_tap(mut self, tap: SharedTap) -> Self {
        self.tap = tap;
        self
    }

    /// Records each bootstrapping, and each that failed, there, before its answer leaves.
    #[must_use]
    pub fn with_audit(mut self, audit: Option<SharedAudit>) -> Self {
        self.audit = audit;
        self
    }

    /// Its own name and the UE's in the laboratory; `BSF` and `UE` by default.
    #[must_use]
    pub fn with_labels(mut self, own: impl Into<String>, ue: impl Into<String>) -> Self {
        (self.label, self.ue_label) = (own.into(), ue.into());
        self
    }

    /// The settings.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The store, which Zn shares.
    pub const fn sessions(&self) -> &Arc<S> {
        &self.sessions
    }

    /// Answers one HTTP request: the service of [`net::http::serve`], and what a benchmark calls without sockets.
    pub async fn handle(&self, request: http::Request<Bytes>, peer: PeerInfo) -> http::Response<Bytes> {
        self.respond(&request, &peer).await
    }

    /// By reference: what a future has by value it has twice, and the server moves it.
    async fn respond(&self, request: &http::Request<Bytes>, peer: &PeerInfo) -> http::Response<Bytes> {
        let text = |name: HeaderName| {
            let mut fields = request.headers().get_all(name).iter();
            let mut joined = as_text(fields.next()?);
            for more in fields {
                joined += ", ";
                joined += as_text(more);
            }
            Some(joined)
        };
        let mut hosts = request.headers().get_all(header::HOST).iter();
        // RFC 9112 3.2.2: the authority of an absolute target stands above Host. Several never stand for one.
        let host = match (request.uri().authority(), hosts.next(), hosts.next()) {
            (Some(authority), _, None) => Some(authority.as_str()),
            (None, Some(host), None) => host.to_str().ok(),
            _ => None,
        };
        let authorization = text(header::AUTHORIZATION);
        let user_agent = text(header::USER_AGENT);
        let answer = self
            .answer(
                Request {
                    method: request.method().as_str(),
                    uri: request.uri().path_and_query().map_or("/", |p| p.as_str()),
                    host,
                    authorization: authorization.as_deref(),
                    user_agent: user_agent.as_deref(),
                    body: request.body(),
                    address: AddressKey::from(peer.connection.peer.ip()),
                },
                peer,
            )
            .await;
        to_http(answer)
    }

    /// Answers one request that isn't HTTP yet or any more; tells the answer to the tap and the log.
    pub async fn answer(&self, request: Request<'_>, peer: &PeerInfo) -> Answer {
        let watch = Stopwatch::begin(&self.tap);
        let mut answer = match Asked::read(&self.config, request) {
            Ok(asked) => {
                let answer = self.serve(&asked, request.address, peer).await;
                if let Some(reason) = refused(answer.outcome) {
                    let code = Some(answer.status.into());
                    // A refusal leaves also unrecorded.
                    let _ = self.record(peer, |event| Event {
                        impi: Some(&asked.impi),
                        outcome: Audited::Refused { code, reason },
                        ..event
                    });
                }
                answer
            }
            Err(refusal) => *refusal,
        };
        if let Some(note) = answer.note.take() {
            tracing::warn!(outcome = ?answer.outcome, peer = %peer.connection.peer, "Ub: {note}");
        } else {
            tracing::debug!(outcome = ?answer.outcome, status = answer.status, "Ub");
        }
        if self.tap.listens() {
            self.tap.message(tap::Message {
                interface: "Ub",
                from: &self.label,
                to: &self.ue_label,
                summary: answer.summary(),
                clause: Some(answer.clause),
            });
        }
        watch.end(&self.tap, |took| Measure::Answered {
            interface: "Ub",
            result: answer.status.into(),
            took,
        });
        answer
    }

    /// Does what the decisions say until one is an answer (see the table in [`gba::ub::server`]).
    async fn serve(&self, asked: &Asked<'_>, address: AddressKey, peer: &PeerInfo) -> Answer {
        let (config, sessions) = (&self.config, &*self.sessions);
        let mut entropy = self.entropy.clone();
        let mut found = Found::Start;
        // Consume, recall, three vectors and what they lead to: fewer than that.
        for _ in 0..32 {
            let now = (self.clock)();
            found = match decide(config, asked, found, now, &mut entropy) {
                Decision::Consume => {
                    let nonce = asked.nonce().unwrap_or_default();
                    let open = sessions.consume_challenge(&asked.impi, nonce, now).await;
                    Found::Consumed(open, peer.strikes())
                }
                Decision::Recall => Found::Recalled(sessions.unanswered(&asked.impi, address, now).await),
                Decision::Fetch(fetch, wrong) => {
                    if wrong {
                        let _ = peer.strike();
                    }
                    if !sessions.has_room(now).await {
                        found = Found::Full;
                        continue;
                    }
                    let (per_impi, per_address) = (config.per_impi, config.per_address);
                    let token = if fetch.needs_token() {
                        sessions
                            .take_token(&asked.impi, address, per_impi, per_address, now.mono)
                            .await
                    } else {
                        Ok(())
                    };
                    match token {
                        Ok(()) => Found::Vector(fetch, self.source.fetch(&asked.impi, fetch.resync).await),
                        Err(wait) => Found::Exhausted(wait),
                    }
                }
                Decision::Open(open, fetch, answer) => {
                    match sessions
                        .open_challenge((*open).into(), config.challenge_life, now)
                        .await
                    {
                        Ok(()) => return *answer,
                        Err(Refused::InUse) => Found::InUse(fetch),
                        Err(Refused::Full) => Found::Full,
                    }
                }
                Decision::Issue(session, fetch, answer) => {
                    let session: Arc<Session> = (*session).into();
                    match sessions.issue_btid(Arc::clone(&session), now).await {
                        Ok(()) => return self.issued(&session, *answer, peer).await,
                        Err(Refused::InUse) => Found::InUse(fetch),
                        Err(Refused::Full) => Found::Full,
                    }
                }
                Decision::Done(answer, wrong) => {
                    if wrong {
                        let _ = peer.strike();
                    }
                    return *answer;
                }
            };
        }
        unreachable_end()
    }

    /// The answer that brings a B-TID, once it is recorded.
    async fn issued(&self, session: &Session, answer: Answer, peer: &PeerInfo) -> Answer {
        let recorded = self.record(peer, |event| Event {
            impi: Some(&session.impi),
            btid: Some(&session.btid),
            bootstrapped: Some(session.created),
            expiry: Some(session.expiry),
            ..event
        });
        match recorded {
            Ok(()) => answer,
            Err(NotRecorded) => {
                self.sessions.revoke(&session.btid).await;
                Answer::not_recorded()
            }
        }
    }

    fn record<'a>(
        &'a self,
        peer: &PeerInfo,
        fill: impl FnOnce(Event<'a>) -> Event<'a>,
    ) -> Result<(), NotRecorded> {
        let Some(audit) = &self.audit else { return Ok(()) };
        let (at, address) = ((self.clock)().utc, peer.connection.peer.to_string());
        let event = Event::new(Kind::Bootstrapping, at, self.config.bsf.as_str(), "");
        let event = fill(event);
        audit.record(&Event {
            peer: &address,
            ..event
        })
    }
}

/// Why a bootstrapping failed, for the audit log; `None` for what is no end of one. What costs whoever asks nothing
/// (429, 400, 503 for want of room) isn't recorded: anybody could fill the log with it.
const fn refused(outcome: Outcome) -> Option<&'static str> {
    Some(match outcome {
        Outcome::WrongResponse => "wrong response",
        Outcome::RefusedAfterWrong => "wrong response, the last one on this connection",
        Outcome::MacFailureReported => "the card refused the MAC",
        Outcome::UnknownImpi => "the HSS does not know this IMPI",
        Outcome::BadAuts => "the HSS refused the AUTS",
        Outcome::SourceDown => "no vector: the HSS cannot be asked, or its answer is of no use",
        Outcome::RandRepeated => "the HSS repeats its RAND",
        _ => return None,
    })
}

/// The decisions end by themselves; should a mistake make them not, the UE is told to come back.
fn unreachable_end() -> Answer {
    tracing::error!("Ub: the decisions didn't end: a mistake in this program");
    Answer {
        status: 503,
        headers: vec![("Retry-After", "5".to_owned())],
        body: Vec::new(),
        outcome: Outcome::Full,
        said: Said::Words("503".to_owned()),
        clause: Clause::new("TS 24.109", "4.3"),
        note: None,
    }
}

/// A header's value; what isn't UTF-8 in it becomes U+FFFD.
fn as_text(value: &HeaderValue) -> Cow<'_, str> {
    let octets = value.as_bytes();
    std::str::from_utf8(octets).map_or_else(|_| String::from_utf8_lossy(octets), Cow::Borrowed)
}

fn to_http(answer: Answer) -> http::Response<Bytes> {
    let mut response = http::Response::new(Bytes::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in answer.headers {
        // A value that can't stand in a header is left out: what the UE sent is checked for control characters.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.append(name, value);
        }
    }
    headers.insert(header::SERVER, HeaderValue::from_static("gba-bsf"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if answer.outcome == Outcome::RefusedAfterWrong {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Serves Ub on a listener until `stop`. Challenges and sessions end by themselves as requests come; a slow tick ends
/// them where none come.
pub async fn serve_ub<S, V, E>(listener: TcpListener, limits: Limits, ub: Arc<Ub<S, V, E>>, stop: Stop)
where
    S: Sessions,
    V: VectorSource,
    E: Entropy + Clone + Send + Sync + 'static,
{
    let ticking = Arc::clone(&ub);
    let tick = async {
        loop {
            tokio::time::sleep(Duration::from_secs(30)).await;
            let counts = ticking.sessions.counts((ticking.clock)()).await;
            tracing::debug!(?counts, "BSF");
        }
    };
    let tap = Arc::clone(&ub.tap);
    let service = move |request, peer| {
        let ub = Arc::clone(&ub);
        async move { ub.respond(&request, &peer).await }
    };
    tokio::select! {
        () = net::http::serve_tapped(listener, limits, tap, service, stop) => {}
        () = tick => {}
    }
}

#[cfg(test)]
mod tests;
