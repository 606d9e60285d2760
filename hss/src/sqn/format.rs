//! The text of a file with sequence numbers: one line per subscriber, a count and a digest; then a line for each change,
//! whose check goes on from the digest. So half a file, two files joined, a changed digit or a missing line is seen, and
//! nothing starts at zero by mistake. Only the last line may be cut off: the number in it hasn't left. Pure.
//!
//! ```text
//! gba-sqn 1 2
//! 0000000007ff 001010123456789@ims.mnc001.mcc001.3gppnetwork.org
//! ff9bb4d0b607 123001000000000@ims.mnc001.mcc123.3gppnetwork.org
//! sha256 …64 hex digits over all that stands before this line…
//! 000000000bff 001010123456789@ims.mnc001.mcc001.3gppnetwork.org …16 hex digits…
//! ```
//!
//! A file without changes is what older versions wrote, and what they read.

use std::collections::HashMap;

use aka::Sqn;
use base::hex;
use gba::ids::Impi;
use sha2::{Digest as _, Sha256};

/// The first line, before the count.
const MAGIC: &str = "gba-sqn 1 ";

/// A file larger than this isn't ours: about a million subscribers.
pub(super) const MAX_OCTETS: u64 = 128 * 1024 * 1024;

/// Most octets of a change: an IMPI has at most 255.
const MAX_LINE: usize = 12 + 1 + 255 + 1 + 16 + 1;

/// What a disk writes whole, or not at all.
const SECTOR: usize = 512;

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
    /// A change whose check doesn't go on from the line before.
    #[error("line {line}: it doesn't go on from the line before: something was changed, or is missing")]
    Change {
        /// Line number, from 1.
        line: usize,
    },
    /// A line that isn't an SQN and an IMPI, or names an IMPI again.
    #[error("line {line}: an SQN of 12 hex digits, a space and an IMPI not named before expected")]
    Line {
        /// Line number, from 1.
        line: usize,
    },
}

/// What the checks of lines go on from.
#[derive(Clone, Debug)]
pub(super) struct Chain([u8; 32]);

impl Chain {
    /// A change as a line, and what the next one goes on from.
    pub(super) fn line(&self, impi: &Impi, bound: Sqn) -> (Vec<u8>, Self) {
        let text = format!("{} {impi}", hex::encode(bound.octets()));
        let next = self.after(text.as_bytes());
        (format!("{text} {}\n", next.check()).into_bytes(), next)
    }

    fn after(&self, text: &[u8]) -> Self {
        Self(
            Sha256::new()
                .chain_update(self.0)
                .chain_update(text)
                .finalize()
                .into(),
        )
    }

    fn check(&self) -> String {
        hex::encode(self.0.get(..8).unwrap_or_default())
    }
}

/// A file that was read.
pub(super) struct Content {
    /// The highest SQN that may have been issued, by IMPI.
    pub(super) bounds: HashMap<Impi, Sqn>,
    /// What the next line goes on from.
    pub(super) chain: Chain,
    /// Octets before the first change.
    pub(super) whole: usize,
    /// Octets after them.
    pub(super) changes: usize,
}

/// Writes the file without changes: the highest SQN that may have been issued, by IMPI.
pub(super) fn encode<'a>(bounds: impl Iterator<Item = (&'a Impi, Sqn)>) -> (Vec<u8>, Chain) {
    let mut lines: Vec<_> = bounds
        .map(|(impi, bound)| format!("{} {impi}\n", hex::encode(bound.octets())))
        .collect();
    lines.sort_unstable_by(|a, b| a.get(12..).cmp(&b.get(12..)));
    let mut text = format!("{MAGIC}{}\n", lines.len());
    text.extend(lines);
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    text.push_str("sha256 ");
    text.push_str(&hex::encode(digest));
    text.push('\n');
    (text.into_bytes(), Chain(digest))
}

/// Reads a file: the highest SQN that may have been issued, by IMPI.
///
/// # Errors
/// [`Damage`] for anything that [`FileSqnStore`](super::FileSqnStore) wouldn't have written.
pub fn decode(octets: &[u8]) -> Result<HashMap<Impi, Sqn>, Damage> {
    read(octets).map(|content| content.bounds)
}

