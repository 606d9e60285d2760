//! READ RECORD (TS 102 221 11.1.5), UPDATE RECORD (11.1.6), SEARCH RECORD (11.1.7) and INCREASE (11.1.8).

use base::apdu::Command;

use crate::Sw;

use super::{
    Answer, SoftCard,
    access::Operation,
    files::{Body, NodeId, Records},
};

/// Which record, and whether the record pointer goes there.
struct Target {
    number: u8,
    moves: bool,
}

impl SoftCard {
    fn records(&self, ef: NodeId) -> Result<&Records, Sw> {
        match self.state.files.get(ef).map(|n| &n.body) {
            Some(Body::Records(records)) => Ok(records),
            _ => Err(Sw::STRUCTURE),
        }
    }

    /// P2's short identifier (0: the current EF) and where the record pointer stands in that EF.
    fn ef_by_p2(&self, p2: u8) -> Result<(NodeId, Option<u8>), Sw> {
        let ef = self.ef(p2 >> 3)?;
        // Selecting by SFI forgets where the pointer stood.
        let pointer = if p2 >> 3 == 0 { self.channel.record } else { None };
        Ok((ef, pointer))
    }

    /// Next (2), previous (3), absolute or current (4). A linear file ends, a ring goes on (TS 102 221 8.2.2).
    fn record(records: &Records, p1: u8, mode: u8, pointer: Option<u8>) -> Result<Target, Sw> {
        let last = records.count();
        let (number, moves) = match (mode, p1) {
            (0x02, 0) => (pointer.map_or(Some(1), |p| p.checked_add(1)), true),
            (0x03, 0) => (pointer.map_or(Some(last), |p| p.checked_sub(1)), true),
            // An absolute number leaves the pointer alone.
            (0x04, 0) => (pointer, false),
            (0x04, absolute) => (Some(absolute), false),
            _ => return Err(Sw::P1_P2),
        };
        match number {
            Some(number) if (1..=last).contains(&number) => Ok(Target { number, moves }),
            Some(0) if moves && records.cyclic => Ok(Target { number: last, moves }),
            Some(_) if moves && records.cyclic => Ok(Target { number: 1, moves }),
            _ => Err(Sw::NO_RECORD),
        }
    }

    fn record_selected(&mut self, ef: NodeId, p2: u8, target: &Target) {
        self.selected(ef);
        if target.moves {
            self.channel.record = Some(target.number);
        } else if p2 >> 3 != 0 {
            self.channel.record = None;
        }
    }

    pub(super) fn read_record(&mut self, c: &Command) -> Answer {
        let (ef, pointer) = self.ef_by_p2(c.p2)?;
        let records = self.records(ef)?;
        self.may(ef, Operation::Read)?;
        if !c.data().is_empty() {
            return Err(Sw::WRONG_LENGTH);
        }
        let target = Self::record(records, c.p1, c.p2 & 0x07, pointer)?;
        if c.le.is_some_and(|le| le != 0 && le != records.length) {
            return Err(Sw::again(records.length));
        }
        let data = records.get(target.number).ok_or(Sw::NO_RECORD)?.to_vec();
        self.record_selected(ef, c.p2, &target);
        Ok(data)
    }

    /// UPDATE RECORD. A ring takes only "previous": the oldest record is overwritten and becomes number 1.
    pub(super) fn update_record(&mut self, c: &Command) -> Answer {
        let (ef, pointer) = self.ef_by_p2(c.p2)?;
        let records = self.records(ef)?;
        self.may(ef, Operation::Update)?;
        let cyclic = records.cyclic;
        if cyclic && c.p2 & 0x07 != 0x03 {
            return Err(Sw::STRUCTURE);
        }
        let target = if cyclic {
            if c.p1 != 0 {
                return Err(Sw::P1_P2);
            }
            Target {
                number: 1,
                moves: true,
            }
        } else {
            Self::record(records, c.p1, c.p2 & 0x07, pointer)?
        };
        if c.data().len() != usize::from(records.length) || c.le.is_some() {
            return Err(Sw::WRONG_LENGTH);
        }
        let records = self.state.files.records_mut(ef)?;
        let place = if cyclic {
            records.turn()
        } else {
            records.get_mut(target.number)
        };
        place.ok_or(Sw::NO_RECORD)?.copy_from_slice(c.data());
        self.record_selected(ef, c.p2, &target);
        Ok(Vec::new())
    }

