//! The laboratory's tap: protocol messages go through a bounded channel to whoever prints or keeps them.

use std::{
    net::SocketAddr,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use base::Clause;
use net::tap::{Connection, Direction, Message, SharedTap, Tap, WireBytes};
use tokio::sync::mpsc;

/// Messages that may wait for the reader; a run of the demo has about sixty.
pub const CAPACITY: usize = 4096;

/// One protocol message with the time since the first one.
#[derive(Clone, Debug)]
pub struct Event {
    /// Since the first message.
    pub at: Duration,
    /// Reference point.
    pub interface: &'static str,
    /// Sender.
    pub from: String,
    /// Receiver.
    pub to: String,
    /// What it says.
    pub summary: String,
    /// The clause that describes it.
    pub clause: Option<Clause>,
}

/// What goes through the channel: messages, and the headings between the acts of a story.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A protocol message.
    Message(Event),
    /// What the next messages are about.
    Act(&'static str),
}

/// A tap that never waits: a full channel counts and drops.
pub struct Trace {
    began: OnceLock<Instant>,
    entries: mpsc::Sender<Entry>,
    dropped: AtomicU64,
    wire: SharedTap,
}

impl Trace {
    /// Time counts from the first message.
    #[must_use]
    pub fn begin() -> (Self, mpsc::Receiver<Entry>) {
        let (entries, receiver) = mpsc::channel(CAPACITY);
        (
            Self {
                began: OnceLock::new(),
                entries,
                dropped: AtomicU64::new(0),
                wire: net::tap::none(),
            },
            receiver,
        )
    }

    /// Hands octets and TLS secrets on to a tap that wants them, such as a [`crate::pcap::Recorder`].
    #[must_use]
    pub fn with_wire(mut self, wire: SharedTap) -> Self {
        self.wire = wire;
        self
    }

    /// Time since the first message; begins to count if there was none.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.began.get_or_init(Instant::now).elapsed()
    }

    /// A heading for what follows.
    pub fn act(&self, title: &'static str) {
        self.push(Entry::Act(title));
    }

    /// How many entries found the channel full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn push(&self, entry: Entry) {
        if self.entries.try_send(entry).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Tap for Trace {
    fn message(&self, m: Message<'_>) {
        self.push(Entry::Message(Event {
            at: self.elapsed(),
            interface: m.interface,
            from: m.from.into(),
            to: m.to.into(),
            summary: printable(m.summary),
            clause: m.clause,
        }));
    }

    fn octets(&self, connection: &Connection, direction: Direction, octets: WireBytes<'_>) {
        self.wire.octets(connection, direction, octets);
    }

    fn ended(&self, connection: &Connection, direction: Direction) {
        self.wire.ended(connection, direction);
    }

    fn endpoint(&self, address: SocketAddr, label: &str) {
        self.wire.endpoint(address, label);
    }

    fn records(&self) -> bool {
        self.wire.records()
    }

    fn apdu(&self, command: WireBytes<'_>, response: WireBytes<'_>) {
        self.wire.apdu(command, response);
    }

    fn tls_secret(&self, line: &str) {
        self.wire.tls_secret(line);
    }
}

/// A peer's text may stand in a summary: what could steer a terminal or turn the reading direction shows as U+FFFD.
pub(crate) fn printable(summary: String) -> String {
    use base::text::steers;
    if summary.contains(steers) {
        summary.replace(steers, "\u{fffd}")
    } else {
        summary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_trace_counts_and_drops() {
        let (trace, mut entries) = Trace::begin();
        for _ in 0..CAPACITY + 3 {
            trace.act("again");
        }
        assert_eq!(trace.dropped(), 3);
        assert!(entries.try_recv().is_ok());
    }

    #[test]
    fn a_peers_text_steers_no_terminal() {
        assert_eq!(
            printable("GET /\u{1b}[2J\u{202e}é…".into()),
            "GET /\u{fffd}[2J\u{fffd}é…"
        );
    }
}
