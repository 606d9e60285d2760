//! User Equipment: a device with a card, its Ub run, and what it does with NAF keys.
//!
//! * [`device`]: [`Device`] owns the card on a thread of its own, and Ks in mode `me`;
//! * [`client`]: an HTTP client that answers `3GPP-bootstrapping` challenges (TS 24.109 clause 5);
//! * [`Keyed`]: the same with a B-TID and a key at hand, without a device;
//! * [`psk`]: TLS with a NAF key as the pre-shared key (TS 33.222 5.4).
//!
//! All protocol decisions are state machines of the `gba` crate (`gba::ub::client`, `gba::ua::client`).

pub mod client;
pub mod device;
mod keyed;
pub mod psk;

#[cfg(test)]
mod fake;
mod wire;

pub use client::{Answer, Client, ClientError};
pub use device::{Bootstrapped, BsfAddress, Device, DeviceError, Identity};
pub use keyed::Keyed;

/// The examples of the README are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
