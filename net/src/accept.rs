//! Our own accept loop: a cap on connections, one task per connection, a graceful stop.
//!
//! [`stop`] gives the two ends of a stop signal; [`serve`] accepts until it comes, then lets open connections
//! finish for a while and ends the rest.

use std::{
    collections::HashMap,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
};

use crate::tap::{Connection, Incident, Measure, SharedTap};

/// Bounds of one listener.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Connections open at once; further ones wait in the kernel's queue.
    pub max_connections: usize,
    /// Connections of one address (an IPv4 address, or a /64 of IPv6) open at once; further ones are closed. Less
    /// than all, so that nobody keeps others out alone.
    pub max_per_address: usize,
    /// How long open connections may go on after the stop.
    pub grace: Duration,
}

impl Default for Limits {
    /// 1024 connections, three quarters of them for one address, 2 s of grace.
    fn default() -> Self {
        Self {
            max_connections: 1024,
            max_per_address: 768,
            grace: Duration::from_secs(2),
        }
    }
}

/// Ends what listens to the [`Stop`]s of the same pair, when told to or when dropped.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// Tells every [`Stop`].
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Another listener of this stopper.
    #[must_use]
    pub fn listener(&self) -> Stop {
        Stop(self.0.subscribe())
    }
}

/// Hears when the time has come to stop.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Returns once the [`Stopper`] has stopped or is gone.
    pub async fn stopped(&mut self) {
        // An error means that the stopper is gone, which is a stop too.
        let _ = self.0.wait_for(|stopped| *stopped).await;
    }

    /// True once the [`Stopper`] has stopped or is gone.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}

/// A stop signal: who stops, and what others wait for.
#[must_use]
pub fn stop() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

/// As [`serve_tapped`], and nobody counts.
pub async fn serve<H, F>(listener: TcpListener, limits: Limits, stop: Stop, handler: H)
where
    H: Fn(TcpStream, Connection, Stop) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    serve_tapped(listener, limits, None, stop, handler).await;
}

/// Accepts connections until `stop`, each handled in a task of its own; returns once they have ended.
///
/// The handler must end by itself when its peer is silent: give it timers. It gets the [`Stop`] to end early.
/// TCP_NODELAY is set, as all our protocols write whole messages. The tap is told of each connection that begins, ends
/// or is turned away.
pub async fn serve_tapped<H, F>(
    listener: TcpListener,
    limits: Limits,
    tap: Option<SharedTap>,
    stop: Stop,
    handler: H,
) where
    H: Fn(TcpStream, Connection, Stop) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(
        limits.max_connections.clamp(1, Semaphore::MAX_PERMITS),
    ));
    let addresses = Arc::new(Addresses::default());
    let mut tasks = JoinSet::new();
    // One address for all connections, or each has its own.
    let local = listener
        .local_addr()
        .ok()
        .filter(|local| !local.ip().is_unspecified());
    let mut hears = stop.clone();
    let mut stopped = pin!(hears.stopped());
    loop {
        let socket = tokio::select! {
            biased;
            () = &mut stopped => break,
            accepted = next(&listener, &slots) => accepted,
        };
        // Here and not when each ends, which would wake this loop once more for each. They have told their faults.
        while tasks.try_join_next().is_some() {}
        let Some((socket, peer, slot)) = socket else {
            continue;
        };
        let local = match local {
            Some(local) => Ok(local),
            None => socket.local_addr(),
        };
        let Ok(local) = local else { continue };
        let connection = Connection::new(local, peer);
        let Some(place) = Place::take(&addresses, connection.peer.ip(), limits.max_per_address) else {
            tracing::debug!(peer = %connection.peer, "closed: too many connections from this address");
            if let Some(tap) = &tap {
                tap.incident(Incident::TooManyConnections);
            }
            continue;
        };
        let _ = socket.set_nodelay(true);
        let held = Held {
            _slot: slot,
            _place: place,
            _counted: tap.clone().map(Counted::new),
        };
        // In its box before it is part of a task, which is moved several times on its way to the runtime.
        let work = Box::pin(handler(socket, connection, stop.clone()));
        tasks.spawn(async move {
            let _held = held;
            work.await;
        });
    }
    drop(listener);
    let drained = tokio::time::timeout(limits.grace, async { while tasks.join_next().await.is_some() {} });
    if drained.await.is_err() {
        tasks.shutdown().await;
    }
}

/// What a connection has while it is open, given back when dropped, also by a panic.
struct Held {
    _slot: OwnedSemaphorePermit,
    _place: Place,
    _counted: Option<Counted>,
}

impl Drop for Held {
    fn drop(&mut self) {
        // A panic in a connection's task ends that connection alone. Its text may hold anything, so it isn't logged.
        if std::thread::panicking() {
            tracing::error!("the task of a connection panicked; the connection is closed, others go on");
        }
    }
}

/// A connection that the tap counts, until it is dropped, also by a panic.
struct Counted(SharedTap);

impl Counted {
    fn new(tap: SharedTap) -> Self {
        tap.measure(Measure::Opened);
        Self(tap)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.measure(Measure::Closed);
    }
}

/// How many connections each address has open; one without any has no entry.
type Addresses = Mutex<HashMap<IpAddr, usize>>;

