//! `gba vectors`.
use clap::Subcommand;

use crate::Failure;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Check vectors.
    Run,
}

pub(crate) fn run(_: Command) -> Result<(), Failure> {
    Err(Failure::Unable("not here yet".into()))
}
