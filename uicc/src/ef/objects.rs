//! Files made of data objects: EF_EPSNSC (TS 31.102 4.2.92), EF_NETPAR (4.2.65), EF_MSK and EF_MUK (4.2.80, 4.2.81),
//! EF_SUCI_Calc_Info, EF_Routing_Indicator and EF_UAC_AIC (4.4.11.8, 4.4.11.11, 4.4.11.7).

use base::{DecodeError, Reader, Secret, hex, tlv};

use super::{
    bcd_digits,
    value::{Content, Value},
};

/// Data objects as far as they nest, until FF padding; what a file has no finer decoder for.
///
/// # Errors
/// [`DecodeError`] for octets that are no BER-TLV.
pub fn objects(octets: &[u8]) -> Result<Value, DecodeError> {
    nested(octets, 0)
}

fn nested(octets: &[u8], depth: u8) -> Result<Value, DecodeError> {
    let mut r = Reader::new(octets);
    let mut list = Vec::new();
    while !is_padding(r) {
        let object = tlv::read(&mut r)?;
        let value = match depth {
            0..=3 if tlv::is_constructed(object.tag) => nested(object.value, depth + 1)?,
            _ => Value::Octets(object.value.to_vec()),
        };
        list.push(Value::Fields(vec![
            ("tag", Value::Text(format!("{:02X}", object.tag))),
            ("value", value),
        ]));
    }
    Ok(Value::List(list))
}

/// True if nothing but FF is left.
fn is_padding(mut r: Reader<'_>) -> bool {
    r.rest().iter().all(|o| *o == 0xff)
}

/// The object of that tag, of exactly `N` octets.
fn part<const N: usize>(template: &[u8], tag: u32, what: &'static str) -> Result<[u8; N], DecodeError> {
    let rule = DecodeError::Invalid {
        what,
        at: 0,
        rule: "is there, with its length",
    };
    let found = tlv::find(template, tag)?.ok_or(rule)?;
    found.value.try_into().map_err(|_| rule)
}

/// EF_EPSNSC: the NAS security context of EPS, one record.
pub struct EpsContext {
    /// KSI_ASME; 7: none.
    pub ksi: u8,
    kasme: Secret<32>,
    /// Uplink NAS count.
    pub uplink: u32,
    /// Downlink NAS count.
    pub downlink: u32,
    /// Ciphering (high) and integrity (low) algorithm.
    pub algorithms: u8,
}

impl EpsContext {
    /// No context: KSI 7.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            ksi: 7,
            kasme: Secret::new([0xff; 32]),
            uplink: 0,
            downlink: 0,
            algorithms: 0,
        }
    }
}

impl Content for EpsContext {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let start = r;
        let template = tlv::read(&mut r)?;
        if template.tag != 0xa0 || !is_padding(r) {
            return Err(start.invalid("EF_EPSNSC", "one security context (tag A0), then FF"));
        }
        let [ksi] = part(template.value, 0x80, "KSI_ASME")?;
        let kasme = match tlv::find(template.value, 0x81)? {
            // Without a context the key may be left out.
            Some(key) if key.value.is_empty() => [0xff; 32],
            _ => part(template.value, 0x81, "K_ASME")?,
        };
        let [algorithms] = part(template.value, 0x84, "NAS algorithms")?;
        Ok(Self {
            ksi,
            kasme: Secret::new(kasme),
            uplink: u32::from_be_bytes(part(template.value, 0x82, "uplink NAS count")?),
            downlink: u32::from_be_bytes(part(template.value, 0x83, "downlink NAS count")?),
            algorithms,
        })
    }

    fn octets(&self) -> Vec<u8> {
        let mut inner = tlv::object(0x80, &[self.ksi]);
        tlv::write(&mut inner, 0x81, self.kasme.expose());
        tlv::write(&mut inner, 0x82, &self.uplink.to_be_bytes());
        tlv::write(&mut inner, 0x83, &self.downlink.to_be_bytes());
        tlv::write(&mut inner, 0x84, &[self.algorithms]);
        tlv::object(0xa0, &inner)
    }

    fn value(&self) -> Value {
        if self.ksi & 7 == 7 {
            return Value::Empty;
        }
        Value::Fields(vec![
            ("KSI", Value::Number(u64::from(self.ksi & 7))),
            ("K_ASME", Value::Hidden(32)),
            ("uplink count", Value::Number(u64::from(self.uplink))),
            ("downlink count", Value::Number(u64::from(self.downlink))),
            ("ciphering", Value::Number(u64::from(self.algorithms >> 4))),
            ("integrity", Value::Number(u64::from(self.algorithms & 0x0f))),
        ])
    }
}

/// EF_MSK: the MSK identifiers of one key domain, one record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MskRecord {
    /// Key domain: MCC and MNC.
    pub domain: [u8; 3],
    /// Identifier and time stamp counter of each.
    pub keys: Vec<([u8; 4], [u8; 4])>,
}

