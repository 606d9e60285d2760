//! TLS-PSK between our own ends: what both learn, what fails alike, what is bounded.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::Duration,
};

use base::Secret;
use net::{
    Error,
    tap::{Connection, Direction, Message, SharedTap, Tap, WireBytes},
    tls::{
        psk::{Client, Config, HINT, Lookup, PskHello, Server, ServerOffer, Story},
        suite::Suite,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const SNI: &str = "maf.operator.example";
const IDENTITY: &[u8] = b"3GPP-bootstrapping;I1U8vpY3qJ0hiuZNrke/NQ==@bsf.mnc001.mcc001.pub.3gppnetwork.org";
const KEY: [u8; 32] = [0x42; 32];

fn config(suites: &[Suite]) -> Config {
    Config {
        suites: suites.to_vec(),
        ..Config::default()
    }
}

/// Both ends of a connection.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (client, accepted) = tokio::join!(
        TcpStream::connect(listener.local_addr().unwrap()),
        listener.accept()
    );
    (client.unwrap(), accepted.unwrap().0)
}

struct Run {
    server: Result<String, Error>,
    client: Result<String, Error>,
    hello: Option<PskHello>,
    offer: Option<ServerOffer>,
}

/// A handshake and an echo. The server finds `found`; the client uses [`KEY`].
async fn run(server: &Server, client: &Client, found: Lookup) -> Run {
    let (near, far) = pair().await;
    let (near_id, far_id) = (Connection::of(&near).unwrap(), Connection::of(&far).unwrap());
    let (mut hello, mut offer) = (None, None);
    let serve = async {
        let find = async |h| {
            tokio::task::yield_now().await;
            hello = Some(h);
            found
        };
        let mut stream = server.accept(far, far_id, find).await?;
        let mut octets = [0; 4];
        stream.read_exact(&mut octets).await.unwrap();
        stream.write_all(&octets).await.unwrap();
        Ok(format!("{:?}", stream.info()))
    };
    let ask = async {
        let find = async |o| {
            tokio::task::yield_now().await;
            offer = Some(o);
            Ok(Secret::new(KEY))
        };
        let mut stream = client.connect(near, near_id, SNI, IDENTITY, find).await?;
        stream.write_all(b"ping").await.unwrap();
        let mut octets = [0; 4];
        stream.read_exact(&mut octets).await.unwrap();
        assert_eq!(&octets, b"ping");
        Ok(format!("{:?}", stream.info()))
    };
    let (server, client) = tokio::join!(serve, ask);
    Run {
        server,
        client,
        hello,
        offer,
    }
}

//= TS33.222-5.4-r2
#[tokio::test]
async fn both_ends_learn_the_suite_before_the_key_and_agree() {
    for suite in Suite::ALL {
        let server = Server::new(config(&[suite]), HINT, None).unwrap();
        let client = Client::new(config(&Suite::ALL), None).unwrap();
        let run = run(&server, &client, Lookup::Key(Secret::new(KEY))).await;
        let hello = PskHello {
            sni: SNI.to_owned(),
            suite: suite.code(),
            identity: IDENTITY.to_vec(),
        };
        assert_eq!(run.hello, Some(hello), "{suite}");
        let offer = ServerOffer {
            suite: suite.code(),
            hint: Some(HINT.into()),
        };
        assert_eq!(run.offer, Some(offer), "{suite}");
        assert_eq!(run.server.unwrap(), run.client.unwrap(), "{suite}");
    }
}

//= RFC4279-5.3-r1
#[tokio::test]
async fn an_identity_may_have_256_octets() {
    let identity = [b'i'; 256];
    let server = Server::new(Config::default(), HINT, None).unwrap();
    let client = Client::new(Config::default(), None).unwrap();
    let (near, far) = pair().await;
    let (near_id, far_id) = (Connection::of(&near).unwrap(), Connection::of(&far).unwrap());
    let accept = server.accept(far, far_id, async |_| Lookup::Key(Secret::new(KEY)));
    let connect = client.connect(near, near_id, SNI, &identity, async |_| Ok(Secret::new(KEY)));
    let (server, client) = tokio::join!(accept, connect);
    assert_eq!(server.unwrap().info().identity, identity);
    assert_eq!(client.unwrap().info().identity, identity);
}

