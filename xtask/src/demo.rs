//! `cargo xtask demo`: from a fresh clone to the ladder in one command.

use std::process::Stdio;

use crate::run::{Failure, cargo, program, shown, target};
use crate::system;

/// Builds with the profile that reaches the ladder soonest (see Cargo.toml) and hands over to `gba demo`.
pub(crate) fn demo(args: &[String]) -> Result<(), Failure> {
    system::ensure_build()?;
    let mut build = cargo([
        "build",
        "--locked",
        "--package",
        "gba-cli",
        "--bin",
        "gba",
        "--profile",
        PROFILE,
    ]);
    // The demo's card is in software: no reader's library is asked for.
    if !system::pcsc_library() {
        build.arg("--no-default-features");
    }
    // Cargo's progress goes to standard error, so `cargo xtask demo --json | jq` works.
    let built = build.stdin(Stdio::null()).status();
    if !built.is_ok_and(|status| status.success()) {
        return Err(Failure::usage(format!(
            "'{}' failed; its message is above",
            shown(&build)
        )));
    }
    let gba = target().join(PROFILE).join("gba");
    let mut run = program(&gba, ["demo"]);
    run.args(args);
    // Paths among the arguments are the caller's.
    if let Ok(here) = std::env::current_dir() {
        run.current_dir(here);
    }
    match run.status() {
        Ok(status) if status.success() => {
            // To standard error, so that `--json` stays one object.
            eprintln!(
                "The program is {}. `cargo install --path cli` puts it on the path; try `gba demo --mode u`, `gba up`.",
                gba.display()
            );
            Ok(())
        }
        Ok(status) => Err(Failure::status(
            status
                .code()
                .and_then(|code| u8::try_from(code).ok())
                .unwrap_or(2),
        )),
        Err(error) => Err(Failure::usage(format!(
            "{} did not start: {error}",
            gba.display()
        ))),
    }
}

/// In Cargo.toml; also the name of its folder under `target`.
const PROFILE: &str = "demo";
