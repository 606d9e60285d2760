//! What is more than grammar: keys and where they may stand (ruling 5), Diameter's protection (ruling 21), and what
//! `production = true` refuses.

use std::{net::SocketAddr, path::PathBuf};

use base::Secret;
use hss::subscribers::{OsKeys, key};
use net::{diameter::Security, tls::cert::Files};

use super::{Config, Origin};
use crate::input::KeyText;

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
