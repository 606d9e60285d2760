//! Elements that are missing, stopped or set up differently: HSS, BSF, NAF and device with its card, each started and
//! stopped by itself, wired over Zh, Zn, Ub and Ua. What is told to the device and seen on the ladder.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use aka::{
    Milenage,
    sqn::{SqnArray, SqnProfile},
};
use base::{Secret, apdu};
use bsf::{
    MemorySessions, Ub, ZhSource,
    rights::{NafRights, Rights, UaRule},
    zn::{ZnConfig, ZnServer, serve_zn},
};
use diameter::{
    Origin, dictionary,
    peer::{Role, Rule},
};
use gba::{
    guss::UiccType,
    ids::{Fqdn, Imsi, MncLength, UaId},
    ua::client::UaRequest,
    ub::{
        client::{Mode, UbError},
        server as ub,
    },
};
use hss::{Auc, Hss, MemorySqnStore, Subscriber, Subscribers};
use http::{Request, Response};
use naf::{Cached, Gate, Route, ZnClient};
use net::{
    accept::{Stopper, stop},
    diameter as node,
    entropy::OsEntropy,
    http::{Bytes, Limits},
    tap::{Message, SharedTap, Tap},
};
use tokio::{net::TcpListener, task::JoinHandle};
use ue::{Answer, BsfAddress, Client, ClientError, Device, DeviceError, device::DeviceOptions};
use uicc::{
    Card, CardError,
    software::{Profile, SoftCard},
};

const BSF: &str = "bsf.mnc001.mcc001.pub.3gppnetwork.org";
const HSS: &str = "hss.mnc001.mcc001.3gppnetwork.org";
const NAF: &str = "naf.m2m.example";
const REALM: &str = "mnc001.mcc001.3gppnetwork.org";
const K: [u8; 16] = [0x46; 16];

#[derive(Default)]
struct Ladder(Mutex<Vec<String>>);

impl Tap for Ladder {
    fn message(&self, m: Message<'_>) {
        let line = format!("{} {}>{} {}", m.interface, m.from, m.to, m.summary);
        self.0.lock().unwrap().push(line);
    }
}

impl Ladder {
    fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }

    fn shows(&self, words: &str) {
        assert!(self.text().contains(words), "no {words:?} in\n{}", self.text());
    }
}

