//! The side that calls: keeps one connection up, and matches answers to requests.

use std::{sync::Arc, time::Duration};

use ::diameter::{
    Message,
    layout::{Ids, Out},
    peer::{Closed, Peer},
};
use base::Entropy;
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout},
};

use super::{
    Config, Error, Security,
    connection::{Ask, Clock, Read, Request, Side, Standing, run},
    end::End,
    server::seed,
};
use crate::{
    accept::{self, Stop, Stopper},
    entropy::OsEntropy,
    tap::{Connection, Incident, Measure, SharedTap, Stopwatch},
    tls::cert::Endpoint,
    wire::Wire,
};

/// Writes a request to the octets that go out, with these identifiers.
pub type Write = Arc<dyn Fn(Ids, &mut Out) + Send + Sync>;

/// A request by its octets.
pub struct Usual<T> {
    /// Its Command Code, which is the answer's too.
    pub command: u32,
    /// Writes it: once for each peer that is asked.
    pub write: Write,
    /// Reads what it needs of the answer, if that is as usual.
    pub read: fn(&[u8]) -> Option<T>,
}

/// The answer to [`Usual`].
pub enum Came<T> {
    /// What was read of it.
    Usual(T),
    /// One that isn't as usual.
    Message(Message),
}

/// The connection as its users see it.
#[derive(Clone, Debug)]
enum Status {
    Connecting,
    Stands(Standing),
    Down(String),
    Closed,
}

impl Status {
    const fn is_open(&self) -> bool {
        matches!(self, Self::Stands(Standing::Open | Standing::Reopened))
    }
}

/// A connection to one peer. Clones share it; when the last one goes, the peer is told goodbye (DPR).
#[derive(Clone)]
pub struct Client {
    peer: Arc<str>,
    asks: mpsc::Sender<Ask>,
    status: watch::Receiver<Status>,
    request: Duration,
    open: Duration,
    stopper: Arc<Stopper>,
    tap: SharedTap,
}

impl Client {
    /// Connects to `address` (`host:port`) in the background, and again whenever the connection is lost. One of
    /// `config.peers` has to be there: nobody else's CEA is taken.
    ///
    /// Needs a tokio runtime.
    #[must_use]
    pub fn connect(address: impl Into<String>, config: Config) -> Self {
        let peer: Arc<str> = address.into().into();
        let (asks, asked) = mpsc::channel(config.limits.in_flight.max(1));
        let (told, status) = watch::channel(Status::Connecting);
        let (stopper, stop) = accept::stop();
        let client = Self {
            peer: Arc::clone(&peer),
            asks,
            status,
            request: config.limits.request,
            open: config.limits.open,
            stopper: Arc::new(stopper),
            tap: Arc::clone(&config.tap),
        };
        tokio::spawn(keep(peer, config, asked, told, stop));
        client
    }

