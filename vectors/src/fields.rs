//! How a checker sees a vector: typed reads, comparisons, and a log of what was read and compared.
//!
//! Each field has a place, a JSON pointer such as `/steps/3/expect/RES`. Reading and comparing note it, so that
//! nobody can overlook a field without its being seen.

use core::{
    cell::{Cell, RefCell},
    fmt,
};
use std::collections::BTreeSet;

use aka::{Rand, Sqn};
use base::{Secret, SecretBytes, hex};
use serde_json::{Map, Value};

use crate::report::Mistake;

/// A field that isn't as it should be: a wrong value, one that can't be read, or none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Problem {
    pub(crate) mistake: Mistake,
    /// The field's place.
    pub(crate) field: String,
    /// What the vector says, or what form was expected.
    pub(crate) expected: String,
    /// What the product computed, or what was found.
    pub(crate) got: String,
}

/// What happened in the check of one vector.
#[derive(Default)]
pub(crate) struct Log {
    comparisons: Cell<u64>,
    seen: RefCell<BTreeSet<String>>,
    compared: RefCell<BTreeSet<String>>,
    /// Outputs that the vector doesn't give.
    absent: RefCell<BTreeSet<String>>,
    problems: RefCell<Vec<Problem>>,
}

impl Log {
    /// Notes a problem. Of one field, the first is told: what follows from it, or shows it again, isn't another.
    pub(crate) fn fail(&self, problem: Problem) {
        let mut problems = self.problems.borrow_mut();
        if problems.iter().all(|p| p.field != problem.field) {
            problems.push(problem);
        }
    }

    pub(crate) const fn comparisons(&self) -> u64 {
        self.comparisons.get()
    }

    /// The outputs that could have been compared, had the vector given them.
    pub(crate) fn absent(&self) -> BTreeSet<String> {
        self.absent.borrow().clone()
    }

    /// Problems, and the places that were compared.
    pub(crate) fn into_parts(self) -> (Vec<Problem>, BTreeSet<String>) {
        (self.problems.into_inner(), self.compared.into_inner())
    }

    /// The places of values inside `map` that were neither read nor compared, with `*` for positions in lists.
    pub(crate) fn unread(&self, map: &Map<String, Value>) -> BTreeSet<String> {
        let mut unread = BTreeSet::new();
        for (name, value) in map {
            self.walk(format!("/{name}"), format!("/{name}"), value, &mut unread);
        }
        unread
    }

    fn walk(&self, place: String, shown: String, value: &Value, unread: &mut BTreeSet<String>) {
        if self.compared.borrow().contains(&place) {
            return;
        }
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    self.walk(
                        format!("{place}/{name}"),
                        format!("{shown}/{name}"),
                        value,
                        unread,
                    );
                }
            }
            Value::Array(list) if list.iter().any(Value::is_object) => {
                for (i, value) in list.iter().enumerate() {
                    self.walk(format!("{place}/{i}"), format!("{shown}/*"), value, unread);
                }
            }
            _ if self.seen.borrow().contains(&place) => {}
            _ => {
                unread.insert(shown);
            }
        }
    }
}

/// The fields of a vector, or of an object inside it.
#[derive(Clone)]
pub(crate) struct Fields<'a> {
    map: &'a Map<String, Value>,
    at: String,
    log: &'a Log,
}

/// What a checker gives: an error where it can't go on; wrong values are in the log.
pub(crate) type Checked = Result<(), Problem>;

impl<'a> Fields<'a> {
    pub(crate) const fn new(map: &'a Map<String, Value>, log: &'a Log) -> Self {
        Self {
            map,
            at: String::new(),
            log,
        }
    }

    fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.at)
    }

    /// The value, noted as read; `None` for an absent or null field.
    fn value(&self, name: &str) -> Option<&'a Value> {
        let value = self.map.get(name)?;
        self.log.seen.borrow_mut().insert(self.place(name));
        Some(value).filter(|v| !v.is_null())
    }

    /// True if the field is there; a null counts as looked at, and as absent.
    pub(crate) fn has(&self, name: &str) -> bool {
        match self.map.get(name) {
            Some(Value::Null) => self.value(name).is_some(),
            value => value.is_some(),
        }
    }

    /// An error about a field: `expected` of it, `got` instead.
    pub(crate) fn problem(&self, name: &str, expected: impl fmt::Display, got: impl fmt::Display) -> Problem {
        self.mistake(Mistake::Unexpected, name, expected, got)
    }

    fn mistake(
        &self,
        mistake: Mistake,
        name: &str,
        expected: impl fmt::Display,
        got: impl fmt::Display,
    ) -> Problem {
        Problem {
            mistake,
            field: self.place(name),
            expected: expected.to_string(),
            got: got.to_string(),
        }
    }

    /// For `map_err`: the product refused a field that should be good.
    pub(crate) fn refused<E: fmt::Display>(&self, name: &str) -> impl FnOnce(E) -> Problem {
        let place = self.place(name);
        move |e| Problem {
            mistake: Mistake::Unexpected,
            field: place,
            expected: "a value that is accepted".into(),
            got: e.to_string(),
        }
    }

    fn typed<T>(
        &self,
        name: &str,
        what: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<T, Problem> {
        let value = self
            .value(name)
            .ok_or_else(|| self.mistake(Mistake::Missing, name, what, "nothing"))?;
        read(value).ok_or_else(|| self.problem(name, what, brief(value)))
    }

    pub(crate) fn text(&self, name: &str) -> Result<&'a str, Problem> {
        self.typed(name, "text", Value::as_str)
    }

    pub(crate) fn text_or(&self, name: &str, default: &'a str) -> Result<&'a str, Problem> {
        if self.has(name) {
            self.text(name)
        } else {
            Ok(default)
        }
    }

    pub(crate) fn int(&self, name: &str) -> Result<u64, Problem> {
        self.typed(name, "a number from 0", Value::as_u64)
    }

    /// A number that fits a smaller type.
    pub(crate) fn small<T: TryFrom<u64>>(&self, name: &str) -> Result<T, Problem> {
        let n = self.int(name)?;
        T::try_from(n).map_err(|_| self.problem(name, "a smaller number", n))
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, Problem> {
        self.typed(name, "true or false", Value::as_bool)
    }

    pub(crate) fn octets(&self, name: &str) -> Result<Vec<u8>, Problem> {
        let what = "octets in hex";
        let text = self.typed(name, what, Value::as_str)?;
        hex::decode(text).map_err(|e| self.problem(name, what, found(&e)))
    }

    pub(crate) fn octets_or_none(&self, name: &str) -> Result<Vec<u8>, Problem> {
        if self.has(name) {
            self.octets(name)
        } else {
            Ok(Vec::new())
        }
    }

    pub(crate) fn array<const N: usize>(&self, name: &str) -> Result<[u8; N], Problem> {
        let what = format!("{N} octets in hex");
        let text = self.typed(name, &what, Value::as_str)?;
        hex::array(text).map_err(|e| self.problem(name, what, found(&e)))
    }

    pub(crate) fn secret<const N: usize>(&self, name: &str) -> Result<Secret<N>, Problem> {
        self.array(name).map(Secret::new)
    }

    pub(crate) fn secret_bytes(&self, name: &str) -> Result<SecretBytes, Problem> {
        self.octets(name).map(SecretBytes::new)
    }

    pub(crate) fn rand(&self, name: &str) -> Result<Rand, Problem> {
        self.array(name).map(Rand::new)
    }

    pub(crate) fn sqn(&self, name: &str) -> Result<Sqn, Problem> {
        self.array(name).map(Sqn::from_octets)
    }

    /// Text read by the product's own parser.
    pub(crate) fn parsed<T: core::str::FromStr>(&self, name: &str) -> Result<T, Problem>
    where
        T::Err: fmt::Display,
    {
        self.text(name)?.parse().map_err(self.refused(name))
    }

    pub(crate) fn object(&self, name: &str) -> Result<Self, Problem> {
        let map = self.typed(name, "an object", Value::as_object)?;
        Ok(self.inside(map, self.place(name)))
    }

    pub(crate) fn objects(&self, name: &str) -> Result<Vec<Self>, Problem> {
        self.list(name)?
            .iter()
            .enumerate()
            .map(|(i, value)| {
                let item = format!("{name}/{i}");
                let map = value
                    .as_object()
                    .ok_or_else(|| self.problem(&item, "an object", brief(value)))?;
                Ok(self.inside(map, self.place(&item)))
            })
            .collect()
    }

    pub(crate) fn list(&self, name: &str) -> Result<&'a [Value], Problem> {
        self.typed(name, "a list", |v| v.as_array().map(Vec::as_slice))
    }

    fn inside(&self, map: &'a Map<String, Value>, at: String) -> Self {
        Self {
            map,
            at,
            log: self.log,
        }
    }

    /// Counts a comparison of the field, and fails unless it holds. `expected` is said of the field, not in it.
    pub(crate) fn compare(
        &self,
        name: &str,
        holds: bool,
        expected: impl fmt::Display,
        got: impl fmt::Display,
    ) {
        self.count(name);
        if !holds {
            self.log.fail(self.problem(name, expected, got));
        }
    }

    /// As [`Self::compare`], where the file has a value and the product computed another.
    pub(crate) fn equal<T: PartialEq + ?Sized>(
        &self,
        name: &str,
        file: &T,
        computed: &T,
        shown: impl Fn(&T) -> String,
    ) {
        self.count(name);
        if file != computed {
            let problem = self.mistake(Mistake::Differs, name, shown(file), shown(computed));
            self.log.fail(problem);
        }
    }

    fn count(&self, name: &str) {
        self.log.comparisons.set(self.log.comparisons.get() + 1);
        self.log.compared.borrow_mut().insert(self.place(name));
    }

    /// An output is compared where the vector gives it, and noted as absent where it doesn't. One that can't be
    /// read is a problem of its own, and doesn't keep the others from being compared.
    fn output<T>(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, Problem>,
        compare: impl FnOnce(&str, T),
    ) {
        if !self.has(name) {
            self.log.absent.borrow_mut().insert(self.place(name));
            return;
        }
        match read(name) {
            Ok(value) => compare(name, value),
            Err(problem) => self.log.fail(problem),
        }
    }

    /// The field's octets are these.
    pub(crate) fn same(&self, name: &str, got: impl AsRef<[u8]>) {
        self.output(
            name,
            |name| self.octets(name),
            |name, file| self.equal(name, file.as_slice(), got.as_ref(), |o| hex::encode(o)),
        );
    }

    /// The field's text is this.
    pub(crate) fn same_text(&self, name: &str, got: impl fmt::Display) {
        self.output(
            name,
            |name| self.text(name),
            |name, file| self.equal(name, file, got.to_string().as_str(), ToString::to_string),
        );
    }

    pub(crate) fn same_int(&self, name: &str, got: u64) {
        self.output(
            name,
            |name| self.int(name),
            |name, file| self.equal(name, &file, &got, ToString::to_string),
        );
    }

    pub(crate) fn same_flag(&self, name: &str, got: bool) {
        self.output(
            name,
            |name| self.flag(name),
            |name, file| self.equal(name, &file, &got, ToString::to_string),
        );
    }
}

/// What stands where hex is wanted, in words that follow "got".
fn found(e: &hex::HexError) -> String {
    match e {
        hex::HexError::Digit { at } => format!("a text whose character {} is no hex digit", at + 1),
        hex::HexError::Odd { digits } => format!("{digits} hex digits"),
        hex::HexError::Length { got, .. } => format!("{got} octets"),
        other => other.to_string(),
    }
}

/// A value of the wrong type, short enough for a line.
fn brief(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() > 40 {
        text.chars().take(40).chain("…".chars()).collect()
    } else {
        text
    }
}
