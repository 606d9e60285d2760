//! Reading outside octets: no index arithmetic, each field named, nothing left over unnoticed.

use thiserror::Error;

/// Why octets could not be decoded. Holds positions and names, never the octets.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input ended inside a field.
    #[error("{what}: {needed} octets needed at offset {at}, {left} left")]
    Short {
        /// The field.
        what: &'static str,
        /// Offset of the field in the outermost input.
        at: usize,
        /// Octets the field needs.
        needed: usize,
        /// Octets that were there.
        left: usize,
    },
    /// Octets stand after the end of a structure.
    #[error("{what}: {left} octets left over at offset {at}")]
    LeftOver {
        /// The structure.
        what: &'static str,
        /// Offset of the first octet too many.
        at: usize,
        /// How many there are.
        left: usize,
    },
    /// A field has a value that its clause doesn't allow.
    #[error("{what} at offset {at}: {rule}")]
    Invalid {
        /// The field.
        what: &'static str,
        /// Offset of the field.
        at: usize,
        /// What was expected.
        rule: &'static str,
    },
}

/// A cursor over outside octets that remembers its offset in the outermost input.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    left: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Starts at offset 0.
    #[inline]
    #[must_use]
    pub const fn new(octets: &'a [u8]) -> Self {
        Self { left: octets, at: 0 }
    }

    /// Offset of the next octet in the outermost input.
    #[inline]
    #[must_use]
    pub const fn at(&self) -> usize {
        self.at
    }

    /// How many octets are left.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.left.len()
    }

    /// True at the end.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// The next `n` octets.
    ///
    /// # Errors
    /// [`DecodeError::Short`] with the field's name.
    #[inline]
    pub fn take(&mut self, n: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let Some((head, tail)) = self.left.split_at_checked(n) else {
            return Err(DecodeError::Short {
                what,
                at: self.at,
                needed: n,
                left: self.left.len(),
            });
        };
        self.left = tail;
        self.at += n;
        Ok(head)
    }

    /// The next `N` octets as an array.
    ///
    /// # Errors
    /// [`DecodeError::Short`].
    #[inline]
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let at = self.at;
        let left = self.left.len();
        self.take(N, what)?.try_into().map_err(|_| DecodeError::Short {
            what,
            at,
            needed: N,
            left,
        })
    }

    /// One octet.
    ///
    /// # Errors
    /// [`DecodeError::Short`].
    #[inline]
    pub fn u8(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        self.array::<1>(what).map(|[b]| b)
    }

    /// Two octets, big endian.
    ///
    /// # Errors
    /// [`DecodeError::Short`].
    #[inline]
    pub fn u16(&mut self, what: &'static str) -> Result<u16, DecodeError> {
        self.array(what).map(u16::from_be_bytes)
    }

    /// Three octets, big endian.
    ///
    /// # Errors
    /// [`DecodeError::Short`].
    #[inline]
    pub fn u24(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        self.array(what).map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// Four octets, big endian.
    ///
    /// # Errors
    /// [`DecodeError::Short`].
    #[inline]
    pub fn u32(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        self.array(what).map(u32::from_be_bytes)
    }

    /// A reader over the next `n` octets, which this reader skips.
    ///
    /// # Errors
    /// [`DecodeError::Short`].
    #[inline]
    pub fn sub(&mut self, n: usize, what: &'static str) -> Result<Reader<'a>, DecodeError> {
        let at = self.at;
        Ok(Reader {
            left: self.take(n, what)?,
            at,
        })
    }

    /// All that is left.
    #[inline]
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = self.left;
        self.at += rest.len();
        self.left = &[];
        rest
    }

    /// Ends the structure.
    ///
    /// # Errors
    /// [`DecodeError::LeftOver`] if octets remain.
    #[inline]
    pub const fn finish(self, what: &'static str) -> Result<(), DecodeError> {
        if self.left.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::LeftOver {
                what,
                at: self.at,
                left: self.left.len(),
            })
        }
    }

    /// An error about the field that starts at the next octet.
    #[inline]
    #[must_use]
    pub const fn invalid(&self, what: &'static str, rule: &'static str) -> DecodeError {
        DecodeError::Invalid {
            what,
            at: self.at,
            rule,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_short_field_with_its_outer_offset() {
        let mut outer = Reader::new(&[0, 3, 1, 2, 3, 9]);
        let n = outer.u16("length").map(usize::from).unwrap_or(0);
        let mut inner = outer.sub(n, "group").unwrap_or(Reader::new(&[]));
        assert_eq!(inner.u24("value"), Ok(0x01_02_03));
        assert_eq!(
            inner.u8("more"),
            Err(DecodeError::Short {
                what: "more",
                at: 5,
                needed: 1,
                left: 0
            })
        );
        assert_eq!(
            outer.finish("all"),
            Err(DecodeError::LeftOver {
                what: "all",
                at: 5,
                left: 1
            })
        );
    }
}
