//! Files of a few octets: EF_HPPLMN (TS 31.102 4.2.6), EF_ACC (4.2.15), EF_START-HFN (4.2.51), EF_THRESHOLD (4.2.52),
//! EF_Keys and EF_KeysPS (4.2.3, 4.2.4), EF_SMSS (4.2.9), EF_SMS (4.2.25), EF_CBMI, EF_CBMID (4.2.14, 4.2.20),
//! EF_CBMIR (4.2.22), EF_UMPC (TS 102 221 13.5).

use base::{DecodeError, Reader, Secret};

use super::value::{Content, Value};

/// EF_HPPLMN: minutes between two searches for a higher PLMN, in steps of 6; 0 for none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SearchPeriod(pub u8);

impl Content for SearchPeriod {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let period = Self(r.u8("search period")?);
        r.finish("EF_HPPLMN")?;
        Ok(period)
    }

    fn octets(&self) -> Vec<u8> {
        vec![self.0]
    }

    fn value(&self) -> Value {
        Value::Fields(vec![("minutes", Value::Number(u64::from(self.0) * 6))])
    }
}

/// EF_ACC: access control classes, bit 16 is class 15.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AccessClasses(pub u16);

impl Content for AccessClasses {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let classes = Self(r.u16("access control classes")?);
        r.finish("EF_ACC")?;
        Ok(classes)
    }

    fn octets(&self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }

    fn value(&self) -> Value {
        let classes = (0..16u8).filter(|class| self.0 >> class & 1 != 0);
        Value::Fields(vec![(
            "classes",
            Value::List(classes.map(|c| Value::Number(u64::from(c))).collect()),
        )])
    }
}

/// EF_START-HFN: START of both domains, 20 bits in three octets each.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StartHfn {
    /// START of the CS domain.
    pub cs: [u8; 3],
    /// START of the PS domain.
    pub ps: [u8; 3],
}

impl Content for StartHfn {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let start = Self {
            cs: r.array("START CS")?,
            ps: r.array("START PS")?,
        };
        r.finish("EF_START-HFN")?;
        Ok(start)
    }

    fn octets(&self) -> Vec<u8> {
        [self.cs, self.ps].concat()
    }

    fn value(&self) -> Value {
        Value::Fields(vec![("CS", number(&self.cs)), ("PS", number(&self.ps))])
    }
}

/// EF_THRESHOLD: the START at which keys end, 20 bits in three octets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Threshold(pub [u8; 3]);

impl Content for Threshold {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let threshold = Self(r.array("threshold")?);
        r.finish("EF_THRESHOLD")?;
        Ok(threshold)
    }

    fn octets(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    fn value(&self) -> Value {
        Value::Fields(vec![("maximum of START", number(&self.0))])
    }
}

fn number(octets: &[u8]) -> Value {
    Value::Number(octets.iter().fold(0, |n, o| n << 8 | u64::from(*o)))
}

/// EF_Keys and EF_KeysPS: key set identifier, CK and IK of the domain.
pub struct SessionKeys {
    /// KSI, low three bits; 7: no keys.
    pub ksi: u8,
    keys: Secret<32>,
}

impl SessionKeys {
    /// No keys: KSI 7, FF.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            ksi: 7,
            keys: Secret::new([0xff; 32]),
        }
    }
}

impl Content for SessionKeys {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let keys = Self {
            ksi: r.u8("KSI")?,
            keys: Secret::new(r.array("CK and IK")?),
        };
        r.finish("EF_Keys")?;
        Ok(keys)
    }

    fn octets(&self) -> Vec<u8> {
        [&[self.ksi][..], self.keys.expose()].concat()
    }

    fn value(&self) -> Value {
        let key = match self.ksi & 7 {
            7 => Value::Empty,
            _ => Value::Hidden(16),
        };
        Value::Fields(vec![
            ("KSI", Value::Number(u64::from(self.ksi & 7))),
            ("CK", key.clone()),
            ("IK", key),
        ])
    }
}

/// EF_SMSS: reference of the last message and whether memory overflowed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SmsStatus {
    /// Last used TP-MR.
    pub reference: u8,
    /// Bit 1 is 0 when a message was refused for want of memory.
    pub memory: u8,
    /// Octets for future use.
    pub rest: Vec<u8>,
}

impl Content for SmsStatus {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        Ok(Self {
            reference: r.u8("TP-MR")?,
            memory: r.u8("memory flag")?,
            rest: r.rest().to_vec(),
        })
    }

    fn octets(&self) -> Vec<u8> {
        [&[self.reference, self.memory][..], &self.rest].concat()
    }

    fn value(&self) -> Value {
        Value::Fields(vec![
            ("last reference", Value::Number(u64::from(self.reference))),
            ("memory exceeded", Value::Flag(self.memory & 1 == 0)),
        ])
    }
}

/// EF_SMS: one record of 176 octets: state, then service centre and TPDU.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ShortMessage {
    /// 0 free, 1 read, 3 to be read, 5 sent, 7 to be sent, other values with status reports.
    pub state: u8,
    /// Address of the service centre and TPDU, FF padding.
    pub message: Vec<u8>,
}

