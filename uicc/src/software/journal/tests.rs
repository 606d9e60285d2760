//! What is written is read again; what was altered anywhere is seen; only the last commit may be missing.

use aka::Milenage;
use base::Secret;
use gba::{ids::MncLength, keys::Ks};
use proptest::prelude::*;

use super::*;
use crate::{
    Pin,
    fcp::Security,
    software::{
        profile::{self, FilePath, FileSpec, GbaRun, KeySpec, LifeCycle},
        store::{Application, GbaState, NafSlot},
    },
};

fn id() -> CardId {
    let milenage = Milenage::new(&Secret::new([1; 16]), &Secret::new([2; 16]));
    CardId::of(&Profile::new(
        "001010123456789".parse().unwrap(),
        MncLength::Two,
        milenage,
    ))
}

fn file(fid: u16, octets: &[u8]) -> Change {
    let content = profile::Content::Transparent(octets.to_vec());
    Change::File(FileSpec::new(FilePath::in_mf(&[fid]), 0x2f06, 2, content))
}

fn key(tries: u8) -> Change {
    let mut key = KeySpec::new(1, Pin::from_digits("1234").unwrap())
        .with_unblock(Pin::from_digits("12345678").unwrap());
    key.tries = tries;
    Change::Key(key)
}

/// Changes as octets: they have no `PartialEq`, since there are secrets in them.
fn octets_of(changes: &[Change]) -> Vec<u8> {
    Journal::whole(&id(), changes).0.expose().to_vec()
}

fn a_file() -> (Vec<u8>, Vec<usize>, Vec<Vec<u8>>) {
    let commits = [
        vec![file(0x2fe2, &[1, 2, 3]), key(3)],
        vec![key(2)],
        vec![
            Change::Sqn(Application::Usim, vec![0, 1 << 42, 7]),
            file(0x2fe2, &[9; 40]),
        ],
        vec![Change::Deleted(FilePath::in_mf(&[0x2fe2]))],
    ];
    let (octets, mut journal) = Journal::whole(&id(), []);
    let mut octets = octets.expose().to_vec();
    let (mut ends, mut states) = (vec![octets.len()], vec![octets_of(&[])]);
    for commit in &commits {
        let (entry, next) = journal.commit(commit);
        octets.extend_from_slice(entry.expose());
        journal = next;
        ends.push(octets.len());
        states.push(octets_of(&read(&octets).unwrap().changes));
    }
    (octets, ends, states)
}

#[test]
fn a_file_cut_at_any_octet_is_the_state_before_or_after_a_commit() {
    let (octets, ends, states) = a_file();
    for cut in 0..=octets.len() {
        let found = read(&octets[..cut]);
        let Some(last) = ends.iter().rposition(|end| *end <= cut) else {
            assert!(found.is_err(), "{cut}: a whole that was cut off is no state");
            continue;
        };
        let found = found.unwrap_or_else(|e| panic!("{cut}: {e}"));
        assert_eq!(octets_of(&found.changes), states[last], "{cut}");
        assert_eq!(found.cut_off, cut - ends[last], "{cut}");
        // The same where the file system had made the file longer.
        let mut longer = octets[..cut].to_vec();
        longer.resize(octets.len().max(cut + 40), 0);
        match read(&longer) {
            Ok(found) => assert_eq!(octets_of(&found.changes), states[last], "{cut}"),
            Err(e) => assert!(matches!(e, Damage::Changed { .. }), "{cut}: {e}"),
        }
    }
}

#[test]
fn an_octet_that_was_changed_is_told_and_never_taken_for_a_cut() {
    let (octets, ..) = a_file();
    for at in 0..octets.len() {
        for bit in [1, 0x80] {
            let mut changed = octets.clone();
            changed[at] ^= bit;
            assert!(read(&changed).is_err(), "octet {at}");
        }
    }
}

#[test]
fn an_entry_that_is_missing_doubled_or_of_another_card_is_told() {
    let (octets, ends, _) = a_file();
    let entry = |n: usize| &octets[ends[n]..ends[n + 1]];
    let file = |entries: &[&[u8]]| [&[&octets[..ends[0]]], entries].concat().concat();
    assert!(read(&file(&[entry(0), entry(1)])).is_ok());
    for wrong in [
        file(&[entry(1), entry(2)]),
        file(&[entry(0), entry(0)]),
        file(&[entry(1), entry(0)]),
    ] {
        assert!(matches!(read(&wrong), Err(Damage::Changed { .. })));
    }
    let mut other = id();
    other.fingerprint = [0; 16];
    let mut mixed = Journal::whole(&other, []).0.expose().to_vec();
    mixed.extend_from_slice(entry(0));
    assert!(matches!(read(&mixed), Err(Damage::Changed { .. })));
    assert_eq!(read(&[]).err(), Some(Damage::Empty));
    assert_eq!(read(b"gba-card 2\n").err(), Some(Damage::Magic));
}

