//! The file system (TS 102 221 8) as data: a tree that cards of one profile share, and over it what one card has
//! changed.

use std::{collections::BTreeMap, sync::Arc};

use thiserror::Error;

use crate::{Sw, fcp::Security};

use super::{
    profile::{Content, FilePath, FileSpec, LifeCycle},
    store::Change,
};

/// Octets that all files of a card may have; CREATE and RESIZE keep below.
pub(super) const CAPACITY: usize = 256 * 1024;

/// Position of a file; the MF is 0. It names the same file until that is deleted, and no other one afterwards.
pub(super) type NodeId = usize;
/// The MF.
pub(super) const MF: NodeId = 0;

/// MF, DF, ADF or EF.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) parent: NodeId,
    /// An ADF has none of its own: 7FFF while it is active.
    pub(super) fid: Option<u16>,
    pub(super) sfi: Option<u8>,
    pub(super) security: Security,
    pub(super) life_cycle: LifeCycle,
    pub(super) shareable: bool,
    pub(super) body: Body,
}

/// What a file holds.
#[derive(Clone)]
pub(super) enum Body {
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
pub(super) struct Directory {
    pub(super) aid: Option<Vec<u8>>,
    /// By file identifier.
    entries: Vec<Entry>,
    /// ADFs, in the order in which they came; only of the MF.
    applications: Vec<NodeId>,
}

#[derive(Clone, Copy)]
struct Entry {
    fid: u16,
    sfi: Option<u8>,
    id: NodeId,
    directory: bool,
}

/// Records, one behind the other.
#[derive(Clone)]
pub(super) struct Records {
    pub(super) cyclic: bool,
    pub(super) length: u8,
    octets: Vec<u8>,
}

impl Records {
    pub(super) fn new(cyclic: bool, length: u8, records: &[Vec<u8>]) -> Self {
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
    pub(super) fn count(&self) -> u8 {
        let count = self.octets.len().checked_div(usize::from(self.length));
        u8::try_from(count.unwrap_or(0)).unwrap_or(u8::MAX)
    }

    pub(super) fn size(&self) -> usize {
        self.octets.len()
    }

    /// Record `number`, from 1.
    pub(super) fn get(&self, number: u8) -> Option<&[u8]> {
        let start = usize::from(number.checked_sub(1)?) * usize::from(self.length);
        self.octets.get(start..start + usize::from(self.length))
    }

    /// Record `number` to be written.
    pub(super) fn get_mut(&mut self, number: u8) -> Option<&mut [u8]> {
        let start = usize::from(number.checked_sub(1)?) * usize::from(self.length);
        self.octets.get_mut(start..start + usize::from(self.length))
    }

    /// The oldest record of a ring becomes number 1, and gets written.
    pub(super) fn turn(&mut self) -> Option<&mut [u8]> {
        let length = usize::from(self.length);
        if self.octets.len() < length {
            return None;
        }
        self.octets.rotate_right(length);
        self.octets.get_mut(..length)
    }

    /// All records, number 1 first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> + ExactSizeIterator {
        self.octets.chunks_exact(usize::from(self.length.max(1)))
    }

    /// Another count of records; new ones are FF.
    pub(super) fn resize(&mut self, count: u8) {
        self.octets
            .resize(usize::from(count) * usize::from(self.length), 0xff);
    }
}

impl Body {
    fn new(content: &Content, aid: Option<&[u8]>) -> Self {
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

    fn content(&self) -> Content {
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
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Directory(_) => 0,
            Self::Transparent(octets) => octets.len(),
            Self::Records(r) => r.size(),
            Self::BerTlv { max_size, .. } => usize::try_from(*max_size).unwrap_or(usize::MAX),
        }
    }
}

/// Why a list of files makes no file system.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum FileError {
    /// A file without the directory that it lies in.
    #[error("{path}: its directory isn't there; put it earlier in the list")]
    NoDirectory {
        /// The file.
        path: FilePath,
    },
    /// Another file of the directory has the short file identifier, or the number isn't 1 to 30.
    #[error("{path}: short file identifier {sfi} is taken or not 1 to 30")]
    Sfi {
        /// The file.
        path: FilePath,
        /// Its SFI.
        sfi: u8,
    },
    /// A size that a UICC can't have.
    #[error("{path}: {rule}")]
    Size {
        /// The file.
        path: FilePath,
        /// What holds.
        rule: &'static str,
    },
}

/// The files of a profile, for any number of cards: each card keeps only what it changes.
#[derive(Clone)]
pub struct FileSystem(Arc<Vec<Node>>);

