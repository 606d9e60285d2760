//! Entries as our TOML and our CSV. What is written holds keys, so it is wiped.

use std::fmt::Write as _;

use base::SecretBytes;

use super::{
    super::table::FileError,
    Import,
    row::{Column, OURS, name_of},
};

/// More than one entry needs, so that texts with keys aren't copied about while they grow.
const ROOM: usize = 1024;

impl Import {
    /// The subscribers as a TOML file that the HSS loads.
    #[must_use]
    pub fn to_toml(&self) -> SecretBytes {
        let mut text = String::with_capacity(ROOM * (self.entries.len() + 1));
        text.push_str("# Subscribers of gba's HSS. This file holds keys: chmod 600.\n");
        for entry in &self.entries {
            text.push('\n');
            push_toml(&mut text, &entry.values);
        }
        SecretBytes::new(text.into_bytes())
    }

    /// The subscribers as a table with our names of columns; only columns that somebody has.
    ///
    /// # Errors
    /// [`FileError`] at the first key that a table can't hold, such as `uss`.
    pub fn to_csv(&self) -> Result<SecretBytes, FileError> {
        if let Some((place, key)) = self.entries.iter().find_map(|e| e.alone.clone()) {
            let what = "a table can't hold it: keep the TOML file, or export without it".into();
            return Err(FileError { place, key, what });
        }
        let columns: Vec<Column> = OURS
            .iter()
            .map(|(column, _)| *column)
            .filter(|column| self.entries.iter().any(|e| e.get(*column).is_some()))
            .collect();
        let mut text = String::with_capacity(ROOM * (self.entries.len() + 1));
        let names: Vec<_> = columns.iter().map(|c| name_of(*c)).collect();
        text.push_str(&names.join(","));
        text.push('\n');
        for entry in &self.entries {
            for (n, column) in columns.iter().enumerate() {
                if n > 0 {
                    text.push(',');
                }
                push_cell(&mut text, entry.get(*column).unwrap_or_default());
            }
            text.push('\n');
        }
        Ok(SecretBytes::new(text.into_bytes()))
    }
}

/// One subscriber's table.
pub(super) fn toml_of(values: &[(Column, SecretBytes)]) -> SecretBytes {
    let mut text = String::with_capacity(ROOM);
    push_toml(&mut text, values);
    SecretBytes::new(text.into_bytes())
}

fn push_toml(text: &mut String, values: &[(Column, SecretBytes)]) {
    text.push_str("[[subscriber]]\n");
    for (column, value) in values {
        let value = core::str::from_utf8(value.expose()).unwrap_or_default();
        text.push_str(name_of(*column));
        text.push_str(" = ");
        match column {
            Column::MncLength
            | Column::IndBits
            | Column::Ind
            | Column::Delta
            | Column::ResLength
            | Column::Lifetime => text.push_str(value),
            _ => push_quoted(text, value),
        }
        text.push('\n');
    }
}

/// A basic string of TOML.
fn push_quoted(text: &mut String, value: &str) {
    text.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => {
                text.push('\\');
                text.push(c);
            }
            c if c.is_control() => {
                // Writing to a String can't fail.
                let _ = write!(text, "\\u{:04X}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text.push('"');
}

fn push_cell(text: &mut String, value: &str) {
    if value.contains([',', ';', '\t', '"', '\n', '\r']) || value.starts_with('#') {
        text.push('"');
        text.push_str(&value.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(value);
    }
}
