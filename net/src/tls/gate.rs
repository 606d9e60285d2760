//! The stream under OpenSSL during a handshake: it sniffs both directions and holds back the message that needs the
//! key. The octets before it have gone through, so that OpenSSL has chosen or seen the suite.
//!
//! While the gate holds, OpenSSL finds nothing to read. Nobody is woken then: [`super::handshake`] polls, sees that
//! the gate holds, gets the key and opens the gate for good. What passes in clear is told to the ladder.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    sniff::{Seen, Sniffer},
    story::Teller,
};

/// Octets asked from the stream at once during the handshake.
const PORTION: usize = 4096;

/// Which end we are: it says which message needs the key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Role {
    /// Holds at ServerHelloDone: the suite and the hint are known.
    Client,
    /// Holds at ClientKeyExchange: the suite and the identity are known.
    Server,
}

impl Role {
    const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// What the two ends have said so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) sni: Option<String>,
    pub(super) suite: Option<u16>,
    pub(super) hint: Option<Vec<u8>>,
    pub(super) identity: Option<Vec<u8>>,
}

impl Facts {
    fn note(&mut self, seen: Seen) {
        match seen {
            Seen::ClientHello { sni } => self.sni = sni,
            Seen::ServerHello { suite } => self.suite = Some(suite),
            Seen::ServerKeyExchange { hint } => self.hint = Some(hint),
            Seen::ClientKeyExchange { identity } => self.identity = Some(identity),
            Seen::ServerHelloDone | Seen::Other(_) => {}
        }
    }
}

enum State {
    Sniffing,
    Holding,
    Open,
}

/// See the module.
pub(super) struct Gate<S> {
    io: S,
    role: Role,
    state: State,
    inbound: Sniffer,
    /// Until something else than a clear handshake message goes out.
    outbound: Option<Sniffer>,
    /// Octets that OpenSSL has offered to write and that are sniffed but not yet taken by the stream.
    ahead: usize,
    /// Read from the stream, not yet handed up.
    inbox: BytesMut,
    /// How many octets of the inbox may go up.
    cleared: usize,
    facts: Facts,
    teller: Option<Teller>,
}

impl<S> Gate<S> {
    pub(super) fn new(io: S, role: Role, teller: Option<Teller>) -> Self {
        Self {
            io,
            role,
            state: State::Sniffing,
            inbound: Sniffer::new(),
            outbound: Some(Sniffer::new()),
            ahead: 0,
            inbox: BytesMut::new(),
            cleared: 0,
            facts: Facts::default(),
            teller,
        }
    }

    /// True while the message that needs the key waits.
    pub(super) const fn is_holding(&self) -> bool {
        matches!(self.state, State::Holding)
    }

    /// Lets everything through from now on.
    pub(super) fn open(&mut self) {
        self.state = State::Open;
        self.cleared = self.inbox.len();
    }

    /// What passed in clear.
    pub(super) const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The stream itself, for an alert of our own.
    pub(super) const fn io(&mut self) -> &mut S {
        &mut self.io
    }

    /// Looks at what is in the inbox until octets may go up or the gate holds.
    fn sniff(&mut self) {
        match self.inbound.push(&self.inbox) {
            Ok((taken, None)) => self.cleared = taken,
            Ok((taken, Some(seen))) => {
                if needs_key(self.role, &seen) {
                    self.state = State::Holding;
                } else {
                    self.cleared = taken;
                }
                self.saw(self.role.peer(), seen);
            }
            // Not a handshake that leads to a key. OpenSSL says so to the peer in its own words, and has no key to
            // give away: the callback answers with a random one.
            Err(_) => self.open(),
        }
    }

    fn saw(&mut self, from: Role, seen: Seen) {
        if let Some(teller) = &self.teller {
            teller.seen(from, &seen);
        }
        self.facts.note(seen);
    }

    /// Looks at what is about to go out.
    fn sniff_outbound(&mut self, mut octets: &[u8]) {
        while let Some(sniffer) = &mut self.outbound
            && !octets.is_empty()
        {
            match sniffer.push(octets) {
                Ok((taken, seen)) => {
                    octets = octets.get(taken..).unwrap_or_default();
                    if let Some(seen) = seen {
                        self.saw(self.role, seen);
                    }
                }
                Err(_) => {
                    self.outbound = None;
                    match (&self.teller, octets) {
                        // ChangeCipherSpec goes right before Finished.
                        (Some(teller), [20, ..]) => teller.finished(self.facts.suite),
                        (Some(teller), [21, _, _, 0, 2, _, alert, ..]) => teller.alert(*alert),
                        _ => {}
                    }
                }
            }
        }
    }

    /// Hands up what is cleared; false if there is nothing.
    fn deliver(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let n = self.cleared.min(buf.remaining());
        buf.put_slice(&self.inbox.split_to(n));
        self.cleared -= n;
        n > 0
    }
}

const fn needs_key(role: Role, seen: &Seen) -> bool {
    match role {
        Role::Server => matches!(seen, Seen::ClientKeyExchange { .. }),
        Role::Client => matches!(seen, Seen::ServerHelloDone),
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gate<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if buf.remaining() == 0 || self.deliver(buf) {
                return Poll::Ready(Ok(()));
            }
            match self.state {
                State::Holding => return Poll::Pending,
                State::Open if self.inbox.is_empty() => return Pin::new(&mut self.io).poll_read(cx, buf),
                State::Open => self.cleared = self.inbox.len(),
                State::Sniffing if self.inbox.is_empty() => {
                    let mut portion = [0; PORTION];
                    let mut portion = ReadBuf::new(&mut portion);
                    ready!(Pin::new(&mut self.io).poll_read(cx, &mut portion))?;
                    if portion.filled().is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                    self.inbox.extend_from_slice(portion.filled());
                }
                State::Sniffing => self.sniff(),
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gate<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        // OpenSSL offers the same octets again until they are taken.
        let fresh = buf.get(self.ahead..).unwrap_or_default();
        self.sniff_outbound(fresh);
        self.ahead = buf.len();
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, buf))?;
        self.ahead = buf.len().saturating_sub(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
