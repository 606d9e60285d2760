//! Third-party peers: programs of the system, and Python packages in `target/peers/venv`.
//!
//! A test begins with `let Some(curl) = peer::program("curl", "curl") else { return };`. Where the peer is missing it
//! prints `skipped: needs …` with the package's name; in CI (`CI=true`) and in `cargo xtask test`
//! (`GBA_PEERS=required`) that is a failure instead. `GBA_PEERS=off` skips them all.
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::{
    env,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Finds a program in PATH; `package` is its name on Debian.
///
/// # Panics
/// Where it is missing and peers are required.
#[must_use]
pub fn program(name: &str, package: &str) -> Option<PathBuf> {
    if off(name) {
        return None;
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    found.or_else(|| missing(name, &format!("apt-get install {package}")))
}

/// Finds the Python that can import `module`; `package` is its name for pip.
///
/// # Panics
/// Where it is missing and peers are required.
#[must_use]
pub fn python(module: &str, package: &str) -> Option<PathBuf> {
    if off(module) {
        return None;
    }
    let venv = root()
        .join("target")
        .join("peers")
        .join("venv")
        .join("bin")
        .join("python");
    let can = Command::new(&venv)
        .args(["-c", &format!("import {module}")])
        .stderr(Stdio::null())
        .status();
    if can.is_ok_and(|status| status.success()) {
        return Some(venv);
    }
    missing(
        &format!("Python package {package}"),
        "cargo xtask test sets it up",
    )
}

/// Runs a peer to its end, at most `limit` long; no peer may hang the suite.
///
/// # Panics
/// Where it does not start or does not end in time.
#[must_use]
pub fn run(command: &mut Command, limit: Duration) -> Output {
    let line = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{line}: {error}"));
    // Read while it runs: a full pipe would stop the peer.
    let (out, err) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let start = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if start.elapsed() < limit => thread::sleep(Duration::from_millis(5)),
            Ok(None) => {
                drop(child.kill());
                panic!("{line} did not end within {limit:?}");
            }
            Err(error) => panic!("{line}: {error}"),
        }
    };
    let collect = |reader: thread::JoinHandle<Vec<u8>>| reader.join().unwrap_or_default();
    Output {
        status,
        stdout: collect(out),
        stderr: collect(err),
    }
}

/// The repository's root.
#[must_use]
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

fn drain<R: Read + Send + 'static>(pipe: Option<R>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut read = Vec::new();
        if let Some(mut pipe) = pipe {
            drop(pipe.read_to_end(&mut read));
        }
        read
    })
}

fn off(what: &str) -> bool {
    let off = env::var_os("GBA_PEERS").is_some_and(|value| value == "off");
    if off {
        eprintln!("skipped: {what} is a third-party peer, and GBA_PEERS=off");
    }
    off
}

/// Says that something isn't there, and how it would be.
///
/// # Panics
/// Where peers are required.
#[must_use]
pub fn missing<T>(what: &str, how: &str) -> Option<T> {
    let ci = env::var_os("CI").is_some_and(|value| value != "false" && !value.is_empty());
    let required = env::var_os("GBA_PEERS").is_some_and(|value| value == "required");
    assert!(!(ci || required), "needs {what}: {how}");
    eprintln!("skipped: needs {what}: {how}");
    None
}
