//! The BSF over HTTP against an empty hyper server that sends the same octets: `cargo bench -p gba-lab --bench ub_http`.
//!
//! The empty server is what hyper's own examples are: accept, a task for each connection, an answer from memory. It has no
//! timer, no cap of connections, no graceful stop and no octets counted; the BSF has all of these.
//!
//! Server CPU for one bootstrap (two requests), the load being `gba load`'s generator in another thread, which checks every
//! answer. Three questions and one about the generator:
//!
//! - kept connections, vectors made in process: [`KEPT`]
//! - a connection for each bootstrap: [`FRESH`]
//! - vectors over Zh: Diameter on loopback, the HSS in a thread of its own: [`ZH`]
//! - the generator itself, against a server that sends canned octets, must need less CPU than the BSF: [`GENERATOR`]
//!
//! [`servers`]: the four servers; [`canned`]: the octets. `--gate`: fails below what is held; `--count N` makes N
//! bootstraps with vectors in process and nothing else, for profilers: `--fresh` with a connection for each, `--hyper` or
//! `--raw` against canned octets; without `--bench` (as a test) a few runs of each.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints, and may stop"
)]

use std::{process::ExitCode, sync::Arc, time::Duration};

use base::{Entropy, NoEntropy};
use lab::load::{
    End, Pace, Plan, Report,
    sim::Sim,
    ub::{Bsf, Devices},
};

mod canned;
#[path = "../bootstrap/cpu.rs"]
#[expect(dead_code, reason = "shared with the other bench, which measures a process")]
mod cpu;
#[path = "../bootstrap/network.rs"]
#[expect(dead_code, reason = "shared with the other bench, which has no sockets")]
mod network;
mod servers;

use servers::Server;

/// Interleaved pairs of each question.
const PAIRS: usize = 15;
/// Devices at once.
const CLIENTS: usize = 64;
/// Bootstraps of one half of a pair.
const RUNS: u64 = 6_000;
/// The same where each opens a connection.
const FRESH_RUNS: u64 = 3_000;
/// The BSF's rate, in rates of the empty server.
const KEPT: Bound = Bound { goal: 0.6, held: 0.5 };
/// The same, with a connection for each bootstrap.
const FRESH: Bound = Bound {
    goal: 0.85,
    held: 0.65,
};
/// The same, with kept connections and vectors over Zh.
const ZH: Bound = Bound {
    goal: 0.4,
    held: 0.33,
};
/// The generator's rate, in rates of the BSF.
const GENERATOR: Bound = Bound { goal: 1.5, held: 0.7 };

/// A ratio that is wanted, and the one that the gate holds on a noisy machine.
#[derive(Clone, Copy)]
struct Bound {
    goal: f64,
    held: f64,
}

/// A cnonce that never changes: the one that the canned answers prove.
#[derive(Clone, Copy)]
pub(crate) struct Same;

