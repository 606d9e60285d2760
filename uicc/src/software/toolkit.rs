//! The card application toolkit in the card (TS 102 221 11.2, TS 102 223): TERMINAL PROFILE, FETCH, TERMINAL RESPONSE,
//! ENVELOPE, and `91xx` to whatever succeeds on the basic channel while a command waits. All of it ends with a reset.

use std::collections::VecDeque;

use base::apdu::Command;

use super::{Answer, SoftCard};
use crate::{
    Sw,
    toolkit::{Envelope, Event, Proactive, TerminalProfile, TerminalResponse},
};

/// Most commands that wait.
const MOST: usize = 32;

/// A proactive command that a card has in its profile, and when it gives it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Scripted {
    /// What has to happen first.
    pub when: When,
    /// What it asks for then, if the terminal's profile says that it can do that. The card numbers it anew.
    pub command: Proactive,
}

/// What has to happen before a [`Scripted`] command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum When {
    /// TERMINAL PROFILE came.
    Profile,
    /// The terminal told this event.
    Event(Event),
    /// This timer ran out.
    Timer(u8),
    /// The person chose this item.
    Item(u8),
}

/// What a card with toolkit knows between two commands.
#[derive(Default)]
pub(super) struct Toolkit {
    script: Vec<Scripted>,
    profile: TerminalProfile,
    waiting: VecDeque<Proactive>,
    /// Fetched, and not answered yet.
    fetched: Option<Proactive>,
    last: u8,
}

impl Toolkit {
    pub(super) fn new(script: Vec<Scripted>) -> Self {
        Self {
            script,
            ..Self::default()
        }
    }

    pub(super) fn reset(&mut self) {
        *self = Self::new(core::mem::take(&mut self.script));
    }

    /// Lets all commands wait that are for this; those that the terminal can't do are left out (TS 102 223 5.2).
    fn happened(&mut self, when: When) -> Result<(), Sw> {
        let script = self.script.iter().filter(|s| s.when == when);
        let able = script.filter(|s| self.profile.offers(&s.command.action));
        let more: Vec<Proactive> = able.map(|s| s.command.clone()).collect();
        if self.waiting.len() + more.len() > MOST {
            return Err(Sw::BUSY);
        }
        self.waiting.extend(more);
        Ok(())
    }

    /// The next command, as octets. One that can't be coded is none: a profile is looked at when it is made.
    fn next(&self) -> Option<(Proactive, Vec<u8>)> {
        if self.fetched.is_some() {
            return None;
        }
        let mut command = self.waiting.front()?.clone();
        command.number = self.last % 0xfe + 1;
        let octets = command.octets().ok()?;
        Some((command, octets))
    }

    /// What a success ends with: `91xx` with the length of the command that waits (00 for 256).
    pub(super) fn ending(&self) -> Sw {
        self.next().map_or(Sw::OK, |(_, octets)| {
            Sw(0x9100 | u16::from(super::low_octet(octets.len())))
        })
    }
}

impl SoftCard {
    /// TERMINAL PROFILE (TS 102 221 11.2.1).
    pub(super) fn terminal_profile(&mut self, c: &Command) -> Answer {
        zeros(c)?;
        if c.data().is_empty() {
            return Err(Sw::WRONG_LENGTH);
        }
        self.toolkit.reset();
        self.toolkit.profile = TerminalProfile::new(c.data());
        self.toolkit.happened(When::Profile)?;
        Ok(Vec::new())
    }

    /// FETCH (TS 102 221 11.2.3).
    pub(super) fn fetch(&mut self, c: &Command) -> Answer {
        zeros(c)?;
        if !c.data().is_empty() {
            return Err(Sw::WRONG_LENGTH);
        }
        let Some((command, octets)) = self.toolkit.next() else {
            return Err(Sw::CONDITIONS);
        };
        self.expects(c, octets.len())?;
        self.toolkit.waiting.pop_front();
        self.toolkit.last = command.number;
        self.toolkit.fetched = Some(command);
        Ok(octets)
    }

    /// TERMINAL RESPONSE (TS 102 221 11.2.4).
    pub(super) fn terminal_response(&mut self, c: &Command) -> Answer {
        zeros(c)?;
        let response = TerminalResponse::parse(c.data()).map_err(|_| Sw::DATA)?;
        let command = self.toolkit.fetched.as_ref().ok_or(Sw::CONDITIONS)?;
        if (response.number, response.kind) != (command.number, command.action.kind()) {
            return Err(Sw::DATA);
        }
        self.toolkit.fetched = None;
        Ok(Vec::new())
    }

    /// ENVELOPE (TS 102 221 11.2.2).
    pub(super) fn envelope(&mut self, c: &Command) -> Answer {
        zeros(c)?;
        let when = match Envelope::parse(c.data()).map_err(|_| Sw::DATA)? {
            Envelope::EventDownload { event, .. } => When::Event(event),
            Envelope::TimerExpiration { timer, .. } => When::Timer(timer),
            Envelope::MenuSelection { item } => When::Item(item),
            // Nobody on this card receives short messages, and service 28 says so.
            Envelope::SmsPp { .. } => return Err(Sw::FUNCTION),
            // Accepted, as what the card didn't ask for does no harm.
            Envelope::Other { .. } => return Ok(Vec::new()),
        };
        self.toolkit.happened(when)?;
        Ok(Vec::new())
    }
}

fn zeros(c: &Command) -> Result<(), Sw> {
    if (c.p1, c.p2) == (0, 0) {
        Ok(())
    } else {
        Err(Sw::P1_P2)
    }
}
