//! `gba pki init`: a test CA, and a certificate for each Origin-Host, for Diameter over TLS.
//!
//! Nothing is overwritten: everything is looked at before the first file is written, and each is created anew.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use base::SecretBytes;
use clap::{Args, Subcommand};
use net::{
    diameter::Identity,
    tls::pki::{Authority, Issued, Validity},
};
use serde_json::{Value, json};

use crate::Failure;

/// A larger file is no certificate.
const MAX_PEM: u64 = 64 * 1024;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a CA and a certificate for each name, by which the nodes know one another.
    ///
    /// Writes ca.pem and ca.key, and NAME.pem and NAME.key for each NAME (ECDSA on P-256; the keys are readable for
    /// you only). A CA that is there already issues the certificates of further names. Nothing is overwritten.
    #[command(
        after_help = "Examples: gba pki init hss.home.test bsf.home.test naf.home.test\n          \
                            gba pki init --dir /etc/gba/pki --days 90 --json hss2.home.test\n\
                            Status: 0 written, 2 not: a name is wrong, a file exists or can't be written."
    )]
    Init(InitArgs),
}

#[derive(Args)]
pub(crate) struct InitArgs {
    /// Origin-Hosts, such as hss.home.test: a node's certificate is for its Origin-Host.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Where to write.
    #[arg(long, value_name = "DIR", default_value = "pki")]
    dir: PathBuf,
    /// How long the certificates are valid.
    #[arg(long, value_name = "N", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: Command) -> Result<(), Failure> {
    let Command::Init(args) = command;
    let report = init(&args).map_err(Failure::Unable)?;
    let mut out = anstream::stdout().lock();
    let printed = if args.json {
        writeln!(out, "{}", report.to_json())
    } else {
        report.print(&mut out)
    };
    match printed.and_then(|()| out.flush()) {
        // Whoever reads has had enough; the files are there.
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Unable(format!("cannot print: {e}"))),
        _ => Ok(()),
    }
}

/// A certificate and its key as files.
struct Pair {
    name: String,
    cert: PathBuf,
    key: PathBuf,
}

impl Pair {
    fn new(dir: &Path, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            cert: dir.join(format!("{name}.pem")),
            key: dir.join(format!("{name}.key")),
        }
    }

    fn write(&self, issued: &Issued) -> Result<(), String> {
        let cannot = |e| format!("cannot make the certificate of {}: {e}", self.name);
        // The key first: a certificate without one is of no use.
        write_new(&self.key, issued.key_pem().map_err(cannot)?.expose(), 0o600)?;
        write_new(&self.cert, &issued.cert_pem().map_err(cannot)?, 0o644)
    }

    fn to_json(&self, fingerprint: &str) -> Value {
        json!({ "name": self.name, "cert": self.cert, "key": self.key, "sha256": fingerprint })
    }
}

struct Report {
    ca: Pair,
    ca_is_new: bool,
    ca_fingerprint: String,
    nodes: Vec<(Pair, String)>,
    days: u32,
}

fn init(args: &InitArgs) -> Result<Report, String> {
    let names = names(&args.names)?;
    let ca = Pair::new(&args.dir, "ca");
    let nodes: Vec<_> = names
        .iter()
        .map(|name| Pair::new(&args.dir, &name.as_str().to_ascii_lowercase()))
        .collect();
    if let Some(there) = nodes
        .iter()
        .flat_map(|p| [&p.cert, &p.key])
        .find(|file| exists(file))
    {
        return Err(format!(
            "{} exists, and nothing is overwritten: leave that name out, move the file away, or choose another --dir",
            there.display()
        ));
    }
    let validity = Validity::days(args.days);
    let (authority, ca_is_new) = match (exists(&ca.cert), exists(&ca.key)) {
        (false, false) => {
            let made = Authority::new("gba test CA", validity);
            (made.map_err(|e| format!("cannot make a CA: {e}"))?, true)
        }
        (true, true) => {
            let key = read_ca_key(&ca.key)?;
            let kept = Authority::from_pem(&read(&ca.cert)?, key.expose());
            let cannot = |e| format!("{} and {}: {e}", ca.cert.display(), ca.key.display());
            (kept.map_err(cannot)?, false)
        }
        (there, _) => {
            let (has, lacks) = if there {
                (&ca.cert, &ca.key)
            } else {
                (&ca.key, &ca.cert)
            };
            return Err(format!(
                "{} is there without {}: bring that back, or choose another --dir for a new CA",
                has.display(),
                lacks.display()
            ));
        }
    };
    make_dir(&args.dir)?;
    if ca_is_new {
        ca.write(authority.issued())?;
    }
    let fingerprint = |issued: &Issued| issued.fingerprint().map_err(|e| e.to_string());
    let mut done = Vec::new();
    for (pair, name) in nodes.into_iter().zip(&names) {
        let issued = authority
            .issue(name, validity)
            .map_err(|e| format!("cannot make the certificate of {name}: {e}"))?;
        pair.write(&issued)?;
        let sha256 = fingerprint(&issued)?;
        done.push((pair, sha256));
    }
    Ok(Report {
        ca_fingerprint: fingerprint(authority.issued())?,
        ca,
        ca_is_new,
        nodes: done,
        days: args.days,
    })
}

