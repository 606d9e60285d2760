//! MAR and MAA between octets and the views that HSS and BSF work with, against a loop that only reads every AVP of the
//! same octets.
//!
//! `cargo bench -p gba-gba --bench zh`. Ours, for each of the two: written from what an element has at hand (names of
//! each end as one block that it keeps, IMPI, vector, GUSS) into memory that is used again, and read from the octets with
//! every check that an HSS or BSF makes of it (the MAR against its grammar), as slices of them. Theirs, for each of the
//! two once: a walk over the octets that takes code, flags, length and vendor of each AVP, those inside groups too, steps
//! over value and padding, and copies, checks and keeps nothing. MAR of 9 AVPs and 3 inner ones; MAA of 9 AVPs and 7
//! inner ones with a GUSS of 292 octets.
//!
//! Told besides: the copies that outlive the octets (the HSS's of IMPI and Session-Id while it waits for a vector, the
//! BSF's of the vector), and the general way, by AVPs and owned messages, which what isn't usual still goes.
//!
//! `-- --count N` only does ours N times, for callgrind.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints, and may stop"
)]

use std::{cell::RefCell, hint::black_box, process::ExitCode};

use aka::{Autn, Rand, Res, Vector};
use base::Secret;
use diameter::{
    Message, Origin,
    layout::{Any, Ascii, Block, Ids, Out},
};
use gba::zh::{
    Authentication, MultimediaAuthAnswer, MultimediaAuthRequest, Scheme,
    view::{Asked, Item, Maa, Mar, Route, Success, UserName},
};

#[path = "../../benches/pairs.rs"]
mod pairs;

const PAIRS: usize = 41;
const RUNS: u32 = 20_000;
/// Ours by theirs.
const GOAL: f64 = 1.5;
/// What the gate holds: a loaded machine moves it.
const HELD: f64 = 2.2;

fn request() -> MultimediaAuthRequest {
    MultimediaAuthRequest {
        session_id: "bsf.mnc001.mcc001.pub.3gppnetwork.org;1800000000;1234".to_owned(),
        origin_host: "bsf.mnc001.mcc001.3gppnetwork.org".parse().expect("a name"),
        origin_realm: "mnc001.mcc001.3gppnetwork.org".parse().expect("a name"),
        destination_realm: "mnc001.mcc001.3gppnetwork.org".parse().expect("a name"),
        destination_host: Some("hss.mnc001.mcc001.3gppnetwork.org".parse().expect("a name")),
        impi: "001010123456789@ims.mnc001.mcc001.3gppnetwork.org"
            .parse()
            .expect("an IMPI"),
        public_identity: None,
        scheme: Some(Scheme::DigestAkaV1Md5),
        resync: None,
        guss_timestamp: None,
    }
}

fn answer() -> Authentication {
    Authentication {
        impi: Some(request().impi),
        vectors: vec![Vector {
            rand: Rand::from([1; 16]),
            autn: Autn::from([2; 16]),
            xres: Res::new(&[3; 8]).expect("eight octets"),
            ck: Secret::new([4; 16]),
            ik: Secret::new([5; 16]),
        }],
        guss: Some(vec![b'x'; 292]),
    }
}

/// Reads every AVP from `at` on and nothing else; the sum of what was read keeps the compiler from leaving it out.
fn walk(mut left: &[u8], mut sum: u64) -> u64 {
    while let Some((head, rest)) = left.split_first_chunk::<8>() {
        let [c0, c1, c2, c3, flags, l0, l1, l2] = *head;
        let code = u32::from_be_bytes([c0, c1, c2, c3]);
        let length = u32::from_be_bytes([0, l0, l1, l2]) as usize;
        let (head, vendor, rest) = match rest.split_first_chunk::<4>() {
            Some((vendor, rest)) if flags & 0x80 != 0 => (12, u32::from_be_bytes(*vendor), rest),
            _ => (8, 0, rest),
        };
        let size = length - head;
        let (value, rest) = rest.split_at(size);
        sum += u64::from(code) + u64::from(flags) + u64::from(vendor) + size as u64;
        if matches!((vendor, code), (0, 260) | (10415, 612)) {
            sum = walk(value, sum);
        }
        left = &rest[size.next_multiple_of(4) - size..];
    }
    sum
}

