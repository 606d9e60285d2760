//! What the table of names ([`crate::names`]) says of a place on the card: the terminal asks by path, the table has
//! directories.

use crate::names::{self, APPLICATIONS, DIRECTORIES, Directory};

use super::path::{Path, Root};

/// `USIM` for the AID of a USIM.
#[must_use]
pub fn application(aid: &[u8]) -> Option<&'static str> {
    let known = |(_, prefix): &&(&str, &[u8])| aid.starts_with(prefix);
    APPLICATIONS.iter().find(known).map(|(name, _)| *name)
}

/// The beginning of the AID of every `USIM`.
pub(super) fn application_aid(name: &str) -> Option<&'static [u8]> {
    let known = |(n, _): &&(&str, &[u8])| n.eq_ignore_ascii_case(name);
    APPLICATIONS.iter().find(known).map(|(_, aid)| *aid)
}

fn aid(path: &Path) -> Option<&[u8]> {
    match &path.root {
        Root::Mf => None,
        Root::Application(aid) => Some(aid),
    }
}

/// The directories of the table in that one, with the last part of their names: `DF.5GS`.
fn below(directory: &Path) -> impl Iterator<Item = (u16, &'static str)> {
    let place = names::directory(aid(directory), &[]).map(|d| d.aid);
    DIRECTORIES.iter().filter_map(move |d: &'static Directory| {
        let (fid, above) = d.fids.split_last()?;
        let here = Some(d.aid) == place && above == directory.fids;
        here.then_some((*fid, d.name.rsplit('/').next()?))
    })
}

/// The name of the file at this path.
pub(super) fn name(path: &Path) -> Option<&'static str> {
    let file = names::file(aid(path), &path.fids).map(|f| f.name);
    file.or_else(|| names::directory(aid(path), &path.fids)?.name.rsplit('/').next())
}

/// The identifier of that name, in any of its spellings, in this directory.
pub(super) fn fid_in(directory: &Path, name: &str) -> Option<u16> {
    let file = names::directory(aid(directory), &directory.fids).and_then(|d| d.named(name));
    file.map(|f| f.fid).or_else(|| {
        let found = |(_, known): &(u16, &str)| names::same_name(known, name);
        below(directory).find(found).map(|(fid, _)| fid)
    })
}

/// Identifiers that a card may have in this directory, in order.
pub(super) fn candidates(directory: &Path) -> Vec<u16> {
    let files = names::directory(aid(directory), &directory.fids).map_or(&[][..], |d| d.files);
    let mut fids: Vec<u16> = files.iter().map(|f| f.fid).collect();
    fids.extend(below(directory).map(|(fid, _)| fid));
    fids.sort_unstable();
    fids
}

/// The first place that has a file of that name.
pub(super) fn find(name: &str) -> Option<Path> {
    DIRECTORIES.iter().find_map(|d| {
        let directory = Path {
            root: d.aid.map_or(Root::Mf, |aid| Root::Application(aid.to_vec())),
            fids: d.fids.to_vec(),
        };
        fid_in(&directory, name).map(|fid| directory.child(fid))
    })
}
