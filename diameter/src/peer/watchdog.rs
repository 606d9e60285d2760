//! The watchdog of RFC 3539 3.4.1, with the names of its states there.
//!
//! | RFC 3539 | here |
//! |---|---|
//! | OKAY | [`State::Open`] |
//! | SUSPECT | [`State::Suspect`]: no new requests; the next silence closes the connection |
//! | DOWN, INITIAL | no machine: the caller connects (anew) |
//! | REOPEN | [`State::Open`] while [`Peer::is_reopening`]: the peer has failed before, and hasn't answered three DWRs since |
//!
//! The RFC throws away what comes in REOPEN. Here the connection is fit for use, so that a node without another
//! peer isn't cut off for a minute; a caller that has another one prefers that (`Failback()` after the third DWA).

use std::time::Duration;

use base::Now;

use super::{Closed, Peer, State};
use crate::{avp::Avp, dictionary as d, grammar::DEVICE_WATCHDOG};

/// DWAs that show that a peer is back.
const PROOF: u8 = 3;

impl Peer {
    /// The last connection to this peer failed: it has to answer three watchdog requests before
    /// [`Self::is_reopening`] is false. The first is sent with the opening. Call it right after construction.
    #[must_use]
    pub const fn reopened(mut self) -> Self {
        self.missing_dwas = PROOF;
        self
    }

    /// True while a peer that failed hasn't proved yet that it is back.
    #[must_use]
    pub const fn is_reopening(&self) -> bool {
        self.missing_dwas > 0
    }

    /// SetWatchdog(): Tw, with a new jitter each time.
    pub(super) fn set_watchdog(&mut self, now: Now) {
        let tw = self.timers.watchdog;
        // ±2 s around the least Tw, 6 s, is a third; what is quicker still is a test.
        let jitter = self.timers.jitter.min(tw / 3);
        // xorshift32: any spread will do, so that nodes don't beat in step.
        self.noise ^= self.noise << 13;
        self.noise ^= self.noise >> 17;
        self.noise ^= self.noise << 5;
        let permille = self.noise % 2001;
        self.deadline = now.mono + (tw - jitter + jitter * permille / 1000);
    }

    fn send_dwr(&mut self) {
        let mut dwr = self.base_request(DEVICE_WATCHDOG);
        dwr.avps
            .push(Avp::u32(&d::ORIGIN_STATE_ID, self.local.origin_state_id));
        self.ask(dwr);
    }

    /// At the opening: a peer that failed is asked at once.
    pub(super) fn prove(&mut self) {
        if self.is_reopening() {
            self.send_dwr();
        }
    }

    /// A DWA came to our DWR.
    pub(super) const fn proved(&mut self) {
        self.missing_dwas = self.missing_dwas.saturating_sub(1);
    }

    /// OnTimerElapsed(), and the deadlines of the other states.
    pub(super) fn timeout(&mut self, now: Now) {
        match (self.state, self.asked) {
            (State::WaitCer | State::WaitCea, _) => self.close(Closed::ExchangeTimeout),
            (State::Open, None) => {
                self.set_watchdog(now);
                self.send_dwr();
            }
            (State::Open, Some(_)) => {
                self.set_watchdog(now);
                self.state = State::Suspect;
                if self.is_reopening() {
                    self.missing_dwas = PROOF;
                }
            }
            (State::Suspect, _) => self.close(Closed::Watchdog),
            (State::Closing, _) => self.close(Closed::ByUs),
            (State::Closed, _) => {}
        }
    }
}

/// The jitter of RFC 3539 3.4.1.
pub(super) const JITTER: Duration = Duration::from_secs(2);
