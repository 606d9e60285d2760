//! `cargo xtask bench`: the measurements behind docs/performance.md, and the gate that CI holds.
//!
//! Seconds on a shared machine prove nothing, so the gate counts instructions (callgrind), which repeat exactly,
//! and takes ratios within one run with a generous margin.

use std::fs;

use crate::run::{Failure, cargo, go, in_ci, program, read, root, target, which};

/// Instructions that one Milenage vector may take.
const MILENAGE_INSTRUCTIONS: u64 = 600;

/// `cargo xtask bench [--gate]`
pub(crate) fn bench(args: &[String]) -> Result<(), Failure> {
    match args {
        [] => all(),
        [flag] if flag == "--gate" => gate(),
        _ => Err(Failure::usage("bench takes only --gate")),
    }
}

/// Every `<crate>/benches/<name>.rs`.
fn all() -> Result<(), Failure> {
    for (member, name) in benches()? {
        go(&mut cargo([
            "bench",
            "--locked",
            "--package",
            &format!("gba-{member}"),
            "--bench",
            &name,
        ]))?;
    }
    Ok(())
}

fn benches() -> Result<Vec<(String, String)>, Failure> {
    let broken = |error: std::io::Error| Failure::failed(error.to_string());
    let mut found = Vec::new();
    for entry in fs::read_dir(root()).map_err(broken)? {
        let member = entry.map_err(broken)?.path();
        let Ok(files) = fs::read_dir(member.join("benches")) else {
            continue;
        };
        for file in files {
            let file = file.map_err(broken)?.path();
            let name = |path: &std::path::Path| path.file_stem().and_then(|s| s.to_str()).map(str::to_owned);
            if file.extension().is_some_and(|ending| ending == "rs")
                && let (Some(member), Some(bench)) = (name(&member), name(&file))
            {
                found.push((member, bench));
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Fails where a measured bound is broken.
pub(crate) fn gate() -> Result<(), Failure> {
    if which("valgrind").is_none() && !in_ci() {
        return Err(Failure::usage(
            "valgrind is needed: `cargo xtask setup` installs it",
        ));
    }
    let each = milenage()?;
    println!("Milenage vector: {each} instructions (bound {MILENAGE_INSTRUCTIONS})");
    if each > MILENAGE_INSTRUCTIONS {
        return Err(Failure::failed(format!(
            "a Milenage vector takes {each} instructions, bound {MILENAGE_INSTRUCTIONS}"
        )));
    }
    Ok(())
}

/// n against 2n vectors, so that start-up and key schedule cancel out.
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
        "milenage_count",
    ]))?;
    let once = instructions(N)?;
    let twice = instructions(2 * N)?;
    Ok(twice.saturating_sub(once).div_ceil(N))
}

fn instructions(n: u64) -> Result<u64, Failure> {
    let out = target().join(format!("callgrind.{n}.out"));
    let example = target().join("release").join("examples").join("milenage_count");
    let mut count = program("valgrind", ["--quiet", "--tool=callgrind"]);
    count
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(example)
        .arg(n.to_string());
    read(&mut count)?;
    let profile =
        fs::read_to_string(&out).map_err(|error| Failure::failed(format!("{}: {error}", out.display())))?;
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
    fn totals_are_read_from_a_profile() {
        assert_eq!(
            totals("events: Ir\nfn=(1)\n16 3\ntotals: 123456\n"),
            Some(123_456)
        );
        assert_eq!(totals("events: Ir\n"), None);
    }
}
