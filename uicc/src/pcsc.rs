//! [`Reader`]: a card in a PC/SC reader, or in a virtual one. Only with the feature `pcsc`.
//!
//! A command is used exclusively: nobody else can select another file between two commands. After an error the next
//! command connects anew, so that a retry begins on a fresh card.

use std::{ffi::CString, fmt, time::Duration};

use ::pcsc::{
    Context, Disposition, Error, MAX_BUFFER_SIZE, Protocol, Protocols, ReaderState, Scope, ShareMode, State,
};
use base::{
    SecretBytes,
    apdu::{Command, Response},
};
use zeroize::Zeroizing;

use crate::{Card, CardError};

/// Which reader: `0`, `1` … as [`readers`] counts them, or its name or an unmistakable part of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Choice {
    /// Its place in the list.
    Number(usize),
    /// Its name, or a part of it that no other reader's name has.
    Name(String),
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(n) => write!(f, "{n}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// A reader, and the card in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Found {
    /// As the PC/SC service calls the reader.
    pub name: String,
    /// ATR of the card; empty where there is none.
    pub atr: Vec<u8>,
    /// A card is in it.
    pub card: bool,
    /// Another program uses the card.
    pub in_use: bool,
}

/// All readers, in the order in which [`Choice::Number`] counts.
///
/// # Errors
/// [`CardError::NoService`] where no PC/SC service runs. Having no reader is no error.
pub fn readers() -> Result<Vec<Found>, CardError> {
    let context = context()?;
    let mut states: Vec<ReaderState> = names(&context)?
        .into_iter()
        .map(|name| ReaderState::new(name, State::UNAWARE))
        .collect();
    if states.is_empty() {
        return Ok(Vec::new());
    }
    match context.get_status_change(Duration::ZERO, &mut states) {
        Ok(()) | Err(Error::Timeout) => {}
        Err(e) => return Err(told(e, "")),
    }
    Ok(states
        .iter()
        .map(|s| Found {
            name: s.name().to_string_lossy().into_owned(),
            atr: s.atr().to_vec(),
            card: s.event_state().contains(State::PRESENT),
            in_use: s.event_state().intersects(State::EXCLUSIVE | State::INUSE),
        })
        .collect())
}

/// A card in a reader.
pub struct Reader {
    name: CString,
    /// `None` from an error to the next command.
    link: Option<Link>,
}

struct Link {
    card: ::pcsc::Card,
    t0: bool,
    atr: Vec<u8>,
}

impl Reader {
    /// Connects to the card in a reader, which nobody else can use until this value is dropped; then it is reset, so
    /// that no PIN stays verified.
    ///
    /// # Errors
    /// [`CardError::NoService`], [`CardError::NoReader`], [`CardError::Absent`], [`CardError::InUse`], or
    /// [`CardError::Transport`] for what else the service says.
    pub fn open(choice: &Choice) -> Result<Self, CardError> {
        let context = context()?;
        let name = find(names(&context)?, choice)?;
        let link = Link::new(&context, &name)?;
        Ok(Self {
            name,
            link: Some(link),
        })
    }

    /// The reader's name.
    #[must_use]
    pub fn name(&self) -> String {
        self.name.to_string_lossy().into_owned()
    }

    /// Answer to reset (TS 102 221 6.3); empty from an error to the next command.
    #[must_use]
    pub fn atr(&self) -> &[u8] {
        self.link.as_ref().map_or(&[], |link| &link.atr)
    }

    /// True for a card in T=0; false for T=1.
    #[must_use]
    pub fn is_t0(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.t0)
    }

    /// Warm reset.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn reset(&mut self) -> Result<(), CardError> {
        if let Some(mut link) = self.link.take()
            && link
                .card
                .reconnect(ShareMode::Exclusive, PROTOCOLS, Disposition::ResetCard)
                .is_ok()
        {
            self.link = Some(Link::of(link.card)?);
            return Ok(());
        }
        self.link = Some(Link::new(&context()?, &self.name)?);
        Ok(())
    }
}

impl Card for Reader {
    fn transmit(&mut self, command: &Command) -> Result<Response, CardError> {
        let link = match self.link.take() {
            Some(link) => link,
            None => Link::new(&context()?, &self.name)?,
        };
        let octets = SecretBytes::new(tpdu(command, link.t0));
        let mut buffer = Zeroizing::new([0; MAX_BUFFER_SIZE]);
        // Without its link on an error: what is left of the connection is dropped, and with it the card reset.
        let answer = link.card.transmit(octets.expose(), &mut *buffer);
        let response = match answer {
            // vpcd's word for a card that is gone.
            Ok([]) => return Err(told(Error::NotTransacted, &self.name())),
            Ok(answer) => Response::parse(answer)?,
            Err(e) => return Err(told(e, &self.name())),
        };
        self.link = Some(link);
        Ok(response)
    }
}

const PROTOCOLS: Protocols = Protocols::T0.union(Protocols::T1);

