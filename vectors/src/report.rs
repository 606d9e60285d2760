//! What a run found: rows by family and kind, failures, and the two forms in which others read it.

use std::collections::{BTreeMap, BTreeSet};

use base::Clause;
use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};
use serde::Serialize;

use crate::{File, Vector, fields::Log};

/// One family and kind.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Row {
    /// Family.
    pub family: String,
    /// Kind.
    pub kind: String,
    /// The clause that is checked; empty without a checker.
    pub clause: String,
    /// Vectors of which every comparison held.
    pub passed: usize,
    /// Vectors with a failure.
    pub failed: usize,
    /// Vectors that nothing here can check.
    pub no_checker: usize,
    /// Comparisons made.
    pub comparisons: u64,
}

/// In which way a field isn't as it should be.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mistake {
    /// The file has one value, and this implementation computes another.
    Differs,
    /// The vector lacks a field that its kind needs.
    Missing,
    /// The value can't be read, is refused, or fails a test other than being equal.
    Unexpected,
}

/// A field that isn't as it should be.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Failure {
    /// The file.
    pub file: String,
    /// Family of the vector.
    pub family: String,
    /// Kind of the vector.
    pub kind: String,
    /// The vector.
    pub id: String,
    /// The field, as a JSON pointer.
    pub field: String,
    /// In which way it is wrong.
    pub mistake: Mistake,
    /// What the file says; or, unless the two differ, what was expected of the field.
    pub expected: String,
    /// What was computed; or, unless the two differ, what was found.
    pub got: String,
}

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self {
            file,
            id,
            field,
            expected,
            got,
            ..
        } = self;
        write!(f, "{file}: {id}: ")?;
        match self.mistake {
            Mistake::Differs => write!(f, "{field}: the file has {expected}, computed {got}"),
            Mistake::Missing => {
                let name = field.strip_prefix('/').unwrap_or(field);
                write!(f, "field {name} is missing ({expected})")
            }
            Mistake::Unexpected => write!(f, "{field}: expected {expected}, got {got}"),
        }
    }
}

/// A field that the checker of its kind neither read nor compared.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Unread {
    /// Family.
    pub family: String,
    /// Kind.
    pub kind: String,
    /// The field.
    pub field: String,
}

/// One vector's outcome, for JUnit.
#[derive(Clone, Debug, Serialize)]
struct Case {
    id: String,
    outcome: Outcome,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Passed,
    Failed(Vec<String>),
    NoChecker,
}

/// The result of [`crate::run`]. `serde_json` writes it as it stands.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// By family and kind, in the order of the files.
    pub rows: Vec<Row>,
    /// Everything that is wrong, in the order of the files.
    pub failures: Vec<Failure>,
    /// Fields that no checker looked at: new ones in a file from elsewhere.
    pub unread: BTreeSet<Unread>,
    /// Whether vectors without a checker are allowed.
    pub known_only: bool,
    #[serde(skip)]
    cases: BTreeMap<(String, String), Vec<Case>>,
    #[serde(skip)]
    compared: BTreeMap<(String, String), BTreeSet<String>>,
}

