//! [`CardState`]: what a software card keeps over a power cut, in a file of its own that one process has at a time.
//!
//! The file is [`uicc::software::journal`]'s; a commit is added at its end and brought to the medium before the card
//! answers. Where commits have become many the file is written anew beside the old one and put in its place. After one
//! failed step nothing more is kept (what an fsync lost, a second fsync doesn't report), so the card answers 6581.
//!
//! A lost or older file can't be told from a new card: keep the directory as you keep the HSS's sequence numbers.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use base::SecretBytes;
use hss::sqn::{self, Disk, OsDisk};
use thiserror::Error;
use uicc::software::{
    journal::{self, CardId, Content, Damage, Journal, MAX_OCTETS},
    store::{Change, Store, StoreError},
};

#[cfg(test)]
mod tests;

/// A file up to this is not written anew: the state of a card that is used has some hundred octets.
const SMALL: usize = 4096;

/// The file of one card. Holds its lock.
#[derive(Debug)]
pub struct CardState<D = OsDisk> {
    disk: D,
    journal: Journal,
    stopped: bool,
}

/// Why a state wasn't opened. Nothing was written then.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "{} is in use by another process: a card is in one reader at a time. Stop that one, or take another directory",
        path.display()
    )]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// It has two names, and so two locks.
    #[error("{} is one file with another name (a hard link): remove that name", path.display())]
    Linked {
        /// The file.
        path: PathBuf,
    },
    /// It isn't what was written.
    #[error(
        "{} is damaged: {damage}. It is left as it is. Restore it from a copy that is newer than the last use of the \
         card, or give the card up: move the file away, and a new card begins, whose sequence numbers its HSS must be told",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What and where.
        damage: Damage,
    },
    /// The profile has another IMSI, key or algorithm than when the state began.
    #[error(
        "{} belongs to a card with another IMSI, K, OPc or algorithm set and this serial number: give the profile back \
         what it had, or another serial number, or take another directory",
        path.display()
    )]
    OtherCard {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("{}: {step} failed: {source}", path.display())]
    Io {
        /// The step, such as `fsync`.
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// A step that failed, and why.
type Failed = (&'static str, io::Error);

impl CardState<OsDisk> {
    /// Opens the card's file in that directory, or makes both; `<serial number>.card`, readable by its owner only. With it
    /// come the changes to be made to the profile's card, none for a new one.
    ///
    /// # Errors
    /// [`OpenError`]; a damaged file or another card's is refused, never replaced.
    pub fn open(directory: &Path, id: &CardId) -> Result<(Self, Vec<Change>), OpenError> {
        let io = |step| {
            move |source| OpenError::Io {
                step,
                path: directory.into(),
                source,
            }
        };
        make_directory(directory).map_err(io("making the directory"))?;
        let disk = OsDisk::lock(&path_in(directory, id)).map_err(|e| match e {
            sqn::OpenError::Locked { path } => OpenError::Locked { path },
            sqn::OpenError::Linked { path } => OpenError::Linked { path },
            sqn::OpenError::Io { step, path, source } => OpenError::Io { step, path, source },
            other => OpenError::Io {
                step: "locking",
                path: directory.into(),
                source: io::Error::other(other.to_string()),
            },
        })?;
        Self::on(disk, id)
    }
}

/// Where a card's file is in a directory.
#[must_use]
pub fn path_in(directory: &Path, id: &CardId) -> PathBuf {
    directory.join(format!("{}.card", id.iccid))
}

impl<D: Disk> CardState<D> {
    /// Opens what is on `disk`, or begins there.
    ///
    /// # Errors
    /// As [`CardState::open`].
    pub fn on(mut disk: D, id: &CardId) -> Result<(Self, Vec<Change>), OpenError> {
        let path = disk.path().to_owned();
        let io = |(step, source)| OpenError::Io {
            step,
            path: path.clone(),
            source,
        };
        let found = disk.read().map_err(|e| io(("reading", e)))?;
        let Some(octets) = found.map(SecretBytes::new) else {
            let (octets, journal) = Journal::whole(id, []);
            replace(&mut disk, &octets).map_err(io)?;
            return Ok((Self::with(disk, journal), Vec::new()));
        };
        let content = journal::read(octets.expose()).map_err(|damage| OpenError::Damaged {
            path: path.clone(),
            damage,
        })?;
        if content.id != *id {
            return Err(OpenError::OtherCard { path: path.clone() });
        }
        let mut journal = content.journal;
        if content.cut_off > 0 {
            // What comes is added to a file that is whole.
            let (octets, whole) = Journal::whole(id, &content.changes);
            replace(&mut disk, &octets).map_err(io)?;
            journal = whole;
        }
        Ok((Self::with(disk, journal), content.changes))
    }

    const fn with(disk: D, journal: Journal) -> Self {
        Self {
            disk,
            journal,
            stopped: false,
        }
    }

    /// Octets of the file.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.journal.whole + self.journal.commits
    }

    fn keep(&mut self, changes: &[Change]) -> Result<(), Failed> {
        if !self.disk.is_there().map_err(|e| ("looking for it", e))? {
            return Err(("looking for it", io::Error::other("it was removed")));
        }
        let (entry, next) = self.journal.commit(changes);
        // A file that is larger than what is read back would be a card that is lost.
        let most = SMALL.max(2 * next.whole).min(MAX_OCTETS);
        if next.whole + next.commits > most {
            return self.fold(&entry);
        }
        self.disk.append(entry.expose()).map_err(|e| ("writing", e))?;
        self.disk.sync().map_err(|e| ("fsync", e))?;
        self.journal = next;
        Ok(())
    }

    /// Writes the file anew, with that last entry and without commits.
    fn fold(&mut self, entry: &SecretBytes) -> Result<(), Failed> {
        let other = || ("reading", io::Error::other("it isn't what was written"));
        let octets = self.disk.read().map_err(|e| ("reading", e))?.ok_or_else(other)?;
        let octets = SecretBytes::new(octets);
        let mut all = Vec::with_capacity(octets.len() + entry.len());
        all.extend_from_slice(octets.expose());
        all.extend_from_slice(entry.expose());
        let all = SecretBytes::new(all);
        let Ok(Content {
            id,
            changes,
            cut_off: 0,
            ..
        }) = journal::read(all.expose())
        else {
            return Err(other());
        };
        let (octets, journal) = Journal::whole(&id, &changes);
        replace(&mut self.disk, &octets)?;
        self.journal = journal;
        Ok(())
    }
}

impl<D: Disk> Store for CardState<D> {
    fn commit(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let path = self.disk.path().display();
        if self.stopped {
            let reason = format!("an earlier write to {path} failed: look at the disk, then start again");
            return Err(StoreError { reason });
        }
        let path = path.to_string();
        self.keep(changes).map_err(|(step, e)| {
            self.stopped = true;
            tracing::error!(%path, step, error = %e, "a card's state isn't kept: it answers 6581 from now on");
            StoreError {
                reason: format!("{path}: {step} failed: {e}"),
            }
        })
    }
}

/// Second file, fsync, rename, fsync of the directory.
fn replace<D: Disk>(disk: &mut D, octets: &SecretBytes) -> Result<(), Failed> {
    disk.write_second(octets.expose()).map_err(|e| ("writing", e))?;
    disk.sync_second().map_err(|e| ("fsync", e))?;
    disk.rename().map_err(|e| ("renaming", e))?;
    disk.sync_directory().map_err(|e| ("fsync of the directory", e))
}

/// With its parents; each new one's name is brought to the medium, for a lost directory would be a new card.
fn make_directory(directory: &Path) -> io::Result<()> {
    if directory.as_os_str().is_empty() || directory.is_dir() {
        return Ok(());
    }
    let parent = directory.parent().filter(|p| !p.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    make_directory(parent)?;
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(directory) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => Ok(()),
        Err(e) => Err(e),
        Ok(()) => fs::File::open(parent)?.sync_all(),
    }
}
