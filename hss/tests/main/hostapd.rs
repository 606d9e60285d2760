//! hostapd's side played by a plain Unix datagram client: what it asks, what it gets, and what a stranger's identity can't do.

use std::{
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use aka::{
    Amf, Auts, Check, Sqn, Vector, auts,
    gsm::{c2, c3},
};
use base::{Secret, Utc, hex};
use gba::{
    audit::{Audit, Event, NotRecorded, Outcome},
    ids::Imsi,
};
use hss::{
    Hss, MemorySqnStore, Subscriber, Subscribers,
    hostapd::{Access, Settings, serve, socket::Socket},
    subscribers::{NotOne, OnlyHex},
};
use net::accept::{Stopper, stop};

use crate::help::*;

const IMSI: &str = "123001000000000";

/// An HSS with a socket in a folder of its own, and a client as hostapd is one.
struct Scene {
    folder: tempfile::TempDir,
    client: UnixDatagram,
    audit: Arc<Heard>,
    stopper: Stopper,
    served: tokio::task::JoinHandle<()>,
}

/// The audit log as lines.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Audit for Heard {
    fn record(&self, event: &Event<'_>) -> Result<(), NotRecorded> {
        let outcome = match event.outcome {
            Outcome::Done => "done".into(),
            Outcome::Refused { code, .. } => format!("{}", code.unwrap_or_default()),
        };
        let who = event.impi.map_or("-", |_| "known");
        let line = format!("{} {} {who} {outcome}", event.peer, event.kind.as_str());
        self.0.lock().unwrap().push(line);
        Ok(())
    }
}

impl Scene {
    fn of(subscriber: Subscriber, access: Access, settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let audit = Arc::new(Heard::default());
        let subscribers = Subscribers::from_iter([subscriber]);
        let hss: Hss<MemorySqnStore, Script> = Hss::new(config(), subscribers, auc(&[]));
        let hss = Arc::new(hss.with_audit(Some(audit.clone())));
        let socket = Socket::open(&folder.path().join("hss.sock"), None).unwrap();
        let (stopper, stop) = stop();
        let served = tokio::spawn(serve(socket, hss, access, settings, stop));
        let client = client(folder.path(), "eap_sim_db_1-0");
        Self {
            folder,
            client,
            audit,
            stopper,
            served,
        }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("hss.sock")
    }

    fn send(&self, request: &[u8]) {
        self.client.send(request).unwrap();
    }

    fn ask(&self, request: &str) -> String {
        self.send(request.as_bytes());
        answer(&self.client)
    }

    fn vector(&self) -> Vector {
        parse(&self.ask(&format!("AKA-REQ-AUTH {IMSI}")))
    }
}

fn client(folder: &Path, name: &str) -> UnixDatagram {
    let client = UnixDatagram::bind(folder.join(name)).unwrap();
    client.connect(folder.join("hss.sock")).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    client
}

fn answer(client: &UnixDatagram) -> String {
    let mut room = [0; 1000];
    let length = client.recv(&mut room).unwrap();
    String::from_utf8(room[..length].to_vec()).unwrap()
}

/// As hostapd reads it: RAND, AUTN, IK, CK, RES.
fn parse(answer: &str) -> Vector {
    let fields: Vec<_> = answer.split(' ').collect();
    let [command, imsi, rand, autn, ik, ck, res] = fields[..] else {
        panic!("{answer}")
    };
    assert_eq!((command, imsi), ("AKA-RESP-AUTH", IMSI));
    Vector {
        rand: rand.parse().unwrap(),
        autn: autn.parse().unwrap(),
        ik: Secret::new(hex::array(ik).unwrap()),
        ck: Secret::new(hex::array(ck).unwrap()),
        xres: aka::Res::new(&hex::decode(res).unwrap()).unwrap(),
    }
}

