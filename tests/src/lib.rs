//! Tests across crates, and against third-party peers.
//!
//! - [`peer`]: finds a program or a Python package that nobody here wrote, or says which package brings it
//! - `tests/*.rs`: one file per peer, named after it; `house.rs` reads our own sources
#![forbid(unsafe_code)]

pub mod peer;