/// Text as XML 1.0 can hold it: an id from elsewhere may hold control characters.
fn xml(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' | '\n' | '\r' => ' ',
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// Fields that say where a vector comes from, not what it computes.
const ABOUT: &[&str] = &["id", "kind", "family", "source", "confidence", "note", "Ua_name"];

impl Report {
    pub(crate) fn new(known_only: bool) -> Self {
        Self {
            known_only,
            ..Self::default()
        }
    }

    /// All vectors passed; and at least one was there; and each had a checker, unless that is allowed.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.passed() > 0 && self.failed() == 0 && (self.known_only || self.without_checker() == 0)
    }

    /// Vectors that passed.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.rows.iter().map(|r| r.passed).sum()
    }

    /// Vectors that failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.rows.iter().map(|r| r.failed).sum()
    }

    /// Vectors without a checker.
    #[must_use]
    pub fn without_checker(&self) -> usize {
        self.rows.iter().map(|r| r.no_checker).sum()
    }

    /// Comparisons made.
    #[must_use]
    pub fn comparisons(&self) -> u64 {
        self.rows.iter().map(|r| r.comparisons).sum()
    }

    /// The fields, as JSON pointers, that the checker of this vector compared. Tests change each of them.
    #[must_use]
    pub fn compared(&self, file: &str, id: &str) -> BTreeSet<String> {
        let key = (file.to_owned(), id.to_owned());
        self.compared.get(&key).cloned().unwrap_or_default()
    }

    /// Notes a check that isn't of a file of vectors, such as one of a card: `Err` has what was expected, and what came.
    pub fn check(
        &mut self,
        (family, kind): (&str, &str),
        clause: &str,
        id: &str,
        outcome: Result<(), (String, String)>,
    ) {
        let row = self.row_of(family, kind);
        clause.clone_into(&mut row.clause);
        row.comparisons += 1;
        let key = (family.to_owned(), kind.to_owned());
        let outcome = match outcome {
            Ok(()) => {
                row.passed += 1;
                Outcome::Passed
            }
            Err((expected, got)) => {
                row.failed += 1;
                let failure = Failure {
                    file: family.to_owned(),
                    family: family.to_owned(),
                    kind: kind.to_owned(),
                    id: id.to_owned(),
                    field: clause.to_owned(),
                    mistake: Mistake::Unexpected,
                    expected,
                    got,
                };
                let told = failure.to_string();
                self.failures.push(failure);
                Outcome::Failed(vec![told])
            }
        };
        self.cases.entry(key).or_default().push(Case {
            id: id.to_owned(),
            outcome,
        });
    }

    fn row(&mut self, vector: &Vector) -> &mut Row {
        self.row_of(&vector.family, &vector.kind)
    }

    fn row_of(&mut self, family: &str, kind: &str) -> &mut Row {
        let found = |r: &Row| r.family == family && r.kind == kind;
        let i = self.rows.iter().position(found).unwrap_or_else(|| {
            self.rows.push(Row {
                family: family.to_owned(),
                kind: kind.to_owned(),
                clause: String::new(),
                passed: 0,
                failed: 0,
                no_checker: 0,
                comparisons: 0,
            });
            self.rows.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "found, or pushed one line above")]
        &mut self.rows[i]
    }

    fn case(&mut self, vector: &Vector, outcome: Outcome) {
        let key = (vector.family.clone(), vector.kind.clone());
        self.cases.entry(key).or_default().push(Case {
            id: vector.id.clone(),
            outcome,
        });
    }

    pub(crate) fn no_checker(&mut self, vector: &Vector) {
        self.row(vector).no_checker += 1;
        self.case(vector, Outcome::NoChecker);
    }

    /// Notes what the checker found; `done` unless it stopped before the end.
    pub(crate) fn checked(&mut self, file: &File, vector: &Vector, clause: Clause, log: Log, done: bool) {
        let comparisons = log.comparisons();
        // After a stop, what comes behind it isn't read either, and tells nothing.
        let unread = if done {
            log.unread(vector.fields())
        } else {
            BTreeSet::new()
        };
        let absent = log.absent();
        let (problems, compared) = log.into_parts();
        let mut failures: Vec<Failure> = problems
            .into_iter()
            .map(|p| Failure {
                file: file.name.clone(),
                family: vector.family.clone(),
                kind: vector.kind.clone(),
                id: vector.id.clone(),
                field: p.field,
                mistake: p.mistake,
                expected: p.expected,
                got: p.got,
            })
            .collect();
        if failures.is_empty() && comparisons == 0 {
            let names: Vec<&str> = absent.iter().map(|f| f.trim_start_matches('/')).collect();
            let expected = if names.is_empty() {
                "at least one comparison".into()
            } else {
                format!("a result to compare, such as {}", names.join(", "))
            };
            failures.push(Failure {
                file: file.name.clone(),
                family: vector.family.clone(),
                kind: vector.kind.clone(),
                id: vector.id.clone(),
                field: "/".into(),
                mistake: Mistake::Unexpected,
                expected,
                got: "none".into(),
            });
        }
        let about = |field: &String| field.rsplit('/').next().is_some_and(|name| ABOUT.contains(&name));
        self.unread
            .extend(unread.into_iter().filter(|f| !about(f)).map(|field| Unread {
                family: vector.family.clone(),
                kind: vector.kind.clone(),
                field,
            }));
        self.compared
            .insert((file.name.clone(), vector.id.clone()), compared);
        let row = self.row(vector);
        row.clause = clause.to_string();
        row.comparisons += comparisons;
        if failures.is_empty() {
            row.passed += 1;
            self.case(vector, Outcome::Passed);
        } else {
            row.failed += 1;
            self.case(
                vector,
                Outcome::Failed(failures.iter().map(Failure::to_string).collect()),
            );
        }
        self.failures.extend(failures);
    }

    /// The report as JUnit XML: a test suite for each family and kind, a test case for each vector.
    #[must_use]
    pub fn to_junit(&self) -> String {
        let mut w = Writer::new_with_indent(Vec::new(), b' ', 2);
        // Writing into a vector can't fail.
        let written = self.write_junit(&mut w).is_ok();
        debug_assert!(written);
        String::from_utf8(w.into_inner()).unwrap_or_default()
    }

    fn write_junit(&self, w: &mut Writer<Vec<u8>>) -> std::io::Result<()> {
        w.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        let all: usize = self.rows.iter().map(Row::total).sum();
        let skipped = if self.known_only {
            self.without_checker()
        } else {
            0
        };
        let failed = self.failed() + self.without_checker() - skipped;
        w.create_element("testsuites")
            .with_attribute(("name", "vectors"))
            .with_attribute(("tests", all.to_string().as_str()))
            .with_attribute(("failures", failed.to_string().as_str()))
            .with_attribute(("skipped", skipped.to_string().as_str()))
            .write_inner_content(|w| {
                for row in &self.rows {
                    self.write_suite(w, row)?;
                }
                Ok(())
            })?;
        Ok(())
    }

    fn write_suite(&self, w: &mut Writer<Vec<u8>>, row: &Row) -> std::io::Result<()> {
        let name = xml(&format!("{}/{}", row.family, row.kind));
        let (skipped, unknown) = if self.known_only {
            (row.no_checker, 0)
        } else {
            (0, row.no_checker)
        };
        w.create_element("testsuite")
            .with_attribute(("name", name.as_str()))
            .with_attribute(("tests", row.total().to_string().as_str()))
            .with_attribute(("failures", (row.failed + unknown).to_string().as_str()))
            .with_attribute(("skipped", skipped.to_string().as_str()))
            .write_inner_content(|w| {
                let key = (row.family.clone(), row.kind.clone());
                for case in self.cases.get(&key).into_iter().flatten() {
                    let element = w
                        .create_element("testcase")
                        .with_attribute(("classname", name.as_str()))
                        .with_attribute(("name", xml(&case.id).as_str()));
                    match &case.outcome {
                        Outcome::Passed => element.write_empty()?,
                        Outcome::Failed(lines) => element.write_inner_content(|w| {
                            w.create_element("failure")
                                .with_attribute((
                                    "message",
                                    xml(lines.first().map_or("", String::as_str)).as_str(),
                                ))
                                .write_text_content(BytesText::new(
                                    &lines.iter().map(|l| xml(l)).collect::<Vec<_>>().join("\n"),
                                ))?;
                            Ok(())
                        })?,
                        Outcome::NoChecker => element.write_inner_content(|w| {
                            let what = if self.known_only { "skipped" } else { "failure" };
                            w.create_element(what)
                                .with_attribute(("message", "no checker"))
                                .write_empty()?;
                            Ok(())
                        })?,
                    };
                }
                Ok(())
            })?;
        Ok(())
    }
}

impl Row {
    /// Vectors of this family and kind.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.passed + self.failed + self.no_checker
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_without_a_comparison_is_a_failure() {
        let text = r#"{"family":"x","vectors":[{"id":"a","kind":"b"}]}"#;
        let file = File::parse("f.json", text.as_bytes()).unwrap();
        let mut report = Report::new(false);
        report.checked(
            &file,
            &file.vectors[0],
            Clause::new("TS 0", "1"),
            Log::default(),
            true,
        );
        assert_eq!((report.failed(), report.passed()), (1, 0));
        assert_eq!(
            report.failures[0].to_string(),
            "f.json: a: /: expected at least one comparison, got none"
        );
    }
}
