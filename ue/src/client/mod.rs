//! [`Client`]: fetches URLs, and answers `3GPP-bootstrapping` challenges with a device's keys (TS 24.109 clause 5).
//!
//! What is answered, and when a NAF may cause a new bootstrapping, is decided in [`gba::ua::client`] (ruling 16);
//! here are its sockets, its clock and the device that has the keys.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use base::{Clause, Now};
use bytes::Bytes;
use gba::{
    http::HttpRequest,
    ids::{Fqdn, NafId},
    keys::KsNaf,
    ua::{
        Url,
        client::{
            Channel, Fetched, Input, Output, RebootstrapLimit, Session, UaClient, UaError, UaRequest,
            describe,
        },
    },
};
use http::{HeaderMap, Response};
use net::{entropy::OsEntropy, http::Client as HttpClient, tap::Message};

use crate::{
    device::{BsfAddress, Device, DeviceError},
    wire,
};

pub(crate) const USE: Clause = Clause::new("TS 24.109", "5.2");

/// Most origins whose connection and digest session are kept.
const MAX_ORIGINS: usize = 64;

/// Where a NAF's socket is.
type Resolve = Box<dyn Fn(&Fqdn, u16) -> String + Send + Sync>;
/// Host and port.
type Origin = (Fqdn, u16);

/// What a request brought.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// True if `rspauth` proved that this very body comes from who has the NAF key.
    pub proven: bool,
    /// The address that answered in the end.
    pub url: Url,
}

