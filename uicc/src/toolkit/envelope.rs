//! [`Envelope`]: what a terminal tells a card of its own accord (TS 102 223 7, TS 31.111 7).

use base::DecodeError;

use super::objects::{Objects, invalid, tag, unwrapped, wrapped};

const SMS_PP: u8 = 0xd1;
const MENU: u8 = 0xd3;
const EVENT: u8 = 0xd6;
const TIMER: u8 = 0xd7;

/// An event of SET UP EVENT LIST (TS 102 223 8.25), by its code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Event(pub u8);

impl Event {
    /// Location status.
    pub const LOCATION_STATUS: Self = Self(0x03);
    /// The person used the terminal.
    pub const USER_ACTIVITY: Self = Self(0x04);
    /// The idle screen is there.
    pub const IDLE_SCREEN: Self = Self(0x05);
    /// Data came on a channel.
    pub const DATA_AVAILABLE: Self = Self(0x09);
    /// A channel's state changed.
    pub const CHANNEL_STATUS: Self = Self(0x0a);
}

/// Data of the command ENVELOPE.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Envelope {
    /// A short message for the card (D1).
    SmsPp {
        /// Who sent it to the service centre, TS 24.011 without its length.
        address: Option<Vec<u8>>,
        /// SMS-DELIVER.
        tpdu: Vec<u8>,
    },
    /// The person chose an item of the card's menu (D3).
    MenuSelection {
        /// Its identifier.
        item: u8,
    },
    /// An event that the card asked for (D6).
    EventDownload {
        /// Which.
        event: Event,
        /// All objects, those of the event among them.
        objects: Objects,
    },
    /// A timer of the card ran out (D7).
    TimerExpiration {
        /// 1 to 8.
        timer: u8,
        /// Hours, minutes and seconds in swapped decimal digits.
        value: [u8; 3],
    },
    /// Another one.
    Other {
        /// Its tag.
        tag: u8,
        /// Its objects.
        objects: Objects,
    },
}

impl Envelope {
    /// Reads the command's data.
    ///
    /// # Errors
    /// [`DecodeError`] for lengths that don't fit, or an object that is missing.
    pub fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let (outer, objects) = unwrapped(octets)?;
        Ok(match outer {
            SMS_PP => Self::SmsPp {
                address: objects.find(tag::ADDRESS).map(<[u8]>::to_vec),
                tpdu: objects.need(tag::TPDU, "SMS TPDU")?.to_vec(),
            },
            MENU => {
                let [item] = objects.need_array(tag::ITEM, "item identifier")?;
                Self::MenuSelection { item }
            }
            EVENT => {
                let [event] = objects.need_array(tag::EVENTS, "event")?;
                Self::EventDownload {
                    event: Event(event),
                    objects,
                }
            }
            TIMER => {
                let [timer] = objects.need_array(tag::TIMER, "timer identifier")?;
                if !(1..=8).contains(&timer) {
                    return Err(invalid("timer identifier", "1 to 8"));
                }
                Self::TimerExpiration {
                    timer,
                    value: objects.need_array(tag::TIMER_VALUE, "timer value")?,
                }
            }
            tag => Self::Other { tag, objects },
        })
    }

    /// Data of the command.
    #[must_use]
    pub fn octets(&self) -> Vec<u8> {
        let from = |device| Objects::default().with(tag::DEVICES, [device, 0x81]);
        match self {
            Self::SmsPp { address, tpdu } => {
                let mut objects = from(0x83);
                if let Some(address) = address {
                    objects = objects.with(tag::ADDRESS, address.as_slice());
                }
                wrapped(SMS_PP, &objects.with(tag::TPDU, tpdu.as_slice()))
            }
            // From the keypad.
            Self::MenuSelection { item } => wrapped(MENU, &from(0x01).with(tag::ITEM, [*item])),
            Self::EventDownload { event, objects } if objects.0.is_empty() => {
                let first = Objects::default().with(tag::EVENTS, [event.0]);
                wrapped(EVENT, &first.with(tag::DEVICES, [0x82, 0x81]))
            }
            Self::EventDownload { objects, .. } => wrapped(EVENT, objects),
            Self::TimerExpiration { timer, value } => {
                let objects = from(0x82).with(tag::TIMER, [*timer]);
                wrapped(TIMER, &objects.with(tag::TIMER_VALUE, *value))
            }
            Self::Other { tag, objects } => wrapped(*tag, objects),
        }
    }
}
