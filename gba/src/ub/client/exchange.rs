//! One challenge of a run: reading it, answering it in the three ways there are, and checking the proof.

use aka::{Autn, Auts, Rand};
use base::{Entropy, NoEntropy, Now, Utc, hex, secret::ct_eq};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Config, MAX_LIFETIME, UbError, Unproven, error::UB};
use crate::{
    digest::{Algorithm, AuthenticationInfo, Challenge, Credentials, DigestError, Ha1, Qop, written},
    http::HttpResponse,
    ids::Btid,
    ub::BootstrappingInfo,
};

/// Octets of RAND ‖ AUTN at the beginning of a nonce (RFC 3310 3.2).
const RAND_AUTN: usize = 32;

/// A challenge and what was answered to it.
pub(super) struct Exchange {
    rand: Rand,
    autn: Autn,
    stale: bool,
    /// What every answer to this challenge has.
    template: Credentials,
    /// The answer with a RES: what `rspauth` is checked against.
    answer: Option<(Ha1, Credentials)>,
}

/// `Authorization` of the first request: who we are, nothing else (TS 24.109 Annex A.3).
pub(super) fn first_authorization(config: &Config) -> String {
    written(&Credentials {
        username: config.impi.to_string(),
        realm: config.bsf.to_string(),
        uri: config.target.clone(),
        ..Credentials::default()
    })
}

/// Reads the challenge of a 401: AKAv1-MD5 (ruling 8), auth-int, a nonce of at least RAND ‖ AUTN.
pub(super) fn read_challenge(config: &Config, response: &HttpResponse<'_>) -> Result<Exchange, UbError> {
    let mut offered = Vec::new();
    let mut broken = None;
    let mut found = None;
    for value in response.all("www-authenticate") {
        let all = match Challenge::parse_all(value) {
            Ok(all) => all,
            Err(DigestError::NotDigest) => continue,
            Err(e) => vec![Err(e)],
        };
        for challenge in all {
            match challenge {
                Ok(c) if c.algorithm == Algorithm::AkaV1Md5 => {
                    found.get_or_insert(c);
                }
                Ok(c) => offered.push(c.algorithm.to_string()),
                Err(e @ DigestError::Unsupported { .. }) => offered.push(e.to_string()),
                Err(e) => broken = Some(e),
            }
        }
    }
    let challenge = match (found, broken) {
        (Some(challenge), _) => challenge,
        (None, Some(e)) => return Err(malformed("WWW-Authenticate", &e)),
        (None, None) if offered.is_empty() => {
            return Err(UbError::Algorithm {
                offered: "none".to_owned(),
            });
        }
        (None, None) => {
            return Err(UbError::Algorithm {
                offered: offered.join(", "),
            });
        }
    };
    if !challenge.qop.contains(&Qop::AuthInt) {
        let offered: Vec<&str> = challenge.qop.iter().map(|q| q.as_str()).collect();
        let offered = if offered.is_empty() {
            "none".to_owned()
        } else {
            offered.join(", ")
        };
        return Err(UbError::Qop { offered });
    }
    let (rand, autn) = read_nonce(&challenge.nonce)?;
    Ok(Exchange {
        rand,
        autn,
        stale: challenge.stale,
        template: Credentials {
            username: config.impi.to_string(),
            realm: challenge.realm,
            nonce: challenge.nonce,
            uri: config.target.clone(),
            algorithm: Some(Algorithm::AkaV1Md5),
            opaque: challenge.opaque,
            ..Credentials::default()
        },
        answer: None,
    })
}

/// base64(RAND ‖ AUTN ‖ server data), at least 32 octets (RFC 3310 3.2, TS 24.109 Annex A.3).
fn read_nonce(nonce: &str) -> Result<(Rand, Autn), UbError> {
    let octets = STANDARD
        .decode(nonce)
        .map_err(|_| malformed("nonce", &"base64 of RAND and AUTN expected, but it is no base64"))?;
    let rand = octets.first_chunk::<16>();
    let autn = octets
        .get(16..RAND_AUTN)
        .and_then(|autn| <[u8; 16]>::try_from(autn).ok());
    match (rand, autn) {
        (Some(rand), Some(autn)) => Ok((Rand::from(*rand), Autn::from(autn))),
        _ => Err(malformed(
            "nonce",
            &format_args!(
                "at least {RAND_AUTN} octets (RAND and AUTN) expected, got {}",
                octets.len()
            ),
        )),
    }
}

fn malformed(what: &'static str, reason: &dyn core::fmt::Display) -> UbError {
    UbError::Malformed {
        what,
        reason: reason.to_string(),
    }
}

