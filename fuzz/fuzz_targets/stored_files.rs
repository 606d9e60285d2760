//! Files that an operator keeps: the rights of NAFs, the sequence numbers, test vectors. Errors are told, never a panic.
#![no_main]

use bsf::rights::Rights;
use gba_fuzz as _;
use hss::sqn::decode_sqn_file;
use libfuzzer_sys::fuzz_target;
use vectors::{File, Filter};

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data)
        && let Err(error) = Rights::parse(text)
    {
        assert!(!error.to_string().is_empty());
    }
    if let Err(damage) = decode_sqn_file(data) {
        assert!(!damage.to_string().is_empty());
    }
    match File::parse("fuzz", data) {
        Ok(file) => {
            let report = vectors::run(&[file], &Filter::default());
            assert!(!report.to_junit().is_empty());
        }
        Err(error) => assert!(error.to_string().starts_with("fuzz: ")),
    }
});
