//! PINs and administrative codes from the terminal's side (TS 102 221 9.5, 11.1.9 to 11.1.13): the tries that are left
//! are asked for before one is used up, and the last isn't used unless it is forced.

use core::fmt;

use base::apdu::Command;

use crate::{Card, Pin, Sw};

use super::{Session, UsimError, describe, link::refused};

/// A PIN or code by its key reference (TS 102 221 table 9.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeyRef(pub u8);

impl KeyRef {
    /// PIN 1 of application 1.
    pub const PIN1: Self = Self(0x01);
    /// PIN 2 of application 1.
    pub const PIN2: Self = Self(0x81);
    /// The universal PIN.
    pub const UNIVERSAL: Self = Self(0x11);
    /// ADM 1.
    pub const ADM1: Self = Self(0x0a);
    /// What a card may have: application PINs, universal PIN, second PINs, codes of administrators.
    pub const ALL: [Self; 14] = [
        Self(0x01),
        Self(0x02),
        Self(0x03),
        Self(0x04),
        Self(0x11),
        Self(0x81),
        Self(0x82),
        Self(0x83),
        Self(0x84),
        Self(0x0a),
        Self(0x0b),
        Self(0x0c),
        Self(0x0d),
        Self(0x0e),
    ];

    /// True for the codes that a person has, false for those of an administrator.
    #[must_use]
    pub const fn is_pin(self) -> bool {
        !matches!(self.0, 0x0a..=0x0e | 0x8a..=0x8e)
    }
}

impl fmt::Display for KeyRef {
    /// `PIN 1`, `ADM 1`, `universal PIN`, `PIN 2 of application 1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&describe::key(self.0))
    }
}

/// How a PIN or code stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PinState {
    /// It must be verified, and so many tries are left.
    Tries(u8),
    /// No tries are left.
    Blocked,
    /// It is verified.
    Verified,
    /// It is switched off.
    Disabled,
    /// The card has none.
    Absent,
    /// The card says something else.
    Other(Sw),
}

impl fmt::Display for PinState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tries(1) => f.write_str("needed, 1 try left"),
            Self::Tries(n) => write!(f, "needed, {n} tries left"),
            Self::Blocked => f.write_str("blocked"),
            Self::Verified => f.write_str("verified"),
            Self::Disabled => f.write_str("switched off"),
            Self::Absent => f.write_str("none"),
            Self::Other(sw) => write!(f, "unknown: {sw}"),
        }
    }
}

/// What to do with a PIN.
pub enum PinAction {
    /// VERIFY.
    Verify(Pin),
    /// CHANGE PIN.
    Change {
        /// The PIN as it is.
        old: Pin,
        /// As it shall be.
        new: Pin,
    },
    /// DISABLE PIN.
    Disable(Pin),
    /// ENABLE PIN.
    Enable(Pin),
    /// UNBLOCK PIN with the PUK.
    Unblock {
        /// The unblocking code; its tries are few and never come back.
        puk: Pin,
        /// The new PIN.
        new: Pin,
    },
}

impl PinAction {
    /// In a word.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Verify(_) => "verify",
            Self::Change { .. } => "change",
            Self::Disable(_) => "disable",
            Self::Enable(_) => "enable",
            Self::Unblock { .. } => "unblock",
        }
    }

    const fn ins(&self) -> u8 {
        match self {
            Self::Verify(_) => 0x20,
            Self::Change { .. } => 0x24,
            Self::Disable(_) => 0x26,
            Self::Enable(_) => 0x28,
            Self::Unblock { .. } => 0x2c,
        }
    }
}

impl<C: Card> Session<C> {
    /// How a PIN stands: VERIFY without a PIN, which uses up nothing.
    ///
    /// # Errors
    /// [`UsimError`] where no answer comes.
    pub fn pin_state(&mut self, key: KeyRef) -> Result<PinState, UsimError> {
        self.state_by(0x20, key)
    }

    /// How many tries the unblocking code of a PIN has: UNBLOCK PIN without data.
    ///
    /// # Errors
    /// As [`Self::pin_state`].
    pub fn puk_state(&mut self, key: KeyRef) -> Result<PinState, UsimError> {
        self.state_by(0x2c, key)
    }

    fn state_by(&mut self, ins: u8, key: KeyRef) -> Result<PinState, UsimError> {
        let sw = Sw(self.link.transmit(&Command::new(0x00, ins, 0x00, key.0))?.sw);
        Ok(state(sw))
    }

    /// Does it, with the tries asked for before.
    ///
    /// # Errors
    /// [`UsimError::LastTry`] where one try or none is known to be left and it isn't forced; [`UsimError::KeyWrong`]
    /// and [`UsimError::KeyBlocked`] after the try; [`UsimError::NoKey`] and [`UsimError::KeyDisabled`] where there is
    /// nothing to try; otherwise [`UsimError::Refused`].
    pub fn pin(&mut self, key: KeyRef, action: &PinAction, force: bool) -> Result<(), UsimError> {
        // Whose tries they are: an UNBLOCK uses up those of the PUK.
        let name = || match action {
            PinAction::Unblock { .. } => format!("PUK of {key}"),
            _ => key.to_string(),
        };
        let asked = match action {
            PinAction::Unblock { .. } => self.puk_state(key)?,
            _ => self.pin_state(key)?,
        };
        match asked {
            PinState::Blocked => return Err(UsimError::KeyBlocked { key: name() }),
            PinState::Absent => return Err(UsimError::NoKey { key: name() }),
            PinState::Disabled if matches!(action, PinAction::Verify(_) | PinAction::Change { .. }) => {
                return Err(UsimError::KeyDisabled { key: name() });
            }
            PinState::Tries(tries @ ..=1) if !force => {
                return Err(UsimError::LastTry { key: name(), tries });
            }
            // A card that doesn't say how many are left may have one.
            PinState::Other(sw) if !force => {
                return Err(UsimError::TriesUnknown { key: name(), sw });
            }
            _ => {}
        }
        let data = match action {
            PinAction::Verify(pin) | PinAction::Disable(pin) | PinAction::Enable(pin) => {
                pin.expose().to_vec()
            }
            PinAction::Change { old: first, new } | PinAction::Unblock { puk: first, new } => {
                [*first.expose(), *new.expose()].concat()
            }
        };
        // The command wipes its copy when it is dropped, and this one is wiped as well.
        let data = base::SecretBytes::new(data);
        let command = Command::new(0x00, action.ins(), 0x00, key.0)
            .with_data(data.expose())
            .map_err(UsimError::malformed("PIN"))?;
        let sw = Sw(self.link.transmit(&command)?.sw);
        match (sw, sw.tries_left()) {
            (Sw::OK, _) => Ok(()),
            (Sw::BLOCKED, _) | (_, Some(0)) => Err(UsimError::KeyBlocked { key: name() }),
            (_, Some(tries)) => Err(UsimError::KeyWrong { key: name(), tries }),
            (Sw::REFERENCE, _) => Err(UsimError::NoKey { key: name() }),
            _ => Err(refused(&command, sw)),
        }
    }
}

fn state(sw: Sw) -> PinState {
    match (sw, sw.tries_left()) {
        (_, Some(0)) | (Sw::BLOCKED, _) => PinState::Blocked,
        (_, Some(tries)) => PinState::Tries(tries),
        (Sw::OK, _) => PinState::Verified,
        (Sw::DISABLED, _) => PinState::Disabled,
        (Sw::REFERENCE, _) => PinState::Absent,
        (sw, _) => PinState::Other(sw),
    }
}
