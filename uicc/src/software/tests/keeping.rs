//! What is kept, when, and what happens if it can't be.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use super::{laboratory::*, *};
use crate::software::{
    Change, FileError, FileSystem, Store, StoreError,
    profile::{Content, FilePath, FileSpec},
    store::Item,
};

/// Keeps changes until `left` commits are used up, then fails.
#[derive(Clone, Default)]
struct Memory {
    left: Arc<AtomicUsize>,
    kept: Arc<Mutex<Vec<Vec<Change>>>>,
}

struct Kept(Memory);

impl Store for Kept {
    fn commit(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let left = self.0.left.load(Ordering::SeqCst);
        if left == 0 {
            return Err(StoreError {
                reason: "the test says so".to_owned(),
            });
        }
        self.0.left.store(left - 1, Ordering::SeqCst);
        self.0
            .kept
            .lock()
            .unwrap()
            .push(changes.iter().map(copy).collect());
        Ok(())
    }
}

fn copy(change: &Change) -> Change {
    match change {
        Change::File(spec) => Change::File(spec.clone()),
        Change::Deleted(path) => Change::Deleted(path.clone()),
        Change::Key(key) => Change::Key(key.duplicate()),
        Change::Sqn(application, seq) => Change::Sqn(*application, seq.clone()),
        Change::Gba(application, state) => Change::Gba(*application, state.duplicate()),
        Change::CardTerminated => Change::CardTerminated,
    }
}

impl Memory {
    fn with(commits: usize) -> (Self, SoftCard) {
        let memory = Self::default();
        memory.left.store(commits, Ordering::SeqCst);
        let card = card().with_store(Box::new(Kept(memory.clone())));
        (memory, card)
    }

    /// What each commit was about.
    fn items(&self) -> Vec<Vec<Item>> {
        let kept = self.kept.lock().unwrap();
        kept.iter()
            .map(|c| c.iter().map(Change::item).collect())
            .collect()
    }

    /// A new card of the same profile, with what was kept.
    fn card(&self) -> SoftCard {
        let mut card = card();
        for changes in self.kept.lock().unwrap().iter() {
            card.apply(changes).unwrap();
        }
        card
    }
}

/// Commands that change each kind of state, in an order in which each one succeeds.
fn commands() -> Vec<String> {
    let rand = Rand::from(RAND);
    let created = "62 14 82024121 83022f20 8a0105 8b032f0602 80020003".replace(' ', "");
    [
        format!("00200001 08 {PIN}"),
        format!("0020000a 08 {ADM}"),
        format!("00240001 10 {PIN}{NEW}"),
        "00a4000c 02 2f12".to_owned(),
        "00d60000 02 aabb".to_owned(),
        "00a4000c 02 2f10".to_owned(),
        "80320000 01 05 00".to_owned(),
        "00dc0003 03 000102".to_owned(),
        "00a4000c 02 2f11".to_owned(),
        "80db0080 03 810109".to_owned(),
        format!("00e00000 16 {created}"),
        "00040000 02 2f12".to_owned(),
        "00e40000 02 7f10".to_owned(),
        "00a4040c 07 a0000000871002".to_owned(),
        format!("00880081 22 10{rand} 10{} 00", autn(1)),
        format!("00880084 23 dd 10{rand} 10{} 00", autn_star(2)),
        "00fe0000".to_owned(),
    ]
    .to_vec()
}

#[test]
fn a_change_is_kept_before_the_answer_and_reading_keeps_nothing() {
    let (memory, mut card) = Memory::with(usize::MAX);
    for command in commands() {
        assert_eq!(sw(&mut card, &command), 0x9000, "{command}");
    }
    let key = |reference| Item::Key(reference, None);
    let file = |fids: &[u16]| Item::File(FilePath::in_mf(fids));
    let items = memory.items();
    assert_eq!(
        items[..6],
        [
            vec![key(1)], // one try less
            vec![key(1)], // and all of them again
            vec![key(10)],
            vec![key(10)],
            vec![key(1)],
            vec![key(1)],
        ]
    );
    assert_eq!(items[6], [file(&[0x2f12])]);
    assert_eq!(items[9], [file(&[0x2f11])]);
    assert_eq!(items[10], [file(&[0x2f20])], "a new file, and not its directory");
    assert_eq!(items[12].len(), 3, "a directory with all that lies in it");
    let bootstrap = &items[14];
    assert_eq!(bootstrap.len(), 3, "ruling 14: SQN, Ks and EF_GBABP in one");
    assert_eq!(items.len(), 16);
}

