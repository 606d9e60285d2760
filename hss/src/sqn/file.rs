//! SQN that survive a crash. The file holds, per subscriber, the end of the block that may be in use; a new block is
//! brought to the medium, as one line at the file's end, before the first SQN of it is given. After a crash the rest of the
//! block is skipped. Once the lines are as long as all that stands before them, the file is written anew without them.
//!
//! Calls inside a block take a mutex for some nanoseconds. A new block queues for the disk on a thread that may block.
//! After one failed step the store gives nothing more (what an fsync lost, a second fsync doesn't report).

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aka::Sqn;
use base::Utc;
use gba::ids::Impi;

use super::{
    Disk, OpenError, OsDisk, Resync, SqnError, SqnRules, SqnStore,
    format::{self, Chain, Damage, MAX_OCTETS},
};

/// Sequence numbers in a file, for one process at a time.
#[derive(Debug)]
pub struct FileSqnStore<D = OsDisk> {
    inner: Arc<Inner<D>>,
}

#[derive(Debug)]
struct Inner<D> {
    state: Mutex<State>,
    /// Who holds this may write; taken before `state`, never after.
    disk: Arc<tokio::sync::Mutex<Journal<D>>>,
}

/// A file, and how it goes on.
#[derive(Debug)]
struct Journal<D> {
    disk: D,
    chain: Chain,
    /// Octets of all subscribers, and of the changes after them.
    whole: usize,
    changes: usize,
}

/// Changes take at least so much before the file is written anew. Tests have few.
const MIN_CHANGES: usize = if cfg!(test) { 256 } else { 64 * 1024 };

impl<D: Disk> Journal<D> {
    /// Makes the bound of one subscriber durable; `all` gives those of all, with this one. The step that failed goes
    /// with the error.
    fn store(
        &mut self,
        impi: &Impi,
        bound: Sqn,
        all: impl FnOnce() -> (Vec<u8>, Chain),
    ) -> Result<(), (&'static str, std::io::Error)> {
        if !self.disk.is_there().map_err(|e| ("adding a line", e))? {
            tracing::warn!(path = %self.disk.path().display(), "the file of sequence numbers was removed; it is written anew");
            return self.replace(all());
        }
        let (line, chain) = self.chain.line(impi, bound);
        if self.changes + line.len() > self.whole.max(MIN_CHANGES) {
            return self.replace(all());
        }
        self.disk.append(&line).map_err(|e| ("writing", e))?;
        self.disk.sync().map_err(|e| ("fsync", e))?;
        self.changes += line.len();
        self.chain = chain;
        Ok(())
    }

    /// Temp, fsync, rename, fsync of the directory.
    fn replace(&mut self, (octets, chain): (Vec<u8>, Chain)) -> Result<(), (&'static str, std::io::Error)> {
        self.disk.write_second(&octets).map_err(|e| ("writing", e))?;
        self.disk.sync_second().map_err(|e| ("fsync", e))?;
        self.disk.rename().map_err(|e| ("renaming", e))?;
        self.disk
            .sync_directory()
            .map_err(|e| ("fsync of the directory", e))?;
        (self.whole, self.changes, self.chain) = (octets.len(), 0, chain);
        Ok(())
    }
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<Impi, Entry>,
    read_only: bool,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The last SQN issued.
    last: Sqn,
    /// No SQN up to this one is issued after a crash; it is on the medium.
    bound: Sqn,
}

impl FileSqnStore<OsDisk> {
    /// Opens the file of an HSS that ran before.
    ///
    /// # Errors
    /// [`OpenError`]; a missing or damaged file is refused, never replaced.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::on(OsDisk::lock(path)?)
    }

    /// Makes the file for an HSS that never ran before.
    ///
    /// # Errors
    /// [`OpenError`], among them [`OpenError::Exists`].
    pub fn create(path: &Path) -> Result<Self, OpenError> {
        Self::create_on(OsDisk::lock(path)?)
    }

    /// Opens the file, or makes it where there is none: for a laboratory, since a lost file isn't noticed.
    ///
    /// # Errors
    /// [`OpenError`], also for a damaged file.
    pub fn open_or_create(path: &Path) -> Result<Self, OpenError> {
        let mut disk = OsDisk::lock(path)?;
        if read(&mut disk)?.is_none() {
            Self::create_on(disk)
        } else {
            Self::on(disk)
        }
    }
}

