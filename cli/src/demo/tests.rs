//! Any text as `--config`: it is taken or refused, and a refusal shows no key, wherever in the file it stood.

use clap::Parser;
use proptest::prelude::*;

use super::*;

const KEY: &str = "8baf473f2f8fd09487cccbd7097c6862";
/// A shorter run of digits gives nothing away.
const RUN: usize = 10;

#[derive(Parser)]
struct Only {
    #[command(flatten)]
    args: Args,
}

/// What is said of the text, if it is refused.
fn refusal(text: &str) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sim.toml");
    std::fs::write(&path, text).unwrap();
    let words = ["demo".as_ref(), "--config".as_ref(), path.as_os_str()];
    let args = Only::try_parse_from(words).map(|only| only.args);
    let args = args.unwrap_or_else(|e| panic!("{e}"));
    merge(args).and_then(|args| setup(&args).map(drop)).err()
}

fn shows_key(message: &str) -> bool {
    let (message, key) = (message.to_ascii_lowercase(), KEY.as_bytes());
    key.windows(RUN)
        .any(|run| message.as_bytes().windows(RUN).any(|part| part == run))
}

/// Texts near to a configuration: its names and signs in any order, and the key in any place.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => Just(KEY.to_owned()),
        2 => Just(KEY.to_ascii_uppercase()),
        1 => Just(format!("0x{KEY}")),
        1 => Just(format!("@{KEY}")),
        1 => Just(format!("env:{KEY}")),
        8 => prop::sample::select(vec![
            "imsi", "mnc_length", "algorithm", "k", "opc", "op", "topc", "top", "amf", "sqn", "mode",
        ])
        .prop_map(str::to_owned),
        8 => Just(" = ".to_owned()),
        6 => Just("\"".to_owned()),
        4 => Just("\n".to_owned()),
        3 => prop::sample::select(vec!["'", "\"\"\"", "[", "]", "[[", "{", "}", ",", ".", "#", "\\u", "\\", "\u{e9}"])
            .prop_map(str::to_owned),
        1 => "\\PC{0,6}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Lines that TOML takes, with a value of any kind under any name.
fn lines() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "imsi",
        "mnc_length",
        "algorithm",
        "k",
        "opc",
        "op",
        "topc",
        "top",
        "amf",
        "sqn",
        "mode",
        "key",
        KEY,
    ]);
    let value = prop::sample::select(vec![
        "KEY",
        "\"KEY\"",
        "[\"KEY\"]",
        "{ a = \"KEY\" }",
        "1",
        "true",
        "\"KEY0\"",
        "\"@KEY\"",
    ]);
    let line = (name, value).prop_map(|(name, value)| format!("{name} = {}\n", value.replace("KEY", KEY)));
    prop::collection::vec(line, 0..6).prop_map(|lines| lines.concat())
}

proptest! {
    #[test]
    fn any_text_is_answered_without_the_key(text in prop_oneof![pieces(), lines(), any::<String>()]) {
        if let Some(told) = refusal(&text) {
            prop_assert!(!told.is_empty());
            prop_assert!(!shows_key(&told), "{}", told);
        }
    }
}

#[test]
fn a_key_is_found_where_it_is_shown() {
    assert!(shows_key(&format!(
        "unknown field `{}`",
        KEY.to_ascii_uppercase()
    )));
    assert!(!shows_key("line 1, column 2: unknown field"));
    assert_eq!(refusal(&format!("k = \"{KEY}\"\nopc = \"{KEY}\"\n")), None);
}
