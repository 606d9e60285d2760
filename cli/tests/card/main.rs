//! The terminal's commands of `gba card`, as a person and a script run them, on software cards.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on may panic"
)]

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

const K: &str = "00112233445566778899aabbccddeeff";
const OPC: &str = "0123456789abcdef0123456789abcdef";

struct Said {
    status: i32,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}{}", self.out, self.err))
    }
}

/// Keys in files, and a card with PIN 1 switched on and few tries.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    };
    write("k.hex", K);
    write("opc.hex", OPC);
    write(
        "card.toml",
        "base = \"gba\"\n[[pin]]\nkey = \"PIN1\"\nvalue = \"1234\"\nenabled = true\nmax_tries = 2\npuk = \"12345678\"\n",
    );
    folder
}

fn run(folder: &Path, line: &str, input: &str) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gba"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GBA_") {
            command.env_remove(name);
        }
    }
    let mut child = command
        .current_dir(folder)
        .args(line.split(' '))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A program that has ended doesn't read.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    Said {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn gba(line: &str) -> Said {
    run(folder().path(), line, "")
}

#[test]
fn a_card_says_who_it_is_and_what_it_has() {
    let info = gba("card info --card software:gba --json").json();
    let usim = &info["applications"][0];
    assert_eq!(usim["name"], "USIM", "{info}");
    assert_eq!(usim["imsi"], "001010123456789");
    assert_eq!(usim["gba"], "GBA_U");
    let services = usim["services"].as_array().unwrap();
    assert!(services.contains(&68.into()), "{services:?}");
    let text = gba("card info --card software:gba");
    assert_eq!(text.status, 0, "{}", text.err);
    assert!(text.out.contains("GBA_U: Ks stays in the card"), "{}", text.out);

    let tree = gba("card tree --card software:gba ADF.USIM");
    assert_eq!(tree.status, 0, "{}", tree.err);
    let imsi = tree.out.lines().find(|l| l.contains("EF_IMSI")).unwrap();
    assert!(imsi.contains("6F07") && imsi.ends_with("PIN 1 / ADM 1"), "{imsi}");

    let list = gba("card list --json").json();
    assert!(
        list["software"].as_array().unwrap().contains(&"gba".into()),
        "{list}"
    );
}

#[test]
fn files_are_read_by_name_and_path_in_words_hex_and_json() {
    for file in ["EF_IMSI", "EF.IMSI", "7FFF/6F07", "ADF.USIM/EF_IMSI"] {
        let said = gba(&format!("card read --card software:gba {file}"));
        assert_eq!(
            (said.status, said.out.as_str()),
            (0, "001010123456789\n"),
            "{file}: {}",
            said.err
        );
    }
    let hex = gba("card read --card software:gba --hex EF_AD");
    assert_eq!(hex.out, "00000002\n");
    let json = gba("card read --card software:gba --json EF_AD").json();
    assert_eq!(
        (&json["hex"], &json["value"]["MNC digits"]),
        (&"00000002".into(), &2.into()),
        "{json}"
    );
    let found = gba("card search --card software:gba --json EF_DIR A000000087").json();
    assert!(
        found["records"].as_array().unwrap().contains(&1.into()),
        "{found}"
    );

    let unknown = gba("card read --card software:gba EF_NOSUCH");
    assert_eq!(unknown.status, 2, "{}", unknown.err);
    assert!(unknown.err.contains("give its path in hex"), "{}", unknown.err);
    let missing = gba("card read --card software:gba MF/2FEE");
    assert_eq!(missing.status, 1, "{}", missing.err);
}

