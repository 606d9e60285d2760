//! The home side's schemes of annex C.1.1 and C.3 as properties: what a clock may do and what a card must accept.

use aka::{
    Sqn,
    sqn::{
        Domain, IndRange, Refused, SqnArray, SqnProfile,
        home::{self, Clock, Scheme},
    },
};
use base::Utc;
use proptest::{collection::vec, prelude::*};

/// Clocks near each other, which step both ways, and any others.
fn clocks() -> impl Strategy<Value = i64> {
    prop_oneof![
        1_900_000_000_i64..1_900_000_100,
        1_800_000_000_i64..2_000_000_000,
        any::<i64>()
    ]
}

fn schemes() -> impl Strategy<Value = Scheme> {
    let clock = || {
        (clocks(), prop_oneof![Just(1), Just(10), any::<u32>()]).prop_map(|(start, per_second)| Clock {
            start: Utc(start),
            per_second,
        })
    };
    prop_oneof![
        Just(Scheme::Counter),
        Just(Scheme::PROFILE_1),
        clocks().prop_map(|start| Scheme::profile_3(Utc(start))),
        (clock(), any::<u8>(), prop_oneof![0_u64..100, any::<u64>()])
            .prop_map(|(clock, seq2_bits, d)| Scheme::PartlyTimeBased { clock, seq2_bits, d }),
        (clock(), any::<i64>()).prop_map(|(clock, dif)| Scheme::TimeBased { clock, dif }),
    ]
}

fn profiles() -> impl Strategy<Value = SqnProfile> {
    let delta = prop_oneof![Just(1 << 28), 1_u64..100];
    (0_u8..7, delta, proptest::option::of(1_u64..40)).prop_map(|(ind_bits, delta, l)| SqnProfile {
        ind_bits,
        delta,
        l,
    })
}

fn sqns() -> impl Strategy<Value = Sqn> {
    prop_oneof![
        0..1_u64 << 20,
        0..=Sqn::MAX.value(),
        Sqn::MAX.value() - 5_000..=Sqn::MAX.value()
    ]
    .prop_map(|n| Sqn::new(n).unwrap())
}

/// A card that has accepted `sqn` and nothing else.
fn card_at(profile: SqnProfile, sqn: Sqn) -> SqnArray {
    let mut seq_ms = vec![0; 1 << profile.ind_bits];
    seq_ms[usize::try_from(profile.ind(sqn)).unwrap()] = profile.seq(sqn);
    SqnArray::with_seq_ms(profile, &seq_ms).unwrap()
}

/// Profile 1 after SEQ1 and SEQ2, at a time of the clock: SEQ1 and SEQ2 of the next number.
fn profile_1(seq1: u64, seq2: u64, now: i64) -> (u64, u64) {
    let profile = SqnProfile::default();
    let last = Sqn::from_parts(seq1 << 24 | seq2, 31, 5).unwrap();
    let next = Scheme::PROFILE_1.next(profile, last, 3, Utc(now)).unwrap();
    assert_eq!(next.ind(5), 3);
    (next.seq(5) >> 24, next.seq(5) & 0xff_ffff)
}

