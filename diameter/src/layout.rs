//! Messages in the order in which they usually come, between octets and borrowed views without an [`Avp`](crate::Avp).
//!
//! A view is a struct of slices. It says once, in [`Fields::lay`], which AVPs it has and in which order; reading,
//! measuring and writing follow from that. Reading is one pass that checks what the general way checks (length, padding,
//! flags, value, number, order of the groups) and knows no faults: whatever isn't exactly as laid down here, be it wrong
//! or merely unusual (another order, a Route-Record, a T flag), has no view, and is read by
//! [`Message::parse`](crate::Message::parse) and [`grammar`](crate::grammar), which know what to say of it.
//! What has a view has to be what they take, and to mean the same: a property of the tests of crate `gba`.

use zeroize::Zeroize as _;

use crate::{
    avp::Avp,
    dictionary::AvpDef,
    message::{HEADER, MAX_MESSAGE, Message},
};

/// The AVPs of a view in their order.
pub trait Fields<'a> {
    /// Shows each of them to `v`. `None` ends it: what comes isn't this.
    fn lay(&mut self, v: &mut impl Visit<'a>) -> Option<()>;
}

/// A whole message.
pub trait Command<'a>: Fields<'a> + Default {
    /// Command Flags, exactly.
    const FLAGS: u8;
    /// Command Code.
    const COMMAND: u32;
    /// Application-Id.
    const APPLICATION: u32;
}

/// The value of one AVP, as it stands in the octets.
pub trait Value<'a>: Sized {
    /// Its length in octets, where that is always the same.
    const SIZE: Option<usize> = None;
    /// Reads it; `None` if the octets aren't what this usually is.
    fn read(octets: &'a [u8]) -> Option<Self>;
    /// Length, in octets.
    fn size(&self) -> usize;
    /// Writes it to `place`, which is as long.
    fn write(&self, place: &mut [u8]);
}

/// What happens to each AVP of a layout.
pub trait Visit<'a> {
    /// An AVP that has to come.
    fn one<T: Value<'a>>(&mut self, def: &AvpDef, value: &mut T) -> Option<()>;
    /// An AVP that may come.
    fn maybe<T: Value<'a>>(&mut self, def: &AvpDef, value: &mut Option<T>) -> Option<()>;
    /// AVPs that are always the same octets; see [`fixed_u32`].
    fn fixed<const N: usize>(&mut self, octets: &[u8; N]) -> Option<()>;
    /// A group that has to come.
    fn group<F: Fields<'a>>(&mut self, def: &AvpDef, inside: &mut F) -> Option<()>;
    /// A group that may come.
    fn maybe_group<F: Fields<'a> + Default>(&mut self, def: &AvpDef, inside: &mut Option<F>) -> Option<()>;
    /// AVPs in a row that are written as one piece.
    fn block<F: Fields<'a>>(&mut self, block: &mut Block<'a, F>) -> Option<()>;
}

/// AVPs in a row of which a sender writes the same for every message, so that it writes them once ([`Block::octets_of`]).
#[derive(Clone, Copy, Debug, Default)]
pub struct Block<'a, F> {
    octets: &'a [u8],
    /// What was read; nothing that is written.
    pub fields: F,
}

impl<'a, F: Fields<'a> + Default> Block<'a, F> {
    /// A block to write, of octets that [`Self::octets_of`] made.
    #[must_use]
    pub fn ready(octets: &'a [u8]) -> Self {
        Self {
            octets,
            fields: F::default(),
        }
    }

    /// The octets of these AVPs.
    #[must_use]
    pub fn octets_of(mut fields: F) -> Vec<u8> {
        let mut octets = vec![0; size_of(&mut fields)];
        let _ = fields.lay(&mut Writer { left: &mut octets });
        octets
    }
}

/// Hop-by-Hop and End-to-End Identifier.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Ids {
    /// Matches an answer to its request on this connection.
    pub hop_by_hop: u32,
    /// Finds duplicates from one end to the other.
    pub end_to_end: u32,
}

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

const fn command<'a, C: Command<'a>>() -> [u8; 8] {
    let [_, c0, c1, c2] = C::COMMAND.to_be_bytes();
    let [a0, a1, a2, a3] = C::APPLICATION.to_be_bytes();
    [C::FLAGS, c0, c1, c2, a0, a1, a2, a3]
}

/// Code and flags of an AVP, with which its head begins; its length is to be added.
const fn head(def: &AvpDef) -> u64 {
    let mandatory = if def.mandatory { Avp::MANDATORY } else { 0 };
    let vendor = if def.vendor == 0 { 0 } else { Avp::VENDOR };
    (def.code as u64) << 32 | ((mandatory | vendor) as u64) << 24
}

/// Length of the head, in octets.
const fn head_size(def: &AvpDef) -> usize {
    if def.vendor == 0 { 8 } else { 12 }
}

const LENGTH: u64 = 0xff_ffff;
const VENDOR: u64 = (Avp::VENDOR as u64) << 24;

