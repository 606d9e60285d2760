//! Lines after the digest: cut off, missing, counted; and a file with two names.

use super::*;

/// A store that was used: its file with lines after the digest, and the last SQN that each subscriber was given.
fn used(rules: &SqnRules) -> (Vec<u8>, Vec<(Impi, Sqn)>) {
    let disk = SimDisk::default();
    let store = FileSqnStore::create_on(disk.clone()).unwrap();
    let given = run(async {
        let mut given = Vec::new();
        for n in [1, 2, 1] {
            for _ in 0..32 {
                given.push((impi(n), store.reserve_sqn(&impi(n), rules, NOW).await.unwrap()));
            }
        }
        given
    });
    let file = disk.0.lock().unwrap().durable.clone().unwrap();
    (file, given)
}

fn opened(file: &[u8]) -> Result<FileSqnStore<SimDisk>, OpenError> {
    let sim = Sim {
        visible: Some(file.to_vec()),
        ..Sim::default()
    };
    FileSqnStore::on(SimDisk(Arc::new(Mutex::new(sim))))
}

/// The line that was being written is cut at each octet, or has a hole: the numbers in it haven't left, and all others
/// stay. A whole line that isn't ours, or one that is missing between others, is damage.
//= TS33.102-6.3.2-r2
#[test]
fn row_22_a_line_cut_at_any_octet_takes_no_number_back() {
    let rules = SqnRules::default();
    let (file, given) = used(&rules);
    let lines: Vec<&[u8]> = file.split_inclusive(|octet| *octet == b'\n').collect();
    // The head, its digest, and three changes.
    assert_eq!(lines.len(), 5, "{}", String::from_utf8_lossy(&file));
    let last = lines[4].len();
    // What had left before that line was written: all but the last block.
    let before = |n: u32| {
        let of = given[..64].iter().filter(|(who, _)| *who == impi(n));
        of.map(|(_, sqn)| *sqn).max().unwrap()
    };
    for kept in 0..last {
        let mut holes = file.clone();
        let at = file.len() - last + kept;
        holes[at..].fill(0);
        for file in [&file[..at], &holes] {
            let store = opened(file).unwrap();
            for n in [1, 2] {
                let next = run(store.reserve_sqn(&impi(n), &rules, NOW)).unwrap();
                assert!(next > before(n), "{kept} octets kept: {next}");
            }
        }
    }
    for line in [2, 3] {
        let mut without = lines.clone();
        without.remove(line);
        let refused = opened(&without.concat()).err().unwrap();
        assert!(
            refused.to_string().contains("doesn't go on from the line before"),
            "{refused}"
        );
    }
    for at in file.len() - last - lines[3].len()..file.len() - 1 {
        let mut changed = file.clone();
        changed[at] ^= 1;
        assert!(opened(&changed).is_err(), "octet {at}");
    }
    // Where nothing was cut off nothing is lost but the rest of the blocks.
    let store = opened(&file).unwrap();
    for n in [1, 2] {
        let next = run(store.reserve_sqn(&impi(n), &rules, NOW)).unwrap();
        let last = given
            .iter()
            .filter(|(who, _)| *who == impi(n))
            .map(|(_, sqn)| *sqn)
            .max()
            .unwrap();
        assert_eq!(rules.profile.seq(next), rules.profile.seq(last) + 1);
    }
}

/// Any octet changed to any of some others, NUL and the end of a line among them: the file is refused, or no number that
/// left comes again.
//= TS33.102-6.3.2-r2
#[test]
fn an_octet_changed_anywhere_takes_no_number_back() {
    let rules = SqnRules::default();
    let (file, given) = used(&rules);
    let mut refused = 0;
    for at in 0..file.len() {
        for other in [0, b'\n', b' ', b'0', 0xff, file[at] ^ 1] {
            let mut changed = file.clone();
            changed[at] = other;
            let Ok(store) = opened(&changed) else {
                refused += 1;
                continue;
            };
            for n in [1, 2] {
                let next = run(store.reserve_sqn(&impi(n), &rules, NOW)).unwrap();
                let left = given.iter().any(|(who, sqn)| *who == impi(n) && *sqn >= next);
                assert!(!left, "octet {at} is {other}: {next} comes again");
            }
        }
    }
    assert!(
        refused > 5 * (file.len() - 20),
        "{refused} refused of {}",
        6 * file.len()
    );
}

