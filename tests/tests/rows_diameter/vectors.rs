//! What a vector may and may not be had for.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use aka::{
    Algorithm as _, Autn, Rand, Sqn,
    sqn::{Domain, SqnArray, SqnProfile, home},
};
use base::Utc;
use diameter::{Message, dictionary as d};
use gba::ids::Impi;
use hss::{
    FileSqnStore, MemorySqnStore, SqnStore,
    sqn::{Resync, SqnError, SqnRules, decode_sqn_file},
};
use tokio::sync::Semaphore;

use crate::{raw::*, stage::*};

/// The SQN in the vector of an MAA.
fn sqn_in(maa: &Message) -> Option<Sqn> {
    let item = maa.find(&d::SIP_AUTH_DATA_ITEM)?;
    let octets = item.find(&d::SIP_AUTHENTICATE)?.as_octets();
    let (rand, autn) = octets.split_first_chunk::<16>()?;
    let autn = Autn::new(autn.try_into().unwrap());
    let ak = milenage().f2345(&Rand::new(*rand)).ak;
    Some(Sqn::from_octets(Sqn::from_octets(autn.sqn_xor_ak()).xor(ak)))
}

#[tokio::test]
async fn row_11_a_user_name_without_a_user_is_unknown_and_costs_nothing() {
    let hss = hss().await;
    let mut peer = hss.open().await;
    let user = |name: &[u8]| hss.request(&replace(&hss.good, 1, avp(1, name)));
    let names: [&[u8]; 9] = [
        b"",
        b"@",
        b"@ims.mnc001.mcc001.3gppnetwork.org",
        b"user@",
        b"nobody@ims.mnc001.mcc001.3gppnetwork.org",
        b"001010123456789",
        b" ",
        b"001010123456789@ims.mnc001.mcc001.3gppnetwork.org ",
        b"001010123456789@IMS.mnc001.mcc001.3gppnetwork.org",
    ];
    for name in names {
        let answer = peer.ask(user(name)).await;
        let what = String::from_utf8_lossy(name);
        assert_result(&answer, 5401, 0, &what);
        assert!(answer.find(&d::EXPERIMENTAL_RESULT).is_some(), "{what}");
        assert!(sqn_in(&answer).is_none(), "{what}");
    }
    // No name at all, one that is no text, and two.
    let answer = peer.ask(hss.request(&without(&hss.good, 1))).await;
    assert_result(&answer, 5005, 1, "without");
    assert_result(&peer.ask(user(&[0xff, 0xfe])).await, 5004, 1, "no UTF-8");
    let mut twice = hss.good.clone();
    twice.push(avp(1, IMPI));
    assert_result(&peer.ask(hss.request(&twice)).await, 5009, 1, "twice");
    // The first vector has the first SQN: none of these took one.
    let answer = peer.ask(user(IMPI.as_bytes())).await;
    assert_eq!(sqn_in(&answer), Some(SqnRules::default().first));
}

#[tokio::test]
async fn row_12_an_empty_public_identity_is_unknown() {
    let hss = hss().await;
    let mut peer = hss.open().await;
    for (value, code, failed) in [("", 5401, 0), ("sip:user@home.test", 2001, 0)] {
        let avps = replace(&hss.good, 601, avp_of(601, TGPP, value));
        let answer = peer.ask(hss.request(&avps)).await;
        assert_result(&answer, code, failed, value);
    }
    let avps = replace(&hss.good, 601, avp_of(601, TGPP, [0xc0]));
    assert_result(&peer.ask(hss.request(&avps)).await, 5004, 601, "no UTF-8");
    hss.still_serves("empty identities").await;
}

/// All at once, over four connections, into a file.
#[tokio::test]
async fn row_20_a_hundred_mars_at_once_have_a_hundred_numbers_that_rise() {
    let folder = tempfile::tempdir().unwrap();
    let hss = Arc::new(hss_with(FileSqnStore::create(&folder.path().join("sqn")).unwrap()).await);
    let connections = (0..4).map(|_| {
        let hss = Arc::clone(&hss);
        tokio::spawn(async move {
            let mut peer = hss.open().await;
            peer.send(hss.request(&hss.good).repeat(25)).await;
            let mut numbers = Vec::new();
            for _ in 0..25 {
                numbers.push(sqn_in(&peer.read().await).unwrap().seq(5));
            }
            numbers
        })
    });
    let mut all = BTreeSet::new();
    for connection in connections.collect::<Vec<_>>() {
        for number in connection.await.unwrap() {
            assert!(all.insert(number), "{number} twice");
        }
    }
    // No gap: each request took the next one.
    assert_eq!(all.into_iter().collect::<Vec<_>>(), (1..=100).collect::<Vec<_>>());
    // And the one after them is higher than all.
    let mut peer = hss.open().await;
    let after = peer.ask(hss.request(&hss.good)).await;
    assert_eq!(sqn_in(&after).unwrap().seq(5), 101);
}