/// A connection's place among those of its address; gives it back when dropped, also by a panic.
struct Place {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Place {
    /// `None` if the address has that many already.
    fn take(addresses: &Arc<Addresses>, address: IpAddr, most: usize) -> Option<Self> {
        // Whoever has one IPv6 address has its /64.
        let address = match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::from((u128::from(v6) >> 64 << 64).to_be_bytes()),
            v4 => v4,
        };
        let mut open = addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_default();
        if *count >= most.max(1) {
            return None;
        }
        *count += 1;
        drop(open);
        Some(Self {
            addresses: Arc::clone(addresses),
            address,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(open.remove(&self.address)),
        }
    }
}

/// The next connection once there is room for it.
async fn next(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    // The semaphore is never closed.
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((socket, peer)) => Some((socket, peer, slot)),
        // The peer gave up before we came: nothing is wrong on this side.
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionRefused
                    | io::ErrorKind::Interrupted
            ) =>
        {
            None
        }
        Err(e) => {
            // Out of file descriptors or memory: trying at once again would spin.
            tracing::error!(error = %e, "cannot accept connections; trying again in 100 ms");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        (listener, addr)
    }

    /// Echoes one octet after the other until the peer closes.
    async fn echo(mut socket: TcpStream, _: Connection, _: Stop) {
        while let Ok(octet) = socket.read_u8().await {
            if octet == b'!' {
                panic!("as a handler with a fault would");
            }
            if socket.write_u8(octet).await.is_err() {
                break;
            }
        }
    }

    #[tokio::test]
    async fn serves_no_more_connections_than_allowed_at_once() {
        let (listener, addr) = listener().await;
        let (stopper, stop) = stop();
        let limits = Limits {
            max_connections: 1,
            ..Limits::default()
        };
        let server = tokio::spawn(serve(listener, limits, stop, echo));
        let mut first = TcpStream::connect(addr).await.unwrap();
        let mut second = TcpStream::connect(addr).await.unwrap();
        first.write_u8(b'a').await.unwrap();
        second.write_u8(b'b').await.unwrap();
        assert_eq!(first.read_u8().await.unwrap(), b'a');
        let early = tokio::time::timeout(Duration::from_millis(50), second.read_u8()).await;
        assert!(early.is_err(), "the second connection waits for the first");
        drop(first);
        assert_eq!(second.read_u8().await.unwrap(), b'b');
        drop(second);
        stopper.stop();
        server.await.unwrap();
    }

    #[tokio::test]
    async fn one_address_alone_keeps_nobody_out() {
        let (listener, addr) = listener().await;
        let (stopper, stop) = stop();
        let limits = Limits {
            max_connections: 3,
            max_per_address: 2,
            ..Limits::default()
        };
        let server = tokio::spawn(serve(listener, limits, stop, echo));
        let mut kept = Vec::new();
        for _ in 0..2 {
            let mut one = TcpStream::connect(addr).await.unwrap();
            one.write_u8(b'a').await.unwrap();
            assert_eq!(one.read_u8().await.unwrap(), b'a');
            kept.push(one);
        }
        let mut third = TcpStream::connect(addr).await.unwrap();
        assert!(third.read_u8().await.is_err(), "closed at once");
        // Its place is free again once a connection has ended, though by a panic.
        let mut bad = kept.pop().unwrap();
        bad.write_u8(b'!').await.unwrap();
        assert!(bad.read_u8().await.is_err());
        let mut answers = None;
        for _ in 0..100 {
            // The end of the connection is seen here a moment before its place is free.
            let mut again = TcpStream::connect(addr).await.unwrap();
            if again.write_u8(b'a').await.is_ok() && again.read_u8().await.is_ok() {
                answers = Some(again);
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(answers.is_some(), "the place is free again");
        drop((kept, answers, stopper));
        server.await.unwrap();
    }

    #[test]
    fn addresses_are_counted_by_what_one_user_has() {
        let addresses = Arc::new(Addresses::default());
        let take = |text: &str| Place::take(&addresses, text.parse().unwrap(), 1);
        let first = take("2001:db8::1");
        assert!(first.is_some() && take("2001:db8::ffff:1").is_none());
        assert!(take("2001:db8:0:1::1").is_some());
        let v4 = take("192.0.2.1");
        assert!(v4.is_some() && take("::ffff:192.0.2.1").is_none() && take("192.0.2.2").is_some());
        drop((first, v4));
        assert!(
            addresses.lock().unwrap().is_empty(),
            "nothing is kept of who has gone"
        );
    }

    #[tokio::test]
    async fn a_panicking_handler_ends_only_its_own_connection() {
        let (listener, addr) = listener().await;
        let (stopper, stop) = stop();
        let server = tokio::spawn(serve(listener, Limits::default(), stop, echo));
        let mut bad = TcpStream::connect(addr).await.unwrap();
        bad.write_u8(b'!').await.unwrap();
        assert!(bad.read_u8().await.is_err());
        let mut good = TcpStream::connect(addr).await.unwrap();
        good.write_u8(b'a').await.unwrap();
        assert_eq!(good.read_u8().await.unwrap(), b'a');
        drop((good, stopper));
        server.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn stops_after_the_grace_although_a_peer_stays() {
        let (listener, addr) = listener().await;
        let (stopper, stop) = stop();
        let server = tokio::spawn(serve(listener, Limits::default(), stop.clone(), echo));
        let mut stays = TcpStream::connect(addr).await.unwrap();
        stays.write_u8(b'a').await.unwrap();
        assert_eq!(stays.read_u8().await.unwrap(), b'a');
        assert!(!stop.is_stopped());
        stopper.stop();
        assert!(stop.is_stopped());
        server.await.unwrap();
        assert!(stays.read_u8().await.is_err(), "the server closed the connection");
        assert!(TcpStream::connect(addr).await.is_err(), "nobody listens any more");
    }
}
