//! What others name must not write our lines: what steers a terminal or turns the direction of a text is shown by its
//! number, in logs and wherever a line stands for one event.

use std::borrow::Cow;

use base::text::steers;

fn escape(text: &str, write: fn(char, &mut String)) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if steers(c) {
            write(c, &mut escaped);
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// For people: `\u{202e}`, and `\n` as `\n`.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    escape(text, |c, to| to.extend(c.escape_default()))
}

/// A JSON text that is in order already, in one line: `\u202e`. Such characters stand in its strings only.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    escape(text, |c, to| {
        let _ = std::fmt::Write::write_fmt(to, format_args!("\\u{:04x}", u32::from(c)));
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ODD: &str = "a\x1b[31m\r\n\0\u{7f}\u{85}\u{202e}\u{2066}\u{2028}b";

    #[test]
    fn what_would_write_lines_of_its_own_is_shown_by_its_number() {
        assert_eq!(
            text(ODD),
            "a\\u{1b}[31m\\r\\n\\u{0}\\u{7f}\\u{85}\\u{202e}\\u{2066}\\u{2028}b"
        );
        assert_eq!(text("naf.example.org ä"), "naf.example.org ä");
    }

    proptest! {
        #[test]
        fn json_says_the_same_after_escaping(given in "\\PC{0,8}[\\x00-\\x1f\\x7f-\\u{9f}\u{202a}-\u{202e}\u{2028}]{0,4}\\PC{0,8}") {
            let plain = serde_json::to_string(&given).unwrap();
            let escaped = json(&plain);
            prop_assert!(!escaped.contains(steers), "{escaped}");
            prop_assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), given);
        }
    }
}
