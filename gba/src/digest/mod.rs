//! HTTP digest (RFC 7616, RFC 2617) with AKA (RFC 3310, RFC 4169): headers and arithmetic.
//!
//! * [`Challenge`], [`Credentials`], [`AuthenticationInfo`]: the three headers, parsed within 8 KiB and written;
//! * [`Algorithm`], [`Qop`]; [`ha1`], [`response`], [`rspauth`]: the arithmetic over [`Fields`].
//!
//! The password is octets: RES in AKAv1 is binary and goes in as it is (RFC 3310 3.3).

mod challenge;
mod credentials;
mod header;
mod info;

pub use challenge::Challenge;
pub use credentials::Credentials;
pub(crate) use header::written;
pub use header::{DigestError, MAX_HEADER};
pub use info::AuthenticationInfo;

use core::{fmt, str::FromStr};

use aka::Res;
use base::{Secret, SecretBytes};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha2::{Sha256, Sha512_256};

/// A digest algorithm.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Algorithm {
    /// `MD5`, also where no algorithm is named (RFC 7616 3.3).
    Md5,
    /// `MD5-sess`.
    Md5Sess,
    /// `SHA-256`.
    Sha256,
    /// `SHA-256-sess`.
    Sha256Sess,
    /// `SHA-512-256` (SHA-512/256, as erratum 4897 to RFC 7616 says).
    Sha512_256,
    /// `SHA-512-256-sess`.
    Sha512_256Sess,
    /// `AKAv1-MD5` (RFC 3310): the password is RES.
    AkaV1Md5,
    /// `AKAv2-MD5` (RFC 4169): the password is [`akav2_password`].
    AkaV2Md5,
}

impl Algorithm {
    const ALL: [Self; 8] = [
        Self::Md5,
        Self::Md5Sess,
        Self::Sha256,
        Self::Sha256Sess,
        Self::Sha512_256,
        Self::Sha512_256Sess,
        Self::AkaV1Md5,
        Self::AkaV2Md5,
    ];

    /// The token in headers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Md5Sess => "MD5-sess",
            Self::Sha256 => "SHA-256",
            Self::Sha256Sess => "SHA-256-sess",
            Self::Sha512_256 => "SHA-512-256",
            Self::Sha512_256Sess => "SHA-512-256-sess",
            Self::AkaV1Md5 => "AKAv1-MD5",
            Self::AkaV2Md5 => "AKAv2-MD5",
        }
    }

    /// True where H(A1) also covers nonce and cnonce (RFC 7616 3.4.2).
    #[must_use]
    pub const fn is_session(self) -> bool {
        matches!(self, Self::Md5Sess | Self::Sha256Sess | Self::Sha512_256Sess)
    }

    /// H of the joined parts, in lower-case hex.
    #[must_use]
    pub fn hash(self, parts: &[&[u8]]) -> String {
        self.hash_hex(parts).as_str().to_owned()
    }

    fn hash_hex(self, parts: &[&[u8]]) -> HexHash {
        fn run<D: Digest>(parts: &[&[u8]]) -> HexHash {
            let mut d = D::new();
            parts.iter().for_each(|p| d.update(p));
            HexHash::of(&d.finalize())
        }
        match self {
            Self::Md5 | Self::Md5Sess | Self::AkaV1Md5 | Self::AkaV2Md5 => run::<Md5>(parts),
            Self::Sha256 | Self::Sha256Sess => run::<Sha256>(parts),
            Self::Sha512_256 | Self::Sha512_256Sess => run::<Sha512_256>(parts),
        }
    }
}

/// A hash in hex on the stack: a digest needs four to seven of them.
struct HexHash {
    text: [u8; 64],
    len: usize,
}

impl HexHash {
    fn of(hash: &[u8]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |n: u8| DIGITS.get(usize::from(n)).copied().unwrap_or_default();
        let mut text = [0; 64];
        for (pair, octet) in text.as_chunks_mut::<2>().0.iter_mut().zip(hash) {
            *pair = [digit(octet >> 4), digit(octet & 15)];
        }
        Self {
            text,
            len: 2 * hash.len().min(32),
        }
    }

    fn octets(&self) -> &[u8] {
        self.text.get(..self.len).unwrap_or_default()
    }

    fn as_str(&self) -> &str {
        core::str::from_utf8(self.octets()).unwrap_or_default()
    }
}

impl Drop for HexHash {
    fn drop(&mut self) {
        // It may be H(A1).
        zeroize::Zeroize::zeroize(&mut self.text);
    }
}

