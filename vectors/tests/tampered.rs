//! Every checker can fail: each value of each vector is changed, one at a time, and each change must be reported.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use vectors::{File, Filter, embedded, run};

/// Where a change may go unnoticed: (family, kind, field, in how many vectors, why). Nothing else may.
const INDIFFERENT: &[(&str, &str, &str, usize, &str)] = &[
    ("auts", "computed", "/AUTS", 2, "a wrong AUTS stays wrong"),
    ("auts", "computed", "/K", 2, "a wrong AUTS stays wrong"),
    ("auts", "computed", "/OPc", 1, "a wrong AUTS stays wrong"),
    ("auts", "computed", "/RAND", 2, "a wrong AUTS stays wrong"),
    (
        "auts",
        "computed",
        "/SQN_HE_before",
        4,
        "a limit: far from it, a step changes nothing",
    ),
    ("auts", "computed", "/params/delta", 6, "a limit"),
    (
        "diameter",
        "malformed",
        "/expect/acceptable_result_codes/*",
        2,
        "one of two codes is enough",
    ),
    ("diameter", "malformed", "/hex", 2, "what is malformed stays so"),
    ("digest", "AKAv2", "/body", 4, "qop auth doesn't cover the body"),
    (
        "digest",
        "AKAv2",
        "/response_body",
        4,
        "qop auth doesn't cover the body",
    ),
    (
        "digest",
        "RFC2069_form",
        "/cnonce",
        3,
        "without qop it isn't hashed",
    ),
    ("digest", "Ua", "/body", 10, "qop auth doesn't cover the body"),
    (
        "digest",
        "Ua",
        "/response_body",
        4,
        "qop auth doesn't cover the body",
    ),
    ("digest", "Ub_auts", "/RES", 9, "with AUTS the password is empty"),
    (
        "gba_flow",
        "flow",
        "/Ua_body",
        4,
        "qop auth doesn't cover the body",
    ),
    ("sqn_sequence", "sequence", "/params/L", 9, "a limit"),
    ("sqn_sequence", "sequence", "/params/delta", 16, "a limit"),
    (
        "sqn_sequence",
        "sequence",
        "/steps/*/AMF",
        4,
        "a wrong AUTN stays wrong",
    ),
    (
        "sqn_sequence",
        "sequence",
        "/steps/*/AUTN",
        4,
        "a wrong AUTN stays wrong",
    ),
    (
        "sqn_sequence",
        "sequence",
        "/steps/*/RAND",
        4,
        "a wrong AUTN stays wrong",
    ),
    (
        "tlv_apdu",
        "ber_tlv_error",
        "/hex",
        7,
        "what is malformed stays so; see the test below",
    ),
];

/// Vectors of each kind that are changed: their checker is the same.
const PER_KIND: usize = 40;

/// Fields that say where a vector comes from.
const ABOUT: &[&str] = &["id", "kind", "family", "source", "confidence", "note", "Ua_name"];

/// The same value, but wrong: in its last digit or character, and in its first.
fn changed(value: &Value) -> [Value; 2] {
    let other = |c: char| match c.to_digit(16) {
        Some(digit) => format!("{:x}", digit ^ 1),
        None if c == 'z' => "y".into(),
        None => "z".into(),
    };
    match value {
        Value::Bool(b) => [Value::Bool(!b), Value::Bool(!b)],
        Value::Number(n) => [4096, 8192].map(|d| Value::from(n.as_u64().unwrap() + d)),
        Value::Null => [0, 7].map(Value::from),
        Value::String(s) => match (s.char_indices().next(), s.char_indices().last()) {
            (Some((_, first)), Some((at, last))) => [
                Value::from(format!("{}{}", &s[..at], other(last))),
                Value::from(format!("{}{}", other(first), &s[first.len_utf8()..])),
            ],
            _ => [Value::from("00"), Value::from("0000")],
        },
        _ => panic!("only leaves are changed"),
    }
}

/// Items of each list that are changed.
const ITEMS: usize = 8;

/// The places of all leaves.
fn leaves(at: String, value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                if !ABOUT.contains(&name.as_str()) {
                    leaves(format!("{at}/{name}"), value, out);
                }
            }
        }
        Value::Array(list) => {
            for (i, value) in list.iter().enumerate().take(ITEMS) {
                leaves(format!("{at}/{i}"), value, out);
            }
        }
        _ => out.push(at),
    }
}

fn shown(at: &str) -> String {
    at.split('/')
        .map(|part| if part.parse::<usize>().is_ok() { "*" } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

#[test]
fn every_changed_value_is_reported() {
    let known = Filter {
        known_only: true,
        ..Filter::default()
    };
    let files = embedded().unwrap();
    let good = run(&files, &known);
    let mut unnoticed: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    let mut changes = 0;
    let mut taken: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for file in &files {
        for vector in &file.vectors {
            let taken = taken.entry((&vector.family, &vector.kind)).or_default();
            *taken += 1;
            if *taken > PER_KIND || vectors::clause_of(&vector.family, &vector.kind).is_none() {
                continue;
            }
            let compared = good.compared(&file.name, &vector.id);
            let mut places = Vec::new();
            leaves(
                String::new(),
                &Value::Object(vector.fields().clone()),
                &mut places,
            );
            for at in places {
                let noticed = [0, 1].map(|way| {
                    let mut fields = Value::Object(vector.fields().clone());
                    let place = fields.pointer_mut(&at).unwrap();
                    *place = changed(place)[way].clone();
                    let Value::Object(fields) = fields else {
                        unreachable!()
                    };
                    noticed(file, vector, fields, &known)
                });
                changes += 2;
                // A result must be right in every digit; an input must count, though not every bit of it does.
                let fine = if compared.contains(&at) {
                    noticed == [true, true]
                } else {
                    noticed != [false, false]
                };
                if !fine {
                    *unnoticed
                        .entry((vector.family.clone(), vector.kind.clone(), shown(&at)))
                        .or_default() += 1;
                }
            }
        }
    }
    assert!(changes > 5000, "{changes}");
    let expected: BTreeMap<(String, String, String), usize> = INDIFFERENT
        .iter()
        .map(|(family, kind, field, n, _)| ((family.to_string(), kind.to_string(), field.to_string()), *n))
        .collect();
    assert_eq!(unnoticed, expected);
}

#[test]
fn a_good_encoding_among_the_bad_ones_is_reported() {
    for file in embedded().unwrap() {
        for vector in file.vectors.iter().filter(|v| v.kind == "ber_tlv_error") {
            let mut fields = vector.fields().clone();
            fields.insert("hex".into(), "8001ff".into());
            assert!(
                noticed(&file, vector, fields, &Filter::default()),
                "{}",
                vector.id
            );
        }
    }
}

fn noticed(file: &File, vector: &vectors::Vector, fields: Map<String, Value>, filter: &Filter) -> bool {
    let one = File {
        name: file.name.clone(),
        family: file.family.clone(),
        title: String::new(),
        vectors: vec![vector.with_fields(fields)],
    };
    let report = run(&[one], filter);
    report.failed() == 1
        && report
            .failures
            .iter()
            .all(|f| f.id == vector.id && !f.field.is_empty())
}
