//! [`Reader`]: a slot, and the card that all its sessions share.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use base::apdu::{Command, Response};
use uicc::{Card, Sw, terminal};

use super::{
    access::{Application, Cache, Unruled},
    class::{CHANNELS, on_channel},
    error::Error,
    session::Session,
};

const MANAGE_CHANNEL: u8 = 0x70;
const SELECT: u8 = 0xa4;

/// A slot with a card. Clones are the same slot.
#[derive(Clone)]
pub struct Reader(pub(super) Arc<Slot>);

pub(super) struct Slot {
    name: String,
    pub(super) atr: Option<Vec<u8>>,
    pub(super) basic: bool,
    pub(super) unruled: Unruled,
    state: Mutex<State>,
}

/// The card, and who has which channel of it.
pub(super) struct State {
    card: terminal::Session<Box<dyn Card>>,
    /// Session and serial number of the channel that has each number; a channel is open while it stands here.
    pub(super) owners: [Option<Owner>; CHANNELS],
    pub(super) rules: Cache,
    /// Sessions that are open.
    pub(super) sessions: BTreeSet<u64>,
    next: u64,
}

/// Who has a channel.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) struct Owner {
    pub(super) session: u64,
    pub(super) serial: u64,
}

/// What SELECT led to.
pub(super) enum Opened {
    Selected(Response),
    No(Sw),
}

impl Reader {
    /// A slot with a card in it. Its name begins with `SIM`, `SD` or `eSE` where applications look for the kind.
    ///
    /// The basic channel isn't given away, since the device itself works with a UICC on it: see [`Reader::with_basic_channel`].
    /// Without an ARA-M on the card nobody gets in: see [`Reader::unruled`].
    #[must_use]
    pub fn new(name: impl Into<String>, card: Box<dyn Card>, atr: Option<Vec<u8>>) -> Self {
        Self(Arc::new(Slot {
            name: name.into(),
            atr,
            basic: false,
            unruled: Unruled::default(),
            state: Mutex::new(State {
                card: terminal::Session::new(card),
                owners: [None; CHANNELS],
                rules: Cache::default(),
                sessions: BTreeSet::new(),
                next: 0,
            }),
        }))
    }

    /// What holds where the card has no rules. Call it before the first session.
    #[must_use]
    pub fn unruled(mut self, unruled: Unruled) -> Self {
        if let Some(slot) = Arc::get_mut(&mut self.0) {
            slot.unruled = unruled;
        }
        self
    }

    /// Gives the basic channel to applications too: for a card that nobody else works with. Call it before the first
    /// session.
    #[must_use]
    pub fn with_basic_channel(mut self) -> Self {
        if let Some(slot) = Arc::get_mut(&mut self.0) {
            slot.basic = true;
        }
        self
    }

    /// `getName`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// `isSecureElementPresent`: asked of the card with a STATUS that changes nothing.
    #[must_use]
    pub fn is_secure_element_present(&self) -> bool {
        // P2 = 0C: no data wanted (TS 102 221 11.1.2).
        let status = Command::new(0x80, 0xf2, 0x00, 0x0c);
        self.0.lock().send(0, &status).is_ok()
    }

    /// `openSession` for an application of the device.
    ///
    /// # Errors
    /// [`Error::Io`] where no card answers.
    pub fn open_session(&self, application: Application) -> Result<Session, Error> {
        let mut state = self.0.lock();
        state.send(0, &Command::new(0x80, 0xf2, 0x00, 0x0c))?;
        let id = state.number();
        state.sessions.insert(id);
        drop(state);
        Ok(Session::new(Arc::clone(&self.0), id, application))
    }

    /// `closeSessions`: of all applications.
    pub fn close_sessions(&self) {
        let mut state = self.0.lock();
        state.sessions.clear();
        state.close(|_| true);
    }
}

impl Slot {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Who panicked had no channel half open: what a command leads to is kept only when it is answered.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A number that no session and no channel has.
    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// A command on a channel with its whole answer. Where none comes the card may be another one: every channel is gone.
    pub(super) fn send(&mut self, number: u8, command: &Command) -> Result<Response, Error> {
        let mut command = command.clone();
        command.cla = on_channel(command.cla, number);
        self.card.apdu(&command).map_err(|e| {
            if matches!(e, terminal::UsimError::Card(_)) {
                self.owners = [None; CHANNELS];
                self.rules = Cache::Unknown;
            }
            e.into()
        })
    }

    /// MANAGE CHANNEL, open: the number that the card gives; `None` where it has none left, or none but the basic one.
    pub(super) fn manage_open(&mut self) -> Result<Option<u8>, Error> {
        let response = self.send(0, &Command::new(0x00, MANAGE_CHANNEL, 0x00, 0x00).with_le(1))?;
        match (response.data(), Sw(response.sw)) {
            (&[number @ 1..=19], sw) if sw == Sw::OK => Ok(Some(number)),
            // Whatever the card says no with, there is no channel.
            _ => Ok(None),
        }
    }

    /// MANAGE CHANNEL, close. A card that says no has nothing open there.
    pub(super) fn manage_close(&mut self, number: u8) -> Result<(), Error> {
        self.send(0, &Command::new(0x00, MANAGE_CHANNEL, 0x80, number))?;
        Ok(())
    }

    /// SELECT by AID on a channel. A UICC's own applications may know P2 04 and 0C only (TS 102 221 11.1.1.2), where
    /// applets give their FCI at 00: what is refused there is asked again with 04.
    pub(super) fn select(&mut self, number: u8, aid: &[u8], p2: u8) -> Result<Opened, Error> {
        match self.select_at(number, aid, p2)? {
            Opened::No(Sw::P1_P2) if p2 & 0x0c == 0 => self.select_at(number, aid, p2 | 0x04),
            other => Ok(other),
        }
    }

    fn select_at(&mut self, number: u8, aid: &[u8], p2: u8) -> Result<Opened, Error> {
        let select = Command::new(0x00, SELECT, 0x04, p2).with_data(aid)?;
        // P2 with 0C asks for no answer.
        let select = if p2 & 0x0c == 0x0c {
            select
        } else {
            select.with_le(0)
        };
        let response = self.send(number, &select)?;
        // Warnings (62xx, 63xx) come with the application selected.
        Ok(match Sw(response.sw).sw1() {
            0x90 | 0x91 | 0x62 | 0x63 => Opened::Selected(response),
            _ => Opened::No(Sw(response.sw)),
        })
    }

    /// Closes the channels of these owners; those that the card doesn't close any more are gone anyway.
    pub(super) fn close(&mut self, whose: impl Fn(Owner) -> bool) {
        for number in 0..CHANNELS {
            let owner = self.owners.get_mut(number).and_then(|o| o.take_if(|o| whose(*o)));
            if let (Some(_), Ok(number @ 1..)) = (owner, u8::try_from(number)) {
                let _ = self.manage_close(number);
            }
        }
    }
}