impl Content for MskRecord {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let domain = r.array("key domain")?;
        let start = r;
        let mut keys = Vec::new();
        for _ in 0..r.u8("number of MSKs")? {
            keys.push((r.array("MSK identifier")?, r.array("time stamp counter")?));
        }
        if is_padding(r) {
            Ok(Self { domain, keys })
        } else {
            Err(start.invalid("EF_MSK record", "FF behind the last MSK"))
        }
    }

    fn octets(&self) -> Vec<u8> {
        let mut out = self.domain.to_vec();
        out.push(u8::try_from(self.keys.len()).unwrap_or(u8::MAX));
        out.extend(
            self.keys
                .iter()
                .flat_map(|(id, counter)| [*id, *counter].concat()),
        );
        out
    }

    fn value(&self) -> Value {
        let one = |(id, counter): &([u8; 4], [u8; 4])| {
            Value::Fields(vec![
                ("identifier", Value::Octets(id.to_vec())),
                ("time stamp counter", Value::Octets(counter.to_vec())),
            ])
        };
        Value::Fields(vec![
            ("key domain", Value::Octets(self.domain.to_vec())),
            ("MSK", Value::List(self.keys.iter().map(one).collect())),
        ])
    }
}

/// EF_MUK: which MUK and its counter, one record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MukRecord {
    /// IDr of the MUK's identifier: NAF_Id or FQDN.
    pub responder: Vec<u8>,
    /// IDi: B-TID.
    pub initiator: Vec<u8>,
    /// Time stamp counter.
    pub counter: Vec<u8>,
}

impl Content for MukRecord {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let start = r;
        let id = tlv::read(&mut r)?;
        let counter = tlv::read(&mut r)?;
        let rule = start.invalid(
            "EF_MUK record",
            "a MUK identifier (A0 with 80 and 82), a counter (81), then FF",
        );
        let inner = |tag| tlv::find(id.value, tag)?.map(|t| t.value.to_vec()).ok_or(rule);
        if (id.tag, counter.tag) != (0xa0, 0x81) || !is_padding(r) {
            return Err(rule);
        }
        Ok(Self {
            responder: inner(0x80)?,
            initiator: inner(0x82)?,
            counter: counter.value.to_vec(),
        })
    }

    fn octets(&self) -> Vec<u8> {
        let mut id = tlv::object(0x80, &self.responder);
        tlv::write(&mut id, 0x82, &self.initiator);
        let mut out = tlv::object(0xa0, &id);
        tlv::write(&mut out, 0x81, &self.counter);
        out
    }

    fn value(&self) -> Value {
        Value::Fields(vec![
            ("IDr", Value::utf8(&self.responder)),
            ("IDi", Value::utf8(&self.initiator)),
            ("time stamp counter", Value::Octets(self.counter.clone())),
        ])
    }
}

/// EF_SUCI_Calc_Info: protection schemes by priority, and the home network's public keys.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SuciCalcInfo {
    /// Scheme (0 null, 1 profile A, 2 profile B) and place of its key in `keys`, from 1; 0 for none. Best first.
    pub schemes: Vec<(u8, u8)>,
    /// Identifier and public key, 32 octets for profile A, 33 (compressed) for B.
    pub keys: Vec<(u8, Vec<u8>)>,
}

impl Content for SuciCalcInfo {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let mut info = Self::default();
        while !is_padding(r) {
            let start = r;
            let object = tlv::read(&mut r)?;
            match object.tag {
                0xa0 => {
                    let (pairs, rest) = object.value.as_chunks::<2>();
                    if !rest.is_empty() {
                        return Err(start.invalid("protection schemes", "two octets each"));
                    }
                    info.schemes
                        .extend(pairs.iter().map(|[scheme, key]| (*scheme, *key)));
                }
                0xa1 => {
                    let parts = tlv::read_all(object.value)?;
                    let (pairs, rest) = parts.as_chunks::<2>();
                    if !rest.is_empty() {
                        return Err(start.invalid("public keys", "an identifier (80) and a key (81) each"));
                    }
                    for pair in pairs {
                        match pair {
                            [id, key] if (id.tag, key.tag) == (0x80, 0x81) && id.value.len() == 1 => {
                                info.keys
                                    .push((id.value.first().copied().unwrap_or(0), key.value.to_vec()));
                            }
                            _ => return Err(start.invalid("public keys", "80 with one octet, then 81")),
                        }
                    }
                }
                _ => return Err(start.invalid("EF_SUCI_Calc_Info", "schemes (A0) and public keys (A1)")),
            }
        }
        Ok(info)
    }

    fn octets(&self) -> Vec<u8> {
        let schemes: Vec<u8> = self
            .schemes
            .iter()
            .flat_map(|(scheme, key)| [*scheme, *key])
            .collect();
        let mut keys = Vec::new();
        for (id, key) in &self.keys {
            tlv::write(&mut keys, 0x80, &[*id]);
            tlv::write(&mut keys, 0x81, key);
        }
        let mut out = tlv::object(0xa0, &schemes);
        tlv::write(&mut out, 0xa1, &keys);
        out
    }

    fn value(&self) -> Value {
        let scheme = |(scheme, key): &(u8, u8)| {
            let name = match scheme {
                0 => "null".to_owned(),
                1 => "profile A".to_owned(),
                2 => "profile B".to_owned(),
                other => format!("{other:02X}"),
            };
            Value::Fields(vec![
                ("scheme", Value::Text(name)),
                ("key", Value::Number(u64::from(*key))),
            ])
        };
        let key = |(id, key): &(u8, Vec<u8>)| {
            Value::Fields(vec![
                ("identifier", Value::Number(u64::from(*id))),
                ("public key", Value::Text(hex::encode(key))),
            ])
        };
        Value::Fields(vec![
            ("schemes", Value::List(self.schemes.iter().map(scheme).collect())),
            ("keys", Value::List(self.keys.iter().map(key).collect())),
        ])
    }
}

