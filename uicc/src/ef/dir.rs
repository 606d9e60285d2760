//! EF_DIR (TS 102 221 13.1, ISO 7816-4): one record an application, `61 L {4F L AID [50 L label] …}`, FF padding.

use base::{DecodeError, Reader, tlv};

/// An application as EF_DIR names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DirEntry {
    /// AID, 5 to 16 octets.
    pub aid: Vec<u8>,
    /// Label, as text for people; octets that aren't UTF-8 are shown as replacement characters.
    pub label: Option<String>,
}

impl DirEntry {
    /// The record, padded with FF.
    ///
    /// # Errors
    /// [`DecodeError`] if the entry doesn't fit into `record_length` octets.
    pub fn encode(&self, record_length: u8) -> Result<Vec<u8>, DecodeError> {
        let mut inner = tlv::object(0x4f, &self.aid);
        if let Some(label) = &self.label {
            tlv::write(&mut inner, 0x50, label.as_bytes());
        }
        let mut record = tlv::object(0x61, &inner);
        let length = usize::from(record_length);
        if record.len() > length {
            return Err(DecodeError::Invalid {
                what: "EF_DIR record",
                at: 0,
                rule: "AID and label fit into the record",
            });
        }
        record.resize(length, 0xff);
        Ok(record)
    }

    /// Reads one record; `None` for an empty one (FF or 00 throughout).
    ///
    /// # Errors
    /// [`DecodeError`] for anything that isn't an application template with an AID.
    pub fn parse(record: &[u8]) -> Result<Option<Self>, DecodeError> {
        if record.iter().all(|o| *o == 0xff) || record.iter().all(|o| *o == 0) {
            return Ok(None);
        }
        let mut r = Reader::new(record);
        let start = r;
        let template = tlv::read(&mut r)?;
        if template.tag != 0x61 {
            return Err(start.invalid("EF_DIR record", "an application template (tag 61)"));
        }
        let aid = tlv::find(template.value, 0x4f)?
            .filter(|t| (5..=16).contains(&t.value.len()))
            .ok_or(start.invalid("EF_DIR record", "an AID (tag 4F) of 5 to 16 octets"))?;
        let label = tlv::find(template.value, 0x50)?;
        Ok(Some(Self {
            aid: aid.value.to_vec(),
            label: label.map(|t| String::from_utf8_lossy(t.value).into_owned()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trips(aid in proptest::collection::vec(any::<u8>(), 5..=16), label in "[a-zA-Z ]{0,12}") {
            let entry = DirEntry { aid, label: Some(label) };
            let record = entry.encode(38).unwrap();
            prop_assert_eq!(record.len(), 38);
            prop_assert_eq!(DirEntry::parse(&record).unwrap(), Some(entry));
        }

        #[test]
        fn never_panics(record in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = DirEntry::parse(&record);
        }
    }

    //= TS102221-13.1-r1
    #[test]
    fn an_entry_is_a_template_of_aid_and_label() {
        let entry = DirEntry {
            aid: vec![0xa0, 0, 0, 0, 0x87, 0x10, 0x02],
            label: Some("USIM".to_owned()),
        };
        let record = entry.encode(20).unwrap();
        assert_eq!(
            base::hex::encode(&record),
            "610f4f07a000000087100250045553494dffffff"
        );
    }

    #[test]
    fn an_entry_that_does_not_fit_is_refused() {
        let entry = DirEntry {
            aid: vec![1; 16],
            label: None,
        };
        assert!(entry.encode(19).is_err());
        assert_eq!(DirEntry::parse(&[0xff; 20]), Ok(None));
    }
}
