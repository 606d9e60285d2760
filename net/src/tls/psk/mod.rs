//! [`Server`] and [`Client`] of TLS 1.2 with a pre-shared key that is asked for once the suite is known.
//!
//! ```text
//! client                         server
//!   ClientHello SNI         ->
//!                           <-   ServerHello suite, ServerKeyExchange hint, ServerHelloDone
//!   (derives the key)
//!   ClientKeyExchange identity ->
//!                                (asks for the key)
//!   Finished               <->   Finished
//! ```
//!
//! A server that finds no key goes on with a random one: the client can't tell an unknown identity, a foreign
//! server name or a wrong key from one another. There are no tickets, no resumption and no renegotiation.

mod client;
mod server;

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use base::Secret;
use openssl::ssl::{Ssl, SslContext};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_openssl::SslStream;

use super::{
    gate::{Facts, Gate, Role},
    handshake,
    story::Teller,
    suite::Suite,
};
use crate::{
    error::Error,
    tap::{Connection, SharedTap},
    wire::Wire,
};

pub use super::story::Story;
pub use client::Client;
pub use server::Server;

/// The hint of a server that takes GBA keys (TS 33.222 5.4).
pub const HINT: &str = "3GPP-bootstrapping";

/// What both sides set.
#[derive(Clone, Debug)]
pub struct Config {
    /// Suites in order of preference.
    pub suites: Vec<Suite>,
    /// For the whole handshake, the look for the key included.
    pub handshake_timeout: Duration,
    /// How long a peer may refuse to take octets, in the handshake and afterwards.
    pub write_timeout: Duration,
}

impl Default for Config {
    /// PSK-AES128-CBC-SHA256, 10 s each.
    fn default() -> Self {
        Self {
            suites: vec![Suite::Aes128CbcSha256],
            handshake_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
        }
    }
}

/// What a server knows when it needs the key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PskHello {
    /// server_name of the ClientHello, as it came.
    pub sni: String,
    /// The suite chosen for this connection: the octets yy zz of the Ua security protocol id.
    pub suite: u16,
    /// psk_identity, at most 256 octets of any value.
    pub identity: Vec<u8>,
}

/// What a server found for a [`PskHello`].
pub enum Lookup {
    /// The key: Ks_NAF.
    Key(Secret<32>),
    /// No such identity, or not for this server name: the handshake ends as with a wrong key.
    Unknown,
    /// The key couldn't be asked for: the handshake ends with the alert internal_error.
    Unavailable,
}

/// What a client knows when it needs the key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServerOffer {
    /// The suite that the server chose, one of those we offered.
    pub suite: u16,
    /// psk_identity_hint, if the server sent one: at most 256 octets of any value.
    pub hint: Option<Vec<u8>>,
}

/// What the two ends agreed on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PskInfo {
    /// server_name of the ClientHello.
    pub sni: String,
    /// The suite in use.
    pub suite: u16,
    /// psk_identity.
    pub identity: Vec<u8>,
    /// psk_identity_hint, if there was one.
    pub hint: Option<Vec<u8>>,
}

/// A TLS connection after its handshake.
pub struct TlsStream<S = TcpStream> {
    inner: SslStream<Gate<Wire<S>>>,
    info: PskInfo,
}

impl<S> TlsStream<S> {
    /// What the two ends agreed on.
    #[must_use]
    pub const fn info(&self) -> &PskInfo {
        &self.info
    }
}

impl<S> fmt::Debug for TlsStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsStream").field(&self.info).finish()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

fn new_ssl(context: &SslContext) -> Result<(Ssl, handshake::SharedSlot), Error> {
    let index = handshake::slot_index()?;
    let slot = handshake::new_slot()?;
    let mut ssl = Ssl::new(context).map_err(|_| Error::Environment { what: "OpenSSL" })?;
    ssl.set_ex_data(index, slot.clone());
    Ok((ssl, slot))
}

fn new_stream<S: AsyncRead + AsyncWrite + Unpin>(
    ssl: Ssl,
    io: S,
    connection: Connection,
    role: Role,
    config: &Config,
    tap: Option<&SharedTap>,
    story: Option<&Story>,
) -> Result<SslStream<Gate<Wire<S>>>, Error> {
    let teller = tap.zip(story);
    let teller = teller.map(|(tap, story)| Teller::new(tap.clone(), story.clone(), role));
    let tap = tap.cloned();
    let wire = Wire::new(io, tap.map(|tap| (tap, connection)), config.write_timeout);
    SslStream::new(ssl, Gate::new(wire, role, teller)).map_err(|_| Error::Environment { what: "OpenSSL" })
}

fn agreed(facts: Facts, peer: &str) -> Result<PskInfo, Error> {
    match facts {
        Facts {
            sni: Some(sni),
            suite: Some(suite),
            identity: Some(identity),
            hint,
        } => Ok(PskInfo {
            sni,
            suite,
            identity,
            hint,
        }),
        _ => Err(Error::Tls {
            peer: peer.to_owned(),
            rule: "server name, suite and identity are needed",
        }),
    }
}

fn timed_out(peer: &str, after: Duration) -> Error {
    Error::TimedOut {
        peer: peer.to_owned(),
        what: "the TLS handshake",
        after,
    }
}
