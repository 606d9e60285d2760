//! [`UsimError`]: what can go wrong between a terminal and a card, sorted by who has to act.

use base::DecodeError;
use thiserror::Error;

use crate::{CardError, Sw};

/// So many tries, in words.
fn left(tries: u8) -> String {
    match tries {
        1 => "1 try left".into(),
        n => format!("{n} tries left"),
    }
}

/// Why a card couldn't be used. Never holds octets of a key, a PIN or a response.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum UsimError {
    // The way to the card.
    /// No response came.
    #[error(transparent)]
    Card(#[from] CardError),

    // The person has to do something.
    /// PIN 1 is on and none was given.
    #[error(
        "the card's PIN is needed ({}): give the PIN (--pin, --card-pin), or switch it off", left(*tries)
    )]
    PinNeeded {
        /// Tries left, as the card says.
        tries: u8,
    },
    /// The PIN was wrong.
    #[error("the card's PIN was wrong: {}", left(*tries))]
    PinWrong {
        /// Tries left.
        tries: u8,
    },
    /// One more wrong PIN would block the card.
    #[error("only {tries} try of the card's PIN is left: not tried, since a wrong PIN would block the card")]
    PinLastTry {
        /// Tries left.
        tries: u8,
    },
    /// The PIN is blocked.
    #[error("the card's PIN is blocked: unblock it with the PUK in a phone")]
    PinBlocked,

    /// The same of any PIN or code.
    #[error("{key}: only {}, not tried, since a wrong one would block it (--force tries)", left(*tries))]
    LastTry {
        /// Which.
        key: String,
        /// Tries left.
        tries: u8,
    },
    /// The card doesn't say how many tries are left.
    #[error(
        "{key}: the card doesn't say how many tries are left ({sw}), so it was not tried (--force tries)"
    )]
    TriesUnknown {
        /// Which.
        key: String,
        /// What it says.
        sw: Sw,
    },
    /// A PIN or code was wrong.
    #[error("{key} was wrong: {}", left(*tries))]
    KeyWrong {
        /// Which.
        key: String,
        /// Tries left.
        tries: u8,
    },
    /// A PIN or code is blocked.
    #[error("{key} is blocked: a PIN is unblocked with its PUK, another code never")]
    KeyBlocked {
        /// Which.
        key: String,
    },
    /// The card has no such PIN or code here.
    #[error("this card has no {key} here: select the application that it belongs to, or name another")]
    NoKey {
        /// Which.
        key: String,
    },
    /// A PIN is off.
    #[error("{key} is switched off: there is nothing to verify or change")]
    KeyDisabled {
        /// Which.
        key: String,
    },

    // The card isn't what is needed.
    /// No USIM on the card.
    #[error("there is no USIM on this card: EF_DIR names none, and none answers to A0000000871002")]
    NoUsim,
    /// GBA_U was asked of a card without service 68.
    #[error("this card has no GBA_U (USIM service 68): use GBA_ME, mode me")]
    NoGbaService,
    /// A GBA run at P2 = 81 was asked of a card with service 68 (ruling 11).
    #[error(
        "this card has GBA_U (USIM service 68), so CK and IK must stay in it: a GBA run in mode me was refused; \
         HSS uiccType and card disagree (--force-me overrides it in a laboratory)"
    )]
    GbaUOnly,
    /// NAF keys were asked before there is a Ks, or before B-TID and lifetime were written.
    #[error("the card holds no finished bootstrapping run (6985): bootstrap again")]
    NoKs,
    /// EF_GBABP has a RAND of another run.
    #[error("EF_GBABP holds the RAND of another run: bootstrap again")]
    OtherRun,
    /// B-TID and lifetime are longer than the card's file.
    #[error("B-TID and lifetime need {need} octets, EF_GBABP has {room}")]
    NoRoom {
        /// Octets needed.
        need: usize,
        /// Octets that the file has.
        room: usize,
    },
    /// NAF_Id and IMPI don't fit into one command.
    #[error("NAF_Id and IMPI have {octets} octets together, a command to the card takes 252")]
    TooLong {
        /// Octets of both.
        octets: usize,
    },
    /// The card has no such file.
    #[error("this card has no {file}")]
    Missing {
        /// Its path.
        file: String,
    },
    /// A directory where an elementary file is needed.
    #[error("{file} is a directory: name a file in it")]
    Directory {
        /// Its path.
        file: String,
    },
    /// Nothing on the card uses Ks_int_NAF (ruling 13).
    #[error("this card offers no client for Ks_int_NAF: only Ks_ext_NAF can be had of it")]
    NoClient,
    /// The card said no.
    #[error("{command}: the card answers {sw}")]
    Refused {
        /// The command and its file.
        command: String,
        /// The status word.
        sw: Sw,
    },

    // The card answers nonsense.
    /// A file or an answer can't be read.
    #[error("{what}: {why}")]
    Malformed {
        /// The file or answer.
        what: &'static str,
        /// What is wrong with it.
        why: DecodeError,
    },
    /// A card on which every identifier is a directory full of them.
    #[error("the card names more than {most} files: no card has so many, so it makes them up")]
    TooManyFiles {
        /// How many were taken.
        most: usize,
    },
    /// The card goes on with 61xx or 6Cxx without an end.
    #[error("{command}: the card asks again and again for the same command")]
    Endless {
        /// The command.
        command: String,
    },
}

impl UsimError {
    pub(super) fn malformed(what: &'static str) -> impl Fn(DecodeError) -> Self {
        move |why| Self::Malformed { what, why }
    }
}
