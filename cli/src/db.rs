//! `gba db`: subscriber lists of other programs become our file, our file becomes a table, and a file is checked.
//!
//! Reading and judging is [`hss::subscribers::import`]; here are files and what is said of them.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use base::SecretBytes;
use clap::{Args, Subcommand, ValueEnum};
use gba::ids::MncLength;
use hss::{
    Subscribers,
    subscribers::{
        FileError, MAX_FILE, OsKeys,
        import::{self, Form, Import, OperatorKey, Options},
    },
};
use serde_json::{Value, json};

use crate::{
    Failure,
    input::{octets_of_file, text_of_file},
    sim::mnc_length,
};

/// Most mistakes that are printed for people; `--json` has all.
const MAX_SHOWN: usize = 50;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make our subscriber file of a list from elsewhere.
    ///
    /// Takes our CSV, JSON of Open5GS (mongoexport -d open5gs -c subscribers), the AuC of PyHSS (JSON or CSV) and card
    /// lists of sysmocom. OP and OPc are told apart by the column's name, never guessed; where OP is given, OPc is
    /// computed. A stored SQN becomes the next SQN that is issued. Nothing is written if there is one mistake.
    #[command(after_help = "Examples: gba db import cards.csv --mnc-length 2\n          \
                            mongoexport -d open5gs -c subscribers > open5gs.json && gba db import open5gs.json\n          \
                            gba db import --from sysmocom --operator-key opc cards.csv --out lab.toml --json\n\
                            Status: 0 written, 1 the list has mistakes, 2 a file can't be read or written.")]
    Import(ImportArgs),
    /// Write subscribers as CSV or TOML.
    ///
    /// Takes what `import` takes, and our own TOML.
    #[command(
        after_help = "Examples: gba db export --to csv subscribers.toml --out subscribers.csv\n          \
                            gba db export --to csv subscribers.toml --out -\n\
                            Status: 0 written, 1 the file has mistakes or doesn't fit, 2 a file can't be read or written."
    )]
    Export(ExportArgs),
    /// Find every mistake in a subscriber file or list, with line, column and what was expected.
    #[command(
        after_help = "Examples: gba db check subscribers.toml\n          gba db check cards.csv --json\n\
                            Status: 0 no mistake, 1 mistakes, 2 the file can't be read."
    )]
    Check(CheckArgs),
}

/// The form of a list on the command line.
#[derive(Clone, Copy, ValueEnum)]
enum FormArg {
    /// Found out by what only that form has.
    Auto,
    /// Our subscriber file.
    Toml,
    /// A table with our columns: imsi, mnc_length, k, opc or op, amf, sqn, …
    Csv,
    /// JSON documents as mongoexport writes them.
    Open5gs,
    /// JSON as the API takes it, or the table auc as CSV.
    Pyhss,
    /// A card list: IMSI, ICCID, Ki, OPC, ADM1, …
    Sysmocom,
}

#[derive(Clone, Copy, ValueEnum)]
enum KeyArg {
    /// OP: OPc is computed from it and K.
    Op,
    /// OPc.
    Opc,
}

#[derive(Args)]
struct Reading {
    /// The list.
    file: PathBuf,
    /// Form of the list.
    #[arg(long, value_enum, default_value = "auto", value_name = "FORM")]
    from: FormArg,
    /// What the operator's key in the list is, whatever its column is called.
    #[arg(long, value_enum, value_name = "op|opc")]
    operator_key: Option<KeyArg>,
    /// Digits of the MNC, for subscribers whose list doesn't tell.
    #[arg(long, value_name = "2|3", value_parser = mnc_length)]
    mnc_length: Option<MncLength>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    reading: Reading,
    /// The file to make, readable for you only; `-` for standard output.
    #[arg(long, value_name = "FILE", default_value = "subscribers.toml")]
    out: PathBuf,
    /// Let it take the place of an existing file, as a whole.
    #[arg(long)]
    force: bool,
}

#[derive(Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    reading: Reading,
    /// Form to write.
    #[arg(long, value_enum, value_name = "csv|toml")]
    to: ToArg,
    /// The file to make, readable for you only; `-` for standard output.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Let it take the place of an existing file, as a whole.
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum ToArg {
    /// A table with our columns.
    Csv,
    /// The file that the HSS loads.
    Toml,
}

