//! What a card's elementary files say: every decoder of the table of names. The first octet chooses the file.
#![no_main]

use gba_fuzz as _;
use libfuzzer_sys::fuzz_target;
use uicc::names::DIRECTORIES;

fuzz_target!(|data: &[u8]| {
    let Some((choice, octets)) = data.split_first() else {
        return;
    };
    let files = DIRECTORIES.iter().flat_map(|d| d.files);
    if let Some(file) = files.cycle().nth(usize::from(*choice))
        && let Ok(value) = (file.decode)(octets)
    {
        for (field, text) in value.lines() {
            assert!(!field.chars().chain(text.chars()).any(base::text::steers));
        }
    }
});
