//! IP packets around what passed: TCP segments and UDP datagrams, with lengths and checksums.

use std::net::{IpAddr, SocketAddr};

/// Flags of a TCP header.
pub(super) mod flag {
    pub(in super::super) const FIN: u8 = 0x01;
    pub(in super::super) const SYN: u8 = 0x02;
    pub(in super::super) const PUSH: u8 = 0x08;
    pub(in super::super) const ACK: u8 = 0x10;
}

/// Octets of one segment: what fits a packet of either IP version, about the largest on loopback.
pub(super) const MAX_SEGMENT: usize = 65_463;

const TCP: u8 = 6;

const UDP: u8 = 17;

/// Where the checksum stands in the header.
const TCP_CHECKSUM: usize = 16;
const UDP_CHECKSUM: usize = 6;

/// MSS, and a window that counts in units of 2^7 octets, so that no answer of ours ever fills it.
const SYN_OPTIONS: [u8; 8] = {
    let [.., high, low] = MAX_SEGMENT.to_be_bytes();
    [2, 4, high, low, 1, 3, 3, 7]
};

/// One TCP segment.
#[derive(Clone, Copy)]
pub(super) struct Segment<'a> {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) sequence: u32,
    pub(super) acknowledged: u32,
    pub(super) flags: u8,
    pub(super) payload: &'a [u8],
}

impl Segment<'_> {
    /// The IP packet that carries it; `None` if the ends are of different IP versions or the payload is too long.
    pub(super) fn packet(&self) -> Option<Vec<u8>> {
        let options: &[u8] = if self.flags & flag::SYN != 0 {
            &SYN_OPTIONS
        } else {
            &[]
        };
        let header = 20 + options.len();
        let mut tcp = Vec::with_capacity(header + self.payload.len());
        tcp.extend(self.from.port().to_be_bytes());
        tcp.extend(self.to.port().to_be_bytes());
        tcp.extend(self.sequence.to_be_bytes());
        tcp.extend(self.acknowledged.to_be_bytes());
        tcp.push(u8::try_from(header / 4).ok()? << 4);
        tcp.push(self.flags);
        tcp.extend(u16::MAX.to_be_bytes()); // window
        tcp.extend([0; 4]); // checksum, urgent pointer
        tcp.extend(options);
        tcp.extend(self.payload);
        packet(self.from.ip(), self.to.ip(), TCP, tcp, TCP_CHECKSUM)
    }
}

/// The IP packet of a UDP datagram; `None` as for a segment.
pub(super) fn datagram(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Option<Vec<u8>> {
    let mut udp = Vec::with_capacity(8 + payload.len());
    udp.extend(from.port().to_be_bytes());
    udp.extend(to.port().to_be_bytes());
    udp.extend(u16::try_from(8 + payload.len()).ok()?.to_be_bytes());
    udp.extend([0; 2]); // checksum
    udp.extend(payload);
    packet(from.ip(), to.ip(), UDP, udp, UDP_CHECKSUM)
}

/// Puts an IP header before a TCP or UDP packet, and the checksum to its place in it.
fn packet(from: IpAddr, to: IpAddr, protocol: u8, mut inner: Vec<u8>, at: usize) -> Option<Vec<u8>> {
    let length = u16::try_from(inner.len()).ok()?;
    let addresses = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => [from.octets(), to.octets()].concat(),
        (IpAddr::V6(from), IpAddr::V6(to)) => [from.octets(), to.octets()].concat(),
        _ => return None,
    };
    // Addresses, protocol and length take part in the sum of either version (RFC 9293 3.1, RFC 8200 8.1).
    let sum = ones_sum(&addresses) + u64::from(protocol) + u64::from(length) + ones_sum(&inner);
    inner
        .get_mut(at..at + 2)?
        .copy_from_slice(&checksum(sum).to_be_bytes());

    let mut packet = Vec::with_capacity(40 + inner.len());
    if from.is_ipv4() {
        packet.extend([0x45, 0]); // version 4, five words
        packet.extend(length.checked_add(20)?.to_be_bytes());
        packet.extend([0, 0, 0x40, 0]); // no identification, never fragmented
        packet.extend([64, protocol, 0, 0]); // hops, protocol, checksum
        packet.extend(addresses);
        let sum = checksum(ones_sum(&packet)).to_be_bytes();
        packet.get_mut(10..12)?.copy_from_slice(&sum);
    } else {
        packet.extend([0x60, 0, 0, 0]); // version 6
        packet.extend(length.to_be_bytes());
        packet.extend([protocol, 64]); // next header, hops
        packet.extend(addresses);
    }
    packet.extend(inner);
    Some(packet)
}

/// The sum of 16-bit words, an odd last octet being a high one.
fn ones_sum(octets: &[u8]) -> u64 {
    let word = |pair: &[u8]| match *pair {
        [high, low] => u64::from(u16::from_be_bytes([high, low])),
        [high] => u64::from(high) << 8,
        _ => 0,
    };
    octets.chunks(2).map(word).sum()
}

/// The complement of the sum, its carries added in (RFC 1071).
fn checksum(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    // Folded to 16 bits above.
    !u16::try_from(sum).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment<'a>(from: &str, to: &str, payload: &'a [u8]) -> Segment<'a> {
        Segment {
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            sequence: 1,
            acknowledged: 2,
            flags: flag::ACK,
            payload,
        }
    }

    /// The example of RFC 1071 clause 3.
    #[test]
    fn sums_as_rfc_1071() {
        let sum = ones_sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(checksum(sum), !0xddf2);
    }

    /// Whoever sums a right packet with its checksum gets all ones.
    #[test]
    fn checksums_are_right_for_odd_and_even_lengths() {
        for payload in [&b""[..], b"odd", b"even"] {
            let v4 = segment("127.0.0.1:1", "127.0.0.1:2", payload).packet().unwrap();
            assert_eq!(checksum(ones_sum(&v4[..20])), 0);
            let tcp = &v4[20..];
            let pseudo = ones_sum(&v4[12..20]) + 6 + tcp.len() as u64;
            assert_eq!(checksum(pseudo + ones_sum(tcp)), 0);
            assert_eq!(usize::from(u16::from_be_bytes([v4[2], v4[3]])), v4.len());

            let v6 = segment("[::1]:1", "[::1]:2", payload).packet().unwrap();
            let tcp = &v6[40..];
            let pseudo = ones_sum(&v6[8..40]) + 6 + tcp.len() as u64;
            assert_eq!(checksum(pseudo + ones_sum(tcp)), 0);
        }
    }

    #[test]
    fn the_longest_segment_fits_and_a_longer_one_is_refused() {
        let most = vec![7; MAX_SEGMENT];
        assert!(segment("127.0.0.1:1", "127.0.0.1:2", &most).packet().is_some());
        assert!(segment("[::1]:1", "[::1]:2", &most).packet().is_some());
        let more = vec![7; 65_536];
        assert!(segment("127.0.0.1:1", "127.0.0.1:2", &more).packet().is_none());
        assert!(segment("127.0.0.1:1", "[::1]:2", b"").packet().is_none());
    }
}
