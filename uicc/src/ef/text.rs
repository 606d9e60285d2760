//! Texts of a SIM: the default alphabet of TS 23.038, the three UCS2 codings of TS 102 221 annex A, EF_LI and EF_PL
//! (TS 31.102 4.2.1, TS 102 221 13.3), EF_SPN (4.2.12).

use base::{DecodeError, Reader};

use super::value::{Content, Value};

/// TS 23.038 6.2.1, by value; 1B leads to the extension table.
const DEFAULT: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// TS 23.038 6.2.1.1: what stands behind 1B.
const EXTENSION: &[(u8, char)] = &[
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2f, '\\'),
    (0x3c, '['),
    (0x3d, '~'),
    (0x3e, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

const ESCAPE: u8 = 0x1b;

/// One octet of the default alphabet, bit 8 zero.
fn default_char(octet: u8) -> Option<char> {
    DEFAULT.chars().nth(usize::from(octet)).filter(|_| octet < 0x80)
}

/// An alpha identifier or name: default alphabet, or UCS2 by its first octet (80, 81, 82). FF ends it.
///
/// Octets that are no characters become U+FFFD, as a phone shows something in their place.
#[must_use]
pub fn alpha(octets: &[u8]) -> String {
    match octets {
        [0x80, rest @ ..] => {
            let (pairs, _) = rest.as_chunks::<2>();
            let units: Vec<u16> = pairs.iter().map(|p| u16::from_be_bytes(*p)).collect();
            let end = units.iter().position(|u| *u == 0xffff).unwrap_or(units.len());
            String::from_utf16_lossy(units.get(..end).unwrap_or_default())
        }
        [0x81, count, base, rest @ ..] => half_page(rest, *count, u32::from(*base) << 7),
        [0x82, count, high, low, rest @ ..] => {
            half_page(rest, *count, u32::from(u16::from_be_bytes([*high, *low])))
        }
        _ => default_alphabet(octets),
    }
}

/// Codings 81 and 82: an octet with bit 8 is an offset to `base`, another one of the default alphabet.
fn half_page(octets: &[u8], count: u8, base: u32) -> String {
    let chars = octets.get(..usize::from(count)).unwrap_or(octets);
    let one = |o: &u8| match o {
        0x80.. => char::from_u32(base + u32::from(o & 0x7f)),
        _ => default_char(*o),
    };
    chars.iter().map(|o| one(o).unwrap_or('\u{fffd}')).collect()
}

fn default_alphabet(octets: &[u8]) -> String {
    let mut out = String::new();
    let mut octets = octets.iter().take_while(|o| **o != 0xff);
    while let Some(octet) = octets.next() {
        let c = match *octet {
            ESCAPE => octets
                .next()
                .and_then(|o| EXTENSION.iter().find(|(e, _)| e == o).map(|(_, c)| *c)),
            plain => default_char(plain),
        };
        out.push(c.unwrap_or('\u{fffd}'));
    }
    out
}

/// Text to octets: default alphabet if it has every character, else UCS2 (80).
#[must_use]
pub fn alpha_octets(text: &str) -> Vec<u8> {
    let one = |c: char| -> Option<Vec<u8>> {
        let plain = DEFAULT.chars().position(|d| d == c && c != '\u{1b}');
        let plain = plain.and_then(|p| u8::try_from(p).ok()).map(|p| vec![p]);
        plain.or_else(|| {
            let (octet, _) = EXTENSION.iter().find(|(_, e)| *e == c)?;
            Some(vec![ESCAPE, *octet])
        })
    };
    let octets: Option<Vec<_>> = text.chars().map(one).collect();
    octets.map(|o| o.concat()).unwrap_or_else(|| {
        let units = text.encode_utf16().flat_map(u16::to_be_bytes);
        core::iter::once(0x80).chain(units).collect()
    })
}

/// EF_LI and EF_PL: language codes of ISO 639 in two letters, most preferred first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Languages(pub Vec<Option<[u8; 2]>>);

impl Content for Languages {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let mut list = Vec::new();
        while !r.is_empty() {
            let start = r;
            list.push(match r.array("language code")? {
                [0xff, 0xff] => None,
                code if code.iter().all(u8::is_ascii_alphabetic) => Some(code),
                _ => return Err(start.invalid("language code", "two letters of ISO 639, or FF FF")),
            });
        }
        Ok(Self(list))
    }

    fn octets(&self) -> Vec<u8> {
        self.0.iter().flat_map(|c| c.unwrap_or([0xff; 2])).collect()
    }

    fn value(&self) -> Value {
        let codes = self.0.iter().flatten();
        Value::List(codes.map(|c| Value::text(String::from_utf8_lossy(c))).collect())
    }
}

