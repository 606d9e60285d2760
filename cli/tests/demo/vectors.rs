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
        wrong
            .out
            .contains("mine: /f1: the file has 0000000000000000, computed f795bd4a52e29ed7\n"),
        "{}",
        wrong.out
    );
    let empty = with("");
    let says = format!("gba: {} has no vectors\n", file.display());
    assert_eq!((empty.status, empty.err), (2, says));
    let misspelt = with(&format!(
        r#"{{"id":"mine","kind":"computed","K":"{k}","OPc":"{k}","RAND":"{k}","SQN":"000000000000",
        "AMF":"0000","f1":"f795bd4a52e29ed7","f5_star":"00"}}"#
    ));
    assert_eq!(misspelt.status, 0, "{}", misspelt.out);
    assert!(
        misspelt
            .out
            .contains("not looked at: milenage/computed field f5_star"),
        "{}",
        misspelt.out
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

#[test]
fn where_nothing_has_a_checker_nothing_has_passed() {
    for more in [&[][..], &["--json"]] {
        let said = run(&[&["--known-only", "--family", "onem2m"], more].concat());
        assert_eq!(said.status, 1, "{}", said.out);
        assert!(
            said.err.contains("nothing was checked, so nothing has passed"),
            "{}",
            said.err
        );
        assert!(!said.out.contains("leaves them out"), "{}", said.out);
    }
}

#[test]
fn the_program_itself_tells_how_a_file_is_written() {
    let help = said(program().args(["vectors", "run", "--help"]));
    assert!(help.out.contains("gba vectors schema"), "{}", help.out);
    let schema = said(program().args(["vectors", "schema"]));
    assert_eq!(schema.status, 0, "{}", schema.err);
    let example = schema.out.split("```json\n").nth(1).unwrap();
    let example = example.split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("example.json");
    fs::write(&file, example).unwrap();
    let passed = run(&[file.to_str().unwrap()]);
    assert_eq!(passed.status, 0, "{}", passed.out);
    assert!(passed.out.contains("1 passed, 0 failed"), "{}", passed.out);
}

#[test]
fn each_help_has_an_example() {
    for command in [
        &[][..],
        &["demo"],
        &["vectors"],
        &["vectors", "run"],
        &["vectors", "schema"],
    ] {
        let help = said(program().args(command).arg("--help"));
        assert_eq!(help.status, 0, "{}", help.err);
        assert!(
            help.out.contains("Example"),
            "gba {command:?} --help: {}",
            help.out
        );
    }
}
