//! [`Error`]: the API's exceptions.

use thiserror::Error;
use uicc::{Sw, terminal::UsimError};

/// Why something wasn't done. Never holds octets of a command's or an answer's data.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// `IOException`: no answer came, or none that can be read. Every channel of the reader is closed if the card was
    /// reset or taken out: open them again.
    #[error(transparent)]
    Io(#[from] UsimError),
    /// `IllegalStateException`.
    #[error("the {0} is closed: open it again")]
    Closed(&'static str),
    /// `IllegalArgumentException`: no such AID can be.
    #[error("an AID has 5 to 16 octets, this one {0}")]
    AidLength(usize),
    /// `IllegalArgumentException`: no command APDU.
    #[error("this is no command APDU: {0}")]
    Apdu(#[from] base::DecodeError),
    /// `IllegalArgumentException`: a P2 of SELECT that the API doesn't take.
    #[error("P2 of SELECT is 00, 04, 08 or 0C, not {0:02X}")]
    P2(u8),
    /// `SecurityException`: the transport itself forbids it.
    #[error("{0} is not for applications: open a channel instead")]
    Forbidden(&'static str),
    /// `SecurityException`: the card's access rules forbid it.
    #[error("the card's access rules don't allow it: {0}")]
    Denied(#[from] Denial),
    /// `NoSuchElementException`: the application isn't there, or can't be selected once more.
    #[error("the card has no application {aid} to select: {sw}")]
    NoSuchApplication {
        /// As asked for, in hexadecimal; empty for the default one.
        aid: String,
        /// What SELECT was answered.
        sw: Sw,
    },
    /// `UnsupportedOperationException`.
    #[error("{0}")]
    Unsupported(&'static str),
}

/// What the access rules say no to.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Denial {
    /// The card has no ARA-M, and the reader was told to refuse then.
    #[error("it has none (no ARA-M), and without rules nobody may (GPD_SPE_013 4.2.3)")]
    NoRules,
    /// Its ARA-M doesn't give the rules.
    #[error("its ARA-M doesn't give them ({0})")]
    Unreadable(String),
    /// No rule speaks of this pair of applications.
    #[error("no rule allows this application of the device to reach {0}")]
    NoRule(String),
    /// A rule says never.
    #[error("a rule forbids this application of the device to reach {0}")]
    Never(String),
    /// The beginning of an AID was given, rules speak of what it may have led to, and the card doesn't tell which.
    #[error(
        "rules speak of applications whose AID begins with {0}, and the card doesn't tell which one it selected: \
         give the whole AID, or a P2 that asks for an answer"
    )]
    Untold(String),
    /// Another application of the device has a rule for it, which shuts this one out.
    #[error("the rules name other applications of the device for {0}, and not this one")]
    OthersOnly(String),
    /// The channel is open, but only for some commands.
    #[error("no APDU filter of the rule lets {0} pass")]
    Filtered(String),
}
