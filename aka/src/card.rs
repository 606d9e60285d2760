//! What a USIM does with a challenge (TS 33.102 6.3.3): the MAC first, then the sequence number.

use base::Secret;
use zeroize::Zeroize;

use crate::{Algorithm, Autn, Auts, F2345, Rand, Res, Sqn, auts, sqn::SqnArray};

/// The card's answer. Outcomes of the protocol, not errors.
pub enum Check {
    /// The network is genuine and the vector fresh.
    Accept {
        /// RES.
        res: Res,
        /// CK.
        ck: Secret<16>,
        /// IK.
        ik: Secret<16>,
        /// The number that was accepted and recorded.
        sqn: Sqn,
    },
    /// MAC-A is wrong: another K, OPc or algorithm, or a forged challenge.
    MacFailure,
    /// MAC-A is right, but the number isn't acceptable; AUTS tells the home side where the card stands.
    SyncFailure(Auts),
}

/// Checks MAC-A, then SQN against the array; the array changes only if the answer is [`Check::Accept`].
#[must_use]
//= TS33.102-6.3.3-r1
pub fn authenticate(
    alg: &(impl Algorithm + ?Sized),
    array: &mut SqnArray,
    rand: &Rand,
    autn: &Autn,
) -> Check {
    let F2345 { res, ck, ik, mut ak } = alg.f2345(rand);
    let sqn = Sqn::from_octets(Sqn::from_octets(autn.sqn_xor_ak()).xor(ak));
    ak.zeroize();
    if !alg.f1(rand, sqn, autn.amf()).ct_eq(&autn.mac()) {
        return Check::MacFailure;
    }
    match array.accept(sqn) {
        Ok(()) => Check::Accept { res, ck, ik, sqn },
        Err(_) => Check::SyncFailure(auts::build(alg, rand, array.highest())),
    }
}
