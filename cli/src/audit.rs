//! The audit log: a file of JSON lines, one for each bootstrapping, vector, key and session. See [`gba::audit`].
//!
//! A line is one write to a file that was opened to append: lines of several elements in one file don't mix, and an
//! element killed after its answer has left a whole line before. (After a loss of power the last ones may be missing:
//! nothing waits for the disk.) SIGUSR1 and SIGHUP open the file anew, for who moves it away.

pub(crate) mod show;

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use base::Utc;
use gba::{
    audit::{Audit, Event, NotRecorded, Outcome, SharedAudit},
    ids::{Impi, Imsi},
};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::{Failure, config::Config, escape};

/// What an element does when the audit log can't be written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum OnFailure {
    /// No key leaves that isn't recorded: who asks for an audit log must be able to rely on it.
    #[default]
    Refuse,
    /// Service goes before the record.
    GoOn,
}

impl FromStr for OnFailure {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "refuse" => Ok(Self::Refuse),
            "go-on" => Ok(Self::GoOn),
            _ => Err("refuse or go-on expected"),
        }
    }
}

/// Which file, and what if it fails.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) path: PathBuf,
    pub(crate) on_failure: OnFailure,
}

impl Settings {
    /// Those of an element's table, if it has an audit log.
    pub(crate) fn of(c: &Config, table: &str) -> Result<Option<Self>, String> {
        let on_failure = c.get(table, "audit_failure")?;
        Ok(c.file(table, "audit").map(|path| Self { path, on_failure }))
    }
}

/// Opens the audit log of an element, if it is to have one. Needs a runtime.
pub(crate) fn begin(
    element: &'static str,
    settings: Option<Settings>,
) -> Result<Option<SharedAudit>, Failure> {
    let unable = |e: &dyn std::fmt::Display| Failure::Unable(format!("{element}: {e}"));
    let log = settings.map(|s| AuditFile::open(s).map(Arc::new)).transpose();
    let log = log.map_err(|e| unable(&e))?;
    // Listened to also without a log: a tool that rotates logs must not end an element.
    let (mut user, mut hang_up) = (
        signal(SignalKind::user_defined1()).map_err(|e| unable(&e))?,
        signal(SignalKind::hangup()).map_err(|e| unable(&e))?,
    );
    let reopened = log.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = user.recv() => {}
                _ = hang_up.recv() => {}
            }
            if let Some(log) = &reopened {
                match log.reopen() {
                    Ok(()) => tracing::info!(path = %log.settings.path.display(), "audit log opened anew"),
                    Err(error) => tracing::error!(%error, "the audit log stays in the file that it had"),
                }
            }
        }
    });
    Ok(log.map(|log| log as SharedAudit))
}

struct AuditFile {
    settings: Settings,
    state: Mutex<State>,
}

struct State {
    file: File,
    /// Whether the last line wasn't written, or not to its end.
    failed: bool,
}

impl State {
    /// What ends the line before, where nobody has: ours of a full disk, that of an element which ended then, or of
    /// another one that shares the file. Only that line is lost. A file that was removed takes none: nobody would find it.
    fn begin(&mut self, path: &Path) -> io::Result<&'static str> {
        let mut there = self.file.metadata()?;
        if there.nlink() == 0 {
            self.file = open(path)?;
            there = self.file.metadata()?;
        }
        let mut last = [b'\n'];
        // None in a file without octets.
        if let Some(at) = there.len().checked_sub(1) {
            self.file.read_at(&mut last, at)?;
        }
        Ok(if last == *b"\n" { "" } else { "\n" })
    }
}

impl AuditFile {
    fn open(settings: Settings) -> Result<Self, String> {
        let file = open(&settings.path).map_err(|e| complaint(&settings.path, &e))?;
        Ok(Self {
            settings,
            state: Mutex::new(State { file, failed: false }),
        })
    }

