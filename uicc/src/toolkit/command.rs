//! [`Proactive`]: a command of the card (TS 102 223 6.6, coded as in 8 and 9).

use base::DecodeError;

use super::{
    Text,
    envelope::Event,
    objects::{Objects, invalid, tag, unwrapped, wrapped},
};

/// Tag of every proactive command.
const PROACTIVE: u8 = 0xd0;

/// Source or destination (TS 102 223 8.7).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Device(pub u8);

impl Device {
    /// The display.
    pub const DISPLAY: Self = Self(0x02);
    /// The card.
    pub const UICC: Self = Self(0x81);
    /// The terminal.
    pub const TERMINAL: Self = Self(0x82);
    /// The network.
    pub const NETWORK: Self = Self(0x83);

    /// A channel of the bearer independent protocol, 1 to 7.
    #[must_use]
    pub const fn channel(number: u8) -> Self {
        Self(0x20 | number & 0x07)
    }
}

/// What PROVIDE LOCAL INFORMATION asks for (its qualifier).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Local {
    /// 00: MCC, MNC, LAC, cell.
    Location,
    /// 01.
    Imei,
    /// 02.
    MeasurementResults,
    /// 03.
    DateTime,
    /// Another one.
    Other(u8),
}

impl Local {
    const fn qualifier(self) -> u8 {
        match self {
            Self::Location => 0,
            Self::Imei => 1,
            Self::MeasurementResults => 2,
            Self::DateTime => 3,
            Self::Other(other) => other,
        }
    }

    const fn from_qualifier(qualifier: u8) -> Self {
        match qualifier {
            0 => Self::Location,
            1 => Self::Imei,
            2 => Self::MeasurementResults,
            3 => Self::DateTime,
            other => Self::Other(other),
        }
    }
}

/// What TIMER MANAGEMENT does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TimerAction {
    /// Starts it, with hours, minutes and seconds in swapped decimal digits.
    Start([u8; 3]),
    /// Stops it, and tells what was left.
    Stop,
    /// Tells what is left.
    CurrentValue,
}

/// A channel to open (bearer independent protocol, TS 102 223 6.4.27).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Channel {
    /// Bearer type and parameters.
    pub bearer: Vec<u8>,
    /// Octets of its buffer.
    pub buffer: u16,
    /// APN, coded as in TS 23.003 clause 9.
    pub network_access_name: Option<Vec<u8>>,
    /// Protocol (01 UDP, 02 TCP client remote, …) and port.
    pub transport: Option<(u8, u16)>,
    /// Type (21 IPv4, 57 IPv6) and address of the other end.
    pub destination: Option<Vec<u8>>,
}

/// What a proactive command asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// 01: read files anew, or reset; the qualifier says which.
    Refresh {
        /// 00 to 09.
        mode: u8,
    },
    /// 02.
    MoreTime,
    /// 03: STATUS at least this often.
    PollInterval {
        /// Seconds.
        seconds: u8,
    },
    /// 04.
    PollingOff,
    /// 05; an empty list takes the old one away.
    SetUpEventList(Vec<Event>),
    /// 13.
    SendShortMessage {
        /// Of the service centre; else the terminal's.
        address: Option<Vec<u8>>,
        /// SMS-SUBMIT or SMS-COMMAND.
        tpdu: Vec<u8>,
        /// The terminal packs 8 bit into 7.
        packing: bool,
    },
    /// 21.
    DisplayText {
        /// The text.
        text: Text,
        /// Over whatever is on the screen.
        high_priority: bool,
        /// Stays until the person clears it.
        wait_for_user: bool,
    },
    /// 26.
    ProvideLocalInformation(Local),
    /// 27.
    Timer {
        /// 1 to 8.
        timer: u8,
        /// What to do with it.
        action: TimerAction,
    },
    /// 40.
    OpenChannel(Channel),
    /// 41, with the channel's number, 1 to 7.
    CloseChannel(u8),
    /// 42.
    ReceiveData {
        /// 1 to 7.
        channel: u8,
        /// Octets.
        length: u8,
    },
    /// 43.
    SendData {
        /// 1 to 7.
        channel: u8,
        /// At most 200 octets, say.
        data: Vec<u8>,
        /// Now, not when the buffer is full.
        at_once: bool,
    },
    /// 44.
    ChannelStatus,
    /// Another one.
    Other {
        /// Its type.
        kind: u8,
        /// Its qualifier.
        qualifier: u8,
        /// Destination.
        to: Device,
        /// Objects after command details and device identities.
        objects: Objects,
    },
}