impl<D: Disk> FileSqnStore<D> {
    /// Opens what is on `disk`.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn on(mut disk: D) -> Result<Self, OpenError> {
        let Some(octets) = read(&mut disk)? else {
            return Err(OpenError::Missing {
                path: disk.path().into(),
            });
        };
        let content = format::read(&octets).map_err(|damage| OpenError::Damaged {
            path: disk.path().into(),
            damage,
        })?;
        let format::Content {
            bounds,
            chain,
            whole,
            changes,
        } = content;
        let mut journal = Journal {
            disk,
            chain,
            whole,
            changes,
        };
        if changes > 0 {
            // Without a line that was cut off, and what comes is added to a file that is whole.
            let all = format::encode(bounds.iter().map(|(impi, bound)| (impi, *bound)));
            journal.replace(all).map_err(|(step, source)| OpenError::Io {
                step,
                path: journal.disk.path().into(),
                source,
            })?;
        }
        // Whatever of the last blocks wasn't used is skipped: nobody knows what left before the end.
        let entries = bounds
            .into_iter()
            .map(|(impi, bound)| (impi, Entry { last: bound, bound }))
            .collect();
        Ok(Self::with(
            State {
                entries,
                read_only: false,
            },
            journal,
        ))
    }

    /// Writes an empty file to `disk`.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn create_on(mut disk: D) -> Result<Self, OpenError> {
        if read(&mut disk)?.is_some() {
            return Err(OpenError::Exists {
                path: disk.path().into(),
            });
        }
        let all = format::encode(std::iter::empty());
        let mut journal = Journal {
            disk,
            chain: all.1.clone(),
            whole: 0,
            changes: 0,
        };
        journal.replace(all).map_err(|(step, source)| OpenError::Io {
            step,
            path: journal.disk.path().into(),
            source,
        })?;
        Ok(Self::with(State::default(), journal))
    }

    fn with(state: State, journal: Journal<D>) -> Self {
        let (state, disk) = (Mutex::new(state), Arc::new(tokio::sync::Mutex::new(journal)));
        Self {
            inner: Arc::new(Inner { state, disk }),
        }
    }

    /// Runs `work` with the disk on a thread that may block. Once begun it runs to its end, also if the caller goes
    /// away: what was written must be known to the state.
    async fn with_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner<D>, &mut Journal<D>) -> Result<T, SqnError> + Send + 'static,
    ) -> Result<T, SqnError> {
        let mut disk = Arc::clone(&self.inner.disk).lock_owned().await;
        let inner = Arc::clone(&self.inner);
        let done = tokio::task::spawn_blocking(move || work(&inner, &mut disk)).await;
        done.unwrap_or(Err(SqnError::Stopped))
    }
}

