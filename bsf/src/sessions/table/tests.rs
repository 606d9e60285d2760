//! The table of sessions against a plain map, and what it keeps of a session that is over.

use std::{
    collections::{HashMap, hash_map::Entry},
    time::Duration,
};

use aka::Rand;
use base::Secret;
use gba::{
    guss::{BsfInfo, Guss, Uss},
    keys::Ks,
    ub::server::Mode,
};
use proptest::prelude::*;

use super::*;
use crate::sessions::conformance::start;

const BSF: &str = "bsf.example.org";

fn session(n: u32, secs: u32, guss: Option<Guss>) -> Session {
    let mut rand = [0; 16];
    rand[..4].copy_from_slice(&n.to_be_bytes());
    let rand = Rand::from(rand);
    let now = start();
    Session {
        btid: Btid::issue(&rand, &BSF.parse().unwrap()),
        impi: format!("user{n}@ims.example.org").parse().unwrap(),
        rand,
        ks: Ks::new(Secret::new([0xa5; 32])),
        mode: if n.is_multiple_of(2) { Mode::Me } else { Mode::U },
        guss: guss.map(Arc::new),
        created: now.utc,
        expiry: now.utc.plus_secs(secs),
        ends: now.mono + Duration::from_secs(secs.into()),
    }
}

/// How many slots hold the Ks of [`session`], and how many hold any key at all.
fn keys(table: &Table) -> (usize, usize) {
    table.shards.iter().fold((0, 0), |(whole, any), shard| {
        let shard = lock(shard);
        let whole_here = shard
            .slots()
            .filter(|slot| *slot.ks().expose() == [0xa5; 32])
            .count();
        let any_here = shard
            .slots()
            .filter(|slot| *slot.ks().expose() != [0; 32])
            .count();
        (whole + whole_here, any + any_here)
    })
}

#[tokio::test]
async fn memory_of_a_session_that_is_over_holds_no_ks() {
    let (table, now) = (Table::default(), start());
    for n in 0..3000 {
        let secs = if n < 1000 { 50 } else { 100 };
        table.insert(&session(n, secs, None), 3000, now).unwrap();
    }
    assert_eq!(keys(&table), (3000, 3000));
    assert!(table.remove(&session(2999, 100, None).btid));
    assert_eq!(keys(&table), (2999, 2999), "ended by hand");
    assert_eq!(table.count(now.mono + Duration::from_secs(50)).await, 1999);
    assert_eq!(keys(&table), (1999, 1999), "ended by time");
    let utc_jumped = Now {
        utc: now.utc.plus_secs(100),
        mono: now.mono,
    };
    assert!(table.find(&session(2000, 100, None).btid, utc_jumped).is_none());
    assert_eq!(keys(&table), (1998, 1998), "ended by the other clock");
    assert_eq!(table.count(now.mono + Duration::from_secs(100)).await, 0);
    assert_eq!(keys(&table), (0, 0));
}

#[test]
fn what_is_found_is_what_was_kept() {
    let (table, now) = (Table::default(), start());
    for n in 0..500 {
        let guss = Guss {
            id: Some(format!("user{n}@ims.example.org")),
            bsf_info: BsfInfo::default(),
            uss: vec![Uss {
                id: (n % 3).to_string(),
                ..Uss::default()
            }],
        };
        table.insert(&session(n, 100 + n, Some(guss)), 500, now).unwrap();
    }
    for n in 0..500 {
        let (kept, found) = (
            session(n, 100 + n, None),
            table.find(&session(n, 1, None).btid, now).unwrap(),
        );
        assert_eq!(
            (&found.btid, &found.impi, found.rand),
            (&kept.btid, &kept.impi, kept.rand)
        );
        assert_eq!(
            (found.mode, found.created, found.expiry),
            (kept.mode, kept.created, kept.expiry)
        );
        assert!(found.ends == kept.ends && found.ks.ct_eq(&kept.ks));
        let uss = &found.guss.as_ref().unwrap().uss;
        assert!(uss.len() == 1 && uss[0].id == (n % 3).to_string());
    }
    let elsewhere = Btid::issue(&session(1, 1, None).rand, &"bsf.example.net".parse().unwrap());
    assert!(
        table.find(&elsewhere, now).is_none(),
        "the same RAND at another BSF"
    );
    assert!(!table.remove(&elsewhere));
}

