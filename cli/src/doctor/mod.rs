//! `gba doctor`: whether this host can do what `gba` does, and what to do where it can't.
//!
//! * `host`: OpenSSL and its suites, clock, randomness, loopback, limits, card readers;
//! * `settings`: the configuration itself, its certificates, keys and sequence numbers;
//! * `sockets`: its ports, by whom they are taken, and its names.
//!
//! Nothing is changed on the host, and nothing is sent anywhere; names of the configuration are asked of the system.

mod host;
mod settings;
mod sockets;

use std::{
    io::{ErrorKind, Write},
    path::PathBuf,
};

use anstyle::{AnsiColor, Style};
use clap::Args as ClapArgs;
use serde::Serialize;

use crate::{
    Failure,
    config::{Config, Sources},
};

/// The options of `gba doctor`.
#[derive(ClapArgs)]
#[command(after_help = "Example: gba doctor --config gba.toml\n\
                  Status: 0 all is well or warned of, 1 something failed, 2 usage.")]
pub(crate) struct Args {
    /// The configuration whose ports, names and files are looked at [default: gba.toml, if it is here; env: GBA_CONFIG].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// How one check came out.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Ok,
    Warning,
    Failed,
}

impl Status {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }

    fn style(self) -> Style {
        let color = match self {
            Self::Ok => AnsiColor::Green,
            Self::Warning => AnsiColor::Yellow,
            Self::Failed => AnsiColor::Red,
        };
        Style::new().fg_color(Some(color.into()))
    }
}

/// One line: what was looked at, what was found, and what to do.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    check: String,
    status: Status,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Line {
    pub(crate) fn ok(check: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            check: check.into(),
            status: Status::Ok,
            found: found.into(),
            advice: None,
        }
    }

    pub(crate) fn warning(
        check: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            status: Status::Warning,
            advice: Some(advice.into()),
            ..Self::ok(check, found)
        }
    }

    pub(crate) fn failed(
        check: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            status: Status::Failed,
            ..Self::warning(check, found, advice)
        }
    }

    fn print(&self, out: &mut impl Write) -> std::io::Result<()> {
        let style = self.status.style();
        let (word, check) = (self.status.word(), &self.check);
        let mut found = self.found.lines();
        writeln!(
            out,
            "{style}{word:<8}{style:#} {check}: {}",
            found.next().unwrap_or_default()
        )?;
        for more in found {
            writeln!(out, "{:9}{more}", "")?;
        }
        match &self.advice {
            Some(advice) => writeln!(out, "{:9}-> {advice}", ""),
            None => Ok(()),
        }
    }
}

/// Looks, prints, and decides the exit status.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    // A name that was mistyped is usage; what is wrong within the file is a finding.
    if let Some(path) = &args.config {
        net::file::open(path).map_err(|e| Failure::Unable(format!("cannot read {}: {e}", path.display())))?;
    }
    let sources = Sources {
        file: args.config,
        flags: Vec::new(),
    };
    let config = Config::load(sources);
    let needed = config.as_ref().ok().map(settings::suites);
    let mut lines = host::look(needed.unwrap_or_default().as_slice());
    match &config {
        Ok(config) => {
            lines.extend(settings::look(config));
            lines.extend(sockets::look(config));
        }
        Err(why) => lines.push(settings::wrong(why)),
    }
    report(&lines, args.json)
}

/// Prints the lines, and decides the exit status.
pub(crate) fn report(lines: &[Line], json: bool) -> Result<(), Failure> {
    let worst = lines.iter().map(|line| line.status).max().unwrap_or(Status::Ok);
    let mut out = anstream::stdout().lock();
    let printed = if json {
        writeln!(out, "{}", serde_json::json!({ "status": worst, "checks": lines }))
    } else {
        lines.iter().try_for_each(|line| line.print(&mut out))
    };
    match printed.and_then(|()| out.flush()) {
        // Whoever reads has had enough; the exit status still tells.
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            return Err(Failure::Unable(format!("cannot print: {e}")));
        }
        _ => {}
    }
    if worst == Status::Failed {
        Err(Failure::Shown)
    } else {
        Ok(())
    }
}

/// After something else failed for reasons of this host: what isn't well here, to standard error.
pub(crate) fn print_short() {
    let lines: Vec<_> = host::look(&[])
        .into_iter()
        .filter(|line| line.status != Status::Ok)
        .collect();
    let mut out = anstream::stderr().lock();
    let printed = if lines.is_empty() {
        writeln!(out, "The host itself looks well (gba doctor has the details).")
    } else {
        writeln!(out, "What gba doctor finds on this host:")
            .and_then(|()| lines.iter().try_for_each(|line| line.print(&mut out)))
    };
    // Standard error may be closed; the exit status still tells.
    let _ = printed;
}