impl Action {
    /// Type of command (TS 102 223 9.4).
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Refresh { .. } => 0x01,
            Self::MoreTime => 0x02,
            Self::PollInterval { .. } => 0x03,
            Self::PollingOff => 0x04,
            Self::SetUpEventList(_) => 0x05,
            Self::SendShortMessage { .. } => 0x13,
            Self::DisplayText { .. } => 0x21,
            Self::ProvideLocalInformation(_) => 0x26,
            Self::Timer { .. } => 0x27,
            Self::OpenChannel(_) => 0x40,
            Self::CloseChannel(_) => 0x41,
            Self::ReceiveData { .. } => 0x42,
            Self::SendData { .. } => 0x43,
            Self::ChannelStatus => 0x44,
            Self::Other { kind, .. } => *kind,
        }
    }

    /// Command qualifier (TS 102 223 8.6).
    #[must_use]
    pub const fn qualifier(&self) -> u8 {
        match self {
            Self::Refresh { mode } => *mode,
            Self::SendShortMessage { packing, .. } => *packing as u8,
            Self::DisplayText {
                high_priority,
                wait_for_user,
                ..
            } => *high_priority as u8 | (*wait_for_user as u8) << 7,
            Self::ProvideLocalInformation(local) => local.qualifier(),
            Self::Timer { action, .. } => match action {
                TimerAction::Start(_) => 0,
                TimerAction::Stop => 1,
                TimerAction::CurrentValue => 2,
            },
            // Immediate link establishment.
            Self::OpenChannel(_) => 1,
            Self::SendData { at_once, .. } => *at_once as u8,
            Self::Other { qualifier, .. } => *qualifier,
            _ => 0,
        }
    }

    const fn to(&self) -> Device {
        match self {
            Self::DisplayText { .. } => Device::DISPLAY,
            Self::SendShortMessage { .. } => Device::NETWORK,
            Self::CloseChannel(channel)
            | Self::ReceiveData { channel, .. }
            | Self::SendData { channel, .. } => Device::channel(*channel),
            Self::Other { to, .. } => *to,
            _ => Device::TERMINAL,
        }
    }

    fn objects(&self) -> Objects {
        let none = Objects::default();
        match self {
            // Unit 01: seconds (TS 102 223 8.8).
            Self::PollInterval { seconds } => none.with(tag::DURATION, [0x01, *seconds]),
            Self::SetUpEventList(events) => {
                none.with(tag::EVENTS, events.iter().map(|e| e.0).collect::<Vec<_>>())
            }
            Self::SendShortMessage { address, tpdu, .. } => match address {
                Some(address) => none.with(tag::ADDRESS, address.as_slice()),
                None => none,
            }
            .with(tag::TPDU, tpdu.as_slice()),
            Self::DisplayText { text, .. } => none.with(tag::TEXT, text.octets()),
            Self::Timer { timer, action } => {
                let objects = none.with(tag::TIMER, [*timer]);
                match action {
                    TimerAction::Start(value) => objects.with(tag::TIMER_VALUE, *value),
                    _ => objects,
                }
            }
            Self::OpenChannel(channel) => channel.objects(),
            Self::ReceiveData { length, .. } => none.with(tag::CHANNEL_DATA_LENGTH, [*length]),
            Self::SendData { data, .. } => none.with(tag::CHANNEL_DATA, data.as_slice()),
            Self::Other { objects, .. } => objects.clone(),
            _ => none,
        }
    }
}

impl Channel {
    fn objects(&self) -> Objects {
        let mut objects = Objects::default()
            .with(tag::BEARER, self.bearer.as_slice())
            .with(tag::BUFFER_SIZE, self.buffer.to_be_bytes());
        if let Some(name) = &self.network_access_name {
            objects = objects.with(tag::NETWORK_ACCESS_NAME, name.as_slice());
        }
        if let Some((protocol, port)) = self.transport {
            let [high, low] = port.to_be_bytes();
            objects = objects.with(tag::TRANSPORT, [protocol, high, low]);
        }
        match &self.destination {
            Some(address) => objects.with(tag::OTHER_ADDRESS, address.as_slice()),
            None => objects,
        }
    }

    fn parse(objects: &Objects) -> Result<Self, DecodeError> {
        let transport = |v: &[u8]| match v {
            [protocol, high, low] => Ok((*protocol, u16::from_be_bytes([*high, *low]))),
            _ => Err(invalid("transport level", "three octets")),
        };
        Ok(Self {
            bearer: objects.need(tag::BEARER, "bearer description")?.to_vec(),
            buffer: u16::from_be_bytes(objects.need_array(tag::BUFFER_SIZE, "buffer size")?),
            network_access_name: objects.find(tag::NETWORK_ACCESS_NAME).map(<[u8]>::to_vec),
            transport: objects.find(tag::TRANSPORT).map(transport).transpose()?,
            destination: objects.find(tag::OTHER_ADDRESS).map(<[u8]>::to_vec),
        })
    }
}

/// A proactive command: its number and what it asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proactive {
    /// 01 to FE; TERMINAL RESPONSE repeats it.
    pub number: u8,
    /// What to do.
    pub action: Action,
    /// What else comes with it: a text for the person, an icon, a duration.
    pub more: Objects,
}

