//! `gba up`: what it prints works when typed.

use std::{os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use crate::{Element, program, said};

fn tried(mode: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Element::start(program(folder.path()).args(["up", "--mode", mode]));
    up.wait("up: ready");
    let commands: Vec<String> = up
        .seen
        .iter()
        .filter_map(|l| l.strip_prefix("  gba "))
        .map(str::to_owned)
        .collect();
    assert_eq!(commands.len(), 3, "{:?}", up.seen);
    let card = up
        .seen
        .iter()
        .find_map(|l| l.strip_prefix("its card    "))
        .unwrap();
    let card = Path::new(card.split(' ').next().unwrap()).to_owned();
    assert_eq!(card.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    for command in &commands {
        let line = format!("{} {command}", env!("CARGO_BIN_EXE_gba"));
        let said = said(Command::new("sh").current_dir(folder.path()).args(["-c", &line]));
        assert_eq!(said.status, 0, "{line}\n{}{}", said.out, said.err);
        assert!(!said.out.is_empty(), "{line}");
    }
    assert_eq!(up.end("INT").code(), Some(0));
    assert!(!card.exists(), "the keys go with the network");
}

#[test]
fn the_commands_that_it_prints_work_when_typed() {
    tried("me");
}

#[test]
fn with_ks_in_the_card_they_work_as_well() {
    tried("u");
}

#[cfg(target_os = "linux")]
#[test]
fn where_nobody_can_read_what_it_prints_it_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    for out in [full.into(), std::process::Stdio::from(closed)] {
        let up = program(folder.path()).arg("up").stdout(out).output().unwrap();
        let err = String::from_utf8_lossy(&up.stderr).into_owned();
        assert_eq!(up.status.code(), Some(2), "{err}");
        assert!(err.contains("standard output cannot be written"), "{err}");
    }
}
