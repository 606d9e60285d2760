//! `gba card update`: writing a file, with what was there before, and a question.

use std::fmt::Write as _;

use base::hex;
use clap::Args;
use serde_json::json;
use uicc::{
    fcp::{Fcp, Structure},
    terminal::{Path, UsimError, rules::Operation},
};

use super::{
    Action,
    at::{CardAt, refused},
    decode,
    files::{Octets, octets, refused_at},
};
use crate::{Failure, print};

#[derive(Args)]
pub(crate) struct Update {
    /// Name or path of the file.
    file: String,
    /// What to write, in hex; a record that is longer is filled up with FF.
    #[arg(value_name = "HEX", value_parser = octets)]
    data: Octets,
    /// Of a transparent file: from this octet on.
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with = "record")]
    offset: u16,
    /// Of a file with records: this one.
    #[arg(long, value_name = "N", conflicts_with = "next")]
    record: Option<u8>,
    /// Of a cyclic file: the oldest record, which becomes the newest.
    #[arg(long)]
    next: bool,
}

/// What is written, and where.
enum Piece {
    Octets { offset: u16, octets: Vec<u8> },
    Record { number: u8, octets: Vec<u8> },
}

impl Action for Update {
    fn run(&self, at: &mut CardAt) -> Result<(), Failure> {
        let path = at.path(&self.file)?;
        let fcp = at.session.select(&path).map_err(|e| refused(&e))?;
        let piece = self.piece(&path, &fcp).map_err(Failure::Unable)?;
        let before = before(at, &fcp, &piece);
        let mut text = String::new();
        let new = match &piece {
            Piece::Octets { octets, .. } | Piece::Record { octets, .. } => octets,
        };
        let place = match &piece {
            Piece::Octets { offset: 0, .. } => String::new(),
            Piece::Octets { offset, .. } => format!(" from octet {offset}"),
            Piece::Record { number: 0, .. } => ", the oldest record".into(),
            Piece::Record { number, .. } => format!(", record {number}"),
        };
        let _ = writeln!(text, "{path}{place}");
        let shown = |octets: &[u8]| hex::encode(octets).to_uppercase();
        match &before {
            Ok(old) => {
                let _ = writeln!(text, "before  {}", shown(old));
            }
            Err(e) => {
                let _ = writeln!(text, "before  can't be read: {e}");
            }
        }
        let _ = writeln!(text, "after   {}", shown(new));
        if before.as_ref().is_ok_and(|old| old == new) && !self.next {
            let _ = writeln!(text, "it holds this already: nothing was written");
            return at.print(&text, &answer(&path, before.ok().as_deref(), new, false));
        }
        if !at.json {
            print(&text)?;
        }
        at.confirm(&format!("This writes {} octets to the card", new.len()))?;
        // What was asked in between may have selected another file.
        at.session.select(&path).map_err(|e| refused(&e))?;
        let written = match &piece {
            Piece::Octets { offset, octets } => at.session.update_binary(*offset, octets),
            Piece::Record { number, octets } => at.session.update_record(*number, octets),
        };
        written.map_err(|e| refused_at(at, &path, Operation::Update, &e))?;
        at.print("written\n", &answer(&path, before.ok().as_deref(), new, true))
    }
}

impl Update {
    fn piece(&self, path: &Path, fcp: &Fcp) -> Result<Piece, String> {
        match fcp.structure {
            Structure::Transparent => {
                if self.record.is_some() || self.next {
                    return Err(format!("{path} has no records: leave --record and --next out"));
                }
                let end = usize::from(self.offset) + self.data.0.len();
                let size = fcp.size.and_then(|s| usize::try_from(s).ok());
                if let Some(size) = size.filter(|size| end > *size) {
                    return Err(format!("{path} has {size} octets, this would end at {end}"));
                }
                Ok(Piece::Octets {
                    offset: self.offset,
                    octets: self.data.0.clone(),
                })
            }
            Structure::LinearFixed {
                record_length,
                records,
            }
            | Structure::Cyclic {
                record_length,
                records,
            } => {
                let cyclic = matches!(fcp.structure, Structure::Cyclic { .. });
                let number = match (self.record, self.next) {
                    (Some(n), _) if !cyclic && (1..=records).contains(&n) => n,
                    (Some(n), _) if !cyclic => {
                        return Err(format!("{path} has records 1 to {records}, not {n}"));
                    }
                    (None, true) if cyclic => 0,
                    _ if cyclic => {
                        return Err(format!(
                            "{path} is cyclic: only --next can be written, the oldest record"
                        ));
                    }
                    _ => return Err(format!("{path} has {records} records: say which one, --record 1")),
                };
                let mut octets = self.data.0.clone();
                let length = usize::from(record_length);
                if octets.len() > length {
                    return Err(format!(
                        "a record of {path} has {length} octets, not {}",
                        octets.len()
                    ));
                }
                octets.resize(length, 0xff);
                Ok(Piece::Record { number, octets })
            }
            Structure::Directory => Err(format!("{path} is a directory: name a file in it")),
            Structure::BerTlv => Err(format!(
                "{path} is a BER-TLV file: SET DATA is sent with gba card apdu"
            )),
        }
    }
}

fn before(at: &mut CardAt, fcp: &Fcp, piece: &Piece) -> Result<Vec<u8>, UsimError> {
    match (piece, fcp.structure) {
        (Piece::Octets { offset, octets }, _) => {
            let size = fcp.size.and_then(|s| usize::try_from(s).ok());
            let whole = at.session.read_selected(size.unwrap_or(usize::MAX))?;
            let start = usize::from(*offset);
            let there = whole.get(start..).unwrap_or_default();
            Ok(there.get(..octets.len()).unwrap_or(there).to_vec())
        }
        (
            Piece::Record { number, .. },
            Structure::LinearFixed {
                record_length,
                records,
            }
            | Structure::Cyclic {
                record_length,
                records,
            },
        ) => {
            let number = if *number == 0 { records } else { *number };
            at.session.read_record(number, record_length)
        }
        _ => Ok(Vec::new()),
    }
}

fn answer(path: &Path, before: Option<&[u8]>, after: &[u8], written: bool) -> serde_json::Value {
    let decoded = decode::as_json(path, &uicc::terminal::Content::Transparent(after.to_vec()));
    json!({
        "file": path.to_string(),
        "before": before.map(hex::encode),
        "after": decoded,
        "written": written,
    })
}