impl Proactive {
    /// A command with nothing else.
    #[must_use]
    pub fn new(number: u8, action: Action) -> Self {
        Self {
            number,
            action,
            more: Objects::default(),
        }
    }

    /// What FETCH gives.
    ///
    /// # Errors
    /// [`DecodeError`] if it is longer than an answer can be.
    pub fn octets(&self) -> Result<Vec<u8>, DecodeError> {
        let mut objects = Objects::default()
            .with(
                tag::COMMAND_DETAILS,
                [self.number, self.action.kind(), self.action.qualifier()],
            )
            .with(tag::DEVICES, [Device::UICC.0, self.action.to().0]);
        objects.0.append(&mut self.action.objects().0);
        objects.0.extend_from_slice(&self.more.0);
        let fits =
            objects.0.iter().all(|o| o.value.len() <= 255) && objects.octets().len() <= super::MOST - 3;
        fits.then(|| wrapped(PROACTIVE, &objects))
            .ok_or(invalid("proactive command", "at most 256 octets"))
    }

    /// Reads what FETCH gives. What isn't known by name, or differs from the usual form, is [`Action::Other`].
    ///
    /// # Errors
    /// [`DecodeError`] where command details or device identities are missing, or lengths don't fit.
    pub fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let (outer, mut objects) = unwrapped(octets)?;
        if outer != PROACTIVE {
            return Err(invalid("proactive command", "tag D0"));
        }
        let [number, kind, qualifier] = objects.need_array(tag::COMMAND_DETAILS, "command details")?;
        let [_, to] = objects.need_array(tag::DEVICES, "device identities")?;
        let mut heads = [tag::COMMAND_DETAILS, tag::DEVICES].to_vec();
        objects
            .0
            .retain(|o| match heads.iter().position(|t| *t == o.tag) {
                Some(at) => {
                    heads.swap_remove(at);
                    false
                }
                None => true,
            });
        let known = known(kind, qualifier, Device(to), &objects)?;
        let Some(action) = known.filter(|a| a.qualifier() == qualifier && a.to() == Device(to)) else {
            let action = Action::Other {
                kind,
                qualifier,
                to: Device(to),
                objects,
            };
            return Ok(Self::new(number, action));
        };
        for own in action.objects().0 {
            if let Some(at) = objects
                .0
                .iter()
                .position(|o| (o.tag, &o.value) == (own.tag, &own.value))
            {
                objects.0.remove(at);
            }
        }
        Ok(Self {
            number,
            action,
            more: objects,
        })
    }
}

fn known(kind: u8, qualifier: u8, to: Device, objects: &Objects) -> Result<Option<Action>, DecodeError> {
    let channel = to.0 & 0x07;
    Ok(Some(match kind {
        0x01 => Action::Refresh { mode: qualifier },
        0x02 => Action::MoreTime,
        0x03 => match objects.need_array(tag::DURATION, "duration")? {
            [0x01, seconds] => Action::PollInterval { seconds },
            _ => return Ok(None),
        },
        0x04 => Action::PollingOff,
        0x05 => Action::SetUpEventList(
            objects
                .need(tag::EVENTS, "event list")?
                .iter()
                .map(|e| Event(*e))
                .collect(),
        ),
        0x13 => Action::SendShortMessage {
            address: objects.find(tag::ADDRESS).map(<[u8]>::to_vec),
            tpdu: objects.need(tag::TPDU, "SMS TPDU")?.to_vec(),
            packing: qualifier & 1 == 1,
        },
        0x21 => Action::DisplayText {
            text: Text::parse(objects.need(tag::TEXT, "text string")?)?,
            high_priority: qualifier & 0x01 != 0,
            wait_for_user: qualifier & 0x80 != 0,
        },
        0x26 => Action::ProvideLocalInformation(Local::from_qualifier(qualifier)),
        0x27 => {
            let [timer] = objects.need_array(tag::TIMER, "timer identifier")?;
            let action = match qualifier {
                0 => TimerAction::Start(objects.need_array(tag::TIMER_VALUE, "timer value")?),
                1 => TimerAction::Stop,
                2 => TimerAction::CurrentValue,
                _ => return Ok(None),
            };
            Action::Timer { timer, action }
        }
        0x40 => Action::OpenChannel(Channel::parse(objects)?),
        0x41 => Action::CloseChannel(channel),
        0x42 => {
            let [length] = objects.need_array(tag::CHANNEL_DATA_LENGTH, "channel data length")?;
            Action::ReceiveData { channel, length }
        }
        0x43 => Action::SendData {
            channel,
            data: objects.need(tag::CHANNEL_DATA, "channel data")?.to_vec(),
            at_once: qualifier & 1 == 1,
        },
        0x44 => Action::ChannelStatus,
        _ => return Ok(None),
    }))
}
