//! NAF_Id = FQDN ‖ Ua security protocol identifier of five octets (TS 33.220 4.5.2, Annex H).

use core::{fmt, hash, str::FromStr};
use std::sync::Arc;

use base::hex;

use super::{Fqdn, IdError};

/// Ua security protocol identifier: organisation octet and four octets of protocol (TS 33.220 Annex H).
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UaId([u8; 5]);

impl UaId {
    /// HTTP digest, TS 24.109 (Annex H.3).
    pub const HTTP_DIGEST: Self = Self([1, 0, 0, 0, 2]);
    /// Shared key TLS 1.3, TS 33.222 5.4.0.2: one value, no suite inside.
    pub const TLS13_PSK: Self = Self([1, 0, 0, 0, 7]);
    /// Pseudo identifier for the TMPI (Annex B.4).
    pub const TMPI: Self = Self([1, 0, 0, 1, 0]);

    /// TLS up to 1.2 with that CipherSuite: `01 00 01 yy zz` (Annex H.3). It is the suite of this connection.
    #[must_use]
    //= TS33.220-H.3-r2
    pub const fn tls(suite: u16) -> Self {
        let [y, z] = suite.to_be_bytes();
        Self([1, 0, 1, y, z])
    }

    /// Any five octets.
    #[must_use]
    pub const fn new(octets: [u8; 5]) -> Self {
        Self(octets)
    }

    /// The five octets.
    #[must_use]
    pub const fn octets(&self) -> &[u8; 5] {
        &self.0
    }

    /// The CipherSuite in `01 00 01 yy zz`; `None` for any other identifier.
    #[must_use]
    pub const fn tls_suite(&self) -> Option<u16> {
        match self.0 {
            [1, 0, 1, y, z] => Some(u16::from_be_bytes([y, z])),
            _ => None,
        }
    }
}

impl fmt::Display for UaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for UaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UaId({self})")
    }
}

impl FromStr for UaId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        hex::array(text)
            .map(Self)
            .map_err(|_| IdError::grammar("a Ua security protocol identifier", "ten hex digits"))
    }
}

/// Which NAF, spoken to in which protocol: the value that makes each Ks_NAF different.
///
/// A clone shares the octets: each key carries its NAF_Id, and must not cost an allocation.
#[derive(Clone)]
pub struct NafId(Arc<Parts>);

struct Parts {
    fqdn: Fqdn,
    ua: UaId,
    octets: Box<[u8]>,
}

impl NafId {
    /// Joins the two; the octets for the KDF are computed here, once.
    #[must_use]
    pub fn new(fqdn: Fqdn, ua: UaId) -> Self {
        let octets = [fqdn.as_str().as_bytes(), ua.octets()].concat().into();
        Self(Arc::new(Parts { fqdn, ua, octets }))
    }

    /// Reads what came over Zn or to a card.
    ///
    /// # Errors
    /// [`IdError::NoUaId`] if all of it reads as a host name (ruling 22: cutting five octets off
    /// `naf.example.org` would give the right to ask as `naf.exampl`); else as [`Fqdn`].
    pub fn parse(octets: &[u8]) -> Result<Self, IdError> {
        let name = |octets| {
            core::str::from_utf8(octets)
                .map_err(|_| IdError::grammar("a NAF_Id", "a host name before the last five octets"))
        };
        if name(octets).is_ok_and(|all| all.parse::<Fqdn>().is_ok()) {
            return Err(IdError::NoUaId);
        }
        let Some((fqdn, ua)) = octets.split_last_chunk::<5>() else {
            return Err(IdError::NoUaId);
        };
        Ok(Self::new(name(fqdn)?.parse()?, UaId(*ua)))
    }

    /// The NAF's name.
    #[must_use]
    pub fn fqdn(&self) -> &Fqdn {
        &self.0.fqdn
    }

    /// The protocol.
    #[must_use]
    pub fn ua(&self) -> UaId {
        self.0.ua
    }

    /// FQDN ‖ Ua id, as the KDF, Zn and the card want it.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0.octets
    }
}

impl fmt::Display for NafId {
    /// `naf.example.org 0100000002`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.fqdn(), self.ua())
    }
}

impl fmt::Debug for NafId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NafId({self})")
    }
}

impl PartialEq for NafId {
    fn eq(&self, other: &Self) -> bool {
        self.octets() == other.octets()
    }
}

impl Eq for NafId {}

impl hash::Hash for NafId {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.octets().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    //= TS33.220-H.2-r1
    //= TS33.220-H.3-r1
    //= TS33.220-H.3-r2
    //= TS33.220-H.3-r3
    #[test]
    fn ua_ids_read_as_in_annex_h() {
        assert_eq!(UaId::HTTP_DIGEST.to_string(), "0100000002");
        assert_eq!(UaId::tls(0x00ae).to_string(), "01000100ae");
        assert_eq!(UaId::tls(0xc0a8).tls_suite(), Some(0xc0a8));
        assert_eq!(UaId::TLS13_PSK.tls_suite(), None);
        assert_eq!("01000100AE".parse(), Ok(UaId::tls(0xae)));
        for bad in ["", "010000000", "010000000g", "010000000200"] {
            assert!(bad.parse::<UaId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ruling_22_a_naf_id_without_its_five_octets_is_refused() {
        assert_eq!(NafId::parse(b"naf.example.org"), Err(IdError::NoUaId));
        assert_eq!(NafId::parse(b"\x01\0\0\0\x02").map(|n| n.to_string()).ok(), None);
        assert_eq!(NafId::parse(b""), Err(IdError::NoUaId));
        for bad in [
            &b"naf..org\x01\0\0\0\x02"[..],
            b"na f\x01\0\0\0\x02",
            b"\xff\xfe\x01\0\0\0\x02",
        ] {
            assert!(NafId::parse(bad).is_err(), "{bad:02x?}");
        }
        let good = NafId::parse(b"NAF.example.org.\x01\0\x01\0\xae");
        assert_eq!(
            good,
            Ok(NafId::new("naf.example.org".parse().unwrap(), UaId::tls(0xae)))
        );
    }

    proptest! {
        #[test]
        fn parse_never_panics_and_is_stable(octets in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(id) = NafId::parse(&octets) {
                prop_assert_eq!(NafId::parse(id.octets()), Ok(id.clone()));
            }
        }

        //= TS33.220-B.3-r3
        #[test]
        fn round_trips(name in "[a-z0-9]{1,10}(\\.[a-z][a-z0-9]{0,9}){0,3}", ua in any::<[u8; 4]>()) {
            if let Ok(fqdn) = name.parse::<Fqdn>() {
                let id = NafId::new(fqdn, UaId::new([1, ua[0], ua[1], ua[2], ua[3]]));
                prop_assert_eq!(NafId::parse(id.octets()), Ok(id));
            }
        }
    }
}
