//! freeDiameter, a Diameter node and relay with its own codec and its own TLS (GnuTLS): as a peer that calls us, as one
//! that doesn't know us, as a relay between our BSF and our HSS, and over TLS in both directions.
//!
//! Whatever `ListenOn` says it listens on every address, so each test runs again in a network namespace of its own,
//! where the peers speak over loopback and nothing leads outside. Where the system allows none, it says so and runs without.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "tests"
)]

use std::{
    env, fs,
    future::Future,
    io::{BufRead, BufReader},
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use aka::{Algorithm, AlgorithmSet, Milenage};
use base::{Secret, SeededEntropy};
use bsf::{VectorSource, ZhSource};
use diameter::{
    Header, Identity, Message, Origin,
    dictionary::{self as d, ZH},
    grammar::{CAPABILITIES_EXCHANGE, DEVICE_WATCHDOG, DISCONNECT_PEER, MULTIMEDIA_AUTH},
};
use gba::ids::Impi;
use hss::{Auc, Hss, MemorySqnStore, Subscriber, Subscribers};
use net::{
    accept,
    diameter::{Client, Config, Credentials, Role, Rule, Security, serve},
    tap::{Connection, Direction, Tap, WireBytes},
    tls::pki::{Authority, Issued, Validity},
};
use tests::peer;
use tokio::{net::TcpListener, sync::Notify, time::timeout};

const FDA: &str = "fda.home.test";
const HSS: &str = "hss.home.test";
const BSF: &str = "bsf.home.test";
const IMPI: &str = "001010000000001@ims.mnc001.mcc001.3gppnetwork.org";
const LIMIT: Duration = Duration::from_secs(15);

fn id(name: &str) -> Identity {
    name.parse().unwrap()
}

fn origin(host: &str) -> Origin {
    Origin {
        host: id(host),
        realm: id("home.test"),
    }
}

fn config(us: &str, role: Role) -> Config {
    let mut config = Config::new(origin(us), vec![ZH], vec![Rule { host: id(FDA), role }]);
    config.limits.open = LIMIT;
    config
}

/// Runs the test `name` in a network of its own, with the daemon's program; not at all if that is missing.
fn alone<F: Future<Output = ()>>(name: &str, test: impl FnOnce(PathBuf) -> F) {
    const INSIDE: &str = "GBA_TEST_NETWORK";
    let Some(daemon) = peer::program("freeDiameterd", "freediameterd freediameter-extensions") else {
        return;
    };
    // A user namespace gives who isn't root the right to a network namespace.
    let unshare = |rights: &str, then: &[&str]| {
        let mut command = Command::new("unshare");
        // The daemon doesn't start where there is no address but 127.0.0.1, so it gets one (RFC 5737) that leads nowhere.
        let script = "exec 3>&2 2>/dev/null; ip link set lo up && \
            { ip link add gba0 type dummy || ip link add gba0 type veth peer name gba1 || ip link add gba0 type bridge; } && \
            ip addr add 192.0.2.1/24 dev gba0 && ip link set gba0 up && exec 2>&3 3>&- && exec \"$@\"";
        command.args([rights, "sh", "-c", script, "sh"]).args(then);
        command
    };
    let can = |rights: &&&str| {
        let tried = unshare(rights, &["true"]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    match ["-n", "-rn"].iter().find(can) {
        Some(rights) if env::var_os(INSIDE).is_none() => {
            let this = env::current_exe().unwrap();
            let mut again = unshare(rights, &[this.to_str().unwrap(), "--exact", name, "--nocapture"]);
            let done = peer::run(again.env(INSIDE, "1"), LIMIT * 3);
            let said = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
            let (out, err) = (said(&done.stdout), said(&done.stderr));
            assert!(done.status.success() && out.contains("1 passed"), "{out}{err}");
            return;
        }
        None if env::var_os(INSIDE).is_none() => {
            eprintln!("no network namespace (unshare, ip): freeDiameter listens on every address meanwhile");
        }
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(test(daemon));
}

/// A port that is free now, and in a network of its own stays so.
async fn port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    listener.local_addr().unwrap().port()
}

/// A CA with certificates in files, for the daemon needs one even without TLS, and its common name has to be the host's.
struct Pki {
    authority: Authority,
    dir: tempfile::TempDir,
}

impl Pki {
    fn new() -> Self {
        let pki = Self {
            authority: Authority::new("test CA", Validity::days(2)).unwrap(),
            dir: tempfile::tempdir().unwrap(),
        };
        pki.write("ca", pki.authority.issued());
        pki.write(FDA, &pki.issue(FDA));
        pki
    }

    fn issue(&self, host: &str) -> Issued {
        self.authority.issue(&id(host), Validity::days(1)).unwrap()
    }

    fn write(&self, name: &str, issued: &Issued) {
        fs::write(self.file(name, "pem"), issued.cert_pem().unwrap()).unwrap();
        fs::write(self.file(name, "key"), issued.key_pem().unwrap().expose()).unwrap();
    }

    fn file(&self, name: &str, extension: &str) -> PathBuf {
        self.dir.path().join(format!("{name}.{extension}"))
    }

    /// For a node of ours.
    fn security(&self, host: &str) -> Security {
        let (ca, issued) = (self.authority.issued(), self.issue(host));
        let key = issued.key_pem().unwrap();
        let credentials =
            Credentials::from_pem(&ca.cert_pem().unwrap(), &issued.cert_pem().unwrap(), key.expose());
        Security::Tls(credentials.unwrap())
    }
}

/// The daemon. Ended when dropped; what it said is shown then if the test fails.
struct FreeDiameter {
    child: Child,
    said: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl FreeDiameter {
    /// With ports for clear and TLS (0: none), and more lines of its configuration.
    fn start(program: &Path, pki: &Pki, port: u16, tls_port: u16, more: &str) -> Self {
        let conf = pki.file(FDA, "conf");
        let (cert, key, ca) = (pki.file(FDA, "pem"), pki.file(FDA, "key"), pki.file("ca", "pem"));
        let text = format!(
            "Identity = \"{FDA}\";\nRealm = \"home.test\";\nPort = {port};\nSecPort = {tls_port};\nNo_SCTP;\n\
             No_IPv6;\nListenOn = \"127.0.0.1\";\nTLS_Cred = {cert:?}, {key:?};\nTLS_CA = {ca:?};\nTwTimer = 6;\n\
             TcTimer = 1;\n{more}\n"
        );
        fs::write(&conf, text).unwrap();
        let mut child = Command::new(program)
            .arg("-c")
            .arg(conf)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let (out, into) = (child.stdout.take().unwrap(), Arc::clone(&said));
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let mut said = into.lock().unwrap();
                said.push_str(&line);
                said.push('\n');
            }
        });
        Self {
            child,
            said,
            reader: Some(reader),
        }
    }

    /// Extension that lets peers in that it doesn't connect to itself.
    fn acl(pki: &Pki, lines: &str) -> String {
        let file = pki.file("acl", "conf");
        fs::write(&file, lines).unwrap();
        format!("LoadExtension = \"acl_wl.fdx\" : {file:?};")
    }

    /// Asks it to end, as a person would; it says goodbye (DPR) to its peers.
    async fn stop(&mut self) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        let start = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < LIMIT, "the daemon doesn't end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for FreeDiameter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        if std::thread::panicking() {
            eprintln!("freeDiameter said:\n{}", self.said.lock().unwrap());
        }
    }
}

