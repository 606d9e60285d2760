//! What an operator may choose.

use core::time::Duration;

use super::Rate;
use crate::ids::Fqdn;

/// Which AUTN goes to a GBA_U card (`gba_u.mac`; TS 33.220 5.3.2, formula unconfirmed).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum MacForm {
    /// AUTN*: MAC ⊕ SHA-1(IK)\[0..8\].
    #[default]
    Star,
    /// AUTN as the HSS made it: a laboratory mode.
    Plain,
}

/// Which RES comes from a GBA_U card (`gba_u.res`; TS 31.102, recalled).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ResForm {
    /// The lowest bit of the last octet flipped.
    #[default]
    Flipped,
    /// As in 3G AKA: a laboratory mode.
    Plain,
    /// Either; the answer's note says which came: a laboratory mode.
    Either,
}

/// So many addresses may use up their vectors for one IMPI before the IMPI itself is held back.
pub const ADDRESSES_PER_IMPI: u32 = 10;

/// The BSF's settings for Ub.
#[derive(Clone, Debug)]
pub struct Config {
    /// Our name: the realm, and the right part of every B-TID.
    pub bsf: Fqdn,
    /// Lifetime of Ks in seconds where the GUSS doesn't say (TS 33.220 4.4.6).
    pub lifetime: u32,
    /// Longest lifetime in seconds, whatever the GUSS says (ruling 37).
    pub max_lifetime: u32,
    /// AUTN or AUTN*.
    pub gba_u_mac: MacForm,
    /// RES as it comes or flipped.
    pub gba_u_res: ResForm,
    /// How long a challenge waits for its answer.
    pub challenge_life: Duration,
    /// How long an unanswered challenge is repeated to the same address (ruling 6).
    pub repeat_window: Duration,
    /// Vectors for one IMPI from one address (ruling 6), and [`ADDRESSES_PER_IMPI`] times as many from all addresses:
    /// a stranger who asks for a subscriber's vectors must not lock the subscriber out.
    pub per_impi: Rate,
    /// Vectors for one address (ruling 6).
    pub per_address: Rate,
    /// The wrong response on a connection that is answered with 403 instead of a fresh challenge (ruling 6).
    pub wrong_limit: u32,
    /// Answers unknown IMPIs with a challenge that can't be met, instead of 403 (ruling 9).
    pub hide_unknown: bool,
    /// AMF in such a false challenge: what the HSS's own vectors show.
    pub hidden_amf: [u8; 2],
    /// Accepts a nonce count other than 00000001.
    pub lenient_nc: bool,
}

impl Config {
    /// The defaults for a BSF of that name: one hour, at most 30 days; GBA_U star and flipped; rulings 6 and 9.
    #[must_use]
    pub const fn new(bsf: Fqdn) -> Self {
        Self {
            bsf,
            lifetime: 3600,
            max_lifetime: 30 * 24 * 3600,
            gba_u_mac: MacForm::Star,
            gba_u_res: ResForm::Flipped,
            challenge_life: Duration::from_secs(60),
            repeat_window: Duration::from_secs(2),
            per_impi: Rate::new(3, 6),
            per_address: Rate::new(3, 6),
            wrong_limit: 3,
            hide_unknown: false,
            hidden_amf: [0, 0],
            lenient_nc: false,
        }
    }
}
