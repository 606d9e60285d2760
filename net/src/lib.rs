//! Sockets under the GBA elements. The only lower crate with tokio and OpenSSL.
//!
//! | module | what it holds |
//! |---|---|
//! | [`accept`] | our own accept loop: connection cap, graceful stop |
//! | [`http`] | HTTP/1.1 server and client with timers and a body cap |
//! | [`tls`] | TLS 1.2 with pre-shared keys, whose key is looked up after the suite is known; TLS with certificates |
//! | [`diameter`] | the Diameter node: connections, watchdog, pipelining |
//! | [`tap`] | what the laboratory sees: protocol messages, octets, TLS secrets |
//! | [`mod@file`] | files that a person names, never waited for |
//! | [`changes`] | how many things of a list are new, changed or gone |
//! | [`clock`], [`entropy`] | the system's time and randomness, which pure crates take as arguments |

pub mod accept;
pub mod changes;
pub mod clock;
mod dial;
pub mod diameter;
pub mod entropy;
mod error;
pub mod file;
pub mod http;
pub mod tap;
pub mod tls;
mod wire;

pub use dial::dial;
pub use error::Error;
pub use wire::Wire;
