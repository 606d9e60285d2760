//! What differs between two lists of things with names, in counts: what a running element says of new settings.

use std::{collections::HashMap, fmt, hash::Hash};

/// How many are new, differ, or are gone.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Changes {
    /// Only in the new list.
    pub added: usize,
    /// In both, but not the same.
    pub changed: usize,
    /// Only in the old list.
    pub removed: usize,
}

impl Changes {
    /// Compares two lists by name; `same` tells whether two things of one name are the same.
    pub fn between<K: Eq + Hash, V>(
        old: impl IntoIterator<Item = (K, V)>,
        new: impl IntoIterator<Item = (K, V)>,
        same: impl Fn(&V, &V) -> bool,
    ) -> Self {
        let mut old: HashMap<K, V> = old.into_iter().collect();
        let mut changes = Self::default();
        for (name, value) in new {
            match old.remove(&name) {
                None => changes.added += 1,
                Some(before) if !same(&before, &value) => changes.changed += 1,
                Some(_) => {}
            }
        }
        changes.removed = old.len();
        changes
    }

    /// Of things that have only a name.
    pub fn of_names<K: Eq + Hash>(
        old: impl IntoIterator<Item = K>,
        new: impl IntoIterator<Item = K>,
    ) -> Self {
        let named = |name| (name, ());
        Self::between(
            old.into_iter().map(named),
            new.into_iter().map(named),
            |(), ()| true,
        )
    }

    /// True if there is no difference.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.added == 0 && self.changed == 0 && self.removed == 0
    }
}

impl fmt::Display for Changes {
    /// `2 added, 1 changed, 0 removed`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            added,
            changed,
            removed,
        } = self;
        write!(f, "{added} added, {changed} changed, {removed} removed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_new_differs_or_is_gone() {
        let (old, new) = (
            [("a", 1), ("b", 2), ("c", 3)],
            [("b", 2), ("c", 4), ("d", 5), ("e", 6)],
        );
        let changes = Changes::between(old, new, PartialEq::eq);
        assert_eq!(changes.to_string(), "2 added, 1 changed, 1 removed");
        assert!(!changes.is_empty() && Changes::of_names(["a", "b"], ["b", "a"]).is_empty());
    }
}
