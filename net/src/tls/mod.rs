//! TLS on OpenSSL: with pre-shared keys (1.2; RFC 4279, RFC 5487, RFC 6655), as TS 33.222 5.4 wants it, and with
//! certificates on both sides (1.2 and 1.3), as Diameter wants it: [`cert`], and [`pki`] to make some.
//!
//! NAF_Id ends with the cipher suite, so a key can be looked up or derived only once the suite is known, and it is
//! needed before OpenSSL reads the next message. Looking it up takes a round to the BSF or the card. So:
//!
//! | module | what it does |
//! |---|---|
//! | [`sniff`] | reads names from the clear handshake messages; a pure function over octets |
//! | `gate` | the stream under OpenSSL: sniffs both directions, holds back the message that needs the key |
//! | `handshake` | drives OpenSSL; while the gate holds, awaits the key, then lets the message through |
//! | [`psk`] | [`psk::Server`] and [`psk::Client`] |
//! | `story` | tells the messages to the ladder |
//! | [`suite`] | the cipher suites we allow |
//! | `ffi` | the one call that rust-openssl lacks |

pub mod cert;
mod ffi;
mod gate;
mod handshake;
pub mod pki;
pub mod psk;
pub mod sniff;
mod story;
pub mod suite;

/// The version of the OpenSSL that runs here, such as `OpenSSL 3.5.1 1 Jul 2025`.
#[must_use]
pub fn openssl_version() -> &'static str {
    openssl::version::version()
}

/// Its number as `0xMNNFFPPS`, such as `0x1010_10ef` for 1.1.1n: from `0x3000_0000` it is 3.
#[must_use]
pub fn openssl_number() -> i64 {
    openssl::version::number()
}
