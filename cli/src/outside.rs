//! What an operator or a peer may hand to the program, as pure functions of a text: for fuzzing.

use std::path::Path;

use base::{Mono, Now, Utc};
use gba::ids::Fqdn;

use crate::{card, config::Config, element, explain};

/// A configuration file.
///
/// # Errors
/// A line for each mistake.
pub fn config(text: &str) -> Result<(), String> {
    Config::of_text(Path::new("gba.toml"), text).map(drop)
}

/// A file of sessions for the static BSF `bsf`; the number of its sessions.
///
/// # Errors
/// The first mistake and its place.
pub fn static_sessions(text: &str, bsf: &Fqdn) -> Result<usize, String> {
    let now = Now {
        mono: Mono(0),
        utc: Utc(1_800_000_000),
    };
    let sessions = element::fixed::file::of_text(text, bsf, now);
    sessions.map(|all| all.len()).map_err(|e| e.to_string())
}

/// A card's profile, of which a card is made, exported and read again; the export.
///
/// # Errors
/// The first mistake and its place.
///
/// # Panics
/// If the export makes no card.
pub fn card_profile(text: &str) -> Result<String, String> {
    card::profile::check_text(text)
}

/// What `gba explain` says of an input, as text and as JSON, secrets left out.
///
/// # Errors
/// What it says where it recognises nothing.
pub fn explained(input: &[u8]) -> Result<(String, String), String> {
    explain::explained(input)
}
