//! One connection to another node as a state machine, either side (RFC 6733 5, watchdog of RFC 3539 3.4).
//!
//! - [`Peer`]: the machine
//! - [`io`]: [`Input`] in, [`Output`] out; [`State`] between, [`Closed`] at the end
//! - [`capabilities`]: who we are ([`Local`]), whom we know ([`Known`]), CER and CEA
//! - `watchdog`: silence, suspicion, and the proof that a peer is back (RFC 3539 3.4.1)
//!
//! ```text
//! initiator:  WaitCea --CEA 2001--> Open        responder:  WaitCer --CER, known peer--> Open
//! Open --Tw without a word--> DWR; once more--> Suspect; once more--> Closed
//! Open --disconnect--> DPR, Closing --DPA--> Closed     Open --DPR--> DPA, Closed
//! ```

pub mod capabilities;
pub mod io;
mod watchdog;

use std::{collections::VecDeque, sync::Arc};

use base::{Mono, Now};

pub use capabilities::{Known, Local, PeerIdentity, Role, Rule};
pub use io::{Closed, DisconnectCause, Incident, Input, Output, State, Timers};

use crate::{
    avp::Avp,
    dictionary as d,
    fault::Fault,
    grammar::{self, CAPABILITIES_EXCHANGE, DEVICE_WATCHDOG, DISCONNECT_PEER},
    identity::Identity,
    layout::{self, Ids},
    message::{Header, Message},
    result::ResultCode,
};

/// The machine.
///
/// After each [`Self::handle`], take [`Self::poll`] until it gives [`Output::Wait`] or [`Output::Close`]; only
/// then handle the next input. Call `poll` once after construction.
#[derive(Debug)]
pub struct Peer {
    local: Arc<Local>,
    known: Arc<Known>,
    timers: Timers,
    /// Names that the peer's certificate proves; none without TLS.
    certificate: Option<Vec<Identity>>,
    state: State,
    peer: Option<PeerIdentity>,
    /// DWAs that are still missing until a peer that failed is trusted again.
    missing_dwas: u8,
    /// Where the jitter of the watchdog comes from.
    noise: u32,
    /// Command, hop-by-hop and end-to-end identifier of our base request that awaits its answer.
    asked: Option<(u32, u32, u32)>,
    deadline: Mono,
    next_hop: u32,
    next_end: u32,
    out: VecDeque<Output>,
}

impl Peer {
    /// The side that called. Sends CER.
    ///
    /// `seed` starts the identifiers; it should differ from start to start (RFC 6733 3).
    #[must_use]
    pub fn initiator(local: Arc<Local>, known: Arc<Known>, timers: Timers, now: Now, seed: u32) -> Self {
        let mut peer = Self::new(local, known, timers, now, seed, State::WaitCea);
        let mut cer = Message::request(CAPABILITIES_EXCHANGE, d::BASE, false);
        cer.avps = peer.local.capabilities();
        peer.ask(cer);
        peer
    }

    /// The side that was called. Waits for CER.
    #[must_use]
    pub fn responder(local: Arc<Local>, known: Arc<Known>, timers: Timers, now: Now, seed: u32) -> Self {
        Self::new(local, known, timers, now, seed, State::WaitCer)
    }

    fn new(local: Arc<Local>, known: Arc<Known>, timers: Timers, now: Now, seed: u32, state: State) -> Self {
        Self {
            local,
            known,
            certificate: None,
            state,
            peer: None,
            missing_dwas: 0,
            noise: seed | 1,
            asked: None,
            deadline: now.mono + timers.exchange,
            timers,
            next_hop: seed,
            // RFC 6733 3: the high twelve bits from the time, the rest from a counter that starts anywhere.
            next_end: u32::try_from(now.utc.0 & 0xfff).unwrap_or(0) << 20 | seed & 0xf_ffff,
            out: VecDeque::new(),
        }
    }

    /// Binds the connection to the peer's certificate: the Origin-Host of its CER or CEA has to be one of its
    /// dNSNames, or it is refused with 3010. Each later request has to have that Origin-Host (but behind a relay).
    #[must_use]
    pub fn with_certificate(mut self, names: Vec<Identity>) -> Self {
        self.certificate = Some(names);
        self
    }

