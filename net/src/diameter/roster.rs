//! Whom a node that serves takes, changeable while it serves.

use std::sync::Arc;

use ::diameter::peer::{Known, Role, Rule};
use tokio::sync::watch;

/// The peers of a node that serves. Clones are the same list.
///
/// A change counts at once: who isn't on it any more, or has another role, finishes what is under way and is told goodbye
/// (DPR, DO_NOT_WANT_TO_TALK_TO_YOU); the connections of all others stay.
#[derive(Clone, Debug)]
pub struct Roster(watch::Sender<Arc<Known>>);

impl Roster {
    /// These peers; everybody else is of role `strangers`, which is nobody (`None`) but in a laboratory.
    #[must_use]
    pub fn new(peers: impl IntoIterator<Item = Rule>, strangers: Option<Role>) -> Self {
        Self(watch::Sender::new(known(peers, strangers)))
    }

    /// From now on these.
    pub fn set(&self, peers: impl IntoIterator<Item = Rule>, strangers: Option<Role>) {
        self.0.send_replace(known(peers, strangers));
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<Known>> {
        self.0.subscribe()
    }
}

fn known(peers: impl IntoIterator<Item = Rule>, strangers: Option<Role>) -> Arc<Known> {
    Arc::new(Known::new(peers).with_others(strangers))
}
