//! `gba card …`: a card in software for others, and cards of all kinds for us.
//!
//! * `open`: `--card`, one way to every kind of card; `remote`: those behind a socket; `soft`: those in software;
//! * `frames`: vpcd's frames; `token`: who may use a card over TCP.

#![allow(dead_code, reason = "the commands that use all of it come next")]

mod frames;
pub(crate) mod open;
mod remote;
pub(crate) mod soft;
mod token;
