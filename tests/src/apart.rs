//! A test in a network and a file system of its own: for programs that listen on every address or under one fixed name.
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::{env, process::Command, process::Stdio, time::Duration};

use crate::peer;

/// Nothing may hang the suite.
const LIMIT: Duration = Duration::from_secs(180);

/// Set within.
const INSIDE: &str = "GBA_TEST_APART";

/// Runs the test `name` (with its modules) in a network with loopback only and with an empty /run, as a user who may set up
/// both. What it starts ends with it.
///
/// # Panics
/// Where that can't be had and peers are required; elsewhere the test is skipped.
pub fn apart(name: &str, test: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        return test();
    }
    let this = env::current_exe().unwrap();
    let Some(mut again) = unshared(&[this.to_str().unwrap(), "--exact", name, "--nocapture"]) else {
        return;
    };
    let done = peer::run(again.env(INSIDE, "1"), LIMIT);
    let said = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let (out, err) = (said(&done.stdout), said(&done.stderr));
    assert!(done.status.success() && out.contains("1 passed"), "{out}{err}");
}

/// A program in a network with loopback only and with an empty /run; `None` where that can't be had and may be.
///
/// # Panics
/// Where it can't be had and peers are required.
#[must_use]
pub fn unshared(program: &[&str]) -> Option<Command> {
    if peer::program("unshare", "util-linux").is_none() || peer::program("ip", "iproute2").is_none() {
        return None;
    }
    let unshare = |rights: &str, then: &[&str]| {
        let mut command = Command::new("unshare");
        let script = "mount -t tmpfs tmpfs /run && mkdir /run/pcscd && ip link set lo up && exec \"$@\"";
        command.args([rights, "sh", "-c", script, "sh"]).args(then);
        command
    };
    let can = |rights: &&&str| {
        let tried = unshare(rights, &["true"]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    // A user namespace gives who isn't root the right to the others.
    let Some(rights) = ["-mn", "-rmn"].iter().find(can) else {
        return peer::missing(
            "namespaces for network and mounts",
            "run as root, or allow user namespaces",
        );
    };
    Some(unshare(rights, program))
}
