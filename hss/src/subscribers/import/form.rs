//! The forms of subscriber lists, and how a file's own is found out: by what only that form has.

use super::{
    super::table::{FileError, error_at},
    row::{self, Column},
    table,
};

/// A form of subscriber list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// Our own file.
    Toml,
    /// A table with our names of columns.
    Csv,
    /// JSON documents of Open5GS, as mongoexport writes them.
    Open5gs,
    /// The AuC of PyHSS: JSON as its API takes it, or the database's table as CSV.
    Pyhss,
    /// A list of cards as sysmocom sends it.
    Sysmocom,
}

impl Form {
    /// All, with their names.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Toml, "toml"),
        (Self::Csv, "csv"),
        (Self::Open5gs, "open5gs"),
        (Self::Pyhss, "pyhss"),
        (Self::Sysmocom, "sysmocom"),
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Toml => "toml",
            Self::Csv => "csv",
            Self::Open5gs => "open5gs",
            Self::Pyhss => "pyhss",
            Self::Sysmocom => "sysmocom",
        }
    }

    /// True for what this program writes itself: every column is known, and keys may be references.
    pub(super) const fn is_ours(self) -> bool {
        matches!(self, Self::Toml | Self::Csv)
    }
}

/// True if it begins as JSON of subscribers does. TOML begins with two brackets at most.
pub(super) fn is_json(text: &str) -> bool {
    let text = text.trim_start();
    match text.strip_prefix('[') {
        Some(rest) => rest.trim_start().starts_with(['{', ']']),
        None => text.starts_with('{'),
    }
}

/// The form, and by what it was found out.
pub(super) fn detect(text: &str) -> Result<(Form, &'static str), FileError> {
    let at = text.len() - text.trim_start().len();
    let unknown = |what: &str| error_at(text, at, "the file".into(), what.to_owned());
    if is_json(text) {
        // Names of fields, which stand in the first document if anywhere; a wrong guess is told by what is missing.
        let start = start_of(text, 64 * 1024);
        return if start.contains("\"security\"") {
            Ok((Form::Open5gs, "JSON with a field security"))
        } else if start.contains("\"ki\"") {
            Ok((Form::Pyhss, "JSON with a field ki"))
        } else {
            Err(unknown(
                "JSON with a field security (Open5GS) or ki (PyHSS) expected; a card list or a TOML file isn't JSON",
            ))
        };
    }
    let line = text.lines().find(|l| {
        let l = l.trim_start();
        !l.is_empty() && !l.starts_with('#')
    });
    let Some(line) = line else {
        return Err(unknown("an empty file; at least one subscriber expected"));
    };
    let key = line.split('=').next().unwrap_or_default().trim();
    let is_key = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if line.trim_start().starts_with('[') || (line.contains('=') && key.chars().all(is_key)) {
        return Ok((Form::Toml, "tables or keys of TOML"));
    }
    let names = table::header(line);
    let has = |wanted: &[&str]| names.iter().any(|n| wanted.contains(&n.as_str()));
    let imsi = names.iter().any(|n| row::column(n) == Some(Column::Imsi));
    if has(&["auc_id"]) || (has(&["ki"]) && has(&["sqn"])) {
        Ok((Form::Pyhss, "a table with the columns of PyHSS' auc"))
    } else if has(&["iccid", "adm1", "adm", "pin1", "puk1", "acc", "kic1"]) && has(&["ki", "k"]) {
        Ok((
            Form::Sysmocom,
            "a table with columns of a card, such as ICCID or ADM1",
        ))
    } else if imsi || has(&["impi"]) {
        Ok((Form::Csv, "a table with a column imsi or impi"))
    } else {
        Err(unknown(
            "a line with the names of the columns expected first, imsi among them; or JSON, or TOML",
        ))
    }
}

/// At most so many octets, cut between characters.
fn start_of(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or(text)
}
