//! B-TID, and the psk_identity that carries it.

use core::{fmt, hash, str::FromStr};
use std::sync::Arc;

use aka::Rand;
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Fqdn, IdError};

/// Most octets of the part before the `@`.
const MAX_LOCAL: usize = 128;

/// Bootstrapping transaction identifier, `local@BSF` (TS 33.220 4.5.2).
///
/// Our BSF issues base64(RAND) as local part; anybody else's is opaque. Compared by octets (ruling 19): base64
/// tells upper from lower case, and a B-TID is named as its BSF spelt it.
#[derive(Clone)]
pub struct Btid {
    text: Arc<str>,
    bsf: Fqdn,
}

impl Btid {
    /// base64(RAND)`@`BSF: 24 characters before the `@`.
    #[must_use]
    //= TS33.220-4.5.2-r2
    pub fn issue(rand: &Rand, bsf: &Fqdn) -> Self {
        let mut text = String::with_capacity(25 + bsf.as_str().len());
        STANDARD.encode_string(rand.octets(), &mut text);
        text.push('@');
        text.push_str(bsf.as_str());
        Self {
            text: text.into(),
            bsf: bsf.clone(),
        }
    }

    /// Reads octets as they came over Zn or in a ClientKeyExchange.
    ///
    /// # Errors
    /// As [`FromStr`]; also for what isn't UTF-8.
    pub fn parse(octets: &[u8]) -> Result<Self, IdError> {
        core::str::from_utf8(octets)
            .map_err(|_| IdError::grammar("a B-TID", "UTF-8"))?
            .parse()
    }

    /// The exact text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The exact octets.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// Before the last `@`.
    #[must_use]
    pub fn local(&self) -> &str {
        self.text.rsplit_once('@').map_or("", |(local, _)| local)
    }

    /// What people see of it in a line: its first ten characters and `…`.
    #[must_use]
    pub fn short(&self) -> String {
        self.local().chars().take(10).chain(['…']).collect()
    }

    /// The BSF to ask over Zn; it need not be the host that the UE spoke to.
    #[must_use]
    pub const fn bsf(&self) -> &Fqdn {
        &self.bsf
    }

    /// The RAND, if the local part is base64 of 16 octets.
    #[must_use]
    pub fn rand(&self) -> Option<Rand> {
        let octets = STANDARD.decode(self.local()).ok()?;
        <[u8; 16]>::try_from(octets).ok().map(Rand::from)
    }
}

impl FromStr for Btid {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        const WHAT: &str = "a B-TID";
        let Some((local, bsf)) = text.rsplit_once('@') else {
            return Err(IdError::grammar(WHAT, "the form local@BSF-name"));
        };
        IdError::check_length(WHAT, 1, MAX_LOCAL, local.len())?;
        let plain = local.bytes().fold(true, |all, b| all & matches!(b, b' '..=b'~'));
        if !plain && local.chars().any(base::text::steers) {
            return Err(IdError::grammar(WHAT, "no control characters"));
        }
        Ok(Self {
            text: text.into(),
            bsf: bsf.parse()?,
        })
    }
}

impl fmt::Display for Btid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Btid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Btid({:?})", self.text)
    }
}

impl PartialEq for Btid {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Btid {}

impl hash::Hash for Btid {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

/// A TLS psk_identity that names a B-TID, with or without the prefix of TS 33.222 5.4 (ruling 18).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PskIdentity {
    /// Whose key it is.
    pub btid: Btid,
    /// True for `3GPP-bootstrapping;B-TID`, false for the bare B-TID that oneM2M sends (TS-0003).
    pub prefixed: bool,
}

impl PskIdentity {
    /// The prefix, also the element of the identity hint that offers GBA.
    pub const PREFIX: &str = "3GPP-bootstrapping";

    /// Reads an identity of up to 256 octets.
    ///
    /// # Errors
    /// As [`Btid::parse`]; also for a prefix that asks for another kind of key (`-uicc`, `-digest`).
    pub fn parse(octets: &[u8]) -> Result<Self, IdError> {
        const WHAT: &str = "a psk_identity";
        IdError::check_length(WHAT, 1, 512, octets.len())?;
        let Some(rest) = octets.strip_prefix(Self::PREFIX.as_bytes()) else {
            return Btid::parse(octets).map(|btid| Self {
                btid,
                prefixed: false,
            });
        };
        match rest.strip_prefix(b";") {
            Some(btid) => Btid::parse(btid).map(|btid| Self { btid, prefixed: true }),
            None => Err(IdError::grammar(
                WHAT,
                "the prefix `3GPP-bootstrapping;`, or none",
            )),
        }
    }

