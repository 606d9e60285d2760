//! The clear part of a TLS handshake: however the octets are cut, the sniffer sees the same messages.
#![no_main]

use gba_fuzz as _;
use libfuzzer_sys::fuzz_target;
use net::tls::sniff::{MAX_FLIGHT, MAX_IDENTITY, Seen, Sniffer, read_message};

fn watch(data: &[u8], portion: usize) -> (Vec<Seen>, bool) {
    let (mut sniffer, mut seen) = (Sniffer::new(), Vec::new());
    for mut part in data.chunks(portion) {
        while !part.is_empty() {
            match sniffer.push(part) {
                Ok((taken, message)) => {
                    assert!(
                        taken <= part.len() && (taken > 0 || message.is_some()),
                        "no progress"
                    );
                    part = &part[taken..];
                    seen.extend(message);
                }
                Err(_) => return (seen, false),
            }
        }
    }
    (seen, true)
}

fuzz_target!(|data: &[u8]| {
    let whole = watch(data, data.len().max(1));
    assert_eq!(watch(data, 1), whole);
    assert_eq!(watch(data, 7), whole);
    assert!(!whole.1 || data.len() <= MAX_FLIGHT);
    for message in &whole.0 {
        if let Seen::ClientKeyExchange { identity: octets } | Seen::ServerKeyExchange { hint: octets } =
            message
        {
            assert!(octets.len() <= MAX_IDENTITY);
        }
    }
    let _ = read_message(data);
});
