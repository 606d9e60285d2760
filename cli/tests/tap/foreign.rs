//! Programs that nobody here wrote, on either side of a tap.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use tests::peer;

use crate::{Element, LIMIT, Tap, folder, program, said};

const HSS: &str = "hss.home.test";
const BSF: &str = "bsf.home.test";
const IMSI: &str = "001010000000001";
const K: &str = "465b5ce8b199b49faa5f0a2ee238a6bc";
const OPC: &str = "cd63cb71954a9f4e48a5994e37a02baf";
const RAND: &str = "23553cbe9637a89d218ae64dae47bf35";
const IMPI: &str = "001010000000001@ims.mnc001.mcc001.3gppnetwork.org";

/// python-diameter as an HSS; killed when dropped.
struct Hss(Child);

impl Drop for Hss {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// With TS 35.208 test set 1, and an SQN that a new card takes; its port.
fn python_hss(python: PathBuf, folder: &Path) -> (Hss, String) {
    let keys = [
        "keys",
        "--k",
        K,
        "--opc",
        OPC,
        "--rand",
        RAND,
        "--sqn",
        "000000000020",
        "--imsi",
        IMSI,
        "--mnc-length",
        "2",
        "--json",
    ];
    let keys: Value = serde_json::from_str(&said(&mut program(folder, &keys)).out).unwrap();
    let argument = json!({
        "bsf": BSF,
        "impi": IMPI,
        "rand": RAND,
        "autn": keys["autn"],
        "xres": "a54211d5e3ba50bf",
        "ck": "b40ba9a3c58b2a05bbf0d987b21bf8cb",
        "ik": "f769bcd751044604127672711c6d3441",
        "guss": "<guss><bsfInfo><uiccType>GBA</uiccType><lifeTime>1200</lifeTime></bsfInfo><ussList/></guss>",
    });
    let script = peer::root().join("tests").join("peers").join("diameter_hss.py");
    let mut child = Command::new(python)
        .arg("-B")
        .arg(script)
        .arg(argument.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    // What else it says is of no interest here, but has to go somewhere.
    std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
    let told: Value = serde_json::from_str(&line).unwrap();
    (Hss(child), format!("127.0.0.1:{}", told["port"]))
}

#[test]
fn a_python_hss_behind_a_tap_gives_a_vector_and_then_half_of_one() {
    let Some(python) = peer::python("diameter", "python-diameter") else {
        return;
    };
    let folder = folder();
    let path = folder.path();
    let (_hss, at) = python_hss(python, path);
    let rules = "[[rule]]\nname = \"half of it\"\nmatch = { message = \"MAA\", nth = 2 }\naction = \"alter\"\n\
                 alter = [{ remove = \"SIP-Auth-Data-Item/Integrity-Key\" }, { set = \"Route-Record\", value = \"tap.home.test\" }]\n";
    let pcap = path.join("zh.pcapng");
    let mut zh = Tap::start(path, "zh", &at, rules, &["-v", "--pcap", pcap.to_str().unwrap()]);
    let mut bsf = program(
        path,
        &["bsf", "serve", "--hss", &zh.at, "--vectors-per-minute", "0"],
    );
    bsf.args(["--hss-host", HSS, "--name", BSF, "--origin-realm", "home.test"])
        .env("GBA_BSF_LISTEN_UB", "127.0.0.1:0")
        .env("GBA_BSF_LISTEN_ZN", "127.0.0.1:0");
    let mut bsf = Element::start(&mut bsf);
    let ub = bsf.wait("bsf: Ub on ");
    bsf.wait("bsf: Zh to ");
    let device = |ub: &str| {
        let arguments = [
            "ue",
            "bootstrap",
            "--bsf",
            ub,
            "--bsf-name",
            BSF,
            "--imsi",
            "001010000000001",
        ];
        said(
            program(path, &arguments)
                .env("GBA_UE_K", K)
                .env("GBA_UE_OPC", OPC),
        )
    };
    let done = device(&ub);
    assert_eq!(done.status, 0, "{}", done.err);
    let maa = zh.message("MAA");
    assert_eq!(maa["says"], "MAA 2001: RAND 23553c…, GUSS");
    let full = maa["full"].to_string();
    assert!(
        full.contains("Confidentiality-Key (625/10415) M = <16 octets>"),
        "{full}"
    );
    // Ruling 35: neither in words nor in octets.
    assert!(
        !full.contains("b40ba9a3") && !full.contains("b4 0b a9 a3"),
        "{full}"
    );
    // Without IK the BSF has no vector.
    assert_ne!(device(&ub).status, 0);
    let told = zh.did("Integrity-Key removed, Route-Record set");
    assert!(
        told["became"].as_str().unwrap().contains("against its grammar"),
        "{told}"
    );
    bsf.stop();
    let tapped = zh.at.clone();
    zh.stop();
    // Both connections of the tap, and what the rule made of a message is as well formed as what came.
    let Some(tshark) = peer::program("tshark", "tshark") else {
        return;
    };
    let read = |filter: &str| {
        let mut command = Command::new(&tshark);
        command
            .arg("-r")
            .arg(&pcap)
            .args(["-Y", filter])
            .env("HOME", path);
        for address in [&at, &tapped] {
            command.args(["-d", &format!("tcp.port=={},diameter", crate::port(address))]);
        }
        String::from_utf8(peer::run(&mut command, LIMIT).stdout).unwrap()
    };
    assert_eq!(read("_ws.malformed || _ws.expert.severity >= 0x00600000"), "");
    assert_eq!(
        read("diameter.cmd.code == 303").lines().count(),
        8,
        "{}",
        read("diameter")
    );
}

#[test]
fn curl_asks_a_bsf_through_a_tap_and_every_octet_of_its_request_arrives() {
    let Some(curl) = peer::program("curl", "curl") else {
        return;
    };
    let folder = folder();
    let path = folder.path();
    let example = said(&mut program(path, &["bsf", "static-example"]));
    std::fs::write(path.join("static.toml"), example.out).unwrap();
    let mut hss = Element::start(&mut program(path, &["hss", "serve", "--listen", "127.0.0.1:0"]));
    let zh = hss.wait("hss: Zh on ");
    let mut bsf = program(path, &["bsf", "serve", "--hss", &zh]);
    bsf.env("GBA_BSF_LISTEN_UB", "127.0.0.1:0")
        .env("GBA_BSF_LISTEN_ZN", "127.0.0.1:0");
    let mut bsf = Element::start(&mut bsf);
    let ub = bsf.wait("bsf: Ub on ");
    bsf.wait("bsf: Zh to ");
    let rules = "[[rule]]\nmatch = { status = 401 }\naction = \"alter\"\nalter = [{ add = \"X-Tapped\", value = \"yes\" }, { set = \"server\", value = \"a tap\" }]\n";
    let mut tap = Tap::start(path, "ub", &ub, rules, &["-v"]);
    let impi = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org";
    let realm = "bsf.mnc001.mcc001.pub.3gppnetwork.org";
    let authorization = format!(
        "aUTHORIZATION: Digest username=\"{impi}\", realm=\"{realm}\", nonce=\"\", uri=\"/\", response=\"\""
    );
    let mut command = Command::new(curl);
    command
        .args([
            "-sS",
            "-i",
            "--noproxy",
            "*",
            "-H",
            &format!("Host: {realm}"),
            "-H",
            &authorization,
        ])
        .arg(format!("http://{}/", tap.at));
    let got = said(&mut command);
    assert_eq!(got.status, 0, "{}", got.err);
    assert!(
        got.out.starts_with("HTTP/1.1 401 Unauthorized\r\n"),
        "{}",
        got.out
    );
    assert!(
        got.out.contains("X-Tapped: yes\r\n") && got.out.contains("server: a tap\r\n"),
        "{}",
        got.out
    );
    assert!(got.out.contains("algorithm=AKAv1-MD5"), "{}", got.out);
    let full = tap.message("GET")["full"].to_string();
    assert!(
        full.contains("aUTHORIZATION: Digest username"),
        "case and order as curl wrote them: {full}"
    );
    tap.stop();
    bsf.stop();
    hss.stop();
}
