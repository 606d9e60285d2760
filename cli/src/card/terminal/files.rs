//! `gba card read` and `gba card search`.

use std::fmt::Write as _;

use base::hex;
use clap::Args;
use serde_json::json;
use uicc::{
    Sw,
    fcp::Structure,
    terminal::{
        Content, KeyRef, Path, UsimError,
        rules::{Need, Operation},
    },
};

use super::{
    Action,
    at::{CardAt, refused},
    decode,
};
use crate::Failure;

#[derive(Args)]
pub(crate) struct Read {
    /// Names or paths, such as EF_IMSI, ADF.USIM/EF.UST, 7FFF/6F07 or MF/2FE2.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Octets in hex, not decoded.
    #[arg(long)]
    hex: bool,
    /// One record only.
    #[arg(long, value_name = "N")]
    record: Option<u8>,
}

impl Action for Read {
    fn run(&self, at: &mut CardAt) -> Result<(), Failure> {
        let paths: Vec<Path> = self
            .files
            .iter()
            .map(|file| at.path(file))
            .collect::<Result<_, _>>()?;
        let several = paths.len() > 1;
        let (mut text, mut objects) = (String::new(), Vec::new());
        for path in paths {
            let content = self
                .content(at, &path)
                .map_err(|e| refused_at(at, &path, Operation::Read, &e))?;
            if several {
                let _ = writeln!(text, "{path}");
            }
            let lines = if self.hex {
                decode::hex_lines(&content)
            } else {
                decode::lines(&path, &content)
            };
            text.push_str(&table(&lines, if several { "  " } else { "" }));
            let mut object = decode::as_json(&path, &content);
            if let Some(fields) = object.as_object_mut() {
                fields.insert("file".into(), json!(path.to_string()));
            }
            objects.push(object);
        }
        let json = match (several, objects.pop()) {
            (false, Some(one)) => one,
            (_, last) => {
                objects.extend(last);
                json!(objects)
            }
        };
        at.print(&text, &json)
    }
}

impl Read {
    fn content(&self, at: &mut CardAt, path: &Path) -> Result<Content, UsimError> {
        let Some(number) = self.record else {
            return at.session.read(path).map(|(_, content)| content);
        };
        let fcp = at.session.select(path)?;
        match fcp.structure {
            Structure::LinearFixed { record_length, .. } | Structure::Cyclic { record_length, .. } => {
                let record = at.session.read_record(number, record_length)?;
                Ok(Content::Records(vec![record]))
            }
            // Whole: it has no records.
            _ => at.session.read(path).map(|(_, content)| content),
        }
    }
}

/// A refusal of what was asked of a file: which one it is, and whose PIN or code its rules ask for.
pub(super) fn refused_at(at: &mut CardAt, path: &Path, operation: Operation, e: &UsimError) -> Failure {
    let UsimError::Refused { sw, .. } = e else {
        return refused(e);
    };
    let rules = match (*sw, at.session.select(path)) {
        (Sw::SECURITY, Ok(fcp)) => at.session.rules_of(path, &fcp).ok().flatten(),
        _ => None,
    };
    Failure::Refused(match rules.map(|rules| rules.need(operation)) {
        None => format!("{path}: {e}"),
        Some(Need::Never) => format!("{path}: {e}: its rules allow it to nobody"),
        Some(need) => {
            let how = match need {
                Need::Key(KeyRef::PIN1) => " (--pin -)",
                Need::Key(KeyRef::ADM1) => " (--adm -)",
                // Of others there is no option: verified before, in one session.
                Need::Key(_) => " (gba card shell: pin verify --key …)",
                _ => " (--pin, --adm)",
            };
            format!("{path}: {e}: it needs {need}{how}")
        }
    })
}

/// Names to the left, values behind them.
pub(super) fn table(lines: &[(String, String)], indent: &str) -> String {
    let width = lines
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    let mut out = String::new();
    for (name, value) in lines {
        let value = crate::escape::text(value);
        let _ = if width == 0 {
            writeln!(out, "{indent}{value}")
        } else {
            writeln!(out, "{indent}{name:<width$}  {value}")
        };
    }
    out
}

#[derive(Args)]
pub(crate) struct Search {
    /// Name or path of a file with records.
    file: String,
    /// What the record holds, in hex.
    #[arg(value_name = "HEX", value_parser = octets)]
    pattern: Octets,
}

/// Octets given in hex.
#[derive(Clone)]
pub(super) struct Octets(pub(super) Vec<u8>);

/// Hex digits, with blanks or without.
pub(super) fn octets(text: &str) -> Result<Octets, String> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace() && *c != ':').collect();
    hex::decode(&plain).map(Octets).map_err(|e| e.to_string())
}

impl Action for Search {
    fn run(&self, at: &mut CardAt) -> Result<(), Failure> {
        let path = at.path(&self.file)?;
        at.session.select(&path).map_err(|e| refused(&e))?;
        let found = match at.session.search(&self.pattern.0) {
            // A card without SEARCH RECORD: its records are read and looked through here.
            Err(UsimError::Refused { sw, .. }) if matches!(sw.0, 0x6d00 | 0x6a81) => {
                let (_, content) = at
                    .session
                    .read(&path)
                    .map_err(|e| refused_at(at, &path, Operation::Read, &e))?;
                within(&content, &self.pattern.0)
            }
            other => other.map_err(|e| refused_at(at, &path, Operation::Read, &e))?,
        };
        let mut text = String::new();
        for number in &found {
            let _ = writeln!(text, "record {number}");
        }
        if found.is_empty() {
            text.push_str("no record holds it\n");
        }
        at.print(&text, &json!({"file": path.to_string(), "records": found}))
    }
}

fn within(content: &Content, pattern: &[u8]) -> Vec<u8> {
    let Content::Records(records) = content else {
        return Vec::new();
    };
    (1..)
        .zip(records)
        .filter(|(_, record)| record.windows(pattern.len().max(1)).any(|w| w == pattern))
        .map(|(number, _)| number)
        .collect()
}
