//! `cargo xtask fuzz`: the coverage-guided fuzz targets in fuzz/ (its own workspace).
//!
//! They build on the stable toolchain (`RUSTC_BOOTSTRAP=1`). The small seed corpus in fuzz/corpus is committed;
//! what a run finds beyond it goes to fuzz/corpus-work, crashes to fuzz/artifacts.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::check;
use crate::run::{Failure, go, program, read, root, shown};
use crate::{peers, system};

/// `cargo xtask fuzz [--seconds N] [TARGET]`
pub(crate) fn fuzz(args: &[String]) -> Result<(), Failure> {
    let usage = || Failure::usage("usage: cargo xtask fuzz [--seconds N] [TARGET]");
    let (mut seconds, mut target) = (10u32, None);
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "--seconds" => seconds = rest.next().and_then(|n| n.parse().ok()).ok_or_else(usage)?,
            name if !name.starts_with('-') && target.is_none() => target = Some(name.to_owned()),
            _ => return Err(usage()),
        }
    }
    let mut names = targets()?;
    if let Some(wanted) = target {
        if !names.contains(&wanted) {
            return Err(Failure::usage(format!(
                "no target '{wanted}'; there are: {}",
                names.join(", ")
            )));
        }
        names = vec![wanted];
    }
    system::ensure_peers()?;
    build()?;
    slices(&names, seconds)
}

/// Builds all targets with the address sanitizer.
pub(crate) fn build() -> Result<(), Failure> {
    let mut build = peers::cargo_fuzz()?;
    go(build
        .arg("build")
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TERM_PROGRESS_WHEN", "never"))
}

/// Runs the committed seeds through every target, and nothing else.
pub(crate) fn replay() -> Result<(), Failure> {
    each(&targets()?, |name| {
        let seeds = corpus(name);
        if fs::read_dir(&seeds).map_or(true, |mut folder| folder.next().is_none()) {
            return Err(format!("{name}: no seed in {}", seeds.display()));
        }
        run(name, &["-runs=0".to_owned(), seeds.display().to_string()])
    })
}

/// Runs each target that reaches a crate changed lately, `seconds` each.
pub(crate) fn changed(seconds: u32) -> Result<(), Failure> {
    let files = changed_files()?;
    let mut touched = BTreeSet::new();
    for name in targets()? {
        let source = fs::read_to_string(folder().join("fuzz_targets").join(format!("{name}.rs")))
            .map_err(|error| Failure::failed(format!("{name}: {error}")))?;
        let mut reach = BTreeSet::new();
        for member in check::crates().filter(|member| source.contains(&format!("{member}::"))) {
            reach.extend(check::reach(member)?);
        }
        let hit = |file: &str| {
            let top = file.split('/').next().unwrap_or_default();
            reach.contains(top) || file == format!("fuzz/fuzz_targets/{name}.rs") || file == "fuzz/Cargo.lock"
        };
        if files.iter().any(|file| hit(file)) {
            touched.insert(name);
        }
    }
    println!("{} target(s) reach what has changed", touched.len());
    slices(&touched.into_iter().collect::<Vec<_>>(), seconds)
}

/// Files changed since the branch left the main line; on the main line itself, in the last day before its head.
fn changed_files() -> Result<Vec<String>, Failure> {
    let git = |args: &[&str]| read(&mut program("git", args));
    let head = git(&["rev-parse", "HEAD"])?;
    let fork = git(&["merge-base", "HEAD", "origin/HEAD"])
        .ok()
        .filter(|base| *base != head);
    let base = match fork {
        Some(base) => base,
        None => {
            let when: i64 = git(&["show", "-s", "--format=%ct", "HEAD"])?
                .trim()
                .parse()
                .unwrap_or(0);
            git(&["rev-list", "-1", &format!("--before={}", when - 86_400), "HEAD"])?
        }
    };
    // No base: all of the history is younger than a day, so everything has changed.
    let list = if base.trim().is_empty() {
        git(&["ls-files"])?
    } else {
        git(&["diff", "--name-only", base.trim()])?
    };
    Ok(list.lines().map(str::to_owned).collect())
}

fn slices(names: &[String], seconds: u32) -> Result<(), Failure> {
    each(names, |name| {
        let work = folder().join("corpus-work").join(name);
        let artifacts = folder().join("artifacts").join(name);
        for made in [&work, &artifacts] {
            fs::create_dir_all(made).map_err(|error| format!("{}: {error}", made.display()))?;
        }
        let options = [
            format!("-max_total_time={seconds}"),
            "-timeout=5".to_owned(),
            "-rss_limit_mb=1024".to_owned(),
            "-max_len=8192".to_owned(),
            format!("-artifact_prefix={}/", artifacts.display()),
            work.display().to_string(),
            corpus(name).display().to_string(),
        ];
        run(name, &options)
    })
}

/// Runs one built target; its output is shown only where it fails.
fn run(name: &str, options: &[String]) -> Result<(), String> {
    let mut command = program(binary(name)?, options);
    let line = shown(&command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{line}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        let done = said
            .lines()
            .rev()
            .find(|l| l.starts_with("Done ") || l.starts_with('#'))
            .unwrap_or_default();
        println!("{name:<24} {done}");
        return Ok(());
    }
    let tail: Vec<&str> = said.lines().rev().take(60).collect();
    println!(
        "$ {line}\n{}",
        tail.into_iter().rev().collect::<Vec<_>>().join("\n")
    );
    Err(format!(
        "{name} ({}); a crashing input lies in fuzz/artifacts/{name}",
        output.status
    ))
}

/// Runs `work` for each name, as many at a time as there are cores.
fn each(names: &[String], work: impl Fn(&str) -> Result<(), String> + Sync) -> Result<(), Failure> {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(text) = work(name)
                        && let Ok(mut failed) = failed.lock()
                    {
                        failed.push(text);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_default();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Failure::failed(failed.join("; ")))
    }
}

fn folder() -> PathBuf {
    root().join("fuzz")
}

fn corpus(name: &str) -> PathBuf {
    folder().join("corpus").join(name)
}

fn targets() -> Result<Vec<String>, Failure> {
    let files = fs::read_dir(folder().join("fuzz_targets"))
        .map_err(|error| Failure::failed(format!("fuzz/fuzz_targets: {error}")))?;
    let mut names: Vec<String> = files
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort_unstable();
    Ok(names)
}

/// The built target, under whatever host triple the toolchain has.
fn binary(name: &str) -> Result<PathBuf, String> {
    let built = folder().join("target");
    let folders = fs::read_dir(&built).map_err(|error| format!("{}: {error}", built.display()))?;
    folders
        .filter_map(|entry| Some(entry.ok()?.path().join("release").join(name)))
        .find(|file| file.is_file())
        .ok_or_else(|| format!("{name} is not built in {}", built.display()))
}
