//! The HSS's subscriber file: errors name a place in the text and never panic.
#![no_main]

use base::Utc;
use hss::subscribers::{OnlyHex, Subscribers};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Subscribers::parse(text, &mut OnlyHex, Utc(0)) {
        Ok(subscribers) => assert_eq!(subscribers.iter().count(), subscribers.len()),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(error.place.line <= text.lines().count() + 1);
        }
    }
});
