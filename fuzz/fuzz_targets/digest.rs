//! Digest headers: challenge, credentials, authentication info.
#![no_main]

use gba::digest::{Algorithm, AuthenticationInfo, Challenge, Credentials};
use gba_fuzz as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(challenge) = Challenge::parse(text) {
        let written = challenge.to_string();
        let again = Challenge::parse(&written).expect("what we write we read");
        assert_eq!(again.to_string(), written);
    }
    if let Ok(credentials) = Credentials::parse(text) {
        let written = credentials.to_string();
        let again = Credentials::parse(&written).expect("what we write we read");
        assert_eq!(again.to_string(), written);
        let _ = (credentials.auts(), credentials.nonce_count());
        let ha1 = credentials.ha1(Algorithm::Md5, b"password");
        // Nobody guesses a response.
        assert!(!credentials.verify(&ha1, Algorithm::Md5, "GET", b""));
        let _ = credentials.rspauth(&ha1, Algorithm::Md5, b"");
    }
    if let Ok(info) = AuthenticationInfo::parse(text) {
        let written = info.to_string();
        let again = AuthenticationInfo::parse(&written).expect("what we write we read");
        assert_eq!(again.to_string(), written);
    }
});