    /// Replaces whom it knows, while it runs. True if its peer is still one of them, in the same role, or hasn't said
    /// yet who it is; otherwise the connection is to be ended ([`Input::Disconnect`]).
    #[must_use]
    pub fn know(&mut self, known: Arc<Known>) -> bool {
        self.known = known;
        let stays = |peer: &PeerIdentity| self.known.role(&peer.host) == Some(peer.role);
        self.peer.as_ref().is_none_or(stays)
    }

    /// Where the connection stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// This node.
    #[must_use]
    pub fn local(&self) -> &Local {
        &self.local
    }

    /// The peer, once the connection is open.
    #[must_use]
    pub const fn identity(&self) -> Option<&PeerIdentity> {
        self.peer.as_ref()
    }

    /// Gives a request of ours its identifiers, unique on this connection. Returns the hop-by-hop one.
    pub fn stamp(&mut self, request: &mut Message) -> u32 {
        let ids = self.ids();
        (request.hop_by_hop, request.end_to_end) = (ids.hop_by_hop, ids.end_to_end);
        ids.hop_by_hop
    }

    /// Identifiers for a request of ours, unique on this connection.
    pub const fn ids(&mut self) -> Ids {
        let ids = Ids {
            hop_by_hop: self.next_hop,
            end_to_end: self.next_end,
        };
        self.next_hop = self.next_hop.wrapping_add(1);
        self.next_end = self.next_end.wrapping_add(1);
        ids
    }

    /// The next thing to do.
    #[must_use]
    pub fn poll(&mut self) -> Output {
        self.out.pop_front().unwrap_or(Output::Wait(match self.state {
            State::Closed => None,
            _ => Some(self.deadline),
        }))
    }

    /// True if these octets are a request of an application that is served here, in the peer's own name, by their head
    /// and Origin-Host: what [`Self::handle`] would bring as [`Output::Request`] if the rest can be read. It counts as a
    /// word of the peer. `false` says nothing: [`Self::handle`] knows.
    pub fn vouch(&mut self, now: Now, octets: &[u8]) -> bool {
        let usual = self.is_own_request(octets).unwrap_or(false);
        if usual {
            self.hear(now);
        }
        usual
    }

    /// A word of the peer that somebody else reads: an answer that was waited for.
    pub fn hear(&mut self, now: Now) {
        if matches!(self.state, State::Open | State::Suspect) {
            self.state = State::Open;
            // Any word of the peer shows that it lives (RFC 3539 3.4.1), only a DWA answers the DWR.
            self.set_watchdog(now);
        }
    }

    fn is_own_request(&self, octets: &[u8]) -> Option<bool> {
        let header = Header::parse(octets).ok()?;
        let grammar = grammar::find(header.application, header.command)?;
        let host = layout::find(octets, &d::ORIGIN_HOST)?;
        let flags = Message::REQUEST | Message::ERROR | Message::PROXIABLE;
        let proxiable = if grammar.proxiable { Message::PROXIABLE } else { 0 };
        Some(
            matches!(self.state, State::Open | State::Suspect)
                && header.flags & flags == Message::REQUEST | proxiable
                && header.application != d::BASE
                && self.local.applications.contains(&header.application)
                && self.peer.as_ref()?.host.is(host),
        )
    }

    /// Takes an input.
    pub fn handle(&mut self, now: Now, input: Input) {
        if self.state == State::Closed {
            return;
        }
        match input {
            Input::Timeout if now.mono >= self.deadline => self.timeout(now),
            Input::Timeout => {}
            Input::Disconnect(cause) => self.disconnect(now, cause),
            Input::Malformed {
                header,
                session,
                fault,
            } => self.malformed(&header, session.as_deref(), &fault),
            Input::Message(message) => match self.state {
                State::WaitCer => self.first_request(now, &message),
                State::WaitCea => self.first_answer(now, &message),
                State::Open | State::Suspect => {
                    self.hear(now);
                    self.opened(message);
                }
                State::Closing => self.closing(message),
                State::Closed => {}
            },
        }
    }

    fn note(&mut self, incident: Incident) {
        self.out.push_back(Output::Incident(incident));
    }

    fn close(&mut self, why: Closed) {
        self.state = State::Closed;
        self.out.push_back(Output::Close(why));
    }

    /// Sends a base request whose answer is awaited.
    fn ask(&mut self, mut request: Message) {
        self.stamp(&mut request);
        self.asked = Some((request.command, request.hop_by_hop, request.end_to_end));
        self.out.push_back(Output::Send(request));
    }

