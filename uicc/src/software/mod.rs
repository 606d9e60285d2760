//! The software card: a UICC with a USIM, reached only by APDUs.
//!
//! - [`profile`]: what the card is made of; [`SoftCard`]: the card
//! - `files`: the file system as data; `access`: rules and PINs
//! - `select`: SELECT and STATUS; `io`: READ and UPDATE
//! - [`store`]: what outlasts a power cut; [`journal`]: that as octets of a file
//! - `authenticate`: AUTHENTICATE in its contexts; `gba_u`: Ks and NAF keys, which never leave
//!
//! [`SoftCard::transmit`] checks the class, finds the command, and does what T=0 does with lengths. A command gives
//! `Result<Vec<u8>, Sw>`: it either answers or changes nothing.
//!
//! Everything that a real card keeps over a power cut is in `State`; what a reset ends is in `Channel`.

mod access;
mod authenticate;
mod files;
mod gba_u;
mod io;
pub mod journal;
pub mod profile;
mod select;
pub mod store;
#[cfg(test)]
mod tests;

pub use profile::{GbaRun, GbaU, MacForm, Profile, ResForm};

use aka::{AlgorithmSet, sqn::SqnArray};
use base::{
    Secret,
    apdu::{Command, Response},
};

use crate::{Card, CardError, Sw};
use access::Keys;
use files::{DirId, EfId, Files, MF};
use gba_u::GbaContext;

mod ins {
    pub(super) const VERIFY: u8 = 0x20;
    pub(super) const AUTHENTICATE: u8 = 0x88;
    pub(super) const SELECT: u8 = 0xa4;
    pub(super) const READ_BINARY: u8 = 0xb0;
    pub(super) const READ_RECORD: u8 = 0xb2;
    pub(super) const GET_RESPONSE: u8 = 0xc0;
    pub(super) const UPDATE_BINARY: u8 = 0xd6;
    pub(super) const STATUS: u8 = 0xf2;
}

/// A UICC in software. Give it to whatever drives a [`Card`].
pub struct SoftCard {
    algorithm: AlgorithmSet,
    gsm: bool,
    t0: bool,
    state: State,
    channel: Channel,
    /// Waits for GET RESPONSE; wiped with the response, since it may hold CK and IK.
    pending: Option<Response>,
}

/// What outlasts a power cut.
struct State {
    files: Files,
    keys: Keys,
    sqn: SqnArray,
    /// `None`: the card doesn't have GBA_U.
    gba: Option<GbaContext>,
}

/// What is selected on the one logical channel (0).
#[derive(Clone, Copy, Default)]
struct Channel {
    dir: DirId,
    ef: Option<EfId>,
    /// Record pointer of the EF, from 1.
    record: Option<u8>,
    /// The application whose session is open.
    application: Option<DirId>,
}

/// What a command ends with: data with 9000, or another status word.
type Answer = Result<Vec<u8>, Sw>;

impl SoftCard {
    /// A card, as if just put into a reader.
    #[must_use]
    pub fn new(profile: Profile) -> Self {
        let files = Files::new(&profile);
        Self {
            algorithm: profile.algorithm,
            gsm: profile.gsm,
            t0: profile.t0,
            state: State {
                files,
                keys: Keys::new(profile.pin, profile.adm),
                sqn: profile.sqn,
                gba: profile.gba_u.map(GbaContext::new),
            },
            channel: Channel::default(),
            pending: None,
        }
    }

    /// Power off and on: files, keys, sequence numbers and Ks stay; selection and verified PINs don't.
    pub fn reset(&mut self) {
        self.state.keys.reset();
        self.channel = Channel::default();
        self.pending = None;
    }

    /// Whether the card holds this Ks_int_NAF for this NAF_Id, so that a laboratory can compare both ends.
    ///
    /// No command tells it: a real card has nothing of the kind (ruling 13), and the key itself never comes out.
    #[must_use]
    pub fn holds_ks_int_naf(&self, naf_id: &[u8], key: &Secret<32>) -> bool {
        self.state.gba.as_ref().is_some_and(|g| g.holds(naf_id, key))
    }

    /// One APDU as octets, for a reader's driver or a fuzzer; a malformed one gets 6700.
    #[must_use]
    pub fn exchange(&mut self, octets: &[u8]) -> Vec<u8> {
        match Command::parse(octets) {
            Ok(command) => self.answer(&command).octets(),
            Err(_) => {
                self.pending = None;
                Response::status(Sw::WRONG_LENGTH.0).octets()
            }
        }
    }

    fn answer(&mut self, c: &Command) -> Response {
        if let Err(sw) = class(c) {
            self.pending = None;
            return Response::status(sw.0);
        }
        if c.ins == ins::GET_RESPONSE {
            return self.get_response(c);
        }
        self.pending = None;
        let before = self.channel;
        match self.run(c) {
            Ok(data) => {
                let response = self.deliver(c, data);
                if Sw(response.sw).sw1() == 0x6c {
                    // The command comes again: what it selects or moves must happen once.
                    self.channel = before;
                }
                response
            }
            Err(sw) => Response::status(sw.0),
        }
    }

