//! Messages out of a stream of octets, each with exactly the octets that came.
//!
//! Memory is bounded: a Diameter message by [`diameter::message::MAX_MESSAGE`], HTTP by [`net::http::MAX_HEAD`] and
//! [`net::http::MAX_BODY`]. What is longer or isn't understood passes as it comes, and so does all that follows it on the
//! same connection in the same direction.

use std::collections::VecDeque;

use base::SecretBytes;
use diameter::{
    Header, Message,
    message::{HEADER, MAX_MESSAGE},
};
use net::tls::sniff::Sniffer;

use super::{
    Content, Direction, Passing,
    http::{self, Framing, Scan},
};

/// Requests of one connection whose responses are awaited; beyond that HTTP isn't followed any more.
const MAX_PIPELINED: usize = 256;

/// What is spoken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// By the lengths in its headers.
    Diameter,
    /// HTTP/1.1.
    Http,
    /// Not opened; its handshake is read.
    Tls,
}

/// A request's method, as far as its response's length depends on it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Asked {
    Head,
    Connect,
    Other,
}

/// What both directions of a connection know.
#[derive(Debug, Default)]
pub struct Exchanges(VecDeque<Asked>);

impl Exchanges {
    /// Takes back the last request: it doesn't go out, or somebody else answers it.
    pub fn withdraw(&mut self) {
        self.0.pop_back();
    }
}

enum State {
    Diameter,
    Http,
    Tls(Option<Sniffer>),
    Opaque(&'static str),
}

/// Cuts one direction of one connection.
pub struct Cutter {
    direction: Direction,
    state: State,
    waiting: Vec<u8>,
}

impl Drop for Cutter {
    fn drop(&mut self) {
        drop(SecretBytes::new(std::mem::take(&mut self.waiting)));
    }
}

/// Reads one whole frame.
#[must_use]
pub fn diameter(octets: &[u8]) -> Content {
    match Header::parse(octets) {
        Ok(header) => Content::Diameter(header, Message::parse(octets)),
        Err(_) => Content::Opaque("no Diameter message"),
    }
}

impl Cutter {
    /// Before the first octet.
    #[must_use]
    pub fn new(protocol: Protocol, direction: Direction) -> Self {
        let state = match protocol {
            Protocol::Diameter => State::Diameter,
            Protocol::Http => State::Http,
            Protocol::Tls => State::Tls(Some(Sniffer::new())),
        };
        Self {
            direction,
            state,
            waiting: Vec::new(),
        }
    }

    /// More octets.
    pub fn push(&mut self, octets: &[u8]) {
        self.waiting.extend_from_slice(octets);
    }

    /// The next message, if all of it is here.
    pub fn next(&mut self, exchanges: &mut Exchanges) -> Option<Passing> {
        if self.waiting.is_empty() {
            return None;
        }
        match &mut self.state {
            State::Opaque(why) => {
                let why = *why;
                Some(self.rest(Content::Opaque(why)))
            }
            State::Tls(sniffer) => {
                let seen = handshake(sniffer, &self.waiting);
                Some(self.rest(Content::Tls(seen)))
            }
            State::Diameter => {
                let header = Header::parse(self.waiting.get(..HEADER)?).ok()?;
                if header.check(MAX_MESSAGE).is_err() {
                    return Some(self.give_up("no Diameter: version or length is wrong"));
                }
                self.waiting.get(..header.length)?;
                let octets = self.take(header.length);
                let content = diameter(&octets);
                Some(Passing::new(octets, content))
            }
            State::Http => self.http(exchanges),
        }
    }

    /// What is left when the stream ends.
    pub fn finish(&mut self, exchanges: &mut Exchanges) -> Option<Passing> {
        if self.waiting.is_empty() {
            return None;
        }
        if matches!(self.state, State::Http) {
            let framing = self.framing(exchanges);
            if let Framing::UntilClose = framing
                && let Some(parts) = http::Parts::read(&self.waiting, framing)
            {
                exchanges.0.pop_front();
                return Some(self.rest(Content::Http(parts)));
            }
        }
        Some(self.give_up("cut off in the middle of a message"))
    }

    /// How the length of the message that waits is told.
    fn framing(&self, exchanges: &Exchanges) -> Framing {
        let asked = match self.direction {
            Direction::ToTarget => None,
            Direction::ToListener => Some(exchanges.0.front().copied().unwrap_or(Asked::Other)),
        };
        http::framing(&self.waiting, asked.map(|asked| asked == Asked::Head))
    }

    fn http(&mut self, exchanges: &mut Exchanges) -> Option<Passing> {
        let framing = self.framing(exchanges);
        let length = match http::scan(&self.waiting, framing) {
            Scan::More => return None,
            Scan::Not(why) => return Some(self.give_up(why)),
            Scan::Whole(length) => length,
        };
        let octets = self.take(length);
        let Some(parts) = http::Parts::read(&octets, framing) else {
            return Some(Passing::new(octets, Content::Opaque("no HTTP")));
        };
        match self.direction {
            Direction::ToTarget if exchanges.0.len() >= MAX_PIPELINED => {
                self.state = State::Opaque("too many requests await their responses");
            }
            Direction::ToTarget => {
                let method = parts.method(&octets).unwrap_or_default();
                exchanges.0.push_back(match method {
                    "HEAD" => Asked::Head,
                    "CONNECT" => Asked::Connect,
                    _ => Asked::Other,
                });
            }
            Direction::ToListener => {
                let status = parts.status(&octets).unwrap_or_default();
                if status == 101 || status >= 200 {
                    let asked = exchanges.0.pop_front();
                    if status == 101 || (asked == Some(Asked::Connect) && status < 300) {
                        self.state = State::Opaque("another protocol after an upgrade");
                    }
                }
            }
        }
        Some(Passing::new(octets, Content::Http(parts)))
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.waiting.split_off(length.min(self.waiting.len()));
        std::mem::replace(&mut self.waiting, rest)
    }

    fn rest(&mut self, content: Content) -> Passing {
        Passing::new(std::mem::take(&mut self.waiting), content)
    }

    fn give_up(&mut self, why: &'static str) -> Passing {
        self.state = State::Opaque(why);
        self.rest(Content::Opaque(why))
    }
}

/// What ends of the handshake in these octets; nothing more once it is encrypted.
fn handshake(sniffer: &mut Option<Sniffer>, mut octets: &[u8]) -> Vec<net::tls::sniff::Seen> {
    let mut all = Vec::new();
    while let Some(reading) = sniffer {
        match reading.push(octets) {
            Ok((taken, Some(seen))) => {
                all.push(seen);
                octets = octets.get(taken..).unwrap_or_default();
            }
            Ok((_, None)) => break,
            Err(_) => *sniffer = None,
        }
    }
    all
}
