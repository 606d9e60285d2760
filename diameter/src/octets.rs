//! Octets of a value. Most values are short: those stand in the AVP itself, so that reading or writing a message asks
//! for no memory for each of its AVPs.

use core::ops::Deref;

use zeroize::Zeroize;

/// Octets that need no memory of their own.
const INLINE: usize = 62;

/// Octets, up to 62 of them without memory of their own.
#[derive(Clone)]
pub struct Octets(Held);

#[derive(Clone)]
enum Held {
    Short { len: u8, octets: [u8; INLINE] },
    Long(Vec<u8>),
}

impl Octets {
    /// None.
    pub(crate) const EMPTY: Self = Self(Held::Short {
        len: 0,
        octets: [0; INLINE],
    });

    /// Takes these octets in. They had none before.
    #[inline]
    pub(crate) fn fill(&mut self, from: &[u8]) {
        if let Held::Short { len, octets } = &mut self.0
            && let (Some(to), Ok(many)) = (octets.get_mut(..from.len()), u8::try_from(from.len()))
        {
            *len = many;
            // The most frequent length needs no call.
            match (<[u8; 4]>::try_from(from), to.first_chunk_mut()) {
                (Ok(four), Some(to)) => *to = four,
                _ => to.copy_from_slice(from),
            }
        } else {
            self.0 = Held::Long(from.to_vec());
        }
    }

    /// Copies them to the beginning of `place`, if there is room.
    #[inline]
    pub(crate) fn copy_to(&self, place: &mut [u8]) {
        let from: &[u8] = self;
        // The most frequent length needs no call.
        if let (Ok(four), Some(to)) = (<[u8; 4]>::try_from(from), place.first_chunk_mut()) {
            *to = four;
        } else if let Some(to) = place.get_mut(..from.len()) {
            to.copy_from_slice(from);
        }
    }

    /// Octets of memory besides the AVP's own.
    #[must_use]
    pub const fn memory(&self) -> usize {
        match &self.0 {
            Held::Short { .. } => 0,
            Held::Long(octets) => octets.capacity(),
        }
    }
}

impl Deref for Octets {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Held::Short { len, octets } => octets.get(..usize::from(*len)).unwrap_or_default(),
            Held::Long(octets) => octets,
        }
    }
}

impl Zeroize for Octets {
    fn zeroize(&mut self) {
        match &mut self.0 {
            Held::Short { octets, .. } => octets.as_mut_slice().zeroize(),
            Held::Long(octets) => octets.zeroize(),
        }
    }
}

impl From<&[u8]> for Octets {
    #[inline]
    fn from(from: &[u8]) -> Self {
        let mut octets = Self::EMPTY;
        octets.fill(from);
        octets
    }
}

impl<const N: usize> From<[u8; N]> for Octets {
    #[inline]
    fn from(from: [u8; N]) -> Self {
        from.as_slice().into()
    }
}

impl<const N: usize> From<&[u8; N]> for Octets {
    #[inline]
    fn from(from: &[u8; N]) -> Self {
        from.as_slice().into()
    }
}

impl From<&str> for Octets {
    #[inline]
    fn from(from: &str) -> Self {
        from.as_bytes().into()
    }
}

impl From<Vec<u8>> for Octets {
    /// Keeps the memory, so that nothing stays behind in it.
    fn from(from: Vec<u8>) -> Self {
        Self(Held::Long(from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_ones_are_the_octets_that_came() {
        for len in [0, 1, INLINE - 1, INLINE, INLINE + 1, 300] {
            let came: Vec<u8> = (0..len).map(|n| n.to_le_bytes()[0]).collect();
            let copied = Octets::from(came.as_slice());
            assert_eq!((&*copied, copied.memory() == 0), (came.as_slice(), len <= INLINE));
            let mut kept = Octets::from(came.clone());
            assert_eq!(&*kept, came);
            kept.zeroize();
            assert!(kept.iter().all(|octet| *octet == 0));
        }
    }
}
