//! PINs and codes on the command line: digits or hex, or where they are (ruling 5).

use base::{Secret, SecretBytes, hex};
use uicc::{Pin, terminal::KeyRef};

use crate::{Failure, input::KeyText, sim::no_bare_keys};

/// A PIN or code, or where it is to be found.
#[derive(Clone, Debug)]
pub(crate) struct Code(KeyText);

impl Code {
    #[expect(clippy::unnecessary_wraps, reason = "clap wants a Result")]
    pub(super) fn parse(text: &str) -> Result<Self, std::convert::Infallible> {
        Ok(Self(KeyText::from(text)))
    }

    /// Asked for on the terminal.
    pub(super) fn asked() -> Self {
        Self(KeyText::from("-"))
    }

    /// Reads it: 4 to 8 digits, or 16 hex digits as the 8 octets of a code.
    pub(super) fn read(&self, option: &str, key: KeyRef) -> Result<Pin, Failure> {
        self.pin(option, &format!("{key}: ")).map_err(Failure::Unable)
    }

    fn pin(&self, option: &str, prompt: &str) -> Result<Pin, String> {
        no_bare_keys([(option, &Some(self.0.clone()))])?;
        let text = self.0.text(option, prompt)?;
        of_text(&text).ok_or_else(|| format!("{option}: 4 to 8 digits, or 16 hex digits, expected"))
    }
}

fn of_text(text: &SecretBytes) -> Option<Pin> {
    let text = std::str::from_utf8(text.expose()).ok()?.trim();
    if text.len() == 16 {
        let octets = SecretBytes::new(hex::decode(text).ok()?);
        return Secret::from_slice(octets.expose()).map(Pin::from_octets);
    }
    Pin::from_digits(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_digits_or_eight_octets() {
        let of = |text: &str| of_text(&SecretBytes::from(text.as_bytes())).map(|p| hex::encode(p.expose()));
        assert_eq!(of("1234\n").as_deref(), Some("31323334ffffffff"));
        assert_eq!(of("0123456789abcdef").as_deref(), Some("0123456789abcdef"));
        for bad in ["", "123", "123456789", "12a4", "0123456789abcdeg"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
