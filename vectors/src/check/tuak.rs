//! TUAK at all its lengths, and the permutation under it.

use aka::{
    Algorithm, Amf, Tuak,
    tuak::{Lengths, keccak_f1600},
};

use crate::fields::{Checked, Fields, Problem};

pub(super) fn check(f: &Fields<'_>) -> Checked {
    let algorithm = f.text_or("algorithm", "tuak")?;
    if algorithm != "tuak" {
        return Err(f.problem("algorithm", "tuak", algorithm));
    }
    let k = f.secret_bytes("K")?;
    let lengths = Lengths::new(
        octets(f, "MAC_len")?,
        octets(f, "RES_len")?,
        octets(f, "CK_len")?,
        octets(f, "IK_len")?,
        f.small("KeccakIterations")?,
    )
    .map_err(f.refused("MAC_len"))?;
    let topc = if f.has("TOP") {
        let topc = Tuak::topc(&k, &f.secret("TOP")?, f.small("KeccakIterations")?).map_err(f.refused("K"))?;
        f.same("TOPc", topc.expose());
        topc
    } else {
        f.secret("TOPc")?
    };
    let tuak = Tuak::new(&k, &topc, lengths).map_err(f.refused("K"))?;
    let (rand, sqn, amf) = (f.rand("RAND")?, f.sqn("SQN")?, Amf::new(f.array("AMF")?));
    f.same("f1", tuak.mac_a(&rand, sqn, amf).expose());
    f.same("f1star", tuak.mac_s(&rand, sqn, amf).expose());
    let out = tuak.outputs(&rand);
    f.same("f2", out.res.expose());
    f.same("f3", out.ck.expose());
    f.same("f4", out.ik.expose());
    f.same("f5", out.ak);
    f.same("f5star", tuak.f5_star(&rand));
    f.same("AUTN", tuak.vector(&rand, sqn, amf).autn.octets());
    Ok(())
}

/// A length that the vector gives in bits.
fn octets(f: &Fields<'_>, name: &str) -> Result<usize, Problem> {
    let bits: usize = f.small(name)?;
    if bits.is_multiple_of(8) {
        Ok(bits / 8)
    } else {
        Err(f.problem(name, "whole octets, in bits", bits))
    }
}

pub(super) fn keccak(f: &Fields<'_>) -> Checked {
    f.same("out", keccak_f1600(f.array("in")?));
    Ok(())
}
