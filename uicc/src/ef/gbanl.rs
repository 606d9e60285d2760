//! EF_GBANL (TS 31.102 4.2.83): one record for each Ks_int_NAF that the card holds, `80 L NAF_Id 81 L B-TID`,
//! BER lengths, FF padding.

use base::{DecodeError, Reader, tlv};

/// Tag of the NAF_Id.
const NAF_ID: u32 = 0x80;
/// Tag of the B-TID.
const BTID: u32 = 0x81;

/// One entry: which NAF, and from which run its key comes. Octets, since the card takes both as they are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NafRecord {
    /// FQDN and five octets of the Ua security protocol identifier.
    pub naf_id: Vec<u8>,
    /// B-TID of the run.
    pub btid: Vec<u8>,
}

impl NafRecord {
    /// The record, padded with FF.
    ///
    /// # Errors
    /// [`DecodeError`] if both don't fit into `record_length` octets.
    pub fn encode(&self, record_length: u8) -> Result<Vec<u8>, DecodeError> {
        let mut out = tlv::object(NAF_ID, &self.naf_id);
        tlv::write(&mut out, BTID, &self.btid);
        let length = usize::from(record_length);
        if out.len() > length {
            return Err(DecodeError::Invalid {
                what: "EF_GBANL record",
                at: 0,
                rule: "NAF_Id and B-TID fit into the record",
            });
        }
        out.resize(length, 0xff);
        Ok(out)
    }

    /// Reads a record; `None` for an empty one.
    ///
    /// # Errors
    /// [`DecodeError`] unless it is a NAF_Id, then a B-TID, then FF to the end.
    pub fn parse(record: &[u8]) -> Result<Option<Self>, DecodeError> {
        if record.iter().all(|o| *o == 0xff) {
            return Ok(None);
        }
        let mut r = Reader::new(record);
        let naf_id = object(&mut r, NAF_ID, "a NAF_Id (tag 80)")?;
        let btid = object(&mut r, BTID, "a B-TID (tag 81)")?;
        let behind = r;
        if !r.rest().iter().all(|o| *o == 0xff) {
            return Err(behind.invalid("EF_GBANL record", "FF behind the B-TID"));
        }
        Ok(Some(Self { naf_id, btid }))
    }
}

fn object(r: &mut Reader<'_>, tag: u32, rule: &'static str) -> Result<Vec<u8>, DecodeError> {
    let start = *r;
    match tlv::read(r)? {
        t if t.tag == tag => Ok(t.value.to_vec()),
        _ => Err(start.invalid("EF_GBANL record", rule)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        //= TS31.102-4.2.83-r1
        #[test]
        fn round_trips(
            naf_id in proptest::collection::vec(any::<u8>(), 0..=120),
            btid in proptest::collection::vec(any::<u8>(), 0..=120),
        ) {
            let entry = NafRecord { naf_id, btid };
            let record = entry.encode(0xff).unwrap();
            prop_assert_eq!(record.len(), 255);
            prop_assert_eq!(NafRecord::parse(&record).unwrap(), Some(entry));
        }

        #[test]
        fn never_panics(record in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = NafRecord::parse(&record);
        }
    }

    #[test]
    fn what_does_not_fit_or_follow_is_refused() {
        let entry = NafRecord {
            naf_id: vec![1; 10],
            btid: vec![2; 10],
        };
        assert!(entry.encode(23).is_err());
        assert!(NafRecord::parse(&[0x80, 1, 1, 0x81, 1, 1, 0xff, 0]).is_err());
        assert!(NafRecord::parse(&[0x81, 1, 1, 0x80, 1, 1]).is_err());
    }
}
