//! A request as it came, and what it asks for.

use core::net::IpAddr;

use base::Clause;

use super::{Answer, Config, Mode, Outcome, answer::refuse};
use crate::{
    digest::{Algorithm, Credentials},
    ids::Impi,
};

/// Whom a rate limit counts: an IPv4 address, or the /64 of an IPv6 address.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AddressKey([u8; 8]);

impl From<IpAddr> for AddressKey {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, d] = v4.octets();
                Self([0xff, 0xff, 0xff, 0xff, a, b, c, d])
            }
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, h, ..] = v6.octets();
                Self([a, b, c, d, e, f, g, h])
            }
        }
    }
}

/// A request on Ub.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The request target: path and query.
    pub uri: &'a str,
    /// `Host`, or the authority of an absolute target; `None` if absent or there are several.
    pub host: Option<&'a str>,
    /// `Authorization`; several fields joined by commas.
    pub authorization: Option<&'a str>,
    /// `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
    /// Where it came from.
    pub address: AddressKey,
}

/// A well-formed request: who asks, and with what credentials.
pub struct Asked<'a> {
    pub(super) request: Request<'a>,
    pub(super) credentials: Credentials,
    /// Who asks.
    pub impi: Impi,
}

impl<'a> Asked<'a> {
    /// Reads a request.
    ///
    /// # Errors
    /// The answer for one that can't be served: 400, 405.
    pub fn read(config: &Config, request: Request<'a>) -> Result<Self, Box<Answer>> {
        let bad = |text: &str| {
            Box::new(refuse(
                400,
                Outcome::Malformed,
                Clause::new("TS 24.109", "4.3"),
                text,
            ))
        };
        match request.host {
            Some(host) if is_host(host) => {}
            Some(_) => return Err(bad("a host name or address is expected in Host")),
            None => return Err(bad("exactly one Host field is expected")),
        }
        if request.method != "GET" {
            let mut answer = bad("bootstrapping is a GET");
            answer.status = 405;
            answer.headers.push(("Allow", "GET".to_owned()));
            return Err(answer);
        }
        let Some(authorization) = request.authorization else {
            return Err(bad(
                "bootstrapping begins with Authorization: Digest username=\"<IMPI>\"",
            ));
        };
        let credentials = Credentials::parse(authorization).map_err(|e| bad(&e.to_string()))?;
        let impi = credentials
            .username
            .parse::<Impi>()
            .map_err(|e| bad(&e.to_string()))?;
        let asked = Self {
            request,
            credentials,
            impi,
        };
        if asked.nonce().is_some() {
            asked.check_answer(config).map_err(bad)?;
        }
        Ok(asked)
    }

    /// The nonce of a challenge that this answers; `None` in a first request.
    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        Some(self.credentials.nonce.as_str()).filter(|n| !n.is_empty())
    }

    /// What must hold before the response is looked at: a broken request doesn't use up its challenge.
    fn check_answer(&self, config: &Config) -> Result<(), &'static str> {
        let c = &self.credentials;
        if c.algorithm.is_some_and(|a| a != Algorithm::AkaV1Md5) {
            return Err("the algorithm on Ub is AKAv1-MD5");
        }
        if c.response.is_empty() && c.auts.is_none() {
            return Ok(()); // the report of a bad MAC says no more (ruling 7)
        }
        if c.realm != config.bsf.as_str() {
            return Err("the realm isn't the one of the challenge");
        }
        if !same_resource(&c.uri, self.request.uri) {
            return Err("the digest's uri isn't the request's");
        }
        if c.cnonce.is_none() || c.nc.is_none() {
            return Err("qop=auth-int needs nc and cnonce");
        }
        if !config.lenient_nc && c.nonce_count() != Some(1) {
            return Err("each nonce is used once on Ub: nc must be 00000001");
        }
        Ok(())
    }

    /// What an operator should know where the UE's product tokens (TS 24.109 4.2) and the GUSS name different cards.
    /// The GUSS decides; the UE then fails at its card, and this says why (ruling 11).
    pub(super) fn card_mismatch(&self, mode: Mode) -> Option<&'static str> {
        let agent = self.request.user_agent?;
        let says = |token| agent.split([' ', ';', ',']).any(|t| t == token);
        match mode {
            Mode::Me if says("3gpp-gba-uicc") => {
                Some("the UE shows a GBA_U card, the GUSS has no uiccType GBA_U: HSS and card disagree")
            }
            Mode::U if says("3gpp-gba") && !says("3gpp-gba-uicc") => {
                Some("the GUSS has uiccType GBA_U, the UE shows GBA_ME: HSS and card disagree")
            }
            _ => None,
        }
    }

    /// The request in a line for a ladder.
    #[must_use]
    pub fn summary(&self) -> String {
        let what = match self.nonce() {
            None => "bootstrap me",
            Some(_) if self.credentials.auts.is_some() => "SQN out of range, AUTS",
            Some(_) if self.credentials.response.is_empty() => "bad MAC",
            Some(_) => "response",
        };
        format!("GET {}: {what}, {}", self.request.uri, self.impi)
    }
}

/// RFC 9112 3.2: `uri-host [ ":" port ]`, so nothing before an `@`, and no path. The BSF may be asked by any of its
/// names and addresses, so which one it is doesn't matter.
fn is_host(text: &str) -> bool {
    let (host, rest) = if let Some(literal) = text.strip_prefix('[') {
        let Some((address, rest)) = literal.split_once(']') else {
            return false;
        };
        (address.parse::<core::net::Ipv6Addr>().is_ok(), rest)
    } else {
        let (name, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
        let allowed = |b: u8| b.is_ascii_alphanumeric() | matches!(b, b'-' | b'.' | b'_');
        (!name.is_empty() && name.bytes().all(allowed), rest)
    };
    let digits = |port: &str| port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
    host && (rest.is_empty() || rest.strip_prefix(':').is_some_and(digits))
}

/// RFC 7616 3.4.6: the digest's uri names the same resource, as a path, an absolute URI, or "" for "/".
fn same_resource(claimed: &str, actual: &str) -> bool {
    let path = match claimed.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|i| rest.get(i..)).unwrap_or("/"),
        None if claimed.is_empty() => "/",
        None => claimed,
    };
    path == if actual.is_empty() { "/" } else { actual }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_counted_by_what_one_user_has() {
        let key = |s: &str| AddressKey::from(s.parse::<IpAddr>().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }

    #[test]
    fn a_host_is_a_name_or_an_address_and_nothing_else() {
        for good in [
            "bsf.example.org",
            "BSF:80",
            "127.0.0.1:8080",
            "[::1]",
            "[2001:db8::1]:80",
            "bsf.example.org:",
        ] {
            assert!(is_host(good), "{good}");
        }
        for bad in [
            "",
            ":80",
            "evil@bsf.example",
            "bsf/x",
            "a b",
            "a,b",
            "bsf:x",
            "bsf:123456",
            "[::1",
            "[x]",
            "[::1]x",
        ] {
            assert!(!is_host(bad), "{bad}");
        }
    }

    #[test]
    fn the_digests_uri_names_the_requests_resource() {
        for (claimed, actual, same) in [
            ("/", "/", true),
            ("", "/", true),
            ("http://bsf.example/a?b", "/a?b", true),
            ("http://bsf.example", "/", true),
            ("/a", "/b", false),
            ("http://bsf.example/a", "/", false),
        ] {
            assert_eq!(same_resource(claimed, actual), same, "{claimed} {actual}");
        }
    }
}
