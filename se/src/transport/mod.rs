//! The Open Mobile API (GSMA/SIMalliance V2.0.2, later GlobalPlatform GPD_SPE_075) over any [`uicc::Card`].
//!
//! - [`Reader`]: a slot with a card; gives [`Session`]s to [`Application`]s of the device
//! - [`Session`]: opens [`Channel`]s to applications of the card
//! - [`Channel`]: commands and answers; its number stands in the class octet whatever the caller wrote there
//! - [`access`]: GlobalPlatform's Secure Element Access Control, read from the card's ARA-M
//! - [`class`]: channel numbers in the class octet
//!
//! What the API calls `null` is `None`; its exceptions are the variants of [`Error`], each of which names its own.
//!
//! Several sessions share a card: a lock is held for one command with its whole answer, and while a channel opens.

pub mod access;
mod channel;
pub mod class;
mod error;
mod reader;
mod session;
#[cfg(test)]
mod tests;

pub use access::{Application, Hash, Unruled};
pub use channel::Channel;
pub use error::{Denial, Error};
pub use reader::Reader;
pub use session::Session;
