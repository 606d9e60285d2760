//! How a NAF authenticates: names, qop, algorithms, nonces.

use core::time::Duration;

use super::Request;
use crate::{
    digest::{Algorithm, Qop},
    ids::Fqdn,
};

/// What the NAF asks of its clients.
///
/// A challenge has a single qop unless `Both` is wanted: one public UE splits headers at every comma.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum QopPolicy {
    /// `auth-int` for who shows a GBA product token in `User-Agent` (TS 24.109: such a UE must know it), `auth`
    /// for anybody else: common HTTP clients know no auth-int, or compute it wrongly for bodies. The default.
    #[default]
    ByClient,
    /// `auth` only.
    Auth,
    /// `auth-int` only: the body of each request and answer is protected, whoever asks.
    AuthInt,
    /// `auth,auth-int`: the client chooses.
    Both,
}

impl QopPolicy {
    pub(super) fn offer(self, request: &Request<'_>) -> Vec<Qop> {
        match self {
            Self::ByClient if request.is_gba_ue() => vec![Qop::AuthInt],
            Self::ByClient | Self::Auth => vec![Qop::Auth],
            Self::AuthInt => vec![Qop::AuthInt],
            Self::Both => vec![Qop::Auth, Qop::AuthInt],
        }
    }

    pub(super) const fn takes(self, qop: Qop) -> bool {
        match self {
            Self::ByClient | Self::Both => true,
            Self::Auth => matches!(qop, Qop::Auth),
            Self::AuthInt => matches!(qop, Qop::AuthInt),
        }
    }
}

/// How a NAF authenticates.
#[derive(Clone, Debug)]
pub struct Config {
    /// The names it serves. Each has keys of its own (TS 24.109 Annex D.2).
    pub names: Vec<Fqdn>,
    /// What it asks of clients.
    pub qop: QopPolicy,
    /// Digest algorithms, one challenge each, in this order. MD5 alone by default: every client has it, and more
    /// than one challenge confuses some.
    pub algorithms: Vec<Algorithm>,
    /// How long a nonce may be used.
    pub nonce_lifetime: Duration,
    /// How far behind the highest nonce count of a nonce an unused one may come, 1 to 64. 1: counts rise strictly.
    /// More helps clients that send over several connections at once. No count is taken twice in any case.
    pub nonce_count_window: u32,
    /// Laboratory: takes counts that begin at 00000000, which one public client sends.
    pub lenient_nonce_count: bool,
    /// Seconds in `Retry-After` while the BSF is down.
    pub retry_after: u32,
}

impl Config {
    /// The defaults for a NAF of these names.
    #[must_use]
    pub fn new(names: Vec<Fqdn>) -> Self {
        Self {
            names,
            qop: QopPolicy::default(),
            algorithms: vec![Algorithm::Md5],
            nonce_lifetime: Duration::from_secs(300),
            nonce_count_window: 1,
            lenient_nonce_count: false,
            retry_after: 5,
        }
    }
}
