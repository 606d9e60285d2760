//! Addresses of NAFs and where a Location leads: the normal form reads as itself, and no other host slips in.
#![no_main]

use gba::ua::url::Url;
use gba_fuzz as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let start: Url = "http://naf.example.org/a/b?c".parse().expect("an address");
    for url in [text.parse::<Url>(), start.join(text)].into_iter().flatten() {
        let again: Url = url.to_string().parse().expect("the normal form reads");
        assert_eq!(again, url);
        assert!(url.target().starts_with('/') && url.target().is_ascii());
        assert!(
            !url.target()
                .bytes()
                .any(|octet| octet.is_ascii_control() || octet == b' ')
        );
    }
});
