//! Bad input to whoever speaks HTTP, each a row of docs/bad-input.md: bodies and heads without end, and sockets that
//! only take place. `silent_sockets.rs` has every listener of a whole network.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::{net::Ipv4Addr, net::SocketAddr, time::Duration};

use gba::{guss::UiccType, ids::NafId};
use http::{Request, StatusCode};
use net::{
    accept,
    http::{Bytes, Limits},
};
use tests::{
    scene::{Scene, Sim, get},
    wired::{BSF, ByHand, NAF, Plan, Wired, card, device, from, listen, subscriber},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use ue::{
    BsfAddress, DeviceError,
    psk::{PskClient, PskConfig},
};

/// Nothing here takes so long.
const LIMIT: Duration = Duration::from_secs(30);

/// Sends that, then, piece by piece and at most so often, the other, until the server ends it. Its first line, and how
/// many octets it took.
async fn pushed(to: SocketAddr, head: &str, piece: &[u8], times: usize) -> (String, usize) {
    let (mut reader, mut writer) = TcpStream::connect(to).await.unwrap().into_split();
    let mut taken = 0;
    let push = async {
        if writer.write_all(head.as_bytes()).await.is_err() {
            return;
        }
        for _ in 0..times {
            if writer.write_all(piece).await.is_err() {
                return;
            }
            taken += piece.len();
        }
    };
    let mut said = Vec::new();
    let hear = async {
        let mut some = [0; 1024];
        // Closed or reset: both are an end.
        while let Ok(n @ 1..) = reader.read(&mut some).await {
            said.extend_from_slice(&some[..n]);
        }
    };
    timeout(LIMIT, async { tokio::join!(push, hear) }).await.unwrap();
    let line = said.split(|b| *b == b'\r').next().unwrap_or_default();
    (String::from_utf8_lossy(line).into_owned(), taken)
}

#[tokio::test]
async fn row_45_bodies_and_heads_without_end_are_refused_early() {
    let (wired, _hss) = Wired::with_hss(subscriber(UiccType::Gba), Plan::default()).await;
    for (to, host) in [(wired.ub, BSF), (wired.naf, NAF)] {
        let head = |more: &str| format!("POST / HTTP/1.1\r\nHost: {host}\r\n{more}\r\n");
        // By its announcement alone: nothing of it is awaited.
        let (line, _) = pushed(to, &head("Content-Length: 2147483648\r\n"), b"", 0).await;
        assert_eq!(line, "HTTP/1.1 413 Payload Too Large", "{host}");
        // Without one: once it is larger than is taken, not when it ends.
        let chunk = [b"10000\r\n".as_slice(), &[0; 0x1_0000], b"\r\n"].concat();
        let (line, taken) = pushed(to, &head("Transfer-Encoding: chunked\r\n"), &chunk, 32_768).await;
        assert!(
            line.is_empty() || line == "HTTP/1.1 413 Payload Too Large",
            "{host}: {line}"
        );
        assert!(taken < 32 << 20, "{host}: {taken} octets of 2 GB were taken");
        // A head, in one field and in many.
        let field = format!("X-Long: {}\r\n", "a".repeat(65_536));
        let (line, _) = pushed(to, &head(&field), b"", 0).await;
        assert_eq!(line, "HTTP/1.1 431 Request Header Fields Too Large", "{host}");
        let (line, _) = pushed(to, &head(&"X-Many: a\r\n".repeat(5_000)), b"", 0).await;
        assert_eq!(line, "HTTP/1.1 431 Request Header Fields Too Large", "{host}");
        // What is packed isn't unpacked: it is what came, and is judged like any other body.
        let packed = |more: &str| head(&format!("{more}Content-Length: 10\r\nConnection: close\r\n"));
        let (as_bomb, _) = pushed(
            to,
            &packed("Content-Encoding: gzip\r\n"),
            b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
            1,
        )
        .await;
        let (as_is, _) = pushed(to, &packed(""), b"0123456789", 1).await;
        assert_eq!(as_bomb, as_is, "{host}");
        // And others are served.
        let answer = net::http::Client::new(to)
            .send(get(host, "/", None))
            .await
            .unwrap();
        assert!(matches!(answer.status().as_u16(), 400 | 401), "{host}");
    }
}

const SIM: Sim = Sim {
    k: [0x46; 16],
    opc: [0xcd; 16],
};

#[tokio::test]
async fn row_45_within_tls_the_same() {
    let mut scene = Scene::of(&SIM.setup(), &SIM.setup()).await;
    let bsf = scene.bsf();
    let session = scene.device.bootstrap(&bsf).await.unwrap();
    let (maf, address) = (scene.network.names.maf.clone(), scene.network.addresses.maf);
    let client = PskClient::new(PskConfig::default(), scene.ladder.clone()).unwrap();
    let device = &mut scene.device;
    let derive = async |naf_id: NafId| device.naf_key(&naf_id).await;
    let maf_session = client
        .connect(address, &maf, &session.btid, session.expires.utc, derive)
        .await
        .unwrap();
    let request = Request::post("/")
        .header("host", maf.as_str())
        .body(Bytes::from(vec![0; 2 << 20]))
        .unwrap();
    // The rest of it isn't awaited, so the answer may be lost with the connection.
    if let Ok(answer) = maf_session.send(request).await {
        assert_eq!(answer.status(), 413);
    }
    scene.device.bootstrap(&bsf).await.unwrap();
    scene.end().await;
}

/// The other end: what a BSF may send to a device.
#[tokio::test]
async fn row_45_a_device_takes_no_answer_without_end() {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            // The request first: nobody takes an answer before it.
            let _ = socket.read(&mut [0; 4096]).await;
            let head = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2147483648\r\n\r\n";
            let _ = socket.write_all(head.as_bytes()).await;
            // Until the device has gone.
            while socket.write_all(&[0; 0x1_0000]).await.is_ok() {}
        }
    });
    let mut ue = device(card(), net::clock::now).await;
    let bsf = BsfAddress::new(address, BSF.parse().unwrap());
    let error = timeout(LIMIT, ue.bootstrap(&bsf)).await.unwrap().unwrap_err();
    assert!(
        matches!(error, DeviceError::Unreachable(net::Error::TooLarge { .. })),
        "{error}"
    );
}

/// Many more sockets than a listener has place for, each with an octet of its head: all of one address, and those of
/// others are served meanwhile. The first ones are closed by their timer, the last ones at once.
#[tokio::test]
async fn row_43_sockets_of_one_address_keep_nobody_out() {
    let http = Limits {
        accept: accept::Limits {
            max_connections: 64,
            max_per_address: 48,
            ..accept::Limits::default()
        },
        header_timeout: Duration::from_secs(2),
        ..Limits::default()
    };
    let plan = Plan {
        http,
        ..Plan::default()
    };
    let (wired, _hss) = Wired::with_hss(subscriber(UiccType::Gba), plan).await;
    for to in [wired.ub, wired.naf] {
        let mut sockets = Vec::new();
        for _ in 0..200 {
            let mut socket = TcpStream::connect(to).await.unwrap();
            // Closed at once, where there are too many.
            let _ = socket.write_all(b"G").await;
            sockets.push(socket);
        }
        let other = from(Ipv4Addr::new(127, 0, 0, 2), to).await;
        if to == wired.ub {
            ByHand::over(other).challenge().await;
        } else {
            let answer = other.send(get(NAF, "/", None)).await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        }
        for mut socket in sockets {
            let mut rest = Vec::new();
            // Closed or reset: both are an end.
            let _ = timeout(LIMIT, socket.read_to_end(&mut rest)).await.unwrap();
        }
    }
}
