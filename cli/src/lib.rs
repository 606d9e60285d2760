//! The program `gba`: reads the command line, runs, prints, and says by its exit status how it went:
//! 0 done, 1 refused or failed by protocol, 2 usage, environment or peer down.
//!
//! A library so that what reads outside octets here can be fuzzed ([`outside`]); the program only calls [`main`].

mod advice;
mod audit;
mod capture;
mod card;
mod config;
mod db;
mod demo;
mod doctor;
mod element;
mod escape;
mod explain;
mod input;
mod keys;
mod ladder;
mod load;
mod log;
#[doc(hidden)]
pub mod outside;
mod pki;
mod report;
mod sim;
mod tap;
mod vectors;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

/// GBA and UICC interworking: a SIM's key becomes an M2M root key and session keys.
#[derive(Parser)]
#[command(
    name = "gba",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "Examples: gba demo\n          gba demo --mode u --json\n          gba vectors run"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the whole story once over loopback sockets and show every message.
    ///
    /// HSS, BSF, three NAFs (a plain HTTP service, an MAF and an IN-CSE) and a UE with a software UICC run in this
    /// process and talk over loopback TCP: bootstrapping, a service, the M2M root key, the M2M session key.
    /// Without options the SIM is a fresh one with random keys.
    Demo(Box<demo::Args>),
    /// Run the same network and leave it running for a device in another terminal.
    ///
    /// Prints where each element listens, who the subscriber is, and commands to try.
    Up(element::up::UpArgs),
    /// The home subscriber server alone.
    #[command(
        subcommand,
        after_help = "Example: gba config example > gba.toml && gba hss serve"
    )]
    Hss(element::HssCommand),
    /// The bootstrapping server function alone.
    #[command(
        subcommand,
        after_help = "Example: gba config example > gba.toml && gba bsf serve"
    )]
    Bsf(element::BsfCommand),
    /// A network application function alone.
    #[command(
        subcommand,
        after_help = "Example: gba config example > gba.toml && gba naf serve"
    )]
    Naf(element::NafCommand),
    /// A device, its card in software or the one of --card: bootstrap, fetch a page.
    #[command(
        subcommand,
        after_help = "Example: gba ue get -v http://naf.m2m.example:18081/"
    )]
    Ue(element::UeCommand),
    /// Cards: one in software for any PC/SC program or a terminal elsewhere.
    #[command(
        subcommand,
        after_help = "Example: gba card serve --vpcd 127.0.0.1:35963 --k @k.hex --opc env:OPC"
    )]
    Card(card::CardCommand),
    /// Audit logs of elements: who got which key.
    #[command(subcommand, after_help = "Example: gba audit show bsf-audit.jsonl")]
    Audit(audit::show::Command),
    /// The configuration of elements that run alone: an example, a check, what counts.
    #[command(subcommand)]
    Config(config::command::ConfigCommand),
    /// Compute every key of GBA from K or from CK and IK, and show how.
    ///
    /// RES, CK, IK, AUTN, Ks, B-TID and TMPI, and for each NAF its Ks_NAF; with --gba-u the forms of a card that keeps
    /// Ks; with --akma the keys of AKMA. Prints keys.
    Keys(Box<keys::Args>),
    /// Load a BSF with many bootstrappings and measure it.
    ///
    /// Closed loop (as fast as the server answers) or open loop (a rate, whatever it does). Each run is checked as a
    /// device checks it.
    #[command(
        subcommand,
        after_help = "Example: gba load ub http://127.0.0.1:18080/ --subscribers subscribers.toml --clients 1"
    )]
    Load(Box<load::Command>),
    /// Subscriber lists: import of other programs' forms, export, a check that finds every mistake.
    #[command(subcommand, after_help = "Example: gba db check subscribers.toml")]
    Db(db::Command),
    /// Certificates for Diameter over TLS: a test CA and one certificate per node.
    #[command(subcommand, after_help = "Example: gba pki init hss.home.test bsf.home.test")]
    Pki(pki::Command),
    /// Say what a blob is, and decode it.
    ///
    /// Hex, base64 or text of Ub, Ua, Zh, Zn or a card: nonce, AUTN, AUTS, B-TID, PSK identity, NAF_Id, digest headers,
    /// GUSS and BootstrappingInfo, Diameter messages, APDUs, EF_GBABP. Keys are told by their length.
    Explain(explain::Args),
    /// Look whether this host and a configuration are fit: OpenSSL, clock, ports, names, certificates, limits.
    ///
    /// Says of each ok, warning or failed, what was found and what to do. Changes nothing and sends nothing.
    Doctor(doctor::Args),
    /// Between any two elements, also foreign ones: show, match, alter, drop, hold, repeat what passes.
    ///
    /// Listens at LISTEN and connects to TARGET. Ctrl-C stops and counts what passed. What isn't altered passes with every
    /// octet as it came.
    #[command(
        subcommand,
        after_help = "Examples: gba tap zh 127.0.0.1:23868 127.0.0.1:13868\n          gba tap example > rules.toml"
    )]
    Tap(tap::TapCommand),
    /// Check test vectors against this implementation.
    #[command(
        subcommand,
        after_help = "Examples: gba vectors run\n          gba vectors run my-vectors.json\n          gba vectors schema"
    )]
    Vectors(vectors::Command),
}

/// How a command ended without success. A failure that was already shown says no more.
pub(crate) enum Failure {
    /// A protocol or a check said no: status 1.
    Refused(String),
    /// Usage, environment or a peer that is down: status 2.
    Unable(String),
    /// Status 1; the report says why.
    Shown,
}

/// To standard output, to its last octet. Whoever reads may have had enough: that is no failure, and the exit status still
/// tells. A full disk is one.
pub(crate) fn print(text: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    printed(out.write_all(text.as_ref()).and_then(|()| out.flush()))
}

/// The same of what was printed in another way.
pub(crate) fn printed(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Unable(format!("cannot print: {e}"))),
        _ => Ok(()),
    }
}

/// What the program does with its command line, from first to last.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // Elements begin their log themselves, as their configuration says.
    if !matches!(
        cli.command,
        Command::Up(_) | Command::Hss(_) | Command::Bsf(_) | Command::Naf(_) | Command::Ue(_)
    ) {
        log::begin_as_environment(None, None);
    }
    let result = match cli.command {
        Command::Demo(args) => demo::run(*args),
        Command::Up(args) => element::up::run(&args),
        Command::Hss(command) => element::hss(command),
        Command::Bsf(command) => element::bsf(command),
        Command::Naf(command) => element::naf(command),
        Command::Ue(command) => element::ue(command),
        Command::Card(command) => card::run(command),
        Command::Audit(command) => audit::show::run(&command),
        Command::Config(command) => config::command::run(command),
        Command::Doctor(args) => doctor::run(args),
        Command::Explain(args) => explain::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Db(command) => db::run(command),
        Command::Load(command) => load::run(*command),
        Command::Pki(command) => pki::run(command),
        Command::Tap(command) => tap::run(command),
        Command::Vectors(command) => vectors::run(command),
    };
    let (why, status) = match result {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Shown) => return ExitCode::from(1),
        Err(Failure::Refused(why)) => (why, 1),
        Err(Failure::Unable(why)) => (why, 2),
    };
    advice::print(&why);
    ExitCode::from(status)
}
