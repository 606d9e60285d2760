//! The thread behind the channel: what comes through it becomes blocks of the file.

use std::{
    collections::{HashMap, HashSet},
    io::{self, Write},
    net::SocketAddr,
    sync::{
        atomic::Ordering,
        mpsc::{Receiver, TryRecvError},
    },
    time::Duration,
};

use net::tap::{Connection, Direction};

use super::{Item, Report, Shared, blocks::Blocks, flows::Flows, packets::Segment};

/// What the file says of itself.
const COMMENT: &str = "Holds keys in clear: CK, IK and Ks_NAF on Zh and Zn, and the secrets of the TLS connections. \
                       TCP handshakes, acknowledgements and closings are made up; the octets, addresses, ports and times \
                       are those of the run.";

/// TLS secrets remembered, because both ends tell each.
const REMEMBERED: usize = 4096;

/// The other end of the channel.
pub(super) struct Writer<W: Write> {
    blocks: Blocks<W>,
    flows: Flows,
    labels: HashMap<SocketAddr, String>,
    /// What each secret is for: the label and the client's random.
    secrets: HashSet<String>,
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
            last: Duration::ZERO,
            report: Report::default(),
        })
    }

    /// Writes until the end is told, or nobody can tell anything any more.
    pub(super) fn run(mut self, queue: &Receiver<Item>, shared: &Shared) -> io::Result<Report> {
        loop {
            let item = match queue.try_recv() {
                Ok(item) => item,
                Err(TryRecvError::Empty) => {
                    // Whoever reads along has all there is while we wait.
                    self.blocks.flush()?;
                    match queue.recv() {
                        Ok(item) => item,
                        Err(_) => break,
                    }
                }
                Err(TryRecvError::Disconnected) => break,
            };
            match item {
                Item::Finish => break,
                Item::Octets {
                    at,
                    connection,
                    direction,
                    lost,
                    octets,
                } => {
                    shared.waiting.fetch_sub(octets.len(), Ordering::Relaxed);
                    self.octets(at, &connection, direction, lost, octets.expose())?;
                }
                Item::Ended {
                    at,
                    connection,
                    direction,
                } => self.ended(at, &connection, direction)?,
                Item::Endpoint(address, label) => {
                    self.labels.insert(address, label);
                }
                Item::TlsSecret(line) => self.tls_secret(line.expose())?,
            }
        }
        self.blocks.flush()?;
        Ok(self.report)
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
            if is_diameter(octets) {
                let port = opened.server.port();
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

    /// Its place is right where it comes: a client's OpenSSL tells it before it sends what is encrypted with it.
    fn tls_secret(&mut self, line: &[u8]) -> io::Result<()> {
        let Ok(line) = str::from_utf8(line) else {
            return Ok(());
        };
        // `CLIENT_RANDOM <random> <secret>`; both ends tell it.
        let what = line.rsplit_once(' ').map_or(line, |(what, _)| what);
        if self.secrets.len() >= REMEMBERED {
            self.secrets.clear();
        }
        if self.secrets.insert(what.to_owned()) {
            self.blocks.tls_secret(line)?;
        }
        Ok(())
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

/// A Diameter connection begins with a Capabilities-Exchange-Request (RFC 6733 3, 5.3.1).
fn is_diameter(octets: &[u8]) -> bool {
    matches!(octets, [1, _, _, _, 0x80, 0, 1, 1, ..])
}