//= RFC4279-2-r1
//= ROW-39
#[tokio::test]
async fn unknown_identity_and_wrong_key_end_alike() {
    let server = Server::new(Config::default(), HINT, None).unwrap();
    let client = Client::new(Config::default(), None).unwrap();
    let wrong = run(&server, &client, Lookup::Key(Secret::new([0x43; 32]))).await;
    let unknown = run(&server, &client, Lookup::Unknown).await;
    let alert = |e: Error| match e {
        Error::TlsAlert { alert, .. } => alert,
        other => panic!("{other}"),
    };
    assert_eq!(alert(wrong.client.unwrap_err()), 20);
    assert_eq!(alert(unknown.client.unwrap_err()), 20);
    let rule = |e: Error| match e {
        Error::Tls { rule, .. } => rule,
        other => panic!("{other}"),
    };
    assert_eq!(
        rule(wrong.server.unwrap_err()),
        "the two ends hold different keys"
    );
    let rule = rule(unknown.server.unwrap_err());
    assert_eq!(
        rule, "no key for this identity and server name",
        "only our log tells them apart"
    );
    let down = run(&server, &client, Lookup::Unavailable).await;
    assert_eq!(
        alert(down.client.unwrap_err()),
        80,
        "a key that can't be asked for is no wrong key"
    );
}

#[tokio::test]
async fn no_common_suite_is_said_in_words() {
    let server = Server::new(config(&[Suite::Aes128GcmSha256]), HINT, None).unwrap();
    let client = Client::new(Config::default(), None).unwrap();
    let run = run(&server, &client, Lookup::Unknown).await;
    assert!(matches!(run.client, Err(Error::TlsAlert { alert: 40, .. })));
    assert!(matches!(run.server, Err(Error::Tls { rule, .. }) if rule.contains("suite")));
    assert_eq!((run.hello, run.offer), (None, None), "nobody is asked for a key");
}

#[tokio::test]
async fn the_client_may_refuse_after_the_hint() {
    let server = Server::new(Config::default(), "3GPP-bootstrapping-uicc", None).unwrap();
    let client = Client::new(Config::default(), None).unwrap();
    let (near, far) = pair().await;
    let (near_id, far_id) = (Connection::of(&near).unwrap(), Connection::of(&far).unwrap());
    let refusal = Error::Misuse { rule: "hint" };
    let accept = server.accept(far, far_id, async |_| -> Lookup { panic!("no identity came") });
    let connect = client.connect(near, near_id, SNI, IDENTITY, async |offer| {
        assert_eq!(offer.hint.as_deref(), Some(&b"3GPP-bootstrapping-uicc"[..]));
        Err(refusal.clone())
    });
    let (server, client) = tokio::join!(accept, connect);
    assert_eq!(client.err(), Some(refusal.clone()));
    assert!(matches!(server, Err(Error::TlsAlert { alert: 40, .. })));
}

/// A relay that passes the client's octets on in single-octet writes, or each record in records of one octet.
async fn relay(mut from: TcpStream, mut to: TcpStream, fragment: bool) {
    let (mut from_read, mut from_write) = from.split();
    let (mut to_read, mut to_write) = to.split();
    let up = async {
        let mut clear = true;
        while let Ok(kind) = from_read.read_u8().await {
            let version = from_read.read_u16().await.unwrap();
            let mut body = vec![0; usize::from(from_read.read_u16().await.unwrap())];
            from_read.read_exact(&mut body).await.unwrap();
            clear &= kind == 22;
            let size = if fragment && clear { 1 } else { body.len() };
            for piece in body.chunks(size) {
                let length = u16::try_from(piece.len()).unwrap();
                let mut record = vec![kind];
                record.extend(version.to_be_bytes());
                record.extend(length.to_be_bytes());
                record.extend(piece);
                for octet in record {
                    to_write.write_all(&[octet]).await.unwrap();
                }
            }
        }
    };
    let down = tokio::io::copy(&mut to_read, &mut from_write);
    tokio::select! { () = up => (), _ = down => () }
}

