//! Messages in the order in which they usually come, between octets and borrowed views without an [`Avp`].
//!
//! A view is a struct of slices. It says once, in [`Fields::lay`], which AVPs it has and in which order; reading,
//! measuring and writing follow from that. Reading is one pass that checks what the general way checks (length, padding,
//! flags, value, number, order of the groups) and knows no faults: whatever isn't exactly as laid down here, be it wrong
//! or merely unusual (another order, a Route-Record, a T flag), has no view, and is read by
//! [`Message::parse`] and [`grammar`](crate::grammar), which know what to say of it.
//! What has a view has to be what they take, and to mean the same: a property of the tests of crate `gba`.

mod read;
mod value;
mod write;

pub use read::{find, read};
pub use value::{Any, Ascii, Exactly, Name, copy, none};
pub use write::Out;

use crate::{avp::Avp, dictionary::AvpDef, message::Message};

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
        let mut octets = vec![0; write::size_of(&mut fields)];
        write::fill(&mut fields, &mut octets);
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

/// Flags of a request that an agent may pass on.
pub const REQUEST: u8 = Message::REQUEST | Message::PROXIABLE;
/// Flags of the answer to it.
pub const ANSWER: u8 = Message::PROXIABLE;

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
