//! Files from elsewhere: whatever they hold, there is a report or an error in plain words, never a panic.

use proptest::prelude::*;
use serde_json::{Value, json};
use vectors::{File, Filter, LoadError, MAX_FILE_OCTETS, Mistake, Report, embedded, run};

fn file(vector: &Value) -> File {
    let text = json!({"family": "milenage", "vectors": [vector]}).to_string();
    File::parse("mine.json", text.as_bytes()).unwrap()
}

fn error(text: &str) -> String {
    File::parse("mine.json", text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn what_is_no_file_of_vectors_is_said_with_its_place() {
    assert_eq!(
        error("{"),
        "mine.json: not JSON: EOF while parsing an object at line 1 column 1"
    );
    assert_eq!(
        error("[]"),
        "mine.json: /: an object with `family` and `vectors` expected"
    );
    assert_eq!(
        error("{}"),
        "mine.json: /family: the name of the family expected, as text"
    );
    assert_eq!(
        error(r#"{"family":"x"}"#),
        "mine.json: /vectors: a list of vectors expected"
    );
    assert_eq!(
        error(r#"{"family":"x","vectors":[{"id":"a","kind":"b"},{"id":"c"}]}"#),
        "mine.json: /vectors/1/kind: text expected"
    );
    assert_eq!(
        error(r#"{"family":"x","count":2,"vectors":[]}"#),
        "mine.json: /count: 0 vectors follow, but the count says 2"
    );
    for count in ["-1", "\"0\"", "0.5"] {
        let text = format!(r#"{{"family":"x","count":{count},"vectors":[]}}"#);
        assert_eq!(error(&text), "mine.json: /count: a number from 0 expected");
    }
    assert_eq!(
        error(r#"{"family":"x","vectors":[{"id":"a","kind":"b","family":5}]}"#),
        "mine.json: /vectors/0/family: text expected"
    );
    let twice = error(r#"{"family":"x","vectors":[{"id":"a","kind":"b","RES":"00","RES":"01"}]}"#);
    assert!(
        twice.starts_with("mine.json: not JSON: two values under one name at line 1"),
        "{twice}"
    );
    let large = vec![b' '; MAX_FILE_OCTETS + 1];
    assert!(matches!(
        File::parse("l", &large),
        Err(LoadError::TooLarge { .. })
    ));
    assert!(File::parse("n", &[0xff, 0xfe]).is_err());
    let deep = "[".repeat(100_000);
    assert!(File::parse("d", deep.as_bytes()).is_err());
}

#[test]
fn a_failure_names_file_vector_field_expected_and_got() {
    let zero = "0".repeat(32);
    let mut vector = json!({"id": "mine", "kind": "computed", "K": zero, "OPc": zero, "RAND": zero,
        "SQN": "000000000000", "AMF": "0000", "f1": "0000000000000000"});
    let failures = |vector: &Value| lines(&run(&[file(vector)], &Filter::default()));
    assert_eq!(
        failures(&vector),
        ["mine.json: mine: /f1: the file has 0000000000000000, computed f795bd4a52e29ed7"]
    );
    for (k, got) in [
        ("0z".to_owned(), "a text whose character 2 is no hex digit"),
        ("0".repeat(31), "31 hex digits"),
        ("0".repeat(30), "15 octets"),
    ] {
        vector["K"] = json!(k);
        let told = format!("mine.json: mine: /K: expected 16 octets in hex, got {got}");
        assert_eq!(failures(&vector), [told]);
    }
    vector["K"] = json!(16);
    assert_eq!(
        failures(&vector),
        ["mine.json: mine: /K: expected 16 octets in hex, got 16"]
    );
    vector["K"] = Value::Null;
    assert_eq!(
        failures(&vector),
        ["mine.json: mine: field K is missing (16 octets in hex)"]
    );
    vector["K"] = json!(zero);
    vector["OPc"] = Value::Null;
    assert_eq!(
        failures(&vector),
        ["mine.json: mine: field OPc is missing (16 octets in hex)"]
    );
}

fn lines(report: &Report) -> Vec<String> {
    report.failures.iter().map(ToString::to_string).collect()
}

/// The first vector of Milenage with other fields: `None` leaves one out.
fn milenage_with(changes: &[(&str, Option<&str>)]) -> Report {
    let files = embedded().unwrap();
    let milenage = files.iter().find(|f| f.name == "milenage.json").unwrap();
    let mut fields = milenage.vectors[0].fields().clone();
    for (name, value) in changes {
        match value {
            Some(value) => fields.insert((*name).into(), json!(value)),
            None => fields.remove(*name),
        };
    }
    let one = File {
        vectors: vec![milenage.vectors[0].with_fields(fields)],
        ..milenage.clone()
    };
    run(&[one], &Filter::default())
}

#[test]
fn every_wrong_value_is_told_once() {
    let report = milenage_with(&[("f2", Some("0000000000000000")), ("f5star", Some("000000000000"))]);
    let fields: Vec<&str> = report.failures.iter().map(|f| f.field.as_str()).collect();
    assert_eq!(fields, ["/f2", "/f5star"]);
    assert!(report.failures.iter().all(|f| f.mistake == Mistake::Differs));
    // One that can't be read, or that makes RES a wrong length, doesn't hide another.
    for f2 in ["xyz", "00"] {
        let report = milenage_with(&[("f2", Some(f2)), ("f1", Some("0000000000000000"))]);
        let fields: Vec<&str> = report.failures.iter().map(|f| f.field.as_str()).collect();
        assert!(fields.contains(&"/f2"), "{f2}: {:?}", lines(&report));
    }
}

#[test]
fn a_result_that_is_left_out_is_not_compared_and_one_at_least_is_needed() {
    let outputs = [
        "f1star", "f2", "f3", "f4", "f5", "f5star", "AUTN", "SRES_c2", "Kc_c3",
    ];
    let mut without: Vec<(&str, Option<&str>)> = outputs.iter().map(|name| (*name, None)).collect();
    without.push(("OP", None));
    let one = milenage_with(&without);
    assert_eq!((one.passed(), one.comparisons()), (1, 1), "{:?}", one.failures);
    // What is wrong is told, not what is left out.
    without.retain(|(name, _)| *name != "f2");
    without.push(("f2", Some("0000000000000000")));
    let wrong = lines(&milenage_with(&without));
    assert!(
        wrong.len() == 1 && wrong[0].contains("/f2: the file has 0000000000000000, computed "),
        "{wrong:?}"
    );
    without.extend([("f1", None), ("f2", None)]);
    let none = lines(&milenage_with(&without));
    assert!(
        none.len() == 1
            && none[0].contains("expected a result to compare, such as ")
            && none[0].contains("f1"),
        "{none:?}"
    );
}

#[test]
fn a_run_without_vectors_proves_nothing() {
    assert!(!run(&[], &Filter::default()).is_success());
    assert!(!run(&embedded().unwrap(), &Filter::family("no such family")).is_success());
}

#[test]
fn unknown_kinds_and_fields_are_reported() {
    let vector = json!({"id": "a", "kind": "of tomorrow"});
    let report = run(&[file(&vector)], &Filter::default());
    assert_eq!((report.without_checker(), report.is_success()), (1, false));

    let files = embedded().unwrap();
    let milenage = files.iter().find(|f| f.name == "milenage.json").unwrap();
    let mut fields = milenage.vectors[0].fields().clone();
    fields.insert("f6".into(), json!({"deep": [1]}));
    let one = File {
        vectors: vec![milenage.vectors[0].with_fields(fields)],
        ..milenage.clone()
    };
    let report = run(&[one], &Filter::default());
    let unread: Vec<&str> = report.unread.iter().map(|u| u.field.as_str()).collect();
    assert_eq!(unread, ["/f6/deep"]);
    // A misspelt result is seen; behind a field that is missing, nothing is said of what wasn't reached.
    let wrong = |changes: &[(&str, Option<&str>)]| milenage_with(changes).unread;
    let f2: Vec<_> = wrong(&[("f2", None), ("F2", Some("00"))])
        .into_iter()
        .map(|u| u.field)
        .collect();
    assert_eq!(f2, ["/F2"]);
    assert!(wrong(&[("RAND", None), ("Rand", Some("00"))]).is_empty());
}

#[test]
fn the_report_is_json_and_junit() {
    let mut file = file(&json!({"id": "a<\u{1}\"&>", "kind": "computed"}));
    file.name = "odd.json".into();
    let mut files = embedded().unwrap();
    files.push(file);
    let filter = Filter {
        families: vec!["auts".into(), "onem2m".into(), "odd".into()],
        known_only: true,
    };
    let report = run(&files, &filter);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["rows"][0]["family"], "auts");
    assert_eq!(json["failures"][0]["file"], "odd.json");
    assert_eq!(json["rows"][2]["no_checker"], report.rows[2].no_checker);
    let junit = report.to_junit();
    assert!(
        junit.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"),
        "{junit}"
    );
    assert!(junit.contains("name=\"a&lt;\u{fffd}&quot;&amp;&gt;\""), "{junit}");
    assert!(junit.contains("<skipped message=\"no checker\"/>"));
    assert_eq!(junit.matches("<testcase ").count(), 12 + 42 + 1);
    assert_eq!(junit.matches("<failure ").count(), 1);
    assert!(
        junit.contains("tests=\"55\" failures=\"1\" skipped=\"42\""),
        "{junit}"
    );
}

/// Any JSON, small.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        "[0-9a-f]{0,40}".prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map("[a-z]{1,6}|tag|value|tlvs|code|flags|avps|data", inner, 0..4)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_octets_are_read_or_refused(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = File::parse("f", &octets);
    }

    #[test]
    fn any_value_in_any_field_is_reported_without_panic(
        which in any::<proptest::sample::Index>(), field in any::<proptest::sample::Index>(), value in values(),
    ) {
        let files = embedded().unwrap();
        let all: Vec<_> = files.iter().flat_map(|f| f.vectors.iter().map(move |v| (f, v))).collect();
        let (file, vector) = which.get(&all);
        let mut fields = vector.fields().clone();
        let name = field.get(&fields.keys().cloned().collect::<Vec<_>>()).clone();
        fields.insert(name, value);
        let one = File { vectors: vec![vector.with_fields(fields)], ..(*file).clone() };
        let report = run(&[one], &Filter::default());
        prop_assert_eq!(report.rows.len(), 1);
        prop_assert!(!report.to_junit().is_empty());
    }
}
