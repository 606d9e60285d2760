//! Messages out of a stream of octets. Memory grows with what came, not with what a head promises.

use std::io;

use ::diameter::{
    Fault, Header, Message, ResultCode,
    message::{self, HEADER},
    peer::Input,
};
use base::SecretBytes;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Room made for one read.
const CHUNK: usize = 16 * 1024;

/// Collects octets and cuts them into messages.
pub(super) struct Frames<R> {
    stream: R,
    octets: Vec<u8>,
    /// How many of them are messages that were handed out.
    used: usize,
    max: usize,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub(super) fn new(stream: R, max: usize) -> Self {
        Self {
            stream,
            octets: Vec::with_capacity(CHUNK),
            used: 0,
            max,
        }
    }

    /// The next message, or `None` at the end of the stream. Nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self) -> io::Result<Option<Input>> {
        loop {
            if let Some(input) = self.cut() {
                return Ok(Some(input));
            }
            self.octets.drain(..self.used);
            self.used = 0;
            self.octets.reserve(CHUNK);
            if self.stream.read_buf(&mut self.octets).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// True if what is left begins as a TLS alert does (RFC 8446 5.1): type 21, version 3.x.
    pub(super) fn is_alert(&self) -> bool {
        matches!(self.octets.get(self.used..), Some([21, 3, ..]))
    }

    /// A message, if all of it is here.
    pub(super) fn cut(&mut self) -> Option<Input> {
        let octets = self.octets.get(self.used..)?;
        let header = Header::parse(octets.get(..HEADER)?).ok()?;
        if let Err(fault) = header.check(self.max) {
            return Some(malformed(header, octets, fault));
        }
        let octets = octets.get(..header.length)?;
        self.used += header.length;
        Some(match Message::parse(octets) {
            Ok(message) => Input::Message(message),
            Err(fault) => malformed(header, octets, fault),
        })
    }
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
