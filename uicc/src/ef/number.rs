//! Numbers to call: EF_MSISDN, EF_FDN, EF_SDN, EF_ADN (TS 31.102 4.2.26, 4.4.2.3), EF_ECC (4.2.21), EF_SMSP (4.2.27).

use base::{DecodeError, Reader};

use super::{
    bcd_octets, text,
    value::{Content, Value},
};

/// Digits of a dialling number (TS 24.008 10.5.4.7): A to E stand for `*`, `#`, DTMF separator, wild value, expansion.
const DIGITS: &str = "0123456789*#pwe";

fn digits(octets: &[u8]) -> String {
    let nibbles = octets.iter().flat_map(|o| [o & 0x0f, o >> 4]);
    nibbles
        .map_while(|n| DIGITS.chars().nth(usize::from(n)))
        .collect()
}

/// `None` if a character is no digit of [`DIGITS`].
fn nibbles(number: &str) -> Option<Vec<u8>> {
    let nibble = |c| {
        DIGITS
            .chars()
            .position(|d| d == c)
            .and_then(|p| u8::try_from(p).ok())
    };
    number.chars().map(nibble).collect()
}

/// Length, type of number and 10 octets of digits: the middle of a record, or an address in EF_SMSP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Dialling {
    /// Octets that follow and count, 1 to 11; FF where nothing is written. Of a TP address: its digits.
    pub length: u8,
    /// Type of number and numbering plan: 91 international, 81 unknown.
    pub kind: u8,
    /// Digits, low nibble first, FF padding.
    pub digits: [u8; 10],
}

impl Dialling {
    /// Nothing written.
    pub const EMPTY: Self = Self {
        length: 0xff,
        kind: 0xff,
        digits: [0xff; 10],
    };

    /// A number, with `+` before an international one.
    ///
    /// # Errors
    /// [`DecodeError`] for more than 20 digits or another character.
    pub fn new(number: &str) -> Result<Self, DecodeError> {
        let rule = DecodeError::Invalid {
            what: "dialling number",
            at: 0,
            rule: "at most 20 of 0-9 * # p w e, + before",
        };
        let (kind, plain) = match number.strip_prefix('+') {
            Some(plain) => (0x91, plain),
            None => (0x81, number),
        };
        let octets = bcd_octets(nibbles(plain).ok_or(rule)?);
        let mut digits = [0xff; 10];
        if octets.len() > digits.len() || octets.is_empty() {
            return Err(rule);
        }
        for (to, from) in digits.iter_mut().zip(&octets) {
            *to = *from;
        }
        Ok(Self {
            length: u8::try_from(octets.len() + 1).map_err(|_| rule)?,
            kind,
            digits,
        })
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            length: r.u8("length of the number")?,
            kind: r.u8("type of number")?,
            digits: r.array("dialling number")?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend([self.length, self.kind]);
        out.extend(self.digits);
    }

    fn value(&self) -> Value {
        let text = digits(&self.digits);
        match (self.length, self.kind) {
            (0 | 0xff, _) => Value::Empty,
            (_, kind) if kind & 0x70 == 0x10 => Value::Text(format!("+{text}")),
            _ => Value::Text(text),
        }
    }
}

/// EF_MSISDN, EF_ADN, EF_FDN, EF_SDN: one record, X + 14 octets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Number {
    /// Alpha identifier as it stands there, X octets.
    pub alpha: Vec<u8>,
    /// The number.
    pub number: Dialling,
    /// Record of the capability parameters, FF for none.
    pub capability: u8,
    /// Record of the extension, FF for none.
    pub extension: u8,
}

