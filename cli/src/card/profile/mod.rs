//! `gba card profile …`, and where names of profiles are known: a built-in one or a file, laid over the built-in that
//! it names.
//!
//! * `read`: the TOML with its mistakes; `draft`: what it says; `files`, `path`: files of it;
//! * `make`: the card of it; `export`: the TOML of it.

mod draft;
mod export;
mod files;
mod make;
mod path;
mod read;
#[cfg(test)]
mod tests;
mod toolkit;

use std::{io::Write as _, path::PathBuf};

use clap::{Args, Subcommand};
use hss::subscribers::{OnlyHex, OsKeys, table::nearest};
use uicc::software::profile::FilePath;

use self::{
    draft::Draft,
    read::{Source, read},
};
pub(crate) use self::{
    export::export,
    make::{Made, Over, with_state},
};
use crate::{
    Failure,
    config::checks::production_here,
    input::{octets_of_file, text_of_file},
    print,
};

/// Profiles that are here without a file.
const BUILT_IN: [(&str, &str); 3] = [
    ("gba", include_str!("gba.toml")),
    ("m2m", include_str!("m2m.toml")),
    ("ts48", include_str!("ts48.toml")),
];

/// Their names.
pub(crate) const NAMES: [&str; BUILT_IN.len()] = [BUILT_IN[0].0, BUILT_IN[1].0, BUILT_IN[2].0];

/// The profile of who names none.
pub(crate) const DEFAULT: &str = "gba";

/// The base of a profile that says everything itself.
const NONE: &str = "none";

/// A file with everything that may stand in one, explained.
const EXAMPLE: &str = include_str!("example.toml");

/// Most octets of a profile: a card has some hundred KiB, twice as long in hex.
const MAX_FILE: u64 = 1024 * 1024;

/// A profile that was read, with all that lies below it.
pub(crate) struct Profile {
    draft: Draft,
    /// What it is called: its name or its file.
    name: String,
    /// For mistakes that are seen only once the card is made.
    text: String,
    places: Vec<(FilePath, usize)>,
    /// The file itself says keys, PINs or codes.
    secrets: bool,
}

impl Drop for Profile {
    fn drop(&mut self) {
        drop(base::SecretBytes::new(
            std::mem::take(&mut self.text).into_bytes(),
        ));
    }
}

/// The profile of a built-in name, else of a file.
///
/// The error says line, column and what is expected, or what names there are.
pub(crate) fn load(name: &str) -> Result<Profile, String> {
    if let Some(draft) = built_in(name) {
        no_known_keys(name, &draft, production_here())?;
        return Ok(Profile {
            draft,
            name: name.into(),
            text: String::new(),
            places: Vec::new(),
            secrets: false,
        });
    }
    let path = PathBuf::from(name);
    if !path.exists() {
        let near = nearest(name, NAMES.into_iter());
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        return Err(format!(
            "no profile is named {name} and there is no such file: {} or a file expected{near}",
            NAMES.join(", ")
        ));
    }
    let octets = octets_of_file(&path, MAX_FILE)?;
    let text = text_of_file(&path, &octets)?;
    let directory = path.parent().map(ToOwned::to_owned).unwrap_or_default();
    let profile = of_text(
        name,
        text,
        &mut Source {
            keys: &mut OsKeys { directory },
            production: production_here(),
        },
    )?;
    if profile.secrets {
        super::private::check(&path, "the card's keys or PINs in", false)?;
    }
    Ok(profile)
}

/// The profile of a text; the name is for its mistakes.
fn of_text(name: &str, text: &str, source: &mut Source<'_>) -> Result<Profile, String> {
    let read = read(text, source).map_err(|e| format!("{name}, {e}"))?;
    // The reader knows the names.
    let mut below = built_in(read.base.unwrap_or(DEFAULT)).unwrap_or_default();
    if read.draft.keys.is_some() {
        below.keys = None;
    }
    no_known_keys(name, &below, source.production)?;
    Ok(Profile {
        secrets: read.draft.keys.is_some() || !read.draft.pins.is_empty() || !read.draft.ota.is_empty(),
        draft: read.draft.over(below),
        name: name.into(),
        text: text.into(),
        places: read.places,
    })
}

/// Keys of a built-in profile are printed in a specification (row 38).
fn no_known_keys(name: &str, built_in: &Draft, production: bool) -> Result<(), String> {
    if production && built_in.keys.is_some() {
        return Err(format!(
            "{name}: its keys are printed in a specification, so they aren't allowed with production = true: give [keys]"
        ));
    }
    Ok(())
}