/// Why there is no answer that may be believed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The NAF can't be reached.
    #[error("no answer from the NAF: {0}")]
    Unreachable(net::Error),
    /// The exchange with the NAF failed.
    #[error(transparent)]
    Ua(#[from] UaError),
    /// No key could be had.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

/// An HTTP client of a device. Keeps connections and digest sessions, so that the next request needs no 401.
pub struct Client {
    bsf: BsfAddress,
    resolve: Resolve,
    limit: RebootstrapLimit,
    require_proof: bool,
    connections: HashMap<Origin, HttpClient>,
    sessions: HashMap<Origin, Session>,
}

impl Client {
    /// A client whose device bootstraps with that BSF when a key is needed. NAFs are found by the system's resolver.
    #[must_use]
    pub fn new(bsf: BsfAddress) -> Self {
        Self {
            bsf,
            resolve: Box::new(|host, port| format!("{host}:{port}")),
            limit: RebootstrapLimit::new(),
            require_proof: true,
            connections: HashMap::new(),
            sessions: HashMap::new(),
        }
    }

    /// Finds NAFs by a function that gives `host:port` of a socket: names need not be in DNS.
    #[must_use]
    pub fn with_resolver(mut self, resolve: impl Fn(&Fqdn, u16) -> String + Send + Sync + 'static) -> Self {
        self.resolve = Box::new(resolve);
        self
    }

    /// Accepts successful answers without `Authentication-Info`, for NAFs that send none.
    #[must_use]
    pub const fn without_proof(mut self) -> Self {
        self.require_proof = false;
        self
    }

    /// Fetches a URL, bootstrapping first where there is no live session.
    ///
    /// # Errors
    /// [`ClientError`]; the connection is then closed.
    pub async fn fetch(&mut self, device: &mut Device, request: UaRequest) -> Result<Answer, ClientError> {
        let mode = device.identity().mode;
        let session = self.session_for(device, &request.url);
        let mut exchange = UaClient::new(request, mode, session);
        if !self.require_proof {
            exchange = exchange.without_proof();
        }
        let result = self.drive(device, &mut exchange).await;
        if result.is_err() {
            self.connections.remove(&origin(exchange.url()));
        }
        result
    }

    /// The key under which that origin was asked last, while its digest session is kept.
    #[must_use]
    pub fn key(&self, url: &Url) -> Option<&KsNaf> {
        self.sessions.get(&origin(url)).map(Session::key)
    }

    async fn drive(&mut self, device: &mut Device, exchange: &mut UaClient) -> Result<Answer, ClientError> {
        let clock = device.parts().3;
        let mut last: Option<Response<Bytes>> = None;
        exchange.handle_input(clock(), &mut OsEntropy, Input::Start)?;
        loop {
            match exchange.poll_output() {
                Output::Send(request) => {
                    let response = self.send(device, request).await?;
                    let headers = wire::headers(&response);
                    let input = Input::Http(wire::response(&response, &headers), Channel::Plain);
                    exchange.handle_input(clock(), &mut OsEntropy, input)?;
                    last = Some(response);
                }
                Output::NeedKey { naf_id, fresh } => {
                    self.supply_key(device, exchange, &naf_id, fresh, clock).await?;
                }
                Output::Done(fetched) => return Ok(self.finish(fetched, last)),
                Output::Failed(e) => return Err(e.into()),
                // Each output above ends with an input, so there is nothing to wait for.
                Output::Wait(_) => return Err(UaError::Timeout("the NAF").into()),
            }
        }
    }

    async fn supply_key(
        &mut self,
        device: &mut Device,
        exchange: &mut UaClient,
        naf_id: &NafId,
        fresh: bool,
        clock: fn() -> Now,
    ) -> Result<(), ClientError> {
        if fresh && !self.limit.allow(clock().mono, naf_id.fqdn()) {
            exchange.handle_input(clock(), &mut OsEntropy, Input::TooSoon)?;
            return Ok(());
        }
        if fresh || device.bootstrapped().is_none() {
            device.bootstrap(&self.bsf).await?;
            // Sessions under the old B-TID are of no more use (ruling 10).
            self.sessions.clear();
        }
        let ks_naf = device.naf_key(naf_id).await?;
        let btid = device.btid().cloned().ok_or(DeviceError::NotBootstrapped)?;
        let input = Input::Key {
            btid: &btid,
            ks_naf: &ks_naf,
        };
        exchange.handle_input(clock(), &mut OsEntropy, input)?;
        Ok(())
    }

    async fn send(&mut self, device: &Device, request: HttpRequest) -> Result<Response<Bytes>, ClientError> {
        let (tap, labels, limits, _) = device.parts();
        tap.message(Message {
            interface: "Ua",
            from: &labels.ue,
            to: &labels.naf,
            summary: wire::summary(describe(&request)),
            clause: Some(USE),
        });
        let origin = (request.host.clone(), request.port.unwrap_or(80));
        if !self.connections.contains_key(&origin) {
            if self.connections.len() >= MAX_ORIGINS {
                self.connections.clear();
            }
            let addr = (self.resolve)(&origin.0, origin.1);
            let client = HttpClient::new(addr).with_limits(limits).with_tap(tap.clone());
            self.connections.insert(origin.clone(), client);
        }
        let request = wire::request(request).map_err(DeviceError::Misuse)?;
        let client = self
            .connections
            .get(&origin)
            .ok_or(DeviceError::Misuse("no connection"))?;
        client.send(request).await.map_err(ClientError::Unreachable)
    }

    /// The kept session of an origin, if it is under the device's present B-TID.
    fn session_for(&mut self, device: &mut Device, url: &Url) -> Option<Session> {
        let btid = device.bootstrapped().map(|b| b.btid.clone());
        self.sessions.retain(|_, s| Some(s.btid()) == btid.as_ref());
        self.sessions.remove(&origin(url))
    }

    fn finish(&mut self, fetched: Fetched, last: Option<Response<Bytes>>) -> Answer {
        if let Some(session) = fetched.session {
            if self.sessions.len() >= MAX_ORIGINS {
                self.sessions.clear();
            }
            self.sessions.insert(origin(&fetched.url), session);
        }
        let (headers, body) = last.map_or_else(Default::default, |response| {
            let (head, body) = response.into_parts();
            (head.headers, body)
        });
        Answer {
            status: fetched.status,
            headers,
            body,
            proven: fetched.proven,
            url: fetched.url,
        }
    }
}

fn origin(url: &Url) -> Origin {
    (url.host().clone(), url.port())
}