impl Content for Number {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let alpha = r
            .take(octets.len().saturating_sub(14), "alpha identifier")?
            .to_vec();
        Ok(Self {
            alpha,
            number: Dialling::read(&mut r)?,
            capability: r.u8("capability record")?,
            extension: r.u8("extension record")?,
        })
    }

    fn octets(&self) -> Vec<u8> {
        let mut out = self.alpha.clone();
        self.number.write(&mut out);
        out.extend([self.capability, self.extension]);
        out
    }

    fn value(&self) -> Value {
        let name = text::alpha(&self.alpha);
        if self.number == Dialling::EMPTY && name.is_empty() {
            return Value::Empty;
        }
        Value::Fields(vec![("name", Value::text(name)), ("number", self.number.value())])
    }
}

/// EF_ECC: one record, X + 4 octets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EmergencyCall {
    /// Up to six digits, FF padding.
    pub code: [u8; 3],
    /// Alpha identifier as it stands there.
    pub alpha: Vec<u8>,
    /// Emergency service category (TS 24.008 10.5.4.33): bits 1 police, 2 ambulance, 3 fire brigade, 4 marine guard,
    /// 5 mountain rescue, 6 eCall by hand, 7 eCall by itself.
    pub category: u8,
}

impl EmergencyCall {
    /// A code of up to six digits, a name in `room` octets, a category.
    ///
    /// # Errors
    /// [`DecodeError`] for another code.
    pub fn new(code: &str, name: &str, room: usize, category: u8) -> Result<Self, DecodeError> {
        let rule = DecodeError::Invalid {
            what: "emergency call code",
            at: 0,
            rule: "1 to 6 digits",
        };
        let mut octets = bcd_octets(nibbles(code).filter(|n| !n.is_empty()).ok_or(rule)?);
        if octets.len() > 3 {
            return Err(rule);
        }
        octets.resize(3, 0xff);
        let mut alpha = text::alpha_octets(name);
        alpha.resize(room, 0xff);
        Ok(Self {
            code: octets.try_into().map_err(|_| rule)?,
            alpha,
            category,
        })
    }
}

impl Content for EmergencyCall {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        Ok(Self {
            code: r.array("emergency call code")?,
            alpha: r
                .take(octets.len().saturating_sub(4), "alpha identifier")?
                .to_vec(),
            category: r.u8("emergency service category")?,
        })
    }

    fn octets(&self) -> Vec<u8> {
        [&self.code[..], &self.alpha, &[self.category]].concat()
    }

    fn value(&self) -> Value {
        const SERVICES: [&str; 7] = [
            "police",
            "ambulance",
            "fire brigade",
            "marine guard",
            "mountain rescue",
            "eCall by hand",
            "eCall by itself",
        ];
        if self.code == [0xff; 3] {
            return Value::Empty;
        }
        let set = SERVICES
            .iter()
            .enumerate()
            .filter(|(bit, _)| self.category >> bit & 1 != 0);
        Value::Fields(vec![
            ("code", Value::Text(digits(&self.code))),
            ("name", Value::text(text::alpha(&self.alpha))),
            (
                "services",
                Value::List(set.map(|(_, s)| Value::word(s)).collect()),
            ),
        ])
    }
}

/// EF_SMSP: one record, Y + 28 octets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SmsParameters {
    /// Alpha identifier as it stands there.
    pub alpha: Vec<u8>,
    /// A bit that is 0 says that a value is there: 1 destination, 2 service centre, 3 protocol, 4 coding, 5 validity.
    pub absent: u8,
    /// TP destination address.
    pub destination: Dialling,
    /// Address of the service centre.
    pub centre: Dialling,
    /// TP protocol identifier.
    pub protocol: u8,
    /// TP data coding scheme.
    pub coding: u8,
    /// TP validity period.
    pub validity: u8,
}

impl SmsParameters {
    /// Only the service centre (nothing, where that is [`Dialling::EMPTY`]), with a name field of `room` octets.
    #[must_use]
    pub fn centre(centre: Dialling, room: usize) -> Self {
        Self {
            alpha: vec![0xff; room],
            absent: if centre == Dialling::EMPTY { 0xff } else { 0xfd },
            destination: Dialling::EMPTY,
            centre,
            protocol: 0xff,
            coding: 0xff,
            validity: 0xff,
        }
    }
}