fn main() -> ExitCode {
    let (mar, maa) = (request(), answer());
    let origin = Origin {
        host: "hss.mnc001.mcc001.3gppnetwork.org".parse().expect("a name"),
        realm: "mnc001.mcc001.3gppnetwork.org".parse().expect("a name"),
    };
    let asked = mar.to_message();
    let general = MultimediaAuthAnswer::Ok(answer());
    let (mar_octets, maa_octets) = (asked.encode(), general.to_message(&asked, &origin).encode());
    let route = Block::octets_of(Route::of(&mar));
    let success = Block::octets_of(Success::origin(&origin));
    let out = RefCell::new(Out::default());
    let write_mar = |n| {
        let mut out = out.borrow_mut();
        for _ in 0..n {
            let mar = black_box(&mar);
            let view = Mar {
                session_id: Ascii::of(mar.session_id.as_bytes()),
                route: Block::ready(black_box(&route)),
                impi: UserName::of(&mar.impi),
                item: Some(Asked { resync: None }),
                guss_timestamp: None,
            };
            out.clear();
            out.write(view, black_box(Ids::default()));
            black_box(out.octets());
        }
    };
    let read_mar = |n| {
        for _ in 0..n {
            black_box(Mar::read(black_box(&mar_octets)).expect("a MAR"));
        }
    };
    let write_maa = |n| {
        let mut out = out.borrow_mut();
        for _ in 0..n {
            let maa = black_box(&maa);
            let view = Maa {
                session_id: Any::of(black_box(&mar).session_id.as_bytes()),
                from: Block::ready(black_box(&success)),
                impi: maa.impi.as_ref().map(UserName::of),
                item: Item::of(maa.vectors.first().expect("a vector")),
                guss: maa.guss.as_deref().map(Any::of),
            };
            out.clear();
            out.write(view, black_box(Ids::default()));
            black_box(out.octets());
        }
    };
    let read_maa = |n| {
        for _ in 0..n {
            black_box(Maa::read(black_box(&maa_octets)).expect("an MAA"));
        }
    };
    let (_, mar_view) = Mar::read(&mar_octets).expect("a MAR");
    let (_, maa_view) = Maa::read(&maa_octets).expect("an MAA");
    let keep = |n| {
        for _ in 0..n {
            let mar = black_box(&mar_view);
            black_box((mar.session_id.octets().to_vec(), mar.impi.impi()));
            black_box(black_box(&maa_view).vector());
        }
    };
    let all_general = |n| {
        for _ in 0..n {
            black_box(black_box(&mar).to_message().encode());
            let message = Message::parse(black_box(&mar_octets)).expect("a MAR");
            black_box(MultimediaAuthRequest::parse(&message).expect("a MAR"));
            black_box(black_box(&general).to_message(&asked, &origin).encode());
            let message = Message::parse(black_box(&maa_octets)).expect("an MAA");
            black_box(MultimediaAuthAnswer::parse(&message).expect("an MAA"));
        }
    };
    let walk_both = |n| {
        for _ in 0..n {
            for octets in [&mar_octets, &maa_octets] {
                black_box(walk(black_box(&octets[20..]), 0));
            }
        }
    };
    let all_four = |n| {
        write_mar(n);
        read_mar(n);
        write_maa(n);
        read_maa(n);
    };
    let mut args = std::env::args().skip_while(|arg| arg != "--count").skip(1);
    if let Some(n) = args.next().and_then(|n| n.parse().ok()) {
        all_four(n);
        return ExitCode::SUCCESS;
    }
    let all = pairs::pairs(PAIRS, RUNS, all_four, walk_both);
    let part = |work: &dyn Fn(u32)| pairs::pairs(9, RUNS, work, walk_both).ours;
    println!(
        "zh: MAR of {} octets written {:.0} ns, read {:.0} ns; MAA of {} octets written {:.0} ns, read {:.0} ns",
        mar_octets.len(),
        part(&write_mar),
        part(&read_mar),
        maa_octets.len(),
        part(&write_maa),
        part(&read_maa),
    );
    println!(
        "zh: all four {:.0} ns, every AVP of both only looked at {:.0} ns, median ratio {:.2} (goal {GOAL}, held {HELD})",
        all.ours, all.theirs, all.ratio
    );
    println!(
        "zh: copies that are kept {:.0} ns, all four the general way {:.0} ns",
        part(&keep),
        part(&all_general)
    );
    pairs::verdict(all.ratio <= HELD)
}
