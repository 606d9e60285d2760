//! Names and values as a person writes them.

use std::{net::IpAddr, time::Duration};

use base::{Utc, hex};
use diameter::{AvpDef, Kind, dictionary};
use hss::subscribers::table::nearest;
use toml::de::DeValue;

use crate::tap::rule::AvpName;

/// Octets of a value.
const MAX_VALUE: usize = 64 * 1024;

impl AvpName {
    /// Its row of the dictionary.
    pub(super) fn def(&self) -> Option<&'static AvpDef> {
        let (vendor, code) = self.path.last()?;
        dictionary::find(*vendor, *code)
    }
}

/// `Result-Code`, `10415:612`, `268`, or several with `/` between them, from outside.
pub(super) fn avp_name(text: &str) -> Result<AvpName, String> {
    let path = text.split('/').map(key).collect::<Result<Vec<_>, _>>()?;
    if path.len() > diameter::avp::MAX_DEPTH {
        return Err("groups aren't nested so deep".to_owned());
    }
    Ok(AvpName {
        text: text.to_owned(),
        path,
    })
}

fn key(text: &str) -> Result<(u32, u32), String> {
    let text = text.trim();
    if let Some(def) = dictionary::TABLE.iter().find(|def| def.name == text) {
        return Ok((def.vendor, def.code));
    }
    let (vendor, code) = text.split_once(':').unwrap_or(("0", text));
    if let (Ok(vendor), Ok(code)) = (vendor.parse(), code.parse()) {
        return Ok((vendor, code));
    }
    let names = dictionary::TABLE.iter().map(|def| def.name);
    let same = dictionary::TABLE
        .iter()
        .find(|def| def.name.eq_ignore_ascii_case(text));
    let hint = match same.map(|def| def.name).or_else(|| nearest(text, names)) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => ", such as \"Result-Code\", or vendor:code, such as \"10415:612\"".to_owned(),
    };
    Err(format!("the name of an AVP expected{hint}"))
}

/// A name that may stand in a header.
pub(super) fn header_name(text: &str) -> Result<String, String> {
    match http::HeaderName::from_bytes(text.as_bytes()) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("the name of a header field expected".to_owned()),
    }
}

/// `200ms`, `2s`, `1.5s`, `1m`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(split);
    let number: f64 = number.trim().parse().ok()?;
    let seconds = match unit {
        "ms" => number / 1000.0,
        "s" => number,
        "m" => number * 60.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

/// The octets of an AVP's value, by its type. `hex:…` is any octets for every type.
pub(super) fn octets(def: Option<&AvpDef>, value: &DeValue<'_>) -> Result<Vec<u8>, String> {
    let text = value.as_str();
    if let Some(digits) = text.and_then(|text| text.strip_prefix("hex:")) {
        return match hex::decode(digits) {
            Ok(octets) if octets.len() <= MAX_VALUE => Ok(octets),
            _ => Err("hex digits behind hex:, at most 64 KiB, expected".to_owned()),
        };
    }
    let number = value
        .as_integer()
        .and_then(|n| u32::from_str_radix(n.as_str(), n.radix()).ok())
        .map(|n| n.to_be_bytes().to_vec());
    let words = |text: Option<&str>| {
        text.filter(|t| t.len() <= MAX_VALUE)
            .map(|t| t.as_bytes().to_vec())
    };
    let (octets, expected) = match def.map(|def| def.kind) {
        None => (
            number.or_else(|| words(text)),
            "a number up to 4294967295, a text, or \"hex:…\"",
        ),
        Some(Kind::Unsigned32) => (number, "a number up to 4294967295"),
        Some(Kind::Enumerated(names)) => {
            let named = names.iter().find(|(_, name)| Some(*name) == text);
            let named = named.map(|(value, _)| value.to_be_bytes().to_vec());
            (number.or(named), "a number, or its name in the dictionary")
        }
        Some(Kind::Time) => {
            let at = text
                .map(str::to_owned)
                .or_else(|| value.as_datetime().map(ToString::to_string));
            let at = at.and_then(|text| Utc::parse(&text).ok()).and_then(Utc::to_ntp);
            (
                at.map(|n| n.to_be_bytes().to_vec()),
                "a date and time with zone, such as 2030-01-01T00:00:00Z",
            )
        }
        Some(Kind::Address) => {
            let ip = text.and_then(|text| text.parse().ok());
            let octets = ip.map(|ip| match ip {
                IpAddr::V4(v4) => [&[0, 1], v4.octets().as_slice()].concat(),
                IpAddr::V6(v6) => [&[0, 2], v6.octets().as_slice()].concat(),
            });
            (octets, "an IP address in quotes")
        }
        Some(Kind::Utf8 | Kind::Identity | Kind::OctetString) => {
            (words(text), "a text in quotes, or \"hex:…\"")
        }
        Some(Kind::Grouped) => (None, "\"hex:…\" (a group; name the AVP inside it instead)"),
    };
    octets.ok_or_else(|| format!("{expected}, expected, not {}", value.type_str()))
}
