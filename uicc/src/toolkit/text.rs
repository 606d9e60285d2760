//! [`Text`]: DCS and text (TS 102 223 8.15).

use core::fmt;

use base::DecodeError;

use super::objects::invalid;

/// GSM 7 bit default alphabet (TS 23.038 6.2.1), without its extensions.
const GSM: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', 'Δ', '_', 'Φ', 'Γ',
    'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '\u{a0}', 'Æ', 'æ', 'ß', 'É', ' ', '!', '"', '#', '¤', '%', '&', '\'',
    '(', ')', '*', '+', ',', '-', '.', '/', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<',
    '=', '>', '?', '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q',
    'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', '¿', 'a', 'b', 'c', 'd', 'e', 'f',
    'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä',
    'ö', 'ñ', 'ü', 'à',
];

/// A text of a proactive command.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Text {
    text: String,
    /// DCS and text.
    octets: Vec<u8>,
}

impl Text {
    /// A text of at most 119 characters, so that it has room in UCS2 too: 8 bit default alphabet (DCS 04) where every
    /// character is in it, else UCS2 (DCS 08).
    ///
    /// # Errors
    /// [`DecodeError`] for a longer one, or one with characters outside of the basic plane.
    pub fn new(text: &str) -> Result<Self, DecodeError> {
        if text.chars().count() > 119 {
            return Err(invalid("text", "at most 119 characters"));
        }
        if text.chars().any(|c| u32::from(c) > 0xffff) {
            return Err(invalid("text", "only characters of the basic multilingual plane"));
        }
        let eight = text.chars().map(|c| {
            let at = GSM.iter().position(|g| *g == c)?;
            u8::try_from(at).ok()
        });
        let octets = match eight.collect::<Option<Vec<u8>>>() {
            Some(octets) => [&[0x04], octets.as_slice()].concat(),
            None => core::iter::once(0x08)
                .chain(text.encode_utf16().flat_map(u16::to_be_bytes))
                .collect(),
        };
        Ok(Self {
            text: text.to_owned(),
            octets,
        })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Octets of the object.
    pub(super) fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Reads the object's octets; no octets are the empty text.
    pub(super) fn parse(whole: &[u8]) -> Result<Self, DecodeError> {
        let (dcs, octets) = whole.split_first().unwrap_or((&0x04, &[]));
        let character = |o: u8| GSM.get(usize::from(o)).copied().unwrap_or('\u{fffd}');
        let text = match dcs & 0x0c {
            0x00 => unpacked(octets).map(character).collect(),
            0x04 => octets.iter().map(|o| character(*o)).collect(),
            0x08 => {
                let (units, []) = octets.as_chunks::<2>() else {
                    return Err(invalid("text in UCS2", "an even number of octets"));
                };
                String::from_utf16_lossy(&units.iter().map(|u| u16::from_be_bytes(*u)).collect::<Vec<_>>())
            }
            _ => return Err(invalid("text's DCS", "7 bit, 8 bit or UCS2")),
        };
        Ok(Self {
            text,
            octets: whole.to_vec(),
        })
    }
}

impl fmt::Display for Text {
    /// What would steer a terminal is shown as a replacement character.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let safe = |c: char| {
            if base::text::steers(c) && c != '\n' {
                '\u{fffd}'
            } else {
                c
            }
        };
        self.text.chars().map(safe).try_for_each(|c| write!(f, "{c}"))
    }
}

/// Seven-bit characters out of octets (TS 23.038 6.1.2.1).
fn unpacked(octets: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let characters = octets.len() * 8 / 7;
    (0..characters).map(move |n| {
        let bit = n * 7;
        let at = |i: usize| u16::from(octets.get(i).copied().unwrap_or(0));
        let pair = at(bit / 8) | at(bit / 8 + 1) << 8;
        (pair >> (bit % 8)).to_le_bytes()[0] & 0x7f
    })
}
