//! Names and paths of files, as a person writes them.

use base::hex;
use uicc::{
    software::{self, profile::FilePath},
    terminal::{Path, Root},
};

use crate::config::looks_like_a_key;

/// Full AID of an application that the software card has: of its name, the beginning of its AID, or in hex.
pub(crate) fn aid(text: &str) -> Option<Vec<u8>> {
    let path = Path::parse_in(&Path::MF, &format!("ADF.{text}")).or_else(|_| Path::parse_in(&Path::MF, text));
    match path {
        Ok(Path {
            root: Root::Application(aid),
            fids,
        }) if fids.is_empty() => Some(whole(&aid)),
        _ => hex::decode(text).ok().filter(|aid| (5..=16).contains(&aid.len())),
    }
}

/// The whole AID that begins so.
fn whole(aid: &[u8]) -> Vec<u8> {
    let known: [&[u8]; 3] = [&software::USIM_AID, &software::ISIM_AID, &software::M2MSM_AID];
    let known = known.into_iter().find(|known| known.starts_with(aid));
    known.map_or_else(|| aid.to_vec(), |known| known.to_vec())
}

/// `3F00/2FE2`, `MF/EF_ICCID`, `ADF.USIM/6F07`, `7FFF/EF_IMSI`, `A0000000871002…/6F07`, or a name alone.
pub(crate) fn parse(text: &str) -> Result<FilePath, String> {
    let path = Path::parse_in(&Path::MF, text).map_err(|e| {
        // The text may be a key that stands in the wrong place.
        if text.len() > 40 || text.contains(char::is_control) || looks_like_a_key(text) {
            "a path such as ADF.USIM/6F46 or 3F00/7F10/6F3A, or a name such as EF_SPN, expected".into()
        } else {
            e.to_string()
        }
    })?;
    Ok(match path.root {
        Root::Mf => FilePath::in_mf(&path.fids),
        Root::Application(aid) => FilePath::in_adf(&whole(&aid), &path.fids),
    })
}