/// EF_Routing_Indicator: 1 to 4 digits in two octets, two octets for future use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RoutingIndicator(pub [u8; 4]);

impl Content for RoutingIndicator {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let start = r;
        let indicator = Self(r.array("routing indicator")?);
        r.finish("EF_Routing_Indicator")?;
        let [a, b, ..] = indicator.0;
        match bcd_digits(&[a, b]) {
            Some(_) => Ok(indicator),
            None => Err(start.invalid("routing indicator", "1 to 4 digits, then F")),
        }
    }

    fn octets(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    fn value(&self) -> Value {
        let [a, b, ..] = self.0;
        match bcd_digits(&[a, b]) {
            Some(digits) if !digits.is_empty() => Value::Text(digits),
            _ => Value::Empty,
        }
    }
}

/// EF_UAC_AIC: access identities 1 and 2.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccessIdentities(pub [u8; 4]);

impl Content for AccessIdentities {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let identities = Self(r.array("access identities")?);
        r.finish("EF_UAC_AIC")?;
        Ok(identities)
    }

    fn octets(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    fn value(&self) -> Value {
        let [first, ..] = self.0;
        Value::Fields(vec![
            ("multimedia priority", Value::Flag(first & 1 != 0)),
            ("mission critical", Value::Flag(first & 2 != 0)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    proptest! {
        #[test]
        fn round_trip(
            schemes in vec((0u8..3, 0u8..3), 0..4),
            keys in vec((any::<u8>(), vec(any::<u8>(), 32..34)), 0..3),
            ids in vec(any::<([u8; 4], [u8; 4])>(), 0..6),
            idr in vec(any::<u8>(), 0..60),
            padding in 0usize..9,
        ) {
            fn back<C: Content + Eq + core::fmt::Debug>(content: C, padding: usize) {
                let mut octets = content.octets();
                octets.resize(octets.len() + padding, 0xff);
                assert_eq!(C::parse(&octets).unwrap(), content);
                let _ = content.value().lines();
            }
            back(SuciCalcInfo { schemes, keys }, padding);
            back(MskRecord { domain: [1, 2, 3], keys: ids }, padding);
            back(MukRecord { responder: idr.clone(), initiator: idr, counter: vec![1; 4] }, padding);
        }

        #[test]
        fn no_octets_make_it_panic(octets in vec(any::<u8>(), 0..80)) {
            let _ = objects(&octets);
            let _ = EpsContext::parse(&octets).map(|c| c.value());
            let _ = SuciCalcInfo::parse(&octets);
            let _ = MskRecord::parse(&octets);
            let _ = MukRecord::parse(&octets);
            if let Ok(c) = RoutingIndicator::parse(&octets) { prop_assert_eq!(c.octets(), octets); }
        }
    }

    //= TS31.102-4.2.92-r1
    #[test]
    fn a_context_is_read_and_its_key_isn_t_shown() {
        let octets = EpsContext {
            ksi: 1,
            kasme: Secret::new([0xa5; 32]),
            uplink: 5,
            downlink: 6,
            algorithms: 0x12,
        }
        .octets();
        assert_eq!(octets.len(), 54, "the least length of a record");
        let context = EpsContext::parse(&octets).unwrap();
        assert_eq!(context.octets(), octets);
        let text = context.value().to_string();
        assert!(
            text.contains("uplink count 5") && !text.contains("a5a5"),
            "{text}"
        );
        assert_eq!(
            EpsContext::parse(&EpsContext::none().octets()).unwrap().value(),
            Value::Empty
        );
        assert!(EpsContext::parse(&octets[..53]).is_err());
    }

    #[test]
    fn routing_indicator_17_is_71_ff() {
        assert_eq!(
            RoutingIndicator::parse(&[0x71, 0xff, 0xff, 0xff])
                .unwrap()
                .value(),
            Value::Text("17".to_owned())
        );
        assert!(RoutingIndicator::parse(&[0x7a, 0xff, 0xff, 0xff]).is_err());
    }

    #[test]
    fn objects_nest_until_padding() {
        let lines = objects(&[0xa1, 4, 0x80, 2, 1, 2, 0xff, 0xff]).unwrap().lines();
        assert_eq!(lines[1], ("1.value.1.tag".to_owned(), "80".to_owned()));
        assert!(objects(&[0xa1, 4, 0x80]).is_err());
    }
}
