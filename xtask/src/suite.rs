//! `cargo xtask test`: everything that must hold, in one command; CI calls exactly this.
//!
//! The cheap steps come first. `--quick` leaves out the third-party peers, fuzzing, the dependency audit and the
//! measured gates, for the minutes between two edits.

use crate::run::{Failure, cargo, go, in_ci, succeeds};
use crate::steps::Steps;
use crate::{bench, check, fuzz, peers, reqs, system};

/// `cargo xtask test [--quick]`
pub(crate) fn test(args: &[String]) -> Result<(), Failure> {
    let quick = match args {
        [] => false,
        [flag] if flag == "--quick" => true,
        _ => return Err(Failure::usage("test takes only --quick")),
    };
    if quick {
        system::ensure_whole_build()?;
    } else {
        system::ensure_peers()?;
    }
    let mut steps = Steps::default();
    if !quick {
        steps.run("set up the peers", peers::ensure_python);
    }
    steps.run("format", || {
        go(&mut cargo(["fmt", "--all", "--check"]))?;
        go(&mut cargo([
            "fmt",
            "--manifest-path",
            "fuzz/Cargo.toml",
            "--check",
        ]))
    });
    steps.run("rules of the house", check::check);
    steps.run("requirements", reqs::check);
    if !quick {
        steps.run("licences, bans, sources", deny);
    }
    steps.run("lints", || {
        go(cargo([
            "clippy",
            "--locked",
            "--workspace",
            "--all-targets",
            "--keep-going",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ])
        .lean())
    });
    steps.run("tests", || tests(quick));
    steps.run("examples in documents", || {
        go(cargo(["test", "--locked", "--workspace", "--doc", "--quiet"]).lean())
    });
    steps.run("documentation", || {
        go(cargo([
            "doc",
            "--locked",
            "--workspace",
            "--no-deps",
            "--keep-going",
            "--quiet",
        ])
        .env("RUSTDOCFLAGS", "-D warnings")
        .lean())
    });
    if quick {
        for name in [
            "licences, bans, sources",
            "fuzz targets",
            "measured gates",
            "storm of APDUs",
        ] {
            steps.skip(name, "--quick");
        }
    } else {
        if steps.run("fuzz targets: build", fuzz::build) {
            steps.run("fuzz targets: slice", fuzz::slice);
        }
        steps.run("measured gates", bench::gate);
        steps.run("storm of APDUs", storm);
    }
    steps.close()
}

/// With nextest where it is found; no test relies on a process of its own.
fn tests(quick: bool) -> Result<(), Failure> {
    let mut run = if succeeds(&mut cargo(["nextest", "--version"])) {
        let mut run = cargo(["nextest", "run", "--locked", "--workspace", "--no-fail-fast"]);
        run.args(["--status-level", "fail", "--show-progress", "none"]);
        run
    } else {
        cargo([
            "test",
            "--locked",
            "--workspace",
            "--lib",
            "--bins",
            "--tests",
            "--no-fail-fast",
            "--quiet",
        ])
    };
    go(run
        .env("GBA_PEERS", if quick { "off" } else { "required" })
        .lean())
}

/// The million of row 48, of which the suite sends a slice.
pub(crate) fn flood() -> Result<(), Failure> {
    let mut test = cargo(["test", "--release", "--package", "gba-bsf", "--test", "flood"]);
    go(test.env("GBA_FLOOD", "1000000"))
}

/// Ten million APDUs at software cards, of which the tests send a slice.
fn storm() -> Result<(), Failure> {
    let mut test = cargo(["test", "--locked", "--profile", "bench", "--quiet"]);
    test.args(["--package", "gba-uicc", "--test", "storm"]);
    go(test.env("GBA_STORM", "10000000"))
}

/// Licences, banned versions and sources, from deny.toml alone.
pub(crate) fn deny() -> Result<(), Failure> {
    let mut deny = peers::cargo_deny()?;
    // The manifests of all platforms' crates must lie in cargo's cache; from there on nothing is asked for.
    go(&mut cargo(["fetch", "--locked", "--quiet"]))?;
    go(deny.args([
        "--workspace",
        "--offline",
        "--locked",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]))
}

/// Known vulnerabilities; the database comes over the network.
pub(crate) fn advisories() -> Result<(), Failure> {
    let mut deny = peers::cargo_deny()?;
    go(deny.args(["--workspace", "check", "advisories"]))
}

/// In CI every build is a first one: no state for the next is kept.
trait Lean {
    fn lean(&mut self) -> &mut Self;
}

impl Lean for std::process::Command {
    fn lean(&mut self) -> &mut Self {
        if in_ci() && std::env::var_os("CARGO_INCREMENTAL").is_none() {
            self.env("CARGO_INCREMENTAL", "0");
        }
        self
    }
}
