//! The answers a NAF gives instead of its service: one table of reasons, statuses and words.

use core::fmt;

use crate::ids::Fqdn;

/// Why a request wasn't let in.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// No digest credentials: the normal first request.
    NoCredentials,
    /// The user name is no B-TID.
    NoBtid,
    /// A qop, an algorithm or a form of digest that wasn't offered.
    NotOffered,
    /// A nonce that this NAF hasn't issued for this host.
    UnknownNonce,
    /// The response is right, but the nonce is too old or its count was used.
    Stale,
    /// The response is wrong.
    WrongResponse,
    /// The BSF doesn't know the B-TID, or the key has expired.
    BootstrappingRequired,
    /// The BSF gives this NAF no key under that name.
    NotAuthorized,
    /// The BSF can't be asked.
    BsfUnavailable,
    /// This address has named too many B-TIDs that the BSF doesn't know.
    TooMany,
    /// The realm names another NAF.
    ForeignRealm,
    /// The request is for a host that isn't served here.
    Misdirected,
    /// The request isn't well-formed.
    BadRequest,
    /// A key that was made for something else reached this place (ruling 17).
    WrongKey,
}

impl Reason {
    /// The status code. Clauses 4.3 and 5 of TS 24.109 leave some of these open, so they stand in this one table.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::NoCredentials
            | Self::NoBtid
            | Self::NotOffered
            | Self::UnknownNonce
            | Self::Stale
            | Self::WrongResponse
            | Self::BootstrappingRequired => 401,
            Self::NotAuthorized | Self::ForeignRealm => 403,
            Self::TooMany => 429,
            Self::BsfUnavailable => 503,
            Self::Misdirected => 421,
            Self::BadRequest => 400,
            Self::WrongKey => 500,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCredentials => "authentication with a bootstrapped key is required",
            Self::NoBtid => "the user name is no B-TID: bootstrap first",
            Self::NotOffered => "answer the challenge with the offered algorithm and qop",
            Self::UnknownNonce => "this nonce was not issued here",
            Self::Stale => "the nonce is too old or its count was used: repeat with the new one",
            Self::WrongResponse => "the response is wrong: the key is not the one of this B-TID and this NAF",
            Self::BootstrappingRequired => "the B-TID is unknown or has expired: bootstrap again",
            Self::NotAuthorized => "this NAF may not use keys under this name",
            Self::BsfUnavailable => "the BSF cannot be asked now: try again later",
            Self::TooMany => "too many B-TIDs from this address that the BSF does not know: try again later",
            Self::ForeignRealm => "the credentials are for another NAF",
            Self::Misdirected => "this host is not served here",
            Self::BadRequest => "the request is not well-formed",
            Self::WrongKey => "the key at hand is for another use",
        })
    }
}

/// An answer that isn't the service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// Header fields.
    pub headers: Vec<(&'static str, String)>,
    /// One line for a person.
    pub text: String,
}

impl Refusal {
    /// The status code.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.reason.status()
    }

    fn new(reason: Reason, headers: Vec<(&'static str, String)>) -> Self {
        Self {
            reason,
            headers,
            text: reason.to_string(),
        }
    }

    pub(super) fn challenge(reason: Reason, challenges: impl Iterator<Item = String>) -> Self {
        Self::new(reason, challenges.map(|c| ("WWW-Authenticate", c)).collect())
    }

    pub(super) fn bad_request(what: &str) -> Self {
        Self {
            text: what.to_owned(),
            ..Self::new(Reason::BadRequest, Vec::new())
        }
    }

    pub(super) fn misdirected(host: &Fqdn) -> Self {
        Self {
            text: format!("{host} is not served here"),
            ..Self::new(Reason::Misdirected, Vec::new())
        }
    }

    pub(super) fn foreign_realm(host: &Fqdn) -> Self {
        Self {
            text: format!("the realm of the credentials does not name {host}, the host that was asked"),
            ..Self::new(Reason::ForeignRealm, Vec::new())
        }
    }

    pub(super) fn not_authorized(host: &Fqdn) -> Self {
        Self {
            text: format!("the BSF gives this NAF no keys under the name {host}"),
            ..Self::new(Reason::NotAuthorized, Vec::new())
        }
    }

    /// Seconds.
    pub(super) fn later(reason: Reason, retry_after: u32) -> Self {
        Self::new(reason, vec![("Retry-After", retry_after.to_string())])
    }

    pub(super) fn wrong_key() -> Self {
        Self::new(Reason::WrongKey, Vec::new())
    }
}
