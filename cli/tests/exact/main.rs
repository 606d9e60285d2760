//! Exactness as a person sees it: algorithm sets and resynchronisation in the demo, the calculator, the explainer.
//!
//! * `demo`: `gba demo --algorithm …` and `--resync`
//! * `explain`: `gba explain`, and what it hides
//! * `keys`: `gba keys` against vectors that other programs computed
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod demo;
mod explain;
mod keys;

use std::{process::Command, time::Duration};

/// A run takes at most 2 s; a busy machine may need more, and nothing may hang the suite.
const LIMIT: Duration = Duration::from_secs(60);

/// TS 35.208 test set 1.
pub(crate) const K: &str = "465b5ce8b199b49faa5f0a2ee238a6bc";
pub(crate) const OPC: &str = "cd63cb71954a9f4e48a5994e37a02baf";
pub(crate) const OP: &str = "cdc202d5123e20f62b6d676ac72cb318";
pub(crate) const RAND: &str = "23553cbe9637a89d218ae64dae47bf35";

/// What a run said.
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// `gba` with these words, in an environment that says nothing about colours and logs.
pub(crate) fn gba(words: &[&str]) -> Said {
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
    let output = tests::peer::run(command.args(words), LIMIT);
    Said {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The JSON object that a successful run prints.
pub(crate) fn object(words: &[&str]) -> serde_json::Value {
    let said = gba(words);
    assert_eq!(said.status, 0, "{words:?}: {}", said.err);
    serde_json::from_str(&said.out).unwrap()
}
