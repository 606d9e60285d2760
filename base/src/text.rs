//! Text from outside, before a person sees it.

/// True for a character that could steer a terminal, begin a line, hide, or turn the direction of writing: names that
/// hold one are refused, other text is shown without it.
#[must_use]
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_46_what_steers_is_known_and_letters_are_not() {
        for c in [
            '\u{1b}', '\r', '\n', '\0', '\u{7f}', '\u{9b}', '\u{202e}', '\u{2066}', '\u{200f}', '\u{61c}',
        ] {
            assert!(steers(c), "{c:?}");
        }
        for c in [' ', 'a', 'ü', '@', '日', 'ع', '\u{fffd}'] {
            assert!(!steers(c), "{c:?}");
        }
    }
}
