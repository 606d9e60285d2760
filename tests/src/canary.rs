//! Keys that would be recognised wherever they came out: a search for secrets in texts.

use aka::{Algorithm as _, Milenage, Rand};
use base::{Secret, hex};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE},
};
use gba::{
    ids::{Impi, NafId},
    keys::{KeyKind, Ks},
};
use memchr::memmem;

use crate::scene::Sim;

/// Secrets in all forms in which octets get into a text.
#[derive(Default)]
pub struct Canaries(Vec<Form>);

struct Form {
    name: String,
    octets: Vec<u8>,
    /// To be looked for in the text without separators and capitals.
    plain_hex: bool,
}

impl Canaries {
    /// K and OPc of a SIM.
    #[must_use]
    pub fn of(sim: &Sim) -> Self {
        let mut canaries = Self::default();
        canaries.add("K", &sim.k);
        canaries.add("OPc", &sim.opc);
        canaries
    }

    /// What a SIM computes from a RAND, and Ks_NAF of these NAF_Ids.
    pub fn add_run(&mut self, sim: &Sim, rand: &Rand, impi: &Impi, naf_ids: &[NafId]) {
        let made = Milenage::new(&Secret::new(sim.k), &Secret::new(sim.opc)).f2345(rand);
        self.add("CK", made.ck.expose());
        self.add("IK", made.ik.expose());
        self.add("RES", made.res.expose());
        self.add("RES of GBA_U", made.res.flipped_lsb().expose());
        let ks = Ks::from_ck_ik(&made.ck, &made.ik);
        self.add("Ks", ks.expose());
        for naf_id in naf_ids {
            for kind in [KeyKind::Me, KeyKind::Int] {
                let key = ks.naf_key(kind, rand, impi, naf_id);
                let octets = key.key_for(&naf_id.ua()).unwrap().expose();
                self.add(&format!("{kind:?} for {naf_id}"), octets);
            }
        }
    }

    /// One secret. A part of eight octets counts as the whole.
    pub fn add(&mut self, name: &str, secret: &[u8]) {
        let mut add = |form: &str, octets: Vec<u8>, plain_hex| {
            let name = format!("{name}, {form}");
            self.0.push(Form {
                name,
                octets,
                plain_hex,
            });
        };
        for part in secret.chunks_exact(8) {
            let list = format!("{part:?}");
            let list_of_hex = format!("{part:x?}");
            add("raw", part.to_vec(), false);
            add("escaped", part.escape_ascii().to_string().into_bytes(), false);
            add("hex", hex::encode(part).into_bytes(), true);
            for (form, list) in [("list", list), ("list of hex", list_of_hex)] {
                add(form, list.trim_matches(['[', ']']).as_bytes().to_vec(), false);
            }
        }
        // Wherever it stands in what was encoded: of the first and the last character some bits are another's.
        for before in 0..3 {
            let padded = [&[0; 3][..before], secret].concat();
            for (form, text) in [
                ("base64", BASE64_STANDARD.encode(&padded)),
                ("base64url", BASE64_URL_SAFE.encode(&padded)),
            ] {
                let from = (before * 8).div_ceil(6);
                let to = padded.len() * 8 / 6;
                add(form, text.as_bytes()[from..to].to_vec(), false);
            }
        }
    }

    /// The names of those that a text holds, with what stands before them.
    #[must_use]
    pub fn found_in(&self, text: &[u8]) -> Vec<String> {
        let joined: Vec<u8> = text
            .iter()
            .filter(|c| !matches!(c, b' ' | b':' | b'-' | b'_'))
            .map(u8::to_ascii_lowercase)
            .collect();
        let find = |form: &Form| {
            let place = if form.plain_hex { &joined[..] } else { text };
            let at = memmem::find(place, &form.octets)?;
            let before = &place[at.saturating_sub(160)..at];
            Some(format!(
                "{} after: {}",
                form.name,
                String::from_utf8_lossy(before)
            ))
        };
        self.0.iter().filter_map(find).collect()
    }
}
