//! Who may do what (TS 102 221 9): access rules are read from the records of EF_ARR or from the file's own FCP, so that
//! what a terminal reads there is what holds. A rule that isn't there or can't be read allows nothing.

use base::{Reader, tlv};

use crate::{Sw, fcp::Security};

use super::{
    SoftCard,
    files::{Body, NodeId},
    ins,
};

/// What a command does to a file, as access rules name it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operation {
    /// READ, SEARCH, RETRIEVE DATA.
    Read,
    /// UPDATE, SET DATA.
    Update,
    Increase,
    Resize,
    Deactivate,
    Activate,
    Terminate,
    /// The file itself.
    Delete,
    /// In a directory.
    DeleteChild,
    CreateEf,
    CreateDf,
}

impl Operation {
    /// Bit of the access mode octet (TS 102 221 tables 9.5 and 9.6), or the instruction where there is none.
    const fn mode(self) -> Mode {
        match self {
            Self::Read | Self::DeleteChild => Mode::Bit(0x01),
            Self::Update | Self::CreateEf => Mode::Bit(0x02),
            Self::CreateDf => Mode::Bit(0x04),
            Self::Deactivate => Mode::Bit(0x08),
            Self::Activate => Mode::Bit(0x10),
            Self::Terminate => Mode::Bit(0x20),
            Self::Delete => Mode::Bit(0x40),
            Self::Increase => Mode::Instruction(ins::INCREASE),
            Self::Resize => Mode::Instruction(ins::RESIZE_FILE),
        }
    }
}

#[derive(Clone, Copy)]
enum Mode {
    Bit(u8),
    Instruction(u8),
}

impl Mode {
    /// Whether an access mode object (tags 80 to 8F) names it. 84 lists instructions.
    fn is_named(self, tag: u32, value: &[u8]) -> bool {
        match self {
            // Bit 8 makes the others proprietary.
            Self::Bit(bit) => {
                matches!((tag, value), (0x80, [modes]) if modes & 0x80 == 0 && modes & bit != 0)
            }
            Self::Instruction(ins) => tag == 0x84 && value.contains(&ins),
        }
    }
}

/// The rules in expanded format (TS 102 221 9.2.4): access modes, then the conditions that all must hold, and so on.
/// Rules for the same mode are alternatives.
fn expanded(rules: &[u8], mode: Mode, verified: &dyn Fn(u8) -> bool) -> bool {
    let mut r = Reader::new(rules);
    let (mut named, mut conditions, mut met) = (false, false, true);
    // What fills the record up ends the rules.
    while !matches!(first(r), None | Some(0xff | 0x00)) {
        let Ok(object) = tlv::read(&mut r) else {
            return false;
        };
        if matches!(object.tag, 0x80..=0x8f | 0x9c) {
            if conditions {
                if named && met {
                    return true;
                }
                (named, conditions, met) = (false, false, true);
            }
            named |= mode.is_named(object.tag, object.value);
        } else {
            conditions = true;
            met &= condition(object.tag, object.value, verified);
        }
    }
    named && conditions && met
}

fn first(mut r: Reader<'_>) -> Option<u8> {
    r.u8("tag").ok()
}

/// One security condition object (TS 102 221 table 9.7).
fn condition(tag: u32, value: &[u8], verified: &dyn Fn(u8) -> bool) -> bool {
    let each = || tlv::read_all(value).unwrap_or_default().into_iter();
    match tag {
        0x90 => true,
        0x9e => value == [0x00],
        // User authentication by knowledge of a key (usage qualifier 08).
        0xa4 => {
            let usage = each().find(|o| o.tag == 0x95);
            usage.is_none_or(|u| matches!(u.value, [u] if u & 0x08 != 0))
                && each().any(|o| matches!((o.tag, o.value), (0x83, [key]) if verified(*key)))
        }
        0xa0 => each().any(|o| condition(o.tag, o.value, verified)),
        0xaf => {
            let mut all = each().peekable();
            all.peek().is_some() && all.all(|o| condition(o.tag, o.value, verified))
        }
        // 97: never. B4, B6, B8: secure messaging, which this card doesn't have.
        _ => false,
    }
}

/// The rules in compact format (TS 102 221 9.2.5): an access mode octet, then a condition octet for each of its bits,
/// the highest first. 00 is always; user authentication asks for `pin`; the others can't be met.
fn compact(rules: &[u8], mode: Mode, pin: &dyn Fn() -> bool) -> bool {
    let (Some((modes, conditions)), Mode::Bit(bit)) = (rules.split_first(), mode) else {
        return false;
    };
    if modes & 0x80 != 0 || modes & bit == 0 {
        return false;
    }
    let above = usize::try_from((modes & !(bit | (bit - 1))).count_ones()).unwrap_or(usize::MAX);
    match conditions.get(above) {
        Some(0x00) => true,
        Some(0xff) | None => false,
        Some(sc) => sc & 0x70 == 0x10 && pin(),
    }
}

impl SoftCard {
    /// Refuses (6982) what the file's rules don't allow now.
    pub(super) fn require(&self, file: NodeId, operation: Operation) -> Result<(), Sw> {
        if self.allows(file, operation) {
            Ok(())
        } else {
            Err(Sw::SECURITY)
        }
    }

