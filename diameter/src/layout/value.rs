//! The values that most views are made of, and how octets are looked at and copied in a hurry.

use super::Value;

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
