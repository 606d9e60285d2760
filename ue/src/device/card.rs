//! The card on a thread of its own: real cards block for seconds.

use std::{
    sync::mpsc::{Sender, channel},
    thread,
    time::Duration,
};

use base::{
    Clause, SecretBytes,
    apdu::{Command, Response},
};
use net::tap::{Message, SharedTap, WireBytes};
use tokio::sync::oneshot;
use uicc::{
    Card,
    terminal::{Observer, Options, Usim, describe},
};

use super::{DeviceError, Labels};
use crate::wire::summary;

/// The card as the thread has it.
pub(super) type OpenCard = Usim<Box<dyn Card>>;
type Job = Box<dyn FnOnce(&mut OpenCard) + Send>;

const AUTHENTICATE: Clause = Clause::new("TS 31.102", "7.1.2");
const UPDATE_BINARY: Clause = Clause::new("TS 102 221", "11.1.4");

/// The way to the card's thread, which ends when this is dropped.
pub(super) struct CardThread(Sender<Job>);

impl CardThread {
    /// Opens the card on a new thread; gives what `first` reads of it.
    pub(super) async fn open<T: Send + 'static>(
        card: Box<dyn Card>,
        options: Options,
        first: impl FnOnce(&OpenCard) -> T + Send + 'static,
    ) -> Result<(Self, T), DeviceError> {
        let (jobs, work) = channel::<Job>();
        let (opened, wait) = oneshot::channel();
        let run = move || {
            let mut usim = match Usim::open_with(card, options) {
                Ok(usim) => usim,
                Err(e) => return drop(opened.send(Err(DeviceError::Card(e)))),
            };
            // Nobody waits any more: the loop ends as well, as its sender is gone.
            let _ = opened.send(Ok(first(&usim)));
            while let Ok(job) = work.recv() {
                job(&mut usim);
            }
        };
        let spawned = thread::Builder::new().name("card".to_owned()).spawn(run);
        spawned.map_err(|_| DeviceError::CardThread)?;
        let identity = wait.await.map_err(|_| DeviceError::CardThread)??;
        Ok((Self(jobs), identity))
    }

    /// Has the thread do something with the card; `None` if the card took longer than `limit`, and then it still
    /// does it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        limit: Duration,
        job: impl FnOnce(&mut OpenCard) -> T + Send + 'static,
    ) -> Result<Option<T>, DeviceError> {
        let (done, wait) = oneshot::channel();
        let job = move |usim: &mut OpenCard| drop(done.send(job(usim)));
        self.0.send(Box::new(job)).map_err(|_| DeviceError::CardThread)?;
        match tokio::time::timeout(limit, wait).await {
            Ok(Ok(value)) => Ok(Some(value)),
            Ok(Err(_)) => Err(DeviceError::CardThread),
            Err(_) => Ok(None),
        }
    }
}

/// Tells the tap what a person wants to see of the card: authentications and the end of a run, without their octets; and to
/// a tap that records octets, all of them.
pub(super) fn observer(tap: SharedTap, labels: Labels) -> Observer {
    Box::new(move |command: &Command, response: &Response| {
        if tap.records() {
            let (command, response) = (
                SecretBytes::new(command.octets()),
                SecretBytes::new(response.octets()),
            );
            tap.apdu(
                WireBytes::new(command.expose()),
                WireBytes::new(response.expose()),
            );
        }
        let clause = match command.ins {
            0x88 => AUTHENTICATE,
            0xd6 => UPDATE_BINARY,
            _ => return,
        };
        let tell = |from: &str, to: &str, text| {
            tap.message(Message {
                interface: "card",
                from,
                to,
                summary: summary(text),
                clause: Some(clause),
            });
        };
        let asked = match command.ins {
            0xd6 => "UPDATE EF_GBABP: B-TID and lifetime of this run".to_owned(),
            _ => describe::command(command),
        };
        tell(&labels.ue, &labels.card, asked);
        tell(&labels.card, &labels.ue, describe::response(command, response));
    })
}
