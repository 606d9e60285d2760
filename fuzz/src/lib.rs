//! What targets share: HTTP messages out of fuzz input, and a system without randomness.
//!
//! An HTTP message is `status`, `name: value` lines, an empty line, the body; messages end at octet ff.

use gba::http::HttpResponse;

/// In place of the C library's: the same numbers in each run. A hash table's seed would let the code take other ways,
/// and the search with them, so that what one run finds the next wouldn't.
///
/// # Safety
/// As the C library's: `octets` has room for `length` octets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(octets: *mut u8, length: usize, _flags: u32) -> isize {
    // SAFETY: the caller gives room for as many.
    let octets = unsafe { std::slice::from_raw_parts_mut(octets, length) };
    for (n, octet) in octets.iter_mut().enumerate() {
        *octet = n as u8;
    }
    length as isize
}

/// One scripted answer.
pub struct Answer<'a> {
    status: u16,
    headers: Vec<(&'a str, &'a str)>,
    body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// As the state machines take it.
    pub fn response(&self) -> HttpResponse<'_> {
        HttpResponse {
            status: self.status,
            headers: &self.headers,
            body: self.body,
        }
    }

    fn read(octets: &'a [u8]) -> Option<Self> {
        let end = octets
            .windows(2)
            .position(|pair| pair == b"\n\n")
            .unwrap_or(octets.len());
        let head = std::str::from_utf8(octets.get(..end)?).ok()?;
        let mut lines = head.lines();
        let status = lines.next()?.trim().parse().ok()?;
        let headers = lines.filter_map(|line| line.split_once(": ")).collect();
        Some(Self {
            status,
            headers,
            body: octets.get(end + 2..).unwrap_or_default(),
        })
    }
}

/// All answers of a script.
pub fn answers(data: &[u8]) -> impl Iterator<Item = Answer<'_>> {
    data.split(|octet| *octet == 0xff).filter_map(Answer::read)
}
