//! Ua at the NAF (TS 24.109 5): one request, one decision, without sockets or stores.
//!
//! ```text
//!  decide(request) ─▶ Refuse(401 challenge, 400, 421)
//!                  └▶ NeedKey(pending): the shell asks Zn for (B-TID, NAF_Id)
//!                        └▶ pending.verify(key answer, replay table) ─▶ Refuse(401, 403, 503)
//!                                                                    └▶ Accept: rspauth for the answer's body
//! ```
//!
//! * this file: [`Request`], [`decide`], [`Pending::verify`], [`Accepted`];
//! * `config`: [`Config`], [`QopPolicy`];
//! * `refusal`: status, headers and words of each refusal: [`Refusal`], [`Reason`];
//! * `nonce`: nonces that prove themselves, and the [`ReplayTable`].

mod config;
mod nonce;
mod refusal;
#[cfg(test)]
mod tests;

use base::{Entropy, Mono, NoEntropy, Now, Secret, Utc};

use self::nonce::{Issued, NonceCheck};
pub use self::{
    config::{Config, QopPolicy},
    nonce::ReplayTable,
    refusal::{Reason, Refusal},
};
use crate::{
    digest::{Algorithm, AuthenticationInfo, Challenge, Credentials, Ha1, Qop},
    ids::{Btid, Fqdn, NafId, Realm3gpp, RealmKind, UaId},
    keys::{KeyKind, KsNaf},
};

/// A request as the decision sees it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The request target as it came: path and query.
    pub target: &'a str,
    /// `Host`, or the authority of an absolute target; `None` if absent or there are several.
    pub host: Option<&'a str>,
    /// `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// All `Authorization` fields.
    pub authorization: &'a [&'a str],
    /// The body's exact octets, after transfer decoding.
    pub body: &'a [u8],
    /// HTTP digest, or its TLS form with the suite of this connection.
    pub ua: UaId,
}

impl Request<'_> {
    fn is_gba_ue(&self) -> bool {
        let is_product = |word: &str| word == "3gpp-gba" || word == "3gpp-gba-uicc";
        self.user_agent
            .is_some_and(|text| text.split([' ', ';', ',', '/']).any(is_product))
    }
}

/// What to do with a request.
pub enum Decision {
    /// Answer with this.
    Refuse(Refusal),
    /// Bring the key for [`Pending::btid`] and [`Pending::naf_id`], then [`Pending::verify`].
    NeedKey(Box<Pending>),
}

/// What the BSF said over Zn.
pub enum KeyAnswer<'a> {
    /// There is a key, until then.
    Key {
        /// Ks_NAF or Ks_ext_NAF.
        ks_naf: &'a KsNaf,
        /// When it ends.
        expiry: Utc,
    },
    /// 5403: the B-TID is unknown or has expired.
    Unknown,
    /// 5402: this NAF may not have a key under that name.
    NotAuthorized,
    /// The BSF can't be asked now.
    Unavailable,
    /// The BSF isn't asked for this address for so many seconds.
    TooMany(u32),
}

/// Credentials in order, whose response can't be checked without the key.
#[derive(Debug)]
pub struct Pending {
    btid: Btid,
    naf_id: NafId,
    credentials: Credentials,
    algorithm: Algorithm,
    count: u32,
    nonce: NonceCheck,
}

/// The end of a decision.
pub enum Verdict {
    /// The request comes from who has the key.
    Accept(Box<Accepted>),
    /// Answer with this.
    Refuse(Refusal),
}

/// An authenticated request.
pub struct Accepted {
    btid: Btid,
    naf_id: NafId,
    credentials: Credentials,
    algorithm: Algorithm,
    ha1: Ha1,
    first: bool,
}

/// What decisions need besides the request.
pub struct Context<'a> {
    /// How this NAF authenticates.
    pub config: &'a Config,
    /// The key under its nonces: random, made at start, shared by all who answer for the same names.
    pub secret: &'a Secret<32>,
    /// What time it is.
    pub now: Now,
    /// For nonces.
    pub entropy: &'a mut dyn Entropy,
}

