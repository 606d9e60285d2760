//! Files that come, go and change their life (TS 102 222, and TS 102 221 11.1.14 and 11.1.15): CREATE, DELETE, RESIZE,
//! ACTIVATE, DEACTIVATE and TERMINATE, as far as the rules of the file or its directory allow.

use base::{apdu::Command, tlv};

use crate::{
    Sw,
    fcp::{Fcp, Sfi, Structure},
    names,
};

use super::{
    Answer, SoftCard,
    access::Operation,
    files::{Body, CAPACITY, FileError, MF, MOST, NodeId, Records},
    profile::{Content, FileSpec, LifeCycle},
};

/// What a new file is filled with (TS 102 222 6.3.2.2.2): FF, or a pattern of the proprietary template.
struct Fill<'a> {
    start: &'a [u8],
    again: &'a [u8],
}

impl<'a> Fill<'a> {
    fn of(fcp: &'a Fcp) -> Self {
        let find = |tag| {
            let pattern = fcp.proprietary.iter().find(|(t, _)| *t == tag);
            pattern.map(|(_, v)| v.as_slice()).filter(|v| !v.is_empty())
        };
        match (find(0xc1), find(0xc2)) {
            // Once; its last octet goes on.
            (Some(once), _) => Self {
                start: once,
                again: once.last_chunk::<1>().map_or(&[0xff], |last| last),
            },
            (None, Some(again)) => Self { start: &[], again },
            (None, None) => Self {
                start: &[],
                again: &[0xff],
            },
        }
    }

    fn octets(&self, length: usize) -> Vec<u8> {
        let all = self.start.iter().chain(self.again.iter().cycle());
        all.take(length).copied().collect()
    }
}

impl SoftCard {
    /// The file that P1 and the data field name: by identifier (00; without one the current EF), or by path from the MF
    /// (08) or the current directory (09).
    fn named(&self, c: &Command) -> Result<NodeId, Sw> {
        if c.p2 != 0 {
            return Err(Sw::P1_P2);
        }
        match (c.p1, c.data()) {
            (0x00, []) => self.ef(0),
            (0x00, [high, low]) => self.by_fid(u16::from_be_bytes([*high, *low])),
            (0x08, path) => self.by_path(MF, path),
            (0x09, path) => self.by_path(self.channel.dir, path),
            (0x00, _) => Err(Sw::WRONG_LENGTH),
            _ => Err(Sw::P1_P2),
        }
    }

    fn life_cycle(&self, file: NodeId) -> Result<LifeCycle, Sw> {
        self.state
            .files
            .get(file)
            .map(|n| n.life_cycle)
            .ok_or(Sw::NOT_FOUND)
    }

    fn is_directory(&self, file: NodeId) -> bool {
        self.state.files.directory(file).is_some()
    }

    /// Gives a file another life cycle; the MF has none but the card's.
    fn set_life_cycle(&mut self, file: NodeId, operation: Operation, to: LifeCycle) -> Answer {
        self.require(file, operation)?;
        let now = self.life_cycle(file)?;
        if file == MF || now == LifeCycle::Terminated || self.is_selected_elsewhere(file) {
            return Err(Sw::CONDITIONS);
        }
        if now != to {
            self.state.files.edit(file).ok_or(Sw::NOT_FOUND)?.life_cycle = to;
        }
        self.choose(file)?;
        // That it is what it was told to be is no warning.
        self.ending = Sw::OK;
        Ok(Vec::new())
    }

    /// DEACTIVATE FILE.
    pub(super) fn deactivate_file(&mut self, c: &Command) -> Answer {
        let file = self.named(c)?;
        self.set_life_cycle(file, Operation::Deactivate, LifeCycle::Deactivated)
    }

    /// ACTIVATE FILE.
    pub(super) fn activate_file(&mut self, c: &Command) -> Answer {
        let file = self.named(c)?;
        self.set_life_cycle(file, Operation::Activate, LifeCycle::Activated)
    }

    /// TERMINATE DF.
    pub(super) fn terminate_df(&mut self, c: &Command) -> Answer {
        let file = if c.data().is_empty() && (c.p1, c.p2) == (0, 0) {
            self.channel.dir
        } else {
            self.named(c)?
        };
        if !self.is_directory(file) {
            return Err(Sw::STRUCTURE);
        }
        self.set_life_cycle(file, Operation::Terminate, LifeCycle::Terminated)
    }

    /// TERMINATE EF.
    pub(super) fn terminate_ef(&mut self, c: &Command) -> Answer {
        let file = self.named(c)?;
        if self.is_directory(file) {
            return Err(Sw::STRUCTURE);
        }
        self.set_life_cycle(file, Operation::Terminate, LifeCycle::Terminated)
    }

