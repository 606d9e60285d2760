//! Who may do what (TS 102 221 9): access rules as EF_ARR writes them, and the PINs behind them.
//!
//! One [`Access`] value both decides and writes its record of EF_ARR, so that the two can't disagree.

use base::tlv;

use crate::{Sw, pin::Pin};

/// Key reference of PIN 1 of the application (TS 102 221 table 9.3).
pub(super) const PIN1: u8 = 0x01;
/// Key reference of ADM 1.
pub(super) const ADM1: u8 = 0x0a;
/// Tries of a PIN.
const TRIES: u8 = 3;
/// Tries of an administrative code.
const ADM_TRIES: u8 = 10;

/// Rules of one file. The order is that of the records of EF_ARR, from 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Access {
    /// Directories: nothing is created or deleted here.
    Directory,
    /// Read by everybody, updated by ADM.
    Public,
    /// Read with the PIN, updated by ADM.
    Protected,
    /// Read and updated with the PIN: EF_GBABP.
    Shared,
}

/// What must have been verified.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Condition {
    Always,
    Key(u8),
    Never,
}

impl Access {
    pub(super) const ALL: [Self; 4] = [Self::Directory, Self::Public, Self::Protected, Self::Shared];

    /// Its record in EF_ARR.
    pub(super) const fn record(self) -> u8 {
        match self {
            Self::Directory => 1,
            Self::Public => 2,
            Self::Protected => 3,
            Self::Shared => 4,
        }
    }

    pub(super) const fn read(self) -> Condition {
        match self {
            Self::Directory => Condition::Never,
            Self::Public => Condition::Always,
            Self::Protected | Self::Shared => Condition::Key(PIN1),
        }
    }

    pub(super) const fn update(self) -> Condition {
        match self {
            Self::Directory => Condition::Never,
            Self::Public | Self::Protected => Condition::Key(ADM1),
            Self::Shared => Condition::Key(PIN1),
        }
    }

    /// The rule in expanded format (TS 102 221 9.2.4): access mode (80), then its condition.
    pub(super) fn rule(self) -> Vec<u8> {
        const READ: u8 = 0x01;
        const UPDATE: u8 = 0x02;
        const ALL_OF_A_DIRECTORY: u8 = 0x7f;
        let mut out = Vec::new();
        if self == Self::Directory {
            tlv::write(&mut out, 0x80, &[ALL_OF_A_DIRECTORY]);
            Condition::Never.write(&mut out);
            return out;
        }
        for (mode, condition) in [(READ, self.read()), (UPDATE, self.update())] {
            tlv::write(&mut out, 0x80, &[mode]);
            condition.write(&mut out);
        }
        out
    }
}

impl Condition {
    fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Always => tlv::write(out, 0x90, &[]),
            Self::Never => tlv::write(out, 0x97, &[]),
            Self::Key(reference) => {
                let mut inner = tlv::object(0x83, &[reference]);
                // Usage qualifier: user authentication, knowledge based.
                tlv::write(&mut inner, 0x95, &[0x08]);
                tlv::write(out, 0xa4, &inner);
            }
        }
    }
}

/// One PIN or administrative code, with its counter.
pub(super) struct Key {
    pub(super) reference: u8,
    value: Pin,
    tries: u8,
    max: u8,
    pub(super) enabled: bool,
    verified: bool,
}

/// All PINs and codes of the card.
#[derive(Default)]
pub(super) struct Keys(Vec<Key>);

