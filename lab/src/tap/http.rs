//! Where things stand in a message of HTTP/1.1. The octets themselves stay as they came: order and case of headers, blanks,
//! chunks.

use std::ops::Range;

use net::http::{MAX_BODY, MAX_HEAD};

/// Header fields of one message.
const MAX_HEADERS: usize = 128;

/// How the length of a body is told (RFC 9112 6.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Framing {
    /// There is none.
    Nothing,
    /// Content-Length.
    Length(usize),
    /// Transfer-Encoding: chunked.
    Chunked,
    /// All until the connection ends.
    UntilClose,
    /// The head isn't complete, or can't be read.
    Unknown,
}

/// Whether a whole message is there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scan {
    /// Not yet.
    More,
    /// Of so many octets.
    Whole(usize),
    /// It never will be, and why.
    Not(&'static str),
}

/// A header field.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Field {
    /// Its name's place.
    pub name: Range<usize>,
    /// Its value's place, without the blanks around it.
    pub value: Range<usize>,
}

/// The places in one whole message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parts {
    framing: Framing,
    /// Method or status, then target or nothing.
    first: Range<usize>,
    target: Range<usize>,
    is_request: bool,
    fields: Vec<Field>,
    /// Where the head ends, its empty line included.
    head: usize,
    body: Vec<Range<usize>>,
    length: usize,
}

/// What a head says.
struct Head {
    first: Range<usize>,
    target: Range<usize>,
    is_request: bool,
    fields: Vec<Field>,
    length: usize,
}

/// Where a part of `whole` stands in it.
fn place(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = (part.as_ptr() as usize)
        .saturating_sub(whole.as_ptr() as usize)
        .min(whole.len());
    start..start.saturating_add(part.len()).min(whole.len())
}

/// `None` while it isn't complete; an error if it is no head.
fn head(octets: &[u8]) -> Option<Result<Head, &'static str>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let is_request = !octets.starts_with(b"HTTP/");
    let (status, first, target, fields) = if is_request {
        let mut request = httparse::Request::new(&mut headers);
        let status = request.parse(octets);
        let method = request.method.unwrap_or_default().as_bytes();
        let target = request.path.unwrap_or_default().as_bytes();
        (
            status,
            place(octets, method),
            place(octets, target),
            request.headers,
        )
    } else {
        let mut response = httparse::Response::new(&mut headers);
        let status = response.parse(octets);
        // The code stands behind "HTTP/1.1 ".
        let code = octets.get(9..12).unwrap_or_default();
        (status, place(octets, code), 0..0, response.headers)
    };
    match status {
        Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD => Some(Ok(Head {
            first,
            target,
            is_request,
            fields: fields
                .iter()
                .map(|field| Field {
                    name: place(octets, field.name.as_bytes()),
                    value: place(octets, field.value),
                })
                .collect(),
            length,
        })),
        Ok(_) if octets.len() >= MAX_HEAD => Some(Err("a head longer than 16 KiB")),
        Ok(_) => None,
        Err(httparse::Error::TooManyHeaders) => Some(Err("more than 128 header fields")),
        Err(_) => Some(Err("no HTTP")),
    }
}

fn text<'o>(octets: &'o [u8], place: &Range<usize>) -> &'o str {
    let part = octets.get(place.clone()).unwrap_or_default();
    std::str::from_utf8(part).unwrap_or_default()
}

/// How the body that follows this head is framed. `to_head`: it answers a HEAD; `None` for a request.
#[must_use]
pub fn framing(octets: &[u8], to_head: Option<bool>) -> Framing {
    let Some(Ok(head)) = head(octets) else {
        return Framing::Unknown;
    };
    let values = |name: &'static str| {
        head.fields
            .iter()
            .filter(move |f| text(octets, &f.name).eq_ignore_ascii_case(name))
            .map(|f| text(octets, &f.value).trim())
    };
    if !head.is_request {
        let status = text(octets, &head.first);
        if to_head == Some(true) || status.starts_with('1') || status == "204" || status == "304" {
            return Framing::Nothing;
        }
    }
    let last_coding = values("transfer-encoding").next_back();
    if let Some(codings) = last_coding {
        let last = codings.rsplit(',').next().unwrap_or_default().trim();
        return if last.eq_ignore_ascii_case("chunked") {
            Framing::Chunked
        } else {
            Framing::UntilClose
        };
    }
    match values("content-length").next() {
        Some(length) => length.parse().map_or(Framing::Unknown, Framing::Length),
        None if head.is_request => Framing::Nothing,
        None => Framing::UntilClose,
    }
}

