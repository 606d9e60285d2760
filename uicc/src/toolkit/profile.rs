//! [`TerminalProfile`]: what a terminal can do (TS 102 223 5.2).

use super::{Action, TimerAction, command::Local};

/// The octets of TERMINAL PROFILE; what isn't in them can't be done.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TerminalProfile(Vec<u8>);

impl TerminalProfile {
    /// From the command's data.
    #[must_use]
    pub fn new(octets: &[u8]) -> Self {
        Self(octets.to_vec())
    }

    /// A terminal that does all that this crate knows.
    #[must_use]
    pub fn all() -> Self {
        let mut profile = Self(vec![0; 12]);
        // Profile download, SMS-PP data download and its 9EXX, menu selection, timer expiration.
        let basics = [(1, 1), (1, 2), (1, 4), (1, 5), (1, 6)];
        let more = [
            (3, 1),
            (3, 4),
            (3, 6),
            (3, 7),
            (3, 8),
            (4, 2),
            (4, 7),
            (4, 8),
            (5, 1),
        ];
        let timers_and_channels = [
            (8, 1),
            (8, 2),
            (8, 3),
            (12, 1),
            (12, 2),
            (12, 3),
            (12, 4),
            (12, 5),
        ];
        for (octet, bit) in basics.into_iter().chain(more).chain(timers_and_channels) {
            if let Some(place) = profile.0.get_mut(octet - 1) {
                *place |= 1 << (bit - 1);
            }
        }
        profile
    }

    /// The command's data.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// Whether a bit is set: octet from 1, bit 1 the lowest, as the specification counts.
    #[must_use]
    pub fn has(&self, octet: usize, bit: u32) -> bool {
        let octet = octet.checked_sub(1).and_then(|at| self.0.get(at));
        octet.is_some_and(|o| o.checked_shr(bit.wrapping_sub(1)).unwrap_or(0) & 1 == 1)
    }

    /// Whether the terminal can do it. What this crate has no name for isn't held back.
    #[must_use]
    pub fn offers(&self, action: &Action) -> bool {
        let (octet, bit) = match action {
            Action::DisplayText { .. } => (3, 1),
            Action::MoreTime => (3, 4),
            Action::PollInterval { .. } => (3, 6),
            Action::PollingOff => (3, 7),
            Action::Refresh { .. } => (3, 8),
            Action::SendShortMessage { .. } => (4, 2),
            Action::ProvideLocalInformation(Local::Location | Local::Imei) => (4, 7),
            Action::ProvideLocalInformation(Local::MeasurementResults) => (4, 8),
            Action::ProvideLocalInformation(Local::DateTime) => (8, 3),
            Action::SetUpEventList(_) => (5, 1),
            Action::Timer {
                action: TimerAction::CurrentValue,
                ..
            } => (8, 2),
            Action::Timer { .. } => (8, 1),
            Action::OpenChannel(_) => (12, 1),
            Action::CloseChannel(_) => (12, 2),
            Action::ReceiveData { .. } => (12, 3),
            Action::SendData { .. } => (12, 4),
            Action::ChannelStatus => (12, 5),
            Action::ProvideLocalInformation(Local::Other(_)) | Action::Other { .. } => return true,
        };
        self.has(octet, bit)
    }
}
