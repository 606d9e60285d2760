//! GSM-Milenage, the conversions c2 to c5, and the 2G test algorithm.

use aka::{Algorithm, F2345, Res, gsm};

use super::algorithm::{self, ResLength};
use crate::fields::{Checked, Fields};

pub(super) fn milenage(f: &Fields<'_>) -> Checked {
    let F2345 { res, ck, ik, .. } = algorithm::milenage(f, "Ki", ResLength::ANY)?.f2345(&f.rand("RAND")?);
    // SRES#1 folds RES by c2; SRES#2 cuts it (TS 55.205 4).
    f.same("SRES1", gsm::c2(&res).expose());
    f.same("SRES2", res.expose().get(..4).unwrap_or_default());
    f.same("Kc", gsm::c3(&ck, &ik).expose());
    Ok(())
}

pub(super) fn c2(f: &Fields<'_>) -> Checked {
    let res = Res::new(f.secret_bytes("RES")?.expose()).map_err(f.refused("RES"))?;
    f.same("SRES", gsm::c2(&res).expose());
    Ok(())
}

pub(super) fn c3(f: &Fields<'_>) -> Checked {
    f.same("Kc", gsm::c3(&f.secret("CK")?, &f.secret("IK")?).expose());
    Ok(())
}

pub(super) fn c4c5(f: &Fields<'_>) -> Checked {
    let kc = f.secret("Kc")?;
    f.same("CK", gsm::c4(&kc).expose());
    f.same("IK", gsm::c5(&kc).expose());
    Ok(())
}

pub(super) fn xor_2g(f: &Fields<'_>) -> Checked {
    let triplet = gsm::xor_2g(&f.secret("Ki")?, &f.rand("RAND")?);
    f.same("SRES", triplet.sres.expose());
    f.same("Kc", triplet.kc.expose());
    Ok(())
}
