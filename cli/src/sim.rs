//! The algorithm set of a SIM and its keys, as options and as keys of a file: one way for every command.

use aka::{AlgorithmSet, Milenage, Tuak, Xor, tuak};
use base::{Entropy, Secret, SecretBytes};
use clap::{Args as ClapArgs, ValueEnum};
use gba::ids::MncLength;
use serde::Deserialize;

use crate::{advice, config::checks::production_here, input::KeyText};

/// Which algorithm set.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Name {
    /// TS 35.206: K and OPc.
    Milenage,
    /// TS 35.231: K of 16 or 32 octets and TOPc.
    Tuak,
    /// The test algorithm of TS 34.108: K only, and no protection at all.
    Xor,
}

/// The options.
#[derive(ClapArgs, Default)]
pub(crate) struct SimArgs {
    /// Algorithm set [default: milenage; tuak where TOP or TOPc is given].
    #[arg(long, value_enum)]
    pub(crate) algorithm: Option<Name>,
    /// Subscriber key K: 16 octets, for TUAK 16 or 32.
    #[arg(long, value_name = "HEX|@FILE|env:NAME|-", value_parser = source)]
    pub(crate) k: Option<KeyText>,
    /// Milenage OPc, 16 octets.
    #[arg(long, value_name = "HEX|@FILE|env:NAME|-", value_parser = source, conflicts_with = "op")]
    pub(crate) opc: Option<KeyText>,
    /// Milenage OP, from which OPc is computed.
    #[arg(long, value_name = "HEX|@FILE|env:NAME|-", value_parser = source)]
    pub(crate) op: Option<KeyText>,
    /// TUAK TOPc, 32 octets.
    #[arg(long, value_name = "HEX|@FILE|env:NAME|-", value_parser = source, conflicts_with = "top")]
    pub(crate) topc: Option<KeyText>,
    /// TUAK TOP, from which TOPc is computed.
    #[arg(long, value_name = "HEX|@FILE|env:NAME|-", value_parser = source)]
    pub(crate) top: Option<KeyText>,
}

/// An algorithm set, and what of its keys was computed from those given.
pub(crate) struct Made {
    pub(crate) set: AlgorithmSet,
    pub(crate) opc: Option<Secret<16>>,
    pub(crate) topc: Option<Secret<32>>,
}

/// Lengths that an algorithm set leaves open.
#[derive(Clone, Copy, Default)]
pub(crate) struct Shape {
    /// Octets of RES; by the algorithm set where absent.
    pub(crate) res_length: Option<usize>,
    /// Keccak permutations of TUAK; 1 where absent.
    pub(crate) iterations: Option<u8>,
}

#[expect(clippy::unnecessary_wraps, reason = "clap wants a Result")]
pub(crate) fn source(text: &str) -> Result<KeyText, String> {
    Ok(KeyText::from(text))
}

/// Warns of keys that stand on the command line themselves, and refuses them in production (ruling 5).
pub(crate) fn no_bare_keys<'a>(
    keys: impl IntoIterator<Item = (&'a str, &'a Option<KeyText>)>,
) -> Result<(), String> {
    for (option, key) in keys {
        if key.as_ref().is_some_and(KeyText::is_bare_on_command_line) {
            if production_here() {
                return Err(format!(
                    "{option}: a bare key isn't allowed with production = true: use @FILE, env:NAME or -"
                ));
            }
            advice::warn(&format!(
                "{option}: a key on the command line is seen by others; use @FILE, env:NAME or -"
            ));
        }
    }
    Ok(())
}

