//! How a handshake appears on the ladder.

use base::Clause;

use super::{gate::Role, sniff::Seen, suite::Suite};
use crate::{
    error::alert_name,
    tap::{Message, SharedTap},
};

/// Characters of a summary.
const WIDTH: usize = 70;

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
        let summary = match seen {
            Seen::ClientHello { sni: Some(name) } => format!("ClientHello SNI {name}"),
            Seen::ClientHello { sni: None } => "ClientHello without SNI".to_owned(),
            Seen::ServerHello { suite } => format!("ServerHello {}", suite_name(*suite)),
            Seen::ServerKeyExchange { hint } => format!("ServerKeyExchange hint {}", hint.escape_ascii()),
            Seen::ClientKeyExchange { identity } => {
                format!("ClientKeyExchange identity {}", identity.escape_ascii())
            }
            Seen::ServerHelloDone | Seen::Other(_) => return,
        };
        self.tell(from, summary);
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

    fn tell(&self, from: Role, mut summary: String) {
        if from != self.role && !self.story.tells_peer {
            return;
        }
        if let Some((cut, _)) = summary.char_indices().nth(WIDTH - 1)
            && summary.chars().nth(WIDTH).is_some()
        {
            summary.truncate(cut);
            summary.push('…');
        }
        let (from, to) = match from {
            Role::Client => (&self.story.client, &self.story.server),
            Role::Server => (&self.story.server, &self.story.client),
        };
        self.tap.message(Message {
            interface: self.story.interface,
            from,
            to,
            summary,
            clause: Some(Clause::new("TS 24.109", "5.3.3.1.2")),
        });
    }
}

fn suite_name(code: u16) -> String {
    Suite::from_code(code).map_or_else(|| format!("suite {code:04x}"), |suite| suite.name().to_owned())
}