/// Each a host name, and each once. They become file names, so `ca`, and what begins with a dot, isn't one.
fn names(given: &[String]) -> Result<Vec<Identity>, String> {
    let mut names: Vec<Identity> = Vec::new();
    for text in given {
        let name: Identity = text.parse().map_err(|e| format!("'{text}' is {e}"))?;
        if name.is(b"ca") || text.starts_with('.') {
            return Err(format!(
                "'{text}' can't be a node's name here: use its whole name, such as hss.home.test"
            ));
        }
        if names.contains(&name) {
            return Err(format!("{name} is given twice"));
        }
        names.push(name);
    }
    Ok(names)
}

impl Report {
    fn to_json(&self) -> Value {
        let mut ca = self.ca.to_json(&self.ca_fingerprint);
        if let Some(ca) = ca.as_object_mut() {
            ca.insert("new".into(), self.ca_is_new.into());
        }
        let nodes: Vec<_> = self
            .nodes
            .iter()
            .map(|(pair, sha256)| pair.to_json(sha256))
            .collect();
        json!({ "ca": ca, "certificates": nodes, "days": self.days })
    }

    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let (what, ca) = (
            if self.ca_is_new { "new CA" } else { "CA kept" },
            self.ca.cert.display(),
        );
        writeln!(out, "{what:<10} {ca}  every node trusts it")?;
        if self.ca_is_new {
            writeln!(
                out,
                "{:<10} {}  issues certificates: keep it off the nodes",
                "",
                self.ca.key.display()
            )?;
        }
        for (pair, _) in &self.nodes {
            writeln!(out, "{:<10} {}", "node", pair.cert.display())?;
            writeln!(out, "{:<10} {}  for that node only", "", pair.key.display())?;
        }
        writeln!(
            out,
            "\nValid for {} days. In each node's section of the configuration:",
            self.days
        )?;
        if let Some((pair, _)) = self.nodes.first() {
            writeln!(
                out,
                "    tls = {{ ca = \"{ca}\", cert = \"{}\", key = \"{}\" }}    # where Origin-Host is {}",
                pair.cert.display(),
                pair.key.display(),
                pair.name
            )?;
        }
        Ok(())
    }
}

/// Also true for a link that leads nowhere.
fn exists(file: &Path) -> bool {
    fs::symlink_metadata(file).is_ok()
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    net::file::read(file, MAX_PEM).map_err(|e| format!("cannot read {}: {e}", file.display()))
}

/// The key of a CA that is there already. Who can read it can make a certificate for any node.
fn read_ca_key(file: &Path) -> Result<SecretBytes, String> {
    let key = SecretBytes::new(read(file)?);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(file).map_or(0, |about| about.permissions().mode());
        if mode & 0o077 != 0 {
            return Err(format!(
                "{0} is open to others (mode {1:03o}), who can make certificates for any node with it: chmod 600 {0} if \
                 nobody has read it, else make a new CA in another --dir",
                file.display(),
                mode & 0o777
            ));
        }
    }
    Ok(key)
}

fn make_dir(dir: &Path) -> Result<(), String> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o755);
    builder
        .create(dir)
        .map_err(|e| format!("cannot make the directory {}: {e}", dir.display()))
}

/// Creates a file that wasn't there, with these rights from its first moment on.
fn write_new(file: &Path, octets: &[u8], mode: u32) -> Result<(), String> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    options
        .open(file)
        .and_then(|mut f| f.write_all(octets).and_then(|()| f.sync_all()))
        .map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => format!("{} exists, and nothing is overwritten", file.display()),
            _ => format!("cannot write {}: {e}", file.display()),
        })
}