    fn allows(&self, file: NodeId, operation: Operation) -> bool {
        let files = &self.state.files;
        let Some(node) = files.get(file) else {
            return false;
        };
        let application = files.adf_of(file).and_then(|adf| files.aid(adf));
        let verified = |reference| self.state.keys.is_met(reference, application);
        let mode = operation.mode();
        match &node.security {
            Security::Referenced { arr, record } => {
                // An ADF's own rules are in its parent, as those of an EF are in its directory.
                let from = match node.body {
                    Body::Directory(_) => file,
                    _ => node.parent,
                };
                files
                    .rules(from, *arr, *record)
                    .is_some_and(|rules| expanded(rules, mode, &verified))
            }
            // By security environment: 01 is the one in which the PIN is used, 00 the one in which it isn't.
            Security::Other { tag: 0x8b, value } => {
                let Some((arr, records)) = value.split_first_chunk::<2>() else {
                    return false;
                };
                let record = records.as_chunks::<2>().0.iter().find(|[se, _]| *se == 0x01);
                record
                    .and_then(|[_, record]| files.rules(node.parent, u16::from_be_bytes(*arr), *record))
                    .is_some_and(|rules| expanded(rules, mode, &verified))
            }
            Security::Other { tag: 0x8c, value } => {
                compact(value, mode, &|| verified(self.state.keys.pin_of(application)))
            }
            Security::Other { tag: 0xab, value } => expanded(value, mode, &verified),
            Security::Other { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::hex;
    use proptest::prelude::*;

    fn holds(rules: &str, operation: Operation, keys: &[u8]) -> bool {
        let rules = hex::decode(&rules.replace(' ', "")).unwrap();
        expanded(&rules, operation.mode(), &|k| keys.contains(&k))
    }

    //= TS102221-9.2-r4
    #[test]
    fn expanded_rules_say_who_may_do_what() {
        let pin_and_adm =
            "800101 a406830101950108 800102 a40683010a950108 840132 a406830101950108 8001389700 ffff";
        for (operation, keys, want) in [
            (Operation::Read, &[][..], false),
            (Operation::Read, &[0x01], true),
            (Operation::Read, &[0x0a], false),
            (Operation::Update, &[0x0a], true),
            (Operation::Increase, &[0x01], true),
            (Operation::Resize, &[0x01, 0x0a], false),
            (Operation::Deactivate, &[0x01, 0x0a], false),
            (Operation::Delete, &[0x01, 0x0a], false),
        ] {
            assert_eq!(
                holds(pin_and_adm, operation, keys),
                want,
                "{operation:?} {keys:?}"
            );
        }
        // Either, both, one after the other, alternatives, several keys in one template.
        let either = "800101 a010 a406830101950108 a40683010a950108";
        assert!(holds(either, Operation::Read, &[0x0a]) && !holds(either, Operation::Read, &[0x81]));
        let both = "800101 af10 a406830101950108 a406830181950108";
        assert!(holds(both, Operation::Read, &[0x01, 0x81]) && !holds(both, Operation::Read, &[0x01]));
        let listed = "800101 a406830101950108 a406830181950108";
        assert!(holds(listed, Operation::Read, &[0x01, 0x81]) && !holds(listed, Operation::Read, &[0x81]));
        let again = "800101 a406830101950108 800101 a406830181950108";
        assert!(holds(again, Operation::Read, &[0x01]) && holds(again, Operation::Read, &[0x81]));
        assert!(holds("800103 9000", Operation::Update, &[]));
        assert!(holds("800101 800102 9e0100", Operation::Read, &[]));
    }

    #[test]
    fn what_is_no_rule_allows_nothing() {
        for rules in [
            "",
            "ff",
            "800101",      // no condition
            "9000",        // no mode
            "800181 9000", // proprietary bits
            "800101 9e01ff",
            "800101 af00",
            "800101 a000",
            "800101 b400",
            "800101 a403830101 a4",    // cut off
            "800101 a406830101950180", // not by knowledge
        ] {
            assert!(!holds(rules, Operation::Read, &[0x01, 0x0a]), "{rules}");
        }
    }

    #[test]
    fn compact_rules_have_a_condition_for_each_bit() {
        let allows = |operation: Operation, pin| {
            compact(&[0x5b, 0xff, 0xff, 0xff, 0x10, 0x00], operation.mode(), &|| pin)
        };
        assert!(allows(Operation::Read, false));
        assert!(allows(Operation::Update, true) && !allows(Operation::Update, false));
        assert!(!allows(Operation::Delete, true) && !allows(Operation::Terminate, true));
        assert!(!allows(Operation::Increase, true));
        assert!(!compact(&[0x03, 0x00], Operation::Read.mode(), &|| true));
        assert!(!compact(&[], Operation::Read.mode(), &|| true));
    }

    proptest! {
        #[test]
        fn any_octets_are_read_as_rules(rules in proptest::collection::vec(any::<u8>(), 0..256)) {
            for operation in [Operation::Read, Operation::Update, Operation::Increase, Operation::Delete] {
                let _ = expanded(&rules, operation.mode(), &|_| true);
                let _ = compact(&rules, operation.mode(), &|| true);
            }
        }
    }
}
