//! `gba tap`: between any two elements, also foreign ones: show, match, alter, drop, hold, repeat.
//!
//! * this file: the command line, and what it may not do (rulings 5, 21, 35);
//! * `sides`: how both sides are protected;
//! * `print`: the ladder, `--json`, and the table at the end.

mod print;
mod sides;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use gba::ids::Btid;
use lab::tap::{
    Interface, parse,
    proxy::{Config as TapConfig, Limits, Proxy},
    rule::Rules,
};
use net::accept;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use self::print::Printer;
use crate::{
    Failure,
    capture::CaptureArgs,
    config::{Config, Sources},
    input::KeyText,
    print,
};

/// What is still to be printed once the tap has stopped.
const LAST_LINES: Duration = Duration::from_secs(2);

#[derive(Subcommand)]
pub(crate) enum TapCommand {
    /// Between a device and its BSF: HTTP with digest AKA.
    #[command(
        after_help = "Example: gba tap ub 127.0.0.1:28080 127.0.0.1:18080, and the device with --bsf 127.0.0.1:28080"
    )]
    Ub(HttpArgs),
    /// Between a BSF and its HSS: Diameter.
    #[command(
        after_help = "Examples: gba tap zh 127.0.0.1:23868 127.0.0.1:13868 --rule rules.toml\n          \
                            gba tap zh 192.0.2.1:5868 hss.home.test:5868 --tls-from pki/hss.home.test --tls-to pki/bsf.home.test"
    )]
    Zh(DiameterArgs),
    /// Between a NAF and its BSF: Diameter.
    #[command(after_help = "Example: gba tap zn 127.0.0.1:23869 127.0.0.1:13869 -v")]
    Zn(DiameterArgs),
    /// Between a device and a NAF: HTTP, or TLS with a pre-shared key, which passes unopened unless its key is given.
    #[command(
        after_help = "Examples: gba tap ua 127.0.0.1:28081 127.0.0.1:18081\n          \
                            gba tap ua 127.0.0.1:28443 127.0.0.1:18443 --btid a-device@bsf.example.org --ks-naf @ks-naf.hex"
    )]
    Ua(UaArgs),
    /// Print a commented file for --rule.
    #[command(after_help = "Example: gba tap example > rules.toml")]
    Example,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "IP:PORT expected, such as 127.0.0.1:23868".into())
}

/// What every tap has.
#[derive(Args)]
pub(crate) struct Common {
    /// Where to listen; port 0: any free one, which is printed.
    #[arg(value_parser = address)]
    listen: SocketAddr,
    /// Where to connect, HOST:PORT.
    target: String,
    /// What to do with which message; `gba tap example` prints a commented file.
    #[arg(long, value_name = "FILE")]
    rule: Option<PathBuf>,
    #[command(flatten)]
    capture: CaptureArgs,
    /// Show also each header or AVP, and the octets.
    #[arg(short, long)]
    verbose: bool,
    /// Show keys too, in what -v shows.
    #[arg(long, requires = "verbose")]
    show_secrets: bool,
    /// Print one JSON object per line.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct HttpArgs {
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
pub(crate) struct DiameterArgs {
    #[command(flatten)]
    common: Common,
    /// TLS with who connects, by the certificate of the target that we stand for: PATH.pem, PATH.key, and ca.pem beside
    /// them, as `gba pki init` writes them.
    #[arg(long, value_name = "PATH")]
    tls_from: Option<PathBuf>,
    /// TLS with the target, by the certificate of who connects: the same three files.
    #[arg(long, value_name = "PATH")]
    tls_to: Option<PathBuf>,
    /// Laboratory: Diameter in clear away from loopback.
    #[arg(long)]
    insecure_diameter: bool,
}

#[derive(Args)]
pub(crate) struct UaArgs {
    #[command(flatten)]
    common: Common,
    /// Open TLS-PSK: end it here and begin it anew, for this B-TID.
    #[arg(long, value_name = "B-TID", requires = "ks_naf")]
    btid: Option<Btid>,
    /// Its Ks_NAF for this NAF and the suite that will be chosen: 64 hex digits, or where they are.
    #[arg(long, value_name = "HEX|@FILE|env:NAME|-", requires = "btid", value_parser = key_text)]
    ks_naf: Option<KeyText>,
}

#[expect(clippy::unnecessary_wraps, reason = "what clap wants")]
fn key_text(text: &str) -> Result<KeyText, std::convert::Infallible> {
    Ok(KeyText::from(text))
}

pub(crate) fn run(command: TapCommand) -> Result<(), Failure> {
    let (interface, common, sides) = match command {
        TapCommand::Example => {
            return print(parse::EXAMPLE);
        }
        TapCommand::Ub(HttpArgs { common }) => (Interface::Ub, common, sides::Wanted::Clear),
        TapCommand::Ua(UaArgs { common, btid, ks_naf }) => {
            let sides = match btid.zip(ks_naf) {
                Some((btid, key)) => sides::Wanted::Psk(btid, key),
                None => sides::Wanted::Clear,
            };
            (Interface::Ua, common, sides)
        }
        TapCommand::Zh(args) => diameter(Interface::Zh, args),
        TapCommand::Zn(args) => diameter(Interface::Zn, args),
    };
    // Whether this host is in production says its configuration.
    let config = Config::load(Sources::default()).map_err(Failure::Unable)?;
    common.allowed(config.production()).map_err(Failure::Unable)?;
    let rules = common.rules(interface).map_err(Failure::Unable)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::Unable(format!("cannot start the runtime: {e}")))?;
    let (wire, capture) = common.capture.begin().map_err(Failure::Unable)?;
    let result = runtime.block_on(async {
        let (listening, calling) = sides
            .open(&common.listen, &common.target, &wire, config.production())
            .await
            .map_err(Failure::Unable)?;
        let tap = TapConfig {
            interface,
            target: common.target.clone(),
            listening,
            calling,
            limits: Limits::default(),
            tap: wire,
            verbose: common.verbose,
            secrets: common.show_secrets,
        };
        tap_until_signal(&common, tap, rules).await
    });
    capture.close(runtime, result)
}

