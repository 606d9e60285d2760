//! Authorization.

use core::{
    fmt::{self, Write},
    str::FromStr,
};

use aka::Auts;
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Algorithm, DigestError, Fields, Ha1, Qop, ha1,
    header::{Header, Params, Writer, digests},
    keyed, rspauth,
};

/// `Digest` credentials (RFC 7616 3.4, RFC 3310 3.4).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Credentials {
    /// On Ub the IMPI or TMPI, on Ua the B-TID.
    pub username: String,
    /// The realm; empty if it wasn't sent.
    pub realm: String,
    /// The nonce without white space; empty in a first Ub request.
    pub nonce: String,
    /// digest-uri; empty if it wasn't sent.
    pub uri: String,
    /// The response in lower-case hex; empty in a first Ub request.
    pub response: String,
    /// The algorithm, if it was named.
    pub algorithm: Option<Algorithm>,
    /// The qop, if there is one.
    pub qop: Option<Qop>,
    /// Nonce count as sent.
    pub nc: Option<String>,
    /// The client's nonce.
    pub cnonce: Option<String>,
    /// The server's opaque value.
    pub opaque: Option<String>,
    /// base64 of the 14 octets of AUTS, without white space.
    pub auts: Option<String>,
}

impl Credentials {
    /// Reads a header value.
    ///
    /// # Errors
    /// [`DigestError`] for another scheme, a broken grammar, no username, an unknown algorithm or qop.
    pub fn parse(value: &str) -> Result<Self, DigestError> {
        let mut all = digests(value)?;
        let credentials = Self::from_params(all.next().ok_or(DigestError::NotDigest)?)?;
        match all.next() {
            None => Ok(credentials),
            Some(_) => Err(DigestError::Duplicate),
        }
    }

    fn from_params(mut p: Params<'_>) -> Result<Self, DigestError> {
        let mut response = p.take_dense("response")?.unwrap_or_default();
        response.make_ascii_lowercase();
        Ok(Self {
            username: p.need("username")?,
            realm: p.take("realm")?.unwrap_or_default(),
            nonce: p.take_dense("nonce")?.unwrap_or_default(),
            uri: p.take("uri")?.unwrap_or_default(),
            response,
            algorithm: p.take_as("algorithm")?,
            qop: p.take_as("qop")?,
            nc: p.take_nonce_count()?,
            cnonce: p.take("cnonce")?,
            opaque: p.take("opaque")?,
            auts: p.take_dense("auts")?,
        })
    }

    /// What is hashed beside H(A1). `algorithm` is the one that the challenge named.
    #[must_use]
    pub fn fields(&self, algorithm: Algorithm) -> Fields<'_> {
        Fields {
            algorithm,
            nonce: &self.nonce,
            qop: self.qop,
            nc: self.nc.as_deref().unwrap_or_default(),
            cnonce: self.cnonce.as_deref().unwrap_or_default(),
            uri: &self.uri,
        }
    }

    /// H(A1) for these credentials' user name, realm and nonces.
    #[must_use]
    pub fn ha1(&self, algorithm: Algorithm, password: &[u8]) -> Ha1 {
        let cnonce = self.cnonce.as_deref().unwrap_or_default();
        ha1(
            algorithm,
            &self.username,
            &self.realm,
            password,
            &self.nonce,
            cnonce,
        )
    }

    /// True if the response is right for that request; compared in constant time.
    #[must_use]
    pub fn verify(&self, ha1: &Ha1, algorithm: Algorithm, method: &str, body: &[u8]) -> bool {
        let want = keyed(ha1, &self.fields(algorithm), method.as_bytes(), body);
        base::secret::ct_eq(want.octets(), self.response.as_bytes())
    }

    /// The rspauth that belongs to these credentials.
    #[must_use]
    pub fn rspauth(&self, ha1: &Ha1, algorithm: Algorithm, body: &[u8]) -> String {
        rspauth(ha1, &self.fields(algorithm), body)
    }

    /// The nonce count as a number.
    #[must_use]
    pub fn nonce_count(&self) -> Option<u32> {
        u32::from_str_radix(self.nc.as_deref()?, 16).ok()
    }

    /// AUTS (RFC 3310 3.4), if there is one.
    ///
    /// # Errors
    /// [`DigestError::Value`] unless it is base64 of 14 octets.
    pub fn auts(&self) -> Result<Option<Auts>, DigestError> {
        const BAD: DigestError = DigestError::Value {
            name: "auts",
            rule: "base64 of 14 octets",
        };
        self.auts
            .as_ref()
            .map(|text| {
                let octets = STANDARD.decode(text).map_err(|_| BAD)?;
                Auts::try_from(&octets[..]).map_err(|_| BAD)
            })
            .transpose()
    }
}

impl FromStr for Credentials {
    type Err = DigestError;

    fn from_str(value: &str) -> Result<Self, DigestError> {
        Self::parse(value)
    }
}

impl Header for Credentials {
    fn write_to<W: Write>(&self, out: &mut W) -> fmt::Result {
        out.write_str("Digest ")?;
        let mut w = Writer::new(out);
        w.quoted("username", &self.username)?;
        w.quoted("realm", &self.realm)?;
        w.quoted("nonce", &self.nonce)?;
        w.quoted("uri", &self.uri)?;
        w.quoted("response", &self.response)?;
        w.token_if("algorithm", self.algorithm.map(Algorithm::as_str))?;
        w.token_if("qop", self.qop.map(Qop::as_str))?;
        w.token_if("nc", self.nc.as_deref())?;
        w.quoted_if("cnonce", self.cnonce.as_ref())?;
        w.quoted_if("opaque", self.opaque.as_ref())?;
        w.quoted_if("auts", self.auts.as_ref())
    }
}

impl fmt::Display for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_to(f)
    }
}
