//! SELECT (TS 102 221 11.1.1) and STATUS (11.1.2).

use base::{apdu::Command, tlv};

use crate::{
    Sw,
    fcp::{Fcp, PinTemplate, Sfi, Structure},
    names,
};

use super::{
    Answer, SoftCard,
    channel::Channel,
    files::{Body, MF, NodeId},
    profile::LifeCycle,
};

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
        let here = self.channel.dir;
        let target = match (c.p1, c.data()) {
            (0x00, []) => MF,
            (0x00, [high, low]) => self.by_fid(u16::from_be_bytes([*high, *low]))?,
            (0x01, [high, low]) => self
                .state
                .files
                .find_dir(here, u16::from_be_bytes([*high, *low]))
                .ok_or(Sw::NOT_FOUND)?,
            (0x03, []) => self.state.files.parent(here).ok_or(Sw::NOT_FOUND)?,
            (0x08, path) => self.by_path(MF, path)?,
            (0x09, path) => self.by_path(here, path)?,
            (0x00 | 0x01 | 0x03, _) => return Err(Sw::WRONG_LENGTH),
            _ => return Err(Sw::P1_P2),
        };
        self.choose(target)?;
        if fcp { self.fcp(target) } else { Ok(Vec::new()) }
    }

    /// Makes a file the selected one of the channel.
    pub(super) fn choose(&mut self, target: NodeId) -> Result<(), Sw> {
        let node = self.state.files.get(target).ok_or(Sw::NOT_FOUND)?;
        if !node.shareable && self.is_selected_elsewhere(target) {
            return Err(Sw::CONDITIONS);
        }
        self.ending = match node.life_cycle {
            LifeCycle::Deactivated => Sw::DEACTIVATED,
            LifeCycle::Terminated => Sw::TERMINATED,
            _ => Sw::OK,
        };
        let (dir, ef) = match node.body {
            Body::Directory(_) => (target, None),
            _ => (node.parent, Some(target)),
        };
        self.channel = Channel {
            dir,
            ef,
            application: self.channel.application,
            initialised: self.channel.initialised,
            ..Channel::default()
        };
        Ok(())
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
            // In the order in which the applications are listed.
            0x02 => match current {
                Some(now) if files.applications(c.data()).any(|id| id == now) => {
                    found.by_ref().find(|id| *id == now);
                    found.next()
                }
                _ => found.next(),
            },
            _ => match current {
                Some(now) if files.applications(c.data()).any(|id| id == now) => {
                    found.by_ref().rfind(|id| *id == now);
                    found.next_back()
                }
                _ => found.next_back(),
            },
        };
        drop(found);
        let id = id.ok_or(Sw::NOT_FOUND)?;
        match c.p2 & 0x60 {
            0x00 => {
                self.channel = Channel {
                    application: Some(id),
                    ..Channel::default()
                };
                self.choose(id)?;
            }
            // Ends the session (TS 102 221 11.1.1.2, table 11.2).
            0x40 if current == Some(id) => self.channel = Channel::default(),
            0x40 => return Err(Sw::CONDITIONS),
            _ => return Err(Sw::P1_P2),
        }
        if fcp { self.fcp(id) } else { Ok(Vec::new()) }
    }

    /// By file identifier, from the current directory (TS 102 221 8.4.1, table 8.1): an EF or DF in it, the directory
    /// itself, its parent, a DF beside it, the MF, or 7FFF for the active application.
    pub(super) fn by_fid(&self, fid: u16) -> Result<NodeId, Sw> {
        let files = &self.state.files;
        let here = self.channel.dir;
        if fid == names::MF {
            return Ok(MF);
        }
        if fid == names::ADF {
            return self.channel.application.ok_or(Sw::NOT_FOUND);
        }
        let parent = files.parent(here).unwrap_or(MF);
        let is = |id: NodeId| files.get(id).is_some_and(|n| n.fid == Some(fid)).then_some(id);
        files
            .find(here, fid)
            .or_else(|| files.find_dir(parent, fid))
            .or_else(|| is(here))
            .or_else(|| is(parent))
            .ok_or(Sw::NOT_FOUND)
    }

    /// By path: identifiers of two octets, each in the one before; the first may be 7FFF.
    pub(super) fn by_path(&self, from: NodeId, path: &[u8]) -> Result<NodeId, Sw> {
        let (fids, rest) = path.as_chunks::<2>();
        if fids.is_empty() || !rest.is_empty() {
            return Err(Sw::WRONG_LENGTH);
        }
        let mut at = from;
        for (i, fid) in fids.iter().map(|f| u16::from_be_bytes(*f)).enumerate() {
            at = if i == 0 && fid == names::ADF && from == MF {
                self.channel.application.ok_or(Sw::NOT_FOUND)?
            } else {
                // A file lies in a directory, not in an EF.
                self.state.files.find(at, fid).ok_or(Sw::NOT_FOUND)?
            };
        }
        Ok(at)
    }

    /// The FCP template of a file (TS 102 221 11.1.1.3).
    fn fcp(&self, id: NodeId) -> Answer {
        let files = &self.state.files;
        let node = files.get(id).ok_or(Sw::NOT_FOUND)?;
        let mut fcp = Fcp {
            structure: Structure::Directory,
            shareable: node.shareable,
            fid: node.fid,
            df_name: None,
            proprietary: Vec::new(),
            life_cycle: if id == MF && *self.state.terminated.get() {
                LifeCycle::Terminated.octet()
            } else {
                node.life_cycle.octet()
            },
            security: node.security.clone(),
            pins: None,
            size: u32::try_from(node.body.size()).ok(),
            total_size: None,
            sfi: node.sfi.map_or(Sfi::None, Sfi::Is),
        };
        match &node.body {
            Body::Directory(d) => {
                fcp.df_name.clone_from(&d.aid);
                // UICC characteristics (80): clock stop allowed in any state, 1.8 to 5 V.
                fcp.proprietary.push((0x80, vec![0x71]));
                if id == MF {
                    // Supported commands (87): TERMINAL CAPABILITY.
                    fcp.proprietary.push((0x87, vec![0x01]));
                }
                let application = files.adf_of(id).and_then(|adf| files.aid(adf));
                fcp.pins = Some(PinTemplate::new(&self.state.keys.status(application)));
                fcp.size = None;
                fcp.sfi = Sfi::Implied;
            }
            Body::Transparent(_) => fcp.structure = Structure::Transparent,
            Body::Records(r) => {
                let (record_length, records) = (u16::from(r.length), r.count());
                fcp.structure = if r.cyclic {
                    Structure::Cyclic {
                        record_length,
                        records,
                    }
                } else {
                    Structure::LinearFixed {
                        record_length,
                        records,
                    }
                };
            }
            Body::BerTlv { max_size, objects } => {
                fcp.structure = Structure::BerTlv;
                // File details: DER coding; nothing reserved; the maximum.
                fcp.proprietary.push((0x84, vec![0x01]));
                fcp.proprietary.push((0x86, max_size.to_be_bytes().to_vec()));
                fcp.size = u32::try_from(super::data::size(objects)).ok();
            }
        }
        // Nothing but the content is kept for one file alone.
        fcp.total_size = fcp.size;
        Ok(fcp.encode())
    }

    /// STATUS: FCP or AID of where we are. P1 tells that the terminal has initialised the application, or will end it.
    pub(super) fn status(&mut self, c: &Command) -> Answer {
        if c.p1 > 0x02 {
            return Err(Sw::P1_P2);
        }
        if !c.data().is_empty() {
            return Err(Sw::WRONG_LENGTH);
        }
        let answer = match c.p2 {
            0x00 => self.fcp(self.channel.dir)?,
            0x01 => {
                let application = self.channel.application.ok_or(Sw::CONDITIONS)?;
                let aid = self.state.files.aid(application).ok_or(Sw::CONDITIONS)?;
                tlv::object(0x84, aid)
            }
            0x0c => Vec::new(),
            _ => return Err(Sw::P1_P2),
        };
        if c.p1 != 0 {
            // There has to be an application to initialise or to end.
            self.channel.application.ok_or(Sw::CONDITIONS)?;
            self.channel.initialised = c.p1 == 0x01;
        }
        Ok(answer)
    }
}
