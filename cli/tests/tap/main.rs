//! `gba tap` between elements of this project and of others, as a person puts it there: one process each.
//!
//! * `bootstrap`: Ub and Zh, between a device, a BSF and an HSS;
//! * `naf`: Zn and Ua, between a NAF, a BSF from a file and a device; TLS-PSK, closed and opened;
//! * `tls`: Diameter over TLS, and what may not be tapped in clear;
//! * `foreign`: python-diameter as HSS, curl, tshark;
//! * `words`: what the program says of itself and of a wrong file.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on may panic"
)]

mod bootstrap;
mod foreign;
mod naf;
mod tls;
mod words;

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// Nothing here takes so long; nothing may hang the suite.
const LIMIT: Duration = Duration::from_secs(60);

/// What a run said.
struct Said {
    status: i32,
    out: String,
    err: String,
}

/// The program in a folder, in an environment without anything of ours.
fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gba"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GBA_") {
            command.env_remove(name);
        }
    }
    command.current_dir(folder).args(arguments);
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

/// A process that runs; killed when dropped.
struct Element {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    begun: Instant,
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
            begun: Instant::now(),
        }
    }

    fn next(&mut self, wanted: &str) -> String {
        // A tap may have more to say for ever, such as watchdogs.
        let left = LIMIT.saturating_sub(self.begun.elapsed());
        let line = self.lines.recv_timeout(left);
        let line = line.unwrap_or_else(|e| panic!("{wanted} never came ({e}): {:#?}", self.seen));
        self.seen.push(line.clone());
        line
    }

    /// Waits for a line that begins so, and gives what follows, up to a blank.
    fn wait(&mut self, begin: &str) -> String {
        loop {
            if let Some(rest) = self.next(begin).strip_prefix(begin) {
                return rest.split(' ').next().unwrap().to_owned();
            }
        }
    }

    /// Stops it once it has said this.
    fn stop_when(mut self, words: &str) -> Vec<String> {
        while !self.next(words).contains(words) {}
        self.stop()
    }

    /// Stops it as Ctrl-C does, and gives what it says until its end.
    fn stop(mut self) -> Vec<String> {
        let line = format!("kill -INT {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
        loop {
            match self.lines.recv_timeout(LIMIT) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it doesn't stop: {:#?}", self.seen),
            }
        }
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{:#?}", self.seen);
        std::mem::take(&mut self.seen)
    }
}

impl Drop for Element {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A tap that tells in JSON.
struct Tap {
    element: Element,
    at: String,
}

impl Tap {
    /// Between a free port and a target. `rules` may be empty.
    fn start(folder: &Path, interface: &str, target: &str, rules: &str, more: &[&str]) -> Self {
        let mut command = program(folder, &["tap", interface, "127.0.0.1:0", target, "--json"]);
        if !rules.is_empty() {
            let file = folder.join(format!("{interface}.toml"));
            std::fs::write(&file, rules).unwrap();
            command.arg("--rule").arg(file);
        }
        Self::of(command.args(more))
    }

    fn of(command: &mut Command) -> Self {
        let mut element = Element::start(command);
        let first: Value = serde_json::from_str(&element.next("the first line")).unwrap();
        Self {
            at: first["listening"].as_str().unwrap().to_owned(),
            element,
        }
    }

    /// Waits for an object of which this is true.
    fn wait(&mut self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        loop {
            let object: Value = serde_json::from_str(&self.element.next(what)).unwrap();
            if is(&object) {
                return object;
            }
        }
    }

    /// Waits for a message of that name.
    fn message(&mut self, name: &str) -> Value {
        self.wait(name, |object| object["message"] == name)
    }

    /// Waits for what a rule did.
    fn did(&mut self, words: &str) -> Value {
        self.wait(words, |object| did(object).contains(words))
    }

    /// Stops it; everything it has said, and its summary.
    fn stop(self) -> (Vec<Value>, Value) {
        let lines = self.element.stop();
        let mut all: Vec<Value> = lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let summary = all.pop().unwrap()["summary"].take();
        (all, summary)
    }
}

/// What rules did with a message.
fn did(object: &Value) -> String {
    let rules = object["rules"].as_array().into_iter().flatten();
    rules
        .filter_map(|rule| rule["did"].as_str())
        .collect::<Vec<_>>()
        .join("; ")
}

/// A folder with the example as its `gba.toml`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let example = said(&mut program(folder.path(), &["config", "example"]));
    assert_eq!((example.status, example.err.as_str()), (0, ""));
    std::fs::write(folder.path().join("gba.toml"), example.out).unwrap();
    folder
}

fn port(address: &str) -> &str {
    address.rsplit(':').next().unwrap()
}
