//! A capture file of what the tap sees, for Wireshark: pcapng with the TLS secrets that open it.
//!
//! * [`create`] makes the file, for its owner only; [`record`] gives the tap and starts the writer;
//! * `writer`: the thread that writes; `blocks`: the blocks of the file; `packets`: TCP and IP headers; `flows`: octets
//!   as TCP connections; `handshakes`: where TLS begins to encrypt; `apdus`: what the
//!   card is asked and answers, as GSMTAP.
//!
//! The tap never waits: it copies what it is shown into a bounded channel, and a thread writes. A full channel counts and
//! drops. **The file holds keys** (ruling 35): session keys on Zh and Zn in clear, and the secrets of every TLS
//! connection, CK and IK where the card gives them out.

mod apdus;
mod blocks;
mod flows;
mod handshakes;
mod packets;
mod writer;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::{File, OpenOptions},
    io::{self, BufWriter, ErrorKind, Write},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use base::SecretBytes;
use net::tap::{Connection, Direction, Message, Tap, WireBytes};

use writer::Writer;

/// What may wait for the writer; a run of the demo has some hundred.
pub const CAPACITY: usize = 8192;

/// Octets that may wait for the writer.
pub const MAX_WAITING: usize = 32 * 1024 * 1024;

/// Makes a new file that only its owner may read. With `force` an existing regular file, or a link, makes place for it.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`] without `force`; else what the system says.
pub fn create(path: &Path, force: bool) -> io::Result<File> {
    if force {
        match std::fs::symlink_metadata(path) {
            Ok(found) if found.is_file() || found.is_symlink() => std::fs::remove_file(path)?,
            Ok(_) => return Err(io::Error::other("it is no regular file")),
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    // Made anew, so that no earlier file's rights or readers are its own.
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// What goes through the channel.
enum Item {
    Octets {
        at: Duration,
        connection: Connection,
        direction: Direction,
        /// Octets before these that found the channel full.
        lost: u64,
        octets: SecretBytes,
    },
    Ended {
        at: Duration,
        connection: Connection,
        direction: Direction,
    },
    Apdu {
        at: Duration,
        command: SecretBytes,
        response: SecretBytes,
    },
    Endpoint(SocketAddr, String),
    TlsSecret(SecretBytes),
    Finish,
}

impl Item {
    /// Octets that it keeps in memory.
    fn octets(&self) -> usize {
        match self {
            Self::Octets { octets, .. } => octets.len(),
            _ => 0,
        }
    }
}

/// What both sides of the channel know.
#[derive(Default)]
struct Shared {
    /// Octets in the channel.
    waiting: AtomicUsize,
    /// Items that found it full.
    dropped: AtomicU64,
    /// Octets dropped since the last that weren't, by connection; empty unless something was dropped just now.
    lost: Mutex<HashMap<(u64, Direction), u64>>,
}

/// A tap that writes a capture file. It keeps no messages.
pub struct Recorder {
    items: SyncSender<Item>,
    shared: Arc<Shared>,
    began: Instant,
    epoch: Duration,
}

/// The writer of a [`Recorder`].
pub struct Recording {
    items: SyncSender<Item>,
    shared: Arc<Shared>,
    writer: JoinHandle<io::Result<Report>>,
}

/// What has been written.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// Packets.
    pub packets: u64,
    /// Connections.
    pub connections: u64,
    /// Packets that hold an exchange with a card.
    pub apdus: u64,
    /// Pieces that found the channel full and are missing.
    pub dropped: u64,
    /// Ports whose Diameter an analyser has to be told, as it isn't the registered one; with the label of who listens.
    pub diameter: BTreeMap<u16, String>,
    /// Ports of HTTP and of TLS: an analyser guesses them, but wrongly where a port of either end is registered for
    /// something else.
    pub guessed: BTreeSet<(u16, &'static str)>,
    /// Diameter within TLS, where the label of who listens ends with `Zh` or `Zn`.
    pub diameter_over_tls: BTreeSet<u16>,
}

/// Starts a capture into `out`.
///
/// # Errors
/// If the head of the file can't be written, or no thread can be had.
pub fn record(out: impl Write + Send + 'static) -> io::Result<(Recorder, Recording)> {
    let (items, queue) = sync_channel(CAPACITY);
    let shared = Arc::new(Shared::default());
    let writer = Writer::begin(BufWriter::new(out))?;
    let of_writer = Arc::clone(&shared);
    let thread = thread::Builder::new()
        .name("pcap".into())
        .spawn(move || writer.run(&queue, &of_writer))?;
    let recorder = Recorder {
        items: items.clone(),
        shared: Arc::clone(&shared),
        began: Instant::now(),
        epoch: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
    };
    let recording = Recording {
        items,
        shared,
        writer: thread,
    };
    Ok((recorder, recording))
}

impl Recording {
    /// Writes what has been seen until now, and closes the file.
    ///
    /// # Errors
    /// If the file couldn't be written.
    pub fn finish(self) -> io::Result<Report> {
        // An error means that the writer has ended already, and it says why.
        let _ = self.items.send(Item::Finish);
        let ended = self.writer.join();
        let mut report = ended.map_err(|_| io::Error::other("the writer of the capture panicked"))??;
        report.dropped = self.shared.dropped.load(Ordering::Relaxed);
        Ok(report)
    }
}

impl Recorder {
    /// The time of the wall clock when the capture began, and what the steady clock says since.
    fn now(&self) -> Duration {
        self.epoch.saturating_add(self.began.elapsed())
    }

    fn push(&self, item: Item) -> bool {
        let taken = self.items.try_send(item).is_ok();
        if !taken {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }
}

impl Tap for Recorder {
    fn message(&self, _: Message<'_>) {}

    fn listens(&self) -> bool {
        false
    }

    fn octets(&self, connection: &Connection, direction: Direction, octets: WireBytes<'_>) {
        let at = self.now();
        let way = (connection.id, direction);
        let mut all_lost = self.shared.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = all_lost.remove(&way).unwrap_or_default();
        drop(all_lost);
        let before = self.shared.waiting.fetch_add(octets.len(), Ordering::Relaxed);
        let fits = before.saturating_add(octets.len()) <= MAX_WAITING;
        let taken = if fits {
            self.push(Item::Octets {
                at,
                connection: *connection,
                direction,
                lost,
                octets: octets.expose().into(),
            })
        } else {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            false
        };
        if !taken {
            self.shared.waiting.fetch_sub(octets.len(), Ordering::Relaxed);
            let more = u64::try_from(octets.len()).unwrap_or(u64::MAX);
            let mut all_lost = self.shared.lost.lock().unwrap_or_else(PoisonError::into_inner);
            all_lost.insert(way, lost.saturating_add(more));
        }
    }

    fn ended(&self, connection: &Connection, direction: Direction) {
        self.push(Item::Ended {
            at: self.now(),
            connection: *connection,
            direction,
        });
    }

    fn records(&self) -> bool {
        true
    }

    fn apdu(&self, command: WireBytes<'_>, response: WireBytes<'_>) {
        self.push(Item::Apdu {
            at: self.now(),
            command: command.expose().into(),
            response: response.expose().into(),
        });
    }

    fn endpoint(&self, address: SocketAddr, label: &str) {
        self.push(Item::Endpoint(address, label.into()));
    }

    fn tls_secret(&self, line: &str) {
        self.push(Item::TlsSecret(line.as_bytes().into()));
    }
}

#[cfg(test)]
mod tests;
