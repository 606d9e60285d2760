//! EF_ARR (TS 102 221 9.2.7, 13.4): one record a rule set in expanded format, told to a person as `read: PIN 1`.

use base::{DecodeError, Reader, tlv};

use super::value::{Content, Value};

/// Who may do something.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Condition {
    /// Everybody.
    Always,
    /// Nobody.
    Never,
    /// Who has verified this key reference (TS 102 221 table 9.3).
    Key(u8),
    /// One of these is enough.
    Any(Vec<Condition>),
    /// All of these.
    All(Vec<Condition>),
    /// Another security condition object: tag and value.
    Other(u32, Vec<u8>),
}

/// What may be done, as an access mode object says it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Mode {
    /// Tag 80: bits of TS 102 221 tables 9.5 (EF) and 9.6 (directory).
    Bits(u8),
    /// Tag 84: instruction codes.
    Instructions(Vec<u8>),
    /// Another access mode object: tag and value.
    Other(u32, Vec<u8>),
}

/// Access modes and the conditions that must all hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// What.
    pub modes: Vec<Mode>,
    /// Who.
    pub conditions: Vec<Condition>,
}

impl Rule {
    /// Bits of one mode octet for who fulfils one condition.
    #[must_use]
    pub fn new(bits: u8, condition: Condition) -> Self {
        Self {
            modes: vec![Mode::Bits(bits)],
            conditions: vec![condition],
        }
    }
}

/// One record.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Rules(pub Vec<Rule>);

/// READ.
pub const READ: u8 = 0x01;
/// UPDATE.
pub const UPDATE: u8 = 0x02;

/// Names of mode bits of an EF, lowest first; of a directory where they differ.
const BITS: [(&str, &str); 7] = [
    ("read", "delete child"),
    ("update", "create EF"),
    ("write", "create DF"),
    ("deactivate", "deactivate"),
    ("activate", "activate"),
    ("terminate", "terminate"),
    ("delete", "delete"),
];

/// Name of a key reference (TS 102 221 table 9.3).
#[must_use]
pub fn key_name(reference: u8) -> String {
    match reference {
        0x01..=0x08 => format!("PIN {reference}"),
        0x0a..=0x0e => format!("ADM {}", reference - 9),
        0x11 => "universal PIN".to_owned(),
        0x81..=0x88 => format!("PIN 2 of application {}", reference & 0x0f),
        0x8a..=0x8e => format!("ADM {}", reference - 0x84),
        other => format!("key {other:02X}"),
    }
}

impl Condition {
    fn read(object: tlv::Tlv<'_>, depth: u8) -> Result<Self, DecodeError> {
        let inner = || -> Result<Vec<Self>, DecodeError> {
            let all = tlv::read_all(object.value)?;
            all.into_iter().map(|o| Self::read(o, depth + 1)).collect()
        };
        let other = || Self::Other(object.tag, object.value.to_vec());
        Ok(match object.tag {
            0x90 if object.value.is_empty() => Self::Always,
            0x97 if object.value.is_empty() => Self::Never,
            0xa4 => match object.value {
                [0x83, 1, key, 0x95, 1, 0x08] => Self::Key(*key),
                _ => other(),
            },
            0xa0 if depth < 4 => Self::Any(inner()?),
            0xaf if depth < 4 => Self::All(inner()?),
            _ => other(),
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let several = |list: &[Self]| {
            let mut inner = Vec::new();
            list.iter().for_each(|c| c.write(&mut inner));
            inner
        };
        match self {
            Self::Always => tlv::write(out, 0x90, &[]),
            Self::Never => tlv::write(out, 0x97, &[]),
            // The usage qualifier says: by knowledge of the key.
            Self::Key(key) => tlv::write(out, 0xa4, &[0x83, 1, *key, 0x95, 1, 0x08]),
            Self::Any(list) => tlv::write(out, 0xa0, &several(list)),
            Self::All(list) => tlv::write(out, 0xaf, &several(list)),
            Self::Other(tag, value) => tlv::write(out, *tag, value),
        }
    }

    fn text(&self) -> String {
        let joined = |list: &[Self], word: &str| {
            let parts: Vec<_> = list.iter().map(Self::text).collect();
            parts.join(word)
        };
        match self {
            Self::Always => "always".to_owned(),
            Self::Never => "never".to_owned(),
            Self::Key(key) => key_name(*key),
            Self::Any(list) => joined(list, " or "),
            Self::All(list) => joined(list, " and "),
            Self::Other(tag, value) => format!("{tag:02X} {}", base::hex::encode(value)),
        }
    }
}

impl Mode {
    fn text(&self) -> String {
        match self {
            Self::Bits(bits) => {
                let set = BITS.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 != 0);
                let words: Vec<_> = set
                    .map(|(_, (ef, df))| {
                        if ef == df {
                            (*ef).to_owned()
                        } else {
                            format!("{ef} ({df})")
                        }
                    })
                    .collect();
                words.join(", ")
            }
            Self::Instructions(list) => list
                .iter()
                .map(|ins| match ins {
                    0x32 => "increase".to_owned(),
                    0xd4 => "resize".to_owned(),
                    other => format!("INS {other:02X}"),
                })
                .collect::<Vec<_>>()
                .join(", "),
            Self::Other(tag, value) => format!("{tag:02X} {}", base::hex::encode(value)),
        }
    }
}

impl Content for Rules {
    fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let mut rules: Vec<Rule> = Vec::new();
        while !{ r }.rest().iter().all(|o| *o == 0xff) {
            let start = r;
            let object = tlv::read(&mut r)?;
            if matches!(object.tag, 0x80..=0x8f | 0x9c) {
                let mode = match (object.tag, object.value) {
                    (0x80, [bits]) if bits & 0x80 == 0 => Mode::Bits(*bits),
                    (0x84, list) => Mode::Instructions(list.to_vec()),
                    (tag, value) => Mode::Other(tag, value.to_vec()),
                };
                match rules.last_mut().filter(|rule| rule.conditions.is_empty()) {
                    Some(rule) => rule.modes.push(mode),
                    None => rules.push(Rule {
                        modes: vec![mode],
                        conditions: Vec::new(),
                    }),
                }
            } else {
                let rule = rules
                    .last_mut()
                    .ok_or(start.invalid("EF_ARR record", "an access mode (80 to 8F) first"))?;
                rule.conditions.push(Condition::read(object, 0)?);
            }
        }
        Ok(Self(rules))
    }

