//! `gba demo --pcap` as tshark reads it: a dissector that nobody here wrote finds every message in its place, whole, named
//! and opened.
//!
//! * here: `gba demo`, where both ends of each connection are in one process;
//! * `alone`: one end only, of `gba up` and of `gba ue get`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on may panic"
)]

mod alone;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;
use tests::peer;

/// For the demo and for each run of tshark; nothing may hang the suite.
const LIMIT: Duration = Duration::from_secs(60);

/// The capture of one demo.
struct Capture {
    tshark: PathBuf,
    folder: TempDir,
    /// What `gba` said how to open it, such as `-d tcp.port==41873,diameter`.
    decode_as: Vec<String>,
}

impl Capture {
    /// Runs the demo; `None` where tshark is missing.
    fn of_demo(mode: &str) -> Option<Self> {
        let tshark = peer::program("tshark", "tshark")?;
        let folder = tempfile::tempdir().unwrap();
        let mut demo = Command::new(env!("CARGO_BIN_EXE_gba"));
        demo.args(["demo", "--quiet", "--mode", mode, "--pcap"])
            .arg(folder.path().join("demo.pcapng"))
            .env_remove("GBA_LOG");
        let said = peer::run(&mut demo, LIMIT);
        let err = String::from_utf8(said.stderr).unwrap();
        assert!(said.status.success(), "{err}");
        let capture = Self::said(tshark, folder, &err);
        let known = capture.decode_as.iter().filter(|word| *word == "-d");
        assert_eq!(known.count(), 6, "Zh and Zn, Ub and the NAF, MAF and IN-CSE");
        Some(capture)
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("demo.pcapng")
    }

    /// What was said on standard error of a capture in this folder.
    fn said(tshark: PathBuf, folder: TempDir, err: &str) -> Self {
        let open = err
            .lines()
            .find(|line| line.trim().starts_with("wireshark "))
            .unwrap_or_else(|| panic!("no line that opens it: {err}"));
        let words: Vec<_> = open.split_whitespace().map(str::to_owned).collect();
        Self {
            tshark,
            folder,
            decode_as: words[1..words.len() - 1].to_vec(),
        }
    }

    /// Output of tshark, run with these options.
    fn tshark_of(&self, file: &Path, options: &[&str]) -> String {
        let mut command = Command::new(&self.tshark);
        command.arg("-r").arg(file).args(&self.decode_as).args(options);
        // Nobody's own settings.
        command
            .env("HOME", self.folder.path())
            .env_remove("XDG_CONFIG_HOME");
        let said = peer::run(&mut command, LIMIT);
        let err = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.status.success(), "{err}");
        String::from_utf8(said.stdout).unwrap()
    }

    fn tshark(&self, options: &[&str]) -> String {
        self.tshark_of(&self.file(), options)
    }

    /// One line per packet that the filter takes: these fields, separated by tabs.
    fn fields(&self, filter: &str, fields: &[&str]) -> Vec<String> {
        let mut options = vec!["-Y", filter, "-T", "fields"];
        for field in fields {
            options.extend(["-e", field]);
        }
        self.tshark(&options).lines().map(str::to_owned).collect()
    }

    fn none(&self, filter: &str) {
        let checksums = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"];
        let found = self.tshark(&[&checksums[..], &["-Y", filter]].concat());
        assert_eq!(found, "", "{filter}");
    }
}

/// Both modes of the demo, or none where tshark is missing.
fn captures() -> Vec<Capture> {
    ["me", "u"].into_iter().filter_map(Capture::of_demo).collect()
}

#[test]
fn nothing_is_malformed_and_tcp_is_whole() {
    for capture in captures() {
        capture.none("_ws.malformed");
        capture.none("tcp.analysis.flags");
        capture.none("ip.checksum.status == 0 || tcp.checksum.status == 0");
        // Warnings and errors; notes are about the ends of connections.
        capture.none("_ws.expert.severity >= 0x00600000");
        // Checksums were looked at indeed.
        let right = ["-o", "tcp.check_checksum:TRUE", "-Y", "tcp.checksum.status == 1"];
        assert!(capture.tshark(&right).lines().count() > 50);
    }
}

#[test]
fn each_connection_is_there_once_from_its_beginning_to_its_end_and_says_who_was_called() {
    for capture in captures() {
        let opened = capture.fields("tcp.flags.syn == 1 && tcp.flags.ack == 0", &["frame.comment"]);
        let mut called = opened.clone();
        called.sort_unstable();
        let expected = [
            "BSF Ub",
            "BSF Zn",
            "BSF Zn",
            "BSF Zn",
            "HSS Zh",
            "IN-CSE Mca",
            "MAF Ua",
            "NAF Ua",
        ];
        assert_eq!(called, expected);
        let closed = capture.fields("tcp.flags.fin == 1", &["tcp.stream"]);
        assert_eq!(closed.len(), 2 * opened.len(), "each end closes once");
        // SYN, SYN and ACK, ACK, data, FIN of every connection; known at its end, hence two passes.
        let whole = capture.tshark(&["-2", "-Y", "tcp.completeness == 31"]);
        let all = capture.fields("tcp", &["frame.number"]);
        assert_eq!(whole.lines().count(), all.len());
    }
}

/// Command codes with the R flag, in the order of the file.
fn commands(capture: &Capture, application: &str) -> Vec<String> {
    let filter = format!("diameter.applicationId == {application}");
    capture.fields(&filter, &["diameter.cmd.code", "diameter.flags.request"])
}

