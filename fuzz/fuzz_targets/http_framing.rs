//! Requests with Content-Length and Transfer-Encoding: however the octets are cut, the same are noticed; and a head
//! that a plain reading finds both in is noticed where it comes first.
#![no_main]

use gba_fuzz as _;
use libfuzzer_sys::fuzz_target;
use net::http::has_both;

fuzz_target!(|data: &[u8]| {
    let whole = has_both([data]);
    for portion in [1, 7] {
        assert_eq!(has_both(data.chunks(portion)), whole);
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let head: Vec<&str> = text
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .skip_while(|line| line.is_empty())
        .collect();
    let Some(end) = head.iter().position(|line| line.is_empty()) else {
        return;
    };
    let has = |name: &str| {
        let names = head[..end].iter().filter_map(|line| line.split(':').next());
        names.into_iter().any(|other| other.eq_ignore_ascii_case(name))
    };
    // The last of the split is no line's end.
    if end + 1 < head.len() && has("content-length") && has("transfer-encoding") {
        assert!(whole, "a request with both has got through");
    }
});
