//! One connection to the listener, with the one to the target that it made.

use std::{collections::HashSet, sync::Arc, time::Duration};

use base::SecretBytes;
use diameter::{Origin, message::MAX_MESSAGE};
use net::{accept::Stop, tap::Connection};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf},
    net::TcpStream,
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

use super::{
    Cutter, Event, Exchanges, Parts, Passing, Protocol, Proxy, Shown,
    side::{Again, Io},
};
use crate::tap::{Content, Direction, engine::Fate};

/// Room for one read.
const CHUNK: usize = 16 * 1024;
/// Messages that may wait for a slow peer.
const QUEUE: usize = 1024;
/// Places that are free in a queue before more is read for it: as many as the smallest messages in one read need, so that
/// a peer that doesn't read never keeps the other direction from flowing.
const ROOM: usize = 1000;
/// Repeated requests of one connection whose answers are awaited.
const MAX_KEPT: usize = 1024;

/// Octets on their way out, and what is told as they go.
struct Out {
    not_before: Option<Instant>,
    octets: SecretBytes,
    told: Option<Shown>,
}

/// A connection at work.
struct Work {
    id: u64,
    protocol: Protocol,
    again: Again,
    exchanges: Exchanges,
    cutters: [Cutter; 2],
    queues: [Option<mpsc::Sender<Out>>; 2],
    /// Who answers at the target's and at the listener's side.
    origins: [Option<Origin>; 2],
    /// Hop-by-hop identifiers of requests that were sent again: their answers are ours.
    kept: HashSet<u32>,
    next_kept: u32,
    /// What is held, and repetitions.
    held: JoinSet<()>,
}

const fn index(direction: Direction) -> usize {
    match direction {
        Direction::ToTarget => 0,
        Direction::ToListener => 1,
    }
}

const fn back(direction: Direction) -> Direction {
    match direction {
        Direction::ToTarget => Direction::ToListener,
        Direction::ToListener => Direction::ToTarget,
    }
}

impl Proxy {
    pub(super) async fn connection(
        self: Arc<Self>,
        id: u64,
        socket: TcpStream,
        connection: Connection,
        mut stop: Stop,
    ) {
        let opened = tokio::select! {
            opened = self.open(id, socket, connection) => opened,
            () = stop.stopped() => return,
        };
        let (open, again) = match opened {
            Ok(open) => open,
            Err(why) => return self.note(id, why),
        };
        self.note(
            id,
            format!("connected: {} → {}", connection.peer, self.config.target),
        );
        let (from_listener, to_listener) = tokio::io::split(open.listener);
        let (from_target, to_target) = tokio::io::split(open.target);
        let mut writers = JoinSet::new();
        let mut queue = |io| {
            let (sender, receiver) = mpsc::channel(QUEUE);
            writers.spawn(write(Arc::clone(&self), io, receiver));
            Some(sender)
        };
        let protocol = open.protocol;
        let mut work = Work {
            id,
            protocol,
            again,
            exchanges: Exchanges::default(),
            cutters: [Direction::ToTarget, Direction::ToListener].map(|d| Cutter::new(protocol, d)),
            queues: [queue(to_target), queue(to_listener)],
            origins: [None, None],
            kept: HashSet::new(),
            next_kept: 0,
            held: JoinSet::new(),
        };
        let why = tokio::select! {
            why = self.run(&mut work, from_listener, from_target, &mut writers) => why,
            () = stop.stopped() => return,
        };
        self.note(id, why);
    }

