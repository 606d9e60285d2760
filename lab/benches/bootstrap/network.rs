//! HSS, BSF, a NAF and their subscribers in one process: every octet of Zh, Zn and the card's interface is written and
//! read again, but nothing goes through a socket.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use aka::Milenage;
use base::{
    Secret, SecretBytes,
    apdu::{Command, Response},
};
use bsf::{
    MemorySessions, Ub, ZhSource,
    rights::{NafRights, Rights, UaRule},
    sources::Exchange,
    zn::{ZnConfig, ZnServer},
};
use bytes::Bytes;
use diameter::{Identity, Message, Origin};
use gba::{
    guss::UiccType,
    http::HttpResponse,
    ids::{Btid, Fqdn, Impi, Imsi, MncLength, NafId, UaId},
    keys::{KeyKind, KsNaf},
    ub::{
        client::{Config, Input, Mode, Output, UbClient},
        server as ub,
    },
};
use hss::{Auc, Hss, MemorySqnStore, Subscriber, Subscribers};
use http::{Extensions, HeaderValue, Request, Response as HttpAnswer, header};
use naf::{KeySource, Route, Transport, ZnClient};
use net::{clock, entropy::OsEntropy, http::PeerInfo, tap::Connection};
use uicc::{
    Card, CardError,
    software::{Profile, SoftCard},
    terminal::Usim,
};

/// The operator's OPc; each subscriber has a K of its own.
pub(crate) const OPC: [u8; 16] = *b"\xcd\x63\xcb\x71\x95\x4a\x9f\x4e\x48\xa5\x99\x4e\x37\xa0\x2b\xaf";

pub(crate) const BSF: &str = "bsf.mnc001.mcc001.pub.3gppnetwork.org";
pub(crate) const HSS: &str = "hss.mnc001.mcc001.3gppnetwork.org";
pub(crate) const REALM: &str = "mnc001.mcc001.3gppnetwork.org";
pub(crate) const NAF: &str = "maf.m2m.example-provider.org";

/// What went over an interface, kept only where somebody wants to see it.
#[derive(Clone, Default)]
pub(crate) struct Log(Option<Arc<Mutex<Vec<Vec<u8>>>>>);

impl Log {
    /// A log that keeps.
    fn keeping() -> Self {
        Self(Some(Arc::default()))
    }

    pub(crate) fn take(&self) -> Vec<Vec<u8>> {
        let log = self.0.as_ref().expect("a log that keeps");
        std::mem::take(&mut log.lock().expect("no panic under the lock"))
    }

    fn add(&self, octets: &[u8]) {
        if let Some(log) = &self.0 {
            log.lock().expect("no panic under the lock").push(octets.to_vec());
        }
    }
}

/// A message through octets, wiped behind it as a connection does.
fn over_the_wire(message: &Message, log: &Log) -> Message {
    let octets = SecretBytes::new(message.encode());
    log.add(octets.expose());
    Message::parse(octets.expose()).expect("what we write can be read")
}

/// Zh to an HSS in this process.
struct Zh {
    hss: Hss<MemorySqnStore, OsEntropy>,
    bsf: Identity,
    log: Log,
}

impl Exchange for Zh {
    async fn exchange(&self, request: Message) -> Result<Message, net::diameter::Error> {
        let request = over_the_wire(&request, &self.log);
        let answer = self.hss.answer(clock::now(), &self.bsf, &request).await;
        Ok(over_the_wire(&answer, &self.log))
    }
}

/// Zn to a BSF in this process.
struct Zn {
    bsf: ZnServer<MemorySessions>,
    naf: Identity,
    log: Log,
}

impl Transport for Zn {
    async fn exchange(&self, request: Message) -> Result<Message, String> {
        let request = over_the_wire(&request, &self.log);
        let answer = self.bsf.answer(clock::now(), &self.naf, &request).await;
        Ok(over_the_wire(&answer, &self.log))
    }
}

/// A software card behind APDUs in octets, as a reader would bring them.
struct Octets {
    card: SoftCard,
    log: Log,
}

impl Card for Octets {
    fn transmit(&mut self, command: &Command) -> Result<Response, CardError> {
        let command = SecretBytes::new(command.octets());
        self.log.add(command.expose());
        let answer = SecretBytes::new(self.card.exchange(command.expose()));
        self.log.add(answer.expose());
        Ok(Response::parse(answer.expose())?)
    }
}

/// A device: its card, opened, and where it asks from.
struct Device {
    usim: Usim<Octets>,
    config: Config,
    address: SocketAddr,
}

/// The logs of one run.
#[derive(Clone, Default)]
pub(crate) struct Logs {
    pub(crate) zh: Log,
    pub(crate) zn: Log,
    pub(crate) card: Log,
    /// Values of the digest headers, and the body of the 200.
    pub(crate) ub: Log,
}

