//! The thread behind the channel: what comes through it becomes blocks of the file.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    io::{self, Write},
    net::SocketAddr,
    sync::{
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use net::tap::{Connection, Direction};

use super::{
    Item, Report, Shared, apdus, blocks::Blocks, flows::Flows, handshakes::Handshakes, packets::Segment,
};

/// What the file says of itself.
const COMMENT: &str = "Holds keys in clear: CK, IK and Ks_NAF on Zh and Zn, CK and IK of a card, and the secrets of the TLS connections. \
                       TCP handshakes, acknowledgements and closings are made up; the octets, addresses, ports and times \
                       are those of the run.";

/// TLS secrets remembered, because both ends tell each.
const REMEMBERED: usize = 4096;

/// How long, and for how many octets, everything waits for a secret that doesn't come.
const PATIENCE: Duration = Duration::from_secs(5);
const MAX_HELD: usize = 8 * 1024 * 1024;

/// The line of a key log with which all is known that opens a connection: the one of TLS 1.2, the last one of TLS 1.3.
const LAST: [&str; 2] = ["CLIENT_RANDOM", "CLIENT_TRAFFIC_SECRET_0"];

/// The random of a ClientHello.
type Random = [u8; 32];

/// What waits for a secret, in the order of the file.
struct Held {
    random: Random,
    connection: Connection,
    since: Instant,
    octets: usize,
    items: VecDeque<Item>,
}

/// The other end of the channel.
pub(super) struct Writer<W: Write> {
    blocks: Blocks<W>,
    flows: Flows,
    labels: HashMap<SocketAddr, String>,
    /// What each secret is for: the client's random, and the label of the line.
    secrets: HashSet<(Random, String)>,
    handshakes: Handshakes,
    held: Option<Held>,
    last: Duration,
    report: Report,
}

impl<W: Write> Writer<W> {
    /// Writes the head of the file.
    pub(super) fn begin(out: W) -> io::Result<Self> {
        let application = concat!("gba ", env!("CARGO_PKG_VERSION"));
        Ok(Self {
            blocks: Blocks::begin(out, application, COMMENT)?,
            flows: Flows::default(),
            labels: HashMap::new(),
            secrets: HashSet::new(),
            handshakes: Handshakes::default(),
            held: None,
            last: Duration::ZERO,
            report: Report::default(),
        })
    }

    /// Writes until the end is told, or nobody can tell anything any more.
    pub(super) fn run(mut self, queue: &Receiver<Item>, shared: &Shared) -> io::Result<Report> {
        loop {
            let item = match queue.try_recv() {
                Ok(item) => item,
                Err(_) => {
                    // Whoever reads along has all there is while we wait.
                    self.blocks.flush()?;
                    match queue.recv_timeout(PATIENCE) {
                        Ok(item) => item,
                        Err(RecvTimeoutError::Timeout) => {
                            self.release()?;
                            continue;
                        }
                        Err(RecvTimeoutError::Disconnected) => break,
                    }
                }
            };
            if let Item::Octets { octets, .. } = &item {
                shared.waiting.fetch_sub(octets.len(), Ordering::Relaxed);
            }
            if matches!(item, Item::Finish) {
                break;
            }
            self.take(item)?;
        }
        while self.held.is_some() {
            self.release()?;
        }
        self.blocks.flush()?;
        Ok(self.report)
    }

    /// Holds what comes while a secret is awaited, else writes it.
    fn take(&mut self, item: Item) -> io::Result<()> {
        if let Item::TlsSecret(line) = &item {
            let random = self.tls_secret(line.expose())?;
            return match &self.held {
                Some(held) if random == Some(held.random) => self.release(),
                _ => Ok(()),
            };
        }
        let Some(held) = &mut self.held else {
            return self.write(item);
        };
        let gave_up = matches!(&item, Item::Ended { connection, .. } if *connection == held.connection);
        held.octets += item.octets();
        held.items.push_back(item);
        let late = held.since.elapsed() > PATIENCE;
        if gave_up || late || held.octets > MAX_HELD {
            self.release()?;
        }
        Ok(())
    }

    /// Writes what was held; another secret may be awaited on the way.
    fn release(&mut self) -> io::Result<()> {
        let Some(held) = self.held.take() else {
            return Ok(());
        };
        let mut items = held.items.into_iter();
        if let Some(first) = items.next() {
            self.write_now(&first)?;
        }
        items.try_for_each(|item| self.take(item))
    }

    /// Writes an item unless a secret has to come first.
    fn write(&mut self, item: Item) -> io::Result<()> {
        if let Item::Octets {
            connection,
            direction,
            octets,
            ..
        } = &item
            && let Some(random) = self.handshakes.answers(connection, *direction, octets.expose())
            && !self
                .secrets
                .iter()
                .any(|(known, label)| *known == random && LAST.contains(&label.as_str()))
        {
            self.held = Some(Held {
                random,
                connection: *connection,
                since: Instant::now(),
                octets: octets.len(),
                items: VecDeque::from([item]),
            });
            return Ok(());
        }
        self.write_now(&item)
    }

    fn write_now(&mut self, item: &Item) -> io::Result<()> {
        match item {
            Item::Octets {
                at,
                connection,
                direction,
                lost,
                octets,
            } => self.octets(*at, connection, *direction, *lost, octets.expose()),
            Item::Ended {
                at,
                connection,
                direction,
            } => {
                self.handshakes.forget(connection);
                self.ended(*at, connection, *direction)
            }
            Item::Apdu {
                at,
                command,
                response,
            } => self.apdu(*at, command.expose(), response.expose()),
            Item::Endpoint(address, label) => {
                self.labels.insert(*address, label.clone());
                Ok(())
            }
            // Taken before.
            Item::TlsSecret(_) | Item::Finish => Ok(()),
        }
    }

    fn octets(
        &mut self,
        at: Duration,
        connection: &Connection,
        direction: Direction,
        lost: u64,
        octets: &[u8],
    ) -> io::Result<()> {
        let at = self.in_order(at);
        let Self {
            blocks,
            flows,
            labels,
            report,
            ..
        } = self;
        flows.octets(connection, direction, lost, octets, |segment, opened| {
            let Some(opened) = opened else {
                return put(blocks, report, at, segment, None);
            };
            report.connections += 1;
            let label = labels.get(&opened.server);
            let port = opened.server.port();
            if octets.starts_with(&TLS) && label.is_some_and(|l| l.ends_with(" Zh") || l.ends_with(" Zn")) {
                report.diameter_over_tls.insert(port);
            }
            if octets.starts_with(&TLS) {
                report.guessed.insert((port, "tls"));
            } else if is_http(octets) {
                report.guessed.insert((port, "http"));
            }
            if is_diameter(octets) {
                report
                    .diameter
                    .entry(port)
                    .or_insert_with(|| label.cloned().unwrap_or_default());
            }
            put(blocks, report, at, segment, label.map(String::as_str))
        })
    }

    fn ended(&mut self, at: Duration, connection: &Connection, direction: Direction) -> io::Result<()> {
        let at = self.in_order(at);
        let Self {
            blocks,
            flows,
            report,
            ..
        } = self;
        flows.ended(connection, direction, |segment, _| {
            put(blocks, report, at, segment, None)
        })
    }

    fn apdu(&mut self, at: Duration, command: &[u8], response: &[u8]) -> io::Result<()> {
        let at = self.in_order(at);
        for exchange in apdus::exchanges(command, response) {
            if let Some(packet) = apdus::packet(exchange.expose()) {
                self.report.packets += 1;
                self.report.apdus += 1;
                self.blocks.packet(at, &packet, None)?;
            }
        }
        Ok(())
    }

    /// Its place is where it comes: what needs it is held until then. Gives the client's random if it is
    /// the last.
    fn tls_secret(&mut self, line: &[u8]) -> io::Result<Option<Random>> {
        // `CLIENT_RANDOM <random> <secret>`, the latter two in hex.
        let Ok(line) = str::from_utf8(line) else {
            return Ok(None);
        };
        let mut words = line.split(' ');
        let (label, random) = (words.next(), words.next());
        let random = random.and_then(|random| base::hex::decode(random).ok());
        let (Some(label), Some(Ok(random))) = (label, random.map(Random::try_from)) else {
            return Ok(None);
        };
        if self.secrets.len() >= REMEMBERED {
            self.secrets.clear();
        }
        let is_last = LAST.contains(&label);
        // Both ends tell it.
        if self.secrets.insert((random, label.to_owned())) {
            self.blocks.tls_secret(line)?;
        }
        Ok(is_last.then_some(random))
    }

    /// Times go up in the file; two threads may have come to the channel in the other order.
    fn in_order(&mut self, at: Duration) -> Duration {
        self.last = self.last.max(at);
        self.last
    }
}

fn put<W: Write>(
    blocks: &mut Blocks<W>,
    report: &mut Report,
    at: Duration,
    segment: &Segment<'_>,
    comment: Option<&str>,
) -> io::Result<()> {
    let Some(packet) = segment.packet() else {
        return Ok(());
    };
    report.packets += 1;
    blocks.packet(at, &packet, comment)
}

/// Handshake, version 3: how a TLS connection begins.
const TLS: [u8; 2] = [22, 3];

/// The request that an HTTP connection begins with.
fn is_http(octets: &[u8]) -> bool {
    let line = octets.split(|c| *c == b'\r').next().unwrap_or_default();
    line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0")
}

/// A Diameter connection begins with a Capabilities-Exchange-Request (RFC 6733 3, 5.3.1).
fn is_diameter(octets: &[u8]) -> bool {
    matches!(octets, [1, _, _, _, 0x80, 0, 1, 1, ..])
}
