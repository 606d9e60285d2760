//! Everything that may be wrong in a network, played on real sockets: who is told what, by which codes, and that it
//! costs no vector too many.
//!
//! Each play asserts what it is about and returns all that was said and told, and the octets of the wire, so that others
//! can search it for keys.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use aka::{Amf, Sqn};
use base::{Now, Secret};
use diameter::{
    Origin, dictionary,
    peer::{Role, Rule},
};
use gba::{
    ids::{Btid, Fqdn, NafId, UaId},
    keys::{KeyKind, KsNaf},
    ua::{Url, client::UaRequest},
};
use http::{Response, StatusCode, header};
use lab::{report::Mode, topology::Element};
use naf::{
    authenticate::Gate,
    zn::{Route, ZnClient, ZnConfig},
};
use net::{diameter as node, http::Bytes};
use ue::psk::{PskClient, PskConfig, PskError};

use crate::scene::{Played, Scene, Sim, answer, assert_words, challenge, get};

const BTID: &str = "bm9ib2R5IGhhcyB0aGlzIQ==";

fn hello(scene: &Scene) -> UaRequest {
    let url: Url = format!("http://{}/hello", scene.network.names.naf)
        .parse()
        .unwrap();
    UaRequest::get(url)
}

/// A card with another K, or another OPc: the device says what to compare, the BSF gets the report, and no further
/// vector is spent (ruling 7).
pub async fn wrong_key_on_the_card(sim: &Sim) -> Played {
    let mut told = Played::default();
    for mode in [Mode::Me, Mode::U] {
        for other in [
            Sim {
                k: [0x11; 16],
                ..*sim
            },
            Sim {
                opc: [0x11; 16],
                ..*sim
            },
        ] {
            let mut scene = Scene::of(&sim.setup_of(mode), &other.setup_of(mode)).await;
            let text = scene.bootstrap_fails().await;
            assert_words(&text, &["MAC", "check K, then OPc, then AMF"]);
            scene.ladder.assert(
                1,
                "Ub BSF → UE: 403 the UE reported a bad MAC: check K, OPc and AMF",
            );
            assert_eq!(scene.network.vectors_used(), 1);
            assert!(scene.device.bootstrapped().is_none());
            told += scene.end().await;
        }
    }
    told
}

/// The HSS takes the card for GBA_U and it isn't, or the other way round: one of the reasons of a wrong MAC.
pub async fn uicc_type_and_card_disagree(sim: &Sim) -> Played {
    let mut told = Played::default();
    for (home, card) in [(Mode::U, Mode::Me), (Mode::Me, Mode::U)] {
        let mut scene = Scene::of(&sim.setup_of(home), &sim.setup_of(card)).await;
        let text = scene.bootstrap_fails().await;
        assert_words(&text, &["uiccType", "disagree"]);
        told += scene.end().await;
    }
    told
}

static AFTER_WRONG: AtomicU64 = AtomicU64::new(0);

fn after_wrong() -> Now {
    net::clock::now() + Duration::from_secs(AFTER_WRONG.load(Ordering::Relaxed))
}