fn diameter(interface: Interface, args: DiameterArgs) -> (Interface, Common, sides::Wanted) {
    let DiameterArgs {
        common,
        tls_from,
        tls_to,
        insecure_diameter,
    } = args;
    let sides = sides::Wanted::Diameter {
        from: tls_from,
        to: tls_to,
        insecure: insecure_diameter,
    };
    (interface, common, sides)
}

impl Common {
    /// What a laboratory may and production may not (ruling 35).
    fn allowed(&self, production: bool) -> Result<(), String> {
        let refused = [
            (self.capture.is_wanted(), "--pcap writes keys to a file"),
            (self.show_secrets, "--show-secrets shows keys"),
            (
                self.rule.is_some(),
                "--rule changes what elements say to each other",
            ),
        ];
        match refused.into_iter().find(|(is, _)| *is && production) {
            Some((_, why)) => Err(format!("{why}: not allowed with production = true")),
            None => Ok(()),
        }
    }

    fn rules(&self, interface: Interface) -> Result<Rules, String> {
        let Some(path) = &self.rule else {
            return Ok(Rules::none(interface));
        };
        let shown = path.display();
        let limit = u64::try_from(parse::MAX_FILE).unwrap_or(u64::MAX);
        let octets = net::file::read(path, limit).map_err(|e| format!("--rule: cannot read {shown}: {e}"))?;
        let text = String::from_utf8(octets).map_err(|_| format!("--rule: {shown} isn't a text in UTF-8"))?;
        parse::rules(&text, interface).map_err(|e| format!("{shown}, {e}"))
    }
}

async fn tap_until_signal(common: &Common, config: TapConfig, rules: Rules) -> Result<(), Failure> {
    let cannot = |e: std::io::Error| Failure::Unable(format!("cannot listen on {}: {e}", common.listen));
    let listener = TcpListener::bind(common.listen).await.map_err(cannot)?;
    let bound = listener.local_addr().map_err(cannot)?;
    let listen = |kind| signal(kind).map_err(|e| Failure::Unable(format!("cannot wait for signals: {e}")));
    let (mut interrupt, mut terminate, mut hang_up) = (
        listen(SignalKind::interrupt())?,
        listen(SignalKind::terminate())?,
        listen(SignalKind::hangup())?,
    );
    let interface = config.interface;
    config.tap.endpoint(bound, &format!("tap {}", interface.name()));
    let mut printer = Printer::new(interface, common.json);
    printer.begin(bound, &common.target, rules.rules.len());
    let (proxy, mut events) = Proxy::new(config, rules);
    let (stopper, stop) = accept::stop();
    let serving = tokio::spawn(std::sync::Arc::clone(&proxy).serve(listener, stop));
    let printing = tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            printer.event(&event);
        }
        printer
    });
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    stopper.stop();
    // The listener's grace bounds it.
    let _ = serving.await;
    let report = print::Report::of(&proxy);
    drop(proxy);
    if let Ok(Ok(mut printer)) = tokio::time::timeout(LAST_LINES, printing).await {
        printer.end(&report);
    }
    Ok(())
}
