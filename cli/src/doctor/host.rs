//! What every command needs of the host, whatever the configuration.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use base::{Entropy as _, Secret};
use net::{
    accept, clock,
    entropy::OsEntropy,
    tap::Connection,
    tls::{
        self,
        psk::{self, Lookup},
        suite::Suite,
    },
};

use super::Line;

/// Nothing on loopback takes so long.
const LIMIT: Duration = Duration::from_secs(3);

/// 2024-01-01 and 2100-01-01 in seconds since 1970: this program is younger, and nobody will run it so long.
const PLAUSIBLE: std::ops::Range<i64> = 1_704_067_200..4_102_444_800;

/// Listeners of a BSF or NAF, and what else a process has open.
const LISTENERS: u64 = 2;
const OTHER_FILES: u64 = 64;

/// All of them; `needed` are the suites that the configuration names.
pub(super) fn look(needed: &[Suite]) -> Vec<Line> {
    let begun = (Instant::now(), SystemTime::now());
    let mut lines = vec![openssl()];
    lines.extend(suites(needed));
    lines.push(entropy());
    lines.push(loopback());
    lines.extend(limits());
    lines.push(readers());
    // Last: the checks before are the time in which the two clocks are compared.
    lines.push(clock_line(clock::now().utc.0, drift(begun)));
    lines
}

fn openssl() -> Line {
    let version = tls::openssl_version();
    if tls::openssl_number() >= 0x3000_0000 {
        Line::ok("openssl", version)
    } else {
        Line::warning(
            "openssl",
            version,
            "this OpenSSL gets no security fixes any more: use 3.0 or newer",
        )
    }
}

fn suites(needed: &[Suite]) -> Vec<Line> {
    let default = [Suite::ALL[0]];
    let needed = if needed.is_empty() { &default } else { needed };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let Ok(runtime) = runtime else {
        return vec![Line::failed(
            "tls-psk",
            "no asynchronous runtime could be started",
            "raise the limit of open files: ulimit -n 4096",
        )];
    };
    let one = |suite: Suite| {
        let check = format!("tls-psk {suite}");
        match runtime.block_on(handshake(suite)) {
            Ok(()) => Line::ok(check, "a handshake in memory went through"),
            Err(why) if needed.contains(&suite) => Line::failed(
                check,
                why,
                "this OpenSSL, or its openssl.cnf (see OPENSSL_CONF), doesn't allow TLS 1.2 with this suite: allow it \
                 there, or name other suites in naf.suites",
            ),
            Err(why) => Line::warning(
                check,
                why,
                "not needed here; devices that ask for it aren't served",
            ),
        }
    };
    Suite::ALL.into_iter().map(one).collect()
}

/// Both ends of TLS-PSK in memory, with a key that nobody else has.
async fn handshake(suite: Suite) -> Result<(), String> {
    let config = psk::Config {
        suites: vec![suite],
        handshake_timeout: LIMIT,
        write_timeout: LIMIT,
    };
    let key = OsEntropy
        .array::<32>()
        .map_err(|_| "no randomness for a key".to_owned())?;
    let server = psk::Server::new(config.clone(), psk::HINT, None).map_err(|e| e.to_string())?;
    let client = psk::Client::new(config, None).map_err(|e| e.to_string())?;
    let (here, there) = tokio::io::duplex(16 * 1024);
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let connection = Connection::new(nowhere, nowhere);
    let (served, connected) = tokio::join!(
        server.accept(here, connection, async |_| Lookup::Key(Secret::new(key))),
        client.connect(there, connection, "doctor.example", b"doctor", async |_| {
            Ok(Secret::new(key))
        }),
    );
    let info = connected.map_err(|e| e.to_string())?;
    served.map_err(|e| e.to_string())?;
    if info.info().suite == suite.code() {
        Ok(())
    } else {
        Err(format!("another suite was chosen: {:04x}", info.info().suite))
    }
}

fn entropy() -> Line {
    match (OsEntropy.array::<32>(), OsEntropy.array::<32>()) {
        (Ok(one), Ok(other)) if one != other => Line::ok("entropy", "the system gives randomness"),
        (Ok(_), Ok(_)) => Line::failed(
            "entropy",
            "the same 32 octets came twice",
            "don't use this host for keys",
        ),
        _ => Line::failed(
            "entropy",
            "the system gives no randomness",
            "getrandom(2) or /dev/urandom has to work: look at the container's or sandbox's rules",
        ),
    }
}

fn loopback() -> Line {
    match echo() {
        Ok(()) => Line::ok("loopback", "127.0.0.1 can be listened on and connected to"),
        Err((step, e)) => Line::failed(
            "loopback",
            format!("{step}: {e}"),
            match e.raw_os_error() {
                // EMFILE, ENFILE
                Some(23 | 24) => "raise the limit of open files: ulimit -n 4096",
                _ => {
                    "bring the interface up (ip link set lo up), and let the firewall pass what goes from loopback to loopback"
                }
            },
        ),
    }
}

fn echo() -> Result<(), (&'static str, std::io::Error)> {
    let listen = |e| ("cannot listen on 127.0.0.1", e);
    let connect = |e| ("cannot connect to 127.0.0.1", e);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let mut here = TcpStream::connect_timeout(&address, LIMIT).map_err(connect)?;
    // The connection waits in the queue, so this doesn't wait.
    let (mut there, _) = listener.accept().map_err(listen)?;
    there.set_read_timeout(Some(LIMIT)).map_err(listen)?;
    here.write_all(b"?").map_err(connect)?;
    there.read_exact(&mut [0]).map_err(connect)
}

