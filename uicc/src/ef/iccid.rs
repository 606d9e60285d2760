//! EF_ICCID (TS 102 221 13.2, ITU-T E.118): the serial number of the UICC.

use core::{fmt, str::FromStr};

use base::DecodeError;
use gba::ids::Imsi;

use super::{bcd_digits, bcd_octets};

/// 18 to 20 decimal digits. The check digit isn't verified: real cards are known with a wrong one.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Iccid(String);

const RULE: DecodeError = DecodeError::Invalid {
    what: "ICCID",
    at: 0,
    rule: "18 to 20 decimal digits",
};

impl Iccid {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A serial number for a card made of nothing but an IMSI: 89, the IMSI in 16 digits, a check digit (Luhn).
    #[must_use]
    pub fn for_imsi(imsi: &Imsi) -> Self {
        let mut digits = format!("89{:0>16}", imsi.as_str());
        let sum: u32 = digits
            .bytes()
            .rev()
            .enumerate()
            .map(|(i, b)| u32::from(b - b'0') * if i % 2 == 0 { 2 } else { 1 })
            .map(|n| n / 10 + n % 10)
            .sum();
        digits.push_str(&((10 - sum % 10) % 10).to_string());
        Self(digits)
    }

    /// The file's 10 octets: BCD, low nibble first, filled up with `F`.
    #[must_use]
    pub fn encode(&self) -> [u8; 10] {
        let mut out = [0xff; 10];
        for (to, from) in out.iter_mut().zip(bcd_octets(self.0.bytes().map(|b| b - b'0'))) {
            *to = from;
        }
        out
    }

    /// Reads the file's 10 octets.
    ///
    /// # Errors
    /// [`DecodeError`] unless they hold 18 to 20 digits.
    pub fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        if octets.len() != 10 {
            return Err(RULE);
        }
        bcd_digits(octets).ok_or(RULE)?.parse()
    }
}

impl FromStr for Iccid {
    type Err = DecodeError;

    fn from_str(s: &str) -> Result<Self, DecodeError> {
        if (18..=20).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(s.to_owned()))
        } else {
            Err(RULE)
        }
    }
}

impl fmt::Display for Iccid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trips(digits in "[0-9]{18,20}") {
            let iccid: Iccid = digits.parse().unwrap();
            prop_assert_eq!(Iccid::parse(&iccid.encode()).unwrap(), iccid);
        }

        #[test]
        fn reads_back_what_it_accepts(octets in proptest::collection::vec(any::<u8>(), 0..12)) {
            if let Ok(iccid) = Iccid::parse(&octets) {
                prop_assert_eq!(&iccid.encode()[..], &octets[..]);
            }
        }
    }

    //= TS102221-13.2-r1
    #[test]
    fn the_digit_that_comes_first_is_in_the_lower_half() {
        let iccid: Iccid = "8900010101234567896".parse().unwrap();
        let octets = [0x98, 0x00, 0x10, 0x10, 0x10, 0x32, 0x54, 0x76, 0x98, 0xf6];
        assert_eq!(iccid.encode()[..], octets);
        assert_eq!(Iccid::parse(&octets).unwrap(), iccid);
    }

    #[test]
    fn is_made_of_an_imsi_with_its_check_digit() {
        let imsi = "001010123456789".parse().unwrap();
        assert_eq!(Iccid::for_imsi(&imsi).as_str(), "8900010101234567896");
        // An IMSI of the shortest length gives one as well.
        assert_eq!(Iccid::for_imsi(&"001011".parse().unwrap()).as_str().len(), 19);
    }
}