    /// SEARCH RECORD: the numbers of the records that have the octets, simple (P2 mode 4, 5) or enhanced (6). The first
    /// one becomes the current record.
    pub(super) fn search_record(&mut self, c: &Command) -> Answer {
        let (ef, pointer) = self.ef_by_p2(c.p2)?;
        let records = self.records(ef)?;
        self.may(ef, Operation::Read)?;
        let (mode, from, pattern) = match (c.p2 & 0x07, c.data()) {
            (mode @ (0x04 | 0x05), pattern) => (mode, From::Offset(0), pattern),
            (0x06, [indication, value, pattern @ ..]) => {
                let from = match indication & 0xf8 {
                    0x00 => From::Offset(usize::from(*value)),
                    0x08 => From::After(*value),
                    _ => return Err(Sw::DATA),
                };
                (indication & 0x07, from, pattern)
            }
            (0x06, _) => return Err(Sw::WRONG_LENGTH),
            _ => return Err(Sw::P1_P2),
        };
        if pattern.is_empty() || pattern.len() > usize::from(records.length) {
            return Err(Sw::WRONG_LENGTH);
        }
        let last = records.count();
        let forward = mode & 0x01 == 0;
        let start = match (mode, c.p1) {
            (0x04 | 0x05, 0) => Some(pointer.ok_or(Sw::NO_RECORD)?),
            (0x04 | 0x05, number) => Some(number),
            // Next and previous of the current record; without one, all of them.
            (0x06, 0) => pointer.map_or(Some(1), |p| p.checked_add(1)),
            (0x07, 0) => pointer.map_or(Some(last), |p| p.checked_sub(1)),
            _ => return Err(Sw::P1_P2),
        };
        let start = start.unwrap_or(0);
        if matches!(mode, 0x04 | 0x05) && !(1..=last).contains(&start) {
            return Err(Sw::NO_RECORD);
        }
        let fits = |number: &u8| {
            let record = records.get(*number).unwrap_or_default();
            from.cut(record).windows(pattern.len()).any(|w| w == pattern)
        };
        let found: Vec<u8> = if forward {
            (start.max(1)..=last).filter(fits).collect()
        } else {
            (1..=start.min(last)).rev().filter(fits).collect()
        };
        self.selected(ef);
        let Some(first) = found.first() else {
            return Err(Sw::NO_MATCH);
        };
        self.channel.record = Some(*first);
        Ok(found)
    }

    /// INCREASE: the newest record plus the data field becomes the newest record of a ring. Answers the sum, then what
    /// was added.
    pub(super) fn increase(&mut self, c: &Command) -> Answer {
        let ef = self.ef_by_p1(c.p1)?;
        if c.p2 != 0 {
            return Err(Sw::P1_P2);
        }
        let records = self.records(ef)?;
        if !records.cyclic {
            return Err(Sw::STRUCTURE);
        }
        self.may(ef, Operation::Increase)?;
        let added = c.data();
        // Sum and addend have to fit into an answer.
        let answer = added.len() + usize::from(records.length);
        if added.is_empty() || added.len() > usize::from(records.length) || answer > 256 {
            return Err(Sw::WRONG_LENGTH);
        }
        let mut sum = records.get(1).ok_or(Sw::NO_RECORD)?.to_vec();
        let mut carry = 0;
        let mut addend = added.iter().rev();
        for octet in sum.iter_mut().rev() {
            let total = u16::from(*octet) + u16::from(addend.next().copied().unwrap_or(0)) + carry;
            *octet = total.to_be_bytes()[1];
            carry = total >> 8;
        }
        if carry != 0 {
            return Err(Sw::MAX_VALUE);
        }
        let records = self.state.files.records_mut(ef)?;
        records.turn().ok_or(Sw::NO_RECORD)?.copy_from_slice(&sum);
        self.selected(ef);
        self.channel.record = Some(1);
        sum.extend_from_slice(added);
        Ok(sum)
    }
}

/// Where in each record a search begins.
#[derive(Clone, Copy)]
enum From {
    /// At this octet, from 0.
    Offset(usize),
    /// Behind the first octet of this value.
    After(u8),
}

impl From {
    fn cut(self, record: &[u8]) -> &[u8] {
        match self {
            Self::Offset(offset) => record.get(offset..),
            Self::After(value) => record
                .iter()
                .position(|o| *o == value)
                .and_then(|at| record.get(at + 1..)),
        }
        .unwrap_or_default()
    }
}
