//! What a message says: a line for the ladder, and all of it. Keys are told by their lengths, unless they are wanted
//! (ruling 35).

use std::fmt::Write as _;

use base::{Clause, hex};
use diameter::{Header, Message, grammar};
use gba::{
    digest::{Challenge, Credentials},
    zh::{MultimediaAuthAnswer, MultimediaAuthRequest},
    zn::{BootstrappingInfoAnswer, BootstrappingInfoRequest},
};

use super::{Content, Interface, Passing, avps, http::Parts};

/// Characters of a person's or a peer's text in a line.
const SHOWN: usize = 70;
/// Octets of a body that are shown as text.
const BODY: usize = 2048;
/// Octets in a line of a dump.
const ROW: usize = 16;

/// One line.
#[must_use]
pub fn line(passing: &Passing) -> String {
    let text = match passing.content() {
        Content::Diameter(header, Ok(message)) => diameter(header, message),
        Content::Diameter(header, Err(fault)) => {
            let who = if header.is_request() { "request" } else { "answer" };
            format!("{} {who}, malformed: {}", header.command, fault.text)
        }
        Content::Http(parts) => http(parts, passing.octets()),
        Content::Tls(seen) => {
            let words: Vec<_> = seen.iter().filter_map(net::tls::sniff::Seen::words).collect();
            if words.is_empty() {
                format!("TLS, {} octets", passing.octets().len())
            } else {
                words.join(", ")
            }
        }
        Content::Opaque(why) => format!("{} octets, not opened: {why}", passing.octets().len()),
    };
    crate::trace::printable(short(&text, 200))
}

fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

/// Its name alone, such as `MAR`, `GET` or `401`.
#[must_use]
pub fn name(passing: &Passing) -> String {
    match passing.content() {
        Content::Diameter(_, Ok(message)) => message.name(),
        Content::Diameter(header, Err(_)) => header_name(header),
        Content::Http(parts) => match parts.method(passing.octets()) {
            Some(method) => method.to_owned(),
            None => parts.status(passing.octets()).unwrap_or_default().to_string(),
        },
        Content::Tls(_) => "TLS".to_owned(),
        Content::Opaque(_) => "octets".to_owned(),
    }
}

/// The name of a message whose AVPs can't be read.
fn header_name(header: &Header) -> String {
    let short = grammar::find(header.application, header.command).map(|g| g.short);
    match (short, header.is_request()) {
        (Some((request, _)), true) => request.to_owned(),
        (Some((_, answer)), false) => answer.to_owned(),
        (None, true) => format!("{} request", header.command),
        (None, false) => format!("{} answer", header.command),
    }
}

/// Where it is described.
#[must_use]
pub fn clause(interface: Interface, passing: &Passing) -> Option<Clause> {
    match passing.content() {
        Content::Diameter(header, _) => grammar::find(header.application, header.command).map(|g| g.clause),
        Content::Http(_) => match interface {
            Interface::Ub => Some(Clause::new("TS 24.109", "4.2")),
            _ => Some(Clause::new("TS 24.109", "5.2")),
        },
        Content::Tls(seen) if !seen.is_empty() => Some(Clause::new("TS 24.109", "5.3.3.1.2")),
        Content::Tls(_) | Content::Opaque(_) => None,
    }
}

fn diameter(header: &Header, message: &Message) -> String {
    let typed = match (header.command, message.is_request()) {
        (grammar::MULTIMEDIA_AUTH, true) => MultimediaAuthRequest::parse(message).map(|m| {
            let what = if m.resync.is_some() {
                "AUTS of"
            } else {
                "vector for"
            };
            format!("MAR {what} {}", m.impi)
        }),
        (grammar::MULTIMEDIA_AUTH, false) => MultimediaAuthAnswer::parse(message).map(|m| match m {
            MultimediaAuthAnswer::Ok(ok) => {
                let rand = ok.vectors.first().map(|v| v.rand.to_string()).unwrap_or_default();
                let guss = if ok.guss.is_some() { "GUSS" } else { "no GUSS" };
                format!("MAA 2001: RAND {}…, {guss}", rand.get(..6).unwrap_or_default())
            }
            MultimediaAuthAnswer::Err(failure) => format!("MAA {failure}"),
        }),
        (grammar::BOOTSTRAPPING_INFO, true) => BootstrappingInfoRequest::parse(message)
            .map(|m| format!("BIR {} for {}", m.btid.short(), m.naf_id)),
        (grammar::BOOTSTRAPPING_INFO, false) => BootstrappingInfoAnswer::parse(message).map(|m| match m {
            BootstrappingInfoAnswer::Ok(ok) => format!("BIA 2001: key until {}", ok.expiry),
            BootstrappingInfoAnswer::Err(failure) => format!("BIA {failure}"),
        }),
        _ => return message.summary(),
    };
    typed.unwrap_or_else(|fault| format!("{}, against its grammar: {}", message.summary(), fault.text))
}

