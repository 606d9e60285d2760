//! A card's state as the octets of a file: a whole, then an entry for each commit. Pure; who has files writes them.
//!
//! ```text
//! "gba-card 1\n"
//! length(4) check(4) { serial number, fingerprint, changes } check(8)     the whole: written as a file of its own
//! length(4) check(4) { changes } check(8)                                 one commit: written at the end
//! ```
//!
//! Each check is cut from a SHA-256 that goes on from the one before, so that an entry that is changed, missing or
//! elsewhere is seen. Only the last entry may be cut off: its answer hasn't left. A length has a check of its own, since
//! a wrong one would make a whole entry look like one that was cut off.

mod change;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use aka::{Algorithm as _, F2345, Rand};
use base::{DecodeError, Reader, SecretBytes};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use self::change::{Writer, read_changes, write_change};
use super::{Profile, store::Change};
use crate::ef::Iccid;

/// The first octets.
const MAGIC: &[u8] = b"gba-card 1\n";
/// Octets of a frame around its content.
const LENGTH: usize = 4;
const LENGTH_CHECK: usize = 4;
const CHECK: usize = 8;
/// A larger file isn't ours: files of a card have some KiB, and the journal is folded before it has many more.
pub const MAX_OCTETS: usize = 16 * 1024 * 1024;

/// Which card a state belongs to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CardId {
    /// Serial number.
    pub iccid: Iccid,
    /// Tells another IMSI, K, OPc, algorithm set or number of INDs, and nothing about them: cut from a SHA-256 over
    /// these and what the algorithm set answers to one RAND.
    pub fingerprint: [u8; 16],
}

impl CardId {
    /// That of a profile.
    #[must_use]
    pub fn of(profile: &Profile) -> Self {
        let F2345 { res, ck, ik, .. } = profile.algorithm.f2345(&Rand::from(*b"gba card's state"));
        let digest: [u8; 32] = Sha256::new()
            .chain_update(profile.imsi.as_str())
            .chain_update([0, profile.sqn.profile().ind_bits])
            .chain_update(res.expose())
            .chain_update(ck.expose())
            .chain_update(ik.expose())
            .finalize()
            .into();
        Self {
            iccid: profile.iccid.clone(),
            fingerprint: cut(&digest),
        }
    }
}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Damage {
    /// No octets: created or cut off by something else.
    #[error("it is empty")]
    Empty,
    /// Larger than any file of ours.
    #[error("it is larger than {} MiB", MAX_OCTETS / 1024 / 1024)]
    TooLarge,
    /// It begins with other octets.
    #[error("it isn't a card's state, or one of another version: 'gba-card 1' expected at its start")]
    Magic,
    /// The end of the whole is missing. It is written as a file of its own, so no power cut did this.
    #[error("its end is cut off")]
    End,
    /// A frame's check doesn't go on from what stands before it.
    #[error(
        "octet {at}: what is written here doesn't go on from what stands before it: something was changed, or is missing"
    )]
    Changed {
        /// Offset of the frame.
        at: usize,
    },
    /// A frame with a right check holds what this version doesn't know.
    #[error("octet {at}: written by another version ({why})")]
    Content {
        /// Offset of the frame.
        at: usize,
        /// What was expected there.
        why: DecodeError,
    },
}

/// Where a file ends and how it goes on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Journal {
    chain: [u8; 32],
    /// Octets of the whole.
    pub whole: usize,
    /// Octets of the commits after it.
    pub commits: usize,
}

/// A file that was read. Holds secrets: no `Debug`.
pub struct Content {
    /// Whose state it is.
    pub id: CardId,
    /// The last change of each item, directories before what they hold.
    pub changes: Vec<Change>,
    /// How it goes on.
    pub journal: Journal,
    /// Octets of a last entry that was cut off: the file ends before them.
    pub cut_off: usize,
}

impl Journal {
    /// A file with these changes and no commits.
    #[must_use]
    pub fn whole<'a>(id: &CardId, changes: impl IntoIterator<Item = &'a Change>) -> (SecretBytes, Self) {
        let mut w = Writer::default();
        let iccid = id.iccid.as_str();
        w.short(iccid.as_bytes());
        w.put(&id.fingerprint);
        changes.into_iter().for_each(|c| write_change(&mut w, c));
        let (octets, chain) = Self::start().frame(MAGIC, w);
        let whole = octets.len();
        (
            octets,
            Self {
                chain,
                whole,
                commits: 0,
            },
        )
    }

    /// One commit, to be written at the end, and how the file goes on then.
    #[must_use]
    pub fn commit<'a>(&self, changes: impl IntoIterator<Item = &'a Change>) -> (SecretBytes, Self) {
        let mut w = Writer::default();
        changes.into_iter().for_each(|c| write_change(&mut w, c));
        let (octets, chain) = self.frame(&[], w);
        let commits = self.commits + octets.len();
        (
            octets,
            Self {
                chain,
                whole: self.whole,
                commits,
            },
        )
    }

    /// Any octets as the content of a file whose checks are right: for fuzzing.
    #[doc(hidden)]
    #[must_use]
    pub fn framed(content: &[u8]) -> SecretBytes {
        let mut w = Writer::default();
        w.put(content);
        Self::start().frame(MAGIC, w).0
    }

    fn start() -> Self {
        Self {
            chain: Sha256::digest(MAGIC).into(),
            whole: 0,
            commits: 0,
        }
    }

    fn frame(&self, before: &[u8], content: Writer) -> (SecretBytes, [u8; 32]) {
        let content = content.done();
        // A card's files have at most some MiB.
        let length = u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes();
        let chain = after(&self.chain, length, content.expose());
        let mut out = Vec::with_capacity(before.len() + LENGTH + LENGTH_CHECK + content.len() + CHECK);
        out.extend_from_slice(before);
        out.extend_from_slice(&length);
        out.extend_from_slice(&length_check(&self.chain, length));
        out.extend_from_slice(content.expose());
        out.extend_from_slice(&cut::<CHECK>(&chain));
        (SecretBytes::new(out), chain)
    }
}

