//! Reading the clear part of a TLS 1.2 handshake from passing octets: server name, suite, hint, identity.
//!
//! [`Sniffer`] takes the octets of one direction in any portions, puts records and fragments together again and
//! says after each handshake message what stands in it. It never looks at encrypted octets: the gate stops asking
//! before they come. What it doesn't understand it refuses, and OpenSSL above judges the same octets by itself.

use base::{DecodeError, Reader};

/// Octets of one direction up to the message that needs the key, records and headers included.
pub const MAX_FLIGHT: usize = 16 << 10;

/// Octets of a psk_identity or a psk_identity_hint.
pub const MAX_IDENTITY: usize = 256;

/// Octets of a record's content (RFC 5246 6.2.1).
const MAX_RECORD: usize = 1 << 14;

/// What a handshake message says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Seen {
    /// ClientHello (RFC 5246 7.4.1.2) with its server_name (RFC 6066 3).
    ClientHello {
        /// The host_name, ASCII, 1 to 255 octets.
        sni: Option<String>,
    },
    /// ServerHello (RFC 5246 7.4.1.3).
    ServerHello {
        /// The suite that the server chose.
        suite: u16,
    },
    /// ServerKeyExchange of a plain PSK suite (RFC 4279 2).
    ServerKeyExchange {
        /// psk_identity_hint, at most 256 octets.
        hint: Vec<u8>,
    },
    /// ServerHelloDone: the client's turn.
    ServerHelloDone,
    /// ClientKeyExchange of a plain PSK suite (RFC 4279 2).
    ClientKeyExchange {
        /// psk_identity, at most 256 octets.
        identity: Vec<u8>,
    },
    /// Another message; its HandshakeType.
    Other(u8),
}

/// Puts the handshake messages of one direction together.
#[derive(Debug, Default)]
pub struct Sniffer {
    header: Vec<u8>,
    left_in_record: usize,
    message: Vec<u8>,
    total: usize,
}

impl Sniffer {
    /// Before the first octet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes octets up to the end of the next handshake message. Gives how many it took, and the message if one is
    /// complete; without one it has taken all.
    ///
    /// # Errors
    /// [`DecodeError`] where the octets are no handshake records, a message doesn't fit its own lengths, or a bound
    /// is passed ([`MAX_FLIGHT`], [`MAX_IDENTITY`]). Nothing can be pushed after that.
    pub fn push(&mut self, octets: &[u8]) -> Result<(usize, Option<Seen>), DecodeError> {
        let mut r = Reader::new(octets);
        while !r.is_empty() {
            if self.total >= MAX_FLIGHT {
                return Err(self.invalid("at most 16 KiB before the key exchange ends"));
            }
            if self.left_in_record == 0 {
                self.header.push(r.u8("record header")?);
                self.total += 1;
                self.take_header()?;
                continue;
            }
            // The message's header first, then as much as it announces: never into the next message.
            let wanted = match self.announced() {
                None => 4 - self.message.len(),
                Some(length) => (4 + length).saturating_sub(self.message.len()),
            };
            let n = wanted
                .min(self.left_in_record)
                .min(r.len())
                .min(MAX_FLIGHT - self.total);
            self.message.extend_from_slice(r.take(n, "handshake message")?);
            self.left_in_record -= n;
            self.total += n;
            if self
                .announced()
                .is_some_and(|length| self.message.len() == 4 + length)
            {
                let seen = read_message(&core::mem::take(&mut self.message))?;
                return Ok((octets.len() - r.len(), Some(seen)));
            }
        }
        Ok((octets.len(), None))
    }

    /// The length of the message's body, once its header is complete.
    fn announced(&self) -> Option<usize> {
        match self.message.get(1..4)? {
            [a, b, c] => usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).ok(),
            _ => None,
        }
    }

    /// Reads the record's header once it is complete.
    fn take_header(&mut self) -> Result<(), DecodeError> {
        let &[content, major, _, high, low] = self.header.as_slice() else {
            return Ok(());
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if content != 22 {
            return Err(self.invalid("only handshake records before the key exchange"));
        }
        if major != 3 {
            return Err(self.invalid("version 03 xx"));
        }
        if length == 0 || length > MAX_RECORD {
            return Err(self.invalid("1 to 2^14 octets"));
        }
        self.header.clear();
        self.left_in_record = length;
        Ok(())
    }

    const fn invalid(&self, rule: &'static str) -> DecodeError {
        DecodeError::Invalid {
            what: "TLS record",
            at: self.total,
            rule,
        }
    }
}

