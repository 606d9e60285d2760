//! [`Batch`]: many cards of one profile share its files; each has only its own.

use super::{
    FileError, FileSystem, Profile, SoftCard,
    profile::{FilePath, FileSpec},
    store::Change,
};

/// The files that cards of one profile have in common.
pub struct Batch {
    specs: Vec<FileSpec>,
    files: FileSystem,
}

impl Batch {
    /// Of the first card's profile.
    ///
    /// # Errors
    /// [`FileError`] with the first file that doesn't fit.
    pub fn new(profile: &Profile) -> Result<Self, FileError> {
        let specs = all(profile);
        let files = FileSystem::new(&specs)?;
        Ok(Self { specs, files })
    }

    /// One more card. Files that differ from those of the first, such as EF_IMSI, are its own.
    ///
    /// # Errors
    /// [`FileError`] with the first file whose directory the first card doesn't have.
    pub fn card(&self, profile: Profile) -> Result<SoftCard, FileError> {
        let own = all(&profile);
        let mut changes: Vec<_> = self
            .specs
            .iter()
            .filter(|spec| !own.iter().any(|o| o.path == spec.path))
            .map(|spec| Change::Deleted(spec.path.clone()))
            .collect();
        let differing = own.into_iter().filter(|spec| !self.specs.contains(spec));
        changes.extend(differing.map(Change::File));
        let mut card = SoftCard::with_files(profile, self.files.clone());
        card.apply(&changes)?;
        Ok(card)
    }

    /// Where files are, directories before what they hold.
    pub fn paths(&self) -> impl ExactSizeIterator<Item = &FilePath> {
        self.specs.iter().map(|spec| &spec.path)
    }
}

/// All files of a profile, one at a path: the last that is named.
fn all(profile: &Profile) -> Vec<FileSpec> {
    let mut all = SoftCard::files_of(profile);
    for spec in &profile.files {
        match all.iter_mut().find(|s| s.path == spec.path) {
            Some(place) => *place = spec.clone(),
            None => all.push(spec.clone()),
        }
    }
    all
}
