//! Why a request to a NAF ended without an answer that may be believed.

use crate::{ids::Fqdn, ua::url::UrlError};

/// Sorted by who is at fault: the answer's form, the NAF, our limits, ourselves.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UaError {
    /// A header could not be read.
    #[error("the NAF's {what} cannot be read: {reason}")]
    Malformed {
        /// Which header.
        what: &'static str,
        /// What was expected and what came.
        reason: String,
    },
    /// A redirect leads to no address we go to.
    #[error("the NAF redirects to an address that is not followed: {0}")]
    Redirect(#[from] UrlError),

    /// The realm names another NAF than the one we spoke to (ruling 16): no answer, no key.
    #[error("{host} asks for a key of {realm}: a NAF may only ask for its own; nothing was sent")]
    ForeignRealm {
        /// The host we spoke to.
        host: Fqdn,
        /// The NAF named in the realm.
        realm: Fqdn,
    },
    /// The certificate doesn't name the host (ruling 16).
    #[error("the certificate of {host} does not name it: nothing was sent")]
    NotInCertificate {
        /// The host we spoke to.
        host: Fqdn,
    },
    /// A proxy wants to be shown a key (ruling 16).
    #[error("a proxy asks for authentication (407): a NAF key is never shown to a proxy")]
    ProxyAsks,
    /// The NAF wants Ks_int_NAF, which no standard command uses (ruling 13).
    #[error(
        "the NAF asks for Ks_int_NAF only: this device offers no client for it, and Ks_ext_NAF is no substitute"
    )]
    NeedsKsInt,
    /// The NAF wants GBA_Digest.
    #[error("the NAF asks for GBA_Digest only, which this device does not offer")]
    NeedsGbaDigest,
    /// No algorithm or qop that we offer.
    #[error("the NAF's challenge asks for {what} {got}: offered are {offered}")]
    Unsupported {
        /// `algorithm` or `qop`.
        what: &'static str,
        /// What the NAF wants.
        got: String,
        /// What there is.
        offered: &'static str,
    },
    /// The NAF refuses a fresh B-TID as well.
    #[error(
        "the NAF refuses the key, also after a new bootstrapping: check that it asks the same BSF, and that its \
             name and Ua protocol are the ones this key was made for"
    )]
    Refused,
    /// The NAF hasn't proved that it has the key.
    #[error("the NAF's answer is not proven ({0}): it is discarded")]
    NotProven(&'static str),

    /// The limit of ruling 16.
    #[error("the NAF refuses the key, and less than a minute has passed since the last bootstrapping for it")]
    TooSoon,
    /// Too many redirects.
    #[error("more than {} redirects", super::MAX_REDIRECTS)]
    TooManyRedirects,
    /// Nothing came in time.
    #[error("no answer from {0} in time")]
    Timeout(&'static str),
    /// There is no key.
    #[error("there is no key for this NAF: {0}")]
    NoKey(String),

    /// The key was made for another NAF or another protocol (ruling 17).
    #[error("the key at hand was made for another NAF, protocol or use: it is not used")]
    WrongKey,
    /// The input doesn't fit the state.
    #[error("the input does not fit the state of the request")]
    Unexpected,
    /// The counter of this nonce is used up.
    #[error("the nonce has been used 2^32 times")]
    NonceExhausted,
    /// No randomness for the cnonce.
    #[error(transparent)]
    NoEntropy(#[from] base::NoEntropy),
}
