//! python-diameter, which has its own codec and peer code, against our Diameter: as HSS on Zh, as BSF on Zh, as NAF
//! on Zn.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use aka::{Algorithm, Auts, Milenage, Rand};
use base::{Secret, SeededEntropy, hex};
use bsf::{
    MemorySessions, Sessions, Ub, VectorSource, ZhSource,
    rights::{NafRights, Rights, UaRule},
    serve_ub,
    sessions::{Mode, Session},
    zn::{ZnConfig, ZnServer},
};
use diameter::{
    Header, Identity, Message, Origin,
    dictionary::{ZH, ZN},
    grammar,
};
use gba::{
    ids::{Btid, Impi, NafId, UaId},
    keys::Ks,
    ub::{
        BootstrappingInfo,
        server::{Obtained, Rate, SourceFailure},
    },
};
use hss::{Auc, Hss, MemorySqnStore, Subscriber, Subscribers};
use net::{
    accept, clock,
    diameter::{Client, Config, Failover, Role, Rule, serve},
    tap::{Connection, Direction, Tap, WireBytes},
};
use serde_json::{Value, json};
use tests::{
    peer,
    scene::challenge,
    wired::{ByHand, listen},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    net::TcpListener,
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::Notify,
    time::timeout,
};

const HSS: &str = "hss.home.test";
const BSF: &str = "bsf.home.test";
const NAF: &str = "naf.home.test";
const IMPI: &str = "001010000000001@ims.mnc001.mcc001.3gppnetwork.org";
const LIMIT: Duration = Duration::from_secs(20);

fn id(name: &str) -> Identity {
    name.parse().unwrap()
}

fn origin(host: &str) -> Origin {
    Origin {
        host: id(host),
        realm: id("home.test"),
    }
}

fn config(us: &str, application: u32, them: &str, role: Role) -> Config {
    let host = id(them);
    Config::new(origin(us), vec![application], vec![Rule { host, role }])
}

