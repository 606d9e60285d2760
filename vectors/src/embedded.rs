//! The vectors that come with the program, so that it can check itself anywhere.

use crate::{File, LoadError};

/// `manifest.toml`: how many vectors of each family and kind there are.
pub const MANIFEST: &str = include_str!("../manifest.toml");

/// `README.md`, of which [`schema`] is a part.
const README: &str = include_str!("../README.md");

/// How a file of vectors is written, and which fields each kind needs: in Markdown, for people.
#[must_use]
pub fn schema() -> &'static str {
    let from = README.find("## Format").unwrap_or_default();
    let to = README.find("## Confidence words").unwrap_or(README.len());
    README.get(from..to).unwrap_or_default().trim_end()
}

const FILES: &[(&str, &str)] = &[
    ("auts.json", include_str!("../auts.json")),
    ("diameter.json", include_str!("../diameter.json")),
    ("digest.json", include_str!("../digest.json")),
    ("gba_flow.json", include_str!("../gba_flow.json")),
    ("gba_ids.json", include_str!("../gba_ids.json")),
    ("gba_u_mac.json", include_str!("../gba_u_mac.json")),
    ("gsm.json", include_str!("../gsm.json")),
    ("kdf.json", include_str!("../kdf.json")),
    ("milenage.json", include_str!("../milenage.json")),
    ("onem2m.json", include_str!("../onem2m.json")),
    ("ota_concat.json", include_str!("../ota_concat.json")),
    ("ota_packets.json", include_str!("../ota_packets.json")),
    ("ota_receive.json", include_str!("../ota_receive.json")),
    ("ota_remote_apdu.json", include_str!("../ota_remote_apdu.json")),
    ("sqn_sequences.json", include_str!("../sqn_sequences.json")),
    ("tlv_apdu.json", include_str!("../tlv_apdu.json")),
    ("tuak.json", include_str!("../tuak.json")),
    ("xor3g.json", include_str!("../xor3g.json")),
];

/// All vectors that come with the program.
///
/// # Errors
/// [`LoadError`]: never for a program that passed its tests.
pub fn embedded() -> Result<Vec<File>, LoadError> {
    FILES
        .iter()
        .map(|(name, text)| File::parse(name, text.as_bytes()))
        .collect()
}
