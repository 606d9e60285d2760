//! Properties: round trips, MACs that hold and break, the SQN array against the words of annex C.2.

use aka::{
    Algorithm, Amf, Autn, Auts, Check, Milenage, Rand, Res, Sqn, Tuak, authenticate, auts, gba_u, gsm,
    sqn::{Refused, SqnArray, SqnProfile, home},
    tuak::Lengths,
};
use base::{Secret, SecretBytes};
use proptest::prelude::*;

use super::{algorithms, assert_vector_is_its_parts};

fn sqns() -> impl Strategy<Value = Sqn> {
    (0..=Sqn::MAX.value()).prop_map(|n| Sqn::new(n).unwrap())
}

proptest! {
    #[test]
    fn text_of_any_kind_is_read_or_refused(text in any::<String>()) {
        let _ = (text.parse::<Rand>(), text.parse::<Autn>(), text.parse::<Auts>(), text.parse::<Sqn>());
        if let Ok(amf) = text.parse::<Amf>() {
            prop_assert_eq!(amf.to_string(), text.to_lowercase());
        }
    }

    #[test]
    fn octets_come_back(octets in any::<[u8; 16]>(), short in proptest::collection::vec(any::<u8>(), 0..20)) {
        let autn = Autn::new(octets);
        prop_assert_eq!(autn.to_string().parse(), Ok(autn));
        prop_assert_eq!(Autn::from_parts(autn.sqn_xor_ak(), autn.amf(), autn.mac()), autn);
        prop_assert_eq!(Autn::try_from(&short[..]).is_ok(), short.len() == 16);
        prop_assert_eq!(Auts::try_from(&short[..]).is_ok(), short.len() == 14);
        if let Ok(auts) = Auts::try_from(&short[..]) {
            prop_assert_eq!(Auts::from_parts(auts.sqn_xor_ak(), auts.mac()), auts);
        }
    }

    //= TS33.102-C.1.2-r1
    #[test]
    fn sqn_is_seq_and_ind(sqn in sqns(), bits in 0u8..48) {
        prop_assert_eq!(Sqn::from_parts(sqn.seq(bits), sqn.ind(bits), bits), Some(sqn));
        prop_assert_eq!(Sqn::from_octets(sqn.octets()), sqn);
        prop_assert_eq!(sqn.to_string().parse(), Ok(sqn));
        prop_assert_eq!(Sqn::new(sqn.value() + Sqn::MAX.value() + 1), None);
        prop_assert_eq!(Sqn::from_parts(0, 1 << bits, bits), None);
        prop_assert_eq!(Sqn::from_octets(sqn.xor([0xff; 6])).xor([0xff; 6]), sqn.octets());
    }

    #[test]
    fn res_has_4_to_16_octets(octets in proptest::collection::vec(any::<u8>(), 0..24)) {
        match Res::new(&octets) {
            Ok(res) => {
                prop_assert!((4..=16).contains(&octets.len()));
                prop_assert_eq!(res.expose(), &octets[..]);
                let flipped = res.flipped_lsb();
                let mut expected = octets.clone();
                *expected.last_mut().unwrap() ^= 1;
                prop_assert_eq!(flipped.expose(), &expected[..]);
                prop_assert!(!flipped.ct_eq(&res) && flipped.flipped_lsb().ct_eq(&res));
                prop_assert!(res.duplicate().ct_eq(&res));
            }
            Err(e) => {
                prop_assert!(!(4..=16).contains(&octets.len()));
                prop_assert_eq!(e.got, octets.len());
            }
        }
    }

    //= TS33.102-6.3.3-r2
    #[test]
    fn a_vector_is_accepted_once_and_then_answered_with_auts(
        seed in any::<u64>(), rand in any::<[u8; 16]>(), amf in any::<[u8; 2]>(), seq in 1u64..1 << 28, ind in 0u64..32,
    ) {
        let (rand, amf, sqn) = (Rand::new(rand), Amf::new(amf), Sqn::from_parts(seq, ind, 5).unwrap());
        for alg in algorithms(seed) {
            assert_vector_is_its_parts(&alg, &rand, sqn, amf);
            let vector = alg.vector(&rand, sqn, amf);
            let mut array = SqnArray::new(SqnProfile::default());
            let Check::Accept { res, ck, ik, sqn: accepted } = authenticate(&alg, &mut array, &rand, &vector.autn)
            else { panic!("refused") };
            prop_assert!(res.ct_eq(&vector.xres) && ck.ct_eq(&vector.ck) && ik.ct_eq(&vector.ik));
            prop_assert_eq!((accepted, array.highest()), (sqn, sqn));
            let Check::SyncFailure(auts) = authenticate(&alg, &mut array, &rand, &vector.autn)
            else { panic!("accepted twice") };
            prop_assert_eq!(auts::verify(&alg, &rand, &auts), Some(sqn));
        }
    }

    //= TS33.102-6.3.3-r1
    #[test]
    fn a_changed_autn_is_a_mac_failure_that_changes_nothing(
        seed in any::<u64>(), rand in any::<[u8; 16]>(), sqn in 32u64..1 << 30, bit in 0usize..128,
    ) {
        let (rand, sqn) = (Rand::new(rand), Sqn::new(sqn).unwrap());
        for alg in algorithms(seed) {
            let mut octets = *alg.vector(&rand, sqn, Amf::new([0x80, 0])).autn.octets();
            octets[bit / 8] ^= 1 << (bit % 8);
            let mut array = SqnArray::new(SqnProfile::default());
            prop_assert!(matches!(
                authenticate(&alg, &mut array, &rand, &Autn::new(octets)), Check::MacFailure
            ));
            prop_assert_eq!(array, SqnArray::new(SqnProfile::default()));
        }
    }

    #[test]
    fn a_changed_auts_is_refused(
        seed in any::<u64>(), rand in any::<[u8; 16]>(), sqn in sqns(), bit in 0usize..112,
    ) {
        let rand = Rand::new(rand);
        for alg in algorithms(seed) {
            let good = auts::build(&alg, &rand, sqn);
            prop_assert_eq!(auts::verify(&alg, &rand, &good), Some(sqn));
            let mut octets = *good.octets();
            octets[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(auts::verify(&alg, &rand, &Auts::new(octets)), None);
        }
    }

    //= TS33.220-5.3.2-r1
    #[test]
    fn mac_star_is_its_own_inverse_and_changes_the_mac_only(autn in any::<[u8; 16]>(), ik in any::<[u8; 16]>()) {
        let (autn, ik) = (Autn::new(autn), Secret::new(ik));
        let star = gba_u::mac_star(&autn, &ik);
        prop_assert_ne!(star, autn);
        prop_assert_eq!(star.with_mac(autn.mac()), autn);
        prop_assert_eq!(gba_u::mac_star(&star, &ik), autn);
    }

    //= TS33.102-C.2-r1
    //= TS33.102-C.2-r2
    //= TS33.102-C.2-r3
    //= TS33.102-C.2-r4
    #[test]
    fn the_array_follows_annex_c_2(
        numbers in proptest::collection::vec(0u64..1 << 8, 1..60),
        bits in 0u8..4, delta in 0u64..40, l in proptest::option::of(0u64..40),
    ) {
        let profile = SqnProfile { ind_bits: bits, delta, l };
        let mut array = SqnArray::new(profile);
        let mut accepted: Vec<Sqn> = Vec::new();
        for sqn in numbers.into_iter().map(|n| Sqn::new(n).unwrap()) {
            // The clause in its own words, over the list of all numbers accepted so far.
            let seq = sqn.seq(bits);
            let seq_ms = accepted.iter().map(|s| s.seq(bits)).max().unwrap_or(0);
            let same_ind = accepted.iter().filter(|s| s.ind(bits) == sqn.ind(bits)).map(|s| s.seq(bits)).max();
            let expected = if seq > seq_ms + delta {
                Err(Refused::TooFarAhead)
            } else if seq <= same_ind.unwrap_or(0) {
                Err(Refused::NotFresh)
            } else if l.is_some_and(|l| seq + l <= seq_ms) {
                Err(Refused::TooOld)
            } else {
                Ok(())
            };
            let before = array.clone();
            prop_assert_eq!(array.check(sqn), expected);
            prop_assert_eq!(array.accept(sqn), expected);
            if expected.is_ok() {
                accepted.push(sqn);
            } else {
                prop_assert_eq!(&array, &before);
            }
            prop_assert_eq!(array.highest(), accepted.iter().copied().max().unwrap_or_default());
        }
        prop_assert_eq!(SqnArray::with_seq_ms(profile, array.seq_ms()), Ok(array));
    }

    #[test]
    fn the_next_number_is_accepted_by_a_card_in_step(sqn in sqns(), ind in any::<u64>()) {
        let profile = SqnProfile::default();
        let next = home::next(profile, sqn, ind);
        if sqn.seq(5) == Sqn::MAX.seq(5) {
            prop_assert_eq!(home::checked_next(profile, sqn, ind), None);
        } else {
            prop_assert_eq!((next.seq(5), next.ind(5)), (sqn.seq(5) + 1, ind % 32));
            let mut seq_ms = [0; 32];
            seq_ms[usize::try_from(sqn.ind(5)).unwrap()] = sqn.seq(5);
            prop_assert_eq!(SqnArray::with_seq_ms(profile, &seq_ms).unwrap().check(next), Ok(()));
        }
    }

    //= TS33.102-6.8.2.3-r1
    #[test]
    fn c2_pads_and_c4_c5_undo_nothing_of_c3(ck in any::<[u8; 16]>(), kc in any::<[u8; 8]>(), res in any::<[u8; 4]>()) {
        let sres = gsm::c2(&Res::new(&res).unwrap());
        prop_assert_eq!(sres.expose(), &res);
        // CK = Kc ‖ Kc cancels itself in c3, so that c3 of c4 and c5 is that of IK alone.
        let kc = Secret::new(kc);
        let (c4, c5) = (gsm::c4(&kc), gsm::c5(&kc));
        prop_assert!(gsm::c3(&c4, &c5).ct_eq(&gsm::c3(&Secret::new([0; 16]), &c5)));
        let ck = Secret::new(ck);
        prop_assert!(gsm::c3(&ck, &ck).ct_eq(&Secret::new([0; 8])));
    }
}

#[test]
fn the_array_never_grows_past_its_bound() {
    let profile = SqnProfile {
        ind_bits: 255,
        ..SqnProfile::default()
    };
    assert_eq!(
        SqnArray::new(profile).seq_ms().len(),
        1 << SqnProfile::MAX_IND_BITS
    );
    let short = SqnArray::with_seq_ms(SqnProfile::default(), &[0; 31]).unwrap_err();
    assert_eq!(
        short.to_string(),
        "the SEQ array must have 32 elements of at most 8796093022207"
    );
    let mut high = [0; 32];
    high[3] = 1 << 43;
    assert!(SqnArray::with_seq_ms(SqnProfile::default(), &high).is_err());
}

//= TS35.231-6-r3
#[test]
fn lengths_that_an_algorithm_lacks_are_refused_with_what_it_has() {
    let k = Secret::new([1; 16]);
    let rand = Rand::new([7; 16]);
    let whole = Milenage::new(&k, &k).f2345(&rand).res;
    for n in 4..=8 {
        let cut = Milenage::new(&k, &k).with_res_length(n).unwrap().f2345(&rand).res;
        assert_eq!(cut.expose(), &whole.expose()[..n]);
    }
    for n in [0, 3, 9, 16] {
        let e = Milenage::new(&k, &k).with_res_length(n).err().unwrap();
        assert_eq!(e.to_string(), format!("RES has 4 to 8 octets here, got {n}"));
    }
    assert!(aka::Xor::new(&k).with_res_length(17).is_err());
    assert_eq!(
        aka::Xor::new(&k)
            .with_res_length(5)
            .unwrap()
            .f2345(&rand)
            .res
            .len(),
        5
    );

    for bad in [
        Lengths::new(9, 8, 16, 16, 1),
        Lengths::new(8, 5, 16, 16, 1),
        Lengths::new(8, 8, 8, 16, 1),
    ] {
        assert!(bad.is_err());
    }
    assert!(Lengths::new(8, 8, 16, 24, 1).is_err() && Lengths::new(8, 8, 16, 16, 0).is_err());
    let e = Tuak::new(
        &SecretBytes::new(vec![0; 24]),
        &Secret::new([0; 32]),
        Lengths::AKA,
    )
    .err()
    .unwrap();
    assert_eq!(e.to_string(), "TUAK: K has 16 or 32 octets, got 24");
}

//= TS35.231-6-r3
#[test]
fn tuak_as_an_algorithm_gives_the_first_octets_of_longer_outputs() {
    let lengths = Lengths::new(8, 32, 16, 16, 1).unwrap();
    let tuak = Tuak::new(&SecretBytes::new(vec![3; 32]), &Secret::new([5; 32]), lengths).unwrap();
    let rand = Rand::new([7; 16]);
    let (short, long) = (tuak.f2345(&rand), tuak.outputs(&rand));
    assert_eq!(long.res.len(), 32);
    assert_eq!(short.res.len(), 16);
    assert_eq!(short.ck.expose(), long.ck.expose());
}
