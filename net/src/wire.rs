//! A stream that shows its octets to the tap and gives up on a peer that doesn't read.
//!
//! Reading has its timers above (header, body, handshake); a peer that never reads would otherwise hold a task
//! for ever, whatever is above.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

use crate::tap::{Connection, Direction, SharedTap, WireBytes};

/// A stream under a tap that never waits for ever: every octet is shown, and a peer that takes nothing fails the write.
pub struct Wire<S> {
    io: S,
    tap: Option<(SharedTap, Connection)>,
    stall: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S> Wire<S> {
    /// Writing fails once the peer has taken nothing for `stall`.
    #[must_use]
    pub fn new(io: S, tap: Option<(SharedTap, Connection)>, stall: Duration) -> Self {
        Self {
            io,
            tap,
            stall,
            timer: None,
        }
    }

    fn show(&self, direction: Direction, octets: &[u8]) {
        if let Some((tap, connection)) = &self.tap
            && !octets.is_empty()
        {
            tap.octets(connection, direction, WireBytes::new(octets));
        }
    }

    fn ended(&self, direction: Direction) {
        if let Some((tap, connection)) = &self.tap {
            tap.ended(connection, direction);
        }
    }

    /// Passes a finished write on; while it isn't, lets the timer decide.
    fn in_time<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.timer = None;
            return result;
        }
        let deadline = self.stall;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + deadline)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

/// The socket is closed with us.
impl<S> Drop for Wire<S> {
    fn drop(&mut self) {
        self.ended(Direction::Sent);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let room = buf.remaining();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        if room > 0 && buf.filled().len() == before {
            self.ended(Direction::Received);
        }
        self.show(
            Direction::Received,
            buf.filled().get(before..).unwrap_or_default(),
        );
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(cx, buf);
        let written = ready!(self.in_time(cx, result))?;
        self.show(Direction::Sent, buf.get(..written).unwrap_or_default());
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.io).poll_flush(cx);
        self.in_time(cx, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.io).poll_shutdown(cx);
        ready!(self.in_time(cx, result))?;
        self.ended(Direction::Sent);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::SocketAddr,
        sync::{Arc, Mutex},
    };

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::tap::{Message, Tap};

    /// Ends as they are told.
    #[derive(Default)]
    struct Ends(Mutex<Vec<Direction>>);

    impl Tap for Ends {
        fn message(&self, _: Message<'_>) {}

        fn ended(&self, _: &Connection, direction: Direction) {
            self.0.lock().unwrap().push(direction);
        }
    }

    #[tokio::test]
    async fn tells_when_either_side_has_ended() {
        let tap = Arc::new(Ends::default());
        let told = || std::mem::take(&mut *tap.0.lock().unwrap());
        let nowhere: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let connection = Connection::new(nowhere, nowhere);
        let (ours, mut theirs) = tokio::io::duplex(64);
        let shared: SharedTap = tap.clone();
        let mut wire = Wire::new(ours, Some((shared, connection)), Duration::from_secs(3));
        theirs.write_all(b"octets").await.unwrap();
        theirs.shutdown().await.unwrap();
        let mut read = [0; 6];
        wire.read_exact(&mut read).await.unwrap();
        assert_eq!(wire.read(&mut []).await.unwrap(), 0);
        assert_eq!(told(), [], "no room isn't the end");
        assert_eq!(wire.read(&mut read).await.unwrap(), 0);
        assert_eq!(told(), [Direction::Received]);
        wire.shutdown().await.unwrap();
        assert_eq!(told(), [Direction::Sent]);
        drop(wire);
        assert_eq!(told(), [Direction::Sent]);
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_on_a_peer_that_never_reads() {
        let (ours, _theirs) = tokio::io::duplex(4);
        let mut wire = Wire::new(ours, None, Duration::from_secs(3));
        let e = wire.write_all(b"longer than the pipe").await.unwrap_err();
        assert_eq!(e.kind(), io::ErrorKind::TimedOut);
    }
}