#[derive(Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    reading: Reading,
}

pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Import(args) => write(&args.reading, ToArg::Toml, &args.out, args.force),
        Command::Export(args) => write(&args.reading, args.to, &args.out, args.force),
        Command::Check(args) => check(&args.reading),
    }
}

/// A list that was read.
struct Listing {
    import: Import,
    /// Its text, for a copy.
    text: SecretBytes,
}

impl Reading {
    fn read(&self) -> Result<Listing, Failure> {
        let text = octets_of_file(&self.file, MAX_FILE as u64).map_err(Failure::Unable)?;
        let options = Options {
            form: match self.from {
                FormArg::Auto => None,
                FormArg::Toml => Some(Form::Toml),
                FormArg::Csv => Some(Form::Csv),
                FormArg::Open5gs => Some(Form::Open5gs),
                FormArg::Pyhss => Some(Form::Pyhss),
                FormArg::Sysmocom => Some(Form::Sysmocom),
            },
            operator_key: self.operator_key.map(|key| match key {
                KeyArg::Op => OperatorKey::Op,
                KeyArg::Opc => OperatorKey::Opc,
            }),
            mnc_length: self.mnc_length,
        };
        let utf8 = text_of_file(&self.file, &text).map_err(Failure::Refused)?;
        let mut keys = OsKeys {
            directory: self.file.parent().map(Path::to_owned).unwrap_or_default(),
        };
        let import = import::read(utf8, &options, &mut keys);
        Ok(Listing { import, text })
    }

    /// Says what the list was taken for and what is to know of it, on standard error; nothing with `--json`.
    fn say(&self, import: &Import) {
        if self.json {
            return;
        }
        let mut err = anstream::stderr().lock();
        let because = import.because.map(|b| format!(" ({b})")).unwrap_or_default();
        // Standard error may be closed; the exit status still tells.
        if let Some(form) = self.form(import) {
            let _ = writeln!(err, "{}: read as {form}{because}", self.file.display());
        }
        for note in &import.notes {
            let _ = writeln!(err, "note: {note}");
        }
        for mistake in import.mistakes.iter().take(MAX_SHOWN) {
            let _ = writeln!(err, "{}: {mistake}", self.file.display());
        }
        if import.mistakes.len() > MAX_SHOWN {
            let _ = writeln!(err, "and {} more", import.mistakes.len() - MAX_SHOWN);
        }
    }

    /// What it was read as; `None` if nobody could tell.
    fn form(&self, import: &Import) -> Option<&'static str> {
        let known = import.because.is_some() || !matches!(self.from, FormArg::Auto);
        known.then(|| import.form.name())
    }

    fn report(&self, import: &Import, written: Option<&Path>) -> Value {
        let mistake = |m: &FileError| json!({ "line": m.place.line, "column": m.place.column, "key": m.key, "what": m.what });
        json!({
            "file": self.file,
            "form": self.form(import),
            "because": import.because,
            "rows": import.rows,
            "subscribers": import.entries.iter().map(|e| e.impi().as_str()).collect::<Vec<_>>(),
            "mistakes": import.mistakes.iter().map(mistake).collect::<Vec<_>>(),
            "notes": import.notes,
            "written": written,
        })
    }

    /// The last line, or the JSON object.
    fn finish(&self, import: &Import, written: Option<&Path>, last: &str) -> Result<(), Failure> {
        let mut out = anstream::stdout().lock();
        let printed = if self.json {
            writeln!(out, "{}", self.report(import, written))
        } else {
            writeln!(out, "{last}")
        };
        pipe(printed.and_then(|()| out.flush()))
    }
}

/// Whoever reads may have had enough.
fn pipe(printed: io::Result<()>) -> Result<(), Failure> {
    match printed {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Unable(format!("cannot print: {e}"))),
        _ => Ok(()),
    }
}

