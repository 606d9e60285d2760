//! PINs and administrative codes (TS 102 221 9.5): values, counters, and what has been verified.

use base::Secret;

use crate::{Sw, fcp::PinStatus, pin::Pin};

use super::{
    durable::{Duplicate, Tracked},
    profile::{KeySpec, Profile},
    store::Change,
};

/// Key reference of the universal PIN.
pub(super) const UNIVERSAL_PIN: u8 = 0x11;

/// A key, and whether it has been verified since the reset.
pub(super) struct Key {
    pub(super) spec: KeySpec,
    pub(super) verified: bool,
}

impl Duplicate for Key {
    fn duplicate(&self) -> Self {
        Self {
            spec: self.spec.duplicate(),
            verified: self.verified,
        }
    }
}

impl Key {
    /// Counts a try down.
    pub(super) fn spend(&mut self) -> Result<(), Sw> {
        self.spec.tries = self.spec.tries.checked_sub(1).ok_or(Sw::BLOCKED)?;
        self.verified = false;
        Ok(())
    }

    /// After a right one.
    pub(super) const fn succeed(&mut self) {
        self.spec.tries = self.spec.max_tries;
        self.verified = true;
    }
}

/// All keys of a card, in the order in which FCPs list them.
pub(super) struct Keys(Vec<Tracked<Key>>);

impl Keys {
    /// Those of a profile. A PIN 1 that is off is one that nothing asks for.
    pub(super) fn new(profile: &mut Profile) -> Self {
        use super::arr::{ADM1, PIN1};
        let mut specs = core::mem::take(&mut profile.keys);
        let mut prepend = |at: usize, reference, value: Option<KeySpec>| {
            if let Some(spec) = value
                && !specs.iter().any(|s| s.reference == reference)
            {
                specs.insert(at.min(specs.len()), spec);
            }
        };
        let pin1 = match profile.pin.take() {
            Some(value) => KeySpec::new(PIN1, value),
            None => KeySpec::new(PIN1, Pin::from_octets(Secret::new([0xff; 8]))).disabled(),
        };
        prepend(0, PIN1, Some(pin1));
        let adm = profile.adm.take().map(|value| KeySpec::new(ADM1, value));
        prepend(1, ADM1, adm);
        let keys = specs.into_iter().map(|spec| {
            Tracked::new(Key {
                spec,
                verified: false,
            })
        });
        Self(keys.collect())
    }

    /// Nothing is verified after a reset; the counters stay.
    pub(super) fn reset(&mut self) {
        self.unverify(|_| true);
    }

    /// Local keys of an application whose last session has ended.
    pub(super) fn leave(&mut self, application: &[u8]) {
        self.unverify(|k| k.spec.application.as_deref() == Some(application));
    }

    fn unverify(&mut self, which: impl Fn(&Key) -> bool) {
        for key in self.0.iter_mut().filter(|k| k.get().verified && which(k.get())) {
            key.edit().verified = false;
        }
    }

    fn position(&self, reference: u8, application: Option<&[u8]>) -> Option<usize> {
        self.0.iter().position(|k| {
            let spec = &k.get().spec;
            spec.reference == reference
                && (spec.application.is_none() || spec.application.as_deref() == application)
        })
    }

    /// A key that can be named here.
    pub(super) fn get(&self, reference: u8, application: Option<&[u8]>) -> Result<&Key, Sw> {
        let at = self.position(reference, application).ok_or(Sw::REFERENCE)?;
        self.0.get(at).map(Tracked::get).ok_or(Sw::REFERENCE)
    }

    /// The same, to be changed.
    pub(super) fn edit(&mut self, reference: u8, application: Option<&[u8]>) -> Result<&mut Key, Sw> {
        let at = self.position(reference, application).ok_or(Sw::REFERENCE)?;
        self.0.get_mut(at).map(Tracked::edit).ok_or(Sw::REFERENCE)
    }

    /// Whether a rule that asks for this key is met: verified; or off, and then in its place the universal PIN where it
    /// was switched off in favour of that.
    pub(super) fn is_met(&self, reference: u8, application: Option<&[u8]>) -> bool {
        let Ok(key) = self.get(reference, application) else {
            return false;
        };
        if key.spec.enabled {
            key.verified
        } else {
            !key.spec.replaced
                || self
                    .get(UNIVERSAL_PIN, application)
                    .is_ok_and(|u| u.verified || !u.spec.enabled)
        }
    }

    /// Refuses (6982) where that key is asked for and not verified.
    pub(super) fn require(&self, reference: u8, application: Option<&[u8]>) -> Result<(), Sw> {
        if self.is_met(reference, application) {
            Ok(())
        } else {
            Err(Sw::SECURITY)
        }
    }

    fn of<'a>(&'a self, application: Option<&'a [u8]>) -> impl Iterator<Item = &'a KeySpec> {
        self.0
            .iter()
            .map(|k| &k.get().spec)
            .filter(move |s| s.application.is_none() || s.application.as_deref() == application)
    }

    /// The application's PIN: its first key of references 01 to 08.
    pub(super) fn pin_of(&self, application: Option<&[u8]>) -> u8 {
        let pin = self
            .of(application)
            .find(|s| (0x01..=0x08).contains(&s.reference));
        pin.map_or(super::arr::PIN1, |s| s.reference)
    }

    /// What the PIN status template of a directory lists. The universal PIN's usage qualifier says whether it stands in
    /// for a PIN that is off.
    pub(super) fn status(&self, application: Option<&[u8]>) -> Vec<PinStatus> {
        let replaces = self.of(application).any(|s| !s.enabled && s.replaced);
        self.of(application)
            .map(|s| PinStatus {
                reference: s.reference,
                enabled: s.enabled,
                usage: (s.reference == UNIVERSAL_PIN).then_some(if replaces { 0x08 } else { 0x00 }),
            })
            .collect()
    }

    // ---- keeping -------------------------------------------------------------------------------------------------

    /// A key as it was recorded.
    pub(super) fn put(&mut self, spec: &KeySpec) {
        let key = Key {
            spec: spec.duplicate(),
            verified: false,
        };
        let at = self.0.iter().position(|k| {
            let s = &k.get().spec;
            s.reference == spec.reference && s.application == spec.application
        });
        match at.and_then(|at| self.0.get_mut(at)) {
            Some(place) => *place = Tracked::new(key),
            None => self.0.push(Tracked::new(key)),
        }
    }

    pub(super) fn changes(&self) -> impl Iterator<Item = Change> {
        let changed = self
            .0
            .iter()
            .filter(|k| k.before().is_some_and(|b| !same(&b.spec, &k.get().spec)));
        changed.map(|k| Change::Key(k.get().spec.duplicate()))
    }

    pub(super) fn snapshot(&self) -> impl Iterator<Item = Change> {
        self.0.iter().map(|k| Change::Key(k.get().spec.duplicate()))
    }

    pub(super) fn keep(&mut self) {
        self.0.iter_mut().for_each(Tracked::keep);
    }

    pub(super) fn roll_back(&mut self) {
        self.0.iter_mut().for_each(Tracked::roll_back);
    }
}

/// Whether nothing changed that a power cut must not lose.
fn same(a: &KeySpec, b: &KeySpec) -> bool {
    let unblock = |k: &KeySpec| k.unblock.as_ref().map(|u| u.tries);
    (a.tries, a.enabled, a.replaced, unblock(a)) == (b.tries, b.enabled, b.replaced, unblock(b))
        && a.value.ct_eq(&b.value)
}