/// Decides on a request before any key is known.
///
/// # Errors
/// [`NoEntropy`] if there is none for a nonce.
pub fn decide(context: &mut Context<'_>, request: &Request<'_>) -> Result<Decision, NoEntropy> {
    let host = match request.host.map(Fqdn::from_host) {
        Some(Ok(host)) => host,
        Some(Err(e)) => return Ok(Decision::Refuse(Refusal::bad_request(&format!("Host: {e}")))),
        None => {
            return Ok(Decision::Refuse(Refusal::bad_request(
                "exactly one Host field is expected",
            )));
        }
    };
    if !context.config.names.contains(&host) {
        return Ok(Decision::Refuse(Refusal::misdirected(&host)));
    }
    let mut gate = Gate {
        context,
        request,
        host: &host,
    };
    let decision = match request.authorization {
        [] => gate.challenge(Reason::NoCredentials),
        [one] if !is_digest(one) => gate.challenge(Reason::NoCredentials),
        [one] => return gate.consider(one),
        _ => Ok(Refusal::bad_request("more than one Authorization field")),
    };
    Ok(Decision::Refuse(decision?))
}

fn is_digest(value: &str) -> bool {
    value
        .trim_start()
        .split([' ', '\t'])
        .next()
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("digest"))
}

/// A request together with what decides on it.
struct Gate<'a, 'c> {
    context: &'a mut Context<'c>,
    request: &'a Request<'a>,
    host: &'a Fqdn,
}

impl Gate<'_, '_> {
    fn challenge(&mut self, reason: Reason) -> Result<Refusal, NoEntropy> {
        let Context {
            config,
            secret,
            now,
            entropy,
        } = &mut *self.context;
        let offered = config.qop.offer(self.request);
        let nonce = nonce::issue(secret, self.host, &offered, now.mono, &mut **entropy)?;
        let challenges = config.algorithms.iter().map(|algorithm| {
            Challenge {
                realm: Realm3gpp::bootstrapping(self.host.clone()).to_string(),
                nonce: nonce.clone(),
                algorithm: *algorithm,
                qop: offered.clone(),
                opaque: None,
                domain: None,
                stale: matches!(reason, Reason::Stale),
            }
            .to_string()
        });
        Ok(Refusal::challenge(reason, challenges))
    }

    fn consider(&mut self, authorization: &str) -> Result<Decision, NoEntropy> {
        let refuse = |text: &str| Ok(Decision::Refuse(Refusal::bad_request(text)));
        let credentials = match Credentials::parse(authorization) {
            Ok(credentials) => credentials,
            Err(e) => return refuse(&format!("Authorization: {e}")),
        };
        if !same_target(self.host, &credentials.uri, self.request.target) {
            return refuse("Authorization: its uri is not the request target");
        }
        // The realm as sent may be our one element or a list that has it (TS 24.109 5.2.4; clients differ).
        let ours = |r: &Realm3gpp| r.kind == RealmKind::Bootstrapping && r.naf == *self.host;
        if !Realm3gpp::parse_list(&credentials.realm).iter().any(ours) {
            return Ok(Decision::Refuse(Refusal::foreign_realm(self.host)));
        }
        let algorithm = credentials.algorithm.unwrap_or(Algorithm::Md5);
        let (Some(qop), Some(count), Some(_)) = (
            credentials.qop,
            credentials.nonce_count(),
            credentials.cnonce.as_ref(),
        ) else {
            return Ok(Decision::Refuse(self.challenge(Reason::NotOffered)?));
        };
        let Context {
            config, secret, now, ..
        } = &*self.context;
        if !config.algorithms.contains(&algorithm) || !config.qop.takes(qop) {
            return Ok(Decision::Refuse(self.challenge(Reason::NotOffered)?));
        }
        let Ok(btid) = credentials.username.parse::<Btid>() else {
            return Ok(Decision::Refuse(self.challenge(Reason::NoBtid)?));
        };
        let lifetime = config.nonce_lifetime;
        let nonce = match nonce::check(secret, self.host, &credentials.nonce, now.mono, lifetime) {
            NonceCheck::Foreign => return Ok(Decision::Refuse(self.challenge(Reason::UnknownNonce)?)),
            NonceCheck::Live(issued) | NonceCheck::Expired(issued) if !issued.offered(qop) => {
                return Ok(Decision::Refuse(self.challenge(Reason::NotOffered)?));
            }
            known => known,
        };
        if count == 0 && !config.lenient_nonce_count {
            return refuse("Authorization: nc begins at 00000001");
        }
        let naf_id = NafId::new(self.host.clone(), self.request.ua);
        Ok(Decision::NeedKey(Box::new(Pending {
            btid,
            naf_id,
            credentials,
            algorithm,
            count,
            nonce,
        })))
    }
}

/// True if a digest-uri names the request target: letter by letter, or as an absolute address of this host.
fn same_target(host: &Fqdn, uri: &str, target: &str) -> bool {
    uri == target
        || uri
            .parse::<super::Url>()
            .is_ok_and(|u| u.host() == host && target.strip_prefix('/').is_some_and(|_| u.target() == target))
}

