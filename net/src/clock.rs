//! The system's two clocks as one [`Now`]; pure crates get it as an argument.

use std::{
    sync::OnceLock,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use base::{Mono, Now, Utc};

/// What time it is. The monotonic clock counts from the first call in this process.
#[must_use]
pub fn now() -> Now {
    static START: OnceLock<Instant> = OnceLock::new();
    let since_start = START.get_or_init(Instant::now).elapsed();
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now {
        mono: Mono(u64::try_from(since_start.as_nanos()).unwrap_or(u64::MAX)),
        utc: Utc(i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_forward_from_this_century() {
        let first = now();
        let second = now();
        assert!(second.mono >= first.mono);
        assert!(first.utc > Utc(1_700_000_000), "{}", first.utc);
    }
}
