//! What the table of names ([`crate::names`]) says of a place on the card: the terminal asks by path, the table has
//! directories.

use crate::names;

use super::path::{Path, Root};

/// Applications by the beginning of their AID (TS 101 220 annex E, GPD_SPE_013, TS-0003 annex D).
const APPLICATIONS: &[(&str, &[u8])] = &[
    ("USIM", &names::USIM_AID_PREFIX),
    ("ISIM", &[0xa0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x04]),
    ("CSIM", &[0xa0, 0x00, 0x00, 0x03, 0x43, 0x10, 0x02]),
    ("ARA-M", &[0xa0, 0x00, 0x00, 0x01, 0x51, 0x41, 0x43, 0x4c, 0x00]),
    ("ISD", &[0xa0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00]),
];

/// `USIM` for the AID of a USIM.
pub(super) fn application(aid: &[u8]) -> Option<&'static str> {
    let known = |(_, prefix): &&(&str, &[u8])| aid.starts_with(prefix);
    APPLICATIONS.iter().find(known).map(|(name, _)| *name)
}

/// The beginning of the AID of every `USIM`.
pub(super) fn application_aid(name: &str) -> Option<&'static [u8]> {
    let known = |(n, _): &&(&str, &[u8])| n.eq_ignore_ascii_case(name);
    APPLICATIONS.iter().find(known).map(|(_, aid)| *aid)
}

/// The name of the file at this path.
pub(super) fn name(path: &Path) -> Option<&'static str> {
    let fid = path.fid();
    names::name(fid).filter(|_| in_its_place(path, fid))
}

/// The identifier of that name in this directory.
pub(super) fn fid_in(directory: &Path, name: &str) -> Option<u16> {
    candidates(directory)
        .into_iter()
        .find(|fid| names::name(*fid) == Some(name))
}

/// Identifiers that a card may have in this directory, in order.
pub(super) fn candidates(directory: &Path) -> Vec<u16> {
    let range = match (&directory.root, directory.fids.as_slice()) {
        (Root::Mf, []) => 0x2f00..=0x2fff,
        (Root::Application(_), []) => 0x6f00..=0x6fff,
        _ => return Vec::new(),
    };
    range.filter(|fid| names::name(*fid).is_some()).collect()
}

/// Every place that has a file of that name.
pub(super) fn find(name: &str) -> Option<Path> {
    let mut directories = vec![Path::MF];
    directories.extend(APPLICATIONS.iter().map(|(_, aid)| Path::application(aid)));
    directories
        .into_iter()
        .find_map(|d| fid_in(&d, name).map(|fid| d.child(fid)))
}

fn in_its_place(path: &Path, fid: u16) -> bool {
    matches!(
        (&path.root, path.fids.len(), fid >> 8),
        (Root::Mf, 1, 0x2f) | (Root::Application(_), 1, 0x6f)
    )
}
