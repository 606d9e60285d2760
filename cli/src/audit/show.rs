//! `gba audit show`: an audit log for people, or a part of it for programs.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use serde_json::{Map, Value};

use crate::{Failure, advice, escape};

/// `gba audit …`.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show an audit log, or of it what concerns one subscriber or NAF.
    ///
    /// A line that isn't whole, as a full disk leaves one, is told and passed over.
    #[command(
        after_help = "Examples: gba audit show bsf-audit.jsonl --imsi 001010123456789\n          \
                            gba audit show bsf-audit.jsonl --naf naf.m2m.example --json"
    )]
    Show(ShowArgs),
}

#[derive(Args)]
pub(crate) struct ShowArgs {
    /// The audit log.
    file: PathBuf,
    /// Of this IMPI only.
    #[arg(long)]
    impi: Option<String>,
    /// Of this IMSI only.
    #[arg(long)]
    imsi: Option<String>,
    /// Of keys for this NAF's name only.
    #[arg(long, value_name = "NAME")]
    naf: Option<String>,
    /// Of this kind only: bootstrapping, key-delivery, vector, resynchronisation or session.
    #[arg(long, value_name = "KIND", value_parser = EVENTS, hide_possible_values = true)]
    event: Option<String>,
    /// Print those lines as they are.
    #[arg(long)]
    json: bool,
}

const EVENTS: [&str; 5] = [
    "bootstrapping",
    "key-delivery",
    "vector",
    "resynchronisation",
    "session",
];

/// Lines that are no records are told one by one up to here.
const TOLD: u32 = 3;

type Line = Map<String, Value>;

fn text<'a>(line: &'a Line, key: &str) -> &'a str {
    line.get(key).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    let Command::Show(args) = command;
    let shown = args.file.display();
    let cannot = |e: std::io::Error| Failure::Unable(format!("cannot read {shown}: {e}"));
    let wanted = [
        ("impi", &args.impi),
        ("imsi", &args.imsi),
        ("naf", &args.naf),
        ("event", &args.event),
    ];
    let mut out = anstream::stdout().lock();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "time",
        "event",
        "subscriber",
        "B-TID",
        "peer or NAF",
        "outcome",
    ]);
    let (mut records, mut foreign) = (0_u64, 0_u32);
    let lines = BufReader::new(net::file::open(&args.file).map_err(cannot)?).split(b'\n');
    for (number, octets) in (1..).zip(lines) {
        let octets = octets.map_err(cannot)?;
        if octets.is_empty() {
            continue;
        }
        let line = serde_json::from_slice::<Line>(&octets).ok();
        let what = match &line {
            None => "isn't whole",
            Some(line) if EVENTS.contains(&text(line, "event")) => "",
            Some(_) => "is no record of an audit log",
        };
        let Some(line) = line.filter(|_| what.is_empty()) else {
            foreign = foreign.saturating_add(1);
            if foreign <= TOLD {
                advice::warn(&format!("{shown}, line {number} {what}"));
            }
            continue;
        };
        records += 1;
        let is_wanted =
            |(key, value): &(&str, &Option<String>)| value.as_ref().is_none_or(|v| text(&line, key) == v);
        if !wanted.iter().all(is_wanted) {
            continue;
        }
        if args.json {
            // Whoever reads has had enough.
            let _ = writeln!(out, "{}", escape::json(&String::from_utf8_lossy(&octets)));
        } else {
            table.add_row(row(&line));
        }
    }
    if foreign > TOLD {
        advice::warn(&format!("{shown}: so are {} more lines", foreign - TOLD));
    }
    if records == 0 && foreign > 0 {
        return Err(Failure::Unable(format!(
            "{shown} is no audit log: the JSON lines expected that `--audit FILE` has written"
        )));
    }
    if !args.json && table.is_empty() {
        advice::note(&match records {
            0 => format!("{shown} has no record yet"),
            _ => format!("none of the {records} records in {shown} is of those asked for"),
        });
    } else if !args.json {
        let _ = writeln!(out, "{}", table.trim_fmt());
    }
    Ok(())
}

/// When, what, how it ended, whose, by which B-TID, for whom.
fn row(line: &Line) -> Vec<String> {
    let outcome = match (line.get("code"), text(line, "reason")) {
        (_, "") => text(line, "outcome").to_owned(),
        (Some(code), reason) => format!("{} {code}: {reason}", text(line, "outcome")),
        (None, reason) => format!("{}: {reason}", text(line, "outcome")),
    };
    let or = |first: &str, second: &str| match text(line, first) {
        "" => text(line, second).to_owned(),
        first => first.to_owned(),
    };
    let naf = match (text(line, "naf"), text(line, "ua")) {
        ("", _) => text(line, "peer").to_owned(),
        (naf, ua) => format!("{naf} {ua}"),
    };
    let btid: String = text(line, "btid").chars().take_while(|c| *c != '@').collect();
    let cells = [
        text(line, "time").to_owned(),
        text(line, "event").to_owned(),
        or("imsi", "impi"),
        btid,
        naf,
        outcome,
    ];
    cells.iter().map(|cell| escape::text(cell).into_owned()).collect()
}