impl FileSystem {
    /// The files in the order of the list, directories first; one at the path of an earlier one takes its place.
    ///
    /// # Errors
    /// [`FileError`] with the first file that doesn't fit.
    pub fn new(specs: &[FileSpec]) -> Result<Self, FileError> {
        let mut files = Files::new(Self::empty());
        for spec in specs {
            files.put(spec)?;
            files.keep();
        }
        // Created files are numbered without gaps.
        let nodes = files.own.into_values().filter_map(|own| match own {
            Own::Node(node) => Some(node),
            Own::Gone(_) => None,
        });
        Ok(Self(Arc::new(nodes.collect())))
    }

    /// No files at all.
    pub(super) fn empty() -> Self {
        Self(Arc::new(Vec::new()))
    }
}

/// What one card has in place of a shared file.
#[derive(Clone)]
enum Own {
    Node(Node),
    Gone(FilePath),
}

/// All files of a card.
pub(super) struct Files {
    base: FileSystem,
    own: BTreeMap<NodeId, Own>,
    next: NodeId,
    /// What `own` had before the command that runs.
    undo: Vec<(NodeId, Option<Own>)>,
}

impl Files {
    pub(super) fn new(base: FileSystem) -> Self {
        Self {
            next: base.0.len(),
            base,
            own: BTreeMap::new(),
            undo: Vec::new(),
        }
    }

    // ---- finding -------------------------------------------------------------------------------------------------

    pub(super) fn get(&self, id: NodeId) -> Option<&Node> {
        match self.own.get(&id) {
            Some(Own::Node(node)) => Some(node),
            Some(Own::Gone(_)) => None,
            None => self.base.0.get(id),
        }
    }

    pub(super) fn directory(&self, id: NodeId) -> Option<&Directory> {
        match &self.get(id)?.body {
            Body::Directory(d) => Some(d),
            _ => None,
        }
    }

    fn entry(&self, dir: NodeId, fid: u16) -> Option<Entry> {
        let entries = &self.directory(dir)?.entries;
        let at = entries.binary_search_by_key(&fid, |e| e.fid).ok()?;
        entries.get(at).copied()
    }

    /// A file of a directory by its identifier.
    pub(super) fn find(&self, dir: NodeId, fid: u16) -> Option<NodeId> {
        self.entry(dir, fid).map(|e| e.id)
    }

    /// An EF of a directory by its identifier.
    pub(super) fn find_ef(&self, dir: NodeId, fid: u16) -> Option<NodeId> {
        self.entry(dir, fid).filter(|e| !e.directory).map(|e| e.id)
    }

    /// A DF of a directory by its identifier.
    pub(super) fn find_dir(&self, dir: NodeId, fid: u16) -> Option<NodeId> {
        self.entry(dir, fid).filter(|e| e.directory).map(|e| e.id)
    }

    /// An EF of a directory by its short file identifier.
    pub(super) fn find_sfi(&self, dir: NodeId, sfi: u8) -> Option<NodeId> {
        let mut entries = self.directory(dir)?.entries.iter();
        entries.find(|e| e.sfi == Some(sfi)).map(|e| e.id)
    }

    pub(super) fn find_path(&self, path: &FilePath) -> Option<NodeId> {
        let root = match path.application() {
            None => self.get(MF).map(|_| MF),
            Some(aid) => self.applications(aid).find(|id| self.aid(*id) == Some(aid)),
        };
        path.fids()
            .iter()
            .try_fold(root?, |dir, fid| self.find(dir, *fid))
    }

    /// AID of an ADF.
    pub(super) fn aid(&self, id: NodeId) -> Option<&[u8]> {
        self.directory(id)?.aid.as_deref()
    }

    /// The directory that a file lies in; of the MF nothing.
    pub(super) fn parent(&self, id: NodeId) -> Option<NodeId> {
        if id == MF {
            return None;
        }
        self.get(id).map(|n| n.parent)
    }

    /// The file, its directory, and so on up to the MF.
    pub(super) fn upwards(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        core::iter::successors(Some(id), |id| self.parent(*id))
    }

    /// True if the file is that one or lies in it.
    pub(super) fn is_within(&self, id: NodeId, outer: NodeId) -> bool {
        self.upwards(id).any(|up| up == outer)
    }

    /// The ADF that a file is or lies in.
    pub(super) fn adf_of(&self, id: NodeId) -> Option<NodeId> {
        self.upwards(id).find(|up| self.aid(*up).is_some())
    }

    /// Applications whose AID begins with `aid`, in order.
    pub(super) fn applications(&self, aid: &[u8]) -> impl DoubleEndedIterator<Item = NodeId> {
        let all = self.directory(MF).map_or(&[][..], |d| &d.applications);
        all.iter()
            .copied()
            .filter(move |id| self.aid(*id).is_some_and(|a| a.starts_with(aid)))
    }

