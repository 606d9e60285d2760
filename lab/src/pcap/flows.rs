//! Connections as TCP would show them. Both ends of a connection may be in this process and tell the same octets; each
//! octet is written once, when the first of the two has told it: so nothing is written after what it caused.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
};

use net::tap::{Connection, Direction};

use super::packets::{MAX_SEGMENT, Segment, flag};

/// Connections that have begun to end and are remembered: their other end may still tell what we know.
const REMEMBERED: usize = 1024;

/// One end.
struct End {
    address: SocketAddr,
    /// The number under which the tap of this end knows the connection, once it has said something.
    id: Option<u64>,
    /// Octets that this end has told: of those that it sent, and of those that the other end sent.
    told: [u64; 2],
    /// Octets of this end that have been written.
    written: u64,
    /// Sequence number of its SYN.
    first: u32,
    closed: bool,
}

impl End {
    /// The sequence number of what comes next.
    fn next(&self) -> u32 {
        let sent = self.written + 1 + u64::from(self.closed);
        // Sequence numbers count modulo 2^32.
        let [.., a, b, c, d] = sent.to_be_bytes();
        self.first.wrapping_add(u32::from_be_bytes([a, b, c, d]))
    }
}

/// A connection; who opened it is known by its first octets: in every protocol here the client speaks first.
struct Flow {
    ends: [End; 2],
    open: bool,
}

/// What the caller learns of a connection as it opens.
pub(super) struct Opened {
    /// Who was called.
    pub(super) server: SocketAddr,
}

/// All connections. Packets go to a closure, in their order; the first one of a connection with [`Opened`].
#[derive(Default)]
pub(super) struct Flows {
    flows: HashMap<u64, Flow>,
    /// Flow and end of a connection of the tap.
    known: HashMap<u64, (u64, usize)>,
    /// The newest flow between two addresses, the smaller one first.
    newest: HashMap<(SocketAddr, SocketAddr), u64>,
    ended: VecDeque<u64>,
    count: u64,
}

impl Flows {
    /// `lost` octets of the same direction were dropped since this end last told of it.
    pub(super) fn octets<E>(
        &mut self,
        connection: &Connection,
        direction: Direction,
        lost: u64,
        octets: &[u8],
        mut packet: impl FnMut(&Segment<'_>, Option<Opened>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some((flow, end, _)) = self.find(connection) else {
            return Ok(());
        };
        let from = sender(end, direction);
        if !flow.open {
            flow.open = true;
            flow.handshake(from, &mut packet)?;
        }
        let length = u64::try_from(octets.len()).unwrap_or(u64::MAX);
        let [teller, other] = ends(&mut flow.ends, end);
        let [own, others] = &mut teller.told;
        let told = if from == end { own } else { others };
        let begin = told.saturating_add(lost);
        *told = begin.saturating_add(length);
        let (ours, theirs) = if from == end {
            (teller, other)
        } else {
            (other, teller)
        };
        // Written already, told by the other end: all of it, or its beginning.
        let skip = usize::try_from(ours.written.saturating_sub(begin)).unwrap_or(usize::MAX);
        let Some(new) = octets.get(skip..).filter(|new| !new.is_empty() && !ours.closed) else {
            return Ok(());
        };
        // Behind a loss the sequence numbers go on as they did on the wire.
        ours.written = ours.written.max(begin);
        for payload in new.chunks(MAX_SEGMENT) {
            let segment = Segment {
                from: ours.address,
                to: theirs.address,
                sequence: ours.next(),
                acknowledged: theirs.next(),
                flags: flag::PUSH | flag::ACK,
                payload,
            };
            packet(&segment, None)?;
            ours.written += u64::try_from(payload.len()).unwrap_or_default();
        }
        Ok(())
    }

