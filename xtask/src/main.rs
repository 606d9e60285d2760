//! Tasks of this repository: `cargo xtask <task>`.
//!
//! A new machine has cargo and nothing else, so the task runner is a plain program on `std`: it builds in
//! seconds and links no system library. What it needs from the machine it says, and installs where it may.
//!
//! - [`demo`], [`suite`]: the two commands of the README
//! - [`system`], [`peers`]: what the machine must have; what the tests run against
//! - [`check`], [`reqs`], [`fuzz`], [`mod@bench`]: single concerns, also steps of the suite
//! - [`steps`], [`run`]: the table of steps and the child processes underneath
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is what a task runner does"
)]
#![forbid(unsafe_code)]

mod bench;
mod check;
mod demo;
mod fuzz;
mod peers;
mod reqs;
mod run;
mod steps;
mod suite;
mod system;

use std::process::ExitCode;

use run::Failure;

const HELP: &str = "\
cargo xtask <task>

  demo [ARGS…]               set up what is missing, build `gba`, run `gba demo ARGS…`
  test [--quick]             the whole suite with its third-party peers; --quick: no peers, no fuzzing, no gates
  setup [--print]            only install (or only name) what the machine lacks, for demo and test
  check                      the rules of the house: who imports whom, pure crates, listed dependencies; reqs --check
  reqs [--check]             requirements against tests: write docs/conformance.md; --check: fail if it would change
  fuzz [--for TIME] [TARGET]  the fuzz targets, or one: the suite's slice; --for 30m: a soak from new random seeds
  flood                      a million first requests and no second one to the BSF: memory flat, others served (row 48)
  bench [--gate]             run the benchmarks; --gate: fail where a measured bound is broken
  deny                       licences, banned versions and sources of all dependencies, offline
  advisories                 known vulnerabilities (needs the advisory database, so the network)

Exit status: 0 done, 1 a check or test failed, 2 usage or environment. `demo` passes on the status of `gba`.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (task, rest) = match args.split_first() {
        Some((task, rest)) => (task.as_str(), rest),
        None => ("help", &[][..]),
    };
    let outcome = match task {
        "demo" => demo::demo(rest),
        "test" => suite::test(rest),
        "setup" => system::setup(rest),
        "check" => no_args(rest)
            .and_then(|()| check::check())
            .and_then(|()| reqs::check()),
        "reqs" => reqs::reqs(rest),
        "fuzz" => fuzz::fuzz(rest),
        "flood" => no_args(rest).and_then(|()| suite::flood()),
        "bench" => bench::bench(rest),
        "deny" => no_args(rest).and_then(|()| suite::deny()),
        "advisories" => no_args(rest).and_then(|()| suite::advisories()),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        other => Err(Failure::usage(format!("no task is named '{other}'\n\n{HELP}"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.text.is_empty() {
                eprintln!("xtask: {}", failure.text);
            }
            ExitCode::from(failure.status)
        }
    }
}

fn no_args(rest: &[String]) -> Result<(), Failure> {
    match rest.first() {
        None => Ok(()),
        Some(extra) => Err(Failure::usage(format!("unexpected argument '{extra}'"))),
    }
}