    /// Its address as configured.
    #[must_use]
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// True if requests are sent at once.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status.borrow().is_open()
    }

    /// True if it is open and the peer hasn't failed lately: since then it has answered three watchdog requests
    /// (RFC 3539 3.4.1).
    #[must_use]
    pub fn is_proven(&self) -> bool {
        matches!(*self.status.borrow(), Status::Stands(Standing::Open))
    }

    /// Its state for operators, with the watchdog's opinion (RFC 3539 3.4): `open`; `reopened`, after a failure that the
    /// peer has yet to make good; `suspect`, silent; `down`.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match &*self.status.borrow() {
            Status::Stands(Standing::Open) => "open",
            Status::Stands(Standing::Reopened) => "reopened",
            Status::Stands(Standing::Suspect) => "suspect",
            Status::Connecting | Status::Down(_) | Status::Closed => "down",
        }
    }

    /// Waits until the connection is open.
    ///
    /// # Errors
    /// [`Error::Down`] with the last reason if it isn't within the configured time; [`Error::Closed`].
    pub async fn ready(&self) -> Result<(), Error> {
        let mut status = self.status.clone();
        let settled = |s: &Status| s.is_open() || matches!(s, Status::Closed);
        // An error means that the task is gone.
        let last = match timeout(self.open, status.wait_for(settled)).await {
            Ok(Ok(now)) => now.clone(),
            Ok(Err(_)) => Status::Closed,
            Err(_) => self.status.borrow().clone(),
        };
        let down = |reason: String| {
            Err(Error::Down {
                peer: self.peer.to_string(),
                reason,
            })
        };
        match last {
            Status::Stands(Standing::Open | Standing::Reopened) => Ok(()),
            Status::Stands(Standing::Suspect) => {
                down("it is silent: a watchdog request is unanswered".into())
            }
            Status::Closed => Err(Error::Closed),
            Status::Down(reason) => down(reason),
            Status::Connecting => down("not connected yet".into()),
        }
    }

    /// Sends a request and waits for its answer. Identifiers are set here. Many may wait at once.
    ///
    /// A request isn't repeated after a lost connection: an HSS would spend a second vector.
    ///
    /// # Errors
    /// [`Error::Down`], [`Error::Lost`], [`Error::TimedOut`], [`Error::Busy`], [`Error::Closed`].
    pub async fn request(&self, request: Message) -> Result<Message, Error> {
        // Who has no other reader gets a message.
        self.ask(Request::Message(request)).await?.ok_or(Error::Closed)
    }

    /// As [`Self::request`], by octets.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub async fn usual<T: Send + 'static>(&self, request: &Usual<T>) -> Result<Came<T>, Error> {
        let (sender, mut came) = oneshot::channel();
        let (mut sender, read) = (Some(sender), request.read);
        let read: Read = Box::new(move |octets| {
            let value = read(octets);
            // Who has gone is found out by the reply.
            value.is_some_and(|value| sender.take().map(|to| to.send(value)).is_some())
        });
        let request = Request::Usual(request.command, Arc::clone(&request.write), read);
        match self.ask(request).await? {
            Some(message) => Ok(Came::Message(message)),
            None => came.try_recv().map(Came::Usual).map_err(|_| Error::Closed),
        }
    }

    async fn ask(&self, request: Request) -> Result<Option<Message>, Error> {
        if !self.is_open() {
            self.ready().await?;
        }
        let (reply, answer) = oneshot::channel();
        let exchange = async {
            self.asks
                .send(Ask { request, reply })
                .await
                .map_err(|_| Error::Closed)?;
            answer.await.unwrap_or(Err(Error::Closed))
        };
        let watch = Stopwatch::begin(&self.tap);
        let answer = timeout(self.request, exchange).await.unwrap_or_else(|_| {
            Err(Error::TimedOut {
                peer: self.peer.to_string(),
                after: self.request,
            })
        });
        match &answer {
            Ok(_) => watch.end(&self.tap, |took| Measure::RoundTrip {
                peer: &self.peer,
                took,
            }),
            Err(e) if !e.is_unsent() => self.tap.incident(Incident::Unanswered),
            Err(_) => {}
        }
        answer
    }

    /// Finishes what is under way, says goodbye (DPR) and returns when the connection is closed.
    pub async fn close(&self) {
        self.stopper.stop();
        let mut status = self.status.clone();
        // An error means that the task is gone, which is what we wait for.
        let _ = status.wait_for(|s| matches!(s, Status::Closed)).await;
    }
}

/// Keeps the connection up until `stop`.
async fn keep(
    peer: Arc<str>,
    config: Config,
    mut asks: mpsc::Receiver<Ask>,
    told: watch::Sender<Status>,
    mut stop: Stop,
) {
    let mut pause = config.limits.backoff;
    // RFC 3539 3.4.1: a connection after a failure has to prove itself.
    let mut failed = false;
    while !stop.is_stopped() {
        let mut opened = false;
        let reason = match connect(&peer, &config, &mut stop).await {
            Err(reason) => reason,
            Ok(socket) => {
                let mut tell = |standing: Standing, _: &super::PeerIdentity| {
                    opened = true;
                    told.send_replace(Status::Stands(standing));
                };
                let side = Side {
                    name: &peer,
                    limits: config.limits,
                    handler: None,
                    known: None,
                    tap: Arc::clone(&config.tap),
                    stands: &mut tell,
                };
                match converse(&config, socket, &mut asks, stop.clone(), side, failed).await {
                    Err(reason) => reason,
                    Ok(end) => {
                        // Who said goodbye hasn't failed.
                        if opened {
                            failed = !matches!(end, End::Machine(Closed::ByPeer | Closed::ByUs));
                        }
                        end.to_string()
                    }
                }
            }
        };
        if stop.is_stopped() {
            break;
        }
        tracing::warn!(%peer, %reason, "Diameter connection down");
        told.send_replace(Status::Down(reason.clone()));
        if opened {
            pause = config.limits.backoff;
        }
        idle(&peer, &reason, jitter(pause), &mut asks, &mut stop).await;
        pause = (pause * 2).min(config.limits.backoff_max);
    }
    told.send_replace(Status::Closed);
    asks.close();
    while let Some(ask) = asks.recv().await {
        let _ = ask.reply.send(Err(Error::Closed));
    }
}

