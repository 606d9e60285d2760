//! Keys on the command line: hex, `@FILE`, `env:NAME` or `-` for standard input (ruling 5).

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use base::{Secret, SecretBytes, hex};
use hss::subscribers::{KeySource as _, OnlyHex, OsKeys, key};

/// A key is 32 hex digits; this bounds what is read of something else.
const MAX_KEY_TEXT: u64 = 1024;

/// Where a key is to be taken from. Its `Debug` shows no text, as that may be the key.
#[derive(Clone)]
pub(crate) struct KeyText {
    text: String,
    /// The configuration file that it stands in: relative `@FILE`s lie beside it.
    config: Option<PathBuf>,
}

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
        Self {
            text: text.into(),
            config: None,
        }
    }
}

impl Drop for KeyText {
    fn drop(&mut self) {
        drop(SecretBytes::new(std::mem::take(&mut self.text).into_bytes()));
    }
}

impl KeyText {
    /// True if the key itself stands here.
    fn is_bare(&self) -> bool {
        self.text != "-" && !self.text.starts_with('@') && !self.text.starts_with("env:")
    }

    /// True if it is bare and a word of the command line, which other users of the host can read.
    pub(crate) fn is_bare_on_command_line(&self) -> bool {
        self.config.is_none() && self.is_bare()
    }

    /// True if the key comes from standard input.
    pub(crate) fn is_stdin(&self) -> bool {
        self.text == "-"
    }

    /// A key that stands in a configuration file.
    pub(crate) fn of_config(text: &str, config: &Path) -> Self {
        Self {
            text: text.into(),
            config: Some(config.into()),
        }
    }

    /// The option for a message, with the file that it stands in.
    fn name(&self, option: &str) -> String {
        match &self.config {
            Some(config) => format!("{}: {}", config.display(), option.trim_start_matches('-')),
            None => option.into(),
        }
    }

    /// Reads 16 or 32 octets, for keys that have two lengths; else as [`KeyText::read`].
    pub(crate) fn read_16_or_32(&self, option: &str) -> Result<SecretBytes, String> {
        let name = self.name(option);
        let beside = self.config.as_deref().and_then(Path::parent).map(Path::to_owned);
        let mut source = OsKeys {
            directory: beside.unwrap_or_default(),
        };
        let found = if let Some(file) = self.text.strip_prefix('@') {
            source.file(file, false)
        } else if let Some(variable) = self.text.strip_prefix("env:") {
            source.environment(variable)
        } else if self.text == "-" {
            Ok(stdin(&name)?)
        } else {
            Ok(SecretBytes::from(self.text.as_bytes()))
        };
        let found = found.map_err(|e| format!("{name}: {e}"))?;
        let digits =
            std::str::from_utf8(found.expose()).map_err(|_| format!("{name}: not a text of hex digits"))?;
        let octets = hex::decode(digits.trim()).map_err(|e| format!("{name}: {e}"))?;
        let octets = SecretBytes::new(octets);
        match octets.len() {
            16 | 32 => Ok(octets),
            n => Err(format!(
                "{name}: 16 octets (32 hex digits) or 32 octets expected, got {n} octets"
            )),
        }
    }

    /// Reads `N` octets; the error names the option, never the text.
    pub(crate) fn read<const N: usize>(&self, option: &str) -> Result<Secret<N>, String> {
        let name = self.name(option);
        let beside = self.config.as_deref().and_then(Path::parent).map(Path::to_owned);
        let mut files = OsKeys {
            directory: beside.unwrap_or_default(),
        };
        if self.text != "-" {
            return key(&self.text, false, &mut files).map_err(|e| format!("{name}: {e}"));
        }
        let text = stdin(&name)?;
        let hex =
            std::str::from_utf8(text.expose()).map_err(|_| format!("{name}: not a text of hex digits"))?;
        key(hex.trim(), false, &mut OnlyHex).map_err(|e| format!("{name}: {e}"))
    }
}

fn stdin(name: &str) -> Result<SecretBytes, String> {
    let mut text = Vec::new();
    let read = std::io::stdin().take(MAX_KEY_TEXT).read_to_end(&mut text);
    // Into the type that is wiped before anything else can fail.
    let text = SecretBytes::new(text);
    read.map_err(|e| format!("{name}: cannot read standard input: {e}"))?;
    Ok(text)
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
