//! One set of rules over every store; then what only the file has: the lock, damage, and a crash at each step.

use std::{
    collections::HashSet,
    future::Future,
    io,
    path::Path,
    sync::{Arc, Mutex},
};

use proptest::prelude::*;

use super::*;

mod journal;

const NOW: Utc = Utc(1_900_000_000);

fn impi(n: u32) -> Impi {
    format!("00101{n:010}@ims.mnc001.mcc001.3gppnetwork.org")
        .parse()
        .unwrap()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

fn sqn(hex: &str) -> Sqn {
    hex.parse().unwrap()
}

/// What every store must do. `open` gives a fresh one each time.
async fn conforms<S: SqnStore>(open: impl Fn() -> S) {
    let rules = SqnRules::default();
    let (alice, bob) = (impi(1), impi(2));

    // The first SQN is given as it stands; each further one is the next SEQ in the same IND; subscribers don't mix.
    let store = open();
    let first = SqnRules {
        first: sqn("ff9bb4d0b607"),
        ind: 7,
        ..rules
    };
    assert_eq!(
        store.reserve_sqn(&alice, &first, NOW).await,
        Ok(sqn("ff9bb4d0b607"))
    );
    assert_eq!(
        store.reserve_sqn(&alice, &first, NOW).await,
        Ok(sqn("ff9bb4d0b627"))
    );
    assert_eq!(
        store.reserve_sqn(&bob, &rules, NOW).await,
        Ok(sqn("00000000003f"))
    );
    assert_eq!(
        store.reserve_sqn(&bob, &rules, NOW).await,
        Ok(sqn("00000000005f"))
    );

    // Far more than a block, always rising.
    let mut last = sqn("00000000005f");
    for _ in 0..200 {
        let next = store.reserve_sqn(&bob, &rules, NOW).await.unwrap();
        assert_eq!(rules.profile.seq(next), rules.profile.seq(last) + 1);
        last = next;
    }

    // SQN_MS just behind: the card accepts the next one, so nothing changes (TS 33.102 6.3.5).
    let before = last;
    let done = store.resync_sqn(&bob, &rules, sqn("000000000040"), NOW).await;
    assert_eq!(done, Ok(Resync { before, after: None }));
    assert!(store.reserve_sqn(&bob, &rules, NOW).await.unwrap() > before);

    // SQN_MS ahead: raised.
    let before = store.reserve_sqn(&bob, &rules, NOW).await.unwrap();
    let ahead = sqn("0b604a81eca8");
    assert_eq!(
        store.resync_sqn(&bob, &rules, ahead, NOW).await,
        Ok(Resync {
            before,
            after: Some(ahead)
        })
    );
    let next = store.reserve_sqn(&bob, &rules, NOW).await.unwrap();
    assert_eq!(rules.profile.seq(next), rules.profile.seq(ahead) + 1);

    // SQN_HE more than Δ ahead of the card: lowered, the only way back there is.
    let low = sqn("000000000021");
    assert_eq!(
        store.resync_sqn(&bob, &rules, low, NOW).await,
        Ok(Resync {
            before: next,
            after: Some(low)
        })
    );
    assert_eq!(
        store.reserve_sqn(&bob, &rules, NOW).await,
        Ok(sqn("00000000005f"))
    );

    // The end of the number space is an error, not a new start.
    let top = SqnRules {
        first: Sqn::MAX,
        ..rules
    };
    let carol = impi(3);
    assert_eq!(store.reserve_sqn(&carol, &top, NOW).await, Ok(Sqn::MAX));
    for _ in 0..2 {
        let end = store.reserve_sqn(&carol, &top, NOW).await;
        assert_eq!(end, Err(SqnError::Exhausted { impi: carol.clone() }));
    }
}

/// A hundred calls at once for one IMPI: a hundred SQN.
async fn gives_each_sqn_once<S: SqnStore>(store: Arc<S>) {
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                store
                    .reserve_sqn(&impi(1), &SqnRules::default(), NOW)
                    .await
                    .unwrap()
            })
        })
        .collect();
    let mut seen = HashSet::new();
    for call in calls {
        assert!(seen.insert(call.await.unwrap()));
    }
}

#[test]
fn both_stores_conform() {
    let directory = tempfile::tempdir().unwrap();
    let count = Mutex::new(0);
    run(async {
        conforms(MemorySqnStore::new).await;
        conforms(|| {
            *count.lock().unwrap() += 1;
            FileSqnStore::create(&directory.path().join(format!("{}.sqn", count.lock().unwrap()))).unwrap()
        })
        .await;
    });
}

