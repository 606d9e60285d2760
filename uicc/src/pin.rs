//! PIN and administrative codes as VERIFY carries them (TS 102 221 11.1.9): 8 octets, the digits padded with FF.

use base::{DecodeError, Secret};

/// A PIN of 4 to 8 digits, or an administrative code of 8 octets.
pub struct Pin(Secret<8>);

impl Pin {
    /// From 4 to 8 decimal digits.
    ///
    /// # Errors
    /// [`DecodeError`], without the digits.
    pub fn from_digits(digits: &str) -> Result<Self, DecodeError> {
        if !(4..=8).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(DecodeError::Invalid {
                what: "PIN",
                at: 0,
                rule: "4 to 8 decimal digits",
            });
        }
        let mut octets = [0xff; 8];
        for (to, from) in octets.iter_mut().zip(digits.bytes()) {
            *to = from;
        }
        Ok(Self(Secret::new(octets)))
    }

    /// From the 8 octets that VERIFY carries.
    #[must_use]
    pub const fn from_octets(octets: Secret<8>) -> Self {
        Self(octets)
    }

    /// The 8 octets.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 8] {
        self.0.expose()
    }

    /// Compares in constant time.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0)
    }

    /// A second copy, for a second owner.
    #[must_use]
    pub const fn duplicate(&self) -> Self {
        Self(self.0.duplicate())
    }
}
