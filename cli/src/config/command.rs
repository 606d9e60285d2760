//! `gba config example|check|show`.

use std::{fmt::Write as _, io::Write as _, path::PathBuf};

use base::{Entropy as _, hex};
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};

use super::{
    Config, Sources,
    schema::{self, Form, Setting, TABLES},
};
use crate::{Failure, element, print};

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print a commented configuration that works as it is: every element on loopback, one subscriber with fresh keys.
    #[command(after_help = "Example: umask 077; gba config example > gba.toml")]
    Example,
    /// Check a file: its grammar, its names, and all that its elements will read.
    ///
    /// Variables of the environment stand above it, as when it is served. Elements whose table isn't in the file are
    /// left out. Status: 0 good, 2 not.
    #[command(after_help = "Example: gba config check gba.toml")]
    Check(CheckArgs),
    /// Print every value that counts here, after file and environment.
    #[command(after_help = "Example: GBA_HSS_LISTEN=127.0.0.1:0 gba config show --origin")]
    Show(ShowArgs),
}

#[derive(Args)]
pub(crate) struct CheckArgs {
    /// The configuration.
    file: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct ShowArgs {
    /// The configuration [default: gba.toml, if it is here; env: GBA_CONFIG].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Also where each value comes from.
    #[arg(long)]
    origin: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: ConfigCommand) -> Result<(), Failure> {
    let text = match command {
        ConfigCommand::Example => example().map_err(Failure::Unable)?,
        ConfigCommand::Check(args) => check(&args)?,
        ConfigCommand::Show(args) => show(args)?,
    };
    print(text)
}

fn check(args: &CheckArgs) -> Result<String, Failure> {
    let shown = args.file.display();
    let sources = Sources {
        file: Some(args.file.clone()),
        flags: Vec::new(),
    };
    let result = Config::load(sources).and_then(|config| element::check(&config));
    match result {
        Ok(elements) if args.json => Ok(format!(
            "{}\n",
            serde_json::json!({ "file": shown.to_string(), "elements": elements })
        )),
        Ok(elements) if elements.is_empty() => Ok(format!(
            "{shown}: good, but it has no table of an element: [hss], [bsf], [naf] or [ue]\n"
        )),
        Ok(elements) => Ok(format!("{shown}: good for {}\n", elements.join(", "))),
        Err(why) => {
            if args.json {
                let errors: Vec<_> = why.lines().collect();
                let object = serde_json::json!({ "file": shown.to_string(), "errors": errors });
                let _ = writeln!(anstream::stdout(), "{object}");
            }
            Err(Failure::Unable(why))
        }
    }
}

fn show(args: ShowArgs) -> Result<String, Failure> {
    let sources = Sources {
        file: args.config,
        flags: Vec::new(),
    };
    let config = Config::load(sources).map_err(Failure::Unable)?;
    if args.json {
        let object: serde_json::Map<_, _> = config
            .shown()
            .map(|(setting, value, origin)| {
                let value = serde_json::json!({
                    "value": origin.map(|_| value),
                    "origin": origin.map(ToString::to_string),
                });
                (setting.name(), value)
            })
            .collect();
        return Ok(format!("{}\n", serde_json::Value::Object(object)));
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for (setting, value, origin) in config.shown() {
        let mut row = vec![setting.name(), value];
        if args.origin {
            row.push(origin.map_or_else(|| "not set".into(), ToString::to_string));
        }
        table.add_row(row);
    }
    Ok(format!("{}\n", table.trim_fmt()))
}

/// The example: every setting with its default, and one subscriber whose keys nobody has seen.
pub(crate) fn example() -> Result<String, String> {
    let mut entropy = net::entropy::OsEntropy;
    let mut key = || entropy.array::<16>().map(hex::encode).map_err(|e| e.to_string());
    let (k, opc) = (key()?, key()?);
    let mut text = String::from(
        "# gba: the elements of one host. Each reads its own table; leave out what this host doesn't run.\n\
         # Above this file stand variables (GBA_HSS_LISTEN for hss.listen), above those flags (--listen).\n\
         # Keys below are fresh random ones: keep this file to yourself (chmod 600).\n",
    );
    for table in TABLES {
        text.push('\n');
        if !table.is_empty() {
            let _ = writeln!(text, "[{table}]");
        }
        for setting in schema::of(table) {
            let _ = match (setting.key, setting.default) {
                ("k", None) => writeln!(text, "# {}\nk = \"{k}\"", setting.help),
                ("opc", None) => writeln!(text, "# {}\nopc = \"{opc}\"", setting.help),
                (key, Some(value)) => {
                    writeln!(text, "# {}\n{key} = {}", setting.help, quoted(setting, value))
                }
                (key, None) => writeln!(
                    text,
                    "# {}\n# {key} = {}",
                    setting.help,
                    quoted(setting, setting.example)
                ),
            };
        }
        let _ = match table {
            "hss" => write!(
                text,
                "\n# Who has a SIM. More may be said of each: the `guss`, `sqn`, `amf` and others of a subscribers file.\n\
                 [[hss.subscriber]]\nimsi = \"001010123456789\"\nmnc_length = 2\nk = \"{k}\"\nopc = \"{opc}\"\n\
                 uicc = \"gba\"                          # or \"gba_u\": Ks stays in the card\n"
            ),
            "bsf" => write!(
                text,
                "\n# What each NAF may have.\n[[bsf.naf]]\n\
                 origin_hosts = [\"naf.m2m.example\"]   # its Diameter names\n\
                 fqdns = [\"naf.m2m.example\"]          # the names that devices use for it\n\
                 ua = [\"0100000002\", \"010001*\"]       # HTTP digest, and TLS-PSK with any suite\n\
                 impi = false                         # may it learn who the subscriber is?\n"
            ),
            _ => Ok(()),
        };
    }
    Ok(text)
}

fn quoted(setting: &Setting, value: &str) -> String {
    match setting.form {
        Form::Flag | Form::Number => value.into(),
        Form::Text | Form::File | Form::Key => format!("\"{value}\""),
        Form::List => {
            let items: Vec<_> = value
                .split(',')
                .filter(|t| !t.is_empty())
                .map(|t| format!("\"{t}\""))
                .collect();
            format!("[{}]", items.join(", "))
        }
    }
}