/// Looks whether a whole message is there.
#[must_use]
pub fn scan(octets: &[u8], framing: Framing) -> Scan {
    let head = match head(octets) {
        None => return Scan::More,
        Some(Err(why)) => return Scan::Not(why),
        Some(Ok(head)) => head.length,
    };
    let body = octets.get(head..).unwrap_or_default();
    match framing {
        Framing::Unknown => Scan::Not("a Content-Length that is no number"),
        Framing::Nothing => Scan::Whole(head),
        Framing::Length(length) if length > MAX_BODY => Scan::Not("a body longer than 1 MiB"),
        Framing::Length(length) if body.len() < length => Scan::More,
        Framing::Length(length) => Scan::Whole(head + length),
        _ if body.len() > MAX_BODY => Scan::Not("a body longer than 1 MiB"),
        Framing::UntilClose => Scan::More,
        Framing::Chunked => match chunks(octets, head) {
            Ok(Some((_, end))) => Scan::Whole(end),
            Ok(None) => Scan::More,
            Err(()) => Scan::Not("chunks that can't be read"),
        },
    }
}

/// The contents of the chunks that begin at `at`, and where the body ends, trailers included.
#[expect(clippy::type_complexity, reason = "said in the line above")]
fn chunks(octets: &[u8], mut at: usize) -> Result<Option<(Vec<Range<usize>>, usize)>, ()> {
    let mut contents = Vec::new();
    loop {
        let rest = octets.get(at..).unwrap_or_default();
        let (head, size) = match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(()),
        };
        let size = usize::try_from(size).map_err(|_| ())?;
        if size > MAX_BODY {
            return Err(());
        }
        at += head;
        if size == 0 {
            break;
        }
        let end = at + size;
        match octets.get(end..) {
            Some([b'\r', b'\n', ..]) => {}
            Some([]) | Some([b'\r']) | None => return Ok(None),
            Some(_) => return Err(()),
        }
        contents.push(at..end);
        at = end + 2;
    }
    // Trailers, up to an empty line.
    loop {
        let rest = octets.get(at..).unwrap_or_default();
        let Some(line) = rest.iter().position(|b| *b == b'\n') else {
            return Ok(None);
        };
        at += line + 1;
        if rest
            .get(..line)
            .is_some_and(|line| line.is_empty() || line == b"\r")
        {
            return Ok(Some((contents, at)));
        }
    }
}

impl Parts {
    /// Reads one whole message.
    #[must_use]
    pub fn read(octets: &[u8], framing: Framing) -> Option<Self> {
        let head = head(octets)?.ok()?;
        let (body, length) = match framing {
            Framing::Nothing => (Vec::new(), head.length),
            Framing::Length(length) => {
                let end = head.length.checked_add(length)?;
                octets.get(..end)?;
                (std::iter::once(head.length..end).collect(), end)
            }
            Framing::UntilClose => (std::iter::once(head.length..octets.len()).collect(), octets.len()),
            Framing::Chunked => chunks(octets, head.length).ok()??,
            Framing::Unknown => return None,
        };
        Some(Self {
            framing,
            first: head.first,
            target: head.target,
            is_request: head.is_request,
            fields: head.fields,
            head: head.length,
            body,
            length,
        })
    }

    /// How the body's length is told.
    #[must_use]
    pub const fn framing(&self) -> Framing {
        self.framing
    }

