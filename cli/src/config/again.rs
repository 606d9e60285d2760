//! The configuration read once more while an element runs: what it may take, and what needs a restart.

use super::{
    Config, Sources, Value,
    schema::{RELOADED, SETTINGS, Setting},
};

/// The tables that belong to one element each.
const ELEMENTS: [&str; 4] = ["hss", "bsf", "naf", "ue"];

/// The settings of an element that runs, and how to read them again.
pub(crate) struct Again {
    sources: Sources,
    /// Those of its own table that need a restart, as it has them. Nothing else is kept: the file may hold others' keys.
    fixed: Vec<(&'static Setting, Option<Value>)>,
}

impl Again {
    /// Of the element with that table, which runs by `config`, which came of `sources`.
    pub(crate) fn new(table: &'static str, config: &Config, sources: Sources) -> Self {
        let others = |setting: &Setting| ELEMENTS.contains(&setting.table) && setting.table != table;
        let fixed = SETTINGS
            .iter()
            .filter(|s| !others(s) && !RELOADED.contains(&(s.table, s.key)));
        Self {
            sources: Sources {
                // The file that was found at the start, also where another would be found now.
                file: config.path.clone(),
                ..sources
            },
            fixed: fixed
                .map(|setting| (setting, config.values.get(&setting.name()).cloned()))
                .collect(),
        }
    }

    /// File, environment and flags as they are now. Settings that need a restart have their old values; the names of
    /// those that differ come with it.
    ///
    /// The error has a line for each mistake.
    pub(crate) fn read(&self) -> Result<(Config, Vec<String>), String> {
        let mut config = Config::load(self.sources.clone())?;
        let mut differing = Vec::new();
        for (setting, old) in &self.fixed {
            let name = setting.name();
            let new = config.values.remove(&name);
            if !same(old.as_ref(), new.as_ref()) {
                differing.push(name.clone());
            }
            if let Some(old) = old {
                config.values.insert(name, old.clone());
            }
        }
        Ok((config, differing))
    }
}

fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    let items = |value: Option<&Value>| -> Option<Vec<String>> {
        // None of these settings is a key.
        value.map(|v| v.items.iter().map(|item| item.as_str().to_owned()).collect())
    };
    items(a) == items(b)
}