/// Soft limit of a line of `/proc/self/limits`.
fn soft_limit(limits: &str, name: &str) -> Option<u64> {
    let rest = limits.lines().find_map(|line| line.strip_prefix(name))?;
    match rest.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

fn limits() -> Vec<Line> {
    let Ok(text) = fs::read_to_string("/proc/self/limits") else {
        return vec![Line::ok(
            "limits",
            "this system doesn't tell (no /proc/self/limits)",
        )];
    };
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    let files = soft_limit(&text, "Max open files").map(open_files);
    let core = soft_limit(&text, "Max core file size").map(|limit| core_file(limit, pattern.trim()));
    files.into_iter().chain(core).collect()
}

fn open_files(limit: u64) -> Line {
    let cap = accept::Limits::default().max_connections as u64;
    let wanted = LISTENERS * cap + OTHER_FILES;
    let found = if limit == u64::MAX {
        "no limit".to_owned()
    } else {
        format!("at most {limit}")
    };
    if limit >= wanted {
        return Line::ok("open files", format!("{found}; {wanted} are wanted at most"));
    }
    let found = format!(
        "{found}, but an element takes {cap} connections on each of up to {LISTENERS} listeners: {wanted} wanted"
    );
    let advice = format!("raise it: ulimit -n {wanted}, or LimitNOFILE={wanted} in its systemd unit");
    if limit < OTHER_FILES {
        Line::failed("open files", found, advice)
    } else {
        Line::warning("open files", found, advice)
    }
}

fn core_file(limit: u64, pattern: &str) -> Line {
    let advice = "a core file would hold keys: ulimit -c 0, or LimitCORE=0 in its systemd unit";
    if pattern.starts_with('|') {
        // The kernel hands it over whatever the limit.
        let program = pattern
            .trim_start_matches('|')
            .split(' ')
            .next()
            .unwrap_or_default();
        return Line::warning(
            "core file",
            format!("after a crash the memory, keys included, is given to {program}"),
            "away from laboratories: sysctl kernel.core_pattern=core, and ulimit -c 0",
        );
    }
    match limit {
        0 => Line::ok("core file", "none is written after a crash"),
        _ => Line::warning("core file", "one would be written after a crash", advice),
    }
}

fn readers() -> Line {
    let sockets = ["/run/pcscd/pcscd.comm", "/var/run/pcscd/pcscd.comm"];
    match sockets.into_iter().find(|path| Path::new(path).exists()) {
        Some(path) => Line::ok(
            "pcscd",
            format!("its socket is there: {path}; gba card doctor looks at readers and cards"),
        ),
        None => Line::ok(
            "pcscd",
            "not running; only cards in readers need it (gba card doctor)",
        ),
    }
}

/// How much further the system's time went than the monotonic clock, in milliseconds.
fn drift(begun: (Instant, SystemTime)) -> i128 {
    let steady = begun.0.elapsed().as_millis().cast_signed();
    let shown = match SystemTime::now().duration_since(begun.1) {
        Ok(forward) => forward.as_millis().cast_signed(),
        Err(back) => -back.duration().as_millis().cast_signed(),
    };
    shown - steady
}

fn clock_line(now: i64, drift: i128) -> Line {
    if !PLAUSIBLE.contains(&now) {
        return Line::failed(
            "clock",
            format!("{now} seconds since 1970 are before 2024 or after 2099"),
            "set it (timedatectl set-ntp true): lifetimes of keys and certificates count on it",
        );
    }
    if drift.abs() > 500 {
        return Line::warning(
            "clock",
            format!("it was set by {drift} ms while we looked"),
            "let one program set it, and slowly: lifetimes of keys count on it",
        );
    }
    Line::ok(
        "clock",
        "the year is plausible, and it goes as the monotonic clock does",
    )
}

#[cfg(test)]
mod tests {
    use super::{super::Status, *};

    #[test]
    fn an_implausible_or_jumping_clock_is_told() {
        for (now, drift, status) in [
            (1_790_000_000, 3, Status::Ok),
            (0, 0, Status::Failed),
            (4_102_444_800, 0, Status::Failed),
            (1_790_000_000, -501, Status::Warning),
            (1_790_000_000, 3_600_000, Status::Warning),
        ] {
            assert_eq!(clock_line(now, drift).status, status, "{now} {drift}");
        }
    }

    #[test]
    fn limits_are_read_and_judged() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max core file size        0                    unlimited            bytes     \n\
                    Max open files            1024                 524288               files     \n\
                    Max cpu time              unlimited            unlimited            seconds   \n";
        assert_eq!(soft_limit(text, "Max open files"), Some(1024));
        assert_eq!(soft_limit(text, "Max core file size"), Some(0));
        assert_eq!(soft_limit(text, "Max cpu time"), Some(u64::MAX));
        assert_eq!(soft_limit(text, "Max locks"), None);
        assert_eq!(open_files(20).status, Status::Failed);
        assert_eq!(open_files(1024).status, Status::Warning);
        assert_eq!(open_files(2112).status, Status::Ok);
        assert_eq!(open_files(u64::MAX).status, Status::Ok);
        assert_eq!(core_file(0, "core").status, Status::Ok);
        assert_eq!(core_file(1, "core").status, Status::Warning);
        assert_eq!(
            core_file(0, "|/usr/share/apport/apport -p%p").status,
            Status::Warning
        );
    }

    #[test]
    fn a_suite_that_is_needed_and_one_that_is_not() {
        let lines = suites(&[Suite::Aes128GcmSha256]);
        assert_eq!(lines.len(), Suite::ALL.len());
        assert!(lines.iter().all(|line| line.status == Status::Ok), "{lines:?}");
    }
}
