//! Contents of elementary files, each a codec that both the software card and the terminal use:
//! [`Iccid`], [`imsi`], [`ad`], [`ServiceTable`], [`DirEntry`], [`GbaBp`], [`NafRecord`].

pub mod ad;
pub mod dir;
pub mod gbabp;
pub mod gbanl;
pub mod iccid;
pub mod imsi;
pub mod services;

pub use dir::DirEntry;
pub use gbabp::GbaBp;
pub use gbanl::NafRecord;
pub use iccid::Iccid;
pub use services::ServiceTable;

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