fn check(reading: &Reading) -> Result<(), Failure> {
    let Listing { import, .. } = reading.read()?;
    reading.say(&import);
    let (good, wrong) = (import.entries.len(), import.mistakes.len());
    if wrong == 0 {
        return reading.finish(&import, None, &format!("{}, no mistake", subscribers(good)));
    }
    reading.finish(
        &import,
        None,
        &format!("{}, {good} of {} subscribers right", mistakes(wrong), import.rows),
    )?;
    Err(Failure::Shown)
}

fn subscribers(n: usize) -> String {
    if n == 1 {
        "1 subscriber".into()
    } else {
        format!("{n} subscribers")
    }
}

fn mistakes(n: usize) -> String {
    if n == 1 {
        "1 mistake".into()
    } else {
        format!("{n} mistakes")
    }
}

fn write(reading: &Reading, to: ToArg, out: &Path, force: bool) -> Result<(), Failure> {
    let to_stdout = out.as_os_str() == "-";
    if to_stdout && reading.json {
        return Err(Failure::Unable(
            "--json and --out - both want standard output: give --out a file".into(),
        ));
    }
    if !to_stdout && !force && fs::symlink_metadata(out).is_ok() {
        return Err(exists(out));
    }
    let Listing { import, text } = reading.read()?;
    reading.say(&import);
    if !import.mistakes.is_empty() {
        if reading.json {
            reading.finish(&import, None, "")?;
            return Err(Failure::Shown);
        }
        return Err(Failure::Refused(format!(
            "{}, so nothing is written",
            mistakes(import.mistakes.len())
        )));
    }
    let made = match to {
        ToArg::Csv => import
            .to_csv()
            .map_err(|e| Failure::Refused(format!("{}: {e}", reading.file.display())))?,
        // Ours already: as it stands, with its comments and what only it can hold.
        ToArg::Toml if import.form == Form::Toml => text,
        ToArg::Toml => import.to_toml(),
    };
    if to_stdout {
        let mut stdout = io::stdout().lock();
        return pipe(stdout.write_all(made.expose()).and_then(|()| stdout.flush()));
    }
    if matches!(to, ToArg::Toml) {
        loads(&made, out)?;
    }
    replace(out, &made, force)?;
    let shown = out.display();
    let next = match to {
        ToArg::Toml => format!(
            "; to use it: subscribers = \"{shown}\" under [hss] in place of [[hss.subscriber]], then gba hss serve"
        ),
        ToArg::Csv => String::new(),
    };
    let last = format!(
        "{} in {shown}, which holds keys and is readable for you only{next}",
        subscribers(import.entries.len())
    );
    reading.finish(&import, Some(out), &last)
}

/// Reads what is about to be written as the HSS will, with key files looked for beside it.
fn loads(made: &SecretBytes, out: &Path) -> Result<(), Failure> {
    let mut keys = OsKeys {
        directory: out.parent().map(Path::to_owned).unwrap_or_default(),
    };
    let text = std::str::from_utf8(made.expose()).unwrap_or_default();
    Subscribers::parse(text, &mut keys, net::clock::now().utc)
        .map(drop)
        .map_err(|e| {
            let shown = out.display();
            Failure::Refused(format!(
                "the HSS would refuse {shown}, so it isn't written: {}: {}",
                e.key, e.what
            ))
        })
}

fn exists(out: &Path) -> Failure {
    Failure::Unable(format!(
        "{} exists: choose another --out, or give --force",
        out.display()
    ))
}

/// Writes a whole new file beside it, readable for its owner only, and lets it take the place: nobody ever sees half.
fn replace(out: &Path, octets: &SecretBytes, force: bool) -> Result<(), Failure> {
    let cannot = |e: io::Error| Failure::Unable(format!("cannot write {}: {e}", out.display()));
    let beside = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if fs::symlink_metadata(out).is_ok_and(|found| !found.is_file()) {
        return Err(Failure::Unable(format!("{} is no regular file", out.display())));
    }
    // Made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(beside).map_err(cannot)?;
    file.write_all(octets.expose())
        .and_then(|()| file.as_file().sync_all())
        .map_err(cannot)?;
    let done = if force {
        file.persist(out)
    } else {
        file.persist_noclobber(out)
    };
    done.map(drop).map_err(|e| match e.error.kind() {
        io::ErrorKind::AlreadyExists => exists(out),
        _ => cannot(e.error),
    })
}
