//! Sockets on both sides that do what no element does.

use std::{sync::Arc, time::Duration};

use net::accept::{self, Stopper};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};

use super::{Calling, Config, Event, Limits, Listening, Proxy};
use crate::tap::{Interface, parse, rule::Rules};

/// Nothing here takes so long.
const LIMIT: Duration = Duration::from_secs(60);

struct Tapped {
    target: TcpListener,
    at: String,
    events: mpsc::Receiver<Event>,
    _stopper: Stopper,
}

/// A tap in front of a listener that is ours.
async fn tapped(interface: Interface, rules: &str, limits: Limits) -> Tapped {
    let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let config = Config {
        interface,
        target: target.local_addr().unwrap().to_string(),
        listening: Listening::AsItComes,
        calling: Calling::AsItComes,
        limits,
        tap: net::tap::none(),
        verbose: false,
        secrets: false,
    };
    let rules = if rules.is_empty() {
        Rules::none(interface)
    } else {
        parse::rules(rules, interface).unwrap()
    };
    let (proxy, events) = Proxy::new(config, rules);
    let (stopper, stop) = accept::stop();
    tokio::spawn(Arc::clone(&proxy).serve(listener, stop));
    Tapped {
        target,
        at,
        events,
        _stopper: stopper,
    }
}

impl Tapped {
    /// Both ends of a connection through it.
    async fn connect(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(&self.at).await.unwrap();
        let (server, _) = timeout(LIMIT, self.target.accept()).await.unwrap().unwrap();
        (client, server)
    }

    async fn note(&mut self, wanted: &str) {
        let heard = async {
            loop {
                match self.events.recv().await {
                    Some(Event::Note { text, .. }) if text.contains(wanted) => return,
                    Some(_) => {}
                    None => panic!("{wanted} was never told"),
                }
            }
        };
        timeout(LIMIT, heard)
            .await
            .unwrap_or_else(|_| panic!("{wanted} isn't told"));
    }
}

/// What is no protocol at all passes both ways at once, far more than fits anywhere, and each end is told when the other one
/// has ended.
#[tokio::test]
async fn what_is_not_understood_passes_both_ways_at_once() {
    const LENGTH: usize = 16 << 20;
    let tapped = tapped(Interface::Zh, "", Limits::default()).await;
    let (client, server) = tapped.connect().await;
    // Each writes all of it before it reads: who waits for the other would wait for ever.
    let talk = |socket: TcpStream, octet: u8| async move {
        let (mut reader, mut writer) = socket.into_split();
        let writing = tokio::spawn(async move {
            let piece = vec![octet; 64 << 10];
            for _ in 0..LENGTH / piece.len() {
                writer.write_all(&piece).await.unwrap();
            }
            writer.shutdown().await.unwrap();
        });
        let mut all = Vec::new();
        reader.read_to_end(&mut all).await.unwrap();
        writing.await.unwrap();
        all
    };
    let both = async { tokio::join!(talk(client, 0xfe), talk(server, 0xfd)) };
    let (by_client, by_server) = timeout(LIMIT, both).await.unwrap();
    assert_eq!((by_client.len(), by_server.len()), (LENGTH, LENGTH));
    assert!(by_client.iter().all(|o| *o == 0xfd) && by_server.iter().all(|o| *o == 0xfe));
}

#[tokio::test]
async fn a_connection_on_which_nothing_passes_is_closed() {
    let limits = Limits {
        idle: Duration::from_millis(50),
        handshake: Duration::from_millis(50),
        ..Limits::default()
    };
    for interface in [Interface::Ub, Interface::Zh, Interface::Ua] {
        let mut tapped = tapped(interface, "", limits).await;
        let (mut client, mut server) = tapped.connect().await;
        // A beginning that never ends counts as little.
        client.write_all(b"\x01\0").await.unwrap();
        tapped.note("nothing passed for too long").await;
        let mut octets = Vec::new();
        assert_eq!(
            timeout(LIMIT, client.read_to_end(&mut octets))
                .await
                .unwrap()
                .unwrap_or(0),
            0
        );
        let _ = timeout(LIMIT, server.read_to_end(&mut octets)).await.unwrap();
    }
}

#[tokio::test]
async fn who_takes_nothing_is_given_up() {
    let limits = Limits {
        stall: Duration::from_millis(100),
        ..Limits::default()
    };
    let mut tapped = tapped(Interface::Zh, "", limits).await;
    let (mut client, _server) = tapped.connect().await;
    let flood = tokio::spawn(async move {
        let piece = vec![0xfe; 64 << 10];
        while client.write_all(&piece).await.is_ok() {}
    });
    tapped.note("a peer is gone").await;
    timeout(LIMIT, flood).await.unwrap().unwrap();
}

/// HTTP keeps its order: a response that is held holds the next one.
#[tokio::test]
async fn a_response_that_is_held_is_not_overtaken() {
    let rules = "[[rule]]\nmatch = { status = 401 }\naction = \"delay\"\ndelay = \"300ms\"\n";
    let tapped = tapped(Interface::Ua, rules, Limits::default()).await;
    let mut client = TcpStream::connect(&tapped.at).await.unwrap();
    client
        .write_all(b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    let (mut server, _) = timeout(LIMIT, tapped.target.accept()).await.unwrap().unwrap();
    let answers = "HTTP/1.1 401 x\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 x\r\nContent-Length: 2\r\n\r\nok";
    server.write_all(answers.as_bytes()).await.unwrap();
    let mut got = vec![0; answers.len()];
    timeout(LIMIT, client.read_exact(&mut got))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(String::from_utf8(got).unwrap(), answers);
}
