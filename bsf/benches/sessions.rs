//! A million live sessions: octets of each, CPU of a bootstrapping beside them, and the longest single operation while
//! the tables grow, end and are emptied.
//!
//! `cargo bench -p gba-bsf --bench sessions`. Each session has an IMPI of 49 octets and a GUSS that was read for it
//! alone and is equal to all others but for the IMPI in it. Memory is what the allocator gave out (counted) and what the
//! process holds (resident), both before and after. A bootstrapping is the BSF's part of Ub, both requests, with a
//! session that ends for each that begins; pairs of a store with 10 000 and one with 1 000 000. Operations are timed one
//! by one in CPU time of the thread.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints, and may stop"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    fs,
    future::poll_fn,
    hint::black_box,
    net::SocketAddr,
    pin::pin,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use aka::Rand;
use base::{Now, Secret};
use bsf::{
    MemorySessions, Sessions, Ub,
    sessions::{Limits, Mode, Session},
};
use gba::{
    digest::Challenge,
    guss::{BsfInfo, Guss, UiccType, Uss},
    ids::{Btid, Fqdn},
    keys::Ks,
    ub::server::{Config, Rate},
};
use http::{Extensions, header};
use net::{http::PeerInfo, tap::Connection};
use rustix::time::{ClockId, clock_gettime};

mod device;
#[path = "../../benches/pairs.rs"]
mod pairs;

const MANY: u32 = 1_000_000;
const FEW: u32 = 10_000;
const BATCH: u32 = 1_000;
const PAIRS: usize = 25;

/// Octets of a live session.
const OCTETS: f64 = 200.0;
/// CPU of a bootstrapping beside MANY by that beside FEW.
const GROWTH: f64 = 1.3;
/// The longest operation.
const LONGEST: Duration = Duration::from_millis(50);

/// The system's allocator, which counts what is out.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: both functions do what the system's allocator does; counting touches neither the memory nor its layout.
#[allow(unsafe_code, reason = "the trait of allocators is unsafe")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of this very function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of this very function.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Octets given out by the allocator, and octets of the process in memory.
fn memory() -> (f64, f64) {
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    let pages: u32 = pages.expect("a number of pages");
    (
        HELD.load(Ordering::Relaxed) as f64,
        f64::from(pages) * rustix::param::page_size() as f64,
    )
}

fn thread_cpu() -> Duration {
    let t = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(t.tv_sec).unwrap_or(0),
        u32::try_from(t.tv_nsec).unwrap_or(0),
    )
}

/// The longest of all that were timed.
#[derive(Default)]
struct Longest(Duration);

impl Longest {
    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let start = thread_cpu();
        let done = work();
        self.0 = self.0.max(thread_cpu().saturating_sub(start));
        done
    }

    /// Times each turn that a future takes of its thread.
    async fn turns<F: Future>(&mut self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|context| self.time(|| work.as_mut().poll(context))).await
    }
}

/// A session as a bootstrapping makes it, which ends `after` the beginning.
fn session(n: u32, bsf: &Fqdn, now: Now, after: Duration) -> Session {
    let impi = format!("00101{n:010}@ims.mnc001.mcc001.3gppnetwork.org");
    let mut octets = [0xee; 16];
    octets[..4].copy_from_slice(&n.to_be_bytes());
    let rand = Rand::from(octets);
    let uss = |id: &str, service_type| Uss {
        id: id.to_owned(),
        service_type,
        flags: vec![1],
        ..Uss::default()
    };
    let guss = Guss {
        id: Some(impi.clone()),
        bsf_info: BsfInfo {
            uicc_type: Some(UiccType::Gba),
            lifetime: None,
        },
        uss: vec![uss("1", 1), uss("1000001", 0)],
    };
    let ends = now + after;
    Session {
        btid: Btid::issue(&rand, bsf),
        impi: impi.parse().expect("an IMPI"),
        rand,
        ks: Ks::new(Secret::new([7; 32])),
        mode: Mode::Me,
        guss: Some(Arc::new(guss)),
        created: now.utc,
        expiry: ends.utc.plus_secs(1),
        ends: ends.mono,
    }
}

