//! `--pcap FILE`: the capture file of a run, and what is said of it on standard error.

use std::{io::ErrorKind, io::Write as _, path::PathBuf, sync::Arc};

use clap::Args as ClapArgs;
use lab::pcap::{self, Recording, Report};
use net::tap::SharedTap;

use crate::advice;

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
    /// Makes the file, if one is wanted, and gives the tap that writes to it.
    pub(crate) fn begin(&self) -> Result<(SharedTap, Capture), String> {
        let Some(path) = &self.pcap else {
            return Ok((net::tap::none(), Capture(None)));
        };
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
            "--pcap: {shown} holds keys in clear (CK, IK, Ks_NAF, TLS secrets); only you can read it"
        ));
        Ok((Arc::new(recorder), Capture(Some((path.clone(), recording)))))
    }
}

impl Capture {
    /// Closes the file and says what is in it and how to open it. To be called once nothing runs any more.
    pub(crate) fn finish(self) -> Result<(), String> {
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
            "{} packets of {} TCP connections; open them with\n  wireshark{} {shown}",
            report.packets,
            report.connections,
            decode_as(&report)
        );
        Ok(())
    }
}

/// Options by which Wireshark and tshark know Diameter on a port that isn't the registered one. HTTP and TLS they know
/// by themselves.
fn decode_as(report: &Report) -> String {
    let ports = report.diameter.keys();
    ports
        .map(|port| format!(" -d tcp.port=={port},diameter"))
        .collect()
}
