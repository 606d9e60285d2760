//! READ BINARY (TS 102 221 11.1.3), UPDATE BINARY (11.1.4) and READ RECORD (11.1.5).

use base::apdu::Command;

use crate::Sw;

use super::{
    Answer, SoftCard,
    files::{Body, EfId},
    low_octet,
};

/// Where READ BINARY and UPDATE BINARY begin: P1 with bit 8 has a short file identifier, else P1 P2 is the offset.
struct Place {
    ef: EfId,
    offset: usize,
}

impl SoftCard {
    fn place(&self, c: &Command) -> Result<Place, Sw> {
        if c.p1 & 0x80 == 0 {
            return Ok(Place {
                ef: self.channel.ef.ok_or(Sw::NO_EF)?,
                offset: usize::from(u16::from_be_bytes([c.p1, c.p2])),
            });
        }
        if c.p1 & 0x60 != 0 {
            return Err(Sw::P1_P2);
        }
        Ok(Place {
            ef: self.by_sfi(c.p1 & 0x1f)?,
            offset: usize::from(c.p2),
        })
    }

    fn by_sfi(&self, sfi: u8) -> Result<EfId, Sw> {
        if !(1..=30).contains(&sfi) {
            return Err(Sw::P1_P2);
        }
        let files = &self.state.files;
        files.find_sfi(self.channel.dir, sfi).ok_or(Sw::NOT_FOUND)
    }

    /// A command that names an EF by its short identifier selects it, once it has succeeded.
    fn selected(&mut self, ef: EfId) {
        if self.channel.ef != Some(ef) {
            self.channel.ef = Some(ef);
            self.channel.record = None;
        }
    }

    pub(super) fn read_binary(&mut self, c: &Command) -> Answer {
        let place = self.place(c)?;
        let ef = self.state.files.ef(place.ef).ok_or(Sw::NO_EF)?;
        let Body::Transparent(octets) = &ef.body else {
            return Err(Sw::STRUCTURE);
        };
        self.state.keys.require(ef.access.read())?;
        if !c.data().is_empty() {
            return Err(Sw::WRONG_LENGTH);
        }
        let there = octets
            .get(place.offset..)
            .filter(|t| !t.is_empty())
            .ok_or(Sw::OFFSET)?;
        let there = there.get(..256).unwrap_or(there);
        let data = match c.le {
            None | Some(0) => there,
            Some(le) => there
                .get(..usize::from(le))
                .ok_or(Sw::again(low_octet(there.len())))?,
        }
        .to_vec();
        self.selected(place.ef);
        Ok(data)
    }

    pub(super) fn update_binary(&mut self, c: &Command) -> Answer {
        let place = self.place(c)?;
        let ef = self.state.files.ef_mut(place.ef).ok_or(Sw::NO_EF)?;
        let Body::Transparent(octets) = &mut ef.body else {
            return Err(Sw::STRUCTURE);
        };
        self.state.keys.require(ef.access.update())?;
        if c.data().is_empty() || c.le.is_some() {
            return Err(Sw::WRONG_LENGTH);
        }
        if place.offset >= octets.len() {
            return Err(Sw::OFFSET);
        }
        octets
            .get_mut(place.offset..place.offset + c.data().len())
            .ok_or(Sw::WRONG_LENGTH)?
            .copy_from_slice(c.data());
        self.selected(place.ef);
        Ok(Vec::new())
    }

    pub(super) fn read_record(&mut self, c: &Command) -> Answer {
        let (id, by_sfi) = match c.p2 >> 3 {
            0 => (self.channel.ef.ok_or(Sw::NO_EF)?, false),
            sfi => (self.by_sfi(sfi)?, true),
        };
        let ef = self.state.files.ef(id).ok_or(Sw::NO_EF)?;
        let Body::LinearFixed { length, records } = &ef.body else {
            return Err(Sw::STRUCTURE);
        };
        self.state.keys.require(ef.access.read())?;
        if !c.data().is_empty() {
            return Err(Sw::WRONG_LENGTH);
        }
        // Selecting by SFI forgets where the pointer stood.
        let pointer = if by_sfi { None } else { self.channel.record };
        let last = low_octet(records.len());
        // An absolute number leaves the pointer alone (TS 102 221 8.2.2).
        let (number, moves) = match (c.p2 & 0x07, c.p1) {
            (0x02, 0) => (pointer.map_or(Some(1), |p| p.checked_add(1)), true),
            (0x03, 0) => (pointer.map_or(Some(last), |p| p.checked_sub(1)), true),
            (0x04, 0) => (pointer, false),
            (0x04, absolute) => (Some(absolute), false),
            _ => return Err(Sw::P1_P2),
        };
        let number = number.ok_or(Sw::NO_RECORD)?;
        let index = usize::from(number).checked_sub(1).ok_or(Sw::NO_RECORD)?;
        let record = records.get(index).ok_or(Sw::NO_RECORD)?;
        if c.le.is_some_and(|le| le != 0 && le != *length) {
            return Err(Sw::again(*length));
        }
        let data = record.clone();
        self.selected(id);
        if moves {
            self.channel.record = Some(number);
        } else if by_sfi {
            self.channel.record = None;
        }
        Ok(data)
    }
}
