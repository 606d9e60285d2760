//! `gba card pin`: how PINs and codes stand, and what can be done with them.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use serde_json::json;
use uicc::terminal::{KeyRef, PinAction, PinState, UsimError};

use super::{
    Action,
    at::{CardAt, refused},
    secret::Code,
};
use crate::{Failure, advice};

#[derive(Args)]
pub(crate) struct PinArgs {
    /// What to do.
    #[arg(value_enum, default_value = "status")]
    what: What,
    /// Which: pin1, pin2, universal, adm1 to adm5, or a key reference in hex (TS 102 221 table 9.3).
    #[arg(long, value_name = "KEY", value_parser = key, default_value = "pin1")]
    key: KeyRef,
    /// The PIN or code as it is now; the PUK for unblock. - asks; also where it is left out on a terminal.
    #[arg(long, value_name = "DIGITS|@FILE|env:NAME|-", value_parser = Code::parse)]
    value: Option<Code>,
    /// The new PIN, for change and unblock.
    #[arg(long, value_name = "DIGITS|@FILE|env:NAME|-", value_parser = Code::parse)]
    new: Option<Code>,
    /// The application whose PINs they are.
    #[arg(long, value_name = "PATH", default_value = "ADF.USIM")]
    application: String,
}

#[derive(Clone, Copy, Eq, PartialEq, ValueEnum)]
enum What {
    /// Tell each PIN and code, and the tries left. Uses up nothing.
    Status,
    /// Verify it.
    Verify,
    /// Change it to --new.
    Change,
    /// Switch a PIN off.
    Disable,
    /// Switch a PIN on.
    Enable,
    /// Give a blocked PIN a new value, with the PUK in --value.
    Unblock,
}

fn key(text: &str) -> Result<KeyRef, String> {
    let lower = text.to_ascii_lowercase();
    let number = |prefix: &str| lower.strip_prefix(prefix).and_then(|n| n.parse::<u8>().ok());
    match lower.as_str() {
        "universal" => return Ok(KeyRef::UNIVERSAL),
        "pin2" => return Ok(KeyRef::PIN2),
        "pin" | "pin1" => return Ok(KeyRef::PIN1),
        "adm" => return Ok(KeyRef::ADM1),
        _ => {}
    }
    if let Some(n @ 1..=5) = number("adm") {
        return Ok(KeyRef(0x09 + n));
    }
    match u8::from_str_radix(&lower, 16) {
        Ok(reference) if lower.len() == 2 => Ok(KeyRef(reference)),
        _ => Err("pin1, pin2, universal, adm1 to adm5, or two hex digits such as 0A expected".into()),
    }
}

impl Action for PinArgs {
    fn run(&self, at: &mut CardAt) -> Result<(), Failure> {
        let path = at.path(&self.application)?;
        if at.session.select(&path).is_err() {
            at.session
                .select(&uicc::terminal::Path::MF)
                .map_err(|e| refused(&e))?;
        }
        if self.what == What::Status {
            return status(at);
        }
        let key = self.key;
        let asked = if self.what == What::Unblock {
            at.session.puk_state(key)
        } else {
            at.session.pin_state(key)
        };
        let asked = asked.map_err(|e| refused(&e))?;
        let whose = if self.what == What::Unblock {
            format!("PUK of {key}")
        } else {
            key.to_string()
        };
        advice::note(&format!("{whose}: {asked}"));
        if asked == PinState::Absent {
            return Err(refused(&UsimError::NoKey { key: whose }));
        }
        if let (PinState::Tries(..=1), false) = (asked, at.force) {
            return Err(Failure::Refused(format!(
                "{whose}: the last try, so nothing was tried; --force tries it, and may block it for good"
            )));
        }
        let action = self.action()?;
        if self.what != What::Verify {
            at.confirm(&format!(
                "This will {} {key} of the card in {}",
                action.name(),
                at.place
            ))?;
        }
        let done = at.session.pin(key, &action, at.force);
        done.map_err(|e| refused(&e))?;
        let state = at.session.pin_state(key).map_err(|e| refused(&e))?;
        at.print(
            &format!("{key}: {} done, now {state}\n", action.name()),
            &json!({"key": key.to_string(), "done": action.name(), "state": state.to_string()}),
        )
    }
}

impl PinArgs {
    fn action(&self) -> Result<PinAction, Failure> {
        let key = self.key;
        let value = || {
            self.value
                .clone()
                .unwrap_or_else(Code::asked)
                .read("--value", key)
        };
        let new = || match &self.new {
            Some(new) => new.read("--new", key),
            None => Err(Failure::Unable(format!("{key}: give the new PIN with --new"))),
        };
        Ok(match self.what {
            What::Disable => PinAction::Disable(value()?),
            What::Enable => PinAction::Enable(value()?),
            What::Change => PinAction::Change {
                new: new()?,
                old: value()?,
            },
            What::Unblock => PinAction::Unblock {
                new: new()?,
                puk: value()?,
            },
            What::Status | What::Verify => PinAction::Verify(value()?),
        })
    }
}

fn status(at: &mut CardAt) -> Result<(), Failure> {
    let (mut text, mut objects) = (String::new(), Vec::new());
    for key in KeyRef::ALL {
        let state = at.session.pin_state(key).map_err(|e| refused(&e))?;
        if state == PinState::Absent {
            continue;
        }
        let puk = if key.is_pin() {
            Some(at.session.puk_state(key).map_err(|e| refused(&e))?)
        } else {
            None
        };
        let puk = puk.filter(|p| matches!(p, PinState::Tries(_) | PinState::Blocked));
        let behind = match puk {
            Some(PinState::Tries(n)) => format!("  (PUK: {n} tries left)"),
            Some(_) => "  (PUK: blocked)".into(),
            None => String::new(),
        };
        let _ = writeln!(text, "{:<25} {:02X}  {state}{behind}", key.to_string(), key.0);
        objects.push(json!({
            "key": key.to_string(),
            "reference": key.0,
            "state": state.to_string(),
            "puk": puk.map(|p| p.to_string()),
        }));
    }
    if objects.is_empty() {
        text.push_str("the card tells of no PIN or code here\n");
    }
    at.print(&text, &json!(objects))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_word_or_its_reference() {
        for (text, reference) in [
            ("pin1", 1),
            ("PIN2", 0x81),
            ("adm1", 0x0a),
            ("ADM5", 0x0e),
            ("universal", 0x11),
            ("8a", 0x8a),
        ] {
            assert_eq!(key(text).unwrap(), KeyRef(reference), "{text}");
        }
        for bad in ["", "adm6", "pin9", "1", "xyz"] {
            assert!(key(bad).is_err(), "{bad}");
        }
    }
}