/// An element that runs until it is dropped or stopped.
struct Running {
    stopper: Stopper,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    async fn stop(self) {
        self.stopper.stop();
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

async fn listen(at: SocketAddr) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(at).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn any() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn origin(host: &str) -> Origin {
    Origin {
        host: host.parse().unwrap(),
        realm: REALM.parse().unwrap(),
    }
}

fn connect(address: SocketAddr, own: &str, application: u32, host: &str, role: Role) -> node::Client {
    let peer = Rule {
        host: host.parse().unwrap(),
        role,
    };
    let config = node::Config::new(origin(own), vec![application], vec![peer]);
    node::Client::connect(address.to_string(), config)
}

fn milenage() -> Milenage {
    Milenage::new(&Secret::new(K), &Secret::new([0xcd; 16]))
}

async fn hss(uicc: UiccType, tap: SharedTap) -> (SocketAddr, Running) {
    let (listener, address) = listen(any()).await;
    let impi = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org"
        .parse()
        .unwrap();
    let mut subscribers = Subscribers::new();
    subscribers
        .add(Subscriber::new(impi, milenage()).with_bsf_info(uicc, None))
        .unwrap();
    let config = hss::Config::new(origin(HSS), [BSF.parse().unwrap()]);
    let hss = Hss::new(config, subscribers, Auc::new(MemorySqnStore::new(), OsEntropy)).with_tap(tap);
    let (stopper, stop) = stop();
    let task = tokio::spawn(async move { hss::serve(listener, Arc::new(hss), stop).await.unwrap() });
    (
        address,
        Running {
            stopper,
            tasks: vec![task],
        },
    )
}

/// A BSF that knows one NAF; at these sockets for Ub and Zn, so that it can come back.
async fn bsf(zh: SocketAddr, at: [SocketAddr; 2], tap: SharedTap) -> ([SocketAddr; 2], Running) {
    let client = connect(zh, BSF, dictionary::ZH, HSS, Role::Hss);
    let source = ZhSource::new(client, origin(BSF), REALM.parse().unwrap()).with_tap(Arc::clone(&tap));
    let sessions = Arc::new(MemorySessions::default());
    let (stopper, stop) = stop();

    let (listener, ub_address) = listen(at[0]).await;
    let server = Ub::new(
        ub::Config::new(BSF.parse().unwrap()),
        Arc::clone(&sessions),
        source,
    );
    let server = Arc::new(server.with_tap(Arc::clone(&tap)));
    let ub = tokio::spawn(bsf::serve_ub(listener, Limits::default(), server, stop));

    let (listener, zn_address) = listen(at[1]).await;
    let mut rights = Rights::new();
    let naf: Fqdn = NAF.parse().unwrap();
    let has = NafRights::new(naf, [UaRule::Exactly(UaId::HTTP_DIGEST)]);
    rights.add([NAF.parse().unwrap()], has).unwrap();
    let server = Arc::new(ZnServer::new(ZnConfig::new(origin(BSF), rights), sessions).with_tap(tap));
    let stop = stopper.listener();
    let zn = tokio::spawn(async move { serve_zn(listener, server, stop).await.unwrap() });
    (
        [ub_address, zn_address],
        Running {
            stopper,
            tasks: vec![ub, zn],
        },
    )
}

/// A NAF that serves these names, whatever its rights.
async fn naf(zn: SocketAddr, names: &[&str], tap: SharedTap) -> (SocketAddr, Running) {
    let transport = connect(zn, NAF, dictionary::ZN, BSF, Role::Bsf);
    let route = Route {
        domain: None,
        realm: REALM.parse().unwrap(),
        host: None,
        transport,
    };
    let client = ZnClient::new(naf::ZnConfig::new(origin(NAF)), 1, vec![route]);
    let keys = Cached::new(client.with_tap(Arc::clone(&tap), "NAF", "BSF"), 16);
    let names = names.iter().map(|name| name.parse().unwrap()).collect();
    let gate = Gate::new(keys, gba::ua::server::Config::new(names))
        .unwrap()
        .with_tap(tap, "NAF", "UE");
    let service = move |request, _| {
        let gate = gate.clone();
        async move { gate.guard(request, hello).await }
    };
    let (listener, address) = listen(any()).await;
    let (stopper, stop) = stop();
    let task = tokio::spawn(net::http::serve(listener, Limits::default(), service, stop));
    (
        address,
        Running {
            stopper,
            tasks: vec![task],
        },
    )
}

async fn hello(_: Request<Bytes>) -> Response<Bytes> {
    Response::new(Bytes::from("hello"))
}

/// All elements, and a client that finds the NAF under whatever name.
struct World {
    ladder: Arc<Ladder>,
    hss: Option<Running>,
    bsf: Option<Running>,
    zh: SocketAddr,
    at: [SocketAddr; 2],
    _naf: Running,
    client: Client,
}

impl World {
    async fn start(uicc: UiccType, names: &[&str]) -> Self {
        let ladder = Arc::new(Ladder::default());
        let tap: SharedTap = ladder.clone();
        let (zh, hss) = hss(uicc, Arc::clone(&tap)).await;
        let (at, bsf) = bsf(zh, [any(), any()], Arc::clone(&tap)).await;
        let (naf, running) = naf(at[1], names, tap).await;
        let client = Client::new(BsfAddress::new(at[0], BSF.parse().unwrap()));
        let client = client.with_resolver(move |_, _| naf.to_string());
        Self {
            ladder,
            hss: Some(hss),
            bsf: Some(bsf),
            zh,
            at,
            _naf: running,
            client,
        }
    }

    async fn device(&self, card: impl Card + 'static) -> Device {
        let tap: SharedTap = self.ladder.clone();
        Device::open(
            Box::new(card),
            DeviceOptions {
                tap,
                ..DeviceOptions::default()
            },
        )
        .await
        .unwrap()
    }

    fn bsf(&self) -> BsfAddress {
        BsfAddress::new(self.at[0], BSF.parse().unwrap())
    }

    async fn fetch(&mut self, device: &mut Device, host: &str) -> Result<Answer, ClientError> {
        let url = format!("http://{host}/hello").parse().unwrap();
        self.client.fetch(device, UaRequest::get(url)).await
    }

    async fn stop_bsf(&mut self) {
        self.bsf.take().unwrap().stop().await;
    }
}

fn profile(mode: Mode) -> Profile {
    let imsi: Imsi = "001010123456789".parse().unwrap();
    let profile = Profile::new(imsi, MncLength::Two, milenage());
    if mode == Mode::U {
        profile.with_gba_u()
    } else {
        profile
    }
}

fn card(mode: Mode) -> SoftCard {
    SoftCard::new(profile(mode))
}

fn bootstrap_error(result: Result<ue::Bootstrapped, DeviceError>) -> UbError {
    match result {
        Err(DeviceError::Bootstrap(e)) => e,
        other => panic!("{other:?}"),
    }
}

//= TS33.220-4.5.3-r1
#[tokio::test]
async fn with_all_well_one_vector_and_one_bir_serve_many_requests() {
    for (uicc, mode) in [(UiccType::Gba, Mode::Me), (UiccType::GbaU, Mode::U)] {
        let mut world = World::start(uicc, &[NAF]).await;
        let mut ue = world.device(card(mode)).await;
        for _ in 0..3 {
            let answer = world.fetch(&mut ue, NAF).await.unwrap();
            assert!(answer.status == 200 && answer.proven && answer.body == "hello");
        }
        assert_eq!(ue.vectors_used(), 1);
        assert_eq!(
            world.ladder.text().matches("BIR").count(),
            1,
            "the NAF keeps the key"
        );
    }
}

#[tokio::test]
async fn a_gba_u_card_whose_sqn_is_ahead_resynchronises_the_hss() {
    let mut world = World::start(UiccType::GbaU, &[NAF]).await;
    let mut profile = profile(Mode::U);
    let sqn = SqnProfile::default();
    profile.sqn = SqnArray::with_seq_ms(sqn, &vec![1_000_000_000; 1 << sqn.ind_bits]).unwrap();
    let mut ue = world.device(SoftCard::new(profile)).await;
    assert!(world.fetch(&mut ue, NAF).await.unwrap().proven);
    assert_eq!(ue.vectors_used(), 2);
    world.ladder.shows("GET / with AUTS");
}

//= TS33.220-4.5.2-r5
#[tokio::test]
async fn card_and_hss_that_disagree_about_gba_u_say_so() {
    for (uicc, mode) in [(UiccType::Gba, Mode::U), (UiccType::GbaU, Mode::Me)] {
        let world = World::start(uicc, &[NAF]).await;
        let mut ue = world.device(card(mode)).await;
        let e = bootstrap_error(ue.bootstrap(&world.bsf()).await);
        assert!(e.to_string().contains("uiccType"), "{e}");
        assert_eq!(
            ue.vectors_used(),
            1,
            "the report of ruling 7 costs no second vector"
        );
        world.ladder.shows("Ub BSF>UE 403");
    }
}

/// A card that computes a wrong RES: one bit, on its way to the terminal.
struct WrongRes(SoftCard);

impl Card for WrongRes {
    fn transmit(&mut self, command: &apdu::Command) -> Result<apdu::Response, CardError> {
        let response = self.0.transmit(command)?;
        let mut data = response.data().to_vec();
        if command.ins == 0x88 && data.first() == Some(&0xdb) {
            data[2] ^= 0x80;
        }
        Ok(apdu::Response::new(data, response.sw))
    }
}

#[tokio::test]
async fn a_wrong_res_gets_new_challenges_and_then_403() {
    let world = World::start(UiccType::Gba, &[NAF]).await;
    let mut ue = world.device(WrongRes(card(Mode::Me))).await;
    let e = bootstrap_error(ue.bootstrap(&world.bsf()).await);
    assert_eq!(e, UbError::WrongResponse { tries: 3 });
    assert!(
        e.to_string().contains("check K, OPc and the length of RES"),
        "{e}"
    );
    assert!(ue.bootstrapped().is_none());
    world.ladder.shows("Ub BSF>UE 403");
}

#[tokio::test]
async fn without_its_hss_the_bsf_asks_to_come_back() {
    let mut world = World::start(UiccType::Gba, &[NAF]).await;
    world.hss.take().unwrap().stop().await;
    let mut ue = world.device(card(Mode::Me)).await;
    let e = bootstrap_error(ue.bootstrap(&world.bsf()).await);
    assert!(
        matches!(
            e,
            UbError::Busy {
                status: 503,
                retry_after: Some(1..)
            }
        ),
        "{e:?}"
    );
}

#[tokio::test]
async fn without_the_bsf_the_naf_asks_to_come_back_and_the_device_says_who_is_missing() {
    let mut world = World::start(UiccType::Gba, &[NAF]).await;
    let mut ue = world.device(card(Mode::Me)).await;
    ue.bootstrap(&world.bsf()).await.unwrap();
    world.stop_bsf().await;
    // The device has its key, the NAF can't get it.
    let answer = world.fetch(&mut ue, NAF).await.unwrap();
    assert_eq!((answer.status, answer.proven), (503, false));
    assert_eq!(answer.headers["retry-after"], "5");
    assert!(String::from_utf8_lossy(&answer.body).contains("the BSF cannot be asked now"));
    // And a device without a key can't get one.
    let mut other = world.device(card(Mode::Me)).await;
    let e = other.bootstrap(&world.bsf()).await.unwrap_err();
    assert!(
        matches!(e, DeviceError::Unreachable(_)) && e.to_string().contains(&world.at[0].to_string()),
        "{e}"
    );
}

#[tokio::test]
async fn a_bsf_that_restarts_is_found_again_and_a_lost_b_tid_replaced() {
    let mut world = World::start(UiccType::Gba, &[NAF]).await;
    let mut ue = world.device(card(Mode::Me)).await;
    ue.bootstrap(&world.bsf()).await.unwrap();
    let old = ue.btid().cloned();
    world.stop_bsf().await;
    let (_, again) = bsf(world.zh, world.at, world.ladder.clone()).await;
    world.bsf = Some(again);
    // The NAF's connection comes back by itself; until then it answers 503.
    let mut answer = world.fetch(&mut ue, NAF).await.unwrap();
    for _ in 0..100 {
        if answer.status != 503 {
            break;
        }
        answer = world.fetch(&mut ue, NAF).await.unwrap();
    }
    assert!(answer.status == 200 && answer.proven);
    assert_ne!(ue.btid().cloned(), old);
    world.ladder.shows("5403");
    world.ladder.shows("401 the B-TID is unknown");
}

//= TS33.220-4.5.3-r6
//= TS24.109-5.2-r7
#[tokio::test]
async fn a_naf_without_rights_to_a_name_gets_5402_and_says_403() {
    let mut world = World::start(UiccType::Gba, &[NAF, "other.m2m.example"]).await;
    let mut ue = world.device(card(Mode::Me)).await;
    let answer = world.fetch(&mut ue, "other.m2m.example").await.unwrap();
    assert_eq!((answer.status, answer.proven), (403, false));
    assert!(String::from_utf8_lossy(&answer.body).contains("no keys under the name other.m2m.example"));
    world.ladder.shows("5402");
    assert!(
        world.fetch(&mut ue, NAF).await.unwrap().proven,
        "its own name still works"
    );
}

#[tokio::test]
async fn a_host_that_does_not_serve_the_name_is_shown_no_key() {
    let mut world = World::start(UiccType::Gba, &[NAF]).await;
    let mut ue = world.device(card(Mode::Me)).await;
    let answer = world.fetch(&mut ue, "bank.example").await.unwrap();
    assert_eq!((answer.status, ue.vectors_used()), (421, 0));
    assert!(!world.ladder.text().contains("BIR"));
}
