//! IMSI and IMPI.

use core::{fmt, hash, str::FromStr};
use std::sync::Arc;

use base::text::steers;
use diameter::layout::none;
use unicode_normalization::UnicodeNormalization;

use super::IdError;

/// How many digits the MNC has. Only the card (EF_AD) or the operator knows (ruling 4).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum MncLength {
    /// Two digits.
    Two,
    /// Three digits.
    Three,
}

impl MncLength {
    /// Digits of the MNC: 2 or 3.
    #[must_use]
    pub const fn digits(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Three => 3,
        }
    }

    /// What the networks of that country use: a guess for when neither card nor operator tells (ruling 4).
    /// `None` where both lengths are in use (405) or for test networks (001, 999).
    #[must_use]
    pub fn usual_for(imsi: &Imsi) -> Option<Self> {
        match imsi.mcc() {
            "001" | "405" | "999" => None,
            "302" | "310" | "311" | "312" | "313" | "314" | "315" | "316" | "334" | "338" | "342" | "344"
            | "346" | "348" | "352" | "354" | "356" | "358" | "360" | "365" | "366" | "376" | "708"
            | "722" | "732" | "750" => Some(Self::Three),
            _ => Some(Self::Two),
        }
    }
}

impl TryFrom<u8> for MncLength {
    type Error = IdError;

    fn try_from(digits: u8) -> Result<Self, IdError> {
        match digits {
            2 => Ok(Self::Two),
            3 => Ok(Self::Three),
            _ => Err(IdError::grammar("a length of the MNC", "2 or 3 digits")),
        }
    }
}

impl FromStr for MncLength {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::try_from(text.parse().unwrap_or(0_u8))
    }
}

/// International mobile subscriber identity: 6 to 15 digits, MCC ‖ MNC ‖ MSIN (TS 23.003 2.2).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Imsi(Box<str>);

impl Imsi {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Mobile country code, three digits.
    #[must_use]
    pub fn mcc(&self) -> &str {
        self.0.get(..3).unwrap_or_default()
    }

    /// Mobile network code, two or three digits.
    #[must_use]
    pub fn mnc(&self, length: MncLength) -> &str {
        self.0.get(3..3 + length.digits()).unwrap_or_default()
    }
}

impl FromStr for Imsi {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if (6..=15).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.into()))
        } else {
            Err(IdError::grammar("an IMSI", "6 to 15 digits"))
        }
    }
}

impl fmt::Display for Imsi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Most octets of an IMPI: four times what RFC 7542 asks everybody to carry.
const MAX_IMPI: usize = 1012;

/// IP multimedia private identity, `user@domain` (TS 23.003 13.3).
///
/// Compared as sent; the KDF gets its NFKC form in UTF-8 (TS 33.220 Annex B.2), computed once.
#[derive(Clone)]
pub struct Impi {
    text: Arc<str>,
    /// `None`: NFKC changes nothing.
    nfkc: Option<Arc<str>>,
}

impl Impi {
    /// `<IMSI>@ims.mnc<MNC>.mcc<MCC>.3gppnetwork.org`, the MNC in three digits (TS 23.003 13.3).
    #[must_use]
    //= TS23.003-13.3-r1
    pub fn from_imsi(imsi: &Imsi, mnc: MncLength) -> Self {
        let text = format!(
            "{imsi}@ims.mnc{:0>3}.mcc{}.3gppnetwork.org",
            imsi.mnc(mnc),
            imsi.mcc()
        );
        Self {
            text: text.into(),
            nfkc: None,
        }
    }

    /// True for the octets of an IMPI of ASCII.
    #[must_use]
    pub fn is_plain(octets: &[u8]) -> bool {
        let [_, middle @ .., last] = octets else {
            return false;
        };
        (3..=MAX_IMPI).contains(&octets.len())
            && none(octets, |octet| octet.wrapping_sub(b'!') > b'~' - b'!')
            && *last != b'@'
            && !none(middle, |octet| octet == b'@')
    }

    /// The text as sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What comes after the last `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.text.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// The octets for the KDF: NFKC, then UTF-8.
    #[must_use]
    pub fn kdf_octets(&self) -> &[u8] {
        self.nfkc.as_ref().unwrap_or(&self.text).as_bytes()
    }
}

impl FromStr for Impi {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        const WHAT: &str = "an IMPI";
        IdError::check_length(WHAT, 3, MAX_IMPI, text.len())?;
        if Self::is_plain(text.as_bytes()) {
            return Ok(Self {
                text: text.into(),
                nfkc: None,
            });
        }
        if text.chars().any(|c| steers(c) || c.is_whitespace()) {
            return Err(IdError::grammar(WHAT, "no white space or control characters"));
        }
        match text.rsplit_once('@') {
            Some((user, domain)) if !user.is_empty() && !domain.is_empty() => {}
            _ => return Err(IdError::grammar(WHAT, "the form user@domain")),
        }
        let nfkc = Some(text.nfkc().collect::<String>()).filter(|n| n != text);
        Ok(Self {
            text: text.into(),
            nfkc: nfkc.map(Into::into),
        })
    }
}

impl fmt::Display for Impi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Impi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Impi({:?})", self.text)
    }
}

impl PartialEq for Impi {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Impi {}

impl hash::Hash for Impi {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    //= TS23.003-13.3-r1
    #[test]
    fn ruling_04_the_mnc_length_is_told_or_guessed_by_country() {
        let imsi: Imsi = "463561057349914".parse().unwrap();
        assert_eq!(
            Impi::from_imsi(&imsi, MncLength::Two).as_str(),
            "463561057349914@ims.mnc056.mcc463.3gppnetwork.org"
        );
        assert_eq!(
            Impi::from_imsi(&imsi, MncLength::Three).as_str(),
            "463561057349914@ims.mnc561.mcc463.3gppnetwork.org"
        );
        let guess = |s: &str| MncLength::usual_for(&s.parse().unwrap());
        assert_eq!(guess("262011234567890"), Some(MncLength::Two));
        assert_eq!(guess("310260123456789"), Some(MncLength::Three));
        assert_eq!(guess("001010123456789"), None);
        assert_eq!("3".parse(), Ok(MncLength::Three));
        assert!("4".parse::<MncLength>().is_err());
    }

    //= TS33.220-B.2-r4
    #[test]
    fn the_kdf_gets_nfkc() {
        let octets = |s: &str| s.parse::<Impi>().map(|i| i.kdf_octets().to_vec());
        assert_eq!(
            octets("\u{fb01}-user@example.org"),
            Ok(b"fi-user@example.org".to_vec())
        );
        assert_eq!(octets("plain@x").as_deref(), Ok(&b"plain@x"[..]));
        let i: Impi = "\u{fb01}-user@example.org".parse().unwrap();
        assert_eq!(i.as_str(), "\u{fb01}-user@example.org");
    }

    #[test]
    fn refuses_what_is_no_identity() {
        for bad in ["", "a@", "@b", "ab", "a b@c", "a\n@b", "a\u{202e}@b", "a\u{9b}@b"] {
            assert!(bad.parse::<Impi>().is_err(), "{bad:?}");
        }
        for bad in ["", "12345", "1234567890123456", "12345a", "+12345678"] {
            assert!(bad.parse::<Imsi>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn impi_never_panics_and_keeps_its_text(s in "\\PC{0,40}") {
            if let Ok(i) = s.parse::<Impi>() {
                prop_assert_eq!(i.as_str(), &s);
                prop_assert!(!i.kdf_octets().is_empty());
            }
        }
    }
}
