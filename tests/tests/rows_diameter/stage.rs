//! The elements under attack, each on a port of its own: an HSS on Zh and a BSF on Zn.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use aka::{Milenage, Rand};
use base::{Secret, hex};
use bsf::{
    MemorySessions, Sessions,
    rights::Rights,
    sessions::{Mode, Session},
    zn::{ZnConfig, ZnServer, serve_zn},
};
use diameter::{Origin, dictionary as d};
use gba::{ids::Btid, keys::Ks};
use hss::{Auc, Config, Hss, MemorySqnStore, SqnStore, Subscriber, Subscribers};
use net::{
    accept::{self, Stopper},
    clock,
    entropy::OsEntropy,
    tap::{Incident, Message, SharedTap, Tap},
};
use tokio::net::TcpListener;

use crate::raw::*;

pub(crate) const REALM: &str = "home.test";
pub(crate) const HSS: &str = "hss.home.test";
pub(crate) const BSF: &str = "bsf.home.test";
pub(crate) const NAF: &str = "naf.home.test";
/// Carries the requests of others, to either element.
pub(crate) const RELAY: &str = "dra.home.test";
pub(crate) const IMPI: &str = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org";
/// The name of the NAF on Ua.
pub(crate) const SERVICE: &str = "naf.example";
/// HTTP digest (TS 33.220 annex H).
pub(crate) const DIGEST: [u8; 5] = [1, 0, 0, 0, 2];

/// TS 35.208 test set 1.
pub(crate) fn milenage() -> Milenage {
    Milenage::new(
        &Secret::new(hex::array("465b5ce8b199b49faa5f0a2ee238a6bc").unwrap()),
        &Secret::new(hex::array("cd63cb71954a9f4e48a5994e37a02baf").unwrap()),
    )
}

/// What was counted.
#[derive(Default)]
pub(crate) struct Incidents(Mutex<Vec<Incident>>);

impl Tap for Incidents {
    fn message(&self, _: Message<'_>) {}

    fn listens(&self) -> bool {
        false
    }

    fn incident(&self, incident: Incident) {
        self.0.lock().unwrap().push(incident);
    }
}

impl Incidents {
    /// What was counted since the last call.
    pub(crate) fn take(&self) -> Vec<Incident> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// An element that listens, and how a good peer speaks to it.
pub(crate) struct Element {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) incidents: Arc<Incidents>,
    /// Origin-Host of a peer that it serves.
    pub(crate) peer: &'static str,
    pub(crate) application: u32,
    pub(crate) command: u32,
    /// The AVPs of a request that is answered with 2001.
    pub(crate) good: Vec<Vec<u8>>,
    _stopper: Stopper,
}

impl Element {
    /// A connection after the capabilities exchange.
    pub(crate) async fn open(&self) -> Peer {
        self.open_as(self.peer).await
    }

    pub(crate) async fn open_as(&self, host: &str) -> Peer {
        let mut peer = Peer::connect(self.address).await;
        let cer = message(OWN, CER, BASE, &capabilities(host, self.application));
        assert_result(&peer.ask(cer).await, 2001, 0, self.name);
        peer
    }

    /// Its request with other AVPs.
    pub(crate) fn request(&self, avps: &[Vec<u8>]) -> Vec<u8> {
        message(PROXIABLE, self.command, self.application, avps)
    }

    /// That it lives, and serves a good peer on another connection.
    pub(crate) async fn still_serves(&self, after: &str) {
        let mut peer = self.open().await;
        let answer = peer.ask(self.request(&self.good)).await;
        assert_result(&answer, 2001, 0, &format!("{} after {after}", self.name));
    }

    /// Both.
    pub(crate) async fn both() -> [Self; 2] {
        [hss().await, bsf().await]
    }
}

pub(crate) fn origin_of(host: &str) -> Origin {
    Origin {
        host: host.parse().unwrap(),
        realm: REALM.parse().unwrap(),
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An HSS with one subscriber and two BSFs.
pub(crate) async fn hss() -> Element {
    hss_with(MemorySqnStore::new()).await
}

pub(crate) async fn hss_with(store: impl SqnStore) -> Element {
    let mut config = Config::new(
        origin_of(HSS),
        [BSF, "bsf2.home.test"].map(|bsf| bsf.parse().unwrap()),
    );
    config.relays = [RELAY.parse().unwrap()].into();
    let incidents = Arc::new(Incidents::default());
    let subscriber = Subscriber::new(IMPI.parse().unwrap(), milenage());
    let subscribers = Subscribers::from_iter([subscriber]);
    let hss = Hss::new(config, subscribers, Auc::new(store, OsEntropy))
        .with_tap(Arc::clone(&incidents) as SharedTap);
    let (listener, address) = listen().await;
    let (stopper, stop) = accept::stop();
    tokio::spawn(hss::serve(listener, Arc::new(hss), stop));
    let mut good = vec![
        avp(263, "bsf.home.test;1;1"),
        application(d::ZH),
        avp(277, 1_u32.to_be_bytes()),
    ];
    good.extend(origin(BSF));
    good.extend([avp(283, REALM), avp(1, IMPI)]);
    Element {
        name: "HSS",
        address,
        incidents,
        peer: BSF,
        application: d::ZH,
        command: MAR,
        good,
        _stopper: stopper,
    }
}

pub(crate) fn btid() -> Btid {
    Btid::issue(&Rand::new([7; 16]), &BSF.parse().unwrap())
}

/// A BSF with one bootstrapped UE and two NAFs, of which the second may have nothing of the first.
pub(crate) async fn bsf() -> Element {
    let now = clock::now() + Duration::from_secs(3600);
    let session = Session {
        btid: btid(),
        impi: IMPI.parse().unwrap(),
        rand: Rand::new([7; 16]),
        ks: Ks::from_ck_ik(&Secret::new([1; 16]), &Secret::new([2; 16])),
        mode: Mode::Me,
        guss: None,
        created: clock::now().utc,
        expiry: now.utc,
        ends: now.mono,
    };
    let sessions = Arc::new(MemorySessions::default());
    sessions
        .issue_btid(Arc::new(session), clock::now())
        .await
        .unwrap();
    let rights = Rights::parse(&format!(
        "relays = ['{RELAY}']\n\
         [[naf]]\norigin_hosts = ['{NAF}']\nfqdns = ['{SERVICE}']\nua = ['0100000002']\n\
         [[naf]]\norigin_hosts = ['naf2.home.test']\nfqdns = ['naf2.example']\nua = ['0100000002']\n"
    ))
    .unwrap();
    let incidents = Arc::new(Incidents::default());
    let zn = ZnServer::new(ZnConfig::new(origin_of(BSF), rights), sessions)
        .with_tap(Arc::clone(&incidents) as SharedTap);
    let (listener, address) = listen().await;
    let (stopper, stop) = accept::stop();
    tokio::spawn(serve_zn(listener, Arc::new(zn), stop));
    let mut good = vec![avp(263, "naf.home.test;1;1"), application(d::ZN)];
    good.extend(origin(NAF));
    good.extend([
        avp(283, REALM),
        avp_of(401, TGPP, btid().octets()),
        avp_of(402, TGPP, naf_id(SERVICE)),
    ]);
    Element {
        name: "BSF",
        address,
        incidents,
        peer: NAF,
        application: d::ZN,
        command: BIR,
        good,
        _stopper: stopper,
    }
}

/// The NAF_Id for HTTP digest.
pub(crate) fn naf_id(name: &str) -> Vec<u8> {
    [name.as_bytes(), &DIGEST].concat()
}
