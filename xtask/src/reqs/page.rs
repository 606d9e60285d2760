//! docs/conformance.md: one table for each document, in the order of its clauses.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::cite::Citation;
use super::spec::{Requirement, State};

const HEAD: &str = "\
# Conformance

Which requirement of which specification this project meets, and which test shows it. Written by `cargo xtask reqs`
from `specs/*.toml` and the lines `//= ID` in the sources: change those, not this page.

Requirements are in our own words and not complete; the specification rules. *done*: a test shows it. *todo*: not yet,
or not yet shown. *excluded*: left out, with the reason. *recalled*: no public copy of the clause was found to check it against.

";

/// The counts in one line.
pub(super) fn summary(requirements: &[Requirement]) -> String {
    let count = |state| requirements.iter().filter(|r| r.state == state).count();
    format!(
        "{} requirements: {} done, {} todo, {} excluded; {} of them recalled",
        requirements.len(),
        count(State::Done),
        count(State::Todo),
        count(State::Excluded),
        requirements.iter().filter(|r| r.certainty == "recalled").count()
    )
}

/// The whole page.
pub(super) fn write(requirements: &[Requirement], citations: &[Citation]) -> String {
    let mut documents: BTreeMap<&str, Vec<&Requirement>> = BTreeMap::new();
    for requirement in requirements {
        documents
            .entry(&requirement.document)
            .or_default()
            .push(requirement);
    }
    let mut page = format!("{HEAD}{}.\n", summary(requirements));
    for (document, mut rows) in documents {
        rows.sort_by_key(|row| order(&row.id));
        // Writing to a String does not fail.
        let _ = write!(
            page,
            "\n## {document}\n\n| id | clause | requirement | state | shown by |\n|---|---|---|---|---|\n"
        );
        for row in rows {
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} | {} |",
                row.id,
                row.clause,
                cell(&row.line),
                state(row),
                tests(&row.id, citations)
            );
        }
    }
    page
}

fn state(row: &Requirement) -> String {
    let mut text = row.state.word().to_owned();
    if row.certainty == "recalled" {
        text.push_str(" (recalled)");
    }
    if !row.reason.is_empty() {
        let _ = write!(text, ": {}", cell(&row.reason));
    }
    text
}

fn tests(id: &str, citations: &[Citation]) -> String {
    let links: Vec<String> = citations
        .iter()
        .filter(|c| c.test && c.id == id)
        .map(|c| format!("[{0}](../{0}) `{1}`", c.file, c.item))
        .collect();
    links.join("<br>")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Numbers within an id count as numbers: clause 4.5.10 comes after 4.5.9.
fn order(id: &str) -> Vec<(u32, String)> {
    id.split(['.', '-'])
        .map(|part| {
            let digits: String = part.chars().filter(char::is_ascii_digit).collect();
            let words: String = part.chars().filter(|c| !c.is_ascii_digit()).collect();
            (
                if words.is_empty() || words == "r" {
                    digits.parse().unwrap_or(0)
                } else {
                    u32::MAX
                },
                part.to_owned(),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_are_in_the_order_of_their_numbers() {
        let mut ids = ["TS1-4.10-r1", "TS1-B.2-r1", "TS1-4.9-r10", "TS1-4.9-r2"];
        ids.sort_by_key(|id| order(id));
        assert_eq!(ids, ["TS1-4.9-r2", "TS1-4.9-r10", "TS1-4.10-r1", "TS1-B.2-r1"]);
    }
}
