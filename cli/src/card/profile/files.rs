//! Files of a profile: named, described in part or whole, and laid over what is there.

use base::{hex, tlv};
use uicc::{
    fcp::Security,
    names,
    software::profile::{Content, FilePath, FileSpec, LifeCycle},
};

/// What a file is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Structure {
    Directory,
    Transparent,
    LinearFixed,
    Cyclic,
    BerTlv,
}

impl Structure {
    pub(crate) const ALL: [Self; 5] = [
        Self::Directory,
        Self::Transparent,
        Self::LinearFixed,
        Self::Cyclic,
        Self::BerTlv,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Transparent => "transparent",
            Self::LinearFixed => "linear-fixed",
            Self::Cyclic => "cyclic",
            Self::BerTlv => "ber-tlv",
        }
    }

    const fn of(content: &Content) -> Self {
        match content {
            Content::Directory => Self::Directory,
            Content::Transparent(_) => Self::Transparent,
            Content::LinearFixed { .. } => Self::LinearFixed,
            Content::Cyclic { .. } => Self::Cyclic,
            Content::BerTlv { .. } => Self::BerTlv,
        }
    }
}

/// What a file holds, as far as it is said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Fill {
    Octets(Vec<u8>),
    Records(Vec<Vec<u8>>),
    Objects(Vec<(u32, Vec<u8>)>),
}

/// A file as a profile says it; absent is what it doesn't say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct FileDraft {
    pub(crate) path: FilePath,
    pub(crate) structure: Option<Structure>,
    pub(crate) fill: Option<Fill>,
    /// Octets of a transparent file, or at most of all objects.
    pub(crate) size: Option<u32>,
    pub(crate) record_length: Option<u8>,
    pub(crate) record_count: Option<u8>,
    /// 0: none.
    pub(crate) sfi: Option<u8>,
    pub(crate) security: Option<Security>,
    pub(crate) life_cycle: Option<LifeCycle>,
    pub(crate) shareable: Option<bool>,
}

impl FileDraft {
    pub(crate) const fn new(path: FilePath) -> Self {
        Self {
            path,
            structure: None,
            fill: None,
            size: None,
            record_length: None,
            record_count: None,
            sfi: None,
            security: None,
            life_cycle: None,
            shareable: None,
        }
    }

    /// All that a description says.
    pub(crate) fn of(spec: &FileSpec) -> Self {
        let mut draft = Self::new(spec.path.clone());
        draft.structure = Some(Structure::of(&spec.content));
        draft.sfi = Some(spec.sfi.unwrap_or(0));
        draft.security = Some(spec.security.clone());
        draft.life_cycle = Some(spec.life_cycle);
        draft.shareable = Some(spec.shareable);
        match &spec.content {
            Content::Directory => {}
            Content::Transparent(octets) => {
                draft.size = u32::try_from(octets.len()).ok();
                draft.fill = Some(Fill::Octets(octets.clone()));
            }
            Content::LinearFixed {
                record_length,
                records,
            }
            | Content::Cyclic {
                record_length,
                records,
            } => {
                draft.record_length = Some(*record_length);
                draft.record_count = u8::try_from(records.len()).ok();
                draft.fill = Some(Fill::Records(records.clone()));
            }
            Content::BerTlv { max_size, objects } => {
                draft.size = Some(*max_size);
                draft.fill = Some(Fill::Objects(objects.clone()));
            }
        }
        draft
    }

    /// What this one doesn't say is taken from the one below.
    pub(crate) fn over(self, below: Self) -> Self {
        Self {
            path: self.path,
            // Sizes belong to content: those below count only where the structure does.
            size: self.size.or(below.size),
            record_length: self.record_length.or(below.record_length),
            record_count: self.record_count.or(below.record_count),
            structure: self.structure.or(below.structure),
            fill: self.fill.or(below.fill),
            sfi: self.sfi.or(below.sfi),
            security: self.security.or(below.security),
            life_cycle: self.life_cycle.or(below.life_cycle),
            shareable: self.shareable.or(below.shareable),
        }
    }

    /// The whole description.
    ///
    /// The error says what is missing or doesn't fit.
    pub(crate) fn spec(&self) -> Result<FileSpec, String> {
        let structure = self.structure.ok_or_else(|| {
            let all = Structure::ALL.map(Structure::name).join(", ");
            format!("structure: missing, as no such file is there to change: {all} expected")
        })?;
        let security = self
            .security
            .clone()
            .unwrap_or_else(|| default_security(&self.path));
        Ok(FileSpec {
            path: self.path.clone(),
            sfi: self.sfi.filter(|sfi| *sfi != 0),
            security,
            life_cycle: self.life_cycle.unwrap_or_default(),
            shareable: self.shareable.unwrap_or(true),
            content: self.content(structure)?,
        })
    }

