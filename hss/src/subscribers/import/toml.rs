//! Our own file: each table as a row, so that all its mistakes are found, then as the HSS reads it.

use base::Utc;
use toml::de::DeValue;

use super::{
    super::{
        file,
        table::{Table, error_at},
    },
    Entry, Findings, KeySource, Options, Place, judge,
    places::Places,
    row::{self, Cell, Column, Row},
};

/// What may stand in a table beside what a row carries.
const ALONE: [&str; 5] = ["uss", "guss_changed", "amf_as_is", "sqn_scheme", "sqn_start"];

/// How many tables there are, and those without a mistake.
pub(super) fn read(
    text: &str,
    options: &Options,
    keys: &mut dyn KeySource,
    found: &mut Findings,
) -> (usize, Vec<Entry>) {
    let document = match file::document(text) {
        Ok(document) => document,
        Err(e) => {
            found.mistake(e);
            return (0, Vec::new());
        }
    };
    if options.operator_key.is_some() {
        found.note("our own file says op or opc: --operator-key changes nothing".into());
    }
    let mut root = Table::new(text, String::new(), 0, document.get_ref());
    if let (Some(hss), None) = (
        document.get_ref().get("hss"),
        document.get_ref().get("subscriber"),
    ) {
        let what = "subscribers expected, but this is a configuration of elements: gba config check reads it";
        found.mistake(error_at(text, hss.span().start, "hss".into(), what));
        return (0, Vec::new());
    }
    let production = root.flag("production").unwrap_or_else(|e| {
        found.mistake(e);
        None
    });
    let production = production.unwrap_or(false);
    let tables = match root.tables("subscriber") {
        Ok(tables) => tables,
        Err(e) => {
            found.mistake(e);
            return (0, Vec::new());
        }
    };
    if let Err(e) = root.finish() {
        found.mistake(e);
    }
    let places = Places::new(text);
    let count = tables.len();
    if count > super::MAX_SUBSCRIBERS {
        let what = format!("at most {} expected", super::MAX_SUBSCRIBERS);
        found.mistake(error_at(text, 0, "subscriber".into(), what));
        return (count, Vec::new());
    }
    let mut entries = Vec::new();
    for mut table in tables {
        if found.full() {
            break;
        }
        let before = found.mistakes.len();
        let (row, alone) = row_of(&places, &table, found);
        let entry = judge::row(&row, super::Form::Toml, options, keys, found);
        let uss = match table.tables("uss") {
            Ok(uss) => uss,
            Err(e) => {
                found.mistake(e);
                continue;
            }
        };
        for uss in uss {
            if let Err(e) = file::uss(uss) {
                found.mistake(e);
            }
        }
        if found.mistakes.len() > before {
            continue;
        }
        // What depends on several keys, or on the whole.
        match file::subscriber(&mut table, production, keys, Utc(0)) {
            Ok(_) => entries.extend(entry.map(|e| Entry { alone, ..e })),
            Err(e) => found.mistake(e),
        }
    }
    (count, entries)
}

/// The row, and the place and name of what only TOML can hold.
fn row_of(
    places: &Places<'_>,
    table: &Table<'_, '_>,
    found: &mut Findings,
) -> (Row, Option<(Place, String)>) {
    let (at, path) = table.place();
    let (at, text) = (places.at(at), places.text());
    let mut row = Row {
        at,
        key: path.clone(),
        cells: Vec::new(),
        sound: true,
    };
    let mut alone = None;
    for (name, value) in table.entries() {
        let (name_at, at) = (name.span().start, value.span().start);
        let name: &str = name.get_ref();
        if ALONE.contains(&name) {
            alone.get_or_insert_with(|| {
                let key = format!("{path}.{name}");
                (places.at(name_at), key)
            });
            continue;
        }
        let Some((column, name)) = row::OURS.iter().find(|(_, n)| *n == name) else {
            // The key itself isn't shown: it may be a secret that stands on the wrong side of the `=`.
            let known: Vec<_> = row::OURS.iter().map(|(_, n)| *n).chain(ALONE).collect();
            let what = format!("not known here; known are {}", known.join(", "));
            found.mistake(error_at(text, name_at, format!("{path}.this key"), what));
            row.sound = false;
            continue;
        };
        let key = format!("{path}.{name}");
        let place = places.at(at);
        let number = matches!(
            column,
            Column::MncLength
                | Column::IndBits
                | Column::Ind
                | Column::Delta
                | Column::ResLength
                | Column::Lifetime
        );
        match value.get_ref() {
            DeValue::String(text) if !number => row.cells.push((*column, Cell::new(place, key, text))),
            DeValue::Integer(n) if number => {
                let n = u32::from_str_radix(n.as_str(), n.radix()).map_or("x".to_owned(), |n| n.to_string());
                row.cells.push((*column, Cell::new(place, key, &n)));
            }
            other => {
                let expected = if number { "a number" } else { "a text in quotes" };
                let what = format!("{expected} expected, not {}", other.type_str());
                found.mistake(error_at(text, at, key, what));
                row.sound = false;
            }
        }
    }
    (row, alone)
}
