//! HSS, BSF, NAF and devices in processes of their own.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::Command,
};

use aka::{Algorithm as _, Milenage, Rand};
use base::{Secret, hex};
use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::{Element, LIMIT, Said, folder, program, said};

/// HSS, BSF and NAF on free ports.
struct Network {
    folder: tempfile::TempDir,
    hss: Element,
    bsf: Element,
    naf: Element,
    zh: String,
    ub: String,
    digest: String,
    tls: String,
}

fn hss(folder: &Path, listen: &str) -> (Element, String) {
    let mut hss = Element::start(program(folder).args(["hss", "serve", "--listen", listen]));
    let zh = hss.wait("hss: Zh on ");
    hss.wait("hss: ready");
    (hss, zh)
}

impl Network {
    fn start() -> Self {
        let folder = folder();
        let (hss, zh) = hss(folder.path(), "127.0.0.1:0");
        let mut bsf = program(folder.path());
        bsf.args(["bsf", "serve", "--hss", &zh, "--vectors-per-minute", "0"]);
        bsf.env("GBA_BSF_LISTEN_UB", "127.0.0.1:0")
            .env("GBA_BSF_LISTEN_ZN", "127.0.0.1:0");
        let mut bsf = Element::start(&mut bsf);
        let (ub, zn) = (bsf.wait("bsf: Ub on "), bsf.wait("bsf: Zn on "));
        let mut naf = program(folder.path());
        naf.args([
            "naf",
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--listen-tls",
            "127.0.0.1:0",
            "--bsf",
            &zn,
        ]);
        let mut naf = Element::start(&mut naf);
        let (digest, tls) = (naf.wait("naf: HTTP digest on "), naf.wait("naf: TLS-PSK on "));
        bsf.wait("bsf: Zh to ");
        naf.wait("naf: Zn to ");
        Self {
            folder,
            hss,
            bsf,
            naf,
            zh,
            ub,
            digest,
            tls,
        }
    }

    /// `gba ue …` against it.
    fn ue(&self, arguments: &[&str]) -> Said {
        said(self.ue_command(arguments))
    }

    fn ue_command(&self, arguments: &[&str]) -> &mut Command {
        let mut command = program(self.folder.path());
        command.arg("ue").args(arguments).env("GBA_UE_BSF", &self.ub);
        Box::leak(Box::new(command))
    }

    fn digest_url(&self) -> String {
        format!("http://naf.m2m.example:{}/hello", port(&self.digest))
    }

    fn stop(self) {
        for (name, mut element) in [("naf", self.naf), ("bsf", self.bsf), ("hss", self.hss)] {
            assert_eq!(element.end("TERM").code(), Some(0), "{name}");
        }
    }
}

fn port(address: &str) -> &str {
    address.rsplit(':').next().unwrap()
}

#[test]
fn five_processes_of_the_example_bootstrap_and_serve_a_page() {
    let network = Network::start();

    let bootstrap = network.ue(&["bootstrap", "--json"]);
    assert_eq!(bootstrap.status, 0, "{}", bootstrap.err);
    let object: serde_json::Value = serde_json::from_str(&bootstrap.out).unwrap();
    assert_eq!(
        object["impi"],
        "001010123456789@ims.mnc001.mcc001.3gppnetwork.org"
    );
    assert_eq!(object["mode"], "me");
    assert!(
        object["btid"]
            .as_str()
            .unwrap()
            .ends_with("@bsf.mnc001.mcc001.pub.3gppnetwork.org")
    );

    let quiet = network.ue(&["get", &network.digest_url()]);
    assert_eq!((quiet.status, quiet.err.as_str()), (0, ""));
    assert!(
        quiet.out.starts_with("naf.m2m.example knows you by GBA."),
        "{}",
        quiet.out
    );
    assert!(
        quiet.out.contains("Ua id 0100000002") && quiet.out.contains("GET /hello"),
        "{}",
        quiet.out
    );
    // Ruling 22: nobody said that this NAF may learn who it is.
    assert!(!quiet.out.contains("001010123456789"), "{}", quiet.out);

    let watched = network.ue(&["get", "-v", &network.digest_url()]);
    assert!(
        watched.out.starts_with("naf.m2m.example knows you by GBA."),
        "{}",
        watched.out
    );
    for line in [
        "Ua    UE     → NAF     GET /hello",
        "Ua    NAF    → UE      401 Unauthorized, 3GPP-bootstrapping@naf.m2m.example",
        "Ub    UE     → BSF     GET / as 001010123456789",
        "Ub    BSF    → UE      401 Unauthorized, bsf.mnc001",
        "card  UE     → UICC    AUTHENTICATE",
        "Ub    BSF    → UE      200 OK",
        "Ua    NAF    → UE      200 OK, proven by rspauth",
    ] {
        assert!(watched.err.contains(line), "{line} in\n{}", watched.err);
    }

    let url = format!("https://naf.m2m.example:{}/", port(&network.tls));
    let tls = network.ue(&["get", "-v", "--tls-psk", &url]);
    assert_eq!(tls.status, 0, "{}", tls.err);
    assert!(
        tls.out.contains("Ua id 01000100ae") && tls.out.contains("pre-shared key"),
        "{}",
        tls.out
    );
    assert!(
        tls.err
            .contains("NAF    → UE      ServerHello PSK-AES128-CBC-SHA256"),
        "{}",
        tls.err
    );
    network.stop();
}

