//! The schemes of TS 33.102 annex C.3 in the HSS: what a card accepts, clocks that jump, crashes, AUTS.

use aka::{
    Amf, Check, Sqn,
    sqn::{SqnArray, SqnProfile, home::Scheme},
};
use base::{Mono, Now, Utc};
use hss::{
    Auc, Config, FileSqnStore, Hss, Subscribers,
    sqn::{SqnStore, scheme_of},
    subscribers::{DomainRules, OnlyHex},
};

use crate::help::*;

/// When the cards were new.
const NEW: Utc = Utc(1_800_000_000);

fn schemes() -> [Scheme; 3] {
    ["counter", "partly-time", "time"].map(|name| scheme_of(name, Some(NEW)).unwrap())
}

/// With that clock and no other.
fn clock(secs: i64) -> Now {
    Now {
        mono: Mono(0),
        utc: Utc(NEW.0 + secs),
    }
}

fn subscribers(scheme: Scheme) -> Subscribers {
    let rules = DomainRules {
        scheme,
        ..DomainRules::default()
    };
    Subscribers::from_iter([subscriber()]).in_domain(&rules).unwrap()
}

async fn accepted<S: SqnStore>(
    auc: &Auc<S, Script>,
    all: &Subscribers,
    card: &mut Card,
    now: Now,
    what: &dyn std::fmt::Debug,
) -> Sqn {
    let vector = auc.vector(all.get(&impi()).unwrap(), None, now).await.unwrap();
    assert!(
        matches!(card.run(&vector), Check::Accept { .. }),
        "{what:?}: {}",
        sqn_of(&vector)
    );
    sqn_of(&vector)
}

/// A hundred vectors in any pace, with a clock that jumps ahead, back, and far back: always rising, always accepted, and
/// by a clock the numbers tell the time.
//= TS33.102-C.3-r1
//= TS33.102-C.1.1-r1
#[tokio::test]
async fn ruling_37_a_hundred_vectors_rise_and_are_accepted_whatever_the_clock_does() {
    for scheme in schemes() {
        let (all, auc, mut card) = (subscribers(scheme), auc(&[]), Card::new());
        let mut last = Sqn::default();
        for n in 0..100 {
            let secs = match n {
                0..30 => n,
                30..50 => 86_400 + n,
                50..60 => -86_400,
                60..70 => -1_000_000_000,
                _ => 86_400 * 2 + 10 * n,
            };
            let sqn = accepted(&auc, &all, &mut card, clock(secs), &(scheme, n)).await;
            assert!(
                sqn > last && sqn.seq(5) > last.seq(5),
                "{scheme:?}: {sqn} after {last}"
            );
            last = sqn;
        }
        match scheme {
            Scheme::TimeBased { .. } => assert_eq!(last.seq(5), 10 * (86_400 * 2 + 990)),
            Scheme::Counter => assert_eq!(last.seq(5), 100),
            _ => assert_eq!(last.seq(5) & 0xff_ffff, 86_400 * 2 + 990),
        }
    }
}

/// The process ends without a goodbye; the file goes on above what left, also by a clock that was set back meanwhile.
//= TS33.102-6.3.2-r2
#[tokio::test]
async fn ruling_37_after_a_crash_no_number_comes_again_by_a_clock_set_back() {
    for scheme in schemes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sqn");
        drop(FileSqnStore::create(&path).unwrap());
        let (mut card, mut last) = (Card::new(), Sqn::default());
        for (run, secs) in [1_000, -50_000, 2_000, 1_999, 90_000, 0].into_iter().enumerate() {
            // Nor is it known any more which RANDs are out.
            let all = subscribers(scheme);
            let auc = Auc::new(FileSqnStore::open(&path).unwrap(), Script::new(&[]));
            // Around a block.
            for n in 0..7 * run as i64 + 1 {
                let sqn = accepted(&auc, &all, &mut card, clock(secs + n), &(scheme, run)).await;
                assert!(sqn > last, "{scheme:?}, run {run}: {sqn} after {last}");
                last = sqn;
            }
        }
    }
}

/// With each scheme: a card far ahead, and one far behind, is in step after exactly one AUTS.
//= TS33.102-6.3.5-r2
#[tokio::test]
async fn ruling_01_one_auts_brings_every_scheme_to_the_card() {
    for scheme in schemes() {
        for (sqn_ms, issued) in [
            ("0b604a81eca8", 3),
            ("f1e8a523a36d", 3),
            ("000000000021", 3),
            ("16f3b3f70fc2", 40),
        ] {
            let all = subscribers(scheme);
            let (auc, mut card) = (auc(&[]), Card::new());
            let one = all.get(&impi()).unwrap();
            for n in 0..issued {
                auc.vector(one, None, clock(n)).await.unwrap();
            }
            let seq = sqn(sqn_ms).seq(5);
            card.array = SqnArray::with_seq_ms(SqnProfile::default(), &[seq; 32]).unwrap();
            let mut vector = auc.vector(one, None, clock(100)).await.unwrap();
            if let Check::SyncFailure(auts) = card.run(&vector) {
                vector = auc
                    .vector(one, Some((&vector.rand, &auts)), clock(100))
                    .await
                    .unwrap();
                assert!(
                    matches!(card.run(&vector), Check::Accept { .. }),
                    "{scheme:?} {sqn_ms}"
                );
            } else {
                assert!(sqn_of(&vector).seq(5) > seq);
            }
            accepted(&auc, &all, &mut card, clock(101), &(scheme, sqn_ms)).await;
        }
    }
}

