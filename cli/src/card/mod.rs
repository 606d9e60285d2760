//! `gba card …`: a card in software for others, and cards of all kinds for us.
//!
//! * `profile`: what a software card is made of: a TOML file, and the built-in ones;
//! * `open`: `--card`, one way to every kind of card; `remote`: those behind a socket; `soft`: those in software;
//! * `frames`: vpcd's frames; `token`: who may use a card over TCP; `private`: files of secrets that others can read;
//! * `serve`: `gba card serve`; `served`: a card as frames reach it; `gsmtap`: for Wireshark;
//! * `terminal`: what a person does with any card.

mod frames;
mod gsmtap;
pub(crate) mod open;
mod private;
pub(crate) mod profile;
mod remote;
mod serve;
mod served;
pub(crate) mod soft;
pub(crate) mod terminal;
mod token;

use clap::Subcommand;

use crate::Failure;

/// `gba card …`.
#[derive(Subcommand)]
pub(crate) enum CardCommand {
    /// Put software cards into pcscd's virtual readers, where any PC/SC program finds them, or serve one over TCP.
    ///
    /// Waits for readers and goes in again when pcscd restarts. Several cards have IMSIs that follow each other and the
    /// same keys. Stops at Ctrl-C or SIGTERM, status 0.
    #[command(
        after_help = "Examples: gba card serve --vpcd 127.0.0.1:35963 --k @k.hex --opc env:OPC --trace\n          \
                            gba card serve --vpcd 127.0.0.1:35963 --count 2 --gsmtap 127.0.0.1\n          \
                            gba card serve --tcp 127.0.0.1:9000, and elsewhere --card tcp:127.0.0.1:9000"
    )]
    Serve(Box<serve::ServeArgs>),
    #[command(flatten)]
    Terminal(terminal::Terminal),
    /// What a software card is made of: a commented example, a check, the built-in ones, a card's profile given back.
    #[command(
        subcommand,
        after_help = "Example: gba card profile example > card.toml && gba card profile check card.toml"
    )]
    Profile(profile::ProfileCommand),
}

pub(crate) fn run(command: CardCommand) -> Result<(), Failure> {
    match command {
        CardCommand::Serve(args) => serve::run(&args),
        CardCommand::Terminal(command) => terminal::run(command),
        CardCommand::Profile(command) => profile::run(&command),
    }
}
