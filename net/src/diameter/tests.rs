//! Nodes against each other, and against peers that misbehave, over loopback sockets.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use ::diameter::{
    Avp, Message, Origin, ResultCode,
    dictionary::{self as d, ZH},
    fault::result_avp,
    grammar,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};

use super::*;
use crate::accept::Stopper;

mod failover;
mod roster;
mod tls;

const HSS: &str = "hss.home.test";
const BSF: &str = "bsf.home.test";

fn origin(host: &str) -> Origin {
    Origin {
        host: host.parse().unwrap(),
        realm: "home.test".parse().unwrap(),
    }
}

fn config(us: &str, them: &str, role: Role) -> Config {
    let rule = Rule {
        host: them.parse().unwrap(),
        role,
    };
    let mut config = Config::new(origin(us), vec![ZH], vec![rule]);
    config.limits.backoff = Duration::from_millis(5);
    config.limits.open = Duration::from_millis(400);
    config
}

fn bsf() -> Config {
    config(BSF, HSS, Role::Hss)
}

fn hss() -> Config {
    config(HSS, BSF, Role::Bsf)
}

fn mar(number: u32) -> Message {
    let mut m = Message::request(grammar::MULTIMEDIA_AUTH, ZH, true);
    m.push_origin(&origin(BSF));
    m.avps.push(Avp::u32(&d::SIP_ITEM_NUMBER, number));
    m
}

fn number(m: &Message) -> u32 {
    m.find(&d::SIP_ITEM_NUMBER).unwrap().as_u32().unwrap()
}

/// Says the number back.
fn echo(request: &Message) -> Message {
    let mut m = Message::answer_to(request);
    m.avps.push(result_avp(ResultCode::SUCCESS));
    m.push_origin(&origin(HSS));
    m.avps.extend(request.find(&d::SIP_ITEM_NUMBER).cloned());
    m
}

struct Server {
    address: SocketAddr,
    stopper: Stopper,
    task: JoinHandle<Result<(), Error>>,
}

