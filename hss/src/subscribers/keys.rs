//! Where keys come from: hex in the file itself, `@FILE` or `env:NAME` (ruling 5). No message shows what was found.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use base::{Secret, SecretBytes, hex};

/// A key file holds some dozen hex digits; this bounds what is read of a wrong one.
const MAX_KEY_FILE: u64 = 1024;

/// Keys that are printed in specifications, guides and on test SIMs: no secret.
const PUBLISHED: &[&str] = &[
    "00000000000000000000000000000000",
    "ffffffffffffffffffffffffffffffff",
    "000102030405060708090a0b0c0d0e0f",
    "00112233445566778899aabbccddeeff",
    "465b5ce8b199b49faa5f0a2ee238a6bc",
    "0396eb317b6d1c36f19c1c84cd6ffd16",
    "fec86ba6eb707ed08905757b1bb44b8f",
    "9e5944aea94b81165c82fbf9f32db751",
    "4ab1deb05ca6ceb051fc98e77d026a84",
    "6c38a116ac280c454f59332ee35c8c4f",
    "8baf473f2f8fd09487cccbd7097c6862",
];

/// Why a key couldn't be had. Never holds the text that was there.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not hex of the right length.
    #[error("{0}")]
    NotHex(#[from] hex::HexError),
    /// What was found is no text.
    #[error("not a text of hex digits")]
    NotText,
    /// The file can't be read.
    #[error("the key file {} can't be read: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason, in its words.
        reason: String,
    },
    /// Other users of the host can read it.
    #[error("{} can be read by other users: chmod 600 it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// There is no such variable.
    #[error("the environment has no variable {name} with a text in it")]
    Environment {
        /// The variable.
        name: String,
    },
    /// The reader has no access to files or environment.
    #[error("hex digits expected: '@FILE' and 'env:NAME' can't be used here")]
    OnlyHex,
    /// Hex in the configuration itself, with `production = true`.
    #[error("a bare key isn't allowed with production = true: use '@FILE' or 'env:NAME'")]
    Bare,
    /// A key that everybody knows, with `production = true`.
    #[error("this key is printed in a specification, so it isn't allowed with production = true")]
    Published,
}

/// Fetches what a key source names.
pub trait KeySource {
    /// The text of the file `name` (after `@`).
    ///
    /// # Errors
    /// [`KeyError`].
    fn file(&mut self, name: &str, production: bool) -> Result<SecretBytes, KeyError>;

    /// The text of the environment variable `name` (after `env:`).
    ///
    /// # Errors
    /// [`KeyError`].
    fn environment(&mut self, name: &str) -> Result<SecretBytes, KeyError>;
}

/// Only hex: for tests, fuzzing and texts from elsewhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct OnlyHex;

impl KeySource for OnlyHex {
    fn file(&mut self, _: &str, _: bool) -> Result<SecretBytes, KeyError> {
        Err(KeyError::OnlyHex)
    }

    fn environment(&mut self, _: &str) -> Result<SecretBytes, KeyError> {
        Err(KeyError::OnlyHex)
    }
}

/// Files, relative ones beside the configuration, and the environment of this process.
#[derive(Clone, Debug)]
pub struct OsKeys {
    /// The directory that relative file names start from.
    pub directory: PathBuf,
}

impl KeySource for OsKeys {
    fn file(&mut self, name: &str, production: bool) -> Result<SecretBytes, KeyError> {
        let path = self.directory.join(name);
        let io_error = |e: std::io::Error| KeyError::File {
            path: shown(name).into(),
            reason: words_of(&e),
        };
        let file = net::file::open(&path).map_err(io_error)?;
        if is_exposed(&file.metadata().map_err(io_error)?) {
            if production {
                return Err(KeyError::Exposed {
                    path: shown(name).into(),
                });
            }
            tracing::warn!(path = %path.display(), "other users can read this key file: chmod 600 it");
        }
        let mut text = Vec::new();
        let read = file.take(MAX_KEY_FILE).read_to_end(&mut text);
        // Into the type that is wiped before anything else can fail.
        let text = SecretBytes::new(text);
        read.map_err(io_error)?;
        Ok(text)
    }

    fn environment(&mut self, name: &str) -> Result<SecretBytes, KeyError> {
        let text = std::env::var(name).map_err(|_| KeyError::Environment { name: shown(name) })?;
        Ok(SecretBytes::new(text.into_bytes()))
    }
}

/// Reads `N` octets from `hex`, `@FILE` or `env:NAME`; with `production` a bare or a published key is refused.
///
/// # Errors
/// [`KeyError`], which never holds what was found.
pub fn key<const N: usize>(
    text: &str,
    production: bool,
    source: &mut dyn KeySource,
) -> Result<Secret<N>, KeyError> {
    let found = if let Some(name) = text.strip_prefix('@') {
        source.file(name, production)?
    } else if let Some(name) = text.strip_prefix("env:") {
        source.environment(name)?
    } else if production {
        return Err(KeyError::Bare);
    } else {
        SecretBytes::from(text.as_bytes())
    };
    let digits = core::str::from_utf8(found.expose())
        .map_err(|_| KeyError::NotText)?
        .trim();
    if production && PUBLISHED.iter().any(|known| known.eq_ignore_ascii_case(digits)) {
        return Err(KeyError::Published);
    }
    Ok(Secret::new(hex::array(digits)?))
}

/// The system's words, without the number that it adds for programmers.
fn words_of(e: &std::io::Error) -> String {
    let text = e.to_string();
    let words = text.split(" (os error").next().unwrap_or_default();
    words.to_owned()
}

/// A name for a message; withheld if it looks like a key that stands in the wrong place.
fn shown(name: &str) -> String {
    let longest = name
        .split(|c: char| !c.is_ascii_hexdigit())
        .map(str::len)
        .max()
        .unwrap_or(0);
    if longest >= 16 {
        "(a name that looks like a key)".into()
    } else {
        name.into()
    }
}

/// True if group or others may read the file.
pub(super) fn is_exposed(metadata: &std::fs::Metadata) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::mode(metadata) & 0o077 != 0;
    #[cfg(not(unix))]
    return false;
}

/// The directory of a file, for [`OsKeys`].
pub(super) fn directory_of(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}
