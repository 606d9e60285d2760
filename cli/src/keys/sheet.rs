//! What the calculator found, as lines for people and as one JSON object.

use std::io::{self, Write};

use anstyle::Style;
use base::hex;
use serde_json::{Map, Value as Json, json};

use super::derive::Derivation;

/// One value with its name.
pub(crate) struct Entry {
    /// Name for people.
    label: &'static str,
    /// Name in JSON.
    key: &'static str,
    text: String,
    /// Where it is specified.
    clause: &'static str,
}

/// All values in the order in which they are computed.
#[derive(Default)]
pub(crate) struct Sheet {
    entries: Vec<Entry>,
    nafs: Vec<NafSheet>,
    derivations: Vec<Derivation>,
    /// What was left out and what it needs.
    pub(crate) notes: Vec<&'static str>,
}

/// One NAF's part.
pub(crate) struct NafSheet {
    pub(crate) fqdn: String,
    pub(crate) ua: String,
    pub(crate) ua_name: Option<String>,
    pub(crate) entries: Vec<Entry>,
}

/// A value that is a text.
pub(crate) fn text(
    label: &'static str,
    key: &'static str,
    text: impl ToString,
    clause: &'static str,
) -> Entry {
    Entry {
        label,
        key,
        text: text.to_string(),
        clause,
    }
}

/// A value of octets.
pub(crate) fn octets(
    label: &'static str,
    key: &'static str,
    octets: impl AsRef<[u8]>,
    clause: &'static str,
) -> Entry {
    text(label, key, hex::encode(octets), clause)
}

impl Sheet {
    pub(crate) fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    pub(crate) fn push_naf(&mut self, naf: NafSheet) {
        self.nafs.push(naf);
    }

    /// Keeps how a key came about, and gives the key.
    pub(crate) fn derived(&mut self, derivation: Derivation) -> [u8; 32] {
        let output = *derivation.output.expose();
        self.derivations.push(derivation);
        output
    }

    /// For people.
    pub(crate) fn print(&self, out: &mut dyn Write, explain: bool) -> io::Result<()> {
        let bold = Style::new().bold();
        lines(out, &self.entries)?;
        for naf in &self.nafs {
            let name = naf.ua_name.as_deref().unwrap_or("not in Annex H");
            writeln!(out, "\n{bold}{}, Ua {} ({name}){bold:#}", naf.fqdn, naf.ua)?;
            lines(out, &naf.entries)?;
        }
        for derivation in self.derivations.iter().filter(|_| explain) {
            writeln!(out)?;
            for (n, line) in derivation.lines().iter().enumerate() {
                if n == 0 {
                    writeln!(out, "{bold}{line}{bold:#}")?;
                } else {
                    writeln!(out, "{line}")?;
                }
            }
        }
        for note in &self.notes {
            writeln!(out, "\n{note}")?;
        }
        Ok(())
    }

    /// For machines.
    pub(crate) fn json(&self, explain: bool) -> Json {
        let mut whole = object(&self.entries);
        let nafs: Vec<Json> = self
            .nafs
            .iter()
            .map(|naf| {
                let mut object = object(&naf.entries);
                object.insert("naf".into(), json!(naf.fqdn));
                object.insert("ua".into(), json!(naf.ua));
                object.insert("ua_name".into(), json!(naf.ua_name));
                Json::Object(object)
            })
            .collect();
        whole.insert("nafs".into(), nafs.into());
        if explain {
            let all: Vec<Json> = self.derivations.iter().map(Derivation::json).collect();
            whole.insert("derivations".into(), all.into());
        }
        whole.insert("notes".into(), json!(self.notes));
        Json::Object(whole)
    }
}

fn object(entries: &[Entry]) -> Map<String, Json> {
    entries
        .iter()
        .map(|e| (e.key.to_owned(), json!(e.text)))
        .collect()
}

fn lines(out: &mut dyn Write, entries: &[Entry]) -> io::Result<()> {
    let dim = Style::new().dimmed();
    for e in entries {
        writeln!(out, "{:>12}  {}  {dim}{}{dim:#}", e.label, e.text, e.clause)?;
    }
    Ok(())
}
