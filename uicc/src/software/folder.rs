//! [`Folder`]: the files of one directory of a built-in profile, with the short identifiers of the table of names.

use crate::{ef, names};

use super::{
    arr::Access,
    profile::{Content, FilePath, FileSpec},
};

/// A directory that is being filled.
pub(super) struct Folder {
    path: FilePath,
    /// EF_ARR with the rules of what lies in here.
    arr: u16,
    specs: Vec<FileSpec>,
}

impl Folder {
    /// The directory itself; its own rules are in the EF_ARR of its parent.
    pub(super) fn new(path: FilePath, parent_arr: u16, arr: u16) -> Self {
        let own = FileSpec::new(
            path.clone(),
            parent_arr,
            Access::Directory.record(),
            Content::Directory,
        );
        Self {
            path,
            arr,
            specs: vec![own],
        }
    }

    /// The rules of what lies in here are in another EF_ARR.
    pub(super) const fn with_rules_in(mut self, arr: u16) -> Self {
        self.arr = arr;
        self
    }

    pub(super) fn file(&mut self, fid: u16, access: Access, content: Content) {
        let path = self.path.child(fid);
        let known = names::file(path.application(), path.fids());
        let mut spec = FileSpec::new(path, self.arr, access.record(), content);
        spec.sfi = known.and_then(|k| k.sfi);
        self.specs.push(spec);
    }

    pub(super) fn octets(&mut self, fid: u16, access: Access, octets: impl Into<Vec<u8>>) {
        self.file(fid, access, Content::Transparent(octets.into()));
    }

    /// A typed content, filled up with FF to at least `size` octets.
    pub(super) fn typed(&mut self, fid: u16, access: Access, content: &impl ef::Content, size: usize) {
        let mut octets = content.octets();
        octets.resize(octets.len().max(size), 0xff);
        self.octets(fid, access, octets);
    }

    /// Records of `length` octets; empty ones are FF.
    pub(super) fn records(&mut self, fid: u16, access: Access, length: u8, records: Vec<Vec<u8>>) {
        let content = Content::LinearFixed {
            record_length: length,
            records,
        };
        self.file(fid, access, content);
    }

    /// A directory in this one, with the rules of the same EF_ARR.
    pub(super) fn folder(&self, fid: u16) -> Self {
        Self::new(self.path.child(fid), self.arr, self.arr)
    }

    /// The directory and its files, then what lies deeper.
    pub(super) fn close(mut self, inner: Vec<FileSpec>) -> Vec<FileSpec> {
        self.specs.extend(inner);
        self.specs
    }
}
