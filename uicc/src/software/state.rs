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
    /// Sequence numbers of an ISIM with keys of its own; another one has those of the USIM.
    pub(super) isim_sqn: Option<Tracked<SqnArray>>,
    /// `None`: no ISIM, or one without GBA_U.
    pub(super) isim_gba: Option<Tracked<GbaContext>>,
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
        let (isim_sqn, isim_gba) = match &mut profile.isim {
            Some(isim) => (isim.keys.as_ref().map(|(_, sqn)| sqn.clone()), isim.gba_u.take()),
            None => (None, None),
        };
        Self {
            files: Files::new(files),
            keys: Keys::new(profile),
            sqn: Tracked::new(core::mem::replace(&mut profile.sqn, fresh)),
            gba: profile.gba_u.take().map(|g| Tracked::new(GbaContext::new(g))),
            isim_sqn: isim_sqn.map(Tracked::new),
            isim_gba: isim_gba.map(|g| Tracked::new(GbaContext::new(g))),
            terminated: Tracked::new(false),
        }
    }

    /// The files beside the GBA context of an application.
    pub(super) fn files_and_gba(
        &mut self,
        application: Application,
    ) -> (&mut Files, Option<&mut Tracked<GbaContext>>) {
        let gba = match application {
            Application::Usim => &mut self.gba,
            Application::Isim => &mut self.isim_gba,
        };
        (&mut self.files, gba.as_mut())
    }

    fn gbas(&self) -> impl Iterator<Item = (Application, &Tracked<GbaContext>)> {
        let both = [
            (Application::Usim, &self.gba),
            (Application::Isim, &self.isim_gba),
        ];
        both.into_iter()
            .filter_map(|(a, gba)| gba.as_ref().map(|g| (a, g)))
    }

    fn sqns(&self) -> impl Iterator<Item = (Application, &Tracked<SqnArray>)> {
        let isim = self.isim_sqn.as_ref().map(|sqn| (Application::Isim, sqn));
        core::iter::once((Application::Usim, &self.sqn)).chain(isim)
    }

    /// What the command that runs has changed.
    pub(super) fn changes(&self) -> Vec<Change> {
        let mut all: Vec<_> = self.files.changes().chain(self.keys.changes()).collect();
        let moved = self
            .sqns()
            .filter(|(_, s)| s.before().is_some_and(|b| b != s.get()));
        all.extend(moved.map(sqn_change));
        all.extend(self.gbas().filter(|(_, g)| g.before().is_some()).map(gba_change));
        if self.terminated.before().is_some() {
            all.push(Change::CardTerminated);
        }
        all
    }

    /// All that differs from the profile, or may.
    pub(super) fn snapshot(&self) -> Vec<Change> {
        let mut all: Vec<_> = self.files.snapshot().chain(self.keys.snapshot()).collect();
        all.extend(self.sqns().map(sqn_change));
        all.extend(self.gbas().map(gba_change));
        if *self.terminated.get() {
            all.push(Change::CardTerminated);
        }
        all
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
            Change::Sqn(application, seq_ms) => {
                let sqn = match application {
                    Application::Usim => Some(&mut self.sqn),
                    Application::Isim => self.isim_sqn.as_mut(),
                };
                // An array of another size is another profile's: the card keeps its own.
                if let Some(sqn) = sqn
                    && let Ok(array) = SqnArray::with_seq_ms(sqn.get().profile(), seq_ms)
                {
                    *sqn.edit() = array;
                }
            }
            Change::Gba(application, state) => {
                if let (_, Some(gba)) = self.files_and_gba(*application) {
                    gba.edit().put(state);
                }
            }
            Change::CardTerminated => *self.terminated.edit() = true,
        }
        Ok(())
    }

    pub(super) fn keep(&mut self) {
        self.files.keep();
        self.keys.keep();
        self.sqn.keep();
        self.terminated.keep();
        for gba in [&mut self.gba, &mut self.isim_gba].into_iter().flatten() {
            gba.keep();
        }
        if let Some(sqn) = &mut self.isim_sqn {
            sqn.keep();
        }
    }

    pub(super) fn roll_back(&mut self) {
        self.files.roll_back();
        self.keys.roll_back();
        self.sqn.roll_back();
        self.terminated.roll_back();
        for gba in [&mut self.gba, &mut self.isim_gba].into_iter().flatten() {
            gba.roll_back();
        }
        if let Some(sqn) = &mut self.isim_sqn {
            sqn.roll_back();
        }
    }
}

fn sqn_change((application, sqn): (Application, &Tracked<SqnArray>)) -> Change {
    Change::Sqn(application, sqn.get().seq_ms().to_vec())
}

fn gba_change((application, gba): (Application, &Tracked<GbaContext>)) -> Change {
    Change::Gba(application, gba.get().state())
}