/// A cut at each commit: what was answered holds, what wasn't did not happen.
//= TS102221-10.2.1-r1
#[test]
fn a_commit_that_fails_leaves_the_old_state_and_answers_6581() {
    let (memory, mut whole) = Memory::with(usize::MAX);
    for command in commands() {
        assert_eq!(sw(&mut whole, &command), 0x9000);
    }
    let commits = memory.items().len();
    for cut in 0..commits {
        let (memory, mut card) = Memory::with(cut);
        let mut before = snapshot(&card);
        let mut failed = None;
        for command in commands() {
            let answer = apdu(&mut card, &command);
            if answer.1 == 0x6581 {
                assert_eq!(answer.0, "", "no data of what did not happen");
                failed = Some(command);
                break;
            }
            assert_eq!(answer.1, 0x9000, "cut {cut}: {command}");
            before = snapshot(&card);
        }
        let command = failed.unwrap_or_else(|| panic!("cut {cut} met no command"));
        let is_pin = command.starts_with("002");
        // Of a PIN command the lowered counter may have been kept.
        if !is_pin {
            assert_eq!(snapshot(&card), before, "cut {cut}: {command}");
        }
        assert_eq!(snapshot(&card), snapshot(&memory.card()), "cut {cut}: {command}");
        // With the store back, the command does what it would have done.
        memory.left.store(usize::MAX, Ordering::SeqCst);
        assert_eq!(sw(&mut card, &command), 0x9000, "cut {cut}: {command}");
    }
}

/// A card's state as text, secrets by their fingerprint of sorts: only equality matters.
fn snapshot(card: &SoftCard) -> Vec<String> {
    let mut all: Vec<_> = card
        .snapshot()
        .iter()
        .map(|c| match c {
            Change::File(spec) => format!("{spec:?}"),
            Change::Deleted(path) => format!("no {path}"),
            Change::Key(k) => format!("{} {:?} {} {}", k.reference, k.value.expose(), k.tries, k.enabled),
            Change::Sqn(_, seq) => format!("{seq:?}"),
            Change::Gba(_, g) => format!("{:?} {}", g.run.as_ref().map(|r| r.ks.expose().to_vec()), g.clock),
            Change::CardTerminated => "terminated".to_owned(),
        })
        .collect();
    all.sort();
    all
}

//= TS102221-11.1.9-r2
#[test]
fn a_try_is_counted_before_it_is_compared() {
    // The counter can't be lowered: no comparison, whatever is offered.
    let (memory, mut card) = Memory::with(0);
    for octets in [PIN, WRONG] {
        assert_eq!(sw(&mut card, &format!("00200001 08 {octets}")), 0x6581);
        assert_eq!(sw(&mut card, &format!("00280011 08 {octets}")), 0x6985);
        assert_eq!(sw(&mut card, &format!("002c0001 10 {octets}{NEW}")), 0x6581);
    }
    assert_eq!(sw(&mut card, "00200001"), 0x63c3);
    // It is lowered and the power goes: the try is used up.
    memory.left.store(1, Ordering::SeqCst);
    assert_eq!(sw(&mut card, &format!("00200001 08 {PIN}")), 0x6581);
    assert_eq!(sw(&mut memory.card(), "00200001"), 0x63c2);
    assert_eq!(sw(&mut card, "00a4000c 02 2f13"), 0x9000);
    assert_eq!(sw(&mut card, "00b0000001"), 0x6982, "and it opened nothing");
}

