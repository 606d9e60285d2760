//! The software card: AUTHENTICATE against the bare Milenage check (CPU time, median of interleaved pairs), and rounds
//! of SELECT with FCP and READ BINARY to be counted under callgrind.
//!
//! `cargo bench -p gba-uicc --bench card`. Goals: AUTHENTICATE at most 12 times the check; a round at most 3000
//! instructions (`cargo xtask bench --gate` counts `--count N` against `--count 2N`).
#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]
#![expect(
    clippy::unwrap_used,
    reason = "a bench that can't be set up is a mistake in it"
)]

use std::{hint::black_box, process::ExitCode, time::Duration};

use aka::{Algorithm, Amf, Autn, Check, Milenage, Rand, Sqn, sqn::SqnArray, sqn::SqnProfile};
use base::{Secret, apdu::Command};
use gba::ids::MncLength;
use rustix::time::{ClockId, clock_gettime};
use uicc::{
    Card,
    software::{Profile, SoftCard},
};

const PAIRS: usize = 15;
const RUNS: u64 = 20_000;
/// How many checks one AUTHENTICATE may cost.
const GOAL: f64 = 12.0;

fn algorithm() -> Milenage {
    Milenage::new(&Secret::new([0x46; 16]), &Secret::new([0xcd; 16]))
}

fn rand() -> Rand {
    Rand::from([0x23; 16])
}

/// A card with its USIM selected.
fn card() -> SoftCard {
    let profile = Profile::new("001010123456789".parse().unwrap(), MncLength::Two, algorithm());
    let mut card = SoftCard::new(profile.with_gba_u());
    let select = Command::new(0, 0xa4, 4, 0x0c).with_data(&uicc::names::USIM_AID_PREFIX);
    assert_eq!(card.transmit(&select.unwrap()).unwrap().sw, 0x9000);
    card
}

/// Challenges whose numbers rise.
fn challenges() -> Vec<Autn> {
    let (algorithm, ind_bits) = (algorithm(), SqnProfile::default().ind_bits);
    (1..=RUNS)
        .map(|seq| {
            let sqn = Sqn::from_parts(seq, 0, ind_bits).unwrap();
            algorithm.vector(&rand(), sqn, Amf::from([0, 0])).autn
        })
        .collect()
}

fn authenticate(commands: &[Command]) {
    let mut card = card();
    for command in commands {
        assert_eq!(card.transmit(command).unwrap().sw, 0x9000);
    }
}

fn check(challenges: &[Autn]) {
    let (algorithm, mut sqn) = (algorithm(), SqnArray::new(SqnProfile::default()));
    for autn in challenges {
        let check = aka::authenticate(&algorithm, &mut sqn, &rand(), autn);
        assert!(matches!(black_box(check), Check::Accept { .. }));
    }
}

/// SELECT of EF_AD with FCP, and its four octets.
fn select_and_read(rounds: u64) {
    let mut card = card();
    let select = Command::new(0, 0xa4, 0, 4)
        .with_data(&[0x6f, 0xad])
        .unwrap()
        .with_le(0);
    let read = Command::new(0, 0xb0, 0, 0).with_le(4);
    for _ in 0..rounds {
        for command in [&select, &read] {
            assert_eq!(black_box(card.transmit(command)).unwrap().sw, 0x9000);
        }
    }
}

fn cpu_time(run: impl FnOnce()) -> Duration {
    let now = || {
        let t = clock_gettime(ClockId::ProcessCPUTime);
        Duration::new(
            u64::try_from(t.tv_sec).unwrap_or(0),
            u32::try_from(t.tv_nsec).unwrap_or(0),
        )
    };
    let start = now();
    run();
    now().saturating_sub(start)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().collect();
    if let Some(at) = args.iter().position(|a| a == "--count") {
        select_and_read(args.get(at + 1).and_then(|n| n.parse().ok()).unwrap_or(1));
        return ExitCode::SUCCESS;
    }
    let challenges = challenges();
    let commands: Vec<_> = challenges
        .iter()
        .map(|autn| {
            let data = [&[16][..], rand().octets(), &[16], autn.octets()].concat();
            Command::new(0, 0x88, 0, 0x81)
                .with_data(&data)
                .unwrap()
                .with_le(0)
        })
        .collect();
    let (mut cards, mut checks, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        // Who goes first alternates, so that neither side always finds the warmer machine.
        let (card, bare) = if pair % 2 == 0 {
            let card = cpu_time(|| authenticate(&commands));
            (card, cpu_time(|| check(&challenges)))
        } else {
            let bare = cpu_time(|| check(&challenges));
            (cpu_time(|| authenticate(&commands)), bare)
        };
        let each = |d: Duration| d.as_secs_f64() * 1e9 / RUNS as f64;
        cards.push(each(card));
        checks.push(each(bare));
        ratios.push(card.as_secs_f64() / bare.as_secs_f64());
    }
    let ratio = median(&mut ratios);
    println!(
        "card_authenticate card_ns={:.0} check_ns={:.0} ratio={ratio:.2} goal={GOAL:.2} pairs={PAIRS} {}",
        median(&mut cards),
        median(&mut checks),
        if ratio <= GOAL { "reached" } else { "missed" }
    );
    if ratio > GOAL && args.iter().any(|a| a == "--gate") {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
