//! One use of the KDF of TS 33.220 Annex B.2, kept with all that went into it.

use base::{Secret, SecretBytes, hex};
use gba::kdf::kdf;
use serde_json::{Value, json};

/// A parameter of S.
pub(crate) struct Param {
    /// What it is: `RAND`, `IMPI`.
    what: &'static str,
    octets: Vec<u8>,
}

/// A parameter by its name.
pub(crate) fn param(what: &'static str, octets: impl AsRef<[u8]>) -> Param {
    Param {
        what,
        octets: octets.as_ref().to_vec(),
    }
}

/// Output = HMAC-SHA-256(Key, S), S = FC ‖ P0 ‖ L0 ‖ P1 ‖ L1 …
pub(crate) struct Derivation {
    /// The key that comes out, such as `Ks_NAF`.
    pub(crate) name: &'static str,
    /// What it is for, such as `naf.example.org, Ua 0100000002`.
    pub(crate) of: String,
    key_name: &'static str,
    key: SecretBytes,
    fc: u8,
    params: Vec<Param>,
    /// All 32 octets.
    pub(crate) output: Secret<32>,
}

impl Derivation {
    /// Computes it, from the same octets that are shown.
    pub(crate) fn new(
        name: &'static str,
        of: impl Into<String>,
        (key_name, key): (&'static str, &[u8]),
        fc: u8,
        params: Vec<Param>,
    ) -> Result<Self, String> {
        let octets: Vec<&[u8]> = params.iter().map(|p| p.octets.as_slice()).collect();
        let output = kdf(key, &[fc], &octets).map_err(|e| format!("{name}: {e}"))?;
        Ok(Self {
            name,
            of: of.into(),
            key_name,
            key: SecretBytes::from(key),
            fc,
            params,
            output,
        })
    }

    /// Each piece of S in its order: name, octets, what it is.
    fn parts(&self) -> Vec<(String, Vec<u8>, String)> {
        let mut parts = vec![("FC".into(), vec![self.fc], "function code".into())];
        for (n, p) in self.params.iter().enumerate() {
            let len = p.octets.len();
            let text = std::str::from_utf8(&p.octets).ok();
            let what = match text.filter(|t| !t.is_empty() && t.chars().all(|c| !c.is_control())) {
                Some(text) => format!("{}, the text {text}", p.what),
                None => p.what.to_owned(),
            };
            parts.push((format!("P{n}"), p.octets.clone(), what));
            // A longer one would have been refused by the KDF.
            let length = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
            parts.push((format!("L{n}"), length.to_vec(), format!("{len} octets")));
        }
        parts
    }

    fn s(&self) -> Vec<u8> {
        self.parts()
            .into_iter()
            .flat_map(|(_, octets, _)| octets)
            .collect()
    }

    /// Lines for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let s = self.s();
        let whole = |name: &str, octets: &[u8], what: String| {
            format!("  {name:>4}  {}  ({what})", hex::encode(octets))
        };
        let mut lines = vec![format!(
            "{} for {} = HMAC-SHA-256({}, S)",
            self.name, self.of, self.key_name
        )];
        lines.push(whole(
            "key",
            self.key.expose(),
            format!("{}, {} octets", self.key_name, self.key.len()),
        ));
        for (name, octets, what) in self.parts() {
            lines.push(whole(&name, &octets, what));
        }
        lines.push(whole("S", &s, format!("{} octets", s.len())));
        lines.push(whole("out", self.output.expose(), "32 octets".into()));
        lines
    }

    /// The same for machines.
    pub(crate) fn json(&self) -> Value {
        let parts: Vec<Value> = self
            .parts()
            .into_iter()
            .map(|(name, octets, what)| {
                json!({ "name": name, "octets": hex::encode(&octets), "length": octets.len(), "what": what })
            })
            .collect();
        let s = self.s();
        json!({
            "name": self.name,
            "for": self.of,
            "key_name": self.key_name,
            "key": hex::encode(self.key.expose()),
            "parts": parts,
            "s": hex::encode(&s),
            "s_length": s.len(),
            "output": hex::encode(self.output.expose()),
        })
    }
}
