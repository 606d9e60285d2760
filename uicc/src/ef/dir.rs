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
    /// The application template without padding, with the oneM2M service frameworks of the application (TS-0003
    /// D.1.2): identifier of each DF.1M2M, and the subscription in it.
    #[must_use]
    pub fn template(&self, frameworks: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let mut inner = tlv::object(0x4f, &self.aid);
        if let Some(label) = &self.label {
            tlv::write(&mut inner, 0x50, label.as_bytes());
        }
        let mut services = Vec::new();
        for (fid, subscription) in frameworks {
            tlv::write(
                &mut services,
                0x80,
                &[&fid.to_be_bytes(), subscription.as_slice()].concat(),
            );
        }
        if !services.is_empty() {
            tlv::write(&mut inner, 0x73, &tlv::object(0xa2, &services));
        }
        tlv::object(0x61, &inner)
    }

    /// The record, padded with FF.
    ///
    /// # Errors
    /// [`DecodeError`] if the entry doesn't fit into `record_length` octets.
    pub fn encode(&self, record_length: u8) -> Result<Vec<u8>, DecodeError> {
        let mut record = self.template(&[]);
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

/// The oneM2M service frameworks that a record names (TS-0003 D.1.2): identifier of DF.1M2M under the application's
/// ADF, and the subscription in it.
///
/// # Errors
/// [`DecodeError`] for a record that is no application template, or an object without an identifier.
pub fn frameworks(record: &[u8]) -> Result<Vec<(u16, Vec<u8>)>, DecodeError> {
    let mut r = Reader::new(record);
    let start = r;
    let template = tlv::read(&mut r)?;
    if template.tag != 0x61 {
        return Err(start.invalid("EF_DIR record", "an application template (tag 61)"));
    }
    let Some(discretionary) = tlv::find(template.value, 0x73)? else {
        return Ok(Vec::new());
    };
    let mut list = Vec::new();
    for content in tlv::read_all(discretionary.value)?
        .iter()
        .filter(|o| o.tag == 0xa2)
    {
        for framework in tlv::read_all(content.value)?.iter().filter(|o| o.tag == 0x80) {
            let mut r = Reader::new(framework.value);
            let fid = r.u16("identifier of DF.1M2M")?;
            list.push((fid, r.rest().to_vec()));
        }
    }
    Ok(list)
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

    //= TS0003-D.1.2-r1
    #[test]
    fn a_framework_of_onem2m_stands_behind_the_label() {
        let entry = DirEntry {
            aid: vec![0xa0, 0, 0, 0, 0x87],
            label: None,
        };
        let record = entry.template(&[(0x5f10, b"sub".to_vec())]);
        assert_eq!(
            base::hex::encode(&record),
            "61124f05a0000000877309a20780055f10737562"
        );
        assert_eq!(frameworks(&record).unwrap(), [(0x5f10, b"sub".to_vec())]);
        assert_eq!(DirEntry::parse(&record).unwrap(), Some(entry.clone()));
        assert_eq!(frameworks(&entry.template(&[])).unwrap(), []);
        assert!(
            frameworks(&[0x61, 6, 0x73, 4, 0xa2, 2, 0x80, 0]).is_err() && frameworks(&[0xff; 4]).is_err()
        );
    }
}
