//! `gba explain BLOB`: guesses what it is given, and decodes it.
//!
//! * `finding`: what a decoder found; secrets kept apart
//! * `text`, `octets`, `card`: the decoders

mod card;
mod finding;
mod octets;
#[cfg(test)]
mod tests;
mod text;

use std::{
    io::{self, ErrorKind, Read, Write as _},
    path::Path,
};

use anstyle::Style;
use base::{SecretBytes, hex};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use clap::Args as ClapArgs;
use serde_json::{Value as Json, json};

use self::{
    finding::{Finding, Verdict},
    octets::Source,
};
use crate::{Failure, input::octets_of_file};

/// A Diameter message of the longest kind, in hex with separators.
const MAX_INPUT: u64 = 512 * 1024;

/// The options of `gba explain`.
#[derive(ClapArgs)]
#[command(
    after_help = "Examples: gba explain 'I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M='\n\
                        \u{20}         gba explain 'WWW-Authenticate: Digest realm=\"bsf.example.org\", nonce=\"…\"'\n\
                        \u{20}         gba explain @maa.bin; xxd -p maa.bin | gba explain - --json\n\
                        Status: 0 recognised, 1 not recognised, 2 it can't be read."
)]
pub(crate) struct Args {
    /// Text, hex (blanks and colons are passed over) or base64; @FILE, text or binary; - for standard input.
    #[arg(value_name = "BLOB|@FILE|-")]
    blob: String,
    /// Take it for this, such as `nonce`, `autn` or `response`: a word of what can be recognised.
    #[arg(long = "as", value_name = "KIND")]
    kind: Option<String>,
    /// Print keys and PINs instead of their lengths.
    #[arg(long)]
    show_secrets: bool,
    /// Print one JSON object instead.
    #[arg(long)]
    json: bool,
}

/// What the input can be read as.
struct Forms {
    text: Option<String>,
    /// Octets, and by which reading of the input.
    octets: Vec<(&'static str, SecretBytes)>,
}

impl Forms {
    fn of(input: &[u8]) -> Self {
        let text = std::str::from_utf8(input).ok().map(|t| t.trim().to_owned());
        let is_text = |t: &&String| !t.chars().any(|c| c.is_control() && !c.is_whitespace());
        let Some(text) = text.as_ref().filter(is_text).cloned() else {
            return Self {
                text: None,
                octets: vec![("binary", SecretBytes::from(input))],
            };
        };
        let mut octets = Vec::new();
        let dense: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let digits: String = dense.chars().filter(|c| !matches!(c, ':' | '-')).collect();
        let digits = digits.strip_prefix("0x").unwrap_or(&digits);
        if let (Ok(decoded), false) = (hex::decode(digits), digits.is_empty()) {
            octets.push(("hex", SecretBytes::new(decoded)));
        }
        // Base64 of some length that happens to be hex is no thing to expect.
        let may_be_base64 = octets.is_empty() && dense.len() >= 8;
        if let (Ok(decoded), true) = (BASE64_STANDARD.decode(&dense), may_be_base64) {
            octets.push(("base64", SecretBytes::new(decoded)));
        }
        Self {
            text: Some(text),
            octets,
        }
    }
}

/// A decoder of a text.
type OfText = fn(&str) -> Verdict;
/// A decoder of octets.
type OfOctets = fn(&[u8], Source) -> Verdict;

const TEXTS: [(&str, OfText); 9] = [
    ("Digest challenge", text::challenge),
    ("Digest credentials", text::credentials),
    ("Authentication-Info", text::authentication_info),
    ("GUSS or ussList", text::guss),
    ("BootstrappingInfo", text::bootstrapping_info),
    ("PSK identity", text::psk_identity),
    ("digest realm", text::realm),
    ("B-TID", text::btid),
    ("IMPI or TMPI", text::identity),
];

const OCTETS: [(&str, OfOctets); 11] = [
    ("Diameter message", |o, _| octets::message(o)),
    ("EF_GBABP", |o, _| card::gbabp(o)),
    ("NAF_Id", |o, _| octets::naf_id(o)),
    ("command APDU", |o, _| card::command(o)),
    ("response APDU", |o, _| card::response(o)),
    ("nonce of a Ub challenge", octets::nonce),
    ("AUTN", octets::autn),
    ("AUTS", |o, _| octets::auts(o)),
    ("Ua id", |o, _| octets::ua_id(o)),
    ("RAND or key of 16 octets", |o, _| octets::sixteen(o)),
    ("key of 32 octets", |o, _| octets::thirty_two(o)),
];

/// What came out: the best first.
#[derive(Default)]
struct Report {
    /// With the reading of the input that gave it.
    found: Vec<(&'static str, usize, Finding)>,
    close: Vec<String>,
    /// Readings of the input, with their octets.
    readings: Vec<(&'static str, usize)>,
}

/// Decodes all that the input can be read as. `open`: it stands on the command line.
fn explain(input: &[u8], kind: Option<&str>, open: bool) -> Report {
    let kind = kind.map(str::to_ascii_lowercase);
    let wanted = |name: &str| {
        kind.as_ref()
            .is_none_or(|k| name.to_ascii_lowercase().contains(k))
    };
    let open = open || kind.is_some();
    let forms = Forms::of(input);
    let mut report = Report::default();
    let mut judge = |form, len, verdict| match verdict {
        Verdict::No => {}
        Verdict::Close(why) => report.close.push(finding::printable(&why)),
        Verdict::Found(finding) => report.found.push((form, len, finding)),
    };
    if let Some(text) = &forms.text {
        for (_, decode) in TEXTS.into_iter().filter(|(name, _)| wanted(name)) {
            judge("text", text.len(), decode(text));
        }
    }
    for (form, octets) in &forms.octets {
        let source = Source {
            base64: *form == "base64",
            open,
        };
        for (_, decode) in OCTETS.into_iter().filter(|(name, _)| wanted(name)) {
            judge(form, octets.len(), decode(octets.expose(), source));
        }
    }
    // Stable: of two that are as sure, the first decoder's.
    report.found.sort_by_key(|(.., f)| std::cmp::Reverse(f.sure));
    report.readings = forms
        .text
        .iter()
        .map(|t| ("text", t.len()))
        .chain(forms.octets.iter().map(|(form, o)| (*form, o.len())))
        .collect();
    report
}

/// The report of any input as text and as JSON, without secrets; the refusal where it isn't recognised.
pub(crate) fn explained(input: &[u8]) -> Result<(String, String), String> {
    let report = explain(input, None, false);
    if report.found.is_empty() {
        return Err(report.refusal());
    }
    let mut text = Vec::new();
    report.print(&mut text, false).map_err(|e| e.to_string())?;
    let text = String::from_utf8(text).map_err(|e| e.to_string())?;
    Ok((text, report.json(false).to_string()))
}

fn read(blob: &str) -> Result<SecretBytes, String> {
    let bounded = |reader: &mut dyn Read| -> io::Result<SecretBytes> {
        let mut octets = Vec::new();
        let read = reader.take(MAX_INPUT + 1).read_to_end(&mut octets);
        let octets = SecretBytes::new(octets);
        read?;
        if octets.len() as u64 > MAX_INPUT {
            return Err(io::Error::other("longer than 512 KiB"));
        }
        Ok(octets)
    };
    match (blob, blob.strip_prefix('@')) {
        ("-", _) => bounded(&mut io::stdin()).map_err(|e| format!("cannot read standard input: {e}")),
        (_, Some(path)) => octets_of_file(Path::new(path), MAX_INPUT),
        _ => bounded(&mut blob.as_bytes()).map_err(|e| e.to_string()),
    }
}

/// Explains and prints.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let input = read(&args.blob).map_err(Failure::Unable)?;
    if input.expose().trim_ascii().is_empty() {
        return Err(Failure::Unable("nothing to explain: the input is empty".into()));
    }
    let kind = args.kind.as_deref();
    if let Some(kind) = kind.filter(|k| {
        !tried()
            .iter()
            .any(|name| name.to_ascii_lowercase().contains(&k.to_ascii_lowercase()))
    }) {
        return Err(Failure::Unable(format!(
            "--as: nothing is called {kind:?}; there are {}",
            tried().join(", ")
        )));
    }
    let on_command_line = args.blob != "-" && !args.blob.starts_with('@');
    let report = explain(input.expose(), kind, on_command_line);
    let mut out = anstream::stdout().lock();
    let printed = if args.json {
        writeln!(out, "{}", report.json(args.show_secrets))
    } else {
        report.print(&mut out, args.show_secrets)
    };
    match printed.and_then(|()| out.flush()) {
        // Whoever reads has had enough; the exit status still tells.
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Failure::Unable(format!("cannot print: {e}"))),
        _ if !report.found.is_empty() => Ok(()),
        _ => Err(Failure::Refused(report.refusal())),
    }
}

fn tried() -> Vec<&'static str> {
    TEXTS
        .iter()
        .map(|(name, _)| *name)
        .chain(OCTETS.iter().map(|(name, _)| *name))
        .collect()
}

