//! One AVP (RFC 6733 4): head, value, padding.
//!
//! A value is either octets or, where the dictionary says Grouped, a list of AVPs. Reading is bounded: an AVP
//! can't be longer than what holds it, groups nest at most [`MAX_DEPTH`] deep, a message holds at most
//! [`MAX_AVPS`]. Values of rows marked secret are wiped when dropped.

use base::Utc;
use zeroize::Zeroize;

use crate::{
    dictionary::{self, AvpDef, Kind},
    fault::Fault,
    identity::Identity,
    octets::Octets,
    result::ResultCode,
};

/// How deep groups may nest in a received message.
pub const MAX_DEPTH: usize = 8;
/// How many AVPs, inner ones included, a received message may hold.
pub const MAX_AVPS: usize = 1024;

/// An AVP. `Debug` never shows a secret value.
#[derive(Clone)]
pub struct Avp {
    code: u32,
    vendor: u32,
    flags: u8,
    /// The octets may not stay in memory: secret rows, and groups that were kept as octets.
    secret: bool,
    value: Value,
}

/// The value of an [`Avp`].
#[derive(Clone)]
pub enum Value {
    /// As on the wire, without padding.
    Octets(Octets),
    /// The AVPs of a group.
    Group(Vec<Avp>),
}

impl Avp {
    /// V flag: the head has a Vendor-Id (RFC 6733 4.1).
    pub const VENDOR: u8 = 0x80;
    /// M flag: a receiver that doesn't know the AVP has to refuse the message (RFC 6733 4.1).
    pub const MANDATORY: u8 = 0x40;

    /// Any AVP, also one that no dictionary knows. A vendor sets the V flag.
    #[must_use]
    #[inline]
    pub fn raw(code: u32, vendor: u32, flags: u8, value: impl Into<Octets>) -> Self {
        let flags = if vendor == 0 { flags } else { flags | Self::VENDOR };
        let value = Value::Octets(value.into());
        Self::new(code, vendor, flags, dictionary::find(vendor, code), value)
    }

    #[inline]
    fn new(code: u32, vendor: u32, flags: u8, def: Option<&AvpDef>, value: Value) -> Self {
        Self {
            code,
            vendor,
            flags,
            secret: def.is_some_and(|def| def.secret || matches!(def.kind, Kind::Grouped)),
            value,
        }
    }

    /// Any group, also one that no dictionary knows. A vendor sets the V flag.
    #[must_use]
    pub fn raw_group(code: u32, vendor: u32, flags: u8, avps: Vec<Self>) -> Self {
        Self {
            value: Value::Group(avps),
            ..Self::raw(code, vendor, flags, Octets::EMPTY)
        }
    }

    /// An AVP of a row, with the flags of the row.
    #[must_use]
    pub fn octets(def: &AvpDef, value: impl Into<Octets>) -> Self {
        Self::of(def, Value::Octets(value.into()))
    }

    /// UTF8String, DiameterIdentity.
    #[must_use]
    pub fn utf8(def: &AvpDef, value: &str) -> Self {
        Self::octets(def, value)
    }

    /// DiameterIdentity.
    #[must_use]
    pub fn identity(def: &AvpDef, value: &Identity) -> Self {
        Self::octets(def, value.as_str())
    }

    /// Unsigned32 or Enumerated.
    #[must_use]
    pub fn u32(def: &AvpDef, value: u32) -> Self {
        Self::octets(def, value.to_be_bytes())
    }

    /// Time (RFC 6733 4.3.1). What lies before 1968 or after 2104 becomes the nearest time that can be sent.
    #[must_use]
    pub fn time(def: &AvpDef, value: Utc) -> Self {
        let nearest = if value.0 < 0 { 0x8000_0000 } else { 0x7fff_ffff };
        Self::u32(def, value.to_ntp().unwrap_or(nearest))
    }

    /// Grouped.
    #[must_use]
    pub fn group(def: &AvpDef, avps: Vec<Self>) -> Self {
        Self::of(def, Value::Group(avps))
    }

    /// With the flags of the row.
    #[inline]
    fn of(def: &AvpDef, value: Value) -> Self {
        let mandatory = if def.mandatory { Self::MANDATORY } else { 0 };
        let vendor = if def.vendor == 0 { 0 } else { Self::VENDOR };
        Self::new(def.code, def.vendor, mandatory | vendor, Some(def), value)
    }

    /// AVP Code.
    #[must_use]
    pub const fn code(&self) -> u32 {
        self.code
    }

    /// Vendor-Id, 0 for none.
    #[must_use]
    pub const fn vendor(&self) -> u32 {
        self.vendor
    }

