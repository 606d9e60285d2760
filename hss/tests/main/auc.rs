//! The authentication centre: ruling 1 (AUTS), ruling 2 (AMF), and no SQN for nothing.

use std::time::Duration;

use aka::{Algorithm, AlgorithmSet, Amf, Auts, Check, Milenage, Rand, Sqn, Tuak, Xor, auts, sqn::home, tuak};
use base::{NoEntropy, Secret, SecretBytes, Utc, hex};
use gba::ids::Impi;
use hss::{
    Auc, MemorySqnStore, Subscriber,
    auc::AucError,
    sqn::{Resync, SqnError, SqnRules, SqnStore},
};
use proptest::prelude::*;

use crate::help::*;

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}

/// TS 35.208 test set 1, as the BSF would get it with an AMF that nothing was changed of.
//= TS33.102-6.3.2-r1
//= TS35.208-4-r1
#[test]
fn the_first_vector_is_the_published_one() {
    let subscriber = subscriber()
        .with_first_sqn(sqn("ff9bb4d0b607"))
        .with_amf_as_is(Amf::new([0xb9, 0xb9]));
    let vector = run(auc(&[RAND]).vector(&subscriber, None, at(0))).unwrap();
    assert_eq!(vector.autn.to_string(), "55f328b43577b9b94a9ffac354dfafb3");
    assert_eq!(hex::encode(vector.xres.expose()), "a54211d5e3ba50bf");
    assert_eq!(
        hex::encode(vector.ck.expose()),
        "b40ba9a3c58b2a05bbf0d987b21bf8cb"
    );
    assert_eq!(
        hex::encode(vector.ik.expose()),
        "f769bcd751044604127672711c6d3441"
    );
}

//= TS33.102-6.3.5-r3
#[test]
fn ruling_02_vectors_have_no_separation_bit_also_after_a_resynchronisation() {
    let subscriber = subscriber().with_amf(Amf::new([0xb9, 0xb9]));
    let auc = auc(&[RAND]);
    let first = run(auc.vector(&subscriber, None, at(0))).unwrap();
    assert_eq!(first.autn.amf().to_string(), "39b9");
    let auts = auts::build(&milenage(), &first.rand, sqn("0b604a81eca8"));
    let second = run(auc.vector(&subscriber, Some((&first.rand, &auts)), at(1))).unwrap();
    // Not the all-zero AMF* of AUTS.
    assert_eq!(second.autn.amf().to_string(), "39b9");
}

/// Whatever the card's SQN: in sync after exactly one AUTS and one new vector.
//= TS33.102-6.3.5-r3
#[test]
fn ruling_01_one_auts_brings_the_next_vector_to_the_card() {
    for sqn_ms in [
        "0b604a81eca8",
        "f1e8a523a36d",
        "16f3b3f70fc2",
        "000000000021",
        "ffffffffff00",
    ] {
        let (subscriber, auc) = (subscriber(), auc(&[]));
        let mut card = Card::new();
        let seq = sqn(sqn_ms).seq(5);
        card.array.clone_from(
            &aka::sqn::SqnArray::with_seq_ms(aka::sqn::SqnProfile::default(), &[seq; 32]).unwrap(),
        );
        let vector = run(auc.vector(&subscriber, None, at(0))).unwrap();
        let Check::SyncFailure(auts) = card.run(&vector) else {
            panic!("{sqn_ms}: the card took SQN 1")
        };
        let vector = run(auc.vector(&subscriber, Some((&vector.rand, &auts)), at(1))).unwrap();
        assert!(matches!(card.run(&vector), Check::Accept { .. }), "{sqn_ms}");
    }
}

/// The home side runs more than Δ ahead of the card (a restored card, a wrong --sqn): lowered by the AUTS.
//= TS33.102-6.3.5-r2
#[test]
fn ruling_01_auts_lowers_sqn_he_when_the_next_sqn_would_be_refused() {
    let subscriber = subscriber().with_first_sqn(sqn("f00000000000"));
    let auc = auc(&[]);
    let mut card = Card::new();
    let vector = run(auc.vector(&subscriber, None, at(0))).unwrap();
    let Check::SyncFailure(auts) = card.run(&vector) else {
        panic!("the card took a jump over delta")
    };
    let vector = run(auc.vector(&subscriber, Some((&vector.rand, &auts)), at(1))).unwrap();
    assert!(matches!(card.run(&vector), Check::Accept { .. }));
    assert_eq!(sqn_of(&vector).seq(5), 1);
}

