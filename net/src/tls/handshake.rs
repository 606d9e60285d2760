//! Drives OpenSSL through a handshake; while the gate holds, awaits the key.

use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock},
    task::Poll,
};

use base::{Entropy, Secret};
use openssl::{
    ex_data::Index,
    ssl::{
        self, Ssl, SslContext, SslContextBuilder, SslMethod, SslOptions, SslRef, SslSessionCacheMode,
        SslVersion,
    },
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_openssl::SslStream;

use super::{
    gate::{Facts, Gate, Role},
    suite::Suite,
};
use crate::{entropy::OsEntropy, error::Error, tap::SharedTap};

/// What the PSK callback finds in its connection's ex-data. It is filled before OpenSSL gets the message that needs
/// it, so the callback never waits.
pub(super) struct KeySlot {
    /// The identity that the key belongs to.
    pub(super) identity: Vec<u8>,
    /// Taken, and so wiped after use.
    pub(super) key: Option<Secret<32>>,
    /// Answers where there is no key, so that the handshake ends as with a wrong one.
    pub(super) random: Secret<32>,
}

pub(super) type SharedSlot = Arc<Mutex<KeySlot>>;

/// Where each connection's [`SharedSlot`] is; the same in every context.
pub(super) fn slot_index() -> Result<Index<Ssl, SharedSlot>, Error> {
    static INDEX: OnceLock<Option<Index<Ssl, SharedSlot>>> = OnceLock::new();
    INDEX
        .get_or_init(|| Ssl::new_ex_index().ok())
        .ok_or(Error::Environment { what: "OpenSSL" })
}

/// A slot without a key.
pub(super) fn new_slot() -> Result<SharedSlot, Error> {
    let random = OsEntropy.array().map_err(|_| Error::Environment {
        what: "the random number source",
    })?;
    Ok(Arc::new(Mutex::new(KeySlot {
        identity: Vec::new(),
        key: None,
        random: Secret::new(random),
    })))
}

/// What both sides share: TLS 1.2 only, the given suites, no tickets, no resumption, no renegotiation.
pub(super) fn context(
    method: SslMethod,
    suites: &[Suite],
    tap: Option<SharedTap>,
) -> Result<SslContextBuilder, Error> {
    let missing = |_| Error::Environment {
        what: "TLS 1.2 with pre-shared keys",
    };
    let mut context = SslContext::builder(method).map_err(missing)?;
    context
        .set_min_proto_version(Some(SslVersion::TLS1_2))
        .map_err(missing)?;
    context
        .set_max_proto_version(Some(SslVersion::TLS1_2))
        .map_err(missing)?;
    let names: Vec<_> = suites.iter().map(|suite| suite.name()).collect();
    context.set_cipher_list(&names.join(":")).map_err(missing)?;
    context.set_options(
        SslOptions::NO_TICKET
            | SslOptions::NO_RENEGOTIATION
            | SslOptions::NO_COMPRESSION
            | SslOptions::CIPHER_SERVER_PREFERENCE,
    );
    context.set_session_cache_mode(SslSessionCacheMode::OFF);
    if let Some(tap) = tap {
        context.set_keylog_callback(move |_, line| tap.tls_secret(line));
    }
    Ok(context)
}

/// Copies a key to where OpenSSL wants it; its length, or 0 if there is no room.
pub(super) fn hand_over(key: &Secret<32>, room: &mut [u8]) -> usize {
    match room.get_mut(..32) {
        Some(room) => {
            room.copy_from_slice(key.expose());
            32
        }
        None => 0,
    }
}

/// Runs the handshake. `find_key` is called once, when the gate holds; it puts the key into the slot.
pub(super) async fn run<S, K, F>(
    stream: &mut SslStream<Gate<S>>,
    role: Role,
    peer: &str,
    find_key: K,
) -> Result<Facts, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    K: FnOnce(Facts) -> F,
    F: Future<Output = Result<(), Refusal>>,
{
    let mut find_key = Some(find_key);
    loop {
        let step = poll_fn(|cx| {
            let step = match role {
                Role::Client => Pin::new(&mut *stream).poll_connect(cx),
                Role::Server => Pin::new(&mut *stream).poll_accept(cx),
            };
            match step {
                Poll::Ready(ended) => Poll::Ready(Some(ended)),
                Poll::Pending if stream.get_ref().is_holding() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
        match step {
            Some(Ok(())) => break,
            Some(Err(e)) => return Err(explain(&e, peer)),
            None => {}
        }
        if stream.get_ref().is_holding()
            && let Some(find_key) = find_key.take()
        {
            if let Err(refusal) = find_key(stream.get_ref().facts().clone()).await {
                // Not encrypted yet on either side, so an alert in clear is what the peer expects.
                let alert = [21, 3, 3, 0, 2, 2, refusal.alert];
                let _ = stream.get_mut().write_all(&alert).await;
                return Err(refusal.error);
            }
            stream.get_mut().open();
        }
    }
    let facts = stream.get_ref().facts().clone();
    let agreed = stream.ssl().current_cipher();
    let agreed = agreed.map(|cipher| u16::from_be_bytes(cipher.protocol_id()));
    if agreed.is_none() || agreed != facts.suite {
        return Err(Error::Tls {
            peer: peer.to_owned(),
            rule: "the suite in the ServerHello isn't the one in use",
        });
    }
    Ok(facts)
}

/// Why we end a handshake before the key, and the alert for the peer.
pub(super) struct Refusal {
    pub(super) alert: u8,
    pub(super) error: Error,
}

/// Reasons of OpenSSL's sslerr.h that somebody with pre-shared keys meets.
mod reason {
    pub(super) const NO_SHARED_CIPHER: i32 = 193;
    pub(super) const UNSUPPORTED_PROTOCOL: i32 = 258;
    pub(super) const BAD_RECORD_MAC: i32 = 281;
    pub(super) const UNEXPECTED_EOF: i32 = 294;
    /// Plus AlertDescription: the peer sent that alert.
    pub(super) const ALERT: i32 = 1000;
}

/// The rule that [`explain`] gives where the two ends hold different keys.
pub(super) const KEYS_DIFFER: &str = "the two ends hold different keys";

/// OpenSSL's error in words of ours.
pub(super) fn explain(e: &ssl::Error, peer: &str) -> Error {
    let peer = peer.to_owned();
    let what = "the TLS handshake";
    let Some(stack) = e.ssl_error() else {
        return match e.io_error().map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => Error::Refused { peer },
            _ => Error::BrokeOff { peer, what },
        };
    };
    let code = stack
        .errors()
        .first()
        .map_or(0, openssl::error::Error::reason_code);
    tracing::debug!(%peer, openssl = %stack, "TLS handshake failed");
    if let Ok(alert) = u8::try_from(code - reason::ALERT) {
        return Error::TlsAlert { peer, alert };
    }
    let rule = match code {
        reason::UNEXPECTED_EOF => return Error::BrokeOff { peer, what },
        reason::BAD_RECORD_MAC => KEYS_DIFFER,
        reason::NO_SHARED_CIPHER => "no cipher suite in common",
        reason::UNSUPPORTED_PROTOCOL => "the peer doesn't speak TLS 1.2",
        _ => "the peer's octets are no valid TLS 1.2 handshake with a pre-shared key",
    };
    Error::Tls { peer, rule }
}

/// The slot of a connection inside a callback.
pub(super) fn slot_of(ssl: &SslRef, index: Index<Ssl, SharedSlot>) -> Option<&SharedSlot> {
    ssl.ex_data(index)
}
