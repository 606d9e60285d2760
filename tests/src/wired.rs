//! HSS, BSF and NAF, each started by itself with the settings that a test wants, wired over Zh, Zn, Ub and Ua on real
//! sockets; and Ub written by hand, for what our own device never sends.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use aka::{Algorithm as _, Amf, Autn, Auts, Milenage, Rand, Sqn};
use base::{Now, Secret};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bsf::{
    MemorySessions, Ub, ZhSource,
    rights::{NafRights, Rights, UaRule},
    sessions,
    zn::{ZnConfig, ZnServer, serve_zn},
};
use diameter::{
    Message, Origin, dictionary,
    peer::{Role, Rule},
};
use gba::{
    digest::Challenge,
    guss::UiccType,
    ids::{Fqdn, Impi, Imsi, MncLength, UaId},
    ua::server::Config as UaConfig,
    ub::server::{Config as UbConfig, Rate},
    zh::{Authentication, MultimediaAuthAnswer},
};
use hss::{Auc, Hss, MemorySqnStore, Subscriber, Subscribers};
use http::{Request, Response};
use naf::{Cached, Gate, Route, ZnClient, authenticate::Authenticated};
use net::{
    accept::{Stopper, stop},
    diameter::{self as node, PeerIdentity},
    entropy::OsEntropy,
    http::{Bytes, Limits},
};
use tokio::{
    net::{TcpListener, TcpSocket},
    task::JoinHandle,
};
use ue::{BsfAddress, Client, Device, device::DeviceOptions};
use uicc::{
    Card,
    software::{Profile, SoftCard},
};

use crate::scene::{challenge, credentials, get, signed};

/// The BSF's name, and its Diameter name.
pub const BSF: &str = "bsf.mnc001.mcc001.pub.3gppnetwork.org";
/// The HSS's Diameter name.
pub const HSS: &str = "hss.mnc001.mcc001.3gppnetwork.org";
/// The NAF's name, and its Diameter name.
pub const NAF: &str = "naf.m2m.example";
/// The realm of all of them.
pub const REALM: &str = "mnc001.mcc001.3gppnetwork.org";
/// The subscriber.
pub const IMPI: &str = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org";

/// What runs until it is dropped or stopped.
pub struct Running {
    stopper: Stopper,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    fn new() -> Self {
        Self {
            stopper: stop().0,
            tasks: Vec::new(),
        }
    }

