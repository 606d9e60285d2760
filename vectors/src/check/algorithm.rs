//! The algorithm set that a vector names, with its keys.

use aka::{AlgorithmSet, Milenage, Tuak, Xor, tuak::Lengths};
use base::Secret;

use crate::fields::{Fields, Problem};

/// How long RES is: as in that output of the vector. `None`: as the algorithm set has it.
#[derive(Clone, Copy)]
pub(super) struct ResLength<'a> {
    field: &'a str,
    octets: Option<usize>,
}

impl<'a> ResLength<'a> {
    /// The algorithm set's own.
    pub(super) const ANY: Self = Self {
        field: "algorithm",
        octets: None,
    };

    /// That of RES in this field. One that can't be read is told where it is compared.
    pub(super) fn of(f: &Fields<'_>, field: &'a str) -> Self {
        let octets = f.has(field).then(|| f.octets(field).ok()).flatten();
        Self {
            field,
            octets: octets.map(|o| o.len()),
        }
    }

    /// This many octets, as a field says that holds more than RES.
    pub(super) const fn new(field: &'a str, octets: Option<usize>) -> Self {
        Self { field, octets }
    }
}

/// `algorithm` (Milenage if absent) with K and OPc, TOPc or nothing more.
pub(super) fn read(f: &Fields<'_>, res: ResLength<'_>) -> Result<AlgorithmSet, Problem> {
    match f.text_or("algorithm", "milenage")? {
        "milenage" => milenage(f, "K", res).map(AlgorithmSet::from),
        "xor" => xor(f, res).map(AlgorithmSet::from),
        "tuak" => {
            let lengths =
                Lengths::new(8, res.octets.unwrap_or(8), 16, 16, 1).map_err(f.refused(res.field))?;
            Tuak::new(&f.secret_bytes("K")?, &f.secret("TOPc")?, lengths)
                .map(AlgorithmSet::from)
                .map_err(f.refused("K"))
        }
        other => Err(f.problem("algorithm", "milenage, xor or tuak", other)),
    }
}

/// Milenage under the key in `key`, with OPc as given or computed from OP.
pub(super) fn milenage(f: &Fields<'_>, key: &str, res: ResLength<'_>) -> Result<Milenage, Problem> {
    let k: Secret<16> = f.secret(key)?;
    let milenage = if f.has("OP") && !f.has("OPc") {
        Milenage::with_op(&k, &f.secret("OP")?)
    } else {
        Milenage::new(&k, &f.secret("OPc")?)
    };
    match res.octets {
        Some(n) => milenage.with_res_length(n).map_err(f.refused(res.field)),
        None => Ok(milenage),
    }
}

fn xor(f: &Fields<'_>, res: ResLength<'_>) -> Result<Xor, Problem> {
    let xor = Xor::new(&f.secret("K")?);
    match res.octets {
        Some(n) => xor.with_res_length(n).map_err(f.refused(res.field)),
        None => Ok(xor),
    }
}
