//! The Diameter node on tokio: connections, watchdog, pipelining. No protocol knowledge of its own: the
//! decisions are those of [`diameter::peer`].
//!
//! - [`serve`]: takes connections of configured peers and answers their requests; [`serve_roster`]: of peers that may
//!   change meanwhile ([`Roster`]); [`serve_usual`]: and usual requests by their octets
//! - [`Client`]: keeps one connection up and matches answers to requests
//! - [`Failover`]: several clients in order, for peers that stand in for each other
//! - [`Config`], [`Security`], [`Limits`]: who we are, whom we know, and every bound in one place
//! - `connection` (one connection, either side; `end`, why it ended), `frame` (messages out of a stream), `outbox`
//!   (messages into one)
//!
//! A connection carries CK, IK and Ks_NAF. So away from loopback both ends refuse to start unless TLS protects it,
//! or [`Security::InsecureAwayFromLoopback`] says that it needn't (ruling 21).

mod client;
mod connection;
mod end;
mod failover;
mod frame;
mod outbox;
mod roster;
mod security;
mod server;

use std::{net::SocketAddr, time::Duration};

pub use ::diameter::Identity;
pub use ::diameter::peer::{PeerIdentity, Role, Rule, Timers};
use ::diameter::{
    Origin,
    peer::{Known, Local},
};
use thiserror::Error;

pub use client::{Came, Client, Usual, Write};
pub use failover::Failover;
pub use roster::Roster;
pub use security::{PORT, Security, TLS_PORT};
pub use server::{serve, serve_roster, serve_usual};

pub use crate::tls::cert::{Credentials, CredentialsError, Files};

use crate::{accept, clock, tap::SharedTap};

/// Every bound of a node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Waiting for CEA, watchdog and DPA.
    pub timers: Timers,
    /// Connections of a listener, and the time that open ones have when it stops.
    pub accept: accept::Limits,
    /// Octets of one message.
    pub message: usize,
    /// Requests of one peer that are worked on at once; while that many are, nothing is read.
    pub handlers: usize,
    /// How long a request may be worked on; then it is answered with 3004.
    pub handler: Duration,
    /// Requests of a client that await their answers at once.
    pub in_flight: usize,
    /// How long a client waits for an answer.
    pub request: Duration,
    /// How long a request waits for a connection that isn't open.
    pub open: Duration,
    /// For the TCP handshake.
    pub connect: Duration,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// Writing fails once the peer has taken nothing for so long.
    pub stall: Duration,
    /// Pause before the first reconnection; doubles with each failure, up to `backoff_max`.
    pub backoff: Duration,
    /// Longest pause before a reconnection.
    pub backoff_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timers: Timers::default(),
            accept: accept::Limits::default(),
            message: ::diameter::message::MAX_MESSAGE,
            handlers: 256,
            handler: Duration::from_secs(5),
            in_flight: 1024,
            request: Duration::from_secs(5),
            open: Duration::from_secs(1),
            connect: Duration::from_secs(3),
            handshake: Duration::from_secs(5),
            stall: Duration::from_secs(5),
            backoff: Duration::from_millis(50),
            backoff_max: Duration::from_secs(10),
        }
    }
}

/// A node: who it is and whom it knows.
///
/// A configuration file gives the security of a node as a table `tls = { ca = "…", cert = "…", key = "…" }` of paths
/// (to [`Files`], [`Credentials::load`] and [`Security::Tls`], one line: [`Security::tls`]) or as
/// `insecure_diameter = true` ([`Security::InsecureAwayFromLoopback`]); with neither it stays on loopback. The port
/// is [`Security::port`] where none is given.
#[derive(Clone)]
pub struct Config {
    /// Origin-Host and Origin-Realm.
    pub origin: Origin,
    /// Applications served, such as [`::diameter::dictionary::ZH`].
    pub applications: Vec<u32>,
    /// Configured peers with their roles; nobody else gets past CER (3010).
    pub peers: Vec<Rule>,
    /// What everybody else is: nobody (`None`) but in a laboratory.
    pub strangers: Option<Role>,
    /// Product-Name.
    pub product: String,
    /// Origin-State-Id: one value for the life of the node, higher after a restart (RFC 6733 8.16).
    pub origin_state_id: u32,
    /// Bounds.
    pub limits: Limits,
    /// Sees the octets.
    pub tap: SharedTap,
    /// How its connections are protected: the same for all of them, so a node that serves in TLS calls in TLS.
    pub security: Security,
}

impl Config {
    /// With default bounds, no tap, and loopback only.
    #[must_use]
    pub fn new(origin: Origin, applications: Vec<u32>, peers: Vec<Rule>) -> Self {
        Self {
            origin,
            applications,
            peers,
            strangers: None,
            product: "gba".into(),
            origin_state_id: u32::try_from(clock::now().utc.0).unwrap_or(u32::MAX),
            limits: Limits::default(),
            tap: crate::tap::none(),
            security: Security::default(),
        }
    }

    fn local(&self, address: SocketAddr) -> Local {
        Local {
            origin: self.origin.clone(),
            addresses: vec![address.ip()],
            product: self.product.clone(),
            origin_state_id: self.origin_state_id,
            applications: self.applications.clone(),
        }
    }

    fn known(&self) -> Known {
        Known::new(self.peers.iter().cloned()).with_others(self.strangers)
    }

    /// Ruling 21.
    fn may_use(&self, address: SocketAddr) -> Result<(), Error> {
        self.security.may_use(address, &self.origin.host)
    }

    /// Whom a client calls, where that is one node.
    fn callee(&self) -> Option<&Identity> {
        match self.peers.as_slice() {
            [only] => Some(&only.host),
            _ => None,
        }
    }
}

/// Why a node can't start or a request has no answer.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// Ruling 21.
    #[error(
        "Diameter at {address} would carry keys in clear: use a loopback address, give it TLS (tls = {{ca, cert, key}}; gba pki init makes them), or set insecure_diameter in a laboratory"
    )]
    Insecure {
        /// Where we would listen or connect.
        address: SocketAddr,
    },
    /// TLS was asked for, but our certificate, its key or the CA can't be used.
    #[error("Diameter over TLS: {0}")]
    Credentials(#[from] CredentialsError),
    /// There is no open connection: the request wasn't sent.
    #[error("Diameter peer {peer} is down: {reason}")]
    Down {
        /// Its address as configured.
        peer: String,
        /// Why the last connection failed or ended.
        reason: String,
    },
    /// The connection ended after the request was sent and before its answer came: the peer may have acted on it.
    #[error("Diameter peer {peer} went down before it answered: {reason}")]
    Lost {
        /// Its address as configured.
        peer: String,
        /// Why the connection ended.
        reason: String,
    },
    /// No answer in time.
    #[error("Diameter peer {peer} gave no answer within {} ms", .after.as_millis())]
    TimedOut {
        /// Its address as configured.
        peer: String,
        /// How long we waited.
        after: Duration,
    },
    /// Too many requests await their answers.
    #[error("{limit} requests to Diameter peer {peer} await their answers already")]
    Busy {
        /// Its address as configured.
        peer: String,
        /// The bound.
        limit: usize,
    },
    /// [`Client::close`] was called.
    #[error("the Diameter client is closed")]
    Closed,
}

impl Error {
    /// True if the peer can't have seen the request, so that it may go to another one.
    #[must_use]
    pub const fn is_unsent(&self) -> bool {
        matches!(
            self,
            Self::Down { .. }
                | Self::Busy { .. }
                | Self::Closed
                | Self::Insecure { .. }
                | Self::Credentials(_)
        )
    }
}

#[cfg(test)]
mod tests;
