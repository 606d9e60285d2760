//! How an error is told: the error in one line, then the chain of causes, to standard error; as
//! JSON where the log is.

use std::error::Error;

use anstyle::{AnsiColor, Style};
use tracing::Level;

use crate::log;

/// Prints to standard error, coloured on a terminal.
pub(crate) fn print(why: &str) {
    use std::io::Write as _;
    if log::is_json() {
        return log::say(Level::ERROR, why);
    }
    let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    // Standard error may be closed; the exit status still tells. Whole lines: others write there too.
    let _ = anstream::stderr().write_all(format!("{red}gba:{red:#} {why}\n").as_bytes());
}

/// An error with its causes, joined by colons where a cause adds words.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(e) = cause {
        let more = e.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = e.source();
    }
    text
}

/// A warning, to standard error.
pub(crate) fn warn(what: &str) {
    use std::io::Write as _;
    if log::is_json() {
        return log::say(Level::WARN, what);
    }
    let yellow = Style::new().bold().fg_color(Some(AnsiColor::Yellow.into()));
    // As above.
    let _ = anstream::stderr().write_all(format!("{yellow}warning:{yellow:#} {what}\n").as_bytes());
}

/// What was done, to standard error.
pub(crate) fn note(what: &str) {
    use std::io::Write as _;
    if log::is_json() {
        return log::say(Level::INFO, what);
    }
    // As above.
    let _ = anstream::stderr().write_all(format!("{what}\n").as_bytes());
}
