//! WWW-Authenticate.

use core::{
    fmt::{self, Write},
    str::FromStr,
};

use super::{
    Algorithm, DigestError, Qop,
    header::{Header, Params, Writer, digests},
};

/// One `Digest` challenge (RFC 7616 3.3).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Challenge {
    /// The realm, unescaped.
    pub realm: String,
    /// The nonce: on Ub base64(RAND ‖ AUTN ‖ server data).
    pub nonce: String,
    /// The algorithm; MD5 if none was named.
    pub algorithm: Algorithm,
    /// What the server offers; empty: the form of RFC 2069.
    pub qop: Vec<Qop>,
    /// To be sent back unchanged.
    pub opaque: Option<String>,
    /// The URIs that share this realm.
    pub domain: Option<String>,
    /// True: the last response was right but its nonce too old.
    pub stale: bool,
}

impl Challenge {
    /// Reads a header value and takes its first `Digest` challenge that is supported.
    ///
    /// # Errors
    /// [`DigestError`]; [`DigestError::NotDigest`] if there is none.
    pub fn parse(value: &str) -> Result<Self, DigestError> {
        let mut first = Err(DigestError::NotDigest);
        for params in digests(value)? {
            match Self::from_params(params) {
                Err(e) if first == Err(DigestError::NotDigest) => first = Err(e),
                Err(_) => {}
                ok => return ok,
            }
        }
        first
    }

    /// Reads a header value and gives all its `Digest` challenges, in their order; an unsupported or broken one is
    /// an error in its place.
    ///
    /// # Errors
    /// [`DigestError`] if the header as a whole can't be read.
    pub fn parse_all(value: &str) -> Result<Vec<Result<Self, DigestError>>, DigestError> {
        Ok(digests(value)?.map(Self::from_params).collect())
    }

    fn from_params(mut p: Params<'_>) -> Result<Self, DigestError> {
        let qop = match p.take("qop")? {
            None => Vec::new(),
            Some(list) => {
                let known: Vec<Qop> = list.split(',').filter_map(|q| q.trim().parse().ok()).collect();
                if known.is_empty() {
                    return Err(DigestError::Unsupported { what: "qop" });
                }
                known
            }
        };
        Ok(Self {
            realm: p.need("realm")?,
            nonce: p
                .take_dense("nonce")?
                .ok_or(DigestError::Missing { name: "nonce" })?,
            algorithm: p.take_as("algorithm")?.unwrap_or(Algorithm::Md5),
            qop,
            opaque: p.take("opaque")?,
            domain: p.take("domain")?,
            stale: p.take("stale")?.is_some_and(|s| s.eq_ignore_ascii_case("true")),
        })
    }
}

impl FromStr for Challenge {
    type Err = DigestError;

    fn from_str(value: &str) -> Result<Self, DigestError> {
        Self::parse(value)
    }
}

impl Header for Challenge {
    /// One line, the qop quoted: a widely used UE splits at every comma, so one qop is best.
    fn write_to<W: Write>(&self, out: &mut W) -> fmt::Result {
        out.write_str("Digest ")?;
        let mut w = Writer::new(out);
        w.quoted("realm", &self.realm)?;
        w.quoted("nonce", &self.nonce)?;
        w.token("algorithm", self.algorithm.as_str())?;
        if !self.qop.is_empty() {
            let list: Vec<&str> = self.qop.iter().map(|q| q.as_str()).collect();
            w.quoted("qop", &list.join(","))?;
        }
        w.quoted_if("opaque", self.opaque.as_ref())?;
        w.quoted_if("domain", self.domain.as_ref())?;
        w.token_if("stale", self.stale.then_some("TRUE"))
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_to(f)
    }
}