    /// TERMINATE CARD USAGE: what is left is SELECT, STATUS and GET RESPONSE.
    pub(super) fn terminate_card(&mut self, c: &Command) -> Answer {
        if (c.p1, c.p2) != (0, 0) {
            return Err(Sw::P1_P2);
        }
        if !c.data().is_empty() || c.le.is_some() {
            return Err(Sw::WRONG_LENGTH);
        }
        self.require(MF, Operation::Terminate)?;
        *self.state.terminated.edit() = true;
        Ok(Vec::new())
    }

    /// CREATE FILE in the current directory; the new file gets selected.
    pub(super) fn create_file(&mut self, c: &Command) -> Answer {
        if (c.p1, c.p2) != (0, 0) {
            return Err(Sw::P1_P2);
        }
        if c.data().is_empty() || c.le.is_some() {
            return Err(Sw::WRONG_LENGTH);
        }
        let fcp = Fcp::parse(c.data()).map_err(|_| Sw::DATA)?;
        let here = self.channel.dir;
        self.may(
            here,
            match fcp.structure {
                Structure::Directory => Operation::CreateDf,
                _ => Operation::CreateEf,
            },
        )?;
        let spec = self.new_file(here, &fcp)?;
        let id = match self.state.files.put(&spec) {
            Ok(id) => id,
            Err(FileError::NoDirectory { .. }) => return Err(Sw::NOT_FOUND),
            Err(FileError::Sfi { .. } | FileError::Size { .. }) => return Err(Sw::DATA),
        };
        self.choose(id)?;
        Ok(Vec::new())
    }

    fn new_file(&self, here: NodeId, fcp: &Fcp) -> Result<FileSpec, Sw> {
        let files = &self.state.files;
        let fid = fcp
            .fid
            .filter(|fid| !matches!(*fid, names::MF | names::ADF | 0x3fff | 0xffff));
        let fid = fid.ok_or(Sw::DATA)?;
        if files.find(here, fid).is_some() {
            return Err(Sw::EXISTS);
        }
        let path = match &fcp.df_name {
            None => files.path(here).child(fid),
            Some(_) if here != MF || fcp.structure != Structure::Directory => return Err(Sw::DATA),
            Some(aid) if !(5..=16).contains(&aid.len()) => return Err(Sw::DATA),
            Some(aid) if files.applications(aid).any(|id| files.aid(id) == Some(aid)) => {
                return Err(Sw::NAME_EXISTS);
            }
            Some(aid) => super::profile::FilePath::in_adf(aid, &[]),
        };
        let size = usize::try_from(fcp.size.or(fcp.total_size).unwrap_or(0)).unwrap_or(usize::MAX);
        if size.saturating_add(files.used()) > CAPACITY || files.count() >= MOST {
            return Err(Sw::NO_SPACE);
        }
        let fill = Fill::of(fcp);
        let records = |length: u16| {
            let record_length = u8::try_from(length).map_err(|_| Sw::DATA)?;
            let count = size.checked_div(usize::from(record_length)).ok_or(Sw::DATA)?;
            if count * usize::from(record_length) != size || count > 254 {
                return Err(Sw::DATA);
            }
            Ok((
                record_length,
                vec![fill.octets(usize::from(record_length)); count],
            ))
        };
        let content = match fcp.structure {
            Structure::Directory => Content::Directory,
            Structure::Transparent if fcp.size.is_none() => return Err(Sw::DATA),
            Structure::Transparent => Content::Transparent(fill.octets(size)),
            Structure::LinearFixed { record_length, .. } => {
                let (record_length, records) = records(record_length)?;
                Content::LinearFixed {
                    record_length,
                    records,
                }
            }
            Structure::Cyclic { record_length, .. } => {
                let (record_length, records) = records(record_length)?;
                Content::Cyclic {
                    record_length,
                    records,
                }
            }
            Structure::BerTlv => Content::BerTlv {
                max_size: max_size(&fcp.proprietary).or(fcp.size).ok_or(Sw::DATA)?,
                objects: Vec::new(),
            },
        };
        if let Content::BerTlv { max_size, .. } = content
            && usize::try_from(max_size)
                .unwrap_or(usize::MAX)
                .saturating_add(files.used())
                > CAPACITY
        {
            return Err(Sw::NO_SPACE);
        }
        let sfi = match fcp.sfi {
            _ if fcp.structure == Structure::Directory => None,
            Sfi::None => None,
            Sfi::Is(sfi) => Some(sfi),
            // The identifier's lowest five bits, where they are one and free.
            Sfi::Implied => Some(fid.to_be_bytes()[1] & 0x1f)
                .filter(|sfi| (1..=30).contains(sfi) && files.find_sfi(here, *sfi).is_none()),
        };
        Ok(FileSpec {
            path,
            sfi,
            security: fcp.security.clone(),
            life_cycle: LifeCycle::from_octet(fcp.life_cycle).ok_or(Sw::DATA)?,
            shareable: fcp.shareable,
            content,
        })
    }

