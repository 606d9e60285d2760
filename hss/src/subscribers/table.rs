//! Typed reading of a TOML table, where each error knows line, column and key and says what was expected. Values are
//! never repeated in an error: the wrong place may hold a key. (This is why the file isn't read by a derived
//! `Deserialize`: its errors print the value.)

use std::fmt;

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

/// Where in the file something is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// An error in the file, in words for the person who wrote it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{place}: {key}: {what}")]
pub struct FileError {
    /// Where.
    pub place: Place,
    /// The key's name with its tables, such as `subscriber[1].opc`.
    pub key: String,
    /// What was expected, and what to do.
    pub what: String,
}

/// A table that is being read. Each key is taken once; [`Table::finish`] refuses those that are left.
pub struct Table<'t, 'i> {
    text: &'i str,
    path: String,
    at: usize,
    table: &'t DeTable<'i>,
    taken: Vec<&'static str>,
}

/// A value with its name and position, for errors of the caller.
pub struct Value<T> {
    /// What stands there.
    pub value: T,
    /// Its name with its tables.
    pub key: String,
    /// Its octet offset in the text.
    pub at: usize,
}

impl<'t, 'i> Table<'t, 'i> {
    /// A table of `text` with the name `path`, which begins at octet `at`.
    #[must_use]
    pub fn new(text: &'i str, path: String, at: usize, table: &'t DeTable<'i>) -> Self {
        Self {
            text,
            path,
            at,
            table,
            taken: Vec::new(),
        }
    }

    /// The octet at which it begins, and its name.
    pub(super) fn place(&self) -> (usize, String) {
        (self.at, self.path.clone())
    }

    /// All keys with their values, taken or not.
    pub(super) fn entries(
        &self,
    ) -> impl Iterator<Item = (&'t Spanned<DeString<'i>>, &'t Spanned<DeValue<'i>>)> {
        self.table.iter()
    }

    /// An error about a key that is missing, or about the whole table.
    #[must_use]
    pub fn error(&self, key: &str, what: impl Into<String>) -> FileError {
        error_at(self.text, self.at, join(&self.path, key), what)
    }

    /// An error about a value.
    #[must_use]
    pub fn error_about<T>(&self, value: &Value<T>, what: impl Into<String>) -> FileError {
        error_at(self.text, value.at, value.key.clone(), what)
    }

    fn take(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'i>>> {
        self.taken.push(key);
        self.table.get(key)
    }

