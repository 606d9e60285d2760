//! Power cut at every octet and every step, errors of the system at every step, and the file as the system has it.

use std::sync::{Arc, Mutex};

use aka::Milenage;
use base::Secret;
use gba::ids::MncLength;
use uicc::{
    Pin,
    software::{
        Profile,
        profile::{Content as FileContent, FilePath, FileSpec, KeySpec},
        store::Application,
    },
};

use super::*;

fn id() -> CardId {
    let milenage = Milenage::new(&Secret::new([1; 16]), &Secret::new([2; 16]));
    CardId::of(&Profile::new(
        "001010123456789".parse().unwrap(),
        MncLength::Two,
        milenage,
    ))
}

/// What the n-th command changes: SQN and a file together, or a PIN's counter.
fn changes(n: u8) -> Vec<Change> {
    if n.is_multiple_of(3) {
        let mut key = KeySpec::new(1, Pin::from_digits("1234").unwrap());
        key.tries = n % 4;
        return vec![Change::Key(key)];
    }
    let content = FileContent::Transparent(vec![n; 60]);
    vec![
        Change::Sqn(Application::Usim, vec![u64::from(n); 32]),
        Change::File(FileSpec::new(
            FilePath::in_mf(&[0x6f07 + u16::from(n % 2)]),
            0x2f06,
            2,
            content,
        )),
    ]
}

fn octets_of(changes: &[Change]) -> Vec<u8> {
    Journal::whole(&id(), changes).0.expose().to_vec()
}

/// The state after the first `n` commands.
fn state_after(n: usize) -> Vec<u8> {
    let mut items = std::collections::BTreeMap::new();
    for change in (0..n).flat_map(|n| changes(u8::try_from(n).unwrap())) {
        items.insert(change.item(), change);
    }
    octets_of(&items.into_values().collect::<Vec<_>>())
}

/// A disk in memory. `durable` is what a power cut leaves at least, `visible` what it leaves at most.
#[derive(Clone, Default)]
struct SimDisk(Arc<Mutex<Sim>>);

#[derive(Clone, Default)]
struct Sim {
    durable: Option<Vec<u8>>,
    visible: Option<Vec<u8>>,
    second: Option<Vec<u8>>,
    /// Octets and steps until the power fails.
    power: Option<usize>,
    /// Steps until one error; then all is well again.
    error: Option<usize>,
}

impl Sim {
    fn tick(&mut self) -> io::Result<()> {
        match &mut self.power {
            Some(0) => return Err(io::Error::other("power failed")),
            Some(n) => *n -= 1,
            None => {}
        }
        Ok(())
    }

    fn step(&mut self) -> io::Result<()> {
        match &mut self.error {
            Some(0) => {
                self.error = None;
                return Err(io::Error::other("EIO"));
            }
            Some(n) => *n -= 1,
            None => {}
        }
        self.tick()
    }
}

impl SimDisk {
    fn holding(octets: Option<Vec<u8>>) -> Self {
        let sim = Sim {
            durable: octets.clone(),
            visible: octets,
            ..Sim::default()
        };
        Self(Arc::new(Mutex::new(sim)))
    }
}

impl Disk for SimDisk {
    fn path(&self) -> &Path {
        Path::new("8900.card")
    }

    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.lock().unwrap().visible.clone())
    }

    fn append(&mut self, octets: &[u8]) -> io::Result<()> {
        let mut sim = self.0.lock().unwrap();
        sim.step()?;
        for octet in octets {
            sim.tick()?;
            sim.visible.as_mut().unwrap().push(*octet);
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut sim = self.0.lock().unwrap();
        sim.step()?;
        sim.durable = sim.visible.clone();
        Ok(())
    }

    fn write_second(&mut self, octets: &[u8]) -> io::Result<()> {
        let mut sim = self.0.lock().unwrap();
        sim.step()?;
        sim.second = Some(Vec::new());
        for octet in octets {
            sim.tick()?;
            sim.second.as_mut().unwrap().push(*octet);
        }
        Ok(())
    }

    fn sync_second(&mut self) -> io::Result<()> {
        self.0.lock().unwrap().step()
    }

    fn rename(&mut self) -> io::Result<()> {
        let mut sim = self.0.lock().unwrap();
        sim.step()?;
        sim.visible = sim.second.take();
        Ok(())
    }

    fn sync_directory(&mut self) -> io::Result<()> {
        let mut sim = self.0.lock().unwrap();
        sim.step()?;
        sim.durable = sim.visible.clone();
        Ok(())
    }
}

const COMMANDS: usize = 60;

/// Gives all commands to the card; how many were kept.
fn run(disk: &SimDisk) -> usize {
    let Ok((mut state, _)) = CardState::on(disk.clone(), &id()) else {
        return 0;
    };
    (0..COMMANDS)
        .take_while(|n| state.commit(&changes(u8::try_from(*n).unwrap())).is_ok())
        .count()
}