    fn content(&self, structure: Structure) -> Result<Content, String> {
        let size = self.size.and_then(|s| usize::try_from(s).ok());
        match (structure, &self.fill) {
            (Structure::Directory, None) => Ok(Content::Directory),
            (Structure::Transparent, fill) => {
                let octets = match fill {
                    None => Vec::new(),
                    Some(Fill::Octets(octets)) => octets.clone(),
                    Some(_) => return Err("hex or text expected for a transparent file".into()),
                };
                let size = size.unwrap_or(octets.len());
                if size == 0 {
                    return Err("size, hex or text expected for a transparent file".into());
                }
                filled(octets, size).map(Content::Transparent)
            }
            (Structure::LinearFixed | Structure::Cyclic, fill) => {
                let given: &[Vec<u8>] = match fill {
                    None => &[],
                    Some(Fill::Records(records)) => records,
                    Some(_) => return Err("records expected for a file of records".into()),
                };
                let longest = given
                    .iter()
                    .map(Vec::len)
                    .max()
                    .and_then(|n| u8::try_from(n).ok());
                let length = self.record_length.or(longest).filter(|n| *n != 0);
                let length = length.ok_or("record_length: missing: 1 to 255 octets expected")?;
                let count = self
                    .record_count
                    .map_or(given.len(), usize::from)
                    .max(given.len());
                if !(1..=254).contains(&count) {
                    return Err("record_count: 1 to 254 expected".into());
                }
                let mut records = given
                    .iter()
                    .map(|record| filled(record.clone(), usize::from(length)))
                    .collect::<Result<Vec<_>, _>>()?;
                records.resize(count, vec![0xff; usize::from(length)]);
                Ok(if structure == Structure::LinearFixed {
                    Content::LinearFixed {
                        record_length: length,
                        records,
                    }
                } else {
                    Content::Cyclic {
                        record_length: length,
                        records,
                    }
                })
            }
            (Structure::BerTlv, fill) => {
                let objects = match fill {
                    None => Vec::new(),
                    Some(Fill::Objects(objects)) => objects.clone(),
                    Some(_) => return Err("objects expected for a file of data objects".into()),
                };
                let max_size = self
                    .size
                    .ok_or("size: missing: octets of all objects together expected")?;
                Ok(Content::BerTlv { max_size, objects })
            }
            (Structure::Directory, Some(_)) => Err("a directory has no content of its own".into()),
        }
    }
}

fn filled(mut octets: Vec<u8>, size: usize) -> Result<Vec<u8>, String> {
    if octets.len() > size {
        return Err(format!(
            "{} octets are given, and the file or record has {size}",
            octets.len()
        ));
    }
    octets.resize(size, 0xff);
    Ok(octets)
}

/// Read by everybody, changed by ADM 1.
fn default_security(_: &FilePath) -> Security {
    rules(&[
        ("read", "always"),
        ("update", "ADM1"),
        ("activate", "ADM1"),
        ("deactivate", "ADM1"),
    ])
    .unwrap_or(Security::Referenced {
        arr: names::EF_ARR_MF,
        record: 1,
    })
}

/// What may be done with a file, and its octet of access mode; the last two are instructions.
pub(crate) const OPERATIONS: [(&str, u8); 8] = [
    ("read", 0x01),
    ("update", 0x02),
    ("deactivate", 0x08),
    ("activate", 0x10),
    ("terminate", 0x20),
    ("delete", 0x40),
    ("increase", 0x32),
    ("resize", 0xd4),
];

/// Where instructions begin in [`OPERATIONS`].
const INSTRUCTIONS: usize = 6;

/// Access rules in expanded format (TS 102 221 9.2.4) in the file itself, tag AB.
pub(crate) fn rules(pairs: &[(&str, &str)]) -> Result<Security, String> {
    let mut value = Vec::new();
    for (operation, condition) in pairs {
        let at = OPERATIONS.iter().position(|(name, _)| name == operation);
        let (at, mode) = at
            .and_then(|at| OPERATIONS.get(at).map(|(_, mode)| (at, *mode)))
            .ok_or("no operation")?;
        tlv::write(&mut value, if at < INSTRUCTIONS { 0x80 } else { 0x84 }, &[mode]);
        match *condition {
            "always" => tlv::write(&mut value, 0x90, &[]),
            "never" => tlv::write(&mut value, 0x97, &[]),
            key => {
                let reference = key_reference(key)
                    .ok_or("always, never, PIN1, PIN2, UPIN, ADM1 to ADM5 or a reference in hex expected")?;
                let mut inner = tlv::object(0x83, &[reference]);
                // Usage qualifier: user authentication, knowledge based.
                tlv::write(&mut inner, 0x95, &[0x08]);
                tlv::write(&mut value, 0xa4, &inner);
            }
        }
    }
    Ok(Security::Other { tag: 0xab, value })
}

/// Names of keys that everybody uses, with their references (TS 102 221 table 9.3).
const KEY_NAMES: [(&str, u8); 8] = [
    ("PIN1", 0x01),
    ("PIN2", 0x81),
    ("UPIN", 0x11),
    ("ADM1", 0x0a),
    ("ADM2", 0x0b),
    ("ADM3", 0x0c),
    ("ADM4", 0x0d),
    ("ADM5", 0x0e),
];

/// Of a name such as `PIN1`, or two hex digits.
pub(crate) fn key_reference(text: &str) -> Option<u8> {
    let named = KEY_NAMES.iter().find(|(name, _)| *name == text).map(|(_, r)| *r);
    named
        .or_else(|| hex::array::<1>(text).ok().map(|[r]| r))
        .filter(|r| matches!(r, 0x01..=0x08 | 0x0a..=0x0e | 0x11 | 0x81..=0x88 | 0x8a..=0x8e))
}

/// The name of a reference, or its hex digits.
pub(crate) fn key_name(reference: u8) -> String {
    KEY_NAMES
        .iter()
        .find(|(_, r)| *r == reference)
        .map_or_else(|| hex::encode([reference]), |(name, _)| (*name).into())
}
