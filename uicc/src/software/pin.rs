//! VERIFY, CHANGE, DISABLE, ENABLE and UNBLOCK PIN (TS 102 221 11.1.9 to 11.1.13). A try is counted, and kept, before
//! the comparison, so that a power cut in between can't win one.

use base::{Secret, apdu::Command};

use crate::{Sw, pin::Pin};

use super::{
    Answer, SoftCard,
    keys::{Key, UNIVERSAL_PIN},
};

/// One code of the data field.
fn code(octets: &[u8]) -> Result<Pin, Sw> {
    Secret::from_slice(octets)
        .map(Pin::from_octets)
        .ok_or(Sw::WRONG_LENGTH)
}

/// A new value: a PIN has 4 to 8 digits, then FF (TS 102 221 9.5.1); an administrative code is any octets.
fn new_code(reference: u8, octets: &[u8]) -> Result<Pin, Sw> {
    let digits = octets.iter().take_while(|o| o.is_ascii_digit()).count();
    let rest = octets.get(digits..).unwrap_or_default();
    let is_pin = digits >= 4 && rest.iter().all(|o| *o == 0xff);
    if is_pin || is_adm(reference) || octets.len() != 8 {
        code(octets)
    } else {
        Err(Sw::DATA)
    }
}

const fn is_adm(reference: u8) -> bool {
    matches!(reference & 0x7f, 0x0a..=0x0e)
}

fn only(c: &Command, length: usize) -> Result<(), Sw> {
    if c.data().len() == length && c.le.is_none() {
        Ok(())
    } else {
        Err(Sw::WRONG_LENGTH)
    }
}

impl SoftCard {
    fn application_aid(&self) -> Option<Vec<u8>> {
        let adf = self.channel.application?;
        self.state.files.aid(adf).map(<[u8]>::to_vec)
    }

    fn key(&self, reference: u8) -> Result<&Key, Sw> {
        let aid = self.channel.application.and_then(|a| self.state.files.aid(a));
        self.state.keys.get(reference, aid)
    }

    fn edit_key(&mut self, reference: u8) -> Result<&mut Key, Sw> {
        let aid = self.application_aid();
        self.state.keys.edit(reference, aid.as_deref())
    }

    /// Compares a code with the key's value; only what happens in here may.
    fn try_key(&mut self, reference: u8, octets: &[u8]) -> Result<&mut Key, Sw> {
        let offered = code(octets)?;
        self.edit_key(reference)?.spend()?;
        self.commit()?;
        let key = self.edit_key(reference)?;
        if key.spec.value.ct_eq(&offered) {
            key.succeed();
            Ok(key)
        } else {
            Err(Sw::tries(key.spec.tries))
        }
    }

    /// VERIFY: without data it asks for the tries left.
    pub(super) fn verify(&mut self, c: &Command) -> Answer {
        if c.p1 != 0 {
            return Err(Sw::P1_P2);
        }
        let key = self.key(c.p2)?;
        if !key.spec.enabled {
            return Err(Sw::DISABLED);
        }
        if c.data().is_empty() {
            return Err(Sw::tries(key.spec.tries));
        }
        only(c, 8)?;
        self.try_key(c.p2, c.data())?;
        Ok(Vec::new())
    }

    /// CHANGE PIN: old value, new value.
    pub(super) fn change_pin(&mut self, c: &Command) -> Answer {
        if c.p1 != 0 {
            return Err(Sw::P1_P2);
        }
        if !self.key(c.p2)?.spec.enabled {
            return Err(Sw::DISABLED);
        }
        only(c, 16)?;
        let (old, new) = c.data().split_at_checked(8).ok_or(Sw::WRONG_LENGTH)?;
        let new = new_code(c.p2, new)?;
        self.try_key(c.p2, old)?.spec.value = new;
        Ok(Vec::new())
    }

    /// DISABLE PIN. P1 = 91: the universal PIN is asked for in its place.
    pub(super) fn disable_pin(&mut self, c: &Command) -> Answer {
        let replaced = match c.p1 {
            0x00 => false,
            // Bit 8, and the reference of the key in its place.
            0x91 if c.p2 != UNIVERSAL_PIN => self.key(UNIVERSAL_PIN).map(|_| true)?,
            _ => return Err(Sw::P1_P2),
        };
        if is_adm(c.p2) {
            return Err(Sw::REFERENCE);
        }
        if !self.key(c.p2)?.spec.enabled {
            return Err(Sw::DISABLED);
        }
        only(c, 8)?;
        let key = self.try_key(c.p2, c.data())?;
        key.spec.enabled = false;
        key.spec.replaced = replaced;
        key.verified = false;
        Ok(Vec::new())
    }

    /// ENABLE PIN.
    pub(super) fn enable_pin(&mut self, c: &Command) -> Answer {
        if c.p1 != 0 {
            return Err(Sw::P1_P2);
        }
        if self.key(c.p2)?.spec.enabled {
            return Err(Sw::CONDITIONS);
        }
        only(c, 8)?;
        let key = self.try_key(c.p2, c.data())?;
        key.spec.enabled = true;
        key.spec.replaced = false;
        Ok(Vec::new())
    }

    /// UNBLOCK PIN: unblock PIN, new value; without data it asks for the tries left.
    pub(super) fn unblock_pin(&mut self, c: &Command) -> Answer {
        if c.p1 != 0 {
            return Err(Sw::P1_P2);
        }
        let unblock = self.key(c.p2)?.spec.unblock.as_ref().ok_or(Sw::REFERENCE)?;
        if c.data().is_empty() {
            return Err(Sw::tries(unblock.tries));
        }
        only(c, 16)?;
        let (puk, new) = c.data().split_at_checked(8).ok_or(Sw::WRONG_LENGTH)?;
        let (offered, new) = (code(puk)?, new_code(c.p2, new)?);
        let unblock = self.edit_key(c.p2)?.spec.unblock.as_mut().ok_or(Sw::REFERENCE)?;
        unblock.tries = unblock.tries.checked_sub(1).ok_or(Sw::BLOCKED)?;
        self.commit()?;
        let key = self.edit_key(c.p2)?;
        let unblock = key.spec.unblock.as_mut().ok_or(Sw::REFERENCE)?;
        if !unblock.value.ct_eq(&offered) {
            return Err(Sw::tries(unblock.tries));
        }
        unblock.tries = unblock.max_tries;
        key.spec.value = new;
        key.spec.enabled = true;
        key.spec.replaced = false;
        key.succeed();
        Ok(Vec::new())
    }
}
