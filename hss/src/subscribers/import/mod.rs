//! Subscribers from other programs' lists: read, judged whole, and written as our TOML or CSV.
//!
//! | module | what it holds |
//! |---|---|
//! | `form` | the forms, and how a file's own is found out |
//! | `table` | CSV with any of three delimiters, with the place of every cell |
//! | `json` | documents of MongoDB (Open5GS) and of PyHSS, with the place of every value |
//! | `toml` | our own file, as rows |
//! | `row` | names of columns and fields |
//! | `judge` | one row: every mistake, or an [`Entry`] that [`Subscribers`] takes |
//! | `operator` | OP and OPc told apart |
//! | `places` | line and column in a long text |
//! | `write` | TOML and CSV |
//!
//! A mistake is a [`FileError`]: line, column, the column's or field's name, what was expected; never a value. What is
//! OP and what OPc is told by the name of the column or by the user, and never guessed.

mod form;
mod json;
mod judge;
mod operator;
mod places;
mod row;
mod table;
#[cfg(test)]
mod tests;
mod toml;
mod write;

use std::collections::BTreeMap;

use gba::ids::{Impi, MncLength};

use super::{
    KeySource, MAX_FILE, MAX_SUBSCRIBERS, Subscribers,
    table::{FileError, Place, error_at},
};

pub use form::Form;
pub use judge::Entry;
pub use row::OperatorKey;

/// Most notes that are kept word by word.
const MAX_NOTES: usize = 20;
/// Most mistakes that are told of one file; the next one says that there are more.
const MAX_MISTAKES: usize = 1000;

/// What the user says of the file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The form; found out where absent.
    pub form: Option<Form>,
    /// What the operator's key is, whatever its column is called.
    pub operator_key: Option<OperatorKey>,
    /// Digits of the MNC, for those who have none in the file.
    pub mnc_length: Option<MncLength>,
}

/// What a file gave.
pub struct Import {
    /// The form that it was read as.
    pub form: Form,
    /// By what the form was found out; `None` if the user said it.
    pub because: Option<&'static str>,
    /// Those without a mistake.
    pub entries: Vec<Entry>,
    /// Rows, documents or tables that there were.
    pub rows: usize,
    /// Every mistake, in the order of the file.
    pub mistakes: Vec<FileError>,
    /// What the user should know of what was read.
    pub notes: Vec<String>,
}

/// What is learnt while rows are judged.
#[derive(Default)]
struct Findings {
    mistakes: Vec<FileError>,
    notes: Vec<String>,
    /// Where each IMPI was first.
    seen: BTreeMap<String, Place>,
    opc_computed: usize,
    sqn_zero: usize,
    sqn_carried: usize,
    mnc_assumed: usize,
    /// Columns that were left out.
    dropped: Vec<&'static str>,
}

impl Findings {
    fn mistake(&mut self, mistake: FileError) {
        if self.mistakes.len() < MAX_MISTAKES {
            self.mistakes.push(mistake);
        }
    }

    fn full(&self) -> bool {
        self.mistakes.len() >= MAX_MISTAKES
    }

    fn note(&mut self, note: String) {
        if self.notes.len() < MAX_NOTES && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn drop_column(&mut self, name: &'static str) {
        if !self.dropped.contains(&name) {
            self.dropped.push(name);
        }
    }

    /// Where the IMPI was already, if it was.
    fn twice(&mut self, impi: &Impi, at: Place) -> Option<Place> {
        let key = impi.as_str().to_owned();
        let before = self.seen.get(&key).copied();
        if before.is_none() {
            self.seen.insert(key, at);
        }
        before
    }
}

/// Reads a whole file in any form. References to keys (`@FILE`, `env:NAME`) are allowed in our own forms only, and are
/// fetched from `keys` to be judged; what is written has the reference.
pub fn read(text: &str, options: &Options, keys: &mut dyn KeySource) -> Import {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (form, because) = match options.form {
        Some(form) => (form, None),
        None => match form::detect(text) {
            Ok((form, because)) => (form, Some(because)),
            Err(why) => return Import::nothing(Form::Csv, None, why),
        },
    };
    if text.len() > MAX_FILE {
        let what = format!("at most {} MiB expected", MAX_FILE / 1024 / 1024);
        return Import::nothing(form, because, error_at(text, 0, "the file".into(), what));
    }
    let mut found = Findings::default();
    if form == Form::Toml {
        return Import::done(form, because, toml::read(text, options, keys, &mut found), found);
    }
    let rows = match form {
        // PyHSS has both an API that takes JSON and a table.
        Form::Pyhss if !form::is_json(text) => table::rows(text, form, &mut found),
        Form::Pyhss | Form::Open5gs => json::rows(text, form, &mut found),
        Form::Csv | Form::Sysmocom | Form::Toml => table::rows(text, form, &mut found),
    };
    if rows.len() > MAX_SUBSCRIBERS {
        let what = format!("at most {MAX_SUBSCRIBERS} subscribers expected");
        return Import::nothing(form, because, error_at(text, 0, "the file".into(), what));
    }
    let count = rows.len();
    let mut entries = Vec::with_capacity(count);
    for row in rows {
        if found.full() {
            break;
        }
        entries.extend(judge::row(&row, form, options, keys, &mut found));
    }
    Import::done(form, because, (count, entries), found)
}

impl Import {
    fn nothing(form: Form, because: Option<&'static str>, mistake: FileError) -> Self {
        Self {
            form,
            because,
            entries: Vec::new(),
            rows: 0,
            mistakes: vec![mistake],
            notes: Vec::new(),
        }
    }

    fn done(
        form: Form,
        because: Option<&'static str>,
        (rows, entries): (usize, Vec<Entry>),
        mut found: Findings,
    ) -> Self {
        if rows == 0 && found.mistakes.is_empty() {
            found.mistake(FileError {
                place: Place { line: 1, column: 1 },
                key: "the file".into(),
                what: "at least one subscriber expected".into(),
            });
        }
        found.mistakes.sort_by_key(|m| (m.place.line, m.place.column));
        let mut notes = found.notes;
        if !found.dropped.is_empty() {
            notes.push(format!(
                "left out, as the HSS has no use for them: {}",
                found.dropped.join(", ")
            ));
        }
        let mut count = |n: usize, what: &str| {
            if n > 0 {
                notes.push(format!("{n} of {rows}: {what}"));
            }
        };
        count(found.opc_computed, "OP given, OPc computed from it and K");
        count(found.sqn_carried, "the stored SQN becomes the next one issued");
        count(
            found.sqn_zero,
            "SQN 0 left out, as no card accepts it; the first one that a new card accepts is used",
        );
        count(
            found.mnc_assumed,
            "mnc_length as the country's networks use it; --mnc-length sets it",
        );
        if operator::look_like_op(&entries) {
            notes.push(
                "every subscriber has the same OPc under another K, as if it were OP: if it is, give --operator-key op"
                    .into(),
            );
        }
        Self {
            form,
            because,
            entries,
            rows,
            mistakes: found.mistakes,
            notes,
        }
    }
}
