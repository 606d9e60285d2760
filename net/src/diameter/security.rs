//! How connections are protected (ruling 21, RFC 6733 13.1).

use std::net::SocketAddr;

use ::diameter::Identity;

use super::{Credentials, CredentialsError, Error, Files};

/// Where a node listens in clear (RFC 6733 2.1).
pub const PORT: u16 = 3868;

/// Where a node listens in TLS, from the first octet on (RFC 6733 2.1).
pub const TLS_PORT: u16 = 5868;

/// How connections are protected.
#[derive(Clone, Debug, Default)]
pub enum Security {
    /// In clear, and so on loopback only.
    #[default]
    PlainOnLoopbackOnly,
    /// TLS with a certificate on both sides, right after the TCP connection (RFC 6733 13.1). On loopback too.
    ///
    /// The peer's chain has to end at the CA, and the Origin-Host of its CER or CEA has to be a dNSName of its
    /// certificate; then each of its requests has to have that Origin-Host (a relay's, one that is known).
    Tls(Credentials),
    /// In clear between machines too. For a laboratory whose network is its own; warned of at each start.
    InsecureAwayFromLoopback,
}

impl Security {
    /// TLS with the certificates of these files.
    ///
    /// # Errors
    /// [`CredentialsError`], with the file that is wrong.
    pub fn tls(files: &Files) -> Result<Self, CredentialsError> {
        Credentials::load(files).map(Self::Tls)
    }

    /// Where a node listens by default: [`TLS_PORT`] or [`PORT`].
    #[must_use]
    pub const fn port(&self) -> u16 {
        match self {
            Self::Tls(_) => TLS_PORT,
            Self::PlainOnLoopbackOnly | Self::InsecureAwayFromLoopback => PORT,
        }
    }

    /// Whether `host` may listen at or connect to this address.
    pub(super) fn may_use(&self, address: SocketAddr, host: &Identity) -> Result<(), Error> {
        match self {
            Self::Tls(credentials) => Ok(credentials.check(host)?),
            _ if address.ip().is_loopback() => Ok(()),
            Self::InsecureAwayFromLoopback => {
                tracing::warn!(%address, "Diameter without TLS away from loopback: keys pass in clear");
                Ok(())
            }
            Self::PlainOnLoopbackOnly => Err(Error::Insecure { address }),
        }
    }
}
