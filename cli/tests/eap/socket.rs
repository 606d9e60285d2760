//! hostapd's socket as a plain client sees it.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::{fs::PermissionsExt as _, net::UnixDatagram},
    path::Path,
    time::Duration,
};

use tests::{peer, process::Process};

use crate::network::{AKA, Folder, IMSI, PRIME, audited};

const LIMIT: Duration = Duration::from_secs(60);

struct Client(UnixDatagram);

impl Client {
    fn new(folder: &Folder, name: &str, socket: &str) -> Self {
        let client = UnixDatagram::bind(folder.file(name)).unwrap();
        client.connect(folder.file(socket)).unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        Self(client)
    }

    fn ask(&self, request: &str) -> String {
        self.0.send(request.as_bytes()).unwrap();
        let mut room = [0; 1000];
        let length = self.0.recv(&mut room).unwrap();
        String::from_utf8(room[..length].to_vec()).unwrap()
    }

    /// AMF of a vector, and its RAND.
    fn vector(&self) -> (String, String) {
        let answer = self.ask(&format!("AKA-REQ-AUTH {IMSI}"));
        let fields: Vec<_> = answer.split(' ').collect();
        assert_eq!(
            (fields[0], fields[1], fields.len()),
            ("AKA-RESP-AUTH", IMSI, 7),
            "{answer}"
        );
        (fields[3][12..16].to_owned(), fields[2].to_owned())
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// Status and errors of an HSS that doesn't start.
fn refused(folder: &Folder, args: &[&str]) -> String {
    let output = peer::run(&mut folder.gba(args), LIMIT);
    assert_eq!(output.status.code(), Some(2), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Alone for one subscriber: no Zh, the mode of the sockets, vectors of both, audit log and metrics; and the end.
#[test]
fn ruling_36_one_subscriber_by_flags_and_a_socket_for_its_owner() {
    let folder = Folder::new();
    let mut hss = folder.hss(&["--ops-listen", "127.0.0.1:0"]);
    let said = hss.seen.join("\n");
    assert!(!said.contains("Zh on"), "{said}");
    let ops = said
        .split("/metrics on ")
        .nth(1)
        .unwrap()
        .split('\n')
        .next()
        .unwrap();
    assert!(
        said.contains(&format!(
            "eap_sim_db=unix:{}",
            folder.file(AKA.socket).canonicalize().unwrap().display()
        )),
        "{said}"
    );
    assert_eq!(
        (mode(&folder.file(AKA.socket)), mode(&folder.file(PRIME.socket))),
        (0o600, 0o600)
    );

    let client = Client::new(&folder, "client", AKA.socket);
    let prime = Client::new(&folder, "prime", PRIME.socket);
    let (amf, rand) = client.vector();
    assert_eq!((amf.as_str(), prime.vector().0.as_str()), ("0000", "8000"));
    assert_eq!(client.ask("AKA-REQ-AUTH nobody"), "AKA-RESP-AUTH nobody FAILURE");
    client.0.send(b"\xff garbage").unwrap();
    client
        .0
        .send(format!("AKA-AUTS {IMSI} 00112233445566778899aabbccdd {rand}").as_bytes())
        .unwrap();
    client.vector();
    assert_eq!(
        audited(&folder, &["\"vector\"", "\"done\"", "hostapd (EAP-AKA)\""]),
        2
    );
    assert_eq!(
        audited(&folder, &["\"vector\"", "\"done\"", "hostapd (EAP-AKA')\""]),
        1
    );
    assert_eq!(audited(&folder, &["\"resynchronisation\"", "5012", "MAC-S"]), 1);

    let metrics = get(ops, "/metrics");
    for line in [
        "gba_answers_total{interface=\"EAP\",result=\"2001\"} 3",
        "gba_answers_total{interface=\"EAP\",result=\"5012\"} 1",
        "gba_eap_request_duration_seconds_count 4",
        "gba_incidents_total{kind=\"malformed\"} 2",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    let (status, said) = hss.stop();
    assert!(status.success(), "{said}");
    assert!(
        said.contains("if it is the right card, compare K and OPc"),
        "{said}"
    );
    assert!(!said.contains(IMSI) && !said.contains("465b5ce8"), "{said}");
    assert!(!folder.file(AKA.socket).exists() && !folder.file(PRIME.socket).exists());
}

/// Killed, its socket stays and is replaced by the next; a second one beside it is refused.
#[test]
fn a_stale_socket_is_replaced_and_one_in_use_is_not() {
    let folder = Folder::new();
    let mut hss = folder.hss(&[]);
    hss.signal("KILL");
    hss.end();
    assert!(folder.file(AKA.socket).exists());
    let mut hss = folder.hss(&["--hostapd-group", "0"]);
    assert_eq!(mode(&folder.file(AKA.socket)), 0o660);
    Client::new(&folder, "client", AKA.socket).vector();

    let keys = ["--imsi", IMSI, "--k", "@k.hex", "--opc", "@opc.hex"];
    let serve = |more: &[&'static str]| [&["hss", "serve", "--sqn-file", "other.sqn"], more].concat();
    let alone = |more: &[&'static str]| [serve(more), keys.to_vec()].concat();
    let why = refused(&folder, &alone(&["--hostapd", AKA.socket]));
    assert!(why.contains("another program listens"), "{why}");
    let why = refused(&folder, &alone(&["--hostapd", "k.hex"]));
    assert!(why.contains("is no socket"), "{why}");
    let why = refused(
        &folder,
        &alone(&["--hostapd", "new.sock", "--hostapd-group", "no-such-group"]),
    );
    assert!(why.contains("hostapd-group: no group"), "{why}");
    // What is for a socket that nobody asked for would do nothing.
    for given in [&["--hostapd-sim"][..], &["--hostapd-group", "0"]] {
        let why = refused(&folder, &alone(given));
        assert!(why.contains("there is no socket for hostapd"), "{why}");
    }
    let why = refused(
        &folder,
        &alone(&["--hostapd", "new.sock", "--hostapd-ind", "30-40"]),
    );
    assert!(why.contains("no IND 40"), "{why}");
    let why = refused(&folder, &serve(&["--hostapd", "new.sock", "--k", "@k.hex"]));
    assert!(why.contains("--imsi: missing"), "{why}");
    let why = refused(&folder, &serve(&["--hostapd", "new.sock", "--imsi", IMSI]));
    assert!(why.contains("--k: missing"), "{why}");
    let bare = [
        "--imsi",
        IMSI,
        "--k",
        "465b5ce8b199b49faa5f0a2ee238a6bc",
        "--opc",
        "@opc.hex",
    ];
    let why = refused(
        &folder,
        &[serve(&["--production", "--hostapd", "new.sock"]), bare.to_vec()].concat(),
    );
    assert!(
        why.contains("--k: a bare key isn't allowed") && !why.contains("465b"),
        "{why}"
    );
    // None of them has touched the first one's.
    Client::new(&folder, "again", AKA.socket).vector();
    assert!(hss.stop().0.success());
}

/// Beside Zh, with the subscribers of the file, also those that come by a reload; and `--amf`, which is warned of.
#[test]
fn beside_zh_with_the_subscribers_of_the_file() {
    let folder = Folder::new();
    let subscriber = |imsi: &str| {
        format!("[[hss.subscriber]]\nimsi = \"{imsi}\"\nmnc_length = 2\nk = \"@k.hex\"\nopc = \"@opc.hex\"\n")
    };
    let head = "[hss]\nlisten = \"127.0.0.1:0\"\nhostapd = \"hss.sock\"\n";
    let other = "001010000000002";
    folder.write("gba.toml", &format!("{head}{}", subscriber(IMSI)));
    let mut hss = Process::start(&mut folder.gba(&["hss", "serve"]));
    hss.wait("hss: Zh on ");
    hss.wait("hss: ready");
    let client = Client::new(&folder, "client", AKA.socket);
    client.vector();
    let request = format!("AKA-REQ-AUTH {other}");
    assert!(client.ask(&request).ends_with(" FAILURE"));
    folder.write(
        "gba.toml",
        &format!("{head}{}{}", subscriber(IMSI), subscriber(other)),
    );
    hss.signal("HUP");
    hss.wait("reloaded");
    assert!(!client.ask(&request).ends_with(" FAILURE"));
    assert!(hss.stop().0.success());

    let mut hss = folder.hss(&["--amf", "8000"]);
    // The file names an address for Zh, so that is served too.
    assert_eq!(Client::new(&folder, "amf", AKA.socket).vector().0, "8000");
    let (_, said) = hss.stop();
    assert!(
        said.contains("Zh on") && said.contains("--amf 8000: its separation bit"),
        "{said}"
    );
}
