//! `gba explain` of anything: one reading, in JSON too, and nothing that steers a terminal.
#![no_main]

use gba_fuzz as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (text, json) = match cli::outside::explained(input) {
        Ok((text, json)) => (text, Some(json)),
        Err(refusal) => (refusal, None),
    };
    assert!(!text.is_empty());
    let steers = |c: char| c.is_control() && !matches!(c, '\n' | '\u{1b}');
    assert!(!text.contains(steers), "{text:?} steers a terminal");
    // What is bold or dim is ours; all else stands in JSON as it is.
    assert!(json.is_none_or(|json| !json.contains(|c: char| c.is_control())));
});