impl FromStr for Algorithm {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        Self::ALL
            .into_iter()
            .find(|a| a.as_str().eq_ignore_ascii_case(text))
            .ok_or(DigestError::Unsupported { what: "algorithm" })
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Quality of protection.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Qop {
    /// `auth`: method and URI are protected.
    Auth,
    /// `auth-int`: the body too.
    AuthInt,
}

impl Qop {
    /// The token in headers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }
}

impl FromStr for Qop {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        [Self::Auth, Self::AuthInt]
            .into_iter()
            .find(|q| q.as_str().eq_ignore_ascii_case(text))
            .ok_or(DigestError::Unsupported { what: "qop" })
    }
}

impl fmt::Display for Qop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What both ends hash beside H(A1) and the message.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The nonce's text.
    pub nonce: &'a str,
    /// `None`: the form of RFC 2069, in which `nc` and `cnonce` don't count.
    pub qop: Option<Qop>,
    /// Nonce count as sent: eight hex digits.
    pub nc: &'a str,
    /// The client's nonce.
    pub cnonce: &'a str,
    /// digest-uri as sent.
    pub uri: &'a str,
}

/// H(A1) in hex: as good as the password for this realm, so a secret.
pub struct Ha1(SecretBytes);

impl Ha1 {
    /// Takes a stored H(A1) in: lower-case hex text.
    #[must_use]
    pub fn from_hex_text(text: &[u8]) -> Self {
        Self(text.into())
    }

    /// The hex text.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }
}

/// H(A1) = H(username ":" realm ":" password), or for `-sess` H of that with nonce and cnonce (RFC 7616 3.4.2).
#[must_use]
pub fn ha1(
    algorithm: Algorithm,
    username: &str,
    realm: &str,
    password: &[u8],
    nonce: &str,
    cnonce: &str,
) -> Ha1 {
    let plain = algorithm.hash_hex(&[username.as_bytes(), b":", realm.as_bytes(), b":", password]);
    if !algorithm.is_session() {
        return Ha1(plain.octets().into());
    }
    let session = [plain.octets(), b":", nonce.as_bytes(), b":", cnonce.as_bytes()];
    Ha1(algorithm.hash_hex(&session).octets().into())
}

/// The request's `response` (RFC 7616 3.4.1), lower-case hex. `body` is the exact entity, after transfer decoding.
#[must_use]
pub fn response(ha1: &Ha1, fields: &Fields<'_>, method: &str, body: &[u8]) -> String {
    keyed(ha1, fields, method.as_bytes(), body).as_str().to_owned()
}

/// The answer's `rspauth` (RFC 7616 3.5): as [`response`] with an empty method and the answer's body.
#[must_use]
pub fn rspauth(ha1: &Ha1, fields: &Fields<'_>, body: &[u8]) -> String {
    keyed(ha1, fields, b"", body).as_str().to_owned()
}

fn keyed(ha1: &Ha1, f: &Fields<'_>, method: &[u8], body: &[u8]) -> HexHash {
    let (h, uri) = (f.algorithm, f.uri.as_bytes());
    let ha2 = if f.qop == Some(Qop::AuthInt) {
        h.hash_hex(&[method, b":", uri, b":", h.hash_hex(&[body]).octets()])
    } else {
        h.hash_hex(&[method, b":", uri])
    };
    let (a1, nonce, a2) = (ha1.expose(), f.nonce.as_bytes(), ha2.octets());
    let (nc, cnonce) = (f.nc.as_bytes(), f.cnonce.as_bytes());
    match f.qop.map(|q| q.as_str().as_bytes()) {
        None => h.hash_hex(&[a1, b":", nonce, b":", a2]),
        Some(qop) => h.hash_hex(&[a1, b":", nonce, b":", nc, b":", cnonce, b":", qop, b":", a2]),
    }
}

/// The password of AKAv2-MD5: base64(HMAC-MD5(RES ‖ IK ‖ CK, "http-digest-akav2-password")) (RFC 4169 3).
#[must_use]
pub fn akav2_password(res: &Res, ik: &Secret<16>, ck: &Secret<16>) -> SecretBytes {
    let key = SecretBytes::new([res.expose(), ik.expose(), ck.expose()].concat());
    let prf = hmac_md5(key.expose(), b"http-digest-akav2-password");
    SecretBytes::new(STANDARD.encode(prf).into_bytes())
}

fn hmac_md5(key: &[u8], text: &[u8]) -> [u8; 16] {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104 2)")]
    let mut mac = Hmac::<Md5>::new_from_slice(key).expect("any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests;