impl<D: Disk> Inner<D> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reserve_block(
        &self,
        disk: &mut Journal<D>,
        impi: &Impi,
        rules: &SqnRules,
        now: Utc,
    ) -> Result<Sqn, SqnError> {
        let entry = {
            let mut state = self.state();
            // Another call may have reserved a block while this one queued for the disk.
            if let Some(sqn) = state.take(impi, rules, now)? {
                return Ok(sqn);
            }
            let last = rules.after(impi, state.entries.get(impi).map(|e| e.last), now)?;
            Entry {
                last,
                bound: rules.block_end(last),
            }
        };
        self.store(disk, impi, entry.bound)?;
        self.state().entries.insert(impi.clone(), entry);
        Ok(entry.last)
    }

    fn resync(
        &self,
        disk: &mut Journal<D>,
        impi: &Impi,
        rules: &SqnRules,
        sqn_ms: Sqn,
        now: Utc,
    ) -> Result<Resync, SqnError> {
        let (before, after, entry) = {
            let mut state = self.state();
            state.check()?;
            let before = state.entries.get(impi).map_or(rules.first, |e| e.last);
            let Some(after) = rules.resync(before, sqn_ms, now) else {
                return Ok(Resync { before, after: None });
            };
            // Nothing is taken from the old block from here on: its numbers belong to the time before.
            if let Some(entry) = state.entries.get_mut(impi) {
                entry.bound = entry.last;
            }
            let entry = Entry {
                last: after,
                bound: rules.block_end(after),
            };
            (before, after, entry)
        };
        self.store(disk, impi, entry.bound)?;
        self.state().entries.insert(impi.clone(), entry);
        Ok(Resync {
            before,
            after: Some(after),
        })
    }

    fn store(&self, disk: &mut Journal<D>, impi: &Impi, bound: Sqn) -> Result<(), SqnError> {
        let all = || self.state().text_with(impi, bound);
        disk.store(impi, bound, all).map_err(|(step, e)| {
            self.state().read_only = true;
            let (path, kind) = (disk.disk.path().to_owned(), e.kind());
            tracing::error!(path = %path.display(), step, error = %e, "SQN not stored: no more vectors are issued");
            SqnError::NotStored { step, path, kind }
        })
    }
}

impl State {
    fn check(&self) -> Result<(), SqnError> {
        if self.read_only {
            Err(SqnError::ReadOnly)
        } else {
            Ok(())
        }
    }

    /// The next SQN, if it lies in the block that is on the medium.
    fn take(&mut self, impi: &Impi, rules: &SqnRules, now: Utc) -> Result<Option<Sqn>, SqnError> {
        self.check()?;
        let Some(entry) = self.entries.get_mut(impi) else {
            return Ok(None);
        };
        let next = rules.after(impi, Some(entry.last), now)?;
        if next > entry.bound {
            return Ok(None);
        }
        entry.last = next;
        Ok(Some(next))
    }

    /// The file as it will be, with another bound for one subscriber.
    fn text_with(&self, impi: &Impi, bound: Sqn) -> (Vec<u8>, Chain) {
        let others = self.entries.iter().filter(|(other, _)| *other != impi);
        format::encode(others.map(|(other, e)| (other, e.bound)).chain([(impi, bound)]))
    }
}

impl<D: Disk> SqnStore for FileSqnStore<D> {
    async fn reserve_sqn(&self, impi: &Impi, rules: &SqnRules, now: Utc) -> Result<Sqn, SqnError> {
        if let Some(sqn) = self.inner.state().take(impi, rules, now)? {
            return Ok(sqn);
        }
        let (impi, rules) = (impi.clone(), *rules);
        self.with_disk(move |inner, disk| inner.reserve_block(disk, &impi, &rules, now))
            .await
    }

    async fn resync_sqn(
        &self,
        impi: &Impi,
        rules: &SqnRules,
        sqn_ms: Sqn,
        now: Utc,
    ) -> Result<Resync, SqnError> {
        let (impi, rules) = (impi.clone(), *rules);
        self.with_disk(move |inner, disk| inner.resync(disk, &impi, &rules, sqn_ms, now))
            .await
    }
}

fn read<D: Disk>(disk: &mut D) -> Result<Option<Vec<u8>>, OpenError> {
    match disk.read() {
        Ok(Some(octets)) if octets.len() as u64 > MAX_OCTETS => Err(OpenError::Damaged {
            path: disk.path().into(),
            damage: Damage::TooLarge,
        }),
        Ok(octets) => Ok(octets),
        Err(source) => Err(OpenError::Io {
            step: "reading",
            path: disk.path().into(),
            source,
        }),
    }
}