    fn reopen(&self) -> Result<(), String> {
        let path = &self.settings.path;
        let file = open(path).map_err(|e| complaint(path, &e))?;
        self.lock().file = file;
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Each change is one assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn complaint(path: &Path, e: &io::Error) -> String {
    format!("cannot open the audit log {}: {e}", path.display())
}

fn open(path: &Path) -> io::Result<File> {
    // Looked at before: to open a named pipe waits for who reads it.
    let wrong = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, what.to_owned()));
    match path.metadata() {
        Ok(there) if !there.is_file() => return wrong("a file is expected"),
        Ok(there) if there.permissions().mode() & 0o077 != 0 => {
            return wrong("others can read or write it, and it names subscribers: chmod 600 it");
        }
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    // What is added to a file of another kind, such as that of the sequence numbers, damages it.
    let mut start = [0; 2];
    let read = file.read_at(&mut start, 0)?;
    match start.get(..read) {
        None | Some([] | [b'{' | b'\n'] | [b'{', _] | [b'\n', b'{']) => Ok(file),
        Some(_) => wrong("it holds something else than an audit log"),
    }
}

impl Audit for AuditFile {
    fn record(&self, event: &Event<'_>) -> Result<(), NotRecorded> {
        let line = line(event);
        let mut state = self.lock();
        let written = state.begin(&self.settings.path).and_then(|begin| {
            let octets = format!("{begin}{line}\n").into_bytes();
            match state.file.write(&octets) {
                Ok(n) if n == octets.len() => Ok(()),
                Ok(_) => Err(io::ErrorKind::StorageFull.into()),
                Err(e) => Err(e),
            }
        });
        let path = self.settings.path.display();
        match written {
            Ok(()) => {
                if std::mem::take(&mut state.failed) {
                    tracing::warn!(%path, "the audit log is written again");
                }
                Ok(())
            }
            Err(error) => {
                if !std::mem::replace(&mut state.failed, true) {
                    tracing::error!(%path, %error, on_failure = ?self.settings.on_failure, "the audit log can't be written");
                }
                match self.settings.on_failure {
                    OnFailure::Refuse => Err(NotRecorded),
                    OnFailure::GoOn => Ok(()),
                }
            }
        }
    }
}

/// As it stands in the file.
fn line(event: &Event<'_>) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        time: String,
        event: &'a str,
        outcome: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
        element: &'a str,
        #[serde(skip_serializing_if = "str::is_empty")]
        peer: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        imsi: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        impi: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        btid: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        naf: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        ua: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        bootstrapped: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        key_expiry: Option<String>,
        /// Seconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        key_lifetime: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        sqn_he_before: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        sqn_ms: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        sqn_he_after: Option<String>,
    }
    let (outcome, code, reason) = match event.outcome {
        Outcome::Done => ("done", None, None),
        Outcome::Refused { code, reason } => ("refused", code, Some(reason)),
    };
    let text = |utc: Utc| utc.to_string();
    let line = Line {
        time: text(event.at),
        event: event.kind.as_str(),
        outcome,
        code,
        reason,
        element: event.element,
        peer: event.peer,
        imsi: event.impi.and_then(imsi),
        impi: event.impi.map(Impi::as_str),
        btid: event.btid.map(gba::ids::Btid::as_str),
        naf: event.naf_id.map(|naf_id| naf_id.fqdn().as_str()),
        ua: event.naf_id.map(|naf_id| naf_id.ua().to_string()),
        bootstrapped: event.bootstrapped.map(text),
        key_expiry: event.expiry.map(text),
        key_lifetime: event.expiry.map(|expiry| expiry.0.saturating_sub(event.at.0)),
        sqn_he_before: event.resync.map(|r| r.before.to_string()),
        sqn_ms: event.resync.map(|r| r.ms.to_string()),
        sqn_he_after: event.resync.map(|r| r.after.unwrap_or(r.before).to_string()),
    };
    // Texts and numbers always are JSON.
    let line = serde_json::to_string(&line).unwrap_or_default();
    escape::json(&line).into_owned()
}

/// The IMSI of which an IMPI was made (TS 23.003 13.3).
fn imsi(impi: &Impi) -> Option<&str> {
    let (user, domain) = impi.as_str().split_once('@')?;
    let made = domain.starts_with("ims.mnc") && domain.ends_with(".3gppnetwork.org");
    (made && user.parse::<Imsi>().is_ok()).then_some(user)
}

#[cfg(test)]
mod tests {
    use gba::audit::Kind;

    use super::*;

    fn event<'a>(impi: &'a Impi, peer: &'a str) -> Event<'a> {
        Event {
            impi: Some(impi),
            ..Event::new(Kind::KeyDelivery, Utc(1_893_456_000), "bsf.test", peer)
        }
    }

