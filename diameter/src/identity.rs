//! DiameterIdentity (RFC 6733 4.3.1): the name of a node or realm.

use core::{fmt, str::FromStr};
use std::sync::Arc;

use thiserror::Error;

use crate::layout;

/// A host or realm name: 1 to 255 octets of letters, digits, `-`, `.` and `_`. Kept as written, compared
/// without regard to case.
#[derive(Clone, Debug)]
pub struct Identity(Arc<str>);

/// A text that is no DiameterIdentity.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("not a host or realm name of 1 to 255 letters, digits, '-', '.', '_', such as bsf.example.org")]
pub struct NotAnIdentity;

impl Identity {
    /// The name as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the name from octets.
    ///
    /// # Errors
    /// [`NotAnIdentity`].
    pub fn from_octets(octets: &[u8]) -> Result<Self, NotAnIdentity> {
        match core::str::from_utf8(octets) {
            Ok(text) if Self::fits(octets) => Ok(Self(text.into())),
            _ => Err(NotAnIdentity),
        }
    }

    /// True if the octets are a name.
    pub(crate) fn fits(octets: &[u8]) -> bool {
        let bad = |b: u8| {
            let letter = (b | 0x20).wrapping_sub(b'a') < 26;
            let digit = b.wrapping_sub(b'0') < 10;
            !(letter | digit | (b == b'-') | (b == b'.') | (b == b'_'))
        };
        (1..=255).contains(&octets.len()) && layout::none(octets, bad)
    }

    /// True if `octets` are this name, whatever their case.
    #[must_use]
    pub fn is(&self, octets: &[u8]) -> bool {
        // Nearly always written alike, which is seen sooner.
        self.0.as_bytes() == octets || self.0.as_bytes().eq_ignore_ascii_case(octets)
    }
}

impl FromStr for Identity {
    type Err = NotAnIdentity;

    fn from_str(text: &str) -> Result<Self, NotAnIdentity> {
        if Self::fits(text.as_bytes()) {
            Ok(Self(text.into()))
        } else {
            Err(NotAnIdentity)
        }
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.is(other.0.as_bytes())
    }
}

impl Eq for Identity {}

impl core::hash::Hash for Identity {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        for chunk in self.0.as_bytes().chunks(32) {
            let mut lower = [0; 32];
            for (to, from) in lower.iter_mut().zip(chunk) {
                *to = from.to_ascii_lowercase();
            }
            state.write(&lower);
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who sends: Origin-Host and Origin-Realm.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    /// Origin-Host (264).
    pub host: Identity,
    /// Origin-Realm (296).
    pub realm: Identity,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_without_case_and_refuses_what_is_no_name() {
        let a: Result<Identity, _> = "BSF.Home.test".parse();
        assert_eq!(a, "bsf.home.TEST".parse());
        for bad in ["", "a b", "a;b", "ü.test", &"x".repeat(256)] {
            assert_eq!(bad.parse::<Identity>(), Err(NotAnIdentity), "{bad}");
        }
    }
}