impl Link {
    fn new(context: &Context, name: &CString) -> Result<Self, CardError> {
        let card = context
            .connect(name, ShareMode::Exclusive, PROTOCOLS)
            .map_err(|e| told(e, &name.to_string_lossy()))?;
        Self::of(card)
    }

    fn of(card: ::pcsc::Card) -> Result<Self, CardError> {
        let status = card.status2_owned().map_err(|e| told(e, ""))?;
        Ok(Self {
            t0: status.protocol2() != Some(Protocol::T1),
            atr: status.atr().to_vec(),
            card,
        })
    }
}

/// What goes to the reader: T=0 knows no Le beside data, and always has a fifth octet (ISO 7816-3 12.2).
fn tpdu(command: &Command, t0: bool) -> Vec<u8> {
    if !t0 {
        return command.octets();
    }
    let mut command = command.clone();
    command.le = if command.data().is_empty() {
        command.le.or(Some(0))
    } else {
        None
    };
    command.octets()
}

fn context() -> Result<Context, CardError> {
    Context::establish(Scope::User).map_err(|e| told(e, ""))
}

fn names(context: &Context) -> Result<Vec<CString>, CardError> {
    match context.list_readers_owned() {
        Ok(names) => Ok(names),
        Err(Error::NoReadersAvailable) => Ok(Vec::new()),
        Err(e) => Err(told(e, "")),
    }
}

fn find(names: Vec<CString>, choice: &Choice) -> Result<CString, CardError> {
    let texts: Vec<String> = names.iter().map(|n| n.to_string_lossy().into_owned()).collect();
    let at = match choice {
        Choice::Number(n) => (*n < names.len()).then_some(*n),
        Choice::Name(name) => texts.iter().position(|t| t == name).or_else(|| {
            let mut having = texts
                .iter()
                .enumerate()
                .filter(|(_, t)| t.contains(name.as_str()));
            // Two that have it are none: a command must not go to the wrong card.
            having.next().filter(|_| having.next().is_none()).map(|(i, _)| i)
        }),
    };
    at.and_then(|at| names.into_iter().nth(at))
        .ok_or_else(|| CardError::NoReader {
            asked: choice.to_string(),
            readers: texts,
        })
}

/// What happened, and what to do.
fn told(e: Error, reader: &str) -> CardError {
    match e {
        Error::NoSmartcard | Error::RemovedCard => CardError::Absent,
        Error::ResetCard => CardError::Reset,
        Error::SharingViolation => CardError::InUse,
        // The client library's words for a service that is gone, or was started anew.
        Error::NoService
        | Error::ServiceStopped
        | Error::CommError
        | Error::InvalidHandle
        | Error::InternalError
        | Error::Shutdown => CardError::NoService,
        Error::ReaderUnavailable | Error::UnknownReader => CardError::NoReader {
            asked: reader.to_owned(),
            readers: Vec::new(),
        },
        Error::NotTransacted | Error::UnresponsiveCard | Error::UnpoweredCard => CardError::Transport {
            reason: "the reader got none; see that the card sits well and try again".into(),
        },
        e => CardError::Transport {
            reason: e.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t0_gets_no_le_beside_data_and_always_five_octets() {
        let select = Command::new(0, 0xa4, 0, 4);
        let both = select.clone().with_data(&[0x3f, 0]).unwrap().with_le(0);
        assert_eq!(tpdu(&both, true), [0, 0xa4, 0, 4, 2, 0x3f, 0]);
        assert_eq!(tpdu(&both, false), both.octets());
        assert_eq!(tpdu(&select, true), [0, 0xa4, 0, 4, 0]);
        assert_eq!(tpdu(&select, false), [0, 0xa4, 0, 4]);
        assert_eq!(tpdu(&select.with_le(7), true), [0, 0xa4, 0, 4, 7]);
    }

    #[test]
    fn a_reader_is_found_by_number_name_or_a_part_that_only_it_has() {
        let names = || ["Virtual PCD 00 00", "Virtual PCD 00 01", "Blue 9"].map(|n| CString::new(n).unwrap());
        let found = |choice| find(names().into(), &choice).map(|n| n.into_string().unwrap());
        let name = |n: &str| found(Choice::Name(n.into()));
        assert_eq!(found(Choice::Number(2)).unwrap(), "Blue 9");
        assert_eq!(name("00 01").unwrap(), "Virtual PCD 00 01");
        assert_eq!(name("Virtual PCD 00 00").unwrap(), "Virtual PCD 00 00");
        let none = found(Choice::Number(3)).unwrap_err().to_string();
        assert!(
            none.contains("no reader 3") && none.contains("2: Blue 9"),
            "{none}"
        );
        let several = name("Virtual").unwrap_err().to_string();
        assert!(several.contains("several readers have Virtual"), "{several}");
        let empty = find(Vec::new(), &Choice::Number(0)).unwrap_err().to_string();
        assert!(empty.contains("there is none"), "{empty}");
    }
}
