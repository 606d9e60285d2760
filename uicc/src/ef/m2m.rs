//! oneM2M files with records (TS-0003 annex D.1.3): M2MAE-ID, INCSEIDS (`L value`), MEFID (`L kind address`).

use base::{DecodeError, Reader};

use super::{
    ims::Address,
    value::{Content, Value},
};

/// `L value`, FF padding: one record of 1M2MAE-ID or INCSEIDS. Empty: `00`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Entry(pub Vec<u8>);

/// The value behind a length octet; FF throughout is an empty one.
fn counted(octets: &[u8]) -> Result<&[u8], DecodeError> {
    if octets.iter().all(|o| *o == 0xff) {
        return Ok(&[]);
    }
    let mut r = Reader::new(octets);
    let length = r.u8("length of the entry")?;
    let value = r.take(usize::from(length), "entry")?;
    let behind = r;
    if r.rest().iter().all(|o| *o == 0xff) {
        Ok(value)
    } else {
        Err(behind.invalid("entry", "FF behind it"))
    }
}

fn with_length(value: &[u8]) -> Vec<u8> {
    let value = value.get(..254).unwrap_or(value);
    let mut out = vec![u8::try_from(value.len()).unwrap_or(254)];
    out.extend_from_slice(value);
    out
}

impl Entry {
    /// From text, of which a record has room for 254 octets.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl Content for Entry {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self(counted(octets)?.to_vec()))
    }

    fn octets(&self) -> Vec<u8> {
        with_length(&self.0)
    }

    fn value(&self) -> Value {
        Value::utf8(&self.0)
    }
}

/// One record of MEFID: the address of an M2M enrolment function, the best one first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mef(pub Option<Address>);

impl Content for Mef {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        match counted(octets)? {
            [] => Ok(Self(None)),
            value => Address::parse(value).map(|a| Self(Some(a))),
        }
    }

    fn octets(&self) -> Vec<u8> {
        with_length(&self.0.as_ref().map(Address::octets).unwrap_or_default())
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
        fn round_trip(name in "\\PC{0,60}", padding in 0usize..9) {
            let mut octets = Entry::new(&name).octets();
            octets.resize(octets.len() + padding, 0xff);
            prop_assert_eq!(Entry::parse(&octets).unwrap(), Entry::new(&name));
            let mef = Mef(Some(Address::Fqdn(name.into_bytes())));
            prop_assert_eq!(Mef::parse(&mef.octets()).unwrap(), mef);
        }

        #[test]
        fn no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Entry::parse(&octets);
            let _ = Mef::parse(&octets);
        }
    }

    //= TS0003-D.1.3-r2
    #[test]
    fn an_enrolment_function_is_named_or_numbered() {
        let mef = |octets: &[u8]| Mef::parse(octets).map(|m| m.value());
        assert_eq!(
            mef(&[5, 1, 192, 0, 2, 7, 0xff]),
            Ok(Value::Text("192.0.2.7".to_owned()))
        );
        assert_eq!(mef(b"\x06\0mef.e"), Ok(Value::Text("mef.e".to_owned())));
        assert_eq!(mef(&[0, 0xff, 0xff]), Ok(Value::Empty));
        assert!(mef(&[2, 9, 1]).is_err() && mef(&[5, 1, 2]).is_err());
        assert!(Entry::parse(&[1, b'a', 0]).is_err());
    }
}
