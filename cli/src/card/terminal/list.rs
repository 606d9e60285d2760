//! `gba card list`: readers, what is in them, and the software cards.

use std::fmt::Write as _;

use clap::Args as ClapArgs;
use serde_json::{Value, json};

use crate::{Failure, card::soft, print};

#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let readers = readers();
    if args.json {
        let (found, error) = match readers {
            Ok(found) => (found.iter().map(Reader::json).collect(), None),
            Err(e) => (Vec::new(), Some(e)),
        };
        let object = json!({"readers": found, "error": error, "software": soft::NAMES});
        return print(format!("{object}\n"));
    }
    let mut text = String::new();
    match readers {
        Ok(found) if found.is_empty() => text.push_str("no reader is connected\n"),
        Ok(found) => {
            for (n, reader) in found.iter().enumerate() {
                let _ = writeln!(
                    text,
                    "pcsc:{n}  {}  {}",
                    crate::escape::text(&reader.name),
                    reader.state()
                );
            }
        }
        Err(e) => {
            let _ = writeln!(text, "readers: {e}");
        }
    }
    for name in soft::NAMES {
        let _ = writeln!(text, "software:{name}");
    }
    print(&text)
}

/// A reader, and the card in it.
pub(super) struct Reader {
    pub(super) name: String,
    pub(super) atr: Vec<u8>,
    pub(super) card: bool,
    pub(super) in_use: bool,
}

impl Reader {
    fn state(&self) -> String {
        if !self.card {
            return "(empty)".into();
        }
        let atr = uicc::terminal::atr::Atr::parse(&self.atr).ok();
        let text = super::info::atr_text(&self.atr, atr.as_ref());
        if self.in_use {
            format!("{text}, in use by another program")
        } else {
            text
        }
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "card": self.card,
            "in_use": self.in_use,
            "atr": base::hex::encode(&self.atr),
        })
    }
}

#[cfg(feature = "pcsc")]
pub(super) fn readers() -> Result<Vec<Reader>, String> {
    let found = uicc::pcsc::readers().map_err(|e| e.to_string())?;
    Ok(found
        .into_iter()
        .map(|f| Reader {
            name: f.name,
            atr: f.atr,
            card: f.card,
            in_use: f.in_use,
        })
        .collect())
}

#[cfg(not(feature = "pcsc"))]
pub(super) fn readers() -> Result<Vec<Reader>, String> {
    Err("this gba was built without card readers".into())
}