    #[test]
    fn a_name_from_outside_writes_no_line_of_its_own() {
        let impi: Impi = "ä\"c@home.test".parse().unwrap();
        let written = line(&event(
            &impi,
            "naf\x1b[31m\r\n{\"event\":\"vector\"}\0\u{202e}.test",
        ));
        assert!(
            !written.contains(|c: char| c.is_control() || c == '\u{202e}'),
            "{written}"
        );
        let read: serde_json::Value = serde_json::from_str(&written).unwrap();
        assert_eq!(read["impi"], "ä\"c@home.test");
        assert_eq!(
            (&read["event"], &read["time"]),
            (&"key-delivery".into(), &"2030-01-01T00:00:00Z".into())
        );
    }

    /// A full disk stands behind `/dev/full`; the file is opened by hand, as it is no file.
    fn on_full_disk(on_failure: OnFailure) -> AuditFile {
        let file = OpenOptions::new().append(true).open("/dev/full").unwrap();
        AuditFile {
            settings: Settings {
                path: "audit".into(),
                on_failure,
            },
            state: Mutex::new(State { file, failed: false }),
        }
    }

    #[test]
    fn a_full_disk_holds_keys_back_or_not_as_the_operator_says_and_costs_one_line() {
        let impi: Impi = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org"
            .parse()
            .unwrap();
        assert_eq!(on_full_disk(OnFailure::GoOn).record(&event(&impi, "a")), Ok(()));
        let log = on_full_disk(OnFailure::Refuse);
        assert_eq!(log.record(&event(&impi, "a")), Err(NotRecorded));
        // Room again: what comes then stands in a line of its own, also after half a line.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit");
        std::fs::write(&path, "{\"half").unwrap();
        log.lock().file = OpenOptions::new().read(true).append(true).open(&path).unwrap();
        assert_eq!(log.record(&event(&impi, "b")), Ok(()));
        assert_eq!(log.record(&event(&impi, "c")), Ok(()));
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert!(lines.len() == 3 && lines[0] == "{\"half", "{text}");
        assert!(
            lines[1].contains("\"peer\":\"b\",\"imsi\":\"001010123456789\""),
            "{text}"
        );
    }

    /// An element that begins again, and one that shares the file, after half a line of another.
    #[test]
    fn half_a_line_of_somebody_else_takes_no_record_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit");
        let settings = Settings {
            path: path.clone(),
            on_failure: OnFailure::Refuse,
        };
        let impi: Impi = "a@home.test".parse().unwrap();
        let mut half = open(&path).unwrap();
        half.write_all(b"{\"half").unwrap();
        let log = AuditFile::open(settings).unwrap();
        log.record(&event(&impi, "a")).unwrap();
        half.write_all(b"{\"half").unwrap();
        log.record(&event(&impi, "b")).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let whole = |line: &&str| serde_json::from_str::<serde_json::Value>(line).is_ok();
        assert_eq!(text.lines().filter(whole).count(), 2, "{text}");
    }

    /// Without the file there would be keys that have left and a record that nobody finds.
    #[test]
    fn a_file_that_is_removed_is_made_again_or_holds_keys_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit");
        let log = AuditFile::open(Settings {
            path: path.clone(),
            on_failure: OnFailure::Refuse,
        })
        .unwrap();
        let impi: Impi = "a@home.test".parse().unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(log.record(&event(&impi, "a")), Ok(()));
        assert!(std::fs::read_to_string(&path).unwrap().contains("a@home.test"));
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert_eq!(log.record(&event(&impi, "b")), Err(NotRecorded));
    }

    #[test]
    fn only_a_file_of_our_own_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let settings = |name: &str| Settings {
            path: folder.path().join(name),
            on_failure: OnFailure::Refuse,
        };
        AuditFile::open(settings("new")).unwrap();
        let mode = settings("new").path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::set_permissions(settings("new").path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let why = |name| AuditFile::open(settings(name)).err().unwrap();
        assert!(why("new").contains("chmod 600"));
        for other in ["gba-sqn 1 0\n", "\n[hss]\n"] {
            std::fs::write(settings("other").path, other).unwrap();
            std::fs::set_permissions(settings("other").path, std::fs::Permissions::from_mode(0o600)).unwrap();
            assert!(why("other").contains("something else than an audit log"));
        }
        assert!(why(".").contains("a file is expected"));
        assert!(why("none/here").contains("cannot open the audit log"));
        assert!(
            std::process::Command::new("mkfifo")
                .arg(settings("pipe").path)
                .status()
                .unwrap()
                .success()
        );
        assert!(why("pipe").contains("a file is expected"));
    }
}
