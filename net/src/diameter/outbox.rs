//! What is on its way out: messages are octets as soon as they are sent, and what has gathered goes out in one write.
//!
//! Bounded by a number of messages. All of them may be keys: wiped when written, and when thrown away.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ::diameter::{Message, layout::Out};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    sync::Notify,
    task::JoinHandle,
};

/// Octets of memory that are kept from one write to the next.
const KEPT: usize = 128 * 1024;

/// The end that sends. Once it is dropped, the writer writes what is left and ends.
pub(super) struct Outbox(Sender);

/// Sends as long as its [`Outbox`] is there.
#[derive(Clone)]
pub(super) struct Sender {
    shared: Arc<Shared>,
    places: usize,
}

#[derive(Default)]
struct Shared {
    gathered: Mutex<Gathered>,
    /// Something came, or nothing more will.
    came: Notify,
    /// The writer has taken all there was.
    taken: Notify,
}

#[derive(Default)]
struct Gathered {
    octets: Out,
    messages: usize,
    /// One end is gone.
    closed: bool,
}

impl Shared {
    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.gathered().closed = true;
        self.came.notify_one();
    }

    /// Exchanges what has gathered for `octets`, which is empty. False if there is nothing and nothing more will come.
    async fn take(&self, octets: &mut Out) -> bool {
        loop {
            {
                let mut gathered = self.gathered();
                if gathered.messages > 0 {
                    std::mem::swap(&mut gathered.octets, octets);
                    gathered.messages = 0;
                    self.taken.notify_one();
                    return true;
                }
                if gathered.closed {
                    return false;
                }
            }
            self.came.notified().await;
        }
    }
}

/// The writer's hold: whatever ends the writer, nothing more is taken.
struct Writer(Arc<Shared>);

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Outbox {
    /// Starts a writer, and takes up to `places` messages that it hasn't begun to write.
    pub(super) fn start<W>(mut stream: W, places: usize) -> (Self, JoinHandle<io::Result<()>>)
    where
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let shared = Arc::new(Shared::default());
        let writer = Writer(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let mut octets = Out::default();
            while writer.0.take(&mut octets).await {
                stream.write_all(octets.octets()).await?;
                stream.flush().await?;
                octets.wipe(KEPT);
            }
            stream.shutdown().await
        });
        (Self(Sender { shared, places }), task)
    }

    /// False if there is no place, or nobody to write.
    pub(super) fn send(&self, message: &Message) -> bool {
        self.0.write(|out| out.push(message))
    }

    /// For who answers later.
    pub(super) const fn sender(&self) -> &Sender {
        &self.0
    }

    /// How many more messages it takes.
    pub(super) fn places(&self) -> usize {
        self.0.places.saturating_sub(self.0.shared.gathered().messages)
    }

    /// Waits until it takes so many, for ever if nobody writes any more.
    pub(super) async fn has_room(&self, places: usize) {
        while self.places() < places {
            self.0.shared.taken.notified().await;
        }
    }
}

impl Sender {
    /// As [`Outbox::send`], for who writes the octets of one message.
    pub(super) fn write(&self, message: impl FnOnce(&mut Out)) -> bool {
        let mut gathered = self.shared.gathered();
        if gathered.closed || gathered.messages >= self.places {
            return false;
        }
        message(&mut gathered.octets);
        gathered.messages += 1;
        if gathered.messages == 1 {
            self.shared.came.notify_one();
        }
        true
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.0.shared.close();
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn is_bounded_and_writes_all_before_it_ends() {
        let (ours, mut theirs) = tokio::io::duplex(8);
        let (outbox, writing) = Outbox::start(ours, 2);
        let message = Message::request(280, 0, false);
        assert!(outbox.send(&message) && outbox.send(&message));
        assert!(!outbox.send(&message), "both places are taken");
        outbox.has_room(2).await;
        assert!(outbox.send(&message), "the writer has them");
        drop(outbox);
        let mut read = Vec::new();
        theirs.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, message.encode().repeat(3));
        writing.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn takes_nothing_once_nobody_writes() {
        let (ours, theirs) = tokio::io::duplex(8);
        let (outbox, writing) = Outbox::start(ours, 2);
        drop(theirs);
        let message = Message::request(280, 0, false);
        assert!(outbox.send(&message));
        assert!(writing.await.unwrap().is_err());
        assert!(!outbox.send(&message));
    }
}