    /// The rules in a record of an EF_ARR, looked for from `dir` upwards (TS 102 221 11.1.1.4.7).
    pub(super) fn rules(&self, dir: NodeId, arr: u16, record: u8) -> Option<&[u8]> {
        let arr = self.upwards(dir).find_map(|d| self.find_ef(d, arr))?;
        match &self.get(arr)?.body {
            Body::Records(records) => records.get(record),
            _ => None,
        }
    }

    pub(super) fn path(&self, id: NodeId) -> FilePath {
        let mut fids = Vec::new();
        for up in self.upwards(id) {
            if let Some(aid) = self.aid(up) {
                fids.reverse();
                return FilePath::in_adf(aid, &fids);
            }
            if up != MF {
                fids.extend(self.get(up).and_then(|n| n.fid));
            }
        }
        fids.reverse();
        FilePath::in_mf(&fids)
    }

    fn spec(&self, id: NodeId) -> Option<FileSpec> {
        let node = self.get(id)?;
        Some(FileSpec {
            path: self.path(id),
            sfi: node.sfi,
            security: node.security.clone(),
            life_cycle: node.life_cycle,
            shareable: node.shareable,
            content: node.body.content(),
        })
    }

    /// Octets that files take.
    pub(super) fn used(&self) -> usize {
        let shared = (0..self.base.0.len()).filter(|id| !self.own.contains_key(id));
        shared
            .chain(self.own.keys().copied())
            .filter_map(|id| self.get(id))
            .map(|n| n.body.size())
            .sum()
    }

    /// The octets of a transparent EF.
    pub(super) fn transparent(&self, id: NodeId) -> Result<&[u8], Sw> {
        match self.get(id).map(|n| &n.body) {
            Some(Body::Transparent(octets)) => Ok(octets),
            _ => Err(Sw::STRUCTURE),
        }
    }

    // ---- changing ------------------------------------------------------------------------------------------------

    fn remember(&mut self, id: NodeId) {
        if !self.undo.iter().any(|(touched, _)| *touched == id) {
            self.undo.push((id, self.own.get(&id).cloned()));
        }
    }

    /// A file to be changed: recorded, and kept or given back at the command's end.
    pub(super) fn edit(&mut self, id: NodeId) -> Option<&mut Node> {
        self.get(id)?;
        self.remember(id);
        let Self { base, own, .. } = self;
        let own = own
            .entry(id)
            .or_insert_with(|| base.0.get(id).cloned().map_or(Own::Gone(FilePath::MF), Own::Node));
        match own {
            Own::Node(node) => Some(node),
            Own::Gone(_) => None,
        }
    }

    /// The octets of a transparent EF, to be changed.
    pub(super) fn transparent_mut(&mut self, id: NodeId) -> Result<&mut Vec<u8>, Sw> {
        match self.edit(id).map(|n| &mut n.body) {
            Some(Body::Transparent(octets)) => Ok(octets),
            _ => Err(Sw::STRUCTURE),
        }
    }

    /// The records of an EF, to be changed.
    pub(super) fn records_mut(&mut self, id: NodeId) -> Result<&mut Records, Sw> {
        match self.edit(id).map(|n| &mut n.body) {
            Some(Body::Records(records)) => Ok(records),
            _ => Err(Sw::STRUCTURE),
        }
    }

    /// Creates the file, or gives the one at its path this state; a directory keeps what lies in it.
    pub(super) fn put(&mut self, spec: &FileSpec) -> Result<NodeId, FileError> {
        check(spec)?;
        let existing = self.find_path(&spec.path);
        let parent = match spec.path.parent() {
            None => MF,
            Some(path) => self
                .find_path(&path)
                .filter(|dir| self.directory(*dir).is_some())
                .ok_or_else(|| FileError::NoDirectory {
                    path: spec.path.clone(),
                })?,
        };
        if let Some(sfi) = spec.sfi
            && (!(1..=30).contains(&sfi) || self.find_sfi(parent, sfi).is_some_and(|id| existing != Some(id)))
        {
            return Err(FileError::Sfi {
                path: spec.path.clone(),
                sfi,
            });
        }
        let aid = spec.path.fids().is_empty().then(|| spec.path.application());
        let mut body = Body::new(&spec.content, aid.flatten());
        if let (Some(old), Body::Directory(new)) = (existing.and_then(|id| self.directory(id)), &mut body) {
            new.entries.clone_from(&old.entries);
            new.applications.clone_from(&old.applications);
        }
        let id = existing.unwrap_or(self.next);
        let entry = spec.path.fids().last().map(|fid| Entry {
            fid: *fid,
            sfi: spec.sfi,
            id,
            directory: matches!(body, Body::Directory(_)),
        });
        self.next = self.next.max(id + 1);
        self.remember(id);
        let node = Node {
            parent,
            fid: spec.path.fid(),
            sfi: spec.sfi,
            security: spec.security.clone(),
            life_cycle: spec.life_cycle,
            shareable: spec.shareable,
            body,
        };
        self.own.insert(id, Own::Node(node));
        if id != MF {
            self.list(parent, id, entry);
        }
        Ok(id)
    }