/// The HSS's vectors beside those that other domains' nodes make for the same card: each has its IND, and whatever the
/// order in which they are used, the card refuses none.
#[tokio::test]
async fn row_21_vectors_for_gba_and_for_other_domains_do_not_refuse_each_other() {
    let profile = SqnProfile::default();
    let hss = hss().await;
    let mut peer = hss.open().await;
    let mut card = SqnArray::new(profile);
    let mut last = Domain::ALL.map(|domain| Sqn::new(domain.ind_range(profile).first()).unwrap());
    for round in 0..50 {
        for (last, domain) in last.iter_mut().zip(Domain::ALL) {
            *last = if domain == Domain::Gba {
                sqn_in(&peer.ask(hss.request(&hss.good)).await).unwrap()
            } else {
                home::next(profile, *last, profile.ind(*last))
            };
            assert!(
                domain.ind_range(profile).contains(profile.ind(*last)),
                "{domain:?} {last}"
            );
        }
        for turn in 0..last.len() {
            let used = last[(turn + round) % last.len()];
            assert_eq!(card.accept(used), Ok(()), "round {round}, turn {turn}: {used}");
        }
    }
}

/// Who has to wait, or fails, before a number counts.
#[derive(Clone, Default)]
struct Slow {
    numbers: Arc<MemorySqnStore>,
    fails: Arc<AtomicBool>,
    /// None is stored while there is none.
    permits: Option<Arc<Semaphore>>,
    stored: Arc<Mutex<Vec<Sqn>>>,
}

impl SqnStore for Slow {
    async fn reserve_sqn(&self, impi: &Impi, rules: &SqnRules, now: Utc) -> Result<Sqn, SqnError> {
        if let Some(permits) = &self.permits {
            permits.acquire().await.unwrap().forget();
        }
        if self.fails.load(Ordering::Relaxed) {
            return Err(SqnError::ReadOnly);
        }
        let sqn = self.numbers.reserve_sqn(impi, rules, now).await?;
        self.stored.lock().unwrap().push(sqn);
        Ok(sqn)
    }

    async fn resync_sqn(
        &self,
        impi: &Impi,
        rules: &SqnRules,
        sqn_ms: Sqn,
        now: Utc,
    ) -> Result<Resync, SqnError> {
        self.numbers.resync_sqn(impi, rules, sqn_ms, now).await
    }
}

#[tokio::test]
async fn row_22_no_vector_leaves_before_its_number_is_stored() {
    let permits = Arc::new(Semaphore::new(0));
    let store = Slow {
        permits: Some(Arc::clone(&permits)),
        ..Slow::default()
    };
    let hss = hss_with(store.clone()).await;
    let mut peer = hss.open().await;
    for number in 1..=3 {
        // The MAR waits for the disk; the watchdog request behind it is answered first.
        let mut both = hss.request(&hss.good);
        both.extend(message(OWN, DWR, BASE, &origin(BSF)));
        let first = peer.ask(both).await;
        assert_eq!(
            (first.command, store.stored.lock().unwrap().len()),
            (DWR, number - 1)
        );
        permits.add_permits(1);
        let maa = peer.read().await;
        assert_eq!(maa.command, MAR);
        assert_eq!(sqn_in(&maa), store.stored.lock().unwrap().last().copied());
    }
}

#[tokio::test]
async fn row_22_a_number_that_cannot_be_stored_gives_no_vector() {
    let store = Slow::default();
    let hss = hss_with(store.clone()).await;
    let mut peer = hss.open().await;
    store.fails.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        let maa = peer.ask(hss.request(&hss.good)).await;
        // The BSF may ask another HSS.
        assert_result(&maa, 3004, 0, "a disk that fails");
        assert!(maa.find(&d::SIP_AUTH_DATA_ITEM).is_none());
    }
    store.fails.store(false, Ordering::Relaxed);
    let maa = peer.ask(hss.request(&hss.good)).await;
    assert_eq!(sqn_in(&maa), Some(SqnRules::default().first));
}

/// What is on the disk when a vector has arrived is what an HSS would find there that was killed meanwhile.
#[tokio::test]
async fn row_22_the_file_is_never_behind_a_vector_that_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sqn");
    let hss = hss_with(FileSqnStore::create(&path).unwrap()).await;
    let mut peer = hss.open().await;
    for _ in 0..40 {
        let sqn = sqn_in(&peer.ask(hss.request(&hss.good)).await).unwrap();
        let octets = std::fs::read(&path).unwrap();
        let stored = decode_sqn_file(&octets).unwrap();
        let (_, last) = stored.iter().find(|(impi, _)| impi.as_str() == IMPI).unwrap();
        assert!(*last >= sqn, "{last} on the disk, {sqn} in the vector");
    }
}
