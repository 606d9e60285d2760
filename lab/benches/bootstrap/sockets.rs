//! The same elements over loopback sockets: HTTP, two Diameter connections, the card on its own thread. Reported only.

use std::{net::Ipv4Addr, sync::Arc, time::Instant};

use bsf::{MemorySessions, Ub, ZhSource, serve_ub, zn::serve_zn};
use diameter::{
    dictionary,
    peer::{Role, Rule},
};
use gba::ub::client::Mode;
use naf::{KeySource, ZnClient};
use net::{
    accept::stop,
    diameter::{Client, Config},
    http::Limits,
};
use tokio::{net::TcpListener, task::JoinSet};
use ue::{BsfAddress, Device, device::DeviceOptions};

use crate::{
    cpu,
    network::{
        BSF, HSS, NAF, REALM, hss, identity, naf_id, name, origin, personalise, ub_config, zn_client,
        zn_server,
    },
};

const DEVICES: u32 = 16;
const RUNS: u32 = 100;

/// Whole bootstraps by one device after the other, and by all at once, all elements in one thread.
pub(crate) async fn measure() {
    let (known, cards) = personalise(Mode::Me, DEVICES);
    let (stopper, stop) = stop();
    let mut tasks = JoinSet::new();
    let (zh_listener, ub_listener, zn_listener) = (listen().await, listen().await, listen().await);
    let at = |listener: &TcpListener| listener.local_addr().expect("an address").to_string();
    let (zh_at, ub_at, zn_at) = (at(&zh_listener), at(&ub_listener), at(&zn_listener));
    let sessions = Arc::new(MemorySessions::default());
    let elements = (Arc::new(hss(known)), Arc::new(zn_server(Arc::clone(&sessions))));

    let until = stop.clone();
    tasks.spawn(async {
        hss::serve(zh_listener, elements.0, until)
            .await
            .expect("loopback")
    });
    let until = stop.clone();
    tasks.spawn(async { serve_zn(zn_listener, elements.1, until).await.expect("loopback") });
    let zh = connect(zh_at, (BSF, REALM), dictionary::ZH, (HSS, Role::Hss)).await;
    let bsf = origin(BSF, REALM);
    let source = ZhSource::new(zh.clone(), bsf.clone(), bsf.realm).with_host(identity(HSS));
    let ub = Arc::new(Ub::new(ub_config(), sessions, source));
    tasks.spawn(serve_ub(ub_listener, Limits::default(), ub, stop));
    let zn = connect(
        zn_at,
        (NAF, "example-provider.org"),
        dictionary::ZN,
        (BSF, Role::Bsf),
    )
    .await;
    let naf = Arc::new(zn_client(Mode::Me, zn.clone()));

    let bsf = BsfAddress::new(ub_at, name(BSF));
    let mut devices = Vec::new();
    for card in cards {
        let device = Device::open(Box::new(card), DeviceOptions::default()).await;
        devices.push(device.expect("a card with a USIM"));
    }
    let mut lone = devices.pop().expect("a device");
    runs(&mut lone, &bsf, &naf).await;
    let (cpu, wall) = (cpu::now(), Instant::now());
    runs(&mut lone, &bsf, &naf).await;
    report("one device", RUNS, cpu, wall);

    let (cpu, wall) = (cpu::now(), Instant::now());
    let mut all = JoinSet::new();
    for mut device in devices {
        let (bsf, naf) = (bsf.clone(), Arc::clone(&naf));
        all.spawn(async move { runs(&mut device, &bsf, &naf).await });
    }
    while let Some(done) = all.join_next().await {
        done.expect("no panic");
    }
    report("15 devices at once", 15 * RUNS, cpu, wall);

    zh.close().await;
    zn.close().await;
    stopper.stop();
    while tasks.join_next().await.is_some() {}
}

async fn listen() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("loopback")
}

async fn connect(address: String, own: (&str, &str), application: u32, peer: (&str, Role)) -> Client {
    let rule = Rule {
        host: identity(peer.0),
        role: peer.1,
    };
    let client = Client::connect(
        address,
        Config::new(origin(own.0, own.1), vec![application], vec![rule]),
    );
    client.ready().await.expect("the peer is there");
    client
}

async fn runs(device: &mut Device, bsf: &BsfAddress, naf: &ZnClient<Client>) {
    for _ in 0..RUNS {
        let session = device.bootstrap(bsf).await.expect("a bootstrap");
        let theirs = naf.key(&session.btid, &naf_id()).await.expect("a key");
        let ours = device.naf_key(&naf_id()).await.expect("a key");
        assert!(theirs.ks_naf.ct_eq(&ours), "both ends must have the same key");
    }
}

fn report(who: &str, runs: u32, cpu: std::time::Duration, wall: Instant) {
    let each = (cpu::now().saturating_sub(cpu)).as_secs_f64() / f64::from(runs);
    println!(
        "bootstrap over loopback, {who}: {:.0} us of CPU for all elements, {:.0} per second, each on a new TCP connection",
        each * 1e6,
        f64::from(runs) / wall.elapsed().as_secs_f64()
    );
}
