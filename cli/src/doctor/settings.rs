//! The configuration: whether it can be read, and whether its files are what they should be.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use hss::sqn::decode_sqn_file;
use net::tls::{
    cert::{Credentials, Files},
    suite::Suite,
};

use super::{Line, Status};
use crate::{
    config::{Config, schema::Form},
    element,
};

/// A certificate that ends sooner is warned of.
const SOON_DAYS: i32 = 30;

/// The longest file of sequence numbers that is looked into.
const MAX_SQN_FILE: u64 = 64 << 20;

/// Where each table has the name that its certificate has to have.
const NAMES: [(&str, &str); 3] = [("hss", "origin_host"), ("bsf", "name"), ("naf", "origin_host")];

/// Those that the configuration's NAF takes.
pub(super) fn suites(config: &Config) -> Vec<Suite> {
    config.list("naf", "suites").unwrap_or_default()
}

/// A configuration that can't be read.
pub(super) fn wrong(why: &str) -> Line {
    Line::failed("configuration", why, "gba config example prints one that works")
}

/// Everything but sockets.
pub(super) fn look(config: &Config) -> Vec<Line> {
    let Some(path) = &config.path else {
        return vec![Line::ok(
            "configuration",
            "none here, and none named: only the host was looked at (gba config example prints one)",
        )];
    };
    let files: Vec<_> = NAMES
        .into_iter()
        .filter(|(table, _)| config.has_table(table))
        .flat_map(|(table, name)| certificates(config, table, name))
        .collect();
    let certificates_failed = files.iter().any(|line| line.status == Status::Failed);
    let mut lines = match element::check(config) {
        Ok(elements) if elements.is_empty() => vec![Line::warning(
            "configuration",
            format!("{} has no table of an element", path.display()),
            "write [hss], [bsf], [naf] or [ue], as gba config example does",
        )],
        Ok(elements) => vec![Line::ok(
            "configuration",
            format!("{} is good for {}", path.display(), elements.join(", ")),
        )],
        // The certificate's own line says it already.
        Err(why) if certificates_failed && why.lines().all(|line| line.contains(".tls.")) => Vec::new(),
        Err(why) => vec![wrong(&why)],
    };
    lines.extend(files);
    lines.extend(key_files(config));
    if config.has_table("hss") {
        lines.extend(
            config
                .file("hss", "sqn_file")
                .map(|file| sequence_numbers(&file, config.production())),
        );
    }
    lines
}

fn certificates(config: &Config, table: &str, name: &str) -> Vec<Line> {
    let [Some(ca), Some(cert), Some(key)] =
        ["tls.ca", "tls.cert", "tls.key"].map(|file| config.file(table, file))
    else {
        // None of them, or a half of them: then the configuration is wrong.
        return Vec::new();
    };
    let mode = private(&format!("{table}.tls.key"), &key, config.production());
    let line = certificate(config, table, name, &Files { ca, cert, key });
    std::iter::once(line).chain(mode).collect()
}

fn certificate(config: &Config, table: &str, name: &str, files: &Files) -> Line {
    let check = format!("{table}.tls");
    let (cert, again) = (files.cert.display(), "gba pki init NAME makes one that fits");
    let credentials = match Credentials::load(files) {
        Ok(credentials) => credentials,
        Err(e) => {
            return Line::failed(
                check,
                e.to_string(),
                "name files that this user can read and that belong together",
            );
        }
    };
    let host = match config.get(table, name) {
        Ok(host) => host,
        Err(why) => return Line::failed(check, why, again),
    };
    if let Err(e) = credentials.check(&host) {
        return Line::failed(check, format!("{cert}: {e}"), again);
    }
    match (credentials.is_of_our_ca(), credentials.days_left()) {
        (Ok(false), _) => Line::warning(
            check,
            format!("{cert} isn't of a CA in {}", files.ca.display()),
            "right only where the peers' CA is another one; else take the certificate and the CA of one gba pki init",
        ),
        (Ok(true), Ok(days)) if days < SOON_DAYS => {
            Line::warning(check, format!("{cert} expires in {days} days"), again)
        }
        (Ok(true), Ok(days)) => Line::ok(check, format!("{cert} is for {host}, {days} days left")),
        (Err(e), _) | (_, Err(e)) => Line::failed(check, format!("{cert}: {e}"), again),
    }
}

