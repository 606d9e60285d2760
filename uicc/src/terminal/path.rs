//! [`Path`]: where a file is, as a person writes it and as SELECT needs it.

use core::{fmt, str::FromStr};

use base::hex;
use thiserror::Error;

use crate::names;

use super::known;

/// Where a path begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Root {
    /// The master file.
    Mf,
    /// An application, by the beginning of its AID (at least 5 octets) or the whole of it.
    Application(Vec<u8>),
}

/// A file: its root and the identifiers down to it. Empty: the MF or the ADF itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Path {
    /// MF or application.
    pub root: Root,
    /// File identifiers from there.
    pub fids: Vec<u16>,
}

/// A text that names no file.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum PathError {
    /// Not in the table of names, and no identifier.
    #[error(
        "{0} is no file that is known by name: give its path in hex, such as 3F00/2FE2, ADF.USIM/6F07 or 7FFF/6F07"
    )]
    Name(String),
    /// Nothing between two slashes, or nothing at all.
    #[error("a path has names or identifiers between its slashes, such as MF/EF_ICCID or ADF.USIM/6F07")]
    Empty,
    /// The MF or an ADF behind something else.
    #[error("{0} stands at the beginning of a path only")]
    Inside(String),
}

impl Path {
    /// The master file.
    pub const MF: Self = Self {
        root: Root::Mf,
        fids: Vec::new(),
    };

    /// An application's directory.
    #[must_use]
    pub fn application(aid: &[u8]) -> Self {
        Self {
            root: Root::Application(aid.to_vec()),
            fids: Vec::new(),
        }
    }

    /// The first USIM.
    #[must_use]
    pub fn usim() -> Self {
        Self::application(&names::USIM_AID_PREFIX)
    }

    /// The first ISIM.
    #[must_use]
    pub fn isim() -> Self {
        Self::application(known::application_aid("ISIM").unwrap_or_default())
    }

    /// A file in this directory.
    #[must_use]
    pub fn child(&self, fid: u16) -> Self {
        let mut child = self.clone();
        child.fids.push(fid);
        child
    }

    /// The directory around it; `None` for the MF and an ADF.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let mut parent = self.clone();
        parent.fids.pop()?;
        Some(parent)
    }

    /// Its own identifier; 7FFF for an ADF.
    #[must_use]
    pub fn fid(&self) -> u16 {
        match (self.fids.last(), &self.root) {
            (Some(fid), _) => *fid,
            (None, Root::Mf) => names::MF,
            (None, Root::Application(_)) => names::ADF,
        }
    }

    /// The application's AID and the identifiers from there, as [`crate::names::file`] asks for them.
    #[must_use]
    pub fn place(&self) -> (Option<&[u8]>, &[u16]) {
        let aid = match &self.root {
            Root::Mf => None,
            Root::Application(aid) => Some(&aid[..]),
        };
        (aid, &self.fids)
    }

    /// In hex throughout: `3F00/2FE2`, `A0000000871002/6F07`.
    #[must_use]
    pub fn hex(&self) -> String {
        let root = match &self.root {
            Root::Mf => "3F00".to_owned(),
            Root::Application(aid) => hex::encode(aid).to_uppercase(),
        };
        let fids = self.fids.iter().map(|fid| format!("/{fid:04X}"));
        core::iter::once(root).chain(fids).collect()
    }

    /// Its name in the table.
    #[must_use]
    pub fn name(&self) -> Option<&'static str> {
        known::name(self)
    }

    /// Reads a path that may begin in `here`: `EF_IMSI`, `7FFF/6F07`, `ADF.USIM/EF.UST`, `MF/2FE2`, `6F07`, `..`.
    ///
    /// A name alone that `here` doesn't have is looked for in the MF, the USIM, then everywhere in the table. `7FFF`
    /// is the application of `here`, else the USIM.
    ///
    /// # Errors
    /// [`PathError`] says what isn't known.
    pub fn parse_in(here: &Self, text: &str) -> Result<Self, PathError> {
        let mut parts = text.split('/').map(str::trim);
        let first = parts.next().unwrap_or_default();
        let mut path = match first {
            "" if text.starts_with('/') && text.len() > 1 => Self::MF,
            "" => return Err(PathError::Empty),
            first => here.first(first)?,
        };
        for part in parts {
            path = path.step(part)?;
        }
        Ok(path)
    }

    fn first(&self, part: &str) -> Result<Self, PathError> {
        if let Some(root) = root(self, part) {
            return Ok(root);
        }
        if let Ok(path) = self.step(part) {
            // An identifier in the MF's own range isn't looked for in an application, nor the other way round.
            if let Some(fid) = identifier(part) {
                return Ok(self.usual_place(fid).child(fid));
            }
            return Ok(path);
        }
        let name = plain(part);
        for place in [Self::MF, Self::usim()] {
            if let Some(fid) = known::fid_in(&place, &name) {
                return Ok(place.child(fid));
            }
        }
        known::find(&name).ok_or_else(|| PathError::Name(part.to_owned()))
    }

    /// Identifiers 2Fxx are of the MF (TS 102 221 8.6), 6Fxx of an application: whoever writes one alone means those.
    fn usual_place(&self, fid: u16) -> Self {
        match (fid >> 8, &self.root, self.fids.is_empty()) {
            (0x2f, ..) => Self::MF,
            (0x6f, Root::Mf, true) => Self::usim(),
            _ => self.clone(),
        }
    }

    fn step(&self, part: &str) -> Result<Self, PathError> {
        match part {
            "" => return Err(PathError::Empty),
            "." => return Ok(self.clone()),
            ".." => return Ok(self.parent().unwrap_or(Self::MF)),
            _ => {}
        }
        if let Some(fid) = identifier(part) {
            return match fid {
                names::MF | names::ADF => Err(PathError::Inside(part.to_owned())),
                _ => Ok(self.child(fid)),
            };
        }
        match known::fid_in(self, &plain(part)) {
            Some(fid) => Ok(self.child(fid)),
            None => Err(PathError::Name(part.to_owned())),
        }
    }
}