#[test]
fn a_hundred_calls_at_once_get_a_hundred_numbers() {
    let directory = tempfile::tempdir().unwrap();
    let file = FileSqnStore::create(&directory.path().join("sqn")).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        gives_each_sqn_once(Arc::new(MemorySqnStore::new())).await;
        gives_each_sqn_once(Arc::new(file)).await;
    });
}

#[test]
fn the_file_goes_on_after_its_bound_and_keeps_a_lowered_number() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sqn");
    let rules = SqnRules::default();
    run(async {
        let store = FileSqnStore::create(&path).unwrap();
        let given = store.reserve_sqn(&impi(1), &rules, NOW).await.unwrap();
        drop(store);
        let store = FileSqnStore::open(&path).unwrap();
        let next = store.reserve_sqn(&impi(1), &rules, NOW).await.unwrap();
        // The rest of the block is skipped, and no more than that.
        assert_eq!(rules.profile.seq(next), rules.profile.seq(given) + 32);

        store
            .resync_sqn(&impi(1), &rules, sqn("0b604a81eca8"), NOW)
            .await
            .unwrap();
        store
            .resync_sqn(&impi(1), &rules, sqn("000000000041"), NOW)
            .await
            .unwrap();
        drop(store);
        let store = FileSqnStore::open(&path).unwrap();
        let next = store.reserve_sqn(&impi(1), &rules, NOW).await.unwrap();
        assert!((3..100).contains(&rules.profile.seq(next)), "{next}");
    });
}

#[test]
fn a_second_process_is_kept_out_until_the_first_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sqn");
    let first = FileSqnStore::create(&path).unwrap();
    let refused = FileSqnStore::open(&path).err().unwrap();
    assert!(matches!(refused, OpenError::Locked { .. }), "{refused}");
    assert!(refused.to_string().contains("another process"), "{refused}");
    drop(first);
    FileSqnStore::open(&path).unwrap();
}

/// A file with two names is one file: one lock, and numbers that go on under either.
#[cfg(unix)]
#[test]
fn a_link_to_the_file_is_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let (path, link) = (dir.path().join("sqn"), dir.path().join("link"));
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let dangling = FileSqnStore::create(&link).unwrap_err();
    assert!(matches!(dangling, OpenError::Io { .. }), "{dangling}");
    let rules = SqnRules::default();
    let store = FileSqnStore::create(&path).unwrap();
    let refused = FileSqnStore::open(&link).unwrap_err();
    assert!(matches!(refused, OpenError::Locked { .. }), "{refused}");
    let first = run(store.reserve_sqn(&impi(1), &rules, NOW)).unwrap();
    drop(store);
    let store = FileSqnStore::open(&link).unwrap();
    let second = run(store.reserve_sqn(&impi(1), &rules, NOW)).unwrap();
    drop(store);
    assert!(link.is_symlink(), "the link isn't replaced by a file");
    let third = run(FileSqnStore::open(&path)
        .unwrap()
        .reserve_sqn(&impi(1), &rules, NOW))
    .unwrap();
    assert!(first < second && second < third, "{first} {second} {third}");
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sqn");
    let _store = FileSqnStore::create(&path).unwrap();
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_lost_or_existing_file_is_not_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sqn");
    assert!(matches!(
        FileSqnStore::open(&path),
        Err(OpenError::Missing { .. })
    ));
    drop(FileSqnStore::open_or_create(&path).unwrap());
    assert!(matches!(
        FileSqnStore::create(&path),
        Err(OpenError::Exists { .. })
    ));
    drop(FileSqnStore::open_or_create(&path).unwrap());
}

fn example() -> Vec<u8> {
    let (a, b) = (impi(1), impi(2));
    format::encode([(&a, sqn("0000000007ff")), (&b, sqn("ff9bb4d0b607"))].into_iter()).0
}