    /// One end sends no more.
    pub(super) fn ended<E>(
        &mut self,
        connection: &Connection,
        direction: Direction,
        mut packet: impl FnMut(&Segment<'_>, Option<Opened>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some((flow, end, number)) = self.find(connection) else {
            return Ok(());
        };
        let from = sender(end, direction);
        let open = flow.open;
        let [ours, theirs] = ends(&mut flow.ends, from);
        if ours.closed {
            return Ok(());
        }
        let fin = Segment {
            from: ours.address,
            to: theirs.address,
            sequence: ours.next(),
            acknowledged: theirs.next(),
            flags: flag::FIN | flag::ACK,
            payload: &[],
        };
        ours.closed = true;
        let acknowledgement = Segment {
            from: theirs.address,
            to: ours.address,
            sequence: theirs.next(),
            acknowledged: ours.next(),
            flags: flag::ACK,
            payload: &[],
        };
        let first = !theirs.closed;
        // Of a connection without a single octet there is nothing to show.
        if open {
            packet(&fin, None)?;
            packet(&acknowledgement, None)?;
        }
        if first {
            self.forget_later(number);
        }
        Ok(())
    }

    /// The flow of a connection, which of its ends tells, and its number.
    fn find(&mut self, connection: &Connection) -> Option<(&mut Flow, usize, u64)> {
        if let Some((number, end)) = self.known.get(&connection.id).copied() {
            return Some((self.flows.get_mut(&number)?, end, number));
        }
        let (local, peer) = (canonical(connection.local), canonical(connection.peer));
        let pair = (local.min(peer), local.max(peer));
        // The other end may have told of it; else the addresses are used for another connection.
        let waiting = self.newest.get(&pair).copied().and_then(|number| {
            let flow = self.flows.get(&number)?;
            let end = flow
                .ends
                .iter()
                .position(|end| end.address == local && end.id.is_none())?;
            Some((number, end))
        });
        let (number, end) = waiting.unwrap_or_else(|| {
            self.count += 1;
            self.newest.insert(pair, self.count);
            self.flows.insert(self.count, Flow::new(self.count, local, peer));
            (self.count, 0)
        });
        self.known.insert(connection.id, (number, end));
        let flow = self.flows.get_mut(&number)?;
        flow.ends.get_mut(end)?.id = Some(connection.id);
        Some((flow, end, number))
    }

    fn forget_later(&mut self, number: u64) {
        self.ended.push_back(number);
        if self.ended.len() <= REMEMBERED {
            return;
        }
        let oldest = self.ended.pop_front();
        if let Some(flow) = oldest.and_then(|number| self.flows.remove(&number)) {
            for id in flow.ends.iter().filter_map(|end| end.id) {
                self.known.remove(&id);
            }
            self.newest.retain(|_, number| Some(*number) != oldest);
        }
    }
}

impl Flow {
    fn new(number: u64, local: SocketAddr, peer: SocketAddr) -> Self {
        let [.., low] = number.to_be_bytes();
        let end = |address, top| End {
            address,
            id: None,
            told: [0; 2],
            written: 0,
            first: u32::from_be_bytes([top, low, 0, 0]),
            closed: false,
        };
        Self {
            ends: [end(local, 0x10), end(peer, 0x60)],
            open: false,
        }
    }

    fn handshake<E>(
        &mut self,
        client: usize,
        packet: &mut impl FnMut(&Segment<'_>, Option<Opened>) -> Result<(), E>,
    ) -> Result<(), E> {
        let [client, server] = ends(&mut self.ends, client);
        let opened = Opened {
            server: server.address,
        };
        let syn = Segment {
            from: client.address,
            to: server.address,
            sequence: client.first,
            acknowledged: 0,
            flags: flag::SYN,
            payload: &[],
        };
        packet(&syn, Some(opened))?;
        let answer = Segment {
            from: server.address,
            to: client.address,
            sequence: server.first,
            acknowledged: client.next(),
            flags: flag::SYN | flag::ACK,
            payload: &[],
        };
        packet(&answer, None)?;
        let done = Segment {
            sequence: client.next(),
            acknowledged: server.next(),
            flags: flag::ACK,
            ..syn
        };
        packet(&done, None)
    }
}

/// The end that sent what one end tells.
const fn sender(end: usize, direction: Direction) -> usize {
    match direction {
        Direction::Sent => end,
        Direction::Received => 1 - end,
    }
}

/// This end (0 or 1), then the other one.
fn ends(ends: &mut [End; 2], this: usize) -> [&mut End; 2] {
    let [a, b] = ends;
    if this == 0 { [a, b] } else { [b, a] }
}

/// An IPv4 address in IPv6 clothes is an IPv4 address.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
