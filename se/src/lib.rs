//! Secure environments. So far the transport: applications of a device reach applications of a card through reader,
//! session and channel, as the Open Mobile API has it, and only as the card's own access rules let them.

#![forbid(unsafe_code)]

pub mod transport;
