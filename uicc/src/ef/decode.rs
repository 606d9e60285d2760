//! [`decode`]: any file that [`crate::names`] knows, in words; another one in hex.

use base::{DecodeError, Reader};

use super::{DirEntry, GbaBp, Iccid, NafRecord, ServiceTable, dir, imsi, services, value::Value};
use crate::names;

/// What the octets of a file (of one record, where it has records) say. `application` is the beginning of its AID or
/// none for files under the MF, `fids` the identifiers from there.
///
/// A file that is empty (FF throughout), that no table knows or that doesn't keep to its clause is told in hex: a person
/// who looks at a card wants to see what is there.
#[must_use]
pub fn decode(application: Option<&[u8]>, fids: &[u16], octets: &[u8]) -> Value {
    match names::file(application, fids) {
        Some(file) => (file.decode)(octets).unwrap_or_else(|_| Value::octets(octets)),
        None => Value::octets(octets),
    }
}

/// In hex: a file whose octets mean nothing to a person.
pub(crate) fn octets(octets: &[u8]) -> Result<Value, DecodeError> {
    Ok(Value::octets(octets))
}

/// A file of keys: how long it is, if anything is written.
pub(crate) fn hidden(octets: &[u8]) -> Result<Value, DecodeError> {
    Ok(match Value::octets(octets) {
        Value::Octets(octets) => Value::Hidden(octets.len()),
        empty => empty,
    })
}

/// EF_Kc and EF_KcGPRS (TS 31.102 4.4.3.1, 4.4.3.2): Kc, then its sequence number.
pub(crate) fn kc(octets: &[u8]) -> Result<Value, DecodeError> {
    let mut r = Reader::new(octets);
    let kc = hidden(r.take(8, "Kc")?)?;
    let cksn = r.u8("CKSN")?;
    r.finish("EF_Kc")?;
    Ok(Value::Fields(vec![
        ("Kc", kc),
        ("CKSN", Value::Number(u64::from(cksn & 7))),
    ]))
}

pub(crate) fn iccid(octets: &[u8]) -> Result<Value, DecodeError> {
    Ok(Value::Text(Iccid::parse(octets)?.to_string()))
}

pub(crate) fn imsi(octets: &[u8]) -> Result<Value, DecodeError> {
    Ok(Value::Text(imsi::parse(octets)?.as_str().to_owned()))
}

pub(crate) fn dir(octets: &[u8]) -> Result<Value, DecodeError> {
    let Some(entry) = DirEntry::parse(octets)? else {
        return Ok(Value::Empty);
    };
    let mut fields = vec![
        ("AID", Value::Octets(entry.aid)),
        ("label", entry.label.map_or(Value::Empty, Value::text)),
    ];
    let one = |(fid, subscription): (u16, Vec<u8>)| {
        Value::Fields(vec![
            ("DF", Value::Text(format!("{fid:04X}"))),
            ("subscription", Value::utf8(&subscription)),
        ])
    };
    let frameworks: Vec<_> = dir::frameworks(octets)?.into_iter().map(one).collect();
    if !frameworks.is_empty() {
        fields.push(("oneM2M", Value::List(frameworks)));
    }
    Ok(Value::Fields(fields))
}

pub(crate) fn gbabp(octets: &[u8]) -> Result<Value, DecodeError> {
    let bp = GbaBp::parse(octets)?;
    Ok(Value::Fields(vec![
        ("RAND", Value::octets(&bp.rand)),
        ("B-TID", Value::utf8(&bp.btid)),
        ("key lifetime", Value::utf8(&bp.lifetime)),
    ]))
}

pub(crate) fn gbanl(octets: &[u8]) -> Result<Value, DecodeError> {
    Ok(NafRecord::parse(octets)?.map_or(Value::Empty, |record| {
        let (fqdn, ua) = match record.naf_id.split_last_chunk::<5>() {
            Some((fqdn, ua)) => (fqdn, ua.as_slice()),
            None => (record.naf_id.as_slice(), [].as_slice()),
        };
        Value::Fields(vec![
            ("NAF", Value::utf8(fqdn)),
            ("Ua protocol", Value::octets(ua)),
            ("B-TID", Value::utf8(&record.btid)),
        ])
    }))
}

pub(crate) fn ust(octets: &[u8]) -> Result<Value, DecodeError> {
    Ok(ServiceTable::parse(octets).value(services::USIM))
}

pub(crate) fn est(octets: &[u8]) -> Result<Value, DecodeError> {
    Ok(ServiceTable::parse(octets).value(services::ENABLED))
}

pub(crate) fn ist(octets: &[u8]) -> Result<Value, DecodeError> {
    Ok(ServiceTable::parse(octets).value(services::ISIM))
}

pub(crate) fn m2mst(octets: &[u8]) -> Result<Value, DecodeError> {
    Ok(ServiceTable::parse(octets).value(services::M2M))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_file_is_told_whatever_it_holds(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            for directory in names::DIRECTORIES {
                for file in directory.files {
                    let value = decode(directory.aid, &[directory.fids, &[file.fid]].concat(), &octets);
                    prop_assert!(!value.to_string().chars().any(base::text::steers), "{}", file.name);
                }
            }
        }
    }

    #[test]
    fn a_file_is_told_by_its_place() {
        let usim = Some(&names::USIM_AID_PREFIX[..]);
        let line =
            |aid, fids: &[u16], hex: &str| decode(aid, fids, &base::hex::decode(hex).unwrap()).to_string();
        assert_eq!(line(usim, &[0x6f07], "080910101032547698"), "001010123456789");
        assert_eq!(
            line(Some(&names::ISIM_AID_PREFIX), &[0x6f07], "02"),
            "services 2 GBA"
        );
        assert_eq!(
            line(None, &[0x2fe2], "98001010103254769 8f6".replace(' ', "").as_str()),
            "8900010101234567896"
        );
        assert_eq!(line(usim, &[0x5fc0, 0x4f0a], "71ffffff"), "17");
        assert_eq!(line(None, &[0x2fff], "0102"), "0102", "unknown: hex");
        assert_eq!(line(usim, &[0x6f07], "01"), "01", "malformed: hex");
    }
}
