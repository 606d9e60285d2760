//! `gba card lint`: what makes a card unsafe.

use std::fmt::Write as _;

use aka::{AlgorithmSet, Milenage, Xor};
use anstyle::{AnsiColor, Style};
use base::{Entropy as _, Secret, hex};
use clap::Args;
use serde_json::json;
use uicc::terminal::lint::{Finding, Level, Published};

use super::{
    Action,
    at::{CardAt, refused},
};
use crate::Failure;

#[derive(Args)]
#[command(
    after_help = "Status: 0 nothing worse than a warning, 1 a check found the card unsafe, 2 usage or no card."
)]
pub(crate) struct Lint {
    /// Send short messages as an attacker would, and look at the answers. A card may count them.
    #[arg(long)]
    probe: bool,
}

impl Action for Lint {
    fn run(&self, at: &mut CardAt) -> Result<(), Failure> {
        if self.probe {
            at.confirm("This sends some dozen forged short messages to the card, which it may count")?;
        }
        let rand: [u8; 16] = net::entropy::OsEntropy
            .array()
            .map_err(|e| Failure::Unable(e.to_string()))?;
        let published = published().map_err(Failure::Unable)?;
        let findings = at
            .session
            .lint(&published, &rand.into(), self.probe)
            .map_err(|e| refused(&e))?;
        let objects: Vec<_> = findings.iter().map(as_json).collect();
        at.print(&text(&findings), &json!(objects))?;
        if findings.iter().any(|f| f.level == Level::Error) {
            return Err(Failure::Shown);
        }
        Ok(())
    }
}

const fn word(level: Level) -> (&'static str, AnsiColor) {
    match level {
        Level::Ok => ("ok", AnsiColor::Green),
        Level::NotChecked => ("not checked", AnsiColor::BrightBlack),
        Level::Warning => ("warning", AnsiColor::Yellow),
        Level::Error => ("unsafe", AnsiColor::Red),
    }
}

fn text(findings: &[Finding]) -> String {
    let mut out = String::new();
    for f in findings {
        let (word, colour) = word(f.level);
        let style = Style::new().fg_color(Some(colour.into()));
        let _ = writeln!(
            out,
            "{style}{word:<11}{style:#}  {}: {}",
            f.check.name,
            crate::escape::text(&f.found)
        );
        if matches!(f.level, Level::Warning | Level::Error) {
            let _ = writeln!(out, "{:13}{}", "", f.check.why);
        }
    }
    out
}

fn as_json(f: &Finding) -> serde_json::Value {
    json!({"check": f.check.name, "level": word(f.level).0, "found": f.found, "why": f.check.why})
}

/// Milenage sets of TS 35.208, which the program's own vectors hold, and the test profile of TS.48.
fn published() -> Result<Vec<Published>, String> {
    let files = vectors::embedded().map_err(|e| e.to_string())?;
    let mut out = vec![Published {
        keys: AlgorithmSet::from(Xor::new(&Secret::new(core::array::from_fn(|i| {
            u8::try_from(i).unwrap_or_default()
        })))),
        source: "the GSMA TS.48 test profile".to_owned(),
    }];
    let mut seen = Vec::new();
    for vector in files.iter().flat_map(|f| &f.vectors) {
        if vector.family != "milenage" || vector.kind != "published" {
            continue;
        }
        let key = |name| {
            let text = vector.fields().get(name).and_then(|v| v.as_str())?;
            Secret::<16>::from_slice(&hex::decode(text).ok()?)
        };
        let (Some(k), Some(opc)) = (key("K"), key("OPc")) else {
            continue;
        };
        let pair = (*k.expose(), *opc.expose());
        if seen.contains(&pair) {
            continue;
        }
        seen.push(pair);
        out.push(Published {
            keys: Milenage::new(&k, &opc).into(),
            source: format!("{} (Milenage)", vector.id),
        });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_the_specification_are_known() {
        let all = published().unwrap();
        assert!(all.len() > 5, "{}", all.len());
    }
}
