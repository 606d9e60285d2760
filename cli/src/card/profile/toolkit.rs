//! `[[toolkit]]`: what a card asks of the terminal by itself, and when (TS 102 223).

use base::hex;
use uicc::{
    software::toolkit::{Scripted, When},
    toolkit::{Action, Event, Proactive, Text},
};

use hss::subscribers::{FileError, table::Table};

type Result<T> = core::result::Result<T, FileError>;

const WHEN: &str = "start, or event, timer or item with its number, such as \"event 05\", expected";

/// One table.
pub(super) fn scripted(t: &mut Table<'_, '_>) -> Result<Scripted> {
    let when = match t.text("when")? {
        None => When::Profile,
        Some(text) => when(text.value).ok_or_else(|| t.error_about(&text, WHEN))?,
    };
    let command = match (t.text("show")?, t.text("command")?) {
        (Some(text), None) => {
            let shown = Text::new(text.value).map_err(|e| t.error_about(&text, e.to_string()))?;
            let show = Action::DisplayText {
                text: shown,
                high_priority: true,
                wait_for_user: false,
            };
            Proactive::new(1, show)
        }
        (None, Some(text)) => hex::decode(text.value)
            .map_err(|e| e.to_string())
            .and_then(|octets| Proactive::parse(&octets).map_err(|e| e.to_string()))
            .map_err(|e| {
                t.error_about(
                    &text,
                    format!("a proactive command in hex, D0 first, expected: {e}"),
                )
            })?,
        _ => return Err(t.error("show", "one of show and command expected")),
    };
    Ok(Scripted { when, command })
}

/// The table again.
pub(super) fn written(scripted: &Scripted) -> String {
    let when = match scripted.when {
        When::Profile => "start".into(),
        When::Event(event) => format!("event {:02x}", event.0),
        When::Timer(timer) => format!("timer {timer:02x}"),
        When::Item(item) => format!("item {item:02x}"),
    };
    // Whatever was read can be written.
    let command = hex::encode(scripted.command.octets().unwrap_or_default());
    format!("\n[[toolkit]]\nwhen = \"{when}\"\ncommand = \"{command}\"")
}

fn when(text: &str) -> Option<When> {
    if text == "start" {
        return Some(When::Profile);
    }
    let (what, number) = text.split_once(' ')?;
    let number = u8::from_str_radix(number, 16).ok()?;
    match what {
        "event" => Some(When::Event(Event(number))),
        "timer" => (1..=8).contains(&number).then_some(When::Timer(number)),
        "item" => Some(When::Item(number)),
        _ => None,
    }
}
