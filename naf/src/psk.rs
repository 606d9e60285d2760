//! TLS with a NAF key as the pre-shared key (TS 33.222 5.4), and HTTP inside.
//!
//! The client names itself by its B-TID, and the NAF_Id is this NAF's name with the suite of this connection, so
//! both ends know which key is meant before either shows that it has it. [`PskServer`] asks its [`KeySource`]
//! between the two, and hands each request to the service with the [`PskPeer`] that sent it.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use base::Now;
use bytes::Bytes;
use gba::{
    audit::{Event, Kind, NotRecorded, Outcome, SharedAudit},
    ids::{Btid, Fqdn, NafId, PskIdentity, UaId},
};
use http::{Extensions, Request, Response};
use net::{
    Error,
    accept::{self, Stop},
    clock,
    http::{Limits, PeerInfo, serve_connection},
    tap::{Connection, Measure, SharedTap, Stopwatch},
    tls::psk::{Config, HINT, Lookup, PskHello, Server, Story},
};
use tokio::net::{TcpListener, TcpStream};

use crate::{KeyError, KeySource, NafKey};

/// What a PSK server of a NAF is told.
#[derive(Clone, Debug)]
pub struct PskConfig {
    /// The one name that it serves; it must be the client's server_name.
    pub fqdn: Fqdn,
    /// Suites and timers of TLS.
    pub tls: Config,
    /// Timers and caps of the HTTP inside, and of the accept loop.
    pub http: Limits,
    /// Names for the ladder.
    pub story: Story,
}

impl PskConfig {
    /// For a name, with the defaults: PSK-AES128-CBC-SHA256, on the ladder `UE` and `NAF` on Ua.
    #[must_use]
    pub fn new(fqdn: Fqdn) -> Self {
        Self {
            fqdn,
            tls: Config::default(),
            http: Limits::default(),
            story: Story {
                interface: "Ua",
                client: "UE".to_owned(),
                server: "NAF".to_owned(),
                tells_peer: false,
            },
        }
    }
}

/// Who is at the other end of a connection: proven by the handshake.
pub struct PskPeer {
    /// The client's name for this bootstrapping.
    pub btid: Btid,
    /// True for the identity `3GPP-bootstrapping;B-TID`, false for the bare B-TID.
    pub prefixed: bool,
    /// What came over Zn: the key, which knows its NAF_Id, its expiry, and what the NAF may know of the subscriber.
    pub key: Arc<NafKey>,
    /// The connection.
    pub connection: Connection,
}

/// Answers the service of one NAF over TLS-PSK.
pub struct PskServer<K> {
    config: PskConfig,
    keys: K,
    tls: Server,
    clock: fn() -> Now,
    tap: SharedTap,
    audit: Option<SharedAudit>,
}

impl<K: KeySource> PskServer<K> {
    /// A server that asks `keys`.
    ///
    /// # Errors
    /// [`Error::Environment`] if OpenSSL doesn't have the suites.
    pub fn new(config: PskConfig, keys: K, tap: SharedTap) -> Result<Self, Error> {
        let tls = Server::new(config.tls.clone(), HINT, Some(tap.clone()))?;
        let tls = tls.with_story(config.story.clone());
        Ok(Self {
            config,
            keys,
            tls,
            clock: clock::now,
            tap,
            audit: None,
        })
    }

    /// Another clock for the ends of keys, for tests and simulation.
    #[must_use]
    pub fn with_clock(mut self, clock: fn() -> Now) -> Self {
        self.clock = clock;
        self
    }

    /// Records each session that begins, and each device that was refused, there, before the service hears of it.
    #[must_use]
    pub fn with_audit(mut self, audit: Option<SharedAudit>) -> Self {
        self.audit = audit;
        self
    }

    /// Serves a listener until `stop`. A connection ends when its key does (ruling 18).
    pub async fn serve<V, F>(self, listener: TcpListener, service: V, stop: Stop)
    where
        V: Fn(Request<Bytes>, Arc<PskPeer>) -> F + Send + Sync + 'static,
        F: Future<Output = Response<Bytes>> + Send + 'static,
    {
        let limits = self.config.http.accept;
        let shared = Arc::new((self, service));
        let tap = Some(Arc::clone(&shared.0.tap));
        accept::serve_tapped(listener, limits, tap, stop, move |socket, connection, stop| {
            let shared = Arc::clone(&shared);
            async move {
                let (server, service) = &*shared;
                server.serve_one(socket, connection, service, stop).await;
            }
        })
        .await;
    }

