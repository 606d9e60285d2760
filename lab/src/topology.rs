//! The network on loopback: HSS, BSF and three NAFs, each behind its own sockets, wired over Zh and Zn.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use aka::{Rand, Sqn};
use base::{Entropy, NoEntropy, Now, Utc};
use bsf::{
    MemorySessions, Ub, ZhSource,
    rights::{NafRights, Rights, RightsError, UaRule},
    zn::{ZnConfig, ZnServer, serve_zn},
};
use bytes::Bytes;
use diameter::{
    Identity, Origin, dictionary,
    peer::{Role, Rule},
};
use gba::{
    audit::SharedAudit,
    ids::{Fqdn, Impi, UaId},
    ub::server as ub,
};
use hss::{
    Auc, Hss, MemorySqnStore, SqnStore, Subscriber, Subscribers,
    sqn::{Resync, SqnError, SqnRules},
};
use http::{Request, Response, StatusCode};
use naf::{
    KeySource,
    authenticate::Gate,
    psk::{PskConfig, PskServer},
    zn::{Cached, Route, ZnClient},
};
use net::{
    accept::{Stopper, stop},
    clock, diameter as node,
    entropy::OsEntropy,
    http::{Limits, PeerInfo},
    tap::{SharedTap, Summary},
};
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    cse,
    keys::{Recorded, Seen},
};

/// Keys that a laboratory NAF keeps until they expire.
const CACHED_KEYS: usize = 64;

/// Who is in the network.
#[derive(Clone, Debug)]
pub struct Names {
    /// Realm of the operator: HSS and BSF.
    pub realm: Identity,
    /// Origin-Host of the HSS.
    pub hss: Identity,
    /// The BSF (TS 23.003 16.2).
    pub bsf: Fqdn,
    /// A plain HTTP service.
    pub naf: Fqdn,
    /// The M2M authentication function.
    pub maf: Fqdn,
    /// The infrastructure node's CSE.
    pub cse: Fqdn,
}

impl Names {
    /// The operator of this subscriber, and the M2M service provider `m2m.example`.
    ///
    /// # Errors
    /// [`StartError::Name`] if the IMPI has no realm that can be a Diameter realm.
    pub fn of(impi: &Impi, bsf: Fqdn) -> Result<Self, StartError> {
        // `ims.` stands before the operator's own domain (TS 23.003 13.2).
        let realm = impi.domain().strip_prefix("ims.").unwrap_or(impi.domain());
        Ok(Self {
            realm: identity(realm)?,
            hss: identity(&format!("hss.{realm}"))?,
            bsf,
            naf: name("naf.m2m.example")?,
            maf: name("maf.m2m.example")?,
            cse: name("in-cse.m2m.example")?,
        })
    }
}

fn identity(text: &str) -> Result<Identity, StartError> {
    text.parse().map_err(|_| StartError::Name(text.into()))
}

fn name(text: &str) -> Result<Fqdn, StartError> {
    text.parse().map_err(|_| StartError::Name(text.into()))
}

/// Where each element listens.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// HSS, Zh.
    pub zh: SocketAddr,
    /// BSF, Ub.
    pub ub: SocketAddr,
    /// BSF, Zn.
    pub zn: SocketAddr,
    /// The plain service, HTTP.
    pub naf: SocketAddr,
    /// The MAF, TLS-PSK.
    pub maf: SocketAddr,
    /// The IN-CSE, TLS-PSK.
    pub cse: SocketAddr,
}

