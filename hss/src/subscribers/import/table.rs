//! CSV (RFC 4180) with comma, semicolon or tab, each cell with its place.

use base::SecretBytes;

use super::{
    super::table::{FileError, Place},
    Findings, Form,
    row::{self, Cell, Column, Row},
};

/// Most columns; a card list has about thirty.
const MAX_COLUMNS: usize = 256;

/// The delimiter: whichever the first line has most of.
fn delimiter(line: &str) -> char {
    let count = |d: char| line.matches(d).count();
    [',', ';', '\t']
        .into_iter()
        .rev()
        .max_by_key(|d| count(*d))
        .unwrap_or(',')
}

/// The names of the columns of that line, in lower case.
pub(super) fn header(line: &str) -> Vec<String> {
    let mut reader = Reader::new(line, delimiter(line));
    let names = reader.record().unwrap_or_default();
    names
        .iter()
        .take(MAX_COLUMNS)
        .map(|raw| raw.name().to_ascii_lowercase())
        .collect()
}

/// A cell as it stands there.
struct Raw {
    at: Place,
    text: SecretBytes,
    /// Why it is no cell.
    fault: Option<&'static str>,
}

impl Raw {
    fn text(&self) -> &str {
        core::str::from_utf8(self.text.expose()).unwrap_or_default()
    }

    fn name(&self) -> &str {
        self.text().trim()
    }
}

/// Splits records, counting lines and columns in characters.
struct Reader<'t> {
    rest: core::iter::Peekable<core::str::Chars<'t>>,
    delimiter: char,
    place: Place,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, delimiter: char) -> Self {
        Self {
            rest: text.chars().peekable(),
            delimiter,
            place: Place { line: 1, column: 1 },
        }
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        if c == '\n' {
            self.place.line += 1;
            self.place.column = 1;
        } else {
            self.place.column += 1;
        }
        Some(c)
    }

    /// The next record; `None` at the end.
    fn record(&mut self) -> Option<Vec<Raw>> {
        self.rest.peek()?;
        let mut cells = Vec::new();
        loop {
            let (cell, more) = self.cell();
            // One more than allowed is kept, so that the excess is seen.
            if cells.len() <= MAX_COLUMNS {
                cells.push(cell);
            }
            if !more {
                return Some(cells);
            }
        }
    }

    /// A cell, and whether the record has a further one.
    fn cell(&mut self) -> (Raw, bool) {
        let at = self.place;
        // Roomy enough for a key, so that it isn't copied about while it grows.
        let mut text = String::with_capacity(80);
        let (mut quoted, mut closed, mut fault) = (false, false, None);
        let more = loop {
            match self.next() {
                None => break false,
                Some('"') if quoted && self.rest.peek() == Some(&'"') => {
                    self.next();
                    text.push('"');
                }
                Some('"') if quoted => (quoted, closed) = (false, true),
                Some('"') if text.trim().is_empty() && !closed => {
                    text.clear();
                    quoted = true;
                }
                Some(c) if quoted => text.push(c),
                Some('\n') => break false,
                Some('\r') if self.rest.peek().is_none_or(|c| *c == '\n') => {}
                Some(c) if c == self.delimiter => break true,
                Some(c) if closed && !c.is_whitespace() => {
                    fault = Some("a delimiter expected after the closing quote");
                }
                Some(c) => text.push(c),
            }
        };
        if quoted {
            fault = Some("the quote that opens here is never closed");
        }
        let text = SecretBytes::new(text.into_bytes());
        (Raw { at, text, fault }, more)
    }
}

/// What a column of the header is.
enum Head {
    Known(Column, String),
    Ignored,
}

