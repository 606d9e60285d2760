//! What the BSF sends the device at the end of a bootstrapping.
#![no_main]

use gba::ub::BootstrappingInfo;
use gba_fuzz as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(info) = BootstrappingInfo::parse(data) {
        let written = info.to_xml();
        let again = BootstrappingInfo::parse(written.as_bytes()).expect("what we write we read");
        assert_eq!(again.to_xml(), written);
    }
});