/// Notes the messages that pass in clear, and wakes whoever waits for one.
#[derive(Default)]
struct Passed {
    seen: Mutex<Vec<(Direction, Message)>>,
    more: Notify,
}

impl Passed {
    async fn wait(&self, direction: Direction, command: u32, request: bool) -> Message {
        let seen = async {
            loop {
                let found = self.seen.lock().unwrap().iter().find_map(|(way, m)| {
                    let wanted = *way == direction && m.command == command && m.is_request() == request;
                    wanted.then(|| m.clone())
                });
                if let Some(message) = found {
                    return message;
                }
                self.more.notified().await;
            }
        };
        let what = format!("{direction:?} {command} {request}");
        timeout(LIMIT, seen).await.expect(&what)
    }
}

impl Tap for Passed {
    fn message(&self, _: net::tap::Message<'_>) {}

    fn octets(&self, _: &Connection, direction: Direction, octets: WireBytes<'_>) {
        // Whole messages in each read and write: enough on a line that is quiet.
        let mut rest = octets.expose();
        while let Ok(header) = Header::parse(rest) {
            let Some((message, after)) = rest.split_at_checked(header.length) else {
                break;
            };
            self.seen
                .lock()
                .unwrap()
                .push((direction, Message::parse(message).unwrap()));
            rest = after;
        }
        self.more.notify_one();
    }
}

#[test]
fn connects_keeps_the_watchdog_and_disconnects() {
    alone(
        "connects_keeps_the_watchdog_and_disconnects",
        |daemon| async move {
            let pki = Pki::new();
            let passed = Arc::new(Passed::default());
            let mut node = config(HSS, Role::Bsf);
            node.tap = Arc::<Passed>::clone(&passed);
            // Ours waits longer than the daemon's 6 s, so that each end asks once: the daemon first.
            node.limits.timers.watchdog = Duration::from_secs(30);
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            let (stopper, stop) = accept::stop();
            let server = tokio::spawn(serve(listener, node, stop, |_, m| async move {
                Message::answer_to(&m)
            }));
            let connect = format!(
                "ConnectPeer = \"{HSS}\" {{ ConnectTo = \"127.0.0.1\"; Port = {}; No_TLS; No_SCTP; No_IPv6; }};",
                address.port()
            );
            let mut fd = FreeDiameter::start(&daemon, &pki, port().await, 0, &connect);
            let (received, sent) = (Direction::Received, Direction::Sent);
            let cer = passed.wait(received, CAPABILITIES_EXCHANGE, true).await;
            assert_eq!(cer.origin().unwrap().host, id(FDA));
            let cea = passed.wait(sent, CAPABILITIES_EXCHANGE, false).await;
            assert!(cea.result().unwrap().is_success());
            passed.wait(received, DEVICE_WATCHDOG, true).await;
            passed.wait(sent, DEVICE_WATCHDOG, false).await;
            fd.stop().await;
            passed.wait(received, DISCONNECT_PEER, true).await;
            let dpa = passed.wait(sent, DISCONNECT_PEER, false).await;
            assert!(dpa.result().unwrap().is_success());
            stopper.stop();
            server.await.unwrap().unwrap();
        },
    );
}

#[test]
fn answers_our_watchdog_and_our_goodbye() {
    alone("answers_our_watchdog_and_our_goodbye", |daemon| async move {
        let pki = Pki::new();
        let port = port().await;
        let acl = FreeDiameter::acl(&pki, "ALLOW_IPSEC *.home.test\n");
        let _fd = FreeDiameter::start(&daemon, &pki, port, 0, &acl);
        let passed = Arc::new(Passed::default());
        let mut ours = config(BSF, Role::Relay);
        ours.tap = Arc::<Passed>::clone(&passed);
        ours.limits.timers.watchdog = Duration::from_millis(300);
        let client = Client::connect(format!("127.0.0.1:{port}"), ours);
        client.ready().await.unwrap();
        passed.wait(Direction::Received, DEVICE_WATCHDOG, false).await;
        assert!(client.is_proven());
        client.close().await;
        let dpa = passed.wait(Direction::Received, DISCONNECT_PEER, false).await;
        assert!(dpa.result().unwrap().is_success());
    });
}

#[test]
fn refuses_us_with_3010_without_its_acl() {
    alone("refuses_us_with_3010_without_its_acl", |daemon| async move {
        let pki = Pki::new();
        let port = port().await;
        let _fd = FreeDiameter::start(&daemon, &pki, port, 0, "");
        let mut ours = config(BSF, Role::Relay);
        ours.limits.open = Duration::from_millis(100);
        let client = Client::connect(format!("127.0.0.1:{port}"), ours);
        let start = Instant::now();
        // Until the daemon listens, nobody is there.
        let refused = loop {
            let refused = client.ready().await.expect_err("it doesn't know us").to_string();
            if refused.contains("3010") {
                break refused;
            }
            assert!(start.elapsed() < LIMIT, "{refused}");
        };
        assert!(refused.contains("Origin-Host"), "says what to do: {refused}");
    });
}

fn milenage() -> Milenage {
    Milenage::new(&Secret::new([1; 16]), &Secret::new([2; 16]))
}

/// An HSS of ours behind the daemon, which is its relay.
fn hss(tap: Arc<dyn Tap>, security: Security) -> Arc<Hss<MemorySqnStore, SeededEntropy>> {
    let subscriber = Subscriber::new(IMPI.parse().unwrap(), AlgorithmSet::Milenage(milenage()));
    let mut subscribers = Subscribers::new();
    subscribers.add(subscriber).unwrap();
    let mut config = hss::Config::new(origin(HSS), [id(BSF)]);
    config.relays = [id(FDA)].into();
    config.security = security;
    let auc = Auc::new(MemorySqnStore::new(), SeededEntropy::new(7));
    Arc::new(Hss::new(config, subscribers, auc).with_tap(tap))
}

/// A whole MAR and MAA over the daemon. `to_hss` is how it calls the HSS; the port is put in for `{}`.
async fn relayed(daemon: &Path, pki: &Pki, tls: bool) -> Arc<Passed> {
    let security = |host| {
        if tls {
            pki.security(host)
        } else {
            Security::default()
        }
    };
    let passed = Arc::new(Passed::default());
    // Under TLS the tap sees records.
    let tap: Arc<dyn Tap> = if tls {
        Arc::new(net::tap::NoTap)
    } else {
        Arc::<Passed>::clone(&passed)
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let hss_port = listener.local_addr().unwrap().port();
    let (stopper, stop) = accept::stop();
    let server = tokio::spawn(hss::serve(listener, hss(tap, security(HSS)), stop));
    let (clear, sec) = (port().await, port().await);
    let acl = FreeDiameter::acl(
        pki,
        if tls {
            "*.home.test\n"
        } else {
            "ALLOW_IPSEC *.home.test\n"
        },
    );
    let flags = if tls { "" } else { "No_TLS;" };
    let more = format!(
        "{acl}\nConnectPeer = \"{HSS}\" {{ ConnectTo = \"127.0.0.1\"; Port = {hss_port}; {flags} No_SCTP; No_IPv6; }};"
    );
    let _fd = FreeDiameter::start(daemon, pki, clear, if tls { sec } else { 0 }, &more);
    let mut ours = config(BSF, Role::Relay);
    ours.security = security(BSF);
    let client = Client::connect(format!("127.0.0.1:{}", if tls { sec } else { clear }), ours);
    client.ready().await.unwrap();
    let source = ZhSource::new(client.clone(), origin(BSF), id("home.test"));
    let impi: Impi = IMPI.parse().unwrap();
    let start = Instant::now();
    // It may be up for us before it is connected to the HSS: then it answers 3002.
    let obtained = loop {
        match source.fetch(&impi, None).await {
            Ok(obtained) => break obtained,
            Err(e) => assert!(start.elapsed() < LIMIT, "{e:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let expected = milenage().f2345(&obtained.vector.rand);
    assert_eq!(obtained.vector.xres.expose(), expected.res.expose());
    assert_eq!(obtained.vector.ck.expose(), expected.ck.expose());
    assert!(obtained.guss.is_some());
    client.close().await;
    stopper.stop();
    server.await.unwrap().unwrap();
    passed
}

#[test]
fn relays_between_our_bsf_and_our_hss() {
    alone("relays_between_our_bsf_and_our_hss", |daemon| async move {
        let passed = relayed(&daemon, &Pki::new(), false).await;
        let mar = passed.wait(Direction::Received, MULTIMEDIA_AUTH, true).await;
        assert_eq!(mar.origin().unwrap().host, id(BSF), "the BSF's own");
        assert!(mar.find(&d::ROUTE_RECORD).is_some(), "a relay was between");
    });
}

/// Certificates on three nodes, two implementations of TLS: ours calls it, and it calls ours.
#[test]
fn ruling_21_relays_over_tls_in_both_directions() {
    alone(
        "ruling_21_relays_over_tls_in_both_directions",
        |daemon| async move {
            relayed(&daemon, &Pki::new(), true).await;
        },
    );
}
