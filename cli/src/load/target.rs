//! Where a load goes, and what the words of its options mean.

use std::{
    net::{SocketAddr, ToSocketAddrs as _},
    time::Duration,
};

use crate::Failure;

/// The flag that says that a network may be loaded.
pub(super) const CONFIRM: &str = "--yes-this-network-is-mine";

/// The address of a peer. One that isn't on this host is loaded only on the word of whoever answers for it.
pub(super) fn resolve(endpoint: &str, is_mine: bool) -> Result<SocketAddr, Failure> {
    let mut found = endpoint
        .to_socket_addrs()
        .map_err(|e| Failure::Unable(format!("{endpoint}: {e}: HOST:PORT expected")))?;
    let address = found
        .next()
        .ok_or_else(|| Failure::Unable(format!("{endpoint}: the name has no address")))?;
    if !address.ip().is_loopback() && !is_mine {
        return Err(Failure::Unable(format!(
            "{address} isn't this host: load takes a network down, so say {CONFIRM} if you answer for it and for \
             what lies between"
        )));
    }
    Ok(address)
}

/// What a URL of HTTP names.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Place {
    /// `host:port`
    pub(super) endpoint: String,
    /// Where it isn't 80.
    pub(super) port: Option<u16>,
    pub(super) target: String,
}

/// Reads `http://HOST[:PORT][/PATH]`; `http://` may be left out.
pub(super) fn url(text: &str) -> Result<Place, String> {
    let wrong = || format!("{text}: http://HOST[:PORT]/ expected");
    let rest = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
        Some(_) => return Err(format!("{text}: only http:// can be loaded")),
        None => text,
    };
    let uri: http::Uri = format!("http://{rest}").parse().map_err(|_| wrong())?;
    let host = uri.host().ok_or_else(wrong)?;
    let port = uri.port_u16();
    Ok(Place {
        endpoint: format!("{host}:{}", port.unwrap_or(80)),
        port: port.filter(|port| *port != 80),
        target: uri.path_and_query().map_or("/", |p| p.as_str()).to_owned(),
    })
}

/// Reads `30s`, `500ms`, `2m` or `1h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let seconds = |each: u64| {
        let number: u64 = number.parse().ok()?;
        number.checked_mul(each).map(Duration::from_secs)
    };
    let time = match unit {
        "ms" => number.parse().ok().map(Duration::from_millis),
        "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3600),
        _ => None,
    };
    match time {
        Some(time) if !time.is_zero() && time <= lab::load::MAX_DURATION => Ok(time),
        _ => Err("a time such as 30s, 500ms, 2m or 1h expected, at most 24h".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_and_bounds() {
        let ms = |text| duration(text).map(|d| d.as_millis());
        assert_eq!(ms("500ms"), Ok(500));
        assert_eq!(ms("2m"), Ok(120_000));
        assert_eq!(ms("24h"), Ok(86_400_000));
        for bad in [
            "",
            "0s",
            "3",
            "s",
            "-1s",
            "1.5s",
            "25h",
            "99999999999999999999s",
            "9999999999999999h",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn urls_are_plain_http() {
        let place = |endpoint: &str, port, target: &str| Place {
            endpoint: endpoint.into(),
            port,
            target: target.into(),
        };
        assert_eq!(
            url("http://127.0.0.1:18080/"),
            Ok(place("127.0.0.1:18080", Some(18080), "/"))
        );
        assert_eq!(url("[::1]:8080/a?b"), Ok(place("[::1]:8080", Some(8080), "/a?b")));
        assert_eq!(url("http://bsf.example"), Ok(place("bsf.example:80", None, "/")));
        for bad in ["https://bsf.example/", "http://", "http://a b/"] {
            assert!(url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn others_networks_need_a_word() {
        assert!(resolve("127.0.0.1:1", false).is_ok());
        assert!(resolve("[::1]:1", false).is_ok());
        assert!(matches!(resolve("192.0.2.1:1", false), Err(Failure::Unable(why)) if why.contains(CONFIRM)));
        assert!(resolve("192.0.2.1:1", true).is_ok());
    }
}