    /// DELETE FILE, a directory with all that lies in it. Allowed by the file's own rules or by its directory's.
    pub(super) fn delete_file(&mut self, c: &Command) -> Answer {
        if c.data().is_empty() {
            return Err(Sw::WRONG_LENGTH);
        }
        let file = self.named(c)?;
        let parent = self.state.files.parent(file).ok_or(Sw::CONDITIONS)?;
        self.require(file, Operation::Delete)
            .or_else(|_| self.require(parent, Operation::DeleteChild))?;
        if self.is_selected_elsewhere(file) {
            return Err(Sw::CONDITIONS);
        }
        // Of an application that is gone nothing stays verified: the next one of its name is another.
        if let Some(aid) = self.state.files.aid(file).map(<[u8]>::to_vec) {
            self.state.keys.leave(&aid);
        }
        self.state.files.remove(file);
        self.forget_selection(parent);
        Ok(Vec::new())
    }

    /// RESIZE FILE: `62 L { 83 02 FID, 80 L size }`, or A5 with 86 for a BER-TLV file. What is new is FF.
    pub(super) fn resize_file(&mut self, c: &Command) -> Answer {
        // P1 = 01 deletes the objects of a BER-TLV file that shrinks below them.
        if c.p1 > 0x01 || c.p2 != 0 {
            return Err(Sw::P1_P2);
        }
        if c.data().is_empty() || c.le.is_some() {
            return Err(Sw::WRONG_LENGTH);
        }
        let template = tlv::find(c.data(), 0x62).ok().flatten().ok_or(Sw::DATA)?;
        let objects = tlv::read_all(template.value).map_err(|_| Sw::DATA)?;
        let find = |tag| objects.iter().find(|o| o.tag == tag).map(|o| o.value);
        let fid = find(0x83).and_then(|v| v.try_into().ok()).ok_or(Sw::DATA)?;
        let file = self.by_fid(u16::from_be_bytes(fid))?;
        self.may(file, Operation::Resize)?;
        if self.is_selected_elsewhere(file) {
            return Err(Sw::CONDITIONS);
        }
        let body = &self.state.files.get(file).ok_or(Sw::NOT_FOUND)?.body;
        let size = match body {
            Body::Directory(_) => return Err(Sw::STRUCTURE),
            Body::BerTlv { .. } => {
                let inner = tlv::read_all(find(0xa5).ok_or(Sw::DATA)?).map_err(|_| Sw::DATA)?;
                let inner: Vec<_> = inner.iter().map(|o| (o.tag, o.value.to_vec())).collect();
                max_size(&inner)
            }
            _ => find(0x80).and_then(number),
        };
        let size = usize::try_from(size.ok_or(Sw::DATA)?).unwrap_or(usize::MAX);
        if self.state.files.used() - body.size() + size.min(CAPACITY + 1) > CAPACITY {
            return Err(Sw::NO_SPACE);
        }
        match &mut self.state.files.edit(file).ok_or(Sw::NOT_FOUND)?.body {
            Body::Directory(_) => return Err(Sw::STRUCTURE),
            Body::Transparent(octets) => {
                if size > 0xffff {
                    return Err(Sw::DATA);
                }
                octets.resize(size, 0xff);
            }
            Body::Records(records) => records.resize(record_count(records, size).ok_or(Sw::DATA)?),
            Body::BerTlv { max_size, objects } => {
                if super::data::size(objects) > size {
                    if c.p1 == 0 {
                        return Err(Sw::CONDITIONS);
                    }
                    objects.clear();
                }
                *max_size = u32::try_from(size).map_err(|_| Sw::DATA)?;
            }
        }
        self.choose(file)?;
        Ok(Vec::new())
    }
}

/// Records of this length that make that size: 1 to 254, and nothing left over.
fn record_count(records: &Records, size: usize) -> Option<u8> {
    let length = usize::from(records.length);
    let count = u8::try_from(size.checked_div(length)?).ok()?;
    ((1..=254).contains(&count) && usize::from(count) * length == size).then_some(count)
}

/// Maximum file size (tag 86) of the proprietary template.
fn max_size(proprietary: &[(u32, Vec<u8>)]) -> Option<u32> {
    let found = proprietary.iter().find(|(tag, _)| *tag == 0x86);
    found.and_then(|(_, value)| number(value))
}

fn number(octets: &[u8]) -> Option<u32> {
    ((1..=4).contains(&octets.len())).then(|| octets.iter().fold(0, |n, o| n << 8 | u32::from(*o)))
}
