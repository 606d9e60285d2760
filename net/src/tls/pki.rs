//! Certificates for a laboratory or a small network: a CA, and one certificate for each Origin-Host.
//!
//! ECDSA on P-256 with SHA-256. A certificate names its host as dNSName and, for nodes that look there, as common
//! name; it serves for both ends of TLS. Serial numbers are random.

use ::diameter::Identity;
use openssl::{
    asn1::Asn1Time,
    bn::{BigNum, MsbOption},
    ec::{Asn1Flag, EcGroup, EcKey},
    error::ErrorStack,
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    x509::{
        X509, X509Builder, X509Name, X509NameRef,
        extension::{
            AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
            SubjectKeyIdentifier,
        },
    },
};
use thiserror::Error;

/// The longest common name (X.520 upper bound).
const MAX_COMMON_NAME: usize = 64;

/// Seconds; a clock that is behind ours takes our certificates all the same.
const BACKDATED: i64 = 3600;

/// Why a certificate couldn't be made.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum PkiError {
    /// OpenSSL failed.
    #[error("OpenSSL couldn't make it: {0}")]
    OpenSsl(String),
    /// The texts are no CA.
    #[error("not a CA's certificate with its key, both in PEM form")]
    NotAnAuthority,
}

impl From<ErrorStack> for PkiError {
    fn from(stack: ErrorStack) -> Self {
        Self::OpenSsl(stack.to_string())
    }
}

/// From when until when, in seconds since 1970.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Validity {
    /// notBefore.
    pub from: i64,
    /// notAfter.
    pub until: i64,
}

impl Validity {
    /// From now (an hour ago, as clocks differ) for so many days.
    #[must_use]
    pub fn days(days: u32) -> Self {
        let now = crate::clock::now().utc.0;
        Self {
            from: now - BACKDATED,
            until: now.saturating_add(i64::from(days) * 86_400),
        }
    }
}

/// A certificate and its private key.
pub struct Issued {
    cert: X509,
    key: PKey<Private>,
}

impl Issued {
    /// The certificate.
    ///
    /// # Errors
    /// [`PkiError::OpenSsl`].
    pub fn cert_pem(&self) -> Result<Vec<u8>, PkiError> {
        Ok(self.cert.to_pem()?)
    }

    /// The private key (PKCS #8, not enciphered).
    ///
    /// # Errors
    /// [`PkiError::OpenSsl`].
    pub fn key_pem(&self) -> Result<base::SecretBytes, PkiError> {
        Ok(base::SecretBytes::new(self.key.private_key_to_pem_pkcs8()?))
    }

    /// SHA-256 over the certificate, in hexadecimal.
    ///
    /// # Errors
    /// [`PkiError::OpenSsl`].
    pub fn fingerprint(&self) -> Result<String, PkiError> {
        Ok(base::hex::encode(self.cert.digest(MessageDigest::sha256())?))
    }
}

/// A CA.
pub struct Authority(Issued);

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// [`PkiError::OpenSsl`].
    pub fn new(name: &str, validity: Validity) -> Result<Self, PkiError> {
        let key = new_key()?;
        let subject = common_name(name)?;
        let mut cert = begin(&subject, &subject, &key, validity)?;
        cert.append_extension(BasicConstraints::new().critical().ca().pathlen(0).build()?)?;
        cert.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
        let subject_key = SubjectKeyIdentifier::new().build(&cert.x509v3_context(None, None))?;
        cert.append_extension(subject_key)?;
        cert.sign(&key, MessageDigest::sha256())?;
        let cert = cert.build();
        Ok(Self(Issued { cert, key }))
    }

    /// One that was made before.
    ///
    /// # Errors
    /// [`PkiError::NotAnAuthority`].
    pub fn from_pem(cert: &[u8], key: &[u8]) -> Result<Self, PkiError> {
        let cert = X509::from_pem(cert).map_err(|_| PkiError::NotAnAuthority)?;
        let key =
            PKey::private_key_from_pem_callback(key, |_| Ok(0)).map_err(|_| PkiError::NotAnAuthority)?;
        if !cert.public_key()?.public_eq(&key) {
            return Err(PkiError::NotAnAuthority);
        }
        Ok(Self(Issued { cert, key }))
    }

    /// The CA's own certificate, which peers trust, and its key, which nobody else may have.
    #[must_use]
    pub const fn issued(&self) -> &Issued {
        &self.0
    }

    /// A certificate for a node, with a new key.
    ///
    /// # Errors
    /// [`PkiError::OpenSsl`].
    pub fn issue(&self, host: &Identity, validity: Validity) -> Result<Issued, PkiError> {
        let key = new_key()?;
        let subject = common_name(
            Some(host.as_str())
                .filter(|h| h.len() <= MAX_COMMON_NAME)
                .unwrap_or("node"),
        )?;
        let mut cert = begin(&subject, self.0.cert.subject_name(), &key, validity)?;
        cert.append_extension(BasicConstraints::new().critical().build()?)?;
        cert.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
        cert.append_extension(ExtendedKeyUsage::new().server_auth().client_auth().build()?)?;
        let extensions = {
            let context = cert.x509v3_context(Some(&self.0.cert), None);
            [
                SubjectAlternativeName::new().dns(host.as_str()).build(&context)?,
                SubjectKeyIdentifier::new().build(&context)?,
                AuthorityKeyIdentifier::new().keyid(true).build(&context)?,
            ]
        };
        for extension in extensions {
            cert.append_extension(extension)?;
        }
        cert.sign(&self.0.key, MessageDigest::sha256())?;
        let cert = cert.build();
        Ok(Issued { cert, key })
    }
}

fn new_key() -> Result<PKey<Private>, ErrorStack> {
    let mut group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    group.set_asn1_flag(Asn1Flag::NAMED_CURVE);
    PKey::from_ec_key(EcKey::generate(&group)?)
}

fn common_name(name: &str) -> Result<X509Name, ErrorStack> {
    let mut subject = X509Name::builder()?;
    subject.append_entry_by_nid(Nid::COMMONNAME, name)?;
    Ok(subject.build())
}

fn begin(
    subject: &X509NameRef,
    issuer: &X509NameRef,
    key: &PKey<Private>,
    validity: Validity,
) -> Result<X509Builder, ErrorStack> {
    let mut cert = X509::builder()?;
    cert.set_version(2)?;
    let mut serial = BigNum::new()?;
    // 127 bits: positive, and unlike any other (RFC 5280 4.1.2.2).
    serial.rand(127, MsbOption::ONE, false)?;
    let serial = serial.to_asn1_integer()?;
    cert.set_serial_number(&serial)?;
    cert.set_subject_name(subject)?;
    cert.set_issuer_name(issuer)?;
    cert.set_pubkey(key)?;
    let (from, until) = (
        Asn1Time::from_unix(validity.from)?,
        Asn1Time::from_unix(validity.until)?,
    );
    cert.set_not_before(&from)?;
    cert.set_not_after(&until)?;
    Ok(cert)
}
