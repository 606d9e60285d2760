//! Octets to views: one pass.

use super::{Block, Command, Fields, Ids, LENGTH, VENDOR, Value, Visit, command, head, head_size};
use crate::{
    dictionary::AvpDef,
    message::{HEADER, MAX_MESSAGE},
};

/// Reads a message, if it is as its layout says.
#[must_use]
#[inline]
pub fn read<'a, C: Command<'a>>(octets: &'a [u8]) -> Option<(Ids, C)> {
    let (head, left) = octets.split_first_chunk::<HEADER>()?;
    let [
        v,
        l0,
        l1,
        l2,
        f,
        c0,
        c1,
        c2,
        a0,
        a1,
        a2,
        a3,
        h0,
        h1,
        h2,
        h3,
        e0,
        e1,
        e2,
        e3,
    ] = *head;
    let usual = [f, c0, c1, c2, a0, a1, a2, a3] == command::<C>()
        && v == 1
        && u32::from_be_bytes([0, l0, l1, l2]) as usize == octets.len()
        && octets.len() <= MAX_MESSAGE;
    if !usual {
        return None;
    }
    let mut reader = Reader { left };
    let mut view = C::default();
    view.lay(&mut reader)?;
    let ids = Ids {
        hop_by_hop: u32::from_be_bytes([h0, h1, h2, h3]),
        end_to_end: u32::from_be_bytes([e0, e1, e2, e3]),
    };
    reader.left.is_empty().then_some((ids, view))
}

/// The value of the first AVP of a row, not looking into groups. `None` also where the octets are no AVPs.
#[must_use]
pub fn find<'a>(message: &'a [u8], def: &AvpDef) -> Option<&'a [u8]> {
    let mut left = message.get(HEADER..)?;
    loop {
        let (first, after) = left.split_first_chunk::<8>()?;
        let first = u64::from_be_bytes(*first);
        let vendor = match after.first_chunk() {
            Some(vendor) if first & VENDOR != 0 => u32::from_be_bytes(*vendor),
            _ => 0,
        };
        let len = usize::try_from(first & LENGTH).ok()?;
        if first >> 32 == u64::from(def.code) && vendor == def.vendor {
            return left.get(head_size(def)..len);
        }
        // An AVP without an end would be found again and again.
        left = left.get(len.next_multiple_of(4).max(8)..)?;
    }
}

struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    /// The value of the next AVP and what follows, if it is of this row, and of this size if that is given.
    #[inline(always)]
    fn next(&self, def: &AvpDef, size: Option<usize>) -> Option<(&'a [u8], &'a [u8])> {
        let (first, after) = self.left.split_first_chunk::<8>()?;
        let first = u64::from_be_bytes(*first);
        let after = if def.vendor == 0 {
            after
        } else {
            let (vendor, after) = after.split_first_chunk::<4>()?;
            if *vendor != def.vendor.to_be_bytes() {
                return None;
            }
            after
        };
        let size = if let Some(size) = size {
            // Where the next AVP begins needn't wait for what this one says.
            if first != head(def) | (head_size(def) + size) as u64 {
                return None;
            }
            size
        } else {
            if first & !LENGTH != head(def) {
                return None;
            }
            usize::try_from(first & LENGTH)
                .ok()?
                .checked_sub(head_size(def))?
        };
        let (padded, left) = after.split_at_checked(size.next_multiple_of(4))?;
        Some((padded.get(..size)?, left))
    }
}

impl<'a> Visit<'a> for Reader<'a> {
    #[inline(always)]
    fn one<T: Value<'a>>(&mut self, def: &AvpDef, value: &mut T) -> Option<()> {
        let (octets, left) = self.next(def, T::SIZE)?;
        self.left = left;
        *value = T::read(octets)?;
        Some(())
    }

    #[inline(always)]
    fn maybe<T: Value<'a>>(&mut self, def: &AvpDef, value: &mut Option<T>) -> Option<()> {
        if let Some((octets, left)) = self.next(def, T::SIZE) {
            self.left = left;
            *value = Some(T::read(octets)?);
        }
        Some(())
    }

    #[inline(always)]
    fn fixed<const N: usize>(&mut self, octets: &[u8; N]) -> Option<()> {
        let (came, left) = self.left.split_first_chunk::<N>()?;
        self.left = left;
        (came == octets).then_some(())
    }

    #[inline(always)]
    fn group<F: Fields<'a>>(&mut self, def: &AvpDef, inside: &mut F) -> Option<()> {
        let (octets, left) = self.next(def, None)?;
        self.left = left;
        let mut reader = Reader { left: octets };
        inside.lay(&mut reader)?;
        reader.left.is_empty().then_some(())
    }

    #[inline(always)]
    fn maybe_group<F: Fields<'a> + Default>(&mut self, def: &AvpDef, inside: &mut Option<F>) -> Option<()> {
        if self.next(def, None).is_some() {
            self.group(def, inside.insert(F::default()))?;
        }
        Some(())
    }

    #[inline(always)]
    fn block<F: Fields<'a>>(&mut self, block: &mut Block<'a, F>) -> Option<()> {
        let before = self.left;
        block.fields.lay(self)?;
        block.octets = before.get(..before.len() - self.left.len())?;
        Some(())
    }
}