impl Entropy for Same {
    fn fill(&mut self, dst: &mut [u8]) -> Result<(), NoEntropy> {
        dst.fill(7);
        Ok(())
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|a| a == flag);
    if let Some(count) = args.iter().skip_while(|a| *a != "--count").nth(1) {
        let count = count.parse().expect("--count needs a number");
        let (fresh, canned) = (has("--fresh"), canned::record());
        let (server, generator) = if has("--hyper") {
            one(servers::hyper(&canned), Of::Canned, count, fresh)
        } else if has("--raw") {
            one(servers::raw(&canned), Of::Canned, count, fresh)
        } else {
            one(servers::in_process(), Of::Bsf, count, fresh)
        };
        println!(
            "CPU for one bootstrap: {:.1} us of the server, {:.1} us of the generator",
            server * 1e6,
            generator * 1e6
        );
        return ExitCode::SUCCESS;
    }
    let canned = canned::record();
    if !has("--bench") {
        for fresh in [false, true] {
            one(servers::in_process(), Of::Bsf, 70, fresh);
            one(servers::hyper(&canned), Of::Canned, 70, fresh);
            one(servers::raw(&canned), Of::Canned, 70, fresh);
        }
        one(servers::over_zh(), Of::Bsf, 70, false);
        return ExitCode::SUCCESS;
    }
    let hyper = |runs, fresh| one(servers::hyper(&canned), Of::Canned, runs, fresh).0;
    let in_process = |runs, fresh| one(servers::in_process(), Of::Bsf, runs, fresh).0;
    let mut kept = true;
    kept &= ratio(
        "kept connections, vectors in process",
        KEPT,
        &|| hyper(RUNS, false),
        &|| in_process(RUNS, false),
    );
    kept &= ratio(
        "a connection for each bootstrap",
        FRESH,
        &|| hyper(FRESH_RUNS, true),
        &|| in_process(FRESH_RUNS, true),
    );
    kept &= ratio(
        "kept connections, vectors over Zh",
        ZH,
        &|| hyper(RUNS, false),
        &|| one(servers::over_zh(), Of::Bsf, RUNS, false).0,
    );
    kept &= ratio(
        "the generator (second) in rates of the BSF (first)",
        GENERATOR,
        &|| in_process(RUNS, false),
        &|| one(servers::raw(&canned), Of::Canned, RUNS, false).1,
    );
    if has("--gate") && !kept {
        println!("ub_http: below what is held");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Measures both in pairs, in seconds of CPU for a bootstrap, either first in turn; prints the medians and whether the goal
/// is reached; true where the bound is held.
fn ratio(what: &str, bound: Bound, base: &dyn Fn() -> f64, ours: &dyn Fn() -> f64) -> bool {
    ours();
    let pair = |n: usize| {
        if n.is_multiple_of(2) {
            let base = base();
            (base, ours())
        } else {
            let ours = ours();
            (base(), ours)
        }
    };
    let pairs: Vec<(f64, f64)> = (0..PAIRS).map(pair).collect();
    let of = |f: fn(&(f64, f64)) -> f64| -> Vec<f64> { pairs.iter().map(f).collect() };
    let ratios = of(|(base, ours)| base / ours);
    let ratio = cpu::median(&ratios);
    let Bound { goal, held } = bound;
    println!(
        "{what}: {:.1} us against {:.1} us of CPU for a bootstrap, {ratio:.2} x the rate ({:.2} to {:.2}; goal {goal}, held {held}) {}",
        cpu::median(&of(|(_, ours)| *ours)) * 1e6,
        cpu::median(&of(|(base, _)| *base)) * 1e6,
        ratios.iter().copied().fold(f64::INFINITY, f64::min),
        ratios.iter().copied().fold(0.0, f64::max),
        if ratio >= goal { "reached" } else { "missed" }
    );
    ratio >= held
}

/// Whom the devices ask.
#[derive(Clone, Copy)]
enum Of {
    /// A BSF with many subscribers.
    Bsf,
    /// A server with one answer for one subscriber and one cnonce.
    Canned,
}

/// Loads a server; gives the seconds of CPU for one bootstrap, of the server and of the generator.
fn one(server: Server, of: Of, runs: u64, new_connection: bool) -> (f64, f64) {
    let plan = Plan {
        pace: Pace::Closed,
        end: End::Count(runs),
        clients: CLIENTS,
        threads: 1,
        timeout: Duration::from_secs(10),
    };
    let bsf = Bsf {
        at: server.at,
        name: network::name(network::BSF),
        port: None,
        target: "/".into(),
    };
    let sims = |client: usize| match of {
        Of::Bsf => (0..network_share()).map(|n| sim(n * CLIENTS + client)).collect(),
        Of::Canned => vec![sim(0).with_any_sqn()],
    };
    let devices = |client| Devices::new(bsf.clone(), sims(client), new_connection);
    let report = match of {
        Of::Bsf => lab::load::run(&plan, &Arc::default(), |place| devices(place.client)),
        Of::Canned => lab::load::run(&plan, &Arc::default(), |place| {
            devices(place.client).with_entropy(Same)
        }),
    };
    let report: Report = report.expect("threads");
    let cpu = server.stop();
    assert_eq!(
        (report.done(), report.failed()),
        (runs, 0),
        "each run is proven: {:?}",
        report.failures
    );
    #[expect(clippy::cast_precision_loss, reason = "a count of runs")]
    let runs = runs as f64;
    (cpu.as_secs_f64() / runs, report.cpu.as_secs_f64() / runs)
}

/// Subscribers of each client.
const fn network_share() -> usize {
    servers::SUBSCRIBERS / CLIENTS
}

fn sim(n: usize) -> Sim {
    let n = u32::try_from(n).expect("few subscribers");
    let impi = servers::impi(n);
    Sim::new(impi, Arc::new(servers::milenage(n).into()))
}
