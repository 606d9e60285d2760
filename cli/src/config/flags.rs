//! The settings of a table as options of a command: `--listen` for `hss.listen`, and so on, made of the schema.

use std::{marker::PhantomData, path::PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches};

use super::{
    Given, Sources, Text,
    schema::{self, Form, Setting},
};

/// A type that stands for a table.
pub(crate) trait Table {
    const NAME: &'static str;
}

/// `--config`, `--production`, those of the log and the settings of `T`, as far as they were given.
pub(crate) struct Flags<T> {
    file: Option<PathBuf>,
    given: Vec<Given>,
    of: PhantomData<T>,
}

impl<T> Flags<T> {
    /// As the sources of a configuration.
    pub(crate) fn sources(self) -> Sources {
        Sources {
            file: self.file,
            flags: self.given,
        }
    }
}

fn settings<T: Table>() -> impl Iterator<Item = &'static Setting> {
    schema::of("")
        .chain(schema::of(schema::LOG))
        .chain(schema::of(T::NAME))
}

fn argument(setting: &'static Setting) -> Arg {
    let default = setting.default.filter(|d| !d.is_empty());
    let default = default.map_or_else(String::new, |d| format!("default: {d}, "));
    let arg = Arg::new(setting.flag()).long(setting.flag()).help(format!(
        "{} [{default}env: {}]",
        setting.help,
        setting.variable()
    ));
    match setting.form {
        Form::Flag => arg
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_name("true|false"),
        Form::List => arg.action(ArgAction::Append).value_name("A,B"),
        Form::Number => arg.value_name("N"),
        Form::File => arg.value_name("FILE"),
        Form::Key => arg.value_name("HEX|@FILE|env:NAME|-").allow_hyphen_values(true),
        Form::Text => arg.value_name("TEXT"),
    }
}

impl<T: Table> clap::Args for Flags<T> {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("The configuration [default: gba.toml, if it is here; env: GBA_CONFIG]");
        command.arg(file).args(settings::<T>().map(argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<T: Table> FromArgMatches for Flags<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = settings::<T>().filter_map(|setting| {
            let texts: Vec<&str> = matches
                .get_many::<String>(&setting.flag())?
                .map(String::as_str)
                .collect();
            let text = Text(texts.join(","));
            Some(Given { setting, text })
        });
        Ok(Self {
            file: matches.get_one::<PathBuf>("config").cloned(),
            given: given.collect(),
            of: PhantomData,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
