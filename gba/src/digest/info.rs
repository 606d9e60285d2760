//! Authentication-Info.

use core::{
    fmt::{self, Write},
    str::FromStr,
};

use super::{
    Credentials, DigestError, Qop,
    header::{Header, Writer, bare},
};

/// What the server proves in its answer (RFC 7616 3.5).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AuthenticationInfo {
    /// The nonce to use next.
    pub nextnonce: Option<String>,
    /// The qop of the proof.
    pub qop: Option<Qop>,
    /// The proof: lower-case hex.
    pub rspauth: Option<String>,
    /// The client's nonce, repeated.
    pub cnonce: Option<String>,
    /// Nonce count, repeated.
    pub nc: Option<String>,
}

impl AuthenticationInfo {
    /// The proof that answers those credentials.
    #[must_use]
    pub fn answering(credentials: &Credentials, rspauth: String) -> Self {
        Self {
            nextnonce: None,
            qop: credentials.qop,
            rspauth: Some(rspauth),
            cnonce: credentials.cnonce.clone(),
            nc: credentials.nc.clone(),
        }
    }

    /// Reads a header value; unknown parameters are ignored (live networks add `nonce` and `opaque`).
    ///
    /// # Errors
    /// [`DigestError`] for a broken grammar or an unknown qop.
    pub fn parse(value: &str) -> Result<Self, DigestError> {
        let mut p = bare(value)?;
        let mut rspauth = p.take_dense("rspauth")?;
        if let Some(text) = rspauth.as_mut() {
            text.make_ascii_lowercase();
        }
        Ok(Self {
            nextnonce: p.take_dense("nextnonce")?,
            qop: p.take_as("qop")?,
            rspauth,
            cnonce: p.take("cnonce")?,
            nc: p.take_nonce_count()?,
        })
    }
}

impl FromStr for AuthenticationInfo {
    type Err = DigestError;

    fn from_str(value: &str) -> Result<Self, DigestError> {
        Self::parse(value)
    }
}

impl Header for AuthenticationInfo {
    fn write_to<W: Write>(&self, out: &mut W) -> fmt::Result {
        let mut w = Writer::new(out);
        w.quoted_if("nextnonce", self.nextnonce.as_ref())?;
        w.token_if("qop", self.qop.map(Qop::as_str))?;
        w.quoted_if("rspauth", self.rspauth.as_ref())?;
        w.quoted_if("cnonce", self.cnonce.as_ref())?;
        w.token_if("nc", self.nc.as_deref())
    }
}

impl fmt::Display for AuthenticationInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_to(f)
    }
}
