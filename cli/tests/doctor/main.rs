//! `gba doctor`, as a person types it: a good host, and what is said where something isn't.
//!
//! What depends on the host itself (its core files, its limit of open files) may be ok or a warning here; what the
//! tests bring about is named exactly.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on may panic"
)]

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use net::tls::pki::{Authority, Validity};
use serde_json::Value;

/// Nothing here takes so long; nothing may hang the suite.
const LIMIT: Duration = Duration::from_secs(60);

const HOST: &str = "hss.home.test";

const BSF: &str = "[bsf]\nlisten_ub = \"127.0.0.1:0\"\nlisten_zn = \"127.0.0.1:0\"\nhss = [\"127.0.0.1:13868\"]\n\
                   [[bsf.naf]]\norigin_hosts = [\"naf.m2m.example\"]\nfqdns = [\"naf.m2m.example\"]\n\
                   ua = [\"0100000002\"]\nimpi = false\n";

/// The program in a folder, in an environment without anything of ours.
fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gba"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GBA_") {
            command.env_remove(name);
        }
    }
    command.current_dir(folder);
    command
}

fn run(folder: &Path, args: &[&str]) -> Output {
    tests::peer::run(program(folder).args(args), LIMIT)
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// Exit status and report.
fn doctor(folder: &Path) -> (i32, Value) {
    let done = run(folder, &["doctor", "--json"]);
    let report = serde_json::from_slice(&done.stdout)
        .unwrap_or_else(|e| panic!("{e}: {} {}", text(&done.stdout), text(&done.stderr)));
    (done.status.code().unwrap(), report)
}

/// `status`, `found` and `advice` of one check.
fn line<'r>(report: &'r Value, check: &str) -> (&'r str, &'r str, &'r str) {
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|line| line["check"] == check);
    let found = found.unwrap_or_else(|| panic!("no {check} in {report:#}"));
    let field = |name: &str| found[name].as_str().unwrap_or_default();
    (field("status"), field("found"), field("advice"))
}

/// The checks that failed.
fn failed(report: &Value) -> Vec<&str> {
    let checks = report["checks"].as_array().unwrap();
    let failed = checks.iter().filter(|line| line["status"] == "failed");
    failed.map(|line| line["check"].as_str().unwrap()).collect()
}

/// The example with free ports, private.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let example = text(&run(folder.path(), &["config", "example"]).stdout);
    let own = ["listen", "listen_ub", "listen_zn", "listen_tls"];
    let lines = example.lines().map(|line| match line.split_once(" = ") {
        Some((key, _)) if own.contains(&key) => format!("{key} = \"127.0.0.1:0\"\n"),
        _ => format!("{line}\n"),
    });
    write(&folder, "gba.toml", &lines.collect::<String>(), 0o600);
    folder
}

fn write(folder: &tempfile::TempDir, name: &str, text: &str, mode: u32) {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
}

/// Puts certificates for `name` beside the configuration of an HSS that is [`HOST`].
fn with_tls(folder: &tempfile::TempDir, name: &str, validity: Validity) {
    let ca = Authority::new("test CA", Validity::days(9)).unwrap();
    let issued = ca.issue(&name.parse().unwrap(), validity).unwrap();
    let pem = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    write(folder, "ca.pem", &pem(ca.issued().cert_pem().unwrap()), 0o644);
    write(folder, "hss.pem", &pem(issued.cert_pem().unwrap()), 0o644);
    write(
        folder,
        "hss.key",
        &pem(issued.key_pem().unwrap().expose().to_vec()),
        0o600,
    );
    let example = fs::read_to_string(folder.path().join("gba.toml")).unwrap();
    if example.contains(HOST) {
        return;
    }
    let lines = example.lines().map(|line| {
        if line.starts_with("origin_host = \"hss.") {
            format!(
                "origin_host = \"{HOST}\"\ntls = {{ ca = \"ca.pem\", cert = \"hss.pem\", key = \"hss.key\" }}\n"
            )
        } else {
            format!("{line}\n")
        }
    });
    write(folder, "gba.toml", &lines.collect::<String>(), 0o600);
}

