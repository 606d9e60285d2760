//! A NAF must not burn vectors: at most one bootstrapping a minute because of its refusals (ruling 16).

use core::time::Duration;
use std::collections::HashMap;

use base::Mono;

use crate::ids::Fqdn;

/// Least time between two bootstrapping runs that the same NAF causes.
const INTERVAL: Duration = Duration::from_secs(60);
/// Most NAFs remembered. Redirects can invent names, so the table is bounded, and full means no.
const MAX_NAFS: usize = 256;

/// When each NAF last caused a bootstrapping.
#[derive(Debug, Default)]
pub struct RebootstrapLimit {
    last: HashMap<Fqdn, Mono>,
}

impl RebootstrapLimit {
    /// Nobody has caused any.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// True, and remembered, if `naf` may cause a bootstrapping now.
    #[must_use]
    pub fn allow(&mut self, now: Mono, naf: &Fqdn) -> bool {
        self.last.retain(|_, last| now.since(*last) < INTERVAL);
        if self.last.contains_key(naf) || self.last.len() >= MAX_NAFS {
            return false;
        }
        self.last.insert(naf.clone(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ruling_16_one_bootstrapping_a_minute_for_each_naf() {
        let (a, b): (Fqdn, Fqdn) = ("a.test".parse().unwrap(), "b.test".parse().unwrap());
        let start = Mono(5);
        let mut limit = RebootstrapLimit::new();
        assert!(limit.allow(start, &a));
        assert!(!limit.allow(start + Duration::from_secs(59), &a));
        assert!(limit.allow(start + Duration::from_secs(59), &b));
        assert!(limit.allow(start + Duration::from_secs(60), &a));
        assert!(!limit.allow(start + Duration::from_secs(61), &b));
    }

    #[test]
    fn invented_names_neither_fill_memory_nor_get_through() {
        let mut limit = RebootstrapLimit::new();
        let allowed = (0..1000)
            .filter(|n| limit.allow(Mono(1), &format!("n{n}.test").parse().unwrap()))
            .count();
        assert_eq!((allowed, limit.last.len()), (MAX_NAFS, MAX_NAFS));
    }
}
