//! The PC/SC service with a virtual reader, whose cards come over TCP (vpcd): for a test that runs [`apart`](crate::apart).

use std::{fs, path::Path, process::Command};

use crate::{peer, process::Process};

/// Where a card connects to; one more is the reader's second slot.
pub const PORT: u16 = 35963;

/// The reader's name, as clients see it.
pub const READER: &str = "Virtual PCD 00 00";

const DRIVER: &str = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";

/// A pcscd that runs, under its fixed name.
pub struct Pcscd(Process);

impl Pcscd {
    /// Starts one; `None` where it is missing and may be.
    ///
    /// # Panics
    /// Where it is missing and peers are required, or doesn't start.
    #[must_use]
    pub fn start(folder: &Path) -> Option<Self> {
        let daemon = peer::program("pcscd", "pcscd")?;
        if !Path::new(DRIVER).is_file() {
            return peer::missing("the virtual reader vpcd", "apt-get install vsmartcard-vpcd");
        }
        let readers = folder.join("readers");
        fs::create_dir(&readers).unwrap();
        let reader = format!(
            "FRIENDLYNAME \"Virtual PCD\"\nDEVICENAME /dev/null:{PORT:#x}\nLIBPATH {DRIVER}\nCHANNELID {PORT:#x}\n"
        );
        fs::write(readers.join("vpcd"), reader).unwrap();
        let mut command = Command::new(daemon);
        command
            .args(["--foreground", "--info", "--force-reader-polling", "--config"])
            .arg(&readers);
        let mut process = Process::start(&mut command);
        process.wait("daemon ready");
        Some(Self(process))
    }

    /// Waits until a card is in the reader.
    pub fn wait_for_card(&mut self) {
        self.0.wait("Card inserted into");
    }

    /// Waits until it is out again.
    pub fn wait_for_removal(&mut self) {
        self.0.wait("Card Removed From");
    }

    /// Stops the service, while clients and cards go on.
    pub fn stop(mut self) {
        self.0.stop();
    }
}
