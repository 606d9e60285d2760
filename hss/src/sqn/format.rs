//! The text of a file with sequence numbers. One line per subscriber, a count and a digest, so that half a file, two
//! files joined or a changed digit is seen and nothing starts at zero by mistake. Pure.
//!
//! ```text
//! gba-sqn 1 2
//! 0000000007ff 001010123456789@ims.mnc001.mcc001.3gppnetwork.org
//! ff9bb4d0b607 123001000000000@ims.mnc001.mcc123.3gppnetwork.org
//! sha256 …64 hex digits over all that stands before this line…
//! ```

use std::collections::HashMap;

use aka::Sqn;
use base::hex;
use gba::ids::Impi;
use sha2::{Digest as _, Sha256};

/// The first line, before the count.
const MAGIC: &str = "gba-sqn 1 ";

/// A file larger than this isn't ours: about a million subscribers.
pub(super) const MAX_OCTETS: u64 = 128 * 1024 * 1024;

/// What is wrong with a file. The digest finds any change; the other reasons help a person to see what happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// It has no octets: created or cut off by something else.
    #[error("it is empty")]
    Empty,
    /// It is larger than any file of ours.
    #[error("it is larger than {} MiB", MAX_OCTETS / 1024 / 1024)]
    TooLarge,
    /// Not UTF-8.
    #[error("it is not a text")]
    NotText,
    /// The first line is another one.
    #[error("line 1: 'gba-sqn 1' and a count expected")]
    Header,
    /// The last line is not the digest, so that the end is missing or something was added.
    #[error("its last line isn't 'sha256' with 64 hex digits: the end is cut off")]
    End,
    /// The digest differs.
    #[error("its digest doesn't match: a character was changed")]
    Digest,
    /// More or fewer lines than the first line says.
    #[error("line 1 says {want} subscribers, there are {got}")]
    Count {
        /// By the first line.
        want: usize,
        /// Lines.
        got: usize,
    },
    /// A line that isn't an SQN and an IMPI, or names an IMPI again.
    #[error("line {line}: an SQN of 12 hex digits, a space and an IMPI not named before expected")]
    Line {
        /// Line number, from 1.
        line: usize,
    },
}

/// Writes the file: the highest SQN that may have been issued, by IMPI.
pub(super) fn encode<'a>(bounds: impl Iterator<Item = (&'a Impi, Sqn)>) -> Vec<u8> {
    let mut lines: Vec<_> = bounds
        .map(|(impi, bound)| format!("{} {impi}\n", hex::encode(bound.octets())))
        .collect();
    lines.sort_unstable_by(|a, b| a.get(12..).cmp(&b.get(12..)));
    let mut text = format!("{MAGIC}{}\n", lines.len());
    text.extend(lines);
    let digest = hex::encode(Sha256::digest(text.as_bytes()));
    text.push_str("sha256 ");
    text.push_str(&digest);
    text.push('\n');
    text.into_bytes()
}

/// Reads a file: the highest SQN that may have been issued, by IMPI.
///
/// # Errors
/// [`Damage`] for anything that [`FileSqnStore`](super::FileSqnStore) wouldn't have written.
pub fn decode(octets: &[u8]) -> Result<HashMap<Impi, Sqn>, Damage> {
    if octets.is_empty() {
        return Err(Damage::Empty);
    }
    let text = core::str::from_utf8(octets).map_err(|_| Damage::NotText)?;
    if !text.starts_with(MAGIC) {
        return Err(Damage::Header);
    }
    let without_newline = text.strip_suffix('\n').ok_or(Damage::End)?;
    let (body, digest) = without_newline.rsplit_once("\nsha256 ").ok_or(Damage::End)?;
    let body = text.get(..=body.len()).ok_or(Damage::End)?;
    let digest: [u8; 32] = hex::array(digest).map_err(|_| Damage::End)?;
    if Sha256::digest(body.as_bytes()).as_slice() != digest {
        return Err(Damage::Digest);
    }
    let mut lines = body.lines();
    let count = lines
        .next()
        .and_then(|l| l.strip_prefix(MAGIC))
        .ok_or(Damage::Header)?;
    let want: usize = count.parse().map_err(|_| Damage::Header)?;
    let mut bounds = HashMap::new();
    for (n, line) in lines.enumerate() {
        let damage = Damage::Line { line: n + 2 };
        let (sqn, impi) = line.split_once(' ').ok_or(damage)?;
        let sqn: Sqn = sqn.parse().map_err(|_| damage)?;
        let impi: Impi = impi.parse().map_err(|_| damage)?;
        if bounds.insert(impi, sqn).is_some() {
            return Err(damage);
        }
    }
    if bounds.len() == want {
        Ok(bounds)
    } else {
        Err(Damage::Count {
            want,
            got: bounds.len(),
        })
    }
}
