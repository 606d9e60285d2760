//! One connection, either side: moves messages between socket, [`Peer`], handlers and waiting requests.
//!
//! Writing has a task of its own, so that two nodes that both write never wait for each other to read. Its
//! outbox is bounded: while it is nearly full nothing more is read or asked, and a peer that takes nothing of it for
//! a while is dropped.

use std::{
    collections::HashMap,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use ::diameter::{
    Fault, Header, Message, ResultCode,
    peer::{Closed, DisconnectCause, Incident, Input, Known, Local, Output, Peer, PeerIdentity, State},
};
use base::Now;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::Instant,
};

use super::{
    Error, Limits, Write,
    end::End,
    frame::{self, Frames},
    outbox::{Outbox, Sender},
};
use crate::{
    accept::Stop,
    clock,
    tap::{self, SharedTap},
    tls::cert::io_reason,
};

/// Work on a request: its answer, or `None` where nothing is to be sent any more.
pub(super) type Work = Pin<Box<dyn Future<Output = Option<Message>> + Send>>;
/// Answers a request.
pub(super) type General = dyn Fn(PeerIdentity, Message) -> Work + Send + Sync;
/// Answers a request by its octets, where it is as usual, and sends the answer itself.
pub(super) type Usual = dyn Fn(&PeerIdentity, &[u8], &Sender) -> Option<Work> + Send + Sync;

/// What answers requests.
#[derive(Clone)]
pub(super) struct Handler {
    pub(super) usual: Arc<Usual>,
    pub(super) general: Arc<General>,
}

/// Things at hand that are taken before the runtime is asked again.
const BURST: usize = 64;

/// Places in the outbox that are kept for what the machine says of its own accord or to one message.
const SPARE: usize = 8;

/// Reads the octets of a usual answer for its asker; false if they aren't one.
pub(super) type Read = Box<dyn FnMut(&[u8]) -> bool + Send>;

/// Where an answer goes; `None` where its [`Read`] has it.
pub(super) type Reply = oneshot::Sender<Result<Option<Message>, Error>>;

/// A request on its way out.
pub(super) enum Request {
    Message(Message),
    Usual(u32, Write, Read),
}

/// A request on its way out, and where its answer goes.
pub(super) struct Ask {
    pub(super) request: Request,
    pub(super) reply: Reply,
}

struct Waiting {
    end_to_end: u32,
    command: u32,
    read: Option<Read>,
    reply: Reply,
}

/// What a side brings to its connection.
pub(super) struct Side<'a> {
    pub(super) name: &'a str,
    pub(super) limits: Limits,
    pub(super) handler: Option<Handler>,
    /// Whom we know, where that may change.
    pub(super) known: Option<watch::Receiver<Arc<Known>>>,
    pub(super) tap: SharedTap,
    /// Told when the peer is known, and whenever its standing changes.
    pub(super) stands: &'a mut (dyn FnMut(Standing, &PeerIdentity) + Send),
}

/// An open connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Standing {
    /// Fit for everything.
    Open,
    /// Open again after a failure; the peer has yet to prove by watchdog answers that it is back.
    Reopened,
    /// The peer is silent: no new requests.
    Suspect,
}

fn standing(peer: &Peer) -> Option<Standing> {
    match peer.state() {
        State::Open if peer.is_reopening() => Some(Standing::Reopened),
        State::Open => Some(Standing::Open),
        State::Suspect => Some(Standing::Suspect),
        _ => None,
    }
}

/// Time for the machine, from the runtime's clock so that a paused one rules both.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
    at_start: Now,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self {
            start: Instant::now(),
            at_start: clock::now(),
        }
    }

    pub(super) fn now(self) -> Now {
        self.at_start + self.start.elapsed().min(Duration::from_secs(u32::MAX.into()))
    }
}

