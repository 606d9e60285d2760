//! SELECT (TS 102 221 11.1.1) and STATUS (11.1.2).

use base::{apdu::Command, tlv};

use crate::{Sw, fcp::PinStatus, names};

use super::{
    Answer, Channel, SoftCard,
    files::{DirId, EfId, MF},
};

/// What SELECT found.
enum Target {
    Dir(DirId),
    Ef(EfId),
}

/// P2 bits 4 and 3: what to answer.
fn wants_fcp(p2: u8) -> Result<bool, Sw> {
    match p2 & 0x0c {
        0x04 => Ok(true),
        0x0c => Ok(false),
        _ => Err(Sw::P1_P2),
    }
}

impl SoftCard {
    pub(super) fn select(&mut self, c: &Command) -> Answer {
        let fcp = wants_fcp(c.p2)?;
        if c.p1 == 0x04 {
            return self.select_application(c, fcp);
        }
        // Session control and occurrence belong to the selection by AID.
        if c.p2 & !0x0c != 0 {
            return Err(Sw::P1_P2);
        }
        let target = match (c.p1, c.data()) {
            (0x00, [high, low]) => self.by_fid(u16::from_be_bytes([*high, *low]))?,
            (0x01, [high, low]) => self
                .child_dir(self.channel.dir, u16::from_be_bytes([*high, *low]))
                .map(Target::Dir)
                .ok_or(Sw::NOT_FOUND)?,
            (0x03, []) => match self.state.files.dir(self.channel.dir) {
                Some(_) if self.channel.dir == MF => return Err(Sw::NOT_FOUND),
                Some(d) => Target::Dir(d.parent),
                None => return Err(Sw::NOT_FOUND),
            },
            (0x08, path) => self.by_path(MF, path)?,
            (0x09, path) => self.by_path(self.channel.dir, path)?,
            (0x00 | 0x01 | 0x03, _) => return Err(Sw::WRONG_LENGTH),
            _ => return Err(Sw::P1_P2),
        };
        let answer = if fcp { self.fcp(&target)? } else { Vec::new() };
        match target {
            Target::Dir(dir) => {
                self.channel.dir = dir;
                self.channel.ef = None;
            }
            Target::Ef(ef) => {
                self.channel.dir = ef.dir;
                self.channel.ef = Some(ef);
            }
        }
        self.channel.record = None;
        Ok(answer)
    }

    /// By DF name (P1 = 04): full or right-truncated AID; first, last, next or previous that fits.
    fn select_application(&mut self, c: &Command, fcp: bool) -> Answer {
        if c.p2 & 0x90 != 0 {
            return Err(Sw::P1_P2);
        }
        if c.data().is_empty() || c.data().len() > 16 {
            return Err(Sw::WRONG_LENGTH);
        }
        let current = self.channel.application;
        let files = &self.state.files;
        let mut found = files.applications(c.data());
        let id = match c.p2 & 0x03 {
            0x00 => found.next(),
            0x01 => found.next_back(),
            0x02 => found.find(|id| current.is_none_or(|now| *id > now)),
            _ => found.rfind(|id| current.is_none_or(|now| *id < now)),
        }
        .ok_or(Sw::NOT_FOUND)?;
        let answer = if fcp {
            self.fcp(&Target::Dir(id))?
        } else {
            Vec::new()
        };
        match c.p2 & 0x60 {
            0x00 => {
                self.channel = Channel {
                    dir: id,
                    application: Some(id),
                    ..Channel::default()
                };
            }
            // Ends the session (TS 102 221 11.1.1.2, table 11.2).
            0x40 if current == Some(id) => self.channel = Channel::default(),
            0x40 => return Err(Sw::CONDITIONS),
            _ => return Err(Sw::P1_P2),
        }
        Ok(answer)
    }

    /// By file identifier, from the current directory (TS 102 221 8.4.1, table 8.1): an EF or DF in it, the directory
    /// itself, its parent, a DF beside it, the MF, or 7FFF for the active application.
    fn by_fid(&self, fid: u16) -> Result<Target, Sw> {
        let files = &self.state.files;
        let here = self.channel.dir;
        if fid == names::MF {
            return Ok(Target::Dir(MF));
        }
        if fid == names::ADF {
            return self.channel.application.map(Target::Dir).ok_or(Sw::NOT_FOUND);
        }
        if let Some(ef) = files.find_ef(here, fid) {
            return Ok(Target::Ef(ef));
        }
        let parent = files.dir(here).map_or(MF, |d| d.parent);
        self.child_dir(here, fid)
            .or_else(|| self.child_dir(parent, fid))
            .or_else(|| files.dir_has_fid(here, fid).then_some(here))
            .or_else(|| files.dir_has_fid(parent, fid).then_some(parent))
            .map(Target::Dir)
            .ok_or(Sw::NOT_FOUND)
    }

    fn child_dir(&self, parent: DirId, fid: u16) -> Option<DirId> {
        self.state.files.find_dir(parent, fid)
    }

    /// By path: identifiers of two octets, each in the one before; the first may be 7FFF.
    fn by_path(&self, from: DirId, path: &[u8]) -> Result<Target, Sw> {
        let (fids, rest) = path.as_chunks::<2>();
        if fids.is_empty() || !rest.is_empty() {
            return Err(Sw::WRONG_LENGTH);
        }
        let mut target = Target::Dir(from);
        for (i, fid) in fids.iter().map(|f| u16::from_be_bytes(*f)).enumerate() {
            let Target::Dir(dir) = target else {
                // A file lies in a directory, not in an EF.
                return Err(Sw::NOT_FOUND);
            };
            target = if i == 0 && fid == names::ADF && from == MF {
                Target::Dir(self.channel.application.ok_or(Sw::NOT_FOUND)?)
            } else if let Some(ef) = self.state.files.find_ef(dir, fid) {
                Target::Ef(ef)
            } else {
                Target::Dir(self.child_dir(dir, fid).ok_or(Sw::NOT_FOUND)?)
            };
        }
        Ok(target)
    }

    fn fcp(&self, target: &Target) -> Answer {
        let fcp = match target {
            Target::Dir(id) => self.state.files.dir_fcp(*id, &self.pin_status()),
            Target::Ef(id) => self.state.files.ef_fcp(*id),
        };
        fcp.map(|f| f.encode()).ok_or(Sw::NOT_FOUND)
    }

    fn pin_status(&self) -> Vec<PinStatus> {
        self.state
            .keys
            .iter()
            .map(|k| PinStatus {
                reference: k.reference,
                enabled: k.enabled,
            })
            .collect()
    }

    /// STATUS: FCP or AID of where we are. P1 tells that the terminal has initialised or will end the application,
    /// which changes nothing here.
    pub(super) fn status(&self, c: &Command) -> Answer {
        if c.p1 > 0x02 {
            return Err(Sw::P1_P2);
        }
        if !c.data().is_empty() {
            return Err(Sw::WRONG_LENGTH);
        }
        match c.p2 {
            0x00 => self.fcp(&Target::Dir(self.channel.dir)),
            0x01 => {
                let application = self.channel.application.and_then(|a| self.state.files.dir(a));
                let aid = application.and_then(|d| d.aid.as_ref()).ok_or(Sw::CONDITIONS)?;
                Ok(tlv::object(0x84, aid))
            }
            0x0c => Ok(Vec::new()),
            _ => Err(Sw::P1_P2),
        }
    }
}