    /// Stops it and waits for what is under way.
    pub async fn stop(self) {
        self.stopper.stop();
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

/// A free port on loopback.
pub async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Who a Diameter node is.
#[must_use]
pub fn origin(host: &str) -> Origin {
    Origin {
        host: host.parse().unwrap(),
        realm: REALM.parse().unwrap(),
    }
}

fn rule(host: &str, role: Role) -> Rule {
    Rule {
        host: host.parse().unwrap(),
        role,
    }
}

/// A Diameter connection from `own` to the node of that name.
#[must_use]
pub fn connect(address: SocketAddr, own: &str, application: u32, host: &str, role: Role) -> node::Client {
    let config = node::Config::new(origin(own), vec![application], vec![rule(host, role)]);
    node::Client::connect(address.to_string(), config)
}

/// The BSF's connection to the HSS.
#[must_use]
pub fn zh(address: SocketAddr) -> node::Client {
    connect(address, BSF, dictionary::ZH, HSS, Role::Hss)
}

/// The NAF's connection to the BSF.
#[must_use]
pub fn zn(address: SocketAddr) -> node::Client {
    connect(address, NAF, dictionary::ZN, BSF, Role::Bsf)
}

/// The subscriber's algorithm, in the HSS and on the card.
#[must_use]
pub fn milenage() -> Milenage {
    Milenage::new(&Secret::new([0x46; 16]), &Secret::new([0xcd; 16]))
}

/// [`IMPI`], typed.
#[must_use]
pub fn impi() -> Impi {
    IMPI.parse().unwrap()
}

/// The subscriber at the HSS.
#[must_use]
pub fn subscriber(uicc: UiccType) -> Subscriber {
    Subscriber::new(impi(), milenage()).with_bsf_info(uicc, None)
}

/// The subscriber's card, of GBA_ME.
#[must_use]
pub fn profile() -> Profile {
    let imsi: Imsi = "001010123456789".parse().unwrap();
    Profile::new(imsi, MncLength::Two, milenage())
}

/// A device with that card.
pub async fn device(card: impl Card + 'static, clock: fn() -> Now) -> Device {
    let options = DeviceOptions {
        clock,
        ..DeviceOptions::default()
    };
    Device::open(Box::new(card), options).await.unwrap()
}

/// Our HSS, which has this subscriber.
pub async fn hss(subscriber: Subscriber) -> (SocketAddr, Running) {
    let (listener, address) = listen().await;
    let mut subscribers = Subscribers::new();
    subscribers.add(subscriber).unwrap();
    let config = hss::Config::new(origin(HSS), [BSF.parse().unwrap()]);
    let hss = Hss::new(config, subscribers, Auc::new(MemorySqnStore::new(), OsEntropy));
    let mut running = Running::new();
    let stop = running.stopper.listener();
    running.tasks.push(tokio::spawn(async move {
        hss::serve(listener, Arc::new(hss), stop).await.unwrap();
    }));
    (address, running)
}

/// An HSS that answers as it is told, on our Diameter; no answer where `None`.
pub async fn foreign_hss<F>(answer: impl Fn(Message) -> F + Send + Sync + 'static) -> (SocketAddr, Running)
where
    F: Future<Output = Option<Message>> + Send + 'static,
{
    let (listener, address) = listen().await;
    let config = node::Config::new(origin(HSS), vec![dictionary::ZH], vec![rule(BSF, Role::Bsf)]);
    let mut running = Running::new();
    let stop = running.stopper.listener();
    running.tasks.push(tokio::spawn(async move {
        let handler = move |_: PeerIdentity, request| answer(request);
        node::serve(listener, config, stop, handler).await.unwrap();
    }));
    (address, running)
}

/// How BSF and NAF are set up.
pub struct Plan {
    /// Ub.
    pub ub: UbConfig,
    /// Bounds of the BSF's store.
    pub sessions: sessions::Limits,
    /// Ua.
    pub ua: UaConfig,
    /// Timers and bounds of HTTP, at both.
    pub http: Limits,
    /// Keys that the NAF keeps until they end.
    pub kept: usize,
    /// What time it is for both.
    pub clock: fn() -> Now,
}

impl Default for Plan {
    /// The defaults of the elements, but as many vectors as anybody wants: the one address stands for many.
    fn default() -> Self {
        let mut ub = UbConfig::new(BSF.parse().unwrap());
        (ub.per_impi, ub.per_address) = (Rate::UNLIMITED, Rate::UNLIMITED);
        Self {
            ub,
            sessions: sessions::Limits::default(),
            ua: UaConfig::new(vec![NAF.parse().unwrap()]),
            http: Limits::default(),
            kept: 16,
            clock: net::clock::now,
        }
    }
}

/// A BSF and a NAF, of which the BSF asks an HSS.
pub struct Wired {
    /// BSF, Ub.
    pub ub: SocketAddr,
    /// BSF, Zn.
    pub zn: SocketAddr,
    /// NAF, Ua over HTTP.
    pub naf: SocketAddr,
    /// The BSF's store.
    pub sessions: Arc<MemorySessions>,
    /// Both.
    pub running: Running,
}

impl Wired {
    /// Starts both; the NAF's name is [`NAF`], and its key is for HTTP digest.
    pub async fn start(hss: SocketAddr, plan: Plan) -> Self {
        let mut running = Running::new();
        let stop = || running.stopper.listener();
        let sessions = Arc::new(MemorySessions::new(plan.sessions));

        let (listener, ub) = listen().await;
        let client = zh(hss);
        client.ready().await.unwrap();
        let source = ZhSource::new(client, origin(BSF), REALM.parse().unwrap());
        let server = Ub::new(plan.ub, Arc::clone(&sessions), source).with_clock(plan.clock);
        let on_ub = tokio::spawn(bsf::serve_ub(listener, plan.http, Arc::new(server), stop()));

        let (listener, zn_address) = listen().await;
        let mut rights = Rights::new();
        let name: Fqdn = NAF.parse().unwrap();
        rights
            .add(
                [NAF.parse().unwrap()],
                NafRights::new(name, [UaRule::Exactly(UaId::HTTP_DIGEST), UaRule::ANY_SUITE]),
            )
            .unwrap();
        let server = ZnServer::new(ZnConfig::new(origin(BSF), rights), Arc::clone(&sessions));
        let (server, halt) = (Arc::new(server.with_clock(plan.clock)), stop());
        let on_zn = tokio::spawn(async move { serve_zn(listener, server, halt).await.unwrap() });

        let (listener, naf) = listen().await;
        let transport = zn(zn_address);
        transport.ready().await.unwrap();
        let route = Route {
            domain: None,
            realm: REALM.parse().unwrap(),
            host: None,
            transport,
        };
        let client = ZnClient::new(naf::ZnConfig::new(origin(NAF)), 1, vec![route]);
        let keys = Cached::new(client, plan.kept).with_clock(plan.clock);
        let gate = Gate::new(keys, plan.ua).unwrap().with_clock(plan.clock);
        let service = move |request, _| {
            let gate = gate.clone();
            async move { gate.guard(request, hello).await }
        };
        let on_ua = tokio::spawn(net::http::serve(listener, plan.http, service, stop()));

        running.tasks.extend([on_ub, on_zn, on_ua]);
        Self {
            ub,
            zn: zn_address,
            naf,
            sessions,
            running,
        }
    }

    /// With our HSS and the defaults.
    pub async fn with_hss(subscriber: Subscriber, plan: Plan) -> (Self, Running) {
        let (address, running) = hss(subscriber).await;
        (Self::start(address, plan).await, running)
    }

    /// Where a device bootstraps.
    #[must_use]
    pub fn bsf(&self) -> BsfAddress {
        BsfAddress::new(self.ub, BSF.parse().unwrap())
    }

    /// A device's HTTP client, for which every name is the NAF.
    #[must_use]
    pub fn client(&self) -> Client {
        let naf = self.naf.to_string();
        Client::new(self.bsf()).with_resolver(move |_, _| naf.clone())
    }
}

async fn hello(request: Request<Bytes>) -> Response<Bytes> {
    let who = request.extensions().get::<Authenticated>().unwrap();
    Response::new(Bytes::from(format!("hello, {}", who.btid)))
}

/// A card of GBA_ME.
#[must_use]
pub fn card() -> SoftCard {
    SoftCard::new(profile())
}

/// An HTTP connection from another address of this host.
pub async fn from(own: Ipv4Addr, to: SocketAddr) -> net::http::Client {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((own, 0).into()).unwrap();
    let stream = socket.connect(to).await.unwrap();
    net::http::Client::over(stream, to, net::http::ClientLimits::default())
        .await
        .unwrap()
}

/// Ub by hand: whoever may say what they like.
pub struct ByHand {
    http: net::http::Client,
    /// Whom they say they are.
    pub impi: String,
}

impl ByHand {
    /// A connection to that BSF.
    #[must_use]
    pub fn to(ub: SocketAddr) -> Self {
        Self::over(net::http::Client::new(ub))
    }

    /// Over that connection.
    #[must_use]
    pub fn over(http: net::http::Client) -> Self {
        Self {
            http,
            impi: IMPI.into(),
        }
    }

    /// Sends that `Authorization`.
    pub async fn send(&self, authorization: &str) -> Response<Bytes> {
        self.http.send(get(BSF, "/", Some(authorization))).await.unwrap()
    }

    /// The first request.
    pub async fn first(&self) -> Response<Bytes> {
        self.send(&first(&self.impi)).await
    }

    /// The first request, which must be challenged.
    pub async fn challenge(&self) -> Challenge {
        challenge(&self.first().await)
    }

    /// Answers a challenge with that RES.
    pub async fn respond(&self, c: &Challenge, res: &[u8]) -> Response<Bytes> {
        self.send(&signed(credentials(c, "/", &self.impi), res)).await
    }

    /// Answers a challenge with that AUTS.
    pub async fn resynchronise(&self, c: &Challenge, auts: &Auts) -> Response<Bytes> {
        let mut out = credentials(c, "/", &self.impi);
        out.auts = Some(BASE64_STANDARD.encode(auts.octets()));
        self.send(&signed(out, b"")).await
    }
}

/// The first request of that IMPI.
#[must_use]
pub fn first(impi: &str) -> String {
    format!(r#"Digest username="{impi}", realm="{BSF}", nonce="", uri="/", response="""#)
}

/// What a challenge on Ub holds: RAND, AUTN, and the SQN under the subscriber's AK.
#[must_use]
pub fn read(c: &Challenge) -> (Rand, Autn, Sqn) {
    let nonce = BASE64_STANDARD.decode(&c.nonce).unwrap();
    let (rand, autn) = nonce.split_first_chunk::<16>().unwrap();
    let (rand, autn) = (Rand::new(*rand), Autn::try_from(autn).unwrap());
    let sqn = Sqn::from_octets(Sqn::from_octets(autn.sqn_xor_ak()).xor(milenage().f2345(&rand).ak));
    (rand, autn, sqn)
}

/// RES of the subscriber's card to a challenge.
#[must_use]
pub fn res(c: &Challenge) -> Vec<u8> {
    milenage().f2345(&read(c).0).res.expose().to_vec()
}

/// A MAA with a vector of the subscriber and that GUSS; the RAND is always the same.
#[must_use]
pub fn maa(request: &Message, guss: Option<Vec<u8>>) -> Message {
    maa_of(request, [0x52; 16], guss)
}

/// The same with that RAND.
#[must_use]
pub fn maa_of(request: &Message, rand: [u8; 16], guss: Option<Vec<u8>>) -> Message {
    let sqn = Sqn::new(0x40).unwrap();
    let vector = milenage().vector(&Rand::new(rand), sqn, Amf::new([0, 0]));
    let ok = Authentication {
        impi: None,
        vectors: vec![vector],
        guss,
    };
    MultimediaAuthAnswer::Ok(ok).to_message(request, &origin(HSS))
}
