//! Where each AVP stands in the octets of a Diameter message, and changes that touch nothing but it and the lengths around it.

use std::ops::Range;

use diameter::{
    Avp, AvpDef, Kind,
    avp::{MAX_AVPS, MAX_DEPTH},
    dictionary,
    message::{HEADER, MAX_MESSAGE},
};

/// Vendor and code.
pub type Key = (u32, u32);

/// One AVP in its place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// Vendor and code of the groups around it, from outside, and of itself.
    pub path: Vec<Key>,
    /// Where the groups around it begin, from outside.
    pub groups: Vec<usize>,
    /// Its first octet.
    pub start: usize,
    /// Its value, without padding.
    pub value: Range<usize>,
    /// Where the next one begins.
    pub end: usize,
}

impl Place {
    /// Its row of the dictionary.
    #[must_use]
    pub fn def(&self) -> Option<&'static AvpDef> {
        self.path
            .last()
            .and_then(|(vendor, code)| dictionary::find(*vendor, *code))
    }

    /// True for a group that the dictionary knows.
    #[must_use]
    pub fn is_group(&self) -> bool {
        self.def().is_some_and(|def| def.kind == Kind::Grouped)
    }

    /// True where its octets may be a key: rows marked so, and what nobody knows (ruling 35).
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.def().is_none_or(|def| def.secret)
    }
}

/// All AVPs in their order, groups before what is in them. Ends where lengths aren't right.
#[must_use]
pub fn places(message: &[u8]) -> Vec<Place> {
    let mut all = Vec::new();
    walk(
        message,
        HEADER..message.len(),
        &mut Vec::new(),
        &mut Vec::new(),
        &mut all,
    );
    all
}

fn number(octets: &[u8]) -> usize {
    octets.iter().fold(0, |n, octet| n << 8 | usize::from(*octet))
}

fn walk(
    message: &[u8],
    range: Range<usize>,
    path: &mut Vec<Key>,
    groups: &mut Vec<usize>,
    all: &mut Vec<Place>,
) {
    let mut at = range.start;
    while at < range.end && all.len() < MAX_AVPS {
        let Some(head) = message
            .get(at..range.end.min(at + 8))
            .filter(|head| head.len() == 8)
        else {
            return;
        };
        let (code, flags, length) = match head {
            [a, b, c, d, flags, x, y, z] => (
                u32::from_be_bytes([*a, *b, *c, *d]),
                *flags,
                number(&[*x, *y, *z]),
            ),
            _ => return,
        };
        let (head, vendor) = if flags & Avp::VENDOR == 0 {
            (8, 0)
        } else {
            match message.get(at + 8..at + 12) {
                Some(&[a, b, c, d]) => (12, u32::from_be_bytes([a, b, c, d])),
                _ => return,
            }
        };
        let end = at + length.next_multiple_of(4);
        if length < head || end > range.end {
            return;
        }
        path.push((vendor, code));
        let place = Place {
            path: path.clone(),
            groups: groups.clone(),
            start: at,
            value: at + head..at + length,
            end,
        };
        let inside = (place.is_group() && path.len() <= MAX_DEPTH).then(|| place.value.clone());
        all.push(place);
        if let Some(inside) = inside {
            groups.push(at);
            walk(message, inside, path, groups, all);
            groups.pop();
        }
        path.pop();
        at = end;
    }
}

/// Puts `new` in place of `range`, and mends the lengths of the groups around it and of the message. False, and nothing
/// done, where the message would become longer than a peer may send.
#[must_use]
pub fn splice(message: &mut Vec<u8>, groups: &[usize], range: Range<usize>, new: &[u8]) -> bool {
    let Some(length) = message
        .len()
        .checked_sub(range.len())
        .map(|rest| rest + new.len())
    else {
        return false;
    };
    if length > MAX_MESSAGE || message.get(range.clone()).is_none() {
        return false;
    }
    let (more, less) = (new.len(), range.len());
    message.splice(range, new.iter().copied());
    set_length(message, 1, length);
    for group in groups {
        let at = group + 5;
        let own = number(message.get(at..at + 3).unwrap_or_default());
        set_length(message, at, (own + more).saturating_sub(less));
    }
    true
}

/// Three octets.
fn set_length(message: &mut [u8], at: usize, length: usize) {
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    if let (Some(place), [_, new @ ..]) = (message.get_mut(at..at + 3), length) {
        place.copy_from_slice(&new);
    }
}

/// Gives an AVP another value, its flags and vendor as they were.
#[must_use]
pub fn set(message: &mut Vec<u8>, place: &Place, value: &[u8]) -> bool {
    let mut padded = value.to_vec();
    padded.resize(value.len().next_multiple_of(4), 0);
    if !splice(message, &place.groups, place.value.start..place.end, &padded) {
        return false;
    }
    let head = place.value.start - place.start;
    set_length(message, place.start + 5, head + value.len());
    true
}
