//! Reading files that a person names: only what ends by itself or by our bound, and never a wait for somebody else.
//!
//! Opening a named pipe waits until another program opens its other end, perhaps for ever, and so does a program that
//! was given one by mistake.

use std::{
    fs::{File, FileType},
    io::{self, Read as _},
    path::Path,
};

/// Opens a file for reading. A character device counts as a file, and so does a pipe that the shell has opened
/// already, such as `/dev/stdin` or `/dev/fd/63`.
///
/// # Errors
/// The system's; [`io::ErrorKind::InvalidInput`] for a named pipe, a socket, a block device or a directory.
pub fn open(path: &Path) -> io::Result<File> {
    if let Some(what) = unfit(std::fs::metadata(path)?.file_type())
        && !(what == PIPE && is_open_already(path))
    {
        let text = format!("it is {what}, and a file is expected");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    File::open(path)
}

/// Reads a whole file of at most `limit` octets.
///
/// # Errors
/// As [`open`]; [`io::ErrorKind::FileTooLarge`] if there are more.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    open(path)?
        .take(limit.saturating_add(1))
        .read_to_end(&mut octets)?;
    if octets.len() as u64 > limit {
        let text = format!("longer than {limit} octets");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(octets)
}

const PIPE: &str = "a named pipe";

/// What a path names that is no file.
fn unfit(kind: FileType) -> Option<&'static str> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if kind.is_fifo() {
            return Some(PIPE);
        }
        if kind.is_socket() {
            return Some("a socket");
        }
        if kind.is_block_device() {
            return Some("a block device");
        }
    }
    kind.is_dir().then_some("a directory")
}

/// True for this process's own descriptors: opening one doesn't wait.
fn is_open_already(path: &Path) -> bool {
    let own = [Path::new("/dev/fd"), Path::new("/proc/self/fd")];
    path == Path::new("/dev/stdin") || path.parent().is_some_and(|p| own.contains(&p))
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("gba-net-file-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_named_pipe_is_told_and_not_waited_for() {
        let folder = folder("pipe");
        let pipe = folder.join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let link = folder.join("link");
        std::os::unix::fs::symlink(&pipe, &link).unwrap();
        for path in [&pipe, &link] {
            let e = open(path).unwrap_err();
            assert_eq!(e.to_string(), "it is a named pipe, and a file is expected");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn files_devices_and_nothing_else_are_read_to_the_bound() {
        let folder = folder("kinds");
        let file = folder.join("file");
        std::fs::write(&file, "12345").unwrap();
        assert_eq!(read(&file, 5).unwrap(), b"12345");
        assert_eq!(read(&file, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read(Path::new("/dev/null"), 5).unwrap(), b"");
        assert_eq!(
            read(Path::new("/dev/zero"), 5).unwrap_err().to_string(),
            "longer than 5 octets"
        );
        assert!(open(&folder).unwrap_err().to_string().contains("a directory"));
        let missing = open(&folder.join("missing")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_the_shell_has_opened_may_be_a_pipe() {
        for open in ["/dev/stdin", "/dev/fd/63", "/proc/self/fd/0"] {
            assert!(is_open_already(Path::new(open)), "{open}");
        }
        for other in ["/dev/fd/../zero", "/dev/stdin/a", "stdin", "/dev/fd"] {
            assert!(!is_open_already(Path::new(other)), "{other}");
        }
    }
}