/// A card that would accept the next SQN doesn't move SQN_HE with its AUTS: an old vector was offered to it.
//= TS33.102-6.3.5-r2
#[test]
fn ruling_01_auts_leaves_sqn_he_when_the_next_sqn_would_be_accepted() {
    let (subscriber, auc) = (subscriber(), auc(&[]));
    let mut card = Card::new();
    let old = run(auc.vector(&subscriber, None, at(0))).unwrap();
    let new = run(auc.vector(&subscriber, None, at(0))).unwrap();
    assert!(matches!(card.run(&new), Check::Accept { .. }));
    let Check::SyncFailure(auts) = card.run(&old) else {
        panic!("the card took an old SQN")
    };
    let next = run(auc.vector(&subscriber, Some((&old.rand, &auts)), at(1))).unwrap();
    assert_eq!(sqn_of(&next).seq(5), sqn_of(&new).seq(5) + 1);
    assert!(matches!(card.run(&next), Check::Accept { .. }));
}

//= TS33.102-6.3.5-r1
#[test]
fn ruling_01_a_wrong_auts_changes_nothing() {
    let (subscriber, auc) = (subscriber(), auc(&[]));
    let mut last = sqn("000000000000");
    for bit in 0..14 * 8 {
        let vector = run(auc.vector(&subscriber, None, at(0))).unwrap();
        let mut octets = *auts::build(&milenage(), &vector.rand, sqn("0b604a81eca8")).octets();
        octets[bit / 8] ^= 1 << (bit % 8);
        let wrong = Auts::new(octets);
        let refused = run(auc.vector(&subscriber, Some((&vector.rand, &wrong)), at(1)));
        assert_eq!(refused.err(), Some(AucError::MacS), "bit {bit}");
        if bit > 0 {
            assert_eq!(sqn_of(&vector).seq(5), last.seq(5) + 1, "bit {}", bit - 1);
        }
        last = sqn_of(&vector);
    }
}

/// MAC-S over the subscriber's AMF instead of AMF* = 0000: another network's mistake, not ours.
//= TS33.102-6.3.3-r3
#[test]
fn ruling_01_auts_with_another_amf_is_refused() {
    let (subscriber, auc) = (subscriber().with_amf(Amf::new([0x80, 0])), auc(&[]));
    let vector = run(auc.vector(&subscriber, None, at(0))).unwrap();
    let sqn_ms = sqn("0b604a81eca8");
    let ak = milenage().f5_star(&vector.rand);
    let mac = milenage().f1_star(&vector.rand, sqn_ms, Amf::new([0x80, 0])).0;
    let auts = Auts::from_parts(sqn_ms.xor(ak), mac);
    assert_eq!(
        run(auc.vector(&subscriber, Some((&vector.rand, &auts)), at(1))).err(),
        Some(AucError::MacS)
    );
}

#[test]
fn ruling_01_auts_counts_once_for_a_live_rand_of_this_subscriber() {
    let (subscriber, auc) = (subscriber(), auc(&[]).with_rand_lifetime(Duration::from_secs(60)));
    let other = Subscriber::new("x@example.org".parse().unwrap(), milenage());
    let vector = run(auc.vector(&subscriber, None, at(0))).unwrap();
    let auts = auts::build(&milenage(), &vector.rand, sqn("0b604a81eca8"));
    let try_it =
        |subscriber, rand: &Rand, secs| run(auc.vector(subscriber, Some((rand, &auts)), at(secs))).err();

    // Never issued; issued to somebody else with the same K; too late.
    assert_eq!(try_it(&subscriber, &rand(), 1), Some(AucError::UnknownRand));
    assert_eq!(try_it(&other, &vector.rand, 1), Some(AucError::UnknownRand));
    assert_eq!(try_it(&subscriber, &vector.rand, 60), Some(AucError::UnknownRand));
    // None of these answered it: the right one still counts, and only once.
    assert_eq!(try_it(&subscriber, &vector.rand, 59), None);
    assert_eq!(try_it(&subscriber, &vector.rand, 59), Some(AucError::UnknownRand));
}

#[test]
fn ruling_01_a_wrong_auts_uses_up_the_one_answer() {
    let (subscriber, auc) = (subscriber(), auc(&[]));
    let vector = run(auc.vector(&subscriber, None, at(0))).unwrap();
    let wrong = Auts::new([0; 14]);
    let right = auts::build(&milenage(), &vector.rand, sqn("0b604a81eca8"));
    assert_eq!(
        run(auc.vector(&subscriber, Some((&vector.rand, &wrong)), at(1))).err(),
        Some(AucError::MacS)
    );
    assert_eq!(
        run(auc.vector(&subscriber, Some((&vector.rand, &right)), at(1))).err(),
        Some(AucError::UnknownRand)
    );
}

