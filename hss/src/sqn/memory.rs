//! SQN in memory: for the laboratory, tests and benchmarks. A second run starts at the first SQN again, and the card
//! answers that with an AUTS.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use aka::Sqn;
use base::Utc;
use gba::ids::Impi;

use super::{Resync, SqnError, SqnRules, SqnStore};

/// Sequence numbers that live as long as the process.
#[derive(Debug, Default)]
pub struct MemorySqnStore {
    last: Mutex<HashMap<Impi, Sqn>>,
}

impl MemorySqnStore {
    /// Knows nobody yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn reserve(&self, impi: &Impi, rules: &SqnRules, now: Utc) -> Result<Sqn, SqnError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.get_mut(impi) {
            *last = rules.after(impi, Some(*last), now)?;
            return Ok(*last);
        }
        let first = rules.after(impi, None, now)?;
        last.insert(impi.clone(), first);
        Ok(first)
    }

    fn resync(&self, impi: &Impi, rules: &SqnRules, sqn_ms: Sqn, now: Utc) -> Resync {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.get(impi).copied().unwrap_or(rules.first);
        let after = rules.resync(before, sqn_ms, now);
        if let Some(after) = after {
            last.insert(impi.clone(), after);
        }
        Resync { before, after }
    }
}

impl SqnStore for MemorySqnStore {
    async fn reserve_sqn(&self, impi: &Impi, rules: &SqnRules, now: Utc) -> Result<Sqn, SqnError> {
        self.reserve(impi, rules, now)
    }

    async fn resync_sqn(
        &self,
        impi: &Impi,
        rules: &SqnRules,
        sqn_ms: Sqn,
        now: Utc,
    ) -> Result<Resync, SqnError> {
        Ok(self.resync(impi, rules, sqn_ms, now))
    }
}
