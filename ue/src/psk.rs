//! TLS with a NAF key as the pre-shared key (TS 33.222 5.4), and HTTP inside.
//!
//! [`PskClient::connect`] derives the key once the NAF has chosen the suite, as the suite is part of NAF_Id: the
//! caller's function gets the finished [`NafId`] and may take its time, as a card does. The NAF's name in NAF_Id is
//! the server_name of the handshake, never what the NAF says of itself.

use std::{error, fmt, future::Future, time::Duration};

use base::{Mono, Utc};
use bytes::Bytes;
use gba::{
    ids::{Btid, Fqdn, NafId, PskIdentity, UaId, hint_offers},
    keys::{KsNaf, WrongUse},
};
use http::{HeaderValue, Request, Response, header};
use net::{
    Error as NetError, clock,
    http::{Client, ClientLimits},
    tap::SharedTap,
    tls::psk::{self, Config, PskInfo, ServerOffer, Story},
};
use thiserror::Error;

/// How a device opens TLS-PSK sessions.
#[derive(Clone, Debug)]
pub struct PskConfig {
    /// Suites and timers of TLS.
    pub tls: Config,
    /// Timers and caps of the HTTP inside.
    pub http: ClientLimits,
    /// Goes on without a psk_identity_hint. Off by default: a NAF says that it takes GBA keys (TS 33.222 5.4), and
    /// a peer that doesn't may mean other keys. On for servers that can't send one.
    pub without_hint: bool,
    /// Names for the ladder.
    pub story: Story,
}

impl Default for PskConfig {
    /// PSK-AES128-CBC-SHA256, a hint is needed; on the ladder `UE` and `NAF` on Ua.
    fn default() -> Self {
        Self {
            tls: Config::default(),
            http: ClientLimits::default(),
            without_hint: false,
            story: Story {
                interface: "Ua",
                client: "UE".to_owned(),
                server: "NAF".to_owned(),
                tells_peer: false,
            },
        }
    }
}

