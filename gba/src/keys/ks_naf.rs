//! A NAF's key that knows what it is for.

use core::fmt;

use base::{Secret, SecretBytes, hex};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::Label;
use crate::ids::{NafId, UaId};

/// Which of a NAF's keys (TS 33.220 4.5.3, 5.3.3).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum KeyKind {
    /// Ks_NAF of GBA_ME.
    Me,
    /// Ks_ext_NAF of GBA_U, for the terminal.
    Ext,
    /// Ks_int_NAF of GBA_U, which never leaves the card.
    Int,
}

impl KeyKind {
    /// P0 of its derivation.
    #[must_use]
    pub const fn label(self) -> Label {
        match self {
            Self::Me | Self::Ext => Label::GbaMe,
            Self::Int => Label::GbaU,
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Me => "Ks_NAF",
            Self::Ext => "Ks_ext_NAF",
            Self::Int => "Ks_int_NAF",
        })
    }
}

/// A key was asked for a protocol that it wasn't derived for (ruling 17).
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error(
    "this key was derived for Ua id {derived_for} and can't be used in {wanted}: derive one for that protocol"
)]
pub struct WrongUse {
    /// The protocol of the key.
    pub derived_for: UaId,
    /// The protocol that wanted it: for a password that is HTTP digest.
    pub wanted: UaId,
}

/// Ks_(ext_|int_)NAF with its NAF_Id: 32 octets, wiped when dropped.
pub struct KsNaf {
    key: Secret<32>,
    naf: NafId,
    kind: KeyKind,
}

impl KsNaf {
    /// A key that came over Zn or from a card, with the NAF_Id it was asked for.
    #[must_use]
    pub const fn from_parts(key: Secret<32>, naf: NafId, kind: KeyKind) -> Self {
        Self { key, naf, kind }
    }

    /// What the key is for.
    #[must_use]
    pub const fn naf_id(&self) -> &NafId {
        &self.naf
    }

    /// Which of the NAF's keys it is.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The key, for use in the protocol that it was derived for.
    ///
    /// # Errors
    /// [`WrongUse`] for any other protocol (ruling 17).
    pub fn key_for(&self, ua: &UaId) -> Result<&Secret<32>, WrongUse> {
        if self.naf.ua() == *ua {
            Ok(&self.key)
        } else {
            Err(WrongUse {
                derived_for: self.naf.ua(),
                wanted: *ua,
            })
        }
    }

    /// The password of HTTP digest: base64 with padding, 44 characters (TS 24.109 5.2).
    ///
    /// # Errors
    /// [`WrongUse`] unless the key was derived for HTTP digest, or for digest inside a TLS connection whose suite
    /// is no PSK suite (TS 33.222 5.3: there the key would be the PSK).
    pub fn password(&self) -> Result<SecretBytes, WrongUse> {
        let ua = self.naf.ua();
        let digest_in_tls = match *ua.octets() {
            [1, 0, 1 | 2, y, z] => !is_psk_suite(u16::from_be_bytes([y, z])),
            _ => false,
        };
        if ua == UaId::HTTP_DIGEST || digest_in_tls {
            Ok(SecretBytes::new(STANDARD.encode(self.key.expose()).into_bytes()))
        } else {
            Err(WrongUse {
                derived_for: ua,
                wanted: UaId::HTTP_DIGEST,
            })
        }
    }

    /// First 8 octets of SHA-256 of the key in hex: lets people compare keys without showing them.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let hash = Sha256::digest(self.key.expose());
        hex::encode(hash.get(..8).unwrap_or_default())
    }

    /// Compares keys and NAF_Ids, the keys in constant time.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.naf == other.naf && self.key.ct_eq(&other.key)
    }

    /// A second copy, for a second owner.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self::from_parts(self.key.duplicate(), self.naf.clone(), self.kind)
    }
}

impl fmt::Debug for KsNaf {
    /// What the key is for, never the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({}, <32 octets>)", self.kind, self.naf)
    }
}

/// True for the TLS suites that authenticate by a pre-shared key (IANA TLS cipher suites registry: RFC 4279, 4785,
/// 5487, 5489, 6209, 6367, 6655, 7905, 8442).
#[must_use]
pub const fn is_psk_suite(suite: u16) -> bool {
    matches!(
        suite,
        0x002c..=0x002e
            | 0x008a..=0x0095
            | 0x00a8..=0x00b9
            | 0xc033..=0xc03b
            | 0xc064..=0xc06f
            | 0xc08e..=0xc09b
            | 0xc0a4..=0xc0ab
            | 0xccab..=0xccae
            | 0xd001..=0xd005
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(ua: UaId) -> KsNaf {
        let naf = NafId::new("naf.example.org".parse().unwrap(), ua);
        KsNaf::from_parts(Secret::new([7; 32]), naf, KeyKind::Me)
    }

    #[test]
    fn ruling_17_a_key_is_used_only_in_its_own_protocol() {
        let root = key(UaId::tls(0x00ae));
        assert!(root.key_for(&UaId::tls(0x00ae)).is_ok());
        for other in [UaId::HTTP_DIGEST, UaId::tls(0xc0a8), UaId::TLS13_PSK] {
            assert_eq!(
                root.key_for(&other).err(),
                Some(WrongUse {
                    derived_for: UaId::tls(0xae),
                    wanted: other
                })
            );
        }
        assert!(root.password().is_err(), "a PSK is no password");
        assert!(key(UaId::TLS13_PSK).password().is_err());
        assert!(key(UaId::TMPI).password().is_err());
        assert_eq!(key(UaId::HTTP_DIGEST).password().map(|p| p.len()), Ok(44));
        assert_eq!(key(UaId::tls(0xc02f)).password().map(|p| p.len()), Ok(44));
    }

    #[test]
    fn shows_a_fingerprint_and_never_the_key() {
        let k = key(UaId::HTTP_DIGEST);
        assert_eq!(k.fingerprint().len(), 16);
        assert_eq!(
            format!("{k:?}"),
            "Ks_NAF(naf.example.org 0100000002, <32 octets>)"
        );
        assert!(k.ct_eq(&k.duplicate()));
        assert!(!k.ct_eq(&key(UaId::TMPI)));
    }

    #[test]
    fn psk_suites_are_told_from_certificate_suites() {
        for psk in [0x00ae, 0x00a8, 0x008c, 0x002c, 0xc0a8, 0xc037, 0xccab, 0xd001] {
            assert!(is_psk_suite(psk), "{psk:04x}");
        }
        for cert in [0x002f, 0x009c, 0xc02f, 0xc030, 0x1301, 0xcca8, 0xc0a0, 0xc0ac] {
            assert!(!is_psk_suite(cert), "{cert:04x}");
        }
    }
}