/// One bootstrapping moves the clock by so much, so that one session ends for each that begins.
const STEP: Duration = Duration::from_millis(1);

/// Steps of the clocks of the two stores.
static CLOCKS: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

fn begin() -> Now {
    Now::default() + Duration::from_secs(1_800_000_000)
}

fn clock<const WHICH: usize>() -> Now {
    let steps = CLOCKS[WHICH].load(Ordering::Relaxed);
    begin() + STEP * u32::try_from(steps).unwrap_or(u32::MAX)
}

struct Bench<const WHICH: usize> {
    ub: Ub<MemorySessions, device::Source>,
    peer: PeerInfo,
    next: u32,
}

impl<const WHICH: usize> Bench<WHICH> {
    async fn new(live: u32) -> Self {
        let name: Fqdn = "bsf.mnc001.mcc001.pub.3gppnetwork.org".parse().expect("a name");
        let mut config = Config::new(name.clone());
        (config.per_impi, config.per_address) = (Rate::UNLIMITED, Rate::UNLIMITED);
        config.repeat_window = Duration::ZERO;
        config.lifetime = u32::try_from((STEP * live).as_secs()).expect("seconds");
        let sessions = Arc::new(MemorySessions::new(Limits {
            sessions: 2 * MANY as usize,
            ..Limits::default()
        }));
        for n in 0..live {
            let kept = sessions.issue_btid(session(n, &name, begin(), STEP * n).into(), Now::default());
            kept.await.expect("room");
        }
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        Self {
            ub: Ub::new(config, sessions, device::Source::default()).with_clock(clock::<WHICH>),
            peer: PeerInfo::new(Connection::new(address, address), Extensions::new()),
            next: 0,
        }
    }

    /// CPU of the BSF for each of a batch.
    async fn batch(&mut self) -> f64 {
        let impis: Vec<String> = (self.next..self.next + BATCH)
            .map(|n| format!("00102{n:010}@ims.mnc001.mcc001.3gppnetwork.org"))
            .collect();
        self.next += BATCH;
        let mut requests: Vec<_> = impis
            .iter()
            .map(|impi| {
                get(&format!(
                    "Digest username=\"{impi}\", realm=\"x\", nonce=\"\", uri=\"/\", response=\"\""
                ))
            })
            .collect();
        let mut spent = Duration::ZERO;
        for half in 0..2 {
            let start = pairs::cpu();
            let mut answers = Vec::with_capacity(requests.len());
            for request in requests.drain(..) {
                CLOCKS[WHICH].fetch_add(half, Ordering::Relaxed);
                answers.push(self.ub.handle(request, self.peer.clone()).await);
            }
            spent += pairs::cpu().saturating_sub(start);
            for (answer, impi) in answers.iter().zip(&impis) {
                if half == 0 {
                    let value = answer.headers()[header::WWW_AUTHENTICATE].to_str().expect("text");
                    let challenge = Challenge::parse(value).expect("a challenge");
                    requests.push(get(&device::sign(&challenge, impi).to_string()));
                } else {
                    assert_eq!(answer.status(), 200);
                }
            }
        }
        spent.as_secs_f64() * 1e9 / f64::from(BATCH)
    }
}

use device::get;