/// Half a file, a changed digit, nothing at all: refused with a reason, and left as it was.
#[test]
fn a_damaged_file_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sqn");
    let whole = example();
    let mut damaged: Vec<Vec<u8>> = (0..whole.len()).map(|n| whole[..n].to_vec()).collect();
    damaged.extend((0..whole.len()).map(|n| {
        let mut changed = whole.clone();
        changed[n] ^= 1;
        changed
    }));
    damaged.push([whole.as_slice(), whole.as_slice()].concat());
    damaged.push(vec![0; 4096]);
    for content in damaged {
        assert!(decode_sqn_file(&content).is_err());
        std::fs::write(&path, &content).unwrap();
        let refused = FileSqnStore::open_or_create(&path).err().unwrap();
        assert!(matches!(refused, OpenError::Damaged { .. }), "{refused}");
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
    std::fs::write(&path, &whole).unwrap();
    FileSqnStore::open(&path).unwrap();
}

proptest! {
    #[test]
    fn file_text_round_trips(entries in prop::collection::hash_map(0u32..1000, 0u64..1 << 48, 0..50)) {
        let bounds: std::collections::HashMap<_, _> =
            entries.into_iter().map(|(n, v)| (impi(n), Sqn::new(v).unwrap())).collect();
        prop_assert_eq!(decode_sqn_file(&format::encode(bounds.iter().map(|(i, s)| (i, *s))).0), Ok(bounds));
    }

    #[test]
    fn any_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = decode_sqn_file(&octets);
    }
}

/// A disk in memory that can lose power. `durable` is what survives; the rest is what the system had promised only.
#[derive(Clone, Default)]
struct SimDisk(Arc<Mutex<Sim>>);

#[derive(Clone, Default)]
struct Sim {
    /// The first file as on the medium.
    durable: Option<Vec<u8>>,
    /// The first file as running programs see it: renamed, but the directory isn't synced.
    visible: Option<Vec<u8>>,
    /// The second file, and whether it is synced.
    second: Option<(Vec<u8>, bool)>,
    /// Power fails before the step with this number.
    steps_left: Option<usize>,
    /// One error at this step, then all is well again.
    fail_once_at: Option<usize>,
}

/// What the medium may hold after the power failed.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// Only what was synced.
    All,
    /// The renaming made it, and a second file that wasn't synced only by half.
    Half,
    /// Everything made it.
    Nothing,
}

impl SimDisk {
    fn step(&self, act: impl FnOnce(&mut Sim)) -> io::Result<()> {
        let mut sim = self.0.lock().unwrap();
        match &mut sim.steps_left {
            Some(0) => return Err(io::Error::other("power failed")),
            Some(n) => *n -= 1,
            None => {}
        }
        match &mut sim.fail_once_at {
            Some(0) => {
                sim.fail_once_at = None;
                return Err(io::Error::other("EIO"));
            }
            Some(n) => *n -= 1,
            None => {}
        }
        act(&mut sim);
        Ok(())
    }

    /// The disk after the power is back.
    fn after_crash(&self, loss: Loss) -> Self {
        let sim = self.0.lock().unwrap();
        let durable = match loss {
            Loss::All => sim.durable.clone(),
            Loss::Half | Loss::Nothing => sim.visible.clone(),
        };
        Self(Arc::new(Mutex::new(Sim {
            visible: durable.clone(),
            durable,
            ..Sim::default()
        })))
    }
}

impl Disk for SimDisk {
    fn path(&self) -> &Path {
        Path::new("simulated")
    }

    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.lock().unwrap().visible.clone())
    }

    fn append(&mut self, octets: &[u8]) -> io::Result<()> {
        let (begin, end) = octets.split_at(octets.len() / 2);
        for part in [begin, end] {
            self.step(|sim| sim.visible.get_or_insert_default().extend(part))?;
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.step(|sim| sim.durable.clone_from(&sim.visible))
    }

    fn write_second(&mut self, octets: &[u8]) -> io::Result<()> {
        // Two steps, so that the power can fail in the middle of the writing.
        self.step(|sim| sim.second = Some((octets[..octets.len() / 2].to_vec(), false)))?;
        self.step(|sim| sim.second = Some((octets.to_vec(), false)))
    }

    fn sync_second(&mut self) -> io::Result<()> {
        self.step(|sim| {
            if let Some((_, synced)) = &mut sim.second {
                *synced = true;
            }
        })
    }

    fn rename(&mut self) -> io::Result<()> {
        self.step(|sim| {
            let (octets, synced) = sim.second.take().unwrap();
            // Renaming what isn't synced may leave half a file: the store must never do that.
            sim.visible = Some(if synced {
                octets
            } else {
                octets[..octets.len() / 2].to_vec()
            });
        })
    }

    fn sync_directory(&mut self) -> io::Result<()> {
        self.step(|sim| sim.durable.clone_from(&sim.visible))
    }
}