#[test]
fn gba_u_keeps_ks_in_the_card() {
    let mut network = Network::start();
    let file = network.folder.path().join("gba.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("uicc = \"gba\" ", "uicc = \"gba_u\" ")).unwrap();
    assert_eq!(network.hss.end("INT").code(), Some(0));
    network.hss = hss(network.folder.path(), &network.zh).0;
    let said = until_up(&network, &["get", "-v", "--mode", "u", &network.digest_url()]);
    assert!(said.err.contains("AUTHENTICATE GBA"), "{}", said.err);
    network.stop();
}

/// Repeats while the HSS is away: the BSF comes back to it by itself.
fn until_up(network: &Network, arguments: &[&str]) -> Said {
    let begun = std::time::Instant::now();
    loop {
        let said = network.ue(arguments);
        if said.status == 0 || begun.elapsed() > LIMIT {
            assert_eq!(said.status, 0, "{}", said.err);
            return said;
        }
        assert_eq!(
            said.status, 2,
            "only a peer that is down may be the reason: {}",
            said.err
        );
    }
}

/// A key of the subscriber in the folder's `gba.toml`.
pub(crate) fn key_of(folder: &Path, name: &str) -> Secret<16> {
    let text = std::fs::read_to_string(folder.join("gba.toml")).unwrap();
    let line = text
        .lines()
        .find_map(|l| l.strip_prefix(&format!("{name} = \"")))
        .unwrap();
    Secret::new(hex::array(line.trim_end_matches('"')).unwrap())
}

