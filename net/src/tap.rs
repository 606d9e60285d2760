//! What the laboratory sees of the network: one [`Message`] per protocol message from the element that sent or
//! received it, the octets of each connection, and TLS secrets for an analyser. By default nobody listens.
//!
//! Octets may hold keys, so they travel as [`WireBytes`], which can't be printed by mistake (ruling 35).
//!
//! ```compile_fail
//! println!("{:?}", net::tap::WireBytes::new(b"octets")); // no Debug
//! ```
//! ```compile_fail
//! println!("{}", net::tap::WireBytes::new(b"octets")); // no Display
//! ```

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use base::Clause;

/// One protocol message, as a person reads it on the ladder.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// Reference point: `Ub`, `Zh`, `Zn`, `Ua`, `Mca`; or `card`, or `EAP` for hostapd.
    pub interface: &'static str,
    /// Who sent it, by its label in the laboratory: `UICC`, `UE`, `BSF`, `HSS`, `NAF`, `MAF`, `IN-CSE`.
    /// An element's own label and that of a peer are configuration (a `String`), not constants.
    pub from: &'a str,
    /// Who received it, such as `BSF`.
    pub to: &'a str,
    /// What it says, at most 70 characters, without secrets.
    pub summary: String,
    /// The clause that describes the message.
    pub clause: Option<Clause>,
}

/// What a request or response says, where method and path or the status aren't the words for it. Put into the
/// extensions of an HTTP message, it is what the ladder shows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Summary(pub String);

/// Which way octets went, seen from the element that holds the tap.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Direction {
    /// The element read them.
    Received,
    /// The element wrote them.
    Sent,
}

/// A connection, the same for all octets of it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Connection {
    /// Unique in this process.
    pub id: u64,
    /// This end.
    pub local: SocketAddr,
    /// The other end.
    pub peer: SocketAddr,
}

impl Connection {
    /// Numbers a new connection.
    #[must_use]
    pub fn new(local: SocketAddr, peer: SocketAddr) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            local,
            peer,
        }
    }

    /// Numbers the connection of a socket.
    ///
    /// # Errors
    /// If the socket isn't connected any more.
    pub fn of(socket: &tokio::net::TcpStream) -> std::io::Result<Self> {
        Ok(Self::new(socket.local_addr()?, socket.peer_addr()?))
    }
}

/// Octets as they stood on the wire. They may be or hold keys: there is no `Debug` and no `Display`.
#[derive(Clone, Copy)]
pub struct WireBytes<'a>(&'a [u8]);

impl<'a> WireBytes<'a> {
    /// Wraps what was read or written.
    #[must_use]
    pub const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// The only way to the octets: for a capture file that says it holds keys.
    #[must_use]
    pub const fn expose(self) -> &'a [u8] {
        self.0
    }

    /// How many there are.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.len()
    }

    /// True if there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

/// What came from outside and was dropped or refused. It doesn't say whose it was, so it can be counted.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Incident {
    /// A message that can't be read.
    Malformed,
    /// An answer that nothing asked for.
    UnaskedAnswer,
    /// A node that isn't known here, or that can't prove its name.
    PeerRefused,
    /// A request in the name of another node than the peer that sent it.
    ForeignName,
    /// A request of a peer that has no right to what it asks for.
    NotAllowed,
    /// A connection closed at once, as its address had too many already.
    TooManyConnections,
    /// A request of ours that had no answer in time, or whose connection was lost before.
    Unanswered,
}

impl Incident {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Malformed,
        Self::UnaskedAnswer,
        Self::PeerRefused,
        Self::ForeignName,
        Self::NotAllowed,
        Self::TooManyConnections,
        Self::Unanswered,
    ];

    /// As a label of metrics has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnaskedAnswer => "unasked_answer",
            Self::PeerRefused => "peer_refused",
            Self::ForeignName => "foreign_name",
            Self::NotAllowed => "not_allowed",
            Self::TooManyConnections => "too_many_connections",
            Self::Unanswered => "unanswered",
        }
    }
}

/// Something that was measured: for operators, without anybody's name but a configured peer's.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Measure<'a> {
    /// A request that came was answered.
    Answered {
        /// Reference point: `Ub`, `Zh`, `Zn` or `Ua`; or `EAP` for hostapd.
        interface: &'static str,
        /// HTTP status or Diameter result code.
        result: u32,
        /// From the whole request to the answer.
        took: Duration,
    },
    /// A Diameter request of ours was answered.
    RoundTrip {
        /// Whom it went to, as configured.
        peer: &'a str,
        /// From the call to the answer.
        took: Duration,
    },
    /// A TLS handshake ended.
    Handshake {
        /// Whether in a connection.
        done: bool,
        /// From its begin.
        took: Duration,
    },
    /// A connection was accepted.
    Opened,
    /// A connection that was accepted has ended.
    Closed,
}

