//! The server side: hyper's HTTP/1.1 under our timers and caps, one connection per task.

use std::{
    convert::Infallible,
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Extensions, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};

use super::framing::Framing;
use crate::{
    accept::{self, Stop},
    tap::{Connection, SharedTap},
    wire::Wire,
};

/// Timers and caps of a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Of the accept loop.
    pub accept: accept::Limits,
    /// From the connection's start, or the last answer, to the end of the next request's headers: closes a silent
    /// socket and a kept connection that idles.
    pub header_timeout: Duration,
    /// From the headers to the end of the body; then 408.
    pub body_timeout: Duration,
    /// How long a peer may refuse to take octets of an answer.
    pub write_timeout: Duration,
    /// Octets of a request's body; more gives 413.
    pub max_body: usize,
}

impl Default for Limits {
    /// 10 s per wait, bodies of 1 MiB.
    fn default() -> Self {
        Self {
            accept: accept::Limits::default(),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            max_body: super::MAX_BODY,
        }
    }
}

/// Who asks: handed to the service with each request, the same for all requests of one connection.
#[derive(Clone, Debug)]
pub struct PeerInfo {
    /// Id and addresses.
    pub connection: Connection,
    /// What was found out when the connection began, such as the identity of a TLS handshake.
    pub extensions: Arc<Extensions>,
    strikes: Arc<AtomicU32>,
}

impl PeerInfo {
    /// For a connection that has just begun.
    #[must_use]
    pub fn new(connection: Connection, extensions: Extensions) -> Self {
        Self {
            connection,
            extensions: Arc::new(extensions),
            strikes: Arc::default(),
        }
    }

    /// Counts a wrong answer from this connection; gives how many there are now (ruling 6: 403 after 3).
    #[must_use]
    pub fn strike(&self) -> u32 {
        self.strikes.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// Wrong answers so far.
    #[must_use]
    pub fn strikes(&self) -> u32 {
        self.strikes.load(Ordering::Relaxed)
    }
}

/// Serves HTTP on a listener until `stop`; returns once the connections have ended.
///
/// The service answers every request; it closes the connection after its answer by the header `Connection: close`.
pub async fn serve<V, F>(listener: TcpListener, limits: Limits, service: V, stop: Stop)
where
    V: Fn(Request<Bytes>, PeerInfo) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Bytes>> + Send + 'static,
{
    run(listener, limits, None, service, stop).await;
}

/// As [`serve`], showing each connection's octets to the tap.
pub async fn serve_tapped<V, F>(listener: TcpListener, limits: Limits, tap: SharedTap, service: V, stop: Stop)
where
    V: Fn(Request<Bytes>, PeerInfo) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Bytes>> + Send + 'static,
{
    run(listener, limits, Some(tap), service, stop).await;
}

async fn run<V, F>(listener: TcpListener, limits: Limits, tap: Option<SharedTap>, service: V, stop: Stop)
where
    V: Fn(Request<Bytes>, PeerInfo) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Bytes>> + Send + 'static,
{
    let counts = tap.clone();
    accept::serve_tapped(
        listener,
        limits.accept,
        counts,
        stop,
        move |socket, connection, stop| {
            let wire = Wire::new(
                socket,
                tap.clone().map(|tap| (tap, connection)),
                limits.write_timeout,
            );
            let peer = PeerInfo::new(connection, Extensions::new());
            serve_connection(wire, limits, peer, service.clone(), stop)
        },
    )
    .await;
}

/// Serves HTTP on one stream, such as TLS, until the peer closes, a timer ends it, or `stop`: the request that is
/// being answered is finished first.
///
/// A request with both `Content-Length` and `Transfer-Encoding` gives 400; the connection ends after it, as after any
/// request with `Transfer-Encoding`.
pub async fn serve_connection<I, V, F>(io: I, limits: Limits, peer: PeerInfo, service: V, mut stop: Stop)
where
    I: AsyncRead + AsyncWrite + Unpin,
    V: Fn(Request<Bytes>, PeerInfo) -> F,
    F: Future<Output = Response<Bytes>>,
{
    let both = Arc::new(AtomicBool::new(false));
    let io = Framing::new(io, Arc::clone(&both));
    let answer = |request: Request<Incoming>| {
        let last = request.headers().contains_key(header::TRANSFER_ENCODING);
        let twofold = last && both.load(Ordering::Relaxed);
        let whole = take_whole(request, limits);
        let (service, peer) = (&service, peer.clone());
        async move {
            if twofold {
                return Ok(refuse(StatusCode::BAD_REQUEST).map(Full::new));
            }
            let mut response = match whole.await {
                Ok(request) => service(request, peer).await,
                Err(refusal) => refusal,
            };
            if last {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            Ok::<_, Infallible>(response.map(Full::new))
        }
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Who has asked all and closes its side still gets its answers.
        .half_close(true)
        .header_read_timeout(limits.header_timeout)
        .max_header_size(super::MAX_HEAD)
        .serve_connection(TokioIo::new(io), service_fn(answer));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(e) = ended {
        // The peer's fault or its wish: of no interest beyond a search for it.
        tracing::debug!(peer = %peer.connection.peer, error = %e, "HTTP connection ended early");
    }
}

/// The request with its whole body, or the answer that refuses it.
async fn take_whole(request: Request<Incoming>, limits: Limits) -> Result<Request<Bytes>, Response<Bytes>> {
    let (head, body) = request.into_parts();
    let announced = hyper::body::Body::size_hint(&body).lower();
    if announced > u64::try_from(limits.max_body).unwrap_or(u64::MAX) {
        return Err(refuse(StatusCode::PAYLOAD_TOO_LARGE));
    }
    if hyper::body::Body::is_end_stream(&body) {
        return Ok(Request::from_parts(head, Bytes::new()));
    }
    let whole = Limited::new(body, limits.max_body).collect();
    match tokio::time::timeout(limits.body_timeout, whole).await {
        Ok(Ok(body)) => Ok(Request::from_parts(head, body.to_bytes())),
        Ok(Err(e)) if e.is::<LengthLimitError>() => Err(refuse(StatusCode::PAYLOAD_TOO_LARGE)),
        Ok(Err(_)) => Err(refuse(StatusCode::BAD_REQUEST)),
        Err(_) => Err(refuse(StatusCode::REQUEST_TIMEOUT)),
    }
}

/// An answer after which the rest of the body isn't read, so the connection ends.
fn refuse(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}
