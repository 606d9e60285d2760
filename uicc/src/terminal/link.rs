//! [`Link`]: commands to a card and whole answers back, whatever the card does with lengths.

use base::apdu::{Command, Response};

use crate::{
    Card, Sw,
    fcp::{Fcp, Structure},
    names,
};

use super::{UsimError, describe};

/// Sees each command with its whole answer, for a ladder. Must not keep what it sees: answers may hold CK and IK.
pub type Observer = Box<dyn FnMut(&Command, &Response) + Send>;

/// Most GET RESPONSE or repetitions for one command: 256 octets each are far more than any answer has.
const ROUNDS: usize = 16;

/// A card, and whoever watches.
pub(super) struct Link<C> {
    pub(super) card: C,
    pub(super) observer: Option<Observer>,
}

impl<C: Card> Link<C> {
    /// Sends a command and gets the whole answer: `6Cxx` is asked again with that Le, `61xx` is fetched with GET
    /// RESPONSE (TS 102 221 7.3.1.1).
    pub(super) fn transmit(&mut self, command: &Command) -> Result<Response, UsimError> {
        let response = self.whole(command)?;
        if let Some(observer) = &mut self.observer {
            observer(command, &response);
        }
        Ok(response)
    }

    fn whole(&mut self, command: &Command) -> Result<Response, UsimError> {
        let mut response = self.card.transmit(command)?;
        // What came so far, in a type that wipes itself.
        let mut so_far = Response::status(0);
        for _ in 0..ROUNDS {
            let sw = Sw(response.sw);
            let next = match sw.sw1() {
                0x6c => command.clone().with_le(sw.sw2()),
                0x61 => {
                    so_far = join(&so_far, &response);
                    // GET RESPONSE is of the interindustry class (TS 102 221 11.2.1), on the command's channel.
                    Command::new(command.cla & 0x4f, 0xc0, 0, 0).with_le(sw.sw2())
                }
                _ if so_far.data().is_empty() => return Ok(response),
                _ => return Ok(join(&so_far, &response)),
            };
            let again = self.card.transmit(&next)?;
            // GET RESPONSE with another Le (6Cxx): only its own Le changes.
            response = match (sw.sw1(), Sw(again.sw).sw1()) {
                (0x61, 0x6c) => self.card.transmit(&next.with_le(Sw(again.sw).sw2()))?,
                _ => again,
            };
        }
        Err(UsimError::Endless {
            command: describe::command(command),
        })
    }

    /// As [`Self::transmit`], and refuses every answer but 9000 and 91xx.
    pub(super) fn command(&mut self, command: &Command) -> Result<Response, UsimError> {
        let response = self.transmit(command)?;
        if response.is_success() {
            Ok(response)
        } else {
            Err(refused(command, Sw(response.sw)))
        }
    }

    /// SELECT by file identifier, with FCP.
    pub(super) fn select(&mut self, fid: u16) -> Result<Fcp, UsimError> {
        self.select_by(0x00, &fid.to_be_bytes())
    }

    /// SELECT by AID, with FCP; opens the application's session.
    pub(super) fn select_application(&mut self, aid: &[u8]) -> Result<Fcp, UsimError> {
        self.select_by(0x04, aid)
    }

    fn select_by(&mut self, p1: u8, data: &[u8]) -> Result<Fcp, UsimError> {
        let response = self.command(&select(p1, data)?)?;
        Fcp::parse(response.data()).map_err(UsimError::malformed("FCP of the card"))
    }

    /// Selects a transparent EF and reads it whole.
    pub(super) fn read(&mut self, fid: u16) -> Result<Vec<u8>, UsimError> {
        let fcp = self.select(fid)?;
        let size = match fcp.structure {
            Structure::Transparent => fcp.size.unwrap_or(0),
            _ => return Err(not_a("a transparent file", fid)),
        };
        self.read_selected(usize::try_from(size).unwrap_or(usize::MAX))
    }

    /// Reads at most `size` octets of the selected transparent EF; less where the card has less.
    pub(super) fn read_selected(&mut self, size: usize) -> Result<Vec<u8>, UsimError> {
        let mut out = Vec::new();
        // An offset has 15 bits.
        let size = size.min(0x7fff);
        while let Ok(offset @ 0..=0x7fff) = u16::try_from(out.len()) {
            let left = size.saturating_sub(out.len());
            if left == 0 {
                break;
            }
            let [high, low] = offset.to_be_bytes();
            let le = u8::try_from(left).unwrap_or(0xff);
            let response = match self.command(&Command::new(0x00, 0xb0, high, low).with_le(le)) {
                // The file ends here, whatever its FCP said.
                Err(UsimError::Refused { sw: Sw::OFFSET, .. }) if !out.is_empty() => break,
                other => other?,
            };
            if response.data().is_empty() {
                break;
            }
            out.extend_from_slice(response.data());
        }
        Ok(out)
    }

    /// Selects a linear fixed EF and reads its records.
    pub(super) fn records(&mut self, fid: u16) -> Result<Vec<Vec<u8>>, UsimError> {
        let fcp = self.select(fid)?;
        match fcp.structure {
            Structure::LinearFixed {
                record_length,
                records,
            } => self.records_selected(record_length, records),
            _ => Err(not_a("a linear fixed file", fid)),
        }
    }

    /// Reads the records of the selected EF.
    pub(super) fn records_selected(&mut self, length: u16, records: u8) -> Result<Vec<Vec<u8>>, UsimError> {
        // A length of 256 is written as 00.
        let le = length.to_be_bytes()[1];
        (1..=records)
            .map(|n| {
                let response = self.command(&Command::new(0x00, 0xb2, n, 0x04).with_le(le))?;
                Ok(response.data().to_vec())
            })
            .collect()
    }
}

/// SELECT with FCP.
pub(super) fn select(p1: u8, data: &[u8]) -> Result<Command, UsimError> {
    let command = Command::new(0x00, 0xa4, p1, 0x04).with_data(data);
    Ok(command.map_err(UsimError::malformed("SELECT"))?.with_le(0))
}

fn join(first: &Response, then: &Response) -> Response {
    Response::new([first.data(), then.data()].concat(), then.sw)
}

pub(super) fn refused(command: &Command, sw: Sw) -> UsimError {
    UsimError::Refused {
        command: describe::command(command),
        sw,
    }
}

fn not_a(rule: &'static str, fid: u16) -> UsimError {
    UsimError::Malformed {
        what: names::name(fid).unwrap_or("file"),
        why: base::DecodeError::Invalid {
            what: "file descriptor",
            at: 0,
            rule,
        },
    }
}