/// The SQN in the challenge that the BSF gives, computed by this test from the keys in the file.
fn challenged_sqn(network: &Network) -> u64 {
    let folder = network.folder.path();
    let mut socket = TcpStream::connect(&network.ub).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let impi = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org";
    write!(
        socket,
        "GET / HTTP/1.1\r\nHost: bsf.mnc001.mcc001.pub.3gppnetwork.org\r\nConnection: close\r\n\
         User-Agent: test 3gpp-gba\r\nAuthorization: Digest username=\"{impi}\", \
         realm=\"bsf.mnc001.mcc001.pub.3gppnetwork.org\", nonce=\"\", uri=\"/\", response=\"\"\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let nonce = answer
        .split("nonce=\"")
        .nth(1)
        .unwrap_or_else(|| panic!("{answer}"));
    let nonce = BASE64_STANDARD.decode(nonce.split('"').next().unwrap()).unwrap();
    let rand = Rand::from(<[u8; 16]>::try_from(&nonce[..16]).unwrap());
    let ak = Milenage::new(&key_of(folder, "k"), &key_of(folder, "opc"))
        .f2345(&rand)
        .ak;
    nonce[16..22]
        .iter()
        .zip(ak)
        .fold(0, |n, (concealed, ak)| n << 8 | u64::from(concealed ^ ak))
}

#[test]
fn sequence_numbers_go_on_after_an_hss_was_killed() {
    let mut network = Network::start();
    // So far up that an HSS which began anew would be far below.
    for _ in 0..8 {
        assert_eq!(network.ue(&["bootstrap"]).status, 0);
    }
    let mut last = challenged_sqn(&network);
    for _ in 0..3 {
        let killed = network.hss.end("KILL");
        assert_eq!(killed.code(), None, "by a signal");
        // An answer to the open challenge needs no HSS; a new challenge does, and there is none.
        let _ = network.ue(&["bootstrap"]);
        let down = network.ue(&["bootstrap"]);
        assert_eq!(down.status, 2, "{}{}", down.out, down.err);

        network.hss = hss(network.folder.path(), &network.zh).0;
        until_up(&network, &["get", &network.digest_url()]);
        let next = challenged_sqn(&network);
        assert!(next > last, "{next:012x} after {last:012x}");
        last = next;
    }
    network.stop();
}

#[test]
fn one_file_of_sequence_numbers_serves_one_hss() {
    let folder = folder();
    let (mut first, _) = hss(folder.path(), "127.0.0.1:0");
    let second = said(program(folder.path()).args(["hss", "serve", "--listen", "127.0.0.1:0"]));
    assert_eq!(second.status, 2);
    assert!(second.err.contains("in use by another process"), "{}", second.err);
    let again = said(program(folder.path()).args(["hss", "serve", "--new-sqn-file"]));
    assert!(again.status == 2 && !again.err.is_empty(), "{}", again.err);
    assert_eq!(first.end("TERM").code(), Some(0));
}

#[test]
fn a_port_in_use_and_a_peer_that_is_down_are_told_with_status_2() {
    let folder = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said_ = said(program(folder.path()).args(["hss", "serve", "--listen", &address]));
    assert_eq!(said_.status, 2);
    assert!(
        said_.err.contains("another program listens there"),
        "{}",
        said_.err
    );
    drop(taken);
    let ue = said(program(folder.path()).args(["ue", "bootstrap", "--bsf", &address]));
    assert_eq!(ue.status, 2);
    assert!(ue.err.contains("refused the connection"), "{}", ue.err);
}

#[test]
fn ruling_22_a_naf_without_rights_gets_no_key_and_the_device_is_refused() {
    let network = Network::start();
    let file = network.folder.path().join("other.toml");
    let zn = {
        let mut seen = network.bsf.seen.iter();
        seen.find_map(|l| l.strip_prefix("bsf: Zn on "))
            .unwrap()
            .to_owned()
    };
    // Its Diameter name has rights, but not to this name.
    std::fs::write(&file, "[naf]\nname = \"other.m2m.example\"\n").unwrap();
    let mut command = program(network.folder.path());
    command.args(["naf", "serve", "--config", "other.toml", "--bsf", &zn]);
    let mut naf = Element::start(command.args(["--listen", "127.0.0.1:0", "--listen-tls", "127.0.0.1:0"]));
    let digest = naf.wait("naf: HTTP digest on ");
    let url = format!("http://other.m2m.example:{}/", port(&digest));
    let said = network.ue(&["get", "--hosts", "other.m2m.example=127.0.0.1", &url]);
    assert_eq!(said.status, 1, "{}{}", said.out, said.err);
    drop(naf);
    network.stop();
}

/// A request to the NAF whose body has not come whole.
fn half_a_request(network: &Network) -> TcpStream {
    let mut socket = TcpStream::connect(&network.digest).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let head =
        "POST / HTTP/1.1\r\nHost: naf.m2m.example\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n";
    socket.write_all(head.as_bytes()).unwrap();
    // The answer to Expect shows that the NAF waits for the body.
    let mut go = [0; 12];
    socket.read_exact(&mut go).unwrap();
    assert_eq!(&go, b"HTTP/1.1 100");
    socket.write_all(b"half ").unwrap();
    socket
}

#[test]
fn what_is_under_way_at_a_stop_is_finished() {
    let mut network = Network::start();
    let mut socket = half_a_request(&network);
    network.naf.signal("TERM");
    network.naf.wait("naf: stopping");
    socket.write_all(b"whole").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("HTTP/1.1 401 "), "{answer}");
    assert_eq!(network.naf.ended().code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut network = Network::start();
    let _under_way = half_a_request(&network);
    network.naf.signal("INT");
    network.naf.wait("naf: stopping");
    network.naf.signal("INT");
    assert_eq!(network.naf.ended().code(), Some(2));
}

/// Each connection proves who it is by a certificate of `gba pki init`; who has none gets no vector (ruling 21).
#[test]
fn ruling_21_the_same_network_over_tls_with_the_certificates_of_pki_init() {
    let folder = folder();
    let names = [
        "hss.mnc001.mcc001.3gppnetwork.org",
        "bsf.mnc001.mcc001.pub.3gppnetwork.org",
        "naf.m2m.example",
    ];
    let pki = said(program(folder.path()).args(["pki", "init"]).args(names));
    assert_eq!(pki.status, 0, "{}", pki.err);
    let tls = |name: &str| {
        [
            "--tls-ca=pki/ca.pem".to_owned(),
            format!("--tls-cert=pki/{name}.pem"),
            format!("--tls-key=pki/{name}.key"),
        ]
    };
    let [hss_name, bsf_name, naf_name] = names;
    let serve = |element: &str, name: &str, more: &[&str]| {
        let mut command = program(folder.path());
        Element::start(command.args([element, "serve"]).args(tls(name)).args(more))
    };
    let mut hss = serve("hss", hss_name, &["--listen", "127.0.0.1:0"]);
    let zh = hss.wait("hss: Zh on ");
    let ports = [
        "--listen-ub",
        "127.0.0.1:0",
        "--listen-zn",
        "127.0.0.1:0",
        "--hss",
        &zh,
    ];
    let mut bsf = serve("bsf", bsf_name, &ports);
    let (ub, zn) = (bsf.wait("bsf: Ub on "), bsf.wait("bsf: Zn on "));
    let ports = [
        "--listen",
        "127.0.0.1:0",
        "--listen-tls",
        "127.0.0.1:0",
        "--bsf",
        &zn,
    ];
    let mut naf = serve("naf", naf_name, &ports);
    let digest = naf.wait("naf: HTTP digest on ");
    bsf.wait("bsf: Zh to ");
    naf.wait("naf: Zn to ");
    let url = format!("http://naf.m2m.example:{}/", port(&digest));
    let page = said(program(folder.path()).args(["ue", "get", "--bsf", &ub, &url]));
    assert_eq!(page.status, 0, "{}", page.err);
    // A BSF in clear reaches the HSS, but never past TLS.
    let mut plain = program(folder.path());
    plain.args([
        "bsf",
        "serve",
        "--listen-ub",
        "127.0.0.1:0",
        "--listen-zn",
        "127.0.0.1:0",
        "--hss",
        &zh,
    ]);
    let mut plain = Element::start(&mut plain);
    let ub = plain.wait("bsf: Ub on ");
    plain.wait("bsf: ready");
    let refused = said(program(folder.path()).args(["ue", "bootstrap", "--bsf", &ub]));
    assert_eq!(refused.status, 2, "{}{}", refused.out, refused.err);
    for element in [&mut plain, &mut naf, &mut bsf, &mut hss] {
        assert_eq!(element.end("TERM").code(), Some(0));
    }
}

#[test]
fn a_second_hss_stands_in_for_one_that_was_killed() {
    let folder = folder();
    let name = "hss.mnc001.mcc001.3gppnetwork.org";
    let (mut first, one) = hss(folder.path(), "127.0.0.1:0");
    let other = "hss2.mnc001.mcc001.3gppnetwork.org";
    let mut second = program(folder.path());
    second.args([
        "hss",
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--origin-host",
        other,
        "--sqn-file",
        "second.sqn",
    ]);
    let mut second = Element::start(&mut second);
    let two = second.wait("hss: Zh on ");
    let mut bsf = program(folder.path());
    bsf.args([
        "bsf",
        "serve",
        "--listen-ub",
        "127.0.0.1:0",
        "--listen-zn",
        "127.0.0.1:0",
        "--vectors-per-minute",
        "0",
    ]);
    let mut bsf = Element::start(bsf.args([
        "--hss",
        &format!("{one},{two}"),
        "--hss-host",
        &format!("{name},{other}"),
    ]));
    let ub = bsf.wait("bsf: Ub on ");
    bsf.wait("bsf: Zh to ");
    bsf.wait("bsf: Zh to ");
    let bootstrap = || said(program(folder.path()).args(["ue", "bootstrap", "--bsf", &ub])).status;
    assert_eq!(bootstrap(), 0);
    first.end("KILL");
    assert_eq!(bootstrap(), 0);
    assert_eq!(bsf.end("TERM").code(), Some(0));
    assert_eq!(second.end("TERM").code(), Some(0));
}

/// The card's part of the file in another algorithm.
#[test]
fn tuak_and_xor_cards_bootstrap_too() {
    for algorithm in ["tuak", "xor"] {
        let mut network = Network::start();
        let (k, long) = ("a0b1c2d3e4f5061728394a5b6c7d8e9f", "c3".repeat(32));
        let topc = if algorithm == "tuak" {
            format!("topc = \"{long}\"\n")
        } else {
            String::new()
        };
        let text = format!(
            "[hss]\n[[hss.subscriber]]\nimsi = \"001010123456789\"\nmnc_length = 2\nalgorithm = \"{algorithm}\"\n\
             k = \"{k}\"\n{topc}[ue]\nalgorithm = \"{algorithm}\"\nk = \"{k}\"\n{topc}"
        );
        assert_eq!(network.hss.end("TERM").code(), Some(0));
        std::fs::write(network.folder.path().join("gba.toml"), text).unwrap();
        network.hss = hss(network.folder.path(), &network.zh).0;
        until_up(&network, &["bootstrap"]);
        network.stop();
    }
}
