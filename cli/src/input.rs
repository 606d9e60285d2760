//! Keys on the command line: hex, `@FILE`, `env:NAME` or `-` for standard input (ruling 5).

use std::{fs::File, io::Read, path::Path};

use base::{Secret, SecretBytes, hex};

/// A key file holds 32 or 64 hex digits; this bounds what is read of a wrong one.
const MAX_KEY_TEXT: u64 = 1024;

/// Where a key is to be taken from. Its `Debug` shows the source, never a key.
#[derive(Clone)]
pub(crate) enum KeySource {
    /// Hex on the command line itself, which other users of the host can see.
    Bare(String),
    /// The first line of a file.
    File(String),
    /// An environment variable.
    Env(String),
    /// Standard input.
    Stdin,
}

impl std::fmt::Debug for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bare(_) => f.write_str("hex on the command line"),
            Self::File(path) => write!(f, "@{path}"),
            Self::Env(name) => write!(f, "env:{name}"),
            Self::Stdin => f.write_str("-"),
        }
    }
}

impl From<&str> for KeySource {
    fn from(text: &str) -> Self {
        match (text, text.strip_prefix('@'), text.strip_prefix("env:")) {
            ("-", ..) => Self::Stdin,
            (_, Some(path), _) => Self::File(path.into()),
            (_, _, Some(name)) => Self::Env(name.into()),
            _ => Self::Bare(text.into()),
        }
    }
}

impl KeySource {
    /// True if the key stood on the command line in clear.
    pub(crate) const fn is_bare(&self) -> bool {
        matches!(self, Self::Bare(_))
    }

    /// Reads `N` octets; the error names the option and the source, never the text.
    pub(crate) fn read<const N: usize>(&self, option: &str) -> Result<Secret<N>, String> {
        let text = self.text().map_err(|why| format!("{option}: {why}"))?;
        let text = std::str::from_utf8(text.expose()).map_err(|_| format!("{option}: not a text"))?;
        let octets = hex::array::<N>(text.trim()).map_err(|e| format!("{option}: {e}"))?;
        Ok(Secret::new(octets))
    }

    fn text(&self) -> Result<SecretBytes, String> {
        let read = |source: &mut dyn Read| {
            let mut text = Vec::new();
            source
                .take(MAX_KEY_TEXT)
                .read_to_end(&mut text)
                .map(|_| SecretBytes::new(text))
        };
        match self {
            Self::Bare(text) => Ok(SecretBytes::from(text.as_bytes())),
            Self::Env(name) => match std::env::var(name) {
                Ok(text) => Ok(SecretBytes::new(text.into_bytes())),
                Err(_) => Err(format!("the environment has no variable {name}")),
            },
            Self::File(path) => File::open(Path::new(path))
                .and_then(|mut f| read(&mut f))
                .map_err(|e| format!("cannot read {path}: {e}")),
            Self::Stdin => {
                read(&mut std::io::stdin()).map_err(|e| format!("cannot read standard input: {e}"))
            }
        }
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
        let from_file = KeySource::from(format!("@{}", path.display()).as_str());
        let bare = KeySource::from("465B5CE8b199b49faa5f0a2ee238a6bc");
        assert!(bare.is_bare() && !from_file.is_bare());
        assert!(
            from_file
                .read::<16>("--k")
                .unwrap()
                .ct_eq(&bare.read::<16>("--k").unwrap())
        );
        assert!(!format!("{bare:?}").contains("465"));

        let why = KeySource::from("465b5ce8b199b49faa5f0a2ee238a6b")
            .read::<16>("--k")
            .err()
            .unwrap();
        assert!(why.contains("--k") && !why.contains("465b"), "{why}");
        let why = KeySource::from("465b5ce8b199b49faa5f0a2ee238a6")
            .read::<16>("--k")
            .err()
            .unwrap();
        assert!(why.contains("16 octets") && why.contains("15"), "{why}");
        assert!(
            KeySource::from("env:NO_SUCH_VARIABLE_HERE")
                .read::<16>("--k")
                .is_err()
        );
    }
}
