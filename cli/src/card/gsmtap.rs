//! `--gsmtap`: each command with its answer as a packet of GSMTAP's SIM type, which Wireshark decodes as `gsm_sim`.
//!
//! The octets are those that T=0 would have on the line: what has data in both directions is shown as two exchanges,
//! the second one a GET RESPONSE.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs as _, UdpSocket},
};

use base::{SecretBytes, apdu::Command};

/// GSMTAP's port (IANA).
const PORT: u16 = 4729;

/// Where packets go. Nobody has to listen there.
pub(crate) struct Gsmtap {
    socket: UdpSocket,
    sent: u32,
}

impl Gsmtap {
    /// To HOST or HOST:PORT.
    pub(crate) fn to(place: &str) -> Result<Self, String> {
        let told = |e: io::Error| format!("--gsmtap {place}: {e}");
        let found = place
            .to_socket_addrs()
            .or_else(|_| (place, PORT).to_socket_addrs());
        let to = found
            .map_err(told)?
            .next()
            .ok_or_else(|| format!("--gsmtap {place}: no address of this name"))?;
        let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any).map_err(told)?;
        socket.connect(to).map_err(told)?;
        // A full buffer loses a packet rather than delay a card.
        socket.set_nonblocking(true).map_err(told)?;
        Ok(Self { socket, sent: 0 })
    }

    /// Where the packets go.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.peer_addr()
    }

    /// A copy for another card.
    pub(crate) fn duplicate(&self) -> io::Result<Self> {
        Ok(Self {
            socket: self.socket.try_clone()?,
            sent: 0,
        })
    }

    /// One command, and its answer with the status word.
    pub(crate) fn send(&mut self, card: u8, command: &Command, answer: &[u8]) {
        for exchange in exchanges(command, answer) {
            let packet = SecretBytes::new([&header(card, self.sent)[..], exchange.expose()].concat());
            self.sent = self.sent.wrapping_add(1);
            // Nobody listens, perhaps: that is nobody's mistake.
            let _ = self.socket.send(packet.expose());
        }
    }
}

/// GSMTAP version 2: lengths in words of four octets, type SIM, sub-type APDU; the frame number counts, and the sub-slot
/// tells cards apart.
fn header(card: u8, number: u32) -> [u8; 16] {
    let [a, b, c, d] = number.to_be_bytes();
    [2, 4, 4, 0, 0, 0, 0, 0, a, b, c, d, 0, 0, card, 0]
}

fn exchanges(command: &Command, answer: &[u8]) -> Vec<SecretBytes> {
    let Some((data, sw)) = answer.split_last_chunk::<2>() else {
        return Vec::new();
    };
    let Command { cla, ins, p1, p2, .. } = *command;
    // 256 is said as 00.
    let length = data.len().to_le_bytes()[0];
    let sent = command.data();
    let exchange =
        |header: [u8; 5], parts: [&[u8]; 2]| SecretBytes::new([&header[..], parts[0], parts[1]].concat());
    if sent.is_empty() {
        let p3 = if data.is_empty() {
            command.le.unwrap_or(0)
        } else {
            length
        };
        return vec![exchange([cla, ins, p1, p2, p3], [data, sw])];
    }
    let lc = sent.len().to_le_bytes()[0];
    if data.is_empty() {
        return vec![exchange([cla, ins, p1, p2, lc], [sent, sw])];
    }
    vec![
        exchange([cla, ins, p1, p2, lc], [sent, &[0x61, length]]),
        exchange([cla, 0xc0, 0, 0, length], [data, sw]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_shown_as_t0_has_it() {
        let shown = |c: &Command, answer: &[u8]| -> Vec<Vec<u8>> {
            exchanges(c, answer).iter().map(|e| e.expose().to_vec()).collect()
        };
        let plain = Command::new(0, 0xb0, 0, 0);
        let data = plain.clone().with_data(&[0x3f, 0]).unwrap();
        assert_eq!(shown(&plain, &[0x90, 0]), [[0, 0xb0, 0, 0, 0, 0x90, 0]]);
        assert_eq!(
            shown(&plain.with_le(0), &[1, 2, 0x90, 0]),
            [[0, 0xb0, 0, 0, 2, 1, 2, 0x90, 0]]
        );
        assert_eq!(shown(&data, &[0x61, 9]), [[0, 0xb0, 0, 0, 2, 0x3f, 0, 0x61, 9]]);
        assert_eq!(
            shown(&data.with_le(0), &[7, 0x90, 0]),
            [
                &[0, 0xb0, 0, 0, 2, 0x3f, 0, 0x61, 1][..],
                &[0, 0xc0, 0, 0, 1, 7, 0x90, 0]
            ]
        );
        assert!(exchanges(&Command::new(0, 0, 0, 0), &[0x90]).is_empty());
    }

    #[test]
    fn a_host_without_port_gets_gsmtaps() {
        let to = |place| Gsmtap::to(place).map(|g| g.address().unwrap().to_string());
        assert_eq!(to("127.0.0.1").unwrap(), "127.0.0.1:4729");
        assert_eq!(to("127.0.0.1:9").unwrap(), "127.0.0.1:9");
        assert!(
            to("no such host")
                .unwrap_err()
                .starts_with("--gsmtap no such host: ")
        );
    }
}