#[test]
fn the_fingerprint_tells_imsi_key_and_operator_key_and_not_the_serial_number() {
    let of = |k, opc, imsi: &str| {
        let milenage = Milenage::new(&Secret::new([k; 16]), &Secret::new([opc; 16]));
        let mut profile = Profile::new(imsi.parse().unwrap(), MncLength::Two, milenage);
        profile.iccid = "8900000000000000001".parse().unwrap();
        CardId::of(&profile)
    };
    let one = of(1, 2, "001010123456789");
    assert_eq!(one.fingerprint, id().fingerprint);
    assert_ne!(one, id());
    for other in [
        of(3, 2, "001010123456789"),
        of(1, 3, "001010123456789"),
        of(1, 2, "001010123456780"),
    ] {
        assert_ne!(other.fingerprint, one.fingerprint);
    }
}

fn any_path() -> impl Strategy<Value = FilePath> {
    let aid = prop::option::of(prop::collection::vec(any::<u8>(), 5..=16));
    (aid, prop::collection::vec(any::<u16>(), 0..4)).prop_map(|(aid, fids)| match aid {
        None => FilePath::in_mf(&fids),
        Some(aid) => FilePath::in_adf(&aid, &fids),
    })
}

fn any_content() -> impl Strategy<Value = profile::Content> {
    let octets = || prop::collection::vec(prop_oneof![any::<u8>(), Just(0xff)], 0..40);
    let records = move || (any::<u8>(), prop::collection::vec(octets(), 0..5));
    prop_oneof![
        Just(profile::Content::Directory),
        octets().prop_map(profile::Content::Transparent),
        records().prop_map(|(record_length, records)| profile::Content::LinearFixed {
            record_length,
            records
        }),
        records().prop_map(|(record_length, records)| profile::Content::Cyclic {
            record_length,
            records
        }),
        (
            any::<u32>(),
            prop::collection::vec((any::<u32>(), octets()), 0..4)
        )
            .prop_map(|(max_size, objects)| profile::Content::BerTlv { max_size, objects }),
    ]
}

/// proptest wants to show what failed.
struct Shown(Change);

impl core::fmt::Debug for Shown {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "a change of {:?}", self.0.item())
    }
}

fn any_change() -> impl Strategy<Value = Shown> {
    let security = prop_oneof![
        (any::<u16>(), any::<u8>()).prop_map(|(arr, record)| Security::Referenced { arr, record }),
        (1_u32.., prop::collection::vec(any::<u8>(), 0..20))
            .prop_map(|(tag, value)| Security::Other { tag, value }),
    ];
    let states = [
        LifeCycle::Creation,
        LifeCycle::Initialisation,
        LifeCycle::Activated,
        LifeCycle::Deactivated,
        LifeCycle::Terminated,
    ];
    let spec = (
        any_path(),
        prop::option::of(1_u8..31),
        security,
        prop::sample::select(states.to_vec()),
        any::<bool>(),
        any_content(),
    )
        .prop_map(|(path, sfi, security, life_cycle, shareable, content)| {
            Shown(Change::File(FileSpec {
                path,
                sfi,
                security,
                life_cycle,
                shareable,
                content,
            }))
        });
    let key = (any::<u8>(), any::<[u8; 8]>(), any::<(u8, u8, bool, bool, bool)>()).prop_map(
        |(reference, value, (tries, max_tries, enabled, replaced, unblock))| {
            let mut key = KeySpec::new(reference, Pin::from_octets(Secret::new(value)));
            if unblock {
                key = key.with_unblock(Pin::from_octets(Secret::new([tries; 8])));
            }
            Shown(Change::Key(KeySpec {
                tries,
                max_tries,
                enabled,
                replaced,
                application: unblock.then(|| vec![0xa0; 7]),
                ..key
            }))
        },
    );
    let slot = prop::option::of((
        prop::collection::vec(any::<u8>(), 0..50),
        any::<[u8; 32]>(),
        any::<u64>(),
    ));
    let gba = (
        any::<Option<([u8; 16], [u8; 16])>>(),
        prop::collection::vec(slot, 0..5),
        any::<u64>(),
    )
        .prop_map(|(run, slots, clock)| {
            let run = run.map(|(half, rand)| GbaRun {
                ks: Ks::from_ck_ik(&Secret::new(half), &Secret::new(rand)),
                rand: rand.into(),
            });
            let slot = |(naf_id, ks_int, used)| NafSlot {
                naf_id,
                ks_int: Secret::new(ks_int),
                used,
            };
            let slots = slots.into_iter().map(|s| s.map(slot)).collect();
            Shown(Change::Gba(Application::Isim, GbaState { run, slots, clock }))
        });
    prop_oneof![
        spec,
        any_path().prop_map(|path| Shown(Change::Deleted(path))),
        key,
        prop::collection::vec(any::<u64>(), 0..40).prop_map(|s| Shown(Change::Sqn(Application::Usim, s))),
        gba,
        Just(()).prop_map(|()| Shown(Change::CardTerminated)),
    ]
}

proptest! {
    #[test]
    fn every_change_is_read_as_it_was_written(Shown(change) in any_change()) {
        let octets = octets_of(core::slice::from_ref(&change));
        let found = read(&octets).unwrap();
        prop_assert_eq!(found.changes.len(), 1);
        prop_assert!(found.changes[0].item() == change.item());
        prop_assert_eq!(octets_of(&found.changes), octets);
        prop_assert_eq!(found.id, id());
    }

    #[test]
    fn any_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&octets);
        // Behind a right check as well.
        let _ = read(Journal::framed(&octets).expose());
    }
}