    /// Passes everything until the connection ends, and says why it did.
    async fn run(
        self: &Arc<Self>,
        work: &mut Work,
        mut from_listener: ReadHalf<Box<dyn Io>>,
        mut from_target: ReadHalf<Box<dyn Io>>,
        writers: &mut JoinSet<bool>,
    ) -> &'static str {
        let (mut upwards, mut downwards) = (Vec::with_capacity(CHUNK), Vec::with_capacity(CHUNK));
        while work.queues.iter().any(Option::is_some) {
            upwards.reserve(CHUNK);
            downwards.reserve(CHUNK);
            let (direction, read) = tokio::select! {
                read = from_listener.read_buf(&mut upwards), if has_room(&work.queues[0]) => (Direction::ToTarget, read),
                read = from_target.read_buf(&mut downwards), if has_room(&work.queues[1]) => (Direction::ToListener, read),
                Some(ended) = writers.join_next() => match ended {
                    Ok(true) => continue,
                    _ => return "closed: a peer is gone",
                },
                () = room(&work.queues[0]) => continue,
                () = room(&work.queues[1]) => continue,
                Some(_) = work.held.join_next() => continue,
                () = tokio::time::sleep(self.config.limits.idle) => return "closed: nothing passed for too long",
            };
            let octets = match direction {
                Direction::ToTarget => &mut upwards,
                Direction::ToListener => &mut downwards,
            };
            let Ok(length) = read else {
                return "closed: a peer is gone";
            };
            let cutter = &mut work.cutters[index(direction)];
            cutter.push(octets);
            drop(SecretBytes::new(std::mem::take(octets)));
            while let Some(passing) = work.cutters[index(direction)].next(&mut work.exchanges) {
                if !self.pass(work, direction, passing).await {
                    return "closed by a rule";
                }
            }
            if length == 0 {
                let left = work.cutters[index(direction)].finish(&mut work.exchanges);
                if let Some(passing) = left
                    && !self.pass(work, direction, passing).await
                {
                    return "closed by a rule";
                }
                // What is held still goes out; then the writer closes.
                work.queues[index(direction)] = None;
            }
        }
        while work.held.join_next().await.is_some() {}
        while writers.join_next().await.is_some() {}
        "closed by both ends"
    }

    /// One message. False if the connection is to be closed.
    async fn pass(self: &Arc<Self>, work: &mut Work, direction: Direction, passing: Passing) -> bool {
        if let Content::Diameter(header, read) = passing.content() {
            if let Ok(message) = read
                && let Ok(origin) = message.origin()
            {
                // A request going to the target is answered by whoever sends to the listener.
                work.origins[index(back(direction))] = Some(origin);
            }
            if direction == Direction::ToListener
                && !header.is_request()
                && work.kept.remove(&header.hop_by_hop)
            {
                let mut shown = self.shown(work.id, direction, &passing, None);
                shown
                    .rules
                    .push(("replay".into(), "answer to what was sent again: kept here".into()));
                self.tell(Event::Message(Box::new(shown)));
                return true;
            }
        }
        let answerer = work.origins[index(direction)].as_ref();
        let judged = self.engine().judge(direction, &passing, answerer);
        let mut shown = self.shown(work.id, direction, &passing, judged.altered.as_ref());
        shown.rules = self.rules(&judged.marks);
        let again = (!judged.replays.is_empty() || !judged.delay.is_zero()).then(|| shown.clone());
        self.tell(Event::Message(Box::new(shown)));

        let is_request = match passing.content() {
            Content::Diameter(header, _) => header.is_request(),
            Content::Http(parts) => parts.is_request(),
            Content::Tls(_) | Content::Opaque(_) => false,
        };
        let unasked = |work: &mut Work| {
            if is_request && matches!(passing.content(), Content::Http(_)) {
                work.exchanges.withdraw();
            }
        };
        match judged.fate {
            Fate::Close => return false,
            Fate::Drop => {
                unasked(work);
                return true;
            }
            Fate::Answer(octets) => {
                unasked(work);
                let to = if is_request { back(direction) } else { direction };
                self.send(work, to, octets, None, None).await;
                return true;
            }
            Fate::Pass => {}
        }
        let last = judged.altered.as_ref().unwrap_or(&passing);
        let mut at = (!judged.delay.is_zero()).then(|| Instant::now() + judged.delay);
        let late = at
            .and(again.clone())
            .map(|shown| told_again(shown, "goes on now"));
        self.send(work, direction, last.octets().to_vec(), at, late).await;
        let times = judged.replays.len();
        for (n, after) in judged.replays.iter().enumerate() {
            if !after.is_zero() {
                at = Some(at.unwrap_or_else(Instant::now) + *after);
            }
            let told = again
                .clone()
                .map(|shown| told_again(shown, &format!("sent again, {} of {times}", n + 1)));
            self.repeat(work, direction, last, is_request, at, told).await;
        }
        true
    }

    /// Puts octets into the queue of that direction, at once or later.
    async fn send(
        &self,
        work: &mut Work,
        direction: Direction,
        octets: Vec<u8>,
        at: Option<Instant>,
        told: Option<Shown>,
    ) {
        let Some(queue) = &work.queues[index(direction)] else {
            return;
        };
        let octets = SecretBytes::new(octets);
        // Answers of Diameter find their requests in any order.
        if let Some(at) = at
            && work.protocol == Protocol::Diameter
            && work.held.len() < self.config.limits.held
        {
            let queue = queue.clone();
            work.held.spawn(async move {
                sleep_until(at).await;
                let _ = queue
                    .send(Out {
                        not_before: None,
                        octets,
                        told,
                    })
                    .await;
            });
            return;
        }
        // An error means that the peer is gone, which the writer has told.
        let _ = queue
            .send(Out {
                not_before: at,
                octets,
                told,
            })
            .await;
    }

    /// Sends a message again.
    async fn repeat(
        self: &Arc<Self>,
        work: &mut Work,
        direction: Direction,
        passing: &Passing,
        is_request: bool,
        at: Option<Instant>,
        told: Option<Shown>,
    ) {
        let mut octets = passing.octets().to_vec();
        match passing.content() {
            Content::Diameter(header, _) if is_request => {
                if work.kept.len() >= MAX_KEPT {
                    return self.note(work.id, "not sent again: too many wait for their answers");
                }
                // Its own identifier, so that its answer is told from that of the first one.
                work.next_kept = work.next_kept.wrapping_add(1);
                let own = !header.hop_by_hop ^ work.next_kept;
                if let Some(place) = octets.get_mut(12..16) {
                    place.copy_from_slice(&own.to_be_bytes());
                }
                work.kept.insert(own);
                self.send(work, direction, octets, at, told).await;
            }
            Content::Http(_) if is_request && direction == Direction::ToTarget => {
                if work.held.len() >= self.config.limits.held {
                    return self.note(work.id, "not sent again: too many wait");
                }
                let (proxy, again, id) = (Arc::clone(self), work.again.clone(), work.id);
                work.held
                    .spawn(async move { proxy.repeat_http(id, &again, octets, at, told).await });
            }
            _ => self.send(work, direction, octets, at, told).await,
        }
    }

    /// A request of HTTP again, on a connection of its own; the answer is told and goes nowhere.
    async fn repeat_http(
        &self,
        id: u64,
        again: &Again,
        octets: Vec<u8>,
        at: Option<Instant>,
        told: Option<Shown>,
    ) {
        if let Some(at) = at {
            sleep_until(at).await;
        }
        let octets = SecretBytes::new(octets);
        let exchange = async {
            let mut io = self.call(None, again).await?;
            if let Some(mut told) = told {
                told.at = self.elapsed();
                self.tell(Event::Message(Box::new(told)));
            }
            let gone = |e: std::io::Error| e.to_string();
            io.write_all(octets.expose()).await.map_err(gone)?;
            io.flush().await.map_err(gone)?;
            let mut exchanges = Exchanges::default();
            let mut asked = Cutter::new(Protocol::Http, Direction::ToTarget);
            asked.push(octets.expose());
            drop(asked.next(&mut exchanges));
            let mut cutter = Cutter::new(Protocol::Http, Direction::ToListener);
            let mut room = Vec::with_capacity(CHUNK);
            loop {
                room.clear();
                let length = io.read_buf(&mut room).await.map_err(gone)?;
                cutter.push(&room);
                let whole = match (cutter.next(&mut exchanges), length) {
                    (None, 0) => cutter.finish(&mut exchanges).ok_or("closed without an answer")?,
                    (None, _) => continue,
                    (Some(whole), _) => whole,
                };
                if is_interim(&whole) {
                    continue;
                }
                let mut shown = self.shown(id, Direction::ToListener, &whole, None);
                shown
                    .rules
                    .push(("replay".into(), "answer to what was sent again: kept here".into()));
                self.tell(Event::Message(Box::new(shown)));
                return Ok::<_, String>(());
            }
        };
        match timeout(self.config.limits.replay, exchange).await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => self.note(id, format!("sent again, without an answer: {why}")),
            Err(_) => self.note(id, "sent again, without an answer in time"),
        }
    }
}