/// A built-in one with all below it. Its text is a constant, which the tests read.
fn built_in(name: &str) -> Option<Draft> {
    let (_, text) = BUILT_IN.iter().find(|(n, _)| *n == name)?;
    let source = &mut Source {
        keys: &mut OnlyHex,
        production: false,
    };
    let read = read(text, source).ok()?;
    match read.base {
        // Each names one before it, so this ends.
        Some(base) if base != name => Some(read.draft.over(built_in(base).unwrap_or_default())),
        _ => Some(read.draft),
    }
}

/// What [`outside::card_profile`](crate::outside::card_profile) says.
pub(crate) fn check_text(text: &str) -> Result<String, String> {
    let read = |text| {
        let source = &mut Source {
            keys: &mut OnlyHex,
            production: false,
        };
        of_text("profile", text, source)
    };
    let profile = read(text)?;
    profile.card(Over::default())?;
    let exported = export(&profile, true, None);
    let again = read(&exported).and_then(|again| again.card(Over::default()));
    assert!(again.is_ok(), "an export that makes no card");
    Ok(exported)
}

#[derive(Subcommand)]
pub(crate) enum ProfileCommand {
    /// Print a commented profile with everything that may stand in one. It works as it is.
    #[command(after_help = "Example: umask 077; gba card profile example > card.toml")]
    Example,
    /// Check a profile: its grammar, its names, and that a card can be made of it. Status: 0 good, 2 not.
    #[command(after_help = "Example: gba card profile check card.toml")]
    Check(CheckArgs),
    /// Print the profile of a card in one file that needs no other, with what its state has changed.
    ///
    /// Keys, PINs and codes only with --secrets; a profile without them can be read, and makes no card. Ks and the keys of
    /// NAFs stay in the state.
    #[command(after_help = "Examples: gba card profile export m2m > card.toml\n          \
                            gba card profile export card.toml --state cards --secrets > copy.toml")]
    Export(ExportArgs),
    /// Name the built-in profiles.
    #[command(after_help = "Example: gba card profile list")]
    List,
}

#[derive(Args)]
pub(crate) struct CheckArgs {
    /// The file, or the name of a built-in profile.
    profile: String,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct ExportArgs {
    /// The file, or the name of a built-in profile.
    profile: String,
    /// Where the card keeps its state. It is only read.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Also keys, PINs and codes.
    #[arg(long)]
    secrets: bool,
}

pub(crate) fn run(command: &ProfileCommand) -> Result<(), Failure> {
    let text = match command {
        ProfileCommand::Example => EXAMPLE.to_owned(),
        ProfileCommand::List => BUILT_IN
            .iter()
            .map(|(name, text)| {
                let about = text.lines().next().unwrap_or_default().trim_start_matches("# ");
                format!("{name:<6}{about}\n")
            })
            .collect(),
        ProfileCommand::Check(args) => check(args)?,
        ProfileCommand::Export(args) => give_back(args).map_err(Failure::Unable)?,
    };
    print(text)
}

fn check(args: &CheckArgs) -> Result<String, Failure> {
    let made = load(&args.profile).and_then(|p| p.card(Over::default()).map(|card| (p, card)));
    match made {
        Ok((_, made)) if args.json => Ok(format!(
            "{}\n",
            serde_json::json!({
                "profile": args.profile,
                "imsi": made.imsi.as_str(),
                "iccid": made.iccid.to_string(),
                "algorithm": made.algorithm,
                "files": made.files,
                "random_keys": made.random_keys,
            })
        )),
        Ok((_, made)) => Ok(format!(
            "{}: good: IMSI {}, serial number {}, {}{}, {} files\n",
            args.profile,
            made.imsi.as_str(),
            made.iccid,
            made.algorithm,
            if made.random_keys { " with random keys" } else { "" },
            made.files
        )),
        Err(why) => {
            if args.json {
                let object = serde_json::json!({ "profile": args.profile, "error": why });
                let _ = writeln!(anstream::stdout(), "{object}");
            }
            Err(Failure::Unable(why))
        }
    }
}

fn give_back(args: &ExportArgs) -> Result<String, String> {
    let profile = load(&args.profile)?;
    let made = profile.card(Over::default())?;
    let changes = match &args.state {
        None => None,
        Some(directory) => Some(make::state(&made.id, directory)?),
    };
    Ok(export(&profile, args.secrets, changes.as_deref()))
}
