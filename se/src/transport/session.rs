//! [`Session`]: an application's way to open channels.

use std::sync::Arc;

use base::{apdu::Response, hex, tlv};

use super::{
    access::{Access, Application, Target},
    channel::Channel,
    error::{Denial, Error},
    reader::{Opened, Owner, Reader, Slot, State},
};

/// An application's session with a card. Dropping it closes its channels.
pub struct Session {
    slot: Arc<Slot>,
    id: u64,
    application: Application,
}

impl Session {
    pub(super) const fn new(slot: Arc<Slot>, id: u64, application: Application) -> Self {
        Self {
            slot,
            id,
            application,
        }
    }

    /// `getReader`.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader(Arc::clone(&self.slot))
    }

    /// `getATR`: `None` where the reader doesn't tell it.
    #[must_use]
    pub fn atr(&self) -> Option<&[u8]> {
        self.slot.atr.as_deref()
    }

    /// `isClosed`.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        !self.slot.lock().sessions.contains(&self.id)
    }

    /// `close`, with all channels. A second time does nothing.
    pub fn close(&self) {
        self.slot.lock().sessions.remove(&self.id);
        self.close_channels();
    }

    /// `closeChannels`.
    pub fn close_channels(&self) {
        self.slot.lock().close(|owner| owner.session == self.id);
    }

    /// `openBasicChannel`: `None` where the reader keeps it for the device (a UICC's does) or somebody has it.
    ///
    /// # Errors
    /// As [`Self::open_logical_channel`].
    pub fn open_basic_channel(&self, aid: Option<&[u8]>) -> Result<Option<Channel>, Error> {
        self.open(aid, 0x00, true)
    }

    /// `openLogicalChannel` to an application of the card: its AID or the beginning of it, 5 to 16 octets, or `None` for
    /// the one that a new channel has by itself. `Ok(None)` where the card has no channel left.
    ///
    /// # Errors
    /// [`Error::Closed`]; [`Error::AidLength`]; [`Error::Denied`] by the card's rules; [`Error::NoSuchApplication`];
    /// [`Error::Io`].
    pub fn open_logical_channel(&self, aid: Option<&[u8]>) -> Result<Option<Channel>, Error> {
        self.open(aid, 0x00, false)
    }

    /// `openLogicalChannel` with P2 of SELECT: 00, 04 (TS 102 221: FCP), 08 or 0C (no answer).
    ///
    /// # Errors
    /// As [`Self::open_logical_channel`], and [`Error::P2`].
    pub fn open_logical_channel_p2(&self, aid: Option<&[u8]>, p2: u8) -> Result<Option<Channel>, Error> {
        self.open(aid, p2, false)
    }

    fn open(&self, aid: Option<&[u8]>, p2: u8, basic: bool) -> Result<Option<Channel>, Error> {
        if let Some(aid) = aid.filter(|aid| !(5..=16).contains(&aid.len())) {
            return Err(Error::AidLength(aid.len()));
        }
        if p2 & !0x0c != 0 {
            return Err(Error::P2(p2));
        }
        let mut state = self.slot.lock();
        if !state.sessions.contains(&self.id) {
            return Err(Error::Closed("session"));
        }
        if basic && (!self.slot.basic || state.owners.first() != Some(&None)) {
            return Ok(None);
        }
        if !state.refresh()? {
            return Ok(None);
        }
        let access = state
            .rules
            .find(&self.application, &Target::asked(aid), self.slot.unruled)?;
        let number = if basic { Some(0) } else { state.manage_open()? };
        let Some(number) = number else { return Ok(None) };
        let selected = self.selected(&mut state, number, aid, p2, access);
        if selected.is_err() && number != 0 {
            // What went wrong first is what matters.
            let _ = state.manage_close(number);
        }
        let (response, access) = selected?;
        let owner = Owner {
            session: self.id,
            serial: state.number(),
        };
        if let Some(place) = state.owners.get_mut(usize::from(number)) {
            *place = Some(owner);
        }
        drop(state);
        let selection = aid.map(|aid| (aid.to_vec(), p2));
        Ok(Some(Channel {
            slot: Arc::clone(&self.slot),
            application: self.application.clone(),
            owner,
            number,
            selection,
            response,
            access,
        }))
    }

    /// Selects, unless the default application is meant, and looks again at the rules where only the beginning of an AID
    /// was given.
    fn selected(
        &self,
        state: &mut State,
        number: u8,
        aid: Option<&[u8]>,
        p2: u8,
        access: Access,
    ) -> Result<(Option<Response>, Access), Error> {
        let Some(asked) = aid else {
            return Ok((None, access));
        };
        match state.select(number, asked, p2)? {
            Opened::Selected(response) => {
                let access = whole_aid(state, &self.slot, &self.application, asked, &response, access)?;
                Ok((Some(response), access))
            }
            Opened::No(sw) => Err(Error::NoSuchApplication {
                aid: hex::encode(asked),
                sw,
            }),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.close();
    }
}

/// What the rules say of the application that a beginning of an AID led to, by its whole AID (84 in the FCI or FCP):
/// else a rule for that AID would be gone around. A card that doesn't tell it, be it because P2 asked for no answer, may
/// have selected any of those that the rules speak of.
pub(super) fn whole_aid(
    state: &State,
    slot: &Slot,
    application: &Application,
    asked: &[u8],
    response: &Response,
    access: Access,
) -> Result<Access, Error> {
    let template = tlv::read_all(response.data()).unwrap_or_default();
    let told = template
        .first()
        .and_then(|t| tlv::find(t.value, 0x84).ok().flatten())
        .filter(|name| name.value.starts_with(asked));
    match told {
        Some(name) if name.value == asked => Ok(access),
        Some(name) => {
            let target = Target::asked(Some(name.value));
            Ok(state.rules.find(application, &target, slot.unruled)?)
        }
        None if state.rules.speak_of_longer(asked) => Err(Denial::Untold(hex::encode(asked)).into()),
        None => Ok(access),
    }
}