    /// Enters a file into its directory; without `entry` it is an ADF.
    fn list(&mut self, parent: NodeId, id: NodeId, entry: Option<Entry>) {
        let Some(Body::Directory(dir)) = self.edit(parent).map(|n| &mut n.body) else {
            return;
        };
        match entry {
            Some(entry) => match dir.entries.binary_search_by_key(&entry.fid, |e| e.fid) {
                Ok(at) => {
                    if let Some(old) = dir.entries.get_mut(at) {
                        *old = entry;
                    }
                }
                Err(at) => dir.entries.insert(at, entry),
            },
            None if dir.applications.contains(&id) => {}
            None => dir.applications.push(id),
        }
    }

    /// Deletes a file and what lies in it. The MF stays.
    pub(super) fn remove(&mut self, id: NodeId) {
        let Some(parent) = self.parent(id) else {
            return;
        };
        if let Some(Body::Directory(dir)) = self.edit(parent).map(|n| &mut n.body) {
            dir.entries.retain(|e| e.id != id);
            dir.applications.retain(|a| *a != id);
        }
        self.forget(id);
    }

    fn forget(&mut self, id: NodeId) {
        let inside = self
            .directory(id)
            .map_or_else(Vec::new, |d| d.entries.iter().map(|e| e.id).collect());
        let path = self.path(id);
        for child in inside {
            self.forget(child);
        }
        self.remember(id);
        self.own.insert(id, Own::Gone(path));
    }

    // ---- keeping -------------------------------------------------------------------------------------------------

    /// What the command that runs has changed.
    pub(super) fn changes(&self) -> impl Iterator<Item = Change> {
        self.undo.iter().filter_map(|(id, before)| {
            let before = match before {
                Some(Own::Node(node)) => Some(node),
                Some(Own::Gone(_)) => None,
                None => self.base.0.get(*id),
            };
            self.change(*id, before)
        })
    }

    /// Everything in which this card's files differ from its profile's; a directory before what lies in it.
    pub(super) fn snapshot(&self) -> impl Iterator<Item = Change> {
        let ids = self.own.keys();
        ids.filter_map(|id| self.change(*id, self.base.0.get(*id)))
    }

    fn change(&self, id: NodeId, before: Option<&Node>) -> Option<Change> {
        match self.own.get(&id)? {
            Own::Gone(path) => Some(Change::Deleted(path.clone())),
            // That a file was entered into a directory or struck out follows from the file's own change.
            Own::Node(now)
                if matches!(now.body, Body::Directory(_))
                    && before
                        .is_some_and(|b| b.life_cycle == now.life_cycle && b.security == now.security) =>
            {
                None
            }
            Own::Node(_) => self.spec(id).map(Change::File),
        }
    }

    pub(super) fn keep(&mut self) {
        if self.undo.is_empty() {
            return;
        }
        for (id, _) in self.undo.drain(..) {
            // A file that only this card ever had is gone without a trace.
            if id >= self.base.0.len() && matches!(self.own.get(&id), Some(Own::Gone(_))) {
                self.own.remove(&id);
            }
        }
    }

    pub(super) fn roll_back(&mut self) {
        for (id, before) in self.undo.drain(..).rev() {
            match before {
                Some(own) => self.own.insert(id, own),
                None => self.own.remove(&id),
            };
        }
    }
}

/// Sizes that a UICC can have and that its commands can reach.
fn check(spec: &FileSpec) -> Result<(), FileError> {
    let size = |rule| {
        Err(FileError::Size {
            path: spec.path.clone(),
            rule,
        })
    };
    match &spec.content {
        Content::Transparent(octets) if octets.len() > 0xffff => size("at most 65535 octets"),
        Content::LinearFixed { record_length: 0, .. } | Content::Cyclic { record_length: 0, .. } => {
            size("records of 1 to 255 octets")
        }
        Content::LinearFixed { records, .. } | Content::Cyclic { records, .. }
            if !(1..=254).contains(&records.len()) =>
        {
            size("1 to 254 records")
        }
        Content::LinearFixed {
            record_length,
            records,
        }
        | Content::Cyclic {
            record_length,
            records,
        } if records.iter().any(|r| r.len() > usize::from(*record_length)) => {
            size("no record longer than the file's record length")
        }
        Content::Directory if spec.sfi.is_some() => size("a directory has no short file identifier"),
        _ => Ok(()),
    }
}
