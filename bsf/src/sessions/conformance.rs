//! What every [`Sessions`] must do. An implementation's test calls [`all`] with a way to make an empty store, and
//! [`bounds`] with one that has room for two of each.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "test code: a failed expectation is a panic"
)]

use std::{net::IpAddr, sync::Arc, time::Duration};

use aka::{Autn, Rand, Res, Vector};
use base::{Now, Secret, SeededEntropy, Utc};
use gba::{
    ids::{Btid, Impi},
    keys::Ks,
    ub::server::{
        self as ub, AddressKey, Asked, Config, Decision, Found, Mode, Obtained, OpenChallenge, Rate,
    },
};

use super::{ADDRESSES_PER_IMPI, Counts, PATIENCE, Refused, Session, Sessions};

const LIFE: Duration = Duration::from_secs(60);

/// The time at which the tests begin.
#[must_use]
pub fn start() -> Now {
    Now::default() + Duration::from_secs(1_800_000_000)
}

fn impi(n: u8) -> Impi {
    format!("user{n}@ims.example.org").parse().unwrap()
}

fn address(n: u8) -> AddressKey {
    IpAddr::from([192, 0, 2, n]).into()
}

/// A challenge as the decisions make it: for user `who`, from address `from`, with RAND of octets `rand`.
#[must_use]
pub fn challenge(who: u8, from: u8, rand: u8) -> Arc<OpenChallenge> {
    let config = Config::new("bsf.example.org".parse().unwrap());
    let authorization = format!("Digest username=\"{}\"", impi(who));
    let request = ub::Request {
        method: "GET",
        uri: "/",
        host: Some("bsf.example.org"),
        authorization: Some(&authorization),
        user_agent: None,
        body: b"",
        address: address(from),
    };
    let asked = Asked::read(&config, request).unwrap();
    let mut entropy = SeededEntropy::new(1);
    let mut decide = |found| ub::decide(&config, &asked, found, start(), &mut entropy);
    let Decision::Fetch(fetch, false) = decide(Found::Recalled(None)) else {
        panic!("a first request needs a vector");
    };
    let vector = Vector {
        rand: Rand::from([rand; 16]),
        autn: Autn::from([7; 16]),
        xres: Res::new(&[1; 8]).unwrap(),
        ck: Secret::new([2; 16]),
        ik: Secret::new([3; 16]),
    };
    match decide(Found::Vector(fetch, Ok(Obtained { vector, guss: None }))) {
        Decision::Open(open, ..) => (*open).into(),
        _ => panic!("a vector makes a challenge"),
    }
}

/// A session of user `who` with RAND of octets `rand` that lives for `secs`.
#[must_use]
pub fn session(who: u8, rand: u8, secs: u32) -> Arc<Session> {
    let rand = Rand::from([rand; 16]);
    let now = start();
    Arc::new(Session {
        btid: Btid::issue(&rand, &"bsf.example.org".parse().unwrap()),
        impi: impi(who),
        rand,
        ks: Ks::new(Secret::new([who; 32])),
        mode: Mode::Me,
        guss: None,
        created: now.utc,
        expiry: now.utc.plus_secs(secs),
        ends: now.mono + Duration::from_secs(secs.into()),
    })
}

/// Runs every test, each on a store of its own.
pub async fn all<S: Sessions>(make: impl Fn() -> S) {
    a_challenge_is_taken_once(make()).await;
    only_its_impi_takes_a_challenge(make()).await;
    the_newest_of_an_address_is_found(make()).await;
    challenges_end(make()).await;
    a_rand_in_use_is_refused(make()).await;
    a_btid_never_changes_its_ks(make()).await;
    sessions_end_on_either_clock(make()).await;
    tokens_are_taken_from_each_bucket_or_none(make()).await;
    an_impi_costs_so_many_vectors_and_no_more(make()).await;
    one_of_many_takes_a_challenge(make()).await;
}

async fn a_challenge_is_taken_once<S: Sessions>(s: S) {
    let (c, now) = (challenge(1, 1, 1), start());
    assert_eq!(s.open_challenge(c.clone(), LIFE, now).await, Ok(()));
    let got = s.consume_challenge(&impi(1), &c.nonce, now).await;
    assert!(got.is_some_and(|got| got.rand == c.rand));
    assert!(s.consume_challenge(&impi(1), &c.nonce, now).await.is_none());
    assert!(s.unanswered(&impi(1), address(1), now).await.is_none());
    // Its RAND is free again: the session that it became guards it from now on.
    assert_eq!(s.open_challenge(c, LIFE, now).await, Ok(()));
}