/// `MF`, `3F00`, `7FFF`, `ADF.USIM`, or an AID in hex.
fn root(here: &Path, part: &str) -> Option<Path> {
    if part.eq_ignore_ascii_case("MF") || identifier(part) == Some(names::MF) {
        return Some(Path::MF);
    }
    if identifier(part) == Some(names::ADF) {
        return Some(match &here.root {
            Root::Application(aid) => Path::application(aid),
            Root::Mf => Path::usim(),
        });
    }
    let upper = part.to_ascii_uppercase();
    let adf = upper
        .strip_prefix("ADF")
        .map(|name| name.trim_start_matches(['.', '_', ' ']));
    if let Some(aid) = adf.and_then(known::application_aid) {
        return Some(Path::application(aid));
    }
    let aid = hex::decode(part)
        .ok()
        .filter(|aid| (5..=16).contains(&aid.len()))?;
    Some(Path::application(&aid))
}

/// Four hex digits.
fn identifier(part: &str) -> Option<u16> {
    if part.len() != 4 || !part.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u16::from_str_radix(part, 16).ok()
}

/// As the table has it: `EF.UST` and `ef_ust` are `EF_UST`; `ICCID` alone is `EF_ICCID`.
fn plain(part: &str) -> String {
    let name = part.to_ascii_uppercase().replace(['.', '-', ' '], "_");
    if name.starts_with("EF_") || name.starts_with("DF_") {
        name
    } else {
        format!("EF_{name}")
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse_in(&Self::MF, text)
    }
}

impl fmt::Display for Path {
    /// With names where there are some: `MF/EF_ICCID`, `ADF.USIM/5FC0/4F07`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut at = match &self.root {
            Root::Mf => {
                f.write_str("MF")?;
                Self::MF
            }
            Root::Application(aid) => {
                match known::application(aid) {
                    Some(name) => write!(f, "ADF.{name}")?,
                    None => f.write_str(&hex::encode(aid).to_uppercase())?,
                }
                Self::application(aid)
            }
        };
        for fid in &self.fids {
            at = at.child(*fid);
            match at.name() {
                Some(name) => write!(f, "/{name}")?,
                None => write!(f, "/{fid:04X}")?,
            }
        }
        Ok(())
    }
}