/// A file that is removed while it is used is written anew, with all numbers; one that was put in its place, or a lock
/// that is gone, ends the issue of numbers, since another process may have both.
#[cfg(unix)]
#[test]
fn a_file_that_is_removed_or_exchanged_takes_no_number_back() {
    let directory = tempfile::tempdir().unwrap();
    let (path, other) = (directory.path().join("sqn"), directory.path().join("other"));
    let rules = SqnRules::default();
    let many = |store: &FileSqnStore| -> Result<Sqn, SqnError> {
        let mut last = Ok(rules.first);
        for _ in 0..80 {
            last = run(store.reserve_sqn(&impi(1), &rules, NOW));
        }
        last
    };
    let store = FileSqnStore::create(&path).unwrap();
    many(&store).unwrap();
    std::fs::copy(&path, &other).unwrap();
    std::fs::remove_file(&path).unwrap();
    let last = many(&store).unwrap();
    drop(store);
    let store = FileSqnStore::open(&path).unwrap();
    assert!(run(store.reserve_sqn(&impi(1), &rules, NOW)).unwrap() > last);

    std::fs::rename(&other, &path).unwrap();
    assert!(matches!(many(&store), Err(SqnError::ReadOnly)));
    drop(store);

    let store = FileSqnStore::open(&path).unwrap();
    std::fs::remove_file(directory.path().join("sqn.lock")).unwrap();
    drop(FileSqnStore::open(&path).unwrap());
    assert!(matches!(many(&store), Err(SqnError::ReadOnly)));
}

/// What older versions wrote, without lines after the digest, is read and goes on.
#[test]
fn a_file_of_an_older_version_is_read() {
    let store = opened(&example()).unwrap();
    let next = run(store.reserve_sqn(&impi(1), &SqnRules::default(), NOW)).unwrap();
    assert!(next > sqn("0000000007ff"));
}

/// Counts what is written, and keeps nothing.
struct Counting {
    file: Option<Vec<u8>>,
    written: Arc<std::sync::atomic::AtomicUsize>,
}

impl Counting {
    fn count(&self, octets: &[u8]) -> io::Result<()> {
        self.written
            .fetch_add(octets.len(), std::sync::atomic::Ordering::Relaxed);
        Ok(())
    }
}

impl Disk for Counting {
    fn path(&self) -> &Path {
        Path::new("counted")
    }

    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.file.take())
    }

    fn append(&mut self, octets: &[u8]) -> io::Result<()> {
        self.count(octets)
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn write_second(&mut self, octets: &[u8]) -> io::Result<()> {
        self.count(octets)
    }

    fn sync_second(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn rename(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn sync_directory(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// At 100 000 subscribers, with every rewriting of the whole file in it: a few octets for a vector, not a file.
#[test]
fn a_vector_costs_a_few_octets_at_a_hundred_thousand_subscribers() {
    let all: Vec<Impi> = (0..100_000).map(impi).collect();
    let bound = SqnRules::default().first;
    let (file, _) = format::encode(all.iter().map(|impi| (impi, bound)));
    let whole = file.len();
    let written = Arc::default();
    let disk = Counting {
        file: Some(file),
        written: Arc::clone(&written),
    };
    let store = FileSqnStore::on(disk).unwrap();
    // Enough for the lines to grow over the whole, so that it is written anew.
    let vectors = run(async {
        let mut vectors = 0;
        for impi in &all {
            // The last of a block and all but one of the next: one line each.
            for _ in 0..32 {
                store.reserve_sqn(impi, &SqnRules::default(), NOW).await.unwrap();
                vectors += 1;
            }
        }
        vectors
    });
    let written = written.load(std::sync::atomic::Ordering::Relaxed);
    println!("{written} octets for {vectors} vectors over a file of {whole}");
    assert!(written > whole, "the whole was never written");
    assert!(written < 8 * vectors, "{written} octets for {vectors} vectors");
}

#[cfg(unix)]
#[test]
fn a_file_with_a_second_hard_link_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (path, link) = (directory.path().join("sqn"), directory.path().join("link"));
    drop(FileSqnStore::create(&path).unwrap());
    std::fs::hard_link(&path, &link).unwrap();
    for name in [&path, &link] {
        let refused = FileSqnStore::open(name).unwrap_err();
        assert!(matches!(refused, OpenError::Linked { .. }), "{refused}");
        assert!(refused.to_string().contains("remove that name"), "{refused}");
    }
    std::fs::remove_file(&link).unwrap();
    FileSqnStore::open(&path).unwrap();
}
