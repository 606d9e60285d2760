//! Citations in Rust sources: a line `//= ID` above a function, or within it.
//!
//! A test named `ruling_06_…` or `row_06_…` cites RULING-06 or ROW-06 by its name. Only a function with a test attribute shows that a
//! requirement holds. What is read is lines, not syntax: enough for sources that rustfmt has laid out, and one pass
//! over the whole repository takes milliseconds.

/// One line `//= ID`.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Citation {
    pub(super) id: String,
    /// From the repository's root.
    pub(super) file: String,
    pub(super) line: usize,
    /// The function or item that it stands above, or the function that it stands in; empty where there is none.
    pub(super) item: String,
    /// That function is a test.
    pub(super) test: bool,
}

/// All citations of one file.
pub(super) fn find(file: &str, text: &str) -> Vec<Citation> {
    let mut found: Vec<Citation> = Vec::new();
    // From here on, citations wait for the item they stand above.
    let mut waiting = 0;
    let mut above = String::new();
    let (mut function, mut tested) = (String::new(), false);
    let (mut attribute, mut depth) = (false, 0);
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if depth == 0 {
            if let Some(id) = line.strip_prefix("//= ") {
                found.push(Citation {
                    id: id.split_whitespace().next().unwrap_or_default().to_owned(),
                    file: file.to_owned(),
                    line: number + 1,
                    item: String::new(),
                    test: false,
                });
                continue;
            }
            if line.is_empty() || line.starts_with("//") {
                continue;
            }
        }
        if depth > 0 || line.starts_with("#[") {
            attribute |= depth == 0 && is_test(line);
            depth += line.matches('[').count();
            depth = depth.saturating_sub(line.matches(']').count());
            continue;
        }
        let (name, is_function) = item(line);
        if is_function {
            name.clone_into(&mut function);
            tested = attribute;
        }
        if let Some(id) = named(name).filter(|_| is_function && tested) {
            found.push(Citation {
                id,
                file: file.to_owned(),
                line: number + 1,
                item: String::new(),
                test: false,
            });
        }
        name.clone_into(&mut above);
        attribute = false;
        for citation in found.iter_mut().skip(waiting) {
            let own = if above.is_empty() || is_function {
                &function
            } else {
                &above
            };
            own.clone_into(&mut citation.item);
            citation.test = tested && (above.is_empty() || is_function);
        }
        waiting = found.len();
    }
    found
}

/// `#[test]`, `#[tokio::test(…)]`; not `#[cfg(test)]`.
fn is_test(attribute: &str) -> bool {
    let path = attribute.trim_start_matches("#[");
    let path = path.split(['(', ']']).next().unwrap_or_default();
    path.rsplit("::").next() == Some("test")
}

/// `ruling_06_…` names RULING-06, `row_06_…` ROW-06.
fn named(name: &str) -> Option<String> {
    let (kind, rest) = name.split_once('_')?;
    let kind = match kind {
        "ruling" => "RULING",
        "row" => "ROW",
        _ => return None,
    };
    let (number, _) = rest.split_once('_')?;
    number.parse::<u8>().is_ok().then(|| format!("{kind}-{number}"))
}

/// The name of the function (true) or other item (false) that begins on this line; empty where none does.
fn item(line: &str) -> (&str, bool) {
    let mut words = line.split_whitespace();
    for word in words.by_ref() {
        let word = word.split('(').next().unwrap_or_default();
        match word {
            "pub" | "async" | "unsafe" | "crate)" | "super)" => {}
            "fn" | "struct" | "enum" | "trait" | "type" | "static" | "mod" | "const" => {
                let name = words.next().unwrap_or_default();
                if word == "const" && name == "fn" {
                    return (ident(words.next().unwrap_or_default()), true);
                }
                return (ident(name), word == "fn");
            }
            _ => return ("", false),
        }
    }
    ("", false)
}

fn ident(word: &str) -> &str {
    let end = word.find(|c: char| !c.is_alphanumeric() && c != '_');
    word.get(..end.unwrap_or(word.len())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Vec<(String, String, bool)> {
        find("x.rs", text)
            .into_iter()
            .map(|c| (c.id, c.item, c.test))
            .collect()
    }

    fn expected(id: &str, item: &str, test: bool) -> Vec<(String, String, bool)> {
        vec![(id.to_owned(), item.to_owned(), test)]
    }

    #[test]
    fn a_citation_belongs_to_the_test_below_it_whatever_stands_between() {
        for text in [
            "//= A-1-r1\n#[test]\nfn shows() {\n}\n",
            "#[test]\n//= A-1-r1\nfn shows() {\n}\n",
            "//= A-1-r1 (both ends)\n// why\n\n#[tokio::test(flavor = \"x\")]\nasync fn shows() {\n}\n",
            "//= A-1-r1\n#[test]\n#[allow(\n    clippy::x,\n    reason = \"y\"\n)]\nfn shows() {}\n",
            "#[test]\nfn shows() {\n    //= A-1-r1\n    let x = 1;\n}\n",
        ] {
            assert_eq!(seen(text), expected("A-1-r1", "shows", true), "{text}");
        }
    }

    #[test]
    fn a_test_named_after_a_ruling_or_row_cites_it() {
        for (name, id) in [("ruling_06_shows", "RULING-06"), ("row_06_shows", "ROW-06")] {
            assert_eq!(
                seen(&format!("#[test]\nfn {name}() {{}}\n")),
                expected(id, name, true)
            );
        }
        for name in ["ruling_of_thumb", "row_of_six", "row_06", "rows_06_x"] {
            assert!(seen(&format!("fn row_06_helps() {{}}\n#[test]\nfn {name}() {{}}\n")).is_empty());
        }
    }

    #[test]
    fn code_and_helpers_are_no_tests() {
        for (text, item) in [
            ("//= A-1-r1\npub(crate) const fn does() {}\n", "does"),
            ("#[test]\nfn shows() {}\n//= A-1-r1\nfn helper() {}\n", "helper"),
            ("#[test]\nfn shows() {}\n//= A-1-r1\npub struct Btid {\n", "Btid"),
            (
                "#[cfg(test)]\nmod tests {\n//= A-1-r1\nfn helper() {}\n}\n",
                "helper",
            ),
            ("//= A-1-r1\n", ""),
        ] {
            assert_eq!(seen(text), expected("A-1-r1", item, false), "{text}");
        }
    }

    #[test]
    fn several_citations_stand_above_one_test() {
        let both = seen("//= A-1-r1\n//= A-1-r2\n#[test]\nfn shows() {}\n");
        assert!(both.len() == 2 && both.iter().all(|(_, item, test)| item == "shows" && *test));
        assert!(seen("let text = \"//= A-1-r1\";\n/// //= A-1-r1\n").is_empty());
    }
}