/// Why the network can't start: the environment's fault or a configuration's, not a protocol's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// No socket.
    #[error("cannot listen on loopback")]
    Listen(#[source] std::io::Error),
    /// Not a name.
    #[error("{0:?} can't be a name in the network")]
    Name(String),
    /// Rights that contradict each other.
    #[error(transparent)]
    Rights(#[from] RightsError),
    /// OpenSSL lacks a suite, or a Diameter node can't be had.
    #[error(transparent)]
    Tls(#[from] net::Error),
    /// A Diameter connection in the network didn't open.
    #[error("{from} can't reach {to} over Diameter")]
    Diameter {
        /// Who connects.
        from: String,
        /// To whom.
        to: String,
        /// Why not.
        #[source]
        source: node::Error,
    },
    /// The system's randomness failed.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
}

/// How a network runs.
pub struct Options {
    /// Laboratory only: the RAND of the first vector, for a repeatable run.
    pub rand: Option<Rand>,
    /// Sees every message.
    pub tap: SharedTap,
    /// What time it is for the lifetimes of challenges, sessions and keys; another clock lets them end.
    pub clock: fn() -> Now,
    /// Vectors for one subscriber, where it isn't the BSF's own bound (ruling 6).
    pub per_impi: Option<ub::Rate>,
    /// Where each element accounts for the keys that it gives out.
    pub audit: Option<SharedAudit>,
}

impl Default for Options {
    /// Random RANDs, no tap, the system's clock.
    fn default() -> Self {
        Self {
            rand: None,
            tap: net::tap::none(),
            clock: clock::now,
            per_impi: None,
            audit: None,
        }
    }
}

/// An element that can be taken down alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Element {
    /// The HSS.
    Hss,
    /// The BSF, both Ub and Zn.
    Bsf,
}

/// What listens together, and stops together.
struct Part {
    stopper: Stopper,
    tasks: JoinSet<()>,
}

impl Part {
    fn new() -> Self {
        Self {
            stopper: stop().0,
            tasks: JoinSet::new(),
        }
    }

    async fn stop(&mut self) {
        self.stopper.stop();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// The running network. Dropping it stops everything.
pub struct Network {
    /// Who is in it.
    pub names: Names,
    /// Where they listen.
    pub addresses: Addresses,
    pub(crate) seen: Seen,
    vectors: Arc<AtomicU64>,
    clients: Vec<node::Client>,
    hss: Part,
    bsf: Part,
    nafs: Part,
}

impl Network {
    /// Starts every element for the one subscriber. `rand` is the RAND of the first vector, for a repeatable run.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(
        names: Names,
        subscriber: Subscriber,
        rand: Option<Rand>,
        tap: SharedTap,
    ) -> Result<Self, StartError> {
        let options = Options {
            rand,
            tap,
            ..Options::default()
        };
        Self::start_with(names, subscriber, options).await
    }

    /// Starts every element for the one subscriber.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start_with(
        names: Names,
        subscriber: Subscriber,
        options: Options,
    ) -> Result<Self, StartError> {
        let mut starting = Starting {
            names,
            tap: options.tap,
            clock: options.clock,
            per_impi: options.per_impi,
            audit: options.audit,
            seen: Seen::default(),
            clients: Vec::new(),
            hss: Part::new(),
            bsf: Part::new(),
            nafs: Part::new(),
        };
        let vectors = Arc::new(AtomicU64::new(0));
        let zh = starting
            .hss(subscriber, options.rand, Arc::clone(&vectors))
            .await?;
        let (ub, zn) = starting.bsf(zh).await?;
        let naf = starting.naf(zn).await?;
        let maf = starting.maf(zn).await?;
        let cse = starting.cse(zn).await?;
        Ok(Self {
            names: starting.names,
            addresses: Addresses {
                zh,
                ub,
                zn,
                naf,
                maf,
                cse,
            },
            seen: starting.seen,
            vectors,
            clients: starting.clients,
            hss: starting.hss,
            bsf: starting.bsf,
            nafs: starting.nafs,
        })
    }

    /// Takes one element down, for good: its sockets are closed when this returns, as after a crash of its machine
    /// that others have noticed.
    pub async fn take_down(&mut self, element: Element) {
        match element {
            Element::Hss => self.hss.stop().await,
            Element::Bsf => self.bsf.stop().await,
        }
    }

    /// Authentication vectors that the HSS has made.
    #[must_use]
    pub fn vectors_used(&self) -> u64 {
        self.vectors.load(Ordering::Relaxed)
    }

    /// Closes the Diameter connections (DPR), stops listening and waits for what is under way.
    pub async fn stop(mut self) {
        for client in &self.clients {
            client.close().await;
        }
        tokio::join!(self.nafs.stop(), self.bsf.stop(), self.hss.stop());
    }
}

/// What the elements need while they start.
struct Starting {
    names: Names,
    tap: SharedTap,
    clock: fn() -> Now,
    per_impi: Option<ub::Rate>,
    audit: Option<SharedAudit>,
    seen: Seen,
    clients: Vec<node::Client>,
    hss: Part,
    bsf: Part,
    nafs: Part,
}

/// A Diameter server's task ends with an error only if its listener isn't on loopback, and ours is.
fn log<E: std::fmt::Display>(element: &'static str, result: Result<(), E>) {
    if let Err(error) = result {
        tracing::error!(element, %error, "stopped");
    }
}

impl Starting {
    /// A socket on loopback, which the tap knows under this label.
    async fn listen(&self, label: &str) -> Result<(TcpListener, SocketAddr), StartError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(StartError::Listen)?;
        let address = listener.local_addr().map_err(StartError::Listen)?;
        self.tap.endpoint(address, label);
        Ok((listener, address))
    }

    fn bsf_origin(&self) -> Result<Origin, StartError> {
        Ok(Origin {
            host: identity(self.names.bsf.as_str())?,
            realm: self.names.realm.clone(),
        })
    }

    async fn hss(
        &mut self,
        subscriber: Subscriber,
        rand: Option<Rand>,
        vectors: Arc<AtomicU64>,
    ) -> Result<SocketAddr, StartError> {
        let (listener, address) = self.listen("HSS Zh").await?;
        let origin = Origin {
            host: self.names.hss.clone(),
            realm: self.names.realm.clone(),
        };
        let mut subscribers = Subscribers::new();
        // One subscriber can't be there twice.
        let _ = subscribers.add(subscriber);
        let auc = Auc::new(
            Counted {
                store: MemorySqnStore::new(),
                vectors,
            },
            ChosenFirst {
                rand,
                then: OsEntropy,
            },
        );
        let config = hss::Config::new(origin, [self.bsf_origin()?.host]);
        let hss = Hss::new(config, subscribers, auc).with_audit(self.audit.clone());
        let hss = Arc::new(hss.with_tap(Arc::clone(&self.tap)));
        let stop = self.hss.stopper.listener();
        self.hss
            .tasks
            .spawn(async move { log("HSS", hss::serve(listener, hss, stop).await) });
        Ok(address)
    }

    async fn bsf(&mut self, zh: SocketAddr) -> Result<(SocketAddr, SocketAddr), StartError> {
        let origin = self.bsf_origin()?;
        let peer = Rule {
            host: self.names.hss.clone(),
            role: Role::Hss,
        };
        let client = self.connect(zh, origin.clone(), dictionary::ZH, peer).await?;
        let source = ZhSource::new(client, origin.clone(), self.names.realm.clone())
            .with_host(self.names.hss.clone())
            .with_tap(Arc::clone(&self.tap));
        let sessions = Arc::new(MemorySessions::default());

        let (listener, ub_address) = self.listen("BSF Ub").await?;
        let mut config = ub::Config::new(self.names.bsf.clone());
        // The laboratory's one address stands for many devices.
        config.per_address = ub::Rate::new(1000, 60_000);
        config.per_impi = self.per_impi.unwrap_or(config.per_impi);
        let ub = Arc::new(
            Ub::new(config, Arc::clone(&sessions), source)
                .with_clock(self.clock)
                .with_audit(self.audit.clone())
                .with_tap(Arc::clone(&self.tap)),
        );
        let stop = self.bsf.stopper.listener();
        self.bsf
            .tasks
            .spawn(bsf::serve_ub(listener, Limits::default(), ub, stop));

        let (listener, zn_address) = self.listen("BSF Zn").await?;
        let config = ZnConfig::new(origin, self.rights()?);
        let zn = Arc::new(
            ZnServer::new(config, sessions)
                .with_clock(self.clock)
                .with_audit(self.audit.clone())
                .with_tap(Arc::clone(&self.tap)),
        );
        let stop = self.bsf.stopper.listener();
        self.bsf
            .tasks
            .spawn(async move { log("BSF", serve_zn(listener, zn, stop).await) });
        Ok((ub_address, zn_address))
    }

    /// Each NAF has its own name only, and the protocols that it speaks.
    fn rights(&self) -> Result<Rights, StartError> {
        let mut rights = Rights::new();
        let Names { naf, maf, cse, .. } = &self.names;
        for (name, label, rule) in [
            (naf, "NAF", UaRule::Exactly(UaId::HTTP_DIGEST)),
            (maf, "MAF", UaRule::ANY_SUITE),
            (cse, "IN-CSE", UaRule::ANY_SUITE),
        ] {
            let mut naf = NafRights::new(name.clone(), [rule]);
            naf.label = label.into();
            rights.add([identity(name.as_str())?], naf)?;
        }
        Ok(rights)
    }

    async fn connect(
        &mut self,
        address: SocketAddr,
        origin: Origin,
        application: u32,
        peer: Rule,
    ) -> Result<node::Client, StartError> {
        let (from, to) = (origin.host.to_string(), peer.host.to_string());
        let mut config = node::Config::new(origin, vec![application], vec![peer]);
        config.tap = Arc::clone(&self.tap);
        let client = node::Client::connect(address.to_string(), config);
        client
            .ready()
            .await
            .map_err(|source| StartError::Diameter { from, to, source })?;
        self.clients.push(client.clone());
        Ok(client)
    }

    /// Keys for a NAF from the BSF, kept for the report.
    async fn keys(
        &mut self,
        naf: &Fqdn,
        label: &str,
        zn: SocketAddr,
    ) -> Result<Recorded<impl KeySource + use<>>, StartError> {
        let origin = Origin {
            host: identity(naf.as_str())?,
            realm: identity("m2m.example")?,
        };
        let bsf = self.bsf_origin()?;
        let peer = Rule {
            host: bsf.host.clone(),
            role: Role::Bsf,
        };
        let transport = self.connect(zn, origin.clone(), dictionary::ZN, peer).await?;
        let route = Route {
            domain: Some(self.names.bsf.clone()),
            realm: bsf.realm,
            host: Some(bsf.host),
            transport,
        };
        let start = u32::try_from(clock::now().utc.0).unwrap_or(u32::MAX);
        let client = ZnClient::new(naf::zn::ZnConfig::new(origin), start, vec![route]).with_tap(
            Arc::clone(&self.tap),
            label,
            "BSF",
        );
        Ok(Recorded {
            source: Cached::new(client, CACHED_KEYS).with_clock(self.clock),
            seen: self.seen.clone(),
        })
    }

    async fn naf(&mut self, zn: SocketAddr) -> Result<SocketAddr, StartError> {
        let name = self.names.naf.clone();
        let keys = self.keys(&name, "NAF", zn).await?;
        let (listener, address) = self.listen("NAF Ua").await?;
        let config = gba::ua::server::Config::new(vec![name]);
        let gate = Gate::new(keys, config)?
            .with_clock(self.clock)
            .with_audit(self.audit.clone())
            .with_tap(Arc::clone(&self.tap), "NAF", "UE");
        let service = move |mut request: Request<Bytes>, peer: PeerInfo| {
            let gate = gate.clone();
            request.extensions_mut().insert(peer);
            async move { gate.guard(request, hello).await }
        };
        let (tap, stop) = (Arc::clone(&self.tap), self.nafs.stopper.listener());
        self.nafs.tasks.spawn(net::http::serve_tapped(
            listener,
            Limits::default(),
            tap,
            service,
            stop,
        ));
        Ok(address)
    }

    async fn maf(&mut self, zn: SocketAddr) -> Result<SocketAddr, StartError> {
        let name = self.names.maf.clone();
        self.psk(name, "MAF", "Ua", zn, |_| {
            text(
                StatusCode::NOT_FOUND,
                "this MAF proves root keys; it has no resources\n",
            )
        })
        .await
    }

    async fn cse(&mut self, zn: SocketAddr) -> Result<SocketAddr, StartError> {
        let name = self.names.cse.clone();
        let created = (self.clock)().utc;
        self.psk(name, "IN-CSE", "Mca", zn, move |request| {
            answer(&request, created)
        })
        .await
    }

    async fn psk(
        &mut self,
        name: Fqdn,
        label: &'static str,
        interface: &'static str,
        zn: SocketAddr,
        service: impl Fn(Request<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Result<SocketAddr, StartError> {
        let keys = self.keys(&name, label, zn).await?;
        let (listener, address) = self.listen(&format!("{label} {interface}")).await?;
        let mut config = PskConfig::new(name);
        config.story.server = label.into();
        config.story.interface = interface;
        let server = PskServer::new(config, keys, Arc::clone(&self.tap))?
            .with_clock(self.clock)
            .with_audit(self.audit.clone());
        let stop = self.nafs.stopper.listener();
        self.nafs.tasks.spawn(server.serve(
            listener,
            move |request, _| std::future::ready(service(request)),
            stop,
        ));
        Ok(address)
    }
}

/// The plain service.
async fn hello(request: Request<Bytes>) -> Response<Bytes> {
    let who = request
        .extensions()
        .get::<naf::authenticate::Authenticated>()
        .map(|a| a.btid.to_string());
    text(StatusCode::OK, &format!("hello, {}\n", who.unwrap_or_default()))
}

fn text(status: StatusCode, body: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::copy_from_slice(body.as_bytes()));
    *response.status_mut() = status;
    response
}

/// The CSE's answer, worded for the ladder.
fn answer(request: &Request<Bytes>, created: Utc) -> Response<Bytes> {
    let mut response = cse::answer(request, created);
    let rsc = response
        .headers()
        .get("X-M2M-RSC")
        .and_then(|v| v.to_str().ok())
        .unwrap_or("?")
        .to_owned();
    let summary = format!(
        "RSC {rsc}: CSEBase {} as JSON, {} octets",
        cse::CSE_ID,
        response.body().len()
    );
    response.extensions_mut().insert(Summary(summary));
    response
}

/// A SQN store that counts what it hands out: one SQN is one vector.
struct Counted {
    store: MemorySqnStore,
    vectors: Arc<AtomicU64>,
}

impl SqnStore for Counted {
    async fn reserve_sqn(&self, impi: &Impi, rules: &SqnRules, now: Utc) -> Result<Sqn, SqnError> {
        let sqn = self.store.reserve_sqn(impi, rules, now).await?;
        self.vectors.fetch_add(1, Ordering::Relaxed);
        Ok(sqn)
    }

    async fn resync_sqn(
        &self,
        impi: &Impi,
        rules: &SqnRules,
        sqn_ms: Sqn,
        now: Utc,
    ) -> Result<Resync, SqnError> {
        self.store.resync_sqn(impi, rules, sqn_ms, now).await
    }
}

/// Laboratory only: the first RAND is chosen, the following ones are not.
struct ChosenFirst {
    rand: Option<Rand>,
    then: OsEntropy,
}

impl Entropy for ChosenFirst {
    fn fill(&mut self, dst: &mut [u8]) -> Result<(), NoEntropy> {
        match self.rand.take() {
            Some(rand) if dst.len() == rand.octets().len() => {
                dst.copy_from_slice(rand.octets());
                Ok(())
            }
            _ => self.then.fill(dst),
        }
    }
}
