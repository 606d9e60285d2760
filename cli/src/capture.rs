//! `--pcap FILE`: the capture file of a run, and what is said of it on standard error.

use std::{
    fmt::Write as _,
    io::{ErrorKind, Write as _},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use clap::Args as ClapArgs;
use lab::pcap::{self, Recording, Report};
use net::tap::SharedTap;
use tokio::runtime::Runtime;

use crate::{Failure, advice, config::checks::production_here};

/// For tasks that are still under way when a run is over; none should be.
const CLOSING: Duration = Duration::from_secs(1);

/// The options of a capture.
#[derive(ClapArgs)]
pub(crate) struct CaptureArgs {
    /// Write all octets to a new pcapng file for Wireshark, with the secrets that open TLS. It holds keys.
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Let the capture take the place of an existing file.
    #[arg(long, requires = "pcap")]
    force: bool,
}

/// A capture under way.
pub(crate) struct Capture(Option<(PathBuf, Recording)>);

impl CaptureArgs {
    pub(crate) const fn is_wanted(&self) -> bool {
        self.pcap.is_some()
    }

    /// Makes the file, if one is wanted, and gives the tap that writes to it.
    pub(crate) fn begin(&self) -> Result<(SharedTap, Capture), String> {
        let Some(path) = &self.pcap else {
            return Ok((net::tap::none(), Capture(None)));
        };
        if production_here() {
            return Err("--pcap writes keys to a file: not allowed with production = true".into());
        }
        let shown = path.display();
        let file = pcap::create(path, self.force).map_err(|e| match e.kind() {
            ErrorKind::AlreadyExists => {
                format!("--pcap: {shown} exists: choose another name, or give --force")
            }
            _ => format!("--pcap: cannot make {shown}: {e}"),
        })?;
        let (recorder, recording) =
            pcap::record(file).map_err(|e| format!("--pcap: cannot write {shown}: {e}"))?;
        advice::warn(&format!(
            "--pcap: {shown} holds keys in clear (CK, IK, Ks_NAF, TLS secrets, what a card says); only you can read it"
        ));
        Ok((Arc::new(recorder), Capture(Some((path.clone(), recording)))))
    }
}

impl Capture {
    /// Ends the runtime, and with it every connection, so that the capture sees that too. Then closes the file and says
    /// what is in it, unless the result of the run matters more.
    pub(crate) fn close(self, runtime: Runtime, result: Result<(), Failure>) -> Result<(), Failure> {
        runtime.shutdown_timeout(CLOSING);
        let captured = self.finish();
        if let (Err(_), Err(why)) = (&result, &captured) {
            advice::warn(why);
        }
        result.and(captured.map_err(Failure::Unable))
    }

    fn finish(self) -> Result<(), String> {
        let Some((path, recording)) = self.0 else {
            return Ok(());
        };
        let shown = path.display();
        let report = recording
            .finish()
            .map_err(|e| format!("--pcap: cannot write {shown}: {e}"))?;
        if report.dropped > 0 {
            advice::warn(&format!(
                "--pcap: {} pieces came faster than the disk took them, and are missing",
                report.dropped
            ));
        }
        // Standard error may be closed; the file is there.
        let _ = writeln!(
            anstream::stderr(),
            "{} packets: {} TCP connections, {} of a card's commands; open them with\n  wireshark{} {shown}",
            report.packets,
            report.connections,
            report.apdus,
            decode_as(&report)
        );
        Ok(())
    }
}

/// Options by which Wireshark and tshark know what is spoken on a port that isn't the registered one.
fn decode_as(report: &Report) -> String {
    let mut options = String::new();
    for port in report.diameter.keys() {
        let _ = write!(options, " -d tcp.port=={port},diameter");
    }
    for (port, protocol) in &report.guessed {
        let _ = write!(options, " -d tcp.port=={port},{protocol}");
    }
    for port in &report.diameter_over_tls {
        let _ = write!(options, " -d tls.port=={port},diameter");
    }
    options
}
