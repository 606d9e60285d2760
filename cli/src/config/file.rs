//! Reading the TOML file: every mistake with line, column, key and what was expected, and never the text that stands
//! there, as a key may stand in any wrong place.

use std::path::Path;

use hss::subscribers::Place;
pub(super) use hss::subscribers::table::nearest;
use toml::de::{DeTable, DeValue};

use crate::input::{octets_of_file, text_of_file};

use super::{
    Config, Origin, Text, complaint,
    schema::{self, FOREIGN, Form, Setting, TABLES},
};

/// Most octets of the file, subscribers within it included.
const MAX_FILE: u64 = 32 * 1024 * 1024;

/// The file's text.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let octets = octets_of_file(path, MAX_FILE)?;
    text_of_file(path, &octets).map(str::to_owned)
}

/// Where an octet of the text is.
fn place(text: &str, at: usize) -> Place {
    let before = text.get(..at).unwrap_or(text);
    Place {
        line: before.matches('\n').count() + 1,
        column: before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1,
    }
}

/// Puts what the file says over what is there.
pub(super) fn take(config: &mut Config, path: &Path, text: &str, mistakes: &mut Vec<String>) {
    let document = match DeTable::parse(text) {
        Ok(document) => document,
        Err(e) => {
            let at = place(text, e.span().map_or(0, |s| s.start));
            let what = without_quotes(e.message());
            mistakes.push(format!("{}, {at}: not TOML: {what}", path.display()));
            return;
        }
    };
    let mut reader = Reader {
        config,
        path,
        text,
        mistakes,
    };
    reader.table("", "", document.get_ref());
}

struct Reader<'a> {
    config: &'a mut Config,
    path: &'a Path,
    text: &'a str,
    mistakes: &'a mut Vec<String>,
}

impl Reader<'_> {
    /// `prefix` is `tls.` in the table `tls` of an element.
    fn table(&mut self, table: &'static str, prefix: &str, found: &DeTable<'_>) {
        // As a person reads it.
        let mut entries: Vec<_> = found.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in entries {
            let (at, word) = (name.span().start, name.get_ref().as_ref());
            let key = format!("{prefix}{word}");
            let inner = TABLES
                .iter()
                .find(|t| table.is_empty() && !t.is_empty() && **t == key);
            let within = format!("{key}.");
            if let Some(inner) = inner {
                match value.get_ref().as_table() {
                    Some(found) => {
                        self.config.tables.push((*inner).into());
                        self.table(inner, "", found);
                    }
                    None => {
                        self.complain(at, &key, &format!("a table that begins with [{key}] expected"));
                    }
                }
            } else if FOREIGN.contains(&(table, &key)) {
                // Its element reads it.
            } else if let Some(setting) = schema::find(table, &key) {
                self.value(setting, value.span().start, value.get_ref());
            } else if prefix.is_empty() && schema::of(table).any(|s| s.key.starts_with(&within)) {
                match value.get_ref().as_table() {
                    Some(found) => self.table(table, &within, found),
                    None => {
                        let what = format!("a table that begins with [{table}.{key}] expected");
                        self.complain(at, &format!("{table}.{key}"), &what);
                    }
                }
            } else {
                self.unknown(table, &key, at);
            }
        }
    }

    fn value(&mut self, setting: &'static Setting, at: usize, value: &DeValue<'_>) {
        let origin = Origin::File(self.path.into(), place(self.text, at));
        match items(setting.form, value) {
            Some(items) => self.config.put(setting, items, origin, self.mistakes),
            None => {
                let what = match setting.form {
                    Form::List => format!("a list in brackets, each one {}, expected", setting.expected),
                    Form::Text | Form::File | Form::Key => {
                        format!("a text in quotes, {}, expected", setting.expected)
                    }
                    Form::Flag | Form::Number => format!("{} expected", setting.expected),
                };
                let what = format!("{what}, not {}", value.type_str());
                self.mistakes.push(complaint(setting, &origin, &what));
            }
        }
    }

    fn unknown(&mut self, table: &str, key: &str, at: usize) {
        let own: Vec<&str> = known(table).collect();
        let other = TABLES.iter().find(|t| **t != table && known(t).any(|k| k == key));
        let what = if let Some(other) = other {
            let other = match *other {
                "" => "at the top of the file".into(),
                other => format!("in [{other}]"),
            };
            format!("not known here; did you mean `{key}` {other}?")
        } else if let Some(near) = nearest(key, own.iter().copied()) {
            format!("not known here{}", did_you_mean(Some(near)))
        } else {
            format!("not known here; known are {}", own.join(", "))
        };
        let name = if table.is_empty() {
            key.to_owned()
        } else {
            format!("{table}.{key}")
        };
        self.complain(at, &name, &what);
    }

    fn complain(&mut self, at: usize, key: &str, what: &str) {
        let at = place(self.text, at);
        // The name itself may be a key that stands on the wrong side of the `=`.
        let key = if looks_like_a_key(key) { "this key" } else { key };
        self.mistakes
            .push(format!("{}, {at}: {key}: {what}", self.path.display()));
    }
}