    async fn serve_one<V, F>(&self, socket: TcpStream, connection: Connection, service: &V, stop: Stop)
    where
        V: Fn(Request<Bytes>, Arc<PskPeer>) -> F,
        F: Future<Output = Response<Bytes>>,
    {
        let mut found = Found::default();
        let find = async |hello: PskHello| self.find(&hello, connection, &mut found).await;
        let accepted = self.tls.accept(socket, connection, find).await;
        let recorded = self.record(&found, accepted.as_ref().err(), connection);
        let stream = match accepted {
            Ok(stream) => stream,
            Err(error) => {
                tracing::info!(naf = %self.config.fqdn, %error, "no TLS-PSK session");
                return;
            }
        };
        if recorded.is_err() {
            tracing::warn!(naf = %self.config.fqdn, "a TLS-PSK session couldn't be recorded, so it is closed");
            return;
        }
        // The handshake ended well, so a key was found.
        let Some(peer) = found.peer.map(Arc::new) else {
            return;
        };
        let left = peer.key.expiry.0.saturating_sub((self.clock)().utc.0);
        let left = Duration::from_secs(u64::try_from(left).unwrap_or(0));
        let answer = |request, _| {
            let watch = Stopwatch::begin(&self.tap);
            let answer = service(request, Arc::clone(&peer));
            async move {
                let response = answer.await;
                let result = response.status().as_u16().into();
                watch.end(&self.tap, |took| Measure::Answered {
                    interface: self.config.story.interface,
                    result,
                    took,
                });
                self.config.story.tell_answer(&self.tap, &response);
                response
            }
        };
        let info = PeerInfo::new(connection, Extensions::new());
        let (stopper, ends) = accept::stop();
        let serve = serve_connection(stream, self.config.http, info, answer, ends);
        let end = async {
            let mut stop = stop;
            tokio::select! {
                () = stop.stopped() => (),
                () = tokio::time::sleep(left) => (),
            }
            stopper.stop();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = serve => (),
            () = end => (),
        }
    }

    /// The key for a hello. Why there is none stays in our logs.
    async fn find(&self, hello: &PskHello, connection: Connection, found: &mut Found) -> Lookup {
        let from = connection.peer;
        let mut unknown = |why: &str| {
            tracing::info!(naf = %self.config.fqdn, %from, why, "no key for a TLS-PSK client");
            found.why = Some(why.to_owned());
            Lookup::Unknown
        };
        let Some((identity, naf_id)) = read_hello(&self.config.fqdn, hello) else {
            return unknown("its server name isn't ours, or its identity names no B-TID");
        };
        found.asked = Some((identity.btid.clone(), naf_id.clone()));
        let key = match self.keys.key_for(&identity.btid, &naf_id, Some(from.ip())).await {
            Ok(key) => key,
            Err(e @ (KeyError::Unknown | KeyError::NotAuthorized)) => return unknown(&e.to_string()),
            Err(error) => {
                self.warn(from, &error);
                found.why = Some(error.to_string());
                return Lookup::Unavailable;
            }
        };
        if key.expiry <= (self.clock)().utc {
            return unknown("the key has expired");
        }
        match psk(&key, &naf_id) {
            Some(psk) => {
                found.peer = Some(PskPeer {
                    btid: identity.btid,
                    prefixed: identity.prefixed,
                    key,
                    connection,
                });
                Lookup::Key(psk)
            }
            None => unknown("the key source gave a key for another use"),
        }
    }

    /// The error means that the session must not begin.
    fn record(
        &self,
        found: &Found,
        error: Option<&Error>,
        connection: Connection,
    ) -> Result<(), NotRecorded> {
        // Who named no B-TID has asked for nothing that is accounted for.
        let (Some(audit), Some((btid, naf_id))) = (&self.audit, &found.asked) else {
            return Ok(());
        };
        let (address, at) = (connection.peer.to_string(), (self.clock)().utc);
        let why = error.map(|error| found.why.clone().unwrap_or_else(|| error.to_string()));
        let key = found.peer.as_ref().map(|peer| &peer.key);
        audit.record(&Event {
            impi: key.and_then(|key| key.impi.as_ref()),
            btid: Some(btid),
            naf_id: Some(naf_id),
            expiry: key.map(|key| key.expiry),
            outcome: match &why {
                None => Outcome::Done,
                Some(reason) => Outcome::Refused { code: None, reason },
            },
            ..Event::new(Kind::Session, at, self.config.fqdn.as_str(), &address)
        })
    }

    fn warn(&self, from: SocketAddr, error: &KeyError) {
        tracing::warn!(naf = %self.config.fqdn, %from, %error, "a TLS-PSK client was turned away");
    }
}

/// What became of a client while its handshake ran.
#[derive(Default)]
struct Found {
    /// Which key it asked for.
    asked: Option<(Btid, NafId)>,
    /// Why there is none.
    why: Option<String>,
    /// Who it is, if there is one.
    peer: Option<PskPeer>,
}

/// Whose key is meant, and which: the server name must be ours, the NAF_Id is our name ‖ 01 00 01 yy zz.
fn read_hello(fqdn: &Fqdn, hello: &PskHello) -> Option<(PskIdentity, NafId)> {
    let named: Fqdn = hello.sni.parse().ok()?;
    if named != *fqdn {
        return None;
    }
    let identity = PskIdentity::parse(&hello.identity).ok()?;
    Some((identity, NafId::new(named, UaId::tls(hello.suite))))
}

/// The pre-shared key, if the key was made for exactly this name and suite (ruling 17).
fn psk(key: &NafKey, naf_id: &NafId) -> Option<base::Secret<32>> {
    let ks_naf = Some(&key.ks_naf).filter(|key| key.naf_id() == naf_id)?;
    Some(ks_naf.key_for(&naf_id.ua()).ok()?.duplicate())
}

#[cfg(test)]
mod tests;
