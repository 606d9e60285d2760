//! What a file says, as a small tree: for a person as lines of field and value, for a program as JSON (the crate that
//! writes JSON walks it).

use core::fmt;

use base::{DecodeError, hex, text::steers};

/// A decoded value.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Nothing is written there: FF throughout.
    Empty,
    /// Text. Made by [`Value::text`], so that it can't steer a terminal.
    Text(String),
    /// A number.
    Number(u64),
    /// Yes or no.
    Flag(bool),
    /// Octets that have no finer meaning here.
    Octets(Vec<u8>),
    /// A key: its length in octets. Who wants it reads the file in hex.
    Hidden(usize),
    /// Several of a kind, in the file's order.
    List(Vec<Value>),
    /// Named parts, in the file's order.
    Fields(Vec<(&'static str, Value)>),
}

impl Value {
    /// Text from a card; characters that steer a terminal are replaced.
    #[must_use]
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(text.as_ref().replace(steers, "\u{fffd}"))
    }

    /// One of a set of words.
    pub(crate) fn word(word: &str) -> Self {
        Self::Text(word.to_owned())
    }

    /// Text in UTF-8, or octets where it isn't.
    pub(crate) fn utf8(octets: &[u8]) -> Self {
        match core::str::from_utf8(octets) {
            _ if octets.is_empty() => Self::Empty,
            Ok(text) => Self::text(text),
            Err(_) => Self::Octets(octets.to_vec()),
        }
    }

    /// Octets, or empty if all of them are FF.
    pub(crate) fn octets(octets: &[u8]) -> Self {
        if octets.iter().all(|o| *o == 0xff) {
            Self::Empty
        } else {
            Self::Octets(octets.to_vec())
        }
    }

    /// Lines of field and value, names joined by dots: `LAI.PLMN`, `001-01`. A value without parts has the field `""`.
    #[must_use]
    pub fn lines(&self) -> Vec<(String, String)> {
        let mut out = Vec::new();
        self.collect(String::new(), &mut out);
        out
    }

    fn collect(&self, name: String, out: &mut Vec<(String, String)>) {
        let below = |part: &str| {
            if name.is_empty() {
                part.to_owned()
            } else {
                format!("{name}.{part}")
            }
        };
        match self {
            Self::Fields(fields) => {
                for (part, value) in fields {
                    value.collect(below(part), out);
                }
            }
            Self::List(values) if values.iter().any(Self::has_parts) => {
                for (n, value) in values.iter().enumerate() {
                    value.collect(below(&(n + 1).to_string()), out);
                }
            }
            _ => out.push((name, self.to_string())),
        }
    }

    const fn has_parts(&self) -> bool {
        matches!(self, Self::Fields(_) | Self::List(_))
    }
}

impl fmt::Display for Value {
    /// In one line: `(empty)`, `001-01, 246-81`, `PLMN 001-01, TAC 1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("(empty)"),
            Self::Text(text) => f.write_str(text),
            Self::Number(n) => write!(f, "{n}"),
            Self::Flag(yes) => f.write_str(if *yes { "yes" } else { "no" }),
            Self::Octets(octets) => f.write_str(&hex::encode(octets)),
            Self::Hidden(length) => write!(f, "<{length} octets>"),
            Self::List(values) if values.is_empty() => f.write_str("(none)"),
            Self::List(values) => join(f, values, |f, value| write!(f, "{value}")),
            Self::Fields(fields) => join(f, fields, |f, (name, value)| write!(f, "{name} {value}")),
        }
    }
}

fn join<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    one: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (n, item) in items.iter().enumerate() {
        if n != 0 {
            f.write_str(", ")?;
        }
        one(f, item)?;
    }
    Ok(())
}

/// The content of an elementary file (one record, where it has records) as a type of its own.
pub trait Content: Sized {
    /// Reads the file.
    ///
    /// # Errors
    /// [`DecodeError`] names the field that doesn't fit its clause.
    fn parse(octets: &[u8]) -> Result<Self, DecodeError>;

    /// The file's octets without padding behind.
    fn octets(&self) -> Vec<u8>;

    /// What it says.
    fn value(&self) -> Value;
}

/// Octets of a file to what they say.
pub type Decoder = fn(&[u8]) -> Result<Value, DecodeError>;

/// The decoder of a content.
///
/// # Errors
/// As [`Content::parse`].
pub fn decoder<C: Content>(octets: &[u8]) -> Result<Value, DecodeError> {
    C::parse(octets).map(|c| c.value())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_becomes_lines_and_one_line() {
        let area = Value::Fields(vec![("PLMN", Value::word("001-01")), ("LAC", Value::Number(1))]);
        let value = Value::Fields(vec![
            ("area", area.clone()),
            (
                "list",
                Value::List(vec![Value::Flag(true), Value::Octets(vec![1, 0xab])]),
            ),
            ("areas", Value::List(vec![area, Value::Empty])),
            ("key", Value::Hidden(16)),
        ]);
        let lines = value.lines();
        let lines: Vec<_> = lines.iter().map(|(f, v)| (f.as_str(), v.as_str())).collect();
        assert_eq!(
            lines,
            [
                ("area.PLMN", "001-01"),
                ("area.LAC", "1"),
                ("list", "yes, 01ab"),
                ("areas.1.PLMN", "001-01"),
                ("areas.1.LAC", "1"),
                ("areas.2", "(empty)"),
                ("key", "<16 octets>"),
            ]
        );
        assert_eq!(Value::List(Vec::new()).to_string(), "(none)");
        assert_eq!(Value::utf8(b"a\x1b[2J"), Value::text("a\u{fffd}[2J"));
    }
}