impl Content for SmsParameters {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        Ok(Self {
            alpha: r
                .take(octets.len().saturating_sub(28), "alpha identifier")?
                .to_vec(),
            absent: r.u8("parameter indicators")?,
            destination: Dialling::read(&mut r)?,
            centre: Dialling::read(&mut r)?,
            protocol: r.u8("TP-PID")?,
            coding: r.u8("TP-DCS")?,
            validity: r.u8("TP-VP")?,
        })
    }

    fn octets(&self) -> Vec<u8> {
        let mut out = self.alpha.clone();
        out.push(self.absent);
        self.destination.write(&mut out);
        self.centre.write(&mut out);
        out.extend([self.protocol, self.coding, self.validity]);
        out
    }

    fn value(&self) -> Value {
        let there = |bit: u8, value: Value| {
            if self.absent >> (bit - 1) & 1 == 0 {
                value
            } else {
                Value::Empty
            }
        };
        Value::Fields(vec![
            ("name", Value::text(text::alpha(&self.alpha))),
            ("destination", there(1, self.destination.value())),
            ("service centre", there(2, self.centre.value())),
            ("protocol", there(3, Value::Octets(vec![self.protocol]))),
            ("coding", there(4, Value::Octets(vec![self.coding]))),
            ("validity", there(5, Value::Octets(vec![self.validity]))),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_round_trip(number in "\\+?[0-9*#pwe]{1,20}", name in "[a-z ]{0,10}") {
            let dialling = Dialling::new(&number).unwrap();
            prop_assert_eq!(dialling.value(), Value::Text(number));
            let mut alpha = text::alpha_octets(&name);
            alpha.resize(12, 0xff);
            let record = Number { alpha, number: dialling, capability: 0xff, extension: 0xff };
            prop_assert_eq!(record.octets().len(), 26);
            prop_assert_eq!(Number::parse(&record.octets()).unwrap(), record);
            let parameters = SmsParameters::centre(dialling, 12);
            prop_assert_eq!(SmsParameters::parse(&parameters.octets()).unwrap(), parameters);
        }

        #[test]
        fn what_is_read_is_written_back(octets in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(c) = Number::parse(&octets) { prop_assert_eq!(c.octets(), octets.clone()); let _ = c.value(); }
            if let Ok(c) = SmsParameters::parse(&octets) { prop_assert_eq!(c.octets(), octets.clone()); let _ = c.value(); }
            if let Ok(c) = EmergencyCall::parse(&octets) { prop_assert_eq!(c.octets(), octets); let _ = c.value(); }
        }
    }

    //= TS31.102-4.2.26-r1
    #[test]
    fn a_number_is_bcd_behind_its_length_and_type() {
        let number = Number {
            alpha: Vec::new(),
            number: Dialling::new("+4912345").unwrap(),
            capability: 0xff,
            extension: 0xff,
        };
        assert_eq!(base::hex::encode(number.octets()), "0591942143f5ffffffffffffffff");
        assert!(Dialling::new("12345678901234567890x").is_err() && Dialling::new("").is_err());
        let twenty = Dialling::new("12345678901234567890").unwrap();
        assert_eq!(twenty.length, 11);
        assert!(Number::parse(&[0xff; 13]).is_err());
    }

    //= TS31.102-4.2.21-r1
    #[test]
    fn an_emergency_code_names_the_services_it_reaches() {
        let record = EmergencyCall::new("112", "SOS", 4, 0x07).unwrap();
        assert_eq!(base::hex::encode(record.octets()), "11f2ff534f53ff07");
        let lines = record.value().lines();
        assert_eq!(lines[2].1, "police, ambulance, fire brigade");
        assert!(EmergencyCall::new("1234567", "", 0, 0).is_err());
    }
}
