//! Why a run failed: a kind to count by, and the words of one example.

use std::{fmt, io, time::Duration};

use gba::{ua::client::UaError, ub::client::UbError};

/// What a failed run is counted as.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Kind {
    /// An HTTP status other than the one that was due.
    Status(u16),
    /// `Authentication-Info` doesn't prove that the answer comes from who has the key.
    Unproven,
    /// AUTN's MAC is wrong: the other side has other keys.
    Mac,
    /// AUTN's SQN is out of range.
    Sqn,
    /// The key of the answer isn't the one that we derived.
    OtherKey,
    /// A Diameter answer that says no.
    Refused,
    /// An answer against the protocol.
    Malformed,
    /// Nothing listens there, or it can't be reached.
    NoConnection,
    /// The connection ended before the answer was complete.
    BrokeOff,
    /// Nothing came in time.
    TimedOut,
    /// This side could not.
    Own,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Status(status) => return write!(f, "HTTP {status}"),
            Self::Unproven => "not proven (rspauth)",
            Self::Mac => "AUTN's MAC wrong",
            Self::Sqn => "SQN out of range",
            Self::OtherKey => "another key",
            Self::Refused => "refused",
            Self::Malformed => "against the protocol",
            Self::NoConnection => "no connection",
            Self::BrokeOff => "broke off",
            Self::TimedOut => "timed out",
            Self::Own => "the generator failed",
        })
    }
}

/// One failed run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failed {
    /// What it counts as.
    pub kind: Kind,
    /// What happened, without secrets.
    pub why: String,
}

impl Failed {
    /// With its words.
    pub fn new(kind: Kind, why: impl fmt::Display) -> Self {
        Self {
            kind,
            why: why.to_string(),
        }
    }

    pub(super) fn timed_out(after: Duration) -> Self {
        Self::new(
            Kind::TimedOut,
            format_args!("no end within {} ms", after.as_millis()),
        )
    }

    pub(super) fn connecting(e: &io::Error) -> Self {
        Self::new(Kind::NoConnection, e)
    }
}

impl From<UbError> for Failed {
    fn from(e: UbError) -> Self {
        let kind = match &e {
            UbError::Busy { status, .. } | UbError::Status { status, .. } => Kind::Status(*status),
            UbError::Forbidden { .. } | UbError::AutsRefused => Kind::Status(403),
            UbError::WrongResponse { .. } => Kind::Status(401),
            UbError::NotProven(_) => Kind::Unproven,
            UbError::MacFailure => Kind::Mac,
            UbError::SqnRefused => Kind::Sqn,
            UbError::Timeout(_) => Kind::TimedOut,
            UbError::Card(_) | UbError::NoEntropy(_) | UbError::Unexpected { .. } => Kind::Own,
            _ => Kind::Malformed,
        };
        Self::new(kind, e)
    }
}

impl From<UaError> for Failed {
    fn from(e: UaError) -> Self {
        let kind = match &e {
            UaError::Refused | UaError::NoKey(_) => Kind::Status(401),
            UaError::NotProven(..) => Kind::Unproven,
            UaError::Timeout(_) => Kind::TimedOut,
            UaError::NoEntropy(_) => Kind::Own,
            _ => Kind::Malformed,
        };
        Self::new(kind, e)
    }
}
