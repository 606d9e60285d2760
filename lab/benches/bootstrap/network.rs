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
    ids::{Btid, Fqdn, Imsi, MncLength, NafId, UaId},
    keys::{KeyKind, KsNaf},
    ub::{
        client::{Config, Input, Mode, Output, UbClient},
        server as ub,
    },
};
use hss::{Auc, Hss, MemorySqnStore, Subscriber, Subscribers};
use http::{Extensions, Request, Response as HttpAnswer};
use naf::{
    KeySource,
    zn::{Route, Transport, ZnClient},
};
use net::{clock, entropy::OsEntropy, http::PeerInfo, tap::Connection};
use uicc::{
    Card, CardError,
    software::{Profile, SoftCard},
    terminal::Usim,
};

/// The operator's OPc; each subscriber has a K of its own.
pub(crate) const OPC: [u8; 16] = *b"\xcd\x63\xcb\x71\x95\x4a\x9f\x4e\x48\xa5\x99\x4e\x37\xa0\x2b\xaf";

const BSF: &str = "bsf.mnc001.mcc001.pub.3gppnetwork.org";
const HSS: &str = "hss.mnc001.mcc001.3gppnetwork.org";
const REALM: &str = "mnc001.mcc001.3gppnetwork.org";
const NAF: &str = "maf.m2m.example-provider.org";

/// What went over an interface, kept only where somebody wants to see it.
#[derive(Clone, Default)]
pub(crate) struct Log(Option<Arc<Mutex<Vec<Vec<u8>>>>>);

impl Log {
    /// A log that keeps.
    pub(crate) fn keeping() -> Self {
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
pub(crate) struct Octets {
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
pub(crate) struct Device {
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

/// The network, and the devices of its subscribers.
pub(crate) struct Network {
    ub: Ub<MemorySessions, ZhSource<Zh>>,
    naf: ZnClient<Zn>,
    naf_id: NafId,
    mode: Mode,
    log: Log,
    pub(crate) devices: Vec<Device>,
}

/// K of the n-th subscriber.
pub(crate) fn key(n: u32) -> Secret<16> {
    let mut k = [0x46; 16];
    k[..4].copy_from_slice(&n.to_be_bytes());
    Secret::new(k)
}

fn origin(host: &str, realm: &str) -> Origin {
    Origin {
        host: host.parse().expect("a name"),
        realm: realm.parse().expect("a name"),
    }
}

impl Network {
    /// With so many subscribers, all with cards for that mode.
    pub(crate) fn new(mode: Mode, subscribers: u32, logs: &Logs) -> Self {
        let bsf: Fqdn = BSF.parse().expect("a name");
        let mut known = Subscribers::new();
        let mut devices = Vec::new();
        for n in 0..subscribers {
            let imsi: Imsi = format!("00101{n:010}").parse().expect("an IMSI");
            let milenage = || Milenage::new(&key(n), &Secret::new(OPC));
            let mut profile = Profile::new(imsi, MncLength::Two, milenage());
            if mode == Mode::U {
                profile = profile.with_gba_u();
            }
            let card = Octets {
                card: SoftCard::new(profile),
                log: logs.card.clone(),
            };
            let usim = Usim::open(card).expect("a card with a USIM");
            let uicc = if mode == Mode::U {
                UiccType::GbaU
            } else {
                UiccType::Gba
            };
            known
                .add(Subscriber::new(usim.impi(), milenage()).with_bsf_info(uicc, None))
                .expect("each IMPI once");
            let [_, b, c, d] = n.to_be_bytes();
            devices.push(Device {
                config: Config::new(usim.impi(), bsf.clone(), usim.mode()),
                usim,
                address: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, b, c, d)), 40_000),
            });
        }

        let bsf_origin = origin(BSF, REALM);
        let auc = Auc::new(MemorySqnStore::new(), OsEntropy);
        let config = hss::Config::new(origin(HSS, REALM), [bsf_origin.host.clone()]);
        let zh = Zh {
            hss: Hss::new(config, known, auc),
            bsf: bsf_origin.host.clone(),
            log: logs.zh.clone(),
        };
        let source = ZhSource::new(zh, bsf_origin.clone(), bsf_origin.realm.clone())
            .with_host(HSS.parse().expect("a name"));
        let sessions = Arc::new(MemorySessions::default());
        // The buckets of ruling 6 do their work, but are never empty.
        let mut config = ub::Config::new(bsf.clone());
        config.per_impi = ub::Rate::new(1_000_000, 60_000_000);
        config.per_address = config.per_impi;
        let ub = Ub::new(config, Arc::clone(&sessions), source);

        let name: Fqdn = NAF.parse().expect("a name");
        let naf_origin = origin(NAF, "example-provider.org");
        let mut rights = Rights::new();
        rights
            .add(
                [naf_origin.host.clone()],
                NafRights::new(name.clone(), [UaRule::ANY_SUITE]),
            )
            .expect("one NAF");
        let zn = Zn {
            bsf: ZnServer::new(ZnConfig::new(bsf_origin.clone(), rights), sessions),
            naf: naf_origin.host.clone(),
            log: logs.zn.clone(),
        };
        let mut zn_config = naf::zn::ZnConfig::new(naf_origin);
        zn_config.gba_u_aware = mode == Mode::U;
        let route = Route {
            domain: Some(bsf),
            realm: bsf_origin.realm,
            host: Some(bsf_origin.host),
            transport: zn,
        };
        Self {
            ub,
            naf: ZnClient::new(zn_config, 1, vec![route]),
            naf_id: NafId::new(name, UaId::tls(0x00ae)),
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
    pub(crate) fn derivation(&self) -> (NafId, gba::ids::Impi) {
        let device = self.devices.first().expect("a device");
        (self.naf_id.clone(), device.config.impi.clone())
    }
}

impl Device {
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
                    let mut to = Request::new(Bytes::from(request.body.clone()));
                    *to.uri_mut() = request.target.parse().expect("a path");
                    for (name, value) in &request.headers {
                        if name == "Authorization" {
                            log.add(value.as_bytes());
                        }
                        let name = http::HeaderName::from_bytes(name.as_bytes()).expect("a name");
                        to.headers_mut().append(name, value.parse().expect("a value"));
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
    for name in [
        http::header::WWW_AUTHENTICATE.as_str(),
        "authentication-info",
    ] {
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
