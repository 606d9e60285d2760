//! READ BINARY (TS 102 221 11.1.3) and UPDATE BINARY (11.1.4), and what all commands with an EF share.

use base::apdu::Command;

use crate::Sw;

use super::{Answer, SoftCard, access::Operation, files::NodeId, low_octet, profile::LifeCycle};

impl SoftCard {
    /// The current EF, or the one with that short identifier (0: current) in the current directory.
    pub(super) fn ef(&self, sfi: u8) -> Result<NodeId, Sw> {
        match sfi {
            0 => self.channel.ef.ok_or(Sw::NO_EF),
            1..=30 => {
                let files = &self.state.files;
                let ef = files.find_sfi(self.channel.dir, sfi).ok_or(Sw::NOT_FOUND)?;
                // It becomes the selected one, as with SELECT.
                if files.get(ef).is_some_and(|n| !n.shareable) && self.is_selected_elsewhere(ef) {
                    return Err(Sw::CONDITIONS);
                }
                Ok(ef)
            }
            _ => Err(Sw::P1_P2),
        }
    }

    /// The EF that P1 names by bit 8 and a short identifier, or the current one (P1 = 00).
    pub(super) fn ef_by_p1(&self, p1: u8) -> Result<NodeId, Sw> {
        match p1 & 0xe0 {
            0x80 => self.ef(nonzero_sfi(p1)?),
            _ if p1 == 0 => self.ef(0),
            _ => Err(Sw::P1_P2),
        }
    }

    /// Refuses what the file's rules (6982) or its life cycle (6985) don't allow.
    pub(super) fn may(&self, ef: NodeId, operation: Operation) -> Result<(), Sw> {
        self.require(ef, operation)?;
        self.in_use(ef)
    }

    /// Refuses (6985) where the file or a directory above it is deactivated or terminated.
    pub(super) fn in_use(&self, ef: NodeId) -> Result<(), Sw> {
        let files = &self.state.files;
        // A directory takes what lies in it along.
        let out_of_use = files.upwards(ef).any(|up| {
            let life = files.get(up).map(|n| n.life_cycle);
            matches!(life, Some(LifeCycle::Deactivated | LifeCycle::Terminated) | None)
        });
        if out_of_use { Err(Sw::CONDITIONS) } else { Ok(()) }
    }

    /// A command that names an EF by its short identifier selects it, once it has succeeded.
    pub(super) fn selected(&mut self, ef: NodeId) {
        if self.channel.ef != Some(ef) {
            self.channel.ef = Some(ef);
            self.channel.record = None;
            self.channel.retrieving = None;
        }
    }

    /// Where READ BINARY and UPDATE BINARY begin: P1 with bit 8 has a short file identifier, else P1 P2 is the offset.
    fn place(&self, c: &Command) -> Result<(NodeId, usize), Sw> {
        if c.p1 & 0x80 == 0 {
            return Ok((self.ef(0)?, usize::from(u16::from_be_bytes([c.p1, c.p2]))));
        }
        Ok((self.ef_by_p1(c.p1)?, usize::from(c.p2)))
    }

    pub(super) fn read_binary(&mut self, c: &Command) -> Answer {
        let (ef, offset) = self.place(c)?;
        let octets = self.state.files.transparent(ef)?;
        self.may(ef, Operation::Read)?;
        if !c.data().is_empty() {
            return Err(Sw::WRONG_LENGTH);
        }
        let there = octets.get(offset..).filter(|t| !t.is_empty()).ok_or(Sw::OFFSET)?;
        let there = there.get(..256).unwrap_or(there);
        let data = match c.le {
            None | Some(0) => there,
            Some(le) => there
                .get(..usize::from(le))
                .ok_or(Sw::again(low_octet(there.len())))?,
        }
        .to_vec();
        self.selected(ef);
        Ok(data)
    }

    pub(super) fn update_binary(&mut self, c: &Command) -> Answer {
        let (ef, offset) = self.place(c)?;
        let length = self.state.files.transparent(ef)?.len();
        self.may(ef, Operation::Update)?;
        if c.data().is_empty() || c.le.is_some() {
            return Err(Sw::WRONG_LENGTH);
        }
        if offset >= length {
            return Err(Sw::OFFSET);
        }
        let octets = self.state.files.transparent_mut(ef)?;
        octets
            .get_mut(offset..offset + c.data().len())
            .ok_or(Sw::WRONG_LENGTH)?
            .copy_from_slice(c.data());
        self.selected(ef);
        Ok(Vec::new())
    }
}

/// The short file identifier in the lowest five bits: 0 and 31 are none.
fn nonzero_sfi(octet: u8) -> Result<u8, Sw> {
    match octet & 0x1f {
        sfi @ 1..=30 => Ok(sfi),
        _ => Err(Sw::P1_P2),
    }
}