fn http(parts: &Parts, octets: &[u8]) -> String {
    let challenge = parts
        .header(octets, "www-authenticate")
        .map(|value| match Challenge::parse(value) {
            Ok(c) => format!(", challenge for {}, {}", c.realm, c.algorithm.as_str()),
            Err(_) => ", a challenge".to_owned(),
        });
    let answer = parts
        .header(octets, "authorization")
        .map(|value| match Credentials::parse(value) {
            Ok(c) => {
                let what = match (&c.auts, c.response.is_empty()) {
                    (Some(_), _) => "with AUTS",
                    (None, true) => "without response",
                    (None, false) => "with response",
                };
                let count = c.nc.as_deref().map(|nc| format!(", nc {nc}")).unwrap_or_default();
                format!(" as {} {what}{count}", short(&c.username, SHOWN))
            }
            Err(_) => " with credentials that aren't a digest".to_owned(),
        });
    let proof = parts
        .header(octets, "authentication-info")
        .map(|_| ", with rspauth");
    let body: usize = parts.body_places().iter().map(ExactSizeIterator::len).sum();
    let body = if body == 0 {
        String::new()
    } else {
        format!(", {body} octets")
    };
    match parts.method(octets) {
        Some(method) => {
            let target = short(parts.target(octets).unwrap_or_default(), SHOWN);
            format!("{method} {target}{}{body}", answer.unwrap_or_default())
        }
        None => {
            let status = parts.status(octets).unwrap_or_default();
            let more = [challenge, proof.map(str::to_owned)].into_iter().flatten();
            format!("{status}{}{body}", more.collect::<String>())
        }
    }
}

/// All of it, a line for each header field or AVP, and the octets.
#[must_use]
pub fn full(passing: &Passing, secrets: bool) -> Vec<String> {
    let octets = passing.octets();
    let mut lines = Vec::new();
    match passing.content() {
        Content::Diameter(_, Ok(message)) => {
            lines.extend(message.pretty().lines().map(str::to_owned));
            if secrets {
                lines.extend(
                    avps::places(octets)
                        .iter()
                        .filter(|p| p.is_secret())
                        .map(|place| {
                            let (vendor, code) = place.path.last().copied().unwrap_or_default();
                            let name = place.def().map_or("unknown", |def| def.name);
                            let value = octets.get(place.value.clone()).unwrap_or_default();
                            format!("secret: {name} ({code}/{vendor}) = {}", hex::encode(value))
                        }),
                );
            }
        }
        Content::Diameter(header, Err(fault)) => {
            lines.push(format!("{}: malformed, {}", header_name(header), fault.text));
        }
        Content::Http(parts) => {
            let head = String::from_utf8_lossy(octets.get(..parts.head()).unwrap_or_default());
            lines.extend(head.lines().map(|line| header_line(line, secrets)));
            let body = parts.body(octets);
            let shown = String::from_utf8_lossy(body.get(..body.len().min(BODY)).unwrap_or_default());
            lines.extend(shown.lines().map(str::to_owned));
            if body.len() > BODY {
                lines.push(format!("and {} octets more", body.len() - BODY));
            }
        }
        Content::Tls(_) | Content::Opaque(_) => {}
    }
    let mut lines: Vec<_> = lines.into_iter().map(crate::trace::printable).collect();
    lines.extend(dump(passing, secrets));
    lines
}

/// A password of HTTP Basic isn't for the eye.
fn header_line(line: &str, secrets: bool) -> String {
    match hidden_in_line(line).filter(|_| !secrets) {
        Some(from) => {
            let (shown, hidden) = line.split_at(from);
            format!("{shown}<{} octets>", hidden.len())
        }
        None => line.to_owned(),
    }
}

/// Where the secret part of a header field begins: credentials of another scheme than digest, and cookies.
fn hidden_in_line(line: &str) -> Option<usize> {
    let (name, value) = line.split_once(':')?;
    let at = name.len() + 1;
    let blanks = value.len() - value.trim_start().len();
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    if is("cookie") || is("set-cookie") {
        return Some(at + blanks);
    }
    if !is("authorization") && !is("proxy-authorization") {
        return None;
    }
    let (scheme, _) = value.trim_start().split_once(' ')?;
    (!scheme.eq_ignore_ascii_case("digest")).then(|| at + blanks + scheme.len() + 1)
}

/// Which octets aren't to be seen.
fn hidden(passing: &Passing) -> Vec<std::ops::Range<usize>> {
    let octets = passing.octets();
    match passing.content() {
        Content::Diameter(_, Ok(_)) => avps::places(octets)
            .into_iter()
            .filter(avps::Place::is_secret)
            .map(|place| place.value)
            .collect(),
        Content::Diameter(_, Err(_)) => std::iter::once(diameter::message::HEADER..octets.len()).collect(),
        Content::Http(parts) => parts
            .fields()
            .iter()
            .filter_map(|field| {
                let line = octets.get(field.name.start..field.value.end)?;
                let from = hidden_in_line(std::str::from_utf8(line).ok()?)?;
                Some(field.name.start + from..field.value.end)
            })
            .collect(),
        // Under TLS nobody reads it; else it may be anything.
        Content::Tls(_) => Vec::new(),
        Content::Opaque(_) => std::iter::once(0..octets.len()).collect(),
    }
}

/// Offset, hex and text, sixteen octets a line; hidden ones as dots.
fn dump(passing: &Passing, secrets: bool) -> Vec<String> {
    let hidden = if secrets { Vec::new() } else { hidden(passing) };
    let mut lines = Vec::new();
    for (row, octets) in passing.octets().chunks(ROW).enumerate() {
        let mut line = format!("{:04x} ", row * ROW);
        let mut text = String::new();
        for (n, octet) in octets.iter().enumerate() {
            let at = row * ROW + n;
            if hidden.iter().any(|range| range.contains(&at)) {
                line.push_str(" ··");
                text.push('·');
            } else {
                let _ = write!(line, " {octet:02x}");
                text.push(if octet.is_ascii_graphic() || *octet == b' ' {
                    char::from(*octet)
                } else {
                    '.'
                });
            }
        }
        let width = 5 + 3 * ROW;
        lines.push(format!("{line:<width$}  {text}"));
    }
    lines
}
