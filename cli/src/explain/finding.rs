//! What a decoder found, in lines, with secrets kept apart until it is decided whether they are shown.

use base::{SecretBytes, hex};
use serde_json::{Value as Json, json};

/// How sure a decoder is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Sure {
    /// Nothing speaks against it.
    Possible,
    /// The usual thing of this length.
    Likely,
    /// Its structure proves it.
    Certain,
}

impl Sure {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

/// A value of a line.
enum Shown {
    Open(String),
    /// Told by its length unless secrets are asked for.
    Secret(SecretBytes),
    /// Left out unless secrets are asked for.
    Hidden(SecretBytes),
}

/// A named value; a line without name stands as it is.
pub(crate) struct Line {
    name: String,
    value: Shown,
    note: String,
}

/// What something was taken for.
pub(crate) struct Finding {
    /// What it is.
    pub(crate) what: &'static str,
    /// Where that is specified.
    pub(crate) clause: &'static str,
    pub(crate) sure: Sure,
    lines: Vec<Line>,
}

/// A decoder's answer.
pub(crate) enum Verdict {
    /// Nothing of the kind.
    No,
    /// It begins like one; what is wrong with it.
    Close(String),
    Found(Finding),
}

impl Finding {
    pub(crate) const fn new(what: &'static str, clause: &'static str, sure: Sure) -> Self {
        Self {
            what,
            clause,
            sure,
            lines: Vec::new(),
        }
    }

    fn push(mut self, name: &str, value: Shown, note: &str) -> Self {
        self.lines.push(Line {
            name: name.into(),
            value,
            note: note.into(),
        });
        self
    }

    /// A text from outside: what could steer a terminal is escaped.
    pub(crate) fn text(self, name: &str, text: impl AsRef<str>) -> Self {
        self.noted(name, text, "")
    }

    /// The same with a remark.
    pub(crate) fn noted(self, name: &str, text: impl AsRef<str>, note: &str) -> Self {
        self.push(name, Shown::Open(printable(text.as_ref())), note)
    }

    /// A text if there is one.
    pub(crate) fn maybe(self, name: &str, text: Option<impl AsRef<str>>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    /// Octets that are no secret.
    pub(crate) fn octets(self, name: &str, octets: impl AsRef<[u8]>, note: &str) -> Self {
        self.push(name, Shown::Open(hex::encode(octets)), note)
    }

    /// A secret.
    pub(crate) fn secret(self, name: &str, octets: &[u8], note: &str) -> Self {
        self.push(name, Shown::Secret(SecretBytes::from(octets)), note)
    }

    /// A secret whose length is told elsewhere.
    pub(crate) fn hidden(self, name: &str, octets: &[u8]) -> Self {
        self.push(name, Shown::Hidden(SecretBytes::from(octets)), "")
    }

    fn values(&self, secrets: bool) -> impl Iterator<Item = (&str, String, &str)> {
        self.lines.iter().filter_map(move |line| {
            let value = match &line.value {
                Shown::Open(text) => text.clone(),
                Shown::Secret(octets) | Shown::Hidden(octets) if secrets => hex::encode(octets.expose()),
                Shown::Secret(octets) => format!("<{} octets>", octets.len()),
                Shown::Hidden(_) => return None,
            };
            Some((line.name.as_str(), value, line.note.as_str()))
        })
    }

    /// Lines for people.
    pub(crate) fn print(&self, secrets: bool) -> Vec<String> {
        let width = self
            .lines
            .iter()
            .map(|l| l.name.chars().count())
            .max()
            .unwrap_or(0);
        self.values(secrets)
            .map(|(name, value, note)| match (name, note) {
                ("", _) => format!("  {value}"),
                (_, "") => format!("  {name:<width$}  {value}"),
                _ => format!("  {name:<width$}  {value}  ({note})"),
            })
            .collect()
    }

    /// The same for machines.
    pub(crate) fn json(&self, secrets: bool) -> Json {
        let fields: Vec<Json> = self
            .values(secrets)
            .map(|(name, value, note)| json!({ "name": name, "value": value, "note": note }))
            .collect();
        json!({ "what": self.what, "clause": self.clause, "sure": self.sure.word(), "fields": fields })
    }
}

/// Longest text shown of one value.
const MAX_TEXT: usize = 2048;

/// A text whose control characters, and those that turn the direction of writing, are escaped.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(MAX_TEXT));
    for c in text.chars().take(MAX_TEXT) {
        if base::text::steers(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    if text.chars().nth(MAX_TEXT).is_some() {
        out.push('…');
    }
    out
}
