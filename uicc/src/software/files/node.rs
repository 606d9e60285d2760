//! One file: where it is listed, what it holds.

use crate::{
    fcp::Security,
    software::profile::{Content, LifeCycle},
};

use super::NodeId;

/// MF, DF, ADF or EF.
#[derive(Clone)]
pub(in crate::software) struct Node {
    pub(in crate::software) parent: NodeId,
    /// An ADF has none of its own: 7FFF while it is active.
    pub(in crate::software) fid: Option<u16>,
    pub(in crate::software) sfi: Option<u8>,
    pub(in crate::software) security: Security,
    pub(in crate::software) life_cycle: LifeCycle,
    pub(in crate::software) shareable: bool,
    pub(in crate::software) body: Body,
}

/// What a file holds.
#[derive(Clone)]
pub(in crate::software) enum Body {
    Directory(Directory),
    Transparent(Vec<u8>),
    Records(Records),
    BerTlv {
        max_size: u32,
        objects: Vec<(u32, Vec<u8>)>,
    },
}

/// What lies in a directory, so that nothing else has to be looked at to find it.
#[derive(Clone, Default)]
pub(in crate::software) struct Directory {
    pub(in crate::software) aid: Option<Vec<u8>>,
    /// By file identifier.
    pub(super) entries: Vec<Entry>,
    /// ADFs, in the order in which they came; only of the MF.
    pub(super) applications: Vec<NodeId>,
}

#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) fid: u16,
    pub(super) sfi: Option<u8>,
    pub(super) id: NodeId,
    pub(super) directory: bool,
}

/// Records, one behind the other.
#[derive(Clone)]
pub(in crate::software) struct Records {
    pub(in crate::software) cyclic: bool,
    pub(in crate::software) length: u8,
    octets: Vec<u8>,
}

impl Records {
    pub(in crate::software) fn new(cyclic: bool, length: u8, records: &[Vec<u8>]) -> Self {
        let mut octets = Vec::with_capacity(records.len() * usize::from(length));
        for (i, record) in records.iter().enumerate() {
            octets.extend_from_slice(record.get(..usize::from(length)).unwrap_or(record));
            octets.resize((i + 1) * usize::from(length), 0xff);
        }
        Self {
            cyclic,
            length,
            octets,
        }
    }

    /// How many. At most 254 (record numbers 1 to 254).
    pub(in crate::software) fn count(&self) -> u8 {
        let count = self.octets.len().checked_div(usize::from(self.length));
        u8::try_from(count.unwrap_or(0)).unwrap_or(u8::MAX)
    }

    pub(in crate::software) fn size(&self) -> usize {
        self.octets.len()
    }

    /// Record `number`, from 1.
    pub(in crate::software) fn get(&self, number: u8) -> Option<&[u8]> {
        let start = usize::from(number.checked_sub(1)?) * usize::from(self.length);
        self.octets.get(start..start + usize::from(self.length))
    }

    /// Record `number` to be written.
    pub(in crate::software) fn get_mut(&mut self, number: u8) -> Option<&mut [u8]> {
        let start = usize::from(number.checked_sub(1)?) * usize::from(self.length);
        self.octets.get_mut(start..start + usize::from(self.length))
    }

    /// The oldest record of a ring becomes number 1, and gets written.
    pub(in crate::software) fn turn(&mut self) -> Option<&mut [u8]> {
        let length = usize::from(self.length);
        if self.octets.len() < length {
            return None;
        }
        self.octets.rotate_right(length);
        self.octets.get_mut(..length)
    }

    /// All records, number 1 first.
    pub(in crate::software) fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> + ExactSizeIterator {
        self.octets.chunks_exact(usize::from(self.length.max(1)))
    }

    /// Another count of records; new ones are FF.
    pub(in crate::software) fn resize(&mut self, count: u8) {
        self.octets
            .resize(usize::from(count) * usize::from(self.length), 0xff);
    }
}

impl Body {
    pub(super) fn new(content: &Content, aid: Option<&[u8]>) -> Self {
        match content {
            Content::Directory => Self::Directory(Directory {
                aid: aid.map(<[u8]>::to_vec),
                ..Directory::default()
            }),
            Content::Transparent(octets) => Self::Transparent(octets.clone()),
            Content::LinearFixed {
                record_length,
                records,
            } => Self::Records(Records::new(false, *record_length, records)),
            Content::Cyclic {
                record_length,
                records,
            } => Self::Records(Records::new(true, *record_length, records)),
            Content::BerTlv { max_size, objects } => Self::BerTlv {
                max_size: *max_size,
                objects: objects.clone(),
            },
        }
    }

    pub(super) fn content(&self) -> Content {
        match self {
            Self::Directory(_) => Content::Directory,
            Self::Transparent(octets) => Content::Transparent(octets.clone()),
            Self::Records(r) => {
                let (record_length, records) = (r.length, r.iter().map(<[u8]>::to_vec).collect());
                if r.cyclic {
                    Content::Cyclic {
                        record_length,
                        records,
                    }
                } else {
                    Content::LinearFixed {
                        record_length,
                        records,
                    }
                }
            }
            Self::BerTlv { max_size, objects } => Content::BerTlv {
                max_size: *max_size,
                objects: objects.clone(),
            },
        }
    }

    /// Octets that the file takes.
    pub(in crate::software) fn size(&self) -> usize {
        match self {
            Self::Directory(_) => 0,
            Self::Transparent(octets) => octets.len(),
            Self::Records(r) => r.size(),
            Self::BerTlv { max_size, .. } => usize::try_from(*max_size).unwrap_or(usize::MAX),
        }
    }
}