/// A script of `tests/peers`, talking in lines of JSON.
struct Script {
    /// Killed when dropped.
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Script {
    fn start(python: &Path, name: &str, argument: &Value) -> Self {
        let file: PathBuf = peer::root().join("tests").join("peers").join(name);
        let mut child = Command::new(python)
            .arg("-B")
            .arg(file)
            .arg(argument.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // The library warns of every closed connection; GBA_PEER_LOG=1 shows what it says.
            .stderr(match std::env::var_os("GBA_PEER_LOG") {
                Some(_) => Stdio::inherit(),
                None => Stdio::null(),
            })
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            stdin: child.stdin.take(),
            child,
            lines,
        }
    }

    async fn next(&mut self) -> Value {
        let line = timeout(LIMIT, self.lines.next_line()).await;
        let line = line.expect("the script says something").unwrap();
        serde_json::from_str(&line.expect("the script says more")).unwrap()
    }

    /// Closes its stdin, which ends it.
    async fn end(mut self) -> Value {
        drop(self.stdin.take());
        let last = self.next().await;
        let _ = timeout(LIMIT, self.child.wait()).await;
        last
    }
}

fn python() -> Option<PathBuf> {
    peer::python("diameter", "python-diameter")
}

/// Notes the names of messages that pass, and wakes whoever waits for one.
#[derive(Default)]
struct Names {
    seen: Mutex<Vec<(Direction, u32, bool)>>,
    more: Notify,
}

impl Names {
    async fn wait(&self, direction: Direction, command: u32, request: bool) {
        let wanted = (direction, command, request);
        let seen = async {
            while !self.seen.lock().unwrap().contains(&wanted) {
                self.more.notified().await;
            }
        };
        timeout(LIMIT, seen).await.expect("the message passes");
    }
}

impl Tap for Names {
    fn message(&self, _: net::tap::Message<'_>) {}

    fn octets(&self, _: &Connection, direction: Direction, octets: WireBytes<'_>) {
        // The first message of each read or write: enough on a line that is quiet.
        let header = Header::parse(octets.expose()).unwrap();
        let name = (direction, header.command, header.is_request());
        self.seen.lock().unwrap().push(name);
        self.more.notify_one();
    }
}

/// The BSF's way to the HSS.
fn zh(client: Client) -> ZhSource {
    ZhSource::new(client, origin(BSF), id("home.test")).with_host(id(HSS))
}

/// TS 35.208 test set 1, as far as the script's answer needs it.
fn vector() -> Value {
    json!({
        "bsf": BSF,
        "impi": IMPI,
        "rand": "23553cbe9637a89d218ae64dae47bf35",
        "autn": "55f328b43577b9b94a9ffac354dfafb3",
        "xres": "a54211d5e3ba50bf",
        "ck": "b40ba9a3c58b2a05bbf0d987b21bf8cb",
        "ik": "f769bcd751044604127672711c6d3441",
        "guss": "<guss><bsfInfo><uiccType>GBA</uiccType><lifeTime>1200</lifeTime></bsfInfo><ussList/></guss>",
    })
}

//= TS29.109-4.2-r5
//= RFC6733-5.3-r1
#[tokio::test]
async fn our_bsf_asks_a_python_hss() {
    let Some(python) = python() else { return };
    let mut hss = Script::start(&python, "diameter_hss.py", &vector());
    let address = format!("127.0.0.1:{}", hss.next().await["port"]);

    // Our watchdog is the quicker one first.
    let names = Arc::new(Names::default());
    let mut quick = config(BSF, ZH, HSS, Role::Hss);
    quick.limits.timers.watchdog = Duration::from_millis(200);
    quick.limits.open = LIMIT;
    quick.tap = Arc::<Names>::clone(&names);
    let client = Client::connect(address.clone(), quick);
    let source = zh(client.clone());
    let impi: Impi = IMPI.parse().unwrap();

    let Obtained { vector: v, guss } = source.fetch(&impi, None).await.unwrap();
    assert_eq!(v.rand.to_string(), "23553cbe9637a89d218ae64dae47bf35");
    assert_eq!(v.autn.to_string(), "55f328b43577b9b94a9ffac354dfafb3");
    assert_eq!(hex::encode(v.xres.expose()), "a54211d5e3ba50bf");
    assert_eq!(hex::encode(v.ck.expose()), "b40ba9a3c58b2a05bbf0d987b21bf8cb");
    assert_eq!(hex::encode(v.ik.expose()), "f769bcd751044604127672711c6d3441");
    assert_eq!(guss.unwrap().bsf_info.lifetime, Some(1200));
    let told = hss.next().await;
    let avps = &told["request"]["avps"];
    assert_eq!(told["request"]["application"], ZH);
    assert_eq!(avps["1/0"][0], hex::encode(IMPI));
    assert_eq!(
        avps["612/10415"][0]["608/10415"][0],
        hex::encode("Digest-AKAv1-MD5")
    );

    let resync = Some((Rand::from([0x11; 16]), Auts::from([0x22; 14])));
    source.fetch(&impi, resync).await.unwrap();
    let told = hss.next().await;
    let both = format!("{}{}", "11".repeat(16), "22".repeat(14));
    assert_eq!(told["request"]["avps"]["612/10415"][0]["610/10415"][0], both);

    let nobody = source.fetch(&"nobody@home.test".parse().unwrap(), None).await;
    assert_eq!(nobody.err(), Some(SourceFailure::UnknownImpi));
    hss.next().await;

    names
        .wait(Direction::Received, grammar::DEVICE_WATCHDOG, false)
        .await;
    client.close().await;
    names
        .wait(Direction::Received, grammar::DISCONNECT_PEER, false)
        .await;

    // Now the quicker watchdog is the peer's: it stays only because we answer.
    let names = Arc::new(Names::default());
    let mut calm = config(BSF, ZH, HSS, Role::Hss);
    calm.limits.open = LIMIT;
    calm.tap = Arc::<Names>::clone(&names);
    let client = Client::connect(address, calm);
    client.ready().await.unwrap();
    names
        .wait(Direction::Received, grammar::DEVICE_WATCHDOG, true)
        .await;
    names.wait(Direction::Sent, grammar::DEVICE_WATCHDOG, false).await;
    zh(client.clone()).fetch(&impi, None).await.unwrap();
    hss.next().await;
    client.close().await;

    let counters = hss.end().await;
    assert_eq!(
        counters["counters"]["dpr"], 2,
        "both goodbyes were heard: {counters}"
    );
}

/// Asks until the RAND of the second HSS comes, or of the first again.
async fn until(source: &ZhSource<Failover>, wanted: &str) {
    let impi: Impi = IMPI.parse().unwrap();
    let asking = async {
        loop {
            // While the peer dies, a request that is under way fails; it goes to nobody else.
            match source.fetch(&impi, None).await {
                Ok(obtained) if obtained.vector.rand.to_string() == wanted => return,
                Ok(_) | Err(SourceFailure::Down) => tokio::time::sleep(Duration::from_millis(5)).await,
                Err(other) => panic!("{other:?}"),
            }
        }
    };
    timeout(LIMIT, asking).await.expect("the other HSS answers");
}

/// Two HSS of python-diameter. The first hangs: the watchdog finds it (RFC 3539 3.4.1), and it has the requests again
/// when it goes on. Then it is killed, and the second has them.
#[tokio::test]
async fn a_python_hss_hangs_and_then_is_killed_in_the_middle_of_a_run() {
    const FIRST: &str = "23553cbe9637a89d218ae64dae47bf35";
    const SECOND: &str = "00112233445566778899aabbccddeeff";
    let Some(python) = python() else { return };
    let mut other = vector();
    other["rand"] = json!(SECOND);
    let mut first = Script::start(&python, "diameter_hss.py", &vector());
    let mut second = Script::start(&python, "diameter_hss.py", &other);
    let mut clients = Vec::new();
    for hss in [&mut first, &mut second] {
        let mut quick = config(BSF, ZH, HSS, Role::Hss);
        // Long enough that the hanging HSS goes on while its connection is suspect, before it is given up: python-diameter
        // may mistake the next one for a second of the same peer, and then answers nothing on it.
        quick.limits.timers.watchdog = Duration::from_millis(800);
        quick.limits.request = Duration::from_millis(500);
        quick.limits.open = LIMIT;
        let client = Client::connect(format!("127.0.0.1:{}", hss.next().await["port"]), quick);
        client.ready().await.unwrap();
        clients.push(client);
    }
    let source = ZhSource::new(Failover::new(clients), origin(BSF), id("home.test"));
    let signal = |signal: &str| {
        let pid = first.child.id().unwrap().to_string();
        let sent = std::process::Command::new("kill").args([signal, &pid]).status();
        assert!(sent.unwrap().success());
    };
    until(&source, FIRST).await;
    signal("-STOP");
    until(&source, SECOND).await;
    signal("-CONT");
    until(&source, FIRST).await;
    signal("-KILL");
    until(&source, SECOND).await;
    // From now on without a failure, and each request once.
    let impi: Impi = IMPI.parse().unwrap();
    for _ in 0..10 {
        let obtained = source.fetch(&impi, None).await.unwrap();
        assert_eq!(obtained.vector.rand.to_string(), SECOND);
    }
}

/// The one HSS is killed between a device's two requests: that device is served, the next one is told to come back, and
/// is served once an HSS stands there again. Nothing that was issued is lost.
#[tokio::test]
async fn a_bsf_whose_python_hss_is_killed_in_the_middle_of_a_run_says_503_and_recovers() {
    let Some(python) = python() else { return };
    let mut hss = Script::start(&python, "diameter_hss.py", &vector());
    let port = hss.next().await["port"].clone();
    let client = Client::connect(format!("127.0.0.1:{port}"), config(BSF, ZH, HSS, Role::Hss));
    client.ready().await.unwrap();
    let mut ub = gba::ub::server::Config::new(BSF.parse().unwrap());
    ub.per_impi = Rate::UNLIMITED;
    ub.per_address = Rate::UNLIMITED;
    let sessions = Arc::new(MemorySessions::default());
    let ub = Arc::new(Ub::new(ub, Arc::clone(&sessions), zh(client)));
    let (listener, address) = listen().await;
    let (_stopper, stop) = accept::stop();
    tokio::spawn(serve_ub(listener, net::http::Limits::default(), ub, stop));
    let mut ue = ByHand::to(address);
    ue.impi = IMPI.into();
    let res = hex::decode(vector()["xres"].as_str().unwrap()).unwrap();

    let c = ue.challenge().await;
    hss.child.kill().await.unwrap();
    let done = ue.respond(&c, &res).await;
    assert_eq!(done.status(), 200, "the run that was under way");
    let first = BootstrappingInfo::parse(done.body()).unwrap().btid;
    let refused = ue.first().await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));