    fn run(&mut self, c: &Command) -> Answer {
        match c.ins {
            ins::SELECT => self.select(c),
            ins::STATUS => self.status(c),
            ins::READ_BINARY => self.read_binary(c),
            ins::READ_RECORD => self.read_record(c),
            ins::UPDATE_BINARY => self.update_binary(c),
            ins::VERIFY => self.verify(c),
            ins::AUTHENTICATE => self.authenticate(c),
            _ => Err(Sw::INSTRUCTION),
        }
    }

    /// Lengths as TS 102 221 7.3.1.1 has them: a command with data in one direction gets the right Le in 6Cxx; one
    /// with data in both gets 61xx, unless it brought a Le and the card isn't in T=0 manners.
    fn deliver(&mut self, c: &Command, data: Vec<u8>) -> Response {
        if data.is_empty() {
            return Response::status(Sw::OK.0);
        }
        // 256 is said as 00.
        let length = low_octet(data.len());
        if c.data().is_empty() {
            return match c.le {
                Some(le) if le == length => Response::new(data, Sw::OK.0),
                Some(0) if !self.t0 => Response::new(data, Sw::OK.0),
                _ => Response::status(Sw::again(length).0),
            };
        }
        if c.le.is_some() && !self.t0 {
            return Response::new(data, Sw::OK.0);
        }
        self.pending = Some(Response::new(data, Sw::OK.0));
        Response::status(Sw::more(length).0)
    }

    /// GET RESPONSE (TS 102 221 11.2.1), also in pieces.
    fn get_response(&mut self, c: &Command) -> Response {
        let sw = match (self.pending.take(), c.p1, c.p2) {
            (_, p1, p2) if (p1, p2) != (0, 0) => Sw::P1_P2,
            (None, ..) => Sw::CONDITIONS,
            (Some(_), ..) if !c.data().is_empty() => Sw::WRONG_LENGTH,
            (Some(response), ..) => {
                let length = low_octet(response.data().len());
                let wanted = match c.le {
                    Some(0) if !self.t0 => response.data().len(),
                    Some(le) if le != 0 => usize::from(le),
                    _ => usize::MAX,
                };
                match response.data().split_at_checked(wanted) {
                    Some((data, [])) => return Response::new(data.to_vec(), Sw::OK.0),
                    Some((data, rest)) => {
                        let sw = Sw::more(low_octet(rest.len()));
                        let answer = Response::new(data.to_vec(), sw.0);
                        self.pending = Some(Response::new(rest.to_vec(), Sw::OK.0));
                        return answer;
                    }
                    None => {
                        self.pending = Some(response);
                        Sw::again(length)
                    }
                }
            }
        };
        Response::status(sw.0)
    }

    /// VERIFY (TS 102 221 11.1.9) for PIN 1 and ADM 1.
    fn verify(&mut self, c: &Command) -> Answer {
        if c.p1 != 0 {
            return Err(Sw::P1_P2);
        }
        self.state.keys.verify(c.p2, c.data()).map(|()| Vec::new())
    }

    /// The application whose session is open and in which the current directory lies.
    fn current_application(&self) -> Option<DirId> {
        self.channel
            .application
            .filter(|a| *a != MF && self.state.files.is_within(self.channel.dir, *a))
    }
}

impl Card for SoftCard {
    fn transmit(&mut self, command: &Command) -> Result<Response, CardError> {
        Ok(self.answer(command))
    }
}

/// The class octet (TS 102 221 10.1.1): 80 for STATUS, 00 for the others, GET RESPONSE as the command before.
fn class(c: &Command) -> Result<(), Sw> {
    let kind = c.cla & 0x80;
    if matches!(c.cla, 0xa0..=0xbf | 0x20..=0x3f) || c.cla == 0xff {
        return Err(Sw::CLASS);
    }
    let fits = match c.ins {
        ins::STATUS => kind == 0x80,
        ins::GET_RESPONSE => true,
        _ => kind == 0,
    };
    if !fits {
        return Err(Sw::CLASS);
    }
    let (secure, channel) = if c.cla & 0x40 == 0 {
        (c.cla & 0x0c, c.cla & 0x03)
    } else {
        // Channels 4 to 19.
        (c.cla & 0x20, 4 + (c.cla & 0x0f))
    };
    match (channel, secure) {
        (1.., _) => Err(Sw::CHANNEL),
        (_, 1..) => Err(Sw::SECURE_MESSAGING),
        _ => Ok(()),
    }
}

/// A length of at most 256 as SW2 and Le write it.
fn low_octet(length: usize) -> u8 {
    length.to_le_bytes()[0]
}