    /// Flags as on the wire.
    #[must_use]
    pub const fn flags(&self) -> u8 {
        self.flags
    }

    /// The M flag.
    #[must_use]
    pub const fn is_mandatory(&self) -> bool {
        self.flags & Self::MANDATORY != 0
    }

    /// The value.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// The row of the dictionary.
    #[must_use]
    pub fn def(&self) -> Option<&'static AvpDef> {
        dictionary::find(self.vendor, self.code)
    }

    /// True for an AVP of this row.
    #[must_use]
    pub const fn is(&self, def: &AvpDef) -> bool {
        self.code == def.code && self.vendor == def.vendor
    }

    /// The octets of the value; empty for a group.
    #[must_use]
    pub fn as_octets(&self) -> &[u8] {
        match &self.value {
            Value::Octets(octets) => octets,
            Value::Group(_) => &[],
        }
    }

    /// The AVPs of a group; empty for anything else.
    #[must_use]
    pub fn as_group(&self) -> &[Self] {
        match &self.value {
            Value::Octets(_) => &[],
            Value::Group(avps) => avps,
        }
    }

    /// The value as exactly `N` octets.
    ///
    /// # Errors
    /// 5004 for another length: the type allows it, the application doesn't.
    pub fn as_array<const N: usize>(&self) -> Result<&[u8; N], Fault> {
        self.as_octets().try_into().map_err(|_| {
            Fault::value(
                self,
                format!("{N} octets expected, got {}", self.as_octets().len()),
            )
        })
    }

    /// Unsigned32 or Enumerated.
    ///
    /// # Errors
    /// 5014 unless the value has four octets.
    pub fn as_u32(&self) -> Result<u32, Fault> {
        let octets = self.as_octets();
        let four: [u8; 4] = octets.try_into().map_err(|_| {
            let text = format!("4 octets expected, got {}", octets.len());
            Fault::of(ResultCode::INVALID_AVP_LENGTH, self.code, self.vendor, text)
        })?;
        Ok(u32::from_be_bytes(four))
    }

    /// Time, as UTC.
    ///
    /// # Errors
    /// 5014 unless the value has four octets.
    pub fn as_time(&self) -> Result<Utc, Fault> {
        self.as_u32().map(Utc::from_ntp)
    }

    /// UTF8String.
    ///
    /// # Errors
    /// 5004 if it isn't UTF-8.
    pub fn as_utf8(&self) -> Result<&str, Fault> {
        core::str::from_utf8(self.as_octets()).map_err(|_| Fault::value(self, "not UTF-8"))
    }

    /// DiameterIdentity.
    ///
    /// # Errors
    /// 5004 if it is no name.
    pub fn as_identity(&self) -> Result<Identity, Fault> {
        Identity::from_octets(self.as_octets()).map_err(|e| Fault::value(self, e.to_string()))
    }

    /// The first AVP of a row in this group.
    #[must_use]
    pub fn find(&self, def: &AvpDef) -> Option<&Self> {
        self.as_group().iter().find(|avp| avp.is(def))
    }

    /// Length of head and value in octets, without padding: the AVP Length field.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let head = if self.flags & Self::VENDOR == 0 { 8 } else { 12 };
        head + match &self.value {
            Value::Octets(octets) => octets.len(),
            Value::Group(avps) => avps.iter().map(|avp| pad(avp.encoded_len())).sum(),
        }
    }

    /// Writes the AVP with its padding.
    ///
    /// An AVP beyond 2^24 - 1 octets can't be expressed; its length field would be cut. Nothing here builds
    /// one: what is received is bounded by [`crate::message::MAX_MESSAGE`].
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + pad(self.encoded_len()), 0);
        let _ = self.write(out.get_mut(start..).unwrap_or_default());
    }

    /// Writes the AVP at the beginning of `out`, which is zero and has room for it, and gives what comes behind it.
    pub(crate) fn write<'a>(&self, out: &'a mut [u8]) -> Option<&'a mut [u8]> {
        let room = out.len();
        let (head, rest) = out.split_first_chunk_mut::<8>()?;
        let rest = if self.flags & Self::VENDOR == 0 {
            rest
        } else {
            let (vendor, rest) = rest.split_first_chunk_mut()?;
            *vendor = self.vendor.to_be_bytes();
            rest
        };
        let (len, rest) = match &self.value {
            Value::Octets(octets) => {
                let len = room - rest.len() + octets.len();
                let (place, rest) = rest.split_at_mut_checked(pad(octets.len()))?;
                octets.copy_to(place);
                (len, rest)
            }
            Value::Group(avps) => {
                let rest = avps.iter().try_fold(rest, |rest, avp| avp.write(rest))?;
                (room - rest.len(), rest)
            }
        };
        let [c0, c1, c2, c3] = self.code.to_be_bytes();
        let [l0, l1, l2] = length(len);
        *head = [c0, c1, c2, c3, self.flags, l0, l1, l2];
        Some(rest)
    }
}

