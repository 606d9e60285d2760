//! Randomness as an argument: the program hands in the system's, tests and the laboratory a seeded one.

use thiserror::Error;

/// The source has no randomness to give.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the system's random number source failed")]
pub struct NoEntropy;

/// A source of random octets: RAND, nonces, cnonces.
pub trait Entropy {
    /// Fills `dst` with random octets.
    ///
    /// # Errors
    /// [`NoEntropy`] if the source fails; `dst` is then not to be used.
    fn fill(&mut self, dst: &mut [u8]) -> Result<(), NoEntropy>;

    /// `N` random octets.
    ///
    /// # Errors
    /// [`NoEntropy`].
    fn array<const N: usize>(&mut self) -> Result<[u8; N], NoEntropy>
    where
        Self: Sized,
    {
        let mut octets = [0; N];
        self.fill(&mut octets)?;
        Ok(octets)
    }
}

impl<E: Entropy + ?Sized> Entropy for &mut E {
    fn fill(&mut self, dst: &mut [u8]) -> Result<(), NoEntropy> {
        (**self).fill(dst)
    }
}

/// A repeatable sequence (SplitMix64) for tests and the laboratory. Predictable: never for a key that matters.
#[derive(Clone, Debug)]
pub struct SeededEntropy(u64);

impl SeededEntropy {
    /// The same seed gives the same octets.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }
}

impl Entropy for SeededEntropy {
    fn fill(&mut self, dst: &mut [u8]) -> Result<(), NoEntropy> {
        for chunk in dst.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            chunk.copy_from_slice(z.to_be_bytes().get(..chunk.len()).unwrap_or_default());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_from_its_seed() {
        let run = |seed| SeededEntropy::new(seed).array::<21>();
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }
}
