//! `gba load`: many runs against a server, ours or another's, with what became of them and how long they took.
//!
//! The load itself is [`lab::load`]; here are its options, its targets (`target`), what a load of Ua, Zh or Zn needs
//! before (`peers`), and what is shown of it (`show`).

mod peers;
mod show;
mod target;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::Duration,
};

use clap::{Args, Subcommand};
use diameter::dictionary;
use gba::{
    guss::UiccType,
    ids::{Fqdn, Imsi, MncLength, NafId, UaId},
    ua::Url,
};
use hss::Subscribers;
use lab::load::{
    Client, End, Kind, MAX_CLIENTS, MAX_RATE, MAX_THREADS, Pace, Place, Plan, Progress, Report,
    diameter::{KeyAsker, VectorAsker},
    sim::{self, Sim},
    ua::{Habits, Page, Visitors},
    ub::{Bsf, Devices, Session},
};
use net::{clock, diameter::Role, entropy::OsEntropy};

use self::peers::{DiameterArgs, bootstrapped};
use crate::{
    Failure, advice, print,
    sim::{SimArgs, mnc_length, no_bare_keys, parse},
};

/// Runs at once, where nobody says how many and there are as many subscribers.
const CLIENTS: usize = 16;

/// Most subscribers of a load: each takes about half a kilobyte.
const MAX_SIMS: usize = 1_000_000;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Bootstrap again and again (Ub): both requests, and every check of a device.
    ///
    /// One run is a whole bootstrapping by one SIM; SIMs take turns. Our own BSF gives one subscriber and one address
    /// only a few vectors a minute: start it with `--vectors-per-minute 0`.
    /// Bounds: 10000 clients, 64 threads, 1000000 a second, 24 hours, 1000000 subscribers.
    #[command(
        after_help = "Examples: gba load ub http://127.0.0.1:18080/ --imsi-from 001010000000001 --imsis 100 \\\n            \
                              --k @k.hex --opc @opc.hex\n          \
                            gba load ub http://127.0.0.1:18080/ --subscribers subscribers.toml --rate 500 --for 1m\n\
                            Status: 0 every run ended well, 1 some failed, 2 usage, environment or nobody answers."
    )]
    Ub(UbArgs),
    /// Ask a NAF for a page again and again (Ua, HTTP digest): challenge, answer, proven answer.
    ///
    /// Each SIM bootstraps once before the load begins; then each device visits with its own B-TID. The page must be one that
    /// the NAF gives only to who has a key.
    #[command(
        after_help = "Example: gba load ua http://naf.m2m.example:18081/ --at 127.0.0.1:18081 \\\n           \
                              --bsf 127.0.0.1:18080 --subscribers subscribers.toml\n\
                            Status: 0 every run ended well, 1 some failed, 2 usage, environment or nobody answers."
    )]
    Ua(UaArgs),
    /// Ask an HSS for vectors again and again (Zh: MAR), as a BSF does.
    ///
    /// Each vector is tried on the subscriber's SIM. Uses up sequence numbers, as each question does.
    #[command(
        after_help = "Example: gba load zh 127.0.0.1:13868 --subscribers subscribers.toml \\\n           \
                              --origin-host bsf.mnc001.mcc001.pub.3gppnetwork.org \\\n           \
                              --origin-realm mnc001.mcc001.3gppnetwork.org \\\n           \
                              --peer-host hss.mnc001.mcc001.3gppnetwork.org\n\
                            Status: 0 every run ended well, 1 some failed, 2 usage, environment or nobody answers."
    )]
    Zh(ZhArgs),
    /// Ask a BSF for NAF keys again and again (Zn: BIR), as a NAF does.
    ///
    /// Each SIM bootstraps once before the load begins; each key is compared with the device's.
    #[command(
        after_help = "Example: gba load zn 127.0.0.1:13869 --bsf 127.0.0.1:18080 \\\n           \
                              --subscribers subscribers.toml --origin-host naf.m2m.example \\\n           \
                              --peer-host bsf.mnc001.mcc001.pub.3gppnetwork.org \\\n           \
                              --peer-realm mnc001.mcc001.3gppnetwork.org\n\
                            Status: 0 every run ended well, 1 some failed, 2 usage, environment or nobody answers."
    )]
    Zn(ZnArgs),
}

#[derive(Args)]
pub(crate) struct UaArgs {
    /// http://NAME[:PORT]/PATH of the page; the name is part of every key.
    #[arg(value_parser = parse::<Url>)]
    url: Url,
    /// Where the NAF is, if no DNS has its name.
    #[arg(long, value_name = "HOST:PORT")]
    at: Option<String>,
    #[command(flatten)]
    before: BootstrapArgs,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    sims: SimsArgs,
    /// A TCP connection for each run.
    #[arg(long)]
    new_connection: bool,
    /// Use a nonce on, so that a run is one request; else each begins with the NAF's challenge.
    #[arg(long)]
    keep_nonce: bool,
}

