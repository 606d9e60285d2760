//! Whom an element calls, and who says when they are there. A reload changes them: who stays keeps its connection.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use diameter::Identity;
use net::{
    changes::Changes,
    diameter::{Client, Error},
};
use tokio::task::JoinHandle;

use super::say;
use crate::advice;

/// The Diameter peers of an element. Clones are the same list.
#[derive(Clone)]
pub(super) struct Peers {
    element: &'static str,
    list: Arc<Mutex<List>>,
}

#[derive(Default)]
struct List {
    peers: Vec<Peer>,
    /// Whether what happens to them is said.
    told: bool,
}

struct Peer {
    interface: &'static str,
    address: String,
    host: Identity,
    client: Client,
    teller: Option<JoinHandle<()>>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(teller) = &self.teller {
            teller.abort();
        }
    }
}

/// What became of a list.
pub(super) struct Turn {
    /// All that are wanted, in that order.
    pub(super) clients: Vec<Client>,
    /// Those that aren't, still open.
    gone: Vec<Client>,
    pub(super) changes: Changes,
}

impl Turn {
    /// Says goodbye to those that are gone, once what is under way there is finished.
    pub(super) fn leave(self) {
        for client in self.gone {
            tokio::spawn(async move { client.close().await });
        }
    }
}

impl Peers {
    pub(super) fn new(element: &'static str) -> Self {
        Self {
            element,
            list: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        // It is whole between statements.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn clients(&self) -> Vec<Client> {
        self.lock().peers.iter().map(|p| p.client.clone()).collect()
    }

    /// Has these, by address and Diameter name; `connect` makes those that weren't there.
    pub(super) fn set(
        &self,
        interface: &'static str,
        wanted: &[(String, Identity)],
        connect: impl Fn(&str, &Identity) -> Client,
    ) -> Turn {
        let mut list = self.lock();
        let mut old = std::mem::take(&mut list.peers);
        let changes = Changes::of_names(
            old.iter().map(|p| (p.address.clone(), p.host.clone())),
            wanted.iter().cloned(),
        );
        for (address, host) in wanted {
            let known = old.iter().position(|p| p.address == *address && p.host == *host);
            let mut peer = match known {
                Some(n) => old.remove(n),
                None => Peer {
                    interface,
                    address: address.clone(),
                    host: host.clone(),
                    client: connect(address, host),
                    teller: None,
                },
            };
            if list.told {
                peer.tell(self.element);
            }
            list.peers.push(peer);
        }
        Turn {
            clients: list.peers.iter().map(|p| p.client.clone()).collect(),
            gone: old.iter().map(|p| p.client.clone()).collect(),
            changes,
        }
    }

    /// From now on it is said when one is there, and once that it isn't.
    pub(super) fn tell(&self) {
        let mut list = self.lock();
        list.told = true;
        list.peers.iter_mut().for_each(|peer| peer.tell(self.element));
    }

    /// No more of that.
    pub(super) fn hush(&self) {
        for peer in &mut self.lock().peers {
            if let Some(teller) = peer.teller.take() {
                teller.abort();
            }
        }
    }

    /// Says goodbye to all.
    pub(super) async fn close(&self) {
        for client in self.clients() {
            client.close().await;
        }
    }
}

impl Peer {
    fn tell(&mut self, element: &'static str) {
        if self.teller.is_none() {
            let what = format!("{} to {} at {}", self.interface, self.host, self.address);
            self.teller = Some(tokio::spawn(tell(element, what, self.client.clone())));
        }
    }
}

async fn tell(element: &'static str, what: String, client: Client) {
    let mut told = false;
    loop {
        match client.ready().await {
            Ok(()) => return say(&format!("{element}: {what} is open")),
            Err(Error::Closed) => return,
            Err(e) if !told => {
                told = true;
                advice::warn(&format!("{what}: {e}; trying again"));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}
