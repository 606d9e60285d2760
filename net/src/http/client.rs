//! The client side: one kept connection to one address, opened again where the server has closed it.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Mutex,
    time::{Instant, timeout_at},
};

use crate::{dial, error::Error, tap::SharedTap, wire::Wire};

/// Timers and cap of a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClientLimits {
    /// For the TCP connection to open.
    pub connect_timeout: Duration,
    /// From the request's first octet to the answer's last.
    pub answer_timeout: Duration,
    /// Octets of an answer's body.
    pub max_body: usize,
}

impl Default for ClientLimits {
    /// 5 s to connect, 10 s for the answer, bodies of 1 MiB.
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(10),
            max_body: super::MAX_BODY,
        }
    }
}

/// Sends requests one after the other over a kept connection.
///
/// A request is sent again only where the server had closed the kept connection before it took any of it.
pub struct Client {
    peer: String,
    redial: bool,
    limits: ClientLimits,
    tap: Option<SharedTap>,
    kept: Mutex<Option<SendRequest<Full<Bytes>>>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// For a server's address, `host:port`; connects with the first request.
    #[must_use]
    pub fn new(addr: impl ToString) -> Self {
        Self {
            peer: addr.to_string(),
            redial: true,
            limits: ClientLimits::default(),
            tap: None,
            kept: Mutex::new(None),
        }
    }

    /// Over a stream that is already open, such as TLS. Once it is closed, requests fail with
    /// [`Error::BrokeOff`]. `peer` names the server in errors.
    ///
    /// # Errors
    /// [`Error::BrokeOff`] if the stream is closed already.
    pub async fn over<I>(io: I, peer: impl ToString, limits: ClientLimits) -> Result<Self, Error>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut client = Self::new(peer).with_limits(limits);
        client.redial = false;
        let opened = client.handshake(io).await?;
        client.kept = Mutex::new(Some(opened));
        Ok(client)
    }

    /// With other timers and caps.
    #[must_use]
    pub const fn with_limits(mut self, limits: ClientLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Shows the octets of its connections to the tap.
    #[must_use]
    pub fn with_tap(mut self, tap: SharedTap) -> Self {
        self.tap = Some(tap);
        self
    }

    /// Sends a request and reads the whole answer, of any status.
    ///
    /// The URI may be absolute; only its path and query go out. `Host` is taken from the URI where the headers have
    /// none, and from the address as a last resort.
    ///
    /// # Errors
    /// [`Error`]: refused, unreachable, timed out, broke off, malformed, too large.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
        let mut request = self.in_origin_form(request)?.map(Full::new);
        let mut kept = self.kept.lock().await;
        // Taken out while in use: a call that is given up midway leaves no half-used connection behind.
        let mut sender = kept.take().filter(|sender| !sender.is_closed());
        let response = loop {
            let (reused, mut live) = match sender.take() {
                Some(sender) => (true, sender),
                None => (false, self.dial().await?),
            };
            let deadline = Instant::now() + self.limits.answer_timeout;
            let sent = async {
                // Not ready means closed: then sending gives the request back.
                let _ = live.ready().await;
                live.try_send_request(request).await
            };
            let mut failed = match timeout_at(deadline, sent).await {
                Err(_) => return Err(self.timed_out("the answer", self.limits.answer_timeout)),
                Ok(Ok(response)) => {
                    let whole = timeout_at(deadline, self.take_whole(response)).await;
                    let whole = whole
                        .map_err(|_| self.timed_out("the answer's body", self.limits.answer_timeout))??;
                    if !live.is_closed() {
                        *kept = Some(live);
                    }
                    break whole;
                }
                Ok(Err(failed)) => failed,
            };
            match failed.take_message() {
                Some(unsent) if reused && self.redial => request = unsent,
                _ => return Err(self.explain(failed.error())),
            }
        };
        Ok(response)
    }

    async fn dial(&self) -> Result<SendRequest<Full<Bytes>>, Error> {
        if !self.redial {
            return Err(self.broke_off());
        }
        let (socket, connection) = dial(&self.peer, self.limits.connect_timeout).await?;
        let tap = self.tap.clone().map(|tap| (tap, connection));
        self.handshake(Wire::new(socket, tap, self.limits.answer_timeout))
            .await
    }

    async fn handshake<I>(&self, io: I) -> Result<SendRequest<Full<Bytes>>, Error>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::Builder::new()
            .max_header_size(super::MAX_HEAD)
            .handshake(TokioIo::new(io))
            .await
            .map_err(|e| self.explain(&e))?;
        // Ends by itself once the sender is gone or the peer closes; its error reaches the sender too.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(sender)
    }

    fn in_origin_form(&self, mut request: Request<Bytes>) -> Result<Request<Bytes>, Error> {
        if !request.headers().contains_key(header::HOST) {
            let host = request
                .uri()
                .authority()
                .map_or(self.peer.as_str(), http::uri::Authority::as_str);
            let host = HeaderValue::from_str(host).map_err(|_| Error::Misuse {
                rule: "the address is no valid Host",
            })?;
            request.headers_mut().insert(header::HOST, host);
        }
        let path = request.uri().path_and_query().map_or("/", |p| p.as_str());
        *request.uri_mut() = path.parse::<Uri>().map_err(|_| Error::Misuse {
            rule: "the URI needs a path that begins with /",
        })?;
        Ok(request)
    }

    async fn take_whole(&self, response: Response<Incoming>) -> Result<Response<Bytes>, Error> {
        let (head, body) = response.into_parts();
        match Limited::new(body, self.limits.max_body).collect().await {
            Ok(body) => Ok(Response::from_parts(head, body.to_bytes())),
            Err(e) if e.is::<LengthLimitError>() => Err(Error::TooLarge {
                peer: self.peer.clone(),
                what: "a body",
                limit: self.limits.max_body,
            }),
            Err(_) => Err(self.broke_off()),
        }
    }

    fn explain(&self, e: &hyper::Error) -> Error {
        if e.is_parse() {
            Error::Malformed {
                peer: self.peer.clone(),
                what: "HTTP answer",
            }
        } else if e.is_timeout() {
            self.timed_out("the request to be taken", self.limits.answer_timeout)
        } else {
            self.broke_off()
        }
    }

    fn broke_off(&self) -> Error {
        Error::BrokeOff {
            peer: self.peer.clone(),
            what: "the answer",
        }
    }

    fn timed_out(&self, what: &'static str, after: Duration) -> Error {
        Error::TimedOut {
            peer: self.peer.clone(),
            what,
            after,
        }
    }
}
