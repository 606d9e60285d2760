//! TLS 1.2 and 1.3 with a certificate on each side (RFC 6733 13.1), on OpenSSL.
//!
//! - [`Files`], [`Credentials`]: a CA, our certificate and its key, checked when they are loaded
//! - [`Endpoint`]: runs handshakes of one side; tells the DNS names that the peer's certificate proves
//! - [`HandshakeError`]: why there was none, in words that say what to do
//!
//! The CA is the only one trusted: the system's are not asked. The common name counts for nothing, only dNSNames
//! of subjectAltName do, and none of them may be a wildcard. There is no resumption: each connection proves anew.

mod refusal;

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use ::diameter::Identity;
use openssl::{
    asn1::{Asn1Time, Asn1TimeRef},
    pkey::{PKey, Private},
    ssl::{
        Ssl, SslContext, SslContextBuilder, SslMethod, SslOptions, SslSessionCacheMode, SslVerifyMode,
        SslVersion,
    },
    stack::Stack,
    x509::{X509, X509Ref, X509StoreContext, X509StoreContextRef, X509VerifyResult, store::X509StoreBuilder},
};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_openssl::SslStream;

use crate::tap::SharedTap;

pub use refusal::HandshakeError;
pub(crate) use refusal::io_reason;

/// Certificates between the peer's and the CA's that are followed.
const DEPTH: u32 = 3;

/// With forward secrecy and authenticated encryption; TLS 1.3 has no others.
const SUITES_1_2: &str = "ECDHE+AESGCM:ECDHE+CHACHA20";

/// Where the three are. Each is PEM; `cert` may go on with the certificates between it and the CA.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Files {
    /// Certificates of the CAs that may vouch for peers.
    pub ca: PathBuf,
    /// Our certificate: its subjectAltName has our Origin-Host as a dNSName.
    pub cert: PathBuf,
    /// Its private key, without a pass phrase. Nobody else should be able to read it.
    pub key: PathBuf,
}

/// Why credentials can't be used.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The file can't be read.
    #[error("cannot read {}: {}", .path.display(), why_unreadable(*.reason))]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        reason: io::ErrorKind,
    },
    /// The file isn't what it should be.
    #[error("{} holds no {what} in PEM form", .path.display())]
    NotPem {
        /// Which.
        path: PathBuf,
        /// `certificate` or `private key without a pass phrase`.
        what: &'static str,
    },
    /// Certificate and key don't belong together.
    #[error("{} isn't the key of the certificate in {}", .key.display(), .cert.display())]
    KeyMismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// Out of its time.
    #[error("our certificate is valid from {from} until {until}: check the clock, or make a new one")]
    OutOfTime {
        /// notBefore.
        from: String,
        /// notAfter.
        until: String,
    },
    /// It is somebody else's.
    #[error("our certificate is for {names}, not for our Origin-Host {host}: no peer would take it")]
    AnotherName {
        /// Origin-Host.
        host: String,
        /// dNSNames.
        names: String,
    },
    /// OpenSSL doesn't do as it is told.
    #[error("OpenSSL can't use these certificates: {0}")]
    Unusable(String),
}

/// Octets of one of the files: a chain of many certificates is far shorter.
const MAX_PEM: u64 = 1 << 20;

fn why_unreadable(reason: io::ErrorKind) -> String {
    match reason {
        io::ErrorKind::InvalidInput => "it is no file".to_owned(),
        io::ErrorKind::NotFound => "no such file; gba pki init makes the three".to_owned(),
        other => other.to_string(),
    }
}

struct Material {
    anchors: Vec<X509>,
    cert: X509,
    between: Vec<X509>,
    key: PKey<Private>,
}

/// A CA, our certificate and its key. Clones share them. `Debug` shows names only.
#[derive(Clone)]
pub struct Credentials(Arc<Material>);

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Credentials").field(&self.names()).finish()
    }
}

impl Credentials {
    /// Reads the three files and checks that certificate and key belong together. A key that others can read is
    /// warned of.
    ///
    /// # Errors
    /// [`CredentialsError`], with the file that is wrong.
    pub fn load(files: &Files) -> Result<Self, CredentialsError> {
        let read = |path: &Path| {
            crate::file::read(path, MAX_PEM).map_err(|e| CredentialsError::Unreadable {
                path: path.to_owned(),
                reason: e.kind(),
            })
        };
        let key = base::SecretBytes::new(read(&files.key)?);
        warn_if_open(&files.key);
        Self::of(files, &read(&files.ca)?, &read(&files.cert)?, key.expose())
    }

    /// From PEM texts, as [`Self::load`] from files.
    ///
    /// # Errors
    /// As [`Self::load`]; the files are named `ca`, `cert` and `key`.
    pub fn from_pem(ca: &[u8], cert: &[u8], key: &[u8]) -> Result<Self, CredentialsError> {
        let files = Files {
            ca: "ca".into(),
            cert: "cert".into(),
            key: "key".into(),
        };
        Self::of(&files, ca, cert, key)
    }

