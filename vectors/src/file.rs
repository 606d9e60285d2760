//! A file of vectors: JSON with a `family` and a list of `vectors`, each with `id` and `kind`.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::json::Unique;

/// Largest file that is read, in octets; the largest that we know has half a mebibyte.
pub const MAX_FILE_OCTETS: usize = 16 << 20;

/// Why a file can't be used.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum LoadError {
    /// More octets than [`MAX_FILE_OCTETS`].
    #[error("{file}: {octets} octets, at most {MAX_FILE_OCTETS} are read")]
    TooLarge {
        /// The file.
        file: String,
        /// Its size.
        octets: usize,
    },
    /// Not JSON, or an object with two values under one name.
    #[error("{file}: not JSON: {problem}")]
    Json {
        /// The file.
        file: String,
        /// What the reader said, with line and column.
        problem: String,
    },
    /// JSON of another form.
    #[error("{file}: {at}: {expected}")]
    Schema {
        /// The file.
        file: String,
        /// Where, as a JSON pointer.
        at: String,
        /// What was expected there.
        expected: String,
    },
}

/// One file of vectors.
#[derive(Clone, Debug)]
pub struct File {
    /// The name that reports use.
    pub name: String,
    /// The family of vectors that name none.
    pub family: String,
    /// What the file holds, in words.
    pub title: String,
    /// The vectors.
    pub vectors: Vec<Vector>,
}

/// One vector.
#[derive(Clone, Debug)]
pub struct Vector {
    /// Names it within its file.
    pub id: String,
    /// Its own family, or the file's.
    pub family: String,
    /// What is computed: the checker is found by family and kind.
    pub kind: String,
    /// How sure its values are.
    pub confidence: Option<String>,
    fields: Map<String, Value>,
}

impl Vector {
    /// All fields as they stand in the file.
    #[must_use]
    pub const fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// The same vector with other fields; tests show with it that a checker can fail.
    #[must_use]
    pub fn with_fields(&self, fields: Map<String, Value>) -> Self {
        Self {
            fields,
            ..self.clone()
        }
    }
}

impl File {
    /// Reads a file of the schema. `name` is for reports.
    ///
    /// # Errors
    /// [`LoadError`]: too large, not JSON, or not of the schema.
    pub fn parse(name: &str, octets: &[u8]) -> Result<Self, LoadError> {
        if octets.len() > MAX_FILE_OCTETS {
            return Err(LoadError::TooLarge {
                file: name.to_owned(),
                octets: octets.len(),
            });
        }
        let Unique(json) = serde_json::from_slice(octets).map_err(|e| LoadError::Json {
            file: name.to_owned(),
            problem: e.to_string(),
        })?;
        let schema = |at: String, expected: &str| LoadError::Schema {
            file: name.to_owned(),
            at,
            expected: expected.to_owned(),
        };
        let Value::Object(mut top) = json else {
            return Err(schema(
                "/".into(),
                "an object with `family` and `vectors` expected",
            ));
        };
        let family = text(&top, "family")
            .ok_or_else(|| schema("/family".into(), "the name of the family expected, as text"))?;
        let title = text(&top, "title").unwrap_or_default();
        let count = match top.get("count") {
            None | Some(Value::Null) => None,
            Some(count) => Some(
                count
                    .as_u64()
                    .ok_or_else(|| schema("/count".into(), "a number from 0 expected"))?,
            ),
        };
        let Some(Value::Array(list)) = top.remove("vectors") else {
            return Err(schema("/vectors".into(), "a list of vectors expected"));
        };
        if let Some(count) = count.filter(|n| usize::try_from(*n) != Ok(list.len())) {
            let expected = format!("{} vectors follow, but the count says {count}", list.len());
            return Err(schema("/count".into(), &expected));
        }
        let vectors = list
            .into_iter()
            .enumerate()
            .map(|(i, value)| {
                let at = |field: &str| format!("/vectors/{i}{field}");
                let Value::Object(fields) = value else {
                    return Err(schema(at(""), "an object expected"));
                };
                let need = |field: &str| {
                    text(&fields, field).ok_or_else(|| schema(at(&format!("/{field}")), "text expected"))
                };
                let own_family = match fields.get("family") {
                    None | Some(Value::Null) => family.clone(),
                    Some(_) => need("family")?,
                };
                Ok(Vector {
                    id: need("id")?,
                    kind: need("kind")?,
                    family: own_family,
                    confidence: text(&fields, "confidence"),
                    fields,
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            name: name.to_owned(),
            family,
            title,
            vectors,
        })
    }

    /// The name without folders and without `.json`.
    #[must_use]
    pub fn stem(&self) -> &str {
        let base = self.name.rsplit(['/', '\\']).next().unwrap_or(&self.name);
        base.strip_suffix(".json").unwrap_or(base)
    }
}

fn text(map: &Map<String, Value>, field: &str) -> Option<String> {
    map.get(field).and_then(Value::as_str).map(str::to_owned)
}
