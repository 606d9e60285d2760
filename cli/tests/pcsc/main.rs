//! The card in pcscd's virtual reader, as programs find it that nobody here wrote, and as our own terminal side does.
//!
//! * `readers`: opensc-tool and pcsc_scan; several cards; how they come and go
//! * `scripts`: pyscard, by the scripts beside this file: files, PIN, channels, GBA
//! * `opener`: our own reader: a bootstrapping, a service that is stopped, a card that is pulled out or reset
//! * `wireshark`: `--gsmtap`, named by tshark; `usage`: what is refused, and what a reader's frames do
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on may panic"
)]

#[cfg(feature = "pcsc")]
mod opener;
mod readers;
mod scripts;
mod usage;
mod wireshark;

use std::{fmt::Write as _, process::Command};

use aka::{Algorithm as _, Milenage, Rand};
use base::Secret;
use tests::{pcscd, process::Process};

const IMSI: &str = "001010123456063";
const IMPI: &str = "001010123456063@ims.mnc001.mcc001.3gppnetwork.org";

/// Keys of the card, for its home network here too.
const K: [u8; 16] = [0x31; 16];
const OPC: [u8; 16] = [0x7c; 16];

/// The program in an environment without anything of ours, but with the keys.
fn gba(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gba"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GBA_") {
            command.env_remove(name);
        }
    }
    command.args(args).env("K", hex(&K)).env("OPC", hex(&OPC));
    command
}

/// `gba card serve` with the card that this file knows.
fn serve(more: &[&str]) -> Process {
    let mut command = gba(&[
        "card", "serve", "--imsi", IMSI, "--k", "env:K", "--opc", "env:OPC",
    ]);
    Process::start(command.args(more))
}

/// The same in the first slot of the reader.
fn in_reader(more: &[&str]) -> Process {
    let place = format!("127.0.0.1:{}", pcscd::PORT);
    let mut card = serve(&[&["--vpcd", place.as_str()], more].concat());
    card.wait("in the reader at");
    card
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, o| {
        let _ = write!(text, "{o:02x}");
        text
    })
}

/// What the home network has for one number.
fn vector(rand: u8, sqn: &str) -> aka::Vector {
    let network = Milenage::new(&Secret::new(K), &Secret::new(OPC));
    network.vector(
        &Rand::from([rand; 16]),
        sqn.parse().unwrap(),
        aka::Amf::from([0, 0]),
    )
}