/// Runs a connection to its end. `asks` brings requests; they are taken once the connection is open.
pub(super) async fn run<S>(
    stream: S,
    mut peer: Peer,
    clock: Clock,
    side: Side<'_>,
    mut asks: Option<&mut mpsc::Receiver<Ask>>,
    mut stop: Stop,
) -> End
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (reader, writer) = tokio::io::split(stream);
    let mut frames = Frames::new(reader, side.limits.message);
    let (outbox, mut writing) = Outbox::start(
        writer,
        side.limits.handlers.max(1) + side.limits.in_flight + 2 * SPARE,
    );
    let mut work = Desk {
        name: side.name,
        limits: side.limits,
        outbox,
        handler: side.handler,
        tap: side.tap,
        handlers: JoinSet::new(),
        heads: HashMap::new(),
        waiting: HashMap::new(),
        unasked: 0,
    };
    let mut known = side.known;
    let mut leaving = false;
    let mut why = DisconnectCause::Rebooting;
    let mut goodbye = false;
    let mut at_hand = 0;
    // Read once for all that is at hand.
    let mut now = clock.now();
    let mut stood = None;
    let end = 'run: loop {
        let wait = loop {
            match peer.poll() {
                Output::Send(message) => {
                    if !work.send(&message) {
                        break 'run End::NotReading;
                    }
                }
                // Told below.
                Output::Open(_) => {}
                Output::Request(from, request) => {
                    if !work.handle(from, request, peer.local()) {
                        break 'run End::NotReading;
                    }
                }
                Output::Answer(answer) => work.answer(answer),
                Output::Incident(incident) => work.note(&incident),
                Output::Close(why) => break 'run End::Machine(why),
                Output::Wait(until) => break until,
            }
        };
        let stands = standing(&peer);
        if stands != stood
            && let (Some(standing), Some(identity)) = (stands, peer.identity())
        {
            (side.stands)(standing, identity);
        }
        stood = stands;
        if leaving {
            // Whose asker has given up needn't be waited for: a lost answer would keep us here for ever.
            work.waiting.retain(|_, waiting| !waiting.reply.is_closed());
        }
        if leaving && !goodbye && work.waiting.is_empty() && work.handlers.is_empty() {
            goodbye = true;
            peer.handle(clock.now(), Input::Disconnect(why));
            continue;
        }
        // Each handler has a place for its answer.
        let places = work.handlers.len() + SPARE;
        let room = work.outbox.places() > places;
        let open = peer.state() == State::Open && !leaving && room;
        // Who leaves finishes its work first and takes no more.
        let reading = room
            && work.handlers.len() < side.limits.handlers.max(1)
            && (goodbye || !leaving || work.handlers.is_empty());
        // What is at hand is taken at once, but not for ever: the timer and the stop want to be heard too.
        if at_hand < BURST {
            at_hand += 1;
            if !work.handlers.is_empty()
                && let Some(done) = work.handlers.try_join_next_with_id()
            {
                if !work.done(done, peer.local()) {
                    break End::NotReading;
                }
                continue;
            }
            if reading && let Some(cut) = frames.cut() {
                let input = match cut {
                    Ok(octets) => match work.usual(octets, now, &mut peer) {
                        Some(false) => break End::NotReading,
                        Some(true) => continue,
                        None if work.usual_answer(octets, now, &mut peer) => continue,
                        None => frame::parse(octets),
                    },
                    Err(input) => Some(input),
                };
                if let Some(input) = input {
                    peer.handle(now, input);
                }
                continue;
            }
            if open && let Some(ask) = asks.as_mut().and_then(|asks| asks.try_recv().ok()) {
                if !work.ask(ask, &mut peer) {
                    break End::NotReading;
                }
                continue;
            }
        }
        at_hand = 0;
        let timer = wait.map_or(Duration::MAX, |until| until.since(clock.now().mono));
        tokio::select! {
            () = stop.stopped(), if !leaving => leaving = true,
            changed = next_known(&mut known), if !leaving => if !peer.know(changed) {
                (leaving, why) = (true, DisconnectCause::DoNotWantToTalkToYou);
            },
            Some(done) = work.handlers.join_next_with_id(), if !work.handlers.is_empty() => {
                if !work.done(done, peer.local()) {
                    break End::NotReading;
                }
            }
            ready = frames.ready(), if reading => match ready {
                Ok(true) => now = clock.now(),
                Ok(false) if frames.is_alert() => break End::WantsTls,
                Ok(false) if peer.identity().is_none() => break End::EarlyEof,
                Ok(false) => break End::Eof,
                Err(e) => break End::Socket(io_reason(&e)),
            },
            ask = next_ask(&mut asks), if open || leaving => match ask {
                // At once, so that it may go to another peer.
                Some(ask) if leaving => drop(ask.reply.send(Err(Error::Closed))),
                Some(ask) => {
                    if !work.ask(ask, &mut peer) {
                        break End::NotReading;
                    }
                }
                None => (leaving, asks) = (true, None),
            },
            () = given_up(&mut work.waiting), if leaving => {}
            () = work.outbox.has_room(places + 1), if !room => {}
            () = tokio::time::sleep(timer) => peer.handle(clock.now(), Input::Timeout),
            written = &mut writing => {
                break match written {
                    Ok(Err(e)) => End::Socket(io_reason(&e)),
                    _ => End::NotReading,
                };
            }
        }
    };
    if work.unasked > 0 {
        tracing::warn!(
            peer = side.name,
            count = work.unasked,
            "dropped answers that nothing asked for"
        );
    }
    if matches!(end, End::Machine(Closed::Refusing(_))) {
        work.tap.incident(tap::Incident::PeerRefused);
    }
    work.finish(&end);
    // The outbox is closed now: the writer ends once it is empty.
    if !writing.is_finished()
        && tokio::time::timeout(side.limits.stall, &mut writing)
            .await
            .is_err()
    {
        writing.abort();
    }
    end
}

