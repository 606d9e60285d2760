//! BER-TLV with definite lengths (ISO 8825, TS 101 220), strict: bounded, nothing left over, no indefinite form.

use crate::reader::{DecodeError, Reader};

/// Largest value this crate reads or writes: what three length octets can say (`83 xx xx xx`).
pub const MAX_VALUE: usize = 0xff_ffff;

/// One data object. The tag is the number its octets spell: `62`, `9f7f`, `df8101`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tlv<'a> {
    /// Tag of one to three octets.
    pub tag: u32,
    /// The value's octets.
    pub value: &'a [u8],
    /// Offset of the value in the outermost input.
    pub at: usize,
}

/// True if the tag's first octet has the constructed bit (ISO 8825-1 8.1.2.5).
#[must_use]
pub fn is_constructed(tag: u32) -> bool {
    tag.to_be_bytes()
        .iter()
        .find(|b| **b != 0)
        .is_some_and(|b| b & 0x20 != 0)
}

/// Reads one object. Lengths: short, `81`, `82` or `83`, also longer than needed.
///
/// # Errors
/// [`DecodeError`] for a short input, a tag of more than three octets, an indefinite or longer length.
pub fn read<'a>(r: &mut Reader<'a>) -> Result<Tlv<'a>, DecodeError> {
    let start = *r;
    let first = r.u8("tag")?;
    let mut tag = u32::from(first);
    if first & 0x1f == 0x1f {
        let second = r.u8("tag")?;
        if second == 0x80 {
            return Err(start.invalid("tag", "its second octet must not be 80"));
        }
        tag = tag << 8 | u32::from(second);
        if second & 0x80 != 0 {
            let third = r.u8("tag")?;
            if third & 0x80 != 0 {
                return Err(start.invalid("tag", "at most three octets"));
            }
            tag = tag << 8 | u32::from(third);
        }
    }
    let here = *r;
    let len = match r.u8("length")? {
        short @ 0..=0x7f => u32::from(short),
        0x81 => u32::from(r.u8("length")?),
        0x82 => u32::from(r.u16("length")?),
        0x83 => r.u24("length")?,
        0x80 => return Err(here.invalid("length", "the indefinite form isn't allowed here")),
        _ => return Err(here.invalid("length", "at most three length octets")),
    };
    let at = r.at();
    let value = r.take(usize::try_from(len).unwrap_or(usize::MAX), "value")?;
    Ok(Tlv { tag, value, at })
}

/// Reads objects to the end of the input.
///
/// # Errors
/// As [`read`].
pub fn read_all(octets: &[u8]) -> Result<Vec<Tlv<'_>>, DecodeError> {
    let mut r = Reader::new(octets);
    let mut all = Vec::new();
    while !r.is_empty() {
        all.push(read(&mut r)?);
    }
    Ok(all)
}

/// The first object with that tag.
///
/// # Errors
/// As [`read`], for the whole input.
pub fn find(octets: &[u8], tag: u32) -> Result<Option<Tlv<'_>>, DecodeError> {
    Ok(read_all(octets)?.into_iter().find(|t| t.tag == tag))
}

/// Appends one object with the shortest length. A value above [`MAX_VALUE`] is a mistake of the caller: it is cut.
#[inline]
pub fn write(out: &mut Vec<u8>, tag: u32, value: &[u8]) {
    // Most objects by far: one octet of tag, one of length.
    if let (Ok(tag @ 1..), Ok(length @ 0..=0x7f)) = (u8::try_from(tag), u8::try_from(value.len())) {
        out.extend_from_slice(&[tag, length]);
        out.extend_from_slice(value);
    } else {
        write_any(out, tag, value);
    }
}

fn write_any(out: &mut Vec<u8>, tag: u32, value: &[u8]) {
    let value = value.get(..value.len().min(MAX_VALUE)).unwrap_or_default();
    let octets = tag.to_be_bytes();
    let lead = octets.iter().position(|b| *b != 0).unwrap_or(3);
    out.extend_from_slice(octets.get(lead..).unwrap_or_default());
    let len = u32::try_from(value.len()).unwrap_or(0).to_be_bytes();
    match value.len() {
        0..=0x7f => out.push(len[3]),
        0x80..=0xff => out.extend_from_slice(&[0x81, len[3]]),
        0x100..=0xffff => out.extend_from_slice(&[0x82, len[2], len[3]]),
        _ => out.extend_from_slice(&[0x83, len[1], len[2], len[3]]),
    }
    out.extend_from_slice(value);
}

/// One object as octets; see [`write()`].
#[must_use]
pub fn object(tag: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + 8);
    write(&mut out, tag, value);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_isnt_strict() {
        for bad in [
            &[0x80, 5, 1][..],
            &[0x80],
            &[0x9f],
            &[0x30, 0x80, 0, 0],
            &[0x80, 0x84, 0, 0, 0, 0],
            &[0x9f, 0x80, 0],
        ] {
            assert!(read_all(bad).is_err(), "{bad:02x?}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for len in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000] {
            for tag in [0x62, 0x9f7f, 0xdf8101] {
                let octets = object(tag, &vec![7; len]);
                let all = read_all(&octets).unwrap_or_default();
                assert!(matches!(all[..], [t] if t.tag == tag && t.value.len() == len));
            }
        }
        assert!(is_constructed(0x62) && is_constructed(0x7f49) && !is_constructed(0x9f7f));
    }
}
