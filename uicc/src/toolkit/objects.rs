//! COMPREHENSION-TLV (TS 101 220 clause 7.1.1, TS 102 223 clause 9.3).

use base::{DecodeError, Reader};

/// Tags, without the bit that asks for comprehension (TS 101 220 table 7.23).
pub mod tag {
    /// Command number, type and qualifier.
    pub const COMMAND_DETAILS: u8 = 0x01;
    /// Source and destination.
    pub const DEVICES: u8 = 0x02;
    /// General result and what it adds.
    pub const RESULT: u8 = 0x03;
    /// Unit and interval.
    pub const DURATION: u8 = 0x04;
    /// A text to show.
    pub const ALPHA: u8 = 0x05;
    /// An address (dialling number).
    pub const ADDRESS: u8 = 0x06;
    /// SMS TPDU.
    pub const TPDU: u8 = 0x0b;
    /// DCS and text.
    pub const TEXT: u8 = 0x0d;
    /// Identifier of an item chosen.
    pub const ITEM: u8 = 0x10;
    /// Location information.
    pub const LOCATION: u8 = 0x13;
    /// IMEI.
    pub const IMEI: u8 = 0x14;
    /// Events of SET UP EVENT LIST, or the one that happened.
    pub const EVENTS: u8 = 0x19;
    /// Timer identifier.
    pub const TIMER: u8 = 0x24;
    /// Timer value.
    pub const TIMER_VALUE: u8 = 0x25;
    /// Date, time and time zone.
    pub const DATE_TIME: u8 = 0x26;
    /// Answer at once, without waiting for the person.
    pub const IMMEDIATE: u8 = 0x2b;
    /// Language, two letters.
    pub const LANGUAGE: u8 = 0x2d;
    /// Bearer description.
    pub const BEARER: u8 = 0x35;
    /// Octets of a channel.
    pub const CHANNEL_DATA: u8 = 0x36;
    /// How many.
    pub const CHANNEL_DATA_LENGTH: u8 = 0x37;
    /// State of a channel.
    pub const CHANNEL_STATUS: u8 = 0x38;
    /// Octets of a channel's buffer.
    pub const BUFFER_SIZE: u8 = 0x39;
    /// Protocol and port.
    pub const TRANSPORT: u8 = 0x3c;
    /// IP address.
    pub const OTHER_ADDRESS: u8 = 0x3e;
    /// IMEISV.
    pub const IMEISV: u8 = 0x62;
    /// Network access name (APN).
    pub const NETWORK_ACCESS_NAME: u8 = 0x47;
}

/// One object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Object {
    /// Tag without the comprehension bit: 01 to 7E.
    pub tag: u8,
    /// Whether who doesn't know the object must refuse the whole.
    pub comprehension: bool,
    /// Its octets.
    pub value: Vec<u8>,
}

/// Objects in their order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Objects(pub Vec<Object>);

impl Objects {
    /// Reads all objects.
    ///
    /// # Errors
    /// [`DecodeError`] for lengths that don't fit and tags that there can't be. Tags of three octets aren't used by
    /// anything here, and refused.
    pub fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let mut objects = Vec::new();
        while !r.is_empty() {
            let start = r;
            let tag = r.u8("tag")?;
            if matches!(tag & 0x7f, 0 | 0x7f) || tag == 0xff {
                return Err(start.invalid("tag", "one octet, 01 to 7E without its highest bit"));
            }
            let here = r;
            let length = match r.u8("length")? {
                short @ 0..=0x7f => short,
                0x81 => r.u8("length")?,
                _ => return Err(here.invalid("length", "at most 255 octets")),
            };
            objects.push(Object {
                tag: tag & 0x7f,
                comprehension: tag & 0x80 != 0,
                value: r.take(usize::from(length), "value")?.to_vec(),
            });
        }
        Ok(Self(objects))
    }

    /// The octets. A value of more than 255 octets is cut: whoever makes objects keeps below.
    #[must_use]
    pub fn octets(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for object in &self.0 {
            out.push(object.tag | if object.comprehension { 0x80 } else { 0 });
            let value = object.value.get(..255).unwrap_or(&object.value);
            write_length(&mut out, value.len());
            out.extend_from_slice(value);
        }
        out
    }

    /// With one more, which must be comprehended.
    #[must_use]
    pub fn with(mut self, tag: u8, value: impl Into<Vec<u8>>) -> Self {
        self.0.push(Object {
            tag,
            comprehension: true,
            value: value.into(),
        });
        self
    }

    /// Value of the first with this tag.
    #[must_use]
    pub fn find(&self, tag: u8) -> Option<&[u8]> {
        let found = self.0.iter().find(|o| o.tag == tag);
        found.map(|o| o.value.as_slice())
    }

    /// The same, which has to be there.
    pub(super) fn need(&self, tag: u8, what: &'static str) -> Result<&[u8], DecodeError> {
        self.find(tag).ok_or(invalid(what, "the object has to be there"))
    }

    /// The same with a fixed length.
    pub(super) fn need_array<const N: usize>(
        &self,
        tag: u8,
        what: &'static str,
    ) -> Result<[u8; N], DecodeError> {
        let value = self.need(tag, what)?;
        value.try_into().map_err(|_| invalid(what, "another length"))
    }
}

pub(super) const fn invalid(what: &'static str, rule: &'static str) -> DecodeError {
    DecodeError::Invalid { what, at: 0, rule }
}

/// A length of one octet, or `81` and one.
fn write_length(out: &mut Vec<u8>, length: usize) {
    if length > 0x7f {
        out.push(0x81);
    }
    out.push(u8::try_from(length).unwrap_or(0xff));
}

/// Objects within a BER-TLV tag of one octet.
pub(super) fn wrapped(tag: u8, objects: &Objects) -> Vec<u8> {
    let inner = objects.octets();
    let mut out = vec![tag];
    write_length(&mut out, inner.len());
    out.extend_from_slice(&inner);
    out
}

/// The other way: the tag and what is within.
pub(super) fn unwrapped(octets: &[u8]) -> Result<(u8, Objects), DecodeError> {
    let mut r = Reader::new(octets);
    let tag = r.u8("tag")?;
    let here = r;
    let length = match r.u8("length")? {
        short @ 0..=0x7f => short,
        0x81 => r.u8("length")?,
        _ => return Err(here.invalid("length", "at most 255 octets")),
    };
    let inner = r.take(usize::from(length), "objects")?;
    r.finish("toolkit data")?;
    Ok((tag, Objects::parse(inner)?))
}
