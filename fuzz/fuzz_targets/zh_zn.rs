//! Typed Zh and Zn messages over any Diameter message: read, write, read.
#![no_main]

use diameter::{Message, Origin};
use gba::{
    zh::{self, MultimediaAuthAnswer, MultimediaAuthRequest},
    zn::{self, BootstrappingInfoAnswer, BootstrappingInfoRequest},
};
use gba_fuzz as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(message) = Message::parse(data) else { return };
    let origin = Origin {
        host: "bsf.example".parse().expect("a name"),
        realm: "example".parse().expect("a name"),
    };
    match MultimediaAuthRequest::parse(&message) {
        Ok(request) => {
            let written = request.to_message().encode();
            let read = Message::parse(&written).expect("what we write we read");
            let again = MultimediaAuthRequest::parse(&read).expect("what we write we read");
            assert_eq!(again.to_message().encode(), written);
        }
        Err(fault) => {
            Message::parse(&zh::fault_answer(&message, &origin, &fault).encode()).expect("our answer reads");
        }
    }
    match BootstrappingInfoRequest::parse(&message) {
        Ok(request) => {
            let written = request.to_message().encode();
            let read = Message::parse(&written).expect("what we write we read");
            let again = BootstrappingInfoRequest::parse(&read).expect("what we write we read");
            assert_eq!(again.to_message().encode(), written);
        }
        Err(fault) => {
            Message::parse(&zn::fault_answer(&message, &origin, &fault).encode()).expect("our answer reads");
        }
    }
    if let Ok(answer) = MultimediaAuthAnswer::parse(&message) {
        let written = answer.to_message(&message, &origin).encode();
        MultimediaAuthAnswer::parse(&Message::parse(&written).expect("we read it")).expect("we read it");
    }
    if let Ok(answer) = BootstrappingInfoAnswer::parse(&message) {
        let written = answer.to_message(&message, &origin).encode();
        BootstrappingInfoAnswer::parse(&Message::parse(&written).expect("we read it")).expect("we read it");
    }
});