#[derive(Args)]
pub(crate) struct ZhArgs {
    /// HOST:PORT of the HSS.
    at: String,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    sims: SimsArgs,
    #[command(flatten)]
    diameter: DiameterArgs,
}

#[derive(Args)]
pub(crate) struct ZnArgs {
    /// HOST:PORT of the BSF's Zn.
    at: String,
    /// The NAF's name in the keys [default: --origin-host].
    #[arg(long, value_name = "NAME", value_parser = parse::<Fqdn>)]
    naf: Option<Fqdn>,
    /// Ua security protocol identifier of the keys, ten hex digits [default: HTTP digest].
    #[arg(long, value_name = "HEX", value_parser = parse::<UaId>)]
    ua_id: Option<UaId>,
    #[command(flatten)]
    before: BootstrapArgs,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    sims: SimsArgs,
    #[command(flatten)]
    diameter: DiameterArgs,
}

/// Where devices bootstrap before a load of what comes after.
#[derive(Args)]
struct BootstrapArgs {
    /// Where the BSF's Ub is.
    #[arg(long, value_name = "HOST:PORT")]
    bsf: String,
    /// The BSF's name, if it isn't the one made of the IMSI (TS 23.003 16.2).
    #[arg(long, value_name = "NAME", value_parser = parse::<Fqdn>)]
    bsf_name: Option<Fqdn>,
}

#[derive(Args)]
pub(crate) struct UbArgs {
    /// http://HOST[:PORT]/ of the BSF.
    url: String,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    sims: SimsArgs,
    /// The BSF's name, if it isn't the one made of the IMSI (TS 23.003 16.2).
    #[arg(long, value_name = "NAME", value_parser = parse::<Fqdn>)]
    bsf_name: Option<Fqdn>,
    /// A TCP connection for each bootstrapping, as real devices do.
    #[arg(long)]
    new_connection: bool,
}

/// How much, how long, how fast.
#[derive(Args)]
struct LoadArgs {
    /// Runs at once, at most [default: 16, or one for each subscriber where there are fewer]. Without --rate each client
    /// begins its next run when its last has ended (closed loop).
    #[arg(long, value_name = "N", value_parser = between::<MAX_CLIENTS>)]
    clients: Option<usize>,
    /// Runs a second, whatever the server does (open loop); latency counts from the time a run should have begun.
    #[arg(long, value_name = "R", value_parser = rate)]
    rate: Option<f64>,
    /// How long [default: 10s].
    #[arg(long = "for", value_name = "TIME", value_parser = target::duration, conflicts_with = "count")]
    time: Option<Duration>,
    /// So many runs instead.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// After this a run has failed.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = target::duration)]
    timeout: Duration,
    /// Threads of the generator.
    #[arg(long, value_name = "N", default_value = "1", value_parser = between::<MAX_THREADS>)]
    threads: usize,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Load a server that isn't on this host: you answer for it and for the network between.
    #[arg(long)]
    yes_this_network_is_mine: bool,
}

/// Whose SIMs.
#[derive(Args)]
struct SimsArgs {
    /// A subscriber file, as the HSS reads it.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "imsi_from",
        required_unless_present = "imsi_from"
    )]
    subscribers: Option<PathBuf>,
    /// The first of consecutive IMSIs that have the same keys, given by --k and --opc (or --op, --topc, --top).
    #[arg(long, value_name = "IMSI", value_parser = parse::<Imsi>)]
    imsi_from: Option<Imsi>,
    /// How many of them [default: one for each client].
    #[arg(long, value_name = "N", requires = "imsi_from", value_parser = between::<MAX_SIMS>)]
    imsis: Option<usize>,
    /// Digits of their MNC.
    #[arg(long, value_name = "2|3", default_value = "2", value_parser = mnc_length)]
    mnc_length: MncLength,
    #[command(flatten)]
    keys: SimArgs,
}

/// A number from 1 to `MAX`.
fn between<const MAX: usize>(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (1..=MAX).contains(n));
    number.ok_or_else(|| format!("a number from 1 to {MAX} expected"))
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.001..=MAX_RATE).contains(rate));
    rate.ok_or_else(|| format!("a number of runs a second expected, at most {MAX_RATE}"))
}

impl LoadArgs {
    /// For so many subscribers.
    fn plan(&self, subscribers: usize) -> Plan {
        let end = match (self.count, self.time) {
            (Some(count), _) => End::Count(count),
            (None, time) => End::After(time.unwrap_or(Duration::from_secs(10))),
        };
        Plan {
            pace: self.rate.map_or(Pace::Closed, Pace::Open),
            end,
            clients: self.clients.unwrap_or_else(|| CLIENTS.min(subscribers)),
            threads: self.threads,
            timeout: self.timeout,
        }
    }
}

