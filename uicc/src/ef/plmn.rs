//! PLMN codes and the lists of them: EF_FPLMN, EF_EHPLMN (TS 31.102 4.2.16, 4.2.84), EF_PLMNwAcT, EF_OPLMNwAcT,
//! EF_HPLMNwAcT (4.2.5, 4.2.53, 4.2.54).

use core::{fmt, str::FromStr};

use base::{DecodeError, Reader};

use super::value::{Content, Value};

/// Mobile country and network code, three octets (TS 24.008 10.5.1.3).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Plmn([u8; 3]);

impl Plmn {
    /// Octets of one code.
    pub const LENGTH: usize = 3;

    /// Reads three octets; `None` where nothing is written (FF FF FF).
    ///
    /// # Errors
    /// [`DecodeError`] unless the nibbles are digits, and the third digit of the MNC a digit or F.
    pub fn read(r: &mut Reader<'_>) -> Result<Option<Self>, DecodeError> {
        let start = *r;
        let octets: [u8; 3] = r.array("PLMN")?;
        if octets == [0xff; 3] {
            return Ok(None);
        }
        let [a, b, c] = octets;
        let digits = [a & 0xf, a >> 4, b & 0xf, c & 0xf, c >> 4];
        if digits.iter().all(|d| *d <= 9) && matches!(b >> 4, 0..=9 | 0xf) {
            Ok(Some(Self(octets)))
        } else {
            Err(start.invalid("PLMN", "three digits of MCC, two or three of MNC"))
        }
    }

    /// Three octets; FF FF FF for none.
    #[must_use]
    pub fn write(plmn: Option<Self>) -> [u8; 3] {
        plmn.map_or([0xff; 3], |p| p.0)
    }
}

impl FromStr for Plmn {
    type Err = DecodeError;

    /// `246-81` or `310-410`.
    fn from_str(s: &str) -> Result<Self, DecodeError> {
        const RULE: DecodeError = DecodeError::Invalid {
            what: "PLMN",
            at: 0,
            rule: "MCC-MNC, as 001-01 or 310-410",
        };
        let (mcc, mnc) = s.split_once('-').ok_or(RULE)?;
        let digits: Vec<u8> = mcc
            .bytes()
            .chain(mnc.bytes())
            .map(|b| b.wrapping_sub(b'0'))
            .collect();
        if mcc.len() != 3 || digits.iter().any(|d| *d > 9) {
            return Err(RULE);
        }
        match digits[..] {
            [a, b, c, d, e] => Ok(Self([b << 4 | a, 0xf0 | c, e << 4 | d])),
            [a, b, c, d, e, f] => Ok(Self([b << 4 | a, f << 4 | c, e << 4 | d])),
            _ => Err(RULE),
        }
    }
}

impl fmt::Display for Plmn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c] = self.0;
        write!(f, "{}{}{}-{}{}", a & 0xf, a >> 4, b & 0xf, c & 0xf, c >> 4)?;
        match b >> 4 {
            0xf => Ok(()),
            third => write!(f, "{third}"),
        }
    }
}

impl From<Option<Plmn>> for Value {
    fn from(plmn: Option<Plmn>) -> Self {
        plmn.map_or(Self::Empty, |p| Self::Text(p.to_string()))
    }
}

/// EF_FPLMN, EF_EHPLMN: three octets each; empty places keep their position.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PlmnList(pub Vec<Option<Plmn>>);

impl Content for PlmnList {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let mut list = Vec::new();
        while !r.is_empty() {
            list.push(Plmn::read(&mut r)?);
        }
        Ok(Self(list))
    }

    fn octets(&self) -> Vec<u8> {
        self.0.iter().flat_map(|p| Plmn::write(*p)).collect()
    }

    fn value(&self) -> Value {
        Value::List(self.0.iter().flatten().map(|p| Value::from(Some(*p))).collect())
    }
}

/// Access technologies of one entry: bit 16 is bit 8 of its first octet.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct AccessTechnologies(pub u16);

