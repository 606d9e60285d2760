//! JSON: documents of Open5GS (one a line, several, or a list) and of PyHSS, each value with its place.
//!
//! Values are read one level at a time as raw text, so that a message can point at them; serde's own messages aren't
//! shown, since they repeat values.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{
    super::table::{FileError, error_at},
    Findings, Form, Place,
    places::Places,
    row::{self, Cell, Column, Row},
};

type Object<'t> = BTreeMap<String, &'t RawValue>;

/// Parts of a text, which know where they stand in it.
#[derive(Clone, Copy)]
struct Whole<'p, 't>(&'p Places<'t>);

impl Whole<'_, '_> {
    fn wrong(self, part: &str, key: String, what: impl Into<String>) -> FileError {
        FileError {
            place: self.place(part),
            key,
            what: what.into(),
        }
    }

    /// Of a part of this text.
    fn place(self, part: &str) -> Place {
        let start = self.0.text().as_ptr().addr();
        self.0.at(part.as_ptr().addr().saturating_sub(start))
    }
}

/// All documents as rows.
pub(super) fn rows(text: &str, form: Form, found: &mut Findings) -> Vec<Row> {
    let places = Places::new(text);
    let whole = Whole(&places);
    let mut rows = Vec::new();
    for (n, document) in documents(whole, found).into_iter().enumerate() {
        if found.full() {
            break;
        }
        let key = format!("subscriber {}", n + 1);
        let Ok(object) = serde_json::from_str::<Object<'_>>(document) else {
            found.mistake(whole.wrong(document, key, "an object in braces expected"));
            continue;
        };
        let mut row = Row {
            at: whole.place(document),
            key,
            cells: Vec::new(),
            sound: true,
        };
        match form {
            Form::Open5gs => open5gs(whole, &object, &mut row, found),
            _ => pyhss(whole, &object, &mut row, found),
        }
        rows.push(row);
    }
    rows
}

/// The documents: those in a list, or one after another.
fn documents<'t>(whole: Whole<'_, 't>, found: &mut Findings) -> Vec<&'t str> {
    let mut documents = Vec::new();
    let stream = serde_json::Deserializer::from_str(whole.0.text()).into_iter::<&RawValue>();
    for value in stream {
        match value {
            Ok(value) if value.get().starts_with('[') => {
                // A list was read as raw text already, so that it is one.
                let list: Vec<&RawValue> = serde_json::from_str(value.get()).unwrap_or_default();
                documents.extend(list.into_iter().map(RawValue::get));
            }
            Ok(value) => documents.push(value.get()),
            Err(e) => {
                let mut what = "not JSON".to_owned();
                if ["ObjectId(", "NumberInt(", "NumberLong(", "Long(", "Int32("]
                    .iter()
                    .any(|word| whole.0.text().contains(word))
                {
                    what +=
                        ": this is the shell's way of showing it; use mongoexport -d open5gs -c subscribers";
                }
                let mut mistake = error_at(whole.0.text(), 0, "the file".into(), what);
                mistake.place.line = e.line().max(1);
                mistake.place.column = e.column().max(1);
                found.mistake(mistake);
                break;
            }
        }
        // One more than allowed is kept, so that the excess is seen.
        if documents.len() > super::MAX_SUBSCRIBERS {
            break;
        }
    }
    documents
}

fn open5gs(whole: Whole<'_, '_>, object: &Object<'_>, row: &mut Row, found: &mut Findings) {
    take(whole, object, "", &[("imsi", Column::Imsi)], row, found);
    let Some(security) = object.get("security") else {
        found.mistake(FileError {
            place: row.at,
            key: format!("{}.security", row.key),
            what: "missing: an object with k, opc or op, amf and sqn expected".into(),
        });
        row.sound = false;
        return;
    };
    let Ok(inner) = serde_json::from_str::<Object<'_>>(security.get()) else {
        let key = format!("{}.security", row.key);
        found.mistake(whole.wrong(
            security.get(),
            key,
            "an object with k, opc or op, amf and sqn expected",
        ));
        row.sound = false;
        return;
    };
    let names = [
        ("k", Column::K),
        ("opc", Column::Opc),
        ("op", Column::Op),
        ("amf", Column::Amf),
        ("sqn", Column::Sqn),
    ];
    take(whole, &inner, "security.", &names, row, found);
    // An older form of the web interface.
    if row.get(Column::Opc).is_none() && row.get(Column::Op).is_none() {
        let names = [("op_value", Column::OpOrOpc), ("op_type", Column::OpType)];
        take(whole, &inner, "security.", &names, row, found);
    }
}

fn pyhss(whole: Whole<'_, '_>, object: &Object<'_>, row: &mut Row, found: &mut Findings) {
    let names = [
        ("imsi", Column::Imsi),
        ("ki", Column::K),
        ("opc", Column::Opc),
        ("op", Column::Op),
        ("amf", Column::Amf),
        ("sqn", Column::Sqn),
    ];
    take(whole, object, "", &names, row, found);
    let strange = row::NOT_CARRIED.iter().filter(|n| object.contains_key(**n));
    strange.for_each(|name| found.drop_column(name));
    if row.get(Column::K).is_none() && row.get(Column::Imsi).is_some() {
        found.note("PyHSS' API may leave keys out of its answers; its database has them (table auc)".into());
    }
}

/// Takes those fields that are there and aren't null or empty.
fn take(
    whole: Whole<'_, '_>,
    object: &Object<'_>,
    path: &str,
    names: &[(&str, Column)],
    row: &mut Row,
    found: &mut Findings,
) {
    for (name, column) in names {
        let Some(raw) = object.get(*name).map(|raw| raw.get()) else {
            continue;
        };
        let key = format!("{}.{path}{name}", row.key);
        match scalar(raw) {
            Some(text) if text.trim().is_empty() => {}
            Some(text) => {
                let at = whole.place(raw);
                row.cells.push((*column, Cell::new(at, key, &text)));
                wipe(text);
            }
            None => {
                let expected = if *column == Column::Sqn {
                    "a number expected"
                } else {
                    "a text in quotes expected"
                };
                found.mistake(whole.wrong(raw, key, expected));
                row.sound = false;
            }
        }
    }
}

/// A text or a number, also MongoDB's `{"$numberLong": "5"}`; empty for null.
fn scalar(raw: &str) -> Option<String> {
    match raw.bytes().next()? {
        b'"' => serde_json::from_str(raw).ok(),
        b'n' => Some(String::new()),
        b'{' => {
            let wrapped: Object<'_> = serde_json::from_str(raw).ok()?;
            let (name, value) = wrapped.first_key_value()?;
            let number = ["$numberLong", "$numberInt", "$numberDouble"].contains(&name.as_str());
            (number && wrapped.len() == 1)
                .then(|| serde_json::from_str(value.get()).ok())
                .flatten()
        }
        b'-' | b'0'..=b'9' => Some(raw.to_owned()),
        _ => None,
    }
}

/// It may have been a key.
fn wipe(text: String) {
    drop(base::SecretBytes::new(text.into_bytes()));
}