    let mut again = vector();
    again["port"] = port;
    again["rand"] = json!("00112233445566778899aabbccddeeff");
    let mut hss = Script::start(&python, "diameter_hss.py", &again);
    hss.next().await;
    let served = async {
        loop {
            let answer = ue.first().await;
            if answer.status() == 401 {
                return challenge(&answer);
            }
            assert_eq!(answer.status(), 503, "until the connection is there again");
        }
    };
    let c = timeout(LIMIT, served).await.expect("the BSF finds it");
    let done = ue.respond(&c, &res).await;
    let second = BootstrappingInfo::parse(done.body()).unwrap().btid;
    for btid in [first, second] {
        assert!(sessions.find(&btid, clock::now()).await.is_some(), "{btid}");
    }
}

#[derive(Debug, PartialEq)]
struct NotLetIn;

/// Runs `diameter_ask.py` against a node of ours; its answers, or that it wasn't let in.
async fn ask<H, F>(
    node: Config,
    us: &str,
    them: &str,
    requests: Value,
    handler: H,
) -> Option<Result<Vec<Value>, NotLetIn>>
where
    H: Fn(net::diameter::PeerIdentity, Message) -> F + Send + Sync + 'static,
    F: Future<Output = Message> + Send + 'static,
{
    let python = python()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let application = node.applications[0];
    let (stopper, stop) = accept::stop();
    let server = tokio::spawn(serve(listener, node, stop, handler));
    let argument = json!({
        "port": port, "us": us, "them": them, "application": application, "requests": requests,
    });
    let mut script = Script::start(&python, "diameter_ask.py", &argument);
    let mut said = Vec::new();
    let end = loop {
        let line = script.next().await;
        match line.get("answer") {
            Some(answer) => said.push(answer.clone()),
            None => break line,
        }
    };
    stopper.stop();
    server.await.unwrap().unwrap();
    if end.get("refused").is_some() {
        return Some(Err(NotLetIn));
    }
    assert_eq!(end["done"], true, "{end}");
    Some(Ok(said))
}

