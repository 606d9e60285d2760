//! EF_IMSI (TS 31.102 4.2.2): a length octet, then parity and digits as in TS 24.008 10.5.1.4.

use base::{DecodeError, Reader};
use gba::ids::Imsi;

use super::bcd_octets;

/// The file's 9 octets.
#[must_use]
pub fn encode(imsi: &Imsi) -> [u8; 9] {
    let digits = imsi.as_str();
    // Type of identity 1 (IMSI), bit 4 set for an odd number of digits; it stands in the first low nibble.
    let first = if digits.len() % 2 == 1 { 0x9 } else { 0x1 };
    let body = bcd_octets(core::iter::once(first).chain(digits.bytes().map(|b| b - b'0')));
    let mut out = [0xff; 9];
    let mut to = out.iter_mut();
    if let Some(len) = to.next() {
        *len = u8::try_from(body.len()).unwrap_or(8);
    }
    for (to, from) in to.zip(body) {
        *to = from;
    }
    out
}

/// Reads the file.
///
/// # Errors
/// [`DecodeError`] if length, parity or digits are wrong, as on a card that isn't personalised.
pub fn parse(octets: &[u8]) -> Result<Imsi, DecodeError> {
    let mut r = Reader::new(octets);
    let start = r;
    let len = r.u8("length of the IMSI")?;
    if !(1..=8).contains(&len) {
        return Err(start.invalid(
            "length of the IMSI",
            "1 to 8 octets; FF means a card without IMSI",
        ));
    }
    let start = r;
    let body = r.take(usize::from(len), "IMSI")?;
    let mut nibbles = body.iter().flat_map(|o| [o & 0x0f, o >> 4]);
    let odd = match nibbles.next() {
        Some(0x9) => true,
        Some(0x1) => false,
        _ => return Err(start.invalid("IMSI", "its first nibble is 1 or 9 (TS 24.008 10.5.1.4)")),
    };
    let mut digits: Vec<u8> = nibbles.collect();
    if !odd && digits.pop() != Some(0xf) {
        return Err(start.invalid("IMSI", "an even number of digits ends with F"));
    }
    if !digits.iter().all(|d| *d <= 9) {
        return Err(start.invalid("IMSI", "decimal digits only"));
    }
    let text: String = digits.iter().map(|d| char::from(b'0' + d)).collect();
    text.parse()
        .map_err(|_| start.invalid("IMSI", "6 to 15 digits (TS 23.003 2.2)"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trips(digits in "[0-9]{6,15}") {
            let imsi: Imsi = digits.parse().unwrap();
            prop_assert_eq!(parse(&encode(&imsi)).unwrap(), imsi);
        }

        #[test]
        fn never_panics(octets in proptest::collection::vec(any::<u8>(), 0..12)) {
            let _ = parse(&octets);
        }
    }

    //= TS31.102-4.2.2-r1
    #[test]
    fn is_coded_as_in_ts_24_008() {
        let imsi: Imsi = "001010123456789".parse().unwrap();
        assert_eq!(encode(&imsi), [8, 0x09, 0x10, 0x10, 0x10, 0x32, 0x54, 0x76, 0x98]);
        assert!(parse(&[0xff; 9]).is_err());
        assert!(
            parse(&[8, 0x01, 0x10, 0x10, 0x10, 0x32, 0x54, 0x76, 0x98]).is_err(),
            "even without F"
        );
    }
}
