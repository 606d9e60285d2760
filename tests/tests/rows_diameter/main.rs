//! Rows 1 to 13, 20, 22, 46 and 47 of docs/bad-input.md on Diameter, and rulings 21 and 22: octets written by hand, sent
//! over real sockets to an HSS, a BSF and a NAF. After each attack the element has to serve the next good peer.
//!
//! - `raw`: messages by hand; `stage`: the elements
//! - `octets`: rows 1 to 3 and 8 to 10, what is wrong in the octets
//! - `peers`: rows 4 to 7 and 13, who speaks out of turn or in another's name
//! - `vectors`: rows 11, 12, 20 to 22, what a vector may and may not be had for
//! - `names`: rows 46 and 47, and what a NAF without rights learns
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

#[path = "../allocator/mod.rs"]
mod allocator;
mod names;
mod octets;
mod peers;
mod raw;
mod stage;
mod vectors;
