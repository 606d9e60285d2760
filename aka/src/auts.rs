//! Resynchronisation (TS 33.102 6.3.3, 6.3.5): the card's AUTS and the home side's check of it.

use zeroize::Zeroize;

use crate::{Algorithm, Amf, Auts, Rand, Sqn};

/// AUTS = SQN_MS xor f5*(RAND) ‖ f1*(RAND, SQN_MS, AMF* = 0000).
#[must_use]
//= TS33.102-6.3.3-r3
pub fn build(alg: &(impl Algorithm + ?Sized), rand: &Rand, sqn_ms: Sqn) -> Auts {
    let mut ak = alg.f5_star(rand);
    let auts = Auts::from_parts(sqn_ms.xor(ak), alg.f1_star(rand, sqn_ms, Amf::RESYNC).0);
    ak.zeroize();
    auts
}

/// SQN_MS if MAC-S is right, compared in constant time; `None` means that AUTS isn't from this card or not for
/// this RAND, and SQN_HE stays. What to do with SQN_MS says [`crate::sqn::home::resync`].
#[must_use]
//= TS33.102-6.3.5-r1
pub fn verify(alg: &(impl Algorithm + ?Sized), rand: &Rand, auts: &Auts) -> Option<Sqn> {
    let mut ak = alg.f5_star(rand);
    let sqn_ms = Sqn::from_octets(Sqn::from_octets(auts.sqn_xor_ak()).xor(ak));
    ak.zeroize();
    let mac_s = alg.f1_star(rand, sqn_ms, Amf::RESYNC);
    mac_s.ct_eq(&auts.mac()).then_some(sqn_ms)
}
