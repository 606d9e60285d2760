//! Access rules as a person reads them (TS 102 221 9.2): which PIN or code lets one read, update, and so on.

use core::fmt;

use base::{DecodeError, Reader, tlv};

use super::KeyRef;

/// What may be done to a file, as access rules name it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operation {
    /// READ, SEARCH, RETRIEVE DATA.
    Read,
    /// UPDATE, SET DATA.
    Update,
    /// DEACTIVATE FILE.
    Deactivate,
    /// ACTIVATE FILE.
    Activate,
    /// INCREASE.
    Increase,
    /// In a directory: CREATE FILE of an EF.
    CreateEf,
    /// In a directory: CREATE FILE of a DF.
    CreateDf,
    /// DELETE FILE of the file itself.
    Delete,
}

impl Operation {
    /// Bit of the access mode octet, or the instruction that tag 84 lists.
    const fn mode(self) -> (u8, Option<u8>) {
        match self {
            Self::Read => (0x01, None),
            Self::Update | Self::CreateEf => (0x02, None),
            Self::CreateDf => (0x04, None),
            Self::Deactivate => (0x08, None),
            Self::Activate => (0x10, None),
            Self::Delete => (0x40, None),
            Self::Increase => (0, Some(0x32)),
        }
    }
}

/// What must be verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Need {
    /// Nothing.
    Always,
    /// Nobody may.
    Never,
    /// A PIN or code.
    Key(KeyRef),
    /// One of these.
    Any(Vec<Need>),
    /// All of these.
    All(Vec<Need>),
    /// Secure messaging.
    SecureMessaging,
    /// A condition that isn't one of TS 102 221.
    Other,
}

impl fmt::Display for Need {
    /// `always`, `never`, `PIN 1`, `PIN 1 or ADM 1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, needs: &[Self], word: &str| {
            needs.iter().enumerate().try_for_each(|(i, need)| {
                if i > 0 {
                    f.write_str(word)?;
                }
                need.fmt(f)
            })
        };
        match self {
            Self::Always => f.write_str("always"),
            Self::Never => f.write_str("never"),
            Self::Key(key) => key.fmt(f),
            Self::Any(needs) => joined(f, needs, " or "),
            Self::All(needs) => joined(f, needs, " and "),
            Self::SecureMessaging => f.write_str("secure messaging"),
            Self::Other => f.write_str("another condition"),
        }
    }
}

/// The rules of one file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Rules(Vec<Rule>);

#[derive(Clone, Debug, Eq, PartialEq)]
struct Rule {
    modes: u8,
    instructions: Vec<u8>,
    need: Need,
}

impl Rules {
    /// A record of EF_ARR, or the value of tag AB: expanded format (9.2.4). FF or 00 fill it up.
    ///
    /// # Errors
    /// [`DecodeError`] for what isn't a row of data objects.
    pub fn expanded(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut rules: Vec<Rule> = Vec::new();
        // Conditions of the rule that is being read; all of them must be met.
        let mut conditions: Vec<Need> = Vec::new();
        let mut r = Reader::new(octets);
        let close = |rules: &mut Vec<Rule>, conditions: &mut Vec<Need>| {
            if let (Some(rule), true) = (rules.last_mut(), !conditions.is_empty()) {
                rule.need = one_or(core::mem::take(conditions), Need::All);
            }
        };
        let mut in_modes = false;
        while !matches!(first(r), None | Some(0xff | 0x00)) {
            let object = tlv::read(&mut r)?;
            if matches!(object.tag, 0x80..=0x8f | 0x9c) {
                if !in_modes {
                    close(&mut rules, &mut conditions);
                    rules.push(Rule {
                        modes: 0,
                        instructions: Vec::new(),
                        need: Need::Never,
                    });
                    in_modes = true;
                }
                if let Some(rule) = rules.last_mut() {
                    match (object.tag, object.value) {
                        // Bit 8 makes the others proprietary.
                        (0x80, [modes]) if modes & 0x80 == 0 => rule.modes |= modes,
                        (0x84, instructions) => rule.instructions.extend_from_slice(instructions),
                        _ => {}
                    }
                }
            } else {
                in_modes = false;
                conditions.push(condition(object.tag, object.value));
            }
        }
        close(&mut rules, &mut conditions);
        Ok(Self(rules))
    }

