//! Two clocks, both arguments: monotonic for timers, UTC for lifetimes that others read.

use core::{fmt, ops::Add, time::Duration};

use ::time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};
use thiserror::Error;

/// A point on the monotonic clock, in nanoseconds since the process began to count.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Mono(pub u64);

impl Mono {
    /// Time since `earlier`; zero if it lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Mono {
    type Output = Self;
    fn add(self, d: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Utc(pub i64);

/// A text that isn't an `xs:dateTime` with a time zone (RFC 3339).
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("not a date and time with zone, such as 2030-01-01T00:00:00Z")]
pub struct NotADateTime;

/// Seconds from the NTP epoch (1900) to the Unix epoch (1970).
const NTP_OFFSET: i64 = 2_208_988_800;

impl Utc {
    /// Adds seconds, saturating.
    #[must_use]
    pub const fn plus_secs(self, secs: u32) -> Self {
        Self(self.0.saturating_add(secs as i64))
    }

    /// Reads an `xs:dateTime` (TS 24.109 Annex C): RFC 3339 with zone; a fraction of a second is cut off.
    ///
    /// # Errors
    /// [`NotADateTime`].
    pub fn parse(text: &str) -> Result<Self, NotADateTime> {
        let t = OffsetDateTime::parse(text.trim(), &Rfc3339).map_err(|_| NotADateTime)?;
        Ok(Self(t.to_offset(UtcOffset::UTC).unix_timestamp()))
    }

    /// Diameter `Time` (RFC 6733 4.3.1): seconds since 1900 in 32 bits; `None` outside 1968..=2104.
    #[must_use]
    pub fn to_ntp(self) -> Option<u32> {
        let secs = self.0.checked_add(NTP_OFFSET)?;
        // Era 1 begins on 2036-02-07: RFC 6733 takes a clear top bit as that era.
        if (0x8000_0000..=0x1_7fff_ffff).contains(&secs) {
            u32::try_from(secs & 0xffff_ffff).ok()
        } else {
            None
        }
    }

    /// The other way round, with the era rule of RFC 5905: a clear top bit means 2036 and later.
    #[must_use]
    pub const fn from_ntp(secs: u32) -> Self {
        let era = if secs & 0x8000_0000 == 0 { 0x1_0000_0000 } else { 0 };
        Self(secs as i64 + era - NTP_OFFSET)
    }
}

impl fmt::Display for Utc {
    /// `2030-01-01T00:00:00Z`; outside the years 0 to 9999 the nearest end of that range.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0.clamp(-62_167_219_200, 253_402_300_799);
        let t = OffsetDateTime::from_unix_timestamp(secs).map_err(|_| fmt::Error)?;
        f.write_str(&t.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

/// What time it is, on both clocks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Now {
    /// For timers.
    pub mono: Mono,
    /// For lifetimes.
    pub utc: Utc,
}

impl Add<Duration> for Now {
    type Output = Self;
    fn add(self, d: Duration) -> Self {
        let secs = u32::try_from(d.as_secs()).unwrap_or(u32::MAX);
        Self {
            mono: self.mono + d,
            utc: self.utc.plus_secs(secs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utc_is_read_written_and_sent_as_ntp() {
        let t = Utc(1_893_456_000);
        assert_eq!(t.to_string(), "2030-01-01T00:00:00Z");
        assert_eq!(Utc::parse("2030-01-01T02:00:00.75+02:00"), Ok(t));
        assert_eq!(Utc::parse("2030-01-01"), Err(NotADateTime));
        for t in [
            Utc(0),
            t,
            Utc(2_085_978_495),
            Utc(2_085_978_496),
            Utc(4_000_000_000),
        ] {
            assert_eq!(t.to_ntp().map(Utc::from_ntp), Some(t), "{t}");
        }
        assert_eq!(Utc(i64::MAX).to_ntp(), None);
    }
}
