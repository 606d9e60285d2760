//! Tests across crates, and against third-party peers.
//!
//! - [`peer`]: finds a program or a Python package that nobody here wrote, or says which package brings it
//! - [`scene`]: the laboratory's network with a device, and a note of every message
//! - [`faults`]: what may be wrong in a network, played and judged; `tests/faults.rs` and `tests/canary.rs` run it
//! - [`wired`]: HSS, BSF and NAF, each started by itself as a test wants it, and Ub written by hand
//! - [`bombs`]: XML that costs its reader more than its writer
//! - [`process`]: a program that runs while a test goes on
//! - [`apart`]: a test in a network and a file system of its own; [`pcscd`]: the PC/SC service with a virtual reader there
//! - [`canary`]: a search for keys in texts
//! - `tests/*.rs`: one file per peer, named after it; `house.rs` reads our own sources
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on may panic, and says so nowhere else"
)]

pub mod apart;
pub mod bombs;
pub mod canary;
pub mod faults;
pub mod pcscd;
pub mod peer;
pub mod process;
pub mod scene;
pub mod wired;
