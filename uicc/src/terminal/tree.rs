//! The files that are found on a card: names that the table knows are tried in each directory, by SELECT alone.

use crate::{
    Card,
    fcp::{Fcp, Security, Structure},
};

use super::{Path, Root, Session, UsimError, known, rules::Rules, session::Content};

/// Deepest directory that is looked into.
const DEPTH: usize = 4;

/// Most files of a card: four times as many as one with all the files of its specifications has.
const MOST: usize = 4096;

/// How thoroughly to look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Search {
    /// Files whose names are known.
    Known,
    /// Every identifier that TS 102 221 8.6 leaves to files: some thousand commands.
    All,
}

/// A file that was found.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it is.
    pub path: Path,
    /// What the card says of it; the error of an FCP that can't be read.
    pub fcp: Result<Fcp, UsimError>,
    /// Its access rules, where they can be read.
    pub rules: Option<Rules>,
    /// Files in it.
    pub children: Vec<Node>,
}

impl Node {
    /// True for MF, DF and ADF.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.fcp
            .as_ref()
            .is_ok_and(|fcp| fcp.structure == Structure::Directory)
    }

    /// Files below it and itself.
    #[must_use]
    pub fn count(&self) -> usize {
        1 + self.children.iter().map(Self::count).sum::<usize>()
    }

    /// Itself, then what is in it, in order.
    pub fn walk(&self, visit: &mut dyn FnMut(&Self, usize)) {
        self.walk_from(visit, 0);
    }

    fn walk_from(&self, visit: &mut dyn FnMut(&Self, usize), depth: usize) {
        visit(self, depth);
        for child in &self.children {
            child.walk_from(visit, depth + 1);
        }
    }
}

/// What was found so far.
#[derive(Default)]
struct Cache {
    /// EF_ARR records that were read already, by the EF_ARR's path.
    rules: Vec<(Path, Vec<Vec<u8>>)>,
    /// How many files.
    files: usize,
}

/// What ends the search: every other error is of one file.
const fn ends(e: &UsimError) -> bool {
    matches!(
        e,
        UsimError::Card(_) | UsimError::Endless { .. } | UsimError::TooManyFiles { .. }
    )
}

impl<C: Card> Session<C> {
    /// The MF and each application of EF_DIR, with the files found in them. `told` hears of each directory before it is
    /// looked into.
    ///
    /// # Errors
    /// [`UsimError`] where the card doesn't answer, or has no MF.
    pub fn tree(&mut self, search: Search, told: &mut dyn FnMut(&Path)) -> Result<Vec<Node>, UsimError> {
        let mut cache = Cache::default();
        let mut roots = vec![Path::MF];
        for entry in self.applications()? {
            let path = Path::application(&entry.aid);
            if !roots.contains(&path) {
                roots.push(path);
            }
        }
        let mut out = Vec::new();
        for root in roots {
            match self.node(root, search, told, &mut cache, 0) {
                Ok(node) => out.push(node),
                // EF_DIR may name an application that was taken off.
                Err(e) if ends(&e) => return Err(e),
                Err(e) if out.is_empty() => return Err(e),
                Err(_) => {}
            }
        }
        Ok(out)
    }

    /// One directory with what is in it.
    ///
    /// # Errors
    /// As [`Self::tree`], and where the card has no such directory.
    pub fn subtree(&mut self, path: &Path, search: Search) -> Result<Node, UsimError> {
        self.node(path.clone(), search, &mut |_| {}, &mut Cache::default(), 0)
    }

