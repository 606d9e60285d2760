//! Identifiers. One that exists is well-formed; it is read by `FromStr` or `parse` and written by `Display`.
//!
//! * [`Fqdn`]: names of network elements, normalised;
//! * [`Imsi`], [`MncLength`], [`Impi`]: who the subscriber is (TS 23.003 2.2, 13.3);
//! * [`UaId`], [`NafId`]: which NAF and which protocol a key is for (TS 33.220 Annex H);
//! * [`Btid`], [`PskIdentity`], [`Realm3gpp`]: how a bootstrapped UE names itself (TS 33.220 4.5.2, TS 24.109 5).

mod btid;
mod fqdn;
mod naf;
mod realm;
mod subscriber;
mod ua;

pub use btid::{Btid, PskIdentity, hint_offers};
pub use fqdn::Fqdn;
pub use naf::{NafId, UaId};
pub use realm::{Realm3gpp, RealmKind};
pub use subscriber::{Impi, Imsi, MncLength};

use thiserror::Error;

/// Why a text or octet string isn't the identifier it should be. Says the rule, not the value.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum IdError {
    /// The value breaks a rule of its grammar.
    #[error("not {what}: {rule}")]
    Grammar {
        /// The identifier, with its article.
        what: &'static str,
        /// What was expected.
        rule: &'static str,
    },
    /// Too long or empty.
    #[error("not {what}: {len} octets, expected {min} to {max}")]
    Length {
        /// The identifier, with its article.
        what: &'static str,
        /// Least octets.
        min: usize,
        /// Most octets.
        max: usize,
        /// Octets that came.
        len: usize,
    },
    /// A NAF_Id without its Ua security protocol identifier: all of it reads as a host name.
    #[error(
        "not a NAF_Id: the five octets of the Ua security protocol identifier are missing after the FQDN"
    )]
    NoUaId,
}

impl IdError {
    const fn grammar(what: &'static str, rule: &'static str) -> Self {
        Self::Grammar { what, rule }
    }

    fn check_length(what: &'static str, min: usize, max: usize, len: usize) -> Result<(), Self> {
        if (min..=max).contains(&len) {
            Ok(())
        } else {
            Err(Self::Length { what, min, max, len })
        }
    }
}
