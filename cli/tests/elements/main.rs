//! Elements alone, as a person runs them: one process each, wired by the configuration that the program prints.
//!
//! * `alone`: HSS, BSF, NAF and devices; an HSS killed in between; how they stop;
//! * `kill`: an HSS killed 200 times under load;
//! * `fixed`: a BSF whose sessions stand in a file, and its laboratory modes;
//! * `audit`: the audit log; `log`: the log as text and JSON;
//! * `metrics`: /metrics as Prometheus reads it, and sockets that keep an operator's listener waiting;
//! * `ops`: /livez, /readyz and /metrics;
//! * `reload`: what SIGHUP does;
//! * `rows`: what elements refuse to start with, and sockets that say nothing;
//! * `sqn`: the schemes of sequence numbers;
//! * `load`: `gba load` against them;
//! * `up`: the network left running, and the commands that it prints;
//! * `config`: example, check and show, the order of the sources, and what is said of a wrong file.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on may panic"
)]

mod alone;
mod audit;
mod config;
mod fixed;
mod kill;
mod load;
mod log;
mod metrics;
mod ops;
mod reload;
mod rows;
mod sqn;
mod up;

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

/// Nothing here takes so long; nothing may hang the suite.
const LIMIT: Duration = Duration::from_secs(60);

/// What a run said.
struct Said {
    status: i32,
    out: String,
    err: String,
}

/// The program in a folder, in an environment without anything of ours.
fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gba"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GBA_") {
            command.env_remove(name);
        }
    }
    command.current_dir(folder);
    command
}

fn said(command: &mut Command) -> Said {
    let output = tests::peer::run(command, LIMIT);
    Said {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// An element that runs; killed when dropped.
struct Element {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Element {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = channel();
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    /// Waits for a line that begins so, and gives what follows, up to a blank.
    fn wait(&mut self, begin: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(LIMIT);
            let line = line.unwrap_or_else(|e| panic!("{begin:?} never came ({e}): {:?}", self.seen));
            self.seen.push(line.clone());
            if let Some(rest) = line.strip_prefix(begin) {
                return rest.split(' ').next().unwrap().to_owned();
            }
        }
    }

    /// Sends a signal and waits for the end.
    fn end(&mut self, signal: &str) -> ExitStatus {
        self.signal(signal);
        self.ended()
    }

    fn signal(&self, signal: &str) {
        let line = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    }

    fn ended(&mut self) -> ExitStatus {
        // The end of its output is the end of the process, and that is bounded.
        while self.lines.recv_timeout(LIMIT).is_ok() {}
        self.child.wait().unwrap()
    }
}

impl Drop for Element {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with the example as its `gba.toml`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let example = said(program(folder.path()).args(["config", "example"]));
    assert_eq!((example.status, example.err.as_str()), (0, ""));
    std::fs::write(folder.path().join("gba.toml"), example.out).unwrap();
    folder
}
