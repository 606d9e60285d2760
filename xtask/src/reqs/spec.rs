//! A list of requirements: TOML of one shape only, `[[requirement]]` tables of strings.
//!
//! A mistake is told with file and line, so that the one who writes a list needs no second tool.

/// What is asked for, in our own words.
#[derive(Debug, Default)]
pub(super) struct Requirement {
    /// `<document>-<clause>-r<n>`, `RULING-<nn>` or `ROW-<nn>`.
    pub(super) id: String,
    /// Before the comma of `clause`: `TS 33.220`.
    pub(super) document: String,
    /// After it: `4.5.2`.
    pub(super) clause: String,
    pub(super) line: String,
    pub(super) state: State,
    pub(super) reason: String,
    /// `confirmed`: read in a public text or in two independent sources. `recalled`: not. Empty: not told.
    pub(super) certainty: String,
    /// Where it stands: file and line.
    pub(super) place: String,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum State {
    Done,
    #[default]
    Todo,
    Excluded,
}

impl State {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Todo => "todo",
            Self::Excluded => "excluded",
        }
    }
}

/// The requirements of one file; what is wrong in it is added to `breaches`.
pub(super) fn read(file: &str, text: &str, breaches: &mut Vec<String>) -> Vec<Requirement> {
    let mut requirements: Vec<Requirement> = Vec::new();
    let mut keys: Vec<&str> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let place = format!("{file}:{}", number + 1);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line == "[[requirement]]" {
            keys.clear();
            requirements.push(Requirement {
                place,
                ..Requirement::default()
            });
            continue;
        }
        let (Some((key, value)), Some(open)) = (pair(line), requirements.last_mut()) else {
            breaches.push(format!(
                "{place}: expected `[[requirement]]` or, below it, `key = \"text\"`"
            ));
            continue;
        };
        if keys.contains(&key) {
            breaches.push(format!("{place}: {key} stands there twice"));
        }
        keys.push(key);
        if let Err(wrong) = open.set(key, value) {
            breaches.push(format!("{place}: {wrong}"));
        }
    }
    for requirement in &requirements {
        if let Some(wrong) = requirement.wrong() {
            breaches.push(format!("{}: {wrong}", requirement.place));
        }
    }
    requirements
}

impl Requirement {
    fn set(&mut self, key: &str, value: String) -> Result<(), String> {
        match key {
            "id" => self.id = value,
            "clause" => {
                let (document, clause) = value
                    .split_once(", ")
                    .ok_or("clause is `document, number`, such as `TS 33.220, 4.5.2`")?;
                (self.document, self.clause) = (document.to_owned(), clause.to_owned());
            }
            "line" => self.line = value,
            "reason" => self.reason = value,
            "state" => {
                self.state = [State::Done, State::Todo, State::Excluded]
                    .into_iter()
                    .find(|state| state.word() == value)
                    .ok_or_else(|| format!("state is done, todo or excluded, not '{value}'"))?;
            }
            "certainty" if matches!(value.as_str(), "confirmed" | "recalled") => self.certainty = value,
            "certainty" => return Err(format!("certainty is confirmed or recalled, not '{value}'")),
            _ => return Err(format!("no key is named '{key}'")),
        }
        Ok(())
    }

    /// What one entry lacks by itself.
    fn wrong(&self) -> Option<String> {
        if self.id.is_empty() || self.clause.is_empty() || self.line.is_empty() {
            return Some("each requirement has id, clause, line and state".to_owned());
        }
        let tight = |text: &str| text.replace([' ', '-'], "");
        // Our own lists are numbered once.
        let own = match self.document.as_str() {
            "Rulings" => Some("RULING"),
            "Bad input" => Some("ROW"),
            _ => None,
        };
        if let Some(own) = own {
            let id = format!("{own}-{:0>2}", self.clause);
            return (self.id != id).then(|| format!("{}: expected {id}, from its clause", self.id));
        }
        let stem = format!("{}-{}-r", tight(&self.document), tight(&self.clause));
        let count = self
            .id
            .strip_prefix(&stem)
            .is_some_and(|n| n.parse::<u16>().is_ok());
        (!count).then(|| format!("{}: expected {stem}<number>, from its clause", self.id))
    }
}

/// `key = "text"`, with `\"` and `\\` inside.
fn pair(line: &str) -> Option<(&str, String)> {
    let (key, rest) = line.split_once('=')?;
    let body = rest.trim().strip_prefix('"')?.strip_suffix('"')?;
    let mut value = String::new();
    let mut characters = body.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => value.push(characters.next().filter(|c| matches!(c, '"' | '\\'))?),
            '"' => return None,
            _ => value.push(character),
        }
    }
    Some((key.trim(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# head\n[[requirement]]\nid = \"TS33.220-4.5.2-r3\"\nclause = \"TS 33.220, 4.5.2\"\n\
                        line = \"says \\\"x\\\"\"\nstate = \"done\"\ncertainty = \"recalled\"\n";

    fn mistakes(text: &str) -> String {
        let mut breaches = Vec::new();
        read("specs/x.toml", text, &mut breaches);
        breaches.join("\n")
    }

    #[test]
    fn a_good_list_is_read() {
        let mut breaches = Vec::new();
        let read = read("specs/x.toml", GOOD, &mut breaches);
        assert_eq!(breaches, Vec::<String>::new());
        let one = &read[0];
        assert_eq!(
            (one.document.as_str(), one.clause.as_str(), one.line.as_str()),
            ("TS 33.220", "4.5.2", "says \"x\"")
        );
        assert_eq!((one.state, one.place.as_str()), (State::Done, "specs/x.toml:2"));
    }

    #[test]
    fn each_mistake_is_told_with_its_line() {
        for (from, to, part) in [
            ("\"done\"", "\"maybe\"", "x.toml:6: state is"),
            ("\"done\"", "done", "x.toml:6: expected"),
            ("recalled", "sure", "x.toml:7: certainty is"),
            ("line =", "text =", "x.toml:5: no key is named 'text'"),
            ("-r3", "-r", "x.toml:2: TS33.220-4.5.2-r: expected"),
            (
                "TS 33.220, 4.5.2",
                "TS 33.220, 4.5.3",
                "expected TS33.220-4.5.3-r<number>",
            ),
            ("TS 33.220, 4.5.2", "4.5.2", "x.toml:4: clause is"),
            (
                "TS 33.220, 4.5.2",
                "Bad input, 6",
                "expected ROW-06, from its clause",
            ),
            (
                "state = \"done\"",
                "id = \"again\"",
                "x.toml:6: id stands there twice",
            ),
            (
                "[[requirement]]",
                "[requirement]",
                "x.toml:2: expected `[[requirement]]`",
            ),
        ] {
            let found = mistakes(&GOOD.replace(from, to));
            assert!(found.contains(part), "{from} -> {to}: {found}");
        }
    }
}