    fn of(files: &Files, ca: &[u8], cert: &[u8], key: &[u8]) -> Result<Self, CredentialsError> {
        let not_pem = |path: &Path, what| CredentialsError::NotPem {
            path: path.to_owned(),
            what,
        };
        let stack = |path: &Path, pem: &[u8]| match X509::stack_from_pem(pem) {
            Ok(stack) if !stack.is_empty() => Ok(stack),
            _ => Err(not_pem(path, "certificate")),
        };
        let anchors = stack(&files.ca, ca)?;
        let mut between = stack(&files.cert, cert)?;
        let cert = between.remove(0);
        // The callback keeps OpenSSL from asking for a pass phrase at the terminal.
        let key = PKey::private_key_from_pem_callback(key, |_| Ok(0))
            .map_err(|_| not_pem(&files.key, "private key without a pass phrase"))?;
        let public = cert
            .public_key()
            .map_err(|e| CredentialsError::Unusable(e.to_string()))?;
        if !public.public_eq(&key) {
            return Err(CredentialsError::KeyMismatch {
                cert: files.cert.clone(),
                key: files.key.clone(),
            });
        }
        Ok(Self(Arc::new(Material {
            anchors,
            cert,
            between,
            key,
        })))
    }

    /// The dNSNames of our certificate.
    #[must_use]
    pub fn names(&self) -> Vec<Identity> {
        dns_names(&self.0.cert)
    }

    /// Whether peers would take our certificate for `host` now.
    ///
    /// # Errors
    /// [`CredentialsError::AnotherName`], [`CredentialsError::OutOfTime`].
    pub fn check(&self, host: &Identity) -> Result<(), CredentialsError> {
        let names = self.names();
        if !names.contains(host) {
            return Err(CredentialsError::AnotherName {
                host: host.to_string(),
                names: listed(&names),
            });
        }
        let (from, until) = (self.0.cert.not_before(), self.0.cert.not_after());
        let now = Asn1Time::days_from_now(0).map_err(|e| CredentialsError::Unusable(e.to_string()))?;
        let in_time = |from: &Asn1TimeRef, until: &Asn1TimeRef| *from <= now && now <= *until;
        if in_time(from, until) {
            return Ok(());
        }
        Err(CredentialsError::OutOfTime {
            from: from.to_string(),
            until: until.to_string(),
        })
    }

    /// Whole days until our certificate expires; negative when it has.
    ///
    /// # Errors
    /// [`CredentialsError::Unusable`].
    pub fn days_left(&self) -> Result<i32, CredentialsError> {
        let unusable = |e: openssl::error::ErrorStack| CredentialsError::Unusable(e.to_string());
        let now = Asn1Time::days_from_now(0).map_err(unusable)?;
        let left = now.diff(self.0.cert.not_after()).map_err(unusable)?;
        Ok(left.days)
    }

    /// Whether our CAs vouch for our own certificate: they do where one CA made all certificates of a network.
    ///
    /// # Errors
    /// [`CredentialsError::Unusable`].
    pub fn is_of_our_ca(&self) -> Result<bool, CredentialsError> {
        let verified = || {
            let mut store = X509StoreBuilder::new()?;
            for anchor in &self.0.anchors {
                store.add_cert(anchor.clone())?;
            }
            let mut between = Stack::new()?;
            for certificate in &self.0.between {
                between.push(certificate.clone())?;
            }
            X509StoreContext::new()?.init(
                &store.build(),
                &self.0.cert,
                &between,
                X509StoreContextRef::verify_cert,
            )
        };
        verified().map_err(|e: openssl::error::ErrorStack| CredentialsError::Unusable(e.to_string()))
    }

    fn context(&self, method: SslMethod, tap: SharedTap) -> Result<SslContext, openssl::error::ErrorStack> {
        let mut context = SslContextBuilder::new(method)?;
        context.set_min_proto_version(Some(SslVersion::TLS1_2))?;
        context.set_cipher_list(SUITES_1_2)?;
        context
            .set_options(SslOptions::NO_TICKET | SslOptions::NO_RENEGOTIATION | SslOptions::NO_COMPRESSION);
        context.set_session_cache_mode(SslSessionCacheMode::OFF);
        context.set_num_tickets(0)?;
        // A record's head and body in one read.
        context.set_read_ahead(true);
        context.set_session_id_context(b"diameter")?;
        let mut store = X509StoreBuilder::new()?;
        for anchor in &self.0.anchors {
            store.add_cert(anchor.clone())?;
            // What we ask a client for.
            context.add_client_ca(anchor)?;
        }
        context.set_cert_store(store.build());
        context.set_verify_depth(DEPTH);
        context.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        context.set_certificate(&self.0.cert)?;
        for certificate in &self.0.between {
            context.add_extra_chain_cert(certificate.clone())?;
        }
        context.set_private_key(&self.0.key)?;
        context.check_private_key()?;
        context.set_keylog_callback(move |_, line| tap.tls_secret(line));
        Ok(context.build())
    }
}

