//! Logical channels (TS 102 221 8.7): what is selected on each, the class octet that names one, MANAGE CHANNEL
//! (11.1.17).

use base::apdu::Command;

use crate::Sw;

use super::{
    Answer, SoftCard,
    files::{Body, MF, NodeId},
};

/// Channels: the basic one, and 1 to 19.
pub(super) const CHANNELS: usize = 20;

/// What is selected on a logical channel. Nothing that lasts: a command that fails gets it back as it was.
#[derive(Clone, Copy, Default)]
pub(super) struct Channel {
    pub(super) dir: NodeId,
    pub(super) ef: Option<NodeId>,
    /// Record pointer of the EF, from 1.
    pub(super) record: Option<u8>,
    /// The application whose session is open.
    pub(super) application: Option<NodeId>,
    /// The terminal said, by STATUS, that it has initialised the application.
    pub(super) initialised: bool,
    /// RETRIEVE DATA: tag of the current object and how much of it has been read.
    pub(super) retrieving: Option<(u32, usize)>,
}

/// Which classes an instruction has (TS 102 221 table 10.5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    /// 0x, 4x, 6x.
    Interindustry,
    /// 8x, Cx, Ex.
    Etsi,
    /// GET RESPONSE: as the command before.
    Any,
}

impl Class {
    fn fits(self, cla: u8) -> bool {
        match self {
            Self::Interindustry => cla & 0x80 == 0,
            Self::Etsi => cla & 0x80 != 0,
            Self::Any => true,
        }
    }
}

/// The logical channel that a class octet names (TS 102 221 10.1.1): 0x and 8x have channels 0 to 3 in their lowest two
/// bits, 4x, 6x, Cx and Ex have 4 to 19 in their lowest four.
pub(super) fn channel_of(cla: u8, class: Class) -> Result<usize, Sw> {
    // 1x to 3x and 9x to Bx aren't for a UICC, 5x and Dx would chain commands, FF is invalid.
    let known = matches!(cla >> 4, 0x0 | 0x4 | 0x6 | 0x8 | 0xc | 0xe);
    if !known || !class.fits(cla) {
        return Err(Sw::CLASS);
    }
    let (secure, channel) = if cla & 0x40 == 0 {
        (cla & 0x0c, cla & 0x03)
    } else {
        (cla & 0x20, 4 + (cla & 0x0f))
    };
    if secure != 0 {
        return Err(Sw::SECURE_MESSAGING);
    }
    Ok(usize::from(channel))
}

impl SoftCard {
    /// MANAGE CHANNEL: opens one (P1 = 00; P2 = 00 lets the card choose) or closes one (P1 = 80).
    pub(super) fn manage_channel(&mut self, c: &Command) -> Answer {
        if !c.data().is_empty() {
            return Err(Sw::WRONG_LENGTH);
        }
        match (c.p1, c.p2) {
            (0x00, 0x00) => {
                // Before it is opened: with 6C01 the command comes again.
                self.expects(c, 1)?;
                let free = self.channels.iter().position(Option::is_none);
                let number = free.ok_or(Sw::FUNCTION)?;
                self.open(number)?;
                Ok(vec![super::low_octet(number)])
            }
            (0x00, 1..=19) => {
                let number = usize::from(c.p2);
                if self.channels.get(number).is_none_or(Option::is_some) {
                    return Err(Sw::FUNCTION);
                }
                self.open(number)?;
                Ok(Vec::new())
            }
            (0x80, 1..=19) => {
                let number = usize::from(c.p2);
                let channel = self.channels.get_mut(number).and_then(Option::take);
                let application = channel.ok_or(Sw::CHANNEL)?.application;
                self.pending.retain(|(n, _)| *n != number);
                if let Some((n, _)) = &self.setting
                    && *n == number
                {
                    self.setting = None;
                }
                if number == self.number {
                    self.closed = true;
                }
                self.leave(application);
                Ok(Vec::new())
            }
            _ => Err(Sw::P1_P2),
        }
    }