/// Both keys and RES are the card's; the AMF is the socket's; each domain and access has an IND of its own.
//= hostapd-eap_sim_db-r1
//= hostapd-eap_sim_db-r2
//= TS33.102-C.3.4-r1
#[tokio::test(flavor = "multi_thread")]
async fn ruling_02_the_socket_says_whether_a_vector_is_for_eap_aka_or_prime() {
    let amf = Amf::new([0x80, 0x12]);
    for (access, amf_there, ind) in [(Access::Aka, "0012", 23), (Access::AkaPrime, "8012", 22)] {
        let scene = Scene::of(subscriber().with_amf(amf), access, Settings::default());
        let mut card = Card::new();
        for seq in 1..4 {
            let vector = scene.vector();
            assert_eq!(vector.autn.amf().to_string(), amf_there);
            assert_eq!((sqn_of(&vector).seq(5), sqn_of(&vector).ind(5)), (seq, ind));
            let Check::Accept { res, ck, ik, .. } = card.run(&vector) else {
                panic!("the card refuses")
            };
            assert!(res.ct_eq(&vector.xres) && ck.ct_eq(&vector.ck) && ik.ct_eq(&vector.ik));
        }
        let line = format!("{} vector known done", access.name());
        assert_eq!(*scene.audit.0.lock().unwrap(), [&*line; 3]);
    }
    // Taken as it is, no bit is changed; INDs of the operator's own allocation.
    let settings = Settings {
        inds: Some((4, 4)),
        sim: false,
    };
    let scene = Scene::of(subscriber().with_amf_as_is(amf), Access::Aka, settings);
    let vector = scene.vector();
    assert_eq!(vector.autn.amf(), amf);
    assert_eq!(sqn_of(&vector).ind(5), 4);
}

/// The card is ahead; then an AUTS that is wrong, and one for a RAND of nobody.
//= hostapd-eap_sim_db-r3
#[tokio::test(flavor = "multi_thread")]
async fn ruling_01_an_auts_is_followed_by_a_vector_that_the_card_accepts() {
    let scene = Scene::of(subscriber(), Access::Aka, Settings::default());
    let mut card = Card::new();
    let ahead = aka::sqn::SqnProfile::default();
    card.array = aka::sqn::SqnArray::with_seq_ms(ahead, &[1 << 20; 32]).unwrap();
    let vector = scene.vector();
    let Check::SyncFailure(auts) = card.run(&vector) else {
        panic!("the card takes an old SQN")
    };
    let forged = Auts::new([7; 14]);
    let tell = |auts: &Auts, rand| scene.send(format!("AKA-AUTS {IMSI} {auts} {rand}").as_bytes());
    // In one go, as hostapd does it.
    tell(&auts, vector.rand);
    let next = scene.vector();
    assert!(matches!(card.run(&next), Check::Accept { .. }));
    assert_eq!(sqn_of(&next).seq(5), (1 << 20) + 1);

    tell(&forged, next.rand);
    tell(
        &auts::build(&milenage(), &next.rand, Sqn::new(0).unwrap()),
        next.rand,
    );
    tell(&auts, vector.rand);
    assert_eq!(sqn_of(&scene.vector()).seq(5), (1 << 20) + 2);
    let heard = scene.audit.0.lock().unwrap().clone();
    let resync = |how| format!("hostapd (EAP-AKA) resynchronisation known {how}");
    assert_eq!(heard[1], resync("done"));
    assert_eq!(heard[3..6], [resync("5012"), resync("5012"), resync("5012")]);
}

//= hostapd-eap_sim_db-r4
#[tokio::test(flavor = "multi_thread")]
async fn triplets_come_only_where_eap_sim_is_allowed() {
    let request = format!("SIM-REQ-AUTH {IMSI} 3");
    let scene = Scene::of(subscriber(), Access::Aka, Settings::default());
    assert_eq!(scene.ask(&request), format!("SIM-RESP-AUTH {IMSI} FAILURE"));
    let settings = Settings {
        sim: true,
        ..Settings::default()
    };
    let scene = Scene::of(subscriber(), Access::Aka, settings);
    for (asked, given) in [(1, 1), (3, 3), (5, 3)] {
        let answer = scene.ask(&format!("SIM-REQ-AUTH {IMSI} {asked}"));
        let triplets = answer.strip_prefix(&format!("SIM-RESP-AUTH {IMSI} ")).unwrap();
        assert_eq!(triplets.split(' ').count(), given);
        for triplet in triplets.split(' ') {
            let fields: Vec<_> = triplet.split(':').collect();
            let rand = fields[2].parse().unwrap();
            let made = aka::Algorithm::f2345(&milenage(), &rand);
            assert_eq!(fields[0], hex::encode(c3(&made.ck, &made.ik).expose()));
            assert_eq!(fields[1], hex::encode(c2(&made.res).expose()));
        }
    }
    // No SQN was used.
    assert_eq!(sqn_of(&scene.vector()).seq(5), 1);
}