#[test]
fn a_good_host_and_the_example_are_well() {
    let folder = folder();
    let (status, report) = doctor(folder.path());
    assert_eq!((status, failed(&report)), (0, Vec::new()), "{report:#}");
    for check in [
        "tls-psk PSK-AES128-CBC-SHA256",
        "tls-psk PSK-AES128-GCM-SHA256",
        "tls-psk PSK-AES128-CCM8",
        "entropy",
        "loopback",
        "clock",
        "pcscd",
        "hss.listen",
        "bsf.listen_ub",
        "naf.listen_tls",
        "bsf.hss",
        "ue.bsf",
        "hss.sqn_file",
    ] {
        assert_eq!(line(&report, check).0, "ok", "{check}: {report:#}");
    }
    assert!(line(&report, "openssl").1.starts_with("OpenSSL "));
    assert!(
        line(&report, "configuration")
            .1
            .ends_with("good for hss, bsf, naf, ue")
    );
    // It made nothing.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    // The same for people; each line begins with its status.
    let shown = run(folder.path(), &["doctor"]);
    let out = text(&shown.stdout);
    assert!(shown.status.success() && shown.stderr.is_empty());
    assert!(out.contains("ok       loopback: 127.0.0.1"), "{out}");
    let begins = ["ok ", "warning ", "failed ", "         "];
    assert!(
        out.lines().all(|l| begins.iter().any(|b| l.starts_with(b))),
        "{out}"
    );
}

#[test]
fn without_a_configuration_the_host_alone_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let (status, report) = doctor(folder.path());
    assert_eq!(status, 0, "{report:#}");
    assert!(line(&report, "configuration").1.contains("only the host"));
    assert!(!report.to_string().contains("listen_ub"));
}

#[test]
fn a_taken_port_is_told_with_who_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let here = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = here.local_addr().unwrap().to_string();
    write(
        &folder,
        "gba.toml",
        &BSF.replacen("127.0.0.1:0", &taken, 1),
        0o600,
    );
    let (status, report) = doctor(folder.path());
    assert_eq!(
        (status, failed(&report)),
        (1, vec!["bsf.listen_ub"]),
        "{report:#}"
    );
    let (_, found, advice) = line(&report, "bsf.listen_ub");
    assert!(
        found.contains(&taken) && advice.contains("another port"),
        "{report:#}"
    );
    #[cfg(target_os = "linux")]
    assert!(
        found.ends_with(&format!("(process {})", std::process::id())),
        "{found}"
    );

    // Once it is free again, one configuration must not take it twice.
    drop(here);
    write(&folder, "gba.toml", &BSF.replace("127.0.0.1:0", &taken), 0o600);
    let (status, report) = doctor(folder.path());
    assert_eq!(
        (status, failed(&report)),
        (1, vec!["bsf.listen_zn"]),
        "{report:#}"
    );
    assert!(
        line(&report, "bsf.listen_zn")
            .1
            .ends_with("also that of bsf.listen_ub")
    );
}

#[test]
fn a_name_that_nobody_knows_is_told() {
    let folder = tempfile::tempdir().unwrap();
    write(
        &folder,
        "gba.toml",
        &BSF.replace("127.0.0.1:13868", "hss.invalid:3868"),
        0o600,
    );
    let (status, report) = doctor(folder.path());
    assert_eq!((status, failed(&report)), (1, vec!["bsf.hss"]), "{report:#}");
    assert!(line(&report, "bsf.hss").2.contains("/etc/hosts"));
}

#[test]
fn certificates_that_fit_expired_ones_and_foreign_ones() {
    let folder = folder();
    let check = |name: &str, validity| {
        with_tls(&folder, name, validity);
        let (status, report) = doctor(folder.path());
        let (_, found, advice) = line(&report, "hss.tls");
        (
            status,
            line(&report, "hss.tls").0.to_owned(),
            found.to_owned(),
            advice.to_owned(),
        )
    };
    let now = net::clock::now().utc.0;
    let year = Validity::days(365);
    let (status, is, found, _) = check(HOST, year);
    assert_eq!((status, is.as_str()), (0, "ok"), "{found}");
    assert!(found.contains("is for hss.home.test, 36"), "{found}");

    let (status, is, found, _) = check(HOST, Validity::days(7));
    assert_eq!((status, is.as_str()), (0, "warning"), "{found}");
    assert!(found.contains("expires in "), "{found}");

    let past = Validity {
        from: now - 9000,
        until: now - 60,
    };
    let (status, is, found, advice) = check(HOST, past);
    assert_eq!((status, is.as_str()), (1, "failed"));
    assert!(
        found.contains("valid from") && advice.contains("gba pki init"),
        "{found}"
    );

    let (status, is, found, _) = check("other.home.test", year);
    assert_eq!((status, is.as_str()), (1, "failed"));
    assert!(
        found.contains("for other.home.test, not for our Origin-Host hss.home.test"),
        "{found}"
    );

    // One of another CA: right only between networks.
    with_tls(&folder, HOST, year);
    let other = Authority::new("another CA", year).unwrap();
    let other = String::from_utf8(other.issued().cert_pem().unwrap()).unwrap();
    write(&folder, "ca.pem", &other, 0o644);
    let (status, report) = doctor(folder.path());
    assert_eq!((status, line(&report, "hss.tls").0), (0, "warning"), "{report:#}");
}

