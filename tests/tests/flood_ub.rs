//! A flood of first requests, and an HSS that repeats itself or doesn't know who asks: the BSF's store and its answers,
//! over real sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use base::Now;
use diameter::{Message, ResultCode, dictionary as d};
use gba::{
    ua::client::UaRequest,
    ub::server::Rate,
    zh::{Failure, MultimediaAuthAnswer},
};
use http::{Response, header};
use net::http::Bytes;
use tests::{
    scene::challenge,
    wired::{
        ByHand, HSS, IMPI, NAF, Plan, Running, Wired, card, device, foreign_hss, maa, maa_of, origin, res,
    },
};

async fn sessions(wired: &Wired) -> usize {
    bsf::Sessions::counts(&*wired.sessions, net::clock::now())
        .await
        .sessions
}

static LATER: AtomicU64 = AtomicU64::new(0);

fn later() -> Now {
    net::clock::now() + Duration::from_secs(LATER.load(Ordering::SeqCst))
}

/// The short form over sockets; a million of them are in the BSF's own tests (`flood`).
#[tokio::test]
async fn row_48_first_requests_without_second_ones_fill_no_store_over_its_bound() {
    const ROOM: usize = 32;
    let plan = Plan {
        sessions: bsf::sessions::Limits {
            challenges: ROOM,
            ..bsf::sessions::Limits::default()
        },
        clock: later,
        ..Plan::default()
    };
    let (address, asked, _hss) = counted_hss().await;
    let wired = Wired::start(address, plan).await;
    let begun = ByHand::to(wired.ub);
    let c = begun.challenge().await;
    let mut flood = ByHand::to(wired.ub);
    for n in 0..200 {
        flood.impi = IMPI.replace("456789", &format!("{n:06}"));
        let answer = flood.first().await;
        assert_eq!(
            answer.status(),
            if n < ROOM - 1 { 401 } else { 503 },
            "number {n}"
        );
        assert_eq!(answer.headers().contains_key(header::RETRY_AFTER), n >= ROOM - 1);
    }
    assert_eq!(
        asked.load(Ordering::SeqCst),
        ROOM,
        "no vector for whoever is refused"
    );
    assert_eq!(
        begun.respond(&c, &res(&c)).await.status(),
        200,
        "who has begun is served"
    );
    // And anybody else once the first of the flood have had their time.
    LATER.store(5, Ordering::SeqCst);
    let c = begun.challenge().await;
    assert_eq!(begun.respond(&c, &res(&c)).await.status(), 200);
}

/// Our HSS's vectors, whatever IMPI asks, each with a RAND of its own; and how many.
async fn counted_hss() -> (SocketAddr, Arc<AtomicUsize>, Running) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let (address, running) = foreign_hss(move |request: Message| {
        let n = count.fetch_add(1, Ordering::SeqCst);
        let mut rand = [0x52; 16];
        rand[..8].copy_from_slice(&n.to_be_bytes());
        std::future::ready(Some(maa_of(&request, rand, None)))
    })
    .await;
    (address, asked, running)
}

/// An HSS whose random numbers stand still: the first bootstrapping keeps its B-TID and its key, every further one is
/// refused after some tries, which the BSF's log tells as an alarm.
#[tokio::test]
async fn ruling_09_an_hss_that_repeats_its_rand_overwrites_no_b_tid() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let (address, _hss) = foreign_hss(move |request: Message| {
        count.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Some(maa(&request, None)))
    })
    .await;
    let wired = Wired::start(address, Plan::default()).await;
    let mut first = device(card(), net::clock::now).await;
    first.bootstrap(&wired.bsf()).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 1);

    let mut other = ByHand::to(wired.ub);
    other.impi = IMPI.replace("456789", "000001");
    let refused = other.first().await;
    assert_eq!(refused.status(), 503);
    assert!(String::from_utf8_lossy(refused.body()).contains("repeats its random numbers"));
    assert_eq!(
        asked.load(Ordering::SeqCst),
        4,
        "another vector was asked for, a few times"
    );
    assert_eq!(sessions(&wired).await, 1);
    // What the NAF gets for the B-TID is still the key of the first one.
    let request = UaRequest::get(format!("http://{NAF}/").parse().unwrap());
    let answer = wired.client().fetch(&mut first, request).await.unwrap();
    assert!(answer.status == 200 && answer.proven);
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}

/// With `hide_unknown` an IMPI that nobody has looks like one that somebody has: the same answers in the same order,
/// each after one question to the HSS or none, and no more of them.
#[tokio::test]
async fn ruling_09_an_unknown_impi_is_answered_like_a_known_one_and_costs_no_more() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let (address, _hss) = foreign_hss(move |request: Message| {
        let n = count.fetch_add(1, Ordering::SeqCst);
        let user = request.find(&d::USER_NAME).unwrap().as_utf8().unwrap() == IMPI;
        let mut rand = [0x52; 16];
        rand[..8].copy_from_slice(&n.to_be_bytes());
        let unknown = || {
            let failure = Failure::new(ResultCode::IDENTITY_UNKNOWN);
            MultimediaAuthAnswer::Err(failure).to_message(&request, &origin(HSS))
        };
        let answer = if user {
            maa_of(&request, rand, None)
        } else {
            unknown()
        };
        std::future::ready(Some(answer))
    })
    .await;
    let mut plan = Plan::default();
    plan.ub.hide_unknown = true;
    plan.ub.per_impi = Rate::new(3, 6);
    let wired = Wired::start(address, plan).await;

    let mut seen = Vec::new();
    for impi in [IMPI.to_owned(), IMPI.replace("456789", "000001")] {
        let mut ue = ByHand::to(wired.ub);
        ue.impi = impi;
        let mut shape = Vec::new();
        let mut note = |answer: &Response<Bytes>, asked_before: u64| {
            let headers: Vec<_> = answer
                .headers()
                .iter()
                .filter(|(name, _)| *name != header::RETRY_AFTER && *name != header::DATE)
                .map(|(name, value)| (name.to_string(), value.len()))
                .collect();
            let questions = asked.load(Ordering::SeqCst) - asked_before;
            shape.push((answer.status(), headers, answer.body().len(), questions));
        };
        let before = asked.load(Ordering::SeqCst);
        let first = ue.first().await;
        note(&first, before);
        // The same one again, as for anybody within two seconds.
        let before = asked.load(Ordering::SeqCst);
        let again = ue.first().await;
        note(&again, before);
        assert_eq!(challenge(&again), challenge(&first));
        // A guess, and again until the bucket is empty: 401, 401, 403 and 429.
        let mut c = challenge(&first);
        for _ in 0..3 {
            let before = asked.load(Ordering::SeqCst);
            let wrong = ue.respond(&c, b"a guess!").await;
            note(&wrong, before);
            if wrong.status() == 401 {
                c = challenge(&wrong);
            }
        }
        let mut other = ByHand::to(wired.ub);
        other.impi.clone_from(&ue.impi);
        let before = asked.load(Ordering::SeqCst);
        note(&other.first().await, before);
        seen.push(shape);
    }
    assert_eq!(seen[0], seen[1]);
    let statuses: Vec<_> = seen[0].iter().map(|(status, ..)| status.as_u16()).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 403, 429]);
    let questions: u64 = seen[1].iter().map(|(.., questions)| questions).sum();
    assert_eq!(questions, 3, "what the bucket gives, and no more");
}
