//! The open card of a command: where it is, what was verified, and how it is spoken to.

use std::io::{IsTerminal as _, Write as _};

use aka::AlgorithmSet;
use clap::Args;
use serde_json::Value;
use uicc::{
    Card, Sw,
    terminal::{KeyRef, Path, PathError, PinAction, PinState, ProbeError, Session, UsimError, describe},
};

use super::{keyed, secret::Code};
use crate::{
    Failure, advice,
    card::open::{CardArgs, Opened, Place},
    print,
    sim::SimArgs,
};

/// Options of every command on a card.
#[derive(Args)]
pub(crate) struct Common {
    #[command(flatten)]
    card: CardArgs,
    /// Verify PIN 1 first: digits, or where they are; - asks.
    #[arg(long, value_name = "DIGITS|@FILE|env:NAME|-", value_parser = Code::parse)]
    pin: Option<Code>,
    /// Verify ADM 1 first: 4 to 8 digits, or 16 hex digits.
    #[arg(long, value_name = "CODE|@FILE|env:NAME|-", value_parser = Code::parse)]
    adm: Option<Code>,
    /// Try a PIN or code although one try or none is left, and move a card's SQN by more than 2^20.
    #[arg(long)]
    force: bool,
    /// Do what changes the card without asking.
    #[arg(long, short)]
    yes: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Show each command to the card and its answer, without their secrets, on standard error.
    #[arg(long)]
    trace: bool,
}

impl Common {
    pub(super) const fn json(&self) -> bool {
        self.json
    }

    /// True for a card in a PC/SC reader.
    pub(super) const fn is_reader(&self) -> bool {
        matches!(self.card.card, Place::Pcsc(_))
    }

    /// Opens the card and verifies what was given.
    pub(super) fn open(&self, sim: Option<&SimArgs>) -> Result<CardAt, Failure> {
        let keys = match sim {
            Some(sim) if sim.k.is_some() => Some(keyed::read(sim)?),
            _ => None,
        };
        let mut at = CardAt::new(self.card.open(keys.as_ref())?);
        at.keys = keys;
        at.force = self.force;
        at.yes = self.yes;
        at.json = self.json;
        if self.trace {
            at.session.observe(Box::new(|command, response| {
                advice::note(&describe(command, response));
            }));
        }
        for (key, code, option) in [
            (KeyRef::PIN1, &self.pin, "--pin"),
            (KeyRef::ADM1, &self.adm, "--adm"),
        ] {
            if let Some(code) = code {
                at.verify_in_usim(key, code, option)?;
            }
        }
        Ok(at)
    }
}

/// The card, and how to go about it.
pub(crate) struct CardAt {
    pub(super) session: Session<Box<dyn Card>>,
    pub(super) atr: Vec<u8>,
    pub(super) place: String,
    /// The card's keys, where the command was given them: a source such as standard input is read once.
    pub(super) keys: Option<AlgorithmSet>,
    /// Where paths begin: the shell's directory, else the MF.
    pub(super) here: Path,
    pub(super) force: bool,
    pub(super) yes: bool,
    pub(super) json: bool,
}

impl CardAt {
    pub(super) fn new(opened: Opened) -> Self {
        Self {
            session: Session::new(opened.card),
            atr: opened.atr,
            place: opened.place,
            keys: None,
            here: Path::MF,
            force: false,
            yes: false,
            json: false,
        }
    }

    pub(super) fn path(&self, text: &str) -> Result<Path, Failure> {
        Path::parse_in(&self.here, text).map_err(|e: PathError| Failure::Unable(e.to_string()))
    }

    /// The same of a code that belongs to an application; a card without a USIM may have one of its own.
    pub(super) fn verify_in_usim(&mut self, key: KeyRef, code: &Code, option: &str) -> Result<(), Failure> {
        if self.session.select(&Path::usim()).is_err() {
            self.session.select(&Path::MF).map_err(|e| refused(&e))?;
        }
        self.verify(key, code, option)
    }

    /// VERIFY, with the tries told before.
    pub(super) fn verify(&mut self, key: KeyRef, code: &Code, option: &str) -> Result<(), Failure> {
        let state = self.session.pin_state(key).map_err(|e| refused(&e))?;
        if matches!(state, PinState::Disabled | PinState::Verified) {
            advice::note(&format!("{key}: {state}, so it was not tried"));
            return Ok(());
        }
        advice::note(&format!("{key}: {state}"));
        let action = PinAction::Verify(code.read(option, key)?);
        self.session
            .pin(key, &action, self.force)
            .map_err(|e| refused(&e))
    }

    /// Asks before something changes. Without a terminal and without `--yes` nothing is done.
    pub(super) fn confirm(&self, what: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !std::io::stdin().is_terminal() {
            return Err(Failure::Unable(format!(
                "{what}: nothing was done; there is no terminal to ask on, so add --yes to do it"
            )));
        }
        let _ = write!(anstream::stderr(), "{what}. Do it? [y/N] ");
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line);
        match (read, line.trim()) {
            (Ok(_), "y" | "Y" | "yes") => Ok(()),
            _ => Err(Failure::Unable("nothing was done".into())),
        }
    }

    /// Prints the text for a person, or the object as JSON.
    pub(super) fn print(&self, text: &str, json: &Value) -> Result<(), Failure> {
        if self.json {
            return print(line(json));
        }
        print(text)
    }

    /// The card itself for a while, for those who drive it in another way; afterwards nothing of its selection is known.
    pub(super) fn with_card<T>(&mut self, run: impl FnOnce(&mut Box<dyn Card>) -> T) -> T {
        let out = run(self.session.card_mut());
        self.session.forget();
        out
    }
}

/// One line of JSON, in which nothing that stands on a card steers the terminal.
pub(super) fn line(json: &Value) -> String {
    format!("{}\n", crate::escape::json(&json.to_string()))
}

/// A card that said no is a refusal; a reader that lost it is the environment's.
pub(super) fn refused(e: &UsimError) -> Failure {
    match e {
        UsimError::Card(_) => Failure::Unable(e.to_string()),
        UsimError::Refused { sw: Sw::SECURITY, .. } => {
            Failure::Refused(format!("{e}: verify it first (--pin, --adm)"))
        }
        _ => Failure::Refused(e.to_string()),
    }
}

pub(super) fn probe_refused(e: &ProbeError) -> Failure {
    match e {
        ProbeError::Card(e) => refused(e),
        _ => Failure::Refused(e.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_of_what_a_card_says_does_not_steer_the_terminal() {
        let said = Value::from("a\u{9b}31m\u{202e}\nb");
        let line = line(&said);
        assert_eq!(line, "\"a\\u009b31m\\u202e\\nb\"\n");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), said);
    }
}