/// What may stand in a table.
fn known(table: &str) -> impl Iterator<Item = &'static str> {
    let tables = TABLES
        .iter()
        .copied()
        .filter(move |t| table.is_empty() && !t.is_empty());
    let foreign = FOREIGN
        .iter()
        .filter(move |(t, _)| *t == table)
        .map(|(_, key)| *key);
    schema::of(table)
        .map(|s| s.key)
        .chain(foreign)
        .chain(tables)
        .collect::<Vec<_>>()
        .into_iter()
}

fn items(form: Form, value: &DeValue<'_>) -> Option<Vec<Text>> {
    let text = |v: &DeValue<'_>| v.as_str().map(|t| Text(t.into()));
    match form {
        Form::Text | Form::File | Form::Key => Some(vec![text(value)?]),
        Form::Flag => Some(vec![Text(value.as_bool()?.to_string())]),
        Form::Number => {
            let number = value.as_integer()?;
            let number = u64::from_str_radix(number.as_str(), number.radix());
            // Negative or too large: a text that no number's check takes.
            Some(vec![Text(number.map_or_else(|_| "-".into(), |n| n.to_string()))])
        }
        // One item needs no brackets.
        Form::List if value.is_str() => Some(vec![text(value)?]),
        Form::List => value.as_array()?.iter().map(|v| text(v.get_ref())).collect(),
    }
}

pub(super) fn did_you_mean(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

/// A message of the TOML reader, with the known key that an unknown one is near to.
pub(crate) fn with_the_key_meant(message: &str) -> String {
    let near = message.split_once("unknown field `").and_then(|(_, rest)| {
        let (word, known) = rest.split_once('`')?;
        nearest(word, known.split('`').skip(1).step_by(2))
    });
    format!("{message}{}", did_you_mean(near))
}

/// True if a run of hex digits in it is so long that it may be part of a key, or if it has what no name has.
pub(crate) fn looks_like_a_key(name: &str) -> bool {
    let runs = name.split(|c: char| !c.is_ascii_hexdigit() && !c.is_whitespace() && !matches!(c, ':' | '-'));
    let digits = |run: &str| run.chars().filter(char::is_ascii_hexdigit).count();
    name.len() > 200 || runs.map(digits).any(|n| n >= 16)
}

/// A message of the TOML reader without what it quotes of the file.
fn without_quotes(message: &str) -> String {
    let (what, expected) = message.rsplit_once(", expected").unwrap_or((message, ""));
    let what = what.split(['`', '"']).next().unwrap_or_default().trim_end();
    if expected.is_empty() {
        what.to_owned()
    } else {
        format!("{what}, expected{expected}")
    }
}
