//! The grammar below the three headers: `name=token` and `name="quoted \" string"`, separated by commas.

use core::{
    fmt::{self, Write},
    str::FromStr,
};
use std::borrow::Cow;

use thiserror::Error;

/// Largest header value that is read, in octets.
pub const MAX_HEADER: usize = 8192;
/// Most parameters in one header.
const MAX_PARAMS: usize = 64;

/// Why a digest header can't be used. Never holds the header's text.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum DigestError {
    /// More octets or parameters than are read.
    #[error(
        "the digest header is too long: at most {MAX_HEADER} octets and {MAX_PARAMS} parameters are read"
    )]
    TooLong,
    /// Not the `Digest` scheme.
    #[error("the authentication scheme isn't Digest")]
    NotDigest,
    /// The grammar is broken.
    #[error("digest header, offset {at}: {rule}")]
    Syntax {
        /// Offset in the header's value.
        at: usize,
        /// What was expected.
        rule: &'static str,
    },
    /// A parameter that the clause demands is missing.
    #[error("digest header without {name}")]
    Missing {
        /// The parameter.
        name: &'static str,
    },
    /// A parameter stands there twice, so that two readers could take different values.
    #[error("digest header with two values for one parameter")]
    Duplicate,
    /// A parameter's value breaks its rule.
    #[error("digest parameter {name}: {rule}")]
    Value {
        /// The parameter.
        name: &'static str,
        /// What was expected.
        rule: &'static str,
    },
    /// A value of a known parameter that isn't implemented.
    #[error("{what} in the digest header isn't supported")]
    Unsupported {
        /// The parameter.
        what: &'static str,
    },
}

/// A scheme with its parameters.
struct Scheme<'a> {
    name: &'a str,
    params: Params<'a>,
}

/// Names as they came, compared in any case; values unescaped.
#[derive(Default)]
pub(super) struct Params<'a>(Vec<(&'a str, Cow<'a, str>)>);

impl<'a> Params<'a> {
    /// Takes a parameter out, checked for control characters.
    pub(super) fn take(&mut self, name: &'static str) -> Result<Option<String>, DigestError> {
        self.take_any(name).map(|v| checked(name, v)).transpose()
    }

    /// Takes a base64 or hex parameter out, with all white space removed (some UEs break lines inside).
    pub(super) fn take_dense(&mut self, name: &'static str) -> Result<Option<String>, DigestError> {
        let dense = |v: Cow<'a, str>| {
            if !v.is_ascii() || v.bytes().fold(false, |any, b| any | matches!(b, 9..=13 | b' ')) {
                let mut v = v.into_owned();
                v.retain(|c| !c.is_whitespace());
                return Cow::Owned(v);
            }
            v
        };
        self.take_any(name).map(|v| checked(name, dense(v))).transpose()
    }

    pub(super) fn need(&mut self, name: &'static str) -> Result<String, DigestError> {
        self.take(name)?.ok_or(DigestError::Missing { name })
    }

    /// Takes a parameter out and reads it without keeping its text.
    pub(super) fn take_as<T: FromStr<Err = DigestError>>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, DigestError> {
        self.take_any(name).map(|v| v.parse()).transpose()
    }

    /// Takes `nc` out, which is written as a token and so must be one (RFC 7616 section 3.4: eight hex digits).
    pub(super) fn take_nonce_count(&mut self) -> Result<Option<String>, DigestError> {
        match self.take("nc")? {
            Some(nc) if nc.len() != 8 || !nc.bytes().all(|b| b.is_ascii_hexdigit()) => {
                Err(DigestError::Value {
                    name: "nc",
                    rule: "eight hex digits",
                })
            }
            nc => Ok(nc),
        }
    }

    fn take_any(&mut self, name: &str) -> Option<Cow<'a, str>> {
        let i = self.0.iter().position(|(n, _)| n.eq_ignore_ascii_case(name))?;
        Some(self.0.swap_remove(i).1)
    }

    fn push(&mut self, name: &'a str, value: Cow<'a, str>) -> Result<(), DigestError> {
        if self.0.iter().any(|(n, _)| n.eq_ignore_ascii_case(name)) {
            return Err(DigestError::Duplicate);
        }
        if self.0.len() == MAX_PARAMS {
            return Err(DigestError::TooLong);
        }
        if self.0.is_empty() {
            self.0.reserve(12);
        }
        self.0.push((name, value));
        Ok(())
    }
}

fn checked(name: &'static str, value: Cow<'_, str>) -> Result<String, DigestError> {
    let bad = if value.is_ascii() {
        value.bytes().fold(false, |any, b| any | b.is_ascii_control())
    } else {
        value.chars().any(base::text::steers)
    };
    if bad {
        return Err(DigestError::Value {
            name,
            rule: "no control characters",
        });
    }
    Ok(value.into_owned())
}

/// The parameters of every `Digest` scheme in the header, in their order; a challenge header may have several
/// schemes (RFC 9110 11.6.1).
pub(super) fn digests(text: &str) -> Result<impl Iterator<Item = Params<'_>>, DigestError> {
    if text.len() > MAX_HEADER {
        return Err(DigestError::TooLong);
    }
    let mut all: Vec<Scheme<'_>> = Vec::new();
    let mut s = Scanner { text, at: 0 };
    while s.skip_separators() {
        let word = s.token()?;
        let after_word = s.at;
        s.skip_blanks();
        if s.eat(b'=') {
            s.skip_blanks();
            let value = s.value()?;
            match all.last_mut() {
                Some(scheme) => scheme.params.push(word, value)?,
                None => return Err(DigestError::NotDigest),
            }
        } else {
            if all.len() == MAX_PARAMS {
                return Err(DigestError::TooLong);
            }
            s.at = after_word;
            all.push(Scheme {
                name: word,
                params: Params::default(),
            });
        }
    }
    Ok(all
        .into_iter()
        .filter(|s| s.name.eq_ignore_ascii_case("digest"))
        .map(|s| s.params))
}

