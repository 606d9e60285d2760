//! Many cards of one profile share its files: what each has of its own, in memory and as its stored state.
#![allow(clippy::unwrap_used)]

use aka::{Algorithm as _, AlgorithmSet, Amf, Milenage, Rand, Sqn};
use base::Secret;
use gba::ids::MncLength;
use uicc::software::{
    Batch, Change, Profile, SoftCard, Store, StoreError,
    journal::{CardId, Journal},
    store::Item,
};

const CARDS: u64 = 2000;
/// Octets that a card's state may take.
const GOAL: usize = 4096;

fn keys() -> AlgorithmSet {
    Milenage::new(&Secret::new([1; 16]), &Secret::new([2; 16])).into()
}

fn profile(n: u64) -> Profile {
    let imsi = format!("00101{n:010}").parse().unwrap();
    let mut profile = Profile::new(imsi, MncLength::Two, keys())
        .with_gba_u()
        .with_isim();
    profile.gsm = true;
    profile
}

/// The last change of each item, as a file keeps it.
#[derive(Default)]
struct Kept(std::sync::Arc<std::sync::Mutex<std::collections::BTreeMap<Item, Change>>>);

impl Store for Kept {
    fn commit(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        // Changes have no copy, since there are secrets in them: written and read again.
        let (octets, _) = Journal::whole(&CardId::of(&profile(0)), changes);
        let read = uicc::software::journal::read(octets.expose()).unwrap();
        self.0
            .lock()
            .unwrap()
            .extend(read.changes.into_iter().map(|c| (c.item(), c)));
        Ok(())
    }
}

fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// A device's use of the card: two AKA runs, a bootstrapping with its B-TID, keys for two NAFs.
fn used(card: &mut SoftCard) {
    let mut send = |octets: &[u8]| {
        let answer = card.exchange(octets);
        assert!(
            matches!(answer[answer.len() - 2], 0x90 | 0x61),
            "{octets:02x?}: {answer:02x?}"
        );
    };
    let vector = |n| {
        let sqn = Sqn::from_parts(n, n, 5).unwrap();
        keys().vector(&Rand::from([7; 16]), sqn, Amf::new([0, 0]))
    };
    let usim = uicc::software::USIM_AID;
    send(&[&[0, 0xa4, 4, 0x0c, 16][..], &usim].concat());
    for n in 1..3 {
        let v = vector(n);
        send(
            &[
                &[0, 0x88, 0, 0x81, 34, 16][..],
                v.rand.octets(),
                &[16],
                v.autn.octets(),
            ]
            .concat(),
        );
    }
    let v = vector(3);
    let autn = aka::gba_u::mac_star(&v.autn, &v.ik);
    send(
        &[
            &[0, 0x88, 0, 0x84, 35, 0xdd, 16][..],
            v.rand.octets(),
            &[16],
            autn.octets(),
        ]
        .concat(),
    );
    send(&[0, 0xa4, 0, 0x0c, 2, 0x6f, 0xd6]);
    let btid = b"BwcHBwcHBwcHBwcHBwcHBw==@bsf.mnc001.mcc001.pub.3gppnetwork.org";
    let until = b"2030-01-01T00:00:00Z";
    let tail = [
        &[btid.len().to_le_bytes()[0]][..],
        btid,
        &[until.len().to_le_bytes()[0]],
        until,
    ]
    .concat();
    send(&[&[0, 0xd6, 0, 17, tail.len().to_le_bytes()[0]][..], &tail].concat());
    for naf in [
        &b"naf.example\x01\0\0\0\x02"[..],
        b"maf.m2m.example\x01\0\x01\0\xae",
    ] {
        let impi = b"001010000000001@ims.mnc001.mcc001.3gppnetwork.org";
        let data = [
            &[0xde, naf.len().to_le_bytes()[0]][..],
            naf,
            &[impi.len().to_le_bytes()[0]],
            impi,
        ]
        .concat();
        send(&[&[0, 0x88, 0, 0x84, data.len().to_le_bytes()[0]][..], &data].concat());
    }
}

//= CARD-STATE-r5
#[test]
fn each_of_many_cards_keeps_at_most_four_kib_of_its_own() {
    let batch = Batch::new(&profile(0)).unwrap();
    let kept = Kept::default();
    let seen = Kept(std::sync::Arc::clone(&kept.0));
    let mut first = batch.card(profile(0)).unwrap().with_store(Box::new(kept));
    used(&mut first);
    let changes: Vec<_> = std::mem::take(&mut *seen.0.lock().unwrap())
        .into_values()
        .collect();
    let stored = Journal::whole(&CardId::of(&profile(0)), &changes).0.len();

    let before = resident();
    let mut cards: Vec<_> = (1..=CARDS).map(|n| batch.card(profile(n)).unwrap()).collect();
    let fresh = (resident() - before) / cards.len();
    cards.iter_mut().for_each(used);
    let all = (resident() - before) / cards.len();
    println!("a card of {CARDS}: {fresh} octets fresh, {all} after use, {stored} stored");
    assert!(stored <= GOAL, "{stored} octets stored");
    // Channels, keys and what differs between cards; the files that they share are counted once.
    assert!(all <= 3 * GOAL, "{all} octets in memory after use");
}
