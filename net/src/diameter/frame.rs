//! Messages out of a stream of octets. Memory grows with what came, not with what a head promises.

use std::io;

use ::diameter::{
    Fault, Header, Message, ResultCode,
    message::{self, HEADER},
    peer::Input,
};
use base::SecretBytes;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Room made for one read, at first.
const CHUNK: usize = 16 * 1024;
/// … and at most.
const MOST: usize = 128 * 1024;

/// Collects octets and cuts them into messages.
pub(super) struct Frames<R> {
    stream: R,
    octets: Vec<u8>,
    /// How many of them are messages that were handed out.
    used: usize,
    room: usize,
    max: usize,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub(super) fn new(stream: R, max: usize) -> Self {
        Self {
            stream,
            octets: Vec::with_capacity(CHUNK),
            used: 0,
            room: CHUNK,
            max,
        }
    }

    /// Waits until [`Self::cut`] has something; false at the end of the stream. Nothing is lost if the future is dropped.
    pub(super) async fn ready(&mut self) -> io::Result<bool> {
        while self.first().is_none() {
            self.octets.drain(..self.used);
            self.used = 0;
            self.octets.reserve(self.room);
            let room = self.octets.capacity() - self.octets.len();
            let read = self.stream.read_buf(&mut self.octets).await?;
            if read == 0 {
                return Ok(false);
            }
            // Who sends much at once is read much at once.
            self.room = if read == room {
                (2 * self.room).min(MOST)
            } else {
                self.room
            };
        }
        Ok(true)
    }

    /// True if what is left begins as a TLS alert does (RFC 8446 5.1): type 21, version 3.x.
    pub(super) fn is_alert(&self) -> bool {
        matches!(self.octets.get(self.used..), Some([21, 3, ..]))
    }

    /// The first message that wasn't handed out, if all of it is here: its head, and how long it is, or why it has no
    /// end.
    fn first(&self) -> Option<(Header, Result<usize, Fault>)> {
        let octets = self.octets.get(self.used..)?;
        let header = Header::parse(octets.get(..HEADER)?).ok()?;
        match header.check(self.max) {
            Err(fault) => Some((header, Err(fault))),
            Ok(()) if octets.len() >= header.length => Some((header, Ok(header.length))),
            Ok(()) => None,
        }
    }

    /// A message, if all of it is here: its octets, or why the stream has lost its frame.
    pub(super) fn cut(&mut self) -> Option<Result<&[u8], Input>> {
        let (header, length) = self.first()?;
        let octets = self.octets.get(self.used..)?;
        Some(match length {
            Ok(length) => {
                self.used += length;
                Ok(octets.get(..length)?)
            }
            Err(fault) => Err(malformed(header, octets, fault)),
        })
    }
}

/// Reads the octets of one message.
pub(super) fn parse(octets: &[u8]) -> Option<Input> {
    Some(match Message::parse(octets) {
        Ok(message) => Input::Message(message),
        Err(fault) => malformed(Header::parse(octets).ok()?, octets, fault),
    })
}

fn malformed(header: Header, octets: &[u8], fault: Fault) -> Input {
    // Where the frame is lost, what follows the head isn't known to be its message.
    let framed = !matches!(
        fault.result,
        ResultCode::UNSUPPORTED_VERSION | ResultCode::INVALID_MESSAGE_LENGTH
    );
    let session = message::session_id(octets).filter(|_| framed).map(<[u8]>::to_vec);
    Input::Malformed {
        header,
        session,
        fault,
    }
}

impl<R> Drop for Frames<R> {
    /// The buffer held keys, also beyond its present length.
    fn drop(&mut self) {
        drop(SecretBytes::new(std::mem::take(&mut self.octets)));
    }
}
