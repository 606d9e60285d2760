//! The program `gba` as a person or a script runs it, from the command line to its exit status.
//!
//! * `json`: the object of `--json`, key by key;
//! * `exact`: a repeatable run against keys that another program computed;
//! * `usage`: what is refused with status 2, and in which words;
//! * `config`: `--config FILE.toml`;
//! * `output`: ladder, table, `--quiet`, terminal and no terminal;
//! * `pcap`: the file of `--pcap`;
//! * `readme`: the ladder on the front page;
//! * `secrets`: a whole run at trace level with canary keys.
//! * `vectors`: `gba vectors run`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod config;
mod exact;
mod json;
mod output;
mod pcap;
mod readme;
mod secrets;
mod usage;
mod vectors;

use std::{process::Command, time::Duration};

/// A demo takes at most 2 s; a busy machine may need more, and nothing may hang the suite.
const LIMIT: Duration = Duration::from_secs(60);

/// TS 35.208 test set 1.
pub(crate) const K: &str = "465b5ce8b199b49faa5f0a2ee238a6bc";
pub(crate) const OPC: &str = "cd63cb71954a9f4e48a5994e37a02baf";
pub(crate) const OP: &str = "cdc202d5123e20f62b6d676ac72cb318";
const RAND: &str = "23553cbe9637a89d218ae64dae47bf35";
const SQN: &str = "ff9bb4d0b607";
const AMF: &str = "b9b9";

/// What a run said.
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The program, in an environment that says nothing about colours and logs.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gba"));
    for name in [
        "NO_COLOR",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "GBA_LOG",
        "RUST_LOG",
        "COLUMNS",
    ] {
        command.env_remove(name);
    }
    command
}

pub(crate) fn said(command: &mut Command) -> Said {
    let output = tests::peer::run(command, LIMIT);
    Said {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// `gba demo` with these options.
pub(crate) fn demo(options: &[&str]) -> Said {
    said(program().arg("demo").args(options))
}

/// The options of a run that can be repeated: every input of test set 1.
pub(crate) fn repeatable<'a>(mode: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let fixed = [
        "--mode", mode, "--k", K, "--opc", OPC, "--rand", RAND, "--sqn", SQN, "--amf", AMF,
    ];
    [&fixed[..], more].concat()
}

/// `gba demo` whose input is that of test set 1.
pub(crate) fn demo_of_set_1(mode: &str, more: &[&str]) -> Said {
    demo(&repeatable(mode, more))
}
