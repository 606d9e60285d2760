//! `gba demo`: the options, the subscriber they describe, and what is printed while it runs.

use std::{
    io::{ErrorKind, IsTerminal, Read as _, Write},
    path::{Path, PathBuf},
};

use aka::{Amf, Rand, Sqn};
use clap::{Args as ClapArgs, ValueEnum};
use gba::ids::{Imsi, MncLength};
use lab::{
    demo::{DemoError, Setup},
    report::{Mode, Outcome},
    trace::{Entry, Trace},
};
use serde::Deserialize;
use uicc::{Card, Pin, terminal::Mode as CardMode};

use crate::{
    Failure, advice,
    capture::CaptureArgs,
    card::terminal::ready::{OtherCard, Ready},
    doctor,
    input::KeyText,
    ladder::Ladder,
    report,
    sim::{Name, SimArgs, mnc_length, no_bare_keys, parse},
};

/// The options of `gba demo`.
#[derive(ClapArgs)]
#[command(
    after_help = "Examples: gba demo --card pcsc:0 --k @k.hex --opc @opc.hex\n          gba demo --imsi 001010123456789 --k @k.hex --opc env:OPC --sqn 000000000020\n\
                        Keys are hex, @FILE, env:NAME, or - for standard input: a line each, K first.\n\
                        Status: 0 both ends have the same keys, 1 refused or keys differ, 2 usage or environment."
)]
pub(crate) struct Args {
    /// Where Ks lives: in the mobile equipment (GBA_ME) or in the card (GBA_U).
    #[arg(long, value_enum)]
    mode: Option<ModeArg>,
    /// IMSI, 6 to 15 digits [default: 001010123456789].
    #[arg(long, value_parser = parse::<Imsi>)]
    imsi: Option<Imsi>,
    /// Digits of the MNC, 2 or 3 [default: by the MCC].
    #[arg(long, value_name = "2|3", value_parser = mnc_length)]
    mnc_length: Option<MncLength>,
    /// Keys of the algorithm set; random ones where none is given.
    #[command(flatten)]
    sim: SimArgs,
    /// Authentication management field, 2 octets [default: 0000, the separation bit cleared for GBA].
    #[arg(long, value_parser = parse::<Amf>)]
    amf: Option<Amf>,
    /// SQN of the vector, 6 octets in hex; the card's own stands one step behind.
    #[arg(long, value_parser = parse::<Sqn>)]
    sqn: Option<Sqn>,
    /// The card's SQN is ahead of the HSS: it answers with AUTS, and the HSS follows it with a fresh vector.
    #[arg(long)]
    resync: bool,
    /// Laboratory only: the RAND of the vector, 16 octets, which makes a run repeatable.
    #[arg(long, value_parser = parse::<Rand>)]
    rand: Option<Rand>,
    /// The subscriber from a TOML file with the keys imsi, mnc_length, algorithm, k, opc or op, topc or top,
    /// amf, sqn, mode.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A real card whose keys are known (--k, --opc): it plays the SIM. Its IMSI and mode are its own; its SQN goes on
    /// by the smallest step. Asks first.
    #[command(flatten)]
    other: OtherCard,
    /// With --card: don't ask before the card's SQN moves.
    #[arg(long, short, requires = "card")]
    yes: bool,
    /// With --card: move its SQN although it is a jump over 2^20.
    #[arg(long, requires = "card")]
    force_sqn: bool,
    #[command(flatten)]
    capture: CaptureArgs,
    /// Print the result only, without the ladder.
    #[arg(long, short)]
    quiet: bool,
    /// Print keys instead of their fingerprints.
    #[arg(long)]
    show_secrets: bool,
    /// Print one JSON object instead.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum ModeArg {
    Me,
    U,
}

/// The TOML form of the subscriber. Keys take the same forms as on the command line.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    imsi: Option<String>,
    mnc_length: Option<u8>,
    algorithm: Option<Name>,
    k: Option<String>,
    opc: Option<String>,
    op: Option<String>,
    topc: Option<String>,
    top: Option<String>,
    amf: Option<String>,
    sqn: Option<String>,
    mode: Option<ModeArg>,
}

/// A demo configuration is a dozen short lines.
const MAX_CONFIG: u64 = 64 * 1024;

