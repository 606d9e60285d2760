//! What a card says of its files: FCP templates and the contents of elementary files.
#![no_main]

use base::Utc;
use gba_fuzz as _;
use libfuzzer_sys::fuzz_target;
use uicc::{
    ef::{GbaBp, NafRecord},
    fcp::Fcp,
};

fuzz_target!(|data: &[u8]| {
    if let Ok(fcp) = Fcp::parse(data) {
        let written = fcp.encode();
        assert_eq!(Fcp::parse(&written).expect("what we write we read"), fcp);
    }
    if let Ok(run) = GbaBp::parse(data) {
        let _ = run.usable(Utc(0));
        if let Ok(written) = run.encode() {
            assert_eq!(GbaBp::parse(&written).expect("what we write we read"), run);
        }
    }
    if let Ok(Some(record)) = NafRecord::parse(data)
        && let Ok(length) = u8::try_from(data.len())
        && let Ok(written) = record.encode(length)
    {
        assert_eq!(
            NafRecord::parse(&written).expect("what we write we read"),
            Some(record)
        );
    }
});
