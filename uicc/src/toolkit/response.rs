//! [`TerminalResponse`] (TS 102 223 6.8).

use core::fmt;

use base::DecodeError;

use super::{
    Proactive,
    objects::{Objects, tag},
};

/// General result (TS 102 223 8.12): the first octet, and what it adds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// 00 to 0F: done, perhaps not wholly; 10 to 2F: not now; 30 on: never.
    pub general: u8,
    /// Additional information.
    pub more: Vec<u8>,
}

impl Outcome {
    /// Done.
    pub const DONE: u8 = 0x00;
    /// The terminal can't now; the reason follows.
    pub const TERMINAL_UNABLE: u8 = 0x20;
    /// The network can't now; the reason follows.
    pub const NETWORK_UNABLE: u8 = 0x21;
    /// Beyond what the terminal can do.
    pub const BEYOND: u8 = 0x30;

    /// An outcome without additional information.
    #[must_use]
    pub const fn new(general: u8) -> Self {
        Self {
            general,
            more: Vec::new(),
        }
    }

    /// Whether the command was carried out (00 to 0F).
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.general < 0x10
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.general {
            0x00 => "done",
            0x01 => "done, partly understood",
            0x02 => "done, information was missing",
            0x03 => "refresh done, with more files read",
            0x04 => "done, an icon couldn't be shown",
            0x07 => "done, changed by the terminal",
            0x10 => "ended by the person",
            0x11 => "the person went back",
            0x12 => "the person didn't answer",
            0x20 => "the terminal can't now",
            0x21 => "the network can't now",
            0x22 => "the person doesn't want it",
            0x23 => "the person cleared the call",
            0x24 => "in contradiction with the timer's state",
            0x30 => "beyond the terminal",
            0x31 => "type of command not understood",
            0x32 => "data not understood",
            0x33 => "command number not known",
            0x36 => "a value is missing",
            0x3a => "the bearer independent protocol failed",
            0x05 | 0x06 | 0x08..=0x0f => "done, with a remark",
            0x13..=0x1f | 0x25..=0x2f => "not now",
            _ => "refused",
        };
        write!(f, "{text} ({:02X}", self.general)?;
        self.more.iter().try_for_each(|o| write!(f, " {o:02X}"))?;
        f.write_str(")")
    }
}

/// How a proactive command went.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TerminalResponse {
    /// Number of the command, 01 to FE.
    pub number: u8,
    /// Its type.
    pub kind: u8,
    /// Its qualifier.
    pub qualifier: u8,
    /// How it went.
    pub outcome: Outcome,
    /// What it brought: location, text, data of a channel, …
    pub objects: Objects,
}

impl TerminalResponse {
    /// The answer to a command.
    #[must_use]
    pub fn to(command: &Proactive, outcome: Outcome) -> Self {
        Self {
            number: command.number,
            kind: command.action.kind(),
            qualifier: command.action.qualifier(),
            outcome,
            objects: Objects::default(),
        }
    }

    /// With what it brings.
    #[must_use]
    pub fn with(mut self, tag: u8, value: impl Into<Vec<u8>>) -> Self {
        self.objects = self.objects.with(tag, value);
        // The card can go on without it (TS 102 223 6.8).
        if let Some(last) = self.objects.0.last_mut() {
            last.comprehension = false;
        }
        self
    }

    /// Data of the command TERMINAL RESPONSE.
    #[must_use]
    pub fn octets(&self) -> Vec<u8> {
        let result = [&[self.outcome.general], self.outcome.more.as_slice()].concat();
        let mut all = Objects::default()
            .with(tag::COMMAND_DETAILS, [self.number, self.kind, self.qualifier])
            // Terminal to card (TS 102 223 8.7).
            .with(tag::DEVICES, [0x82, 0x81])
            .with(tag::RESULT, result);
        all.0.extend_from_slice(&self.objects.0);
        all.octets()
    }

    /// Reads the command's data.
    ///
    /// # Errors
    /// [`DecodeError`] where details or result are missing, or lengths don't fit.
    pub fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut objects = Objects::parse(octets)?;
        let [number, kind, qualifier] = objects.need_array(tag::COMMAND_DETAILS, "command details")?;
        let result = objects.need(tag::RESULT, "result")?;
        let Some((general, more)) = result.split_first() else {
            return Err(super::objects::invalid("result", "one octet at least"));
        };
        let outcome = Outcome {
            general: *general,
            more: more.to_vec(),
        };
        let heads = [tag::COMMAND_DETAILS, tag::DEVICES, tag::RESULT];
        let mut seen = [false; 3];
        // The first of each is told above; a second one is kept.
        objects
            .0
            .retain(|o| match heads.iter().position(|t| *t == o.tag) {
                Some(at) => core::mem::replace(&mut seen[at], true),
                None => true,
            });
        Ok(Self {
            number,
            kind,
            qualifier,
            outcome,
            objects,
        })
    }
}
