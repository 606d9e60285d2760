//! An MAA of 12 AVPs and 5 inner ones read, checked and written, against the least that any codec has to do: copy
//! the octets in and out.
//!
//! Interleaved pairs; prints the median of the pairs' ratios, which a noisy host moves little.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints, and may stop"
)]

use std::{hint::black_box, time::Instant};

use diameter::{Avp, Message, Origin, ResultCode, dictionary as d, fault::result_avp, grammar};

const PAIRS: usize = 41;
const RUNS: u32 = 20_000;

fn maa() -> Message {
    let mut request = Message::request(grammar::MULTIMEDIA_AUTH, d::ZH, true);
    request.avps.push(Avp::utf8(
        &d::SESSION_ID,
        "bsf.mnc001.mcc001.pub.3gppnetwork.org;1;1;gba",
    ));
    let mut m = Message::answer_to(&request);
    m.avps.push(Avp::group(
        &d::VENDOR_SPECIFIC_APPLICATION_ID,
        vec![
            Avp::u32(&d::VENDOR_ID, d::TGPP),
            Avp::u32(&d::AUTH_APPLICATION_ID, d::ZH),
        ],
    ));
    m.avps.push(result_avp(ResultCode::SUCCESS));
    m.avps.push(Avp::u32(&d::AUTH_SESSION_STATE, 1));
    m.push_origin(&Origin {
        host: "hss.mnc001.mcc001.3gppnetwork.org".parse().expect("a name"),
        realm: "mnc001.mcc001.3gppnetwork.org".parse().expect("a name"),
    });
    m.avps.push(Avp::utf8(
        &d::USER_NAME,
        "001010123456789@ims.mnc001.mcc001.3gppnetwork.org",
    ));
    m.avps.push(Avp::group(
        &d::SIP_AUTH_DATA_ITEM,
        vec![
            Avp::utf8(&d::SIP_AUTHENTICATION_SCHEME, "Digest-AKAv1-MD5"),
            Avp::octets(&d::SIP_AUTHENTICATE, [1; 32]),
            Avp::octets(&d::SIP_AUTHORIZATION, [2; 8]),
            Avp::octets(&d::CONFIDENTIALITY_KEY, [3; 16]),
            Avp::octets(&d::INTEGRITY_KEY, [4; 16]),
        ],
    ));
    m.avps.push(Avp::octets(&d::GBA_USER_SEC_SETTINGS, [b'x'; 292]));
    m
}

fn main() {
    let octets = maa().encode();
    let read = || {
        black_box(Message::parse(black_box(&octets)).expect("an MAA"));
    };
    let message = maa();
    let write = || {
        black_box(black_box(&message).encode());
    };
    let both = || {
        black_box(Message::parse(black_box(&octets)).expect("an MAA").encode());
    };
    let raw = || {
        let held = black_box(black_box(&octets).clone());
        black_box(held.clone());
    };
    let time = |f: &dyn Fn()| {
        let start = Instant::now();
        (0..RUNS).for_each(|_| f());
        start.elapsed().as_secs_f64() / f64::from(RUNS) * 1e9
    };
    time(&both);
    time(&raw);
    let mut pairs: Vec<(f64, f64, f64)> = (0..PAIRS)
        .map(|_| {
            let (a, b) = (time(&both), time(&raw));
            (a / b, a, b)
        })
        .collect();
    pairs.sort_by(|x, y| x.0.total_cmp(&y.0));
    let (ratio, a, b) = pairs.get(PAIRS / 2).copied().expect("pairs");
    println!(
        "diameter: MAA of {} octets read {:.0} ns, written {:.0} ns, both {a:.0} ns; two copies of its octets {b:.0} ns, median ratio {ratio:.1}",
        octets.len(),
        time(&read),
        time(&write),
    );
}
