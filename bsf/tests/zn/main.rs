//! Zn from outside: rights, keys, lifetimes and settings message by message, over connections, and no key in a log.
#![allow(clippy::unwrap_used, reason = "a test that can't go on may panic")]

mod answers;
mod help;
mod laboratory;
mod leaks;
mod loopback;
