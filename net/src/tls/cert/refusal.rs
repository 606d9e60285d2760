//! Why a handshake with certificates failed, in words that say what to do.

use std::{io, time::Duration};

use openssl::{ssl, x509::X509VerifyResult};
use thiserror::Error;

use crate::error::alert_name;

/// Why there was no connection. Nothing of an application has passed then.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The peer was silent.
    #[error("TLS handshake not done within {} ms: is it a Diameter node with TLS?", .after.as_millis())]
    TimedOut {
        /// How long it had.
        after: Duration,
    },
    /// The peer closed the connection.
    #[error("the connection ended in the TLS handshake: does the peer speak TLS there?")]
    BrokeOff,
    /// What came is no TLS.
    #[error("what the peer sent is no TLS: it speaks in clear, and this port takes TLS only")]
    NotTls,
    /// The peer ended it with an alert.
    #[error("the peer refused us with TLS alert {alert} ({}): {}", alert_name(*.alert), advice(*.alert))]
    Alert {
        /// AlertDescription.
        alert: u8,
    },
    /// The peer's certificate can't be trusted.
    #[error("the peer's certificate is refused: {reason}: {}", certificate_advice(.reason))]
    Certificate {
        /// OpenSSL's words.
        reason: &'static str,
    },
    /// The peer has none.
    #[error("the peer has no certificate: give it one of our CA")]
    NoCertificate,
    /// Nothing in common.
    #[error("no TLS version (1.2, 1.3) or cipher suite in common with the peer")]
    NothingInCommon,
    /// Something else in the peer's messages or in OpenSSL.
    #[error("TLS failed: {0}")]
    Other(String),
}

/// Reasons of OpenSSL's sslerr.h.
mod reason {
    pub(super) const CERTIFICATE_VERIFY_FAILED: i32 = 134;
    pub(super) const HTTPS_PROXY_REQUEST: i32 = 155;
    pub(super) const HTTP_REQUEST: i32 = 156;
    pub(super) const NO_SHARED_CIPHER: i32 = 193;
    pub(super) const PEER_DID_NOT_RETURN_A_CERTIFICATE: i32 = 199;
    pub(super) const UNSUPPORTED_PROTOCOL: i32 = 258;
    pub(super) const WRONG_VERSION_NUMBER: i32 = 267;
    pub(super) const UNEXPECTED_EOF: i32 = 294;
    /// Plus AlertDescription: the peer sent that alert.
    pub(super) const ALERT: i32 = 1000;
}

impl HandshakeError {
    pub(super) fn explain(e: &ssl::Error, verified: X509VerifyResult) -> Self {
        let Some(stack) = e.ssl_error() else {
            return Self::BrokeOff;
        };
        let code = stack
            .errors()
            .first()
            .map_or(0, openssl::error::Error::reason_code);
        if let Ok(alert) = u8::try_from(code - reason::ALERT) {
            return Self::Alert { alert };
        }
        match code {
            reason::CERTIFICATE_VERIFY_FAILED => Self::Certificate {
                reason: verified.error_string(),
            },
            reason::PEER_DID_NOT_RETURN_A_CERTIFICATE => Self::NoCertificate,
            reason::HTTP_REQUEST | reason::HTTPS_PROXY_REQUEST | reason::WRONG_VERSION_NUMBER => Self::NotTls,
            reason::NO_SHARED_CIPHER | reason::UNSUPPORTED_PROTOCOL => Self::NothingInCommon,
            reason::UNEXPECTED_EOF => Self::BrokeOff,
            _ => Self::Other(stack.to_string()),
        }
    }
}

/// What an error on an open connection means. Under TLS 1.3 a client learns only here that it was refused.
pub(crate) fn io_reason(e: &io::Error) -> String {
    let tls = e.get_ref().and_then(|inner| inner.downcast_ref::<ssl::Error>());
    match tls.map(|tls| HandshakeError::explain(tls, X509VerifyResult::OK)) {
        None | Some(HandshakeError::BrokeOff) => format!("the connection failed: {}", e.kind()),
        Some(refusal) => refusal.to_string(),
    }
}

/// What an alert means for somebody with certificates (RFC 5246 7.2.2, RFC 8446 6.2).
const fn advice(alert: u8) -> &'static str {
    match alert {
        42 | 43 | 46 => "our certificate doesn't suit it",
        44 => "our certificate is revoked",
        45 => "our certificate has expired, or its clock is wrong",
        48 => "it doesn't know the CA of our certificate",
        40 | 116 => "it wants a certificate of ours, or has no cipher suite in common",
        70 => "no TLS version in common: TLS 1.2 or 1.3 is needed",
        _ => "see its log",
    }
}

fn certificate_advice(reason: &str) -> &'static str {
    if reason.contains("expired") || reason.contains("not yet valid") {
        "make a new one, or check the clock"
    } else {
        "it isn't of the CA that is configured here"
    }
}