    /// True for the answer to what was asked last; anything else is dropped.
    fn answers(&mut self, message: &Message) -> bool {
        let answers = self.asked == Some((message.command, message.hop_by_hop, message.end_to_end));
        if answers {
            self.asked = None;
        } else {
            self.note(Incident::UnaskedAnswer);
        }
        answers
    }

    fn base_request(&self, command: u32) -> Message {
        let mut request = Message::request(command, d::BASE, false);
        request.push_origin(&self.local.origin);
        request
    }

    fn base_answer(&self, request: &Message, result: ResultCode) -> Message {
        let mut answer = Message::answer_to(request);
        answer.avps.push(crate::fault::result_avp(result));
        answer.push_origin(&self.local.origin);
        answer
    }

    fn refuse(&mut self, request: &Message, fault: &Fault) {
        let session = request.find(&d::SESSION_ID).map(Avp::as_octets);
        let answer = fault.answer(&request.header(), session, &self.local.origin);
        self.out.push_back(Output::Send(answer));
    }

    fn disconnect(&mut self, now: Now, cause: DisconnectCause) {
        if !matches!(self.state, State::Open | State::Suspect) {
            self.close(Closed::ByUs);
            return;
        }
        self.state = State::Closing;
        self.deadline = now.mono + self.timers.disconnect;
        let mut dpr = self.base_request(DISCONNECT_PEER);
        dpr.avps.push(Avp::u32(
            &d::DISCONNECT_CAUSE,
            match cause {
                DisconnectCause::Rebooting => 0,
                DisconnectCause::Busy => 1,
                DisconnectCause::DoNotWantToTalkToYou => 2,
            },
        ));
        self.ask(dpr);
    }

    fn malformed(&mut self, header: &Header, session: Option<&[u8]>, fault: &Fault) {
        self.note(Incident::Malformed(fault.clone()));
        let lost = matches!(
            fault.result,
            ResultCode::UNSUPPORTED_VERSION | ResultCode::INVALID_MESSAGE_LENGTH
        );
        // Before the peer is known it gets no answer but to a CER.
        let known =
            self.peer.is_some() || (self.state == State::WaitCer && header.command == CAPABILITIES_EXCHANGE);
        if header.is_request() && known && header.length >= crate::message::HEADER {
            let answer = fault.answer(header, session, &self.local.origin);
            self.out.push_back(Output::Send(answer));
        }
        if lost {
            self.close(Closed::Unframed(fault.to_string()));
        } else if self.peer.is_none() {
            self.close(Closed::Refusing(fault.to_string()));
        }
    }

    fn first_request(&mut self, now: Now, cer: &Message) {
        if !(cer.is_request() && cer.command == CAPABILITIES_EXCHANGE && cer.application == d::BASE) {
            return self.close(Closed::NotCapabilities { got: cer.name() });
        }
        let peer = grammar::check_request(cer)
            .and_then(|_| self.known.admit(cer, self.certificate.as_deref()))
            .and_then(|peer| self.local.common_applications(cer).map(|_| peer));
        match peer {
            Ok(peer) => {
                let mut cea = Message::answer_to(cer);
                cea.avps.push(crate::fault::result_avp(ResultCode::SUCCESS));
                cea.avps.extend(self.local.capabilities());
                self.out.push_back(Output::Send(cea));
                self.open(now, peer);
            }
            Err(fault) => {
                self.refuse(cer, &fault);
                self.close(Closed::Refusing(fault.to_string()));
            }
        }
    }

    fn first_answer(&mut self, now: Now, cea: &Message) {
        if cea.is_request() || cea.command != CAPABILITIES_EXCHANGE || !self.answers(cea) {
            return self.close(Closed::NotCapabilities { got: cea.name() });
        }
        let result = match cea.result() {
            Ok(result) => result,
            Err(fault) => return self.close(Closed::Refusing(fault.to_string())),
        };
        if !result.is_success() {
            return self.close(Closed::Refused { result });
        }
        match self.known.admit(cea, self.certificate.as_deref()) {
            Err(fault) => self.close(Closed::Refusing(fault.to_string())),
            Ok(peer) => match self.local.common_applications(cea) {
                Ok(_) => self.open(now, peer),
                Err(_) => self.close(Closed::NoCommonApplication),
            },
        }
    }

    fn open(&mut self, now: Now, peer: PeerIdentity) {
        self.state = State::Open;
        self.set_watchdog(now);
        self.peer = Some(peer.clone());
        self.out.push_back(Output::Open(peer));
        self.prove();
    }