/// Reads a file.
///
/// # Errors
/// [`Damage`] for anything that wasn't written as [`Journal`] writes, up to a last entry that was cut off.
pub fn read(octets: &[u8]) -> Result<Content, Damage> {
    if octets.is_empty() {
        return Err(Damage::Empty);
    }
    if octets.len() > MAX_OCTETS {
        return Err(Damage::TooLarge);
    }
    let mut left = octets.strip_prefix(MAGIC).ok_or(Damage::Magic)?;
    let mut chain: [u8; 32] = Sha256::digest(MAGIC).into();
    let mut items = BTreeMap::new();
    let mut first: Option<(CardId, usize)> = None;
    let mut cut_off = 0;
    while !left.is_empty() || first.is_none() {
        let at = octets.len() - left.len();
        let (content, rest) = match (frame(&mut chain, left), &first) {
            (Ok(found), _) => found,
            (Err(Broken::Cut), Some(_)) => {
                cut_off = left.len();
                break;
            }
            (Err(Broken::Cut), None) => return Err(Damage::End),
            (Err(Broken::Changed), _) => return Err(Damage::Changed { at }),
        };
        let wrong = |why| Damage::Content { at, why };
        let mut r = Reader::new(content);
        if first.is_none() {
            first = Some((card_id(&mut r).map_err(wrong)?, octets.len() - rest.len()));
        }
        for change in read_changes(&mut r).map_err(wrong)? {
            items.insert(change.item(), change);
        }
        left = rest;
    }
    // The loop doesn't end without it.
    let (id, whole) = first.ok_or(Damage::End)?;
    Ok(Content {
        id,
        changes: items.into_values().collect::<Vec<Change>>(),
        journal: Journal {
            chain,
            whole,
            commits: octets.len() - whole - cut_off,
        },
        cut_off,
    })
}

/// Why a frame isn't whole.
enum Broken {
    /// The power may have failed while it was written.
    Cut,
    /// Something else did it.
    Changed,
}

/// The content of the next frame, and what stands after it.
fn frame<'a>(chain: &mut [u8; 32], octets: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), Broken> {
    // A file system may have made the file longer before it wrote what stands there.
    let cut = if octets.iter().all(|o| *o == 0) {
        Broken::Cut
    } else {
        Broken::Changed
    };
    let Some((length, rest)) = octets.split_first_chunk::<LENGTH>() else {
        return Err(Broken::Cut);
    };
    let Some((check, rest)) = rest.split_first_chunk::<LENGTH_CHECK>() else {
        return Err(Broken::Cut);
    };
    if *check != length_check(chain, *length) {
        return Err(cut);
    }
    let size = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    let Some((content, rest)) = rest.split_at_checked(size) else {
        return Err(Broken::Cut);
    };
    let Some((check, rest)) = rest.split_first_chunk::<CHECK>() else {
        return Err(Broken::Cut);
    };
    let next = after(chain, *length, content);
    if *check == cut_check(&next) {
        *chain = next;
        return Ok((content, rest));
    }
    // The last one, of which the end is a hole.
    if rest.is_empty() && *check == [0; CHECK] {
        return Err(Broken::Cut);
    }
    Err(Broken::Changed)
}

fn card_id(r: &mut Reader<'_>) -> Result<CardId, DecodeError> {
    let length = r.u8("serial number")?;
    let at = r.at();
    let bad = DecodeError::Invalid {
        what: "serial number",
        at,
        rule: "18 to 20 decimal digits",
    };
    let digits = r.take(usize::from(length), "serial number")?;
    let iccid = core::str::from_utf8(digits).map_err(|_| bad)?;
    Ok(CardId {
        iccid: iccid.parse().map_err(|_| bad)?,
        fingerprint: r.array("fingerprint")?,
    })
}

fn after(chain: &[u8; 32], length: [u8; LENGTH], content: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(chain)
        .chain_update(length)
        .chain_update(content)
        .finalize()
        .into()
}

/// Told from the check of an empty entry by its label.
fn length_check(chain: &[u8; 32], length: [u8; LENGTH]) -> [u8; LENGTH_CHECK] {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(b"length")
        .chain_update(chain)
        .chain_update(length)
        .finalize()
        .into();
    cut(&digest)
}

fn cut_check(chain: &[u8; 32]) -> [u8; CHECK] {
    cut(chain)
}

/// The first octets of a digest.
fn cut<const N: usize>(digest: &[u8; 32]) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(digest) {
        *to = *from;
    }
    out
}
