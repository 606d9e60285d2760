//! Files of one data object 80: EF_IMPI, EF_DOMAIN, EF_IMPU, EF_P-CSCF (TS 31.103 4.2.2 to 4.2.4, 4.2.8), and the
//! oneM2M files 1M2MSID, 1M2MSPID, M2MNID, CSEID, MAFFQDN (TS-0003 annex D.1.3).

use core::net::{Ipv4Addr, Ipv6Addr};

use base::{DecodeError, Reader, tlv};

use super::value::{Content, Value};

/// A name in UTF-8 behind tag 80; FF behind it, or nothing written: `80 00`, FF throughout.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Name(pub Vec<u8>);

impl Name {
    /// From text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

/// The one object 80 of a file, `None` where nothing but FF stands.
fn single(octets: &[u8]) -> Result<Option<&[u8]>, DecodeError> {
    if octets.iter().all(|o| *o == 0xff) {
        return Ok(None);
    }
    let mut r = Reader::new(octets);
    let start = r;
    let object = tlv::read(&mut r)?;
    if object.tag != 0x80 || !r.rest().iter().all(|o| *o == 0xff) {
        return Err(start.invalid("name", "one data object 80, then FF"));
    }
    Ok(Some(object.value))
}

impl Content for Name {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self(single(octets)?.unwrap_or_default().to_vec()))
    }

    fn octets(&self) -> Vec<u8> {
        tlv::object(0x80, &self.0)
    }

    fn value(&self) -> Value {
        Value::utf8(&self.0)
    }
}

/// A server's address as EF_P-CSCF and EF_MEFID have it: its kind, then a name or an address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Address {
    /// Kind 00: a domain name in UTF-8.
    Fqdn(Vec<u8>),
    /// Kind 01.
    V4([u8; 4]),
    /// Kind 02.
    V6([u8; 16]),
}

impl Address {
    pub(super) fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let start = r;
        let address = match r.u8("kind of address")? {
            0 => Self::Fqdn(r.rest().to_vec()),
            1 => Self::V4(r.array("IPv4 address")?),
            2 => Self::V6(r.array("IPv6 address")?),
            _ => return Err(start.invalid("kind of address", "00 name, 01 IPv4 or 02 IPv6")),
        };
        r.finish("address")?;
        Ok(address)
    }

    pub(super) fn octets(&self) -> Vec<u8> {
        match self {
            Self::Fqdn(name) => [&[0][..], name].concat(),
            Self::V4(address) => [&[1][..], address].concat(),
            Self::V6(address) => [&[2][..], address].concat(),
        }
    }

    pub(super) fn value(&self) -> Value {
        match self {
            Self::Fqdn(name) => Value::utf8(name),
            Self::V4(address) => Value::Text(Ipv4Addr::from(*address).to_string()),
            Self::V6(address) => Value::Text(Ipv6Addr::from(*address).to_string()),
        }
    }
}

/// EF_P-CSCF: one record, `None` where nothing is written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pcscf(pub Option<Address>);

impl Content for Pcscf {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        match single(octets)? {
            None | Some([]) => Ok(Self(None)),
            Some(value) => Address::parse(value).map(|a| Self(Some(a))),
        }
    }

    fn octets(&self) -> Vec<u8> {
        tlv::object(0x80, &self.0.as_ref().map(Address::octets).unwrap_or_default())
    }

    fn value(&self) -> Value {
        self.0.as_ref().map_or(Value::Empty, Address::value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip(name in "\\PC{0,90}", v6 in any::<[u8; 16]>(), padding in 0usize..9) {
            let padded = |mut octets: Vec<u8>| {
                octets.resize(octets.len() + padding, 0xff);
                octets
            };
            let content = Name::new(&name);
            prop_assert_eq!(Name::parse(&padded(content.octets())).unwrap(), content);
            for address in [Address::Fqdn(name.into_bytes()), Address::V4([192, 0, 2, 1]), Address::V6(v6)] {
                let content = Pcscf(Some(address));
                prop_assert_eq!(Pcscf::parse(&padded(content.octets())).unwrap(), content);
            }
        }

        #[test]
        fn no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Name::parse(&octets);
            let _ = Pcscf::parse(&octets);
        }
    }

    //= TS31.103-4.2.2-r1
    #[test]
    fn a_private_identity_stands_behind_tag_80() {
        assert_eq!(Name::new("a@b").octets(), [0x80, 3, b'a', b'@', b'b']);
        assert_eq!(Name::parse(&[0x80, 0, 0xff, 0xff]).unwrap().value(), Value::Empty);
        assert_eq!(Name::parse(&[0xff; 8]).unwrap().value(), Value::Empty);
        assert!(Name::parse(&[0x81, 1, b'a']).is_err());
        assert_eq!(
            Pcscf::parse(&[0x80, 5, 1, 192, 0, 2, 1]).unwrap().value(),
            Value::Text("192.0.2.1".to_owned())
        );
        assert!(Pcscf::parse(&[0x80, 2, 3, 1]).is_err());
    }
}
