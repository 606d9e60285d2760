//! BER-TLV: what is read and written again reads the same.
#![no_main]

use base::tlv;
use gba_fuzz as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(objects) = tlv::read_all(data) else { return };
    let mut written = Vec::new();
    for object in &objects {
        tlv::write(&mut written, object.tag, object.value);
        // Each search reads all of it again.
        if data.len() < 512 {
            assert!(tlv::find(data, object.tag).is_ok_and(|found| found.is_some()));
        }
    }
    assert!(written.len() <= data.len(), "the shortest lengths are not longer");
    let again = tlv::read_all(&written).expect("what we write we read");
    assert_eq!(objects.len(), again.len());
    for (one, two) in objects.iter().zip(&again) {
        assert_eq!((one.tag, one.value), (two.tag, two.value));
    }
});