#[tokio::test]
async fn a_fragmented_client_key_exchange_is_put_together() {
    for fragment in [false, true] {
        let server = Server::new(Config::default(), HINT, None).unwrap();
        let client = Client::new(Config::default(), None).unwrap();
        let ((near, from), (to, far)) = (pair().await, pair().await);
        let (near_id, far_id) = (Connection::of(&near).unwrap(), Connection::of(&far).unwrap());
        tokio::spawn(relay(from, to, fragment));
        let accept = server.accept(far, far_id, async |hello: PskHello| {
            assert_eq!(hello.identity, IDENTITY);
            Lookup::Key(Secret::new(KEY))
        });
        let connect = client.connect(near, near_id, SNI, IDENTITY, async |_| Ok(Secret::new(KEY)));
        let (server, client) = tokio::join!(accept, connect);
        assert_eq!(server.unwrap().info(), client.unwrap().info());
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_closed() {
    let server = Server::new(Config::default(), HINT, None).unwrap();
    let (mut near, far) = pair().await;
    let far_id = Connection::of(&far).unwrap();
    let start = tokio::time::Instant::now();
    let (ended, _) = tokio::join!(
        async {
            let ended = server.accept(far, far_id, async |_| Lookup::Unknown).await;
            ended.map(drop)
        },
        async {
            // Closes as soon as the server has, which a server may wait for a moment.
            let _ = near.read(&mut [0; 16]).await;
            drop(near);
        }
    );
    assert!(matches!(ended, Err(Error::TimedOut { .. })), "{ended:?}");
    assert!(start.elapsed() < Duration::from_secs(11));
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_left() {
    let client = Client::new(Config::default(), None).unwrap();
    let (near, _far) = pair().await;
    let near_id = Connection::of(&near).unwrap();
    let find = async |_| -> Result<_, _> { panic!("no ServerHello came") };
    let ended = client.connect(near, near_id, SNI, IDENTITY, find).await;
    assert!(matches!(ended, Err(Error::TimedOut { .. })), "{ended:?}");
}

#[tokio::test]
async fn octets_that_are_no_tls_get_an_alert_and_no_key() {
    let server = Server::new(Config::default(), HINT, None).unwrap();
    for octets in [
        &b"GET / HTTP/1.1\r\nHost: maf\r\n\r\n"[..],
        &[0x80, 0x2e, 1, 3, 3, 0, 0, 0],
        &[22, 3, 3, 0xff, 0xff, 1, 0, 0, 0],
        &[21, 3, 3, 0, 2, 2, 40],
    ] {
        let (mut near, far) = pair().await;
        let far_id = Connection::of(&far).unwrap();
        near.write_all(octets).await.unwrap();
        near.shutdown().await.unwrap();
        let find = async |_| -> Lookup { panic!("nobody is to be asked") };
        let ended = server.accept(far, far_id, find).await;
        assert!(ended.is_err(), "{octets:02x?}");
    }
}

#[tokio::test]
async fn misuse_is_refused_before_anything_is_sent() {
    let client = Client::new(Config::default(), None).unwrap();
    for (sni, identity) in [(SNI, &[b'i'; 257][..]), (SNI, b"nul\0"), ("", IDENTITY)] {
        let (near, _far) = pair().await;
        let near_id = Connection::of(&near).unwrap();
        let find = async |_| -> Result<_, _> { panic!("nothing was sent") };
        let ended = client.connect(near, near_id, sni, identity, find).await;
        assert!(matches!(ended, Err(Error::Misuse { .. })), "{ended:?}");
    }
    assert!(Server::new(Config::default(), "nul\0", None).is_err());
    assert!(Server::new(Config::default(), &"h".repeat(257), None).is_err());
}

#[derive(Default)]
struct Recorder {
    told: Mutex<Vec<String>>,
    octets: Mutex<[Vec<u8>; 2]>,
    secrets: Mutex<Vec<String>>,
}

impl Tap for Recorder {
    fn message(&self, m: Message<'_>) {
        assert!(m.summary.chars().count() <= 70, "{}", m.summary);
        let line = format!("{} {}>{} {}", m.interface, m.from, m.to, m.summary);
        self.told.lock().unwrap().push(line);
    }
    fn octets(&self, _: &Connection, direction: Direction, octets: WireBytes<'_>) {
        let [received, sent] = &mut *self.octets.lock().unwrap();
        match direction {
            Direction::Received => received.extend(octets.expose()),
            Direction::Sent => sent.extend(octets.expose()),
        }
    }
    fn tls_secret(&self, line: &str) {
        self.secrets.lock().unwrap().push(line.to_owned());
    }
}

#[tokio::test]
async fn the_ladder_has_each_message_once_with_the_key_in_between() {
    let recorder = Arc::new(Recorder::default());
    let tap: SharedTap = recorder.clone();
    let story = Story {
        interface: "Ua",
        client: "UE".to_owned(),
        server: "MAF".to_owned(),
        tells_peer: false,
    };
    let server = Server::new(Config::default(), HINT, Some(tap.clone())).unwrap();
    let server = server.with_story(story.clone());
    let client = Client::new(Config::default(), Some(tap))
        .unwrap()
        .with_story(story);
    let (near, far) = pair().await;
    let (near_id, far_id) = (Connection::of(&near).unwrap(), Connection::of(&far).unwrap());
    let accept = server.accept(far, far_id, async |_| {
        recorder.told.lock().unwrap().push("Zn".to_owned());
        Lookup::Key(Secret::new(KEY))
    });
    let connect = client.connect(near, near_id, SNI, IDENTITY, async |_| Ok(Secret::new(KEY)));
    let (accepted, connected) = tokio::join!(accept, connect);
    let (mut accepted, mut connected) = (accepted.unwrap(), connected.unwrap());
    connected.write_all(b"in secret").await.unwrap();
    accepted.read_exact(&mut [0; 9]).await.unwrap();
    let told = recorder.told.lock().unwrap().clone();
    let expected = [
        "Ua UE>MAF ClientHello SNI maf.operator.example",
        "Ua MAF>UE ServerHello PSK-AES128-CBC-SHA256",
        "Ua MAF>UE ServerKeyExchange hint 3GPP-bootstrapping",
        "Ua UE>MAF ClientKeyExchange identity 3GPP-bootstrapping;I1U8vpY3qJ0hiuZNrke/NQ=…",
        "Zn",
        "Ua MAF>UE Finished, PSK-AES128-CBC-SHA256",
    ];
    assert_eq!(told, expected);
    let [received, sent] = recorder.octets.lock().unwrap().clone();
    assert_eq!(
        received, sent,
        "both ends are tapped: what one sent, the other received"
    );
    assert!(received.windows(SNI.len()).any(|w| w == SNI.as_bytes()));
    assert!(
        !received.windows(9).any(|w| w == b"in secret"),
        "records, not the text in them"
    );
    let secrets = recorder.secrets.lock().unwrap().clone();
    assert_eq!(secrets.len(), 2, "one line from each end");
    assert!(secrets.iter().all(|line| line.starts_with("CLIENT_RANDOM ")));
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(octets);
        Ok(octets.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn ruling_35_logs_hold_no_key_in_any_spelling() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = Server::new(Config::default(), HINT, None).unwrap();
    let client = Client::new(Config::default(), None).unwrap();
    assert!(
        run(&server, &client, Lookup::Key(Secret::new(KEY)))
            .await
            .client
            .is_ok()
    );
    let wrong = [0x5c; 32];
    let failed = run(&server, &client, Lookup::Key(Secret::new(wrong))).await;
    let said = format!("{:?} {:?}", failed.client, failed.server);
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        logged.contains("TLS handshake failed"),
        "something was logged: {logged}"
    );
    let all = logged + &said;
    for key in [KEY, wrong] {
        let hex = base::hex::encode(&key[..4]);
        let list = format!("{:?}", &key[..4]);
        for spelt in [&hex, &hex.to_uppercase(), list.trim_matches(['[', ']'])] {
            assert!(!all.contains(spelt), "{spelt} in {all}");
        }
    }
}