/// All rows under the line of names.
pub(super) fn rows(text: &str, form: Form, found: &mut Findings) -> Vec<Row> {
    let skipped = |l: &&str| l.trim().is_empty() || l.trim_start().starts_with('#');
    let Some(first) = text.lines().find(|l| !skipped(l)) else {
        return Vec::new();
    };
    let mut reader = Reader::new(text, delimiter(first));
    let mut heads: Option<Vec<Head>> = None;
    let mut rows = Vec::new();
    while let Some(record) = reader.record() {
        let empty = record.iter().all(|raw| raw.name().is_empty());
        if empty || record.first().is_some_and(|raw| raw.name().starts_with('#')) {
            continue;
        }
        match &heads {
            None => match names(&record, form, found) {
                Some(names) => heads = Some(names),
                None => return Vec::new(),
            },
            Some(heads) => rows.push(row(&record, heads, rows.len() + 1, found)),
        }
        // One more than allowed is kept, so that the excess is seen.
        if rows.len() > super::MAX_SUBSCRIBERS || found.full() {
            break;
        }
    }
    rows
}

fn names(record: &[Raw], form: Form, found: &mut Findings) -> Option<Vec<Head>> {
    let wrong = |raw: Option<&Raw>, key: String, what: String| FileError {
        place: raw.map_or(Place { line: 1, column: 1 }, |r| r.at),
        key,
        what,
    };
    let digits = |raw: &&Raw| raw.name().len() >= 14 && raw.name().bytes().all(|b| b.is_ascii_hexdigit());
    if let Some(raw) = record.iter().find(digits) {
        let what =
            "names of columns expected in the first line, not values: put a line such as imsi,k,opc above it";
        found.mistake(wrong(Some(raw), "the header".into(), what.into()));
        return None;
    }
    if record.len() > MAX_COLUMNS {
        let what = format!("at most {MAX_COLUMNS} columns expected");
        found.mistake(wrong(record.last(), "the header".into(), what));
        return None;
    }
    let (mut heads, mut taken, mut bad) = (Vec::new(), Vec::new(), false);
    for (n, raw) in record.iter().enumerate() {
        let name = raw.name().to_ascii_lowercase();
        let key = format!("column {}", n + 1);
        if let Some(fault) = raw.fault {
            found.mistake(wrong(Some(raw), key, fault.into()));
            bad = true;
        } else if let Some(column) = row::column(&name) {
            if taken.contains(&column) {
                let what = format!("a second column for {}: keep one", row::name_of(column));
                found.mistake(wrong(Some(raw), key, what));
                bad = true;
            }
            taken.push(column);
            heads.push(Head::Known(column, name));
            continue;
        } else if let Some(known) = row::NOT_CARRIED.iter().find(|n| **n == name) {
            found.drop_column(known);
        } else if form == Form::Csv && !name.is_empty() {
            let known: Vec<_> = row::OURS.iter().map(|(_, n)| *n).collect();
            // The name isn't shown: it may be a key in a file without names.
            let what = format!("not known here; known are {}", known.join(", "));
            found.mistake(wrong(Some(raw), key, what));
            bad = true;
        } else if !name.is_empty() {
            found.note(format!("column {} isn't known and was left out", n + 1));
        }
        heads.push(Head::Ignored);
    }
    (!bad).then_some(heads)
}

fn row(record: &[Raw], heads: &[Head], n: usize, found: &mut Findings) -> Row {
    let at = record.first().map_or(Place { line: 1, column: 1 }, |r| r.at);
    let mut row = Row {
        at,
        key: format!("row {n}"),
        cells: Vec::new(),
        sound: true,
    };
    let mut wrong = |place, key, what| {
        row.sound = false;
        found.mistake(FileError { place, key, what });
    };
    let excess = record.iter().skip(heads.len()).find(|raw| !raw.name().is_empty());
    if let Some(raw) = excess {
        let what = format!("{} cells expected, as there are names of columns", heads.len());
        wrong(raw.at, row.key.clone(), what);
    } else if record.len() < heads.len() {
        let (want, got) = (heads.len(), record.len());
        let what = format!("{want} cells expected, as there are names of columns; got {got}");
        wrong(at, row.key.clone(), what);
    }
    for (raw, head) in record.iter().zip(heads) {
        let Head::Known(column, name) = head else { continue };
        let key = format!("{}.{name}", row.key);
        if let Some(fault) = raw.fault {
            wrong(raw.at, key, fault.into());
        } else if !raw.name().is_empty() {
            row.cells.push((*column, Cell::new(raw.at, key, raw.text())));
        }
    }
    row
}
