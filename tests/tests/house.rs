//! Our own sources, read as text: what neither the compiler nor a lint holds.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use tests::peer::root;

/// A file longer than this can't be read in one sitting.
const LINES: usize = 700;

/// All Rust sources of the repository, with their text.
fn sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut open = vec![root().to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') && name != "corpus-work" {
                open.push(path);
            } else if name.ends_with(".rs") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    assert!(
        files.len() > 20,
        "only {} sources found under {}",
        files.len(),
        root().display()
    );
    files
}

fn report(breaches: &[String]) {
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

#[test]
fn every_file_reads_in_one_sitting() {
    let long = |(path, text): &(PathBuf, String)| {
        let lines = text.lines().count();
        (lines > LINES).then(|| format!("{} has {lines} lines, bound {LINES}", shown(path)))
    };
    report(&sources().iter().filter_map(long).collect::<Vec<_>>());
}

#[test]
fn every_file_begins_with_its_map() {
    let bare = |(path, text): &(PathBuf, String)| {
        // Fuzz targets begin with `#![no_main]`.
        let head = text
            .lines()
            .take(3)
            .any(|line| line.starts_with("//!") && line.len() > 8);
        (!head).then(|| format!("{}: no `//!` at its top", shown(path)))
    };
    report(&sources().iter().filter_map(bare).collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_unfinished() {
    // Split, so that this file does not find itself.
    let words = [
        ["todo", "!("],
        ["unimplemented", "!("],
        ["FIX", "ME"],
        ["#[ig", "nore"],
    ]
    .map(|w| w.concat());
    let mut breaches = Vec::new();
    for (path, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                breaches.push(format!("{}:{}: {}", shown(&path), number + 1, line.trim()));
            }
        }
    }
    report(&breaches);
}

/// Links between documents point at files that exist.
#[test]
fn documents_link_to_what_exists() {
    let mut breaches = Vec::new();
    let mut documents: Vec<PathBuf> = Vec::new();
    let mut folders = vec![root().to_path_buf(), root().join("docs")];
    folders.extend(
        fs::read_dir(root())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|p| p.join("Cargo.toml").is_file()),
    );
    for folder in folders {
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        documents.extend(files.filter(|file| file.extension().is_some_and(|ending| ending == "md")));
    }
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") || document.with_file_name(file).exists() {
                continue;
            }
            breaches.push(format!("{} links to {target}", shown(&document)));
        }
    }
    report(&breaches);
}

/// docs/bad-input.md tells every row of the list once, and each file that it names for a row has a test of that row.
#[test]
fn the_page_of_bad_input_has_every_row_and_names_files_that_show_it() {
    let list = fs::read_to_string(root().join("specs/bad_input.toml")).unwrap();
    let page = root().join("docs/bad-input.md");
    let text = fs::read_to_string(&page).unwrap();
    let mut wanted: Vec<u8> = list
        .lines()
        .filter_map(|line| {
            line.strip_prefix("id = \"ROW-")?
                .trim_end_matches('"')
                .parse()
                .ok()
        })
        .collect();
    assert!(wanted.len() > 50, "{wanted:?}");
    let mut breaches = Vec::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let rows: Vec<u8> = cells[0].split(", ").filter_map(|row| row.parse().ok()).collect();
        for row in rows {
            let before = wanted.len();
            wanted.retain(|other| *other != row);
            if wanted.len() == before {
                breaches.push(format!("row {row} is in no list, or stands there twice"));
            }
            let files = cells.last().into_iter().flat_map(|cell| cell.split("](").skip(1));
            for file in files.filter_map(|rest| rest.split(')').next()) {
                let source = fs::read_to_string(page.with_file_name(file)).unwrap_or_default();
                let shows = [format!("fn row_{row:02}_"), format!("//= ROW-{row:02}")];
                if !shows.iter().any(|show| source.contains(show)) {
                    breaches.push(format!("{file} has no test of row {row}"));
                }
            }
        }
    }
    breaches.extend(wanted.iter().map(|row| format!("row {row} is missing")));
    report(&breaches);
}
