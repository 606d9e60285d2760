//! hostapd's datagrams: what is read is what was written, and an answer is never for another than who was asked for.
#![no_main]

use gba_fuzz as _;
use hss::hostapd::text::{MAX_REQUEST, Malformed, Request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match Request::parse(data) {
        Ok(request) => {
            let text = request.to_string();
            assert!(text.len() <= MAX_REQUEST);
            assert_eq!(Request::parse(text.as_bytes()), Ok(request));
        }
        Err(Malformed::Failure(waiting, name, _)) => {
            let answer = waiting.failure(name);
            let second = data.split(|octet| *octet == b' ').nth(1);
            assert_eq!(second, Some(name.as_bytes()));
            assert_eq!(answer.split(' ').count(), 3);
        }
        Err(Malformed::Silence(_)) => {}
    }
});
