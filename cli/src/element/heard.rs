//! What an element alone hears: in the laboratory each message is told by its sender, but here the other ends are
//! elsewhere. So the tap's octets are read as well, and what came in is put into words.
//!
//! Only for people to look at: a message in several pieces isn't put together, and what can't be read isn't shown.

use std::{
    net::SocketAddr,
    sync::{Mutex, PoisonError},
};

use base::Clause;
use diameter::{Message as Diameter, dictionary};
use lab::trace::Trace;
use net::tap::{Connection, Direction, Message, Tap, WireBytes};

/// Characters of a summary.
const WIDTH: usize = 80;

/// A trace that hears, too.
pub(super) struct Heard {
    trace: Trace,
    /// This element, as the ladder calls it.
    element: &'static str,
    /// Interface and receiver of what was sent last: whose answer over HTTP it is that comes back to a device.
    last: Mutex<(&'static str, String)>,
}

impl Heard {
    pub(super) fn new(trace: Trace, element: &'static str) -> Self {
        Self {
            trace,
            element,
            last: Mutex::new(("Ub", "BSF".into())),
        }
    }

    fn hear(&self, interface: &'static str, from: &str, summary: &str) {
        self.trace.message(Message {
            interface,
            from,
            to: self.element,
            summary: cut(summary),
            clause: None::<Clause>,
        });
    }

    fn http(&self, head: &str) {
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let header = |name: &str| {
            lines.clone().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim())
            })
        };
        if let Some(status) = first.strip_prefix("HTTP/1.1 ") {
            let (interface, from) = {
                let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
                (last.0, last.1.clone())
            };
            let more = match (header("www-authenticate"), header("authentication-info")) {
                (Some(challenge), _) => format!(", {}", words(challenge)),
                (None, Some(_)) => ", proven by rspauth".into(),
                (None, None) => String::new(),
            };
            self.hear(interface, &from, &format!("{status}{more}"));
        } else if let Some(request) = first.strip_suffix(" HTTP/1.1") {
            let interface = if self.element == "BSF" { "Ub" } else { "Ua" };
            let more = header("authorization").map(|value| format!(" {}", words(value)));
            self.hear(interface, "UE", &format!("{request}{}", more.unwrap_or_default()));
        }
    }

    /// Zh and Zn, not what keeps the connection.
    fn diameter(&self, mut octets: &[u8]) {
        while let Some(length) = octets.get(1..4) {
            let length = length.iter().fold(0, |n, octet| n << 8 | usize::from(*octet));
            let Some(message) = octets.get(..length).filter(|m| m.len() >= 20) else {
                return;
            };
            octets = octets.get(length..).unwrap_or_default();
            let Ok(message) = Diameter::parse(message) else {
                return;
            };
            let (interface, from) = match (message.application, self.element) {
                (dictionary::ZH, "BSF") => ("Zh", "HSS"),
                (dictionary::ZH, _) => ("Zh", "BSF"),
                (dictionary::ZN, "BSF") => ("Zn", "NAF"),
                (dictionary::ZN, _) => ("Zn", "BSF"),
                _ => continue,
            };
            let result = message
                .result()
                .map(|r| format!(" {}", r.number()))
                .unwrap_or_default();
            self.hear(interface, from, &format!("{}{result}", message.name()));
        }
    }
}

/// With a mark where something is left away.
fn cut(summary: &str) -> String {
    let mut cut: String = summary.chars().take(WIDTH).collect();
    if cut.len() < summary.len() {
        cut.pop();
        cut.push('…');
    }
    cut
}

/// What a challenge or its answer is about: the parameters that a person wants to see, and nothing secret.
fn words(value: &str) -> String {
    let wanted = ["realm", "username", "algorithm", "qop", "nc", "auts"];
    let parameters = value
        .split([',', ' '])
        .filter_map(|part| part.trim().split_once('='));
    let shown: Vec<_> = parameters
        .filter(|(key, _)| wanted.contains(key))
        .map(|(key, value)| match (key, value.trim_matches('"')) {
            ("auts", "") => String::new(),
            ("auts", _) => "AUTS".into(),
            (_, value) => value.chars().take(40).collect(),
        })
        .filter(|word| !word.is_empty())
        .collect();
    shown.join(", ")
}

impl Tap for Heard {
    fn message(&self, message: Message<'_>) {
        if message.interface != "card" {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            *last = (message.interface, message.to.to_owned());
        }
        self.trace.message(message);
    }

    fn ended(&self, connection: &Connection, direction: Direction) {
        self.trace.ended(connection, direction);
    }

    fn endpoint(&self, address: SocketAddr, label: &str) {
        self.trace.endpoint(address, label);
    }

    fn records(&self) -> bool {
        self.trace.records()
    }

    fn apdu(&self, command: WireBytes<'_>, response: WireBytes<'_>) {
        self.trace.apdu(command, response);
    }

    fn tls_secret(&self, line: &str) {
        self.trace.tls_secret(line);
    }

    fn octets(&self, connection: &Connection, direction: Direction, octets: WireBytes<'_>) {
        self.trace.octets(connection, direction, octets);
        if direction != Direction::Received {
            return;
        }
        let octets = octets.expose();
        // Diameter's version, which no HTTP and no TLS begins with.
        if octets.first() == Some(&1) {
            return self.diameter(octets);
        }
        let head = octets.windows(4).position(|w| w == b"\r\n\r\n");
        if let Some(head) = head.and_then(|end| octets.get(..end))
            && let Ok(head) = std::str::from_utf8(head)
        {
            self.http(head);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lab::trace::Entry;

    #[test]
    fn what_comes_in_is_put_into_words_and_nothing_secret_is() {
        let (trace, mut entries) = Trace::begin();
        let heard = Heard::new(trace, "UE");
        let connection = Connection::new("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap());
        let challenge =
            b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"bsf.x\", nonce=\"c2VjcmV0\", \
                          algorithm=AKAv1-MD5, qop=\"auth-int\"\r\n\r\n";
        heard.octets(&connection, Direction::Received, WireBytes::new(challenge));
        heard.octets(&connection, Direction::Sent, WireBytes::new(challenge));
        // Cut off, no message, and no length: nothing is shown, and nothing is read out of bounds.
        for odd in [
            &b"\x01"[..],
            b"\x01\0\0\0",
            b"\x01\xff\xff\xff\0",
            b"\x16\x03\x01",
            b"",
            b"GET / HTTP/1.1\r\n",
        ] {
            heard.octets(&connection, Direction::Received, WireBytes::new(odd));
        }
        let Ok(Entry::Message(event)) = entries.try_recv() else {
            panic!("nothing heard")
        };
        assert_eq!(
            (event.interface, event.from.as_str(), event.to.as_str()),
            ("Ub", "BSF", "UE")
        );
        assert_eq!(event.summary, "401 Unauthorized, bsf.x, AKAv1-MD5, auth-int");
        assert!(entries.try_recv().is_err());
    }
}