#[test]
fn a_key_file_that_others_can_read_or_nobody_can() {
    let folder = folder();
    with_tls(&folder, HOST, Validity::days(365));
    let key = folder.path().join("hss.key");
    let pem = fs::read_to_string(&key).unwrap();
    #[cfg(unix)]
    {
        write(&folder, "hss.key", &pem, 0o644);
        let (status, report) = doctor(folder.path());
        assert_eq!(
            (status, line(&report, "hss.tls.key").0),
            (0, "warning"),
            "{report:#}"
        );
        assert!(line(&report, "hss.tls.key").2.starts_with("chmod 600 "));
    }
    // A folder can't be read by root either.
    fs::remove_file(&key).unwrap();
    fs::create_dir(&key).unwrap();
    let (status, report) = doctor(folder.path());
    assert_eq!((status, line(&report, "hss.tls").0), (1, "failed"), "{report:#}");
    assert!(line(&report, "hss.tls").1.contains("hss.key"), "{report:#}");
    assert!(!report.to_string().contains("PRIVATE"), "a key was printed");
}

#[test]
fn sequence_numbers_that_are_damaged_or_in_use() {
    let folder = folder();
    let sqn = folder.path().join("hss.sqn");
    let store = hss::FileSqnStore::create(&sqn).unwrap();
    let (status, report) = doctor(folder.path());
    assert_eq!((status, failed(&report)), (1, vec!["hss.sqn_file"]));
    assert!(line(&report, "hss.sqn_file").1.contains("in use"), "{report:#}");
    drop(store);
    let (status, report) = doctor(folder.path());
    assert_eq!((status, line(&report, "hss.sqn_file").0), (0, "ok"), "{report:#}");
    fs::write(&sqn, "no sequence numbers").unwrap();
    let (status, report) = doctor(folder.path());
    assert_eq!((status, failed(&report)), (1, vec!["hss.sqn_file"]), "{report:#}");
}

#[test]
fn a_wrong_file_is_a_finding_and_a_missing_one_is_usage() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "gba.toml", "[bsf]\nlisten_up = \"127.0.0.1:0\"\n", 0o600);
    let (status, report) = doctor(folder.path());
    assert_eq!((status, failed(&report)), (1, vec!["configuration"]));
    assert!(
        line(&report, "configuration")
            .1
            .contains("did you mean `listen_ub`?"),
        "{report:#}"
    );
    let missing = run(folder.path(), &["doctor", "--config", "nowhere.toml"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).contains("nowhere.toml"));
    assert_eq!(run(folder.path(), &["doctor", "--kidney"]).status.code(), Some(2));
}

/// A demo that the host doesn't allow is followed by what isn't well; one that a protocol refuses is not.
#[cfg(target_os = "linux")]
#[test]
fn a_demo_that_the_host_fails_says_what_is_not_well() {
    let folder = tempfile::tempdir().unwrap();
    let gba = env!("CARGO_BIN_EXE_gba");
    let mut few = Command::new("sh");
    few.args(["-c", "ulimit -n 14; exec \"$0\" demo --quiet", gba]);
    let few = tests::peer::run(&mut few, LIMIT);
    let err = text(&few.stderr);
    assert_eq!(few.status.code(), Some(2), "{err}");
    assert!(err.contains("What gba doctor finds on this host:"), "{err}");
    assert!(
        err.contains("failed   open files") && err.contains("ulimit -n"),
        "{err}"
    );
    // Usage isn't the host's.
    let usage = run(folder.path(), &["demo", "--config", "nowhere.toml"]);
    assert_eq!(usage.status.code(), Some(2));
    assert!(!text(&usage.stderr).contains("doctor"));
}
