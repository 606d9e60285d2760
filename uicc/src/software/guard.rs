//! What limits the AUTS that a rogue reader can collect (row 32).
//!
//! An AUTS hides SQN_MS under f5*(RAND): two of them for one RAND, at two times, show SQN ⊕ SQN, and so how often the
//! card was used in between (Borgaonkar and others, PoPETs 2019). With the guard a RAND gets its first AUTS again, which
//! tells nothing new, and there are only so many RANDs between two accepted runs. It is a file of the card that nobody
//! reads, so that a reset doesn't help.

use aka::{Auts, Rand};
use base::Reader;

use crate::{Sw, fcp::Security};

use super::{
    files::{Files, MF, NodeId},
    profile::{Content, FilePath, FileSpec},
};

/// Identifier of the file under the MF: proprietary.
const FID: u16 = 0xaf30;
/// RANDs that are remembered, and synchronisation failures in a row.
const MOST: u8 = 16;
/// Octets of a RAND and its AUTS.
const ENTRY: usize = 16 + 14;

/// The file: how many failures in a row, then RANDs with their AUTS, the newest first.
pub(super) fn file() -> FileSpec {
    let mut octets = vec![0];
    octets.resize(1 + usize::from(MOST) * ENTRY, 0xff);
    FileSpec {
        // All modes: never.
        security: Security::Other {
            tag: 0xab,
            value: vec![0x80, 0x01, 0x7f, 0x97, 0x00],
        },
        ..FileSpec::new(FilePath::in_mf(&[FID]), 0, 0, Content::Transparent(octets))
    }
}

fn find(files: &Files) -> Option<(NodeId, u8)> {
    let id = files.find_ef(MF, FID)?;
    Some((id, *files.transparent(id).ok()?.first()?))
}

/// The AUTS to be answered.
///
/// # Errors
/// 6985 after too many failures in a row.
pub(super) fn sync_failure(files: &mut Files, rand: &Rand, auts: Auts) -> Result<Auts, Sw> {
    let Some((id, failures)) = find(files) else {
        return Ok(auts);
    };
    let octets = files.transparent(id)?;
    let mut entries = octets.get(1..).unwrap_or_default().chunks_exact(ENTRY);
    if let Some(known) = entries.find_map(|e| answered(e, rand)) {
        return Ok(known);
    }
    if failures >= MOST {
        return Err(Sw::CONDITIONS);
    }
    let octets = files.transparent_mut(id)?;
    let size = octets.len();
    let kept = octets.get(1..size.saturating_sub(ENTRY)).unwrap_or_default();
    let mut now = vec![failures + 1];
    now.extend_from_slice(rand.octets());
    now.extend_from_slice(auts.octets());
    now.extend_from_slice(kept);
    now.resize(size, 0xff);
    *octets = now;
    Ok(auts)
}

fn answered(entry: &[u8], rand: &Rand) -> Option<Auts> {
    let mut r = Reader::new(entry);
    let known: [u8; 16] = r.array("RAND").ok()?;
    let auts: [u8; 14] = r.array("AUTS").ok()?;
    (known == *rand.octets()).then(|| Auts::from(auts))
}

/// A run was accepted: the count begins again.
pub(super) fn accepted(files: &mut Files) {
    if let Some((id, 1..)) = find(files)
        && let Ok(octets) = files.transparent_mut(id)
        && let Some(count) = octets.first_mut()
    {
        *count = 0;
    }
}