/// Octets of a session, and the longest operation from the first session to the last one's end.
async fn fill() -> ((f64, f64), Duration) {
    let bsf: Fqdn = "bsf.mnc001.mcc001.pub.3gppnetwork.org".parse().expect("a name");
    let sessions = MemorySessions::default();
    let now = begin();
    let mut longest = Longest::default();
    let empty = memory();
    for n in 0..MANY {
        let session = Arc::new(session(n, &bsf, now, Duration::from_secs(3600)));
        let kept = longest.turns(sessions.issue_btid(session, now)).await;
        kept.expect("room for a million");
    }
    let full = memory();
    for n in (0..MANY).step_by(100) {
        let one = session(n, &bsf, now, Duration::ZERO);
        let found = longest.turns(sessions.find(&one.btid, now)).await;
        assert!(black_box(found).is_some_and(|found| found.impi == one.impi));
    }
    // All end at once, which is the worst: requests and the tick throw them out.
    let later = now + Duration::from_secs(3600);
    for n in 0..1000 {
        let session = Arc::new(session(MANY + n, &bsf, later, Duration::from_secs(3600)));
        let kept = longest.turns(sessions.issue_btid(session, later)).await;
        kept.expect("those that ended make room");
    }
    let left = longest.turns(sessions.counts(later)).await.sessions;
    assert_eq!(left, 1000);
    let each = |full: f64, empty: f64| (full - empty) / f64::from(MANY);
    ((each(full.0, empty.0), each(full.1, empty.1)), longest.0)
}

/// First requests and nothing more, each from another address: the longest one, and the octets that the process held at
/// the most when the store was full and three times as many had come.
async fn first_requests() -> (Duration, f64, f64) {
    let mut config = Config::new("bsf.example.org".parse().expect("a name"));
    (config.per_impi, config.per_address) = (Rate::new(3, 6), Rate::new(30, 600));
    let ub = Ub::new(
        config,
        Arc::new(MemorySessions::default()),
        device::Source::default(),
    )
    .with_clock(begin);
    let mut longest = Longest::default();
    let mut held = Vec::new();
    for n in 0..600_000_u32 {
        if n % 200_000 == 0 {
            held.push(memory().0);
        }
        let address = SocketAddr::from((n.to_be_bytes(), 80));
        let peer = PeerInfo::new(Connection::new(address, address), Extensions::new());
        let request = get(&format!(
            "Digest username=\"{n}@ims.mnc001.mcc001.3gppnetwork.org\", realm=\"x\", nonce=\"\", uri=\"/\", response=\"\""
        ));
        black_box(longest.turns(ub.handle(request, peer)).await);
    }
    held.push(memory().0);
    let over = |n: usize| (held.get(n).copied().unwrap_or(0.0) - held.first().copied().unwrap_or(0.0)) / 1e6;
    (longest.0, over(1), over(3))
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let ((given, resident), longest) = fill().await;
        let (longest_first, full, later) = first_requests().await;
        let (mut few, mut many) = (Bench::<0>::new(FEW).await, Bench::<1>::new(MANY).await);
        let (mut small, mut large, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for pair in 0..=PAIRS {
            let (a, b) = if pair % 2 == 0 {
                let a = few.batch().await;
                (a, many.batch().await)
            } else {
                let b = many.batch().await;
                (few.batch().await, b)
            };
            // The first one warms up.
            if pair > 0 {
                small.push(a);
                large.push(b);
                ratios.push(b / a);
            }
        }
        let counts = [
            few.ub.sessions().counts(clock::<0>()).await.sessions,
            many.ub.sessions().counts(clock::<1>()).await.sessions,
        ];
        let ratio = pairs::median(&mut ratios);
        println!(
            "sessions: {given:.0} octets each of a million, {resident:.0} resident (goal {OCTETS}); longest operation {:.1} ms (goal {} ms)",
            longest.as_secs_f64() * 1e3,
            LONGEST.as_millis()
        );
        println!(
            "first requests alone: {full:.0} MB after 200 000, {later:.0} MB after 600 000; longest {:.1} ms",
            longest_first.as_secs_f64() * 1e3
        );
        println!(
            "a bootstrapping: {:.0} ns beside {} sessions, {:.0} ns beside {}, median ratio {ratio:.3} (goal {GROWTH})",
            pairs::median(&mut small),
            counts[0],
            pairs::median(&mut large),
            counts[1]
        );
        let reached = given <= OCTETS
            && resident <= OCTETS
            && longest.max(longest_first) <= LONGEST
            && ratio <= GROWTH;
        pairs::verdict(reached)
    })
}