async fn only_its_impi_takes_a_challenge<S: Sessions>(s: S) {
    let (c, now) = (challenge(1, 1, 1), start());
    s.open_challenge(c.clone(), LIFE, now).await.unwrap();
    assert!(s.consume_challenge(&impi(2), &c.nonce, now).await.is_none());
    assert!(s.consume_challenge(&impi(1), "other", now).await.is_none());
    assert!(s.consume_challenge(&impi(1), &c.nonce, now).await.is_some());
}

async fn the_newest_of_an_address_is_found<S: Sessions>(s: S) {
    let now = start();
    for c in [
        challenge(1, 1, 1),
        challenge(1, 1, 2),
        challenge(1, 2, 3),
        challenge(2, 1, 4),
    ] {
        s.open_challenge(c, LIFE, now).await.unwrap();
    }
    let rand = |c: Option<Arc<OpenChallenge>>| c.map(|c| c.rand.octets()[0]);
    assert_eq!(rand(s.unanswered(&impi(1), address(1), now).await), Some(2));
    assert_eq!(rand(s.unanswered(&impi(1), address(2), now).await), Some(3));
    assert_eq!(rand(s.unanswered(&impi(2), address(2), now).await), None);
    // Taking an older one leaves the newest.
    let older = challenge(1, 1, 1);
    assert!(s.consume_challenge(&impi(1), &older.nonce, now).await.is_some());
    assert_eq!(rand(s.unanswered(&impi(1), address(1), now).await), Some(2));
    assert_eq!(
        s.counts(now).await,
        Counts {
            challenges: 3,
            sessions: 0
        }
    );
}

async fn challenges_end<S: Sessions>(s: S) {
    let (c, now) = (challenge(1, 1, 1), start());
    s.open_challenge(c.clone(), LIFE, now).await.unwrap();
    let later = now + LIFE;
    assert!(s.unanswered(&impi(1), address(1), later).await.is_none());
    assert!(s.consume_challenge(&impi(1), &c.nonce, later).await.is_none());
    assert_eq!(s.counts(later).await, Counts::default());
    assert_eq!(s.open_challenge(c, LIFE, later).await, Ok(()));
}

async fn a_rand_in_use_is_refused<S: Sessions>(s: S) {
    let now = start();
    s.open_challenge(challenge(1, 1, 1), LIFE, now).await.unwrap();
    assert_eq!(
        s.open_challenge(challenge(2, 2, 1), LIFE, now).await,
        Err(Refused::InUse)
    );
    s.issue_btid(session(3, 9, 100), now).await.unwrap();
    assert_eq!(
        s.open_challenge(challenge(2, 2, 9), LIFE, now).await,
        Err(Refused::InUse)
    );
    let later = now + Duration::from_secs(100);
    assert_eq!(s.open_challenge(challenge(2, 2, 9), LIFE, later).await, Ok(()));
}

async fn a_btid_never_changes_its_ks<S: Sessions>(s: S) {
    let (one, other, now) = (session(1, 1, 100), session(2, 1, 100), start());
    s.issue_btid(one.clone(), now).await.unwrap();
    assert_eq!(s.issue_btid(other.clone(), now).await, Err(Refused::InUse));
    let found = s.find(&one.btid, now).await.unwrap();
    assert!(found.ks.ct_eq(&one.ks) && found.impi == one.impi);
    assert!(s.find(&session(1, 2, 1).btid, now).await.is_none());
    assert!(s.revoke(&one.btid).await);
    assert!(!s.revoke(&one.btid).await);
    assert!(s.find(&one.btid, now).await.is_none());
    assert_eq!(s.issue_btid(other, now).await, Ok(()));
}

/// Ruling 37.
async fn sessions_end_on_either_clock<S: Sessions>(s: S) {
    let now = start();
    let (a, b) = (session(1, 1, 100), session(2, 2, 100));
    s.issue_btid(a.clone(), now).await.unwrap();
    s.issue_btid(b.clone(), now).await.unwrap();
    let nearly = now + Duration::from_secs(99);
    assert!(s.find(&a.btid, nearly).await.is_some());
    let utc_jumped = Now {
        utc: a.expiry,
        mono: nearly.mono,
    };
    assert!(s.find(&a.btid, utc_jumped).await.is_none());
    let over = now + Duration::from_secs(100);
    let set_back = Now {
        utc: Utc(0),
        mono: over.mono,
    };
    assert!(
        s.find(&b.btid, set_back).await.is_none(),
        "a clock set back revives nothing"
    );
    assert!(s.find(&b.btid, now).await.is_none(), "nor does a second look");
    assert_eq!(s.counts(over).await, Counts::default());
}

