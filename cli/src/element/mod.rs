//! Elements by themselves: `gba hss|bsf|naf serve`, `gba ue …`, and `gba up`, the whole network left running.
//!
//! * `hss`, `bsf`, `naf`: a plan made of the configuration, then sockets; `hss_wifi`: hostapd's at the HSS;
//! * `fixed`: a BSF whose sessions stand in a file, and its laboratory modes;
//! * `ue`: a device with a software card, from bootstrapping to a page;
//! * `up`: the laboratory's network;
//! * `ops`: /livez, /readyz and /metrics; `histogram`: durations in it;
//! * `peers`: whom an element calls;
//! * `running`: what listens until a signal comes, and how it ends;
//! * `watch`: `--pcap`, and `-v`, the ladder on standard error; `heard`: what came in, in words.

mod bsf;
pub(crate) mod fixed;
mod heard;
mod histogram;
mod hss;
mod hss_wifi;
mod naf;
mod ops;
mod peers;
mod running;
mod ue;
pub(crate) mod up;
mod watch;

use std::{io::Write as _, net::SocketAddr, path::Path};

use clap::{Args, Subcommand};
use gba::ub::server::Rate;
use tokio::net::TcpListener;

pub(crate) use self::ue::UeCommand;
use self::watch::{WatchArgs, Watching};
use crate::{
    Failure,
    config::{
        Config,
        again::Again,
        flags::{Flags, Table},
    },
    log, print,
};

/// `gba hss serve` and its like.
#[derive(Subcommand)]
pub(crate) enum HssCommand {
    /// Serve Zh: authentication vectors for registered BSFs. Serve hostapd: Wi-Fi with the same SIMs.
    ///
    /// With --hostapd (EAP-AKA) or --hostapd-prime (EAP-AKA') it is the database of hostapd's EAP server, and with --imsi it
    /// is that alone, for one subscriber.
    ///
    /// Stops at Ctrl-C or SIGTERM: finishes what is under way, says goodbye to its peers, status 0. At SIGHUP it reads
    /// its configuration and its subscribers again.
    #[command(
        after_help = "Examples: gba config example > gba.toml; gba hss serve\n          \
                            gba hss serve --hostapd hss.sock --imsi 001010123456789 --k @k.hex --opc @opc.hex\n\
                            Ports may be 0: the line printed tells which."
    )]
    Serve(Box<HssServe>),
}

#[derive(Args)]
pub(crate) struct HssServe {
    #[command(flatten)]
    common: Common<hss::Hss>,
    /// Make a new file of sequence numbers, also in production: only for subscribers that never had a vector.
    #[arg(long)]
    new_sqn_file: bool,
    #[command(flatten)]
    one: hss_wifi::OneArgs,
}

/// `gba bsf serve`.
#[derive(Subcommand)]
pub(crate) enum BsfCommand {
    /// Serve Ub to devices and Zn to NAFs.
    ///
    /// Starts without its HSS and finds it later. Stops as `gba hss serve`; at SIGHUP it takes rights of NAFs and HSS anew.
    #[command(
        after_help = "Examples: gba config example > gba.toml; gba bsf serve -v\n          \
                            gba bsf static-example > static.toml; gba bsf serve --static static.toml --allow-any-naf\n          \
                            gba bsf serve --static static.toml --allow-any-naf --inject key-flip --inject 5403@a-device"
    )]
    Serve(Box<BsfServe>),
    /// Print a commented file for --static that works as it is.
    #[command(after_help = "Example: gba bsf static-example > static.toml")]
    StaticExample,
}

#[derive(Args)]
pub(crate) struct BsfServe {
    #[command(flatten)]
    common: Common<bsf::Bsf>,
    #[command(flatten)]
    laboratory: fixed::LaboratoryArgs,
}

/// `gba naf serve`.
#[derive(Subcommand)]
pub(crate) enum NafCommand {
    /// Serve a small page to who has a key: over HTTP with digest, and over TLS with a pre-shared key.
    ///
    /// Starts without its BSF and finds it later. Stops as `gba hss serve`; at SIGHUP it takes its BSF anew.
    #[command(after_help = "Example: gba config example > gba.toml; gba naf serve --name naf.m2m.example")]
    Serve(Common<naf::Naf>),
}

/// What every element's command has.
#[derive(Args)]
pub(crate) struct Common<T: Table> {
    #[command(flatten)]
    flags: Flags<T>,
    #[command(flatten)]
    watch: WatchArgs,
}

impl<T: Table> Common<T> {
    fn load(self) -> Result<(Config, WatchArgs), Failure> {
        self.load_to_serve().map(|(config, watch, _)| (config, watch))
    }