async fn connect(peer: &str, config: &Config, stop: &mut Stop) -> Result<TcpStream, String> {
    let connecting = async {
        let mut last = "the name has no address".to_owned();
        for address in tokio::net::lookup_host(peer).await.map_err(|e| e.to_string())? {
            if let Err(e) = config.may_use(address) {
                last = e.to_string();
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(socket) => return Ok(socket),
                Err(e) if e.kind() == std::io::ErrorKind::ConnectionRefused => {
                    "connection refused: nothing listens there".clone_into(&mut last);
                }
                Err(e) => last = e.to_string(),
            }
        }
        Err(last)
    };
    tokio::select! {
        () = stop.stopped() => Err("stopped".into()),
        connected = timeout(config.limits.connect, connecting) => {
            connected.unwrap_or_else(|_| Err("no answer to the TCP handshake".into()))
        }
    }
}

/// One connection, to its end. Returns why it ended, or why there was none.
async fn converse(
    config: &Config,
    socket: TcpStream,
    asks: &mut mpsc::Receiver<Ask>,
    stop: Stop,
    side: Side<'_>,
    failed: bool,
) -> Result<End, String> {
    let connection = Connection::of(&socket).map_err(|e| e.to_string())?;
    let _ = socket.set_nodelay(true);
    let (local, known) = (config.local(connection.local), config.known());
    let (limits, tap) = (config.limits, Arc::clone(&config.tap));
    let machine = |clock: Clock| {
        let machine = Peer::initiator(local.into(), known.into(), limits.timers, clock.now(), seed());
        if failed { machine.reopened() } else { machine }
    };
    let wire = Wire::new(socket, Some((Arc::clone(&tap), connection)), limits.stall);
    let Security::Tls(credentials) = &config.security else {
        let clock = Clock::start();
        return Ok(run(wire, machine(clock), clock, side, Some(asks), stop).await);
    };
    let tls = Endpoint::client(credentials, tap, limits.handshake).map_err(|e| e.to_string())?;
    let watch = Stopwatch::begin(&config.tap);
    let shaken = tls.handshake(wire, config.callee()).await;
    let done = shaken.is_ok();
    watch.end(&config.tap, |took| Measure::Handshake { done, took });
    let (stream, names) = shaken.map_err(|e| e.to_string())?;
    let clock = Clock::start();
    let machine = machine(clock).with_certificate(names);
    Ok(run(stream, machine, clock, side, Some(asks), stop).await)
}

/// Waits before the next attempt; requests that come meanwhile are told at once.
async fn idle(peer: &str, reason: &str, pause: Duration, asks: &mut mpsc::Receiver<Ask>, stop: &mut Stop) {
    let until = Instant::now() + pause;
    loop {
        tokio::select! {
            () = stop.stopped() => return,
            () = tokio::time::sleep_until(until) => return,
            Some(ask) = asks.recv() => {
                let (peer, reason) = (peer.to_owned(), reason.to_owned());
                let _ = ask.reply.send(Err(Error::Down { peer, reason }));
            }
        }
    }
}

/// Up to a quarter longer, so that many clients of one server don't come back at the same instant.
fn jitter(pause: Duration) -> Duration {
    let [octet] = OsEntropy.array::<1>().unwrap_or([0]);
    pause + pause * u32::from(octet) / 1024
}
