//! A message (RFC 6733 3): head of 20 octets and AVPs.

use core::{
    fmt::Write as _,
    sync::atomic::{AtomicU32, Ordering},
};

use base::Reader;

use crate::{
    avp::{self, Avp, Budget},
    dictionary::{self, AvpDef},
    fault::Fault,
    identity::{Identity, Origin},
    result::ResultCode,
};

/// The longest message that is read, in octets. A GUSS is at most 64 KiB; nothing else here is long.
pub const MAX_MESSAGE: usize = 128 * 1024;
/// Length of the head, in octets.
pub const HEADER: usize = 20;

/// The head, readable also where the rest is not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// Version, 1.
    pub version: u8,
    /// Message Length in octets, head included.
    pub length: usize,
    /// Command Flags: R, P, E, T.
    pub flags: u8,
    /// Command Code.
    pub command: u32,
    /// Application-Id.
    pub application: u32,
    /// Matches an answer to its request on this connection.
    pub hop_by_hop: u32,
    /// Finds duplicates from one end to the other.
    pub end_to_end: u32,
}

impl Header {
    /// Reads the first 20 octets.
    ///
    /// # Errors
    /// 5015 if there are fewer.
    pub fn parse(octets: &[u8]) -> Result<Self, Fault> {
        let mut r = Reader::new(octets);
        Self::read(&mut r).map_err(|e| Fault::new(ResultCode::INVALID_MESSAGE_LENGTH, e.to_string()))
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, base::DecodeError> {
        Ok(Self {
            version: r.u8("Version")?,
            length: r.u24("Message Length")? as usize,
            flags: r.u8("Command Flags")?,
            command: r.u24("Command Code")?,
            application: r.u32("Application-Id")?,
            hop_by_hop: r.u32("Hop-by-Hop Identifier")?,
            end_to_end: r.u32("End-to-End Identifier")?,
        })
    }

    /// Checks what a stream needs before it waits for the rest of the message.
    ///
    /// # Errors
    /// 5011 for a version other than 1, 5015 for a length below 20, above `max` or no multiple of four. The
    /// stream has then lost its frame: answer, if at all, and close.
    pub fn check(&self, max: usize) -> Result<(), Fault> {
        if self.version != 1 {
            let text = format!("version 1 expected, got {}", self.version);
            return Err(Fault::new(ResultCode::UNSUPPORTED_VERSION, text));
        }
        if self.length < HEADER || self.length > max || !self.length.is_multiple_of(4) {
            let text = format!(
                "Message Length {}: a multiple of 4 from 20 to {max} expected",
                self.length
            );
            return Err(Fault::new(ResultCode::INVALID_MESSAGE_LENGTH, text));
        }
        Ok(())
    }

    /// The R flag.
    #[must_use]
    pub const fn is_request(&self) -> bool {
        self.flags & Message::REQUEST != 0
    }
}

/// A whole message. `Debug` is [`Message::summary`]: it never shows a secret value.
#[derive(Clone, PartialEq)]
pub struct Message {
    /// Command Flags: R, P, E, T; unknown bits survive.
    pub flags: u8,
    /// Command Code.
    pub command: u32,
    /// Application-Id.
    pub application: u32,
    /// Matches an answer to its request on this connection; the node sets it.
    pub hop_by_hop: u32,
    /// Finds duplicates from one end to the other; the node sets it.
    pub end_to_end: u32,
    /// The AVPs in their order.
    pub avps: Vec<Avp>,
}

impl Message {
    /// R flag.
    pub const REQUEST: u8 = 0x80;
    /// P flag.
    pub const PROXIABLE: u8 = 0x40;
    /// E flag.
    pub const ERROR: u8 = 0x20;
    /// T flag.
    pub const RETRANSMITTED: u8 = 0x10;

    /// An empty request. Its identifiers are set by whoever sends it.
    #[must_use]
    pub const fn request(command: u32, application: u32, proxiable: bool) -> Self {
        Self {
            flags: Self::REQUEST | if proxiable { Self::PROXIABLE } else { 0 },
            command,
            application,
            hop_by_hop: 0,
            end_to_end: 0,
            avps: Vec::new(),
        }
    }