//= Ours-terminal-r2
#[test]
fn nothing_changes_without_a_yes() {
    let asked = gba("card update --card software:gba MF/EF_PL 6465");
    assert_eq!(asked.status, 2, "{}", asked.out);
    assert!(asked.err.contains("add --yes"), "{}", asked.err);
    assert!(asked.out.contains("after   6465"), "{}", asked.out);
    let done = run(
        folder().path(),
        "card shell --card software:gba",
        "update MF/EF_PL 6465 --yes\nread --hex MF/EF_PL\nread EF_AD\n",
    );
    assert_eq!(done.status, 0, "{}", done.err);
    assert!(done.out.contains("written\n6465"), "{}", done.out);
    for line in [
        "card auth --card software:gba --k @k.hex --opc @opc.hex",
        "card derive --card software:gba --k @k.hex --opc @opc.hex",
        "card apdu --card software:gba 00D6000002FFFF",
        "card lint --card software:gba --probe",
        "demo --card software:gba --k @k.hex --opc @opc.hex",
        "vectors run --target card:software:gba --k @k.hex --opc @opc.hex",
    ] {
        let said = gba(line);
        assert_eq!(said.status, 2, "{line}: {}", said.err);
        assert!(said.err.contains("add --yes"), "{line}: {}", said.err);
    }
}

/// An export that went nowhere is no success.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_wherever_something_is_printed() {
    for line in [
        "card profile example",
        "card profile export ts48",
        "card export --card software:gba",
        "config example",
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let done = Command::new(env!("CARGO_BIN_EXE_gba"))
            .args(line.split(' '))
            .stdout(full)
            .output()
            .unwrap();
        let why = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{line}: {why}");
        assert!(why.contains("cannot print"), "{line}: {why}");
    }
}

//= Ours-terminal-r1
#[test]
fn tries_are_shown_before_one_is_used_and_the_last_is_kept() {
    let folder = folder();
    let card = "--card software:card.toml";
    let needed = run(folder.path(), &format!("card read {card} EF_IMSI"), "");
    assert_eq!(needed.status, 1, "{}", needed.err);
    assert!(
        needed.err.contains("ADF.USIM/EF_IMSI") && needed.err.contains("needs PIN 1 (--pin -)"),
        "{}",
        needed.err
    );
    let read = run(
        folder.path(),
        &format!("card read {card} --pin - EF_IMSI"),
        "1234\n",
    );
    assert_eq!(
        (read.status, read.out.as_str()),
        (0, "001010123456789\n"),
        "{}",
        read.err
    );
    assert!(read.err.contains("PIN 1: needed, 2 tries left"), "{}", read.err);
    // One wrong, then one is left, and that isn't used.
    let session = run(
        folder.path(),
        &format!("card shell {card}"),
        "pin\nread EF_ICCID\npin verify --value 9999\n",
    );
    assert_eq!(session.status, 1, "{}", session.err);
    assert!(
        session.err.contains("PIN 1 was wrong: 1 try left"),
        "{}",
        session.err
    );
    let last = run(
        folder.path(),
        &format!(
            "card apdu {card} --yes 00A4040C07A0000000871002 002000010839393939FFFFFFFF 002000010831323334FFFFFFFF"
        ),
        "",
    );
    assert_eq!(last.status, 1, "{}", last.err);
    assert!(last.err.contains("so it was not sent"), "{}", last.err);
    // One that was verified is enough for a bootstrapping; without it the answer tells what to do.
    let keys = "--k @k.hex --opc @opc.hex";
    let derive = format!("card derive {card} {keys} --yes");
    let done = run(folder.path(), &format!("{derive} --pin -"), "1234\n");
    assert_eq!(done.status, 0, "{}", done.err);
    for line in [&derive, &format!("card sqn {card} {keys}")] {
        let without = run(folder.path(), line, "");
        assert_eq!(without.status, 1, "{line}: {}", without.err);
        assert!(without.err.contains("--pin"), "{line}: {}", without.err);
    }
    // A card that says no is a refusal, whoever asks it.
    let device = run(folder.path(), &format!("ue bootstrap {card} --card-pin 9999"), "");
    assert_eq!(device.status, 1, "{}", device.err);
    assert!(device.err.contains("PIN was wrong: 1 try left"), "{}", device.err);
    let line = format!("card shell {card}");
    let handset = run(folder.path(), &line, "toolkit --yes\nread EF_ICCID\n");
    assert_eq!(handset.status, 0, "{}", handset.err);
    let fit = run(folder.path(), &format!("card doctor {card} --pin -"), "1234\n");
    assert!(
        fit.out.contains("its files can be read") && !fit.out.contains("give it"),
        "{}",
        fit.out
    );
    // The tries of a PUK aren't those of its PIN.
    let unblock = |card: &str, puk: &str| {
        let line = format!("card pin unblock --card {card} --value {puk} --new 4321 --yes");
        run(folder.path(), &line, "")
    };
    let wrong = unblock("software:card.toml", "87654321");
    assert_eq!(wrong.status, 1, "{}", wrong.err);
    assert!(
        wrong.err.contains("PUK of PIN 1 was wrong: 9 tries left"),
        "{}",
        wrong.err
    );
    let none = unblock("software:gba", "87654321");
    assert_eq!(none.status, 1, "{}", none.err);
    assert!(none.err.contains("no PUK of PIN 1"), "{}", none.err);
}