    /// The value of tag 8C: compact format (9.2.5): a mode octet, then a condition for each of its bits, the highest
    /// first.
    #[must_use]
    pub fn compact(octets: &[u8]) -> Self {
        let Some((modes, mut conditions)) = octets.split_first() else {
            return Self::default();
        };
        let mut rules = Vec::new();
        for bit in (0..7).rev().map(|n| 1_u8 << n).filter(|bit| modes & bit != 0) {
            let Some((sc, rest)) = conditions.split_first() else {
                break;
            };
            conditions = rest;
            let need = match sc {
                0x00 => Need::Always,
                0xff => Need::Never,
                sc if sc & 0x10 != 0 => Need::Key(KeyRef::PIN1),
                sc if sc & 0x40 != 0 => Need::SecureMessaging,
                _ => Need::Other,
            };
            rules.push(Rule {
                modes: bit,
                instructions: Vec::new(),
                need,
            });
        }
        Self(rules)
    }

    /// What an operation needs: rules for the same mode are alternatives, and what no rule names is for nobody.
    #[must_use]
    pub fn need(&self, operation: Operation) -> Need {
        let (bit, instruction) = operation.mode();
        let named =
            |r: &&Rule| r.modes & bit != 0 || instruction.is_some_and(|ins| r.instructions.contains(&ins));
        let mut needs: Vec<Need> = self.0.iter().filter(named).map(|r| r.need.clone()).collect();
        if needs.contains(&Need::Always) {
            return Need::Always;
        }
        needs.retain(|n| *n != Need::Never);
        needs.dedup();
        one_or(needs, Need::Any)
    }
}

/// One need as it is, several as alternatives or all together, none as never.
fn one_or(mut needs: Vec<Need>, several: fn(Vec<Need>) -> Need) -> Need {
    match (needs.len(), needs.pop()) {
        (_, None) => Need::Never,
        (1, Some(one)) => one,
        (_, Some(last)) => {
            needs.push(last);
            several(needs)
        }
    }
}

/// One security condition object (TS 102 221 table 9.7).
fn condition(tag: u32, value: &[u8]) -> Need {
    let each = || tlv::read_all(value).unwrap_or_default();
    let inner = || {
        each()
            .iter()
            .map(|o| condition(o.tag, o.value))
            .collect::<Vec<_>>()
    };
    match tag {
        0x90 => Need::Always,
        0x97 => Need::Never,
        0xa4 => {
            let keys = each()
                .iter()
                .filter_map(|o| match (o.tag, o.value) {
                    (0x83, [key]) => Some(Need::Key(KeyRef(*key))),
                    _ => None,
                })
                .collect();
            one_or(keys, Need::Any)
        }
        0xa0 => one_or(inner(), Need::Any),
        0xaf => one_or(inner(), Need::All),
        0xb4 | 0xb6 | 0xb8 => Need::SecureMessaging,
        _ => Need::Other,
    }
}

/// The tag's first octet, without going on.
fn first(mut r: Reader<'_>) -> Option<u8> {
    r.u8("tag").ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::hex;
    use proptest::prelude::*;

    fn needs(record: &str) -> [String; 4] {
        let rules = Rules::expanded(&hex::decode(&record.replace(' ', "")).unwrap()).unwrap();
        [
            Operation::Read,
            Operation::Update,
            Operation::Activate,
            Operation::Increase,
        ]
        .map(|o| rules.need(o).to_string())
    }

    //= TS102221-9.2-r2
    #[test]
    fn expanded_rules_are_told_in_the_words_of_a_person() {
        assert_eq!(
            needs("800101 a406830101950108 800102 a40683010a950108 840132 a406830101950108 ffff"),
            ["PIN 1", "ADM 1", "never", "PIN 1"]
        );
        // A real EF_ARR: two modes before one condition, alternatives, never.
        assert_eq!(
            needs("800103 a010a406830101950108a40683010a950108 800118 9700"),
            ["PIN 1 or ADM 1", "PIN 1 or ADM 1", "never", "never"]
        );
        assert_eq!(needs("8001019000 80011a a40683010a950108")[0], "always");
        assert_eq!(
            needs("800102 af10a406830101950108a40683010b950108")[1],
            "PIN 1 and ADM 2"
        );
        assert_eq!(needs("")[0], "never");
        assert!(Rules::expanded(&[0x80, 0x05, 0x01]).is_err());
    }

    //= TS102221-9.2-r2
    #[test]
    fn compact_rules_have_a_condition_for_each_bit() {
        let rules = Rules::compact(&[0x03, 0x10, 0x00]);
        assert_eq!(rules.need(Operation::Read), Need::Always);
        assert_eq!(rules.need(Operation::Update), Need::Key(KeyRef::PIN1));
        assert_eq!(rules.need(Operation::Activate), Need::Never);
        assert_eq!(Rules::compact(&[0x01]).need(Operation::Read), Need::Never);
    }

    proptest! {
        #[test]
        fn never_panics(octets in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Rules::expanded(&octets).map(|r| r.need(Operation::Read).to_string());
            let _ = Rules::compact(&octets).need(Operation::Update);
        }
    }
}
