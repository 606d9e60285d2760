//! What a person reads: the ladder, the table, the verdict; on a terminal, without one, and with less of it.

use std::process::Command;

use crate::{K, OPC, demo, program, said};

const VERDICT: &str = "Device and network computed the same keys by themselves; root and session key differ.";

#[test]
fn the_whole_story_is_told_in_both_modes() {
    for (mode, words) in [
        ("me", ["AUTHENTICATE 3G", "GBA_ME, Ks in the device"]),
        ("u", ["GBA", "GBA_U, Ks stays in the card"]),
    ] {
        let said = demo(&["--mode", mode]);
        assert_eq!(said.status, 0, "{}", said.err);
        assert!(said.err.is_empty(), "nothing to warn of: {}", said.err);
        let has = |word: &str| assert!(said.out.contains(word), "{mode}: no {word:?} in\n{}", said.out);
        words.into_iter().for_each(has);
        for word in [
            "MAR",
            "MAA 2001",
            "401 challenge",
            "200 B-TID",
            "BIR",
            "BIA 2001",
            "ClientHello",
            "Finished",
            "RETRIEVE",
            "RSC 2000",
            "M2M root key",
            "M2M session key",
            "service key",
            "AVs used",
            VERDICT,
        ] {
            has(word);
        }
        assert_eq!(said.out.lines().last(), Some(VERDICT));
        assert_eq!(
            said.out.matches("MAA 2001").count(),
            1,
            "one AKA run gives all keys"
        );
    }
}

#[test]
fn quiet_prints_the_result_without_the_ladder() {
    let said = demo(&["--quiet"]);
    assert_eq!(said.status, 0);
    assert!(
        said.out.contains("B-TID") && said.out.contains(VERDICT),
        "{}",
        said.out
    );
    for word in ["MAR", "BIA", "what it says"] {
        assert!(!said.out.contains(word), "{}", said.out);
    }
}

#[test]
fn without_a_terminal_nothing_is_drawn_or_coloured() {
    let said = demo(&["--sqn", "000000000040", "--amf", "8000"]);
    for (name, text) in [("output", &said.out), ("warnings", &said.err)] {
        assert!(!text.contains('\u{1b}'), "{name} with escape codes: {text}");
    }
    assert!(said.err.contains("separation bit"), "{}", said.err);
    let lines = |c: char| ('\u{2500}'..='\u{257f}').contains(&c);
    assert!(!said.out.contains(lines), "lines are for terminals: {}", said.out);
}

/// Gives a command line a terminal of its own, and ends with its status.
const TERMINAL: &str =
    "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(['sh', '-c', sys.argv[1]])))";

/// What a terminal of 100 columns is shown.
pub(crate) fn on_a_terminal(environment: &str) -> Option<String> {
    let python = tests::peer::program("python3", "python3")?;
    let line = format!(
        "stty cols 100 rows 50; {environment} {} demo",
        env!("CARGO_BIN_EXE_gba")
    );
    let mut command = Command::new(python);
    let plain = program();
    for (name, _) in plain.get_envs() {
        command.env_remove(name);
    }
    let said = said(command.env("TERM", "xterm").args(["-c", TERMINAL, &line]));
    assert_eq!(said.status, 0, "{}", said.out);
    Some(said.out)
}

/// Types a line for each prompt into a terminal, as soon as it shows no typing, and prints what it shows.
const TYPIST: &str = "
import os, pty, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:-2])
shown = b''
for number, line in enumerate(sys.argv[-2:], 1):
    while shown.count(b'digits): ') < number:
        shown += os.read(terminal, 1000)
    while termios.tcgetattr(terminal)[3] & termios.ECHO:
        pass
    os.write(terminal, line.encode() + b'\\n')
try:
    while octets := os.read(terminal, 1000):
        shown += octets
except OSError:
    pass
sys.stdout.write(shown.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
";

#[test]
fn a_terminal_is_asked_for_each_key_and_shows_none() {
    let Some(python) = tests::peer::program("python3", "python3") else {
        return;
    };
    let mut command = Command::new(python);
    command
        .args(["-c", TYPIST, env!("CARGO_BIN_EXE_gba")])
        .args(["demo", "--quiet", "--k", "-", "--opc", "-", K, OPC]);
    let said = said(&mut command);
    assert_eq!(said.status, 0, "{}{}", said.out, said.err);
    for prompt in ["K (32 hex digits): ", "OPc (32 hex digits): "] {
        assert!(said.out.contains(prompt), "{}", said.out);
    }
    for key in [K, OPC] {
        assert!(!said.out.contains(&key[..8]), "{}", said.out);
    }
}

#[test]
pub(crate) fn on_a_terminal_of_100_columns_no_line_is_wider() {
    let Some(shown) = on_a_terminal("") else { return };
    assert!(shown.contains('\u{1b}'), "colours on a terminal: {shown}");
    let plain = stripped(&shown);
    assert!(
        plain.contains('├') && plain.contains('▶') && plain.contains('╭'),
        "{plain}"
    );
    for line in plain.lines() {
        assert!(
            line.chars().count() <= 100,
            "{} columns: {line}",
            line.chars().count()
        );
    }
    assert!(plain.contains(VERDICT), "{plain}");
}

#[test]
fn no_color_keeps_the_drawing_and_drops_the_colours() {
    let Some(shown) = on_a_terminal("NO_COLOR=1") else {
        return;
    };
    assert!(!shown.contains('\u{1b}'), "{shown}");
    assert!(shown.contains('├') && shown.contains(VERDICT), "{shown}");
}

/// Without `ESC [ … letter`.
fn stripped(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part
            .find(|c: char| c.is_ascii_alphabetic())
            .map_or(part.len(), |at| at + 1);
        plain.push_str(&part[end..]);
    }
    plain.replace('\r', "")
}

/// A reader that goes away must not change what the run ends with.
#[test]
fn a_closed_standard_output_is_no_failure() {
    let line = format!("{} demo; echo status $? >&2", env!("CARGO_BIN_EXE_gba"));
    let said = said(Command::new("sh").args(["-c", &format!("{{ {line}; }} | true")]));
    assert!(said.err.contains("status 0"), "{}", said.err);
}
