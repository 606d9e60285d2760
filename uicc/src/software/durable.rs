//! [`Tracked`]: a value that a command may change and a failed commit gives back.

/// A value with what it was before the command that runs.
pub(super) struct Tracked<T> {
    now: T,
    before: Option<T>,
}

/// A copy on purpose: what is tracked may hold secrets, which have no `Clone`.
pub(super) trait Duplicate {
    /// A second copy, which a rollback puts back.
    fn duplicate(&self) -> Self;
}

impl<T: Duplicate> Tracked<T> {
    pub(super) const fn new(now: T) -> Self {
        Self { now, before: None }
    }

    pub(super) const fn get(&self) -> &T {
        &self.now
    }

    /// To change it: recorded, and kept or given back at the command's end.
    pub(super) fn edit(&mut self) -> &mut T {
        if self.before.is_none() {
            self.before = Some(self.now.duplicate());
        }
        &mut self.now
    }

    /// What it was, if the command has edited it.
    pub(super) const fn before(&self) -> Option<&T> {
        self.before.as_ref()
    }

    #[inline]
    pub(super) fn keep(&mut self) {
        if self.before.is_some() {
            self.before = None;
        }
    }

    pub(super) fn roll_back(&mut self) {
        if let Some(before) = self.before.take() {
            self.now = before;
        }
    }
}

impl Duplicate for aka::sqn::SqnArray {
    fn duplicate(&self) -> Self {
        self.clone()
    }
}