//= TS29.109-6.3-r1
//= TS29.109-6.3-r3
#[test]
fn diameter_has_its_commands_applications_and_a_name_for_each_avp() {
    for capture in captures() {
        // Zh, Zn, and the base protocol: CER and CEA first, DPR and DPA last.
        assert_eq!(commands(&capture, "16777221"), ["303\t1", "303\t0"]);
        assert_eq!(
            commands(&capture, "16777220"),
            ["310\t1", "310\t0", "310\t1", "310\t0", "310\t1", "310\t0"]
        );
        let base = commands(&capture, "0");
        for (command, count) in [("257\t1", 4), ("257\t0", 4), ("282\t1", 4), ("282\t0", 4)] {
            assert_eq!(base.iter().filter(|c| *c == command).count(), count, "{command}");
        }

        let read = capture.tshark(&["-Y", "diameter", "-V"]);
        let avps: Vec<_> = read
            .lines()
            .filter_map(|line| line.trim().strip_prefix("AVP: "))
            .collect();
        assert!(avps.len() > 100, "{}", avps.len());
        for avp in &avps {
            assert!(!avp.to_lowercase().contains("unknown"), "{avp}");
        }
        for name in [
            "ApplicationId: 3GPP Zh (16777221)",
            "ApplicationId: 3GPP Zn (16777220)",
            "Command Code: Multimedia-Auth (303)",
            "AVP: 3GPP-SIP-Auth-Data-Item(612)",
            "AVP: Confidentiality-Key(625)",
            "AVP: GBA-UserSecSettings(400)",
            "AVP: Transaction-Identifier(401)",
            "AVP: ME-Key-Material(405)",
            "AVP: Key-ExpiryTime(404)",
        ] {
            assert!(read.contains(name), "{name}");
        }
        capture.none("diameter.avp.unknown");
    }
}

#[test]
fn digest_is_read_on_ub_and_ua() {
    for capture in captures() {
        let asked = capture.fields("http.response.code == 401", &["http.www_authenticate"]);
        assert_eq!(asked.len(), 2, "one by the BSF, one by the NAF");
        assert!(asked[0].contains("algorithm=AKAv1-MD5") && asked[0].contains("qop=\"auth-int\""));
        assert!(asked[1].contains("realm=\"3GPP-bootstrapping@naf.m2m.example\""));
        let answered = capture.fields("http.authorization && !tls", &["http.authorization"]);
        assert_eq!(answered.len(), 3, "who I am, RES, and Ks_NAF");
        assert!(
            answered
                .iter()
                .all(|header| header.starts_with("Digest username="))
        );
    }
}

/// The story goes up in the file as it goes up in time: a question on Ub before the one that it causes on Zh.
#[test]
fn messages_stand_in_the_order_of_cause_and_effect() {
    for capture in captures() {
        let filter = "http || (diameter && diameter.applicationId != 0)";
        let told = capture.fields(
            filter,
            &["diameter.cmd.code", "http.request.uri", "http.response.code"],
        );
        let told: Vec<_> = told.iter().map(|line| line.trim().to_owned()).collect();
        let expected = [
            "/", "303", "303", "401", "/", "200", // bootstrapping
            "/hello", "401", "/hello", "310", "310", "200", // the service
            "310", "310", // root key
            "310", "310", "/cse-in", "200", // session key
        ];
        assert_eq!(told, expected);
        let times = capture.fields("frame", &["frame.time_epoch"]);
        assert!(times.is_sorted(), "{times:?}");
    }
}

#[test]
fn the_cards_commands_are_read() {
    for (mode, authentications) in [("me", 1), ("u", 4)] {
        let Some(capture) = Capture::of_demo(mode) else {
            return;
        };
        let asked = capture.fields("gsm_sim.apdu.ins == 0x88", &["frame.number"]);
        assert_eq!(asked.len(), authentications, "mode {mode}");
        let read = capture.tshark(&["-Y", "gsm_sim"]);
        for words in [
            "SELECT File EF.IMSI",
            "READ BINARY",
            "AUTHENTICATE",
            "GET RESPONSE",
        ] {
            assert!(read.contains(words), "{words}");
        }
    }
}

/// The secrets are in the file, and before what they open: tshark is given nothing else.
#[test]
fn the_session_with_the_in_cse_opens() {
    for capture in captures() {
        let inside = |file: &Path, filter: &str| {
            let options = [
                "-Y",
                filter,
                "-T",
                "fields",
                "-e",
                "http.request.uri",
                "-e",
                "http.response.line",
            ];
            capture.tshark_of(file, &options)
        };
        let asked = inside(&capture.file(), "tls && http.request");
        assert_eq!(asked.trim(), "/cse-in");
        let answered = inside(&capture.file(), "tls && http.response.code == 200");
        assert!(answered.to_lowercase().contains("x-m2m-rsc: 2000"), "{answered}");
        let finished = capture.fields("tls.handshake.type == 20", &["frame.number"]);
        assert_eq!(finished.len(), 4, "both ends with MAF and IN-CSE, opened");

        // And without the secrets they stay closed.
        let Some(editcap) = peer::program("editcap", "wireshark-common") else {
            continue;
        };
        let closed = capture.folder.path().join("closed.pcapng");
        let mut discard = Command::new(editcap);
        discard
            .arg("--discard-all-secrets")
            .arg(capture.file())
            .arg(&closed);
        assert!(peer::run(&mut discard, LIMIT).status.success());
        assert_eq!(inside(&closed, "tls && http"), "");
    }
}
