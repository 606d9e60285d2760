//! Keys on the command line: hex, `@FILE`, `env:NAME` or `-` for standard input (ruling 5).

use std::{io::Read, path::PathBuf};

use base::{Secret, SecretBytes};
use hss::subscribers::{OsKeys, key};

/// A key is 32 hex digits; this bounds what is read of something else.
const MAX_KEY_TEXT: u64 = 1024;

/// Where a key is to be taken from. Its `Debug` shows no text, as that may be the key.
#[derive(Clone)]
pub(crate) struct KeyText(String);

impl std::fmt::Debug for KeyText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_bare() {
            "KeyText(<hex>)"
        } else {
            "KeyText(<source>)"
        })
    }
}

impl From<&str> for KeyText {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl Drop for KeyText {
    fn drop(&mut self) {
        drop(SecretBytes::new(std::mem::take(&mut self.0).into_bytes()));
    }
}

impl KeyText {
    /// True if the key itself stands here, where other users of the host can see it.
    pub(crate) fn is_bare(&self) -> bool {
        self.0 != "-" && !self.0.starts_with('@') && !self.0.starts_with("env:")
    }

    /// Reads `N` octets; the error names the option, never the text.
    pub(crate) fn read<const N: usize>(&self, option: &str) -> Result<Secret<N>, String> {
        let mut files = OsKeys {
            directory: PathBuf::new(),
        };
        if self.0 != "-" {
            return key(&self.0, false, &mut files).map_err(|e| format!("{option}: {e}"));
        }
        let mut text = Vec::new();
        let read = std::io::stdin().take(MAX_KEY_TEXT).read_to_end(&mut text);
        // Into the type that is wiped before anything else can fail.
        let text = SecretBytes::new(text);
        read.map_err(|e| format!("{option}: cannot read standard input: {e}"))?;
        let hex =
            std::str::from_utf8(text.expose()).map_err(|_| format!("{option}: not a text of hex digits"))?;
        key(hex.trim(), false, &mut hss::subscribers::OnlyHex).map_err(|e| format!("{option}: {e}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ruling_05_a_key_is_taken_from_file_environment_or_hex_and_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k");
        std::fs::write(&path, "465b5ce8b199b49faa5f0a2ee238a6bc\n").unwrap();
        let from_file = KeyText::from(format!("@{}", path.display()).as_str());
        let bare = KeyText::from("465B5CE8b199b49faa5f0a2ee238a6bc");
        assert!(bare.is_bare() && !from_file.is_bare());
        assert!(
            from_file
                .read::<16>("--k")
                .unwrap()
                .ct_eq(&bare.read::<16>("--k").unwrap())
        );
        assert!(!format!("{bare:?}").contains("465"));

        let why = KeyText::from("465b5ce8b199b49faa5f0a2ee238a6b")
            .read::<16>("--k")
            .err()
            .unwrap();
        assert!(why.contains("--k") && !why.contains("465b"), "{why}");
        let why = KeyText::from("465b5ce8b199b49faa5f0a2ee238a6")
            .read::<16>("--k")
            .err()
            .unwrap();
        assert!(why.contains("16 octets") && why.contains("15"), "{why}");
        assert!(
            KeyText::from("env:NO_SUCH_VARIABLE_HERE")
                .read::<16>("--k")
                .is_err()
        );
    }
}
