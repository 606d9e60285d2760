//! Octets that must not be printed, compared in variable time, copied by accident or left in memory.
//!
//! There is no `Debug`, `Clone`, `PartialEq` or `Serialize` here on purpose: a type that holds a secret
//! can't derive them either, so that the leak is found by the compiler.
//!
//! ```compile_fail
//! println!("{:?}", base::Secret::new([0u8; 16])); // no Debug
//! ```
//! ```compile_fail
//! let a = base::Secret::new([0u8; 16]);
//! let b = base::Secret::new([0u8; 16]);
//! assert!(a == b); // no PartialEq: use `ct_eq`
//! ```

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// `N` secret octets, wiped when dropped.
pub struct Secret<const N: usize>([u8; N]);

/// By hand, because the derived one wipes octet by octet: this is one or two stores, on every key there is.
impl<const N: usize> Zeroize for Secret<N> {
    #[inline]
    fn zeroize(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

impl<const N: usize> Drop for Secret<N> {
    #[inline]
    fn drop(&mut self) {
        self.zeroize();
    }
}

impl<const N: usize> ZeroizeOnDrop for Secret<N> {}

impl<const N: usize> Secret<N> {
    /// Takes the octets in. The caller's own copy stays the caller's to wipe.
    #[must_use]
    #[inline]
    pub const fn new(octets: [u8; N]) -> Self {
        Self(octets)
    }

    /// Takes exactly `N` octets in; `None` for any other length.
    #[must_use]
    pub fn from_slice(octets: &[u8]) -> Option<Self> {
        octets.try_into().ok().map(Self)
    }

    /// The only way to the octets. Search for `expose` to find every use of a secret.
    #[must_use]
    #[inline]
    pub const fn expose(&self) -> &[u8; N] {
        &self.0
    }

    /// Compares in constant time.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// A second copy, for a second owner; written out so that each copy is a decision.
    #[must_use]
    #[inline]
    pub const fn duplicate(&self) -> Self {
        Self(self.0)
    }
}

/// Secret octets of a length known at run time, wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes the octets in.
    #[must_use]
    pub const fn new(octets: Vec<u8>) -> Self {
        Self(octets)
    }

    /// The only way to the octets.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Length in octets, which is not a secret here.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there are no octets.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares in constant time for equal lengths.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// A second copy, for a second owner.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }
}

impl From<&[u8]> for SecretBytes {
    fn from(octets: &[u8]) -> Self {
        Self(octets.to_vec())
    }
}

/// Compares two octet strings in constant time for equal lengths (MACs, digests, responses).
#[must_use]
pub fn ct_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_by_value_and_length() {
        assert!(Secret::new([1u8; 4]).ct_eq(&Secret::new([1u8; 4])));
        assert!(!Secret::new([1u8; 4]).ct_eq(&Secret::new([2u8; 4])));
        assert!(!SecretBytes::new(vec![1]).ct_eq(&SecretBytes::new(vec![1, 1])));
        assert!(Secret::<4>::from_slice(&[0; 5]).is_none());
    }
}