//= Ours-terminal-r3
#[test]
fn ruling_03_the_sqn_is_shown_before_and_after_and_goes_on_by_the_smallest_step() {
    let keys = "--k @k.hex --opc @opc.hex";
    let sqn = gba(&format!("card sqn --card software:gba {keys} --json")).json();
    assert_eq!(
        (&sqn["sqn_ms"], &sqn["next"]),
        (&"000000000000".into(), &"00000000003f".into()),
        "{sqn}"
    );
    let auth = gba(&format!("card auth --card software:gba {keys} --yes"));
    assert_eq!(auth.status, 0, "{}", auth.err);
    assert!(
        auth.out.contains("SQN after    00000000003f (SEQ 1, IND 31)"),
        "{}",
        auth.out
    );
    assert!(!auth.out.contains("NOT"), "{}", auth.out);
    let jump = gba(&format!(
        "card auth --card software:gba {keys} --yes --sqn 000010000000"
    ));
    assert_eq!(jump.status, 1, "{}", jump.out);
    assert!(jump.err.contains("--force"), "{}", jump.err);
    let other = gba("card sqn --card software:card.toml --k @opc.hex --opc @k.hex");
    assert_eq!(other.status, 1, "{}{}", other.out, other.err);
}

#[test]
fn a_card_with_known_keys_derives_the_keys_of_nafs_as_the_network_does() {
    let said = gba("card derive --card software:gba --k @k.hex --opc @opc.hex --yes --naf a.example.org");
    assert_eq!(said.status, 0, "{}", said.err);
    for part in [
        "GBA_U",
        "AUTN*, as the standard has it",
        "card and network have the same",
    ] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    let demo = gba("demo --card software:gba --k @k.hex --opc @opc.hex --yes --json");
    assert_eq!(demo.status, 0, "{}", demo.err);
    assert_eq!(demo.json()["mode"], "u", "{}", demo.out);
}

//= Ours-terminal-r5
#[test]
fn a_card_is_tested_and_the_report_names_the_clauses() {
    let folder = folder();
    let line =
        "vectors run --target card:software:gba --k @k.hex --opc @opc.hex --yes --json --junit card.xml";
    let said = run(folder.path(), line, "");
    assert_eq!(said.status, 0, "{}{}", said.out, said.err);
    let report = said.json();
    let rows = report["rows"].as_array().unwrap();
    assert!(rows.iter().any(|r| r["clause"] == "TS 33.220, 5.3.2"), "{report}");
    let junit = std::fs::read_to_string(folder.path().join("card.xml")).unwrap();
    assert!(
        junit.contains("failures=\"0\"") && junit.contains("AUTN*"),
        "{junit}"
    );
    let wrong = run(folder.path(), "vectors run --target card:software:gba --yes", "");
    assert_eq!(wrong.status, 2, "{}", wrong.err);
}

