//! Toolkit data in both directions; what is read is written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use uicc::toolkit::{Envelope, Proactive, TerminalResponse};

fuzz_target!(|octets: &[u8]| {
    if let Ok(envelope) = Envelope::parse(octets) {
        let again = Envelope::parse(&envelope.octets()).expect("what was read");
        assert_eq!(again.octets(), envelope.octets());
    }
    if let Ok(response) = TerminalResponse::parse(octets) {
        assert_eq!(TerminalResponse::parse(&response.octets()), Ok(response));
    }
    if let Ok(command) = Proactive::parse(octets) {
        let written = command.octets().expect("it came in one answer");
        assert_eq!(Proactive::parse(&written), Ok(command));
    }
});
