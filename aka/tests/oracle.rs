//! The crate `milenage`, by another author, on 10 000 random inputs.

use aka::{Algorithm, Amf, Milenage, Rand, Sqn};
use base::{Entropy, Secret, SeededEntropy};

//= TS35.206-4.1-r1
#[test]
fn agrees_with_the_crate_milenage_on_10_000_random_inputs() {
    let mut e = SeededEntropy::new(35_206);
    for i in 0..10_000 {
        let (k, op, rand): ([u8; 16], [u8; 16], [u8; 16]) =
            (e.array().unwrap(), e.array().unwrap(), e.array().unwrap());
        let (sqn, amf): ([u8; 6], [u8; 2]) = (e.array().unwrap(), e.array().unwrap());
        let mut theirs = milenage::Milenage::new_with_op(k, op);
        let (res, ck, ik, ak) = theirs.f2345(&rand);

        let (k, op) = (Secret::new(k), Secret::new(op));
        let opc = Milenage::opc(&k, &op);
        assert_eq!(opc.expose(), theirs.opc(), "OPc of input {i}");
        let ours = Milenage::new(&k, &opc);
        let (number, field) = (Sqn::from_octets(sqn), Amf::new(amf));
        let (rand, octets) = (Rand::new(rand), rand);
        let f = ours.f2345(&rand);
        assert_eq!(f.res.expose(), res, "f2 of input {i}");
        assert_eq!(f.ck.expose(), &ck, "f3 of input {i}");
        assert_eq!(f.ik.expose(), &ik, "f4 of input {i}");
        assert_eq!(f.ak, ak, "f5 of input {i}");
        assert_eq!(
            ours.f1(&rand, number, field).0,
            theirs.f1(&octets, &sqn, &amf),
            "f1 of input {i}"
        );
        assert_eq!(
            ours.f1_star(&rand, number, field).0,
            theirs.f1star(&octets, &sqn, &amf),
            "f1* of input {i}"
        );
        assert_eq!(ours.f5_star(&rand), theirs.f5star(&octets), "f5* of input {i}");
        super::assert_vector_is_its_parts(&Milenage::with_op(&k, &op), &rand, number, field);
    }
}
