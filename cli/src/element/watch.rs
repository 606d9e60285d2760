//! `-v`: each protocol message of this process as a ladder on standard error. `--pcap`: its octets in a file.

use std::{sync::Arc, time::Duration};

use clap::Args;
use lab::trace::{Entry, Trace};
use net::tap::SharedTap;
use tokio::task::JoinHandle;

use super::heard::Heard;
use crate::{
    capture::{Capture, CaptureArgs},
    ladder::Ladder,
    log,
};

/// How an element is watched.
#[derive(Args)]
pub(super) struct WatchArgs {
    /// Show each protocol message on standard error.
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    capture: CaptureArgs,
}

impl WatchArgs {
    /// A capture holds keys, so it is a laboratory's (ruling 35).
    pub(super) fn allowed_in(&self, production: bool) -> Result<(), String> {
        if production && self.capture.is_wanted() {
            return Err("--pcap writes keys to a file: not allowed with production = true".into());
        }
        Ok(())
    }

    /// The ladder is for people, on the stream that programs read then.
    pub(super) fn fits_log(&self) -> Result<(), String> {
        if self.verbose && log::is_json() {
            return Err("-v draws on standard error, where the log is JSON: leave one of them out".into());
        }
        Ok(())
    }

    pub(super) fn begin(&self) -> Result<(Watching, Capture), String> {
        let (wire, capture) = self.capture.begin()?;
        let verbose = self.verbose;
        Ok((Watching { verbose, wire }, capture))
    }
}

/// The same, once the capture has begun.
pub(super) struct Watching {
    verbose: bool,
    wire: SharedTap,
}

/// A tap, and who prints what it sees.
pub(super) struct Watch {
    tap: SharedTap,
    printer: Option<JoinHandle<()>>,
}

impl Watch {
    /// Prints, if wanted, what this element says and hears; `None` where all elements are here and tell it
    /// themselves. Needs a runtime.
    pub(super) fn new(Watching { verbose, wire }: Watching, element: Option<&'static str>) -> Self {
        if !verbose {
            return Self {
                tap: wire,
                printer: None,
            };
        }
        let (trace, mut entries) = Trace::begin();
        let trace = trace.with_wire(wire);
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

    /// Puts another tap around this one.
    pub(super) fn wrap(&mut self, around: impl FnOnce(SharedTap) -> SharedTap) {
        self.tap = around(self.tap());
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
