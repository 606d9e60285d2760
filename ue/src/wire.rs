//! Between the state machines' HTTP and the socket's: framing, and nothing that needs a clause.

use bytes::Bytes;
use gba::http::{HttpRequest, HttpResponse};
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri, header};

/// The request for the socket.
///
/// # Errors
/// What of it can't be sent: a mistake of the caller, as the machines make valid ones.
pub(crate) fn request(r: HttpRequest) -> Result<Request<Bytes>, &'static str> {
    let host = HeaderValue::from_str(&r.host_header()).map_err(|_| "the host is no header value")?;
    let mut request = Request::new(Bytes::from(r.body));
    *request.method_mut() = Method::from_bytes(r.method.as_bytes()).map_err(|_| "the method is no token")?;
    *request.uri_mut() = r.target.parse::<Uri>().map_err(|_| "the target is no path")?;
    request.headers_mut().insert(header::HOST, host);
    for (name, value) in r.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "a header name is no token")?;
        let value = HeaderValue::try_from(value).map_err(|_| "a header value has control characters")?;
        request.headers_mut().append(name, value);
    }
    Ok(request)
}

/// The response as the machines see it; fields that are no text are left out.
pub(crate) fn headers(response: &Response<Bytes>) -> Vec<(&str, &str)> {
    response
        .headers()
        .iter()
        .filter_map(|(n, v)| Some((n.as_str(), v.to_str().ok()?)))
        .collect()
}

/// The response with those headers.
pub(crate) fn response<'a>(
    response: &'a Response<Bytes>,
    headers: &'a [(&'a str, &'a str)],
) -> HttpResponse<'a> {
    HttpResponse {
        status: response.status().as_u16(),
        headers,
        body: response.body(),
    }
}

/// Cuts what a tap is told to the 70 characters that fit a line.
pub(crate) fn summary(mut text: String) -> String {
    const MAX: usize = 70;
    if let Some((at, _)) = text.char_indices().nth(MAX) {
        text.truncate(at);
        text.pop();
        text.push('…');
    }
    text
}
