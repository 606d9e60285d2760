//! Descriptions of files and keys: a profile is a list of them, whether it comes from this crate's own modules or from
//! a file that a person wrote; a change that a card records is one of them again.

use core::{fmt, str::FromStr};

use base::{DecodeError, hex};

use crate::{fcp::Security, names, pin::Pin};

/// Where a file is: from the MF or from an application, one identifier a step.
///
/// As text `3F00/7F10/6F3A`, `A0000000871002FFFFFFFF8900000100/6F07`; the MF alone is `3F00`, an ADF its AID.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FilePath {
    /// AID of the application that it lies in, 5 to 16 octets; `None` counts from the MF.
    application: Option<Vec<u8>>,
    fids: Vec<u16>,
}

impl FilePath {
    /// The MF itself.
    pub const MF: Self = Self {
        application: None,
        fids: Vec::new(),
    };

    /// A file under the MF, by the identifiers on the way.
    #[must_use]
    pub fn in_mf(fids: &[u16]) -> Self {
        Self {
            application: None,
            fids: fids.to_vec(),
        }
    }

    /// A file of an application; with no identifiers its ADF.
    #[must_use]
    pub fn in_adf(aid: &[u8], fids: &[u16]) -> Self {
        Self {
            application: Some(aid.to_vec()),
            fids: fids.to_vec(),
        }
    }

    /// AID of the application that the file lies in or is the ADF of.
    #[must_use]
    pub fn application(&self) -> Option<&[u8]> {
        self.application.as_deref()
    }

    /// Identifiers on the way, the file's own last; empty for MF and ADF.
    #[must_use]
    pub fn fids(&self) -> &[u16] {
        &self.fids
    }

    /// The file's own identifier; an ADF has none here.
    #[must_use]
    pub fn fid(&self) -> Option<u16> {
        match (self.fids.last(), &self.application) {
            (Some(fid), _) => Some(*fid),
            (None, None) => Some(names::MF),
            (None, Some(_)) => None,
        }
    }

    /// The directory that the file lies in: of an ADF the MF, of the MF nothing.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        match (self.fids.split_last(), &self.application) {
            (Some((_, rest)), _) => Some(Self {
                application: self.application.clone(),
                fids: rest.to_vec(),
            }),
            (None, Some(_)) => Some(Self::MF),
            (None, None) => None,
        }
    }

    /// A file in this directory.
    #[must_use]
    pub fn child(&self, fid: u16) -> Self {
        let mut path = self.clone();
        path.fids.push(fid);
        path
    }

    /// True if the file is that directory or lies in it, at any depth.
    #[must_use]
    pub fn is_within(&self, directory: &Self) -> bool {
        *directory == Self::MF
            || (self.application == directory.application && self.fids.starts_with(&directory.fids))
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.application {
            None => write!(f, "{:04X}", names::MF)?,
            Some(aid) => aid.iter().try_for_each(|o| write!(f, "{o:02X}"))?,
        }
        self.fids.iter().try_for_each(|fid| write!(f, "/{fid:04X}"))
    }
}

impl FromStr for FilePath {
    type Err = DecodeError;

    fn from_str(text: &str) -> Result<Self, DecodeError> {
        let bad = |rule| DecodeError::Invalid {
            what: "file path",
            at: 0,
            rule,
        };
        let mut parts = text.split('/');
        let root = hex::decode(parts.next().unwrap_or_default())
            .map_err(|_| bad("3F00 or an AID in hexadecimal first"))?;
        let application = match root.as_slice() {
            [0x3f, 0x00] => None,
            aid if (5..=16).contains(&aid.len()) => Some(root),
            _ => return Err(bad("3F00 or an AID of 5 to 16 octets first")),
        };
        let fids = parts
            .map(|part| match hex::decode(part).as_deref() {
                Ok([high, low]) => Ok(u16::from_be_bytes([*high, *low])),
                _ => Err(bad("file identifiers of four hexadecimal digits, divided by /")),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { application, fids })
    }
}

/// Life cycle of a file (TS 102 221 11.1.1.4.9).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LifeCycle {
    /// 01.
    Creation,
    /// 03: being filled; ACTIVATE FILE ends it.
    Initialisation,
    /// 05 (or 07): in use.
    #[default]
    Activated,
    /// 04 (or 06): ACTIVATE FILE brings it back.
    Deactivated,
    /// 0C to 0F: for ever.
    Terminated,
}

impl LifeCycle {
    /// The octet of tag 8A.
    #[must_use]
    pub const fn octet(self) -> u8 {
        match self {
            Self::Creation => 0x01,
            Self::Initialisation => 0x03,
            Self::Activated => 0x05,
            Self::Deactivated => 0x04,
            Self::Terminated => 0x0c,
        }
    }

    /// From the octet of tag 8A.
    #[must_use]
    pub const fn from_octet(octet: u8) -> Option<Self> {
        Some(match octet {
            0x01 => Self::Creation,
            0x03 => Self::Initialisation,
            0x05 | 0x07 => Self::Activated,
            0x04 | 0x06 => Self::Deactivated,
            0x0c..=0x0f => Self::Terminated,
            _ => return None,
        })
    }
}

