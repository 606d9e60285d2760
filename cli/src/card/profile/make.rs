//! The card that a profile describes.

use std::path::Path;

use aka::{AlgorithmSet, Sqn};
use gba::ids::{Imsi, MncLength};
use lab::card_state::{CardState, path_in};
use uicc::{
    Pin,
    ef::{
        Content as _, Iccid,
        number::{Dialling, Number},
    },
    software::{
        self, Batch, FileError, SoftCard, USIM_AID,
        journal::CardId,
        profile::{Content, FilePath, FileSpec, KeySpec},
        store::Change,
    },
    terminal::Mnc,
};

use super::{Profile, draft::SqnDraft, files::FileDraft, read::late};
use crate::sim::SimArgs;

/// The IMSI of who names none: the test network's.
const IMSI: &str = "001010123456789";

/// EF_MSISDN (TS 31.102 4.2.26).
const MSISDN: u16 = 0x6f40;

/// What stands above the profile.
#[derive(Default)]
pub(crate) struct Over {
    pub(crate) imsi: Option<Imsi>,
    pub(crate) mnc_length: Option<MncLength>,
    pub(crate) algorithm: Option<AlgorithmSet>,
    pub(crate) sqn: Option<Sqn>,
    /// PIN 1; `Some(None)`: off.
    pub(crate) pin: Option<Option<Pin>>,
}

/// A card, and who it is.
pub(crate) struct Made {
    pub(crate) card: SoftCard,
    pub(crate) id: CardId,
    pub(crate) imsi: Imsi,
    pub(crate) iccid: Iccid,
    pub(crate) algorithm: &'static str,
    pub(crate) files: usize,
    /// Nobody gave keys.
    pub(crate) random_keys: bool,
}

impl Profile {
    /// The IMSI of its first card.
    pub(crate) fn imsi(&self) -> Result<Imsi, String> {
        match &self.draft.imsi {
            Some(imsi) => Ok(imsi.clone()),
            None => IMSI.parse().map_err(|e: gba::ids::IdError| e.to_string()),
        }
    }

    /// True if it has keys of its own; else each card has random ones.
    pub(crate) const fn has_keys(&self) -> bool {
        self.draft.keys.is_some()
    }

    /// A card for each of these, all with the same files as far as they don't differ by who the card is.
    ///
    /// The error says which file doesn't fit, and where it stands.
    pub(crate) fn cards(&self, over: &[Over]) -> Result<Vec<Made>, String> {
        let mut batch = None;
        let mut cards = Vec::with_capacity(over.len());
        for over in over {
            let (profile, random_keys) = self.profile(over)?;
            let batch = match &mut batch {
                Some(batch) => batch,
                none => none.insert(Batch::new(&profile).map_err(|e| self.unfit(&e))?),
            };
            cards.push(Made {
                id: CardId::of(&profile),
                imsi: profile.imsi.clone(),
                iccid: profile.iccid.clone(),
                algorithm: profile.algorithm.name(),
                files: batch.paths().len(),
                random_keys,
                card: batch
                    .card(profile)
                    .map_err(|e| self.unfit(&e))?
                    .with_entropy(Box::new(net::entropy::OsEntropy)),
            });
        }
        Ok(cards)
    }

    /// One card.
    ///
    /// As [`Self::cards`].
    pub(crate) fn card(&self, over: Over) -> Result<Made, String> {
        self.cards(&[over])?
            .pop()
            .ok_or_else(|| "no card was made".into())
    }

