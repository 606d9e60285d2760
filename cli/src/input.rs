//! Keys on the command line: hex, `@FILE`, `env:NAME` or `-` for a line of standard input (ruling 5); and files that
//! may have keys in them.

use std::{
    io::{BufRead as _, IsTerminal as _, Read as _, Write as _},
    path::{Path, PathBuf},
};

use base::{
    Secret, SecretBytes,
    hex::{self, HexError},
};
use hss::subscribers::{KeySource as _, OsKeys};

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
        let octets = self.octets(option, "32 or 64")?;
        match octets.len() {
            16 | 32 => Ok(octets),
            n => Err(format!(
                "{name}: 16 octets (32 hex digits) or 32 octets expected, got {n} octets"
            )),
        }
    }

    /// Reads `N` octets; the error names the option, never the text.
    pub(crate) fn read<const N: usize>(&self, option: &str) -> Result<Secret<N>, String> {
        let octets = self.octets(option, &(2 * N).to_string())?;
        let wrong = HexError::Length {
            want: N,
            got: octets.len(),
        };
        let octets = octets.expose().try_into();
        octets
            .map(Secret::new)
            .map_err(|_| format!("{}: {wrong}", self.name(option)))
    }

    fn octets(&self, option: &str, digits: &str) -> Result<SecretBytes, String> {
        let name = self.name(option);
        let found = self.text(option, &format!("{} ({digits} hex digits): ", key_name(option)))?;
        let text =
            std::str::from_utf8(found.expose()).map_err(|_| format!("{name}: not a text of hex digits"))?;
        hex::decode(text.trim())
            .map(SecretBytes::new)
            .map_err(|e| format!("{name}: {}", self.advice(text.trim(), e)))
    }

    /// The text itself, from wherever it is; `prompt` asks for it on a terminal.
    pub(crate) fn text(&self, option: &str, prompt: &str) -> Result<SecretBytes, String> {
        let beside = self.config.as_deref().and_then(Path::parent).map(Path::to_owned);
        let mut source = OsKeys {
            directory: beside.unwrap_or_default(),
        };
        let found = if let Some(file) = self.text.strip_prefix('@') {
            source.file(file, false).map_err(|e| e.to_string())
        } else if let Some(variable) = self.text.strip_prefix("env:") {
            source.environment(variable).map_err(|e| e.to_string())
        } else if self.text == "-" {
            stdin(prompt)
        } else {
            Ok(SecretBytes::from(self.text.as_bytes()))
        };
        found.map_err(|e| format!("{}: {e}", self.name(option)))
    }

    /// What to do about a text that isn't hex.
    fn advice(&self, text: &str, e: HexError) -> String {
        let all_digits = text.chars().all(|c| c.is_ascii_hexdigit());
        if text.starts_with("0x") || text.starts_with("0X") {
            "write the digits without 0x".into()
        } else if all_digits || !self.is_bare() {
            e.to_string()
        } else if is_name(text) {
            format!("no hex; for a file write @{text}")
        } else {
            format!("{e}; for a file write @FILE")
        }
    }
}

/// A file of at most `limit` octets, wiped after use.
pub(crate) fn octets_of_file(path: &Path, limit: u64) -> Result<SecretBytes, String> {
    let cannot = |e: std::io::Error| format!("cannot read {}: {e}", path.display());
    let mut octets = Vec::new();
    let read = net::file::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut octets));
    // Into the type that is wiped before anything else can fail.
    let octets = SecretBytes::new(octets);
    read.map_err(cannot)?;
    if octets.len() as u64 > limit {
        return Err(format!("{} is longer than {} KiB", path.display(), limit / 1024));
    }
    Ok(octets)
}

/// The text of such a file.
pub(crate) fn text_of_file<'a>(path: &Path, octets: &'a SecretBytes) -> Result<&'a str, String> {
    let octets = octets.expose();
    // ASCII in UTF-16 is a text in UTF-8 as well, with zeros in it.
    let zeros = octets.first_chunk::<4>().map(|four| four.map(|octet| octet == 0));
    let marked = octets.starts_with(&[0xff, 0xfe]) || octets.starts_with(&[0xfe, 0xff]);
    if marked
        || matches!(
            zeros,
            Some([false, true, false, true] | [true, false, true, false])
        )
    {
        return Err(format!(
            "{} is a text in UTF-16: save it in UTF-8",
            path.display()
        ));
    }
    std::str::from_utf8(octets).map_err(|_| format!("{} isn't a text in UTF-8", path.display()))
}

