//! Why a connection or a request over it failed, in words that say what to do. Never holds octets of a message.

use std::{io, time::Duration};

use thiserror::Error;

/// A failure of [`crate::http`] or [`crate::tls`]. `peer` is the address as the caller gave it.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// Nothing listens at the address.
    #[error("{peer} refused the connection: start the element there, or check the address")]
    Refused {
        /// Whom we called.
        peer: String,
    },
    /// The address doesn't exist or has no route.
    #[error("cannot reach {peer}: {reason}")]
    Unreachable {
        /// Whom we called.
        peer: String,
        /// The system's reason.
        reason: io::ErrorKind,
    },
    /// The peer was silent too long.
    #[error("{peer} was silent: waited {} ms for {what}", .after.as_millis())]
    TimedOut {
        /// Whom we waited for.
        peer: String,
        /// What should have come.
        what: &'static str,
        /// How long we waited.
        after: Duration,
    },
    /// The peer closed the connection before it should.
    #[error("{peer} broke off: the connection ended before {what} was complete")]
    BrokeOff {
        /// Who closed.
        peer: String,
        /// What was under way.
        what: &'static str,
    },
    /// What came isn't the protocol that was expected.
    #[error("{peer} sent no valid {what}: check that the port speaks this protocol")]
    Malformed {
        /// Who sent it.
        peer: String,
        /// What was expected.
        what: &'static str,
    },
    /// What came is larger than allowed.
    #[error("{peer} sent {what} of more than {limit} octets")]
    TooLarge {
        /// Who sent it.
        peer: String,
        /// What was too large.
        what: &'static str,
        /// The bound, in octets.
        limit: usize,
    },
    /// The request can't be sent as it is: a mistake of the caller.
    #[error("request not sendable: {rule}")]
    Misuse {
        /// The rule it breaks.
        rule: &'static str,
    },
    /// The peer ended the TLS handshake or connection with an alert (RFC 5246 7.2).
    #[error("{peer} ended TLS with alert {alert} ({}): {}", alert_name(*.alert), alert_advice(*.alert))]
    TlsAlert {
        /// Who sent it.
        peer: String,
        /// AlertDescription.
        alert: u8,
    },
    /// We ended the TLS handshake because of what the peer sent.
    #[error("TLS with {peer} failed: {rule}")]
    Tls {
        /// With whom.
        peer: String,
        /// What we expected, and what it means.
        rule: &'static str,
    },
    /// OpenSSL or the system couldn't give what we need.
    #[error("{what} isn't available on this system: check its OpenSSL (3.0 or later) and its policy")]
    Environment {
        /// What is missing.
        what: &'static str,
    },
}

impl Error {
    /// An error of the system while we connected.
    #[must_use]
    pub(crate) fn connecting(peer: &str, e: &io::Error) -> Self {
        let peer = peer.to_owned();
        match e.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused { peer },
            reason => Self::Unreachable { peer, reason },
        }
    }

    /// True where the peer is down or unreachable, so that trying later may help.
    #[must_use]
    pub const fn is_peer_down(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. } | Self::Unreachable { .. } | Self::TimedOut { .. } | Self::BrokeOff { .. }
        )
    }
}

/// Names from RFC 5246 7.2, RFC 8446 6, RFC 4279 6 and RFC 6066 3.
pub(crate) const fn alert_name(alert: u8) -> &'static str {
    match alert {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        22 => "record_overflow",
        40 => "handshake_failure",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        50 => "decode_error",
        51 => "decrypt_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        100 => "no_renegotiation",
        109 => "missing_extension",
        112 => "unrecognized_name",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        _ => "unnamed",
    }
}

/// What the alert means for somebody who uses pre-shared keys.
const fn alert_advice(alert: u8) -> &'static str {
    match alert {
        20 | 51 => {
            "the two ends hold different keys, or it knows no such identity or server name; bootstrap anew and check the NAF's name and Ua security protocol id"
        }
        115 => "it knows no such identity; bootstrap anew",
        40 | 71 => "no cipher suite in common, or no pre-shared keys allowed",
        70 => "it doesn't speak TLS 1.2",
        80 => "it couldn't ask for the key; try again later",
        112 => "it doesn't serve that server name",
        _ => "see the peer's log",
    }
}