    fn octets(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for rule in &self.0 {
            for mode in &rule.modes {
                match mode {
                    Mode::Bits(bits) => tlv::write(&mut out, 0x80, &[*bits]),
                    Mode::Instructions(list) => tlv::write(&mut out, 0x84, list),
                    Mode::Other(tag, value) => tlv::write(&mut out, *tag, value),
                }
            }
            rule.conditions.iter().for_each(|c| c.write(&mut out));
        }
        out
    }

    fn value(&self) -> Value {
        let one = |rule: &Rule| {
            let modes: Vec<_> = rule.modes.iter().map(Mode::text).collect();
            let conditions: Vec<_> = rule.conditions.iter().map(Condition::text).collect();
            Value::Text(format!("{}: {}", modes.join(", "), conditions.join(" and ")))
        };
        Value::List(self.0.iter().map(one).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn condition() -> impl Strategy<Value = Condition> {
        let leaf = prop_oneof![
            Just(Condition::Always),
            Just(Condition::Never),
            any::<u8>().prop_map(Condition::Key),
            proptest::collection::vec(any::<u8>(), 0..4).prop_map(|v| Condition::Other(0xb4, v)),
        ];
        leaf.prop_recursive(3, 8, 3, |inner| {
            let list = proptest::collection::vec(inner, 1..3);
            prop_oneof![
                list.clone().prop_map(Condition::Any),
                list.prop_map(Condition::All)
            ]
        })
    }

    proptest! {
        #[test]
        fn round_trips(
            rules in proptest::collection::vec((0u8..0x80, proptest::collection::vec(condition(), 1..3)), 0..4),
            padding in 0usize..5,
        ) {
            let rules = rules.into_iter().map(|(bits, conditions)| Rule { modes: vec![Mode::Bits(bits)], conditions });
            let rules = Rules(rules.collect());
            let mut octets = rules.octets();
            octets.resize(octets.len() + padding, 0xff);
            prop_assert_eq!(Rules::parse(&octets).unwrap(), rules);
        }

        #[test]
        fn no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(rules) = Rules::parse(&octets) {
                let _ = rules.value().lines();
            }
        }
    }

    //= TS102221-9.2-r3
    #[test]
    fn a_rule_is_told_in_words() {
        let record = |hex: &str| Rules::parse(&base::hex::decode(hex).unwrap()).unwrap();
        let record_of_pin = record("800101a406830101950108800102a40683010a9501088401329700ff");
        assert_eq!(
            record_of_pin.value().to_string(),
            "read (delete child): PIN 1, update (create EF): ADM 1, increase: never"
        );
        let either = record("80010aa010a406830101950108a406830111950108");
        assert_eq!(
            either.value().to_string(),
            "update (create EF), deactivate: PIN 1 or universal PIN"
        );
        assert!(Rules::parse(&[0x90, 0]).is_err(), "no mode before it");
    }
}
