//! One HTTP/1.1 connection of a load generator: one `write` and, as a rule, one `read` for each message, no task of its
//! own and no copy of a header. The servers under load must be dearer than this.

use std::{io::Write as _, mem::MaybeUninit, net::SocketAddr};

use gba::http::{HttpRequest, HttpResponse};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::failed::{Failed, Kind};

/// Header fields of an answer.
const MAX_FIELDS: usize = 64;
/// Octets of an answer, head and body.
const MAX_ANSWER: usize = 1 << 20;

/// A connection to one address, opened when needed.
pub struct Connection {
    at: SocketAddr,
    open: Option<TcpStream>,
    out: Vec<u8>,
    read: Vec<u8>,
}

impl Connection {
    /// To that address.
    #[must_use]
    pub const fn new(at: SocketAddr) -> Self {
        Self {
            at,
            open: None,
            out: Vec::new(),
            read: Vec::new(),
        }
    }

    /// Closes it: the next request opens another.
    pub fn close(&mut self) {
        self.open = None;
    }

    /// Sends a request and hands the answer to `take`.
    ///
    /// A kept connection that the server closed before it answered anything is opened again, once.
    ///
    /// # Errors
    /// [`Failed`]; the connection is closed then.
    pub async fn exchange<T>(
        &mut self,
        request: &HttpRequest,
        take: impl FnOnce(HttpResponse<'_>) -> T,
    ) -> Result<T, Failed> {
        self.out.clear();
        write_request(&mut self.out, request);
        self.read.clear();
        let (mut stream, kept) = match self.open.take() {
            Some(stream) => (stream, true),
            None => (connect(self.at).await?, false),
        };
        let mut take = Some(take);
        let mut sent = stream.write_all(&self.out).await;
        let mut answer = receive(&mut stream, &mut self.read, &mut take).await;
        if kept && self.read.is_empty() && (sent.is_err() || answer.is_err()) {
            stream = connect(self.at).await?;
            sent = stream.write_all(&self.out).await;
            answer = receive(&mut stream, &mut self.read, &mut take).await;
        }
        // A server may answer before it has read all; then the answer counts.
        let (taken, close) = match (answer, sent) {
            (Ok(answer), _) => answer,
            (Err(e), Ok(())) => return Err(e),
            (Err(_), Err(e)) => return Err(Failed::new(Kind::BrokeOff, e)),
        };
        if !close {
            self.open = Some(stream);
        }
        Ok(taken)
    }
}

async fn connect(at: SocketAddr) -> Result<TcpStream, Failed> {
    let stream = TcpStream::connect(at).await.map_err(|e| Failed::connecting(&e))?;
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

fn write_request(out: &mut Vec<u8>, request: &HttpRequest) {
    // Writing to a Vec can't fail.
    let _ = write!(
        out,
        "{} {} HTTP/1.1\r\nHost: {}",
        request.method, request.target, request.host
    );
    if let Some(port) = request.port.filter(|port| *port != 80) {
        let _ = write!(out, ":{port}");
    }
    for (name, value) in &request.headers {
        for part in ["\r\n", name, ": ", value] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    if !request.body.is_empty() {
        let _ = write!(out, "\r\nContent-Length: {}", request.body.len());
    }
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(&request.body);
}

/// Reads one whole answer; gives what `take` made of it, and whether the connection ends after it.
async fn receive<T, F: FnOnce(HttpResponse<'_>) -> T>(
    stream: &mut TcpStream,
    read: &mut Vec<u8>,
    take: &mut Option<F>,
) -> Result<(T, bool), Failed> {
    let mut ended = false;
    loop {
        if let Some(answer) = whole(read, ended, take)? {
            return Ok(answer);
        }
        if ended {
            return Err(Failed::new(
                Kind::BrokeOff,
                "the connection ended before the answer was complete",
            ));
        }
        if read.len() > MAX_ANSWER {
            return Err(Failed::new(
                Kind::Malformed,
                format_args!("an answer of more than {MAX_ANSWER} octets"),
            ));
        }
        read.reserve(4096);
        let got = stream.read_buf(read).await;
        ended = got.map_err(|e| Failed::new(Kind::BrokeOff, e))? == 0;
    }
}

/// Hands the answer over, if it is all there.
fn whole<T, F: FnOnce(HttpResponse<'_>) -> T>(
    read: &[u8],
    ended: bool,
    take: &mut Option<F>,
) -> Result<Option<(T, bool)>, Failed> {
    let malformed = |what: &dyn std::fmt::Display| Failed::new(Kind::Malformed, what);
    if read.is_empty() {
        return Ok(None);
    }
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut []);
    let head = match httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut response, read, &mut fields)
        .map_err(|e| malformed(&e))?
    {
        httparse::Status::Complete(head) => head,
        httparse::Status::Partial => return Ok(None),
    };
    let (mut length, mut chunked) = (None, false);
    let mut close = response.version == Some(0);
    let mut headers = [("", ""); MAX_FIELDS];
    for (place, field) in headers.iter_mut().zip(response.headers.iter()) {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        let value = std::str::from_utf8(field.value).unwrap_or("").trim();
        *place = (field.name, value);
        if is("content-length") {
            length = Some(
                value
                    .parse::<usize>()
                    .map_err(|_| malformed(&"Content-Length is no number"))?,
            );
        } else if is("transfer-encoding") {
            chunked = true;
        } else if is("connection") {
            close = value.eq_ignore_ascii_case("close");
        }
    }
    let rest = read.get(head..).unwrap_or_default();
    let joined;
    let body = if chunked {
        let Some(all) = chunks(rest)? else {
            return Ok(None);
        };
        joined = all;
        joined.as_slice()
    } else {
        let length = match length {
            Some(length) => length,
            None if matches!(response.code, Some(204 | 304)) => 0,
            // Up to the end of the connection (RFC 9112 6.3).
            None if !ended => return Ok(None),
            None => {
                close = true;
                rest.len()
            }
        };
        let Some(body) = rest.get(..length) else {
            return Ok(None);
        };
        body
    };
    let Some(take) = take.take() else {
        return Err(Failed::new(Kind::Own, "an answer was there twice"));
    };
    let taken = take(HttpResponse {
        status: response.code.unwrap_or(0),
        headers: headers.get(..response.headers.len()).unwrap_or_default(),
        body,
    });
    Ok(Some((taken, close)))
}

/// A body in chunks (RFC 9112 7.1), if the last one and the trailer are there.
fn chunks(mut rest: &[u8]) -> Result<Option<Vec<u8>>, Failed> {
    let mut joined = Vec::new();
    loop {
        let size = httparse::parse_chunk_size(rest)
            .map_err(|_| Failed::new(Kind::Malformed, "a chunk without a size"))?;
        let httparse::Status::Complete((line, size)) = size else {
            return Ok(None);
        };
        rest = rest.get(line..).unwrap_or_default();
        if size == 0 {
            let is_over = rest.starts_with(b"\r\n") || rest.windows(4).any(|w| w == b"\r\n\r\n");
            return Ok(is_over.then_some(joined));
        }
        let data = usize::try_from(size)
            .ok()
            .and_then(|size| rest.split_at_checked(size));
        let Some((data, behind)) = data else {
            return Ok(None);
        };
        joined.extend_from_slice(data);
        // CR LF behind the data.
        let Some(behind) = behind.get(2..) else {
            return Ok(None);
        };
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::net::TcpListener;

    use super::*;

    fn body(text: &str, ended: bool) -> Option<(String, bool)> {
        let mut take = Some(|r: HttpResponse<'_>| String::from_utf8(r.body.to_vec()).unwrap());
        whole(text.as_bytes(), ended, &mut take).unwrap()
    }

    #[test]
    fn a_body_ends_where_its_framing_says() {
        let some = |text: &str, close| Some((text.to_owned(), close));
        let ok = "HTTP/1.1 200 OK\r\n";
        assert_eq!(
            body(&format!("{ok}Content-Length: 3\r\n\r\nabcd"), false),
            some("abc", false)
        );
        assert_eq!(body(&format!("{ok}Content-Length: 3\r\n\r\nab"), false), None);
        assert_eq!(
            body(
                &format!("{ok}Connection: close\r\nContent-Length: 0\r\n\r\n"),
                false
            ),
            some("", true)
        );
        let chunked =
            format!("{ok}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: 1\r\n\r\n");
        assert_eq!(body(&chunked, false), some("abc", false));
        for cut in 20..chunked.len() {
            assert_eq!(body(&chunked[..cut], false), None, "{cut}");
        }
        assert_eq!(body(&format!("{ok}\r\nabc"), false), None);
        assert_eq!(body(&format!("{ok}\r\nabc"), true), some("abc", true));
        assert_eq!(body("HTTP/1.1 204 No Content\r\n\r\n", false), some("", false));
        assert_eq!(body("HTTP/1.1 20", false), None);
        assert!(whole(b"SSH-2.0-x\r\n", false, &mut Some(|_: HttpResponse<'_>| ())).is_err());
    }

    proptest! {
        #[test]
        fn no_octets_of_a_server_are_a_panic(read in proptest::collection::vec(any::<u8>(), 0..200), chunks in any::<bool>(), ended in any::<bool>()) {
            let mut all = b"HTTP/1.1 200 OK\r\n".to_vec();
            if chunks {
                all.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            }
            all.extend_from_slice(&read);
            let _ = whole(&all, ended, &mut Some(|_: HttpResponse<'_>| ()));
        }
    }

    /// A server that closes a kept connection between two answers costs no run.
    #[tokio::test]
    async fn a_kept_connection_that_was_closed_is_opened_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut octets = [0; 1024];
                let n = stream.read(&mut octets).await.unwrap();
                assert!(octets[..n].ends_with(b"\r\n\r\n"));
                let answer = b"HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 2\r\n\r\nok";
                stream.write_all(answer).await.unwrap();
            }
        });
        let request = HttpRequest {
            method: "GET".into(),
            host: "bsf.example".parse().unwrap(),
            port: Some(8080),
            target: "/".into(),
            headers: vec![("A".into(), "b".into())],
            body: Vec::new(),
        };
        let mut connection = Connection::new(at);
        for _ in 0..2 {
            let answer = connection
                .exchange(&request, |r| {
                    (r.status, r.header("x").map(str::to_owned), r.body.to_vec())
                })
                .await
                .unwrap();
            assert_eq!(answer, (200, Some("y".into()), b"ok".to_vec()));
        }
        server.await.unwrap();
        let e = connection.exchange(&request, |_| ()).await.unwrap_err();
        assert_eq!(e.kind, Kind::NoConnection);
    }
}
