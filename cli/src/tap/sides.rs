//! How both sides of a tap are protected, and where it may not listen or connect in clear (ruling 21).

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use gba::ids::Btid;
use lab::tap::proxy::{Calling, Keyed, Limits, Listening};
use net::{
    diameter::{Credentials, Files},
    tap::SharedTap,
    tls::cert::Endpoint,
};

use crate::{advice, input::KeyText};

/// As the command line says it.
pub(super) enum Wanted {
    /// HTTP, and whatever passes unopened.
    Clear,
    /// TLS with a pre-shared key on both sides.
    Psk(Btid, KeyText),
    /// Diameter.
    Diameter {
        from: Option<PathBuf>,
        to: Option<PathBuf>,
        insecure: bool,
    },
}

impl Wanted {
    /// Reads keys and certificates.
    pub(super) async fn open(
        self,
        listen: &SocketAddr,
        target: &str,
        tap: &SharedTap,
        production: bool,
    ) -> Result<(Listening, Calling), String> {
        match self {
            Self::Clear => Ok((Listening::AsItComes, Calling::AsItComes)),
            Self::Psk(btid, key) => {
                if key.is_bare_on_command_line() {
                    if production {
                        return Err("--ks-naf: a bare key isn't allowed with production = true: use @FILE or env:NAME".into());
                    }
                    advice::warn(
                        "--ks-naf: a key on the command line is seen by others; use @FILE, env:NAME or -",
                    );
                }
                let key = key.read("--ks-naf")?;
                let keyed = Keyed::new(btid, key, tap).map_err(|e| e.to_string())?;
                Ok((Listening::Psk(Arc::new(keyed)), Calling::AsItComes))
            }
            Self::Diameter { from, to, insecure } => {
                if insecure && production {
                    return Err(
                        "--insecure-diameter is a laboratory mode: not allowed with production = true".into(),
                    );
                }
                let within = Limits::default().handshake;
                let wrong = |option: &str, e: net::diameter::CredentialsError| format!("{option}: {e}");
                let listening = match &from {
                    Some(path) => {
                        let credentials = credentials(path).map_err(|e| wrong("--tls-from", e))?;
                        let endpoint = Endpoint::server(&credentials, tap.clone(), within);
                        Listening::Tls(endpoint.map_err(|e| wrong("--tls-from", e))?)
                    }
                    None => Listening::AsItComes,
                };
                let calling = match &to {
                    Some(path) => {
                        let credentials = credentials(path).map_err(|e| wrong("--tls-to", e))?;
                        let endpoint = Endpoint::client(&credentials, tap.clone(), within);
                        Calling::Tls(endpoint.map_err(|e| wrong("--tls-to", e))?)
                    }
                    None => Calling::AsItComes,
                };
                if !insecure {
                    if from.is_none() && !listen.ip().is_loopback() {
                        return Err(in_clear(&listen.to_string(), "--tls-from"));
                    }
                    if to.is_none() && !is_loopback(target).await? {
                        return Err(in_clear(target, "--tls-to"));
                    }
                }
                Ok((listening, calling))
            }
        }
    }
}

fn in_clear(place: &str, option: &str) -> String {
    format!(
        "Diameter at {place} would carry keys in clear: use a loopback address, give {option} (`gba pki init` makes \
         certificates), or --insecure-diameter in a laboratory whose network is its own"
    )
}

async fn is_loopback(target: &str) -> Result<bool, String> {
    let addresses = tokio::net::lookup_host(target).await;
    let mut addresses = addresses.map_err(|e| format!("{target}: HOST:PORT expected: {e}"))?;
    Ok(addresses.all(|address| address.ip().is_loopback()))
}

/// `pki/hss.home.test` is `pki/hss.home.test.pem`, `pki/hss.home.test.key` and `pki/ca.pem`.
fn credentials(path: &Path) -> Result<Credentials, net::diameter::CredentialsError> {
    let beside = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    Credentials::load(&Files {
        ca: path.with_file_name("ca.pem"),
        cert: beside(".pem"),
        key: beside(".key"),
    })
}