    /// Where the head ends, its empty line included.
    #[must_use]
    pub const fn head(&self) -> usize {
        self.head
    }

    /// Octets of the whole message.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.length
    }

    /// True for a request.
    #[must_use]
    pub const fn is_request(&self) -> bool {
        self.is_request
    }

    /// The method of a request.
    #[must_use]
    pub fn method<'o>(&self, octets: &'o [u8]) -> Option<&'o str> {
        self.is_request.then(|| text(octets, &self.first))
    }

    /// The target of a request, as it stands there.
    #[must_use]
    pub fn target<'o>(&self, octets: &'o [u8]) -> Option<&'o str> {
        self.is_request.then(|| text(octets, &self.target))
    }

    /// The status of a response.
    #[must_use]
    pub fn status(&self, octets: &[u8]) -> Option<u16> {
        text(octets, &self.first).parse().ok()
    }

    /// Where the status of a response stands.
    #[must_use]
    pub fn status_place(&self) -> Option<Range<usize>> {
        (!self.is_request).then(|| self.first.clone())
    }

    /// The header fields in their order.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Those of a name, in any case.
    pub fn named<'p>(
        &'p self,
        octets: &'p [u8],
        name: &'p str,
    ) -> impl DoubleEndedIterator<Item = &'p Field> {
        self.fields
            .iter()
            .filter(move |f| text(octets, &f.name).eq_ignore_ascii_case(name))
    }

    /// The value of the first field of that name.
    #[must_use]
    pub fn header<'o>(&self, octets: &'o [u8], name: &str) -> Option<&'o str> {
        let field = self
            .fields
            .iter()
            .find(|f| text(octets, &f.name).eq_ignore_ascii_case(name))?;
        Some(text(octets, &field.value))
    }

    /// Where the body's octets stand: several pieces where it is chunked.
    #[must_use]
    pub fn body_places(&self) -> &[Range<usize>] {
        &self.body
    }

    /// The body without its chunks' heads.
    #[must_use]
    pub fn body(&self, octets: &[u8]) -> Vec<u8> {
        self.body
            .iter()
            .flat_map(|piece| octets.get(piece.clone()).unwrap_or_default())
            .copied()
            .collect()
    }

    /// The message with another body: Content-Length follows it, chunks become one.
    #[must_use]
    pub fn with_body(&self, octets: &[u8], body: &[u8]) -> Vec<u8> {
        let mut out = octets.get(..self.head).unwrap_or_default().to_vec();
        let lengths: Vec<_> = self
            .named(octets, "content-length")
            .map(|field| field.value.clone())
            .collect();
        match self.framing {
            Framing::Chunked => {
                if !body.is_empty() {
                    out.extend_from_slice(format!("{:x}\r\n", body.len()).as_bytes());
                    out.extend_from_slice(body);
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(b"0\r\n\r\n");
            }
            _ if !lengths.is_empty() => {
                for place in lengths.into_iter().rev() {
                    out.splice(place, body.len().to_string().into_bytes());
                }
                out.extend_from_slice(body);
            }
            Framing::UntilClose => out.extend_from_slice(body),
            _ => {
                let line = format!("Content-Length: {}\r\n", body.len());
                out.splice(self.end_of_fields(octets), line.into_bytes());
                out.extend_from_slice(body);
            }
        }
        out
    }

    /// Where a further header field may stand: before the empty line.
    #[must_use]
    pub fn end_of_fields(&self, octets: &[u8]) -> Range<usize> {
        let head = octets.get(..self.head).unwrap_or_default();
        let empty = if head.ends_with(b"\r\n") { 2 } else { 1 };
        let at = self.head.saturating_sub(empty);
        at..at
    }

    /// The whole line of a header field, its end included.
    #[must_use]
    pub fn line(&self, octets: &[u8], field: &Field) -> Range<usize> {
        let behind = octets.get(field.value.end..self.head).unwrap_or_default();
        let end = behind.iter().position(|b| *b == b'\n').map_or(0, |n| n + 1);
        field.name.start..field.value.end + end
    }
}
