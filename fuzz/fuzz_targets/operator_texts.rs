//! Texts that an operator writes: the configuration, the sessions of a static BSF, a card's profile. Mistakes are told, a line each.
#![no_main]

use gba_fuzz as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let bsf = "bsf.home.test".parse().expect("a name");
    let mistakes = [
        cli::outside::config(text).err(),
        cli::outside::static_sessions(text, &bsf).err(),
        cli::outside::card_profile(text).err(),
    ];
    for told in mistakes.into_iter().flatten() {
        assert!(!told.is_empty());
        for line in told.lines() {
            assert!(
                !line.contains(|c: char| c.is_control()),
                "{told:?} steers a terminal"
            );
        }
    }
});
