//! Addresses a UE may go to: `http://name[:port]/path?query`, and where a redirect leads from there.

use core::{fmt, str::FromStr};

use crate::ids::Fqdn;

/// Longest address in octets.
const MAX: usize = 8 * 1024;

/// Why a text is no address to go to.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Another scheme.
    #[error("only http:// is offered: a NAF with a certificate (https) or any other scheme is not supported")]
    Scheme,
    /// The host is an IP address.
    #[error(
        "the host must be the NAF's name, not an IP address: NAF_Id, and so the key, is made of the name"
    )]
    Address,
    /// The host isn't a name, so that no NAF_Id can be made of it.
    #[error("the host must be the NAF's name, not an address: {0}")]
    Host(#[from] crate::ids::IdError),
    /// The rest isn't in order.
    #[error("not an http address: {0}")]
    Grammar(&'static str),
}

/// `http://host[:port]/target`, normalised: the host in lower case without trailing dot, no fragment.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Url {
    host: Fqdn,
    port: u16,
    target: String,
}

impl Url {
    /// The host: the FQDN of the NAF_Id (ruling 16).
    #[must_use]
    pub const fn host(&self) -> &Fqdn {
        &self.host
    }

    /// The port; 80 where none was given.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, beginning with `/`.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Same host and same port.
    #[must_use]
    pub fn same_origin(&self, other: &Self) -> bool {
        self.host == other.host && self.port == other.port
    }

    /// Where a `Location` leads from here (RFC 3986 5.2, without dot segments, which the server resolves).
    ///
    /// # Errors
    /// [`UrlError`] if it leads to no `http` address.
    pub fn join(&self, location: &str) -> Result<Self, UrlError> {
        let location = location.trim();
        check(location)?;
        let location = location.split('#').next().unwrap_or_default();
        if let Some(rest) = location.strip_prefix("//") {
            return format!("http://{rest}").parse();
        }
        let first = location.split(['/', '?']).next().unwrap_or_default();
        if first.contains(':') {
            return location.parse();
        }
        let path = self.target.split('?').next().unwrap_or("/");
        let target = match location.chars().next() {
            None => self.target.clone(),
            Some('/') => location.to_owned(),
            Some('?') => format!("{path}{location}"),
            Some(_) => {
                let directory = path.rfind('/').and_then(|at| path.get(..=at)).unwrap_or("/");
                format!("{directory}{location}")
            }
        };
        Ok(Self {
            host: self.host.clone(),
            port: self.port,
            target,
        })
    }
}

fn check(text: &str) -> Result<(), UrlError> {
    if text.len() > MAX {
        return Err(UrlError::Grammar("longer than 8 KiB"));
    }
    if !text
        .bytes()
        .all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'\\'))
    {
        return Err(UrlError::Grammar(
            "blanks, quotes and characters outside ASCII must be percent-encoded",
        ));
    }
    Ok(())
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        check(text)?;
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            _ => return Err(UrlError::Scheme),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let cut = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(cut);
        if authority.contains('@') {
            return Err(UrlError::Grammar("a user name before the host is not accepted"));
        }
        let bare = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        if authority.starts_with('[') || bare.parse::<core::net::Ipv4Addr>().is_ok() {
            return Err(UrlError::Address);
        }
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => {
                let number = port
                    .bytes()
                    .all(|b| b.is_ascii_digit())
                    .then(|| port.parse().ok())
                    .flatten();
                (
                    host,
                    number
                        .filter(|p| *p != 0)
                        .ok_or(UrlError::Grammar("the port is no number of 1 to 65535"))?,
                )
            }
            None => (authority, 80),
        };
        let target = if target.starts_with('/') {
            target.to_owned()
        } else {
            format!("/{target}")
        };
        Ok(Self {
            host: host.parse()?,
            port,
            target,
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            80 => write!(f, "http://{}{}", self.host, self.target),
            port => write!(f, "http://{}:{port}{}", self.host, self.target),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn reads_and_normalises() {
        let u = url("HTTP://NAF.Home.Test.:8080/a?x=1#part");
        assert_eq!(
            (u.host().as_str(), u.port(), u.target()),
            ("naf.home.test", 8080, "/a?x=1")
        );
        assert_eq!(url("http://naf.home.test").to_string(), "http://naf.home.test/");
        assert_eq!(url("http://naf.home.test?q").target(), "/?q");
        for bad in [
            "https://naf.home.test/",
            "naf.home.test",
            "http://u:p@naf.home.test/",
            "http://naf.home.test:0/",
            "http://naf.home.test:99999/",
            "http://naf.home.test:+80/",
            "http://naf.home.test/a b",
            "http://naf.home.test/\r\nX: y",
            "http:///x",
        ] {
            assert!(bad.parse::<Url>().is_err(), "{bad}");
        }
        // Ruling 16: of an address no NAF_Id can be made, and that is what is said of it.
        for address in [
            "http://127.0.0.1/",
            "http://10.0.0.1:81/a",
            "http://[::1]/",
            "http://[fe80::1]:8080/x:y",
        ] {
            assert_eq!(address.parse::<Url>(), Err(UrlError::Address), "{address}");
        }
    }

    #[test]
    fn joins_locations() {
        let base = url("http://naf.home.test:8080/a/b?x=1");
        for (location, expected) in [
            ("/c", "http://naf.home.test:8080/c"),
            ("c?d", "http://naf.home.test:8080/a/c?d"),
            ("?y", "http://naf.home.test:8080/a/b?y"),
            ("//other.test/x", "http://other.test/x"),
            ("http://other.test:81/x#f", "http://other.test:81/x"),
            (
                "/x?u=http://other.test",
                "http://naf.home.test:8080/x?u=http://other.test",
            ),
        ] {
            assert_eq!(base.join(location).unwrap().to_string(), expected, "{location}");
        }
        assert_eq!(base.join("https://naf.home.test/"), Err(UrlError::Scheme));
        assert!(base.join("javascript:alert(1)").is_err());
        assert!(base.join("/\r\nSet-Cookie: a").is_err());
    }

    proptest::proptest! {
        #[test]
        fn never_panics_and_round_trips(text in "(http://)?[ -~é]{0,40}", location in "[ -~]{0,40}") {
            if let Ok(u) = text.parse::<Url>() {
                proptest::prop_assert_eq!(&url(&u.to_string()), &u);
                if let Ok(next) = u.join(&location) {
                    proptest::prop_assert_eq!(&url(&next.to_string()), &next);
                }
            }
        }
    }
}