#[test]
fn a_snapshot_makes_the_same_card() {
    let mut card = card();
    for command in commands() {
        assert_eq!(sw(&mut card, &command), 0x9000);
    }
    let mut again = of(laboratory());
    again.apply(&card.snapshot()).unwrap();
    assert_eq!(snapshot(&again), snapshot(&card));
    // Changes of another profile, whose directories aren't there.
    let lost = FileSpec::new(
        FilePath::in_mf(&[0x7f77, 0x6f01]),
        0x2f06,
        1,
        Content::Transparent(vec![0]),
    );
    assert!(matches!(
        again.apply(&[Change::File(lost)]),
        Err(FileError::NoDirectory { .. })
    ));
}

#[test]
fn cards_share_what_they_do_not_change() {
    let shared = FileSystem::new(&files()).unwrap();
    let mut cards: Vec<_> = (0..3)
        .map(|_| SoftCard::with_files(profile(), shared.clone()))
        .collect();
    let own = FileSpec {
        ..FileSpec::new(
            FilePath::in_mf(&[0x2fe2]),
            0x2f06,
            2,
            Content::Transparent(vec![0x98; 10]),
        )
    };
    cards[1].apply(&[Change::File(own)]).unwrap();
    let iccids: Vec<_> = cards
        .iter_mut()
        .map(|c| {
            assert_eq!(sw(c, "00a4000c 02 2fe2"), 0x9000);
            apdu(c, "00b0000000").0
        })
        .collect();
    assert_eq!(iccids[0], iccids[2]);
    assert_eq!(iccids[1], "98".repeat(10));
    let files_kept = |c: &SoftCard| {
        let all = c.snapshot();
        all.iter().filter(|c| matches!(c, Change::File(_))).count()
    };
    assert_eq!(files_kept(&cards[0]), 0);
}

#[test]
fn files_that_fit_nowhere_are_refused_by_name() {
    let build = |spec: FileSpec| {
        SoftCard::build(Profile {
            files: vec![spec],
            ..profile()
        })
        .err()
    };
    let at = |text: &str, content| FileSpec::new(text.parse().unwrap(), 0x2f06, 1, content);
    let transparent = || Content::Transparent(vec![0]);
    for (spec, want) in [
        (
            at("3F00/7F77/6F01", transparent()),
            "3F00/7F77/6F01: its directory isn't there",
        ),
        (
            at("3F00/2F05/6F01", transparent()),
            "3F00/2F05/6F01: its directory isn't there",
        ),
        (
            at("3F00/2F20", transparent()).with_sfi(0x1e),
            "short file identifier 30 is taken",
        ),
        (
            at("3F00/2F20", transparent()).with_sfi(31),
            "short file identifier 31",
        ),
        (
            at("3F00/7F20", Content::Directory).with_sfi(1),
            "a directory has no short",
        ),
        (
            at("3F00/2F20", Content::Transparent(vec![0; 65536])),
            "at most 65535",
        ),
        (
            at(
                "3F00/2F20",
                Content::LinearFixed {
                    record_length: 0,
                    records: vec![vec![]],
                },
            ),
            "records of 1 to 255",
        ),
        (
            at(
                "3F00/2F20",
                Content::Cyclic {
                    record_length: 1,
                    records: Vec::new(),
                },
            ),
            "1 to 254 records",
        ),
        (
            at(
                "3F00/2F20",
                Content::Cyclic {
                    record_length: 1,
                    records: vec![vec![1, 2]],
                },
            ),
            "no record longer",
        ),
    ] {
        let error = build(spec).unwrap().to_string();
        assert!(error.contains(want), "{error}");
    }
    // `new` does without.
    let mut card = SoftCard::new(Profile {
        files: vec![
            at("3F00/7F77/6F01", transparent()),
            at("3F00/2F20", transparent()),
        ],
        ..profile()
    });
    assert_eq!(sw(&mut card, "00a4000c 02 2f20"), 0x9000);
}