impl Pending {
    /// The key's name, compared by octets from here to the BSF (ruling 19).
    #[must_use]
    pub const fn btid(&self) -> &Btid {
        &self.btid
    }

    /// Whose key: the host that was asked, and the protocol.
    #[must_use]
    pub const fn naf_id(&self) -> &NafId {
        &self.naf_id
    }

    /// Checks the response with what the BSF said. `request` is the one that was decided on.
    ///
    /// # Errors
    /// [`NoEntropy`] if there is none for a nonce.
    pub fn verify(
        self,
        context: &mut Context<'_>,
        request: &Request<'_>,
        key: &KeyAnswer<'_>,
        replay: &mut ReplayTable,
    ) -> Result<Verdict, NoEntropy> {
        let host = self.naf_id.fqdn().clone();
        let (config, now) = (context.config, context.now);
        let mut gate = Gate {
            context,
            request,
            host: &host,
        };
        let (ks_naf, expiry) = match key {
            KeyAnswer::Key { ks_naf, expiry } => (ks_naf, *expiry),
            KeyAnswer::Unknown => {
                return Ok(Verdict::Refuse(gate.challenge(Reason::BootstrappingRequired)?));
            }
            KeyAnswer::NotAuthorized => return Ok(Verdict::Refuse(Refusal::not_authorized(&host))),
            KeyAnswer::Unavailable => {
                return Ok(Verdict::Refuse(Refusal::later(
                    Reason::BsfUnavailable,
                    config.retry_after,
                )));
            }
            KeyAnswer::TooMany(seconds) => {
                return Ok(Verdict::Refuse(Refusal::later(Reason::TooMany, *seconds)));
            }
        };
        if expiry <= now.utc {
            return Ok(Verdict::Refuse(gate.challenge(Reason::BootstrappingRequired)?));
        }
        // Ruling 17: only the key of this host and this protocol, and never the card's own.
        let password = match ks_naf.password() {
            Ok(password) if ks_naf.naf_id() == &self.naf_id && ks_naf.kind() != KeyKind::Int => password,
            _ => return Ok(Verdict::Refuse(Refusal::wrong_key())),
        };
        let ha1 = self.credentials.ha1(self.algorithm, password.expose());
        if !self
            .credentials
            .verify(&ha1, self.algorithm, request.method, request.body)
        {
            return Ok(Verdict::Refuse(gate.challenge(Reason::WrongResponse)?));
        }
        // Only a right response learns that its nonce was too old, and only it takes a place in the table.
        let first = self.is_first(replay);
        if !self.take_count(config, replay, now.mono) {
            return Ok(Verdict::Refuse(gate.challenge(Reason::Stale)?));
        }
        Ok(Verdict::Accept(Box::new(Accepted {
            btid: self.btid,
            naf_id: self.naf_id,
            credentials: self.credentials,
            algorithm: self.algorithm,
            ha1,
            first,
        })))
    }

    fn is_first(&self, replay: &ReplayTable) -> bool {
        match self.nonce {
            NonceCheck::Live(issued) => !replay.knows(issued, &self.btid),
            NonceCheck::Expired(_) | NonceCheck::Foreign => false,
        }
    }

    fn take_count(&self, config: &Config, replay: &mut ReplayTable, now: Mono) -> bool {
        let issued: Issued = match self.nonce {
            NonceCheck::Live(issued) => issued,
            NonceCheck::Expired(_) | NonceCheck::Foreign => return false,
        };
        let window = config.nonce_count_window.clamp(1, 64);
        replay.accept(now, config.nonce_lifetime, issued, &self.btid, self.count, window)
    }
}

impl Accepted {
    /// Who: the name of the Ks.
    #[must_use]
    pub const fn btid(&self) -> &Btid {
        &self.btid
    }

    /// Under which name and protocol the NAF was asked.
    #[must_use]
    pub const fn naf_id(&self) -> &NafId {
        &self.naf_id
    }

    /// True for the first request of this B-TID with its nonce: the begin of a session.
    #[must_use]
    pub const fn begins_session(&self) -> bool {
        self.first
    }

    /// What the client chose to have protected.
    #[must_use]
    pub fn qop(&self) -> Option<Qop> {
        self.credentials.qop
    }

    /// `Authentication-Info` for the answer with this exact body, also for a refusal of the service itself
    /// (TS 24.109 Annex E.4).
    #[must_use]
    pub fn authentication_info(&self, body: &[u8]) -> String {
        let rspauth = self.credentials.rspauth(&self.ha1, self.algorithm, body);
        AuthenticationInfo::answering(&self.credentials, rspauth).to_string()
    }
}
