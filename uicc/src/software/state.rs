//! [`State`]: everything that a real card keeps over a power cut.

use aka::sqn::SqnArray;

use super::{
    durable::{Duplicate, Tracked},
    files::{FileError, FileSystem, Files},
    gba_u::GbaContext,
    keys::Keys,
    profile::Profile,
    store::{Application, Change},
};

/// What outlasts a power cut.
pub(super) struct State {
    pub(super) files: Files,
    pub(super) keys: Keys,
    pub(super) sqn: Tracked<SqnArray>,
    /// `None`: the card doesn't have GBA_U.
    pub(super) gba: Option<Tracked<GbaContext>>,
    /// TERMINATE CARD USAGE was carried out.
    pub(super) terminated: Tracked<bool>,
}

impl Duplicate for bool {
    fn duplicate(&self) -> Self {
        *self
    }
}

impl State {
    pub(super) fn new(profile: &mut Profile, files: FileSystem) -> Self {
        let fresh = SqnArray::new(profile.sqn.profile());
        Self {
            files: Files::new(files),
            keys: Keys::new(profile),
            sqn: Tracked::new(core::mem::replace(&mut profile.sqn, fresh)),
            gba: profile.gba_u.take().map(|g| Tracked::new(GbaContext::new(g))),
            terminated: Tracked::new(false),
        }
    }

    /// What the command that runs has changed.
    pub(super) fn changes(&self) -> Vec<Change> {
        let mut all: Vec<_> = self.files.changes().chain(self.keys.changes()).collect();
        if self.sqn.before().is_some_and(|b| b != self.sqn.get()) {
            all.push(self.sqn_change());
        }
        let edited = self.gba.as_ref().filter(|g| g.before().is_some());
        all.extend(edited.map(|g| Change::Gba(Application::Usim, g.get().state())));
        if self.terminated.before().is_some() {
            all.push(Change::CardTerminated);
        }
        all
    }

    /// All that differs from the profile, or may.
    pub(super) fn snapshot(&self) -> Vec<Change> {
        let mut all: Vec<_> = self.files.snapshot().chain(self.keys.snapshot()).collect();
        all.push(self.sqn_change());
        all.extend(
            self.gba
                .iter()
                .map(|g| Change::Gba(Application::Usim, g.get().state())),
        );
        if *self.terminated.get() {
            all.push(Change::CardTerminated);
        }
        all
    }

    fn sqn_change(&self) -> Change {
        Change::Sqn(Application::Usim, self.sqn.get().seq_ms().to_vec())
    }

    pub(super) fn apply(&mut self, change: &Change) -> Result<(), FileError> {
        match change {
            Change::File(spec) => {
                self.files.put(spec)?;
            }
            Change::Deleted(path) => {
                if let Some(id) = self.files.find_path(path) {
                    self.files.remove(id);
                }
            }
            Change::Key(spec) => self.keys.put(spec),
            Change::Sqn(Application::Usim, seq_ms) => {
                // An array of another size is another profile's: the card keeps its own.
                if let Ok(array) = SqnArray::with_seq_ms(self.sqn.get().profile(), seq_ms) {
                    *self.sqn.edit() = array;
                }
            }
            Change::Gba(Application::Usim, state) => {
                if let Some(gba) = &mut self.gba {
                    gba.edit().put(state);
                }
            }
            Change::Sqn(Application::Isim, _) | Change::Gba(Application::Isim, _) => {}
            Change::CardTerminated => *self.terminated.edit() = true,
        }
        Ok(())
    }

    pub(super) fn keep(&mut self) {
        self.files.keep();
        self.keys.keep();
        self.sqn.keep();
        self.terminated.keep();
        if let Some(gba) = &mut self.gba {
            gba.keep();
        }
    }

    pub(super) fn roll_back(&mut self) {
        self.files.roll_back();
        self.keys.roll_back();
        self.sqn.roll_back();
        self.terminated.roll_back();
        if let Some(gba) = &mut self.gba {
            gba.roll_back();
        }
    }
}
