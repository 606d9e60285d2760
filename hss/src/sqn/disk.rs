//! Writing so that a crash loses nothing that was promised. A line is appended and fsynced; a crash cuts off at most that
//! line. The whole is replaced: write a second file, fsync it, rename it over the first, fsync the directory; a crash
//! leaves the old or the new one. [`Disk`] names the steps one by one, so that the tests can cut at each.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use super::{OpenError, format::MAX_OCTETS};

/// The steps of durable writing to one file: of an addition, and of a replacement, each in this order. After an error
/// nobody knows what the disk holds.
pub trait Disk: Send + 'static {
    /// The file, for messages.
    fn path(&self) -> &Path;

    /// The whole file; `None` if there is none. At most one octet more than the store accepts is read.
    ///
    /// # Errors
    /// The system's.
    fn read(&mut self) -> io::Result<Option<Vec<u8>>>;

    /// Whether the file that [`Disk::append`] writes to still has its name: nobody finds what is written to a file that
    /// was removed. An error if another one stands there, or another process may have the lock.
    ///
    /// # Errors
    /// The system's, and those.
    fn is_there(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    /// Writes at the end of the file.
    ///
    /// # Errors
    /// The system's.
    fn append(&mut self, octets: &[u8]) -> io::Result<()>;

    /// Brings what was appended to the medium.
    ///
    /// # Errors
    /// The system's.
    fn sync(&mut self) -> io::Result<()>;

    /// Writes the second file from its start.
    ///
    /// # Errors
    /// The system's.
    fn write_second(&mut self, octets: &[u8]) -> io::Result<()>;

    /// Brings the second file's octets to the medium.
    ///
    /// # Errors
    /// The system's.
    fn sync_second(&mut self) -> io::Result<()>;

    /// Puts the second file in the first one's place.
    ///
    /// # Errors
    /// The system's.
    fn rename(&mut self) -> io::Result<()>;

    /// Brings the directory, and so the renaming, to the medium.
    ///
    /// # Errors
    /// The system's.
    fn sync_directory(&mut self) -> io::Result<()>;
}

/// Files of the operating system. Holds the lock as long as it lives.
#[derive(Debug)]
pub struct OsDisk {
    path: PathBuf,
    second: PathBuf,
    directory: PathBuf,
    open: Option<File>,
    /// The first file, once something was appended to it.
    end: Option<File>,
    /// The file that was read or written last.
    ours: Option<Identity>,
    /// Locked; closing it, also by a crash, unlocks.
    lock: File,
    lock_path: PathBuf,
}

impl OsDisk {
    /// Takes the lock `<path>.lock`; that file stays, empty, since removing it would let two processes in. Links are
    /// followed first: a file with two names has one lock, and the renaming replaces the file and not the link.
    ///
    /// # Errors
    /// [`OpenError::Locked`] if another process has it; [`OpenError::Linked`] if the file has a second name, under which
    /// another lock would be taken; else [`OpenError::Io`].
    pub fn lock(path: &Path) -> Result<Self, OpenError> {
        let io_error = |step, path: &Path, source| OpenError::Io {
            step,
            path: path.into(),
            source,
        };
        let path = &real_path(path).map_err(|e| io_error("following links", path, e))?;
        let lock_path = with_suffix(path, ".lock");
        let lock = private_file(&lock_path).map_err(|e| io_error("creation", &lock_path, e))?;
        lock.try_lock().map_err(|e| match e {
            TryLockError::WouldBlock => OpenError::Locked { path: path.into() },
            TryLockError::Error(e) => io_error("locking", &lock_path, e),
        })?;
        #[cfg(unix)]
        match std::fs::symlink_metadata(path) {
            Ok(metadata) if std::os::unix::fs::MetadataExt::nlink(&metadata) > 1 => {
                return Err(OpenError::Linked { path: path.into() });
            }
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(io_error("opening", path, e)),
            _ => {}
        }
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.into(),
            _ => PathBuf::from("."),
        };
        Ok(Self {
            path: path.into(),
            second: with_suffix(path, ".new"),
            directory,
            open: None,
            end: None,
            ours: None,
            lock,
            lock_path,
        })
    }
}

impl Disk for OsDisk {
    fn path(&self) -> &Path {
        &self.path
    }

    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        match net::file::open(&self.path) {
            Ok(file) => {
                let mut octets = Vec::new();
                self.ours = Some(identity(&file.metadata()?));
                file.take(MAX_OCTETS + 1).read_to_end(&mut octets)?;
                Ok(Some(octets))
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn is_there(&mut self) -> io::Result<bool> {
        let now = |path| match std::fs::symlink_metadata(path) {
            Ok(there) => Ok(Some(identity(&there))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        };
        if now(&self.lock_path)? != Some(identity(&self.lock.metadata()?)) {
            return Err(io::Error::other(
                "its .lock was removed, so that another process may write to it",
            ));
        }
        match now(&self.path)? {
            None => Ok(false),
            there if there == self.ours => Ok(true),
            Some(_) => Err(io::Error::other("another file was put in its place")),
        }
    }

    fn append(&mut self, octets: &[u8]) -> io::Result<()> {
        if self.end.is_none() {
            self.end = Some(OpenOptions::new().append(true).open(&self.path)?);
        }
        // It has just been put there.
        self.end
            .as_mut()
            .ok_or(io::ErrorKind::NotFound)?
            .write_all(octets)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.end.as_ref().ok_or(io::ErrorKind::NotFound)?.sync_data()
    }

    fn write_second(&mut self, octets: &[u8]) -> io::Result<()> {
        let mut file = private_file(&self.second)?;
        file.set_len(0)?;
        file.write_all(octets)?;
        self.ours = Some(identity(&file.metadata()?));
        self.open = Some(file);
        Ok(())
    }

    fn sync_second(&mut self) -> io::Result<()> {
        // Without a file there is nothing to sync, and that must not pass for success.
        self.open.take().ok_or(io::ErrorKind::NotFound)?.sync_all()
    }

    fn rename(&mut self) -> io::Result<()> {
        // Another file from now on.
        self.end = None;
        std::fs::rename(&self.second, &self.path)
    }

    fn sync_directory(&mut self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }
}

/// Which file it is, whatever its name: device and inode.
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(metadata: &std::fs::Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(_: &std::fs::Metadata) -> Identity {
    Identity::default()
}

/// The file's one name without links. A file that doesn't exist yet is named by its directory's.
fn real_path(path: &Path) -> io::Result<PathBuf> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => path.canonicalize(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
            let directory = path.parent().filter(|d| !d.as_os_str().is_empty());
            Ok(directory.unwrap_or(Path::new(".")).canonicalize()?.join(name))
        }
        Err(e) => Err(e),
    }
}

/// Opens or creates a file that only its owner can read: who reads SQN can tell how often a subscriber authenticates.
fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