/// Answered in order, so the answer to the good request after a bad one shows that there was none to that.
//= hostapd-eap_sim_db-r5
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_gets_failure_or_silence_and_costs_the_subscriber_nothing() {
    let scene = Scene::of(subscriber(), Access::Aka, Settings::default());
    assert_eq!(
        scene.ask("AKA-REQ-AUTH 001019999999999"),
        "AKA-RESP-AUTH 001019999999999 FAILURE"
    );
    assert_eq!(scene.ask("AKA-REQ-AUTH alice"), "AKA-RESP-AUTH alice FAILURE");
    let long = format!("AKA-REQ-AUTH {}", "1".repeat(400));
    for silent in [
        format!("AKA-REQ-AUTH {IMSI} x").as_bytes(),
        format!("AKA-REQ-AUTH {IMSI}\0").as_bytes(),
        long.as_bytes(),
        b"\xff\xfe",
        b"",
        b"AKA-AUTS",
    ] {
        scene.send(silent);
    }
    // Nobody can be answered: nothing is spent.
    let nameless = UnixDatagram::unbound().unwrap();
    nameless
        .send_to(format!("AKA-REQ-AUTH {IMSI}").as_bytes(), scene.socket())
        .unwrap();
    assert_eq!(sqn_of(&scene.vector()).seq(5), 1);
    // One that sends and never reads keeps nobody waiting.
    let deaf = client(scene.folder.path(), "deaf");
    for _ in 0..200 {
        deaf.send(format!("AKA-REQ-AUTH {IMSI}").as_bytes()).unwrap();
    }
    assert!(sqn_of(&scene.vector()).seq(5) > 100);
    // And one that is gone.
    drop(deaf);
    scene.vector();

    scene.stopper.stop();
    let Scene { served, folder, .. } = scene;
    served.await.unwrap();
    assert!(!folder.path().join("hss.sock").exists());
}

#[test]
fn ruling_04_an_imsi_is_found_whatever_the_length_of_its_mnc_and_under_another_impi() {
    let imsi: Imsi = "001010123456789".parse().unwrap();
    let all = |tables: &[&str]| {
        let keys = format!("k = \"{K}\"\nopc = \"{OPC}\"\n");
        let text: String = tables
            .iter()
            .map(|t| format!("[[subscriber]]\n{t}\n{keys}"))
            .collect();
        Subscribers::parse(&text, &mut OnlyHex, Utc(0))
    };
    let two = "imsi = \"001010123456789\"\nmnc_length = 2";
    let three = "imsi = \"001010123456789\"\nmnc_length = 3";
    let alice = "imsi = \"001010123456789\"\nimpi = \"alice@home.test\"";
    for one in [two, three, alice] {
        assert!(all(&[one]).unwrap().by_imsi(&imsi).is_ok(), "{one}");
    }
    for both in [[two, three], [two, alice]] {
        let found = all(&both).unwrap().by_imsi(&imsi).err();
        assert_eq!(found, Some(NotOne::Several));
    }
    let bob = "imsi = \"001010123456789\"\nimpi = \"bob@home.test\"";
    assert!(all(&[alice, bob]).is_err());
    let nobody = all(&["impi = \"alice@home.test\""]).unwrap().by_imsi(&imsi).err();
    assert_eq!(nobody, Some(NotOne::Nobody));
}