/// Parameters without a scheme, as in Authentication-Info.
pub(super) fn bare(text: &str) -> Result<Params<'_>, DigestError> {
    if text.len() > MAX_HEADER {
        return Err(DigestError::TooLong);
    }
    let mut params = Params::default();
    let mut s = Scanner { text, at: 0 };
    while s.skip_separators() {
        let word = s.token()?;
        s.skip_blanks();
        if !s.eat(b'=') {
            return Err(s.syntax("`=` after a parameter's name"));
        }
        s.skip_blanks();
        let value = s.value()?;
        params.push(word, value)?;
    }
    Ok(params)
}

/// The characters of a token (RFC 9110 5.6.2).
const TOKEN: [bool; 128] = {
    let mut token = [false; 128];
    let mut rest: &[u8] = b"!#$%&'*+-.^_`|~/\
        0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    while let [b, more @ ..] = rest {
        token[*b as usize] = true;
        rest = more;
    }
    token
};

/// All that it stops at is ASCII, so every offset is a character's.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// What lies between two offsets that the scanner stopped at.
    fn slice(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or_default()
    }

    const fn syntax(&self, rule: &'static str) -> DigestError {
        DigestError::Syntax { at: self.at, rule }
    }

    fn skip_while(&mut self, f: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let start = self.at;
        self.at += rest.iter().position(|b| !f(*b)).unwrap_or(rest.len());
        self.slice(start, self.at)
    }

    fn skip_blanks(&mut self) {
        self.skip_while(|b| b.is_ascii_whitespace());
    }

    /// Skips commas and blanks; false at the end.
    fn skip_separators(&mut self) -> bool {
        self.skip_while(|b| b == b',' || b.is_ascii_whitespace());
        self.at < self.text.len()
    }

    fn eat(&mut self, b: u8) -> bool {
        let here = self.rest().first() == Some(&b);
        self.at += usize::from(here);
        here
    }

    /// A name (RFC 9110 5.6.2), possibly with the `*` of an extended one.
    fn token(&mut self) -> Result<&'a str, DigestError> {
        let is_token = |b: u8| TOKEN.get(usize::from(b)).is_some_and(|is| *is);
        let token = self.skip_while(is_token);
        if token.is_empty() {
            return Err(self.syntax("a parameter's name"));
        }
        Ok(token)
    }

    /// A quoted string, or whatever stands before the next comma or blank: base64 goes unquoted at some UEs.
    fn value(&mut self) -> Result<Cow<'a, str>, DigestError> {
        if !self.eat(b'"') {
            let plain = |b: u8| b != b',' && b != b'"' && !b.is_ascii_whitespace();
            return Ok(Cow::Borrowed(self.skip_while(plain)));
        }
        let mut value = Cow::Borrowed("");
        loop {
            let rest = self.rest();
            let start = self.at;
            self.at += memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
            let piece = self.slice(start, self.at);
            if value.is_empty() {
                value = Cow::Borrowed(piece);
            } else {
                value.to_mut().push_str(piece);
            }
            if self.eat(b'"') {
                return Ok(value);
            }
            // A backslash, or the end.
            let escaped = self.text.get(self.at..).and_then(|rest| rest.chars().nth(1));
            let Some(escaped) = escaped else {
                return Err(self.syntax("a closing quote"));
            };
            value.to_mut().push(escaped);
            self.at += 1 + escaped.len_utf8();
        }
    }
}

/// What stands in a header, as text.
pub(crate) trait Header {
    /// Writes it: to a string at once, without a formatter between.
    fn write_to<W: Write>(&self, out: &mut W) -> fmt::Result;
}

/// A header's value, written without growing step by step.
pub(crate) fn written(value: &impl Header) -> String {
    let mut text = String::with_capacity(384);
    // Writing to a String can't fail.
    let _ = value.write_to(&mut text);
    text
}

/// Writes parameters: quoted ones escaped, absent ones left out.
pub(super) struct Writer<'a, W> {
    out: &'a mut W,
    first: bool,
}

impl<'a, W: Write> Writer<'a, W> {
    pub(super) const fn new(out: &'a mut W) -> Self {
        Self { out, first: true }
    }

    fn name(&mut self, name: &str) -> fmt::Result {
        if !core::mem::take(&mut self.first) {
            self.out.write_str(", ")?;
        }
        self.out.write_str(name)?;
        self.out.write_char('=')
    }

    pub(super) fn quoted(&mut self, name: &str, value: &str) -> fmt::Result {
        self.name(name)?;
        self.out.write_char('"')?;
        let escapes = value
            .bytes()
            .fold(false, |any, b| any | matches!(b, b'"' | b'\\'));
        if escapes {
            for c in value.chars() {
                if matches!(c, '"' | '\\') {
                    self.out.write_char('\\')?;
                }
                self.out.write_char(c)?;
            }
        } else {
            self.out.write_str(value)?;
        }
        self.out.write_char('"')
    }

    pub(super) fn token(&mut self, name: &str, value: &str) -> fmt::Result {
        self.name(name)?;
        self.out.write_str(value)
    }

    pub(super) fn quoted_if(&mut self, name: &str, value: Option<&String>) -> fmt::Result {
        value.map_or(Ok(()), |v| self.quoted(name, v))
    }

    pub(super) fn token_if(&mut self, name: &str, value: Option<&str>) -> fmt::Result {
        value.map_or(Ok(()), |v| self.token(name, v))
    }
}
