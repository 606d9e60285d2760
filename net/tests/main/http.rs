//! HTTP server and client: timers, caps, kept connections, plain errors.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use ::http::{Request, Response, StatusCode, header};
use net::{
    Error,
    accept::{Stopper, stop},
    http::{Bytes, Client, ClientLimits, Limits, PeerInfo, serve, serve_tapped},
    tap::{Connection, Direction, Message, Tap, WireBytes},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

async fn bind() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// Answers with what it saw: connection, strikes, Host, path, length of the body.
async fn mirror(request: Request<Bytes>, peer: PeerInfo) -> Response<Bytes> {
    let host = request.headers()[header::HOST].to_str().unwrap().to_owned();
    let said = format!(
        "{} {} {host} {} {}",
        peer.connection.id,
        peer.strike(),
        request.uri(),
        request.body().len()
    );
    Response::new(said.into())
}

async fn mirror_server(limits: Limits) -> (SocketAddr, Stopper, JoinHandle<()>) {
    let (listener, addr) = bind().await;
    let (stopper, stop) = stop();
    (addr, stopper, tokio::spawn(serve(listener, limits, mirror, stop)))
}

fn post(uri: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    Request::post(uri).body(body.into()).unwrap()
}

fn text(response: &Response<Bytes>) -> Vec<String> {
    let words = std::str::from_utf8(response.body()).unwrap().split(' ');
    words.map(str::to_owned).collect()
}

#[tokio::test]
async fn requests_share_a_connection_and_its_strikes() {
    let (addr, _stopper, _server) = mirror_server(Limits::default()).await;
    let client = Client::new(addr);
    let first = client
        .send(post("http://naf.example/a?b=c", "four"))
        .await
        .unwrap();
    let second = client.send(post("/d", "")).await.unwrap();
    let (first, second) = (text(&first), text(&second));
    assert_eq!(first[1..], ["1", "naf.example", "/a?b=c", "4"]);
    assert_eq!(second[1..], ["2", &addr.to_string(), "/d", "0"]);
    assert_eq!(first[0], second[0], "one connection");
    let other = Client::new(addr).send(post("/", "")).await.unwrap();
    assert_ne!(text(&other)[0], first[0], "another client has its own connection");
    assert_eq!(text(&other)[1], "1", "and its own strikes");
}

#[tokio::test(start_paused = true)]
async fn silent_and_slow_sockets_are_closed_by_the_header_timer() {
    let (addr, _stopper, _server) = mirror_server(Limits::default()).await;
    for begun in ["", "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "] {
        let mut socket = TcpStream::connect(addr).await.unwrap();
        socket.write_all(begun.as_bytes()).await.unwrap();
        let start = tokio::time::Instant::now();
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await;
        let waited = start.elapsed().as_secs();
        assert!((9..=11).contains(&waited), "{begun:?}: closed after {waited} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_gives_408() {
    let (addr, _stopper, _server) = mirror_server(Limits::default()).await;
    let mut socket = TcpStream::connect(addr).await.unwrap();
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc";
    socket.write_all(head).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn a_body_above_the_cap_gives_413() {
    let limits = Limits {
        max_body: 10,
        ..Limits::default()
    };
    let (addr, _stopper, _server) = mirror_server(limits).await;
    let fits = Client::new(addr).send(post("/", "0123456789")).await.unwrap();
    assert_eq!(fits.status(), StatusCode::OK);
    let announced = Client::new(addr).send(post("/", "0123456789a")).await.unwrap();
    assert_eq!(announced.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let mut socket = TcpStream::connect(addr).await.unwrap();
    let chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
        6\r\nabcdef\r\n6\r\nabcdef\r\n";
    socket.write_all(chunked).await.unwrap();
    let mut answer = String::new();
    let _ = socket.read_to_string(&mut answer).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

/// All that the server says to these octets until it closes.
async fn said_to(octets: &str) -> String {
    let (addr, _stopper, _server) = mirror_server(Limits::default()).await;
    let mut socket = TcpStream::connect(addr).await.unwrap();
    socket.write_all(octets.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_request_with_two_lengths_is_refused_and_ends_the_connection() {
    const LENGTH: &str = "Content-Length: 4\r\n";
    const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
    let smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for fields in [format!("{LENGTH}{CHUNKED}"), format!("{CHUNKED}{LENGTH}")] {
        for before in ["", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"] {
            let octets = format!("{before}POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n{smuggled}");
            let answers = said_to(&octets).await;
            let answers: Vec<&str> = answers.split("HTTP/1.1 ").skip(1).collect();
            assert_eq!(answers.len(), 1 + usize::from(!before.is_empty()), "{answers:?}");
            assert!(answers.last().unwrap().starts_with("400 "), "{answers:?}");
        }
    }
    let chunked = format!("POST / HTTP/1.1\r\nHost: a\r\n{CHUNKED}\r\n{smuggled}");
    let answers = said_to(&chunked).await;
    assert!(answers.starts_with("HTTP/1.1 200 "), "{answers}");
    assert!(!answers.contains("smuggled"), "{answers}");
}

#[tokio::test(start_paused = true)]
async fn who_has_asked_all_and_closes_its_side_gets_every_answer() {
    let (listener, addr) = bind().await;
    let (_stopper, stop) = stop();
    let slow = |request, peer| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        mirror(request, peer).await
    };
    tokio::spawn(serve(listener, Limits::default(), slow, stop));
    let one = |n: u32| format!("POST /{n} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab");
    let cut = "POST /cut HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab";
    for (octets, served) in [(one(0), 1), ((0..5).map(one).collect(), 5), (cut.to_owned(), 0)] {
        let mut socket = TcpStream::connect(addr).await.unwrap();
        socket.write_all(octets.as_bytes()).await.unwrap();
        socket.shutdown().await.unwrap();
        let start = tokio::time::Instant::now();
        let mut answers = String::new();
        let _ = socket.read_to_string(&mut answers).await;
        assert_eq!(answers.matches("HTTP/1.1 200 ").count(), served, "{answers}");
        // The end is seen, and no timer is waited for.
        let waited = start.elapsed();
        assert!(waited < Duration::from_secs(7), "closed after {waited:?}");
    }
}

#[tokio::test]
async fn stop_lets_the_running_request_end() {
    let (listener, addr) = bind().await;
    let (stopper, stop) = stop();
    let stopper = Arc::new(stopper);
    let service = {
        let stopper = Arc::clone(&stopper);
        move |_, _: PeerInfo| {
            stopper.stop();
            async {
                tokio::task::yield_now().await;
                Response::new(Bytes::from_static(b"done"))
            }
        }
    };
    let server = tokio::spawn(serve(listener, Limits::default(), service, stop));
    let client = Client::new(addr);
    let answer = client.send(post("/", "")).await.unwrap();
    assert_eq!(answer.body().as_ref(), b"done");
    server.await.unwrap();
    let refused = client.send(post("/", "")).await.unwrap_err();
    assert_eq!(
        refused,
        Error::Refused {
            peer: addr.to_string()
        }
    );
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closed_is_opened_again() {
    let (listener, addr) = bind().await;
    let server = tokio::spawn(async move {
        for answer in ["one", "two"] {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = [0; 1024];
            assert_ne!(socket.read(&mut head).await.unwrap(), 0);
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{answer}");
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let client = Client::new(addr);
    for expected in ["one", "two"] {
        let answer = client.send(Request::get("/").body(Bytes::new()).unwrap()).await;
        assert_eq!(answer.unwrap().body(), expected);
    }
    server.await.unwrap();
}

/// A server that answers every connection with fixed octets and closes it.
async fn fixed(octets: &'static [u8]) -> SocketAddr {
    let (listener, addr) = bind().await;
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.read(&mut [0; 1024]).await;
            let _ = socket.write_all(octets).await;
        }
    });
    addr
}

#[tokio::test]
async fn the_client_says_what_went_wrong() {
    let ask = async |addr: SocketAddr| {
        let limits = ClientLimits {
            max_body: 4,
            ..ClientLimits::default()
        };
        let client = Client::new(addr).with_limits(limits);
        client.send(post("/", "")).await.unwrap_err()
    };
    let nobody = bind().await.1;
    assert!(matches!(ask(nobody).await, Error::Refused { .. }));
    assert!(matches!(ask(fixed(b"").await).await, Error::BrokeOff { .. }));
    let cut = fixed(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab").await;
    assert!(matches!(ask(cut).await, Error::BrokeOff { .. }));
    let other = fixed(b"SSH-2.0-OpenSSH_9.2\r\n\r\n").await;
    assert!(matches!(ask(other).await, Error::Malformed { .. }));
    let large = fixed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde").await;
    assert!(matches!(ask(large).await, Error::TooLarge { limit: 4, .. }));
    let unknown = Client::new("no-such-host.invalid:80")
        .send(post("/", ""))
        .await
        .unwrap_err();
    assert!(matches!(unknown, Error::Unreachable { .. }), "{unknown}");
}

#[tokio::test]
async fn the_client_does_not_wait_for_ever() {
    let (listener, addr) = bind().await;
    let limits = ClientLimits {
        answer_timeout: Duration::from_millis(30),
        ..ClientLimits::default()
    };
    let client = Client::new(addr).with_limits(limits);
    let silent = client.send(post("/", "")).await.unwrap_err();
    assert!(matches!(silent, Error::TimedOut { .. }), "{silent}");
    drop(listener);
}

#[derive(Default)]
struct Recorder(Mutex<Vec<(Direction, Vec<u8>)>>);

impl Tap for Recorder {
    fn message(&self, _: Message<'_>) {}
    fn octets(&self, _: &Connection, direction: Direction, octets: WireBytes<'_>) {
        self.0.lock().unwrap().push((direction, octets.expose().to_vec()));
    }
}

#[tokio::test]
async fn the_tap_sees_the_octets_of_both_directions() {
    let (listener, addr) = bind().await;
    let (_stopper, stop) = stop();
    let recorder = Arc::new(Recorder::default());
    tokio::spawn(serve_tapped(
        listener,
        Limits::default(),
        recorder.clone(),
        mirror,
        stop,
    ));
    Client::new(addr).send(post("/seen", "body")).await.unwrap();
    let of = |wanted| {
        let seen = recorder.0.lock().unwrap();
        let octets: Vec<u8> = seen
            .iter()
            .filter(|(d, _)| *d == wanted)
            .flat_map(|(_, o)| o.clone())
            .collect();
        String::from_utf8(octets).unwrap()
    };
    assert!(of(Direction::Received).starts_with("POST /seen HTTP/1.1\r\n"));
    assert!(of(Direction::Received).ends_with("\r\n\r\nbody"));
    assert!(of(Direction::Sent).starts_with("HTTP/1.1 200 OK\r\n"));
}