    fn opened(&mut self, message: Message) {
        if !message.is_request() {
            if message.application != d::BASE {
                self.out.push_back(Output::Answer(message));
            } else if self.answers(&message) && message.command == DEVICE_WATCHDOG {
                self.proved();
            }
            return;
        }
        if message.application != d::BASE {
            match self.vet(&message) {
                Ok(from) => self.out.push_back(Output::Request(from, message)),
                Err(fault) => {
                    self.refuse(&message, &fault);
                    if fault.result == ResultCode::UNKNOWN_PEER {
                        self.note(Incident::ForeignName(fault));
                    }
                }
            }
            return;
        }
        match (grammar::check_request(&message), message.command) {
            (Err(fault), _) => self.refuse(&message, &fault),
            (Ok(_), DEVICE_WATCHDOG | DISCONNECT_PEER) if !self.is_from_peer(&message) => {
                let fault = Fault::new(
                    ResultCode::UNKNOWN_PEER,
                    "Origin-Host isn't the peer of this connection",
                );
                self.refuse(&message, &fault);
                self.note(Incident::ForeignName(fault));
            }
            (Ok(_), DEVICE_WATCHDOG) => {
                let mut dwa = self.base_answer(&message, ResultCode::SUCCESS);
                dwa.avps
                    .push(Avp::u32(&d::ORIGIN_STATE_ID, self.local.origin_state_id));
                self.out.push_back(Output::Send(dwa));
            }
            (Ok(_), DISCONNECT_PEER) => {
                let dpa = self.base_answer(&message, ResultCode::SUCCESS);
                self.out.push_back(Output::Send(dpa));
                self.close(Closed::ByPeer);
            }
            (Ok(_), _) => {
                let fault = Fault::new(ResultCode::UNABLE_TO_COMPLY, "capabilities are exchanged already");
                self.refuse(&message, &fault);
            }
        }
    }

    /// Base requests are the peer's own, also those of a relay.
    fn is_from_peer(&self, request: &Message) -> bool {
        let host = request.origin().ok().map(|origin| origin.host);
        host.is_some() && host == self.peer.as_ref().map(|peer| peer.host.clone())
    }

    /// Whether a request of an application may go to the handler, and whose it is: the peer's own
    /// (ruling 21: Origin-Host is compared on every request), or that of a known node behind a relay.
    fn vet(&self, request: &Message) -> Result<PeerIdentity, Fault> {
        if !self.local.applications.contains(&request.application) {
            let text = format!("application {} isn't served here", request.application);
            return Err(Fault::new(ResultCode::APPLICATION_UNSUPPORTED, text));
        }
        grammar::check_head(request)?;
        // Nearly always the peer's own: nothing to make for that.
        let octets = |def| request.find(def).map(Avp::as_octets);
        if let (Some(peer), Some(host), Some(realm)) =
            (&self.peer, octets(&d::ORIGIN_HOST), octets(&d::ORIGIN_REALM))
            && peer.host.is(host)
            && Identity::fits(realm)
        {
            return Ok(peer.clone());
        }
        let origin = request.origin()?;
        let stranger = || {
            let text = format!("Origin-Host {} isn't the peer of this connection", origin.host);
            Fault::new(ResultCode::UNKNOWN_PEER, text)
        };
        match &self.peer {
            Some(peer) if peer.host == origin.host => Ok(peer.clone()),
            Some(peer) if peer.role == Role::Relay => {
                let role = self.known.role(&origin.host).ok_or_else(stranger)?;
                Ok(PeerIdentity {
                    host: origin.host,
                    realm: origin.realm,
                    role,
                })
            }
            _ => Err(stranger()),
        }
    }

    /// After our DPR: answers still come in; requests are no longer taken (RFC 6733 5.4).
    fn closing(&mut self, message: Message) {
        if message.is_request() {
            if message.application == d::BASE && message.command == DISCONNECT_PEER {
                let dpa = self.base_answer(&message, ResultCode::SUCCESS);
                self.out.push_back(Output::Send(dpa));
            } else {
                let fault = Fault::new(ResultCode::UNABLE_TO_DELIVER, "this node is disconnecting");
                self.refuse(&message, &fault);
            }
        } else if message.application != d::BASE {
            self.out.push_back(Output::Answer(message));
        } else if self.answers(&message) && message.command == DISCONNECT_PEER {
            self.close(Closed::ByUs);
        }
    }
}

#[cfg(test)]
mod tests;
