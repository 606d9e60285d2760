//! EF_AD (TS 31.102 4.2.18): administrative data. Only the MNC's length matters to GBA (ruling 4).

use gba::ids::MncLength;

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

#[cfg(test)]
mod tests {
    use super::*;

    //= TS31.102-4.2.18-r1
    #[test]
    fn ruling_04_the_length_is_the_low_nibble_of_the_fourth_octet() {
        assert_eq!(mnc_length(&encode(MncLength::Two)), Some(MncLength::Two));
        assert_eq!(mnc_length(&encode(MncLength::Three)), Some(MncLength::Three));
        assert_eq!(mnc_length(&[0, 0, 0, 0xf3, 1]), Some(MncLength::Three));
        for silent in [&[][..], &[0, 0, 0], &[0, 0, 0, 0], &[0, 0, 0, 4], &[0xff; 4]] {
            assert_eq!(mnc_length(silent), None, "{silent:02x?}");
        }
    }
}