    /// An answer to `request` with Session-Id alone: R, E and T flags clear, P as asked (RFC 6733 6.2).
    ///
    /// Proxy-Info belongs at the end: see [`Self::copy_proxy_info`].
    #[must_use]
    pub fn answer_to(request: &Self) -> Self {
        let mut answer = Self::answer_to_header(&request.header());
        // Room for a usual answer.
        answer.avps.reserve(12);
        answer.avps.extend(request.find(&dictionary::SESSION_ID).cloned());
        answer
    }

    /// An empty answer, where of the request only the head is known.
    #[must_use]
    pub const fn answer_to_header(request: &Header) -> Self {
        Self {
            flags: request.flags & Self::PROXIABLE,
            command: request.command,
            application: request.application,
            hop_by_hop: request.hop_by_hop,
            end_to_end: request.end_to_end,
            avps: Vec::new(),
        }
    }

    /// Copies Proxy-Info in its order (RFC 6733 6.2).
    pub fn copy_proxy_info(&mut self, request: &Self) {
        self.avps.extend(request.all(&dictionary::PROXY_INFO).cloned());
    }

    /// Adds Origin-Host and Origin-Realm.
    pub fn push_origin(&mut self, origin: &Origin) {
        self.avps
            .push(Avp::identity(&dictionary::ORIGIN_HOST, &origin.host));
        self.avps
            .push(Avp::identity(&dictionary::ORIGIN_REALM, &origin.realm));
    }

    /// The head as it will be encoded, without its length.
    #[must_use]
    pub const fn header(&self) -> Header {
        Header {
            version: 1,
            length: 0,
            flags: self.flags,
            command: self.command,
            application: self.application,
            hop_by_hop: self.hop_by_hop,
            end_to_end: self.end_to_end,
        }
    }

    /// The R flag.
    #[must_use]
    pub const fn is_request(&self) -> bool {
        self.flags & Self::REQUEST != 0
    }

    /// The E flag.
    #[must_use]
    pub const fn is_error(&self) -> bool {
        self.flags & Self::ERROR != 0
    }

    /// The first AVP of a row.
    #[must_use]
    pub fn find(&self, def: &AvpDef) -> Option<&Avp> {
        self.avps.iter().find(|avp| avp.is(def))
    }

    /// All AVPs of a row.
    pub fn all<'a>(&'a self, def: &'a AvpDef) -> impl Iterator<Item = &'a Avp> {
        self.avps.iter().filter(move |avp| avp.is(def))
    }

    /// The first AVP of a row, which has to be there.
    ///
    /// # Errors
    /// 5005.
    pub fn need(&self, def: &AvpDef) -> Result<&Avp, Fault> {
        self.find(def).ok_or_else(|| Fault::missing(def))
    }

    /// Origin-Host and Origin-Realm.
    ///
    /// # Errors
    /// 5005 if one is missing, 5004 if it is no name.
    pub fn origin(&self) -> Result<Origin, Fault> {
        Ok(Origin {
            host: self.need(&dictionary::ORIGIN_HOST)?.as_identity()?,
            realm: self.need(&dictionary::ORIGIN_REALM)?.as_identity()?,
        })
    }

    /// The result of an answer, from Result-Code or Experimental-Result.
    ///
    /// # Errors
    /// 5005 if neither is there, 5014 if the one that is isn't four octets long.
    pub fn result(&self) -> Result<ResultCode, Fault> {
        if let Some(avp) = self.find(&dictionary::RESULT_CODE) {
            return Ok(ResultCode::Base(avp.as_u32()?));
        }
        let group = self
            .find(&dictionary::EXPERIMENTAL_RESULT)
            .ok_or_else(|| Fault::missing(&dictionary::RESULT_CODE))?;
        let inner = |def: &AvpDef| group.find(def).ok_or_else(|| Fault::missing(def))?.as_u32();
        Ok(ResultCode::Experimental {
            vendor: inner(&dictionary::VENDOR_ID)?,
            code: inner(&dictionary::EXPERIMENTAL_RESULT_CODE)?,
        })
    }

