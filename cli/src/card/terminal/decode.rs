//! Octets of files in words, by the table of names; in hex where it knows nothing of them.

use base::hex;
use serde_json::{Value, json};
use uicc::{
    ef::{self, ServiceTable, services},
    terminal::{Content, Path},
};

/// Numbers of the services that are on.
pub(super) fn service_numbers(table: &ServiceTable) -> Vec<u16> {
    table.numbers().collect()
}

/// `27 GSM access, 68 GBA`.
pub(super) fn services(table: &ServiceTable, isim: bool) -> String {
    let names = if isim { services::ISIM } else { services::USIM };
    let lines = table.value(names).lines();
    lines.into_iter().map(|(_, value)| value).collect()
}

/// What a file says, as lines of field and value; records have their number before them.
pub(super) fn lines(path: &Path, content: &Content) -> Vec<(String, String)> {
    match content {
        Content::Transparent(octets) => one(path, octets),
        Content::Records(records) => records
            .iter()
            .enumerate()
            .flat_map(|(i, record)| {
                let number = format!("{}", i + 1);
                let fields = if is_empty(record) {
                    vec![(String::new(), "(empty)".to_owned())]
                } else {
                    one(path, record)
                };
                fields.into_iter().map(move |(field, value)| {
                    let name = if field.is_empty() {
                        number.clone()
                    } else {
                        format!("{number}.{field}")
                    };
                    (name, value)
                })
            })
            .collect(),
        Content::Objects(objects) => objects
            .iter()
            .map(|(tag, value)| (format!("{tag:X}"), hex::encode(value).to_uppercase()))
            .collect(),
    }
}

fn one(path: &Path, octets: &[u8]) -> Vec<(String, String)> {
    decoded(path, octets).lines()
}

fn decoded(path: &Path, octets: &[u8]) -> ef::Value {
    let (aid, fids) = path.place();
    ef::decode(aid, fids, octets)
}

/// Nothing but FF.
pub(super) fn is_empty(octets: &[u8]) -> bool {
    octets.iter().all(|o| *o == 0xff)
}

/// The content in hex.
pub(super) fn hex_lines(content: &Content) -> Vec<(String, String)> {
    match content {
        Content::Transparent(octets) => vec![(String::new(), hex::encode(octets).to_uppercase())],
        Content::Records(records) => records
            .iter()
            .enumerate()
            .map(|(i, record)| ((i + 1).to_string(), hex::encode(record).to_uppercase()))
            .collect(),
        Content::Objects(objects) => objects
            .iter()
            .map(|(tag, value)| (format!("{tag:X}"), hex::encode(value).to_uppercase()))
            .collect(),
    }
}

/// The content in hex and, where it is known, decoded.
pub(super) fn as_json(path: &Path, content: &Content) -> Value {
    let of = |octets: &[u8]| json!({"hex": hex::encode(octets), "value": tree(&decoded(path, octets))});
    match content {
        Content::Transparent(octets) => of(octets),
        Content::Records(records) => json!({"records": records.iter().map(|r| of(r)).collect::<Vec<_>>()}),
        Content::Objects(objects) => {
            let objects: Vec<_> = objects
                .iter()
                .map(|(tag, value)| json!({"tag": format!("{tag:X}"), "hex": hex::encode(value)}))
                .collect();
            json!({ "objects": objects })
        }
    }
}

fn tree(value: &ef::Value) -> Value {
    match value {
        ef::Value::Empty => Value::Null,
        ef::Value::Text(text) => json!(text),
        ef::Value::Number(n) => json!(n),
        ef::Value::Flag(yes) => json!(yes),
        ef::Value::Octets(octets) => json!(hex::encode(octets)),
        ef::Value::List(values) => values.iter().map(tree).collect(),
        ef::Value::Fields(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, v)| ((*name).to_owned(), tree(v)))
                .collect(),
        ),
        // A key's length.
        other => json!(other.to_string()),
    }
}
