//! The configuration of a host: one TOML file, under the environment, under the flags.
//!
//! * `schema`: every setting once;
//! * this file: [`Config`], layered and checked, with where each value came from;
//! * `checks`: keys and Diameter's protection, with what production refuses;
//! * `again`: reading it once more while an element runs;
//! * `file`: reading the TOML, and what is said of a wrong one;
//! * `flags`: the settings of a table as options of a command;
//! * `command`: `gba config example|check|show`.

pub(crate) mod again;
pub(crate) mod checks;
pub(crate) mod command;
pub(crate) mod file;
pub(crate) mod flags;
pub(crate) mod schema;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use base::SecretBytes;
use gba::ids::Fqdn;
use hss::subscribers::Place;

pub(crate) use self::file::looks_like_a_key;
use self::schema::{Form, SETTINGS, Setting};

/// A text that is wiped after use, as it may be a key.
#[derive(Clone)]
pub(crate) struct Text(String);

impl Text {
    fn as_str(&self) -> &str {
        &self.0
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        drop(SecretBytes::new(std::mem::take(&mut self.0).into_bytes()));
    }
}

/// Where a value came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    Default,
    File(PathBuf, Place),
    Environment(String),
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, place) => write!(f, "{}, {place}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "--{name}"),
        }
    }
}

/// A value: one item, or those of a list.
#[derive(Clone)]
struct Value {
    items: Vec<Text>,
    origin: Origin,
}

/// A flag of the command line that was given.
#[derive(Clone)]
pub(crate) struct Given {
    pub(crate) setting: &'static Setting,
    pub(crate) text: Text,
}

/// What stands above the defaults.
#[derive(Clone, Default)]
pub(crate) struct Sources {
    /// `--config`.
    pub(crate) file: Option<PathBuf>,
    pub(crate) flags: Vec<Given>,
}

/// The file where nobody names one.
const HERE: &str = "gba.toml";

/// The whole configuration. Has no `Debug`: there are keys in it.
pub(crate) struct Config {
    /// The file, if there is one.
    pub(crate) path: Option<PathBuf>,
    /// Its text, for those who read their own tables in it.
    text: Text,
    /// Which tables it has.
    tables: Vec<String>,
    values: BTreeMap<String, Value>,
}

