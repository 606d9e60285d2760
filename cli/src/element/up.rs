//! `gba up`: the laboratory's network, left running, with a configuration for a device in another terminal.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use aka::Milenage;
use base::{Entropy as _, Secret, hex};
use clap::{Args, ValueEnum};
use gba::{
    guss::UiccType,
    ids::{Fqdn, Impi, Imsi},
    ub::server::Rate,
};
use hss::Subscriber;
use lab::topology::{Names, Network, Options, StartError};
use net::entropy::OsEntropy;
use uicc::terminal::Mnc;

use super::{
    block_on,
    running::Signals,
    say,
    watch::{Watch, WatchArgs, Watching},
};
use crate::{
    Failure, advice,
    audit::{self, OnFailure},
    log::{self, Filter, Format},
};

/// The options of `gba up`.
#[derive(Args)]
#[command(after_help = "Example: gba up -v\n\
                  In another terminal type what it prints, such as: gba ue get --config … http://naf.m2m.example:PORT/hello")]
pub(crate) struct UpArgs {
    /// IMSI of the one subscriber; its keys are fresh random ones.
    #[arg(long, default_value = "001010123456789", value_parser = imsi)]
    imsi: Imsi,
    /// Where Ks lives: in the mobile equipment (GBA_ME) or in the card (GBA_U).
    #[arg(long, value_enum, default_value = "me")]
    mode: ModeArg,
    #[command(flatten)]
    watch: WatchArgs,
    /// What is logged, such as info or error,bsf=debug [env: GBA_LOG].
    #[arg(long, value_name = "LEVELS")]
    log: Option<Filter>,
    /// How: text, or json with one object a line [env: GBA_LOG_FORMAT].
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<Format>,
    /// The audit log of all elements: whose keys went where, as JSON lines, and no key.
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,
    /// When it can't be written: refuse to give out keys, or go-on without.
    #[arg(long, value_name = "refuse|go-on", default_value = "refuse")]
    audit_failure: OnFailure,
}

#[derive(Clone, Copy, ValueEnum)]
enum ModeArg {
    Me,
    U,
}

fn imsi(text: &str) -> Result<Imsi, String> {
    text.parse().map_err(|e: gba::ids::IdError| e.to_string())
}

pub(crate) fn run(args: &UpArgs) -> Result<(), Failure> {
    log::begin_as_environment(args.log.clone(), args.log_format);
    args.watch.fits_log().map_err(Failure::Unable)?;
    block_on(&args.watch, |watching| up(args, watching))
}

fn unable(e: &dyn std::error::Error) -> Failure {
    Failure::Unable(advice::chain(e))
}

/// The subscriber's keys, of which both ends are made.
struct Sim {
    k: Secret<16>,
    opc: Secret<16>,
}

async fn up(args: &UpArgs, watching: Watching) -> Result<(), Failure> {
    let random = || OsEntropy.array::<16>().map(Secret::new).map_err(|e| unable(&e));
    let sim = Sim {
        k: random()?,
        opc: random()?,
    };
    let mnc = Mnc::choose(&args.imsi, None, None).length;
    let impi = Impi::from_imsi(&args.imsi, mnc);
    let uicc = match args.mode {
        ModeArg::Me => UiccType::Gba,
        ModeArg::U => UiccType::GbaU,
    };
    let subscriber = Subscriber::new(impi.clone(), Milenage::new(&sim.k, &sim.opc)).with_bsf_info(uicc, None);
    let names = Names::of(&impi, Fqdn::bsf_for_imsi(&args.imsi, mnc)).map_err(|e| unable(&e))?;
    let mut signals = Signals::new()?;
    let watch = Watch::new(watching, None);
    let audit = args.audit.clone().map(|path| audit::Settings {
        path,
        on_failure: args.audit_failure,
    });
    let audit = audit::begin("up", audit)?;
    let options = Options {
        tap: watch.tap(),
        // A person tries things more often than a device may.
        per_impi: Some(Rate::UNLIMITED),
        audit,
        ..Options::default()
    };
    let network = Network::start_with(names, subscriber, options)
        .await
        .map_err(|e: StartError| unable(&e))?;
    let mnc_digits = mnc.digits();
    let folder = tempfile::Builder::new()
        .prefix("gba-up-")
        // The folder holds the device's keys.
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .tempdir()
        .map_err(|e| {
            Failure::Unable(format!(
                "cannot make a folder for the device's configuration: {e}"
            ))
        })?;
    let file = folder.path().join("gba.toml");
    let text = configuration(&network, args, mnc_digits, &sim);
    write_private(&file, &text)
        .map_err(|e| Failure::Unable(format!("cannot write {}: {e}", file.display())))?;
    tell(&network, &impi, &file).map_err(|e| {
        Failure::Unable(format!(
            "up: nobody can see where the elements are, as standard output cannot be written: {e}"
        ))
    })?;
    // A terminal that is closed included; there is no file to read again.
    signals.any().await;
    say("up: stopping");
    tokio::select! {
        () = network.stop() => {}
        () = signals.any() => return Err(Failure::Unable("up: stopped at once".into())),
    }
    watch.finish().await;
    Ok(())
}

