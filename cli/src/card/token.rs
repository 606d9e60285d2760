//! The token of `gba card serve --tcp`: both ends show that they have it, and it never passes itself.
//!
//! Frames, before the first command: the card's side sends [`GREETING`] and 16 octets; the terminal sends 16 octets of
//! its own and an HMAC-SHA-256 over both with the token as key; the card's side answers with another one and the ATR,
//! or with one octet that says why not. Without a token the key is empty. What passes later is not protected.

use std::path::Path;

use base::{Entropy as _, SecretBytes};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::private;
use crate::config::checks::production_here;

/// First octets from the card's side.
pub(super) const GREETING: &[u8; 10] = b"gba card 1";

/// Octets of a nonce.
pub(super) const NONCE: usize = 16;

/// Octets of an HMAC.
pub(super) const PROOF: usize = 32;

/// Instead of a proof: another terminal has the card.
pub(super) const BUSY: u8 = 1;

/// Instead of a proof: the terminal's token is another one.
pub(super) const WRONG_TOKEN: u8 = 2;

const SHORTEST: usize = 16;
const LONGEST: u64 = 1024;

/// Who shows that it has the token; so no end can be answered with its own proof.
#[derive(Clone, Copy)]
pub(super) enum End {
    Terminal,
    Card,
}

/// A shared secret.
pub(crate) struct Token(SecretBytes);

impl Token {
    /// From a file, without white space around it; without a file the empty one.
    pub(crate) fn read(file: Option<&Path>) -> Result<Self, String> {
        let Some(file) = file else {
            return Ok(Self(SecretBytes::new(Vec::new())));
        };
        let text = net::file::read(file, LONGEST).map(SecretBytes::new);
        let text = text.map_err(|e| format!("the token file {} can't be read: {e}", file.display()))?;
        private::check(file, "the token file", production_here())?;
        let token = text.expose().trim_ascii();
        if token.len() < SHORTEST {
            return Err(format!(
                "the token in {} has {} octets, at least {SHORTEST} expected: openssl rand -hex 32 makes one",
                file.display(),
                token.len()
            ));
        }
        Ok(Self(SecretBytes::from(token)))
    }

    fn mac(&self, end: End, card: &[u8], terminal: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose()).ok()?;
        mac.update(match end {
            End::Terminal => b"terminal",
            End::Card => b"card",
        });
        mac.update(card);
        mac.update(terminal);
        Some(mac)
    }

    /// That this end has the token, for the nonces of card and terminal.
    pub(super) fn proof(&self, end: End, card: &[u8], terminal: &[u8]) -> Vec<u8> {
        let mac = self.mac(end, card, terminal);
        // HMAC takes a key of any length.
        mac.map_or_else(Vec::new, |mac| mac.finalize().into_bytes().to_vec())
    }

    /// Compares in constant time.
    pub(super) fn accepts(&self, end: End, card: &[u8], terminal: &[u8], proof: &[u8]) -> bool {
        self.mac(end, card, terminal)
            .is_some_and(|mac| mac.verify_slice(proof).is_ok())
    }
}

/// Fresh octets.
pub(super) fn nonce() -> Result<[u8; NONCE], String> {
    net::entropy::OsEntropy.array().map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn token(text: &str) -> Result<Token, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Token::read(Some(file.path()))
    }

    #[test]
    fn a_proof_is_for_one_token_one_end_and_these_nonces() {
        let (one, other) = (
            token("0123456789abcdef\n").unwrap(),
            token("0123456789abcdeF").unwrap(),
        );
        let proof = one.proof(End::Terminal, &[1; NONCE], &[2; NONCE]);
        assert_eq!(proof.len(), PROOF);
        assert!(one.accepts(End::Terminal, &[1; NONCE], &[2; NONCE], &proof));
        assert!(!other.accepts(End::Terminal, &[1; NONCE], &[2; NONCE], &proof));
        assert!(!one.accepts(End::Card, &[1; NONCE], &[2; NONCE], &proof));
        assert!(!one.accepts(End::Terminal, &[1; NONCE], &[3; NONCE], &proof));
        assert!(!one.accepts(End::Terminal, &[1; NONCE], &[2; NONCE], &proof[..31]));
        assert!(!one.accepts(End::Terminal, &[1; NONCE], &[2; NONCE], &[]));
    }

    #[test]
    fn a_short_token_or_none_where_a_file_should_be_is_told() {
        let why = token(" short \n").err().unwrap();
        assert!(why.contains("has 5 octets, at least 16"), "{why}");
        assert!(!why.contains("short"), "{why}");
        let why = Token::read(Some(Path::new("no/such/token"))).err().unwrap();
        assert!(why.contains("no/such/token can't be read"), "{why}");
    }
}
