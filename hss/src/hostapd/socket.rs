//! The file of a Unix datagram socket: ready under its name only when nobody else may use it any more, in place of another
//! only where nobody listens there, gone when we are (ruling 36).

use std::{
    fs::{self, DirBuilder, Permissions},
    io::{self, ErrorKind},
    os::unix::{
        ffi::OsStrExt as _,
        fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown},
        net::{SocketAddr, UnixDatagram},
    },
    path::{Path, PathBuf},
};

use tokio::io::Interest;

/// Octets of the longest name that a socket can have (`sun_path` with its end).
const MAX_NAME: usize = 107;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketError {
    /// Another program has it.
    #[error("another program listens on {}: stop it, or choose another name", path.display())]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// It isn't a socket.
    #[error("{} is there and is no socket: it stays as it is, choose another name", path.display())]
    NotASocket {
        /// The file.
        path: PathBuf,
    },
    /// The system takes no such name.
    #[error("{}: the name of a socket has at most {MAX_NAME} octets: choose a shorter one", path.display())]
    TooLong {
        /// The name.
        path: PathBuf,
    },
    /// There is no such group.
    #[error("no group {name} on this host: groupadd it, or give its number")]
    NoGroup {
        /// Its name.
        name: String,
    },
    /// The system refused.
    #[error("{step} {} failed: {source}", path.display())]
    Io {
        /// What was tried.
        step: &'static str,
        /// With what.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// A socket with a name. The name is removed when it is dropped.
#[derive(Debug)]
pub struct Socket {
    socket: UnixDatagram,
    /// Tells when there is something to read.
    ready: tokio::net::UnixDatagram,
    name: Name,
}

/// A socket's file, as long as it is ours.
#[derive(Debug)]
struct Name {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Drop for Name {
    fn drop(&mut self) {
        let ours = |file: &fs::Metadata| (file.dev(), file.ino()) == (self.device, self.inode);
        if fs::symlink_metadata(&self.path).is_ok_and(|file| ours(&file)) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Socket {
    /// Listens at `path`: for its owner only, or also for the members of a group. Within a runtime.
    ///
    /// # Errors
    /// [`SocketError`]; then what was there is as it was.
    pub fn open(path: &Path, group: Option<u32>) -> Result<Self, SocketError> {
        let error = |step| {
            move |source| SocketError::Io {
                step,
                path: path.into(),
                source,
            }
        };
        if path.as_os_str().as_bytes().len() > MAX_NAME {
            return Err(SocketError::TooLong { path: path.into() });
        }
        look(path)?;
        // In a folder of our own, where it has no wrong mode for anybody. Renaming then replaces a stale one at once.
        let folder = Folder::beside(path).map_err(error("making a folder beside"))?;
        let inner = folder.0.join("s");
        let socket = UnixDatagram::bind(&inner).map_err(|e| match e.kind() {
            ErrorKind::InvalidInput => SocketError::TooLong { path: path.into() },
            _ => error("binding")(e),
        })?;
        socket.set_nonblocking(true).map_err(error("setting up"))?;
        if group.is_some() {
            chown(&inner, None, group).map_err(error("giving the group"))?;
        }
        let mode = if group.is_some() { 0o660 } else { 0o600 };
        fs::set_permissions(&inner, Permissions::from_mode(mode)).map_err(error("setting the mode of"))?;
        let file = fs::symlink_metadata(&inner).map_err(error("looking at"))?;
        let ready = socket.try_clone().and_then(tokio::net::UnixDatagram::from_std);
        let ready = ready.map_err(error("waiting on"))?;
        fs::rename(&inner, path).map_err(error("naming"))?;
        Ok(Self {
            socket,
            ready,
            name: Name {
                path: path.into(),
                device: file.dev(),
                inode: file.ino(),
            },
        })
    }

    /// Its name.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.name.path
    }

    /// The next datagram; what doesn't fit is lost.
    pub(super) async fn receive(&self, room: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let receive = || self.socket.recv_from(room);
        self.ready.async_io(Interest::READABLE, receive).await
    }

    /// Sends without waiting: who has no room for it doesn't get it.
    pub(super) fn answer(&self, text: &[u8], to: &SocketAddr) -> io::Result<()> {
        self.socket.send_to_addr(text, to).map(drop)
    }
}

/// A folder that is ours alone, and empty again at the end.
struct Folder(PathBuf);

impl Folder {
    fn beside(path: &Path) -> io::Result<Self> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or_else(|| Path::new("."));
        for n in 0..16 {
            let folder = parent.join(format!(".{}-{n}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&folder) {
                // Left by one that was killed.
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                made => return made.map(|()| Self(folder)),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.0.join("s"));
        let _ = fs::remove_dir(&self.0);
    }
}

/// Whether that name can be taken: nothing there, or a socket on which nobody listens.
fn look(path: &Path) -> Result<(), SocketError> {
    let error = |step, source| SocketError::Io {
        step,
        path: path.into(),
        source,
    };
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(error("looking at", e)),
        Ok(file) if !file.file_type().is_socket() => {
            return Err(SocketError::NotASocket { path: path.into() });
        }
        Ok(_) => {}
    }
    let probe = UnixDatagram::unbound().map_err(|e| error("probing", e))?;
    match probe.connect(path) {
        Err(e) if e.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Err(e) if e.kind() == ErrorKind::PermissionDenied => Err(error("probing", e)),
        // Also a listener of another kind, which answers otherwise.
        _ => Err(SocketError::InUse { path: path.into() }),
    }
}

/// The number of a group, by number or by its name in /etc/group.
///
/// # Errors
/// [`SocketError::NoGroup`], or that the file can't be read.
pub fn group(name: &str) -> Result<u32, SocketError> {
    const GROUPS: &str = "/etc/group";
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let text = fs::read_to_string(GROUPS).map_err(|source| SocketError::Io {
        step: "reading",
        path: GROUPS.into(),
        source,
    })?;
    in_groups(&text, name).ok_or_else(|| SocketError::NoGroup { name: name.into() })
}

/// `name:password:number:members`, a line for each.
fn in_groups(text: &str, name: &str) -> Option<u32> {
    let mut lines = text.lines().map(|line| line.split(':'));
    let mut line = lines.find(|line| line.clone().next() == Some(name))?;
    line.nth(2)?.parse().ok()
}

/// What to do about an answer that couldn't be sent.
pub(super) fn advice(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => {
            "its socket is not for us: run this as the user that hostapd has, mostly root".into()
        }
        ErrorKind::NotFound => {
            "its socket isn't there: it has ended, or lives in a /tmp of its own (PrivateTmp of systemd)"
                .into()
        }
        ErrorKind::ConnectionRefused => "it has ended".into(),
        ErrorKind::WouldBlock => "it doesn't read its answers".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within<T>(work: impl FnOnce() -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.unwrap();
        let _guard = runtime.enter();
        work()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn ruling_36_the_socket_is_its_owners_and_goes_with_him() {
        within(|| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("hss.sock");
            let socket = Socket::open(&path, None).unwrap();
            assert_eq!((socket.path(), mode(&path)), (path.as_path(), 0o600));
            // Nothing else is left there.
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
            drop(socket);
            assert!(!path.exists());

            let own = fs::metadata(folder.path()).unwrap().gid();
            let socket = Socket::open(&path, Some(own)).unwrap();
            assert_eq!((mode(&path), fs::metadata(&path).unwrap().gid()), (0o660, own));
            // Another program has taken the name meanwhile: that one stays.
            fs::remove_file(&path).unwrap();
            fs::write(&path, "another's").unwrap();
            drop(socket);
            assert_eq!(fs::read(&path).unwrap(), b"another's");
        });
    }

    #[test]
    fn a_stale_socket_is_replaced_and_nothing_else() {
        within(|| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("hss.sock");
            // Left by one that was killed: a name, and nobody behind it.
            drop(UnixDatagram::bind(&path).unwrap());
            let socket = Socket::open(&path, None).unwrap();
            let client = UnixDatagram::unbound().unwrap();
            client.send_to(b"x", &path).unwrap();
            let second = Socket::open(&path, None).map(drop);
            assert!(matches!(second, Err(SocketError::InUse { .. })), "{second:?}");
            client.send_to(b"x", &path).unwrap();
            drop(socket);

            let stream = std::os::unix::net::UnixListener::bind(&path).unwrap();
            let other = Socket::open(&path, None).map(drop);
            assert!(matches!(other, Err(SocketError::InUse { .. })), "{other:?}");
            drop(stream);
            fs::remove_file(&path).unwrap();

            fs::write(&path, "keys").unwrap();
            let file = Socket::open(&path, None).map(drop);
            assert!(matches!(file, Err(SocketError::NotASocket { .. })), "{file:?}");
            assert_eq!(fs::read(&path).unwrap(), b"keys");
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(&path, &link).unwrap();
            let link = Socket::open(&link, None).map(drop);
            assert!(matches!(link, Err(SocketError::NotASocket { .. })), "{link:?}");
            let long = folder.path().join("x".repeat(120));
            let long = Socket::open(&long, None).map(drop);
            assert!(matches!(long, Err(SocketError::TooLong { .. })), "{long:?}");
        });
    }

    #[test]
    fn groups_have_numbers_and_names() {
        assert_eq!(group("1234").unwrap(), 1234);
        let text = "root:x:0:\nnetdev:x:106:alice,bob\nbroken\n";
        assert_eq!(in_groups(text, "netdev"), Some(106));
        assert_eq!(in_groups(text, "broken"), None);
        assert_eq!(in_groups(text, "alice"), None);
    }
}