    pub(super) fn profile(&self, over: &Over) -> Result<(software::Profile, bool), String> {
        let draft = &self.draft;
        let imsi = match &over.imsi {
            Some(imsi) => imsi.clone(),
            None => self.imsi()?,
        };
        // What the profile says about its own IMSI needn't hold for another.
        let own = over.imsi.is_none();
        let said = draft.mnc_length.filter(|_| own);
        let mnc = Mnc::choose(&imsi, over.mnc_length.or(said.flatten()), None).length;
        let random_keys = over.algorithm.is_none() && draft.keys.is_none();
        let algorithm = match (&over.algorithm, &draft.keys) {
            (Some(given), _) => given.duplicate(),
            (None, Some(keys)) => keys.set()?,
            (None, None) => SimArgs::default().algorithm(&mut net::entropy::OsEntropy)?,
        };
        let mut profile = software::Profile::new(imsi, mnc, algorithm);
        if over.mnc_length.is_none() && said == Some(None) {
            profile.mnc_length = None;
        }
        if let (true, Some(iccid)) = (own, &draft.iccid) {
            profile.iccid = iccid.clone();
        }
        if let Some(name) = &draft.name {
            profile.name.clone_from(name);
        }
        profile.guard_auts = draft.guard_auts.unwrap_or(false);
        if draft.ara_m.unwrap_or(!draft.access_rules.is_empty()) {
            profile.access_rules = Some(draft.access_rules.clone());
        }
        profile.toolkit.clone_from(&draft.toolkit);
        if let Some(m2m) = &draft.m2m {
            profile.m2m_framework = m2m.framework.then(|| m2m.subscription.clone());
            profile.m2m_module = m2m.module.then(|| m2m.subscription.clone());
        }
        profile.gsm = draft.gsm.unwrap_or(false);
        profile.t0 = draft.t0.unwrap_or(true);
        profile.gba_u = draft.gba_u.unwrap_or_default().made();
        if draft.isim.unwrap_or(false) {
            profile = profile.with_isim();
        }
        profile.sqn = self.sqn(over.sqn).array()?;
        profile.keys = draft.pins.iter().map(KeySpec::duplicate).collect();
        match &over.pin {
            None => {}
            Some(None) => profile
                .keys
                .iter_mut()
                .filter(|k| k.reference == 1)
                .for_each(|k| k.enabled = false),
            Some(Some(pin)) => {
                let first = profile.keys.iter_mut().find(|k| k.reference == 1);
                match first {
                    Some(key) => (key.value, key.enabled) = (pin.duplicate(), true),
                    None => profile.keys.push(KeySpec::new(1, pin.duplicate())),
                }
            }
        }
        let there = SoftCard::files_of(&profile);
        if let (Some(number), true) = (&draft.msisdn, own) {
            profile.files.push(msisdn(&there, number)?);
        }
        for file in &draft.files {
            let below = there
                .iter()
                .find(|spec| spec.path == file.path)
                .map(FileDraft::of);
            let whole = below.map_or_else(|| file.clone(), |below| file.clone().over(below));
            let spec = whole.spec().map_err(|what| self.late(&file.path, what))?;
            profile.files.push(spec);
        }
        Ok((profile, random_keys))
    }

    fn sqn(&self, highest: Option<Sqn>) -> SqnDraft {
        let own = self.draft.sqn.clone().unwrap_or_default();
        let Some(highest) = highest else { return own };
        let profile = own.profile;
        let each = (0..1_u64 << profile.ind_bits)
            .filter_map(|ind| Sqn::from_parts(profile.seq(highest), ind, profile.ind_bits));
        SqnDraft {
            profile,
            accepted: each.collect(),
        }
    }

    fn unfit(&self, e: &FileError) -> String {
        // The place says which; a key may stand where the path should.
        let what = e.to_string();
        let what = what.strip_prefix(&format!("{}: ", e.path())).unwrap_or(&what);
        self.late(e.path(), what.into())
    }

    fn late(&self, path: &FilePath, what: String) -> String {
        format!("{}, {}", self.name, late(&self.text, &self.places, path, what))
    }
}

/// EF_MSISDN with the number in its first record.
fn msisdn(there: &[FileSpec], number: &str) -> Result<FileSpec, String> {
    let file = there
        .iter()
        .find(|spec| spec.path == FilePath::in_adf(&USIM_AID, &[MSISDN]));
    let mut file = file.ok_or("msisdn: the card has no EF_MSISDN")?.clone();
    if let Content::LinearFixed {
        record_length,
        records,
    } = &mut file.content
        && let Some(first) = records.first_mut()
    {
        let number = Number {
            alpha: vec![0xff; usize::from(*record_length).saturating_sub(14)],
            number: Dialling::new(&format!("+{number}")).map_err(|e| format!("msisdn: {e}"))?,
            capability: 0xff,
            extension: 0xff,
        };
        *first = number.octets();
    }
    Ok(file)
}

/// What a card's state has changed. It must be there, and no card may be using it.
pub(crate) fn state(id: &CardId, directory: &Path) -> Result<Vec<Change>, String> {
    let path = path_in(directory, id);
    if !path.exists() {
        return Err(format!(
            "{} isn't there: no card of this profile was served from this directory",
            path.display()
        ));
    }
    let (_, changes) = CardState::open(directory, id).map_err(|e| e.to_string())?;
    Ok(changes)
}

/// The card as its state in that directory has it; from now on it is kept there.
pub(crate) fn with_state(made: Made, directory: &Path) -> Result<Made, String> {
    let (store, changes) = CardState::open(directory, &made.id).map_err(|e| e.to_string())?;
    let mut card = made.card;
    card.apply(&changes).map_err(|e| {
        format!(
            "{}: {e}: give the profile back what it had, or take another directory",
            path_in(directory, &made.id).display()
        )
    })?;
    Ok(Made {
        card: card.with_store(Box::new(store)),
        ..made
    })
}
