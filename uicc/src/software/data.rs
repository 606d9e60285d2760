//! RETRIEVE DATA (TS 102 221 11.3.1) and SET DATA (11.3.2): data objects of BER-TLV files, in blocks.

use base::{Reader, apdu::Command, tlv};

use crate::Sw;

use super::{
    Answer, SoftCard,
    access::Operation,
    files::{Body, NodeId},
};

/// Tag and value of each object.
type Objects = [(u32, Vec<u8>)];

/// Octets that one block of an object has at most.
const BLOCK: usize = 256;

/// An object that SET DATA has begun and not ended.
pub(super) struct Setting {
    ef: NodeId,
    /// The object's octets so far, and how many there will be.
    octets: Vec<u8>,
    total: usize,
}

/// What objects take in the file.
pub(super) fn size(objects: &Objects) -> usize {
    objects.iter().map(|(tag, value)| encoded(*tag, value)).sum()
}

fn encoded(tag: u32, value: &[u8]) -> usize {
    tlv::object(tag, value).len()
}

/// A tag of one to three octets and nothing behind.
fn tag_alone(octets: &[u8]) -> Option<u32> {
    // A tag with an empty value behind it is a whole object.
    let object = [octets, &[0]].concat();
    let mut r = Reader::new(&object);
    let t = tlv::read(&mut r).ok()?;
    (r.is_empty() && t.value.is_empty() && t.at == object.len()).then_some(t.tag)
}

/// Octets that the object has which begins so: tag and length must be whole.
fn announced(octets: &[u8]) -> Option<usize> {
    let first = *octets.first()?;
    let tag = if first & 0x1f != 0x1f {
        1
    } else if octets.get(1)? & 0x80 == 0 {
        2
    } else {
        3
    };
    let length = octets.get(tag..)?;
    let (head, value) = match length {
        [short @ 0..=0x7f, ..] => (1, usize::from(*short)),
        [0x81, a, ..] => (2, usize::from(*a)),
        [0x82, a, b, ..] => (3, usize::from(u16::from_be_bytes([*a, *b]))),
        [0x83, a, b, c, ..] => (4, usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).ok()?),
        _ => return None,
    };
    Some(tag + head + value)
}

impl SoftCard {
    fn objects(&self, ef: NodeId) -> Result<(&Objects, u32), Sw> {
        match self.state.files.get(ef).map(|n| &n.body) {
            Some(Body::BerTlv { max_size, objects }) => Ok((objects, *max_size)),
            _ => Err(Sw::STRUCTURE),
        }
    }

    /// P2: 80 the first block of the object that the data field names, 00 the next one, 40 the last one again. 62F1 as
    /// long as there is more.
    pub(super) fn retrieve_data(&mut self, c: &Command) -> Answer {
        let ef = self.ef_by_p1(c.p1)?;
        let (objects, _) = self.objects(ef)?;
        self.may(ef, Operation::Read)?;
        let (tag, from) = match (c.p2, c.data()) {
            (0x80, []) => return Err(Sw::WRONG_LENGTH),
            (0x80, tag) => (tag_alone(tag).ok_or(Sw::DATA)?, 0),
            (0x00 | 0x40, []) => {
                let current = self.channel.retrieving.filter(|_| self.channel.ef == Some(ef));
                let (tag, read) = current.ok_or(Sw::CONDITIONS)?;
                // Blocks but the last are full.
                let again = read.saturating_sub(1) / BLOCK * BLOCK;
                (tag, if c.p2 == 0x40 { again } else { read })
            }
            (0x00 | 0x40, _) => return Err(Sw::WRONG_LENGTH),
            _ => return Err(Sw::P1_P2),
        };
        let (_, value) = objects.iter().find(|(t, _)| *t == tag).ok_or(Sw::REFERENCE)?;
        let object = tlv::object(tag, value);
        let there = object
            .get(from..)
            .filter(|t| !t.is_empty())
            .ok_or(Sw::CONDITIONS)?;
        let block = there.get(..BLOCK).unwrap_or(there).to_vec();
        if block.len() < there.len() {
            self.ending = Sw::MORE_DATA;
        }
        self.selected(ef);
        self.channel.retrieving = Some((tag, from + block.len()));
        Ok(block)
    }

    /// P2: 80 the first block of an object, with its tag and length; 00 the next one. 63F1 until it is whole, which is
    /// when it takes effect. A tag alone deletes the object.
    pub(super) fn set_data(&mut self, c: &Command) -> Answer {
        let ef = self.ef_by_p1(c.p1)?;
        let (objects, max) = self.objects(ef)?;
        self.may(ef, Operation::Update)?;
        if c.data().is_empty() || c.le.is_some() {
            return Err(Sw::WRONG_LENGTH);
        }
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let mut setting = match c.p2 {
            0x80 => {
                if let Some(tag) = tag_alone(c.data()) {
                    let at = objects.iter().position(|(t, _)| *t == tag).ok_or(Sw::REFERENCE)?;
                    if let Some(Body::BerTlv { objects, .. }) = self.state.files.edit(ef).map(|n| &mut n.body)
                    {
                        objects.remove(at);
                    }
                    self.selected(ef);
                    return Ok(Vec::new());
                }
                let total = announced(c.data()).ok_or(Sw::DATA)?;
                if total > max {
                    return Err(Sw::NO_SPACE);
                }
                Setting {
                    ef,
                    octets: Vec::new(),
                    total,
                }
            }
            0x00 => {
                let here = self.number;
                let begun = self.setting.take().filter(|(n, s)| *n == here && s.ef == ef);
                begun.ok_or(Sw::CONDITIONS)?.1
            }
            _ => return Err(Sw::P1_P2),
        };
        setting.octets.extend_from_slice(c.data());
        self.selected(ef);
        if setting.octets.len() < setting.total {
            self.setting = Some((self.number, setting));
            self.ending = Sw::MORE_EXPECTED;
            return Ok(Vec::new());
        }
        // One octet too many, or a tag that isn't strict, spoils the object.
        let mut r = Reader::new(&setting.octets);
        let object = tlv::read(&mut r).map_err(|_| Sw::DATA)?;
        if !r.is_empty() {
            return Err(Sw::DATA);
        }
        let (objects, _) = self.objects(ef)?;
        let others = objects.iter().filter(|(t, _)| *t != object.tag);
        let others: usize = others.map(|(tag, value)| encoded(*tag, value)).sum();
        if others + encoded(object.tag, object.value) > max {
            return Err(Sw::NO_SPACE);
        }
        if let Some(Body::BerTlv { objects, .. }) = self.state.files.edit(ef).map(|n| &mut n.body) {
            match objects.iter_mut().find(|(t, _)| *t == object.tag) {
                Some((_, value)) => *value = object.value.to_vec(),
                None => objects.push((object.tag, object.value.to_vec())),
            }
        }
        Ok(Vec::new())
    }
}
