//! HSS, hostapd and a card, in a folder; the subscriber whose they are.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use tests::{
    pcscd::{PORT, Pcscd, READER},
    peer,
    process::Process,
};

pub(crate) const IMSI: &str = "001010000000001";

/// Where hostapd's RADIUS server is: every test has a network of its own.
pub(crate) const RADIUS: &str = "1812";

/// An EAP method as hostapd and wpa_supplicant call it, and the HSS's socket for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Method {
    pub(crate) name: &'static str,
    pub(crate) socket: &'static str,
}

pub(crate) const AKA: Method = Method {
    name: "AKA",
    socket: "hss.sock",
};

pub(crate) const PRIME: Method = Method {
    name: "AKA'",
    socket: "hss-prime.sock",
};

/// A folder with the subscriber's keys.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("k.hex", "465b5ce8b199b49faa5f0a2ee238a6bc\n");
        folder.write("wrong.hex", "465b5ce8b199b49faa5f0a2ee238a6bd\n");
        folder.write("opc.hex", "cd63cb71954a9f4e48a5994e37a02baf\n");
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.file(name), text).unwrap();
        fs::set_permissions(self.file(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The program, here and in an environment without anything of ours.
    pub(crate) fn gba(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gba"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GBA_") {
                command.env_remove(name);
            }
        }
        command.current_dir(self.path()).args(args);
        command
    }

    /// An HSS for the subscriber, with a socket for each method.
    pub(crate) fn hss(&self, more: &[&str]) -> Process {
        let mut command = self.gba(&[
            "hss",
            "serve",
            "--hostapd",
            AKA.socket,
            "--hostapd-prime",
            PRIME.socket,
        ]);
        command
            .args(["--imsi", IMSI, "--k", "@k.hex", "--opc", "@opc.hex"])
            .args(["--audit", "audit.jsonl"])
            .args(more);
        let mut hss = Process::start(&mut command);
        hss.wait("hss: ready");
        hss
    }

    /// The subscriber's card, once it is in the reader; or one with another key.
    pub(crate) fn card(&self, pcscd: &mut Pcscd, key: &str, more: &[&str]) -> Process {
        let reader = format!("127.0.0.1:{PORT}");
        let mut command = self.gba(&[
            "card",
            "serve",
            "--vpcd",
            &reader,
            "--imsi",
            IMSI,
            "--mnc-length",
            "2",
        ]);
        command.args(["--k", key, "--opc", "@opc.hex"]).args(more);
        let card = Process::start(&mut command);
        pcscd.wait_for_card();
        card
    }

    /// Starts hostapd with these settings and the lines of docs/wifi.md for its EAP server, with the files of this folder.
    pub(crate) fn hostapd(&self, program: &Path, socket: &str, settings: &str) -> Process {
        let page = fs::read_to_string(peer::root().join("docs/wifi.md")).unwrap();
        let block = |begin: &str| {
            let text = page.split_once(begin).unwrap().1.split("```").next().unwrap();
            format!("{}{text}", begin.split_once('\n').unwrap().1)
        };
        let socket = format!("unix:{}", self.file(socket).display());
        let eap = block("\neap_server=1")
            .replace("unix:/run/gba-hss.sock", &socket)
            .replace("/etc/hostapd/eap_users", "users");
        assert!(
            eap.contains(&socket) && eap.contains("eap_user_file=users"),
            "{eap}"
        );
        self.write("users", &block("```text\n\"0\"* AKA\n"));
        self.write("clients", "127.0.0.1 testing123\n");
        self.write(
            "hostapd.conf",
            &format!("{settings}logger_stdout=-1\nlogger_stdout_level=1\n{eap}"),
        );
        let mut hostapd = Command::new(program);
        hostapd.current_dir(self.path()).args(["-dd", "hostapd.conf"]);
        let mut hostapd = Process::start(&mut hostapd);
        hostapd.wait("AP-ENABLED");
        hostapd
    }

    /// A device's settings: no identity, since that is the card's.
    pub(crate) fn device(&self, method: &str, before: &str, network: &str) {
        let text =
            format!("{before}pcsc_reader={READER}\nnetwork={{\n{network}\n  eap={method}\n  pcsc=\"\"\n}}\n");
        self.write("device.conf", &text);
    }
}

/// The programs, or `None` where one is missing and may be.
pub(crate) fn programs(device: &str, package: &str) -> Option<(PathBuf, PathBuf)> {
    Some((
        peer::program("hostapd", "hostapd")?,
        peer::program(device, package)?,
    ))
}

/// How many lines of the audit log hold these words.
pub(crate) fn audited(folder: &Folder, words: &[&str]) -> usize {
    let log = folder.read("audit.jsonl");
    log.lines()
        .filter(|line| words.iter().all(|word| line.contains(word)))
        .count()
}