fn text(text: &str) -> Value {
    json!({ "text": text })
}

fn octets(octets: &[u8]) -> Value {
    json!({ "hex": hex::encode(octets) })
}

/// The AVPs of a request by `us`, and more of them.
fn request(command: u32, application: u32, us: &str, more: &[&Value]) -> Value {
    let mut avps = vec![
        json!([263, 0, text(&format!("{us};7;7"))]),
        json!([260, 0, [[266, 0, 10415], [258, 0, application]]]),
        json!([277, 0, 1]),
        json!([264, 0, octets(us.as_bytes())]),
        json!([296, 0, octets(b"home.test")]),
        json!([283, 0, octets(b"home.test")]),
    ];
    avps.extend(more.iter().map(|avp| (*avp).clone()));
    json!({ "command": command, "avps": avps })
}

/// Result-Code, or Experimental-Result-Code, of an answer.
fn result(answer: &Value) -> u32 {
    let avps = &answer["avps"];
    let code = avps.get("268/0").unwrap_or(&avps["297/0"][0]["298/0"]);
    u32::from_str_radix(code[0].as_str().unwrap(), 16).unwrap()
}

//= TS29.109-6.3-r3
#[tokio::test]
async fn a_python_bsf_asks_our_hss() {
    let milenage = || {
        let secret = |text| Secret::new(hex::array(text).unwrap());
        Milenage::new(
            &secret("465b5ce8b199b49faa5f0a2ee238a6bc"),
            &secret("cd63cb71954a9f4e48a5994e37a02baf"),
        )
    };
    let mut subscribers = Subscribers::new();
    subscribers
        .add(Subscriber::new(
            IMPI.parse().unwrap(),
            aka::AlgorithmSet::Milenage(milenage()),
        ))
        .unwrap();
    let auc = Auc::new(MemorySqnStore::new(), SeededEntropy::new(7));
    let hss = Arc::new(Hss::new(
        hss::Config::new(origin(HSS), [id(BSF)]),
        subscribers,
        auc,
    ));
    let user = |impi: &str| json!([1, 0, text(impi)]);
    let item = json!([612, 10415, [[608, 10415, text("Digest-AKAv1-MD5")]]]);
    let bad = json!([
        612,
        10415,
        [
            [608, 10415, text("Digest-AKAv1-MD5")],
            [610, 10415, octets(&[1; 29])]
        ]
    ]);
    let unknown = json!([9999, 10415, { "raw": "01" }]);
    let mar = |us, more: &[&Value]| request(303, ZH, us, more);
    let (known, nobody) = (user(IMPI), user("nobody@home.test"));
    let requests = json!([
        mar(BSF, &[&known, &item]),
        mar(BSF, &[&nobody, &item]),
        mar(BSF, &[&item]),
        mar(BSF, &[&known, &bad]),
        mar(BSF, &[&known, &known]),
        request(310, ZH, BSF, &[&known]),
        mar("bsf2.home.test", &[&known]),
        mar(BSF, &[&known, &unknown]),
    ]);
    let node = hss.node();
    let answers = ask(node, BSF, HSS, requests, move |from, request| {
        let hss = Arc::clone(&hss);
        async move { hss.answer(clock::now(), &from.host, &request).await }
    });
    let Some(answers) = answers.await else { return };
    let answers = answers.unwrap();
    let results: Vec<u32> = answers.iter().map(result).collect();
    assert_eq!(results, [2001, 5401, 5005, 5004, 5009, 3001, 3010, 5001]);

    let avps = &answers[0]["avps"];
    let part = |code: &str| hex::decode(avps["612/10415"][0][code][0].as_str().unwrap()).unwrap();
    let challenge = part("609/10415");
    let rand = Rand::try_from(&challenge[..16]).unwrap();
    let expected = milenage().f2345(&rand);
    assert_eq!(part("610/10415"), expected.res.expose());
    assert_eq!(part("625/10415"), expected.ck.expose());
    assert_eq!(part("626/10415"), expected.ik.expose());
    assert!(
        avps["400/10415"][0]
            .as_str()
            .unwrap()
            .contains(&hex::encode("<guss"))
    );
    // Failed-AVP names what was wrong, in a form that another decoder reads.
    assert!(
        answers[2]["avps"]["279/0"][0].get("1/0").is_some(),
        "{}",
        answers[2]
    );
    assert!(
        answers[3]["avps"]["279/0"][0].get("610/10415").is_some(),
        "{}",
        answers[3]
    );
}