impl Keys {
    /// PIN 1 (switched off if there is none) and ADM 1 (absent if there is none).
    pub(super) fn new(pin: Option<Pin>, adm: Option<Pin>) -> Self {
        let mut keys = Vec::new();
        let enabled = pin.is_some();
        keys.push(Key {
            reference: PIN1,
            value: pin.unwrap_or(Pin::from_octets(base::Secret::new([0xff; 8]))),
            tries: TRIES,
            max: TRIES,
            enabled,
            verified: false,
        });
        if let Some(value) = adm {
            keys.push(Key {
                reference: ADM1,
                value,
                tries: ADM_TRIES,
                max: ADM_TRIES,
                enabled: true,
                verified: false,
            });
        }
        Self(keys)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Key> {
        self.0.iter()
    }

    /// Nothing is verified after a reset; the counters stay.
    pub(super) fn reset(&mut self) {
        for key in &mut self.0 {
            key.verified = false;
        }
    }

    /// Refuses (6982) what isn't allowed now.
    pub(super) fn require(&self, condition: Condition) -> Result<(), Sw> {
        let met = match condition {
            Condition::Always => true,
            Condition::Never => false,
            Condition::Key(reference) => self
                .0
                .iter()
                .find(|k| k.reference == reference)
                .is_some_and(|k| !k.enabled || k.verified),
        };
        if met { Ok(()) } else { Err(Sw::SECURITY) }
    }

    /// VERIFY: an empty `data` asks for the tries left (TS 102 221 11.1.9). The try is counted before the comparison,
    /// so that a power cut in between can't win one.
    pub(super) fn verify(&mut self, reference: u8, data: &[u8]) -> Result<(), Sw> {
        let key = self
            .0
            .iter_mut()
            .find(|k| k.reference == reference)
            .ok_or(Sw::REFERENCE)?;
        if !key.enabled {
            return Err(Sw::DISABLED);
        }
        if data.is_empty() {
            return Err(Sw::tries(key.tries));
        }
        let octets = base::Secret::<8>::from_slice(data).ok_or(Sw::WRONG_LENGTH)?;
        key.tries = key.tries.checked_sub(1).ok_or(Sw::BLOCKED)?;
        key.verified = key.value.ct_eq(&Pin::from_octets(octets));
        if key.verified {
            key.tries = key.max;
            Ok(())
        } else {
            Err(Sw::tries(key.tries))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= TS102221-9.2-r1
    #[test]
    fn rules_stand_in_the_record_that_they_name() {
        for (i, access) in Access::ALL.iter().enumerate() {
            assert_eq!(usize::from(access.record()), i + 1);
        }
        assert_eq!(
            base::hex::encode(Access::Shared.rule()),
            "800101a406830101950108800102a406830101950108"
        );
        assert_eq!(
            base::hex::encode(Access::Public.rule()),
            "8001019000800102a40683010a950108"
        );
    }

    //= TS102221-11.1.9-r1
    #[test]
    fn a_pin_is_counted_down_and_blocks() {
        let pin = || Pin::from_digits("1234").unwrap();
        let mut keys = Keys::new(Some(pin()), None);
        let wrong = Pin::from_digits("1235").unwrap();
        assert_eq!(keys.verify(PIN1, &[]), Err(Sw::tries(3)));
        assert_eq!(keys.verify(PIN1, &[1, 2, 3, 4]), Err(Sw::WRONG_LENGTH));
        assert_eq!(keys.verify(PIN1, wrong.expose()), Err(Sw::tries(2)));
        assert_eq!(keys.require(Condition::Key(PIN1)), Err(Sw::SECURITY));
        assert_eq!(keys.verify(PIN1, pin().expose()), Ok(()));
        assert_eq!(keys.require(Condition::Key(PIN1)), Ok(()));
        assert_eq!(keys.verify(PIN1, wrong.expose()), Err(Sw::tries(2)));
        assert_eq!(
            keys.require(Condition::Key(PIN1)),
            Err(Sw::SECURITY),
            "a wrong PIN takes the right away"
        );
        let _ = keys.verify(PIN1, wrong.expose());
        assert_eq!(keys.verify(PIN1, wrong.expose()), Err(Sw::tries(0)));
        assert_eq!(keys.verify(PIN1, pin().expose()), Err(Sw::BLOCKED));
        assert_eq!(keys.verify(ADM1, pin().expose()), Err(Sw::REFERENCE));
        assert_eq!(
            Keys::new(None, None).verify(PIN1, pin().expose()),
            Err(Sw::DISABLED)
        );
    }
}
