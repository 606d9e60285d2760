//! The work that the bench and the instruction count share: N vectors, each with its own K, RAND and SQN, key
//! schedule included. Both sides give AUTN, XRES, CK and IK. What surrounds them is kept cheap, so that it
//! doesn't blur what is counted.

use std::hint::black_box;

use aka::{Algorithm, Amf, Milenage, Rand, Sqn, Vector};
use base::Secret;

const OPC: [u8; 16] = *b"\xcd\x63\xcb\x71\x95\x4a\x9f\x4e\x48\xa5\x99\x4e\x37\xa0\x2b\xaf";
const AMF: [u8; 2] = [0xb9, 0xb9];

/// K or RAND of the i-th vector.
fn block(i: u64, salt: u64) -> [u8; 16] {
    (u128::from(i) << 64 | u128::from(salt)).to_le_bytes()
}

fn our_vector(i: u64, opc: &Secret<16>) -> Vector {
    let k = Secret::new(block(i, 1));
    let sqn = Sqn::new(i & 0xffff_ffff_ffff).unwrap_or_default();
    Milenage::new(&k, opc).vector(&Rand::new(block(i, 2)), sqn, Amf::new(AMF))
}

/// AUTN, XRES, CK, IK.
type Their = ([u8; 16], [u8; 8], [u8; 16], [u8; 16]);

fn their_vector(i: u64) -> Their {
    let [_, _, sqn @ ..] = i.to_be_bytes();
    let rand = block(i, 2);
    let mut m = milenage::Milenage::new_with_opc(block(i, 1), OPC);
    let (xres, ck, ik, ak) = m.f2345(&rand);
    let mac = m.f1(&rand, &sqn, &AMF);
    let mut autn = [0; 16];
    for (to, (a, b)) in autn.iter_mut().zip(sqn.iter().zip(&ak)) {
        *to = a ^ b;
    }
    autn[6..8].copy_from_slice(&AMF);
    autn[8..].copy_from_slice(&mac);
    (autn, xres, ck, ik)
}

/// N vectors by this crate.
pub(crate) fn ours(n: u64) {
    let opc = Secret::new(OPC);
    for i in 0..n {
        black_box(&our_vector(black_box(i), &opc));
    }
}

/// N vectors by the crate `milenage`.
pub(crate) fn theirs(n: u64) {
    for i in 0..n {
        black_box(&their_vector(black_box(i)));
    }
}

/// Whether both sides compute the same.
pub(crate) fn agree(i: u64) -> bool {
    let (ours, (autn, xres, ck, ik)) = (our_vector(i, &Secret::new(OPC)), their_vector(i));
    ours.autn.octets() == &autn
        && ours.xres.expose() == xres
        && ours.ck.expose() == &ck
        && ours.ik.expose() == &ik
}
