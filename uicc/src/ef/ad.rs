//! EF_AD (TS 31.102 4.2.18, TS 31.103 4.2.5): administrative data. Only the MNC's length matters to GBA (ruling 4).

use base::{DecodeError, Reader};
use gba::ids::MncLength;

use super::value::Value;

/// The file's 4 octets for a card in normal operation.
#[must_use]
pub const fn encode(mnc: MncLength) -> [u8; 4] {
    let len = match mnc {
        MncLength::Two => 2,
        MncLength::Three => 3,
    };
    [0, 0, 0, len]
}

/// The MNC's length: low nibble of the fourth octet. `None` where an old card has three octets or another value.
#[must_use]
pub fn mnc_length(octets: &[u8]) -> Option<MncLength> {
    match octets.get(3)? & 0x0f {
        2 => Some(MncLength::Two),
        3 => Some(MncLength::Three),
        _ => None,
    }
}

/// What the file says.
///
/// # Errors
/// [`DecodeError`] for fewer than three octets.
pub fn value(octets: &[u8]) -> Result<Value, DecodeError> {
    let mut r = Reader::new(octets);
    let mode = match r.u8("UE operation mode")? {
        0x00 => "normal",
        0x80 => "type approval",
        0x01 => "normal, specific facilities",
        0x81 => "type approval, specific facilities",
        0x02 => "maintenance",
        0x04 => "cell test",
        _ => "reserved",
    };
    let information = r.u16("additional information")?;
    let mnc = match mnc_length(octets) {
        Some(MncLength::Two) => Value::Number(2),
        Some(MncLength::Three) => Value::Number(3),
        None => Value::Empty,
    };
    Ok(Value::Fields(vec![
        ("mode", Value::word(mode)),
        ("ciphering indicator", Value::Flag(information & 1 != 0)),
        ("MNC digits", mnc),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    //= TS31.102-4.2.18-r1
    #[test]
    fn ruling_04_the_length_is_the_low_nibble_of_the_fourth_octet() {
        assert_eq!(mnc_length(&encode(MncLength::Two)), Some(MncLength::Two));
        assert_eq!(mnc_length(&encode(MncLength::Three)), Some(MncLength::Three));
        assert_eq!(mnc_length(&[0, 0, 0, 0xf3, 1]), Some(MncLength::Three));
        assert_eq!(
            value(&[0, 0, 1, 2]).unwrap().to_string(),
            "mode normal, ciphering indicator yes, MNC digits 2"
        );
        assert!(value(&[0, 0]).is_err());
        for silent in [&[][..], &[0, 0, 0], &[0, 0, 0, 0], &[0, 0, 0, 4], &[0xff; 4]] {
            assert_eq!(mnc_length(silent), None, "{silent:02x?}");
        }
    }
}
