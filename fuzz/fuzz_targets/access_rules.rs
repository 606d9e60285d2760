//! Access rules of an ARA-M.
#![no_main]

use libfuzzer_sys::fuzz_target;
use se::transport::{
    Application,
    access::{Rules, Target},
};

fuzz_target!(|octets: &[u8]| {
    if let Ok(rules) = Rules::parse(octets) {
        let _ = rules.find(&Application::default(), &Target::All);
    }
});