/// A stranger without the card: 401 with a fresh challenge each time, 403 at the third on that connection; the
/// subscriber waits as long as Retry-After says and is let in (ruling 6).
pub async fn wrong_res(sim: &Sim) -> Played {
    AFTER_WRONG.store(0, Ordering::Relaxed);
    let mut scene = Scene::at(&sim.setup(), &sim.setup(), after_wrong).await;
    let (bsf, impi) = (
        scene.network.names.bsf.clone(),
        scene.device.identity().impi.clone(),
    );
    let stranger = net::http::Client::new(scene.network.addresses.ub);
    let first = format!(r#"Digest username="{impi}", realm="{bsf}", nonce="", uri="/", response="""#);
    let mut response = scene.ask(&stranger, get(bsf.as_str(), "/", Some(&first))).await;
    let mut nonces = Vec::new();
    for expected in [401, 401, 403] {
        let c = challenge(&response);
        assert!(!nonces.contains(&c.nonce), "an answered challenge came again");
        let wrong = answer(&c, "/", impi.as_str(), b"a guess");
        nonces.push(c.nonce);
        response = scene.ask(&stranger, get(bsf.as_str(), "/", Some(&wrong))).await;
        assert_eq!(response.status(), expected);
    }
    assert_eq!(response.headers()[header::CONNECTION], "close");
    assert_words(
        &String::from_utf8_lossy(response.body()),
        &["wrong responses", "on another"],
    );
    scene.ladder.assert(2, "401 wrong response, new challenge");
    assert_eq!(scene.network.vectors_used(), 3, "none for the 403");

    let text = scene.bootstrap_fails().await;
    assert_words(&text, &["429", "10 s", "too many bootstrapping runs"]);
    AFTER_WRONG.store(10, Ordering::Relaxed);
    let address = scene.bsf();
    scene.device.bootstrap(&address).await.unwrap();
    scene.end().await
}

/// Nobody has this IMPI: 5401 on Zh, 403 on Ub, and no vector.
pub async fn unknown_impi(sim: &Sim) -> Played {
    let mut card = sim.setup();
    card.imsi = "001010987654321".parse().unwrap();
    let mut scene = Scene::of(&sim.setup(), &card).await;
    let text = scene.bootstrap_fails().await;
    assert_words(
        &text,
        &["403", "check that the HSS knows the IMPI 001010987654321@"],
    );
    scene
        .ladder
        .assert(1, "Zh HSS → BSF: MAA 5401: no subscriber has this IMPI");
    scene
        .ladder
        .assert(1, "Ub BSF → UE: 403 the home network doesn't know this IMPI");
    assert_eq!(scene.network.vectors_used(), 0);
    scene.end().await
}

/// A B-TID that the BSF hasn't issued: 5403 on Zn, 401 at the NAF; in TLS-PSK it ends like a wrong key.
pub async fn unknown_btid(sim: &Sim) -> Played {
    let mut scene = Scene::of(&sim.setup(), &sim.setup()).await;
    let bsf = scene.network.names.bsf.clone();
    let naf = scene.network.names.naf.to_string();
    let connection = net::http::Client::new(scene.network.addresses.naf);
    // The second names a BSF that this NAF has no way to.
    for btid in [format!("{BTID}@{bsf}"), format!("{BTID}@bsf.elsewhere.example")] {
        let response = scene.ask(&connection, get(&naf, "/hello", None)).await;
        let guess = answer(&challenge(&response), "/hello", &btid, b"a guess");
        let response = scene.ask(&connection, get(&naf, "/hello", Some(&guess))).await;
        let fresh = challenge(&response);
        assert!(fresh.realm.starts_with("3GPP-bootstrapping@"), "{}", fresh.realm);
        assert_words(
            &String::from_utf8_lossy(response.body()),
            &["unknown or has expired: bootstrap again"],
        );
    }
    scene
        .ladder
        .assert(1, "Zn BSF → NAF: BIA 5403: no live bootstrapping has this B-TID");

    let address = scene.bsf();
    let known = scene.device.bootstrap(&address).await.unwrap().btid;
    let unknown: Btid = format!("{BTID}@{bsf}").parse().unwrap();
    let wrong_key = psk_fails(&mut scene, &known).await;
    let unknown = psk_fails(&mut scene, &unknown).await;
    assert_eq!(wrong_key, unknown, "who guesses learns no B-TID");
    assert_words(&unknown, &["bad_record_mac"]);
    scene.end().await
}

/// A handshake with the MAF under a key that is none.
async fn psk_fails(scene: &mut Scene, btid: &Btid) -> String {
    let client = PskClient::new(PskConfig::default(), scene.ladder.clone()).unwrap();
    let (maf, address) = (scene.network.names.maf.clone(), scene.network.addresses.maf);
    let expiry = net::clock::now().utc.plus_secs(60);
    let wrong = async |naf_id: NafId| {
        Ok::<_, PskError>(KsNaf::from_parts(Secret::new([0x11; 32]), naf_id, KeyKind::Me))
    };
    match client.connect(address, &maf, btid, expiry, wrong).await {
        Ok(_) => panic!("let in with a key that is none"),
        Err(error) => scene.tell(&error),
    }
}

/// A NAF asks for a key under a name that isn't its own: 5402 on Zn, 403 at the NAF, and nobody can tell by it whether
/// the B-TID lives (ruling 22).
pub async fn foreign_naf_name(sim: &Sim) -> Played {
    let mut scene = Scene::of(&sim.setup(), &sim.setup()).await;
    let bsf = scene.bsf();
    let known = scene.device.bootstrap(&bsf).await.unwrap().btid;
    let unknown: Btid = format!("{BTID}@{}", scene.network.names.bsf).parse().unwrap();
    let name: Fqdn = "bank.example".parse().unwrap();
    // The device would give its key to nobody else than that name; a thief of the name has it in his realm.
    let key = scene
        .device
        .naf_key(&NafId::new(name.clone(), UaId::HTTP_DIGEST))
        .await
        .unwrap();

    let (gate, client) = gate_as_naf(&scene, &name).await;
    let service = |_| async {
        let mut response = Response::new(Bytes::from_static(b"let in"));
        *response.status_mut() = StatusCode::OK;
        response
    };
    let mut answers = Vec::new();
    for btid in [&known, &unknown] {
        let c = challenge(&gate.guard(get(name.as_str(), "/", None), service).await);
        let credentials = answer(&c, "/", btid.as_str(), key.password().unwrap().expose());
        let response = gate
            .guard(get(name.as_str(), "/", Some(&credentials)), service)
            .await;
        assert_eq!(response.status(), 403);
        assert_words(
            &String::from_utf8_lossy(response.body()),
            &["the BSF gives this NAF no keys under the name bank.example"],
        );
        answers.push(format!("{response:?}"));
    }
    assert_eq!(answers[0], answers[1], "known and unknown B-TID look alike");
    scene.ladder.assert(
        2,
        "Zn BSF → NAF: BIA 5402: this NAF may not have a key for this NAF-Id",
    );
    scene.told.extend(answers);
    client.close().await;
    scene.end().await
}

/// A gate for `name` whose keys come over Zn under the Origin-Host of the plain NAF.
async fn gate_as_naf(scene: &Scene, name: &Fqdn) -> (Gate<ZnClient<node::Client>>, node::Client) {
    let names = &scene.network.names;
    let origin = Origin {
        host: names.naf.as_str().parse().unwrap(),
        realm: "m2m.example".parse().unwrap(),
    };
    let peer = Rule {
        host: names.bsf.as_str().parse().unwrap(),
        role: Role::Bsf,
    };
    let route = |transport| Route {
        domain: Some(names.bsf.clone()),
        realm: names.realm.clone(),
        host: Some(names.bsf.as_str().parse().unwrap()),
        transport,
    };
    let config = node::Config::new(origin.clone(), vec![dictionary::ZN], vec![peer]);
    let client = node::Client::connect(scene.network.addresses.zn.to_string(), config);
    client.ready().await.unwrap();
    let zn = ZnClient::new(ZnConfig::new(origin), 1, vec![route(client.clone())]);
    let config = gba::ua::server::Config::new(vec![name.clone()]);
    (Gate::new(zn, config).unwrap(), client)
}

/// The HSS is down: 503 with Retry-After from the BSF, and the device says what to do.
pub async fn hss_down(sim: &Sim) -> Played {
    let mut scene = Scene::of(&sim.setup(), &sim.setup()).await;
    scene.network.take_down(Element::Hss).await;
    let text = scene.bootstrap_fails().await;
    assert_words(&text, &["503", "wait", " s", "HSS is down"]);
    scene
        .ladder
        .assert(1, "Ub BSF → UE: 503 the HSS can't be asked just now: try again");
    let (bsf, impi) = (
        scene.network.names.bsf.clone(),
        scene.device.identity().impi.clone(),
    );
    let first = format!(r#"Digest username="{impi}", realm="{bsf}", nonce="", uri="/", response="""#);
    let connection = net::http::Client::new(scene.network.addresses.ub);
    let response = scene.ask(&connection, get(bsf.as_str(), "/", Some(&first))).await;
    assert_eq!(response.status(), 503);
    let after = response.headers()[header::RETRY_AFTER].to_str().unwrap();
    assert!((5..10).contains(&after.parse::<u32>().unwrap()), "{after}");
    scene.end().await
}

/// The BSF is down: 503 with Retry-After from a NAF that hasn't the key yet; one that has it goes on; the device says
/// what to do.
pub async fn bsf_down(sim: &Sim) -> Played {
    let mut scene = Scene::of(&sim.setup(), &sim.setup()).await;
    let bsf = scene.bsf();
    let session = scene.device.bootstrap(&bsf).await.unwrap();
    let mut client = scene.client();
    let request = hello(&scene);
    assert_eq!(
        client.fetch(&mut scene.device, request).await.unwrap().status,
        200
    );
    scene.network.take_down(Element::Bsf).await;
    let request = hello(&scene);
    let again = client.fetch(&mut scene.device, request).await.unwrap();
    assert_eq!(again.status, 200, "the NAF has this key");

    let naf = scene.network.names.naf.to_string();
    let connection = net::http::Client::new(scene.network.addresses.naf);
    let response = scene.ask(&connection, get(&naf, "/hello", None)).await;
    let other = format!("{BTID}@{}", scene.network.names.bsf);
    let credentials = answer(&challenge(&response), "/hello", &other, b"whatever");
    let response = scene
        .ask(&connection, get(&naf, "/hello", Some(&credentials)))
        .await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()[header::RETRY_AFTER], "5");
    assert_words(
        &String::from_utf8_lossy(response.body()),
        &["the BSF cannot be asked now: try again later"],
    );

    // Not the alert of a wrong key, so that nobody looks for one.
    let text = psk_fails(&mut scene, &session.btid).await;
    assert!(!text.contains("bad_record_mac"), "{text}");
    assert_words(&text, &["internal_error"]);

    let text = scene.bootstrap_fails().await;
    assert_words(
        &text,
        &[
            "no answer from the BSF",
            "refused the connection",
            "start the element",
        ],
    );
    assert!(
        scene.device.bootstrapped().is_some(),
        "the old session stands (ruling 8)"
    );
    scene.end().await
}

/// A card far ahead of its HSS is in step after one resynchronisation: exactly one more vector.
pub async fn card_ahead_of_the_hss(sim: &Sim) -> Played {
    let mut told = Played::default();
    for mode in [Mode::Me, Mode::U] {
        let mut ahead = sim.setup_of(mode);
        ahead.sqn = Sqn::new(0x0b60_4a81_eca8);
        let mut scene = Scene::of(&sim.setup_of(mode), &ahead).await;
        let bsf = scene.bsf();
        scene.device.bootstrap(&bsf).await.unwrap();
        assert_eq!(scene.network.vectors_used(), 2, "one refused, one after AUTS");
        scene.ladder.assert(1, "Zh BSF → HSS: MAR AUTS of");
        scene.ladder.assert(1, "Ub BSF → UE: 401 after AUTS");
        scene.device.bootstrap(&bsf).await.unwrap();
        assert_eq!(scene.network.vectors_used(), 3, "in step from now on");
        scene.ladder.assert(1, "MAR AUTS of");
        told += scene.end().await;
    }
    told
}

static NETWORK_AHEAD: AtomicU64 = AtomicU64::new(0);

fn both_ahead() -> Now {
    net::clock::now() + Duration::from_secs(NETWORK_AHEAD.load(Ordering::Relaxed))
}

/// A session that has ended: the device has no key any more; the NAF, for whose kept key the time is over too, takes
/// the next B-TID after one new bootstrapping.
pub async fn expired_session(sim: &Sim) -> Played {
    NETWORK_AHEAD.store(0, Ordering::Relaxed);
    let mut scene = Scene::at(&sim.setup(), &sim.setup(), both_ahead).await;
    let mut client = scene.client();
    let request = hello(&scene);
    assert_eq!(
        client.fetch(&mut scene.device, request).await.unwrap().status,
        200
    );
    let (old, naf_id) = (
        scene.device.btid().unwrap().clone(),
        NafId::new(scene.network.names.naf.clone(), UaId::HTTP_DIGEST),
    );
    let key = scene.device.naf_key(&naf_id).await.unwrap();

    NETWORK_AHEAD.store(3601, Ordering::Relaxed);
    assert!(scene.device.bootstrapped().is_none());
    let Err(error) = scene.device.naf_key(&naf_id).await else {
        panic!("a key of a session that has ended");
    };
    let text = scene.tell(&error);
    assert_words(&text, &["expired", "bootstrap first"]);

    // Whoever kept the key longer is told to bootstrap.
    let naf = scene.network.names.naf.to_string();
    let connection = net::http::Client::new(scene.network.addresses.naf);
    let response = scene.ask(&connection, get(&naf, "/hello", None)).await;
    let password = key.password().unwrap();
    let credentials = answer(&challenge(&response), "/hello", old.as_str(), password.expose());
    let response = scene
        .ask(&connection, get(&naf, "/hello", Some(&credentials)))
        .await;
    let _ = challenge(&response);
    assert_words(
        &String::from_utf8_lossy(response.body()),
        &["has expired: bootstrap again"],
    );
    scene.ladder.assert(1, "Zn BSF → NAF: BIA 5403");

    let request = hello(&scene);
    assert_eq!(
        client.fetch(&mut scene.device, request).await.unwrap().status,
        200
    );
    assert_ne!(*scene.device.btid().unwrap(), old);
    assert_eq!(scene.network.vectors_used(), 2);
    scene.end().await
}

static BSF_AHEAD: AtomicU64 = AtomicU64::new(0);

/// The network's session is over before the device's own clock says so: one new bootstrapping, and the service answers.
pub async fn network_forgets_first(sim: &Sim) -> Played {
    fn ahead() -> Now {
        net::clock::now() + Duration::from_secs(BSF_AHEAD.load(Ordering::Relaxed))
    }
    BSF_AHEAD.store(0, Ordering::Relaxed);
    let mut scene = Scene::at(&sim.setup(), &sim.setup(), ahead).await;
    let options = ue::device::DeviceOptions {
        tap: scene.ladder.clone(),
        ..ue::device::DeviceOptions::default()
    };
    let (_, card, _) = lab::demo::personalise(&sim.setup()).unwrap();
    scene.device = ue::Device::open(Box::new(card), options).await.unwrap();
    let bsf = scene.bsf();
    let old = scene.device.bootstrap(&bsf).await.unwrap().btid;
    BSF_AHEAD.store(3601, Ordering::Relaxed);
    let mut client = scene.client();
    let request = hello(&scene);
    let answer = client.fetch(&mut scene.device, request).await.unwrap();
    let new = scene.device.btid().unwrap().clone();
    assert_eq!(
        (answer.status, answer.body),
        (200, Bytes::from(format!("hello, {new}\n")))
    );
    assert_ne!(new, old);
    scene.ladder.assert(1, "BIA 5403");
    assert_eq!(scene.network.vectors_used(), 2);
    scene.end().await
}

/// The AMF of another domain: a card accepts any (ruling 2).
pub async fn amf_of_another_domain(sim: &Sim) -> Played {
    let mut home = sim.setup();
    home.amf = Some(Amf::new([0x80, 0]));
    let mut scene = Scene::of(&home, &sim.setup()).await;
    let bsf = scene.bsf();
    scene.device.bootstrap(&bsf).await.unwrap();
    scene.end().await
}

/// A network that was started anew and knows no session: the device is told so and bootstraps once more.
pub async fn restarted_network(sim: &Sim) -> Played {
    let mut first = Scene::of(&sim.setup(), &sim.setup()).await;
    let bsf = first.bsf();
    let old = first.device.bootstrap(&bsf).await.unwrap().btid;
    let mut home = sim.setup();
    home.sqn = Sqn::new(0x60);
    let mut second = Scene::of(&home, &sim.setup()).await;
    std::mem::swap(&mut first.device, &mut second.device);
    let mut played = first.end().await;

    let mut client = second.client();
    let request = hello(&second);
    let answer = client.fetch(&mut second.device, request).await.unwrap();
    let new = second.device.btid().unwrap().clone();
    assert_eq!(
        (answer.status, answer.body),
        (200, Bytes::from(format!("hello, {new}\n")))
    );
    assert_ne!(new, old);
    assert_eq!(second.network.vectors_used(), 1);
    played += second.end().await;
    played
}

/// All of them.
pub async fn all(sim: &Sim) -> Played {
    let mut told = wrong_key_on_the_card(sim).await;
    told += uicc_type_and_card_disagree(sim).await;
    told += wrong_res(sim).await;
    told += unknown_impi(sim).await;
    told += unknown_btid(sim).await;
    told += foreign_naf_name(sim).await;
    told += hss_down(sim).await;
    told += bsf_down(sim).await;
    told += card_ahead_of_the_hss(sim).await;
    told += expired_session(sim).await;
    told += network_forgets_first(sim).await;
    told += restarted_network(sim).await;
    told += amf_of_another_domain(sim).await;
    told
}