/// The file's text. The bound is on what is read: a device or a pipe has no length of its own.
fn read_config(path: &Path) -> std::io::Result<String> {
    let mut octets = Vec::new();
    let file = net::file::open(path)?;
    file.take(MAX_CONFIG + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > MAX_CONFIG {
        return Err(std::io::Error::other("longer than 64 KiB"));
    }
    String::from_utf8(octets).map_err(|_| std::io::Error::other("not a text in UTF-8"))
}

/// Options win over the file.
fn merge(mut args: Args) -> Result<Args, String> {
    let Some(path) = &args.config.clone() else {
        return Ok(args);
    };
    let shown = path.display();
    let text = read_config(path).map_err(|e| format!("cannot read {shown}: {e}"))?;
    let file: File = toml::from_str(&text).map_err(|e| config_error(&shown.to_string(), &text, &e))?;
    let value = |key: &str, why: String| format!("{shown}: {key}: {why}");
    if file.opc.is_some() && file.op.is_some() {
        return Err(value("op", "give OPc or OP, not both".into()));
    }
    if file.topc.is_some() && file.top.is_some() {
        return Err(value("top", "give TOPc or TOP, not both".into()));
    }
    macro_rules! fill {
        ($key:ident, $parse:expr) => {
            if let (None, Some(text)) = (&args.$key, &file.$key) {
                args.$key = Some($parse(text).map_err(|why| value(stringify!($key), why))?);
            }
        };
    }
    fill!(imsi, |t: &String| parse::<Imsi>(t));
    fill!(mnc_length, |n: &u8| mnc_length(&n.to_string()));
    let key = |text: &Option<String>| text.as_ref().map(|t| KeyText::of_config(t, path));
    args.sim.k = args.sim.k.take().or_else(|| key(&file.k));
    if !args.sim.has_operator_key() {
        args.sim.opc = key(&file.opc);
        args.sim.op = key(&file.op);
        args.sim.topc = key(&file.topc);
        args.sim.top = key(&file.top);
    }
    args.sim.algorithm = args.sim.algorithm.or(file.algorithm);
    fill!(amf, |t: &String| parse::<Amf>(t));
    fill!(sqn, |t: &String| parse::<Sqn>(t));
    args.mode = args.mode.or(file.mode);
    Ok(args)
}

/// Line, column and what was expected; never the line itself, which may be a key.
fn config_error(path: &str, text: &str, e: &toml::de::Error) -> String {
    let at = e.span().map_or(0, |s| s.start).min(text.len());
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let why = without_quotes(text.lines().nth(line - 1).unwrap_or_default())
        .or_else(|| unknown_key(e.message()))
        .unwrap_or_else(|| without_content(e.message()));
    format!("{path}, line {line}, column {column}: {why}")
}

/// What to do about a line whose value should be a text, but stands there without quotes.
fn without_quotes(line: &str) -> Option<String> {
    let (key, value) = line.split_once('=')?;
    let example = match key.trim() {
        "imsi" => "001010…",
        "mode" => "u",
        "algorithm" => "milenage",
        "k" | "opc" | "op" | "topc" | "top" | "amf" | "sqn" => "…",
        _ => return None,
    };
    let bare = value
        .trim_start()
        .starts_with(|c: char| c.is_ascii_alphanumeric());
    bare.then(|| format!("{key} must be quoted: {key} = \"{example}\"", key = key.trim()))
}

/// The name of an unknown key, unless it may be a key of the other sort in a wrong place.
fn unknown_key(message: &str) -> Option<String> {
    let (name, expected) = message.strip_prefix("unknown field `")?.split_once('`')?;
    let mut runs = name.split(|c: char| !c.is_ascii_hexdigit()).map(str::len);
    let is_name = name.len() <= 20
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || matches!(c, '0'..='9' | '_' | '-'))
        && runs.all(|run| run < 8);
    is_name.then(|| format!("unknown key {name}{expected}"))
}

/// A message of the TOML reader without the text of the file that it quotes: a key may stand in any wrong place.
fn without_content(message: &str) -> String {
    let (what, expected) = message.rsplit_once(", expected").unwrap_or((message, ""));
    let what = what.split(['`', '"']).next().unwrap_or_default().trim_end();
    if expected.is_empty() {
        what.to_owned()
    } else {
        format!("{what}, expected{expected}")
    }
}

fn setup(args: &Args) -> Result<Setup, String> {
    let mut entropy = net::entropy::OsEntropy;
    no_bare_keys(args.sim.keys())?;
    if args.amf.is_some_and(Amf::separation_bit) {
        advice::warn("--amf: the separation bit is set; for GBA it is cleared (TS 33.102 Annex H)");
    }
    if args.show_secrets {
        advice::warn("--show-secrets: keys are printed; keep the output to yourself");
    }
    if args.rand.is_some() {
        advice::warn("--rand: laboratory only; a RAND must never be chosen in a network");
    }
    let algorithm = args.sim.algorithm(&mut entropy)?;
    Ok(Setup {
        mode: match args.mode {
            Some(ModeArg::U) => Mode::U,
            _ => Mode::Me,
        },
        imsi: args.imsi.clone().map_or_else(|| parse("001010123456789"), Ok)?,
        mnc_length: args.mnc_length,
        algorithm,
        amf: args.amf,
        sqn: args.sqn,
        resync: args.resync,
        rand: args.rand,
    })
}