/// What a file is and holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Content {
    /// MF, DF or ADF, as its path says.
    Directory,
    /// Octets with an offset; at most 32767 are reached by READ BINARY.
    Transparent(Vec<u8>),
    /// Records of one length, 1 to 254 of them. A shorter one is filled up with FF.
    LinearFixed {
        /// Octets of a record, 1 to 255.
        record_length: u8,
        /// Record 1 first.
        records: Vec<Vec<u8>>,
    },
    /// The same in a ring.
    Cyclic {
        /// Octets of a record, 1 to 255.
        record_length: u8,
        /// Record 1, the newest, first.
        records: Vec<Vec<u8>>,
    },
    /// Data objects by tag.
    BerTlv {
        /// Octets that all objects together may take, tags and lengths included.
        max_size: u32,
        /// Tag of one to three octets, and value.
        objects: Vec<(u32, Vec<u8>)>,
    },
}

/// One file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileSpec {
    /// Where it is. Its directory comes earlier in a list.
    pub path: FilePath,
    /// Short file identifier, 1 to 30, only of an EF.
    pub sfi: Option<u8>,
    /// Its access rules: mostly a record of an EF_ARR, which is looked for in the file's directory, then in the ones
    /// above; [`Security::Other`] with tag 8C (compact) or AB (expanded) holds the rules themselves.
    pub security: Security,
    /// Life cycle.
    pub life_cycle: LifeCycle,
    /// May be selected on several channels.
    pub shareable: bool,
    /// What it is and holds.
    pub content: Content,
}

impl FileSpec {
    /// An activated, shareable file without SFI, whose rules are in that record of that EF_ARR.
    #[must_use]
    pub const fn new(path: FilePath, arr: u16, record: u8, content: Content) -> Self {
        Self {
            path,
            sfi: None,
            security: Security::Referenced { arr, record },
            life_cycle: LifeCycle::Activated,
            shareable: true,
            content,
        }
    }

    /// With a short file identifier.
    #[must_use]
    pub const fn with_sfi(mut self, sfi: u8) -> Self {
        self.sfi = Some(sfi);
        self
    }
}

/// A PIN or administrative code with its counters (TS 102 221 9.5).
pub struct KeySpec {
    /// 01 to 08: PIN of applications; 11: universal PIN; 0A to 0E: ADM 1 to 5; 81 to 88: second PIN of one application;
    /// 8A to 8E: ADM 6 to 10.
    pub reference: u8,
    /// AID of the application that a local key (81 and above) belongs to; `None`: one for all.
    pub application: Option<Vec<u8>>,
    /// The value.
    pub value: Pin,
    /// Tries left.
    pub tries: u8,
    /// Tries after a right one, 1 to 15.
    pub max_tries: u8,
    /// What unblocks it, if anything does.
    pub unblock: Option<Unblock>,
    /// Must be verified.
    pub enabled: bool,
    /// While disabled, the universal PIN is asked for in its place (DISABLE PIN with P1 = 91).
    pub replaced: bool,
}

impl KeySpec {
    /// Three tries for a PIN, ten for an ADM; enabled, nothing unblocks it.
    #[must_use]
    pub const fn new(reference: u8, value: Pin) -> Self {
        let tries = if matches!(reference & 0x7f, 0x0a..=0x0e) {
            10
        } else {
            3
        };
        Self {
            reference,
            application: None,
            value,
            tries,
            max_tries: tries,
            unblock: None,
            enabled: true,
            replaced: false,
        }
    }

    /// With an unblock PIN of ten tries.
    #[must_use]
    pub fn with_unblock(mut self, value: Pin) -> Self {
        self.unblock = Some(Unblock {
            value,
            tries: 10,
            max_tries: 10,
        });
        self
    }

    /// As one of that application alone.
    #[must_use]
    pub fn of_application(mut self, aid: &[u8]) -> Self {
        self.application = Some(aid.to_vec());
        self
    }

    /// Switched off.
    #[must_use]
    pub const fn disabled(mut self) -> Self {
        self.enabled = false;
        self
    }

    /// A second copy, for a second owner.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self {
            application: self.application.clone(),
            value: self.value.duplicate(),
            unblock: self.unblock.as_ref().map(Unblock::duplicate),
            ..*self
        }
    }
}

/// Unblock PIN (PUK) and its counter.
pub struct Unblock {
    /// The value.
    pub value: Pin,
    /// Tries left.
    pub tries: u8,
    /// Tries after a right one.
    pub max_tries: u8,
}

impl Unblock {
    /// A second copy, for a second owner.
    #[must_use]
    pub const fn duplicate(&self) -> Self {
        Self {
            value: self.value.duplicate(),
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_as_it_is_written() {
        for text in [
            "3F00",
            "3F00/2FE2",
            "3F00/7F10/6F3A",
            "A0000000871002FFFFFFFF8900000100",
            "A0000000871002/5F3B/4F20",
        ] {
            let path: FilePath = text.parse().unwrap();
            assert_eq!(path.to_string(), text);
        }
        for bad in [
            "",
            "3F",
            "7F10/6F3A",
            "3F00/",
            "3F00/6F",
            "A000/6F07",
            "3F00/XXXX",
        ] {
            assert!(bad.parse::<FilePath>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_knows_its_directory() {
        let file: FilePath = "A0000000871002/5F3B/4F20".parse().unwrap();
        let dir = file.parent().unwrap();
        let adf = dir.parent().unwrap();
        assert_eq!((dir.fid(), adf.fid()), (Some(0x5f3b), None));
        assert_eq!(adf.parent(), Some(FilePath::MF));
        assert_eq!(FilePath::MF.parent(), None);
        assert_eq!(dir.child(0x4f20), file);
        assert!(file.is_within(&dir) && file.is_within(&FilePath::MF) && file.is_within(&file));
        assert!(!dir.is_within(&file) && !FilePath::in_mf(&[0x5f3b]).is_within(&dir));
    }
}
