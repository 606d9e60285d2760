//! Notices requests with both `Content-Length` and `Transfer-Encoding`, which RFC 9112 6.1 lets a server refuse: who
//! sends both hopes that something before us ends the request elsewhere. hyper goes by the second and shows the
//! service no trace of the first, so [`Framing`] looks at the octets before hyper has them.
//!
//! It follows heads, and bodies that have a length, up to the first `Transfer-Encoding`; the server ends each
//! connection after such a request, so what comes then is no request.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A line's first octets that are kept: both names and a length fit.
const KEPT: usize = 64;

/// Where the octets read so far end.
#[derive(Debug)]
enum At {
    Head,
    /// In a body with so many octets to come.
    Body(u64),
    /// Behind a request whose end isn't followed.
    Beyond,
}

/// Finds the heads in what a client sends.
#[derive(Debug)]
pub(super) struct Heads {
    at: At,
    line: [u8; KEPT],
    /// The length of the line, of which the array has the start.
    length: usize,
    /// Lines of this head that are ended.
    lines: u64,
    content_length: Option<u64>,
    transfer_encoding: bool,
}

impl Heads {
    const fn new() -> Self {
        Self {
            at: At::Head,
            line: [0; KEPT],
            length: 0,
            lines: 0,
            content_length: None,
            transfer_encoding: false,
        }
    }

    /// True once a head with both has been seen to its end.
    fn push(&mut self, mut octets: &[u8]) -> bool {
        loop {
            match self.at {
                At::Beyond => return false,
                At::Body(left) => {
                    let here = u64::try_from(octets.len()).unwrap_or(u64::MAX);
                    if here < left {
                        self.at = At::Body(left - here);
                        return false;
                    }
                    octets = usize::try_from(left)
                        .ok()
                        .and_then(|n| octets.get(n..))
                        .unwrap_or_default();
                    self.at = At::Head;
                }
                At::Head => {
                    let Some(end) = memchr::memchr(b'\n', octets) else {
                        self.keep(octets);
                        return false;
                    };
                    let (line, rest) = octets.split_at(end);
                    self.keep(line);
                    octets = rest.get(1..).unwrap_or_default();
                    if self.end_of_line() {
                        return true;
                    }
                }
            }
        }
    }

    /// Adds to the line what there is room for.
    fn keep(&mut self, part: &[u8]) {
        let room = self.line.get_mut(self.length..).unwrap_or_default();
        let kept = part.len().min(room.len());
        if let (Some(room), Some(part)) = (room.get_mut(..kept), part.get(..kept)) {
            room.copy_from_slice(part);
        }
        self.length = self.length.saturating_add(part.len());
    }

    /// True if the line ended a head with both.
    fn end_of_line(&mut self) -> bool {
        let line = self.line.get(..self.length).unwrap_or(&self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.length = 0;
        if line.is_empty() {
            // Empty lines before a request are passed over (RFC 9112 2.2).
            return self.lines > 0 && self.end_of_head();
        }
        self.lines = self.lines.saturating_add(1);
        let mut halves = line.splitn(2, |b| *b == b':');
        let name = halves.next().unwrap_or_default();
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.transfer_encoding = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let value = halves.next().and_then(|v| std::str::from_utf8(v).ok());
            // What is no number, hyper refuses.
            self.content_length = Some(value.and_then(|v| v.trim().parse().ok()).unwrap_or(u64::MAX));
        }
        false
    }

    fn end_of_head(&mut self) -> bool {
        let both = self.transfer_encoding && self.content_length.is_some();
        self.at = match self.content_length {
            _ if self.transfer_encoding => At::Beyond,
            Some(length) => At::Body(length),
            None => At::Head,
        };
        (self.lines, self.content_length) = (0, None);
        both
    }
}

/// True if a request with both has ended within what came in these portions.
pub fn has_both<'a>(portions: impl IntoIterator<Item = &'a [u8]>) -> bool {
    let mut heads = Heads::new();
    portions.into_iter().any(|octets| heads.push(octets))
}

/// A stream that tells when a request with both has come in, before hyper sees the last octet of its head.
pub(super) struct Framing<I> {
    io: I,
    heads: Heads,
    both: Arc<AtomicBool>,
}

impl<I> Framing<I> {
    /// `both` is set by then.
    pub(super) const fn new(io: I, both: Arc<AtomicBool>) -> Self {
        let heads = Heads::new();
        Self { io, heads, both }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Framing<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        if self.heads.push(buf.filled().get(before..).unwrap_or_default()) {
            self.both.store(true, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Framing<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn both(text: &str, portion: usize) -> bool {
        has_both(text.as_bytes().chunks(portion.max(1)))
    }

    #[test]
    fn sees_both_in_any_head_and_nowhere_else() {
        const CL: &str = "Content-Length: 5\r\n";
        const TE: &str = "transfer-ENCODING:chunked\r\n";
        let long = "x".repeat(300);
        for portion in [1, 3, 1000] {
            for (text, expected) in [
                (format!("POST / HTTP/1.1\r\n{CL}{TE}\r\n"), true),
                (format!("POST / HTTP/1.1\r\n{TE}Host: a\r\n{CL}\r\n"), true),
                (format!("\r\nPOST /{long} HTTP/1.1\n{long}: {TE}{CL}\n"), false),
                (format!("POST / HTTP/1.1\n{}{TE}\n", CL.replace('\r', "")), true),
                (format!("POST / HTTP/1.1\r\n{CL}\r\n{TE}"), false),
                (
                    format!("POST / HTTP/1.1\r\n{CL}\r\n12345POST / HTTP/1.1\r\n{TE}\r\n"),
                    false,
                ),
                (
                    format!("GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\n{TE}{CL}\r\n"),
                    true,
                ),
                (
                    format!("POST / HTTP/1.1\r\n{CL}\r\n12345POST / HTTP/1.1\r\n{CL}{TE}\r\n"),
                    true,
                ),
                (
                    format!("POST / HTTP/1.1\r\n{TE}\r\n0\r\n\r\nPOST / HTTP/1.1\r\n{CL}{TE}\r\n"),
                    false,
                ),
            ] {
                assert_eq!(both(&text, portion), expected, "{portion} {text}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_portions_do_not_matter(
            text in "((POST / HTTP/1.1|Content-Length: [0-9]{1,2}|Transfer-Encoding: chunked|a|)\r\n){0,12}",
            portion in 1usize..40,
        ) {
            prop_assert_eq!(both(&text, portion), both(&text, 10_000));
        }
    }
}
