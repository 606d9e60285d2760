//! How a handshake appears on the ladder.

use base::Clause;
use http::{Request, Response};

use super::{gate::Role, sniff::Seen, suite::Suite};
use crate::{
    error::alert_name,
    tap::{Message, SharedTap, Summary},
};

/// Characters of a summary.
const WIDTH: usize = 70;

/// Where the handshake is described.
const HANDSHAKE: Clause = Clause::new("TS 24.109", "5.3.3.1.2");

/// How the ladder names the two ends, and the interface.
#[derive(Clone, Debug)]
pub struct Story {
    /// `Ua` or `Mca`.
    pub interface: &'static str,
    /// Such as `UE`.
    pub client: String,
    /// Such as `MAF`.
    pub server: String,
    /// Tells the peer's messages too: for a peer that has no tap here. Otherwise each end tells its own.
    pub tells_peer: bool,
}

impl Story {
    /// Tells a request of the client, just before it goes out: its [`Summary`] or its method and path.
    pub fn tell_request<B>(&self, tap: &SharedTap, request: &Request<B>) {
        let summary = match request.extensions().get::<Summary>() {
            Some(Summary(summary)) => summary.clone(),
            None => format!("{} {}", request.method(), request.uri().path()),
        };
        self.tell(tap, Role::Client, summary, None);
    }

    /// Tells an answer of the server, just before it goes out: its [`Summary`] or its status.
    pub fn tell_answer<B>(&self, tap: &SharedTap, response: &Response<B>) {
        let summary = match response.extensions().get::<Summary>() {
            Some(Summary(summary)) => summary.clone(),
            None => response.status().to_string(),
        };
        self.tell(tap, Role::Server, summary, None);
    }

    fn tell(&self, tap: &SharedTap, from: Role, mut summary: String, clause: Option<Clause>) {
        if let Some((cut, _)) = summary.char_indices().nth(WIDTH - 1)
            && summary.chars().nth(WIDTH).is_some()
        {
            summary.truncate(cut);
            summary.push('…');
        }
        let (from, to) = match from {
            Role::Client => (&self.client, &self.server),
            Role::Server => (&self.server, &self.client),
        };
        tap.message(Message {
            interface: self.interface,
            from,
            to,
            summary,
            clause,
        });
    }
}

/// Tells one connection's handshake messages to the tap, each just before it goes out.
pub(super) struct Teller {
    tap: SharedTap,
    story: Story,
    role: Role,
}

impl Teller {
    pub(super) const fn new(tap: SharedTap, story: Story, role: Role) -> Self {
        Self { tap, story, role }
    }

    /// A message in clear.
    pub(super) fn seen(&self, from: Role, seen: &Seen) {
        if let Some(summary) = seen.words() {
            self.tell(from, summary);
        }
    }

    /// Our end of the handshake, with which it is complete if we are the server.
    pub(super) fn finished(&self, suite: Option<u16>) {
        if self.role == Role::Server {
            let suite = suite.map(suite_name).unwrap_or_default();
            self.tell(Role::Server, format!("Finished, {suite}"));
        }
    }

    /// Our alert in clear.
    pub(super) fn alert(&self, alert: u8) {
        self.tell(
            self.role,
            format!("Alert {}, the handshake ends", alert_name(alert)),
        );
    }

    fn tell(&self, from: Role, summary: String) {
        if from == self.role || self.story.tells_peer {
            self.story.tell(&self.tap, from, summary, Some(HANDSHAKE));
        }
    }
}

impl Seen {
    /// What it says, for people; `None` where that is nothing to tell.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        Some(match self {
            Self::ClientHello { sni: Some(name) } => format!("ClientHello SNI {name}"),
            Self::ClientHello { sni: None } => "ClientHello without SNI".to_owned(),
            Self::ServerHello { suite } => format!("ServerHello {}", suite_name(*suite)),
            Self::ServerKeyExchange { hint } => format!("ServerKeyExchange hint {}", hint.escape_ascii()),
            Self::ClientKeyExchange { identity } => {
                format!("ClientKeyExchange identity {}", identity.escape_ascii())
            }
            Self::ServerHelloDone | Self::Other(_) => return None,
        })
    }
}

fn suite_name(code: u16) -> String {
    Suite::from_code(code).map_or_else(|| format!("suite {code:04x}"), |suite| suite.name().to_owned())
}
