#![doc = include_str!("../README.md")]
//!
//! Pure: no sockets, files, clock or global randomness, unless the feature `pcsc` brings in a reader.
#![forbid(unsafe_code)]

pub mod atr;
pub mod card;
pub mod ef;
pub mod fcp;
pub mod names;
#[cfg(feature = "pcsc")]
pub mod pcsc;
pub mod pin;
pub mod software;
pub mod sw;
pub mod terminal;
pub mod toolkit;

pub use card::{Card, CardError};
pub use pin::Pin;
pub use sw::Sw;
