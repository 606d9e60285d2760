//! Lower-case hex, the form in which the vectors, the command line and the files write octets.

use thiserror::Error;

use crate::SecretBytes;

/// Why a text isn't hex of the wanted length. Doesn't hold the text: it may be a key.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum HexError {
    /// A character outside 0-9, a-f, A-F.
    #[error("not a hex digit at position {at}")]
    Digit {
        /// Position, from 0.
        at: usize,
    },
    /// An odd number of digits.
    #[error("an odd number of hex digits ({digits})")]
    Odd {
        /// How many there are.
        digits: usize,
    },
    /// Another length than wanted.
    #[error("{want} octets ({} hex digits) expected, got {got} octets", want * 2)]
    Length {
        /// Octets expected.
        want: usize,
        /// Octets that came.
        got: usize,
    },
}

/// Lower-case hex of the octets.
#[must_use]
pub fn encode(octets: impl AsRef<[u8]>) -> String {
    let octets = octets.as_ref();
    let mut text = vec![0; 2 * octets.len()];
    // Neither can fail: the text is twice as long, and hex digits are ASCII.
    let _ = ::hex::encode_to_slice(octets, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// Octets of a hex text, upper or lower case.
///
/// # Errors
/// [`HexError`] with the position of the first wrong digit.
pub fn decode(text: &str) -> Result<Vec<u8>, HexError> {
    ::hex::decode(text).map_err(|e| match e {
        ::hex::FromHexError::InvalidHexCharacter { index, .. } => HexError::Digit { at: index },
        // An odd number of characters isn't one of digits where something else is among them.
        _ => match text.bytes().position(|c| !c.is_ascii_hexdigit()) {
            Some(at) => HexError::Digit { at },
            None => HexError::Odd { digits: text.len() },
        },
    })
}

/// Exactly `N` octets of a hex text.
///
/// # Errors
/// [`HexError`].
pub fn array<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    let octets = SecretBytes::new(decode(text)?);
    let octets = octets.expose();
    octets.try_into().map_err(|_| HexError::Length {
        want: N,
        got: octets.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_character_is_told_before_an_odd_number() {
        assert_eq!(decode("00a"), Err(HexError::Odd { digits: 3 }));
        assert_eq!(decode("0 a"), Err(HexError::Digit { at: 1 }));
        assert_eq!(decode("0a0x"), Err(HexError::Digit { at: 3 }));
        assert_eq!(array::<2>("0a"), Err(HexError::Length { want: 2, got: 1 }));
    }
}