/// Bits and what they stand for (TS 31.102 4.2.5).
const TECHNOLOGIES: &[(u16, &str)] = &[
    (0x8000, "UTRAN"),
    (0x4000, "E-UTRAN"),
    (0x2000, "E-UTRAN WB-S1"),
    (0x1000, "E-UTRAN NB-S1"),
    (0x0800, "NG-RAN"),
    (0x0080, "GSM"),
    (0x0040, "GSM COMPACT"),
    (0x0020, "cdma2000 HRPD"),
    (0x0010, "cdma2000 1xRTT"),
    (0x0008, "EC-GSM-IoT"),
    (0x0004, "GSM without EC-GSM-IoT"),
];

impl AccessTechnologies {
    fn value(self) -> Value {
        let known = TECHNOLOGIES.iter().filter(|(bit, _)| self.0 & bit != 0);
        let mut names: Vec<_> = known.map(|(_, name)| Value::word(name)).collect();
        let rest = TECHNOLOGIES.iter().fold(self.0, |left, (bit, _)| left & !bit);
        if rest != 0 {
            names.push(Value::Text(format!("bits {rest:04X}")));
        }
        Value::List(names)
    }
}

/// EF_PLMNwAcT and its kin: PLMN and access technologies, most preferred first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PlmnSelector(pub Vec<(Option<Plmn>, AccessTechnologies)>);

impl Content for PlmnSelector {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let mut list = Vec::new();
        while !r.is_empty() {
            let plmn = Plmn::read(&mut r)?;
            list.push((plmn, AccessTechnologies(r.u16("access technologies")?)));
        }
        Ok(Self(list))
    }

    fn octets(&self) -> Vec<u8> {
        let entry = |(plmn, act): &(Option<Plmn>, AccessTechnologies)| {
            let [a, b, c] = Plmn::write(*plmn);
            let [d, e] = act.0.to_be_bytes();
            [a, b, c, d, e]
        };
        self.0.iter().flat_map(entry).collect()
    }

    fn value(&self) -> Value {
        let entries = self.0.iter().filter(|(plmn, _)| plmn.is_some());
        let entry = |(plmn, act): &(Option<Plmn>, AccessTechnologies)| {
            Value::Fields(vec![("PLMN", (*plmn).into()), ("access", act.value())])
        };
        Value::List(entries.map(entry).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn codes_and_lists_round_trip(mcc in "[0-9]{3}", mnc in "[0-9]{2,3}", act in any::<u16>(), empty in 0usize..4) {
            let text = format!("{mcc}-{mnc}");
            let plmn: Plmn = text.parse().unwrap();
            prop_assert_eq!(plmn.to_string(), text);
            let mut list = PlmnList(vec![Some(plmn)]);
            list.0.resize(1 + empty, None);
            prop_assert_eq!(PlmnList::parse(&list.octets()).unwrap(), list);
            let selector = PlmnSelector(vec![(Some(plmn), AccessTechnologies(act)), (None, AccessTechnologies(0))]);
            prop_assert_eq!(PlmnSelector::parse(&selector.octets()).unwrap(), selector);
        }

        #[test]
        fn what_is_read_is_written_back(octets in proptest::collection::vec(any::<u8>(), 0..20)) {
            if let Ok(list) = PlmnList::parse(&octets) {
                prop_assert_eq!(list.octets(), octets);
            }
        }
    }

    //= TS31.102-4.2.5-r1
    #[test]
    fn the_clause_s_own_example_and_a_code_of_three_digits() {
        // TS 31.102 4.2.5: MCC 246 and MNC 81 are 42 F6 18.
        let selector = PlmnSelector::parse(&[0x42, 0xf6, 0x18, 0x40, 0x80, 0xff, 0xff, 0xff, 0, 0]).unwrap();
        assert_eq!(
            selector.value().lines(),
            [
                ("1.PLMN".to_owned(), "246-81".to_owned()),
                ("1.access".to_owned(), "E-UTRAN, GSM".to_owned())
            ]
        );
        let three: Plmn = "310-410".parse().unwrap();
        assert_eq!(Plmn::write(Some(three)), [0x13, 0x00, 0x14]);
        assert!(PlmnList::parse(&[0x42, 0xf6]).is_err(), "cut");
        assert!(PlmnList::parse(&[0x4a, 0xf6, 0x18]).is_err(), "no digit");
        assert!("31-410".parse::<Plmn>().is_err());
    }
}