    /// From the basic channel the MF is selected, from another one the directory of that.
    fn open(&mut self, number: usize) -> Result<(), Sw> {
        let mut channel = Channel::default();
        if self.number != 0 {
            // It would be selected on both.
            let files = &self.state.files;
            if files.get(self.channel.dir).is_some_and(|n| !n.shareable) {
                return Err(Sw::CONDITIONS);
            }
            channel.dir = self.channel.dir;
            channel.application = self.channel.application;
        }
        if let Some(place) = self.channels.get_mut(number) {
            *place = Some(channel);
        }
        Ok(())
    }

    /// Every channel but the one of the command.
    pub(super) fn other_channels(&self) -> impl Iterator<Item = &Channel> {
        let others = self.channels.iter().enumerate();
        others
            .filter(|(n, _)| *n != self.number)
            .filter_map(|(_, c)| c.as_ref())
    }

    /// Whether another channel has selected that file, or one in that directory.
    pub(super) fn is_selected_elsewhere(&self, id: NodeId) -> bool {
        let files = &self.state.files;
        let is_directory = matches!(files.get(id).map(|n| &n.body), Some(Body::Directory(_)));
        self.other_channels().any(|c| {
            c.ef == Some(id)
                || (is_directory
                    && (files.is_within(c.dir, id) || c.application.is_some_and(|a| files.is_within(a, id))))
        })
    }

    /// The session of an application has ended on a channel. With the last one its local PINs have to be verified
    /// again.
    pub(super) fn leave(&mut self, application: Option<NodeId>) {
        let Some(adf) = application else { return };
        let here = !self.closed && self.channel.application == application;
        if here || self.other_channels().any(|c| c.application == application) {
            return;
        }
        if let Some(aid) = self.state.files.aid(adf) {
            let aid = aid.to_vec();
            self.state.keys.leave(&aid);
        }
    }

    /// After a file was deleted: where it was selected, its directory is, or the MF.
    pub(super) fn forget_selection(&mut self, parent: NodeId) {
        let files = &self.state.files;
        let channels = self.channels.iter_mut().flatten();
        for channel in channels.chain([&mut self.channel]) {
            if channel.ef.is_some_and(|ef| files.get(ef).is_none()) {
                channel.ef = None;
                channel.record = None;
                channel.retrieving = None;
            }
            if channel.application.is_some_and(|a| files.get(a).is_none()) {
                channel.application = None;
            }
            if files.get(channel.dir).is_none() {
                channel.dir = if files.get(parent).is_some() { parent } else { MF };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= TS102221-10.1.1-r1
    #[test]
    fn the_class_names_the_channel() {
        use Class::{Any, Etsi, Interindustry};
        for (cla, class, want) in [
            (0x00, Interindustry, Ok(0)),
            (0x03, Interindustry, Ok(3)),
            (0x40, Interindustry, Ok(4)),
            (0x4f, Interindustry, Ok(19)),
            (0x80, Etsi, Ok(0)),
            (0x82, Etsi, Ok(2)),
            (0xc5, Etsi, Ok(9)),
            (0x41, Any, Ok(5)),
            (0x04, Interindustry, Err(Sw::SECURE_MESSAGING)),
            (0x0c, Interindustry, Err(Sw::SECURE_MESSAGING)),
            (0x60, Interindustry, Err(Sw::SECURE_MESSAGING)),
            (0xe3, Etsi, Err(Sw::SECURE_MESSAGING)),
            (0x80, Interindustry, Err(Sw::CLASS)),
            (0x00, Etsi, Err(Sw::CLASS)),
            (0x10, Interindustry, Err(Sw::CLASS)),
            (0x50, Interindustry, Err(Sw::CLASS)),
            (0xa0, Etsi, Err(Sw::CLASS)),
            (0xa0, Any, Err(Sw::CLASS)),
            (0xd0, Etsi, Err(Sw::CLASS)),
            (0xff, Etsi, Err(Sw::CLASS)),
        ] {
            assert_eq!(channel_of(cla, class), want, "{cla:02x} {class:?}");
        }
    }
}
