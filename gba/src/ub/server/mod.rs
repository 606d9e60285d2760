//! Ub at the BSF (TS 24.109 4, TS 33.220 4.5.2): one request, decided step by step and purely.
//!
//! A shell calls [`Asked::read`], then [`decide`] with [`Found::Start`], does what the [`Decision`] says and calls
//! again with what it found, until a decision carries an [`Answer`]:
//!
//! | decision | the shell | then |
//! |---|---|---|
//! | [`Decision::Consume`] | takes the challenge of (IMPI, nonce) out of its store, atomically | [`Found::Consumed`] |
//! | [`Decision::Recall`] | looks for the newest unanswered challenge of (IMPI, address) | [`Found::Recalled`] |
//! | [`Decision::Fetch`] | takes a token of each [`Bucket`], then asks the HSS over Zh | [`Found::Vector`], [`Found::Exhausted`] |
//! | [`Decision::Open`] | stores the challenge unless its RAND is in use, then answers | [`Found::InUse`], [`Found::Full`] |
//! | [`Decision::Issue`] | stores the session unless its B-TID lives, then answers | [`Found::InUse`], [`Found::Full`] |
//! | [`Decision::Done`] | answers | |
//!
//! * `config`: [`Config`] and its parts; `request`: [`Request`], [`Asked`];
//! * `state`: [`OpenChallenge`], [`Session`]; `bucket`: [`Bucket`]; `answer`: [`Answer`];
//! * `decide`: the decisions themselves; `vector`: those after the HSS was asked.

mod answer;
mod bucket;
mod config;
mod decide;
mod request;
mod state;
mod vector;

pub use answer::{Answer, Outcome, Said};
pub use bucket::{Bucket, Rate};
pub use config::{ADDRESSES_PER_IMPI, Config, MacForm, ResForm};
pub use decide::{Decision, Fetch, Found, Obtained, SourceFailure, decide};
pub use request::{AddressKey, Asked, Request};
pub use state::{Mode, OpenChallenge, Session};

#[cfg(test)]
mod tests;