/// True for what looks like the name of a file, and in no way like a key with something wrong in it.
fn is_name(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_hexdigit).count();
    let mut runs = text.split(|c: char| !c.is_ascii_hexdigit()).map(str::len);
    text.len() <= 64
        && text.contains('.')
        && text.chars().all(|c| c.is_ascii_graphic())
        && digits < 16
        && runs.all(|run| run < 8)
}

/// The key that an option is for, as the specifications write it.
fn key_name(option: &str) -> String {
    match option.trim_start_matches('-') {
        "opc" => "OPc".into(),
        "topc" => "TOPc".into(),
        other => other.to_uppercase(),
    }
}

/// The next line of standard input. On a terminal it is asked for by `prompt`, and isn't shown.
fn stdin(prompt: &str) -> Result<SecretBytes, String> {
    let cannot = |e: std::io::Error| format!("cannot read standard input: {e}");
    let input = std::io::stdin();
    if input.is_terminal() {
        // Where standard error is closed, there is nobody to ask, but an answer may come.
        let _ = write!(anstream::stderr(), "{prompt}");
        let line = rpassword::read_password().map_err(cannot)?;
        return Ok(SecretBytes::new(line.into_bytes()));
    }
    let mut line = Vec::new();
    let read = input.lock().take(MAX_KEY_TEXT).read_until(b'\n', &mut line);
    // Into the type that is wiped before anything else can fail.
    let line = SecretBytes::new(line);
    if read.map_err(cannot)? == 0 {
        return Err("standard input has no line for it: one key a line is read; or say where it is, @FILE or env:NAME".into());
    }
    Ok(line)
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

    #[test]
    fn what_is_no_hex_is_told_by_what_to_do_and_never_shown_if_it_may_be_a_key() {
        let why = |text: &str| KeyText::from(text).read::<16>("--k").err().unwrap();
        assert_eq!(why("K.hex"), "--k: no hex; for a file write @K.hex");
        assert_eq!(
            why("./keys/my.key"),
            "--k: no hex; for a file write @./keys/my.key"
        );
        assert_eq!(
            why("0x465b5ce8b199b49faa5f0a2ee238a6bc"),
            "--k: write the digits without 0x"
        );
        for text in [
            "465b5ce8b199b49faa5f0a2ee238a6b.",
            "46.5b.5c.e8.b1.99.b4.9f.aa.5f.0a.2e.e2.38.a6.bc",
            "46 5b 5c e8 b1 99 b4 9f aa 5f 0a 2e e2 38 a6 bc",
            "465b5ce8.hex",
            "Rltc6LGZtJ+qXwou4jimvA==",
        ] {
            let told = why(text);
            assert!(told.contains("for a file write @FILE"), "{told}");
            assert!(!told.contains(&text[..5]), "{told}");
        }
    }

    #[test]
    fn a_text_in_utf_16_is_told_from_no_text_at_all() {
        let told =
            |octets: &[u8]| text_of_file(Path::new("f"), &SecretBytes::from(octets)).map(str::to_owned);
        assert_eq!(told("imsi,ü".as_bytes()), Ok("imsi,ü".into()));
        assert_eq!(told(b""), Ok(String::new()));
        let utf_16: Vec<u8> = "imsi".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for octets in [&utf_16[..], b"\xff\xfei\0", b"\xfe\xff\0i", b"\0i\0m\0s\0i"] {
            assert_eq!(
                told(octets),
                Err("f is a text in UTF-16: save it in UTF-8".into())
            );
        }
        assert_eq!(told(b"\xc0\x80"), Err("f isn't a text in UTF-8".into()));
    }

    #[test]
    fn a_key_file_that_is_not_there_is_told_in_the_systems_words() {
        let why = KeyText::from("@no/such/file").read::<16>("--k").err().unwrap();
        assert!(
            why.starts_with("--k: the key file no/such/file can't be read: "),
            "{why}"
        );
        assert!(!why.contains("os error"), "{why}");
        #[cfg(unix)]
        assert!(why.ends_with("No such file or directory"), "{why}");
    }
}