    /// `3GPP-bootstrapping;B-TID`.
    #[must_use]
    //= TS33.222-5.4-r1
    pub fn with_prefix(btid: &Btid) -> String {
        format!("{};{btid}", Self::PREFIX)
    }
}

/// True if a psk_identity_hint, a list separated by `;`, has that whole element (ruling 18):
/// `3GPP-bootstrapping-uicc` doesn't offer `3GPP-bootstrapping`.
#[must_use]
//= TS24.109-F.3-r2
pub fn hint_offers(hint: &[u8], wanted: &str) -> bool {
    hint.split(|b| *b == b';')
        .any(|element| element.trim_ascii() == wanted.as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RAND: [u8; 16] = [
        0x23, 0x55, 0x3c, 0xbe, 0x96, 0x37, 0xa8, 0x9d, 0x21, 0x8a, 0xe6, 0x4d, 0xae, 0x47, 0xbf, 0x35,
    ];
    const TEXT: &str = "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.mnc001.mcc001.pub.3gppnetwork.org";

    //= TS33.220-4.5.2-r2
    #[test]
    fn is_issued_from_rand() {
        let bsf: Fqdn = "bsf.mnc001.mcc001.pub.3gppnetwork.org".parse().unwrap();
        let btid = Btid::issue(&Rand::from(RAND), &bsf);
        assert_eq!(btid.as_str(), TEXT);
        assert_eq!(btid.rand(), Some(Rand::from(RAND)));
        assert_eq!(btid.bsf(), &bsf);
        assert_eq!(TEXT.parse(), Ok(btid));
    }

    #[test]
    fn ruling_19_btids_are_compared_by_octets() {
        let a: Btid = "Abc=@bsf.example".parse().unwrap();
        assert_ne!(a, "aBC=@bsf.example".parse().unwrap());
        let upper: Btid = "Abc=@BSF.example".parse().unwrap();
        assert_ne!(a, upper);
        assert_eq!(upper.as_str(), "Abc=@BSF.example");
        assert_eq!(a.bsf(), upper.bsf());
        assert_eq!(a.rand(), None);
    }

    //= TS33.220-4.5.2-r3
    #[test]
    fn the_local_part_is_opaque_but_bounded() {
        assert!("any thing@at all@bsf.example".parse::<Btid>().is_ok());
        let long = format!("{}@b.example", "x".repeat(129));
        for bad in ["", "x", "@bsf.example", "x@", "x@b..c", "a\tb@bsf.example", &long] {
            assert!(bad.parse::<Btid>().is_err(), "{bad:?}");
        }
        assert!(Btid::parse(b"\xff@bsf.example").is_err());
    }

    //= TS24.109-F.3-r2
    //= TS33.222-5.4-r1
    #[test]
    fn ruling_18_prefix_and_hint_are_whole_elements() {
        let btid: Btid = TEXT.parse().unwrap();
        let with = PskIdentity::with_prefix(&btid);
        assert_eq!(with, format!("3GPP-bootstrapping;{TEXT}"));
        assert_eq!(
            PskIdentity::parse(with.as_bytes()),
            Ok(PskIdentity {
                btid: btid.clone(),
                prefixed: true
            })
        );
        assert_eq!(
            PskIdentity::parse(TEXT.as_bytes()),
            Ok(PskIdentity {
                btid,
                prefixed: false
            })
        );
        assert!(PskIdentity::parse(format!("3GPP-bootstrapping-uicc;{TEXT}").as_bytes()).is_err());
        assert!(PskIdentity::parse(b"").is_err());
        assert!(hint_offers(b"3GPP-bootstrapping", "3GPP-bootstrapping"));
        assert!(hint_offers(b"other; 3GPP-bootstrapping ", "3GPP-bootstrapping"));
        assert!(!hint_offers(b"3GPP-bootstrapping-uicc;x", "3GPP-bootstrapping"));
        assert!(!hint_offers(b"", "3GPP-bootstrapping"));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(id) = PskIdentity::parse(&octets) {
                let again = if id.prefixed { PskIdentity::with_prefix(&id.btid) } else { id.btid.to_string() };
                prop_assert_eq!(again.as_bytes(), &octets[..]);
            }
        }
    }
}