/// The same, with what is needed to go on.
///
/// # Errors
/// As [`decode`].
pub(super) fn read(octets: &[u8]) -> Result<Content, Damage> {
    if octets.is_empty() {
        return Err(Damage::Empty);
    }
    if !octets.starts_with(MAGIC.as_bytes()) {
        return Err(Damage::Header);
    }
    let mark = b"\nsha256 ";
    let at = octets
        .windows(mark.len())
        .position(|w| w == mark)
        .ok_or(Damage::End)?;
    // The mark, 64 digits and the end of the line.
    let whole = at + mark.len() + 64 + 1;
    let head = octets.get(..whole).ok_or(Damage::End)?;
    let head = core::str::from_utf8(head).map_err(|_| Damage::NotText)?;
    let (body, end) = head.split_at_checked(at + 1).ok_or(Damage::End)?;
    let digest = end
        .strip_prefix("sha256 ")
        .and_then(|e| e.strip_suffix('\n'))
        .ok_or(Damage::End)?;
    let digest: [u8; 32] = hex::array(digest).map_err(|_| Damage::End)?;
    if Sha256::digest(body.as_bytes()).as_slice() != digest {
        return Err(Damage::Digest);
    }
    let mut content = Content {
        bounds: bounds(body)?,
        chain: Chain(digest),
        whole,
        changes: octets.len() - whole,
    };
    content.apply(octets, body.lines().count() + 2)?;
    Ok(content)
}

impl Content {
    /// Takes the changes that stand in the file from this line on.
    fn apply(&mut self, octets: &[u8], mut line: usize) -> Result<(), Damage> {
        let mut rest = octets.get(self.whole..).unwrap_or_default();
        while !rest.is_empty() {
            let damage = Damage::Change { line };
            let end = rest.iter().position(|octet| *octet == b'\n');
            let (text, after) = match end.and_then(|end| rest.split_at_checked(end)) {
                Some((text, after)) => (text, after.get(1..).unwrap_or_default()),
                None => (rest, [].as_slice()),
            };
            // A line of which only the end is missing or was changed is whole: its numbers may have left.
            let whole = || match end {
                None => self.change(text.split_last()?.1),
                Some(_) => None,
            };
            match self.change(text).or_else(whole) {
                Some((impi, bound, chain)) => {
                    self.bounds.insert(impi, bound);
                    self.chain = chain;
                }
                None if after.is_empty() && cut(text, octets.len() - rest.len(), end.is_some()) => {
                    return Ok(());
                }
                None => return Err(damage),
            }
            (rest, line) = (after, line + 1);
        }
        Ok(())
    }

    fn change(&self, text: &[u8]) -> Option<(Impi, Sqn, Chain)> {
        let (text, check) = core::str::from_utf8(text).ok()?.rsplit_once(' ')?;
        let chain = self.chain.after(text.as_bytes());
        let (sqn, impi) = text.split_once(' ')?;
        (chain.check() == check).then_some(())?;
        Some((impi.parse().ok()?, sqn.parse().ok()?, chain))
    }
}

/// Whether the last line, which isn't ours, may be one that was being written when the power failed: it has no end, and
/// perhaps a hole from somewhere on; or it has an end, and the sector before is missing. One octet that was changed is not
/// that: its numbers may have left.
fn cut(text: &[u8], at: usize, ends: bool) -> bool {
    let holes = text.iter().filter(|octet| **octet == 0).count();
    let (start, last) = text.split_at_checked(holes).unwrap_or_default();
    let before = text.split_at_checked(text.len() - holes).unwrap_or_default().1;
    text.len() < MAX_LINE
        && if ends {
            holes > 0 && !last.contains(&0) && (at + start.len()).is_multiple_of(SECTOR)
        } else {
            before.iter().all(|octet| *octet == 0)
        }
}

/// The lines of all subscribers.
fn bounds(body: &str) -> Result<HashMap<Impi, Sqn>, Damage> {
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
