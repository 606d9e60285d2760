//! Milenage, and what every algorithm set shares: f1 to f5*, AUTN and the conversions to 2G.

use aka::{Algorithm, Amf, F2345, Milenage, gsm};

use super::algorithm::{self, ResLength};
use crate::fields::{Checked, Fields};

pub(super) fn check(f: &Fields<'_>) -> Checked {
    if f.has("OP") {
        f.same("OPc", Milenage::opc(&f.secret("K")?, &f.secret("OP")?).expose());
    }
    let milenage = algorithm::milenage(f, "K", ResLength::of(f, "f2"))?;
    functions(f, &milenage)
}

/// The fields f1 … f5star, AUTN, SRES_c2 and Kc_c3.
pub(super) fn functions(f: &Fields<'_>, alg: &impl Algorithm) -> Checked {
    let (rand, sqn, amf) = (f.rand("RAND")?, f.sqn("SQN")?, Amf::new(f.array("AMF")?));
    f.same("f1", alg.f1(&rand, sqn, amf).0);
    // f1* with the vector's AMF; AUTS uses AMF* = 0000.
    f.same("f1star", alg.f1_star(&rand, sqn, amf).0);
    let F2345 { res, ck, ik, ak } = alg.f2345(&rand);
    f.same("f2", res.expose());
    f.same("f3", ck.expose());
    f.same("f4", ik.expose());
    f.same("f5", ak);
    f.same("f5star", alg.f5_star(&rand));
    f.same("SRES_c2", gsm::c2(&res).expose());
    f.same("Kc_c3", gsm::c3(&ck, &ik).expose());
    // A vector is made on another path than its parts.
    let vector = alg.vector(&rand, sqn, amf);
    f.same("AUTN", vector.autn.octets());
    f.same("f2", vector.xres.expose());
    f.same("f3", vector.ck.expose());
    f.same("f4", vector.ik.expose());
    Ok(())
}
