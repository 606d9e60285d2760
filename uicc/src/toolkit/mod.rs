//! The card application toolkit (ETSI TS 102 223, 3GPP TS 31.111): what a card asks of a terminal, and what a terminal
//! tells a card. Octets in, octets out; the software card's side is [`crate::software`], a terminal's
//! [`crate::terminal::toolkit`].
//!
//! - [`Proactive`]: a command of the card, as FETCH gives it; [`Action`]: what it asks for
//! - [`TerminalResponse`], [`Outcome`]: how it went
//! - [`Envelope`]: what the terminal tells of its own accord
//! - [`TerminalProfile`]: what a terminal can do
//! - [`Objects`]: COMPREHENSION-TLV; [`Text`]: texts in 7 bit, 8 bit and UCS2

mod command;
mod envelope;
mod objects;
mod profile;
mod response;
#[cfg(test)]
mod tests;
mod text;

pub use command::{Action, Channel, Device, Local, Proactive, TimerAction};
pub use envelope::{Envelope, Event};
pub use objects::{Object, Objects, tag};
pub use profile::TerminalProfile;
pub use response::{Outcome, TerminalResponse};
pub use text::Text;

/// Most octets of a proactive command: FETCH gives it in one answer.
pub const MOST: usize = 256;
