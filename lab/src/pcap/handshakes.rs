//! Where a TLS client begins to encrypt: from there on an analyser needs the connection's secret.
//!
//! A client's OpenSSL tells the secret before it writes what is encrypted with it, but a server's only after it has read
//! that. So where the client is elsewhere, the writer has to wait for the secret here.

use std::collections::HashMap;

use net::tap::{Connection, Direction};

/// Record types (RFC 5246 A.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

const CLIENT_HELLO: u8 = 1;

/// Handshake header and version, which stand before the client's random in its hello.
const BEFORE_RANDOM: usize = 4 + 2;
const RANDOM: usize = 32;

/// Connections whose handshakes are followed at once; those of further ones aren't.
const FOLLOWED: usize = 4096;

/// One direction of a connection, until it is known or done.
#[derive(Default)]
struct Records {
    /// Octets of a record's header.
    head: Vec<u8>,
    /// Octets until the next record.
    left: usize,
    /// The beginning of the first record.
    hello: Vec<u8>,
    done: bool,
}

impl Records {
    /// The client's random, once, when its ChangeCipherSpec is read.
    fn read(&mut self, mut octets: &[u8]) -> Option<[u8; RANDOM]> {
        while !self.done && !octets.is_empty() {
            if self.left > 0 {
                let (body, rest) = octets.split_at(self.left.min(octets.len()));
                let room = (BEFORE_RANDOM + RANDOM).saturating_sub(self.hello.len());
                self.hello.extend(body.iter().take(room));
                self.left -= body.len();
                octets = rest;
                continue;
            }
            let (head, rest) = octets.split_at((5 - self.head.len()).min(octets.len()));
            self.head.extend(head);
            octets = rest;
            // Some begin with another protocol, which shows in the first octet.
            let kind = self.head.first().copied();
            if !matches!(kind, Some(HANDSHAKE | CHANGE_CIPHER_SPEC | ALERT)) {
                self.done = true;
                return None;
            }
            if let [kind, _, _, high, low] = *self.head {
                self.left = usize::from(u16::from_be_bytes([high, low]));
                self.head.clear();
                if kind == CHANGE_CIPHER_SPEC {
                    self.done = true;
                    return self.random();
                }
            }
        }
        None
    }

    fn random(&self) -> Option<[u8; RANDOM]> {
        if self.hello.first() != Some(&CLIENT_HELLO) {
            return None;
        }
        self.hello.get(BEFORE_RANDOM..)?.first_chunk().copied()
    }
}

/// All connections.
#[derive(Default)]
pub(super) struct Handshakes(HashMap<(u64, Direction), Records>);

impl Handshakes {
    /// The client's random if these octets hold its ChangeCipherSpec.
    pub(super) fn encrypts(
        &mut self,
        connection: &Connection,
        direction: Direction,
        octets: &[u8],
    ) -> Option<[u8; RANDOM]> {
        let way = (connection.id, direction);
        if self.0.len() >= FOLLOWED && !self.0.contains_key(&way) {
            return None;
        }
        self.0.entry(way).or_default().read(octets)
    }

    pub(super) fn forget(&mut self, connection: &Connection) {
        for direction in [Direction::Sent, Direction::Received] {
            self.0.remove(&(connection.id, direction));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hello, key exchange, ChangeCipherSpec, something encrypted.
    fn client() -> Vec<u8> {
        let mut hello = vec![HANDSHAKE, 3, 1, 0, 50, CLIENT_HELLO, 0, 0, 46, 3, 3];
        hello.extend([0xab; RANDOM]);
        hello.extend([0; 12]);
        let rest = [22, 3, 3, 0, 2, 16, 0, 20, 3, 3, 0, 1, 1, 22, 3, 3, 0, 1, 9];
        [&hello[..], &rest].concat()
    }

    #[test]
    fn the_clients_change_is_found_in_any_pieces() {
        let whole = client();
        for size in 1..=whole.len() {
            let mut records = Records::default();
            let found: Vec<_> = whole.chunks(size).filter_map(|p| records.read(p)).collect();
            assert_eq!(found, [[0xab; RANDOM]], "pieces of {size}");
        }
    }

    #[test]
    fn servers_and_other_protocols_have_none() {
        let mut server = client();
        server[5] = 2;
        for octets in [&server[..], b"GET / HTTP/1.1\r\n\r\n", &[1, 0, 0, 20, 0x80], b""] {
            assert_eq!(Records::default().read(octets), None);
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(pieces: Vec<Vec<u8>>) {
            let mut records = Records::default();
            for piece in &pieces {
                records.read(piece);
            }
        }
    }
}
