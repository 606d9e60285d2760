//! Views of MAR and MAA: what has one is what the general way reads, and comes back when it is written.
#![no_main]

use diameter::{Message, layout::Out};
use gba::zh::{
    MultimediaAuthAnswer, MultimediaAuthRequest,
    view::{Maa, Mar},
};
use gba_fuzz as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some((ids, mar)) = Mar::read(data) {
        let message = Message::parse(data).expect("a view is of a message");
        let general = MultimediaAuthRequest::parse(&message).expect("a view is of a MAR");
        assert_eq!(mar.to_owned().expect("read as a whole"), general);
        let mut out = Out::default();
        out.write(mar, ids);
        let (again, _) = Mar::read(out.octets()).expect("what we write we read");
        assert_eq!(again, ids);
    }
    if let Some((ids, maa)) = Maa::read(data) {
        let message = Message::parse(data).expect("a view is of a message");
        let Ok(MultimediaAuthAnswer::Ok(general)) = MultimediaAuthAnswer::parse(&message) else {
            panic!("a view is of a success");
        };
        assert_eq!(general.impi, maa.impi.and_then(|impi| impi.impi()));
        assert!(general.vectors.len() == 1 && maa.vector().is_some());
        let mut out = Out::default();
        out.write(maa, ids);
        let (again, _) = Maa::read(out.octets()).expect("what we write we read");
        assert_eq!(again, ids);
    }
});
