//! What an element can prove afterwards: each bootstrapping and each key that it gave out, with the fields that
//! TS 33.107 clause 14.4 has a BSF report. Never a key, RES, CK or IK: an [`Event`] has no place for one.
//!
//! HSS, BSF and NAF decide and record; [`Audit`] is where it goes. Without one nothing is recorded and nothing is spent.

use std::sync::Arc;

use aka::Sqn;
use base::Utc;

use crate::ids::{Btid, Impi, NafId};

/// What happened.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// BSF, Ub: a UE bootstrapped, or failed to.
    Bootstrapping,
    /// BSF, Zn: a NAF asked for its key.
    KeyDelivery,
    /// HSS, Zh: a BSF asked for an authentication vector.
    Vector,
    /// HSS: an AUTS was right, and SQN_HE looked after (ruling 1). The vector is an event of its own.
    Resynchronisation,
    /// NAF, Ua: a device began to use its key, or failed to.
    Session,
}

impl Kind {
    /// As it stands in a log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bootstrapping => "bootstrapping",
            Self::KeyDelivery => "key-delivery",
            Self::Vector => "vector",
            Self::Resynchronisation => "resynchronisation",
            Self::Session => "session",
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome<'a> {
    /// It was done: the key, vector or B-TID goes out.
    Done,
    /// It was refused.
    Refused {
        /// HTTP status or Diameter result code; `None` where the protocol tells the peer no reason.
        code: Option<u32>,
        /// Why, in words.
        reason: &'a str,
    },
}

/// Sequence numbers of a resynchronisation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Resync {
    /// SQN_HE before.
    pub before: Sqn,
    /// SQN_MS, from the card.
    pub ms: Sqn,
    /// SQN_HE after; `None` where it stayed.
    pub after: Option<Sqn>,
}

/// One event, with what the element knows of it.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// What.
    pub kind: Kind,
    /// When.
    pub at: Utc,
    /// The network element that records it, by its own name.
    pub element: &'a str,
    /// Who asked: a Diameter name, or a device's address and port.
    pub peer: &'a str,
    /// The subscriber.
    pub impi: Option<&'a Impi>,
    /// The bootstrapping.
    pub btid: Option<&'a Btid>,
    /// For whom the key is: name and Ua security protocol identifier.
    pub naf_id: Option<&'a NafId>,
    /// When the bootstrapping succeeded.
    pub bootstrapped: Option<Utc>,
    /// When the key ends.
    pub expiry: Option<Utc>,
    /// Of a resynchronisation.
    pub resync: Option<Resync>,
    /// How it ended.
    pub outcome: Outcome<'a>,
}

impl<'a> Event<'a> {
    /// An event that was done, and of which no more is known yet.
    #[must_use]
    pub const fn new(kind: Kind, at: Utc, element: &'a str, peer: &'a str) -> Self {
        Self {
            kind,
            at,
            element,
            peer,
            impi: None,
            btid: None,
            naf_id: None,
            bootstrapped: None,
            expiry: None,
            resync: None,
            outcome: Outcome::Done,
        }
    }
}

/// The event isn't kept, so what it tells of must not happen.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the audit log cannot be written, so no key leaves: see to it, or let the element go on without")]
pub struct NotRecorded;

/// Where events go.
///
/// An element calls this before the answer leaves it, so that no key is out that isn't recorded. A refusal leaves also
/// where it couldn't be recorded.
pub trait Audit: Send + Sync + 'static {
    /// Keeps the event, and returns once it is kept. Called from the middle of protocol work: quick, or it holds the
    /// element up.
    ///
    /// # Errors
    /// [`NotRecorded`] if the key that the event tells of must stay here.
    fn record(&self, event: &Event<'_>) -> Result<(), NotRecorded>;
}

/// As elements hold it.
pub type SharedAudit = Arc<dyn Audit>;
