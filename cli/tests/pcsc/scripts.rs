//! pyscard, by scripts that know the card's specifications and nothing of this program.

use std::{path::Path, process::Command, time::Duration};

use tests::{apart::apart, pcscd::Pcscd, peer};

use crate::{IMPI, IMSI, hex, in_reader, vector};

/// Runs a script against a card of its own.
fn script(name: &str, serve: &[&str], args: &[&str]) {
    apart(&format!("scripts::{name}"), || {
        let Some(python) = peer::python("smartcard", "pyscard") else {
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let Some(mut pcscd) = Pcscd::start(folder.path()) else {
            return;
        };
        let _card = in_reader(serve);
        pcscd.wait_for_card();
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("pcsc");
        let mut run = Command::new(python);
        run.arg(here.join(format!("{name}.py"))).args(args);
        // No __pycache__ in the sources.
        let output = peer::run(run.env("PYTHONDONTWRITEBYTECODE", "1"), Duration::from_secs(60));
        let said = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let (out, err) = (said(&output.stdout), said(&output.stderr));
        assert!(output.status.success(), "{out}{err}");
        assert!(out.contains(&format!("{name}: done")), "{out}{err}");
    });
}

#[test]
//= vpcd-serve-r1
fn files() {
    script("files", &[], &[IMSI]);
}

#[test]
fn pin() {
    script("pin", &["--pin", "1357"], &["1357"]);
}

#[test]
fn channels() {
    script("channels", &[], &[]);
}

#[test]
//= vpcd-serve-r4
fn gba() {
    let v = vector(0x5a, "000000000040");
    script(
        "gba",
        &["--sqn", "000000000020"],
        &[
            IMPI,
            &hex(v.rand.octets()),
            &hex(v.autn.octets()),
            &hex(v.xres.expose()),
            &hex(v.ck.expose()),
            &hex(v.ik.expose()),
        ],
    );
}