impl Exchange {
    /// True if the BSF says that it didn't look at the response before, as its challenge was no longer open.
    pub(super) const fn follows_stale(&self) -> bool {
        self.stale
    }

    pub(super) const fn rand(&self) -> &Rand {
        &self.rand
    }

    pub(super) const fn autn(&self) -> &Autn {
        &self.autn
    }

    /// The answer of a card that trusts the network: the password is RES as raw octets (RFC 3310 3.3).
    pub(super) fn respond(&mut self, res: &[u8], entropy: &mut dyn Entropy) -> Result<String, NoEntropy> {
        let (ha1, credentials) = self.sign(res, None, entropy)?;
        let text = written(&credentials);
        self.answer = Some((ha1, credentials));
        Ok(text)
    }

    /// The answer of a card whose SQN is ahead: AUTS, and an empty password (RFC 3310 3.4).
    pub(super) fn resynchronise(&self, auts: &Auts, entropy: &mut dyn Entropy) -> Result<String, NoEntropy> {
        let auts = STANDARD.encode(auts.octets());
        Ok(written(&self.sign(b"", Some(auts), entropy)?.1))
    }

    /// The report of a wrong MAC: this nonce, an empty response and no AUTS (ruling 7).
    pub(super) fn report_wrong_mac(&self) -> String {
        written(&self.template)
    }

    fn sign(
        &self,
        password: &[u8],
        auts: Option<String>,
        entropy: &mut dyn Entropy,
    ) -> Result<(Ha1, Credentials), NoEntropy> {
        let mut cnonce = [0; 16];
        entropy.fill(&mut cnonce)?;
        let mut credentials = self.template.clone();
        credentials.qop = Some(Qop::AuthInt);
        credentials.nc = Some("00000001".to_owned());
        credentials.cnonce = Some(hex::encode(cnonce));
        credentials.auts = auts;
        let ha1 = credentials.ha1(Algorithm::AkaV1Md5, password);
        credentials.response =
            crate::digest::response(&ha1, &credentials.fields(Algorithm::AkaV1Md5), "GET", b"");
        Ok((ha1, credentials))
    }

    /// Checks that a 200 comes from who knows RES, and that its body is what was sent (ruling 8); then reads it.
    pub(super) fn prove(&self, now: Now, response: &HttpResponse<'_>) -> Result<(Btid, Utc, Now), UbError> {
        let Some((ha1, sent)) = &self.answer else {
            return Err(UbError::PeerBroke {
                clause: UB,
                rule: "200 came before any RES",
            });
        };
        let info = response
            .header("authentication-info")
            .ok_or(UbError::NotProven(Unproven::NoRspauth))?;
        let info = match AuthenticationInfo::parse(info) {
            Err(DigestError::Unsupported { what: "qop" }) => return Err(UbError::NotProven(Unproven::Qop)),
            other => other.map_err(|e| malformed("Authentication-Info", &e))?,
        };
        if info.qop != Some(Qop::AuthInt) {
            return Err(UbError::NotProven(Unproven::Qop));
        }
        let ours = |theirs: &Option<String>, ours: &Option<String>| theirs.is_none() || theirs == ours;
        if !ours(&info.cnonce, &sent.cnonce) || !ours(&info.nc, &sent.nc) {
            return Err(UbError::NotProven(Unproven::NotOurRequest));
        }
        let rspauth = info.rspauth.ok_or(UbError::NotProven(Unproven::NoRspauth))?;
        let want = sent.rspauth(ha1, Algorithm::AkaV1Md5, response.body);
        if !ct_eq(want.as_bytes(), rspauth.as_bytes()) {
            return Err(UbError::NotProven(Unproven::Rspauth));
        }
        let info = BootstrappingInfo::parse(response.body).map_err(|e| malformed("BootstrappingInfo", &e))?;
        let expires = expiry(now, &info)?;
        Ok((info.btid, info.lifetime, expires))
    }
}

/// When Ks ends on our clocks: the BSF's `currenttime` says how far away `lifetime` is, else our own UTC does.
fn expiry(now: Now, info: &BootstrappingInfo) -> Result<Now, UbError> {
    let their_now = info.current_time.unwrap_or(now.utc);
    match u64::try_from(info.lifetime.0.saturating_sub(their_now.0)) {
        Ok(secs) if secs > 0 => Ok(now + core::time::Duration::from_secs(secs.min(MAX_LIFETIME.as_secs()))),
        _ => Err(UbError::Expired {
            lifetime: info.lifetime,
            now: their_now,
        }),
    }
}
