//! `cargo xtask reqs`: what the specifications ask for, and which test shows that we do it.
//!
//! `specs/*.toml` lists requirements in our own words. A line `//= ID` above a function says that it is about that
//! requirement; on a test it says that the test shows it. From both comes docs/conformance.md.
//!
//! - [`spec`]: reads the lists and holds their form
//! - [`cite`]: finds the citations in Rust sources
//! - [`page`]: writes the document

mod cite;
mod page;
mod spec;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{Failure, root};
use cite::Citation;
use spec::{Requirement, State};

const PAGE: &str = "docs/conformance.md";

/// `cargo xtask reqs [--check]`
pub(crate) fn reqs(args: &[String]) -> Result<(), Failure> {
    match args {
        [] => run(false),
        [flag] if flag == "--check" => check(),
        _ => Err(Failure::usage("reqs takes only --check")),
    }
}

/// As `reqs`, but writes nothing: a document that is not up to date is a failure.
pub(crate) fn check() -> Result<(), Failure> {
    run(true)
}

fn run(only_check: bool) -> Result<(), Failure> {
    let mut breaches = Vec::new();
    let mut requirements = Vec::new();
    for file in files(&root().join("specs"), "toml")? {
        requirements.extend(spec::read(&shown(&file), &text(&file)?, &mut breaches));
    }
    let mut citations = Vec::new();
    for file in files(&root(), "rs")? {
        citations.extend(cite::find(&shown(&file), &text(&file)?));
    }
    breaches.extend(judge(&requirements, &citations));
    if !breaches.is_empty() {
        for breach in &breaches {
            println!("- {breach}");
        }
        return Err(Failure::failed(format!(
            "{} mistake(s) in requirements",
            breaches.len()
        )));
    }
    let page = page::write(&requirements, &citations);
    let file = root().join(PAGE);
    let old = fs::read_to_string(&file).unwrap_or_default();
    if old != page {
        if only_check {
            return Err(Failure::failed(stale(&old, &page)));
        }
        fs::write(&file, &page).map_err(|error| Failure::failed(format!("{PAGE}: {error}")))?;
    }
    println!("{}", page::summary(&requirements));
    Ok(())
}

/// That the document is not up to date, and where it differs first.
fn stale(old: &str, new: &str) -> String {
    let mut lines = new
        .lines()
        .zip(old.lines().map(Some).chain(std::iter::repeat(None)));
    let differs = lines.position(|(new, old)| Some(new) != old);
    let differs = differs.unwrap_or_else(|| new.lines().count());
    format!(
        "{PAGE} is not up to date from line {} on: run `cargo xtask reqs`",
        differs + 1
    )
}

/// What a list and its citations get wrong together.
fn judge(requirements: &[Requirement], citations: &[Citation]) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut known = BTreeSet::new();
    for requirement in requirements {
        let Requirement { id, place, state, .. } = requirement;
        if !known.insert(id.as_str()) {
            breaches.push(format!("{place}: {id} stands there twice"));
        }
        if *state == State::Done && !citations.iter().any(|c| c.test && c.id == *id) {
            breaches.push(format!(
                "{place}: {id} is 'done', but no test has a line `//= {id}`"
            ));
        }
        if *state == State::Excluded && requirement.reason.is_empty() {
            breaches.push(format!("{place}: {id} is 'excluded' without a reason"));
        }
    }
    for citation in citations.iter().filter(|c| !known.contains(c.id.as_str())) {
        let Citation { id, file, line, .. } = citation;
        breaches.push(format!("{file}:{line}: no list in specs/ has {id}"));
    }
    breaches
}

/// All files below a folder with this ending, sorted; not what cargo or git made.
fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        let told = |error| Failure::failed(format!("{}: {error}", next.display()));
        for entry in fs::read_dir(&next).map_err(told)? {
            let path = entry.map_err(told)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|own| own == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn text(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| Failure::failed(format!("{}: {error}", file.display())))
}

fn shown(file: &Path) -> String {
    let root = root();
    let inside = file.strip_prefix(&root).unwrap_or(file);
    inside
        .components()
        .map(|c| c.as_os_str().to_string_lossy())
        .collect::<Vec<_>>()
        .join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(state: &str, reason: &str) -> Vec<Requirement> {
        let text = format!(
            "[[requirement]]\nid = \"RULING-06\"\nclause = \"Rulings, 6\"\nline = \"x\"\nstate = \"{state}\"\n{reason}"
        );
        let mut breaches = Vec::new();
        let read = spec::read("specs/x.toml", &text, &mut breaches);
        assert_eq!(breaches, Vec::<String>::new());
        read
    }

    fn source(text: &str) -> Vec<Citation> {
        cite::find("a/src/lib.rs", text)
    }

    fn one(breaches: &[String], part: &str) {
        assert!(breaches.len() == 1 && breaches[0].contains(part), "{breaches:?}");
    }

    #[test]
    fn done_needs_a_test_that_cites_it() {
        assert!(
            judge(
                &list("done", ""),
                &source("//= RULING-06\n#[test]\nfn shows() {}\n")
            )
            .is_empty()
        );
        one(&judge(&list("done", ""), &[]), "no test has a line");
        one(
            &judge(&list("done", ""), &source("//= RULING-06\nfn does() {}\n")),
            "no test has a line",
        );
        assert!(judge(&list("todo", ""), &[]).is_empty());
    }

    #[test]
    fn an_unknown_id_is_told_with_its_place() {
        let found = source("fn a() {}\n//= RULING-66\n#[test]\nfn shows() {}\n");
        one(
            &judge(&list("todo", ""), &found),
            "a/src/lib.rs:2: no list in specs/ has RULING-66",
        );
    }

    #[test]
    fn an_exclusion_needs_its_reason() {
        one(&judge(&list("excluded", ""), &[]), "without a reason");
        assert!(judge(&list("excluded", "reason = \"no public text\"\n"), &[]).is_empty());
    }

    #[test]
    fn no_id_stands_twice() {
        let mut twice = list("todo", "");
        twice.extend(list("todo", ""));
        one(&judge(&twice, &[]), "twice");
    }

    #[test]
    fn a_stale_page_is_told_with_its_first_line_that_differs() {
        for (old, new, line) in [
            ("a\nb\n", "a\nc\n", 2),
            ("", "a\n", 1),
            ("a\n", "a\nb\n", 2),
            ("a\nb\n", "a\n", 2),
        ] {
            assert!(
                stale(old, new).contains(&format!("line {line} on")),
                "{old:?} {new:?}"
            );
        }
    }

    #[test]
    fn the_page_has_state_and_test_and_says_what_was_recalled() {
        let requirements = list("done", "certainty = \"recalled\"\n");
        let page = page::write(&requirements, &source("//= RULING-06\n#[test]\nfn shows() {}\n"));
        let row = "| RULING-06 | 6 | x | done (recalled) | [a/src/lib.rs](../a/src/lib.rs) `shows` |";
        assert!(page.contains("## Rulings\n") && page.contains(row), "{page}");
    }
}
