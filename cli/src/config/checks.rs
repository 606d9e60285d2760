//! What is more than grammar: keys and where they may stand (ruling 5), Diameter's protection (ruling 21), and what
//! `production = true` refuses.

use std::{
    net::SocketAddr,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use base::Secret;
use hss::subscribers::{OsKeys, key};
use net::{diameter::Security, tls::cert::Files};

use super::{Config, Origin};
use crate::input::KeyText;

/// True if group or others may do anything with the file.
fn is_open(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.mode() & 0o077 != 0)
}

/// Whether the configuration here, or the environment, says `production = true`: for commands that read nothing else of it.
pub(crate) fn production_here() -> bool {
    Config::load(super::Sources::default()).is_ok_and(|config| config.production())
}

impl Config {
    /// A key of `N` octets. With `production` no bare key is taken, unless it came in a variable of the environment.
    pub(crate) fn key<const N: usize>(
        &self,
        table: &str,
        name: &str,
        production: bool,
    ) -> Result<Option<Secret<N>>, String> {
        let (_, value) = self.find(table, name);
        let Some((item, origin)) = value.and_then(|v| v.items.first().map(|item| (item, &v.origin))) else {
            return Ok(None);
        };
        let text = item.as_str();
        if text == "-" {
            return KeyText::from("-").read(&format!("--{name}")).map(Some);
        }
        let bare = !text.starts_with('@') && !text.starts_with("env:");
        if bare && matches!(origin, Origin::Flag(_)) && !production {
            crate::advice::warn(&format!(
                "--{name}: a key on the command line is seen by others; use @FILE, env:NAME or -"
            ));
        }
        let (indirect, directory);
        let (text, directory) = match origin {
            Origin::Environment(variable) if bare => {
                indirect = format!("env:{variable}");
                (indirect.as_str(), PathBuf::new())
            }
            Origin::Environment(_) | Origin::Flag(_) => (text, PathBuf::new()),
            Origin::Default | Origin::File(..) => {
                directory = self.directory();
                (text, directory)
            }
        };
        key(text, production, &mut OsKeys { directory })
            .map(Some)
            .map_err(|e| self.error(table, name, &e.to_string()))
    }

    /// How long a peer of that table's element may take for each step (`peer_timeout`).
    fn patience(&self, table: &str) -> Result<Duration, String> {
        self.get(table, "peer_timeout").map(Duration::from_secs)
    }

    /// Timers and bounds of its HTTP, within TLS too.
    pub(crate) fn http_limits(&self, table: &str) -> Result<net::http::Limits, String> {
        let patience = self.patience(table)?;
        Ok(net::http::Limits {
            header_timeout: patience,
            body_timeout: patience,
            write_timeout: patience,
            ..net::http::Limits::default()
        })
    }

    /// Timers and bounds of its Diameter.
    pub(crate) fn diameter_limits(&self, table: &str) -> Result<net::diameter::Limits, String> {
        let patience = self.patience(table)?;
        let mut limits = net::diameter::Limits {
            handshake: patience,
            stall: patience,
            ..net::diameter::Limits::default()
        };
        limits.timers.exchange = patience;
        Ok(limits)
    }

    /// Whether laboratory modes are refused.
    pub(crate) fn production(&self) -> bool {
        self.get("", "production").unwrap_or(true)
    }

    /// How that table's Diameter is protected (ruling 21); laboratory modes are refused in production.
    pub(crate) fn security(&self, table: &str) -> Result<Security, String> {
        let insecure = self.get(table, "insecure_diameter")?;
        let wrong = |what| Err(self.error(table, "insecure_diameter", what));
        let files = ["tls.ca", "tls.cert", "tls.key"].map(|key| self.file(table, key));
        match files {
            [None, None, None] if insecure && self.production() => {
                wrong("a laboratory mode: not allowed with production = true")
            }
            [None, None, None] if insecure => Ok(Security::InsecureAwayFromLoopback),
            [None, None, None] => Ok(Security::PlainOnLoopbackOnly),
            _ if insecure => wrong("either tls or insecure_diameter expected, not both"),
            [Some(_), Some(_), Some(key)] if self.production() && is_open(&key) => Err(self.error(
                table,
                "tls.key",
                &format!("{} can be read by other users: chmod 600 it", key.display()),
            )),
            [Some(ca), Some(cert), Some(key)] => Security::tls(&Files { ca, cert, key })
                .map_err(|e| self.error(table, "tls.cert", &e.to_string())),
            [ca, cert, _] => {
                let missing = match (ca, cert) {
                    (None, _) => "tls.ca",
                    (_, None) => "tls.cert",
                    _ => "tls.key",
                };
                Err(self.error(table, missing, "missing: ca, cert and key belong together"))
            }
        }
    }

    /// Refuses an address where Diameter would carry keys in clear, before anything listens there (ruling 21).
    pub(crate) fn keep_on_loopback(&self, table: &str, key: &str, security: &Security) -> Result<(), String> {
        let texts: Vec<String> = self.list(table, key)?;
        // A name that isn't an address is checked when it is resolved.
        let away = texts.iter().any(|text| {
            text.parse::<SocketAddr>()
                .is_ok_and(|address| !address.ip().is_loopback())
        });
        if away && matches!(security, Security::PlainOnLoopbackOnly) {
            return Err(self.error(
                table,
                key,
                &format!(
                    "Diameter away from loopback would carry keys in clear: give [{table}.tls] with ca, cert and key \
                     (`gba pki init` makes them), or, in a laboratory whose network is its own, set insecure_diameter = true"
                ),
            ));
        }
        Ok(())
    }
}