/// What a device needs: its card, the BSF, and where the NAFs' names are.
fn configuration(network: &Network, args: &UpArgs, mnc: usize, sim: &Sim) -> String {
    let Network { names, addresses, .. } = network;
    let mode = match args.mode {
        ModeArg::Me => "me",
        ModeArg::U => "u",
    };
    let hosts = [
        (&names.naf, addresses.naf),
        (&names.maf, addresses.maf),
        (&names.cse, addresses.cse),
    ];
    let hosts: Vec<_> = hosts
        .iter()
        .map(|(name, at)| format!("\"{name}={}\"", at.ip()))
        .collect();
    format!(
        "# Of `gba up`, and gone with it.\n[ue]\nimsi = \"{}\"\nmnc_length = {mnc}\nmode = \"{mode}\"\nk = \"{}\"\n\
         opc = \"{}\"\nbsf = \"{}\"\nbsf_name = \"{}\"\nhosts = [{}]\n",
        args.imsi,
        hex::encode(sim.k.expose()),
        hex::encode(sim.opc.expose()),
        addresses.ub,
        names.bsf,
        hosts.join(", "),
    )
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

/// All that a person needs; without it the network would be of no use.
fn tell(network: &Network, impi: &Impi, file: &Path) -> std::io::Result<()> {
    let Network { names, addresses, .. } = network;
    let config = file.display();
    let mut out = anstream::stdout().lock();
    writeln!(out, "HSS     Zh        {:<21}  {}", addresses.zh, names.hss)?;
    writeln!(out, "BSF     Ub        {:<21}  {}", addresses.ub, names.bsf)?;
    writeln!(out, "BSF     Zn        {:<21}  {}", addresses.zn, names.bsf)?;
    writeln!(out, "NAF     digest    {:<21}  {}", addresses.naf, names.naf)?;
    writeln!(out, "MAF     TLS-PSK   {:<21}  {}", addresses.maf, names.maf)?;
    writeln!(out, "IN-CSE  TLS-PSK   {:<21}  {}", addresses.cse, names.cse)?;
    writeln!(out, "\nsubscriber  {impi}")?;
    writeln!(out, "its card    {config} (with its keys; only you can read it)")?;
    writeln!(
        out,
        "\nIn another terminal:\n  gba ue bootstrap --config {config}"
    )?;
    let get = format!("  gba ue get -v --config {config}");
    writeln!(out, "{get} http://{}:{}/hello", names.naf, addresses.naf.port())?;
    writeln!(
        out,
        "{get} --tls-psk -H 'X-M2M-Origin: Cdevice' -H 'X-M2M-RI: 1' -H 'X-M2M-RVI: 3' https://{}:{}/cse-in",
        names.cse,
        addresses.cse.port()
    )?;
    writeln!(out, "\nup: ready; Ctrl-C stops")?;
    out.flush()
}
