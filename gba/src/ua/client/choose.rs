//! Which challenge a UE answers (ruling 16).

use super::UaError;
use crate::{
    digest::{Algorithm, Challenge, DigestError, Qop},
    ids::{Fqdn, NafId, Realm3gpp, RealmKind, UaId},
};

/// How the response with the challenge came.
#[derive(Clone, Copy, Debug)]
pub enum Channel<'a> {
    /// Plain HTTP.
    Plain,
    /// TLS with the NAF's certificate, verified by the shell.
    Tls {
        /// The suite of this very connection: it enters the key (TS 33.220 Annex H.3).
        suite: u16,
        /// The names in the certificate.
        names: &'a [Fqdn],
    },
}

impl Channel<'_> {
    /// The Ua security protocol identifier of HTTP digest over this channel.
    #[must_use]
    pub const fn ua_id(&self) -> UaId {
        match self {
            Self::Plain => UaId::HTTP_DIGEST,
            Self::Tls { suite, .. } => UaId::tls(*suite),
        }
    }
}

/// A challenge that may be answered, and how.
#[derive(Clone, Debug)]
pub struct Chosen {
    pub(super) naf_id: NafId,
    /// The realm to answer with, letter by letter as the NAF wrote it: one element where it sent a list.
    pub(super) realm: String,
    pub(super) nonce: String,
    pub(super) opaque: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) qop: Qop,
    pub(super) stale: bool,
}

impl Chosen {
    /// Whose key is asked for: the host that was spoken to, and the protocol.
    #[must_use]
    pub const fn naf_id(&self) -> &NafId {
        &self.naf_id
    }

    /// True if only the nonce was too old.
    #[must_use]
    pub const fn stale(&self) -> bool {
        self.stale
    }

    /// What the answer protects.
    #[must_use]
    pub const fn qop(&self) -> Qop {
        self.qop
    }
}

/// Chooses among the `WWW-Authenticate` values of a 401 from `host`: the first `3GPP-bootstrapping` realm whose
/// FQDN is that host, with an algorithm and a qop that we have; auth-int before auth. `None` if no challenge has
/// anything to do with GBA.
///
/// # Errors
/// [`UaError`] if there is such a challenge but it must not or can't be answered.
pub fn choose<'a>(
    host: &Fqdn,
    channel: Channel<'_>,
    challenges: impl Iterator<Item = &'a str>,
) -> Result<Option<Chosen>, UaError> {
    let mut refused = None;
    let malformed = |e: &DigestError| UaError::Malformed {
        what: "WWW-Authenticate",
        reason: e.to_string(),
    };
    for value in challenges {
        let all = match Challenge::parse_all(value) {
            Ok(all) => all,
            Err(DigestError::NotDigest) => continue,
            Err(e) => vec![Err(e)],
        };
        for challenge in all {
            let considered = match &challenge {
                Ok(challenge) => consider(host, channel, challenge),
                Err(e) => Err(malformed(e)),
            };
            match considered {
                Ok(Some(chosen)) => return Ok(Some(chosen)),
                Ok(None) => {}
                // A forbidden realm is the gravest finding, so it is the one that is told.
                Err(e @ UaError::ForeignRealm { .. }) => refused = Some(e),
                Err(e) => {
                    refused.get_or_insert(e);
                }
            }
        }
    }
    refused.map_or(Ok(None), Err)
}

fn consider(host: &Fqdn, channel: Channel<'_>, challenge: &Challenge) -> Result<Option<Chosen>, UaError> {
    let Some(realm) = element(host, &challenge.realm)? else {
        return Ok(None);
    };
    if let Channel::Tls { names, .. } = channel
        && !names.contains(host)
    {
        return Err(UaError::NotInCertificate { host: host.clone() });
    }
    let algorithm = challenge.algorithm;
    if !matches!(
        algorithm,
        Algorithm::Md5 | Algorithm::Md5Sess | Algorithm::Sha256 | Algorithm::Sha256Sess
    ) {
        return Err(UaError::Unsupported {
            what: "algorithm",
            got: algorithm.to_string(),
            offered: "MD5, MD5-sess, SHA-256, SHA-256-sess",
        });
    }
    let qop = [Qop::AuthInt, Qop::Auth]
        .into_iter()
        .find(|q| challenge.qop.contains(q))
        .ok_or(UaError::Unsupported {
            what: "qop",
            got: "none".to_owned(),
            offered: "auth-int, auth",
        })?;
    Ok(Some(Chosen {
        naf_id: NafId::new(host.clone(), channel.ua_id()),
        realm: realm.to_owned(),
        nonce: challenge.nonce.clone(),
        opaque: challenge.opaque.clone(),
        algorithm,
        qop,
        stale: challenge.stale,
    }))
}

/// The element of a realm list to answer; `None` if the realm isn't a GBA one at all.
fn element<'a>(host: &Fqdn, realm: &'a str) -> Result<Option<&'a str>, UaError> {
    /// Most elements that are looked at.
    const MAX_ELEMENTS: usize = 8;
    let elements: Vec<(&str, Realm3gpp)> = realm
        .split(';')
        .map(str::trim)
        .take(MAX_ELEMENTS)
        .filter_map(|text| Some((text, text.parse().ok()?)))
        .collect();
    if let Some((text, _)) = elements
        .iter()
        .find(|(_, r)| r.kind == RealmKind::Bootstrapping && r.naf == *host)
    {
        return Ok(Some(text));
    }
    match elements
        .iter()
        .find(|(_, r)| r.naf != *host)
        .or_else(|| elements.first())
    {
        Some((_, r)) if r.naf != *host => Err(UaError::ForeignRealm {
            host: host.clone(),
            realm: r.naf.clone(),
        }),
        Some((_, r)) if r.kind == RealmKind::Digest => Err(UaError::NeedsGbaDigest),
        Some(_) => Err(UaError::NeedsKsInt),
        None => Ok(None),
    }
}