impl Config {
    /// File, environment and flags over the defaults.
    ///
    /// The error has a line for each mistake.
    pub(crate) fn load(sources: Sources) -> Result<Self, String> {
        let here = Path::new(HERE);
        let path = sources
            .file
            .or_else(|| std::env::var_os("GBA_CONFIG").map(PathBuf::from))
            .or_else(|| here.exists().then(|| here.to_owned()));
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            name.starts_with("GBA_").then_some((name, value))
        });
        let mut mistakes = Vec::new();
        let mut config = Self::of_file(path, &mut mistakes)?;
        for (name, value) in environment {
            match value.into_string() {
                Ok(text) => config.take_variable(name, Text(text), &mut mistakes),
                Err(_) => mistakes.push(format!("{name}: not a text in UTF-8")),
            }
        }
        for Given { setting, text } in sources.flags {
            let origin = Origin::Flag(setting.flag());
            config.put(setting, split(setting, &text), origin, &mut mistakes);
        }
        config.finish(mistakes)
    }

    /// Only that text over the defaults.
    pub(crate) fn of_text(path: &Path, text: &str) -> Result<Self, String> {
        let mut mistakes = Vec::new();
        Self::with_text(Some(path.into()), Text(text.into()), &mut mistakes).finish(mistakes)
    }

    fn finish(self, mistakes: Vec<String>) -> Result<Self, String> {
        if mistakes.is_empty() {
            Ok(self)
        } else {
            Err(mistakes.join("\n"))
        }
    }

    fn of_file(path: Option<PathBuf>, mistakes: &mut Vec<String>) -> Result<Self, String> {
        let text = Text(path.as_deref().map_or_else(|| Ok(String::new()), file::read)?);
        Ok(Self::with_text(path, text, mistakes))
    }

    fn with_text(path: Option<PathBuf>, text: Text, mistakes: &mut Vec<String>) -> Self {
        let mut config = Self {
            text,
            path,
            tables: Vec::new(),
            values: BTreeMap::new(),
        };
        for setting in SETTINGS {
            if let Some(default) = setting.default {
                let items = split(setting, &Text(default.into()));
                config.put(setting, items, Origin::Default, mistakes);
            }
        }
        if let Some(path) = config.path.clone() {
            let text = std::mem::replace(&mut config.text, Text(String::new()));
            file::take(&mut config, &path, text.as_str(), mistakes);
            config.text = text;
        }
        config
    }

    fn take_variable(&mut self, name: String, text: Text, mistakes: &mut Vec<String>) {
        if let Some(setting) = SETTINGS.iter().find(|s| s.variable() == name) {
            let items = split(setting, &text);
            return self.put(setting, items, Origin::Environment(name), mistakes);
        }
        // A misspelt variable must not be a silent default; other variables of ours name no table.
        let ours = schema::TABLES.iter().filter(|t| !t.is_empty());
        if ours
            .map(|t| format!("GBA_{}_", t.to_uppercase()))
            .any(|prefix| name.starts_with(&prefix))
        {
            let known: Vec<_> = SETTINGS.iter().map(Setting::variable).collect();
            let hint = file::nearest(&name, known.iter().map(String::as_str));
            mistakes.push(format!("{name}: no such variable{}", file::did_you_mean(hint)));
        }
    }

    fn put(
        &mut self,
        setting: &'static Setting,
        items: Vec<Text>,
        origin: Origin,
        mistakes: &mut Vec<String>,
    ) {
        // A key is checked when it is used; its text is never looked at before.
        if !items.iter().all(|item| (setting.check)(item.as_str())) {
            let list = if setting.form == Form::List {
                "each one "
            } else {
                ""
            };
            mistakes.push(complaint(
                setting,
                &origin,
                &format!("{list}{} expected", setting.expected),
            ));
        }
        self.values.insert(setting.name(), Value { items, origin });
    }

    /// True if the file has that table.
    pub(crate) fn has_table(&self, table: &str) -> bool {
        self.tables.iter().any(|t| t == table)
    }

    /// The file's text.
    pub(crate) fn text(&self) -> &str {
        self.text.as_str()
    }

    fn find(&self, table: &str, key: &str) -> (&'static Setting, Option<&Value>) {
        // Names are literals of this crate, each used by a test of its element.
        let setting = schema::find(table, key).unwrap_or(&SETTINGS[0]);
        debug_assert_eq!((setting.table, setting.key), (table, key));
        (setting, self.values.get(&setting.name()))
    }

    /// One value.
    ///
    /// The error says where the value stands and what was expected.
    pub(crate) fn get<T: FromStr>(&self, table: &str, key: &str) -> Result<T, String> {
        self.maybe(table, key)?.ok_or_else(|| {
            self.error(
                table,
                key,
                &format!("missing: {} expected", self.find(table, key).0.expected),
            )
        })
    }

    /// One value that may be absent.
    pub(crate) fn maybe<T: FromStr>(&self, table: &str, key: &str) -> Result<Option<T>, String> {
        let (setting, value) = self.find(table, key);
        let Some(item) = value.and_then(|v| v.items.first()) else {
            return Ok(None);
        };
        let wrong = |_| self.error(table, key, &format!("{} expected", setting.expected));
        item.as_str().parse().map(Some).map_err(wrong)
    }

    /// True if nobody says what it is.
    pub(crate) fn is_default(&self, table: &str, key: &str) -> bool {
        let (_, value) = self.find(table, key);
        value.is_none_or(|value| value.origin == Origin::Default)
    }

    /// A list.
    pub(crate) fn list<T: FromStr>(&self, table: &str, key: &str) -> Result<Vec<T>, String> {
        let (setting, value) = self.find(table, key);
        let wrong = |_| self.error(table, key, &format!("each one {} expected", setting.expected));
        let items = value.map(|v| v.items.as_slice()).unwrap_or_default();
        items
            .iter()
            .map(|item| item.as_str().parse().map_err(wrong))
            .collect()
    }

    /// A file's name: relative ones lie beside the configuration, those of variables and flags where we are.
    pub(crate) fn file(&self, table: &str, key: &str) -> Option<PathBuf> {
        let value = self.find(table, key).1?;
        let name = value.items.first()?.as_str();
        Some(match value.origin {
            Origin::Default | Origin::File(..) => self.directory().join(name),
            Origin::Environment(_) | Origin::Flag(_) => name.into(),
        })
    }

    /// Where the configuration lies.
    pub(crate) fn directory(&self) -> PathBuf {
        self.path
            .as_deref()
            .and_then(Path::parent)
            .map(Path::to_owned)
            .unwrap_or_default()
    }

    /// Says what is wrong with a value, and where it stands.
    pub(crate) fn error(&self, table: &str, key: &str, what: &str) -> String {
        let (setting, value) = self.find(table, key);
        match (value, &self.path) {
            (Some(value), _) => complaint(setting, &value.origin, what),
            (None, Some(path)) => format!("{}: {}: {what}", path.display(), setting.name()),
            (None, None) => format!(
                "{}: {what}; there is no configuration file here, `gba config example` prints one",
                setting.name()
            ),
        }
    }

    /// Each setting with its value, as it may be shown, and where that came from.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (&'static Setting, String, Option<&Origin>)> {
        SETTINGS.iter().map(|setting| {
            let value = self.values.get(&setting.name());
            let items = value.map(|v| v.items.as_slice()).unwrap_or_default();
            let items: Vec<_> = items.iter().map(|i| show(setting, i.as_str())).collect();
            (setting, items.join(","), value.map(|v| &v.origin))
        })
    }
}

fn show(setting: &Setting, text: &str) -> String {
    let source = text == "-" || text.starts_with('@') || text.starts_with("env:");
    if setting.form == Form::Key && (!source || looks_like_a_key(text)) {
        "(secret)".into()
    } else {
        text.into()
    }
}

fn complaint(setting: &Setting, origin: &Origin, what: &str) -> String {
    match origin {
        Origin::Default => format!("{}: {what}", setting.name()),
        Origin::File(..) => format!("{origin}: {}: {what}", setting.name()),
        Origin::Environment(_) | Origin::Flag(_) => format!("{origin}: {what}"),
    }
}

/// One text as the items of a setting; an empty text is an empty list.
fn split(setting: &Setting, text: &Text) -> Vec<Text> {
    if setting.form != Form::List {
        return vec![Text(text.as_str().into())];
    }
    let items = text.as_str().split(',').map(str::trim).filter(|t| !t.is_empty());
    items.map(|t| Text(t.into())).collect()
}

/// The first and the last IND of `28-31`, or of `31`.
pub(crate) fn inds(text: &str) -> Option<(u64, u64)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last).then_some((first, last))
}

/// `NAME=ADDRESS`.
pub(crate) fn host_line(text: &str) -> Option<(Fqdn, IpAddr)> {
    let (name, address) = text.split_once('=')?;
    Some((name.trim().parse().ok()?, address.trim().parse().ok()?))
}