    /// With what reads it again.
    fn load_to_serve(self) -> Result<(Config, WatchArgs, Again), Failure> {
        let sources = self.flags.sources();
        let config = Config::load(sources.clone()).map_err(Failure::Unable)?;
        log::begin_as(&config).map_err(Failure::Unable)?;
        self.watch
            .allowed_in(config.production())
            .and_then(|()| self.watch.fits_log())
            .map_err(Failure::Unable)?;
        let again = Again::new(T::NAME, &config, sources);
        Ok((config, self.watch, again))
    }
}

pub(crate) fn hss(command: HssCommand) -> Result<(), Failure> {
    let HssCommand::Serve(serve) = command;
    let HssServe {
        common,
        new_sqn_file,
        one,
    } = *serve;
    let (config, watch, again) = common.load_to_serve()?;
    let one = one.read(config.production()).map_err(Failure::Unable)?;
    let plan = hss::Plan::of(&config, one.as_ref()).map_err(Failure::Unable)?;
    block_on(&watch, |watching| plan.serve(watching, again, new_sqn_file, one))
}

pub(crate) fn bsf(command: BsfCommand) -> Result<(), Failure> {
    let BsfCommand::Serve(serve) = command else {
        return print(fixed::EXAMPLE);
    };
    let BsfServe { common, laboratory } = *serve;
    let (config, watch, again) = common.load_to_serve()?;
    let modes = laboratory
        .laboratory(config.production())
        .map_err(Failure::Unable)?;
    match laboratory.file {
        Some(file) => {
            let plan = fixed::Plan::of(&config, file, modes).map_err(Failure::Unable)?;
            block_on(&watch, |watching| plan.serve(watching, again))
        }
        None => {
            let plan = bsf::Plan::in_laboratory(&config, modes).map_err(Failure::Unable)?;
            block_on(&watch, |watching| plan.serve(watching, again))
        }
    }
}

pub(crate) fn naf(command: NafCommand) -> Result<(), Failure> {
    let NafCommand::Serve(common) = command;
    let (config, watch, again) = common.load_to_serve()?;
    let plan = naf::Plan::of(&config).map_err(Failure::Unable)?;
    block_on(&watch, |watching| plan.serve(watching, again))
}

pub(crate) fn ue(command: UeCommand) -> Result<(), Failure> {
    ue::run(command)
}

/// Makes each element's plan whose table the file has: all that `serve` would read, without a socket.
pub(crate) fn check(config: &Config) -> Result<Vec<&'static str>, String> {
    type Check = fn(&Config) -> Result<(), String>;
    let checks: [(&str, Check); 4] = [
        ("hss", |c| hss::Plan::of(c, None).map(drop)),
        ("bsf", |c| bsf::Plan::of(c).map(drop)),
        ("naf", |c| naf::Plan::of(c).map(drop)),
        ("ue", ue::Plan::check),
    ];
    let (mut good, mut mistakes) = (Vec::new(), Vec::new());
    for (name, check) in checks.into_iter().filter(|(name, _)| config.has_table(name)) {
        match check(config) {
            Ok(()) => good.push(name),
            Err(why) => mistakes.push(why),
        }
    }
    if mistakes.is_empty() {
        Ok(good)
    } else {
        Err(mistakes.join("\n"))
    }
}

fn block_on<F>(watch: &WatchArgs, work: impl FnOnce(Watching) -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::Unable(format!("cannot start the runtime: {e}")))?;
    let (watching, capture) = watch.begin().map_err(Failure::Unable)?;
    let result = runtime.block_on(work(watching));
    capture.close(runtime, result)
}

async fn listen(what: &str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let cannot = |e: std::io::Error| {
        let hint = if e.kind() == std::io::ErrorKind::AddrInUse {
            ": another program listens there; stop it or choose another port"
        } else {
            ""
        };
        Failure::Unable(format!("{what}: cannot listen on {address}: {e}{hint}"))
    };
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let bound = listener.local_addr().map_err(cannot)?;
    Ok((listener, bound))
}

/// So many a minute, and half as many at once; 0: no limit.
fn rate(per_minute: u32) -> Rate {
    match per_minute {
        0 => Rate::UNLIMITED,
        n => Rate::new(n.div_ceil(2), n),
    }
}

/// A line on standard output, for people and for scripts that wait for it.
fn say(line: &str) {
    let mut out = anstream::stdout().lock();
    // A closed standard output must not stop an element.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn say_configuration(element: &str, path: Option<&Path>) {
    match path {
        Some(path) => say(&format!("{element}: configuration {}", path.display())),
        None => say(&format!("{element}: no configuration file, defaults only")),
    }
}
