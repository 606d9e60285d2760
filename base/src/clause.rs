//! Names of the clauses that code implements, so that an error or a log line can cite its source.

use core::fmt;

/// A clause of a specification, such as `TS 33.220 4.5.2`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Clause {
    /// The document, such as `TS 33.220` or `RFC 6733`.
    pub spec: &'static str,
    /// The clause or annex in it, such as `4.5.2` or `Annex B.3`.
    pub number: &'static str,
}

impl Clause {
    /// Names a clause.
    #[must_use]
    pub const fn new(spec: &'static str, number: &'static str) -> Self {
        Self { spec, number }
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.spec, self.number)
    }
}
