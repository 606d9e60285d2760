//! Sockets that say nothing, or stop in the middle of a message: every listener of a running network closes them by
//! its own timers, and serves others meanwhile and afterwards.
//!
//! The runtime's clock is paused, so that it jumps from timer to timer: nothing waits, and nothing depends on how
//! fast the machine is.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::time::Duration;

use lab::topology::Addresses;
use tests::scene::{Scene, Sim};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, pause, resume, sleep, timeout},
};

const SIM: Sim = Sim {
    k: [0x46; 16],
    opc: [0xcd; 16],
};

/// Longer than any timer for a connection that hasn't begun.
const LIMIT: Duration = Duration::from_secs(31);

/// Each listener with the beginning of what it expects.
fn listeners(a: &Addresses) -> [(&'static str, std::net::SocketAddr, &'static [u8]); 6] {
    let http = b"GET / HTTP/1.1\r\nHost: ";
    // The first octets of a CER: version 1, length 200, flags R, command 257.
    let diameter = &[1, 0, 0, 200, 0x80, 0, 1, 1];
    // A handshake record of 200 octets that begins a ClientHello.
    let tls = &[0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3];
    [
        ("HSS, Zh", a.zh, diameter),
        ("BSF, Ub", a.ub, http),
        ("BSF, Zn", a.zn, diameter),
        ("NAF", a.naf, http),
        ("MAF", a.maf, tls),
        ("IN-CSE", a.cse, tls),
    ]
}

/// Reads until the other end closes, and says after how long. An answer (a 408, an alert, a DPR) may come before.
async fn closed(mut socket: TcpStream, name: &str) -> Duration {
    let began = Instant::now();
    let mut rest = Vec::new();
    let end = timeout(LIMIT, socket.read_to_end(&mut rest)).await;
    assert!(end.is_ok(), "{name}: still open after {LIMIT:?}");
    began.elapsed()
}

async fn opened(
    scene: &Scene,
    words: impl Fn(&'static [u8]) -> &'static [u8],
) -> Vec<(&'static str, TcpStream)> {
    let mut sockets = Vec::new();
    for (name, address, begin) in listeners(&scene.network.addresses) {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(words(begin)).await.unwrap();
        sockets.push((name, socket));
    }
    sockets
}

#[tokio::test]
async fn row_43_every_listener_closes_silent_and_half_begun_ones_and_goes_on() {
    let mut scene = Scene::of(&SIM.setup(), &SIM.setup()).await;
    let silent = opened(&scene, |_| b"").await;
    let half = opened(&scene, |begin| begin).await;
    // While they stay open others are served.
    let bsf = scene.bsf();
    scene.device.bootstrap(&bsf).await.unwrap();

    pause();
    let waits = silent
        .into_iter()
        .chain(half)
        .map(|(name, socket)| async move { (name, closed(socket, name).await) });
    let mut tasks = tokio::task::JoinSet::new();
    waits.for_each(|wait| {
        tasks.spawn(wait);
    });
    let ended = tasks.join_all().await;
    resume();
    assert_eq!(ended.len(), 12);
    for (name, after) in ended {
        assert!(
            after > Duration::from_secs(1),
            "{name}: closed at once, not by a timer"
        );
    }

    scene.device.bootstrap(&bsf).await.unwrap();
    scene.end().await;
}

/// A TLS-PSK client that has its key and then says nothing, and a kept HTTP connection that idles.
#[tokio::test]
async fn row_43_connections_that_have_begun_well_and_idle_end_too() {
    let mut scene = Scene::of(&SIM.setup(), &SIM.setup()).await;
    let naf = scene.network.names.naf.to_string();
    let mut kept = TcpStream::connect(scene.network.addresses.naf).await.unwrap();
    let request = format!("GET /hello HTTP/1.1\r\nHost: {naf}\r\n\r\n");
    kept.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    kept.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 401");

    let mut body = TcpStream::connect(scene.network.addresses.ub).await.unwrap();
    let request = "POST / HTTP/1.1\r\nHost: bsf\r\nContent-Length: 10\r\n\r\nhalf";
    body.write_all(request.as_bytes()).await.unwrap();

    pause();
    assert!(closed(kept, "kept").await > Duration::from_secs(1));
    closed(body, "half a body").await;
    resume();
    let bsf = scene.bsf();
    scene.device.bootstrap(&bsf).await.unwrap();
    scene.end().await;
}

/// An octet a second is as bad as silence: the timers are for whole messages.
#[tokio::test]
async fn row_43_whoever_sends_an_octet_a_second_is_not_waited_for() {
    let scene = Scene::of(&SIM.setup(), &SIM.setup()).await;
    let sockets = opened(&scene, |begin| begin).await;
    pause();
    let mut tasks = tokio::task::JoinSet::new();
    for (name, socket) in sockets {
        tasks.spawn(async move {
            let (mut reader, mut writer) = socket.into_split();
            let drip = async {
                // Until the other end is gone.
                while writer.write_all(b"a").await.is_ok() {
                    sleep(Duration::from_secs(1)).await;
                }
            };
            let mut rest = Vec::new();
            let end = async {
                // Closed or reset: both are an end.
                let _ = reader.read_to_end(&mut rest).await;
            };
            let ended = timeout(LIMIT, async {
                tokio::join!(drip, end);
            });
            assert!(ended.await.is_ok(), "{name}: still open after {LIMIT:?}");
        });
    }
    tasks.join_all().await;
    resume();
    scene.end().await;
}
