//! The HSS from outside: vectors and resynchronisation, Zh message by message, and that no log holds a key.
#![allow(clippy::unwrap_used, reason = "a test that can't go on may panic")]

mod auc;
mod help;
mod hostapd;
mod leaks;
mod loopback;
mod pipes;
mod reload;
mod schemes;
mod zh;
