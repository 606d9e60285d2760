//! What to do with which message.

use std::time::Duration;

use super::{Direction, Interface, avps::Key};

/// Rules of one file.
pub const MAX_RULES: usize = 256;
/// Changes of one rule.
pub const MAX_STEPS: usize = 64;
/// Longest `delay` and `after`.
pub const MAX_DELAY: Duration = Duration::from_secs(3600);
/// Most repetitions of one message.
pub const MAX_TIMES: u32 = 100;

/// All rules of a file, for one reference point.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Where they are at work.
    pub interface: Interface,
    /// Where `probability` begins: the same seed and the same messages give the same run.
    pub seed: u64,
    /// In their order.
    pub rules: Vec<Rule>,
}

impl Rules {
    /// None: everything passes as it is.
    #[must_use]
    pub const fn none(interface: Interface) -> Self {
        Self {
            interface,
            seed: 0,
            rules: Vec::new(),
        }
    }
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// As the ladder calls it.
    pub name: String,
    /// Which way; both if none is given.
    pub direction: Option<Direction>,
    /// Which messages.
    pub matches: Match,
    /// What is done with them.
    pub action: Action,
}

/// Which messages; all that is given has to be true of them.
#[derive(Clone, Debug, Default)]
pub struct Match {
    /// Their kind.
    pub kind: Option<Kind>,
    /// Command Code of Diameter.
    pub command: Option<u32>,
    /// Status of an HTTP response.
    pub status: Option<u32>,
    /// Method of an HTTP request.
    pub method: Option<String>,
    /// Path of an HTTP request, without its query.
    pub path: Option<String>,
    /// AVPs.
    pub avps: Vec<(AvpName, Wanted)>,
    /// Header fields: the text is in the value.
    pub headers: Vec<(String, Wanted)>,
    /// Only the nth message of which all the rest is true, from 1.
    pub nth: Option<u32>,
    /// Only every nth.
    pub every: Option<u32>,
    /// Only so many out of 2^32.
    pub probability: Option<u32>,
}

/// A kind of message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Of Diameter or HTTP.
    Request,
    /// Of Diameter or HTTP.
    Response,
    /// What isn't understood, and TLS that isn't opened.
    Octets,
    /// A short name of Diameter, such as `MAA`.
    Named(&'static str),
}

/// What is wanted of an AVP or a header field.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Wanted {
    /// That it is there.
    There,
    /// That it isn't.
    Absent,
    /// These octets: of an AVP the whole value, of a header field a part.
    Value(Vec<u8>),
}

/// An AVP by its name, and perhaps those of the groups around it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AvpName {
    /// As it stands in the file.
    pub text: String,
    /// Vendor and code, from outside. Matches AVPs whose path ends so.
    pub path: Vec<Key>,
}

/// What is done.
#[derive(Clone, Debug)]
pub enum Action {
    /// Only shown.
    Show,
    /// Changed.
    Alter(Vec<Step>),
    /// Not passed on.
    Drop,
    /// Passed on later.
    Delay(Duration),
    /// Passed on, and again.
    Replay {
        /// How often again.
        times: u32,
        /// How long after it, and between them.
        after: Duration,
    },
    /// Not passed on: we answer.
    Answer(Answer),
    /// Both connections are closed.
    Close,
}

/// An answer of our own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Result-Code, or Experimental-Result of a vendor.
    Diameter {
        /// Vendor-Id of an Experimental-Result, 0 for a Result-Code.
        vendor: u32,
        /// The code.
        code: u32,
    },
    /// Status and body.
    Http {
        /// Status.
        status: u16,
        /// Body, perhaps empty.
        body: String,
    },
}

/// One change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// Gives each AVP of that name this value.
    SetAvp(AvpName, Vec<u8>),
    /// Takes each AVP of that name away.
    RemoveAvp(AvpName),
    /// Adds an AVP (whole, with its head) at the end, or at the end of each group of that name.
    AddAvp {
        /// Its name, for the ladder.
        name: String,
        /// The whole AVP.
        octets: Vec<u8>,
        /// Where.
        within: Option<AvpName>,
    },
    /// Gives each header field of that name this value.
    SetHeader(String, String),
    /// Takes each header field of that name away.
    RemoveHeader(String),
    /// Adds a header field behind the others.
    AddHeader(String, String),
    /// Another status.
    SetStatus(u16),
    /// Another body.
    SetBody(Vec<u8>),
    /// Another text in the body, each time.
    Replace(String, String),
    /// Turns bits of one octet.
    Flip {
        /// Where.
        at: Target,
        /// Which octet of it, from 0.
        octet: usize,
        /// Which bits.
        bits: u8,
    },
}

/// Where a bit is turned.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Target {
    /// The value of the first AVP of that name.
    Avp(AvpName),
    /// The value of the first header field of that name, or the octets behind the base64 of a parameter in it.
    Header(String, Option<String>),
    /// The body.
    Body,
    /// The whole message.
    Message,
}