impl SimArgs {
    /// Every key with its option.
    pub(crate) fn keys(&self) -> [(&'static str, &Option<KeyText>); 5] {
        [
            ("--k", &self.k),
            ("--opc", &self.opc),
            ("--op", &self.op),
            ("--topc", &self.topc),
            ("--top", &self.top),
        ]
    }

    /// True if a key of the operator is given.
    pub(crate) const fn has_operator_key(&self) -> bool {
        self.opc.is_some() || self.op.is_some() || self.topc.is_some() || self.top.is_some()
    }

    fn name(&self) -> Name {
        let tuak = self.topc.is_some() || self.top.is_some();
        self.algorithm
            .unwrap_or(if tuak { Name::Tuak } else { Name::Milenage })
    }

    /// Each algorithm set has keys of its own, and all of them or none.
    fn check(&self) -> Result<(), String> {
        let milenage = self.opc.is_some() || self.op.is_some();
        let tuak = self.topc.is_some() || self.top.is_some();
        match self.name() {
            Name::Milenage if tuak => Err("TOPc and TOP belong to TUAK: Milenage takes --opc or --op".into()),
            Name::Milenage if self.k.is_some() != milenage => {
                Err("give K together with OPc or OP: --k and --opc, or --k and --op".into())
            }
            Name::Tuak if milenage => Err("OPc and OP belong to Milenage: TUAK takes --topc or --top".into()),
            Name::Tuak if self.k.is_some() != tuak => {
                Err("give K together with TOPc or TOP: --k and --topc, or --k and --top".into())
            }
            Name::Xor if milenage || tuak => {
                Err("XOR has no key but K: leave OPc, OP, TOPc and TOP out".into())
            }
            _ => Ok(()),
        }
    }

    /// The algorithm set with these keys; with random ones where none is given.
    pub(crate) fn algorithm(&self, entropy: &mut dyn Entropy) -> Result<AlgorithmSet, String> {
        self.make(entropy, Shape::default()).map(|made| made.set)
    }

    /// The same, with what was computed on the way.
    pub(crate) fn make(&self, entropy: &mut dyn Entropy, shape: Shape) -> Result<Made, String> {
        self.check()?;
        if shape.iterations.is_some() && self.name() != Name::Tuak {
            return Err("--iterations is for TUAK only".into());
        }
        match self.name() {
            Name::Milenage => self.milenage(entropy, shape),
            Name::Tuak => self.tuak(entropy, shape),
            Name::Xor => {
                let set = Xor::new(&or_random(self.k.as_ref(), "--k", entropy)?);
                let set = match shape.res_length {
                    Some(n) => set.with_res_length(n).map_err(|e| format!("--res-length: {e}"))?,
                    None => set,
                };
                Ok(Made::of(set))
            }
        }
    }

    fn milenage(&self, entropy: &mut dyn Entropy, shape: Shape) -> Result<Made, String> {
        let k = or_random(self.k.as_ref(), "--k", entropy)?;
        let computed = match &self.op {
            Some(op) => Some(Milenage::opc(&k, &op.read("--op")?)),
            None => None,
        };
        let set = match &computed {
            Some(opc) => Milenage::new(&k, opc),
            None => Milenage::new(&k, &or_random(self.opc.as_ref(), "--opc", entropy)?),
        };
        let set = match shape.res_length {
            Some(n) => set.with_res_length(n).map_err(|e| format!("--res-length: {e}"))?,
            None => set,
        };
        Ok(Made {
            opc: computed,
            ..Made::of(set)
        })
    }

    fn tuak(&self, entropy: &mut dyn Entropy, shape: Shape) -> Result<Made, String> {
        let k = match &self.k {
            Some(k) => k.read_16_or_32("--k")?,
            None => SecretBytes::from(or_random::<16>(None, "--k", entropy)?.expose().as_slice()),
        };
        let iterations = shape.iterations.unwrap_or(1);
        let words = |e: tuak::TuakLength| e.to_string();
        let lengths =
            tuak::Lengths::new(8, shape.res_length.unwrap_or(8), 16, 16, iterations).map_err(words)?;
        let computed = match &self.top {
            Some(top) => Some(Tuak::topc(&k, &top.read("--top")?, iterations).map_err(words)?),
            None => None,
        };
        let set = match &computed {
            Some(topc) => Tuak::new(&k, topc, lengths),
            None => Tuak::new(&k, &or_random(self.topc.as_ref(), "--topc", entropy)?, lengths),
        };
        Ok(Made {
            topc: computed,
            ..Made::of(set.map_err(words)?)
        })
    }
}

impl Made {
    fn of(set: impl Into<AlgorithmSet>) -> Self {
        Self {
            set: set.into(),
            opc: None,
            topc: None,
        }
    }
}

/// A value of an option, with the words of its own error.
pub(crate) fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|e: T::Err| e.to_string())
}

pub(crate) fn mnc_length(text: &str) -> Result<MncLength, String> {
    match text {
        "2" => Ok(MncLength::Two),
        "3" => Ok(MncLength::Three),
        _ => Err("an MNC has 2 or 3 digits".into()),
    }
}

fn or_random<const N: usize>(
    key: Option<&KeyText>,
    option: &str,
    mut entropy: &mut dyn Entropy,
) -> Result<Secret<N>, String> {
    match key {
        Some(key) => key.read(option),
        None => (&mut entropy).array().map(Secret::new).map_err(|e| e.to_string()),
    }
}
