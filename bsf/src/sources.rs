//! Where vectors come from: an HSS over Zh (TS 29.109 4), or whatever implements [`VectorSource`].

use std::{
    future::Future,
    sync::{Arc, PoisonError, RwLock},
};

use aka::{Auts, Rand};
use base::Clause;
use diameter::{Identity, Message, Origin, ResultCode, SessionIds, dictionary::TGPP};
use gba::{
    guss::Guss,
    ids::Impi,
    ub::server::{Obtained, SourceFailure},
    zh::{MultimediaAuthAnswer, MultimediaAuthRequest, Scheme},
};
use net::{
    diameter::{Client, Error, Failover},
    tap::{self, SharedTap},
};

/// A source of authentication vectors and user security settings.
pub trait VectorSource: Send + Sync + 'static {
    /// One fresh vector for the IMPI; after a synchronisation failure with RAND and AUTS (TS 33.102 6.3.5).
    fn fetch(
        &self,
        impi: &Impi,
        resync: Option<(Rand, Auts)>,
    ) -> impl Future<Output = Result<Obtained, SourceFailure>> + Send;
}

impl<V: VectorSource> VectorSource for Arc<V> {
    fn fetch(
        &self,
        impi: &Impi,
        resync: Option<(Rand, Auts)>,
    ) -> impl Future<Output = Result<Obtained, SourceFailure>> + Send {
        (**self).fetch(impi, resync)
    }
}

/// Something that sends a Diameter request and has its answer: a connection, or an HSS in the same process.
pub trait Exchange: Send + Sync + 'static {
    /// Sends the request; the identifiers in its header are set here.
    ///
    /// # Errors
    /// If there is no answer.
    fn exchange(&self, request: Message) -> impl Future<Output = Result<Message, Error>> + Send;
}

impl Exchange for Client {
    async fn exchange(&self, request: Message) -> Result<Message, Error> {
        self.request(request).await
    }
}

/// Two or more HSS of one realm, in order of preference; see [`Failover`] for who is asked when. Give the source no
/// host then ([`ZhSource::with_host`]).
impl Exchange for Failover {
    async fn exchange(&self, request: Message) -> Result<Message, Error> {
        self.request(request).await
    }
}

/// An HSS over Zh, or several ([`Failover`]).
pub struct ZhSource<X = Client> {
    exchange: X,
    origin: Origin,
    realm: Identity,
    host: RwLock<Option<Identity>>,
    session_ids: Arc<SessionIds>,
    tap: SharedTap,
    label: String,
    hss_label: String,
}

impl<X: Exchange> ZhSource<X> {
    /// Asks as `origin` for subscribers of `realm`. Nobody listens on its tap.
    pub fn new(exchange: X, origin: Origin, realm: Identity) -> Self {
        // Session-Ids differ from start to start (RFC 6733 8.8).
        let start = u32::try_from(net::clock::now().utc.0).unwrap_or(u32::MAX);
        Self {
            exchange,
            session_ids: Arc::new(SessionIds::new(origin.host.clone(), start)),
            origin,
            realm,
            host: RwLock::default(),
            tap: tap::none(),
            label: "BSF".into(),
            hss_label: "HSS".into(),
        }
    }

    /// Asks this HSS and no other of the realm.
    #[must_use]
    pub fn with_host(self, host: Identity) -> Self {
        self.set_host(Some(host));
        self
    }

    /// Takes its Session-Ids from these: sources of one node must share them, or they use the same ones.
    #[must_use]
    pub fn with_session_ids(mut self, ids: Arc<SessionIds>) -> Self {
        self.session_ids = ids;
        self
    }

    /// From now on asks this HSS and no other of the realm, or (`None`) any.
    ///
    /// Where the peers of a [`Failover`] are replaced: `None` before, so that what is under way may go to either.
    pub fn set_host(&self, host: Option<Identity>) {
        *self.host.write().unwrap_or_else(PoisonError::into_inner) = host;
    }

