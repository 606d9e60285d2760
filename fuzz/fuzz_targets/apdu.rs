//! Command and response APDUs: what is read and written again is the same octets.
#![no_main]

use base::apdu::{Command, Response};
use gba_fuzz as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(command) = Command::parse(data) {
        assert_eq!(command.octets(), data);
        let _ = format!("{command:?}");
    }
    if let Ok(response) = Response::parse(data) {
        assert_eq!(response.octets(), data);
    }
});
