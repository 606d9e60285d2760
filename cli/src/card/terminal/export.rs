//! `gba card export`: everything that can be read, as TOML or JSON.

use std::fmt::Write as _;

use base::hex;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use uicc::{
    fcp::{Sfi, Structure},
    terminal::{Content, Node, Search, rules::Operation},
};

use super::{
    Action,
    at::{CardAt, line, refused},
    decode, tree,
};
use crate::{Failure, advice, print};

#[derive(Args)]
pub(crate) struct Export {
    /// How it is written.
    #[arg(long, value_enum, default_value = "toml")]
    form: Form,
    /// Ask for every identifier that files can have, not only for those whose names are known.
    #[arg(long)]
    all: bool,
}

#[derive(Clone, Copy, Eq, PartialEq, ValueEnum)]
enum Form {
    Toml,
    Json,
}

impl Action for Export {
    fn run(&self, at: &mut CardAt) -> Result<(), Failure> {
        let search = if self.all { Search::All } else { Search::Known };
        let roots = at.session.tree(search, &mut |_| {}).map_err(|e| refused(&e))?;
        let mut nodes = Vec::new();
        for root in &roots {
            root.walk(&mut |node, _| nodes.push(node.clone()));
        }
        let (mut files, mut unread) = (Vec::new(), 0_usize);
        for node in &nodes {
            let content = if node.is_directory() {
                None
            } else {
                match at.session.read(&node.path) {
                    Ok((_, content)) => Some(content),
                    Err(e @ uicc::terminal::UsimError::Card(_)) => return Err(refused(&e)),
                    Err(_) => {
                        unread += 1;
                        None
                    }
                }
            };
            files.push(file(node, content.as_ref()));
        }
        if unread > 0 {
            advice::note(&format!(
                "{unread} files can't be read now: their access rules ask for a PIN or code (--pin, --adm)"
            ));
        }
        let whole = json!({"card": {"atr": hex::encode(&at.atr)}, "file": files});
        if at.json || self.form == Form::Json {
            return print(line(&whole));
        }
        let text = toml::to_string(&without_nulls(whole))
            .map_err(|e| Failure::Unable(format!("cannot be written as TOML: {e}")))?;
        let mut out = String::from(
            "# What gba card export could read of a card. Keys can't be read and aren't here.\n",
        );
        let _ = write!(out, "{text}");
        print(&out)
    }
}

fn file(node: &Node, content: Option<&Content>) -> Value {
    let mut object = Map::new();
    let mut set = |name: &str, value: Value| {
        object.insert(name.to_owned(), value);
    };
    set("name", json!(node.path.to_string()));
    set("path", json!(node.path.hex()));
    let Ok(fcp) = &node.fcp else {
        set("error", json!(node.fcp.as_ref().err().map(ToString::to_string)));
        return Value::Object(object);
    };
    set("kind", json!(tree::kind(fcp)));
    if let Some(name) = &fcp.df_name {
        set("aid", json!(hex::encode(name)));
    }
    if let Sfi::Is(sfi) = fcp.sfi {
        set("sfi", json!(sfi));
    }
    match fcp.structure {
        Structure::LinearFixed { record_length, .. } | Structure::Cyclic { record_length, .. } => {
            set("record_length", json!(record_length));
        }
        Structure::Directory => {}
        _ => set("size", json!(fcp.size)),
    }
    if let (Some(rules), false) = (&node.rules, node.is_directory()) {
        set("read", json!(rules.need(Operation::Read).to_string()));
        set("update", json!(rules.need(Operation::Update).to_string()));
    }
    match content {
        None => {}
        Some(Content::Transparent(octets)) => set("content", json!(hex::encode(octets))),
        Some(Content::Records(records)) => {
            set(
                "records",
                json!(records.iter().map(hex::encode).collect::<Vec<_>>()),
            );
        }
        Some(Content::Objects(objects)) => {
            let objects: Vec<_> = objects
                .iter()
                .map(|(tag, value)| json!({"tag": format!("{tag:X}"), "value": hex::encode(value)}))
                .collect();
            set("objects", json!(objects));
        }
    }
    if let Some(content) = content {
        let lines = decode::lines(&node.path, content);
        let told: Vec<_> = lines
            .iter()
            .filter(|(name, _)| !name.is_empty())
            .map(|(name, value)| format!("{name}: {}", crate::escape::text(value)))
            .collect();
        if !told.is_empty() && told.len() <= 64 {
            set("says", json!(told));
        }
    }
    Value::Object(object)
}

/// TOML has no null.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, v)| !v.is_null())
            .map(|(k, v)| (k, without_nulls(v)))
            .collect(),
        Value::Array(values) => values.into_iter().map(without_nulls).collect(),
        other => other,
    }
}