impl Report {
    fn print(&self, out: &mut dyn io::Write, secrets: bool) -> io::Result<()> {
        let Some((form, len, best)) = self.found.first() else {
            return Ok(());
        };
        let bold = Style::new().bold();
        let dim = Style::new().dimmed();
        let unit = if *form == "text" { "characters" } else { "octets" };
        writeln!(
            out,
            "{bold}{}{bold:#}, {}; {} ({len} {unit}, read as {form})",
            best.what,
            best.sure.word(),
            best.clause
        )?;
        for line in best.print(secrets) {
            writeln!(out, "{line}")?;
        }
        for (form, _, other) in self.found.iter().skip(1) {
            writeln!(
                out,
                "{dim}or, read as {form}: {}, {}; {}{dim:#}",
                other.what,
                other.sure.word(),
                other.clause
            )?;
        }
        if self.found.len() > 1 {
            writeln!(out, "{dim}--as KIND decodes it as another.{dim:#}")?;
        }
        Ok(())
    }

    /// Only the best is decoded: of another reading nobody knows which octets are secret.
    fn json(&self, secrets: bool) -> Json {
        let found: Vec<Json> = self
            .found
            .iter()
            .enumerate()
            .map(|(n, (form, _, finding))| {
                let mut object = finding.json(secrets);
                if let Some(object) = object.as_object_mut() {
                    object.insert("read_as".into(), json!(form));
                    if n > 0 {
                        object.remove("fields");
                    }
                }
                object
            })
            .collect();
        json!({
            "recognised": !found.is_empty(),
            "found": found,
            "close": self.close,
            "tried": tried(),
        })
    }

    fn refusal(&self) -> String {
        let readings: Vec<String> = self
            .readings
            .iter()
            .map(|(form, len)| format!("{form} of {len}"))
            .collect();
        let close = self.close.iter().map(|why| format!("\n  nearly: {why}"));
        format!(
            "not recognised. Read as {}; tried {}{}",
            readings.join(", "),
            tried().join(", "),
            close.collect::<String>()
        )
    }
}
