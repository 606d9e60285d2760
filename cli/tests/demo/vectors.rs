//! `gba vectors run`: which vectors, what is printed, and the exit status.

use std::fs;

use crate::{Said, program, said};

fn run(more: &[&str]) -> Said {
    said(program().args(["vectors", "run"]).args(more))
}

#[test]
fn a_family_is_checked_as_table_json_and_junit() {
    let table = run(&["--family", "milenage"]);
    assert_eq!(table.status, 0, "{}", table.err);
    for words in ["TS 35.206", "published", "0 failed", "values compared"] {
        assert!(table.out.contains(words), "no {words:?} in {}", table.out);
    }
    let folder = tempfile::tempdir().unwrap();
    let junit = folder.path().join("report.xml");
    let json = run(&[
        "--family",
        "milenage",
        "--json",
        "--junit",
        junit.to_str().unwrap(),
    ]);
    assert_eq!(json.status, 0, "{}", json.err);
    let report: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let passed = |row: &serde_json::Value| row["passed"].as_u64().unwrap();
    let total: u64 = report["rows"].as_array().unwrap().iter().map(passed).sum();
    assert_eq!((total, report["failures"].as_array().unwrap().len()), (20, 0));
    let xml = fs::read_to_string(junit).unwrap();
    assert_eq!(xml.matches("<testcase ").count(), 20);
}

#[test]
fn no_checker_is_a_failure_unless_only_known_ones_count() {
    let strict = run(&[]);
    assert_eq!(strict.status, 1);
    assert!(strict.out.contains("no checker"), "{}", strict.out);
    let known = run(&["--known-only"]);
    assert_eq!(known.status, 0, "{}{}", known.out, known.err);
}

#[test]
fn a_file_that_is_wrong_is_a_failure_or_said_to_be_no_file_of_vectors() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.json");
    let with = |vectors: &str| {
        fs::write(&file, format!(r#"{{"family":"milenage","vectors":[{vectors}]}}"#)).unwrap();
        run(&[file.to_str().unwrap()])
    };
    let k = "00000000000000000000000000000000";
    let wrong = with(&format!(
        r#"{{"id":"mine","kind":"computed","K":"{k}","OPc":"{k}","RAND":"{k}","SQN":"000000000000",
        "AMF":"0000","f1":"0000000000000000","f2":"0000000000000000"}}"#
    ));
    assert_eq!(wrong.status, 1);
    assert!(
        wrong.out.contains("mine: /f1: expected 0000000000000000, got "),
        "{}",
        wrong.out
    );
    let empty = with("");
    assert_eq!(
        (empty.status, empty.err.as_str()),
        (2, "gba: the files hold no vector\n")
    );
    let no_json = with("{");
    assert_eq!(no_json.status, 2);
    assert!(no_json.err.contains("not JSON"), "{}", no_json.err);
    let missing = run(&["/nonexistent/mine.json"]);
    assert_eq!(missing.status, 2);
    assert!(missing.err.contains("/nonexistent/mine.json"), "{}", missing.err);
    let no_family = run(&["--family", "milenag"]);
    assert_eq!(no_family.status, 2);
    assert!(
        no_family.err.contains("there are") && no_family.err.contains("milenage"),
        "{}",
        no_family.err
    );
}
