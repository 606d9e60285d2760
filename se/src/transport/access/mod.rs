//! Secure Element Access Control (GlobalPlatform GPD_SPE_013 v1.1): which application of the device may reach which
//! application of the card, and with which commands.
//!
//! - [`Rules`]: the card's rules and what they say of two applications
//! - [`parse`](Rules::parse): the data objects of an ARA-M
//! - `read`: GET DATA from the ARA-M, anew when its refresh tag has changed

mod parse;
mod read;
mod rules;

pub(super) use read::Cache;
pub use rules::{Access, Application, Device, Filter, Hash, Rule, Rules, Target};

/// AID of the ARA-M, the applet that holds the rules (GPD_SPE_013 4.1).
pub const ARA_M: [u8; 9] = [0xa0, 0x00, 0x00, 0x01, 0x51, 0x41, 0x43, 0x4c, 0x00];

/// What holds on a card that has no ARA-M.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Unruled {
    /// Nobody may reach anything, as GPD_SPE_013 4.2.3 has it.
    #[default]
    Refuse,
    /// Everybody may reach everything: a laboratory's choice.
    Allow,
}