/// The octets of an AVP without vendor and with four octets of value, for [`Visit::fixed`].
///
/// # Panics
/// While it is compiled, for a row with a vendor.
#[must_use]
pub const fn fixed_u32(def: &AvpDef, value: u32) -> [u8; 12] {
    assert!(def.vendor == 0, "a head of eight octets");
    let [a, b, c, d, e, f, g, h] = (head(def) | 12).to_be_bytes();
    let [i, j, k, l] = value.to_be_bytes();
    [a, b, c, d, e, f, g, h, i, j, k, l]
}

/// The octets of the head of an AVP with a vendor and a value of `size` octets, for [`Visit::fixed`].
///
/// # Panics
/// While it is compiled, for a row without vendor.
#[must_use]
pub const fn fixed_head(def: &AvpDef, size: u32) -> [u8; 12] {
    assert!(def.vendor != 0, "a head of twelve octets");
    let [a, b, c, d, e, f, g, h] = (head(def) | (12 + size) as u64).to_be_bytes();
    let [i, j, k, l] = def.vendor.to_be_bytes();
    [a, b, c, d, e, f, g, h, i, j, k, l]
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

/// Adds lengths up.
struct Size(usize);

#[inline(always)]
fn size_of<'a>(fields: &mut impl Fields<'a>) -> usize {
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

/// Copies what is short and of many lengths, without a call; `to` is as long.
#[inline(always)]
pub fn copy(to: &mut [u8], from: &[u8]) {
    if from.len() > 64 || to.len() != from.len() {
        if let Some(to) = to.get_mut(..from.len()) {
            to.copy_from_slice(from);
        }
        return;
    }
    for (to, from) in to.as_chunks_mut::<16>().0.iter_mut().zip(from.as_chunks().0) {
        *to = *from;
    }
    if let (Some(to), Some(from)) = (to.last_chunk_mut::<16>(), from.last_chunk()) {
        *to = *from;
    } else {
        for (to, from) in to.iter_mut().zip(from) {
            *to = *from;
        }
    }
}

/// True if none of the octets is `bad`, by sixteen at once.
#[inline(always)]
pub fn none(octets: &[u8], bad: impl Fn(u8) -> bool + Copy) -> bool {
    let Some(last) = octets.last_chunk::<16>() else {
        return !octets.iter().fold(false, |any, octet| any | bad(*octet));
    };
    // An end at the first block that is bad keeps the compiler to one block at a time, which it does in one go.
    let fine = |block: &[u8; 16]| !block.iter().fold(false, |any, octet| any | bad(*octet));
    for block in octets.as_chunks().0 {
        if !fine(block) {
            return false;
        }
    }
    // Some of the last sixteen are looked at twice: no harm.
    fine(last)
}

macro_rules! octets {
    ($($(#[$doc:meta])* $name:ident($octets:ident) = $fits:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Default)]
        pub struct $name<'a>(&'a [u8]);

        impl<'a> $name<'a> {
            /// For octets that are known to be one.
            #[must_use]
            pub const fn of(octets: &'a [u8]) -> Self {
                Self(octets)
            }

            /// As they stand in the message.
            #[must_use]
            pub const fn octets(self) -> &'a [u8] {
                self.0
            }
        }

        impl<'a> Value<'a> for $name<'a> {
            #[inline(always)]
            fn read($octets: &'a [u8]) -> Option<Self> {
                $fits.then_some(Self($octets))
            }

            #[inline(always)]
            fn size(&self) -> usize {
                self.0.len()
            }

            #[inline(always)]
            fn write(&self, place: &mut [u8]) {
                copy(place, self.0);
            }
        }
    )*};
}

octets! {
    /// OctetString.
    Any(octets) = true;
    /// UTF8String of ASCII: any other is unusual.
    Ascii(octets) = none(octets, |octet| octet >= 0x80);
    /// DiameterIdentity.
    Name(octets) = crate::Identity::fits(octets);
}

/// So many octets.
#[derive(Clone, Copy)]
pub struct Exactly<'a, const N: usize>(pub &'a [u8; N]);

impl<const N: usize> Default for Exactly<'_, N> {
    fn default() -> Self {
        Self(&[0; N])
    }
}

impl<'a, const N: usize> Value<'a> for Exactly<'a, N> {
    const SIZE: Option<usize> = Some(N);

    #[inline(always)]
    fn read(octets: &'a [u8]) -> Option<Self> {
        octets.try_into().ok().map(Self)
    }

    #[inline(always)]
    fn size(&self) -> usize {
        N
    }

    #[inline(always)]
    fn write(&self, place: &mut [u8]) {
        if let Ok(place) = place.try_into() {
            let place: &mut [u8; N] = place;
            *place = *self.0;
        }
    }
}

/// Unsigned32, Enumerated, Time.
impl<'a> Value<'a> for u32 {
    const SIZE: Option<usize> = Some(4);

    #[inline(always)]
    fn read(octets: &'a [u8]) -> Option<Self> {
        octets.try_into().ok().map(Self::from_be_bytes)
    }

    #[inline(always)]
    fn size(&self) -> usize {
        4
    }

    #[inline(always)]
    fn write(&self, place: &mut [u8]) {
        if let Some(place) = place.first_chunk_mut() {
            *place = self.to_be_bytes();
        }
    }
}

/// Flags of a request that an agent may pass on.
pub const REQUEST: u8 = Message::REQUEST | Message::PROXIABLE;
/// Flags of the answer to it.
pub const ANSWER: u8 = Message::PROXIABLE;