    /// Reads exactly one message. Only the frame is checked: lengths, nesting, number of AVPs. What a command
    /// wants is the matter of [`crate::grammar`].
    ///
    /// Allocates at most a small multiple of the input: one AVP in memory (80 octets) per 8 octets of input,
    /// and the octets of long values.
    ///
    /// # Errors
    /// A [`Fault`] of 5011, 5015 (the stream has lost its frame), 5014 or 5009 (answer and go on).
    pub fn parse(octets: &[u8]) -> Result<Self, Fault> {
        let header = Header::parse(octets)?;
        header.check(MAX_MESSAGE)?;
        if header.length != octets.len() {
            let text = format!("Message Length {}, {} octets came", header.length, octets.len());
            return Err(Fault::new(ResultCode::INVALID_MESSAGE_LENGTH, text));
        }
        let avps = octets.get(HEADER..).unwrap_or_default();
        Ok(Self {
            flags: header.flags,
            command: header.command,
            application: header.application,
            hop_by_hop: header.hop_by_hop,
            end_to_end: header.end_to_end,
            avps: avp::read_all(avps, 0, &mut Budget::new(), true)?,
        })
    }

    /// Length on the wire, in octets.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        HEADER
            + self
                .avps
                .iter()
                .map(|avp| avp.encoded_len().next_multiple_of(4))
                .sum::<usize>()
    }

    /// The octets of the message. They may hold keys: wipe them when sent.
    #[must_use]
    #[expect(
        clippy::slow_vector_initialization,
        reason = "memory asked for with its zeros is none of what was just given back, which takes longer"
    )]
    pub fn encode(&self) -> Vec<u8> {
        let len = self.encoded_len();
        let mut out = Vec::with_capacity(len);
        out.resize(len, 0);
        let _ = self.write(&mut out);
        out
    }

    /// Writes the message to `out`, which is zero and as long as it.
    pub(crate) fn write(&self, out: &mut [u8]) -> Option<()> {
        let [l0, l1, l2] = avp::length(out.len());
        let (head, rest) = out.split_first_chunk_mut::<HEADER>()?;
        let fields = [
            u32::from_be_bytes([1, l0, l1, l2]),
            u32::from(self.flags) << 24 | self.command & 0x00ff_ffff,
            self.application,
            self.hop_by_hop,
            self.end_to_end,
        ];
        for (to, field) in head.as_chunks_mut::<4>().0.iter_mut().zip(fields) {
            *to = field.to_be_bytes();
        }
        self.avps.iter().try_fold(rest, |rest, avp| avp.write(rest))?;
        Some(())
    }
}

/// The Session-Id of a message that otherwise can't be read, for the answer to it. It comes first
/// (RFC 6733 8.8), so only the first AVP is looked at.
#[must_use]
pub fn session_id(octets: &[u8]) -> Option<&[u8]> {
    let mut r = Reader::new(octets.get(HEADER..)?);
    let code = r.u32("code").ok()?;
    let flags = r.u8("flags").ok()?;
    let len = r.u24("length").ok()? as usize;
    let is_session = code == dictionary::SESSION_ID.code && flags & Avp::VENDOR == 0;
    r.take(len.checked_sub(8)?, "Session-Id")
        .ok()
        .filter(|_| is_session)
}

/// Makes Session-Ids that no other session of this node has: `host;high;low` (RFC 6733 8.8).
#[derive(Debug)]
pub struct SessionIds {
    host: Identity,
    high: u32,
    low: AtomicU32,
}

impl SessionIds {
    /// `high` should differ from start to start: the time in seconds, or random.
    #[must_use]
    pub const fn new(host: Identity, high: u32) -> Self {
        Self {
            host,
            high,
            low: AtomicU32::new(0),
        }
    }

    /// The next one.
    #[must_use]
    pub fn next(&self) -> String {
        let low = self.low.fetch_add(1, Ordering::Relaxed);
        // Two numbers of up to ten digits.
        let mut id = String::with_capacity(self.host.as_str().len() + 22);
        // Writing to a String can't fail.
        let _ = write!(id, "{};{};{low}", self.host, self.high);
        id
    }
}