impl SimsArgs {
    /// The SIMs, at least one for each client, and the name of their BSF.
    fn sims(&self, clients: Option<usize>) -> Result<(Vec<Sim>, Fqdn), String> {
        let (sims, bsf) = match (&self.subscribers, &self.imsi_from) {
            (Some(file), _) => {
                let found = Subscribers::load(file, clock::now()).map_err(|e| e.to_string())?;
                of_file(&found, file)?
            }
            (None, Some(first)) => {
                no_bare_keys(self.keys.keys())?;
                if self.keys.k.is_none() {
                    return Err("--imsi-from needs the keys of these SIMs: --k and --opc".into());
                }
                let algorithm = Arc::new(self.keys.algorithm(&mut OsEntropy)?);
                let count = self.imsis.or(clients).unwrap_or(CLIENTS);
                let sims = sim::consecutive(first, count, self.mnc_length, &algorithm)
                    .map_err(|e| format!("--imsi-from {first} with {count} IMSIs: {e}"))?;
                (sims, Fqdn::bsf_for_imsi(first, self.mnc_length))
            }
            // clap asks for one of them.
            (None, None) => return Err("--subscribers or --imsi-from expected".into()),
        };
        if let Some(clients) = clients
            && sims.len() < clients
        {
            return Err(format!(
                "{clients} clients need as many subscribers, got {}: give more, or fewer --clients",
                sims.len()
            ));
        }
        Ok((sims, bsf))
    }
}

/// The SIMs of a subscriber file that are for GBA_ME.
fn of_file(found: &Subscribers, file: &std::path::Path) -> Result<(Vec<Sim>, Fqdn), String> {
    let of_me = |s: &&hss::Subscriber| s.guss().bsf_info.uicc_type != Some(UiccType::GbaU);
    let sims: Vec<Sim> = found
        .iter()
        .filter(of_me)
        .map(|s| Sim::new(s.impi().clone(), Arc::new(s.algorithm().duplicate())))
        .collect();
    if sims.len() < found.len() {
        advice::warn(&format!(
            "{}: {} subscriber(s) with GBA_U are left out, as a load has cards for GBA_ME only",
            file.display(),
            found.len() - sims.len()
        ));
    }
    let first = sims
        .first()
        .ok_or_else(|| format!("{}: no subscriber for GBA_ME", file.display()))?;
    let bsf = Fqdn::bsf_for_impi(&first.impi).map_err(|e| format!("{}: {e}: give --bsf-name", first.impi))?;
    Ok((sims, bsf))
}

/// Each client's share.
struct Shares(Mutex<Vec<Vec<Sim>>>);

impl Shares {
    fn of(sims: Vec<Sim>, clients: usize) -> Self {
        let mut shares: Vec<Vec<Sim>> = (0..clients).map(|_| Vec::new()).collect();
        for (n, sim) in sims.into_iter().enumerate() {
            if let Some(share) = shares.get_mut(n % clients) {
                share.push(sim);
            }
        }
        Self(Mutex::new(shares))
    }

    fn take(&self, place: Place) -> Vec<Sim> {
        let mut shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shares
            .get_mut(place.client)
            .map(std::mem::take)
            .unwrap_or_default()
    }
}

pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Ub(args) => {
            let place = target::url(&args.url).map_err(Failure::Unable)?;
            let at = target::resolve(&place.endpoint, args.load.yes_this_network_is_mine)?;
            let (sims, name) = args.sims.sims(args.load.clients).map_err(Failure::Unable)?;
            let plan = args.load.plan(sims.len());
            let bsf = Bsf {
                at,
                name: args.bsf_name.unwrap_or(name),
                port: place.port,
                target: place.target,
            };
            reach(at)?;
            let shares = Shares::of(sims, plan.clients);
            let make = |place| Devices::new(bsf.clone(), shares.take(place), args.new_connection);
            let report = apply(&plan, make)?;
            hint(&report);
            finish(&format!("Ub of {}", args.url), &args.load, &plan, &report)
        }
        Command::Ua(args) => {
            let is_mine = args.load.yes_this_network_is_mine;
            let endpoint = args
                .at
                .unwrap_or_else(|| format!("{}:{}", args.url.host(), args.url.port()));
            let at = target::resolve(&endpoint, is_mine)?;
            reach(at)?;
            let (sims, bsf) = args.sims.sims(args.load.clients).map_err(Failure::Unable)?;
            let plan = args.load.plan(sims.len());
            let sessions = args.before.sessions(sims, bsf, &plan, is_mine)?;
            let page = Page {
                at,
                url: args.url.clone(),
            };
            let habits = Habits {
                new_connection: args.new_connection,
                keep_nonce: args.keep_nonce,
            };
            let report = apply(&plan, |place| {
                Visitors::new(page.clone(), share(&sessions, place), habits)
            })?;
            finish(&format!("Ua of {}", args.url), &args.load, &plan, &report)
        }
        Command::Zh(args) => {
            let at = target::resolve(&args.at, args.load.yes_this_network_is_mine)?;
            let (sims, _) = args.sims.sims(args.load.clients).map_err(Failure::Unable)?;
            let plan = args.load.plan(sims.len());
            let node = args.diameter.node(at, &plan, dictionary::ZH, Role::Hss)?;
            let shares = Shares::of(sims, plan.clients);
            let make = |place| VectorAsker::new(Arc::new(node.zh(place)), shares.take(place));
            let report = apply(&plan, make)?;
            finish(&format!("Zh of {}", args.at), &args.load, &plan, &report)
        }
        Command::Zn(args) => {
            let is_mine = args.load.yes_this_network_is_mine;
            let at = target::resolve(&args.at, is_mine)?;
            let (sims, bsf) = args.sims.sims(args.load.clients).map_err(Failure::Unable)?;
            let plan = args.load.plan(sims.len());
            let name = match args.naf {
                Some(name) => name,
                None => parse(args.diameter.origin_host()).map_err(Failure::Unable)?,
            };
            let naf_id = NafId::new(name, args.ua_id.unwrap_or(UaId::HTTP_DIGEST));
            let node = args.diameter.node(at, &plan, dictionary::ZN, Role::Bsf)?;
            let sessions = args.before.sessions(sims, bsf, &plan, is_mine)?;
            let make =
                |place| KeyAsker::new(Arc::new(node.zn(place)), naf_id.clone(), share(&sessions, place));
            let report = apply(&plan, make)?;
            finish(&format!("Zn of {}", args.at), &args.load, &plan, &report)
        }
    }
}

impl BootstrapArgs {
    /// A session of each SIM, by client.
    fn sessions(
        &self,
        sims: Vec<Sim>,
        name: Fqdn,
        plan: &Plan,
        is_mine: bool,
    ) -> Result<Mutex<Vec<Vec<Session>>>, Failure> {
        let at = target::resolve(&self.bsf, is_mine)?;
        reach(at)?;
        let bsf = Bsf {
            at,
            name: self.bsf_name.clone().unwrap_or(name),
            port: Some(at.port()),
            target: "/".into(),
        };
        bootstrapped(&bsf, sims, plan)
    }
}

/// A client's share of the devices.
fn share(sessions: &Mutex<Vec<Vec<Session>>>, place: Place) -> Vec<Session> {
    let mut shares = sessions.lock().unwrap_or_else(PoisonError::into_inner);
    shares
        .get_mut(place.client)
        .map(std::mem::take)
        .unwrap_or_default()
}

/// What to do about a BSF that gives nobody a vector.
fn hint(report: &Report) {
    if report.done() == 0 && report.failures.keys().eq(&[Kind::Status(429)]) {
        advice::warn(
            "each run was one too many for the BSF: if it is ours, raise its `vectors_per_minute` (gba bsf serve \
             --vectors-per-minute 0: no limit)",
        );
    }
}

/// Whether anybody is there at all.
fn reach(at: std::net::SocketAddr) -> Result<(), Failure> {
    std::net::TcpStream::connect_timeout(&at, Duration::from_secs(5))
        .map(drop)
        .map_err(|e| Failure::Unable(format!("{at}: {e}: start the server there, or check the address")))
}

/// Applies the load, telling how far it is; Ctrl-C ends it early and what was measured is shown.
fn apply<C: Client>(plan: &Plan, make: impl Fn(Place) -> C + Sync) -> Result<Report, Failure> {
    let progress = Arc::new(Progress::default());
    let unable = |e: std::io::Error| Failure::Unable(format!("cannot start the generator: {e}"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(unable)?;
    let interrupted = Arc::clone(&progress);
    runtime.spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            interrupted.stop();
        }
    });
    let report = std::thread::scope(|scope| {
        let (tell, over) = mpsc::channel();
        let shown = &progress;
        scope.spawn(move || show::follow(shown, &over));
        let report = lab::load::run(plan, &progress, make);
        drop(tell);
        report
    });
    runtime.shutdown_background();
    report.map_err(unable)
}

/// Shows the report; status 0 if nothing failed.
fn finish(what: &str, args: &LoadArgs, plan: &Plan, report: &Report) -> Result<(), Failure> {
    for doubt in report.doubts() {
        advice::warn(&doubt);
    }
    let text = if args.json {
        show::json(what, plan, report)
    } else {
        show::text(what, plan, report)
    };
    print(text)?;
    if report.failed() == 0 && report.unsent == 0 {
        Ok(())
    } else {
        Err(Failure::Shown)
    }
}