impl Logs {
    /// Everything is kept.
    pub(crate) fn keeping() -> Self {
        Self {
            zh: Log::keeping(),
            zn: Log::keeping(),
            card: Log::keeping(),
            ub: Log::keeping(),
        }
    }
}

/// The network, and the devices of its subscribers.
pub(crate) struct Network {
    ub: Ub<MemorySessions, ZhSource<Zh>>,
    naf: ZnClient<Zn>,
    naf_id: NafId,
    mode: Mode,
    log: Log,
    devices: Vec<Device>,
}

/// K of the n-th subscriber.
pub(crate) fn key(n: u32) -> Secret<16> {
    let mut k = [0x46; 16];
    k[..4].copy_from_slice(&n.to_be_bytes());
    Secret::new(k)
}

pub(crate) fn identity(text: &str) -> Identity {
    text.parse().expect("a name")
}

pub(crate) fn name(text: &str) -> Fqdn {
    text.parse().expect("a name")
}

pub(crate) fn origin(host: &str, realm: &str) -> Origin {
    Origin {
        host: identity(host),
        realm: identity(realm),
    }
}

/// What the HSS knows of so many subscribers, and their cards.
pub(crate) fn personalise(mode: Mode, count: u32) -> (Subscribers, Vec<SoftCard>) {
    let (mut known, mut cards) = (Subscribers::new(), Vec::new());
    for n in 0..count {
        let imsi: Imsi = format!("00101{n:010}").parse().expect("an IMSI");
        let impi = Impi::from_imsi(&imsi, MncLength::Two);
        let milenage = || Milenage::new(&key(n), &Secret::new(OPC));
        let (mut profile, mut uicc) = (Profile::new(imsi, MncLength::Two, milenage()), UiccType::Gba);
        if mode == Mode::U {
            (profile, uicc) = (profile.with_gba_u(), UiccType::GbaU);
        }
        let subscriber = Subscriber::new(impi, milenage()).with_bsf_info(uicc, None);
        known.add(subscriber).expect("each IMPI once");
        cards.push(SoftCard::new(profile));
    }
    (known, cards)
}

pub(crate) fn hss(known: Subscribers) -> Hss<MemorySqnStore, OsEntropy> {
    let config = hss::Config::new(origin(HSS, REALM), [identity(BSF)]);
    Hss::new(config, known, Auc::new(MemorySqnStore::new(), OsEntropy))
}

/// The buckets of ruling 6 do their work, but are never empty.
pub(crate) fn ub_config() -> ub::Config {
    let mut config = ub::Config::new(name(BSF));
    config.per_impi = ub::Rate::new(1_000_000, 60_000_000);
    config.per_address = config.per_impi;
    config
}

pub(crate) fn zn_server(sessions: Arc<MemorySessions>) -> ZnServer<MemorySessions> {
    let mut rights = Rights::new();
    let naf = NafRights::new(name(NAF), [UaRule::ANY_SUITE]);
    rights.add([identity(NAF)], naf).expect("one NAF");
    ZnServer::new(ZnConfig::new(origin(BSF, REALM), rights), sessions)
}

pub(crate) fn zn_client<T: Transport>(mode: Mode, transport: T) -> ZnClient<T> {
    let mut config = naf::ZnConfig::new(origin(NAF, "example-provider.org"));
    config.gba_u_aware = mode == Mode::U;
    let route = Route {
        domain: Some(name(BSF)),
        realm: identity(REALM),
        host: Some(identity(BSF)),
        transport,
    };
    ZnClient::new(config, 1, vec![route])
}

pub(crate) fn naf_id() -> NafId {
    NafId::new(name(NAF), UaId::tls(0x00ae))
}

impl Network {
    /// With so many subscribers, all with cards for that mode.
    pub(crate) fn new(mode: Mode, subscribers: u32, logs: &Logs) -> Self {
        let (known, cards) = personalise(mode, subscribers);
        let devices = cards
            .into_iter()
            .zip(0_u32..)
            .map(|(card, n)| Device::new(card, n, logs))
            .collect();
        let bsf = origin(BSF, REALM);
        let zh = Zh {
            hss: hss(known),
            bsf: bsf.host.clone(),
            log: logs.zh.clone(),
        };
        let source = ZhSource::new(zh, bsf.clone(), bsf.realm.clone()).with_host(identity(HSS));
        let sessions = Arc::new(MemorySessions::default());
        let ub = Ub::new(ub_config(), Arc::clone(&sessions), source);
        let zn = Zn {
            bsf: zn_server(sessions),
            naf: identity(NAF),
            log: logs.zn.clone(),
        };
        Self {
            ub,
            naf: zn_client(mode, zn),
            naf_id: naf_id(),
            mode,
            log: logs.ub.clone(),
            devices,
        }
    }

