//! What goes into the machine and what comes out.

use std::time::Duration;

use base::Mono;

use super::PeerIdentity;
use crate::{
    fault::Fault,
    message::{Header, Message},
    result::ResultCode,
};

/// How long the machine waits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timers {
    /// For CER or CEA after the transport is up.
    pub exchange: Duration,
    /// Tw: silence before a watchdog request (RFC 3539 3.4.1: 30 s, and no less than 6 s on a real network).
    pub watchdog: Duration,
    /// Up to so much is added to Tw or taken off, anew each time; at most a third of Tw.
    pub jitter: Duration,
    /// For DPA.
    pub disconnect: Duration,
}

impl Default for Timers {
    /// 5 s, 30 s with a jitter of 2 s, 2 s.
    fn default() -> Self {
        Self {
            exchange: Duration::from_secs(5),
            watchdog: Duration::from_secs(30),
            jitter: super::watchdog::JITTER,
            disconnect: Duration::from_secs(2),
        }
    }
}

/// Where the connection stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// We called; the CER is out.
    WaitCea,
    /// We were called; nothing has been said.
    WaitCer,
    /// Capabilities are exchanged.
    Open,
    /// Open, but the peer is silent: no new requests (RFC 3539 3.4.1).
    Suspect,
    /// Our DPR is out.
    Closing,
    /// Over. Nothing is taken any more.
    Closed,
}

/// What happens to the machine.
#[derive(Debug)]
pub enum Input {
    /// A message that [`Message::parse`] took.
    Message(Message),
    /// One that it refused; the head may be all that could be read.
    Malformed {
        /// The head.
        header: Header,
        /// See [`crate::message::session_id`].
        session: Option<Vec<u8>>,
        /// Why.
        fault: Fault,
    },
    /// The time of the last [`Output::Wait`] has come.
    Timeout,
    /// We want to leave, with this Disconnect-Cause (RFC 6733 5.4.3).
    Disconnect(DisconnectCause),
}

/// Disconnect-Cause (RFC 6733 5.4.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DisconnectCause {
    /// The node goes down and will be back.
    Rebooting,
    /// Overload.
    Busy,
    /// No further messages are expected.
    DoNotWantToTalkToYou,
}

/// What came and wasn't right: for an operator to count, and perhaps to hear of.
#[derive(Clone, Debug, PartialEq)]
pub enum Incident {
    /// An answer that nothing asked for; it was dropped (RFC 6733 3).
    UnaskedAnswer,
    /// A message that can't be read. A request of a known peer was answered, anything else dropped.
    Malformed(Fault),
    /// A request in the name of another node than the peer; it was refused (ruling 21).
    ForeignName(Fault),
}

/// What the machine wants.
#[derive(Debug)]
pub enum Output {
    /// Write this message.
    Send(Message),
    /// The connection is open to this peer.
    Open(PeerIdentity),
    /// A request of an application that both serve, from whom it says. Its AVPs aren't checked yet.
    Request(PeerIdentity, Message),
    /// An answer of an application; it may or may not be to something that was asked.
    Answer(Message),
    /// Nothing to do but to note this.
    Incident(Incident),
    /// Write what is to be written, then close.
    Close(Closed),
    /// Nothing more until this time, or for ever.
    Wait(Option<Mono>),
}

/// Why a connection ended.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Closed {
    /// The peer never answered our CER, or never sent one.
    #[error("no capabilities exchange in time: is it a Diameter node?")]
    ExchangeTimeout,
    /// The first message was no CER or CEA.
    #[error("capabilities exchange expected (RFC 6733 5.3), got {got}")]
    NotCapabilities {
        /// What came.
        got: String,
    },
    /// The peer refused our CER.
    #[error("the peer refused us with {result}: {}", advice(*.result))]
    Refused {
        /// Its result.
        result: ResultCode,
    },
    /// We refused the peer's CER or CEA.
    #[error("we refused the peer: {0}")]
    Refusing(String),
    /// No application in common.
    #[error("no application in common with the peer")]
    NoCommonApplication,
    /// A message that can't be framed: the stream is lost.
    #[error("stream lost: {0}")]
    Unframed(String),
    /// The peer was silent for three watchdog intervals.
    #[error("the peer is silent: watchdog requests stay unanswered")]
    Watchdog,
    /// The peer said goodbye.
    #[error("the peer disconnected (DPR)")]
    ByPeer,
    /// We said goodbye.
    #[error("disconnected by us (DPR)")]
    ByUs,
}

fn advice(result: ResultCode) -> &'static str {
    match result {
        ResultCode::UNKNOWN_PEER => {
            "add our Origin-Host to its list of peers; under TLS our certificate has to name it"
        }
        ResultCode::NO_COMMON_APPLICATION => "it doesn't serve Zh or Zn",
        _ => "see its log",
    }
}