/// An AUTS over an old vector, while the next number by the clock is good: SQN_HE stays.
#[tokio::test]
async fn ruling_01_an_auts_lowers_nothing_where_the_next_number_by_the_clock_is_accepted() {
    let all = subscribers(schemes()[2]);
    let (auc, mut card) = (auc(&[]), Card::new());
    let one = all.get(&impi()).unwrap();
    let old = auc.vector(one, None, clock(10)).await.unwrap();
    let new = accepted(&auc, &all, &mut card, clock(20), &"new").await;
    let Check::SyncFailure(auts) = card.run(&old) else {
        panic!("an old number was accepted");
    };
    let done = auc.resync(one, &old.rand, &auts, clock(30)).await.unwrap();
    assert_eq!((done.before, done.after), (new, None));
    let next = accepted(&auc, &all, &mut card, clock(30), &"next").await;
    assert_eq!(next.seq(5), 300);
}

/// A domain's INDs, AMF and scheme hold for those who don't say otherwise.
//= TS33.102-C.3.4-r1
#[test]
fn ruling_02_a_domain_has_its_inds_and_its_amf_and_a_subscriber_may_differ() {
    let text = |extra: &str| {
        format!("[[subscriber]]\nimpi = \"a@home.test\"\nk = \"{K}\"\nopc = \"{OPC}\"\n{extra}\n")
    };
    let read = |extra: &str, rules: &DomainRules| {
        let all = Subscribers::parse(&text(extra), &mut OnlyHex, Utc(0)).unwrap();
        all.in_domain(rules)
    };
    let rules = DomainRules {
        scheme: schemes()[2],
        inds: Some((4, 7)),
        amf: Some(Amf::new([0x12, 0x34])),
    };
    let impi = "a@home.test".parse().unwrap();
    let all = read("", &rules).unwrap();
    let one = all.get(&impi).unwrap();
    assert_eq!((one.sqn_rules().ind, one.sqn_rules().scheme), (7, schemes()[2]));
    assert_eq!(
        (one.sqn_rules().first.ind(5), one.amf()),
        (7, Amf::new([0x12, 0x34]))
    );

    let all = read("ind = 9\namf = \"0001\"\nsqn_scheme = \"counter\"", &rules).unwrap();
    let one = all.get(&impi).unwrap();
    assert_eq!(
        (one.sqn_rules().ind, one.sqn_rules().scheme),
        (9, Scheme::Counter)
    );
    assert_eq!(one.amf(), Amf::new([0, 1]));
    // An SQN says which IND it has.
    let all = read("sqn = \"000000000023\"", &rules).unwrap();
    assert_eq!(all.get(&impi).unwrap().sqn_rules().ind, 3);

    let refused = read("ind_bits = 2", &rules).unwrap_err();
    assert!(refused.to_string().contains("no IND 7"), "{refused}");
    let wrong = |extra: &str| {
        Subscribers::parse(&text(extra), &mut OnlyHex, Utc(0))
            .unwrap_err()
            .to_string()
    };
    assert!(wrong("sqn_scheme = \"clock\"").contains("\"counter\", \"partly-time\" or \"time\" expected"));
    assert!(wrong("sqn_scheme = \"time\"").contains("sqn_start"));
    assert!(wrong("sqn_start = \"2026-01-01T00:00:00Z\"").contains("sqn_scheme"));
    assert!(wrong("sqn_scheme = \"time\"\nsqn_start = \"today\"").contains("sqn_start"));
}

/// Two BSFs ask for one subscriber, and the device uses the second vector first.
//= TS33.102-C.3.4-r1
#[tokio::test]
async fn vectors_of_two_bsfs_do_not_refuse_each_other() {
    let config = Config {
        bsfs: [name(BSF), name("BSF2.home.test")].into(),
        ..config()
    };
    let hss = Hss::new(config, subscribers(Scheme::Counter), auc(&[]));
    let vector = async |bsf: &str| {
        let ok = hss.authenticate(at(0), &name(bsf), &impi(), None, None).await;
        ok.unwrap().vectors.remove(0)
    };
    let mut card = Card::new();
    let (first, second) = (vector(BSF).await, vector("bsf2.home.test").await);
    assert_eq!((sqn_of(&first).ind(5), sqn_of(&second).ind(5)), (31, 30));
    for vector in [second, first] {
        assert!(matches!(card.run(&vector), Check::Accept { .. }));
    }
}
