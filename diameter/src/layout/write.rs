//! Views to octets: lengths first, then one piece of memory is filled.

use zeroize::Zeroize as _;

use super::{Block, Command, Fields, Ids, LENGTH, Value, Visit, command, head, head_size};
use crate::{
    dictionary::AvpDef,
    message::{HEADER, Message},
};

/// Messages on their way out, in memory that is used again.
#[derive(Default)]
pub struct Out {
    octets: Vec<u8>,
    used: usize,
}

impl Out {
    /// What is to be sent.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..self.used).unwrap_or_default()
    }

    /// Appends a message.
    #[inline]
    pub fn write<'a, C: Command<'a>>(&mut self, mut view: C, ids: Ids) {
        let len = HEADER + size_of(&mut view);
        let Some((head, left)) = self.room(len).split_first_chunk_mut::<HEADER>() else {
            return;
        };
        let [l0, l1, l2] = crate::avp::length(len);
        let [f, c0, c1, c2, a0, a1, a2, a3] = command::<C>();
        let [h0, h1, h2, h3] = ids.hop_by_hop.to_be_bytes();
        let [e0, e1, e2, e3] = ids.end_to_end.to_be_bytes();
        *head = [
            1, l0, l1, l2, f, c0, c1, c2, a0, a1, a2, a3, h0, h1, h2, h3, e0, e1, e2, e3,
        ];
        let _ = view.lay(&mut Writer { left });
    }

    /// Appends a message that has been made the general way.
    pub fn push(&mut self, message: &Message) {
        let place = self.room(message.encoded_len());
        place.fill(0);
        let _ = message.write(place);
    }

    /// Octets to be filled. If that needs larger memory, the smaller is wiped.
    #[inline]
    fn room(&mut self, len: usize) -> &mut [u8] {
        let start = self.used;
        self.used += len;
        if self.used > self.octets.len() {
            self.grow();
        }
        self.octets.get_mut(start..self.used).unwrap_or_default()
    }

    #[cold]
    fn grow(&mut self) {
        let mut larger = vec![0; self.used.max(2 * self.octets.len())];
        if let Some(place) = larger.get_mut(..self.octets.len()) {
            place.copy_from_slice(&self.octets);
        }
        self.octets.as_mut_slice().zeroize();
        self.octets = larger;
    }

    /// Begins anew where nothing held a key.
    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// Wipes what was sent, which held keys. Keeps at most so many octets of memory.
    pub fn wipe(&mut self, kept: usize) {
        if let Some(used) = self.octets.get_mut(..self.used) {
            used.zeroize();
        }
        self.used = 0;
        if self.octets.len() > kept {
            self.octets = Vec::new();
        }
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        self.wipe(0);
    }
}

/// Adds lengths up.
struct Size(usize);

#[inline(always)]
pub(super) fn size_of<'a>(fields: &mut impl Fields<'a>) -> usize {
    let mut size = Size(0);
    let _ = fields.lay(&mut size);
    size.0
}

impl<'a> Visit<'a> for Size {
    #[inline(always)]
    fn one<T: Value<'a>>(&mut self, def: &AvpDef, value: &mut T) -> Option<()> {
        self.0 += head_size(def) + value.size().next_multiple_of(4);
        Some(())
    }

    #[inline(always)]
    fn maybe<T: Value<'a>>(&mut self, def: &AvpDef, value: &mut Option<T>) -> Option<()> {
        value.as_mut().map_or(Some(()), |value| self.one(def, value))
    }

    #[inline(always)]
    fn fixed<const N: usize>(&mut self, _: &[u8; N]) -> Option<()> {
        self.0 += N;
        Some(())
    }

    #[inline(always)]
    fn group<F: Fields<'a>>(&mut self, def: &AvpDef, inside: &mut F) -> Option<()> {
        self.0 += head_size(def);
        inside.lay(self)
    }

    #[inline(always)]
    fn maybe_group<F: Fields<'a> + Default>(&mut self, def: &AvpDef, inside: &mut Option<F>) -> Option<()> {
        inside.as_mut().map_or(Some(()), |inside| self.group(def, inside))
    }

    #[inline(always)]
    fn block<F: Fields<'a>>(&mut self, block: &mut Block<'a, F>) -> Option<()> {
        self.0 += block.octets.len();
        Some(())
    }
}

/// Fills `place`, which is as long as [`size_of`] said.
pub(super) fn fill<'a>(fields: &mut impl Fields<'a>, place: &mut [u8]) {
    let _ = fields.lay(&mut Writer { left: place });
}

/// Fills octets that are as many as [`size_of`] said, all of them.
struct Writer<'o> {
    left: &'o mut [u8],
}

impl Writer<'_> {
    #[inline(always)]
    fn octets<const N: usize>(&mut self, octets: &[u8; N]) -> Option<()> {
        let (place, left) = core::mem::take(&mut self.left).split_first_chunk_mut::<N>()?;
        self.left = left;
        *place = *octets;
        Some(())
    }

    #[inline(always)]
    fn head(&mut self, def: &AvpDef, size: usize) -> Option<()> {
        let len = u64::try_from(head_size(def) + size).ok()?;
        self.octets(&(head(def) | len & LENGTH).to_be_bytes())?;
        if def.vendor != 0 {
            self.octets(&def.vendor.to_be_bytes())?;
        }
        Some(())
    }

    #[inline(always)]
    fn place(&mut self, size: usize) -> Option<&mut [u8]> {
        let padded = size.next_multiple_of(4);
        let (place, left) = core::mem::take(&mut self.left).split_at_mut_checked(padded)?;
        self.left = left;
        if !size.is_multiple_of(4) {
            *place.last_chunk_mut()? = [0; 4];
        }
        place.get_mut(..size)
    }
}

impl<'a> Visit<'a> for Writer<'_> {
    #[inline(always)]
    fn one<T: Value<'a>>(&mut self, def: &AvpDef, value: &mut T) -> Option<()> {
        let size = value.size();
        self.head(def, size)?;
        value.write(self.place(size)?);
        Some(())
    }

    #[inline(always)]
    fn maybe<T: Value<'a>>(&mut self, def: &AvpDef, value: &mut Option<T>) -> Option<()> {
        value.as_mut().map_or(Some(()), |value| self.one(def, value))
    }

    #[inline(always)]
    fn fixed<const N: usize>(&mut self, octets: &[u8; N]) -> Option<()> {
        self.octets(octets)
    }

    #[inline(always)]
    fn group<F: Fields<'a>>(&mut self, def: &AvpDef, inside: &mut F) -> Option<()> {
        self.head(def, size_of(inside))?;
        inside.lay(self)
    }

    #[inline(always)]
    fn maybe_group<F: Fields<'a> + Default>(&mut self, def: &AvpDef, inside: &mut Option<F>) -> Option<()> {
        inside.as_mut().map_or(Some(()), |inside| self.group(def, inside))
    }

    #[inline(always)]
    fn block<F: Fields<'a>>(&mut self, block: &mut Block<'a, F>) -> Option<()> {
        self.place(block.octets.len())?.copy_from_slice(block.octets);
        Some(())
    }
}
