//! `cargo xtask bench`: the measurements behind docs/performance.md, and the gate that CI holds.
//!
//! Seconds on a shared machine prove nothing, so the gate counts instructions (callgrind), which repeat, and takes
//! ratios within one run; each bench that has a `--gate` knows its bound, which leaves a noisy machine its margin.

use std::{fs, path::Path, process::Command};

use crate::check;
use crate::run::{Failure, cargo, go, program, read, root, target, which};

/// Instructions that one Milenage vector may take.
const MILENAGE_INSTRUCTIONS: u64 = 600;

/// Benches with a bound on a ratio of their own.
const GATED: &[(&str, &str)] = &[
    ("aka", "milenage"),
    ("aka", "tuak"),
    ("bsf", "sessions"),
    ("cli", "pcscd"),
    ("gba", "ks_naf"),
    ("gba", "zh"),
    ("lab", "bootstrap"),
    ("lab", "ub_http"),
    ("net", "diameter"),
    ("uicc", "card"),
];

/// How often such a bench may try.
const TRIES: u32 = 3;

/// Instructions that one whole bootstrap of GBA_ME may take under callgrind, where SHA-256 has no hardware: a third more
/// than measured.
const BOOTSTRAP_INSTRUCTIONS: u64 = 400_000;

/// Instructions that SELECT with FCP and READ BINARY of a software card may take together.
const CARD_INSTRUCTIONS: u64 = 3000;

/// `cargo xtask bench [--gate]`
pub(crate) fn bench(args: &[String]) -> Result<(), Failure> {
    match args {
        [] => all(),
        [flag] if flag == "--gate" => gate(),
        _ => Err(Failure::usage("bench takes only --gate")),
    }
}

/// Every `[[bench]]` of every crate, one after the other.
fn all() -> Result<(), Failure> {
    for (member, name) in found()? {
        go(&mut cargo_bench(member, &name))?;
    }
    Ok(())
}

fn cargo_bench(member: &str, name: &str) -> Command {
    let package = format!("gba-{member}");
    cargo([
        "bench",
        "--locked",
        "--quiet",
        "--package",
        &package,
        "--bench",
        name,
    ])
}

fn found() -> Result<Vec<(&'static str, String)>, Failure> {
    let mut found = Vec::new();
    for member in check::crates() {
        let file = root().join(member).join("Cargo.toml");
        let manifest = fs::read_to_string(&file)
            .map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
        found.extend(
            benches(&manifest)
                .into_iter()
                .map(|name| (member, name.to_owned())),
        );
    }
    Ok(found)
}

/// The names of a manifest's `[[bench]]` tables.
fn benches(manifest: &str) -> Vec<&str> {
    let tables = manifest.split("[[bench]]").skip(1);
    tables
        .filter_map(|table| {
            let own = table.split("\n[").next()?;
            own.lines()
                .find_map(|line| line.trim().strip_prefix("name = \"")?.strip_suffix('"'))
        })
        .collect()
}

/// Fails where a measured bound is broken: instructions of a Milenage vector and of a bootstrap, and the ratios whose
/// benches know `--gate`.
pub(crate) fn gate() -> Result<(), Failure> {
    if which("valgrind").is_none() {
        return Err(Failure::usage(
            "valgrind is needed: `cargo xtask setup` installs it",
        ));
    }
    let mut broken = Vec::new();
    for (what, each, bound) in [
        ("a Milenage vector", milenage()?, MILENAGE_INSTRUCTIONS),
        (
            "a whole bootstrap",
            counted("lab", "bootstrap", 500)?,
            BOOTSTRAP_INSTRUCTIONS,
        ),
        (
            "SELECT and READ of a card",
            counted("uicc", "card", 10_000)?,
            CARD_INSTRUCTIONS,
        ),
    ] {
        let told = format!("{what} takes {each} instructions (bound {bound})");
        println!("{told}");
        if each > bound {
            broken.push(told);
        }
    }
    for (member, name) in GATED {
        // A bound that is kept once is kept: what else the machine does only makes ratios worse.
        let kept = (0..TRIES).any(|_| go(cargo_bench(member, name).args(["--", "--gate"])).is_ok());
        if !kept {
            broken.push(format!(
                "bench {name} of {member} is beyond its bound {TRIES} times"
            ));
        }
    }
    if broken.is_empty() {
        Ok(())
    } else {
        Err(Failure::failed(broken.join("; ")))
    }
}

/// n against 2n vectors, each with a key of its own, so that start-up cancels out.
fn milenage() -> Result<u64, Failure> {
    const N: u64 = 10_000;
    go(&mut cargo([
        "build",
        "--locked",
        "--quiet",
        "--release",
        "--package",
        "gba-aka",
        "--example",
        "milenage_callgrind",
    ]))?;
    let once = instructions(N)?;
    let twice = instructions(2 * N)?;
    Ok(twice.saturating_sub(once).div_ceil(N))
}

/// n against 2n rounds of a bench that knows `--count`, so that its start cancels out.
fn counted(member: &'static str, bench: &str, rounds: u64) -> Result<u64, Failure> {
    let count = |n: u64| {
        let out = target().join(format!("callgrind.{bench}.{n}.out"));
        let runner = format!(
            "target.'cfg(all())'.runner = ['valgrind', '--quiet', '--tool=callgrind', '--callgrind-out-file={}']",
            out.display()
        );
        let mut run = cargo(["--config", &runner]);
        run.args(cargo_bench(member, bench).get_args());
        read(run.args(["--", "--count", &n.to_string()]))?;
        total_of(&out)
    };
    let once = count(rounds)?;
    Ok(count(2 * rounds)?.saturating_sub(once).div_ceil(rounds))
}

fn instructions(n: u64) -> Result<u64, Failure> {
    let out = target().join(format!("callgrind.{n}.out"));
    let example = target()
        .join("release")
        .join("examples")
        .join("milenage_callgrind");
    let mut count = program("valgrind", ["--quiet", "--tool=callgrind"]);
    count
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(example)
        .arg(n.to_string());
    read(&mut count)?;
    total_of(&out)
}

/// Instructions of a callgrind profile.
fn total_of(out: &Path) -> Result<u64, Failure> {
    let profile =
        fs::read_to_string(out).map_err(|error| Failure::failed(format!("{}: {error}", out.display())))?;
    totals(&profile).ok_or_else(|| Failure::failed(format!("{} has no totals", out.display())))
}

/// The `totals:` line of a callgrind profile (or `summary:`, where a run has a single part).
fn totals(profile: &str) -> Option<u64> {
    profile.lines().rev().find_map(|line| {
        let value = line
            .strip_prefix("totals:")
            .or_else(|| line.strip_prefix("summary:"))?;
        value.split_whitespace().next()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn benches_are_named_in_the_manifest() {
        let manifest = "[package]\nname = \"x\"\n[[bench]]\nname = \"one\"\nharness = false\n[[bench]]\nharness = false\nname = \"two\"\n";
        assert_eq!(benches(manifest), ["one", "two"]);
    }

    #[test]
    fn totals_are_read_from_a_profile() {
        assert_eq!(
            totals("events: Ir\nfn=(1)\n16 3\ntotals: 123456\n"),
            Some(123_456)
        );
        assert_eq!(totals("events: Ir\n"), None);
    }
}
