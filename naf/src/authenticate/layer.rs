//! [`Gate`] as a tower layer.

use std::{
    convert::Infallible,
    error::Error,
    future::Future,
    pin::Pin,
    task::{self, Poll},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use tower_layer::Layer;
use tower_service::Service;

use super::{Gate, respond};
use crate::KeySource;

/// Puts a [`Gate`] before a tower service.
///
/// Bodies of requests and answers are read whole, as a proof needs them: at most `max_body` octets each.
pub struct AuthenticateLayer<K> {
    gate: Gate<K>,
    max_body: usize,
}

impl<K> AuthenticateLayer<K> {
    /// With bodies of at most 1 MiB.
    #[must_use]
    pub const fn new(gate: Gate<K>) -> Self {
        Self {
            gate,
            max_body: net::http::MAX_BODY,
        }
    }

    /// With bodies of at most that many octets.
    #[must_use]
    pub const fn with_max_body(mut self, max_body: usize) -> Self {
        self.max_body = max_body;
        self
    }
}

impl<K> Clone for AuthenticateLayer<K> {
    fn clone(&self) -> Self {
        Self {
            gate: self.gate.clone(),
            max_body: self.max_body,
        }
    }
}

impl<S, K> Layer<S> for AuthenticateLayer<K> {
    type Service = Authenticate<S, K>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticate {
            inner,
            gate: self.gate.clone(),
            max_body: self.max_body,
        }
    }
}

/// A tower service that only authenticated requests reach.
pub struct Authenticate<S, K> {
    inner: S,
    gate: Gate<K>,
    max_body: usize,
}

impl<S: Clone, K> Clone for Authenticate<S, K> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            gate: self.gate.clone(),
            max_body: self.max_body,
        }
    }
}

impl<S, K, Q, R> Service<Request<Q>> for Authenticate<S, K>
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    K: KeySource,
    Q: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    R: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        // The service that said it was ready is the one to be called (tower's rule about clones).
        let spare = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, spare);
        let (gate, max_body) = (self.gate.clone(), self.max_body);
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = match whole(body, max_body).await {
                Ok(body) => body,
                Err(status) => return Ok(respond(status, "the body can't be read whole").map(Full::new)),
            };
            let response = gate
                .guard(Request::from_parts(head, body), async |request| {
                    let Ok(response) = inner.call(request.map(Full::new)).await;
                    let (head, body) = response.into_parts();
                    match whole(body, max_body).await {
                        Ok(body) => Response::from_parts(head, body),
                        Err(_) => respond(
                            StatusCode::INTERNAL_SERVER_ERROR,
                            "the answer can't be read whole",
                        ),
                    }
                })
                .await;
            Ok(response.map(Full::new))
        })
    }
}

async fn whole<B>(body: B, max: usize) -> Result<Bytes, StatusCode>
where
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>>,
{
    match Limited::new(body, max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(e) if e.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => Err(StatusCode::BAD_REQUEST),
    }
}