    fn node(
        &mut self,
        path: Path,
        search: Search,
        told: &mut dyn FnMut(&Path),
        cache: &mut Cache,
        depth: usize,
    ) -> Result<Node, UsimError> {
        let fcp = match self.select(&path) {
            // There, but what it says can't be read.
            Err(e @ UsimError::Malformed { .. }) => Err(e),
            other => Ok(other?),
        };
        cache.files += 1;
        if cache.files > MOST {
            return Err(UsimError::TooManyFiles { most: MOST });
        }
        let mut node = Node {
            rules: None,
            children: Vec::new(),
            path,
            fcp,
        };
        if node.is_directory() && depth < DEPTH {
            told(&node.path);
            for fid in identifiers(&node.path, search) {
                match self.node(node.path.child(fid), search, told, cache, depth + 1) {
                    Ok(child) => node.children.push(child),
                    Err(e) if ends(&e) => return Err(e),
                    Err(_) => {}
                }
            }
        }
        if let Ok(fcp) = &node.fcp {
            node.rules = self.rules(&node.path, &fcp.security, cache)?;
        }
        Ok(node)
    }

    /// The rules of a file that has this FCP; `None` where they can't be read.
    ///
    /// # Errors
    /// [`UsimError`] where the card doesn't answer.
    pub fn rules_of(&mut self, path: &Path, fcp: &Fcp) -> Result<Option<Rules>, UsimError> {
        self.rules(path, &fcp.security, &mut Cache::default())
    }

    fn rules(
        &mut self,
        path: &Path,
        security: &Security,
        cache: &mut Cache,
    ) -> Result<Option<Rules>, UsimError> {
        let (arr, record) = match security {
            Security::Referenced { arr, record } => (*arr, *record),
            Security::Other { tag: 0x8c, value } => return Ok(Some(Rules::compact(value))),
            Security::Other { tag: 0xab, value } => return Ok(Rules::expanded(value).ok()),
            // By security environment: 01 is the usual one, in which PINs are used.
            Security::Other { tag: 0x8b, value } => match value.split_first_chunk::<2>() {
                Some((arr, records)) => {
                    let records = records.as_chunks::<2>().0;
                    let usual = records.iter().find(|[se, _]| *se == 0x01).or(records.first());
                    let Some([_, record]) = usual else { return Ok(None) };
                    (u16::from_be_bytes(*arr), *record)
                }
                None => return Ok(None),
            },
            Security::Other { .. } => return Ok(None),
        };
        // In the file's directory, else in those above it (TS 102 221 9.2.7).
        let mut directories = Vec::new();
        let mut above = path.parent();
        if above.is_none() {
            directories.push(path.clone());
        }
        while let Some(directory) = above {
            above = directory.parent();
            directories.push(directory);
        }
        if path.root != Root::Mf {
            directories.push(Path::MF);
        }
        for directory in directories {
            let file = directory.child(arr);
            let at = match cache.rules.iter().position(|(p, _)| *p == file) {
                Some(at) => at,
                None => {
                    let records = match self.read(&file) {
                        Ok((_, Content::Records(records))) => records,
                        Err(e) if ends(&e) => return Err(e),
                        _ => Vec::new(),
                    };
                    cache.rules.push((file, records));
                    cache.rules.len() - 1
                }
            };
            let records = cache.rules.get(at).map_or(&[][..], |(_, records)| records);
            if records.is_empty() {
                continue;
            }
            let index = usize::from(record).checked_sub(1);
            return Ok(index
                .and_then(|i| records.get(i))
                .and_then(|record| Rules::expanded(record).ok()));
        }
        Ok(None)
    }
}

/// What is tried in a directory.
fn identifiers(directory: &Path, search: Search) -> Vec<u16> {
    let mut out = known::candidates(directory);
    if search == Search::All {
        let high: &[u8] = match (&directory.root, directory.fids.is_empty()) {
            (Root::Mf, true) => &[0x2f, 0x7f, 0x5f],
            (_, true) => &[0x6f, 0x5f],
            // No DFs: a SELECT by identifier finds those beside this one as well (TS 102 221 8.4.1).
            _ => &[0x4f, 0x6f],
        };
        for high in high {
            out.extend((0x00..=0xff).map(|low| u16::from_be_bytes([*high, low])));
        }
        // 7FFF is the application, 3FFF the current directory.
        out.retain(|fid| !matches!(fid, 0x7fff | 0x3fff | 0x3f00));
        out.sort_unstable();
        out.dedup();
    }
    out
}
