//! `cargo xtask check`: the rules of the house that the compiler does not know.
//!
//! 1. Who imports whom: one direction, down (ARCHITECTURE.md).
//! 2. Pure crates reach no runtime, no TLS library and no card reader.
//! 3. Pure crates forbid `unsafe`; every crate takes the workspace's lints.
//! 4. Every dependency has its line of reason in docs/dependencies.md.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::run::{Failure, cargo, read, root};

/// Each crate with those it may import. Elements (`hss` `bsf` `naf` `ue`) never import each other.
/// Tests (`[dev-dependencies]`) are free.
const ARROWS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("aka", &["base"]),
    ("diameter", &["base"]),
    ("net", &["base", "aka", "diameter"]),
    ("gba", &["base", "aka", "diameter"]),
    ("uicc", &["base", "aka", "gba"]),
    ("se", &["base", "aka", "gba", "uicc"]),
    ("hss", &["base", "aka", "diameter", "net", "gba"]),
    ("bsf", &["base", "aka", "diameter", "net", "gba"]),
    ("naf", &["base", "aka", "diameter", "net", "gba"]),
    ("ue", &["base", "aka", "diameter", "net", "gba", "uicc"]),
    ("vectors", &["base", "aka", "diameter", "gba", "uicc"]),
    (
        "lab",
        &[
            "base", "aka", "diameter", "net", "gba", "uicc", "hss", "bsf", "naf", "ue",
        ],
    ),
    (
        "cli",
        &[
            "base", "aka", "diameter", "net", "gba", "uicc", "hss", "bsf", "naf", "ue", "lab", "vectors",
        ],
    ),
    (
        "tests",
        &[
            "base", "aka", "diameter", "net", "gba", "uicc", "hss", "bsf", "naf", "ue", "lab", "vectors",
            "cli",
        ],
    ),
    ("xtask", &[]),
];

/// No sockets, files, clock or global randomness.
const PURE: &[&str] = &["base", "aka", "diameter", "gba", "uicc", "se", "vectors"];

/// What a pure crate must not reach, by the name of the package.
const IMPURE: &[&str] = &[
    "tokio",
    "mio",
    "socket2",
    "hyper",
    "axum",
    "openssl",
    "openssl-sys",
    "pcsc",
    "pcsc-sys",
    "getrandom",
    "rand",
];

/// Runs all rules and reports every breach.
pub(crate) fn check() -> Result<(), Failure> {
    let workspace = text(&root().join("Cargo.toml"))?;
    let mut breaches = Vec::new();
    for member in members(&workspace) {
        arrows(&member, &mut breaches)?;
        lints(&member, &mut breaches)?;
    }
    pure(&mut breaches)?;
    let listed = text(&root().join("docs").join("dependencies.md"))?;
    breaches.extend(unlisted(&workspace, &listed));
    if breaches.is_empty() {
        println!("arrows, pure crates, lints and listed dependencies hold");
        return Ok(());
    }
    for breach in &breaches {
        println!("- {breach}");
    }
    Err(Failure::failed(format!(
        "{} breach(es) of the house's rules",
        breaches.len()
    )))
}

/// True for the name of one of our crates.
pub(crate) fn is_crate(name: &str) -> bool {
    ARROWS.iter().any(|(member, _)| *member == name)
}

/// The names of all our crates.
pub(crate) fn crates() -> impl Iterator<Item = &'static str> {
    ARROWS.iter().map(|(member, _)| *member)
}

fn arrows(member: &str, breaches: &mut Vec<String>) -> Result<(), Failure> {
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == member) else {
        breaches.push(format!(
            "{member}: not in the table of arrows (xtask/src/check.rs)"
        ));
        return Ok(());
    };
    for import in imports(&text(&root().join(member).join("Cargo.toml"))?) {
        if is_crate(&import) && !allowed.contains(&import.as_str()) {
            breaches.push(format!("{member} must not import {import}"));
        }
    }
    Ok(())
}

fn lints(member: &str, breaches: &mut Vec<String>) -> Result<(), Failure> {
    let manifest = text(&root().join(member).join("Cargo.toml"))?;
    if !section(&manifest, "lints").any(|line| line.replace(' ', "") == "workspace=true") {
        breaches.push(format!("{member}: Cargo.toml lacks `[lints] workspace = true`"));
    }
    if PURE.contains(&member) {
        let lib = text(&root().join(member).join("src").join("lib.rs"))?;
        if !lib.contains("#![forbid(unsafe_code)]") {
            breaches.push(format!("{member}: a pure crate says `#![forbid(unsafe_code)]`"));
        }
    }
    Ok(())
}

