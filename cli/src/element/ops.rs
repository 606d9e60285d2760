//! What an operator's tools ask an element that runs: `/livez`, `/readyz`, and `/metrics` for Prometheus. Off by default.
//!
//! No label names a subscriber: labels are interfaces, and peers by the addresses of the configuration.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http::{Method, Request, Response, StatusCode, header};
use net::{
    accept::{self, Stop},
    clock,
    diameter::Client,
    http::{Bytes, Limits},
    tap::{Connection, Direction, Incident, Measure, Message, SharedTap, Tap, WireBytes},
};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use tokio::net::TcpListener;

use super::{histogram::Histogram, peers::Peers};

/// What is encoded: OpenMetrics, which Prometheus reads.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A reload that was taken, and one that wasn't; a TLS handshake likewise.
const DONE: &str = "done";
const REFUSED: &str = "refused";

/// For a few tools that ask short questions, of which none can keep the others out.
const LIMITS: Limits = Limits {
    accept: accept::Limits {
        max_connections: 64,
        max_per_address: 16,
        grace: Duration::from_secs(2),
    },
    header_timeout: Duration::from_secs(5),
    body_timeout: Duration::from_secs(5),
    write_timeout: Duration::from_secs(5),
    max_body: 0,
};

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct Interface {
    interface: &'static str,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct Peer {
    peer: String,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct Answered {
    interface: &'static str,
    result: u32,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct State {
    peer: String,
    state: &'static str,
}

/// What is counted.
struct Metrics {
    registry: Registry,
    messages: Family<Interface, Counter>,
    received: Counter,
    sent: Counter,
    peers: Family<Peer, Gauge>,
    reloads: Family<Outcome, Counter>,
    reloaded: Gauge,
    incidents: Family<Kind, Counter>,
    /// By interface: what this element answers.
    answers: Vec<(&'static str, Histogram)>,
    results: Family<Answered, Counter>,
    round_trips: Family<Peer, Histogram>,
    handshakes: Family<Outcome, Histogram>,
    connections: Gauge,
    states: Family<State, Gauge>,
}

impl Metrics {
    fn new(element: &str, start: i64) -> Self {
        let mut registry = Registry::with_prefix("gba");
        let (messages, peers) = (Family::default(), Family::default());
        let (received, sent) = (Counter::default(), Counter::default());
        let incidents = Family::<Kind, Counter>::default();
        let (reloads, reloaded) = (Family::<Outcome, Counter>::default(), Gauge::default());
        // From zero on, so that the first one is seen to be one more.
        for incident in Incident::ALL {
            drop(incidents.get_or_create(&Kind {
                kind: incident.name(),
            }));
        }
        for result in [DONE, REFUSED] {
            drop(reloads.get_or_create(&Outcome { result }));
        }
        let started: Gauge = Gauge::default();
        started.set(start);
        registry.register(
            "messages_sent",
            "Protocol messages that this element sent",
            messages.clone(),
        );
        registry.register(
            "received_bytes",
            "Octets that came over sockets",
            received.clone(),
        );
        registry.register("sent_bytes", "Octets that went over sockets", sent.clone());
        registry.register(
            "peer_up",
            "1 while the Diameter connection to that peer is open, else 0",
            peers.clone(),
        );
        registry.register(
            "incidents",
            "What came from outside and was dropped or refused",
            incidents.clone(),
        );
        let served: &[_] = match element {
            "hss" => &["Zh", "EAP"],
            "bsf" => &["Ub", "Zn"],
            _ => &["Ua"],
        };
        let answers = served.iter().map(|interface| (*interface, Histogram::default()));
        let answers: Vec<_> = answers.collect();
        for (interface, histogram) in &answers {
            registry.register_with_unit(
                format!("{}_request_duration", interface.to_lowercase()),
                format!("From a whole request on {interface} to its answer"),
                Unit::Seconds,
                histogram.clone(),
            );
        }
        let (results, round_trips, handshakes) = (Family::default(), Family::default(), Family::default());
        let (connections, states) = (Gauge::default(), Family::default());
        registry.register(
            "answers",
            "Requests that this element answered, by HTTP status or Diameter result code",
            results.clone(),
        );
        registry.register_with_unit(
            "diameter_round_trip_duration",
            "From a Diameter request of this element to its answer",
            Unit::Seconds,
            round_trips.clone(),
        );
        registry.register_with_unit(
            "tls_handshake_duration",
            "TLS handshakes from begin to end",
            Unit::Seconds,
            handshakes.clone(),
        );
        registry.register(
            "connections_open",
            "Connections that this element has accepted and that are open",
            connections.clone(),
        );
        registry.register(
            "peer_state",
            "1 for the state of the Diameter connection to that peer as the watchdog sees it, else 0",
            states.clone(),
        );
        registry.register(
            "reloads",
            "Times that the configuration was read again, and whether it was taken",
            reloads.clone(),
        );
        registry.register(
            "last_reload_success_timestamp_seconds",
            "When it was last taken, since 1970; at first the start",
            reloaded.clone(),
        );
        reloaded.set(start);
        registry.register(
            "start_time_seconds",
            "When this element started, since 1970",
            started,
        );
        Self {
            registry,
            messages,
            received,
            sent,
            peers,
            reloads,
            reloaded,
            incidents,
            answers,
            results,
            round_trips,
            handshakes,
            connections,
            states,
        }
    }
}

/// A tap that counts what it hands on. An element that serves has no card, so there are no APDUs.
struct Counting {
    inner: SharedTap,
    metrics: Arc<Metrics>,
}

impl Tap for Counting {
    fn message(&self, message: Message<'_>) {
        let interface = Interface {
            interface: message.interface,
        };
        self.metrics.messages.get_or_create(&interface).inc();
        if self.inner.listens() {
            self.inner.message(message);
        }
    }

    fn octets(&self, connection: &Connection, direction: Direction, octets: WireBytes<'_>) {
        let counter = match direction {
            Direction::Received => &self.metrics.received,
            Direction::Sent => &self.metrics.sent,
        };
        counter.inc_by(octets.len() as u64);
        self.inner.octets(connection, direction, octets);
    }

    fn incident(&self, incident: Incident) {
        let kind = incident.name();
        self.metrics.incidents.get_or_create(&Kind { kind }).inc();
    }

    fn measures(&self) -> bool {
        true
    }

    fn measure(&self, measure: Measure<'_>) {
        let metrics = &self.metrics;
        match measure {
            Measure::Answered {
                interface,
                result,
                took,
            } => {
                if let Some((_, histogram)) = metrics.answers.iter().find(|(name, _)| *name == interface) {
                    histogram.observe(took);
                }
                let answered = Answered { interface, result };
                metrics.results.get_or_create(&answered).inc();
            }
            Measure::RoundTrip { peer, took } => {
                let peer = Peer {
                    peer: peer.to_owned(),
                };
                metrics.round_trips.get_or_create(&peer).observe(took);
            }
            Measure::Handshake { done, took } => {
                let result = if done { DONE } else { REFUSED };
                metrics
                    .handshakes
                    .get_or_create(&Outcome { result })
                    .observe(took);
            }
            Measure::Opened => drop(metrics.connections.inc()),
            Measure::Closed => drop(metrics.connections.dec()),
            _ => {}
        }
    }

    fn ended(&self, connection: &Connection, direction: Direction) {
        self.inner.ended(connection, direction);
    }

    fn endpoint(&self, address: SocketAddr, label: &str) {
        self.inner.endpoint(address, label);
    }

    fn tls_secret(&self, line: &str) {
        self.inner.tls_secret(line);
    }
}

/// The operator's listener of an element.
pub(super) struct Ops {
    listener: TcpListener,
    metrics: Arc<Metrics>,
}

impl Ops {
    pub(super) fn new(element: &str, listener: TcpListener) -> Self {
        Self {
            listener,
            metrics: Arc::new(Metrics::new(element, clock::now().utc.0)),
        }
    }

    /// The same tap, counted.
    pub(super) fn counting(&self, inner: SharedTap) -> SharedTap {
        Arc::new(Counting {
            inner,
            metrics: Arc::clone(&self.metrics),
        })
    }

    /// Where reloads are counted.
    pub(super) fn reloads(&self) -> Reloads {
        Reloads(Arc::clone(&self.metrics))
    }

    /// Answers until the stop. `peers`: whom this element needs, of which one is enough.
    pub(super) async fn serve(self, peers: Peers, stop: Stop) {
        let metrics = self.metrics;
        let service = move |request: Request<Bytes>, _| {
            let answer = answer(&metrics, &peers.clients(), &request);
            std::future::ready(answer)
        };
        net::http::serve(self.listener, LIMITS, service, stop).await;
    }
}

/// Counts reloads.
pub(super) struct Reloads(Arc<Metrics>);

impl Reloads {
    pub(super) fn count(&self, done: bool) {
        let result = if done { DONE } else { REFUSED };
        self.0.reloads.get_or_create(&Outcome { result }).inc();
        if done {
            self.0.reloaded.set(clock::now().utc.0);
        }
    }
}

fn answer(metrics: &Metrics, peers: &[Client], request: &Request<Bytes>) -> Response<Bytes> {
    let plain = |status, body: &str| response(status, "text/plain; charset=utf-8", body.to_owned());
    if request.method() != Method::GET {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET here\n");
    }
    match request.uri().path() {
        "/livez" => plain(StatusCode::OK, "ok\n"),
        "/readyz" if peers.is_empty() || peers.iter().any(Client::is_open) => plain(StatusCode::OK, "ok\n"),
        "/readyz" => {
            let down: Vec<_> = peers.iter().map(Client::peer).collect();
            let body = format!("no connection to {}\n", down.join(", "));
            plain(StatusCode::SERVICE_UNAVAILABLE, &body)
        }
        "/metrics" => {
            // Those that a reload has removed are none any more.
            metrics.peers.clear();
            metrics.states.clear();
            for client in peers {
                let peer = Peer {
                    peer: client.peer().to_owned(),
                };
                let up = i64::from(client.is_open());
                metrics.peers.get_or_create(&peer).set(up);
                let now = client.state();
                for state in ["open", "reopened", "suspect", "down"] {
                    let labels = State {
                        peer: peer.peer.clone(),
                        state,
                    };
                    metrics.states.get_or_create(&labels).set(i64::from(state == now));
                }
            }
            let mut text = String::new();
            match encode(&mut text, &metrics.registry) {
                Ok(()) => response(StatusCode::OK, OPEN_METRICS, text),
                Err(_) => plain(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the metrics couldn't be written\n",
                ),
            }
        }
        _ => plain(StatusCode::NOT_FOUND, "here are /livez, /readyz and /metrics\n"),
    }
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