/// TS 35.208 test set 1 again; the key for the NAF's name was agreed with a third-party UE.
//= TS29.109-5.2-r1
#[tokio::test]
async fn a_python_naf_asks_our_bsf() {
    const XCAP: &str = "xcap.ims.mnc001.mcc123.pub.3gppnetwork.org";
    const KS_NAF: &str = "8a2229143a3c8839422b9dee88bf90dc33aa7f6daac93daee7e3a24d009f0627";
    let now = clock::now();
    let session = |mode, rand: Rand| Session {
        btid: Btid::issue(&rand, &BSF.parse().unwrap()),
        impi: "123001000000000@ims.mnc001.mcc123.3gppnetwork.org"
            .parse()
            .unwrap(),
        rand,
        ks: Ks::from_ck_ik(
            &Secret::new(hex::array("b40ba9a3c58b2a05bbf0d987b21bf8cb").unwrap()),
            &Secret::new(hex::array("f769bcd751044604127672711c6d3441").unwrap()),
        ),
        mode,
        guss: None,
        created: now.utc,
        expiry: now.utc.plus_secs(3600),
        ends: now.mono + Duration::from_secs(3600),
    };
    let sessions = Arc::new(MemorySessions::new(bsf::sessions::Limits::default()));
    let in_uicc = session(Mode::U, "23553cbe9637a89d218ae64dae47bf35".parse().unwrap());
    let in_me = session(Mode::Me, Rand::from([9; 16]));
    let (btid, other_btid) = (in_uicc.btid.clone(), in_me.btid.clone());
    for session in [in_uicc, in_me] {
        sessions.issue_btid(Arc::new(session), now).await.unwrap();
    }
    let mut rights = Rights::new();
    let naf = NafRights::new(XCAP.parse().unwrap(), [UaRule::Exactly(UaId::HTTP_DIGEST)]);
    rights.add([id(NAF)], naf).unwrap();
    let bsf = Arc::new(ZnServer::new(ZnConfig::new(origin(BSF), rights), sessions));

    let of = |btid: &str| json!([401, 10415, octets(btid.as_bytes())]);
    let naf_id = |fqdn: &str, ua| NafId::new(fqdn.parse().unwrap(), ua);
    let naf = |fqdn, ua| json!([402, 10415, octets(naf_id(fqdn, ua).octets())]);
    let (btid, other_btid) = (of(btid.as_str()), of(other_btid.as_str()));
    let xcap = naf(XCAP, UaId::HTTP_DIGEST);
    let aware = json!([407, 10415, 1]);
    let bir = |more: &[&Value]| request(310, ZN, NAF, more);
    let requests = json!([
        bir(&[&btid, &xcap, &aware]),
        bir(&[&btid, &xcap]),
        bir(&[&other_btid, &xcap, &aware]),
        bir(&[&of("AAAAAAAAAAAAAAAAAAAAAA==@bsf.home.test"), &xcap]),
        bir(&[&btid, &naf("other.home.test", UaId::HTTP_DIGEST)]),
        bir(&[&btid, &naf(XCAP, UaId::tls(0xae))]),
        bir(&[&btid, &json!([402, 10415, octets(XCAP.as_bytes())])]),
        bir(&[&btid]),
    ]);
    let node = bsf.node();
    let answers = ask(node, NAF, BSF, requests, move |from, request| {
        let bsf = Arc::clone(&bsf);
        async move { bsf.answer(clock::now(), &from.host, &request).await }
    });
    let Some(answers) = answers.await else { return };
    let answers = answers.unwrap();
    let results: Vec<u32> = answers.iter().map(result).collect();
    assert_eq!(results, [2001, 2001, 2001, 5403, 5402, 5402, 5004, 5005]);
    let avps = |n: usize| &answers[n]["avps"];
    // Ks_ext_NAF of GBA_U and Ks_NAF of GBA_ME are one formula.
    assert_eq!(avps(0)["405/10415"][0], KS_NAF);
    assert_eq!(avps(0)["406/10415"][0].as_str().unwrap().len(), 64);
    assert_eq!(avps(1)["405/10415"][0], KS_NAF);
    assert!(
        avps(1).get("406/10415").is_none(),
        "not for a NAF that doesn't know GBA_U"
    );
    assert!(avps(2).get("406/10415").is_none(), "GBA_ME has no such key");
    assert_ne!(avps(2)["405/10415"][0], KS_NAF);
    let until = now.utc.plus_secs(3600).to_ntp().unwrap();
    assert_eq!(avps(0)["404/10415"][0], format!("{until:08x}"));
    assert!(avps(0).get("1/0").is_none(), "no IMPI for this NAF");
    assert_eq!(avps(3)["297/0"][0]["266/0"][0], "000028af");
}

//= RFC6733-5.3-r2
#[tokio::test]
async fn a_python_peer_that_we_do_not_know_stays_out() {
    let node = config(BSF, ZN, "another.home.test", Role::Naf);
    let answers = ask(
        node,
        NAF,
        BSF,
        json!([]),
        |_, m| async move { Message::answer_to(&m) },
    )
    .await;
    assert!(answers.is_none_or(|answers| answers == Err(NotLetIn)));
}
