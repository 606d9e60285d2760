//! A nonce of a NAF in use: answers to it, the nonce count, and the NAF's proof.

use base::{Entropy, hex, secret::ct_eq};

use super::{Chosen, UaError};
use crate::{
    digest::{Algorithm, AuthenticationInfo, Credentials, DigestError, Ha1, Qop, response, written},
    ids::Btid,
    keys::{KeyKind, KsNaf},
    ua::Url,
};

/// Digest with one NAF at one origin under one B-TID: it holds the key, so it prints nothing.
///
/// Kept between requests, it saves the 401 of the next one; the nonce count goes on.
pub struct Session {
    origin: Url,
    btid: Btid,
    ks_naf: KsNaf,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    qop: Qop,
    /// The last nonce count used.
    count: u32,
    /// The cnonce, which must stay the same with `-sess` (RFC 7616 3.4.2): H(A1) is made once.
    cnonce: Option<String>,
}

/// What the NAF's proof will be checked against.
pub struct Expected {
    ha1: Ha1,
    sent: Credentials,
}

impl Session {
    /// Begins at a challenge with a key made for exactly this NAF and this protocol (ruling 17).
    ///
    /// # Errors
    /// [`UaError::WrongKey`] for any other key, and for Ks_int_NAF.
    pub fn new(origin: Url, chosen: Chosen, btid: &Btid, ks_naf: &KsNaf) -> Result<Self, UaError> {
        if ks_naf.naf_id() != &chosen.naf_id || ks_naf.kind() == KeyKind::Int {
            return Err(UaError::WrongKey);
        }
        ks_naf.password().map_err(|_| UaError::WrongKey)?;
        Ok(Self {
            origin,
            btid: btid.clone(),
            ks_naf: ks_naf.duplicate(),
            realm: chosen.realm,
            nonce: chosen.nonce,
            opaque: chosen.opaque,
            algorithm: chosen.algorithm,
            qop: chosen.qop,
            count: 0,
            cnonce: None,
        })
    }

    /// The name of the key in use.
    #[must_use]
    pub const fn btid(&self) -> &Btid {
        &self.btid
    }

    /// The key in use.
    #[must_use]
    pub const fn key(&self) -> &KsNaf {
        &self.ks_naf
    }

    /// What the answers protect.
    #[must_use]
    pub const fn qop(&self) -> Qop {
        self.qop
    }

    /// True for the host and port this session was begun with.
    #[must_use]
    pub fn fits(&self, url: &Url) -> bool {
        self.origin.same_origin(url)
    }

    /// Goes on with the same key at a new nonce.
    pub(super) fn renew(&mut self, chosen: Chosen) -> Result<(), UaError> {
        if *self.ks_naf.naf_id() != chosen.naf_id {
            return Err(UaError::WrongKey);
        }
        self.realm = chosen.realm;
        self.nonce = chosen.nonce;
        self.opaque = chosen.opaque;
        self.algorithm = chosen.algorithm;
        self.qop = chosen.qop;
        self.count = 0;
        self.cnonce = None;
        Ok(())
    }

    /// The value of `Authorization` for the next request; counts begin at 00000001.
    ///
    /// # Errors
    /// [`UaError::NonceExhausted`], [`UaError::NoEntropy`], [`UaError::WrongKey`].
    pub fn authorize(
        &mut self,
        method: &str,
        target: &str,
        body: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<(String, Expected), UaError> {
        self.count = self.count.checked_add(1).ok_or(UaError::NonceExhausted)?;
        let cnonce = match &self.cnonce {
            Some(cnonce) if self.algorithm.is_session() => cnonce.clone(),
            _ => {
                let mut cnonce = [0; 16];
                entropy.fill(&mut cnonce)?;
                hex::encode(cnonce)
            }
        };
        self.cnonce = Some(cnonce.clone());
        let mut sent = Credentials {
            username: self.btid.to_string(),
            realm: self.realm.clone(),
            nonce: self.nonce.clone(),
            uri: target.to_owned(),
            algorithm: Some(self.algorithm),
            qop: Some(self.qop),
            nc: Some(format!("{:08x}", self.count)),
            cnonce: Some(cnonce),
            opaque: self.opaque.clone(),
            ..Credentials::default()
        };
        let password = self.ks_naf.password().map_err(|_| UaError::WrongKey)?;
        let ha1 = sent.ha1(self.algorithm, password.expose());
        sent.response = response(&ha1, &sent.fields(self.algorithm), method, body);
        Ok((written(&sent), Expected { ha1, sent }))
    }

    /// Checks the NAF's `Authentication-Info` over the exact body, and takes up its `nextnonce`.
    ///
    /// # Errors
    /// [`UaError::NotProven`]; [`UaError::Malformed`] if the header can't be read.
    pub fn prove(&mut self, expected: &Expected, info: &str, body: &[u8]) -> Result<(), UaError> {
        let sent = &expected.sent;
        let info = AuthenticationInfo::parse(info).map_err(|e| match e {
            DigestError::Unsupported { .. } => UaError::NotProven("its qop is not the one we used"),
            e => UaError::Malformed {
                what: "Authentication-Info",
                reason: e.to_string(),
            },
        })?;
        let rspauth = info.rspauth.ok_or(UaError::NotProven("no rspauth"))?;
        // The qop of the proof is part of it: a NAF can't prove less than was asked for.
        if info.qop.is_some() && info.qop != sent.qop {
            return Err(UaError::NotProven("its qop is not the one we used"));
        }
        let differs = |theirs: &Option<String>, ours: &Option<String>| theirs.is_some() && theirs != ours;
        if differs(&info.cnonce, &sent.cnonce) || differs(&info.nc, &sent.nc) {
            return Err(UaError::NotProven("cnonce or nc is not the one we sent"));
        }
        let want = sent.rspauth(&expected.ha1, self.algorithm, body);
        if !ct_eq(want.as_bytes(), rspauth.as_bytes()) {
            return Err(UaError::NotProven("rspauth is wrong, or the body was changed"));
        }
        if let Some(next) = info.nextnonce {
            self.nonce = next;
            self.count = 0;
            self.cnonce = None;
        }
        Ok(())
    }
}