fn pure(breaches: &mut Vec<String>) -> Result<(), Failure> {
    for member in PURE {
        let package = format!("gba-{member}");
        let tree = read(&mut cargo([
            "tree",
            "--locked",
            "--quiet",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "--package",
            &package,
        ]))?;
        let names: BTreeSet<&str> = tree
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        for name in IMPURE.iter().filter(|name| names.contains(**name)) {
            breaches.push(format!(
                "{member} is pure but reaches {name} (`cargo tree -e normal -p {package} -i {name}`)"
            ));
        }
    }
    Ok(())
}

/// Dependencies without a line of reason, and lines without a dependency.
fn unlisted(workspace: &str, listed: &str) -> Vec<String> {
    let used: BTreeSet<String> = keys(workspace, "workspace.dependencies")
        .into_iter()
        .filter(|name| !is_crate(name))
        .collect();
    let told: BTreeSet<String> = listed
        .lines()
        .filter_map(|line| {
            line.strip_prefix("| `")?
                .split_once('`')
                .map(|(name, _)| name.to_owned())
        })
        .collect();
    let without = used
        .difference(&told)
        .map(|name| format!("docs/dependencies.md gives no reason for `{name}`"));
    let gone = told
        .difference(&used)
        .map(|name| format!("docs/dependencies.md lists `{name}`, which nothing uses"));
    without.chain(gone).collect()
}

fn members(workspace: &str) -> Vec<String> {
    let line = section(workspace, "workspace")
        .find(|line| line.starts_with("members"))
        .unwrap_or_default();
    line.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Normal dependencies, also those of one target.
fn imports(manifest: &str) -> Vec<String> {
    let mut names = keys(manifest, "dependencies");
    for line in manifest.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            if name.starts_with("target.") && name.ends_with(".dependencies") {
                names.extend(keys(manifest, name));
            } else if let Some(own) = name.strip_prefix("dependencies.") {
                names.push(own.to_owned());
            }
        }
    }
    names
}

/// The keys of one TOML table, as our manifests write them: one a line.
fn keys(manifest: &str, table: &str) -> Vec<String> {
    section(manifest, table)
        .filter_map(|line| {
            let end = line.find(['.', ' ', '='])?;
            line.get(..end)
                .filter(|key| !key.is_empty() && !key.starts_with('#'))
                .map(str::to_owned)
        })
        .collect()
}

fn section<'a>(manifest: &'a str, table: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let head = format!("[{table}]");
    manifest
        .lines()
        .map(str::trim)
        .skip_while(move |line| *line != head)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
}

fn text(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| Failure::failed(format!("{}: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "[package]\nname = \"x\"\n[dependencies]\nbase.workspace = true\n# note\naes = { workspace = true }\n\
                            [dependencies.gba]\npath = \"..\"\n[target.'cfg(unix)'.dependencies]\nnet = \"1\"\n[dev-dependencies]\nlab = \"1\"\n";

    #[test]
    fn imports_are_normal_dependencies_of_any_form() {
        assert_eq!(imports(MANIFEST), ["base", "aes", "gba", "net"]);
    }

    #[test]
    fn a_dependency_without_reason_is_told_and_a_reason_without_dependency_too() {
        let workspace = "[workspace.dependencies]\nbase = { path = \"base\" }\naes = \"1\"\nhmac = \"1\"\n";
        let told = unlisted(workspace, "| `aes` | cipher |\n| `gone` | why |\n");
        assert_eq!(told.len(), 2);
        assert!(
            told.iter().any(|line| line.contains("`hmac`"))
                && told.iter().any(|line| line.contains("`gone`"))
        );
    }

    #[test]
    fn arrows_point_down_only() {
        for (position, (member, allowed)) in ARROWS.iter().enumerate() {
            for import in *allowed {
                let at = ARROWS.iter().position(|(name, _)| name == import);
                assert!(at.is_some_and(|at| at < position), "{member} -> {import}");
            }
        }
    }
}
