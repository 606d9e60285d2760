//! The grammar below the three headers: `name=token` and `name="quoted \" string"`, separated by commas.

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

/// A scheme with its parameters; names in lower case.
pub(super) struct Scheme {
    name: String,
    params: Params,
}

#[derive(Default)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Takes a parameter out, checked for control characters.
    pub(super) fn take(&mut self, name: &'static str) -> Result<Option<String>, DigestError> {
        let value = self.take_any(name);
        if value.as_ref().is_some_and(|v| v.chars().any(char::is_control)) {
            return Err(DigestError::Value {
                name,
                rule: "no control characters",
            });
        }
        Ok(value)
    }

    /// Takes a base64 or hex parameter out, with all white space removed (some UEs break lines inside).
    pub(super) fn take_dense(&mut self, name: &'static str) -> Result<Option<String>, DigestError> {
        if let Some((_, value)) = self.0.iter_mut().find(|(n, _)| n == name) {
            value.retain(|c| !c.is_whitespace());
        }
        self.take(name)
    }

    pub(super) fn need(&mut self, name: &'static str) -> Result<String, DigestError> {
        self.take(name)?.ok_or(DigestError::Missing { name })
    }

    fn take_any(&mut self, name: &str) -> Option<String> {
        let i = self.0.iter().position(|(n, _)| n == name)?;
        Some(self.0.swap_remove(i).1)
    }

    fn push(&mut self, name: &str, value: String) -> Result<(), DigestError> {
        let name = name.to_ascii_lowercase();
        if self.0.iter().any(|(n, _)| *n == name) {
            return Err(DigestError::Duplicate);
        }
        if self.0.len() == MAX_PARAMS {
            return Err(DigestError::TooLong);
        }
        self.0.push((name, value));
        Ok(())
    }
}

/// All schemes of a header value, of which a challenge header may have several (RFC 9110 11.6.1).
pub(super) fn schemes(text: &str) -> Result<Vec<Scheme>, DigestError> {
    if text.len() > MAX_HEADER {
        return Err(DigestError::TooLong);
    }
    let mut all: Vec<Scheme> = Vec::new();
    let mut s = Scanner { text, at: 0 };
    while s.skip_separators() {
        let word = s.token()?;
        let after_word = s.at;
        s.skip_blanks();
        if s.eat('=') {
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
                name: word.to_owned(),
                params: Params::default(),
            });
        }
    }
    Ok(all)
}

/// The parameters of every `Digest` scheme in the header, in their order.
pub(super) fn digests(text: &str) -> Result<impl Iterator<Item = Params>, DigestError> {
    Ok(schemes(text)?
        .into_iter()
        .filter(|s| s.name.eq_ignore_ascii_case("digest"))
        .map(|s| s.params))
}

/// Parameters without a scheme, as in Authentication-Info.
pub(super) fn bare(text: &str) -> Result<Params, DigestError> {
    if text.len() > MAX_HEADER {
        return Err(DigestError::TooLong);
    }
    let mut params = Params::default();
    let mut s = Scanner { text, at: 0 };
    while s.skip_separators() {
        let word = s.token()?;
        s.skip_blanks();
        if !s.eat('=') {
            return Err(s.syntax("`=` after a parameter's name"));
        }
        s.skip_blanks();
        let value = s.value()?;
        params.push(word, value)?;
    }
    Ok(params)
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    const fn syntax(&self, rule: &'static str) -> DigestError {
        DigestError::Syntax { at: self.at, rule }
    }

    fn skip_while(&mut self, f: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !f(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        self.skip_while(|c| c.is_ascii_whitespace());
    }

    /// Skips commas and blanks; false at the end.
    fn skip_separators(&mut self) -> bool {
        self.skip_while(|c| c == ',' || c.is_ascii_whitespace());
        !self.rest().is_empty()
    }

    fn eat(&mut self, c: char) -> bool {
        let here = self.rest().starts_with(c);
        if here {
            self.at += c.len_utf8();
        }
        here
    }

    /// A name (RFC 9110 5.6.2), possibly with the `*` of an extended one.
    fn token(&mut self) -> Result<&'a str, DigestError> {
        let token = self.skip_while(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~/".contains(c));
        if token.is_empty() {
            return Err(self.syntax("a parameter's name"));
        }
        Ok(token)
    }

    /// A quoted string, or whatever stands before the next comma or blank: base64 goes unquoted at some UEs.
    fn value(&mut self) -> Result<String, DigestError> {
        if !self.eat('"') {
            return Ok(self
                .skip_while(|c| c != ',' && c != '"' && !c.is_ascii_whitespace())
                .to_owned());
        }
        let mut value = String::new();
        let mut chars = self.rest().char_indices();
        while let Some((i, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += i + 1;
                    return Ok(value);
                }
                '\\' => match chars.next() {
                    Some((_, escaped)) => value.push(escaped),
                    None => break,
                },
                c => value.push(c),
            }
        }
        Err(self.syntax("a closing quote"))
    }
}

/// Writes parameters: quoted ones escaped, absent ones left out.
pub(super) struct Writer<'a, 'b> {
    f: &'a mut core::fmt::Formatter<'b>,
    first: bool,
}

impl<'a, 'b> Writer<'a, 'b> {
    pub(super) const fn new(f: &'a mut core::fmt::Formatter<'b>) -> Self {
        Self { f, first: true }
    }

    fn name(&mut self, name: &str) -> core::fmt::Result {
        let lead = if core::mem::take(&mut self.first) {
            ""
        } else {
            ", "
        };
        write!(self.f, "{lead}{name}=")
    }

    pub(super) fn quoted(&mut self, name: &str, value: &str) -> core::fmt::Result {
        use core::fmt::Write as _;
        self.name(name)?;
        self.f.write_char('"')?;
        for piece in value.split_inclusive(['"', '\\']) {
            match piece.strip_suffix(['"', '\\']) {
                Some(plain) => {
                    self.f.write_str(plain)?;
                    self.f.write_char('\\')?;
                    self.f.write_str(piece.get(plain.len()..).unwrap_or_default())?;
                }
                None => self.f.write_str(piece)?,
            }
        }
        self.f.write_char('"')
    }

    pub(super) fn token(&mut self, name: &str, value: impl core::fmt::Display) -> core::fmt::Result {
        self.name(name)?;
        write!(self.f, "{value}")
    }

    pub(super) fn quoted_if(&mut self, name: &str, value: Option<&String>) -> core::fmt::Result {
        value.map_or(Ok(()), |v| self.quoted(name, v))
    }

    pub(super) fn token_if(
        &mut self,
        name: &str,
        value: Option<impl core::fmt::Display>,
    ) -> core::fmt::Result {
        value.map_or(Ok(()), |v| self.token(name, v))
    }
}