#[tokio::test]
async fn equal_settings_are_one_while_somebody_has_them() {
    let (table, now) = (Table::default(), start());
    let guss = |service: u32| Guss {
        uss: vec![Uss {
            id: service.to_string(),
            ..Uss::default()
        }],
        ..Guss::default()
    };
    for n in 0..20_000 {
        table
            .insert(&session(n, 100, Some(guss(7))), 20_000, now)
            .unwrap();
    }
    let known = |table: &Table| -> usize { table.shards.iter().map(|shard| lock(shard).settings()).sum() };
    assert_eq!(known(&table), SHARDS, "one in each shard");
    // Each has its own now, and none stays.
    for round in 1..20 {
        let later = now + Duration::from_secs(100 * u64::from(round));
        for n in 0..2000 {
            let mut s = session(n, 100, Some(guss(round * 2000 + n)));
            (s.ends, s.expiry) = (later.mono + Duration::from_secs(100), later.utc.plus_secs(100));
            table.insert(&s, 20_000, later).unwrap();
        }
        assert_eq!(table.count(later.mono).await, 2000);
    }
    assert!(known(&table) < 8000, "{} of 40 000 are remembered", known(&table));
}

#[test]
fn ending_by_hand_leaves_no_pile_of_reminders() {
    let (table, now) = (Table::default(), start());
    for round in 0..50 {
        for n in 0..2000 {
            table.insert(&session(n, 1000 + round, None), 2000, now).unwrap();
        }
        for n in 0..2000 {
            assert!(table.remove(&session(n, 1, None).btid));
        }
    }
    let reminders: usize = table.shards.iter().map(|shard| lock(shard).reminders()).sum();
    assert!(reminders <= SHARDS * 100, "{reminders}");
}

#[test]
fn a_slot_used_again_ends_by_its_own_time() {
    let (table, now) = (Table::default(), start());
    table.insert(&session(1, 10, None), 10, now).unwrap();
    assert!(table.remove(&session(1, 10, None).btid));
    table.insert(&session(1, 100, None), 10, now).unwrap();
    let later = now + Duration::from_secs(50);
    assert!(table.find(&session(1, 1, None).btid, later).is_some());
    assert!(table.holds(&session(1, 1, None).rand, later));
    let over = now + Duration::from_secs(100);
    assert!(!table.holds(&session(1, 1, None).rand, over));
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u32, u32),
    Remove(u32),
    Find(u32),
    Wait(u32),
}

proptest! {
    /// The table does what a plain map would.
    #[test]
    fn is_a_map_with_ends(steps in prop::collection::vec(prop_oneof![
        (0..40_u32, 1..20_u32).prop_map(|(n, secs)| Step::Insert(n, secs)),
        (0..40_u32).prop_map(Step::Remove),
        (0..40_u32).prop_map(Step::Find),
        (0..5_u32).prop_map(Step::Wait),
    ], 1..400)) {
        const MOST: usize = 20;
        let (table, mut now) = (Table::default(), start());
        let mut model = HashMap::<u32, Mono>::new();
        for step in steps {
            match step {
                Step::Insert(n, secs) => {
                    let mut s = session(n, 0, None);
                    (s.ends, s.created) = (now.mono + Duration::from_secs(secs.into()), now.utc);
                    s.expiry = now.utc.plus_secs(secs);
                    let expected = if model.len() >= MOST {
                        Err(Refused::Full)
                    } else if let Entry::Vacant(free) = model.entry(n) {
                        free.insert(s.ends);
                        Ok(())
                    } else {
                        Err(Refused::InUse)
                    };
                    prop_assert_eq!(table.insert(&s, MOST, now), expected);
                }
                Step::Remove(n) => {
                    let removed = table.remove(&session(n, 1, None).btid);
                    // What has ended and is not yet thrown out may count as there.
                    prop_assert!(removed || !model.contains_key(&n));
                    model.remove(&n);
                }
                Step::Find(n) => prop_assert_eq!(
                    table.find(&session(n, 1, None).btid, now).map(|s| s.ends),
                    model.get(&n).copied()
                ),
                Step::Wait(secs) => {
                    now = now + Duration::from_secs(secs.into());
                    model.retain(|_, ends| *ends > now.mono);
                }
            }
        }
        // No shard keeps what it can't reach.
        let taken: usize = table.shards.iter().map(|shard| { let mut shard = lock(shard); table.sweep(&mut shard, now.mono, usize::MAX); shard.slots().filter(|slot| *slot.ks().expose() != [0; 32]).count() }).sum();
        prop_assert_eq!(taken, model.len());
    }
}