impl Server {
    async fn start<H, F>(at: SocketAddr, config: Config, handler: H) -> Self
    where
        H: Fn(PeerIdentity, Message) -> F + Send + Sync + 'static,
        F: Future<Output = Message> + Send + 'static,
    {
        let listener = TcpListener::bind(at).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stopper, stop) = accept::stop();
        let task = tokio::spawn(serve(listener, config, stop, handler));
        Self {
            address,
            stopper,
            task,
        }
    }

    async fn new<H, F>(config: Config, handler: H) -> Self
    where
        H: Fn(PeerIdentity, Message) -> F + Send + Sync + 'static,
        F: Future<Output = Message> + Send + 'static,
    {
        Self::start((Ipv4Addr::LOCALHOST, 0).into(), config, handler).await
    }

    async fn echo() -> Self {
        Self::new(hss(), |_, request| async move { echo(&request) }).await
    }

    fn client(&self, config: Config) -> Client {
        Client::connect(self.address.to_string(), config)
    }

    async fn stop(self) {
        self.stopper.stop();
        self.task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn asks_and_answers_and_says_goodbye() {
    let seen = Arc::new(Mutex::new(None));
    let told = Arc::clone(&seen);
    let server = Server::new(hss(), move |from, request| {
        *told.lock().unwrap() = Some(from);
        async move { echo(&request) }
    })
    .await;
    let client = server.client(bsf());
    let answer = client.request(mar(7)).await.unwrap();
    assert_eq!(answer.result(), Ok(ResultCode::SUCCESS));
    assert_eq!(number(&answer), 7);
    let from = seen.lock().unwrap().take().unwrap();
    assert_eq!((from.host.as_str(), from.role), (BSF, Role::Bsf));
    client.close().await;
    assert_eq!(client.request(mar(8)).await, Err(Error::Closed));
    server.stop().await;
}

/// The first request is answered only after the last: nothing waits in line, and answers find their request.
//= RFC6733-3-r3
#[tokio::test]
async fn answers_overtake_each_other() {
    const N: u32 = 100;
    let last_came = Arc::new(Notify::new());
    let server = Server::new(hss(), move |_, request| {
        let last_came = Arc::clone(&last_came);
        async move {
            match number(&request) {
                0 => last_came.notified().await,
                n if n == N - 1 => last_came.notify_one(),
                _ => {}
            }
            echo(&request)
        }
    })
    .await;
    let client = server.client(bsf());
    client.ready().await.unwrap();
    let mut asked = tokio::task::JoinSet::new();
    for n in 0..N {
        let client = client.clone();
        asked.spawn(async move { (n, number(&client.request(mar(n)).await.unwrap())) });
    }
    while let Some(done) = asked.join_next().await {
        let (asked, answered) = done.unwrap();
        assert_eq!(asked, answered);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_stranger_gets_3010_and_is_told_what_to_do() {
    let server = Server::echo().await;
    let client = server.client(config("other.home.test", HSS, Role::Hss));
    let Err(Error::Down { reason, .. }) = client.request(mar(1)).await else {
        panic!("a stranger was served")
    };
    assert!(
        reason.contains("3010") && reason.contains("Origin-Host"),
        "{reason}"
    );
    client.close().await;
    server.stop().await;
}

/// Ruling 21: Origin-Host is compared with the peer on every request.
#[tokio::test]
async fn ruling_21_a_request_in_another_name_is_refused() {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let server = Server::new(hss(), move |_, request| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move { echo(&request) }
    })
    .await;
    let client = server.client(bsf());
    let mut forged = mar(1);
    forged.avps.retain(|avp| !avp.is(&d::ORIGIN_HOST));
    forged.avps.push(Avp::utf8(&d::ORIGIN_HOST, "bsf2.home.test"));
    let answer = client.request(forged).await.unwrap();
    assert_eq!(answer.result(), Ok(ResultCode::UNKNOWN_PEER));
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    server.stop().await;
}

/// Ruling 21: keys don't leave the machine in clear unless the configuration says so.
#[tokio::test]
async fn ruling_21_stays_on_loopback() {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
    let (_stopper, stop) = accept::stop();
    let refused = serve(listener, hss(), stop, |_, m| async move { echo(&m) }).await;
    assert!(matches!(refused, Err(Error::Insecure { .. })));
    // TEST-NET-1 (RFC 5737): refused before anything is sent.
    let client = Client::connect("192.0.2.1:3868", bsf());
    let Err(Error::Down { reason, .. }) = client.request(mar(1)).await else {
        panic!("connected")
    };
    assert!(reason.contains("loopback"), "{reason}");
}

#[tokio::test]
async fn comes_back_after_the_server_did() {
    let server = Server::echo().await;
    let address = server.address;
    let client = server.client(bsf());
    client.request(mar(1)).await.unwrap();
    server.stop().await;
    let down = client.request(mar(2)).await;
    assert!(matches!(down, Err(Error::Down { .. })), "{down:?}");
    let again = Server::start(address, hss(), |_, m| async move { echo(&m) }).await;
    // The back-off is at most 5, 10, 20, ... ms by now; `request` waits for the connection.
    let mut answer = client.request(mar(3)).await;
    for _ in 0..20 {
        if answer.is_ok() {
            break;
        }
        answer = client.request(mar(3)).await;
    }
    assert_eq!(number(&answer.unwrap()), 3);
    again.stop().await;
}

#[tokio::test]
async fn a_stopping_server_finishes_what_it_began() {
    let (began, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&began), Arc::clone(&go_on));
    let server = Server::new(hss(), move |_, request| {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        async move {
            tell.notify_one();
            wait.notified().await;
            echo(&request)
        }
    })
    .await;
    let client = server.client(bsf());
    let asking = tokio::spawn({
        let client = client.clone();
        async move { client.request(mar(5)).await }
    });
    began.notified().await;
    server.stopper.stop();
    go_on.notify_one();
    assert_eq!(number(&asking.await.unwrap().unwrap()), 5);
    server.stop().await;
}

#[tokio::test]
async fn a_slow_handler_is_answered_for_and_a_panicking_one_too() {
    let mut config = hss();
    config.limits.handler = Duration::from_millis(20);
    let server = Server::new(config, |_, request| async move {
        match number(&request) {
            0 => std::future::pending().await,
            1 => panic!("as a handler with a fault would"),
            _ => echo(&request),
        }
    })
    .await;
    let client = server.client(bsf());
    let result = async |n| client.request(mar(n)).await.unwrap().result();
    assert_eq!(result(0).await, Ok(ResultCode::TOO_BUSY));
    assert_eq!(result(1).await, Ok(ResultCode::UNABLE_TO_COMPLY));
    assert_eq!(result(2).await, Ok(ResultCode::SUCCESS));
    server.stop().await;
}

#[tokio::test]
async fn a_client_gives_up_in_time_and_never_asks_too_much_at_once() {
    let server = Server::new(hss(), |_, request| async move {
        if number(&request) == 0 {
            std::future::pending::<()>().await;
        }
        echo(&request)
    })
    .await;
    let mut config = bsf();
    config.limits.request = Duration::from_millis(200);
    config.limits.in_flight = 1;
    let client = server.client(config);
    client.ready().await.unwrap();
    let (first, second) = tokio::join!(client.request(mar(0)), client.request(mar(1)));
    assert!(matches!(first, Err(Error::TimedOut { .. })), "{first:?}");
    assert!(matches!(second, Err(Error::Busy { limit: 1, .. })), "{second:?}");
    // The place of the one that gave up is free again.
    assert_eq!(number(&client.request(mar(2)).await.unwrap()), 2);
    drop(client);
    server.stopper.stop();
}

/// While as many requests are worked on as are allowed, the rest waits unread.
#[tokio::test]
async fn a_client_closes_without_the_answers_that_nobody_waits_for_any_more() {
    let mut config = hss();
    config.limits.handler = Duration::from_secs(3600);
    let server = Server::new(config, |_, _| std::future::pending()).await;
    let mut config = bsf();
    config.limits.request = Duration::from_millis(50);
    let client = server.client(config);
    let asked = client.request(mar(1)).await;
    assert!(matches!(asked, Err(Error::TimedOut { .. })), "{asked:?}");
    // One has given up, the other gives up while we leave.
    let under_way = tokio::spawn({
        let client = client.clone();
        async move { client.request(mar(2)).await }
    });
    let closed = tokio::time::timeout(Duration::from_secs(10), client.close()).await;
    assert_eq!(closed, Ok(()), "a lost answer keeps the client");
    assert!(under_way.await.unwrap().is_err());
    server.task.abort();
}

#[tokio::test]
async fn only_so_many_requests_are_worked_on_at_once() {
    let mut config = hss();
    config.limits.handlers = 2;
    let (running, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let highest = Arc::clone(&most);
    let server = Server::new(config, move |_, request| {
        let (running, highest) = (Arc::clone(&running), Arc::clone(&highest));
        async move {
            highest.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // Lets every other task run that can.
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            running.fetch_sub(1, Ordering::SeqCst);
            echo(&request)
        }
    })
    .await;
    let client = server.client(bsf());
    client.ready().await.unwrap();
    let mut asked = tokio::task::JoinSet::new();
    for n in 0..40 {
        let client = client.clone();
        asked.spawn(async move { number(&client.request(mar(n)).await.unwrap()) });
    }
    let answered = asked.join_all().await;
    assert_eq!(answered.len(), 40);
    assert_eq!(most.load(Ordering::SeqCst), 2);
    server.stop().await;
}

/// A BSF's side of a connection, made by hand: the capabilities are exchanged.
async fn opened(server: &Server) -> TcpStream {
    let mut cer = Message::request(grammar::CAPABILITIES_EXCHANGE, d::BASE, false);
    cer.push_origin(&origin(BSF));
    cer.avps
        .push(Avp::octets(&d::HOST_IP_ADDRESS, [0, 1, 127, 0, 0, 1]));
    cer.avps.push(Avp::u32(&d::VENDOR_ID, 0));
    cer.avps.push(Avp::utf8(&d::PRODUCT_NAME, "test"));
    cer.avps.push(Avp::u32(&d::AUTH_APPLICATION_ID, ZH));
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(&cer.encode()).await.unwrap();
    assert_eq!(read(&mut socket).await.result(), Ok(ResultCode::SUCCESS));
    socket
}

/// More faulty requests in one go than the queue has places: all are answered, since the peer does read.
#[tokio::test]
async fn who_sends_much_and_reads_is_not_dropped() {
    const FAULTY: u32 = 3000;
    let mut config = hss();
    (config.limits.handlers, config.limits.in_flight) = (2, 2);
    let server = Server::new(config, |_, request| async move { echo(&request) }).await;
    let (mut reading, mut writing) = opened(&server).await.into_split();
    let faulty = |n| {
        // Without Session-Id and most other AVPs.
        let mut m = Message::request(grammar::MULTIMEDIA_AUTH, ZH, true);
        m.hop_by_hop = n;
        m.encode()
    };
    let octets: Vec<u8> = (0..FAULTY).flat_map(faulty).collect();
    let sending = tokio::spawn(async move { writing.write_all(&octets).await.map(|()| writing) });
    for n in 0..FAULTY {
        let answer = read(&mut reading).await;
        assert_eq!(answer.hop_by_hop, n);
        assert_ne!(answer.result(), Ok(ResultCode::SUCCESS));
    }
    drop(sending.await.unwrap().unwrap());
    server.stop().await;
}

/// The other side of it: who sends and never reads is dropped by the stall timer.
#[tokio::test(start_paused = true)]
async fn who_sends_and_never_reads_is_dropped() {
    let server = Server::echo().await;
    let mut socket = opened(&server).await;
    let octets = Message::request(grammar::MULTIMEDIA_AUTH, ZH, true).encode();
    // At last every buffer between us is full, and the server closes.
    while socket.write_all(&octets).await.is_ok() {}
}

/// Reads until the server closes; the octets it sent.
async fn until_closed(socket: &mut TcpStream) -> Vec<u8> {
    let mut octets = Vec::new();
    // A reset is a close too.
    let _ = socket.read_to_end(&mut octets).await;
    octets
}

#[tokio::test(start_paused = true)]
async fn a_silent_socket_is_closed_by_the_timer() {
    let server = Server::echo().await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    assert!(until_closed(&mut silent).await.is_empty());
    // Half a head doesn't help either.
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(&[1, 0, 0, 200, 0x80]).await.unwrap();
    assert!(until_closed(&mut slow).await.is_empty());
}

#[tokio::test]
async fn what_is_no_diameter_is_closed() {
    let server = Server::echo().await;
    let cer = Message::request(grammar::CAPABILITIES_EXCHANGE, d::BASE, false).encode();
    let head = |length: u8| {
        let mut octets = cer.clone();
        octets[3] = length;
        octets
    };
    let http = b"GET / HTTP/1.1\r\nHost: hss.home.test\r\n\r\n".to_vec();
    // A length below the head gets no answer: nothing can be trusted (kamailio 4876).
    for (octets, answered) in [
        (http, false),
        (head(5), false),
        (head(22), true),
        (mar(1).encode(), false),
    ] {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(&octets).await.unwrap();
        let answer = until_closed(&mut socket).await;
        assert_eq!(!answer.is_empty(), answered, "{octets:02x?}");
    }
    server.stop().await;
}

/// An HSS that is out to confuse: the client takes only the answer to its question.
//= RFC6733-3-r3
#[tokio::test]
async fn answers_to_nothing_are_dropped() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let client = Client::connect(listener.local_addr().unwrap().to_string(), bsf());
    let evil = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let cer = read(&mut socket).await;
        let mut cea = Message::answer_to(&cer);
        cea.avps.push(result_avp(ResultCode::SUCCESS));
        cea.push_origin(&origin(HSS));
        cea.avps.push(Avp::u32(&d::AUTH_APPLICATION_ID, ZH));
        socket.write_all(&cea.encode()).await.unwrap();
        let asked = read(&mut socket).await;
        let mut other_hop = echo(&asked);
        other_hop.hop_by_hop ^= 1;
        let mut other_end = echo(&asked);
        other_end.end_to_end ^= 1;
        let mut other_command = echo(&asked);
        other_command.command = 300;
        let mut right = echo(&asked);
        right.avps.push(Avp::utf8(&d::USER_NAME, "the right one"));
        for m in [other_hop, other_end, other_command, right] {
            socket.write_all(&m.encode()).await.unwrap();
        }
        socket
    });
    let answer = client.request(mar(1)).await.unwrap();
    assert!(answer.find(&d::USER_NAME).is_some());
    drop(evil.await.unwrap());
}

async fn read<S: tokio::io::AsyncRead + Unpin>(socket: &mut S) -> Message {
    let mut octets = vec![0; 20];
    socket.read_exact(&mut octets).await.unwrap();
    let length = ::diameter::Header::parse(&octets).unwrap().length;
    octets.resize(length, 0);
    socket.read_exact(&mut octets[20..]).await.unwrap();
    Message::parse(&octets).unwrap()
}