/// Reads one whole handshake message with its header of four octets (RFC 5246 7.4).
///
/// # Errors
/// [`DecodeError`] where a message that we know doesn't fit its own lengths.
pub fn read_message(octets: &[u8]) -> Result<Seen, DecodeError> {
    let mut r = Reader::new(octets);
    let kind = r.u8("HandshakeType")?;
    let length = r.u24("length")?;
    let mut body = r.sub(usize::try_from(length).unwrap_or(usize::MAX), "handshake message")?;
    r.finish("handshake message")?;
    let seen = match kind {
        1 => client_hello(&mut body)?,
        2 => server_hello(&mut body)?,
        12 => Seen::ServerKeyExchange {
            hint: identity(&mut body, "psk_identity_hint")?,
        },
        14 => Seen::ServerHelloDone,
        16 => Seen::ClientKeyExchange {
            identity: identity(&mut body, "psk_identity")?,
        },
        other => return Ok(Seen::Other(other)),
    };
    body.finish("handshake message")?;
    Ok(seen)
}

fn client_hello(r: &mut Reader<'_>) -> Result<Seen, DecodeError> {
    r.take(2 + 32, "client_version and random")?;
    let n = r.u8("session_id")?;
    r.take(usize::from(n), "session_id")?;
    let n = r.u16("cipher_suites")?;
    r.take(usize::from(n), "cipher_suites")?;
    let n = r.u8("compression_methods")?;
    r.take(usize::from(n), "compression_methods")?;
    let mut sni = None;
    extensions(r, |kind, body| {
        if kind == 0 {
            sni = Some(server_name(body)?);
        }
        Ok(())
    })?;
    Ok(Seen::ClientHello { sni })
}

fn server_hello(r: &mut Reader<'_>) -> Result<Seen, DecodeError> {
    r.take(2 + 32, "server_version and random")?;
    let n = r.u8("session_id")?;
    r.take(usize::from(n), "session_id")?;
    let suite = r.u16("cipher_suite")?;
    r.u8("compression_method")?;
    extensions(r, |_, _| Ok(()))?;
    Ok(Seen::ServerHello { suite })
}

/// The extensions at the end of a hello; they may be absent as a whole.
fn extensions<'a>(
    r: &mut Reader<'a>,
    mut each: impl FnMut(u16, Reader<'a>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    if r.is_empty() {
        return Ok(());
    }
    let n = r.u16("extensions")?;
    let mut all = r.sub(usize::from(n), "extensions")?;
    while !all.is_empty() {
        let kind = all.u16("extension_type")?;
        let n = all.u16("extension_data")?;
        each(kind, all.sub(usize::from(n), "extension_data")?)?;
    }
    Ok(())
}

/// A list with exactly one host_name (RFC 6066 3 allows no second name of a type, and there is no other type).
fn server_name(mut r: Reader<'_>) -> Result<String, DecodeError> {
    let n = r.u16("server_name_list")?;
    let mut list = r.sub(usize::from(n), "server_name_list")?;
    r.finish("server_name")?;
    if list.u8("name_type")? != 0 {
        return Err(list.invalid("name_type", "host_name is the only one"));
    }
    let n = list.u16("host_name")?;
    let here = list;
    let name = list.take(usize::from(n), "host_name")?;
    list.finish("server_name_list")?;
    match core::str::from_utf8(name) {
        Ok(name) if (1..=255).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic()) => {
            Ok(name.to_owned())
        }
        _ => Err(here.invalid("host_name", "1 to 255 printable ASCII characters")),
    }
}

fn identity(r: &mut Reader<'_>, what: &'static str) -> Result<Vec<u8>, DecodeError> {
    let here = *r;
    let n = usize::from(r.u16(what)?);
    if n > MAX_IDENTITY {
        return Err(here.invalid(what, "at most 256 octets"));
    }
    Ok(r.take(n, what)?.to_vec())
}

#[cfg(test)]
mod tests;
