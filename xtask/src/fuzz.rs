//! `cargo xtask fuzz`: the coverage-guided fuzz targets in fuzz/ (its own workspace).
//!
//! They build on the stable toolchain (`RUSTC_BOOTSTRAP=1`). Two ways to run them:
//!
//! - the *slice* of the suite: the committed seeds in fuzz/corpus and then a fixed number of mutations from a fixed
//!   random seed. Nothing is kept, and the system's randomness and its random addresses are kept out (pointers are
//!   compared too, and the search learns from comparisons), so that the same commit gives the same result;
//! - the *soak* (`--for`): by the clock and from new random seeds. What it finds goes to fuzz/corpus-work. An input
//!   that crashes goes to fuzz/artifacts in both, and once mended to fuzz/corpus.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::run::{Failure, go, program, root, shown, succeeds};
use crate::{peers, system};

/// Inputs of each target in the slice, the seeds among them.
const RUNS: u32 = 5_000;

/// `cargo xtask fuzz [--for TIME] [TARGET]`
pub(crate) fn fuzz(args: &[String]) -> Result<(), Failure> {
    let usage =
        || Failure::usage("usage: cargo xtask fuzz [--for TIME] [TARGET], TIME such as 90s, 30m or 2h");
    let (mut soak, mut target) = (None, None);
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "--for" => soak = Some(rest.next().and_then(|text| time(text)).ok_or_else(usage)?),
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
    match soak {
        None => slice_of(&names),
        Some(time) => soak_of(&names, time),
    }
}

/// `90s`, `30m`, `2h`.
fn time(text: &str) -> Option<Duration> {
    let seconds = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return None,
    };
    let number: u32 = text.get(..text.len() - 1)?.parse().ok()?;
    Some(Duration::from_secs(u64::from(number) * seconds))
}

/// Builds all targets with the address sanitizer.
pub(crate) fn build() -> Result<(), Failure> {
    let mut build = peers::cargo_fuzz()?;
    go(build
        .arg("build")
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TERM_PROGRESS_WHEN", "never"))
}

/// The slice of the suite, through all targets.
pub(crate) fn slice() -> Result<(), Failure> {
    slice_of(&targets()?)
}

fn slice_of(names: &[String]) -> Result<(), Failure> {
    let still = succeeds(&mut program("setarch", ["-R", "true"]));
    if !still {
        println!("setarch -R can't be had here: another run may find something else");
    }
    each(names, |name| {
        let files = fs::read_dir(corpus(name)).map_err(|e| format!("{}: {e}", corpus(name).display()))?;
        let mut seeds: Vec<String> = files
            .filter_map(|file| Some(file.ok()?.path().display().to_string()))
            .collect();
        if seeds.is_empty() {
            return Err(format!("{name}: no seed in {}", corpus(name).display()));
        }
        // A folder's order differs from machine to machine, and the mutations with it.
        seeds.sort_unstable();
        let options = [
            "-seed=1".to_owned(),
            format!("-runs={RUNS}"),
            format!("-seed_inputs={}", seeds.join(",")),
            "-timeout=25".to_owned(),
        ];
        run(name, &options, still)
    })
}

fn soak_of(names: &[String], time: Duration) -> Result<(), Failure> {
    let share = time * u32::try_from(cores()).unwrap_or(1) / u32::try_from(names.len()).unwrap_or(u32::MAX);
    each(names, |name| {
        let work = folder().join("corpus-work").join(name);
        fs::create_dir_all(&work).map_err(|error| format!("{}: {error}", work.display()))?;
        let options = [
            // 0 would be no limit.
            format!("-max_total_time={}", share.as_secs().max(1)),
            "-timeout=5".to_owned(),
            work.display().to_string(),
            corpus(name).display().to_string(),
        ];
        run(name, &options, false)
    })
}

/// Runs one built target, `still` at the same addresses each time; its output is shown only where it fails.
fn run(name: &str, options: &[String], still: bool) -> Result<(), String> {
    let artifacts = folder().join("artifacts").join(name);
    fs::create_dir_all(&artifacts).map_err(|error| format!("{}: {error}", artifacts.display()))?;
    let binary = binary(name)?;
    let mut command = if still {
        let mut command = program("setarch", ["-R"]);
        command.arg(binary);
        command
    } else {
        program(binary, [""; 0])
    };
    command.args(options);
    command.args(["-rss_limit_mb=1024", "-max_len=8192"]);
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
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
    std::thread::scope(|scope| {
        for _ in 0..cores() {
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

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_its_unit() {
        assert_eq!(time("90s"), Some(Duration::from_secs(90)));
        assert_eq!(time("30m"), Some(Duration::from_secs(1800)));
        assert_eq!(time("2h"), Some(Duration::from_secs(7200)));
        for wrong in ["", "m", "30", "1.5h", "-1s", "2d", "3µ"] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }
}