/// EF_SPN, 17 octets: the service provider's name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Spn {
    /// Bit 1: show the registered PLMN at home as well; bit 2: don't show the name elsewhere.
    pub display: u8,
    /// The name as it stands there, 16 octets.
    pub name: [u8; 16],
}

impl Spn {
    /// A name, cut to 16 octets, shown everywhere.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut octets = [0xff; 16];
        for (to, from) in octets.iter_mut().zip(alpha_octets(name)) {
            *to = from;
        }
        Self {
            display: 0,
            name: octets,
        }
    }
}

impl Content for Spn {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let spn = Self {
            display: r.u8("display condition")?,
            name: r.array("service provider name")?,
        };
        r.finish("EF_SPN")?;
        Ok(spn)
    }

    fn octets(&self) -> Vec<u8> {
        [&[self.display][..], &self.name].concat()
    }

    fn value(&self) -> Value {
        Value::Fields(vec![
            ("name", Value::text(alpha(&self.name))),
            (
                "registered PLMN shown at home",
                Value::Flag(self.display & 1 != 0),
            ),
            ("name shown elsewhere", Value::Flag(self.display & 2 == 0)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn texts_round_trip(text in "[ -~€äöüñΔ]{0,20}", wide in "\\PC{0,12}") {
            prop_assert_eq!(alpha(&alpha_octets(&text)), text);
            prop_assert_eq!(alpha(&alpha_octets(&wide)), wide);
        }

        #[test]
        fn no_text_makes_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = alpha(&octets);
            if let Ok(list) = Languages::parse(&octets) {
                prop_assert_eq!(list.octets(), octets);
            }
        }
    }

    #[test]
    fn the_default_alphabet_has_128_places() {
        assert_eq!(DEFAULT.chars().count(), 128);
        assert_eq!(default_char(0x80), None);
        assert_eq!(alpha_octets("@aZ€"), [0x00, 0x61, 0x5a, 0x1b, 0x65]);
    }

    #[test]
    fn ucs2_has_three_codings() {
        // TS 102 221 annex A: its examples for 81 and 82.
        assert_eq!(
            alpha(&[0x81, 0x05, 0x13, 0x53, 0x95, 0xa6, 0xa6, 0xff, 0xff]),
            "S\u{995}\u{9a6}\u{9a6}\u{9ff}"
        );
        assert_eq!(
            alpha(&[0x82, 0x05, 0x05, 0x30, 0x2d, 0x82, 0xd3, 0x2d, 0x31]),
            "-\u{532}\u{583}-1"
        );
        assert_eq!(alpha(&[0x80, 0x26, 0x3a, 0xff, 0xff]), "☺");
    }

    //= TS31.102-4.2.12-r1
    #[test]
    fn a_name_has_its_display_condition_before_it() {
        let spn = Spn::new("gba lab");
        assert_eq!(
            base::hex::encode(spn.octets()),
            "00676261206c6162ffffffffffffffffff"
        );
        assert_eq!(Spn::parse(&spn.octets()).unwrap(), spn);
        assert_eq!(spn.value().lines()[0].1, "gba lab");
        assert!(Spn::parse(&[0; 16]).is_err());
    }
}
