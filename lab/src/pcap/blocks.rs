//! The blocks of a pcapng file (draft-ietf-opsawg-pcapng) that a capture of ours has, in little-endian order:
//! section header, interface description, decryption secrets, enhanced packet.

use std::{
    io::{self, Write},
    time::Duration,
};

/// Each packet begins with its IPv4 or IPv6 header (LINKTYPE_RAW).
const LINKTYPE_RAW: u16 = 101;

/// Block types.
mod kind {
    pub(super) const SECTION: u32 = 0x0a0d_0d0a;
    pub(super) const INTERFACE: u32 = 1;
    pub(super) const PACKET: u32 = 6;
    pub(super) const SECRETS: u32 = 10;
}

/// Option codes; the meaning of those above 1 depends on the block.
mod option {
    pub(super) const COMMENT: u16 = 1;
    pub(super) const SECTION_APPLICATION: u16 = 4;
    pub(super) const INTERFACE_NAME: u16 = 2;
    pub(super) const INTERFACE_RESOLUTION: u16 = 9;
}

/// `TLSK`: lines as of `SSLKEYLOGFILE`.
const TLS_KEY_LOG: u32 = 0x544c_534b;

/// Writes blocks one after the other.
pub(super) struct Blocks<W: Write> {
    out: W,
}

impl<W: Write> Blocks<W> {
    /// Begins a file with its section header and its one interface.
    pub(super) fn begin(out: W, application: &str, comment: &str) -> io::Result<Self> {
        let mut blocks = Self { out };
        let mut body = Vec::new();
        body.extend(0x1a2b_3c4d_u32.to_le_bytes()); // by which a reader sees the octet order
        body.extend([1, 0, 0, 0]); // version 1.0
        body.extend(u64::MAX.to_le_bytes()); // the section's length is not known
        put_option(&mut body, option::COMMENT, comment.as_bytes());
        put_option(&mut body, option::SECTION_APPLICATION, application.as_bytes());
        end_options(&mut body);
        blocks.block(kind::SECTION, &body)?;

        body.clear();
        body.extend(LINKTYPE_RAW.to_le_bytes());
        body.extend([0; 2]);
        body.extend(0_u32.to_le_bytes()); // packets are whole, however long
        put_option(&mut body, option::INTERFACE_NAME, b"gba");
        put_option(&mut body, option::INTERFACE_RESOLUTION, &[9]); // nanoseconds
        end_options(&mut body);
        blocks.block(kind::INTERFACE, &body)?;
        Ok(blocks)
    }

    /// One line of a TLS key log. It opens packets that come after it.
    pub(super) fn tls_secret(&mut self, line: &str) -> io::Result<()> {
        let mut body = Vec::with_capacity(line.len() + 16);
        body.extend(TLS_KEY_LOG.to_le_bytes());
        body.extend(length(line.len() + 1)?.to_le_bytes());
        body.extend(line.as_bytes());
        body.push(b'\n');
        pad(&mut body);
        self.block(kind::SECRETS, &body)
    }

    /// An IP packet and the time when it was seen, since 1970.
    pub(super) fn packet(&mut self, at: Duration, octets: &[u8], comment: Option<&str>) -> io::Result<()> {
        // Beyond the year 2554 the time stays where it is.
        let [high, low] = halves(u64::try_from(at.as_nanos()).unwrap_or(u64::MAX));
        let mut body = Vec::with_capacity(octets.len() + 64);
        body.extend(0_u32.to_le_bytes()); // the interface
        body.extend(high.to_le_bytes());
        body.extend(low.to_le_bytes());
        body.extend(length(octets.len())?.to_le_bytes());
        body.extend(length(octets.len())?.to_le_bytes());
        body.extend(octets);
        pad(&mut body);
        if let Some(comment) = comment {
            put_option(&mut body, option::COMMENT, comment.as_bytes());
            end_options(&mut body);
        }
        self.block(kind::PACKET, &body)
    }

    /// Hands on what a writer below may have kept.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// A block: type, length, body, length again. The body is a multiple of four octets.
    fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let whole = length(body.len() + 12)?.to_le_bytes();
        for part in [&kind.to_le_bytes()[..], &whole, body, &whole] {
            self.out.write_all(part)?;
        }
        Ok(())
    }
}

/// The upper and the lower 32 bits.
const fn halves(value: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
    [u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])]
}

fn length(octets: usize) -> io::Result<u32> {
    u32::try_from(octets).map_err(|_| io::Error::other("a block of a capture file is longer than 4 GiB"))
}

/// A value longer than 65535 octets is cut: it is for people.
fn put_option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    body.extend(code.to_le_bytes());
    body.extend(length.to_le_bytes());
    body.extend(value.iter().take(usize::from(length)));
    pad(body);
}

fn end_options(body: &mut Vec<u8>) {
    body.extend([0; 4]);
}

/// Fills up to a multiple of four octets; every body begins at one.
fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}