proptest! {
    //= TS33.102-C.1.1-r1
    #[test]
    fn numbers_rise_whatever_the_clock_does_and_a_card_in_step_takes_each(
        profile in profiles(), scheme in schemes(), start in sqns(), steps in vec((clocks(), any::<u64>()), 1..60),
    ) {
        let (mut card, mut last) = (card_at(profile, start), start);
        for (now, ind) in steps {
            let Some(next) = scheme.next(profile, last, ind, Utc(now)) else {
                prop_assert_eq!(profile.seq(last), profile.seq(Sqn::MAX));
                break;
            };
            prop_assert!(next > last && profile.seq(next) > profile.seq(last));
            prop_assert_eq!(profile.ind(next), ind & profile.ind(Sqn::MAX));
            prop_assert_eq!(card.accept(next), Ok(()));
            last = next;
        }
    }

    //= TS33.102-C.1.1-r2
    #[test]
    fn after_the_last_seq_there_is_none(
        profile in profiles(), scheme in schemes(), left in 0_u64..4, now in clocks(), ind in any::<u64>(),
    ) {
        let top = profile.seq(Sqn::MAX);
        let mut last = Sqn::from_parts(top - left, 0, profile.ind_bits).unwrap();
        let mut issued = 0;
        while let Some(next) = scheme.next(profile, last, ind, Utc(now)) {
            prop_assert!(next > last);
            last = next;
            issued += 1;
        }
        prop_assert_eq!(profile.seq(last), top);
        prop_assert!(issued <= left && (issued > 0 || left == 0));
    }

    #[test]
    fn a_card_out_of_step_takes_the_number_after_one_resynchronisation(
        profile in profiles(), scheme in schemes(), he in 0_u64..1 << 40, ms in 1_u64..1 << 40, near in any::<bool>(),
        times in any::<[u32; 2]>(), ind in any::<u64>(),
    ) {
        let ms = if near { he.saturating_add(ms % 64).saturating_sub(32).max(1) } else { ms };
        let of = |seq| Sqn::from_parts(seq, profile.ind(Sqn::MAX), profile.ind_bits).unwrap();
        let card = card_at(profile, of(ms));
        let [first, second] = times.map(|t| Utc(i64::from(t)));
        let sent = scheme.next(profile, of(he), ind, first).unwrap();
        if card.check(sent).is_err() {
            let he = home::resync(profile, sent, card.highest()).unwrap_or(sent);
            let again = scheme.next(profile, he, ind, second).unwrap();
            prop_assert_eq!(card.check(again), Ok(()));
        }
    }

    #[test]
    fn the_counter_is_the_scheme_without_a_clock(profile in profiles(), last in sqns(), ind in any::<u64>(), now in clocks()) {
        let next = Scheme::default().next(profile, last, ind, Utc(now));
        prop_assert_eq!(next, home::checked_next(profile, last, ind));
    }

    //= TS33.102-C.3.4-r1
    #[test]
    fn domains_share_no_ind_and_leave_none_out(ind_bits in 3_u8..=SqnProfile::MAX_IND_BITS, ind in any::<u64>()) {
        let profile = SqnProfile { ind_bits, ..SqnProfile::default() };
        let ind = ind & profile.ind(Sqn::MAX);
        let of: Vec<_> = Domain::ALL.map(|domain| domain.ind_range(profile)).into_iter().collect();
        prop_assert_eq!(of.iter().filter(|range| range.contains(ind)).count(), 1);
        for (i, a) in of.iter().enumerate() {
            prop_assert_eq!(IndRange::new(profile, a.first(), a.last()), Some(*a));
            prop_assert!(a.contains(a.after(ind)));
            for (j, b) in of.iter().enumerate() {
                prop_assert_eq!(a.overlaps(*b), i == j);
            }
        }
    }
}

//= TS33.102-C.3-r1
#[test]
fn seq2_follows_the_clock_and_seq1_counts_its_wraps() {
    let p = 1 << 24;
    assert_eq!(profile_1(7, 1_000, 5_000), (7, 5_000));
    assert_eq!(profile_1(7, 1_000, 3 * p + 5_000), (7, 5_000));
    // Within the same second, and set back by less than D: by one.
    assert_eq!(profile_1(7, 5_000, 5_000), (7, 5_001));
    assert_eq!(profile_1(7, 70_000, 70_000 - 65_535), (7, 70_001));
    // Wrapped, or set back by D: the next SEQ1.
    assert_eq!(profile_1(7, 70_000, 70_000 - 65_536), (8, 70_000 - 65_536));
    assert_eq!(profile_1(7, 0xff_ffff, p + 9), (8, 9));
    // Set back across the wrap by less than D: by one, and not ahead by nearly 2^24.
    assert_eq!(profile_1(8, 9, p - 1), (8, 10));
    assert_eq!(profile_1(8, 9, 9 + p - 65_536), (8, 9 + 0xff_0000));
    assert_eq!(profile_1(8, 9, 9 + p - 65_535), (8, 10));
}

