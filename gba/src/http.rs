//! HTTP as the pure state machines see it: plain values, no sockets and no HTTP library.
//!
//! A shell turns [`HttpRequest`] into octets and octets into [`HttpResponse`]; it adds framing
//! (`Content-Length`) and nothing else.

use core::fmt;

use crate::ids::Fqdn;

/// A request to send.
#[derive(Clone, Eq, PartialEq)]
pub struct HttpRequest {
    /// The method, such as `GET`.
    pub method: String,
    /// The host it is for: the shell finds the address, and sends `Host` as [`Self::host_header`] says.
    pub host: Fqdn,
    /// The port, where it isn't 80.
    pub port: Option<u16>,
    /// The request target: path and query, beginning with `/`.
    pub target: String,
    /// Header fields besides `Host` and framing.
    pub headers: Vec<(String, String)>,
    /// The body's exact octets.
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// The value of `Host`: name, and port where it isn't 80.
    #[must_use]
    pub fn host_header(&self) -> String {
        match self.port {
            None | Some(80) => self.host.to_string(),
            Some(port) => format!("{}:{port}", self.host),
        }
    }

    /// The first header field of that name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }
}

impl fmt::Debug for HttpRequest {
    /// Names of the header fields and the size of the body only: a digest of a short RES gives it away.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(n, _)| n.as_str()).collect();
        write!(
            f,
            "{} http://{}{} {names:?} <{} octets>",
            self.method,
            self.host_header(),
            self.target,
            self.body.len()
        )
    }
}

/// A response that came.
#[derive(Clone, Copy)]
pub struct HttpResponse<'a> {
    /// The status code.
    pub status: u16,
    /// Header fields in their order; those which are no text are left out by the shell.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body's exact octets, after transfer decoding.
    pub body: &'a [u8],
}

impl<'a> HttpResponse<'a> {
    /// The first header field of that name, in any case, without surrounding white space.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// All header fields of that name, in any case.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.trim())
    }

    /// `Retry-After` in seconds (RFC 9110 10.2.3); a date or anything else is no number and is `None`.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        self.header("retry-after")?.parse().ok()
    }
}
