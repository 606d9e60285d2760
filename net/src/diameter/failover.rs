//! Several peers that stand in for each other, such as two HSS of one realm.

use std::{
    convert::Infallible,
    sync::{Arc, PoisonError, RwLock},
};

use ::diameter::{Message, ResultCode};
use tokio::task::JoinSet;

use super::{Came, Client, Error, Usual};

/// Clients in order: the first is the primary, the others stand in for it.
///
/// Each request goes to the first peer whose connection is open. So the next one takes over when the watchdog finds
/// the primary silent (Suspect) or its connection is lost, and the primary has the requests again once it is back:
/// at once after a goodbye (DPR), after three answered watchdog requests where it failed (RFC 3539 3.4.1). Until
/// then it is asked only if no other is open.
///
/// **No request is sent twice if its vector may have been made.** The next peer gets a request only where
/// - the request wasn't sent ([`Error::is_unsent`]), or
/// - a peer answered that it can't deliver it or is too busy (3002, 3004; RFC 6733 7.1.3): that answer has no vector.
///   At worst the peer made one and dropped it, which burns a sequence number.
///
/// A request that was under way when the connection was lost, or that had no answer in time, fails: whoever asked
/// asks again, with a new request. (RFC 6733 5.5.4 would send it again with the T flag; an HSS that doesn't know the
/// flag would make a second vector for one run, while the first may still arrive.)
///
/// The request's Destination-Host, if it has one, isn't changed: leave it out, the realm is enough.
///
/// The peers may change meanwhile ([`Failover::replace`]); clones share them.
#[derive(Clone)]
pub struct Failover {
    clients: Arc<RwLock<Arc<[Client]>>>,
}

impl Failover {
    /// In order of preference.
    #[must_use]
    pub fn new(clients: Vec<Client>) -> Self {
        Self {
            clients: Arc::new(RwLock::new(clients.into())),
        }
    }

    /// From now on these. The others aren't closed: whoever made them does it, and what is under way there is finished.
    pub fn replace(&self, clients: Vec<Client>) {
        *self.clients.write().unwrap_or_else(PoisonError::into_inner) = clients.into();
    }

    fn clients(&self) -> Arc<[Client]> {
        Arc::clone(&self.clients.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until one of them is open.
    ///
    /// # Errors
    /// That of the last, if none is within its time; [`Error::Closed`] if there are none.
    pub async fn ready(&self) -> Result<(), Error> {
        let mut waiting = JoinSet::new();
        for client in self.clients().iter() {
            let client = client.clone();
            waiting.spawn(async move { client.ready().await });
        }
        let mut last = Err(Error::Closed);
        while let Some(ready) = waiting.join_next().await {
            // A panic there would be ours; the others still may be ready.
            last = ready.unwrap_or(Err(Error::Closed));
            if last.is_ok() {
                break;
            }
        }
        last
    }

    /// Sends a request to the first peer that is up; see the type for when another one gets it too.
    ///
    /// # Errors
    /// That of the last peer that was asked.
    pub async fn request(&self, request: Message) -> Result<Message, Error> {
        match self.send::<Infallible>(Sent::Message(&request)).await? {
            Came::Message(answer) => Ok(answer),
            Came::Usual(never) => match never {},
        }
    }

    /// As [`Self::request`], by octets.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub async fn usual<T: Send + 'static>(&self, request: &Usual<T>) -> Result<Came<T>, Error> {
        self.send(Sent::Usual(request)).await
    }

    async fn send<T: Send + 'static>(&self, request: Sent<'_, T>) -> Result<Came<T>, Error> {
        loop {
            let clients = self.clients();
            let answer = self.ask(&clients, &request).await;
            let unsent = answer.as_ref().is_err_and(Error::is_unsent);
            if !unsent || Arc::ptr_eq(&clients, &self.clients()) {
                return answer;
            }
            // The peers were replaced meanwhile, and those asked are none any more.
        }
    }

    async fn ask<T: Send + 'static>(
        &self,
        clients: &[Client],
        request: &Sent<'_, T>,
    ) -> Result<Came<T>, Error> {
        let mut order = order(clients);
        if order.is_empty() {
            self.ready().await?;
            order = self::order(clients);
        }
        let mut last = Err(Error::Closed);
        for client in order {
            last = match request {
                Sent::Message(request) => client.request((*request).clone()).await.map(Came::Message),
                Sent::Usual(request) => client.usual(request).await,
            };
            match &last {
                Err(error) if error.is_unsent() => {
                    tracing::warn!(peer = client.peer(), %error, "Diameter: trying the next peer");
                }
                Ok(Came::Message(answer)) if may_be_asked_elsewhere(answer) => {
                    tracing::warn!(peer = client.peer(), result = ?answer.result(), "Diameter: trying the next peer");
                }
                _ => break,
            }
        }
        last
    }

    /// Says goodbye to all.
    pub async fn close(&self) {
        for client in self.clients().iter() {
            client.close().await;
        }
    }
}

/// What is sent, in either form.
enum Sent<'a, T> {
    Message(&'a Message),
    Usual(&'a Usual<T>),
}

/// Those that are open; those that have yet to prove that they are back come last.
fn order(clients: &[Client]) -> Vec<&Client> {
    let proven = clients.iter().filter(|client| client.is_proven());
    let others = clients
        .iter()
        .filter(|client| client.is_open() && !client.is_proven());
    proven.chain(others).collect()
}

fn may_be_asked_elsewhere(answer: &Message) -> bool {
    matches!(
        answer.result(),
        Ok(ResultCode::UNABLE_TO_DELIVER | ResultCode::TOO_BUSY)
    )
}