//= TS33.102-C.3-r1
#[test]
fn a_wholly_time_based_seq_is_tenths_of_a_second_since_the_start() {
    let profile = SqnProfile::default();
    let scheme = Scheme::profile_3(Utc(1_900_000_000));
    let next = |last, now| scheme.next(profile, last, 31, Utc(now)).unwrap();
    let a = next(Sqn::default(), 1_900_000_060);
    assert_eq!((a.seq(5), a.ind(5)), (600, 31));
    let b = next(a, 1_900_000_060);
    assert_eq!(b.seq(5), 601);
    // Set back, also before the start, it counts; forward again, it follows.
    assert_eq!(next(b, 1_800_000_000).seq(5), 602);
    assert_eq!(next(b, 1_900_000_061).seq(5), 610);
    // A year asleep is more than Δ: the card takes it in two numbers.
    let far = next(b, 1_900_000_000 + 31_536_000);
    assert_eq!(far.seq(5), 601 + (1 << 28));
    assert_eq!(next(far, 1_900_000_000 + 31_536_000).seq(5), 315_360_000);
    let behind = Scheme::TimeBased {
        clock: Clock {
            start: Utc(1_900_000_000),
            per_second: 10,
        },
        dif: 42,
    };
    assert_eq!(
        behind.next(profile, b, 0, Utc(1_900_000_100)).unwrap().seq(5),
        1_042
    );
}

#[test]
fn ranges_are_those_of_the_table_and_shared_where_ind_is_short() {
    let of = |ind_bits| {
        let profile = SqnProfile {
            ind_bits,
            ..SqnProfile::default()
        };
        Domain::ALL.map(|domain| {
            (
                domain.ind_range(profile).first(),
                domain.ind_range(profile).last(),
            )
        })
    };
    assert_eq!(of(5), [(0, 7), (8, 15), (16, 19), (20, 23), (24, 27), (28, 31)]);
    assert_eq!(of(2), [(0, 3); 6]);
    assert_eq!(of(0), [(0, 0); 6]);
    let profile = SqnProfile::default();
    assert_eq!(IndRange::new(profile, 3, 2), None);
    assert_eq!(IndRange::new(profile, 3, 32), None);
    let gba = Domain::Gba.ind_range(profile);
    assert_eq!([27, 28, 30, 31].map(|ind| gba.after(ind)), [28, 29, 31, 28]);
}

/// EPS, IMS, GBA and the rest in turn, each domain's vectors used later than the next domain's: with an IND of its own no
/// domain's number is refused for another's. With one IND for all of them most are.
#[test]
fn row_21_domains_in_turn_have_inds_of_their_own_and_no_synchronisation_failure() {
    let profile = SqnProfile::default();
    let own = |domain: Domain| domain.ind_range(profile).last();
    let shared = |_| own(Domain::Gba);
    let failures = |ind: &dyn Fn(Domain) -> u64| {
        let mut card = SqnArray::new(profile);
        let mut last = Sqn::default();
        let mut failures = 0;
        for _ in 0..200 {
            // One vector for each domain, used in the reverse order, as when the first to ask is the last to reach the UE.
            let vectors: Vec<Sqn> = Domain::ALL
                .into_iter()
                .map(|domain| {
                    last = Scheme::Counter.next(profile, last, ind(domain), Utc(0)).unwrap();
                    last
                })
                .collect();
            for sqn in vectors.into_iter().rev() {
                failures += usize::from(card.accept(sqn) == Err(Refused::NotFresh));
            }
        }
        failures
    };
    assert_eq!(failures(&own), 0);
    assert_eq!(failures(&shared), 200 * (Domain::ALL.len() - 1));
}
