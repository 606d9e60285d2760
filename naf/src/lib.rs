//! A Network Application Function (TS 33.220 4.3.2): who wants to know a device by its SIM.
//!
//! * [`zn`]: where NAF keys come from: the [`KeySource`] trait, and the client that asks the BSF over Zn;
//! * [`authenticate`]: a tower layer that answers `3GPP-bootstrapping` digest challenges (TS 24.109 clause 5);
//! * [`psk`]: TLS with a NAF key as the pre-shared key (TS 33.222 5.4).
//!
//! All protocol decisions are pure functions of the `gba` crate (`gba::ua::server`); here are sockets and state.

pub mod authenticate;
pub mod psk;
pub mod zn;

pub use authenticate::{Authenticate, AuthenticateLayer, Authenticated, Gate};
pub use zn::{Cached, KeyError, KeySource, NafKey, Route, Strangers, Transport, ZnClient, ZnConfig};

/// Cuts what a tap is told to the 70 characters that fit a line.
fn summary(mut text: String) -> String {
    const MAX: usize = 70;
    if let Some((at, _)) = text.char_indices().nth(MAX) {
        text.truncate(at);
        text.pop();
        text.push('…');
    }
    text
}

/// The examples of the README are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