/// A source that repeats itself: the RAND is skipped, and if nothing else comes there is no vector.
//= TS33.102-6.3.2-r2
#[test]
fn ruling_01_no_pair_of_rand_and_sqn_twice() {
    let subscriber = subscriber();
    let auc = auc(&[RAND, RAND, RAND]);
    let first = run(auc.vector(&subscriber, None, at(0))).unwrap();
    let second = run(auc.vector(&subscriber, None, at(0))).unwrap();
    assert_eq!(first.rand, rand());
    assert_ne!(second.rand, rand());
    assert_eq!(sqn_of(&second).seq(5), sqn_of(&first).seq(5) + 1);

    struct Stuck;
    impl base::Entropy for Stuck {
        fn fill(&mut self, dst: &mut [u8]) -> Result<(), NoEntropy> {
            dst.fill(7);
            Ok(())
        }
    }
    let auc = Auc::new(MemorySqnStore::new(), Stuck);
    assert!(run(auc.vector(&subscriber, None, at(0))).is_ok());
    assert_eq!(
        run(auc.vector(&subscriber, None, at(0))).err(),
        Some(AucError::RepeatedRand)
    );
}

/// No randomness or no stored SQN: no vector, and no SQN is used up by the first of them.
#[test]
fn no_vector_without_randomness_or_a_stored_sqn() {
    struct NoSource;
    impl base::Entropy for NoSource {
        fn fill(&mut self, _: &mut [u8]) -> Result<(), NoEntropy> {
            Err(NoEntropy)
        }
    }
    struct NoDisk;
    impl SqnStore for NoDisk {
        async fn reserve_sqn(&self, _: &Impi, _: &SqnRules, _: Utc) -> Result<Sqn, SqnError> {
            Err(SqnError::ReadOnly)
        }
        async fn resync_sqn(&self, _: &Impi, _: &SqnRules, _: Sqn, _: Utc) -> Result<Resync, SqnError> {
            Err(SqnError::ReadOnly)
        }
    }
    let subscriber = subscriber();
    let store = std::sync::Arc::new(MemorySqnStore::new());
    let none = Auc::new(store.clone(), NoSource);
    assert_eq!(
        run(none.vector(&subscriber, None, at(0))).err(),
        Some(AucError::NoEntropy(NoEntropy))
    );
    let next = run(store.reserve_sqn(subscriber.impi(), subscriber.sqn_rules(), at(0).utc)).unwrap();
    assert_eq!(next, subscriber.sqn_rules().first);

    let none = Auc::new(NoDisk, Script::new(&[]));
    let refused = run(none.vector(&subscriber, None, at(0))).err();
    assert_eq!(refused, Some(AucError::Sqn(SqnError::ReadOnly)));
}

/// The vectors of auts.json through the whole AuC: the SQN that the next vector has.
#[test]
fn ruling_01_the_published_auts_move_sqn_he_as_they_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/auts.json");
    let file: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut checked = 0;
    for v in file["vectors"].as_array().unwrap() {
        let text = |key: &str| v[key].as_str();
        let secret = |key: &str| Secret::<16>::new(hex::array(text(key).unwrap()).unwrap());
        let make = || -> AlgorithmSet {
            match text("algorithm").unwrap() {
                "milenage" => Milenage::new(&secret("K"), &secret("OPc")).into(),
                "xor" => Xor::new(&secret("K")).into(),
                "tuak" => {
                    let k = SecretBytes::new(hex::decode(text("K").unwrap()).unwrap());
                    let topc = Secret::new(hex::array(text("TOPc").unwrap()).unwrap());
                    Tuak::new(&k, &topc, tuak::Lengths::new(8, 8, 16, 16, 1).unwrap())
                        .unwrap()
                        .into()
                }
                other => panic!("algorithm {other}"),
            }
        };
        let id = text("id").unwrap();
        let (rand, auts) = (text("RAND").unwrap(), text("AUTS").unwrap());
        let before = sqn(text("SQN_HE_before").unwrap_or("000000000021"));
        let subscriber = Subscriber::new(impi(), make()).with_first_sqn(before);
        let auc = auc(&[rand]);
        let issued = run(auc.vector(&subscriber, None, at(0))).unwrap();
        let next = run(auc.vector(&subscriber, Some((&issued.rand, &auts.parse().unwrap())), at(1)));
        let after = match (v["valid"].as_bool().unwrap(), next) {
            (false, next) => {
                assert_eq!(next.err(), Some(AucError::MacS), "{id}");
                before
            }
            (true, next) => {
                next.unwrap_or_else(|e| panic!("{id}: {e}"));
                let sqn_ms = sqn(text("SQN_MS").unwrap());
                let after = text("SQN_HE_after").map_or(sqn_ms, sqn);
                home::next(subscriber.sqn_rules().profile, after, subscriber.sqn_rules().ind)
            }
        };
        // One further vector tells where the store stands.
        let further = run(auc.vector(&subscriber, None, at(2))).unwrap();
        let ak = make().f2345(&further.rand).ak;
        let stands = Sqn::from_octets(Sqn::from_octets(further.autn.sqn_xor_ak()).xor(ak));
        let want = home::next(subscriber.sqn_rules().profile, after, subscriber.sqn_rules().ind);
        assert_eq!(stands, want, "{id}");
        checked += 1;
    }
    assert_eq!(checked, 12);
}

