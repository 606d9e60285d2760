//! `-v`: each protocol message of this process as a ladder on standard error.

use std::{sync::Arc, time::Duration};

use lab::trace::{Entry, Trace};
use net::tap::{self, SharedTap};
use tokio::task::JoinHandle;

use super::heard::Heard;
use crate::ladder::Ladder;

/// A tap, and who prints what it sees.
pub(super) struct Watch {
    tap: SharedTap,
    printer: Option<JoinHandle<()>>,
}

impl Watch {
    /// Prints, if `verbose`, what this element says and hears; `None` where all elements are here and tell it
    /// themselves. Needs a runtime.
    pub(super) fn new(verbose: bool, element: Option<&'static str>) -> Self {
        if !verbose {
            return Self {
                tap: tap::none(),
                printer: None,
            };
        }
        let (trace, mut entries) = Trace::begin();
        let ladder = Ladder::new(width());
        let printer = tokio::spawn(async move {
            let mut err = anstream::stderr();
            let mut begun = false;
            while let Some(entry) = entries.recv().await {
                // A closed standard error must not stop an element.
                if !std::mem::replace(&mut begun, true) {
                    let _ = ladder.head(&mut err);
                }
                let _ = match &entry {
                    Entry::Act(title) => ladder.act(&mut err, title),
                    Entry::Message(event) => ladder.event(&mut err, event),
                };
            }
        });
        Self {
            tap: match element {
                Some(element) => Arc::new(Heard::new(trace, element)),
                None => Arc::new(trace),
            },
            printer: Some(printer),
        }
    }

    pub(super) fn tap(&self) -> SharedTap {
        Arc::clone(&self.tap)
    }

    /// Prints what is left.
    pub(super) async fn finish(self) {
        let Self { tap, printer } = self;
        drop(tap);
        if let Some(printer) = printer {
            // Whoever still holds the tap has nothing to say any more.
            let _ = tokio::time::timeout(Duration::from_millis(200), printer).await;
        }
    }
}

/// Columns of the terminal; `None` where standard error is no terminal.
fn width() -> Option<usize> {
    terminal_size::terminal_size_of(std::io::stderr()).map(|(width, _)| usize::from(width.0))
}