/// A length as it is sent, in three octets.
pub(crate) fn length(len: usize) -> [u8; 3] {
    let [_, high, middle, low] = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
    [high, middle, low]
}

impl Drop for Avp {
    fn drop(&mut self) {
        match &mut self.value {
            Value::Octets(octets) if self.secret => octets.zeroize(),
            _ => {}
        }
    }
}

impl PartialEq for Avp {
    /// Values are compared in constant time: they may be keys.
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
            && self.vendor == other.vendor
            && self.flags == other.flags
            && match (&self.value, &other.value) {
                (Value::Octets(a), Value::Octets(b)) => base::secret::ct_eq(a, b),
                (Value::Group(a), Value::Group(b)) => a == b,
                _ => false,
            }
    }
}

/// Rounds up to a multiple of four (RFC 6733 4.1).
const fn pad(len: usize) -> usize {
    len.next_multiple_of(4)
}

/// Length of a small AVP, in octets.
const SMALL: usize = 12;

/// How much more a message may hold while it is read.
pub(crate) struct Budget {
    avps: usize,
}

impl Budget {
    pub(crate) const fn new() -> Self {
        Self { avps: MAX_AVPS }
    }
}

/// Reads AVPs up to the end of `left`. `depth` counts the groups around them.
pub(crate) fn read_all(
    mut left: &[u8],
    depth: usize,
    budget: &mut Budget,
    open_groups: bool,
) -> Result<Vec<Avp>, Fault> {
    // Room for a usual group or message; more only as it comes.
    let mut avps = Vec::with_capacity((left.len() / SMALL).min(12));
    while !left.is_empty() {
        let ([c0, c1, c2, c3, flags, l0, l1, l2], after) = left.split_first_chunk().ok_or_else(cut)?;
        let code = u32::from_be_bytes([*c0, *c1, *c2, *c3]);
        let len = u32::from_be_bytes([0, *l0, *l1, *l2]) as usize;
        let (head, vendor, after) = if flags & Avp::VENDOR == 0 {
            (8, 0, after)
        } else {
            let (vendor, after) = after.split_first_chunk().ok_or_else(cut)?;
            (12, u32::from_be_bytes(*vendor), after)
        };
        let bad = |text: String| Fault::of(ResultCode::INVALID_AVP_LENGTH, code, vendor, text);
        let size = len
            .checked_sub(head)
            .ok_or_else(|| bad(format!("AVP Length {len} is less than its head of {head} octets")))?;
        budget.avps = budget.avps.checked_sub(1).ok_or_else(|| {
            let text = format!("more than {MAX_AVPS} AVPs in one message");
            Fault::of(ResultCode::AVP_OCCURS_TOO_MANY_TIMES, code, vendor, text)
        })?;
        let (value, after) = after
            .get(pad(size)..)
            .and_then(|next| Some((after.get(..size)?, next)))
            .ok_or_else(|| {
                let there = after.len();
                bad(format!(
                    "AVP Length {len} leaves {size} octets, {there} are there"
                ))
            })?;
        left = after;

        let def = dictionary::find(vendor, code);
        let value = match def {
            Some(def) if open_groups && matches!(def.kind, Kind::Grouped) => {
                if depth >= MAX_DEPTH {
                    return Err(bad(format!("groups nest deeper than {MAX_DEPTH}")));
                }
                // What stands in Failed-AVP is wrong by nature: it is kept, not opened.
                let open = !(def.code == dictionary::FAILED_AVP.code && def.vendor == 0);
                Value::Group(read_all(value, depth + 1, budget, open)?)
            }
            _ => {
                // Filled in its place: 80 octets moved for each AVP are felt.
                avps.push(Avp::new(code, vendor, *flags, def, Value::Octets(Octets::EMPTY)));
                if let Some(Avp {
                    value: Value::Octets(place),
                    ..
                }) = avps.last_mut()
                {
                    place.fill(value);
                }
                continue;
            }
        };
        avps.push(Avp::new(code, vendor, *flags, def, value));
    }
    Ok(avps)
}

#[cold]
fn cut() -> Fault {
    Fault::new(
        ResultCode::INVALID_AVP_LENGTH,
        "less than an AVP head before the end",
    )
}