/// Takes the time of something, if anybody wants to know.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Option<Instant>);

impl Stopwatch {
    /// Begins now, unless nobody listens.
    #[must_use]
    pub fn begin(tap: &SharedTap) -> Self {
        Self(tap.measures().then(Instant::now))
    }

    /// Tells the tap what was made of the time since.
    pub fn end<'a>(self, tap: &SharedTap, measure: impl FnOnce(Duration) -> Measure<'a>) {
        if let Self(Some(begun)) = self {
            tap.measure(measure(begun.elapsed()));
        }
    }
}

/// A listener. Calls come from the middle of protocol work: take the value and return, never wait.
pub trait Tap: Send + Sync + 'static {
    /// A protocol message was sent. Each message is told once, **by its sender, just before it goes out**: UE tells
    /// requests on Ub and Ua and commands to the card (and the card's answers), BSF tells Ub answers, MAR and BIA,
    /// HSS tells MAA, NAF tells BIR and Ua answers. So a ladder of several elements shows no message twice.
    fn message(&self, message: Message<'_>);

    /// False if nobody listens to messages: then none needs to be put into words.
    fn listens(&self) -> bool {
        true
    }

    /// Octets passed; under TLS these are the records.
    fn octets(&self, connection: &Connection, direction: Direction, octets: WireBytes<'_>) {
        let _ = (connection, direction, octets);
    }

    /// Something was dropped or refused.
    fn incident(&self, incident: Incident) {
        let _ = incident;
    }

    /// Something was measured.
    fn measure(&self, measure: Measure<'_>) {
        let _ = measure;
    }

    /// False if nobody listens to measures: then no time needs to be taken.
    fn measures(&self) -> bool {
        false
    }

    /// Nothing more will pass that way: this end has closed ([`Direction::Sent`]), or it has read the other end's
    /// end of stream ([`Direction::Received`]). May be told more than once.
    fn ended(&self, connection: &Connection, direction: Direction) {
        let _ = (connection, direction);
    }

    /// True if octets are kept: then it is worth putting a card's commands together.
    fn records(&self) -> bool {
        false
    }

    /// A command APDU and the card's response APDU, as ISO 7816-4 has them. They may hold a PIN, CK and IK.
    fn apdu(&self, command: WireBytes<'_>, response: WireBytes<'_>) {
        let _ = (command, response);
    }

    /// An element listens at this address, under this label, such as `HSS Zh`.
    fn endpoint(&self, address: SocketAddr, label: &str) {
        let _ = (address, label);
    }

    /// A line in the form of `SSLKEYLOGFILE` that opens a TLS connection to an analyser. A secret.
    fn tls_secret(&self, line: &str) {
        let _ = line;
    }
}

/// The tap as elements hold it.
pub type SharedTap = Arc<dyn Tap>;

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTap;

impl Tap for NoTap {
    fn message(&self, _: Message<'_>) {}

    fn listens(&self) -> bool {
        false
    }
}

/// A [`NoTap`] to hand to an element.
#[must_use]
pub fn none() -> SharedTap {
    Arc::new(NoTap)
}

#[cfg(test)]
mod tests {
    use core::{fmt, marker::PhantomData};

    use super::*;

    /// Says which traits a type has: the inherent constant exists only where the bound holds, and wins then.
    struct Probe<T>(PhantomData<T>);
    trait Without {
        const DEBUG: bool = false;
        const DISPLAY: bool = false;
    }
    impl<T> Without for Probe<T> {}
    impl<T: fmt::Debug> Probe<T> {
        const DEBUG: bool = true;
    }
    impl<T: fmt::Display> Probe<T> {
        const DISPLAY: bool = true;
    }

    #[test]
    fn ruling_35_octets_of_the_wire_cannot_be_printed() {
        const {
            assert!(
                Probe::<&str>::DEBUG && Probe::<&str>::DISPLAY,
                "the probe sees what is there"
            )
        }
        const { assert!(!Probe::<WireBytes<'_>>::DEBUG && !Probe::<WireBytes<'_>>::DISPLAY) }
        assert_eq!(WireBytes::new(b"key").expose(), b"key");
    }
}
