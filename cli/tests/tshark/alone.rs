//! Captures of one end alone: the network that `gba up` runs, and a device in a process of its own.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use tests::peer;

use crate::{Capture, LIMIT};

/// The program in an environment without anything of ours.
fn gba() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gba"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GBA_") {
            command.env_remove(name);
        }
    }
    command
}

/// `gba up` or an element; killed when dropped.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = channel();
        thread::spawn(move || {
            out.lines()
                .map_while(Result::ok)
                .try_for_each(|line| tell.send(line))
        });
        Self { child, lines }
    }

    /// Waits for a line that begins so; the word that follows.
    fn wait(&self, begin: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(LIMIT).unwrap();
            if let Some(rest) = line.strip_prefix(begin) {
                return rest.split(' ').next().unwrap().to_owned();
            }
        }
    }

    /// The command for the IN-CSE that it prints, once it is ready.
    fn command(&self) -> String {
        let mut found = None;
        loop {
            let line = self.lines.recv_timeout(LIMIT).unwrap();
            if line.starts_with("up: ready") {
                return found.unwrap();
            }
            if let Some(command) = line.strip_prefix("  gba ").filter(|l| l.contains("--tls-psk")) {
                found = Some(command.to_owned());
            }
        }
    }

    /// What it said on standard error, once it is told to stop.
    fn stop(mut self) -> String {
        let line = format!("kill -INT {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
        while self.lines.recv_timeout(LIMIT).is_ok() {}
        let mut err = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut err)
            .unwrap();
        assert!(self.child.wait().unwrap().success(), "{err}");
        err
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_server_and_a_device_each_open_tls_by_their_own_capture() {
    let Some(tshark) = peer::program("tshark", "tshark") else {
        return;
    };
    let [of_up, of_ue] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let up = Running::start(gba().args(["up", "--pcap"]).arg(of_up.path().join("demo.pcapng")));
    let file = of_ue.path().join("demo.pcapng");
    let line = format!(
        "{} {} --pcap {}",
        env!("CARGO_BIN_EXE_gba"),
        up.command(),
        file.display()
    );
    let said = peer::run(gba_shell().arg(&line), LIMIT);
    let err = String::from_utf8(said.stderr).unwrap();
    assert!(said.status.success(), "{line}\n{err}");
    assert!(err.contains("holds keys in clear"), "{err}");

    let of_ue = Capture::said(tshark.clone(), of_ue, &err);
    let of_up = Capture::said(tshark, of_up, &up.stop());
    let diameter = |c: &Capture| {
        c.decode_as
            .iter()
            .filter(|word| word.ends_with(",diameter"))
            .count()
    };
    assert_eq!(diameter(&of_ue), 0, "a device speaks no Diameter");
    assert_eq!(diameter(&of_up), 2, "Zh and Zn");
    for capture in [&of_ue, &of_up] {
        capture.none("_ws.malformed");
        capture.none("tcp.analysis.flags");
        let inside = |filter, field| capture.fields(filter, &[field]);
        assert_eq!(inside("tls && http.request", "http.request.uri"), ["/cse-in"]);
        let answered = inside("tls && http.response", "http.response.line");
        assert!(answered[0].to_lowercase().contains("x-m2m-rsc: 2000"));
        assert_eq!(
            inside("tls.handshake.type == 20", "tcp.stream").len(),
            2,
            "Finished"
        );
        let bootstrapped = inside("http.response.code == 200 && !tls", "http.content_type");
        assert_eq!(bootstrapped, ["application/vnd.3gpp.bsf+xml"]);
    }
}

fn gba_shell() -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").env_remove("GBA_LOG");
    command
}

/// Both ends of Zh over TLS, each alone: the HSS learns the secret of what the BSF says last.
#[test]
fn diameter_over_tls_is_opened_by_either_end() {
    let Some(tshark) = peer::program("tshark", "tshark") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let in_folder = || {
        let mut command = gba();
        command.current_dir(folder.path());
        command
    };
    let example = peer::run(in_folder().args(["config", "example"]), LIMIT);
    std::fs::write(folder.path().join("gba.toml"), example.stdout).unwrap();
    let names = [
        "hss.mnc001.mcc001.3gppnetwork.org",
        "bsf.mnc001.mcc001.pub.3gppnetwork.org",
    ];
    let made = peer::run(in_folder().args(["pki", "init"]).args(names), LIMIT);
    assert!(made.status.success());

    let [of_hss, of_bsf] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let serve = |element: &str, name: &str, capture: &tempfile::TempDir, more: &[&str]| {
        let mut command = in_folder();
        command.args([element, "serve", "--tls-ca=pki/ca.pem"]).args(more);
        command.arg(format!("--tls-cert=pki/{name}.pem"));
        command.arg(format!("--tls-key=pki/{name}.key"));
        Running::start(command.arg("--pcap").arg(capture.path().join("demo.pcapng")))
    };
    let hss = serve("hss", names[0], &of_hss, &["--listen=127.0.0.1:0"]);
    let zh = hss.wait("hss: Zh on ");
    let ports = ["--listen-ub=127.0.0.1:0", "--listen-zn=127.0.0.1:0", "--hss", &zh];
    let bsf = serve("bsf", names[1], &of_bsf, &ports);
    let ub = bsf.wait("bsf: Ub on ");
    bsf.wait("bsf: Zh to ");
    let mut ue = in_folder();
    let ue = peer::run(ue.args(["ue", "bootstrap"]).env("GBA_UE_BSF", &ub), LIMIT);
    assert!(ue.status.success(), "{}", String::from_utf8_lossy(&ue.stderr));

    let of_bsf = Capture::said(tshark.clone(), of_bsf, &bsf.stop());
    let of_hss = Capture::said(tshark, of_hss, &hss.stop());
    for mut capture in [of_bsf, of_hss] {
        // It takes a CER for a message of remote desktops.
        let options = ["--disable-heuristic", "rdpmt_tls_"];
        capture.decode_as.extend(options.map(str::to_owned));
        capture.none("_ws.malformed");
        let within = capture.fields("tls && diameter", &["diameter.cmd.code"]);
        assert_eq!(within, ["257", "257", "303", "303", "282", "282"]);
    }
}

#[test]
fn ruling_35_no_capture_in_production() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hss.pcapng");
    let mut hss = gba();
    hss.current_dir(folder.path()).env("GBA_PRODUCTION", "true");
    let said = peer::run(hss.args(["hss", "serve", "--pcap"]).arg(&file), LIMIT);
    let err = String::from_utf8(said.stderr).unwrap();
    assert_eq!(said.status.code(), Some(2), "{err}");
    assert!(
        err.contains("--pcap") && err.contains("production = true"),
        "{err}"
    );
    assert!(!file.exists());
}
