//! The file system (TS 102 221 8) as data: a tree that cards of one profile share, and over it what one card has
//! changed.

mod node;

use std::{collections::BTreeMap, sync::Arc};

use thiserror::Error;

use crate::Sw;

use super::{
    profile::{Content, FilePath, FileSpec},
    store::Change,
};

use node::Entry;
pub(super) use node::{Body, Directory, Node, Records};

/// Octets that all files of a card may have; CREATE and RESIZE keep below.
pub(super) const CAPACITY: usize = 256 * 1024;

/// Files that a card may have; CREATE keeps below, since empty ones and directories take nothing of [`CAPACITY`].
pub(super) const MOST: usize = 1024;

/// Directories between a file and the MF or ADF: what is deleted is gone through level by level.
const DEPTH: usize = 16;

/// Position of a file; the MF is 0. It names the same file until that is deleted, and no other one afterwards.
pub(super) type NodeId = usize;
/// The MF.
pub(super) const MF: NodeId = 0;

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

impl FileError {
    /// The file that doesn't fit.
    #[must_use]
    pub const fn path(&self) -> &FilePath {
        match self {
            Self::NoDirectory { path } | Self::Sfi { path, .. } | Self::Size { path, .. } => path,
        }
    }
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
        Ok(files.into_shared())
    }

    /// The same without the files that don't fit.
    pub(super) fn lenient(specs: &[FileSpec]) -> Self {
        let mut files = Files::new(Self::empty());
        for spec in specs {
            // One that is refused has changed nothing.
            let _ = files.put(spec);
            files.keep();
        }
        files.into_shared()
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

    /// As what cards share.
    fn into_shared(self) -> FileSystem {
        // Created files are numbered without gaps.
        let nodes = self.own.into_values().filter_map(|own| match own {
            Own::Node(node) => Some(node),
            Own::Gone(_) => None,
        });
        FileSystem(Arc::new(nodes.collect()))
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

    /// Files that are there.
    fn all(&self) -> impl Iterator<Item = &Node> {
        let shared = (0..self.base.0.len()).filter(|id| !self.own.contains_key(id));
        shared
            .chain(self.own.keys().copied())
            .filter_map(|id| self.get(id))
    }

    /// Octets that files take.
    pub(super) fn used(&self) -> usize {
        self.all().map(|n| n.body.size()).sum()
    }

    /// How many files there are.
    pub(super) fn count(&self) -> usize {
        self.all().count()
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
        // A directory that changes is the card's own: not where nothing changes in it.
        let there = self.directory(parent).is_some_and(|dir| match &entry {
            Some(entry) => dir.entries.iter().any(|e| {
                (e.fid, e.id, e.sfi, e.directory) == (entry.fid, entry.id, entry.sfi, entry.directory)
            }),
            None => dir.applications.contains(&id),
        });
        if there {
            return;
        }
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
    if spec.path.fids().len() > DEPTH {
        return size("at most 16 directories deep");
    }
    match &spec.content {
        Content::BerTlv { max_size, .. } if usize::try_from(*max_size).is_ok_and(|size| size > CAPACITY) => {
            size("data objects of at most 262144 octets together")
        }
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