/// Uses the store until the power fails: vectors for two subscribers, and a resynchronisation each way.
async fn use_store(store: &FileSqnStore<SimDisk>, given: &mut Vec<(Impi, Sqn)>) -> Result<(), SqnError> {
    let rules = SqnRules::default();
    for round in 0..12 {
        for n in [1, 2] {
            for _ in 0..20 {
                given.push((impi(n), store.reserve_sqn(&impi(n), &rules, NOW).await?));
            }
        }
        if round == 1 {
            store
                .resync_sqn(&impi(2), &rules, sqn("000000010000"), NOW)
                .await?;
        }
    }
    Ok(())
}

/// The power fails before each step in turn, and the medium keeps all, some or nothing of what wasn't synced. The store
/// opens every time, and no SQN that left is given again.
//= TS33.102-6.3.2-r2
#[test]
fn no_sqn_is_given_twice_wherever_the_power_fails() {
    let rules = SqnRules::default();
    run(async {
        let created = SimDisk::default();
        drop(FileSqnStore::create_on(created.clone()).unwrap());
        let mut crashes = 0;
        for steps in 0.. {
            let disk = created.after_crash(Loss::All);
            disk.0.lock().unwrap().steps_left = Some(steps);
            let store = FileSqnStore::on(disk.clone()).unwrap();
            let mut given = Vec::new();
            let ended = use_store(&store, &mut given).await;
            for loss in [Loss::All, Loss::Half, Loss::Nothing] {
                let store = FileSqnStore::on(disk.after_crash(loss)).unwrap();
                for n in [1, 2] {
                    for _ in 0..3 {
                        let next = store.reserve_sqn(&impi(n), &rules, NOW).await.unwrap();
                        let highest = given.iter().filter(|(i, _)| *i == impi(n)).map(|(_, s)| *s).max();
                        assert!(
                            Some(next) > highest,
                            "{next} after {highest:?}, cut before step {steps}, {loss:?}"
                        );
                    }
                }
            }
            if ended.is_ok() {
                break;
            }
            crashes += 1;
        }
        assert!(crashes > 30, "only {crashes} cuts");
    });
}

/// Creating the file is cut at each step, too: afterwards there is a whole file or none.
#[test]
fn a_crash_while_the_file_is_created_leaves_none_or_a_whole_one() {
    for steps in 0..5 {
        for loss in [Loss::All, Loss::Half, Loss::Nothing] {
            let disk = SimDisk::default();
            disk.0.lock().unwrap().steps_left = Some(steps);
            assert!(FileSqnStore::create_on(disk.clone()).is_err());
            let opened = FileSqnStore::on(disk.after_crash(loss));
            assert!(
                matches!(opened, Ok(_) | Err(OpenError::Missing { .. })),
                "step {steps}, {loss:?}"
            );
        }
    }
}

/// An error of one step that never comes again (EIO from fsync) still ends it: the store is read-only from then on. So
/// it is with a line that is added, and with the file written anew.
//= ROW-52
#[test]
fn row_52_one_failed_step_ends_the_issue_of_numbers() {
    let rules = SqnRules::default();
    run(async {
        for (subscribers, steps) in [(1, 3), (3, 5)] {
            for step in 0..steps {
                let disk = SimDisk::default();
                let store = FileSqnStore::create_on(disk.clone()).unwrap();
                let mut given = Sqn::default();
                for n in 1..=subscribers {
                    given = store.reserve_sqn(&impi(n), &rules, NOW).await.unwrap();
                }
                disk.0.lock().unwrap().fail_once_at = Some(step);
                let refused = store.reserve_sqn(&impi(9), &rules, NOW).await;
                assert!(
                    matches!(refused, Err(SqnError::NotStored { .. })),
                    "{step}: {refused:?}"
                );
                // Also for a subscriber whose block is there: the operator must notice.
                let again = store.reserve_sqn(&impi(subscribers), &rules, NOW).await;
                assert_eq!(again, Err(SqnError::ReadOnly));
                let resync = store.resync_sqn(&impi(1), &rules, sqn("0b604a81eca8"), NOW).await;
                assert_eq!(resync, Err(SqnError::ReadOnly));
                drop(store);
                let store = FileSqnStore::on(disk.after_crash(Loss::All)).unwrap();
                assert!(store.reserve_sqn(&impi(subscribers), &rules, NOW).await.unwrap() > given);
            }
        }
    });
}
