//! The client side: asks for the key when the ServerHelloDone has come.

use std::future::Future;

use base::Secret;
use openssl::ssl::{SslContext, SslMethod};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Config, ServerOffer, Story, TlsStream, agreed, new_ssl, new_stream, timed_out};
use crate::{
    error::Error,
    tap::{Connection, SharedTap},
    tls::{
        gate::{Facts, Role},
        handshake::{self, Refusal},
        sniff::MAX_IDENTITY,
        suite::Suite,
    },
};

/// Opens TLS-PSK connections.
pub struct Client {
    context: SslContext,
    config: Config,
    tap: Option<SharedTap>,
    story: Option<Story>,
}

impl Client {
    /// Offers the suites of `config`.
    ///
    /// # Errors
    /// [`Error::Environment`] if OpenSSL doesn't have the suites.
    pub fn new(config: Config, tap: Option<SharedTap>) -> Result<Self, Error> {
        let index = handshake::slot_index()?;
        let mut context = handshake::context(SslMethod::tls_client(), &config.suites, tap.clone())?;
        context.set_psk_client_callback(move |ssl, _, identity, room| {
            let Some(Ok(mut slot)) = handshake::slot_of(ssl, index).map(|slot| slot.try_lock()) else {
                return Ok(0);
            };
            let Some(text) = identity.get_mut(..slot.identity.len()) else {
                return Ok(0);
            };
            text.copy_from_slice(&slot.identity);
            // The room has 256 octets; OpenSSL keeps a NUL behind it for an identity that fills it.
            if let Some(end) = identity.get_mut(slot.identity.len()) {
                *end = 0;
            }
            Ok(slot.key.take().map_or(0, |key| handshake::hand_over(&key, room)))
        });
        Ok(Self {
            context: context.build(),
            config,
            tap,
            story: None,
        })
    }

    /// Tells the handshake's messages to the tap under these names: for a client whose server doesn't.
    #[must_use]
    pub fn with_story(mut self, story: Story) -> Self {
        self.story = Some(story);
        self
    }

    /// Runs the handshake on a fresh connection. `key_for` is asked once, with the suite that the server chose and
    /// its hint; it may wait, as for a card. Its error ends the handshake.
    ///
    /// # Errors
    /// That of `key_for`, or [`Error`]: timed out, broke off, the server's alert, or why the handshake failed;
    /// [`Error::Misuse`] for an identity of more than 256 octets or with NUL, or no server name.
    pub async fn connect<S, K, F>(
        &self,
        io: S,
        connection: Connection,
        sni: &str,
        identity: &[u8],
        key_for: K,
    ) -> Result<TlsStream<S>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        K: FnOnce(ServerOffer) -> F,
        F: Future<Output = Result<Secret<32>, Error>>,
    {
        if identity.len() > MAX_IDENTITY || identity.contains(&0) {
            return Err(Error::Misuse {
                rule: "a PSK identity has at most 256 octets without NUL",
            });
        }
        let peer = connection.peer.to_string();
        let (mut ssl, slot) = new_ssl(&self.context)?;
        ssl.set_hostname(sni).map_err(|_| Error::Misuse {
            rule: "a server name has 1 to 255 characters",
        })?;
        let mut inner = new_stream(
            ssl,
            io,
            connection,
            Role::Client,
            &self.config,
            self.tap.as_ref(),
            self.story.as_ref(),
        )?;
        let find = async |facts: Facts| {
            let offered = facts.suite.and_then(Suite::from_code);
            let suite = offered.filter(|suite| self.config.suites.contains(suite));
            let Some(suite) = suite.map(Suite::code) else {
                // OpenSSL refuses it with its own alert; no key is derived for it.
                return Ok(());
            };
            let offer = ServerOffer {
                suite,
                hint: facts.hint,
            };
            let key = key_for(offer)
                .await
                .map_err(|error| Refusal { alert: 40, error })?;
            if let Ok(mut slot) = slot.lock() {
                slot.identity = identity.to_vec();
                slot.key = Some(key);
            }
            Ok(())
        };
        let run = handshake::run(&mut inner, Role::Client, &peer, find);
        let ended = tokio::time::timeout(self.config.handshake_timeout, run).await;
        let facts = ended.unwrap_or_else(|_| Err(timed_out(&peer, self.config.handshake_timeout)))?;
        let info = agreed(facts, &peer)?;
        Ok(TlsStream { inner, info })
    }
}
