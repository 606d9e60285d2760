//! The file that a software card keeps its state in: told what is wrong with it, never a panic; what is read is written
//! and read again the same, and goes on.
#![no_main]

use gba_fuzz as _;
use libfuzzer_sys::fuzz_target;
use uicc::software::journal::{Journal, read};

fuzz_target!(|data: &[u8]| {
    match read(data) {
        Ok(found) => {
            let (whole, journal) = Journal::whole(&found.id, &found.changes);
            let again = read(whole.expose()).expect("what we write we read");
            assert_eq!((again.id, again.changes.len()), (found.id, found.changes.len()));
            let (entry, next) = journal.commit(&found.changes);
            let longer = [whole.expose(), entry.expose()].concat();
            let longer = read(&longer).expect("what we add we read");
            assert_eq!((longer.journal, longer.cut_off), (next, 0));
        }
        Err(damage) => assert!(!damage.to_string().is_empty()),
    }
    // The content behind right checks: altered octets alone would never get there.
    let _ = read(Journal::framed(data).expose());
});