/// Why there is no session, or no answer in it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PskError {
    /// TCP, TLS or HTTP failed.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The NAF doesn't offer GBA keys (ruling 18).
    #[error("the NAF doesn't take GBA keys: its hint is {}", .hint.as_deref().unwrap_or("absent"))]
    NotOffered {
        /// Its hint, with what isn't printable escaped.
        hint: Option<String>,
    },
    /// The key couldn't be derived.
    #[error("no key for this NAF: {0}")]
    Key(#[source] Box<dyn error::Error + Send + Sync>),
    /// The caller's function gave the key of another NAF or protocol (ruling 17).
    #[error(transparent)]
    WrongUse(#[from] WrongUse),
    /// The key function gave the key of another NAF.
    #[error("the key was derived for {got} and not for {wanted}")]
    WrongNaf {
        /// What it is for.
        got: NafId,
        /// What was asked for.
        wanted: NafId,
    },
    /// The bootstrapping has ended (ruling 18).
    #[error("the bootstrapping has expired: bootstrap again")]
    Expired,
}

/// Opens TLS-PSK sessions with NAFs.
pub struct PskClient {
    config: PskConfig,
    tls: psk::Client,
    tap: SharedTap,
}

impl PskClient {
    /// A client that tells its messages to the tap.
    ///
    /// # Errors
    /// [`NetError::Environment`] if OpenSSL doesn't have the suites.
    pub fn new(config: PskConfig, tap: SharedTap) -> Result<Self, NetError> {
        let tls = psk::Client::new(config.tls.clone(), Some(tap.clone()))?;
        let tls = tls.with_story(config.story.clone());
        Ok(Self { config, tls, tap })
    }

    /// Opens a session with the NAF `fqdn` at `addr`, as `btid`, valid until `expiry`. `derive` is asked once for
    /// Ks_NAF (GBA_ME) or Ks_ext_NAF (GBA_U) of that NAF_Id.
    ///
    /// # Errors
    /// [`PskError`]. An alert bad_record_mac means that the two ends hold different keys, or that the NAF or BSF
    /// doesn't know the B-TID or the name.
    pub async fn connect<K, F, E>(
        &self,
        addr: impl ToString,
        fqdn: &Fqdn,
        btid: &Btid,
        expiry: Utc,
        derive: K,
    ) -> Result<PskSession, PskError>
    where
        K: FnOnce(NafId) -> F,
        F: Future<Output = Result<KsNaf, E>>,
        E: error::Error + Send + Sync + 'static,
    {
        let now = clock::now();
        let left = u64::try_from(expiry.0.saturating_sub(now.utc.0)).unwrap_or(0);
        if left == 0 {
            return Err(PskError::Expired);
        }
        let peer = addr.to_string();
        let (socket, connection) = net::dial(&peer, self.config.http.connect_timeout).await?;
        let mut refused = None;
        let mut used = None;
        let key_for = async |offer: ServerOffer| match self.key_for(fqdn, &offer, derive).await {
            Ok(ks_naf) => {
                let psk = ks_naf
                    .key_for(&UaId::tls(offer.suite))
                    .map(base::Secret::duplicate);
                used = Some(ks_naf);
                psk.map_err(|e| {
                    refused = Some(PskError::WrongUse(e));
                    gave_up(&peer)
                })
            }
            Err(e) => {
                refused = Some(e);
                Err(gave_up(&peer))
            }
        };
        let identity = PskIdentity::with_prefix(btid);
        let opened = self
            .tls
            .connect(socket, connection, fqdn.as_str(), identity.as_bytes(), key_for)
            .await;
        let stream = match (opened, refused) {
            (_, Some(refused)) => return Err(refused),
            (Err(e), None) => return Err(e.into()),
            (Ok(stream), None) => stream,
        };
        let info = stream.info().clone();
        // The handshake is done, so the key function was asked.
        let key = used.ok_or_else(|| gave_up(&peer))?;
        Ok(PskSession {
            http: Client::over(stream, &peer, self.config.http).await?,
            fqdn: fqdn.clone(),
            info,
            key,
            ends: now.mono + Duration::from_secs(left),
            tap: self.tap.clone(),
            story: self.config.story.clone(),
        })
    }

    /// Ks_NAF for the suite that the NAF chose, if the NAF offers GBA keys.
    async fn key_for<K, F, E>(&self, fqdn: &Fqdn, offer: &ServerOffer, derive: K) -> Result<KsNaf, PskError>
    where
        K: FnOnce(NafId) -> F,
        F: Future<Output = Result<KsNaf, E>>,
        E: error::Error + Send + Sync + 'static,
    {
        // An empty hint says as little as none (RFC 4279 5.2).
        let hint = offer.hint.as_ref().filter(|hint| !hint.is_empty());
        let offered = match hint {
            Some(hint) => hint_offers(hint, PskIdentity::PREFIX),
            None => self.config.without_hint,
        };
        if !offered {
            let hint = hint.map(|hint| hint.escape_ascii().to_string());
            return Err(PskError::NotOffered { hint });
        }
        let wanted = NafId::new(fqdn.clone(), UaId::tls(offer.suite));
        let ks_naf = derive(wanted.clone())
            .await
            .map_err(|e| PskError::Key(e.into()))?;
        if *ks_naf.naf_id().fqdn() == *fqdn {
            Ok(ks_naf)
        } else {
            let got = ks_naf.naf_id().clone();
            Err(PskError::WrongNaf { got, wanted })
        }
    }
}

/// For the place of an error that [`PskError`] tells better.
fn gave_up(peer: &str) -> NetError {
    NetError::Tls {
        peer: peer.to_owned(),
        rule: "we gave up",
    }
}

/// A TLS-PSK session with a NAF.
pub struct PskSession {
    http: Client,
    fqdn: Fqdn,
    info: PskInfo,
    key: KsNaf,
    ends: Mono,
    tap: SharedTap,
    story: Story,
}

impl fmt::Debug for PskSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PskSession")
            .field("info", &self.info)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl PskSession {
    /// What the two ends agreed on.
    #[must_use]
    pub const fn info(&self) -> &PskInfo {
        &self.info
    }

    /// The key that the handshake has proven; it knows its NAF_Id.
    #[must_use]
    pub const fn key(&self) -> &KsNaf {
        &self.key
    }

    /// Sends a request. `Host` is the NAF's name where the headers have none.
    ///
    /// # Errors
    /// [`PskError::Expired`] once the bootstrapping has ended, else [`PskError::Net`].
    pub async fn send(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, PskError> {
        if clock::now().mono >= self.ends {
            return Err(PskError::Expired);
        }
        if !request.headers().contains_key(header::HOST)
            && let Ok(host) = HeaderValue::from_str(self.fqdn.as_str())
        {
            request.headers_mut().insert(header::HOST, host);
        }
        self.story.tell_request(&self.tap, &request);
        Ok(self.http.send(request).await?)
    }
}

#[cfg(test)]
mod tests;