/// One side of connections with these credentials.
#[derive(Clone)]
pub struct Endpoint {
    context: SslContext,
    serves: bool,
    within: Duration,
}

impl Endpoint {
    /// The side that is called. A handshake has to be done `within`.
    ///
    /// # Errors
    /// [`CredentialsError::Unusable`].
    pub fn server(
        credentials: &Credentials,
        tap: SharedTap,
        within: Duration,
    ) -> Result<Self, CredentialsError> {
        Self::new(credentials, true, tap, within)
    }

    /// The side that calls.
    ///
    /// # Errors
    /// [`CredentialsError::Unusable`].
    pub fn client(
        credentials: &Credentials,
        tap: SharedTap,
        within: Duration,
    ) -> Result<Self, CredentialsError> {
        Self::new(credentials, false, tap, within)
    }

    fn new(
        credentials: &Credentials,
        serves: bool,
        tap: SharedTap,
        within: Duration,
    ) -> Result<Self, CredentialsError> {
        let method = if serves {
            SslMethod::tls_server()
        } else {
            SslMethod::tls_client()
        };
        let context = credentials
            .context(method, tap)
            .map_err(|e| CredentialsError::Unusable(e.to_string()))?;
        Ok(Self {
            context,
            serves,
            within,
        })
    }

    /// Shakes hands. A client may say whom it calls, for a server with several certificates (SNI).
    ///
    /// Returns the stream and the dNSNames of the peer's certificate, whose chain and validity OpenSSL has checked.
    ///
    /// # Errors
    /// [`HandshakeError`], with what to do.
    pub async fn handshake<S>(
        &self,
        io: S,
        server_name: Option<&Identity>,
    ) -> Result<(SslStream<S>, Vec<Identity>), HandshakeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let unusable = |e: openssl::error::ErrorStack| HandshakeError::Other(e.to_string());
        let mut ssl = Ssl::new(&self.context).map_err(unusable)?;
        if let Some(name) = server_name {
            ssl.set_hostname(name.as_str()).map_err(unusable)?;
        }
        let mut stream = SslStream::new(ssl, io).map_err(unusable)?;
        let shaking = async {
            if self.serves {
                Pin::new(&mut stream).accept().await
            } else {
                Pin::new(&mut stream).connect().await
            }
        };
        let refusal = match tokio::time::timeout(self.within, shaking).await {
            Err(_) => HandshakeError::TimedOut { after: self.within },
            Ok(Err(e)) => HandshakeError::explain(&e, stream.ssl().verify_result()),
            Ok(Ok(())) => match (stream.ssl().peer_certificate(), stream.ssl().verify_result()) {
                (Some(certificate), X509VerifyResult::OK) => return Ok((stream, dns_names(&certificate))),
                // OpenSSL has refused both already.
                _ => HandshakeError::NoCertificate,
            },
        };
        if refusal == HandshakeError::NotTls && self.serves {
            // OpenSSL leaves without a word here; a node that speaks in clear should learn why.
            let _ = stream.get_mut().write_all(&[21, 3, 3, 0, 2, 2, 70]).await;
        }
        let_alert_arrive(stream.get_mut()).await;
        Err(refusal)
    }
}

/// Closes our side and reads what the peer still sends, briefly: a socket closed with unread octets would be reset,
/// and the reset could overtake the alert.
pub(super) async fn let_alert_arrive<S: AsyncRead + AsyncWrite + Unpin>(io: &mut S) {
    let drain = async {
        let _ = io.shutdown().await;
        let mut scrap = [0; 512];
        for _ in 0..64 {
            if io.read(&mut scrap).await.unwrap_or(0) == 0 {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_millis(500), drain).await;
}

/// What is no host name, such as a wildcard, isn't among them.
fn dns_names(certificate: &X509Ref) -> Vec<Identity> {
    let names = certificate.subject_alt_names();
    names
        .iter()
        .flatten()
        .filter_map(|name| name.dnsname())
        .filter_map(|name| name.parse().ok())
        .collect()
}

fn listed(names: &[Identity]) -> String {
    match names {
        [] => "no DNS name".to_owned(),
        names => names.iter().map(Identity::as_str).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(unix)]
fn warn_if_open(key: &Path) {
    use std::os::unix::fs::PermissionsExt;
    if let Ok(about) = fs::metadata(key)
        && about.permissions().mode() & 0o077 != 0
    {
        tracing::warn!(key = %key.display(), "others can read this private key: chmod 600");
    }
}

#[cfg(not(unix))]
fn warn_if_open(_: &Path) {}
