//! Line and column of any octet of a long text, without counting from its beginning each time.

use super::Place;

/// Octets between two known places.
const STEP: usize = 4096;

/// A text with places known here and there.
pub(super) struct Places<'t> {
    text: &'t str,
    /// Octet offsets with their places, ascending; the first is 0.
    known: Vec<(usize, Place)>,
}

impl<'t> Places<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut place = Place { line: 1, column: 1 };
        let mut known = vec![(0, place)];
        let mut next = STEP;
        for (at, c) in text.char_indices() {
            if at >= next {
                known.push((at, place));
                next = at + STEP;
            }
            step(&mut place, c);
        }
        Self { text, known }
    }

    pub(super) const fn text(&self) -> &'t str {
        self.text
    }

    /// Where that octet is.
    pub(super) fn at(&self, at: usize) -> Place {
        let before = self.known.partition_point(|(known, _)| *known <= at);
        let from = self.known.get(before.saturating_sub(1)).copied();
        let (start, mut place) = from.unwrap_or((0, Place { line: 1, column: 1 }));
        let between = self.text.get(start..at).unwrap_or_default();
        between.chars().for_each(|c| step(&mut place, c));
        place
    }
}

fn step(place: &mut Place, c: char) {
    if c == '\n' {
        place.line += 1;
        place.column = 1;
    } else {
        place.column += 1;
    }
}
