//! `gba pki init`, as a person types it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use net::diameter::{Credentials, Files};

fn init(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gba"))
        .args(["pki", "init", "--dir"])
        .arg(dir)
        .args(args)
        .output()
        .unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

fn credentials(dir: &Path, name: &str) -> Credentials {
    Credentials::load(&Files {
        ca: dir.join("ca.pem"),
        cert: dir.join(format!("{name}.pem")),
        key: dir.join(format!("{name}.key")),
    })
    .unwrap()
}

#[test]
fn one_command_makes_all_that_the_nodes_need() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("deep/pki");
    let done = init(&dir, &["hss.home.test", "BSF.home.test"]);
    let (out, err) = (text(&done.stdout), text(&done.stderr));
    assert!(done.status.success() && err.is_empty(), "{err}");
    assert!(
        out.contains("tls = { ca = ") && out.contains("hss.home.test.key"),
        "{out}"
    );
    for name in ["hss.home.test", "bsf.home.test"] {
        let identity = name.parse().unwrap();
        let credentials = credentials(&dir, name);
        assert_eq!(credentials.names(), [identity]);
        credentials.check(&name.parse().unwrap()).unwrap();
    }
    #[cfg(unix)]
    for key in ["ca.key", "hss.home.test.key", "bsf.home.test.key"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(dir.join(key)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 6);
}

#[test]
fn nothing_is_overwritten_and_a_ca_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    assert!(init(dir, &["hss.home.test"]).status.success());
    let before: Vec<_> = ["ca.pem", "ca.key", "hss.home.test.pem", "hss.home.test.key"]
        .map(|file| fs::read(dir.join(file)).unwrap())
        .into();
    // One of the names is there: none of the others is made.
    let refused = init(dir, &["bsf.home.test", "HSS.home.test"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        text(&refused.stderr).contains("nothing is overwritten"),
        "{}",
        text(&refused.stderr)
    );
    assert!(!dir.join("bsf.home.test.pem").exists());
    let more = init(dir, &["bsf.home.test", "--json", "--days", "7"]);
    let report: serde_json::Value = serde_json::from_slice(&more.stdout).unwrap();
    assert_eq!(report["ca"]["new"], false);
    assert_eq!(report["certificates"][0]["name"], "bsf.home.test");
    assert_eq!(report["certificates"][0]["sha256"].as_str().unwrap().len(), 64);
    credentials(dir, "bsf.home.test");
    let after: Vec<_> = ["ca.pem", "ca.key", "hss.home.test.pem", "hss.home.test.key"]
        .map(|file| fs::read(dir.join(file)).unwrap())
        .into();
    assert_eq!(before, after);
    // A CA without its key issues nothing, and isn't replaced either.
    fs::remove_file(dir.join("ca.key")).unwrap();
    let refused = init(dir, &["naf.home.test"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        text(&refused.stderr).contains("without"),
        "{}",
        text(&refused.stderr)
    );
}

#[test]
fn wrong_names_are_answered_with_what_is_right() {
    let dir = tempfile::tempdir().unwrap();
    for (name, says) in [
        ("../evil", "not a host"),
        ("ca", "whole name"),
        ("a b", "not a host"),
        ("..", "whole name"),
        ("", "not a host"),
    ] {
        let refused = init(dir.path(), &[name]);
        assert_eq!(refused.status.code(), Some(2), "{name}");
        assert!(
            text(&refused.stderr).contains(says),
            "{name}: {}",
            text(&refused.stderr)
        );
    }
    let twice = init(dir.path(), &["a.test", "A.TEST"]);
    assert_eq!(twice.status.code(), Some(2));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// openssl(1) finds the chain right and the certificate fit for both ends of TLS.
#[test]
fn openssl_verifies_what_we_made() {
    let Some(openssl) = tests::peer::program("openssl", "openssl") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    assert!(init(dir, &["hss.home.test"]).status.success());
    for purpose in ["sslserver", "sslclient"] {
        let verified = Command::new(&openssl)
            .args([
                "verify",
                "-x509_strict",
                "-purpose",
                purpose,
                "-verify_hostname",
                "hss.home.test",
                "-CAfile",
            ])
            .arg(dir.join("ca.pem"))
            .arg(dir.join("hss.home.test.pem"))
            .output()
            .unwrap();
        assert!(verified.status.success(), "{}", text(&verified.stderr));
    }
}

/// The line that it prints is what the configuration takes.
#[test]
fn the_line_it_prints_goes_into_the_configuration() {
    let home = tempfile::tempdir().unwrap();
    let gba = |args: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_gba"))
            .args(args)
            .current_dir(home.path())
            .output()
            .unwrap();
        assert!(done.status.success(), "{args:?}: {}", text(&done.stderr));
        text(&done.stdout)
    };
    let example = gba(&["config", "example"]);
    let (_, after) = example.split_once("origin_host = \"").unwrap();
    let (host, _) = after.split_once('"').unwrap();
    let said = gba(&["pki", "init", host]);
    let line = said.lines().find(|line| line.contains("tls = {")).unwrap();
    let with_tls = example.replacen("[hss]\n", &format!("[hss]\n{line}\n"), 1);
    fs::write(home.path().join("gba.toml"), with_tls).unwrap();
    gba(&["config", "check", "gba.toml"]);
    // It is read: without the key it says so.
    fs::remove_file(home.path().join(format!("pki/{host}.key"))).unwrap();
    let refused = Command::new(env!("CARGO_BIN_EXE_gba"))
        .args(["config", "check", "gba.toml"])
        .current_dir(home.path())
        .output()
        .unwrap();
    assert!(!refused.status.success());
    assert!(
        text(&refused.stderr).contains("gba pki init"),
        "{}",
        text(&refused.stderr)
    );
}

#[cfg(unix)]
#[test]
fn a_named_pipe_is_not_waited_for_and_an_open_ca_key_issues_nothing() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("pki");
    assert!(init(&dir, &["hss.home.test"]).status.success());
    let key = dir.join("ca.key");
    for mode in [0o640, 0o604] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let refused = init(&dir, &["bsf.home.test"]);
        let err = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{err}");
        assert!(err.contains("ca.key") && err.contains("chmod 600"), "{err}");
        assert!(!dir.join("bsf.home.test.pem").exists());
    }
    for file in ["ca.key", "ca.pem"] {
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        let path = dir.join(file);
        let kept = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(
            Command::new("mkfifo")
                .arg("-m600")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        let refused = init(&dir, &["bsf.home.test"]);
        let err = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{err}");
        assert!(err.contains(file) && err.contains("named pipe"), "{err}");
        fs::remove_file(&path).unwrap();
        fs::write(&path, kept).unwrap();
    }
}