/// Ruling 6: an address has its vectors, an IMPI has them at each address, and a refusal takes nothing.
async fn tokens_are_taken_from_each_bucket_or_none<S: Sessions>(s: S) {
    let (rate, free, now) = (Rate::new(2, 6), Rate::UNLIMITED, start().mono);
    let take = |who, from, per_address, now| {
        let s = &s;
        async move {
            s.take_token(&impi(who), address(from), rate, per_address, now)
                .await
        }
    };
    let wait = Duration::from_secs(10);
    for who in [1, 2] {
        assert_eq!(take(who, 1, rate, now).await, Ok(()));
    }
    assert_eq!(
        take(3, 1, rate, now).await,
        Err(wait),
        "the address's bucket is empty"
    );
    for _ in 0..2 {
        assert_eq!(
            take(3, 2, free, now).await,
            Ok(()),
            "the refusal took nothing from the IMPI"
        );
    }
    assert_eq!(
        take(3, 2, free, now).await,
        Err(wait),
        "the IMPI's bucket at this address is empty"
    );
    assert_eq!(
        take(3, 3, free, now).await,
        Ok(()),
        "a stranger does not lock the subscriber out"
    );
    assert_eq!(take(3, 2, free, now + wait).await, Ok(()));
    assert_eq!(s.take_token(&impi(3), address(2), free, free, now).await, Ok(()));
}

/// Ruling 6: many addresses together are held back too, as each vector moves the subscriber's SQN.
async fn an_impi_costs_so_many_vectors_and_no_more<S: Sessions>(s: S) {
    let (rate, now) = (Rate::new(2, 6), start().mono);
    let many = u8::try_from(ADDRESSES_PER_IMPI).unwrap();
    for from in 1..=many {
        for _ in 0..2 {
            assert_eq!(
                s.take_token(&impi(1), address(from), rate, rate, now).await,
                Ok(())
            );
        }
    }
    let refused = s.take_token(&impi(1), address(many + 1), rate, rate, now).await;
    assert_eq!(refused, Err(Duration::from_secs(1)));
}

async fn one_of_many_takes_a_challenge<S: Sessions>(s: S) {
    let (c, now, s) = (challenge(1, 1, 1), start(), Arc::new(s));
    s.open_challenge(c.clone(), LIFE, now).await.unwrap();
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (s, c) = (Arc::clone(&s), Arc::clone(&c));
            tokio::spawn(async move { s.consume_challenge(&impi(1), &c.nonce, now).await.is_some() })
        })
        .collect();
    let mut taken = 0;
    for task in tasks {
        taken += u32::from(task.await.unwrap());
    }
    assert_eq!(taken, 1);
}

/// For a store with room for two challenges, two sessions and two buckets of each kind.
pub async fn bounds<S: Sessions>(s: S) {
    let now = start();
    for n in 1..=2 {
        s.open_challenge(challenge(n, n, n), LIFE, now).await.unwrap();
        s.issue_btid(session(n, n + 10, 100), now).await.unwrap();
    }
    assert_eq!(
        s.open_challenge(challenge(3, 3, 3), LIFE, now).await,
        Err(Refused::Full)
    );
    assert_eq!(s.issue_btid(session(3, 13, 100), now).await, Err(Refused::Full));
    // The oldest gives way once it has had its time, and no sooner.
    let (almost, patient) = (now + (PATIENCE - Duration::from_millis(1)), now + PATIENCE);
    assert!(!s.has_room(now).await && !s.has_room(almost).await && s.has_room(patient).await);
    let again = s.open_challenge(challenge(4, 4, 4), LIFE, patient).await;
    assert_eq!((again, s.counts(patient).await.challenges), (Ok(()), 2));
    let nonce = |n| challenge(n, n, n).nonce.clone();
    assert!(s.consume_challenge(&impi(1), &nonce(1), patient).await.is_none());
    assert!(s.consume_challenge(&impi(2), &nonce(2), patient).await.is_some());
    let later = now + Duration::from_secs(100);
    assert_eq!(s.open_challenge(challenge(3, 3, 3), LIFE, later).await, Ok(()));
    assert_eq!(s.issue_btid(session(3, 13, 1000), later).await, Ok(()));

    let rate = Rate::new(3, 6);
    for n in 1..=2 {
        assert_eq!(
            s.take_token(&impi(n), address(n), rate, rate, now.mono).await,
            Ok(())
        );
    }
    assert!(
        s.take_token(&impi(3), address(3), rate, rate, now.mono)
            .await
            .is_err()
    );
    assert_eq!(
        s.take_token(&impi(3), address(3), rate, rate, later.mono).await,
        Ok(())
    );
}