    fn host(&self) -> Option<Identity> {
        self.host.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells each MAR to `tap`.
    #[must_use]
    pub fn with_tap(mut self, tap: SharedTap) -> Self {
        self.tap = tap;
        self
    }

    /// Its own name and the HSS's in the laboratory; `BSF` and `HSS` by default.
    #[must_use]
    pub fn with_labels(mut self, own: impl Into<String>, hss: impl Into<String>) -> Self {
        (self.label, self.hss_label) = (own.into(), hss.into());
        self
    }

    fn request(
        &self,
        host: Option<Identity>,
        impi: &Impi,
        resync: Option<(Rand, Auts)>,
    ) -> MultimediaAuthRequest {
        MultimediaAuthRequest {
            session_id: self.session_ids.next(),
            origin_host: self.origin.host.clone(),
            origin_realm: self.origin.realm.clone(),
            destination_realm: self.realm.clone(),
            destination_host: host,
            impi: impi.clone(),
            public_identity: None,
            scheme: Some(Scheme::DigestAkaV1Md5),
            resync,
            guss_timestamp: None,
        }
    }
}

impl<X: Exchange> VectorSource for ZhSource<X> {
    async fn fetch(&self, impi: &Impi, resync: Option<(Rand, Auts)>) -> Result<Obtained, SourceFailure> {
        let host = self.host();
        if self.tap.listens() {
            let what = if resync.is_some() { "AUTS of" } else { "vector for" };
            self.tap.message(tap::Message {
                interface: "Zh",
                from: &self.label,
                to: &self.hss_label,
                summary: format!("MAR {what} {impi}").chars().take(70).collect(),
                clause: Some(Clause::new("TS 29.109", "4.2")),
            });
        }
        let ask = async |host| {
            let request = self.request(host, impi, resync).to_message();
            self.exchange.exchange(request).await.map_err(|error| {
                tracing::warn!(%error, "Zh: no answer");
                SourceFailure::Down
            })
        };
        let mut answer = ask(host.clone()).await?;
        if answer.result() == Ok(ResultCode::UNABLE_TO_DELIVER) && self.host() != host {
            // The HSS was replaced between the two steps; this answer has no vector.
            answer = ask(self.host()).await?;
        }
        read(impi, resync.is_some(), &answer)
    }
}

/// What an MAA means for the UE.
fn read(impi: &Impi, was_resync: bool, answer: &Message) -> Result<Obtained, SourceFailure> {
    // Whose they are stands in the audit log only.
    let broken = |what: &dyn std::fmt::Display| {
        tracing::warn!("Zh: the HSS's answer can't be used: {what}");
        SourceFailure::Broken
    };
    let ok = match MultimediaAuthAnswer::parse(answer).map_err(|fault| broken(&fault))? {
        MultimediaAuthAnswer::Ok(ok) => ok,
        MultimediaAuthAnswer::Err(failure) => {
            let meaning = meaning(failure.result, was_resync);
            tracing::warn!(?meaning, "Zh: {failure}");
            return Err(meaning);
        }
    };
    if ok.impi.is_some_and(|theirs| theirs != *impi) {
        return Err(broken(&"it is about another IMPI"));
    }
    let guss = ok.guss.map(|xml| Guss::parse(&xml)).transpose();
    Ok(Obtained {
        guss: guss.map_err(|e| broken(&e))?.map(Arc::new),
        vector: ok
            .vectors
            .into_iter()
            .next()
            .ok_or_else(|| broken(&"it has no vector"))?,
    })
}

fn meaning(result: ResultCode, was_resync: bool) -> SourceFailure {
    match result {
        ResultCode::IDENTITY_UNKNOWN => SourceFailure::UnknownImpi,
        // DIAMETER_ERROR_USER_UNKNOWN of Cx (TS 29.229 6.2.2.1), which a widespread HSS sends on Zh.
        ResultCode::Experimental {
            vendor: TGPP,
            code: 5001,
        } => SourceFailure::UnknownImpi,
        ResultCode::UNABLE_TO_COMPLY if was_resync => SourceFailure::BadAuts,
        ResultCode::UNABLE_TO_DELIVER | ResultCode::TOO_BUSY => SourceFailure::Down,
        _ => SourceFailure::Broken,
    }
}

#[cfg(test)]
mod tests;
