//! Token buckets: how many vectors an IMPI or an address may cause (ruling 6).

use core::time::Duration;

use base::Mono;

const MINUTE: u64 = 60_000_000_000;

/// A burst and a steady rate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate {
    burst: u32,
    per_minute: u32,
}

impl Rate {
    /// No limit: for the laboratory, where every device has one address.
    pub const UNLIMITED: Self = Self {
        burst: 0,
        per_minute: 0,
    };

    /// `burst` at once, then `per_minute`. Zero is taken as one.
    #[must_use]
    pub const fn new(burst: u32, per_minute: u32) -> Self {
        let burst = if burst == 0 { 1 } else { burst };
        let per_minute = if per_minute == 0 { 1 } else { per_minute };
        Self { burst, per_minute }
    }

    /// `n` times the burst and the rate; unlimited stays unlimited.
    #[must_use]
    pub const fn times(self, n: u32) -> Self {
        Self {
            burst: self.burst.saturating_mul(n),
            per_minute: self.per_minute.saturating_mul(n),
        }
    }

    const fn is_limited(self) -> bool {
        self.burst > 0
    }

    const fn interval(self) -> u64 {
        MINUTE
            / if self.per_minute == 0 {
                1
            } else {
                self.per_minute as u64
            }
    }
}

/// One bucket, kept as the time at which it will be full again: eight octets, full when new.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Bucket {
    full_at: Mono,
}

impl Bucket {
    /// How long until there is a token; zero if there is one now.
    #[must_use]
    pub fn wait(&self, rate: Rate, now: Mono) -> Duration {
        if !rate.is_limited() {
            return Duration::ZERO;
        }
        let after = self.full_at.max(now).0.saturating_add(rate.interval());
        let room = rate.interval().saturating_mul(u64::from(rate.burst));
        Duration::from_nanos(after.saturating_sub(now.0).saturating_sub(room))
    }

    /// Takes a token; the caller has seen that [`Self::wait`] is zero.
    pub fn take(&mut self, rate: Rate, now: Mono) {
        if rate.is_limited() {
            self.full_at = Mono(self.full_at.max(now).0.saturating_add(rate.interval()));
        }
    }

    /// Puts a token back that was taken for nothing.
    pub fn put_back(&mut self, rate: Rate) {
        if rate.is_limited() {
            self.full_at = Mono(self.full_at.0.saturating_sub(rate.interval()));
        }
    }

    /// True if the bucket is full, so that it needn't be kept.
    #[must_use]
    pub fn is_full(&self, now: Mono) -> bool {
        self.full_at <= now
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn gives_a_burst_then_the_rate() {
        assert_eq!(Rate::new(3, 6).times(10), Rate::new(30, 60));
        assert_eq!(Rate::UNLIMITED.times(10), Rate::UNLIMITED);
        let rate = Rate::new(3, 6);
        let mut b = Bucket::default();
        let now = Mono(5);
        for _ in 0..3 {
            assert_eq!(b.wait(rate, now), Duration::ZERO);
            b.take(rate, now);
        }
        assert_eq!(b.wait(rate, now), Duration::from_secs(10));
        let later = now + Duration::from_secs(10);
        assert_eq!(b.wait(rate, later), Duration::ZERO);
        b.take(rate, later);
        assert_eq!(b.wait(rate, later), Duration::from_secs(10));
        assert!(!b.is_full(later) && b.is_full(later + Duration::from_secs(30)));
        assert_eq!(b.wait(Rate::UNLIMITED, later), Duration::ZERO);
        b.put_back(rate);
        assert_eq!(b.wait(rate, later), Duration::ZERO);
    }

    proptest! {
        /// In any window of a minute at most burst + rate tokens are given.
        #[test]
        fn never_gives_more_than_it_may(steps in proptest::collection::vec(0_u64..20_000_000_000, 1..200)) {
            let rate = Rate::new(3, 6);
            let (mut b, mut now, mut given) = (Bucket::default(), Mono(0), Vec::new());
            for step in steps {
                now = Mono(now.0 + step);
                if b.wait(rate, now).is_zero() {
                    b.take(rate, now);
                    given.push(now);
                }
            }
            for (i, t) in given.iter().enumerate() {
                let in_window = given[i..].iter().filter(|u| u.since(*t) < Duration::from_secs(60)).count();
                prop_assert!(in_window <= 9);
            }
        }
    }
}
