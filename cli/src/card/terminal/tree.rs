//! `gba card tree`: the files found on a card.

use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value, json};
use uicc::{
    fcp::{Fcp, Structure},
    terminal::{Node, Path, Search, rules::Operation},
};

use super::{
    Action,
    at::{CardAt, refused},
};
use crate::Failure;

#[derive(Args)]
pub(crate) struct Tree {
    /// Only below this directory.
    #[arg(value_name = "DIRECTORY")]
    directory: Option<String>,
    /// Ask for every identifier that files can have, not only for those whose names are known.
    #[arg(long)]
    all: bool,
}

impl Tree {
    /// Of one directory.
    pub(super) fn of(directory: &str) -> Self {
        Self {
            directory: Some(directory.to_owned()),
            all: false,
        }
    }
}

impl Action for Tree {
    fn run(&self, at: &mut CardAt) -> Result<(), Failure> {
        let below = match &self.directory {
            Some(text) => Some(at.path(text)?),
            None => None,
        };
        let search = if self.all { Search::All } else { Search::Known };
        let nodes = match below {
            Some(path) => vec![at.session.subtree(&path, search).map_err(|e| refused(&e))?],
            None => at.session.tree(search, &mut |_| {}).map_err(|e| refused(&e))?,
        };
        let json = json!(nodes.iter().map(node_json).collect::<Vec<_>>());
        at.print(&text(&nodes), &json)
    }
}

fn text(nodes: &[Node]) -> String {
    let mut rows: Vec<[String; 5]> = vec![["FILE", "FID", "KIND", "SIZE", "READ / UPDATE"].map(String::from)];
    for node in nodes {
        rows_of(node, "", "", &mut rows);
    }
    let widths: Vec<usize> = (0..4)
        .map(|column| {
            rows.iter()
                .map(|row| row.get(column).map_or(0, |cell| cell.chars().count()))
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut out = String::new();
    for [file, fid, kind, size, access] in &rows {
        let line = format!(
            "{file:<a$}  {fid:<b$}  {kind:<c$}  {size:>d$}  {access}",
            a = widths.first().copied().unwrap_or(0),
            b = widths.get(1).copied().unwrap_or(0),
            c = widths.get(2).copied().unwrap_or(0),
            d = widths.get(3).copied().unwrap_or(0),
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    let files: usize = nodes.iter().map(Node::count).sum();
    let _ = writeln!(out, "{files} files");
    out
}

/// A row for the file, then those in it; `branch` is drawn before its own name, `trunk` before theirs.
fn rows_of(node: &Node, trunk: &str, branch: &str, rows: &mut Vec<[String; 5]>) {
    let fid = if node.path.fids.is_empty() && node.path != Path::MF {
        "ADF".into()
    } else {
        format!("{:04X}", node.path.fid())
    };
    let (kind, size) = match &node.fcp {
        Ok(fcp) => (kind(fcp), size(fcp)),
        Err(e) => (format!("? {e}"), String::new()),
    };
    let access = match (&node.rules, node.is_directory()) {
        (_, true) => String::new(),
        (Some(rules), _) => format!(
            "{} / {}",
            rules.need(Operation::Read),
            rules.need(Operation::Update)
        ),
        (None, _) => "unknown".into(),
    };
    rows.push([format!("{branch}{}", label(&node.path)), fid, kind, size, access]);
    for (i, child) in node.children.iter().enumerate() {
        let last = i + 1 == node.children.len();
        let (own, below) = if last { ("└ ", "  ") } else { ("├ ", "│ ") };
        rows_of(child, &format!("{trunk}{below}"), &format!("{trunk}{own}"), rows);
    }
}

fn label(path: &Path) -> String {
    let whole = path.to_string();
    if path.fids.is_empty() {
        return whole;
    }
    whole.rsplit('/').next().unwrap_or_default().to_owned()
}

pub(super) fn kind(fcp: &Fcp) -> String {
    let state = match fcp.life_cycle {
        0x04 | 0x06 => ", deactivated",
        0x0c..=0x0f => ", terminated",
        _ => "",
    };
    let kind = match fcp.structure {
        Structure::Directory if fcp.df_name.is_some() => "application",
        Structure::Directory => "directory",
        Structure::Transparent => "transparent",
        Structure::LinearFixed { .. } => "linear fixed",
        Structure::Cyclic { .. } => "cyclic",
        Structure::BerTlv => "BER-TLV",
    };
    format!("{kind}{state}")
}

fn size(fcp: &Fcp) -> String {
    match fcp.structure {
        Structure::LinearFixed {
            record_length,
            records,
        }
        | Structure::Cyclic {
            record_length,
            records,
        } => format!("{records} x {record_length}"),
        _ => fcp.size.map(|s| s.to_string()).unwrap_or_default(),
    }
}

fn node_json(node: &Node) -> Value {
    let fcp = node.fcp.as_ref().ok();
    let need = |operation| node.rules.as_ref().map(|r| r.need(operation).to_string());
    let records = fcp.and_then(|fcp| match fcp.structure {
        Structure::LinearFixed {
            record_length,
            records,
        }
        | Structure::Cyclic {
            record_length,
            records,
        } => Some(json!({"length": record_length, "count": records})),
        _ => None,
    });
    json!({
        "file": node.path.to_string(),
        "fid": format!("{:04X}", node.path.fid()),
        "kind": fcp.map(kind),
        "size": fcp.and_then(|fcp| fcp.size),
        "records": records,
        "read": need(Operation::Read),
        "update": need(Operation::Update),
        "error": node.fcp.as_ref().err().map(ToString::to_string),
        "files": node.children.iter().map(node_json).collect::<Vec<_>>(),
    })
}