/// Files with keys that the configuration names, and itself if keys may stand in it.
fn key_files(config: &Config) -> Vec<Line> {
    let production = config.production();
    let own = config
        .path
        .clone()
        .filter(|_| config.has_table("hss") || config.has_table("ue"));
    let own = own.and_then(|path| private("configuration", &path, false));
    let subscribers = config
        .has_table("hss")
        .then(|| config.file("hss", "subscribers"))
        .flatten()
        .and_then(|path| private("hss.subscribers", &path, production));
    let named = config.shown().filter_map(|(setting, shown, _)| {
        if setting.form != Form::Key || !config.has_table(setting.table) {
            return None;
        }
        let file = config.file(setting.table, setting.key)?;
        let name = shown.strip_prefix('@')?;
        // The text is `@FILE`: beside the configuration, or where we are.
        let file = match file.parent() {
            Some(beside) if !Path::new(name).is_absolute() => beside.join(name),
            _ => PathBuf::from(name),
        };
        match net::file::open(&file) {
            Ok(_) => private(&setting.name(), &file, production),
            Err(e) => Some(unreadable(&setting.name(), &file, &e)),
        }
    });
    own.into_iter().chain(subscribers).chain(named).collect()
}

fn unreadable(check: &str, path: &Path, e: &io::Error) -> Line {
    Line::failed(
        check,
        format!("cannot read {}: {e}", path.display()),
        "name a file that this user can read",
    )
}

/// A line if others can read that file; one that isn't there is told elsewhere.
#[cfg(unix)]
fn private(check: &str, path: &Path, production: bool) -> Option<Line> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return None;
    }
    let line = if production { Line::failed } else { Line::warning };
    Some(line(
        check.to_owned(),
        format!(
            "{} has keys in it, and others may open it (mode {mode:04o})",
            path.display()
        ),
        format!("chmod 600 {}", path.display()),
    ))
}

#[cfg(not(unix))]
fn private(_: &str, _: &Path, _: bool) -> Option<Line> {
    None
}

fn sequence_numbers(path: &Path, production: bool) -> Line {
    let check = "hss.sqn_file";
    // Links first, as the HSS does: a file with two names has one lock.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let shown = path.display();
    match is_locked(path) {
        Ok(true) => {
            return Line::failed(
                check,
                format!("{shown} is in use by another HSS"),
                "right if that is the one you mean; a second one needs a file of its own",
            );
        }
        Ok(false) => {}
        Err(e) => return unreadable(check, &lock_of(path), &e),
    }
    match net::file::read(path, MAX_SQN_FILE) {
        Ok(octets) => match decode_sqn_file(&octets) {
            Ok(bounds) => Line::ok(
                check,
                format!("{shown} can be read and is free, subscribers {}", bounds.len()),
            ),
            Err(damage) => Line::failed(
                check,
                format!("{shown}: {damage}"),
                "bring the last good copy back; never start anew for cards that had vectors",
            ),
        },
        Err(e) if e.kind() == io::ErrorKind::NotFound && production => Line::failed(
            check,
            format!("{shown} isn't there"),
            "bring it back, or, only for subscribers that never had a vector: gba hss serve --new-sqn-file",
        ),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            Line::ok(check, format!("{shown} isn't there yet; gba hss serve makes it"))
        }
        Err(e) => unreadable(check, path, &e),
    }
}

fn lock_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// Tries the lock of a file of sequence numbers, and gives it back at once. Makes no file.
fn is_locked(path: &Path) -> io::Result<bool> {
    let file = match File::open(lock_of(path)) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(e),
    };
    match file.try_lock() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(e)) => Err(e),
    }
}
