//! A tap between any two elements, also foreign ones: what passes is shown, matched, altered, dropped, held, sent again.
//!
//! * [`cut`]: messages out of a stream, each with its exact octets;
//! * [`http`], [`avps`]: where things stand in a message, so that a change touches nothing else;
//! * [`rule`], [`mod@parse`]: what to do with which message, and the file that says so;
//! * [`engine`]: the rules at work on messages, without sockets or clock;
//! * [`say`]: what a message says, for a ladder and in full, without keys unless they are wanted;
//! * [`proxy`]: the sockets on both sides.
//!
//! What nobody understands passes as it came: a tap must not decide what its two ends may say to each other.

mod alter;
mod answer;
pub mod avps;
pub mod cut;
pub mod engine;
pub mod http;
pub mod parse;
pub mod proxy;
pub mod rule;
pub mod say;

#[cfg(test)]
mod tests;

use base::SecretBytes;
use diameter::{Fault, Header, Message};
use net::tls::sniff::Seen;

/// The reference point whose traffic passes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Interface {
    /// UE to BSF: HTTP with digest AKA.
    Ub,
    /// BSF to HSS: Diameter.
    Zh,
    /// NAF to BSF: Diameter.
    Zn,
    /// UE to NAF: HTTP, or TLS with pre-shared keys.
    Ua,
}

impl Interface {
    /// Its name on the ladder.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ub => "Ub",
            Self::Zh => "Zh",
            Self::Zn => "Zn",
            Self::Ua => "Ua",
        }
    }

    /// Who calls and who is called: the elements on the listener's and on the target's side.
    #[must_use]
    pub const fn ends(self) -> (&'static str, &'static str) {
        match self {
            Self::Ub => ("UE", "BSF"),
            Self::Zh => ("BSF", "HSS"),
            Self::Zn => ("NAF", "BSF"),
            Self::Ua => ("UE", "NAF"),
        }
    }

    /// True where Diameter is spoken, else it is HTTP.
    #[must_use]
    pub const fn is_diameter(self) -> bool {
        matches!(self, Self::Zh | Self::Zn)
    }
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Direction {
    /// From who has called the tap to the target.
    ToTarget,
    /// From the target to who has called the tap.
    ToListener,
}

impl Direction {
    /// As rule files and JSON have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ToTarget => "to-target",
            Self::ToListener => "to-listener",
        }
    }

    /// Sender and receiver.
    #[must_use]
    pub const fn ends(self, interface: Interface) -> (&'static str, &'static str) {
        let (caller, called) = interface.ends();
        match self {
            Self::ToTarget => (caller, called),
            Self::ToListener => (called, caller),
        }
    }
}

/// What has passed, whole: its exact octets, and what they are.
pub struct Passing {
    octets: SecretBytes,
    content: Content,
}

/// What octets are.
pub enum Content {
    /// A message of Diameter whose frame is right; its AVPs may not be.
    Diameter(Header, Result<Message, Fault>),
    /// A request or response of HTTP.
    Http(http::Parts),
    /// Records of TLS, with the messages of the handshake that end in them.
    Tls(Vec<Seen>),
    /// Nothing that is understood, and why.
    Opaque(&'static str),
}

impl Passing {
    /// Puts both together.
    #[must_use]
    pub const fn new(octets: Vec<u8>, content: Content) -> Self {
        let octets = SecretBytes::new(octets);
        Self { octets, content }
    }

    /// The octets; they may hold keys.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.octets.expose()
    }

    /// What they are.
    #[must_use]
    pub const fn content(&self) -> &Content {
        &self.content
    }

    /// The same message with other octets, read anew.
    #[must_use]
    pub fn altered(&self, octets: Vec<u8>) -> Self {
        let content = match &self.content {
            Content::Diameter(..) => cut::diameter(&octets),
            Content::Http(parts) => match http::Parts::read(&octets, parts.framing()) {
                Some(parts) => Content::Http(parts),
                None => Content::Opaque("no HTTP any more"),
            },
            Content::Tls(_) => Content::Tls(Vec::new()),
            Content::Opaque(why) => Content::Opaque(why),
        };
        Self::new(octets, content)
    }
}
