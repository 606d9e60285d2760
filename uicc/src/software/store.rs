//! What outlasts a power cut, and how it is kept: a command's [`Change`]s are committed together before its answer
//! leaves; VERIFY and its like commit the lowered counter before they compare.
//!
//! A change holds the whole new state of one [`Item`], so that applying one twice, or only the last one of each item,
//! gives the same card. This crate has no files: the owner of a card brings a [`Store`].

use base::Secret;
use thiserror::Error;

use super::profile::{FilePath, FileSpec, GbaRun, KeySpec};

/// Keeps the changes of one card.
pub trait Store {
    /// Keeps all of these changes or none. When it returns `Ok`, a power cut must not lose them.
    ///
    /// # Errors
    /// [`StoreError`] if they aren't kept: the card then stays as it was and answers 6581 (memory problem).
    fn commit(&mut self, changes: &[Change]) -> Result<(), StoreError>;
}

/// Why changes weren't kept.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("the card's state isn't kept: {reason}")]
pub struct StoreError {
    /// What the file system said, never content of a file.
    pub reason: String,
}

/// An application with keys of its own for AUTHENTICATE.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Application {
    /// TS 31.102.
    Usim,
    /// TS 31.103.
    Isim,
}

/// What a change is about: the last change of an item says all about it.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Item {
    /// A file.
    File(FilePath),
    /// A PIN or administrative code by its reference, and the application of a local one.
    Key(u8, Option<Vec<u8>>),
    /// Sequence numbers.
    Sqn(Application),
    /// Ks and NAF keys.
    Gba(Application),
    /// The card itself.
    Card,
}

/// The new state of one item. Holds secrets: no `Debug`.
#[non_exhaustive]
pub enum Change {
    /// A file as it now is, changed or created. Files in a changed directory stay.
    File(FileSpec),
    /// A file that is gone. A directory's files come with changes of their own.
    Deleted(FilePath),
    /// Value, counters and state of a PIN or code; nothing about whether it is verified, which a reset ends.
    Key(KeySpec),
    /// Highest accepted SEQ of each IND (TS 33.102 C.2).
    Sqn(Application, Vec<u64>),
    /// Ks and NAF keys.
    Gba(Application, GbaState),
    /// TERMINATE CARD USAGE.
    CardTerminated,
}

impl Change {
    /// What it is about.
    #[must_use]
    pub fn item(&self) -> Item {
        match self {
            Self::File(file) => Item::File(file.path.clone()),
            Self::Deleted(path) => Item::File(path.clone()),
            Self::Key(key) => Item::Key(key.reference, key.application.clone()),
            Self::Sqn(application, _) => Item::Sqn(*application),
            Self::Gba(application, _) => Item::Gba(*application),
            Self::CardTerminated => Item::Card,
        }
    }
}

/// GBA_U of one application: what a card keeps (TS 33.220 5.3, annex G.2).
#[derive(Default)]
pub struct GbaState {
    /// Ks and RAND of the last run.
    pub run: Option<GbaRun>,
    /// Ks_int_NAF by record of EF_GBANL, record 1 first.
    pub slots: Vec<Option<NafSlot>>,
    /// Count of derivations.
    pub clock: u64,
}

impl GbaState {
    /// A second copy, for a second owner.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        let run = self.run.as_ref().map(|r| GbaRun {
            ks: r.ks.duplicate(),
            rand: r.rand,
        });
        let slot = |s: &NafSlot| NafSlot {
            naf_id: s.naf_id.clone(),
            ks_int: s.ks_int.duplicate(),
            used: s.used,
        };
        Self {
            run,
            slots: self.slots.iter().map(|s| s.as_ref().map(slot)).collect(),
            clock: self.clock,
        }
    }
}

/// What a card keeps about one NAF.
pub struct NafSlot {
    /// NAF_Id: FQDN and Ua security protocol identifier.
    pub naf_id: Vec<u8>,
    /// The key that stays in the card.
    pub ks_int: Secret<32>,
    /// Count of derivations when it was used last: the lowest is overwritten first.
    pub used: u64,
}