/// Until the asker of one of them has given up.
async fn given_up(waiting: &mut HashMap<u32, Waiting>) {
    match waiting.values_mut().next() {
        Some(waiting) => waiting.reply.closed().await,
        None => std::future::pending().await,
    }
}

async fn next_ask(asks: &mut Option<&mut mpsc::Receiver<Ask>>) -> Option<Ask> {
    match asks {
        Some(asks) => asks.recv().await,
        None => std::future::pending().await,
    }
}

/// Waits for another list of whom we know.
async fn next_known(known: &mut Option<watch::Receiver<Arc<Known>>>) -> Arc<Known> {
    if let Some(known) = known
        && known.changed().await.is_ok()
    {
        return Arc::clone(&known.borrow_and_update());
    }
    // Nobody changes it, or can any more.
    std::future::pending().await
}

/// What became of a request: an answer, none on purpose, or none in time.
type Handled = Result<Option<Message>, tokio::time::error::Elapsed>;

/// Work with what came of its first poll, if there is any; the error is a panic.
type Begun = Result<Option<(Work, Poll<Option<Message>>)>, ()>;

/// Most answers are there at once and need no task. A task that takes over gives its own waker.
fn begin(work: impl FnOnce() -> Option<Work>) -> Begun {
    let begun = || {
        let mut work = work()?;
        let first = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        Some((work, first))
    };
    catch_unwind(AssertUnwindSafe(begun)).map_err(drop)
}

/// Requests under way in both directions.
struct Desk<'a> {
    name: &'a str,
    limits: Limits,
    outbox: Outbox,
    handler: Option<Handler>,
    tap: SharedTap,
    handlers: JoinSet<Handled>,
    /// Heads of the requests that handlers work on.
    heads: HashMap<tokio::task::Id, Header>,
    waiting: HashMap<u32, Waiting>,
    unasked: u64,
}

