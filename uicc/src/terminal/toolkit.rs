//! The terminal's side of the toolkit: says what it can do, fetches what the card asks for, and answers.

use base::apdu::{Command, Response};

use super::{Session, UsimError, describe};
use crate::{
    Card, Sw,
    toolkit::{
        Action, Envelope, Local, Outcome, Proactive, TerminalProfile, TerminalResponse, TimerAction, tag,
    },
};

/// Most commands of a card in a row: a card that asks on and on is stopped.
const MOST: usize = 64;

/// Carries out what a card asks for.
pub trait Terminal {
    /// What it can do.
    fn profile(&self) -> TerminalProfile;

    /// Does it, or says why not.
    fn perform(&mut self, command: &Proactive) -> TerminalResponse;
}

/// A handset on a desk: shows texts by giving them on, has the IMEI and the place that it is told, and no network.
pub struct Handset {
    /// What it says it can do.
    pub profile: TerminalProfile,
    /// IMEI, 8 octets as in TS 102 223 8.20.
    pub imei: Option<[u8; 8]>,
    /// Location information, 7 or 9 octets as in TS 102 223 8.19.
    pub location: Option<Vec<u8>>,
}

impl Default for Handset {
    fn default() -> Self {
        Self {
            profile: TerminalProfile::all(),
            imei: None,
            location: None,
        }
    }
}

impl Terminal for Handset {
    fn profile(&self) -> TerminalProfile {
        self.profile.clone()
    }

    fn perform(&mut self, command: &Proactive) -> TerminalResponse {
        let answer = |general| TerminalResponse::to(command, Outcome::new(general));
        let unable = |general| {
            let outcome = Outcome {
                general,
                // No specific cause.
                more: vec![0x00],
            };
            TerminalResponse::to(command, outcome)
        };
        let told = |tag, value: Option<&[u8]>| match value {
            Some(value) => answer(Outcome::DONE).with(tag, value),
            None => unable(Outcome::TERMINAL_UNABLE),
        };
        match &command.action {
            Action::ProvideLocalInformation(Local::Imei) => {
                told(tag::IMEI, self.imei.as_ref().map(|i| &i[..]))
            }
            Action::ProvideLocalInformation(Local::Location) => told(tag::LOCATION, self.location.as_deref()),
            Action::ProvideLocalInformation(_) => unable(Outcome::TERMINAL_UNABLE),
            Action::SendShortMessage { .. } => unable(Outcome::NETWORK_UNABLE),
            // No time passes on a desk: what is left of a timer is what it was started with, which isn't kept.
            Action::Timer {
                action: TimerAction::Start(_),
                timer,
            } => answer(Outcome::DONE).with(tag::TIMER, [*timer]),
            Action::Timer { timer, .. } => answer(Outcome::DONE)
                .with(tag::TIMER, [*timer])
                .with(tag::TIMER_VALUE, [0; 3]),
            Action::PollInterval { seconds } => answer(Outcome::DONE).with(tag::DURATION, [0x01, *seconds]),
            Action::DisplayText { .. }
            | Action::SetUpEventList(_)
            | Action::Refresh { .. }
            | Action::MoreTime
            | Action::PollingOff => answer(Outcome::DONE),
            Action::OpenChannel(_)
            | Action::CloseChannel(_)
            | Action::ReceiveData { .. }
            | Action::SendData { .. }
            | Action::ChannelStatus
            | Action::Other { .. } => answer(Outcome::BEYOND),
        }
    }
}

impl<C: Card> Session<C> {
    /// TERMINAL PROFILE, and all that the card asks for then. Gives how many commands that were.
    ///
    /// # Errors
    /// [`UsimError::Refused`] where the card doesn't take it, otherwise as [`Session::toolkit_commands`].
    pub fn download_profile(&mut self, terminal: &mut dyn Terminal) -> Result<usize, UsimError> {
        let profile = terminal.profile();
        self.toolkit_send(0x10, profile.octets(), terminal)
            .map(|(_, n)| n)
    }

    /// ENVELOPE, and all that the card asks for then. Gives the answer and how many commands that were.
    ///
    /// # Errors
    /// As [`Session::download_profile`].
    pub fn send_envelope(
        &mut self,
        envelope: &Envelope,
        terminal: &mut dyn Terminal,
    ) -> Result<(Response, usize), UsimError> {
        self.toolkit_send(0xc2, &envelope.octets(), terminal)
    }

    fn toolkit_send(
        &mut self,
        ins: u8,
        data: &[u8],
        terminal: &mut dyn Terminal,
    ) -> Result<(Response, usize), UsimError> {
        let command = Command::new(0x80, ins, 0, 0).with_data(data);
        let command = command.map_err(UsimError::malformed("toolkit data"))?;
        let response = self.apdu(&command)?;
        if !response.is_success() {
            return Err(super::link::refused(&command, Sw(response.sw)));
        }
        let commands = self.toolkit_commands(Sw(response.sw), terminal)?;
        Ok((response, commands))
    }

    /// Fetches and answers commands of the card, as long as status words say that one waits (`91xx`).
    ///
    /// # Errors
    /// [`UsimError`] of the card; [`UsimError::Malformed`] for a command that can't be read, which the card then keeps
    /// open; [`UsimError::Endless`] after 64 commands.
    pub fn toolkit_commands(&mut self, mut sw: Sw, terminal: &mut dyn Terminal) -> Result<usize, UsimError> {
        for done in 0..MOST {
            if sw.sw1() != 0x91 {
                return Ok(done);
            }
            let fetch = Command::new(0x80, 0x12, 0, 0).with_le(sw.sw2());
            let response = self.apdu(&fetch)?;
            if !response.is_success() {
                return Err(super::link::refused(&fetch, Sw(response.sw)));
            }
            let command = Proactive::parse(response.data());
            let command = command.map_err(UsimError::malformed("proactive command"))?;
            let answer = terminal.perform(&command);
            let answer = Command::new(0x80, 0x14, 0, 0).with_data(&answer.octets());
            let answer = answer.map_err(UsimError::malformed("TERMINAL RESPONSE"))?;
            let response = self.apdu(&answer)?;
            if !response.is_success() {
                return Err(super::link::refused(&answer, Sw(response.sw)));
            }
            sw = Sw(response.sw);
        }
        Err(UsimError::Endless {
            command: describe::command(&Command::new(0x80, 0x12, 0, 0)),
        })
    }
}
