//! Layers and files without a process.

use std::path::Path;

use proptest::prelude::*;

use super::{
    Config,
    file::{looks_like_a_key, nearest, take},
    schema::SETTINGS,
};

fn empty() -> Config {
    let mut mistakes = Vec::new();
    let config = Config::of_file(None, &mut mistakes).unwrap();
    assert_eq!(mistakes, Vec::<String>::new());
    config
}

fn mistakes(text: &str) -> Vec<String> {
    let mut mistakes = Vec::new();
    take(&mut empty(), Path::new("f.toml"), text, &mut mistakes);
    mistakes
}

#[test]
fn the_nearest_word_is_meant_only_if_it_is_near() {
    let words = ["listen", "listen_ub", "name", "k"];
    let near = |word| nearest(word, words.iter().copied());
    assert_eq!(near("listne"), Some("listen"));
    assert_eq!(near("listen_up"), Some("listen_ub"));
    assert_eq!(near("nam"), Some("name"));
    assert_eq!(near("production"), None);
}

#[test]
fn ruling_05_what_may_be_a_key_is_told_from_a_name() {
    for key in [
        "465b5ce8b199b49faa5f0a2ee238a6bc",
        "46 5b 5c e8 b1 99 b4 9f",
        "env:465b5ce8b199b49f",
        "46:5b:5c:e8:b1:99:b4:9f",
    ] {
        assert!(looks_like_a_key(key), "{key}");
    }
    for setting in SETTINGS {
        assert!(!looks_like_a_key(setting.key));
    }
}

#[test]
fn one_item_needs_no_brackets() {
    assert!(mistakes("[hss]\nbsfs = \"a.test\"\n").is_empty());
    assert_eq!(mistakes("[hss]\nbsfs = [1]\n").len(), 1);
}

proptest! {
    /// Any text at all: a place for each mistake, and no panic.
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
        for mistake in mistakes(&text) {
            prop_assert!(mistake.starts_with("f.toml, line "), "{mistake}");
        }
    }

    /// Texts that are nearly right.
    #[test]
    fn no_value_makes_the_reader_panic(
        n in 0..SETTINGS.len(),
        value in prop_oneof![
            Just("1".to_owned()), Just("-1".into()), Just("1.5".into()), Just("true".into()), Just("[]".into()), Just("{}".into()),
            Just("\"\"".into()), Just("1979-05-27".into()), "\"[ -!#-\\[\\]-~]{0,40}\"", "\\[\"[a-z.:]{0,20}\"\\]",
        ],
    ) {
        let setting = &SETTINGS[n];
        let table = if setting.table.is_empty() { String::new() } else { format!("[{}]\n", setting.table) };
        for mistake in mistakes(&format!("{table}{} = {value}\n", setting.key)) {
            prop_assert!(mistake.contains("expected"), "{mistake}");
            prop_assert!(mistake.contains(setting.key), "{mistake}");
        }
    }

    /// Ruling 5: hex digits are never repeated, wherever they stand.
    #[test]
    fn ruling_05_no_mistake_repeats_a_key(key in "[0-9a-f]{32}", n in 0_usize..6) {
        let text = match n {
            0 => format!("{key} = 1"),
            1 => format!("[ue]\n{key} = 1"),
            2 => format!("[ue]\nk = {key}"),
            3 => format!("[ue]\nk = [\"{key}\"]"),
            4 => format!("[ue]\nimsi = \"{key}\""),
            _ => format!("[{key}]\nk = 1"),
        };
        for mistake in mistakes(&text) {
            prop_assert!(!mistake.contains(&key), "{mistake}");
        }
    }
}
