//! The terminal side of `gba card`: what a person does with any card.
//!
//! * `at`: the open card, what is said of it, and what is asked before something changes;
//! * `secret`: PINs and codes from the command line; `decode`: octets in words;
//! * `info`, `tree`, `files`: reading; `change`: writing; `pin`; `keyed`: AUTHENTICATE with known keys, SQN, GBA;
//!   `apdu`; `export`; `doctor`; `lint`; `list`: readers; `ready`: a real card for other commands; `target`: for
//!   `gba vectors run`; `shell`: all of it in one session.
//!
//! Each command is an [`Action`]: its options, and what it does on an open card. The program opens a card for one of
//! them, the shell keeps one open for many.

mod apdu;
mod at;
mod change;
mod decode;
mod doctor;
mod export;
mod files;
mod info;
mod keyed;
mod lint;
mod list;
mod pin;
pub(crate) mod ready;
pub(crate) mod secret;
mod shell;
pub(crate) mod target;
mod toolkit;
mod tree;

use clap::{Args, Subcommand};

use self::at::{CardAt, Common};
use crate::{Failure, sim::SimArgs};

/// What a command does on an open card.
pub(crate) trait Action {
    fn run(&self, at: &mut CardAt) -> Result<(), Failure>;

    /// The card's keys, where the command knows them: a card in software is made with them.
    fn keys(&self) -> Option<&SimArgs> {
        None
    }
}

/// A command with the card that it is for.
#[derive(Args)]
pub(crate) struct On<A: Args> {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    action: A,
}

impl<A: Args + Action> On<A> {
    fn run(self) -> Result<(), Failure> {
        let mut at = self.common.open(self.action.keys())?;
        self.action.run(&mut at)
    }
}

#[derive(Subcommand)]
pub(crate) enum Terminal {
    /// Readers and what is in them, and the software cards that are built in.
    #[command(after_help = "Example: gba card list")]
    List(list::Args),
    /// Who a card is: ICCID, applications, IMSI, services, PINs, which GBA it does.
    #[command(
        after_help = "Examples: gba card info --card software:gba\n          gba card info --card pcsc:0 --json"
    )]
    Info(Box<On<info::Info>>),
    /// The files found on a card, with kind, size and who may read and update them.
    ///
    /// Asks for the files whose names are known; --all for every identifier that files can have.
    #[command(after_help = "Example: gba card tree --card software:gba ADF.USIM")]
    Tree(Box<On<tree::Tree>>),
    /// Read files, decoded by field.
    ///
    /// A file is a name or a path: EF_IMSI, ADF.USIM/EF.UST, 7FFF/6F07, MF/2FE2, A0000000871002/6F38.
    #[command(
        after_help = "Examples: gba card read --card software:gba EF_ICCID EF_IMSI\n          \
                            gba card read --card pcsc:0 --pin - --hex 7FFF/6F07"
    )]
    Read(Box<On<files::Read>>),
    /// Records of a file that hold some octets.
    #[command(after_help = "Example: gba card search --card software:gba EF_DIR A000000087")]
    Search(Box<On<files::Search>>),
    /// Write a file; shows what changes, and asks.
    #[command(
        after_help = "Examples: gba card update --adm @adm.txt MF/EF_PL 656E\n          \
                            gba card update --adm - --record 1 ADF.USIM/EF_ADN FFFF --yes"
    )]
    Update(Box<On<change::Update>>),
    /// PINs and administrative codes: how they stand, verify, change, switch off and on, unblock.
    ///
    /// Shows the tries that are left before one is used, and doesn't use the last one without --force.
    #[command(after_help = "Examples: gba card pin --card software:gba\n          \
                            gba card pin verify --card pcsc:0 --key adm1 --value -")]
    Pin(Box<On<pin::PinArgs>>),
    /// Run AUTHENTICATE with a RAND and AUTN given, or made of known keys.
    ///
    /// It moves the card's SQN, and in the GBA context makes a new Ks: so it asks first. With --k and --opc the vector
    /// is made for where the card's SQN stands (ruling 3), and the answer is checked.
    #[command(
        after_help = "Examples: gba card auth --rand 23… --autn 55… --yes\n          \
                            gba card auth --context gba --k @k.hex --opc @opc.hex"
    )]
    Auth(Box<On<keyed::Auth>>),
    /// Bootstrap a card with known keys against a BSF played here, and derive keys of NAFs on both sides.
    #[command(after_help = "Example: gba card derive --k @k.hex --opc @opc.hex --naf naf.example.org")]
    Derive(Box<On<keyed::Derive>>),
    /// Where a card's SQN stands, without moving it, and what its HSS must be set to.
    ///
    /// Offers SQN 0, which no card accepts: the AUTS that comes back carries SQN_MS. Needs the card's keys.
    #[command(after_help = "Example: gba card sqn --k @k.hex --opc @opc.hex")]
    Sqn(Box<On<keyed::SqnCommand>>),
    /// Send APDUs as they are written, and say what the answers mean.
    #[command(after_help = "Example: gba card apdu --card software:gba 00A40004023F00 80F2000000")]
    Apdu(Box<On<apdu::Apdu>>),
    /// Play a handset: tell the card what a terminal can do, and show what its toolkit asks for then.
    #[command(after_help = "Example: gba card toolkit --card software:card.toml --event 05 --yes")]
    Toolkit(Box<On<toolkit::Toolkit>>),
    /// A session with one card: all these commands, with completion and history.
    #[command(after_help = "Example: gba card shell --card software:gba")]
    Shell(Box<On<shell::Shell>>),
    /// Everything that can be read, as TOML or JSON.
    #[command(after_help = "Example: gba card export --card pcsc:0 --pin - > card.toml")]
    Export(Box<On<export::Export>>),
    /// Whether service, reader and card are fit for GBA, and which form of it the card does.
    #[command(after_help = "Example: gba card doctor --card pcsc:0")]
    Doctor(Box<doctor::Args>),
    /// Look for what makes a card unsafe: published keys, weak key sets, applications open to everybody.
    ///
    /// Each check says why it matters. --probe sends short messages as an attacker would, which a card may count.
    #[command(after_help = "Example: gba card lint --card software:gba --probe --yes")]
    Lint(Box<On<lint::Lint>>),
}

pub(crate) fn run(command: Terminal) -> Result<(), Failure> {
    match command {
        Terminal::List(args) => list::run(&args),
        Terminal::Info(on) => on.run(),
        Terminal::Tree(on) => on.run(),
        Terminal::Read(on) => on.run(),
        Terminal::Search(on) => on.run(),
        Terminal::Update(on) => on.run(),
        Terminal::Pin(on) => on.run(),
        Terminal::Auth(on) => on.run(),
        Terminal::Derive(on) => on.run(),
        Terminal::Sqn(on) => on.run(),
        Terminal::Apdu(on) => on.run(),
        Terminal::Toolkit(on) => on.run(),
        Terminal::Shell(on) => on.run(),
        Terminal::Export(on) => on.run(),
        Terminal::Doctor(args) => doctor::run(&args),
        Terminal::Lint(on) => on.run(),
    }
}
