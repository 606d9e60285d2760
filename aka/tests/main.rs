//! What the algorithms, the card's and the home side's sequence numbers promise, as properties; the rulings that
//! this crate owns; and the crate `milenage` as oracle. Published values are in `vectors/`.
#![allow(
    clippy::unwrap_used,
    reason = "a test may panic, and its helpers are part of it"
)]

mod oracle;
mod properties;
mod rulings;
mod schemes;

use aka::{Algorithm, AlgorithmSet, Milenage, Tuak, Xor, tuak::Lengths};
use base::{Entropy, Secret, SecretBytes, SeededEntropy};

/// One of each kind, with keys from a seed.
fn algorithms(seed: u64) -> Vec<AlgorithmSet> {
    let mut e = SeededEntropy::new(seed);
    let k = Secret::new(e.array().unwrap());
    let opc = Secret::new(e.array().unwrap());
    let topc = Secret::new(e.array().unwrap());
    let k_octets = SecretBytes::from(&k.expose()[..]);
    vec![
        Milenage::new(&k, &opc).into(),
        Xor::new(&k).into(),
        Tuak::new(&k_octets, &topc, Lengths::AKA).unwrap().into(),
    ]
}

/// Whatever the order of calls, a vector is made of what the functions give one by one.
fn assert_vector_is_its_parts(alg: &impl Algorithm, rand: &aka::Rand, sqn: aka::Sqn, amf: aka::Amf) {
    let v = alg.vector(rand, sqn, amf);
    let parts = alg.f2345(rand);
    assert_eq!(v.autn.sqn_xor_ak(), sqn.xor(parts.ak));
    assert_eq!(v.autn.amf(), amf);
    assert!(alg.f1(rand, sqn, amf).ct_eq(&v.autn.mac()));
    assert!(v.xres.ct_eq(&parts.res) && v.ck.ct_eq(&parts.ck) && v.ik.ct_eq(&parts.ik));
    assert_eq!(&v.rand, rand);
}