    /// One whole run of the n-th device: Ub, then a key for the NAF on both sides, which must be the same.
    pub(crate) async fn bootstrap(&mut self, n: usize) {
        let count = self.devices.len();
        let device = self.devices.get_mut(n % count).expect("a device");
        let (btid, ours) = device.run(&self.ub, &self.naf_id, self.mode, &self.log).await;
        let theirs = self.naf.key(&btid, &self.naf_id).await.expect("a key");
        assert!(theirs.ks_naf.ct_eq(&ours), "both ends must have the same key");
    }

    /// What enters the key derivation beside Ks and RAND: NAF_Id and IMPI.
    pub(crate) fn derivation(&self) -> (NafId, Impi) {
        let device = self.devices.first().expect("a device");
        (self.naf_id.clone(), device.config.impi.clone())
    }
}

impl Device {
    fn new(card: SoftCard, n: u32, logs: &Logs) -> Self {
        let log = logs.card.clone();
        let usim = Usim::open(Octets { card, log }).expect("a card with a USIM");
        let [_, b, c, d] = n.to_be_bytes();
        Self {
            config: Config::new(usim.impi(), name(BSF), usim.mode()),
            usim,
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, b, c, d)), 40_000),
        }
    }

    async fn run(
        &mut self,
        bsf: &Ub<MemorySessions, ZhSource<Zh>>,
        naf_id: &NafId,
        mode: Mode,
        log: &Log,
    ) -> (Btid, KsNaf) {
        let impi = self.config.impi.clone();
        let peer = PeerInfo::new(Connection::new(self.address, self.address), Extensions::new());
        let mut run = UbClient::new(self.config.clone());
        let mut entropy = OsEntropy;
        run.handle_input(clock::now(), &mut entropy, Input::Start)
            .expect("a fresh run");
        loop {
            match run.poll_output() {
                Output::Send(request) => {
                    let mut to = Request::new(Bytes::from(request.body));
                    *to.uri_mut() = request.target.parse().expect("a path");
                    let host = HeaderValue::from_static("bsf.mnc001.mcc001.pub.3gppnetwork.org");
                    to.headers_mut().insert(header::HOST, host);
                    for (name, value) in request.headers {
                        if name == "Authorization" {
                            log.add(value.as_bytes());
                        }
                        let name = http::HeaderName::from_bytes(name.as_bytes()).expect("a name");
                        to.headers_mut().append(name, value.try_into().expect("a value"));
                    }
                    let answer = bsf.handle(to, peer.clone()).await;
                    let headers = headers(&answer, log);
                    let answer = HttpResponse {
                        status: answer.status().as_u16(),
                        headers: &headers,
                        body: answer.body(),
                    };
                    run.handle_input(clock::now(), &mut entropy, Input::Http(answer))
                        .expect("an answer that was awaited");
                }
                Output::RunAka(rand, autn) => {
                    let outcome = self.usim.run(&rand, &autn);
                    run.handle_input(clock::now(), &mut entropy, Input::Aka(outcome))
                        .expect("an answer that was awaited");
                }
                Output::Done(done) => {
                    let key = match (mode, done.ks) {
                        (Mode::Me, Some(ks)) => ks.naf_key(KeyKind::Me, &done.rand, &impi, naf_id),
                        _ => {
                            self.usim
                                .write_gbabp(&done.rand, &done.btid, done.lifetime)
                                .expect("the card takes the B-TID");
                            let key = self.usim.gba_naf_key(naf_id, &impi).expect("Ks_ext_NAF");
                            KsNaf::from_parts(key, naf_id.clone(), KeyKind::Ext)
                        }
                    };
                    return (done.btid, key);
                }
                Output::Failed(error) => panic!("the run failed: {error}"),
                Output::Wait(_) => panic!("the run waits for nothing"),
            }
        }
    }
}

/// The answer's header fields; the digest's and the body go to the log.
fn headers<'a>(answer: &'a HttpAnswer<Bytes>, log: &Log) -> Vec<(&'a str, &'a str)> {
    for name in [header::WWW_AUTHENTICATE.as_str(), "authentication-info"] {
        if let Some(value) = answer.headers().get(name) {
            log.add(value.as_bytes());
        }
    }
    if !answer.body().is_empty() {
        log.add(answer.body());
    }
    let fields = answer.headers().iter();
    fields
        .filter_map(|(n, v)| Some((n.as_str(), v.to_str().ok()?)))
        .collect()
}
