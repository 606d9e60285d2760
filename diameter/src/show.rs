//! What a human or a log may see of a message: names from the dictionary, and keys as `<n octets>`
//! (ruling 35). What the dictionary doesn't know could be a key, so it is shown by its length too.

use core::fmt::{self, Write};
use std::net::IpAddr;

use base::{Utc, hex};

use crate::{
    avp::{Avp, Value},
    dictionary::{self, AvpDef, Kind},
    grammar,
    message::Message,
};

/// Longest text or hex shown of one value, in octets.
const SHOWN: usize = 64;

impl Message {
    /// Short name: `MAR`, `MAA`, or `303 request` where the command isn't known.
    #[must_use]
    pub fn name(&self) -> String {
        match (grammar::find(self.application, self.command), self.is_request()) {
            (Some(g), true) => g.short.0.to_owned(),
            (Some(g), false) => g.short.1.to_owned(),
            (None, true) => format!("{} request", self.command),
            (None, false) => format!("{} answer", self.command),
        }
    }

    /// One line: name, result, who. No secrets.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut line = self.name();
        if let (false, Ok(result)) = (self.is_request(), self.result()) {
            let _ = write!(line, " {result}");
        }
        for def in [
            &dictionary::ORIGIN_HOST,
            &dictionary::USER_NAME,
            &dictionary::TRANSACTION_IDENTIFIER,
        ] {
            if let Some(avp) = self.find(def) {
                let _ = write!(line, " {}={}", def.name, Shown(avp));
            }
        }
        line
    }

    /// The whole tree, an AVP a line. No secrets.
    #[must_use]
    pub fn pretty(&self) -> String {
        let flags = [
            (Self::REQUEST, 'R'),
            (Self::PROXIABLE, 'P'),
            (Self::ERROR, 'E'),
            (Self::RETRANSMITTED, 'T'),
        ]
        .into_iter()
        .map(|(bit, letter)| if self.flags & bit == 0 { '-' } else { letter })
        .collect::<String>();
        let mut out = format!(
            "{} command {} application {} flags {flags} hop-by-hop {:08x} end-to-end {:08x}\n",
            self.name(),
            self.command,
            self.application,
            self.hop_by_hop,
            self.end_to_end
        );
        lines(&mut out, &self.avps, 1);
        out
    }
}

fn lines(out: &mut String, avps: &[Avp], indent: usize) {
    for avp in avps {
        let name = avp.def().map_or("unknown", |def| def.name);
        let _ = write!(out, "{:width$}{name} ({}", "", avp.code(), width = 2 * indent);
        if avp.vendor() != 0 {
            let _ = write!(out, "/{}", avp.vendor());
        }
        let _ = write!(out, "){}", if avp.is_mandatory() { " M" } else { "" });
        match avp.value() {
            Value::Octets(_) => {
                let _ = writeln!(out, " = {}", Shown(avp));
            }
            Value::Group(inner) => {
                out.push('\n');
                lines(out, inner, indent + 1);
            }
        }
    }
}

/// A value as it may be shown.
struct Shown<'a>(&'a Avp);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let avp = self.0;
        let octets = match avp.value() {
            Value::Group(inner) => return write!(f, "{{{} AVPs}}", inner.len()),
            Value::Octets(octets) => &**octets,
        };
        match avp.def() {
            Some(def) if !def.secret => value(f, def, avp, octets),
            _ => hidden(f, octets),
        }
    }
}

fn hidden(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    write!(f, "<{} octets>", octets.len())
}

fn value(f: &mut fmt::Formatter<'_>, def: &AvpDef, avp: &Avp, octets: &[u8]) -> fmt::Result {
    match (def.kind, avp.as_u32()) {
        (Kind::Grouped, _) => hidden(f, octets),
        (Kind::Unsigned32, Ok(n)) => write!(f, "{n}"),
        (Kind::Time, Ok(n)) => write!(f, "{}", Utc::from_ntp(n)),
        (Kind::Enumerated(names), Ok(n)) => match names.iter().find(|(value, _)| *value == n) {
            Some((_, name)) => write!(f, "{n} {name}"),
            None => write!(f, "{n}"),
        },
        (Kind::Address, _) => match address(octets) {
            Some(ip) => write!(f, "{ip}"),
            None => hidden(f, octets),
        },
        _ => text_or_hex(f, octets),
    }
}

/// The address of an Address value, if it is an IPv4 or IPv6 one (RFC 6733 4.3.1).
#[must_use]
pub fn address(octets: &[u8]) -> Option<IpAddr> {
    match octets {
        [0, 1, v4 @ ..] => <[u8; 4]>::try_from(v4).ok().map(IpAddr::from),
        [0, 2, v6 @ ..] => <[u8; 16]>::try_from(v6).ok().map(IpAddr::from),
        _ => None,
    }
}

fn text_or_hex(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    let (shown, rest) = octets.split_at(octets.len().min(SHOWN));
    match core::str::from_utf8(shown) {
        Ok(text) if !text.chars().any(char::is_control) => write!(f, "{text:?}")?,
        _ => f.write_str(&hex::encode(shown))?,
    }
    if rest.is_empty() {
        Ok(())
    } else {
        write!(f, " and {} more", rest.len())
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())
    }
}

impl fmt::Debug for Avp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}={}", self.code(), self.vendor(), Shown(self))
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Octets(octets) => hidden(f, octets),
            Self::Group(avps) => f.debug_list().entries(avps).finish(),
        }
    }
}
