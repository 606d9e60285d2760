//! Where a TLS connection begins to be encrypted: from the server's first octets on an analyser needs its secrets.
//!
//! OpenSSL tells some of them only after the octets that they open: a server has read what the client encrypted, and with
//! TLS 1.3 either end has passed its Finished. So the writer waits for them at this place.

use std::collections::HashMap;

use net::tap::{Connection, Direction};

/// A ClientHello begins with the header of its record (handshake, version 3), its own (of type 1), its version and its
/// random.
const HANDSHAKE: [u8; 2] = [22, 3];
const CLIENT_HELLO: u8 = 1;
const BEFORE_TYPE: usize = 5;
const BEFORE_RANDOM: usize = BEFORE_TYPE + 4 + 2;
const RANDOM: usize = 32;

/// Connections whose handshakes are followed at once; those of further ones aren't.
const FOLLOWED: usize = 4096;

/// The beginning of a connection.
struct Beginning {
    /// Which way the client speaks, as this end tells it.
    client: Direction,
    octets: Vec<u8>,
    done: bool,
}

impl Beginning {
    /// The client's random, once, when the server answers its hello.
    fn read(&mut self, direction: Direction, octets: &[u8]) -> Option<[u8; RANDOM]> {
        if self.done {
            return None;
        }
        if direction == self.client {
            let room = (BEFORE_RANDOM + RANDOM).saturating_sub(self.octets.len());
            self.octets.extend(octets.iter().take(room));
            return None;
        }
        self.done = true;
        if !self.octets.starts_with(&HANDSHAKE) || self.octets.get(BEFORE_TYPE) != Some(&CLIENT_HELLO) {
            return None;
        }
        self.octets.get(BEFORE_RANDOM..)?.first_chunk().copied()
    }
}

/// All connections.
#[derive(Default)]
pub(super) struct Handshakes(HashMap<u64, Beginning>);

impl Handshakes {
    /// The client's random if these octets begin a TLS server's answer.
    pub(super) fn answers(
        &mut self,
        connection: &Connection,
        direction: Direction,
        octets: &[u8],
    ) -> Option<[u8; RANDOM]> {
        if self.0.len() >= FOLLOWED && !self.0.contains_key(&connection.id) {
            return None;
        }
        let beginning = self.0.entry(connection.id).or_insert_with(|| Beginning {
            client: direction,
            octets: Vec::new(),
            done: false,
        });
        beginning.read(direction, octets)
    }

    pub(super) fn forget(&mut self, connection: &Connection) {
        self.0.remove(&connection.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> Connection {
        let nowhere = "127.0.0.1:1".parse().unwrap();
        Connection::new(nowhere, nowhere)
    }

    fn hello() -> Vec<u8> {
        let mut hello = vec![22, 3, 1, 0, 50, CLIENT_HELLO, 0, 0, 46, 3, 3];
        hello.extend([0xab; RANDOM]);
        hello.extend([0; 12]);
        hello
    }

    #[test]
    fn the_answer_to_a_hello_is_found_once_whatever_the_pieces() {
        let hello = hello();
        for size in 1..=hello.len() {
            let (mut handshakes, connection) = (Handshakes::default(), connection());
            for piece in hello.chunks(size) {
                let found = handshakes.answers(&connection, Direction::Received, piece);
                assert_eq!(found, None);
            }
            let mut answers = || handshakes.answers(&connection, Direction::Sent, b"server");
            assert_eq!(answers(), Some([0xab; RANDOM]), "pieces of {size}");
            assert_eq!(answers(), None);
        }
    }

    #[test]
    fn other_protocols_and_half_a_hello_have_none() {
        let half = &hello()[..30];
        for octets in [half, b"GET / HTTP/1.1\r\n\r\n", &[1, 0, 0, 20, 0x80], b""] {
            let (mut handshakes, connection) = (Handshakes::default(), connection());
            handshakes.answers(&connection, Direction::Sent, octets);
            let answer = handshakes.answers(&connection, Direction::Received, b"server");
            assert_eq!(answer, None);
        }
    }
}
