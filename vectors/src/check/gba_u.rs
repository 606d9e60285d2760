//! MAC*, AUTN* and the flipped RES of GBA_U.

use aka::{Algorithm, Amf, Autn, gba_u};
use sha1::{Digest, Sha1};

use super::algorithm::{self, ResLength};
use crate::fields::{Checked, Fields};

pub(super) fn check(f: &Fields<'_>) -> Checked {
    let alg = algorithm::read(f, ResLength::of(f, "RES"))?;
    let vector = alg.vector(&f.rand("RAND")?, f.sqn("SQN")?, Amf::new(f.array("AMF")?));
    f.same("RES", vector.xres.expose());
    f.same("IK", vector.ik.expose());
    f.same("AUTN", vector.autn.octets());
    f.same("SHA1_IK", Sha1::digest(vector.ik.expose()));
    let star = gba_u::mac_star(&vector.autn, &vector.ik);
    f.same("MAC_star", star.mac());
    f.same("AUTN_star", star.octets());
    // The card's way back.
    if f.has("AUTN_star") {
        let undone = gba_u::mac_star(&Autn::new(f.array("AUTN_star")?), &vector.ik);
        f.same("AUTN", undone.octets());
    }
    f.same("RES_lsb_inverted", vector.xres.flipped_lsb().expose());
    Ok(())
}
