//! Files that only their owner should read.

use std::path::Path;

use crate::advice;

/// Warns where others of the host can read the file; with `production` that is an error.
pub(super) fn check(path: &Path, what: &str, production: bool) -> Result<(), String> {
    if !is_exposed(path) {
        return Ok(());
    }
    let why = format!("other users can read {what} {}: chmod 600 it", path.display());
    if production {
        return Err(why);
    }
    advice::warn(&why);
    Ok(())
}

/// A pipe or a device has no readers of its own.
#[cfg(unix)]
fn is_exposed(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.mode() & 0o077 != 0)
}

#[cfg(not(unix))]
const fn is_exposed(_: &Path) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn a_secret_that_others_can_read_is_told_and_refused_in_production() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (mode, refused) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            let told = check(file.path(), "the token file", true);
            assert_eq!(told.is_err(), refused, "{mode:o}: {told:?}");
            assert!(check(file.path(), "the token file", false).is_ok());
        }
        assert!(check(Path::new("/dev/null"), "the token file", true).is_ok());
    }
}