    fn value<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&'t DeValue<'i>) -> Option<T>,
    ) -> Result<Option<Value<T>>, FileError> {
        let Some(spanned) = self.take(key) else {
            return Ok(None);
        };
        let (at, key) = (spanned.span().start, join(&self.path, key));
        match read(spanned.get_ref()) {
            Some(value) => Ok(Some(Value { value, key, at })),
            None => {
                let got = spanned.get_ref().type_str();
                Err(error_at(
                    self.text,
                    at,
                    key,
                    format!("{expected} expected, not {got}"),
                ))
            }
        }
    }

    /// A text, if it is there.
    ///
    /// # Errors
    /// For anything else.
    pub fn text(&mut self, key: &'static str) -> Result<Option<Value<&'t str>>, FileError> {
        self.value(key, "a text in quotes", DeValue::as_str)
    }

    /// `true` or `false`, if it is there.
    ///
    /// # Errors
    /// For anything else.
    pub fn flag(&mut self, key: &'static str) -> Result<Option<bool>, FileError> {
        Ok(self
            .value(key, "true or false", DeValue::as_bool)?
            .map(|v| v.value))
    }

    /// A whole number between `min` and `max`, if it is there.
    ///
    /// # Errors
    /// For anything else.
    pub fn number(&mut self, key: &'static str, min: u32, max: u32) -> Result<Option<u32>, FileError> {
        let expected = format!("a number from {min} to {max}");
        let number = |v: &DeValue<'_>| number_of(v).filter(|n| (min..=max).contains(n));
        match self.value(key, &expected, |v| v.is_integer().then(|| number(v)))? {
            None => Ok(None),
            Some(Value { value: Some(n), .. }) => Ok(Some(n)),
            Some(out_of_range) => Err(self.error_about(&out_of_range, format!("{expected} expected"))),
        }
    }

    /// A list of texts; empty if it isn't there.
    ///
    /// # Errors
    /// For anything else.
    pub fn texts(&mut self, key: &'static str) -> Result<Vec<Value<&'t str>>, FileError> {
        self.list(key, "texts in quotes", DeValue::as_str)
    }

    /// A list of whole numbers; empty if it isn't there.
    ///
    /// # Errors
    /// For anything else.
    pub fn numbers(&mut self, key: &'static str) -> Result<Vec<u32>, FileError> {
        Ok(self
            .list(key, "whole numbers up to 4294967295", number_of)?
            .into_iter()
            .map(|v| v.value)
            .collect())
    }

    fn list<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl Fn(&'t DeValue<'i>) -> Option<T>,
    ) -> Result<Vec<Value<T>>, FileError> {
        let Some(list) = self.value(key, &format!("a list of {expected}"), DeValue::as_array)? else {
            return Ok(Vec::new());
        };
        let item = |(n, item): (usize, &'t Spanned<DeValue<'i>>)| {
            let (key, at) = (format!("{}[{}]", list.key, n + 1), item.span().start);
            match read(item.get_ref()) {
                Some(value) => Ok(Value { value, key, at }),
                None => Err(error_at(self.text, at, key, format!("{expected} expected"))),
            }
        };
        list.value.iter().enumerate().map(item).collect()
    }

    /// The tables of `[[key]]`; none if it isn't there.
    ///
    /// # Errors
    /// For anything else.
    pub fn tables(&mut self, key: &'static str) -> Result<Vec<Table<'t, 'i>>, FileError> {
        let (text, expected) = (
            self.text,
            format!("tables that begin with [[{}]]", join(&self.path, key)),
        );
        let tables = self.list(key, &expected, DeValue::as_table)?;
        Ok(tables
            .into_iter()
            .map(|t| Table::new(text, t.key, t.at, t.value))
            .collect())
    }

    /// The table of `key = { … }` or `[key]`, if it is there.
    ///
    /// # Errors
    /// For anything else.
    pub fn table(&mut self, key: &'static str) -> Result<Option<Table<'t, 'i>>, FileError> {
        let text = self.text;
        let found = self.value(key, "a table in braces", DeValue::as_table)?;
        Ok(found.map(|t| Table::new(text, t.key, t.at, t.value)))
    }

    /// A value of any type, if it is there.
    pub fn any(&mut self, key: &'static str) -> Option<Value<&'t DeValue<'i>>> {
        let spanned = self.take(key)?;
        let key = join(&self.path, key);
        Some(Value {
            value: spanned.get_ref(),
            key,
            at: spanned.span().start,
        })
    }

    /// Every key, with its place, and its value: for a table whose keys are names that the caller knows. An error about a
    /// key calls it `this key`, as it may be a secret in the wrong place.
    pub fn all(self) -> impl Iterator<Item = (Value<&'t str>, Value<&'t DeValue<'i>>)> {
        let path = self.path;
        self.table.iter().map(move |(key, value)| {
            let name = Value {
                value: key.get_ref().as_ref(),
                key: join(&path, "this key"),
                at: key.span().start,
            };
            let value = Value {
                value: value.get_ref(),
                key: join(&path, "the value"),
                at: value.span().start,
            };
            (name, value)
        })
    }

    /// Refuses keys that nobody has taken: a misspelt key must not be a silent default.
    ///
    /// # Errors
    /// The first of them; its text isn't shown.
    pub fn finish(self) -> Result<(), FileError> {
        let unknown = self
            .table
            .iter()
            .find(|(k, _)| !self.taken.iter().any(|t| t == k.get_ref()));
        let Some((key, _)) = unknown else { return Ok(()) };
        let what = match nearest(key.get_ref(), self.taken.iter().copied()) {
            Some(near) => format!("not known here; did you mean `{near}`?"),
            None => format!("not known here; known are {}", self.taken.join(", ")),
        };
        // The key itself isn't shown: it may be a secret that stands on the wrong side of the `=`.
        Err(error_at(
            self.text,
            key.span().start,
            join(&self.path, "this key"),
            what,
        ))
    }
}

fn number_of(value: &DeValue<'_>) -> Option<u32> {
    let integer = value.as_integer()?;
    u32::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn join(path: &str, key: &str) -> String {
    match (path, key) {
        ("", key) => key.into(),
        (path, "") => path.into(),
        (path, key) => format!("{path}.{key}"),
    }
}

/// An error at an octet offset.
#[must_use]
pub fn error_at(text: &str, at: usize, key: String, what: impl Into<String>) -> FileError {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    FileError {
        place: Place { line, column },
        key,
        what: what.into(),
    }
}

/// The known word that is nearest to one that isn't, if it is near enough to be meant.
pub fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let most = if word.len() < 5 { 1 } else { 2 + word.len() / 8 };
    known
        .map(|k| (distance(word, k), k))
        .filter(|(far, _)| *far <= most)
        .min_by_key(|(far, _)| *far)
        .map(|(_, k)| k)
}

/// Levenshtein's distance, by octets: names are ASCII.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut last = i;
        let mut left = i + 1;
        for (y, cell) in b.bytes().zip(row.iter_mut().skip(1)) {
            let here = (last + usize::from(x != y)).min(left + 1).min(*cell + 1);
            last = std::mem::replace(cell, here);
            left = here;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}
