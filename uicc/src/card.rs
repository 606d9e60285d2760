//! [`Card`]: anything that answers an APDU. The software card, a reader, a socket: whoever drives a card sees only this.

use base::apdu::{Command, Response};
use thiserror::Error;

/// A UICC that takes one command APDU and gives one response APDU (TS 102 221 clause 10).
///
/// Blocking and object-safe: a card in a reader lives on a thread of its own. A status word that says "no" is a
/// [`Response`], not an error; an error means that no response came.
///
/// `61xx` and `6Cxx` may come back as a T=0 card sends them; the terminal side copes with both.
pub trait Card: Send {
    /// Sends one command and waits for its response.
    ///
    /// # Errors
    /// [`CardError`] if there is no response. The card's state is then unknown: select the application again.
    fn transmit(&mut self, command: &Command) -> Result<Response, CardError>;
}

impl<C: Card + ?Sized> Card for Box<C> {
    fn transmit(&mut self, command: &Command) -> Result<Response, CardError> {
        (**self).transmit(command)
    }
}

impl<C: Card + ?Sized> Card for &mut C {
    fn transmit(&mut self, command: &Command) -> Result<Response, CardError> {
        (**self).transmit(command)
    }
}

/// Why no response came from a card.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum CardError {
    /// No card is in the reader, or it was taken out.
    #[error("no card: put the card into the reader and try again")]
    Absent,
    /// The card was reset under us, so that what was selected is no longer selected.
    #[error("the card was reset: open it again")]
    Reset,
    /// Another program has the card for itself.
    #[error("another program uses the card: close it and try again")]
    InUse,
    /// No PC/SC service runs, or it was stopped under us.
    #[error("no PC/SC service answers: start pcscd (systemctl start pcscd) and try again")]
    NoService,
    /// No such reader, or it was taken away.
    #[error("{}: {}", not_one(asked, readers), listed(readers))]
    NoReader {
        /// Number or name.
        asked: String,
        /// Those that are there, in their order.
        readers: Vec<String>,
    },
    /// The way to the card broke.
    #[error("no answer from the card: {reason}")]
    Transport {
        /// What the reader or the socket said; never octets of a command or a response.
        reason: String,
    },
    /// Octets came that are no response APDU.
    #[error("the card's answer is no response APDU: {0}")]
    Malformed(#[from] base::DecodeError),
}

/// A part of a name that several have chooses none of them.
fn not_one(asked: &str, readers: &[String]) -> String {
    match readers.iter().filter(|name| name.contains(asked)).count() {
        // A number may stand in names as well.
        2.. if asked.parse::<usize>().is_err() => format!("several readers have {asked} in their names"),
        _ => format!("no reader {asked}"),
    }
}

fn listed(readers: &[String]) -> String {
    if readers.is_empty() {
        return "there is none now; plug it in and try again".into();
    }
    let lines: Vec<String> = readers
        .iter()
        .enumerate()
        .map(|(i, name)| format!("{i}: {name}"))
        .collect();
    format!("take one of {}", lines.join(", "))
}
