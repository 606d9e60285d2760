//! What a card says to a terminal, and what a person writes of it: paths, access rules, ATR, response packets, FCP, and whole
//! answers to a session that reads, searches and asks.
#![no_main]

use base::apdu::{Command, Response};
use gba_fuzz as _;
use libfuzzer_sys::fuzz_target;
use uicc::{
    Card, CardError,
    terminal::{
        KeyRef, Path, Session,
        atr::Atr,
        ota::Por,
        rules::{Operation, Rules},
    },
};

/// Answers of at most 32 octets, one after the other.
struct Scripted<'a>(&'a [u8]);

impl Card for Scripted<'_> {
    fn transmit(&mut self, _: &Command) -> Result<Response, CardError> {
        let [length, sw1, sw2, rest @ ..] = self.0 else {
            return Err(CardError::Absent);
        };
        let (data, rest) = rest.split_at(usize::from(length & 0x1f).min(rest.len()));
        self.0 = rest;
        Ok(Response::new(data.to_vec(), u16::from_be_bytes([*sw1, *sw2])))
    }
}

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = core::str::from_utf8(data)
        && let Ok(path) = text.parse::<Path>()
    {
        assert_eq!(path.hex().parse(), Ok(path));
    }
    let _ = Atr::parse(data).map(|a| (a.text(), a.voltages(), a.protocols()));
    let _ = Por::parse(data);
    let _ = Rules::expanded(data).map(|r| r.need(Operation::Read).to_string());
    let _ = Rules::compact(data).need(Operation::Update).to_string();
    let file = Path::MF.child(0x2fe2);
    let _ = Session::new(Scripted(data)).read(&file);
    let _ = Session::new(Scripted(data)).applications();
    let _ = Session::new(Scripted(data)).search(&[1]);
    let _ = Session::new(Scripted(data)).pin_state(KeyRef::PIN1);
});
