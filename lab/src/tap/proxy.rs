//! The sockets on both sides of a tap, and what is told of what passes.
//!
//! A connection to the listener makes one to the target; each direction is cut into messages, judged by the rules, told, and
//! passed on. A message that is held doesn't hold up the others of Diameter, as answers find their requests by their
//! identifiers; HTTP keeps its order. `connection` has the work on one connection, `side` the streams and how they are
//! protected.

mod connection;
mod side;
#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use base::{Clause, SecretBytes};
use net::{
    accept::{self, Stop},
    tap::SharedTap,
};
use tokio::{net::TcpListener, sync::mpsc};

pub use side::{Calling, Keyed, Listening};

use super::{
    Direction, Interface, Passing,
    cut::{Cutter, Exchanges, Protocol},
    engine::{Engine, Mark},
    http::Parts,
    rule::Rules,
    say,
};

/// Lines that may wait to be printed.
pub const CAPACITY: usize = 8192;

/// Every bound of a tap. Those of messages are in [`super::cut`], those of rules in [`super::rule`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Connections.
    pub accept: accept::Limits,
    /// For the connection to the target.
    pub connect: Duration,
    /// For each handshake.
    pub handshake: Duration,
    /// How long a peer may refuse to take octets.
    pub stall: Duration,
    /// How long nothing may pass; Diameter's watchdog is far quicker.
    pub idle: Duration,
    /// How long the answer to a repeated request of HTTP is awaited.
    pub replay: Duration,
    /// Messages of one connection that are held or wait for their repetition at once.
    pub held: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            accept: accept::Limits {
                max_connections: 256,
                max_per_address: 256,
                grace: Duration::from_millis(200),
            },
            connect: Duration::from_secs(5),
            handshake: Duration::from_secs(10),
            stall: Duration::from_secs(10),
            idle: Duration::from_secs(600),
            replay: Duration::from_secs(10),
            held: 1024,
        }
    }
}

/// What a tap is given.
pub struct Config {
    /// What passes.
    pub interface: Interface,
    /// `host:port` of the target.
    pub target: String,
    /// How the listener's connections are protected.
    pub listening: Listening,
    /// How the target's are.
    pub calling: Calling,
    /// Bounds.
    pub limits: Limits,
    /// Sees the octets on both sides.
    pub tap: SharedTap,
    /// Whether [`Shown::full`] is wanted.
    pub verbose: bool,
    /// Whether keys may be shown in it.
    pub secrets: bool,
}

/// What is told.
pub enum Event {
    /// A message.
    Message(Box<Shown>),
    /// Something about a connection.
    Note {
        /// Since the first that was told.
        at: Duration,
        /// Which connection, from 1.
        connection: u64,
        /// What.
        text: String,
    },
}

/// A message, as it is told.
#[derive(Clone)]
pub struct Shown {
    /// Since the first that was told.
    pub at: Duration,
    /// Which connection, from 1.
    pub connection: u64,
    /// What passes.
    pub interface: Interface,
    /// Which way.
    pub direction: Direction,
    /// `MAR`, `GET`, `401`.
    pub name: String,
    /// What it says.
    pub summary: String,
    /// What it says after a rule has altered it.
    pub became: Option<String>,
    /// Where it is described.
    pub clause: Option<Clause>,
    /// The rules that matched, by name, and what each did.
    pub rules: Vec<(String, String)>,
    /// Octets of it.
    pub length: usize,
    /// All of it, if it is wanted.
    pub full: Vec<String>,
    /// Its octets, if they are wanted with all secrets.
    pub octets: Option<Arc<SecretBytes>>,
}

/// A tap at work.
pub struct Proxy {
    config: Config,
    engine: Mutex<Engine>,
    events: mpsc::Sender<Event>,
    /// With the first that is told.
    began: OnceLock<Instant>,
    connections: AtomicU64,
    untold: AtomicU64,
}

impl Proxy {
    /// A tap with these rules, and where it tells what passes.
    #[must_use]
    pub fn new(config: Config, rules: Rules) -> (Arc<Self>, mpsc::Receiver<Event>) {
        let (events, receiver) = mpsc::channel(CAPACITY);
        let proxy = Self {
            config,
            engine: Mutex::new(Engine::new(rules)),
            events,
            began: OnceLock::new(),
            connections: AtomicU64::new(0),
            untold: AtomicU64::new(0),
        };
        (Arc::new(proxy), receiver)
    }

    /// Serves until `stop`.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: Stop) {
        let limits = self.config.limits.accept;
        accept::serve(listener, limits, stop, move |socket, connection, stop| {
            let proxy = Arc::clone(&self);
            let id = proxy.connections.fetch_add(1, Ordering::Relaxed) + 1;
            async move { proxy.connection(id, socket, connection, stop).await }
        })
        .await;
    }

    /// The rules with what they have counted.
    pub fn engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connections so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Lines that nobody took, as they came faster than they were printed.
    #[must_use]
    pub fn untold(&self) -> u64 {
        self.untold.load(Ordering::Relaxed)
    }

    fn elapsed(&self) -> Duration {
        self.began.get_or_init(Instant::now).elapsed()
    }

    fn tell(&self, event: Event) {
        if self.events.try_send(event).is_err() {
            self.untold.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn note(&self, connection: u64, text: impl Into<String>) {
        self.tell(Event::Note {
            at: self.elapsed(),
            connection,
            text: text.into(),
        });
    }

    fn shown(
        &self,
        connection: u64,
        direction: Direction,
        passing: &Passing,
        altered: Option<&Passing>,
    ) -> Shown {
        let Config {
            interface,
            verbose,
            secrets,
            ..
        } = self.config;
        let last = altered.unwrap_or(passing);
        let mut full = Vec::new();
        if verbose {
            full = say::full(passing, secrets);
            if let Some(altered) = altered {
                full.push("altered:".to_owned());
                full.extend(say::full(altered, secrets));
            }
        }
        Shown {
            at: self.elapsed(),
            connection,
            interface,
            direction,
            name: say::name(passing),
            summary: say::line(passing),
            became: altered.map(say::line),
            clause: say::clause(interface, passing),
            rules: Vec::new(),
            length: last.octets().len(),
            full,
            octets: (verbose && secrets).then(|| Arc::new(SecretBytes::from(last.octets()))),
        }
    }

    fn rules(&self, marks: &[Mark]) -> Vec<(String, String)> {
        let engine = self.engine();
        marks
            .iter()
            .map(|mark| (engine.name(mark.rule).to_owned(), mark.did.clone()))
            .collect()
    }
}
