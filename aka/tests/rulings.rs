//! The rulings this crate owns; each is a rule of the product.

use aka::{
    Algorithm, Amf, Auts, Check, Milenage, Rand, Sqn, authenticate, auts, gba_u,
    sqn::{SqnArray, SqnProfile, home},
};
use base::{Entropy, Secret, SeededEntropy};
use proptest::prelude::*;

fn subscriber() -> Milenage {
    Milenage::new(&Secret::new([0x11; 16]), &Secret::new([0x22; 16]))
}

fn sqn(seq: u64, ind: u64) -> Sqn {
    Sqn::from_parts(seq, ind, 5).unwrap()
}

//= TS33.102-6.3.5-r2
//= TS33.102-C.2-r2
#[test]
fn ruling_01_auts_moves_sqn_he_only_if_the_card_would_refuse_the_next_number() {
    let profile = SqnProfile {
        delta: 1000,
        ..SqnProfile::default()
    };
    // (SEQ_HE, SEQ_MS, moves)
    for (he, ms, moves) in [
        (100, 100, false),  // in step: 101 is accepted
        (99, 100, true),    // 100 was accepted: not higher
        (50, 100, true),    // the home side is behind
        (101, 100, false),  // ahead, within Δ
        (1099, 100, false), // 1100 is exactly Δ ahead
        (1100, 100, true),  // 1101 is more than Δ ahead: AUTS lowers SQN_HE
        (5000, 0, true),
    ] {
        let expected = moves.then_some(sqn(ms, 7));
        assert_eq!(
            home::resync(profile, sqn(he, 3), sqn(ms, 7)),
            expected,
            "SEQ_HE {he}, SEQ_MS {ms}"
        );
        let mut seq_ms = [0; 32];
        seq_ms[7] = ms;
        let card = SqnArray::with_seq_ms(profile, &seq_ms).unwrap();
        let refused = card.check(home::next(profile, sqn(he, 3), 7)).is_err();
        assert_eq!(refused, moves, "SEQ_HE {he}, SEQ_MS {ms}");
    }
}

//= TS33.102-6.3.5-r1
#[test]
fn ruling_01_an_auts_for_another_rand_or_from_another_card_moves_nothing() {
    let (card, other) = (
        subscriber(),
        Milenage::new(&Secret::new([0x33; 16]), &Secret::new([0x22; 16])),
    );
    let (rand, later) = (Rand::new([1; 16]), Rand::new([2; 16]));
    let genuine = auts::build(&card, &rand, sqn(5, 0));
    assert_eq!(auts::verify(&card, &rand, &genuine), Some(sqn(5, 0)));
    assert_eq!(auts::verify(&card, &later, &genuine), None);
    assert_eq!(auts::verify(&other, &rand, &genuine), None);
    assert_eq!(auts::verify(&card, &rand, &Auts::new([0; 14])), None);
}

proptest! {
    /// A home side that starts anywhere, a card that stands anywhere: one AUTS at most, and then the card accepts;
    /// and in the whole run no number is accepted twice.
    #[test]
    fn ruling_01_one_auts_brings_both_in_step_and_no_number_is_accepted_twice(
        he in 0u64..1 << 40, ms in 0u64..1 << 40, ind in 0u64..32, seed in any::<u64>(),
    ) {
        let (alg, profile, mut e) = (subscriber(), SqnProfile::default(), SeededEntropy::new(seed));
        let mut seq_ms = [0; 32];
        seq_ms[usize::try_from(ind).unwrap()] = ms;
        let mut card = SqnArray::with_seq_ms(profile, &seq_ms).unwrap();
        let mut sqn_he = sqn(he, 0);
        let (mut accepted, mut resyncs) = (Vec::new(), 0);
        for step in 0..8 {
            let rand = Rand::new(e.array().unwrap());
            sqn_he = home::next(profile, sqn_he, step);
            let vector = alg.vector(&rand, sqn_he, Amf::new([0, 0]));
            match authenticate(&alg, &mut card, &rand, &vector.autn) {
                Check::Accept { sqn, .. } => {
                    prop_assert!(!accepted.contains(&sqn));
                    accepted.push(sqn);
                }
                Check::SyncFailure(auts) => {
                    let sqn_ms = auts::verify(&alg, &rand, &auts);
                    prop_assert!(sqn_ms.is_some());
                    sqn_he = home::resync(profile, sqn_he, sqn_ms.unwrap_or_default()).unwrap_or(sqn_he);
                    resyncs += 1;
                }
                Check::MacFailure => prop_assert!(false, "MAC failure"),
            }
        }
        prop_assert!(resyncs <= 1 && accepted.len() >= 7, "{resyncs} resyncs");
    }
}

//= TS33.102-H-r1
#[test]
fn ruling_02_the_separation_bit_is_the_highest_of_amf() {
    let amf = Amf::new([0x40, 0x01]);
    assert_eq!(amf.with_separation_bit(true), Amf::new([0xc0, 0x01]));
    assert_eq!(amf.with_separation_bit(true).with_separation_bit(false), amf);
    assert!(!Amf::RESYNC.separation_bit() && Amf::RESYNC.with_separation_bit(true).separation_bit());
}

#[test]
fn ruling_02_a_card_accepts_any_amf() {
    for amf in [[0, 0], [0x80, 0], [0xff, 0xff], [0xb9, 0xb9]] {
        let (alg, rand) = (subscriber(), Rand::new([9; 16]));
        let vector = alg.vector(&rand, sqn(1, 0), Amf::new(amf));
        let mut card = SqnArray::new(SqnProfile::default());
        assert!(matches!(
            authenticate(&alg, &mut card, &rand, &vector.autn),
            Check::Accept { .. }
        ));
    }
}

#[test]
fn ruling_12_mac_star_separates_the_contexts_and_auts_stays_the_same() {
    let (alg, rand) = (subscriber(), Rand::new([4; 16]));
    let vector = alg.vector(&rand, sqn(1, 0), Amf::new([0, 0]));
    let star = gba_u::mac_star(&vector.autn, &vector.ik);
    let mut card = SqnArray::new(SqnProfile::default());
    // AUTN* where a plain one is expected, and a plain AUTN where the card undoes MAC*.
    assert!(matches!(
        authenticate(&alg, &mut card, &rand, &star),
        Check::MacFailure
    ));
    let undone = gba_u::mac_star(&vector.autn, &vector.ik);
    assert!(matches!(
        authenticate(&alg, &mut card, &rand, &undone),
        Check::MacFailure
    ));
    assert_eq!(card, SqnArray::new(SqnProfile::default()));
    // The right one, and then the AUTS of a repeat: the same as in the plain context.
    let undone = gba_u::mac_star(&star, &vector.ik);
    assert!(matches!(
        authenticate(&alg, &mut card, &rand, &undone),
        Check::Accept { .. }
    ));
    let Check::SyncFailure(auts) = authenticate(&alg, &mut card, &rand, &undone) else {
        panic!("accepted twice")
    };
    assert_eq!(auts, auts::build(&alg, &rand, sqn(1, 0)));
}