/// The card that was named, once it is known who it is and where its SQN stands.
fn ready(args: &Args) -> Result<Option<Ready>, Failure> {
    let others = [
        ("--imsi", args.imsi.is_some()),
        ("--mode", args.mode.is_some()),
        ("--mnc-length", args.mnc_length.is_some()),
        ("--resync", args.resync),
    ];
    if let (Some(place), Some((option, _))) = (&args.other.card, others.iter().find(|(_, given)| *given)) {
        return Err(Failure::Unable(format!(
            "{option}: the card in {place} says this itself; leave it out"
        )));
    }
    args.other.ready(&args.sim, args.sqn, args.yes, args.force_sqn)
}

/// What the card says stands in the setup.
fn real(ready: Ready, setup: &mut Setup) -> (Box<dyn Card>, Option<Pin>) {
    advice::note(&format!(
        "{}: IMSI {}, SQN before {}, first {}",
        ready.place,
        ready.imsi.as_str(),
        ready.before,
        ready.first
    ));
    setup.imsi = ready.imsi;
    setup.mnc_length = ready.mnc_length;
    setup.mode = match ready.mode {
        CardMode::U => Mode::U,
        CardMode::Me => Mode::Me,
    };
    setup.sqn = Some(ready.first);
    (ready.card, ready.pin)
}

/// Runs the demo and prints it.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let args = merge(args).map_err(Failure::Unable)?;
    let ready = ready(&args)?;
    let mut setup = setup(&args).map_err(Failure::Unable)?;
    let real = ready.map(|ready| real(ready, &mut setup));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::Unable(format!("cannot start the runtime: {e}")))?;

    let (wire, capture) = args.capture.begin().map_err(Failure::Unable)?;
    let (trace, mut entries) = Trace::begin();
    let trace = trace.with_wire(wire);
    let ladder = (!args.quiet && !args.json).then(|| Ladder::new(width()));
    let result = runtime.block_on(async {
        let printer = tokio::spawn(async move {
            let mut messages = Vec::new();
            let mut out = anstream::stdout();
            let mut begun = false;
            while let Some(entry) = entries.recv().await {
                if let (Some(ladder), false) = (&ladder, std::mem::replace(&mut begun, true)) {
                    let _ = ladder.head(&mut out);
                }
                // A closed standard output must not stop the run: the exit status still tells.
                let _ = match (&ladder, &entry) {
                    (Some(ladder), Entry::Act(title)) => ladder.act(&mut out, title),
                    (Some(ladder), Entry::Message(event)) => ladder.event(&mut out, event),
                    (None, _) => Ok(()),
                };
                if let Entry::Message(event) = entry {
                    messages.push(event);
                }
            }
            messages
        });
        let result = match real {
            Some((card, pin)) => lab::demo::run_on(setup, card, pin, trace).await,
            None => lab::demo::run(setup, trace).await,
        };
        let messages = printer.await.unwrap_or_default();
        result.map(|outcome| Outcome { messages, ..outcome })
    });
    let shown = show(result, &args);
    capture.close(runtime, shown)
}

/// Prints what came out, and decides the exit status.
fn show(result: Result<Outcome, DemoError>, args: &Args) -> Result<(), Failure> {
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(e) => return Err(failure(&e, args.json)),
    };
    let refusal = outcome.refusal();
    let mut out = anstream::stdout().lock();
    let printed = if args.json {
        report::json(&mut out, &outcome, args.show_secrets)
    } else {
        report::table(&mut out, &outcome, args.show_secrets, width())
            .and_then(|()| report::verdict(&mut out, refusal.as_deref()))
    };
    match printed.and_then(|()| out.flush()) {
        // Whoever reads has had enough; the exit status still tells.
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            return Err(Failure::Unable(format!("cannot print: {e}")));
        }
        _ => {}
    }
    match refusal {
        None => Ok(()),
        Some(why) if args.json => Err(Failure::Refused(why)),
        Some(_) => Err(Failure::Shown),
    }
}

fn failure(e: &DemoError, json: bool) -> Failure {
    let why = advice::chain(e);
    if json {
        let object = serde_json::json!({ "error": { "message": why, "refused": e.is_refusal() } });
        let _ = writeln!(anstream::stdout(), "{object}");
    }
    if e.is_refusal() {
        return Failure::Refused(why);
    }
    // A subscriber's data that don't fit are nothing of the host's.
    if !matches!(e, DemoError::Setup(_)) {
        doctor::print_short();
    }
    Failure::Unable(why)
}

/// Columns of the terminal; `None` where the output is no terminal.
fn width() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    Some(terminal_size::terminal_size().map_or(100, |(w, _)| usize::from(w.0)))
}

#[cfg(test)]
mod tests;
