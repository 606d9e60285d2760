//! [`Channel`]: commands to one application of the card.

use std::sync::Arc;

use base::apdu::{Command, Response};
use uicc::Sw;

use super::{
    access::{Access, Application},
    class::on_channel,
    error::Error,
    reader::{Opened, Owner, Reader, Slot, State},
    session::whole_aid,
};

/// A channel. Dropping it closes it.
pub struct Channel {
    pub(super) slot: Arc<Slot>,
    pub(super) application: Application,
    pub(super) owner: Owner,
    pub(super) number: u8,
    /// AID and P2 of its SELECT.
    pub(super) selection: Option<(Vec<u8>, u8)>,
    pub(super) response: Option<Response>,
    pub(super) access: Access,
}

impl Channel {
    /// `isBasicChannel`.
    #[must_use]
    pub const fn is_basic_channel(&self) -> bool {
        self.number == 0
    }

    /// Its number, 0 to 19.
    #[must_use]
    pub const fn number(&self) -> u8 {
        self.number
    }

    /// The reader that its session is of.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader(Arc::clone(&self.slot))
    }

    /// `isClosed`: also where its session was closed, or the card was reset or taken out.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        !self.is_open(&self.slot.lock())
    }

    /// `close`. A second time does nothing.
    pub fn close(&self) {
        self.slot.lock().close(|owner| owner == self.owner);
    }

    /// `getSelectResponse`: what SELECT was answered, status word included; `None` where nothing was selected.
    #[must_use]
    pub fn select_response(&self) -> Option<Vec<u8>> {
        self.response.as_ref().map(Response::octets)
    }

    /// `transmit`: one command APDU; its whole answer with the status word. The channel's number replaces what stands in
    /// the class octet; `61xx` and `6Cxx` of T=0 are followed.
    ///
    /// # Errors
    /// [`Error::Apdu`] for less than four octets or lengths that don't fit; [`Error::Forbidden`] for MANAGE CHANNEL and
    /// SELECT by AID; [`Error::Denied`] by an APDU filter; [`Error::Closed`]; [`Error::Io`].
    pub fn transmit(&self, apdu: &[u8]) -> Result<Vec<u8>, Error> {
        let mut state = self.open()?;
        let command = Command::parse(apdu)?;
        match (command.ins, command.p1) {
            (0x70, _) => return Err(Error::Forbidden("MANAGE CHANNEL")),
            (0xa4, 0x04) => return Err(Error::Forbidden("SELECT by AID")),
            _ => {}
        }
        // Channel bits of the caller's mean nothing, so a filter doesn't see them either.
        let cla = on_channel(command.cla, 0);
        self.access.check([cla, command.ins, command.p1, command.p2])?;
        Ok(state.send(self.number, &command)?.octets())
    }

    /// `selectNext`: the next application whose AID begins as the one that the channel was opened with. `false`: there is
    /// no other, and the one before stays selected.
    ///
    /// # Errors
    /// [`Error::Unsupported`] on a channel opened without an AID; [`Error::Denied`], and the channel is closed, where the
    /// rules don't allow the next one; [`Error::NoSuchApplication`] for another status word of the card;
    /// [`Error::Closed`]; [`Error::Io`].
    pub fn select_next(&mut self) -> Result<bool, Error> {
        let slot = Arc::clone(&self.slot);
        let mut state = slot.lock();
        if !self.is_open(&state) {
            return Err(Error::Closed("channel"));
        }
        let Some((aid, p2)) = &self.selection else {
            return Err(Error::Unsupported(
                "selectNext needs a channel that was opened with an AID",
            ));
        };
        // P2 02: the next occurrence (TS 102 221 11.1.1).
        match state.select(self.number, aid, p2 | 0x02)? {
            Opened::Selected(response) => {
                match whole_aid(
                    &state,
                    &slot,
                    &self.application,
                    aid,
                    &response,
                    self.access.clone(),
                ) {
                    Ok(access) => self.access = access,
                    Err(e) => {
                        state.close(|owner| owner == self.owner);
                        return Err(e);
                    }
                }
                self.response = Some(response);
                Ok(true)
            }
            Opened::No(Sw::NOT_FOUND) => Ok(false),
            Opened::No(sw) => Err(Error::NoSuchApplication {
                aid: base::hex::encode(aid),
                sw,
            }),
        }
    }

    fn open(&self) -> Result<std::sync::MutexGuard<'_, State>, Error> {
        let state = self.slot.lock();
        if self.is_open(&state) {
            Ok(state)
        } else {
            Err(Error::Closed("channel"))
        }
    }

    fn is_open(&self, state: &State) -> bool {
        state.owners.get(usize::from(self.number)) == Some(&Some(self.owner))
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.close();
    }
}
