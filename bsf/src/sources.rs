//! Where vectors come from: an HSS over Zh (TS 29.109 4), or whatever implements [`VectorSource`].

use std::{
    future::Future,
    sync::{Arc, PoisonError, RwLock},
};

use aka::{Auts, Rand};
use base::Clause;
use diameter::{
    Identity, Message, Origin, ResultCode, SessionIds,
    dictionary::TGPP,
    grammar::MULTIMEDIA_AUTH,
    layout::{Ascii, Block, Exactly, Ids, Out},
};
use gba::{
    guss::Guss,
    ids::Impi,
    ub::server::{Obtained, SourceFailure},
    zh::{
        Authentication, MultimediaAuthAnswer,
        view::{Asked, Maa, Mar, Route, UserName},
    },
};
use net::{
    diameter::{Came, Client, Error, Failover, Usual},
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

    /// The same by octets, where it has a shorter way.
    ///
    /// # Errors
    /// As [`Self::exchange`].
    fn usual<T: Send + 'static>(
        &self,
        request: &Usual<T>,
    ) -> impl Future<Output = Result<Came<T>, Error>> + Send {
        let mut out = Out::default();
        (request.write)(Ids::default(), &mut out);
        let request = Message::parse(out.octets());
        async move {
            // What was written here can be read.
            let request = request.map_err(|_| Error::Closed)?;
            self.exchange(request).await.map(Came::Message)
        }
    }
}

impl Exchange for Client {
    async fn exchange(&self, request: Message) -> Result<Message, Error> {
        self.request(request).await
    }

    async fn usual<T: Send + 'static>(&self, request: &Usual<T>) -> Result<Came<T>, Error> {
        Client::usual(self, request).await
    }
}

/// Two or more HSS of one realm, in order of preference; see [`Failover`] for who is asked when. Give the source no
/// host then ([`ZhSource::with_host`]).
impl Exchange for Failover {
    async fn exchange(&self, request: Message) -> Result<Message, Error> {
        self.request(request).await
    }

    async fn usual<T: Send + 'static>(&self, request: &Usual<T>) -> Result<Came<T>, Error> {
        Failover::usual(self, request).await
    }
}

/// An HSS over Zh, or several ([`Failover`]).
pub struct ZhSource<X = Client> {
    exchange: X,
    origin: Origin,
    realm: Identity,
    /// What each MAR says of whom it is from and for.
    route: RwLock<Arc<[u8]>>,
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
            route: RwLock::new(route(&origin, &realm, None)),
            origin,
            realm,
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
        let route = route(&self.origin, &self.realm, host.as_ref());
        *self.route.write().unwrap_or_else(PoisonError::into_inner) = route;
    }

    fn route(&self) -> Arc<[u8]> {
        Arc::clone(&self.route.read().unwrap_or_else(PoisonError::into_inner))
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

    /// A MAR over this route.
    fn request(&self, route: Arc<[u8]>, impi: &Impi, resync: Option<(Rand, Auts)>) -> Usual<Authentication> {
        let (session_id, impi) = (self.session_ids.next(), impi.clone());
        let resync = resync.map(|(rand, auts)| {
            let mut both = [0; 30];
            let (first, second) = both.split_at_mut(16);
            first.copy_from_slice(rand.octets());
            second.copy_from_slice(auts.octets());
            both
        });
        let write = move |ids, out: &mut Out| {
            let mar = Mar {
                session_id: Ascii::of(session_id.as_bytes()),
                route: Block::ready(&route),
                impi: UserName::of(&impi),
                item: Some(Asked {
                    resync: resync.as_ref().map(Exactly),
                }),
                guss_timestamp: None,
            };
            out.write(mar, ids);
        };
        Usual {
            command: MULTIMEDIA_AUTH,
            write: Arc::new(write),
            read: |octets| Maa::read(octets)?.1.to_owned(),
        }
    }
}

fn route(origin: &Origin, realm: &Identity, host: Option<&Identity>) -> Arc<[u8]> {
    Block::octets_of(Route::between(origin, realm, host)).into()
}

impl<X: Exchange> VectorSource for ZhSource<X> {
    async fn fetch(&self, impi: &Impi, resync: Option<(Rand, Auts)>) -> Result<Obtained, SourceFailure> {
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
        let ask = async |route| {
            let request = self.request(route, impi, resync);
            self.exchange.usual(&request).await.map_err(|error| {
                tracing::warn!(%error, "Zh: no answer");
                SourceFailure::Down
            })
        };
        let route = self.route();
        let mut came = ask(Arc::clone(&route)).await?;
        if let Came::Message(answer) = &came
            && answer.result() == Ok(ResultCode::UNABLE_TO_DELIVER)
            && self.route() != route
        {
            // The HSS was replaced between the two steps; this answer has no vector.
            came = ask(self.route()).await?;
        }
        read(impi, resync.is_some(), came)
    }
}

/// What an MAA means for the UE.
fn read(impi: &Impi, was_resync: bool, came: Came<Authentication>) -> Result<Obtained, SourceFailure> {
    // Whose they are stands in the audit log only.
    let broken = |what: &dyn std::fmt::Display| {
        tracing::warn!("Zh: the HSS's answer can't be used: {what}");
        SourceFailure::Broken
    };
    let answer = match came {
        Came::Usual(ok) => MultimediaAuthAnswer::Ok(ok),
        Came::Message(answer) => MultimediaAuthAnswer::parse(&answer).map_err(|fault| broken(&fault))?,
    };
    let ok = match answer {
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
