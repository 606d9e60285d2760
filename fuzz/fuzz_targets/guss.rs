//! User security settings: parse, write, parse.
#![no_main]

use gba::guss::{Guss, UssList};
use gba_fuzz as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(guss) = Guss::parse(data) {
        for written in [guss.to_xml(), guss.to_xml_without_namespace()] {
            assert_eq!(
                Guss::parse(written.as_bytes()).expect("what we write we read"),
                guss
            );
        }
    }
    if let Ok(list) = UssList::parse(data) {
        assert_eq!(
            UssList::parse(list.to_xml().as_bytes()).expect("what we write we read"),
            list
        );
    }
});
