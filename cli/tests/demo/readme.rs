//! The README's ladder is what `gba demo` prints, but for what differs from run to run.
//!
//! Refresh it with `UPDATE_README=1 cargo test -p gba-cli --test demo readme`.

use std::{fs, path::Path};

use crate::output::on_a_terminal;

const BEGIN: &str = "```text\n";
const END: &str = "```\n<!-- ladder: end -->";

/// A run without what is random or a time: a word with a digit, a cut name, a B-TID.
fn shape(text: &str) -> Vec<String> {
    let differs = |w: &&str| {
        w.contains(|c: char| c.is_ascii_digit())
            || w.ends_with(['…', ',']) && w.contains('…')
            || w.contains("==@")
    };
    let word = |w| if differs(&w) { "#" } else { w };
    text.lines()
        .map(|line| line.split_whitespace().map(word).collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn readme_shows_the_ladder_as_it_prints() {
    let Some(shown) = on_a_terminal("NO_COLOR=1") else {
        return;
    };
    let printed: String = shown
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (head, rest) = readme.split_once(BEGIN).unwrap();
    let (ladder, tail) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(&path, format!("{head}{BEGIN}{printed}{END}{tail}")).unwrap();
        return;
    }
    assert_eq!(
        shape(ladder),
        shape(&printed),
        "see the top of this file for how to refresh README.md"
    );
}
