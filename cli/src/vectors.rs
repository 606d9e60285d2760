//! `gba vectors`: test vectors against this implementation, as a table, JSON or JUnit XML; and how to write some.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, IsTerminal, Read, Write},
    path::{Path, PathBuf},
};

use anstyle::{AnsiColor, Style};
use clap::{Args, Subcommand};
use comfy_table::{CellAlignment, Table, presets};
use vectors::{File, Filter, MAX_FILE_OCTETS, Report};

use crate::{Failure, card::terminal::target::TargetArgs, printed};

/// Failures that are told one by one; the rest is counted.
const TOLD: usize = 50;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Check the vectors that come with the program, or those of the files given.
    #[command(
        after_help = "Examples: gba vectors run\n          gba vectors run --family milenage --json\n          \
                            gba vectors run my-vectors.json --junit report.xml\n          \
                            gba vectors run --target card:pcsc:0 --k @k.hex --opc @opc.hex\n\
                            Status: 0 all passed, 1 one failed or has no checker, 2 a file can't be read.\n\
                            Your own file is JSON: {\"family\": \"milenage\", \"vectors\": [{\"id\": \"mine\", \"kind\": \
                            \"computed\", \"K\": \"465b…\", …}]}.\n\
                            gba vectors schema tells which fields each kind needs, and has an example that passes."
    )]
    Run(Box<RunArgs>),
    /// Print how a file of vectors is written, and which fields each kind needs.
    #[command(after_help = "Example: gba vectors schema | less")]
    Schema,
}

#[derive(Args)]
pub(crate) struct RunArgs {
    /// Files of the form that `gba vectors schema` prints [default: those of the program].
    files: Vec<PathBuf>,
    /// Only this family, or this file of the program (repeatable).
    #[arg(long = "family", value_name = "FAMILY")]
    families: Vec<String>,
    /// A vector without a checker is reported, but is no failure.
    #[arg(long)]
    known_only: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetArgs,
    /// Write JUnit XML to a file as well.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Run(args) => check(&args),
        Command::Schema => printed(writeln!(anstream::stdout(), "{}", vectors::schema())),
    }
}

fn check(args: &RunArgs) -> Result<(), Failure> {
    let report = match &args.target.target {
        Some(card) => args.target.report(card)?,
        None => of_files(args)?,
    };
    if let Some(path) = &args.junit {
        fs::write(path, report.to_junit())
            .map_err(|e| Failure::Unable(format!("cannot write {}: {e}", path.display())))?;
    }
    let mut out = anstream::stdout().lock();
    let result = if args.json {
        json(&mut out, &report)
    } else {
        table(&mut out, &report)
    };
    printed(result.and_then(|()| out.flush()))?;
    if report.is_success() {
        Ok(())
    } else if report.passed() + report.failed() == 0 && report.known_only {
        Err(Failure::Refused(
            "nothing was checked, so nothing has passed: none of these vectors has a checker".into(),
        ))
    } else {
        Err(Failure::Shown)
    }
}

fn of_files(args: &RunArgs) -> Result<Report, Failure> {
    let files = load(&args.files).map_err(Failure::Unable)?;
    let report = vectors::run(
        &files,
        &Filter {
            families: args.families.clone(),
            known_only: args.known_only,
        },
    );
    if report.rows.is_empty() {
        let known = files.iter().flat_map(|f| &f.vectors).map(|v| v.family.as_str());
        let known: Vec<&str> = known.collect::<BTreeSet<_>>().into_iter().collect();
        return Err(Failure::Unable(format!(
            "no vector of family {}; there are {}",
            args.families.join(", "),
            known.join(", ")
        )));
    }
    Ok(report)
}

fn load(paths: &[PathBuf]) -> Result<Vec<File>, String> {
    if paths.is_empty() {
        return vectors::embedded().map_err(|e| e.to_string());
    }
    paths.iter().map(|path| load_one(path)).collect()
}

fn load_one(path: &Path) -> Result<File, String> {
    let cannot = |e: io::Error| format!("cannot read {}: {e}", path.display());
    let mut octets = Vec::new();
    let limit = u64::try_from(MAX_FILE_OCTETS)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    net::file::open(path)
        .and_then(|f| f.take(limit).read_to_end(&mut octets))
        .map_err(cannot)?;
    let file = File::parse(&path.display().to_string(), &octets).map_err(|e| e.to_string())?;
    if file.vectors.is_empty() {
        return Err(format!("{} has no vectors", file.name));
    }
    Ok(file)
}

fn json(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    serde_json::to_writer(&mut *out, report)?;
    writeln!(out)
}

fn table(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let mut t = Table::new();
    let terminal = io::stdout().is_terminal();
    t.load_style(if terminal {
        presets::UTF8_FULL_CONDENSED.with_rounded_corners()
    } else {
        presets::NOTHING
    });
    t.set_header(["family", "kind", "clause", "passed", "failed", "no checker"]);
    let shown = |n: usize| if n == 0 { "·".into() } else { n.to_string() };
    for row in &report.rows {
        t.add_row([
            row.family.clone(),
            row.kind.clone(),
            row.clause.clone(),
            shown(row.passed),
            shown(row.failed),
            shown(row.no_checker),
        ]);
    }
    for column in 3..6 {
        if let Some(column) = t.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    writeln!(out, "{t}")?;
    for failure in report.failures.iter().take(TOLD) {
        writeln!(out, "{failure}")?;
    }
    if let Some(more @ 1..) = report.failures.len().checked_sub(TOLD) {
        writeln!(out, "and {more} more failures")?;
    }
    for unread in report.unread.iter().take(TOLD) {
        let (family, kind) = (&unread.family, &unread.kind);
        let field = unread.field.trim_start_matches('/');
        writeln!(
            out,
            "not looked at: {family}/{kind} field {field}, which its checker doesn't know"
        )?;
    }
    if let Some(more @ 1..) = report.unread.len().checked_sub(TOLD) {
        writeln!(out, "and {more} more fields that were not looked at")?;
    }
    let (failed, unknown) = (report.failed(), report.without_checker());
    let colour = if report.is_success() {
        AnsiColor::Green
    } else {
        AnsiColor::Red
    };
    let style = Style::new().bold().fg_color(Some(colour.into()));
    let comparisons = report.comparisons();
    writeln!(
        out,
        "{style}{} passed, {failed} failed, {unknown} without a checker{style:#} ({comparisons} values compared)",
        report.passed()
    )?;
    if unknown > 0 && failed == 0 && !report.known_only {
        writeln!(
            out,
            "A vector without a checker counts as a failure; --known-only leaves them out of the verdict."
        )?;
    }
    Ok(())
}
