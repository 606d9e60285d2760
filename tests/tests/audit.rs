//! The audit's events, between elements in one process: what a resynchronisation leaves, and that nothing leaves which
//! can't be recorded. `cli/tests/elements/audit.rs` has the file.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on may panic"
)]

use std::sync::{Arc, Mutex};

use aka::Sqn;
use gba::{
    audit::{Audit, Event, Kind, NotRecorded, Outcome},
    ids::{Btid, NafId, UaId},
    ua::{Url, client::UaRequest},
};
use lab::{
    demo::personalise,
    topology::{Network, Options},
};
use tests::scene::{Ladder, Sim};
use ue::{
    BsfAddress, Client, Device,
    device::DeviceOptions,
    psk::{PskClient, PskConfig},
};

const SIM: Sim = Sim {
    k: [0x46; 16],
    opc: [0xcd; 16],
};

/// Remembers events, and keeps none of one kind.
#[derive(Default)]
struct Memory {
    lost: Option<Kind>,
    kept: Mutex<Vec<String>>,
}

impl Audit for Memory {
    fn record(&self, event: &Event<'_>) -> Result<(), NotRecorded> {
        if self.lost == Some(event.kind) {
            return Err(NotRecorded);
        }
        let mut line = event.kind.as_str().to_owned();
        if let Outcome::Refused { code, .. } = event.outcome {
            line += &format!(" refused {}", code.map_or_else(String::new, |c| c.to_string()));
        }
        if let Some(resync) = event.resync {
            let after = resync.after.map_or_else(String::new, |sqn| sqn.to_string());
            line += &format!(" {} {} {after}", resync.before, resync.ms);
        }
        assert!(!event.element.is_empty());
        self.kept.lock().unwrap().push(line);
        Ok(())
    }
}

fn hello(network: &Network) -> UaRequest {
    let url: Url = format!("http://{}/hello", network.names.naf).parse().unwrap();
    UaRequest::get(url)
}

struct World {
    network: Network,
    device: Device,
    ladder: Arc<Ladder>,
    memory: Arc<Memory>,
}

impl World {
    async fn start(lost: Option<Kind>, card_sqn: Option<u64>) -> Self {
        let (memory, ladder) = (
            Arc::new(Memory {
                lost,
                ..Memory::default()
            }),
            Arc::new(Ladder::default()),
        );
        let home = SIM.setup();
        let mut card = SIM.setup();
        card.sqn = card_sqn.map_or(card.sqn, Sqn::new);
        let (subscriber, _, names) = personalise(&home).unwrap();
        let (_, card, _) = personalise(&card).unwrap();
        let options = Options {
            tap: ladder.clone(),
            audit: Some(memory.clone()),
            ..Options::default()
        };
        let network = Network::start_with(names, subscriber, options).await.unwrap();
        let device = Device::open(Box::new(card), DeviceOptions::default())
            .await
            .unwrap();
        Self {
            network,
            device,
            ladder,
            memory,
        }
    }

    fn bsf(&self) -> BsfAddress {
        BsfAddress::new(self.network.addresses.ub, self.network.names.bsf.clone())
    }

    async fn bootstrap(&mut self) -> bool {
        let bsf = self.bsf();
        self.device.bootstrap(&bsf).await.is_ok()
    }

    /// The status of the page behind HTTP digest.
    async fn page(&mut self) -> u16 {
        let address = self.network.addresses.naf.to_string();
        let mut client = Client::new(self.bsf()).with_resolver(move |_, _| address.clone());
        let hello = hello(&self.network);
        client.fetch(&mut self.device, hello).await.unwrap().status
    }

    fn kept(&self) -> Vec<String> {
        self.memory.kept.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn ruling_01_a_resynchronisation_is_recorded_before_the_vector_that_follows() {
    let mut world = World::start(None, Some(0x0b60_4a81_eca8)).await;
    assert!(world.bootstrap().await);
    let kept = world.kept();
    assert_eq!(kept.len(), 4, "{kept:?}");
    assert_eq!((kept[0].as_str(), kept[2].as_str()), ("vector", "vector"));
    let numbers: Vec<_> = kept[1].split(' ').collect();
    // SQN_HE became SQN_MS, which was ahead of what it had been.
    assert!(
        numbers[0] == "resynchronisation" && numbers[2] == numbers[3],
        "{kept:?}"
    );
    assert!(numbers[1] < numbers[2], "{kept:?}");
    assert_eq!(kept[3], "bootstrapping");
}

#[tokio::test]
async fn no_vector_leaves_that_is_not_recorded() {
    for lost in [Kind::Vector, Kind::Resynchronisation] {
        let mut world = World::start(Some(lost), Some(0x0b60_4a81_eca8)).await;
        assert!(!world.bootstrap().await, "{lost:?}");
        world.ladder.assert(1, "MAA 3004");
        assert!(!world.kept().contains(&"bootstrapping".to_owned()), "{lost:?}");
    }
}

#[tokio::test]
async fn no_b_tid_leaves_that_is_not_recorded() {
    let mut world = World::start(Some(Kind::Bootstrapping), None).await;
    assert!(!world.bootstrap().await);
    world
        .ladder
        .assert(1, "503 the BSF cannot account for another key");
    assert_eq!(world.kept(), ["vector"]);
}

#[tokio::test]
async fn no_naf_gets_a_key_that_is_not_recorded() {
    let mut world = World::start(Some(Kind::KeyDelivery), None).await;
    assert!(world.bootstrap().await);
    assert_eq!(world.page().await, 503);
    world.ladder.assert(1, "BIA 3004");
    // The NAF says that it had to refuse.
    assert_eq!(world.kept(), ["vector", "bootstrapping", "session refused 503"]);
}

#[tokio::test]
async fn no_session_begins_that_is_not_recorded() {
    let mut world = World::start(Some(Kind::Session), None).await;
    assert!(world.bootstrap().await);
    assert_eq!(world.page().await, 503);

    // TLS-PSK: the handshake is done, and then nothing is answered.
    let session = world.device.bootstrapped().unwrap().clone();
    let cse = world.network.names.cse.clone();
    let key = world
        .device
        .naf_key(&NafId::new(cse.clone(), UaId::tls(0x00ae)))
        .await
        .unwrap();
    let client = PskClient::new(PskConfig::default(), world.ladder.clone()).unwrap();
    let derive = async |_: NafId| Ok::<_, std::convert::Infallible>(key);
    let btid: &Btid = &session.btid;
    let address = world.network.addresses.cse;
    let connected = client
        .connect(address, &cse, btid, session.expires.utc, derive)
        .await;
    let answered = match connected {
        Ok(connection) => {
            let request = http::Request::get("/cse-in")
                .body(net::http::Bytes::new())
                .unwrap();
            connection.send(request).await.is_ok()
        }
        Err(_) => false,
    };
    assert!(!answered);
}

#[tokio::test]
async fn a_session_is_recorded_once_however_much_is_asked_in_it() {
    let mut world = World::start(None, None).await;
    let address = world.network.addresses.naf.to_string();
    let mut client = Client::new(world.bsf()).with_resolver(move |_, _| address.clone());
    for _ in 0..3 {
        let hello = hello(&world.network);
        let answer = client.fetch(&mut world.device, hello).await.unwrap();
        assert_eq!(answer.status, 200);
    }
    let kept = world.kept();
    assert_eq!(kept, ["vector", "bootstrapping", "key-delivery", "session"]);
}
