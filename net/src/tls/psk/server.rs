//! The server side: asks for the key when the ClientKeyExchange has come.

use std::{ffi::CString, future::Future};

use openssl::ssl::{SslContext, SslMethod};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Config, Lookup, PskHello, Story, TlsStream, agreed, new_ssl, new_stream, timed_out};
use crate::{
    error::Error,
    tap::{Connection, Measure, SharedTap, Stopwatch},
    tls::{
        cert::let_alert_arrive,
        ffi,
        gate::{Facts, Role},
        handshake::{self, Refusal},
        sniff::MAX_IDENTITY,
    },
};

/// Accepts TLS-PSK connections.
pub struct Server {
    context: SslContext,
    config: Config,
    tap: Option<SharedTap>,
    story: Option<Story>,
}

impl Server {
    /// With a psk_identity_hint, [`super::HINT`] for GBA: a list separated by `;`, at most 256 octets without NUL;
    /// empty for none.
    ///
    /// # Errors
    /// [`Error::Environment`] if OpenSSL doesn't have the suites, [`Error::Misuse`] for a wrong hint.
    pub fn new(config: Config, hint: &str, tap: Option<SharedTap>) -> Result<Self, Error> {
        let index = handshake::slot_index()?;
        let mut context = handshake::context(SslMethod::tls_server(), &config.suites, tap.clone())?;
        context.set_psk_server_callback(move |ssl, identity, room| {
            let Some(Ok(mut slot)) = handshake::slot_of(ssl, index).map(|slot| slot.try_lock()) else {
                return Ok(0);
            };
            // OpenSSL has read the same identity, or what we found belongs to another one.
            let key = slot
                .key
                .take()
                .filter(|_| identity == Some(slot.identity.as_slice()));
            Ok(handshake::hand_over(key.as_ref().unwrap_or(&slot.random), room))
        });
        let misuse = Error::Misuse {
            rule: "a PSK identity hint has at most 256 octets without NUL",
        };
        let hint = CString::new(hint).map_err(|_| misuse.clone())?;
        let set = match hint.as_bytes().len() {
            0 => true,
            1..=MAX_IDENTITY => ffi::set_identity_hint(&mut context, &hint),
            _ => false,
        };
        if !set {
            return Err(misuse);
        }
        Ok(Self {
            context: context.build(),
            config,
            tap,
            story: None,
        })
    }

    /// Tells the handshake's messages to the tap under these names.
    #[must_use]
    pub fn with_story(mut self, story: Story) -> Self {
        self.story = Some(story);
        self
    }

    /// Runs the handshake on a fresh connection. `find_key` is asked once, for a client that sent a server name;
    /// it may wait for others.
    ///
    /// # Errors
    /// [`Error`]: timed out, broke off, the client's alert, or why the handshake failed. The client has its alert
    /// then.
    pub async fn accept<S, K, F>(
        &self,
        io: S,
        connection: Connection,
        find_key: K,
    ) -> Result<TlsStream<S>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        K: FnOnce(PskHello) -> F,
        F: Future<Output = Lookup>,
    {
        let watch = self.tap.as_ref().map(Stopwatch::begin);
        let peer = connection.peer.to_string();
        let (ssl, slot) = new_ssl(&self.context)?;
        let mut inner = new_stream(
            ssl,
            io,
            connection,
            Role::Server,
            &self.config,
            self.tap.as_ref(),
            self.story.as_ref(),
        )?;
        let mut known = false;
        let find = async |facts: Facts| {
            let (Some(sni), Some(suite), Some(identity)) = (facts.sni, facts.suite, facts.identity) else {
                return Ok(());
            };
            let hello = PskHello {
                sni,
                suite,
                identity: identity.clone(),
            };
            match find_key(hello).await {
                Lookup::Key(key) => {
                    if let Ok(mut slot) = slot.lock() {
                        slot.identity = identity;
                        slot.key = Some(key);
                    }
                    known = true;
                    Ok(())
                }
                Lookup::Unknown => Ok(()),
                Lookup::Unavailable => Err(Refusal {
                    alert: 80,
                    error: Error::Tls {
                        peer: peer.clone(),
                        rule: "the key couldn't be asked for now",
                    },
                }),
            }
        };
        let run = handshake::run(&mut inner, Role::Server, &peer, find);
        let ended = tokio::time::timeout(self.config.handshake_timeout, run).await;
        let ended = ended.unwrap_or_else(|_| Err(timed_out(&peer, self.config.handshake_timeout)));
        if let (Some(tap), Some(watch)) = (&self.tap, watch) {
            let done = ended.is_ok();
            watch.end(tap, |took| Measure::Handshake { done, took });
        }
        match ended.and_then(|facts| agreed(facts, &peer)) {
            Ok(info) => Ok(TlsStream { inner, info }),
            Err(mut error) => {
                if let Error::Tls { rule, .. } = &mut error
                    && *rule == handshake::KEYS_DIFFER
                    && !known
                {
                    *rule = "no key for this identity and server name";
                }
                let_alert_arrive(inner.get_mut().io()).await;
                Err(error)
            }
        }
    }
}