/// What may happen between a home side and a card.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A vector is taken and used.
    Use,
    /// A vector is taken and lost on the way.
    Lose,
    /// An older vector is offered to the card, and its AUTS, if any, is reported.
    OfferOld(usize),
    /// A forged AUTS for an older vector.
    Forge(usize),
    /// The card is replaced by a backup of its state from the start.
    RestoreCard,
    /// Another HSS has moved the card ahead.
    MoveCard(u32),
}

proptest! {
    /// Over any course of events: a card accepts no SQN twice (the card of the help module checks it), no pair of RAND
    /// and SQN comes twice, and one AUTS always gets the next vector accepted.
    #[test]
    fn ruling_01_holds_over_any_course_of_events(
        events in prop::collection::vec(
            prop_oneof![
                4 => Just(Event::Use),
                2 => Just(Event::Lose),
                2 => (0usize..8).prop_map(Event::OfferOld),
                1 => (0usize..8).prop_map(Event::Forge),
                1 => Just(Event::RestoreCard),
                1 => (1u32..1_000_000).prop_map(Event::MoveCard),
            ],
            1..40,
        ),
    ) {
        let (subscriber, auc) = (subscriber(), auc(&[]));
        let mut card = Card::new();
        let mut issued: Vec<aka::Vector> = Vec::new();
        let mut pairs = std::collections::HashSet::new();
        let mut take = |resync: Option<(&Rand, &Auts)>| {
            let vector = run(auc.vector(&subscriber, resync, at(0)));
            if let Ok(v) = &vector {
                assert!(pairs.insert((v.rand, sqn_of(v))));
            }
            vector
        };
        for event in events {
            match event {
                Event::Lose => issued.push(take(None).unwrap()),
                Event::Use => {
                    let vector = take(None).unwrap();
                    if let Check::SyncFailure(auts) = card.run(&vector) {
                        let again = take(Some((&vector.rand, &auts))).unwrap();
                        prop_assert!(matches!(card.run(&again), Check::Accept { .. }), "one AUTS was not enough");
                    }
                    issued.push(vector);
                }
                Event::OfferOld(n) => {
                    let Some(vector) = issued.len().checked_sub(n + 1).and_then(|i| issued.get(i)) else { continue };
                    if let Check::SyncFailure(auts) = card.run(vector) {
                        // Answered before, or live: either way the invariants hold.
                        if let Ok(again) = take(Some((&vector.rand, &auts))) {
                            prop_assert!(matches!(card.run(&again), Check::Accept { .. }), "not accepted");
                        }
                    }
                }
                Event::Forge(n) => {
                    let Some(vector) = issued.len().checked_sub(n + 1).and_then(|i| issued.get(i)) else { continue };
                    prop_assert!(take(Some((&vector.rand, &Auts::new([0x5a; 14])))).is_err());
                }
                Event::RestoreCard => card = Card::new(),
                Event::MoveCard(by) => {
                    let seq = card.array.highest().seq(5) + u64::from(by);
                    let mut all = card.array.seq_ms().to_vec();
                    all[3] = seq;
                    card.array = aka::sqn::SqnArray::with_seq_ms(card.array.profile(), &all).unwrap();
                }
            }
        }
    }
}