//= Ours-terminal-r4
#[test]
fn lint_finds_published_keys_and_says_why_they_matter() {
    let folder = folder();
    std::fs::write(
        folder.path().join("open.toml"),
        "base = \"gba\"\n[keys]\nk = \"465b5ce8b199b49faa5f0a2ee238a6bc\"\nopc = \"cd63cb71954a9f4e48a5994e37a02baf\"\n",
    )
    .unwrap();
    let said = run(folder.path(), "card lint --card software:open.toml", "");
    assert_eq!(said.status, 1, "{}", said.err);
    assert!(said.out.contains("can be cloned by everybody"), "{}", said.out);
    let json = run(folder.path(), "card lint --card software:open.toml --json", "").json();
    assert_eq!(
        (&json[0]["check"], &json[0]["level"]),
        (&"published-key".into(), &"unsafe".into())
    );
}

#[test]
fn doctor_apdu_and_export_say_what_they_find() {
    let doctor = gba("card doctor --card software:gba --k @k.hex --opc @opc.hex --json").json();
    let checks = doctor["checks"].as_array().unwrap();
    let found = |check: &str| checks.iter().find(|c| c["check"] == check).unwrap()["found"].to_string();
    assert!(found("ATR").contains("T=0"), "{doctor}");
    assert!(found("GBA").contains("GBA_U"), "{doctor}");
    assert!(found("AUTN").contains("AUTN*"), "{doctor}");

    let apdu = gba("card apdu --card software:gba 00A40004023F00 00B0000001");
    assert_eq!(
        apdu.status, 1,
        "READ BINARY of a directory is refused, and the status says so"
    );
    assert!(
        apdu.out.contains("9000  done") && apdu.out.contains("69"),
        "{}",
        apdu.out
    );

    let export = gba("card export --card software:gba");
    assert_eq!(export.status, 0, "{}", export.err);
    let card: toml::Value = toml::from_str(&export.out).unwrap();
    let files = card["file"].as_array().unwrap();
    let iccid = files
        .iter()
        .find(|f| f["path"].as_str() == Some("3F00/2FE2"))
        .unwrap();
    assert_eq!(iccid["content"].as_str().unwrap().len(), 20);
    assert!(
        files
            .iter()
            .any(|f| f["name"].as_str() == Some("ADF.USIM/EF_GBANL"))
    );
}

/// A network left running; killed when dropped.
struct Up(std::process::Child);

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_device_bootstraps_with_a_card_of_its_own_and_no_keys() {
    use std::io::BufRead as _;

    let folder = folder();
    let mut child = Command::new(env!("CARGO_BIN_EXE_gba"))
        .current_dir(folder.path())
        .args(["up", "--mode", "u"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = std::io::BufReader::new(child.stdout.take().unwrap());
    let up = Up(child);
    let (mut bsf, mut config) = (String::new(), String::new());
    for line in out.lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["BSF", "Ub", address, ..] => (*address).clone_into(&mut bsf),
            ["its", "card", path, ..] => config = std::fs::read_to_string(path).unwrap(),
            ["up:", "ready;", ..] => break,
            _ => {}
        }
    }
    let config: toml::Value = toml::from_str(&config).unwrap();
    let ue = &config["ue"];
    let (k, opc) = (ue["k"].as_str().unwrap(), ue["opc"].as_str().unwrap());
    let card = format!("base = \"gba\"\n[keys]\nk = \"{k}\"\nopc = \"{opc}\"\n");
    std::fs::write(folder.path().join("sim.toml"), card).unwrap();
    let line = format!("ue bootstrap --card software:sim.toml --bsf {bsf} --json");
    let said = run(folder.path(), &line, "");
    assert_eq!(said.status, 0, "{}", said.err);
    assert_eq!(said.json()["mode"], "u", "{}", said.out);
    drop(up);
}
