//! Contents of elementary files, each a codec that both the software card and the terminal use.
//!
//! [`decode()`] tells any file in words; a type of its own for each content ([`Content`]) reads and writes it.

pub mod ad;
pub mod arr;
pub(crate) mod decode;
pub mod dir;
pub mod gbabp;
pub mod gbanl;
pub mod iccid;
pub mod ims;
pub mod imsi;
pub mod location;
pub mod m2m;
pub mod number;
pub mod objects;
pub mod plmn;
pub mod services;
pub mod simple;
pub mod text;
pub mod value;

pub use decode::decode;
pub use dir::DirEntry;
pub use gbabp::GbaBp;
pub use gbanl::NafRecord;
pub use iccid::Iccid;
pub use services::ServiceTable;
pub use value::{Content, Decoder, Value, decoder};

/// Digits from nibbles, low nibble first; `F` ends them. `None` for another nibble, or for a digit after the end.
fn bcd_digits(octets: &[u8]) -> Option<String> {
    let mut out = String::with_capacity(octets.len() * 2);
    let mut ended = false;
    for nibble in octets.iter().flat_map(|o| [o & 0x0f, o >> 4]) {
        match nibble {
            0..=9 if !ended => out.push(char::from(b'0' + nibble)),
            0xf => ended = true,
            _ => return None,
        }
    }
    Some(out)
}

/// Nibbles to octets, low nibble first; an odd one is filled up with `F`.
fn bcd_octets(nibbles: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let mut nibbles = nibbles.into_iter();
    let mut out = Vec::new();
    while let Some(low) = nibbles.next() {
        let high = nibbles.next().unwrap_or(0xf);
        out.push(high << 4 | low & 0x0f);
    }
    out
}