fn has_room(queue: &Option<mpsc::Sender<Out>>) -> bool {
    queue.as_ref().is_some_and(|queue| queue.capacity() >= ROOM)
}

/// Until a queue that has no room has some.
async fn room(queue: &Option<mpsc::Sender<Out>>) {
    match queue {
        // An error means that the peer is gone, which its writer tells.
        Some(queue) if queue.capacity() < ROOM => drop(queue.reserve_many(ROOM).await),
        _ => std::future::pending().await,
    }
}

/// 1xx: the answer is still to come.
fn is_interim(passing: &Passing) -> bool {
    let status = |parts: &Parts| parts.status(passing.octets()).unwrap_or_default();
    matches!(passing.content(), Content::Http(parts) if status(parts) < 200)
}

fn told_again(mut shown: Shown, what: &str) -> Shown {
    // All of it has been told.
    shown.full.clear();
    shown.octets = None;
    if let Some(last) = shown.rules.last_mut() {
        what.clone_into(&mut last.1);
    }
    let last = shown.rules.pop();
    shown.rules = last.into_iter().collect();
    shown
}

/// Writes what comes through the queue, then closes. False if the peer is gone.
async fn write(proxy: Arc<Proxy>, mut io: WriteHalf<Box<dyn Io>>, mut queue: mpsc::Receiver<Out>) -> bool {
    while let Some(out) = queue.recv().await {
        if let Some(at) = out.not_before {
            sleep_until(at).await;
        }
        if let Some(mut told) = out.told {
            told.at = proxy.elapsed();
            proxy.tell(Event::Message(Box::new(told)));
        }
        let work = async {
            io.write_all(out.octets.expose()).await?;
            io.flush().await
        };
        // A large message may take several times as long as a peer may be silent.
        let most =
            proxy.config.limits.stall * u32::try_from(1 + out.octets.len() / MAX_MESSAGE).unwrap_or(u32::MAX);
        match timeout(most, work).await {
            Ok(Ok(())) => {}
            _ => return false,
        }
    }
    let _ = timeout(Duration::from_secs(1), io.shutdown()).await;
    true
}
