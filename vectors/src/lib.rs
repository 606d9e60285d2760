//! Test vectors of the field: the data, its schema, and a checker for every kind that this project implements.
//!
//! - [`embedded`]: the vectors that come with the program; [`File::parse`]: any file of the schema
//! - [`run`]: checks files and gives a [`Report`], which can be written as JSON or JUnit XML
//! - `check/`: the checkers, one small file for each family, found by family and kind
//!
//! A checker reads the inputs of a vector, lets the product compute, and compares **every** field that can be
//! recomputed. It can't pass by looking away: a vector without a single comparison is a failure, and the fields
//! that a checker neither read nor compared are listed in the report.
//!
//! Pure: files are read by the caller.
//!
//! ```
//! let report = vectors::run(&vectors::embedded()?, &vectors::Filter::family("milenage"));
//! assert!(report.is_success());
//! assert_eq!(report.rows.len(), 2); // published and computed
//! # Ok::<(), vectors::LoadError>(())
//! ```
#![forbid(unsafe_code)]

mod check;
mod embedded;
mod fields;
mod file;
mod json;
mod report;

pub use check::clause_of;
pub use embedded::{MANIFEST, embedded, schema};
pub use file::{File, LoadError, MAX_FILE_OCTETS, Vector};
pub use report::{Failure, Mistake, Report, Row, Unread};

use fields::{Fields, Log};

/// Which vectors to check, and how strict to be.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Families, or names of files without `.json`; empty: all.
    pub families: Vec<String>,
    /// A vector without a checker is reported, but is no failure.
    pub known_only: bool,
}

impl Filter {
    /// One family, strictly.
    #[must_use]
    pub fn family(name: &str) -> Self {
        Self {
            families: vec![name.to_owned()],
            known_only: false,
        }
    }

    fn takes(&self, file: &File, vector: &Vector) -> bool {
        self.families.is_empty()
            || self
                .families
                .iter()
                .any(|f| *f == vector.family || *f == file.stem() || *f == file.family)
    }
}

/// Checks the vectors of the files that the filter takes.
#[must_use]
pub fn run(files: &[File], filter: &Filter) -> Report {
    let mut report = Report::new(filter.known_only);
    for file in files {
        for vector in file.vectors.iter().filter(|v| filter.takes(file, v)) {
            check_one(file, vector, &mut report);
        }
    }
    report
}

fn check_one(file: &File, vector: &Vector, report: &mut Report) {
    let Some(checker) = check::find(&vector.family, &vector.kind) else {
        report.no_checker(vector);
        return;
    };
    let log = Log::default();
    let stopped = (checker.check)(&Fields::new(vector.fields(), &log)).err();
    let done = stopped.is_none();
    if let Some(problem) = stopped {
        log.fail(problem);
    }
    report.checked(file, vector, checker.clause, log, done);
}
