//! The algorithm set that a vector names, with its keys.

use aka::{AlgorithmSet, Milenage, Tuak, Xor, tuak::Lengths};
use base::Secret;

use crate::fields::{Fields, Problem};

/// Octets of a field in hex, for the length of RES.
pub(super) fn octets_of(f: &Fields<'_>, name: &str) -> Result<usize, Problem> {
    f.octets(name).map(|o| o.len())
}

/// `algorithm` (Milenage if absent) with K and OPc, TOPc or nothing more, and a RES of that many octets.
pub(super) fn read(f: &Fields<'_>, res_octets: Option<usize>) -> Result<AlgorithmSet, Problem> {
    match f.text_or("algorithm", "milenage")? {
        "milenage" => milenage(f, "K", res_octets).map(AlgorithmSet::from),
        "xor" => xor(f, res_octets).map(AlgorithmSet::from),
        "tuak" => {
            let res = res_octets.unwrap_or(8);
            let lengths = Lengths::new(8, res, 16, 16, 1).map_err(f.refused("algorithm"))?;
            Tuak::new(&f.secret_bytes("K")?, &f.secret("TOPc")?, lengths)
                .map(AlgorithmSet::from)
                .map_err(f.refused("K"))
        }
        other => Err(f.problem("algorithm", "milenage, xor or tuak", other)),
    }
}

/// Milenage under the key in `key`, with OPc as given or computed from OP.
pub(super) fn milenage(f: &Fields<'_>, key: &str, res_octets: Option<usize>) -> Result<Milenage, Problem> {
    let k: Secret<16> = f.secret(key)?;
    let milenage = if f.has("OPc") {
        Milenage::new(&k, &f.secret("OPc")?)
    } else {
        Milenage::with_op(&k, &f.secret("OP")?)
    };
    match res_octets {
        Some(n) => milenage.with_res_length(n).map_err(f.refused(key)),
        None => Ok(milenage),
    }
}

fn xor(f: &Fields<'_>, res_octets: Option<usize>) -> Result<Xor, Problem> {
    let xor = Xor::new(&f.secret("K")?);
    match res_octets {
        Some(n) => xor.with_res_length(n).map_err(f.refused("K")),
        None => Ok(xor),
    }
}
