//! GBA_U in the card (TS 33.220 5.2.1, 5.3.2, 5.3.3, annex G.2): Ks, RAND and the NAF keys. Neither Ks nor a
//! Ks_int_NAF ever leaves this module.

use aka::Rand;
use base::Secret;
use gba::keys::{Ks, Label, naf_key_octets};

use super::{
    durable::Duplicate,
    profile::{GbaRun, GbaU, MacForm, ResForm},
    store::{GbaState, NafSlot},
};

/// The card's GBA context.
pub(super) struct GbaContext {
    pub(super) mac: MacForm,
    pub(super) res: ResForm,
    pub(super) wait_for_btid: bool,
    kept: GbaState,
}

impl Duplicate for GbaContext {
    fn duplicate(&self) -> Self {
        Self {
            kept: self.kept.duplicate(),
            ..*self
        }
    }
}

/// Both keys of one NAF. Only `ext` is for the terminal.
pub(super) struct NafKeys {
    pub(super) ext: Secret<32>,
    int: Secret<32>,
}

impl GbaContext {
    pub(super) fn new(profile: GbaU) -> Self {
        let slots = usize::from(profile.naf_records.clamp(1, 254));
        Self {
            mac: profile.mac,
            res: profile.res,
            wait_for_btid: profile.wait_for_btid,
            kept: GbaState {
                run: profile.run,
                slots: core::iter::repeat_with(|| None).take(slots).collect(),
                clock: 0,
            },
        }
    }

    /// What has to be kept.
    pub(super) fn state(&self) -> GbaState {
        self.kept.duplicate()
    }

    /// What was kept. A card with fewer records keeps as many keys.
    pub(super) fn put(&mut self, state: &GbaState) {
        let slots = self.kept.slots.len();
        self.kept = state.duplicate();
        self.kept.slots.resize_with(slots, || None);
    }

    /// A new run replaces the one before; the NAF keys of that one stay in their slots.
    pub(super) fn start(&mut self, rand: Rand, ck: &Secret<16>, ik: &Secret<16>) {
        self.kept.run = Some(GbaRun {
            ks: Ks::from_ck_ik(ck, ik),
            rand,
        });
    }

    /// RAND of the run, if there is a Ks.
    pub(super) fn rand(&self) -> Option<Rand> {
        self.kept.run.as_ref().map(|r| r.rand)
    }

    /// Ks_ext_NAF and Ks_int_NAF. NAF_Id and IMPI are octets here: the card takes them as the terminal writes them.
    pub(super) fn derive(&self, naf_id: &[u8], impi: &[u8]) -> Option<NafKeys> {
        let run = self.kept.run.as_ref()?;
        let key = |label| naf_key_octets(run.ks.expose(), label, run.rand.octets(), impi, naf_id).ok();
        Some(NafKeys {
            ext: key(Label::GbaMe)?,
            int: key(Label::GbaU)?,
        })
    }

    /// Where the key of a NAF is.
    pub(super) fn slot_of(&self, naf_id: &[u8]) -> Option<usize> {
        let its = |s: &Option<NafSlot>| s.as_ref().is_some_and(|s| s.naf_id == naf_id);
        self.kept.slots.iter().position(its)
    }

    /// The key in a slot, for the client in the card; it is the most recent one now.
    pub(super) fn use_key(&mut self, slot: usize) -> Option<Secret<32>> {
        self.kept.clock += 1;
        let slot = self.kept.slots.get_mut(slot)?.as_mut()?;
        slot.used = self.kept.clock;
        Some(slot.ks_int.duplicate())
    }

    /// Where the key of a NAF goes (annex G.2): over its own older one, into an empty slot, or over the least recent.
    pub(super) fn slot_for(&self, naf_id: &[u8]) -> Option<usize> {
        self.slot_of(naf_id).or_else(|| {
            let least_recent = |(_, s): &(usize, &Option<NafSlot>)| s.as_ref().map_or(0, |s| s.used);
            self.kept
                .slots
                .iter()
                .enumerate()
                .min_by_key(least_recent)
                .map(|(i, _)| i)
        })
    }

    /// Keeps Ks_int_NAF in its slot.
    pub(super) fn keep(&mut self, slot: usize, naf_id: &[u8], keys: &NafKeys) {
        self.kept.clock += 1;
        if let Some(place) = self.kept.slots.get_mut(slot) {
            *place = Some(NafSlot {
                naf_id: naf_id.to_vec(),
                ks_int: keys.int.duplicate(),
                used: self.kept.clock,
            });
        }
    }

    pub(super) fn holds(&self, naf_id: &[u8], key: &Secret<32>) -> bool {
        self.kept
            .slots
            .iter()
            .flatten()
            .any(|s| s.naf_id == naf_id && s.ks_int.ct_eq(key))
    }
}
