//! The system's randomness: ChaCha seeded and reseeded from the operating system, one generator per thread.

use std::sync::OnceLock;

use base::{Entropy, NoEntropy};
use rand::{Rng as _, TryRng as _, rngs::SysRng};

/// Randomness for keys, RAND, nonces and cnonces. Costs nothing to make; each thread has its own generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&mut self, dst: &mut [u8]) -> Result<(), NoEntropy> {
        // The thread's generator panics where the system has no randomness, so ask the system once before.
        static WORKS: OnceLock<bool> = OnceLock::new();
        if !*WORKS.get_or_init(|| SysRng.try_fill_bytes(&mut [0; 32]).is_ok()) {
            return Err(NoEntropy);
        }
        rand::rng().fill_bytes(dst);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_gives_the_same_octets_twice() {
        let (a, b) = (OsEntropy.array::<16>(), OsEntropy.array::<16>());
        assert!(a.is_ok() && a != b);
    }
}
