//! "Fields" of `README.md`: found by leaving each field of each vector out, so that it says what the checkers do.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
};

use serde_json::Value;
use vectors::{File, Filter, Mistake, Vector, clause_of, embedded, run, schema};

/// Fields that any vector may have.
const ABOUT: &[&str] = &["id", "kind", "family", "source", "confidence", "note", "Ua_name"];

/// Vectors of a kind in which fields are left out two by two.
const IN_PAIRS: usize = 3;

/// Widest line of the list.
const WIDTH: usize = 110;

/// What a kind does with its fields.
#[derive(Default)]
struct Fields {
    /// In how many vectors the field is, and in how many it is needed.
    counts: BTreeMap<String, (usize, usize)>,
    compared: BTreeSet<String>,
    either: BTreeSet<String>,
}

/// The places of what a vector gives; lists are seen into where their objects are steps.
fn places(at: &str, value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Null => {}
        Value::Object(map) => {
            for (name, value) in map.iter().filter(|(name, _)| !ABOUT.contains(&name.as_str())) {
                places(&format!("{at}/{name}"), value, out);
            }
        }
        Value::Array(list) if at.ends_with("/steps") => {
            for (i, value) in list.iter().enumerate() {
                places(&format!("{at}/{i}"), value, out);
            }
        }
        _ => out.push(at.to_owned()),
    }
}

fn shown(at: &str) -> String {
    let parts = at[1..].split('/');
    let parts = parts.map(|part| if part.parse::<u32>().is_ok() { "*" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// True if the checker misses one of the fields when they are left out.
fn misses(file: &File, vector: &Vector, left_out: &[&String]) -> bool {
    let mut fields = Value::Object(vector.fields().clone());
    for at in left_out {
        let (object, name) = at.rsplit_once('/').unwrap();
        let object = fields.pointer_mut(object).unwrap().as_object_mut().unwrap();
        object.remove(name);
    }
    let Value::Object(fields) = fields else {
        unreachable!()
    };
    let one = File {
        vectors: vec![vector.with_fields(fields)],
        ..file.clone()
    };
    let report = run(&[one], &Filter::default());
    report.failures.iter().any(|f| f.mistake == Mistake::Missing)
}

fn look(file: &File, vector: &Vector, kind: &mut Fields, in_pairs: bool) {
    let mut all = Vec::new();
    places("", &Value::Object(vector.fields().clone()), &mut all);
    let one = File {
        vectors: vec![vector.clone()],
        ..file.clone()
    };
    let compared = run(&[one], &Filter::default()).compared(&file.name, &vector.id);
    kind.compared
        .extend(all.iter().filter(|at| compared.contains(*at)).map(|at| shown(at)));
    let (needed, rest): (Vec<_>, Vec<_>) = all.iter().partition(|at| misses(file, vector, &[*at]));
    let names = |all: &[&String]| all.iter().map(|at| shown(at)).collect::<BTreeSet<_>>();
    let needed = names(&needed);
    for name in &names(&all.iter().collect::<Vec<_>>()) {
        let (given, need) = kind.counts.entry(name.clone()).or_default();
        *given += 1;
        *need += usize::from(needed.contains(name));
    }
    for (i, a) in rest.iter().enumerate().filter(|_| in_pairs) {
        for b in rest[i + 1..].iter().filter(|b| misses(file, vector, &[*a, **b])) {
            kind.either.insert(format!("{} or {}", shown(a), shown(b)));
        }
    }
}

fn line(out: &mut String, head: &str, names: &[String]) {
    if names.is_empty() {
        return;
    }
    let mut line = format!("  {head:<15}");
    let indent = line.len();
    for (i, name) in names.iter().enumerate() {
        let comma = if i + 1 < names.len() { "," } else { "" };
        if line.len() + name.len() + 2 > WIDTH {
            writeln!(out, "{}", line.trim_end()).unwrap();
            line = " ".repeat(indent);
        }
        write!(line, "{name}{comma} ").unwrap();
    }
    writeln!(out, "{}", line.trim_end()).unwrap();
}

/// The list as it must stand in `README.md`.
fn list() -> String {
    let files = embedded().unwrap();
    let mut kinds: Vec<((String, String), usize, Fields)> = Vec::new();
    for file in &files {
        for vector in &file.vectors {
            let key = (vector.family.clone(), vector.kind.clone());
            if clause_of(&key.0, &key.1).is_none() {
                continue;
            }
            let i = kinds.iter().position(|(k, ..)| *k == key).unwrap_or_else(|| {
                kinds.push((key, 0, Fields::default()));
                kinds.len() - 1
            });
            let (_, seen, fields) = &mut kinds[i];
            *seen += 1;
            look(file, vector, fields, *seen <= IN_PAIRS);
        }
    }
    // Kinds of a family with the same fields stand together.
    let mut texts: Vec<(String, String)> = Vec::new();
    for ((family, kind), seen, fields) in kinds {
        let of = |wanted: &dyn Fn(&str, usize, usize) -> bool| -> Vec<String> {
            let all = fields.counts.iter();
            all.filter(|(name, (given, need))| wanted(name, *given, *need))
                .map(|(name, _)| name.clone())
                .collect()
        };
        let compared = |name: &str| fields.compared.contains(name);
        let mut text = String::new();
        let mut needs = of(&|_, given, need| need == seen && given == seen);
        needs.extend(fields.either.iter().cloned());
        line(&mut text, "needs", &needs);
        line(
            &mut text,
            "in some cases",
            &of(&|_, _, need| need > 0 && need < seen),
        );
        line(
            &mut text,
            "compares",
            &of(&|name, _, need| need < seen && compared(name)),
        );
        line(
            &mut text,
            "may have",
            &of(&|name, _, need| need == 0 && !compared(name)),
        );
        match texts
            .iter_mut()
            .find(|(head, t)| head.starts_with(&format!("{family}: ")) && *t == text)
        {
            Some((head, _)) => write!(head, ", {kind}").unwrap(),
            None => texts.push((format!("{family}: {kind}"), text)),
        }
    }
    texts
        .iter()
        .map(|(head, text)| format!("{head}\n{text}"))
        .collect()
}

/// With `UPDATE_README=1` the list is written; otherwise it must be there.
#[test]
fn the_readme_lists_the_fields_of_each_kind() {
    let (begin, end) = ("```text\n", "```\n");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = fs::read_to_string(path).unwrap();
    let section = readme.find("## Fields").unwrap();
    let from = section + readme[section..].find(begin).unwrap() + begin.len();
    let to = from + readme[from..].find(end).unwrap();
    let list = list();
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(path, format!("{}{list}{}", &readme[..from], &readme[to..])).unwrap();
    } else {
        assert_eq!(&readme[from..to], list, "run this test with UPDATE_README=1");
    }
}

#[test]
fn the_schema_is_that_part_and_its_example_passes() {
    let schema = schema();
    for words in ["## Format", "## Fields", "`family`", "gba_u_mac: gba_u"] {
        assert!(schema.contains(words), "no {words:?} in {schema}");
    }
    assert!(!schema.contains("## Confidence"), "{schema}");
    let example = schema
        .split("```json\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let file = File::parse("example", example.as_bytes()).unwrap();
    let report = run(&[file], &Filter::default());
    assert_eq!(
        (report.passed(), report.comparisons()),
        (1, 1),
        "{:?}",
        report.failures
    );
}
