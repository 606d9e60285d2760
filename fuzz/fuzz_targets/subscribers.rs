//! The HSS's subscriber file and other programs' lists: errors name a place in the text and never panic.
#![no_main]

use base::Utc;
use gba_fuzz as _;
use hss::subscribers::{
    OnlyHex, Subscribers,
    import::{self, Form, Options},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Subscribers::parse(text, &mut OnlyHex, Utc(0)) {
        Ok(subscribers) => assert_eq!(subscribers.iter().count(), subscribers.len()),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(error.place.line <= text.lines().count() + 1);
        }
    }
    let forms = Form::ALL.iter().map(|(form, _)| Some(*form));
    for form in forms.chain([None]) {
        let options = Options {
            form,
            ..Options::default()
        };
        let list = import::read(text, &options, &mut OnlyHex);
        if list.mistakes.is_empty() {
            let made = list.to_toml();
            let made = core::str::from_utf8(made.expose()).unwrap_or_default();
            let loaded = Subscribers::parse(made, &mut OnlyHex, Utc(0)).map(|all| all.len());
            assert_eq!(loaded, Ok(list.entries.len()));
        }
    }
});
