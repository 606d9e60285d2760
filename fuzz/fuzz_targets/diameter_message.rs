//! Diameter messages: decode, encode, decode; every fault makes an answer that reads.
#![no_main]

use diameter::{Header, Message, Origin, grammar};
use gba_fuzz as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let origin = Origin {
        host: "hss.example".parse().expect("a name"),
        realm: "example".parse().expect("a name"),
    };
    let answer = |fault: diameter::Fault| {
        let _ = fault.to_string();
        if let Ok(header) = Header::parse(data) {
            let octets = fault
                .answer(&header, diameter::message::session_id(data), &origin)
                .encode();
            Message::parse(&octets).expect("our error answer reads");
        }
    };
    match Message::parse(data) {
        Ok(message) => {
            let _ = (message.name(), message.summary(), message.pretty());
            let octets = message.encode();
            assert_eq!(octets.len(), message.encoded_len());
            let again = Message::parse(&octets).expect("what we write we read");
            assert_eq!(again.encode(), octets);
            if message.is_request()
                && let Err(fault) = grammar::check_request(&message)
            {
                answer(fault);
            }
        }
        Err(fault) => answer(fault),
    }
    if let Err(fault) = grammar::parse_and_check(data) {
        answer(fault);
    }
});