impl Content for ShortMessage {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        Ok(Self {
            state: r.u8("state")?,
            message: r.rest().to_vec(),
        })
    }

    fn octets(&self) -> Vec<u8> {
        [&[self.state][..], &self.message].concat()
    }

    fn value(&self) -> Value {
        let state = match self.state & 0x07 {
            0 | 2 | 4 | 6 => return Value::Empty,
            1 => "read",
            3 => "to be read",
            5 => "sent",
            _ => "to be sent",
        };
        let end = self.message.iter().rposition(|o| *o != 0xff).map_or(0, |p| p + 1);
        Value::Fields(vec![
            ("state", Value::word(state)),
            (
                "message",
                Value::octets(self.message.get(..end).unwrap_or_default()),
            ),
        ])
    }
}

/// EF_CBMI and EF_CBMID: identifiers of cell broadcast messages, FFFF where nothing is written.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MessageIds(pub Vec<u16>);

impl Content for MessageIds {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let mut ids = Vec::new();
        while !r.is_empty() {
            ids.push(r.u16("message identifier")?);
        }
        Ok(Self(ids))
    }

    fn octets(&self) -> Vec<u8> {
        self.0.iter().flat_map(|id| id.to_be_bytes()).collect()
    }

    fn value(&self) -> Value {
        let ids = self.0.iter().filter(|id| **id != 0xffff);
        Value::List(ids.map(|id| Value::Number(u64::from(*id))).collect())
    }
}

/// EF_CBMIR: ranges of identifiers, both ends included.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MessageRanges(pub Vec<(u16, u16)>);

impl Content for MessageRanges {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let mut ranges = Vec::new();
        while !r.is_empty() {
            ranges.push((r.u16("first identifier")?, r.u16("last identifier")?));
        }
        Ok(Self(ranges))
    }

    fn octets(&self) -> Vec<u8> {
        let one = |(first, last): &(u16, u16)| [first.to_be_bytes(), last.to_be_bytes()].concat();
        self.0.iter().flat_map(one).collect()
    }

    fn value(&self) -> Value {
        let ranges = self.0.iter().filter(|(first, _)| *first != 0xffff);
        Value::List(ranges.map(|(a, b)| Value::Text(format!("{a}-{b}"))).collect())
    }
}

/// EF_UMPC: what the UICC needs beyond the usual (TS 102 221 13.5).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Power {
    /// Most that the card takes, in mA.
    pub milliampere: u8,
    /// Time-out of its operating system, tenths of seconds.
    pub timeout: u8,
    /// Further information and octets for future use.
    pub rest: Vec<u8>,
}

impl Content for Power {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        Ok(Self {
            milliampere: r.u8("maximum current")?,
            timeout: r.u8("time-out")?,
            rest: r.rest().to_vec(),
        })
    }

    fn octets(&self) -> Vec<u8> {
        [&[self.milliampere, self.timeout][..], &self.rest].concat()
    }

    fn value(&self) -> Value {
        Value::Fields(vec![
            ("maximum current, mA", Value::Number(u64::from(self.milliampere))),
            (
                "time-out, tenths of seconds",
                Value::Number(u64::from(self.timeout)),
            ),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn back<C: Content>(octets: &[u8]) {
        if let Ok(content) = C::parse(octets) {
            assert_eq!(content.octets(), octets);
            let _ = content.value().lines();
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_back(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
            back::<SearchPeriod>(&octets);
            back::<AccessClasses>(&octets);
            back::<StartHfn>(&octets);
            back::<Threshold>(&octets);
            back::<SessionKeys>(&octets);
            back::<SmsStatus>(&octets);
            back::<ShortMessage>(&octets);
            back::<MessageIds>(&octets);
            back::<MessageRanges>(&octets);
            back::<Power>(&octets);
        }
    }

    //= TS31.102-4.2.15-r1
    #[test]
    fn class_15_is_the_highest_bit() {
        let lines = AccessClasses(0x8201).value().lines();
        assert_eq!(lines, [("classes".to_owned(), "0, 9, 15".to_owned())]);
        assert!(AccessClasses::parse(&[0]).is_err());
    }

    //= TS31.102-4.2.3-r1
    #[test]
    fn keys_are_told_by_length_only() {
        let keys = SessionKeys::parse(&[[2].as_slice(), &[0xa5; 32]].concat()).unwrap();
        assert!(!format!("{}", keys.value()).contains("a5"));
        assert_eq!(keys.value().lines()[1].1, "<16 octets>");
        assert_eq!(SessionKeys::none().value().lines()[1].1, "(empty)");
        assert_eq!(SessionKeys::none().octets().len(), 33);
    }

    #[test]
    fn a_message_is_told_without_its_padding() {
        let record = [&[3u8, 1, 2][..], &[0xff; 173]].concat();
        let lines = ShortMessage::parse(&record).unwrap().value().lines();
        assert_eq!(
            lines,
            [
                ("state".to_owned(), "to be read".to_owned()),
                ("message".to_owned(), "0102".to_owned())
            ]
        );
        assert_eq!(ShortMessage::parse(&[0; 4]).unwrap().value(), Value::Empty);
    }
}