//= CARD-STATE-r1
#[test]
fn a_power_cut_at_any_octet_and_any_step_leaves_the_old_or_the_new_state() {
    let mut folded = false;
    for power in 0.. {
        let disk = SimDisk::default();
        disk.0.lock().unwrap().power = Some(power);
        let kept = run(&disk);
        let Sim { durable, visible, .. } = disk.0.lock().unwrap().clone();
        folded |= kept > 5
            && visible
                .as_ref()
                .is_some_and(|v| v.len() < durable.as_ref().unwrap().len());
        for medium in [durable, visible] {
            let after = SimDisk::holding(medium);
            let (mut state, found) =
                CardState::on(after.clone(), &id()).unwrap_or_else(|e| panic!("{power}: {e}"));
            let found = octets_of(&found);
            assert!(
                found == state_after(kept) || found == state_after(kept + 1),
                "{power}: after {kept} commands neither the old nor the new state"
            );
            // It goes on.
            state.commit(&changes(2)).unwrap();
            assert!(CardState::on(after, &id()).is_ok());
        }
        if kept == COMMANDS {
            assert!(folded, "the file was never written anew");
            return;
        }
    }
}

/// Row 52: an fsync that fails once and then succeeds.
//= CARD-STATE-r2
//= ROW-52
#[test]
fn row_52_after_one_failed_step_nothing_more_is_kept() {
    for error in 4.. {
        let disk = SimDisk::default();
        let (mut state, _) = CardState::on(disk.clone(), &id()).unwrap();
        disk.0.lock().unwrap().error = Some(error - 4);
        let results: Vec<_> = (0..COMMANDS)
            .map(|n| state.commit(&changes(u8::try_from(n).unwrap())).is_ok())
            .collect();
        let kept = results.iter().take_while(|ok| **ok).count();
        assert!(
            results[kept..].iter().all(|ok| !ok),
            "{error}: kept again after an error"
        );
        let visible = disk.0.lock().unwrap().visible.clone();
        let found = octets_of(&CardState::on(SimDisk::holding(visible), &id()).unwrap().1);
        assert!(
            found == state_after(kept) || found == state_after(kept + 1),
            "{error}"
        );
        if kept == COMMANDS {
            return;
        }
    }
}

//= CARD-STATE-r3
#[test]
fn a_damaged_file_is_refused_with_what_to_do_and_stays_as_it_is() {
    let disk = SimDisk::default();
    assert_eq!(run(&disk), COMMANDS);
    let octets = disk.0.lock().unwrap().visible.clone().unwrap();
    for at in 0..octets.len() {
        let mut changed = octets.clone();
        changed[at] ^= 1;
        let disk = SimDisk::holding(Some(changed.clone()));
        let why = CardState::on(disk.clone(), &id()).err().unwrap();
        assert!(
            matches!(why, OpenError::Damaged { .. } | OpenError::OtherCard { .. }),
            "{at}: {why}"
        );
        assert_eq!(disk.0.lock().unwrap().visible.as_ref(), Some(&changed), "{at}");
    }
    let why = CardState::on(SimDisk::holding(Some(octets[20..].to_vec())), &id())
        .err()
        .unwrap()
        .to_string();
    assert!(why.contains("left as it is") && why.contains("Restore"), "{why}");
}

#[test]
fn the_file_stays_small_however_much_is_written() {
    let disk = SimDisk::default();
    let (mut state, _) = CardState::on(disk, &id()).unwrap();
    for n in 0..5000_u32 {
        state.commit(&changes(n.to_le_bytes()[0])).unwrap();
        assert!(state.size() <= SMALL, "{n}: {} octets", state.size());
    }
}

/// What the disk has can always be read back: a card that has become too large answers 6581 instead.
#[test]
fn no_file_is_written_that_would_be_too_large_to_read() {
    let disk = SimDisk::default();
    let (mut state, _) = CardState::on(disk.clone(), &id()).unwrap();
    let file = |n: u16| {
        let content = FileContent::Transparent(vec![1; 0xffff]);
        Change::File(FileSpec::new(FilePath::in_mf(&[n % 160]), 0x2f06, 2, content))
    };
    let refused = (0..600).any(|n| state.commit(&[file(n)]).is_err());
    assert!(refused, "it grew without end");
    drop(state);
    let visible = disk.0.lock().unwrap().visible.clone();
    assert!(visible.as_ref().unwrap().len() <= MAX_OCTETS);
    let (_, found) = CardState::on(SimDisk::holding(visible), &id()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(found.len(), 160);
}

//= CARD-STATE-r4
#[test]
fn one_process_has_a_card_and_the_second_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let directory = dir.path().join("cards/of/mine");
    let (mut state, found) = CardState::open(&directory, &id()).unwrap();
    assert!(found.is_empty());
    state.commit(&changes(1)).unwrap();
    let why = CardState::open(&directory, &id()).err().unwrap().to_string();
    assert!(why.contains("in use by another process"), "{why}");
    drop(state);
    let (mut state, found) = CardState::open(&directory, &id()).unwrap();
    assert_eq!(found.len(), 2);

    let mut other = id();
    other.iccid = "8988211000000000001".parse().unwrap();
    assert!(
        CardState::open(&directory, &other).is_ok(),
        "another card is beside it"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path_in(&directory, &id())), 0o600);
        assert_eq!(mode(&directory), 0o700);
    }
    // A file that is taken away keeps nothing, and that is said.
    fs::remove_file(path_in(&directory, &id())).unwrap();
    let why = state.commit(&changes(2)).err().unwrap().to_string();
    assert!(why.contains("it was removed"), "{why}");
}

#[test]
fn a_state_is_not_taken_for_a_card_with_another_key() {
    let dir = tempfile::tempdir().unwrap();
    drop(CardState::open(dir.path(), &id()).unwrap());
    let mut other = id();
    other.fingerprint = [7; 16];
    let why = CardState::open(dir.path(), &other).err().unwrap().to_string();
    assert!(why.contains("another IMSI, K, OPc"), "{why}");
}