impl Desk<'_> {
    /// False if the outbox is full: the peer doesn't read.
    fn send(&self, message: &Message) -> bool {
        self.outbox.send(message)
    }

    /// Answers a request. False if the outbox is full.
    fn handle(&mut self, from: PeerIdentity, request: Message, local: &Local) -> bool {
        let head = request.header();
        let Some(handler) = &self.handler else {
            let fault = Fault::new(ResultCode::COMMAND_UNSUPPORTED, "this node takes no requests");
            return self.send(&fault.answer(&head, None, &local.origin));
        };
        let begun = begin(|| Some((handler.general)(from, request)));
        self.begun(head, begun, local).unwrap_or(true)
    }

    /// Answers a request by its octets, if it is as usual. False if the outbox is full.
    fn usual(&mut self, octets: &[u8], now: Now, peer: &mut Peer) -> Option<bool> {
        let handler = self.handler.as_ref()?;
        if !peer.vouch(now, octets) {
            return None;
        }
        let (from, head) = (peer.identity()?, Header::parse(octets).ok()?);
        let begun = begin(|| (handler.usual)(from, octets, self.outbox.sender()));
        self.begun(head, begun, peer.local())
    }

    /// Goes on with what was begun, if anything was. False if the outbox is full.
    fn begun(&mut self, head: Header, begun: Begun, local: &Local) -> Option<bool> {
        match begun {
            Ok(None) => None,
            Ok(Some((_, Poll::Ready(answer)))) => Some(self.answered(head, Ok(Ok(answer)), local)),
            Ok(Some((work, Poll::Pending))) => {
                let limit = self.limits.handler;
                let id = self
                    .handlers
                    .spawn(async move { tokio::time::timeout(limit, work).await })
                    .id();
                self.heads.insert(id, head);
                Some(true)
            }
            Err(()) => Some(self.answered(head, Err(()), local)),
        }
    }

    fn done(
        &mut self,
        done: Result<(tokio::task::Id, Handled), tokio::task::JoinError>,
        local: &Local,
    ) -> bool {
        let (id, answer) = match done {
            Ok((id, answer)) => (id, Ok(answer)),
            Err(e) => (e.id(), Err(())),
        };
        match self.heads.remove(&id) {
            Some(head) => self.answered(head, answer, local),
            None => true,
        }
    }

    /// Sends what became of a request; the handler's panic is the outer error. False if the outbox is full.
    fn answered(&self, head: Header, answer: Result<Handled, ()>, local: &Local) -> bool {
        let answer = match answer {
            Ok(Ok(None)) => return true,
            Ok(Ok(Some(mut answer))) => {
                answer.flags &= !Message::REQUEST;
                answer.hop_by_hop = head.hop_by_hop;
                answer.end_to_end = head.end_to_end;
                answer
            }
            Ok(Err(_)) => {
                tracing::warn!(
                    peer = self.name,
                    command = head.command,
                    "a request took too long"
                );
                Fault::new(ResultCode::TOO_BUSY, "not answered in time").answer(&head, None, &local.origin)
            }
            // The text of a panic may hold anything, so it isn't logged.
            Err(()) => {
                tracing::error!(
                    peer = self.name,
                    command = head.command,
                    "the handler of a request panicked"
                );
                Fault::new(ResultCode::UNABLE_TO_COMPLY, "internal error").answer(&head, None, &local.origin)
            }
        };
        self.send(&answer)
    }

    fn ask(&mut self, ask: Ask, peer: &mut Peer) -> bool {
        let Ask { request, reply } = ask;
        if self.waiting.len() >= self.limits.in_flight {
            self.waiting.retain(|_, waiting| !waiting.reply.is_closed());
        }
        if self.waiting.len() >= self.limits.in_flight {
            let (peer, limit) = (self.name.to_owned(), self.limits.in_flight);
            let _ = reply.send(Err(Error::Busy { peer, limit }));
            return true;
        }
        if reply.is_closed() {
            return true;
        }
        let ids = peer.ids();
        let (command, read, sent) = match request {
            Request::Message(mut request) => {
                (request.hop_by_hop, request.end_to_end) = (ids.hop_by_hop, ids.end_to_end);
                (request.command, None, self.send(&request))
            }
            Request::Usual(command, write, read) => {
                let sent = self.outbox.sender().write(|out| write(ids, out));
                (command, Some(read), sent)
            }
        };
        let waiting = Waiting {
            end_to_end: ids.end_to_end,
            command,
            read,
            reply,
        };
        self.waiting.insert(ids.hop_by_hop, waiting);
        sent
    }

    /// Whose answer this is by its identifiers.
    fn asker(&self, answer: &Header) -> Option<&Waiting> {
        self.waiting
            .get(&answer.hop_by_hop)
            .filter(|w| w.end_to_end == answer.end_to_end && w.command == answer.command)
    }

    /// Gives the octets of an answer to who waits for them; false if nobody does, or they aren't as usual.
    fn usual_answer(&mut self, octets: &[u8], now: Now, peer: &mut Peer) -> bool {
        let head = Header::parse(octets).ok().filter(|head| !head.is_request());
        let Some(head) = head.filter(|head| self.asker(head).is_some()) else {
            return false;
        };
        let read = self
            .waiting
            .get_mut(&head.hop_by_hop)
            .and_then(|w| w.read.as_mut());
        if !read.is_some_and(|read| read(octets)) {
            return false;
        }
        peer.hear(now);
        self.reply(&head, None);
        true
    }

    fn answer(&mut self, answer: Message) {
        let head = answer.header();
        if self.asker(&head).is_some() {
            self.reply(&head, Some(answer));
        } else {
            self.note(&Incident::UnaskedAnswer);
        }
    }

    fn reply(&mut self, head: &Header, answer: Option<Message>) {
        let waiting = self.waiting.remove(&head.hop_by_hop);
        // An error means that nobody waits any more.
        if waiting.is_some_and(|w| w.reply.send(Ok(answer)).is_err()) {
            self.note(&Incident::UnaskedAnswer);
        }
    }

    /// Counts it. Only who speaks in another's name is told of at once: what is merely wrong may come without end.
    fn note(&mut self, incident: &Incident) {
        self.tap.incident(match incident {
            Incident::UnaskedAnswer => {
                self.unasked += 1;
                tap::Incident::UnaskedAnswer
            }
            Incident::Malformed(_) => tap::Incident::Malformed,
            Incident::ForeignName(fault) => {
                tracing::warn!(peer = self.name, %fault, "a request in another's name was refused");
                tap::Incident::ForeignName
            }
        });
    }

    fn finish(self, end: &End) {
        for waiting in self.waiting.into_values() {
            let (peer, reason) = (self.name.to_owned(), end.to_string());
            let _ = waiting.reply.send(Err(Error::Lost { peer, reason }));
        }
    }
}
