//! What a card is asked and what it answers, as GSMTAP packets of type SIM. A dissector knows the exchanges of T=0, so a
//! command with data both ways becomes two: the command, and the GET RESPONSE that fetches its answer.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use base::{SecretBytes, apdu::Command};

use super::packets::datagram;

/// GSMTAP over UDP.
const PORT: u16 = 4729;

/// Version 2, four words, type SIM, subtype APDU; times and channels are of no meaning here.
const HEADER: [u8; 16] = [2, 4, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

const GET_RESPONSE: u8 = 0xc0;

/// "Normal, and there is a response".
const RESPONSE_WAITS: u8 = 0x61;

/// The exchanges of T=0 that a command and its response are: header, data, status word.
pub(super) fn exchanges(command: &[u8], response: &[u8]) -> Vec<SecretBytes> {
    let Ok(parsed) = Command::parse(command) else {
        return Vec::new();
    };
    let header = [parsed.cla, parsed.ins, parsed.p1, parsed.p2];
    let (data, status) = response.split_at(response.len().saturating_sub(2));
    // 256 is written as 0.
    let length = |octets: &[u8]| octets.len().to_le_bytes()[0];
    let one = |header: &[u8], p3: u8, data: &[u8], status: &[u8]| {
        SecretBytes::new([header, &[p3], data, status].concat())
    };
    if parsed.data().is_empty() {
        let p3 = if data.is_empty() {
            parsed.le.unwrap_or(0)
        } else {
            length(data)
        };
        return vec![one(&header, p3, data, status)];
    }
    let p3 = length(parsed.data());
    if data.is_empty() {
        return vec![one(&header, p3, parsed.data(), status)];
    }
    let waits = [RESPONSE_WAITS, length(data)];
    let fetch = [parsed.cla & 0x03, GET_RESPONSE, 0, 0];
    vec![
        one(&header, p3, parsed.data(), &waits),
        one(&fetch, length(data), data, status),
    ]
}

/// The IP packet of an exchange.
pub(super) fn packet(exchange: &[u8]) -> Option<Vec<u8>> {
    let here = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT);
    datagram(here, here, &[&HEADER[..], exchange].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(command: &[u8], response: &[u8]) -> Vec<Vec<u8>> {
        let exchanges = exchanges(command, response);
        exchanges.iter().map(|e| e.expose().to_vec()).collect()
    }

    #[test]
    fn each_case_of_a_command_becomes_what_t_0_would_carry() {
        let ok = [0x90, 0];
        assert_eq!(told(&[0, 0x44, 0, 0], &ok), [[0, 0x44, 0, 0, 0, 0x90, 0]]);
        let read = [0, 0xb0, 0, 0, 2];
        assert_eq!(told(&read, &[7, 8, 0x90, 0]), [[0, 0xb0, 0, 0, 2, 7, 8, 0x90, 0]]);
        let update = [0, 0xd6, 0, 0, 1, 9];
        assert_eq!(told(&update, &ok), [[0, 0xd6, 0, 0, 1, 9, 0x90, 0]]);
        let both = [1, 0x88, 0, 0x81, 1, 9, 0];
        let expected = [
            &[1, 0x88, 0, 0x81, 1, 9, 0x61, 2][..],
            &[1, 0xc0, 0, 0, 2, 7, 8, 0x90, 0],
        ];
        assert_eq!(told(&both, &[7, 8, 0x90, 0]), expected);
        assert!(told(&[0], &ok).is_empty());
    }
}
