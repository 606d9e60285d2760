//! `--config FILE.toml`: a subscriber from a file, and what is wrong with a file, by line and column, without a key.

use std::fs;

use crate::{K, OPC, Said, demo, program, said};

fn with(text: &str, more: &[&str]) -> Said {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sim.toml");
    fs::write(&file, text).unwrap();
    said(program().arg("demo").arg("--config").arg(&file).args(more))
}

#[test]
fn a_subscriber_from_a_file_and_options_stand_above_it() {
    let text = format!(
        "imsi = \"310410123456789\"\nmnc_length = 3\nk = \"{K}\"\nopc = \"{OPC}\"\namf = \"0000\"\n\
         sqn = \"000000000040\"\nmode = \"u\"\n"
    );
    let run = |more: &[&str]| -> serde_json::Value {
        let said = with(
            &text,
            &[&["--json", "--rand", "23553cbe9637a89d218ae64dae47bf35"], more].concat(),
        );
        assert_eq!(said.status, 0, "{}", said.err);
        serde_json::from_str(&said.out).unwrap()
    };
    let whole = run(&[]);
    assert_eq!(whole["impi"], "310410123456789@ims.mnc410.mcc310.3gppnetwork.org");
    assert_eq!(whole["mode"], "u");
    let other = run(&["--imsi", "001010123456789", "--mnc-length", "2", "--mode", "me"]);
    assert_eq!(other["impi"], "001010123456789@ims.mnc001.mcc001.3gppnetwork.org");
    assert_eq!(other["mode"], "me");
    assert_ne!(whole["root_key"]["device"], other["root_key"]["device"]);
}

#[test]
fn a_key_may_stand_elsewhere() {
    let text = "k = \"env:GBA_TEST_CONFIG_K\"\nopc = \"env:GBA_TEST_CONFIG_OPC\"\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sim.toml");
    fs::write(&file, text).unwrap();
    let mut command = program();
    command
        .env("GBA_TEST_CONFIG_K", K)
        .env("GBA_TEST_CONFIG_OPC", OPC);
    let said = said(command.args(["demo", "--quiet", "--config"]).arg(&file));
    assert_eq!(said.status, 0, "{}", said.err);
}

/// A key may stand in any place of a file that is wrong: under the wrong name, without quotes, as a name.
#[test]
fn a_broken_file_is_told_by_line_and_column_and_shows_no_key() {
    let spaced = "46 5b 5c e8 b1 99 b4 9f aa 5f 0a 2e e2 38 a6 bc";
    let cases = [
        (format!("imsi = \"001010123456789\"\n{K}\n"), "line 2, column "),
        (format!("\n\n{K} = 1\n"), "line 3, column 1:"),
        (format!("k = {K}\n"), "line 1, column "),
        (format!("k = \"{K}\n"), "line 1, column "),
        (format!("k = \"{K}\"\nk = \"{K}\"\n"), "line 2, column 1:"),
        (format!("k = [\"{K}\"]\n"), "line 1, column 5:"),
        (format!("mode = \"{K}\"\n"), "line 1, column 8:"),
        (format!("mode = \"{spaced}\"\n"), "line 1, column 8:"),
        (format!("mnc_length = \"{K}\"\n"), "line 1, column 14:"),
        (format!("mnc_length = \"{spaced}\"\n"), "line 1, column 14:"),
        (format!("imsi = \"{K}\"\n"), "imsi"),
        (format!("sqn = \"{K}\"\n"), "sqn"),
        (format!("amf = \"{K}\"\n"), "amf"),
        (format!("k = \"{K}0\"\nopc = \"{OPC}\"\n"), "k"),
        (
            format!("k = \"{K}\"\nopc = \"{OPC}\"\nop = \"{OPC}\"\n"),
            "not both",
        ),
        (format!("k = \"{K}\"\n"), "OPc or OP"),
    ];
    for (text, words) in cases {
        let said = with(&text, &["--json"]);
        assert_eq!(said.status, 2, "{text}: {}", said.err);
        let all = format!("{}{}", said.out, said.err);
        assert!(all.contains(words), "{text}: no {words:?} in {all}");
        for part in [&K[..8], &K[24..], &OPC[..8], &OPC[24..], &spaced[..11]] {
            assert!(!all.contains(part), "{text} shows its key: {all}");
        }
    }
}

#[test]
fn what_a_name_could_have_been_is_said() {
    let said = with("imsy = \"001010123456789\"\n", &[]);
    assert_eq!(said.status, 2);
    assert!(
        said.err.contains("line 1, column 1: unknown key imsy, expected") && said.err.contains("`imsi`"),
        "{}",
        said.err
    );
}

#[test]
fn a_value_without_quotes_is_said_to_need_them() {
    for (line, words) in [
        (
            "imsi = 001010123456789",
            "imsi must be quoted: imsi = \"001010…\"",
        ),
        (
            "imsi = 310410123456789",
            "imsi must be quoted: imsi = \"001010…\"",
        ),
        ("mode = u", "mode must be quoted: mode = \"u\""),
        ("sqn=000000000020", "sqn must be quoted: sqn = \"…\""),
        (
            "k = 465b5ce8b199b49faa5f0a2ee238a6bc",
            "k must be quoted: k = \"…\"",
        ),
    ] {
        let said = with(&format!("# mine\n{line}\n"), &[]);
        assert_eq!(said.status, 2, "{}", said.err);
        assert!(said.err.contains("line 2, column "), "{}", said.err);
        assert!(said.err.contains(words), "no {words:?} in {}", said.err);
        let value = line.split('=').nth(1).unwrap().trim();
        assert!(value == "u" || !said.err.contains(value), "{}", said.err);
    }
}

#[test]
fn a_file_that_cannot_be_read() {
    let said = demo(&["--config", "/nonexistent/sim.toml"]);
    assert_eq!(said.status, 2);
    assert!(said.err.contains("/nonexistent/sim.toml"), "{}", said.err);
    let long = with(&"# comment\n".repeat(10_000), &[]);
    assert_eq!(long.status, 2);
    assert!(long.err.contains("64 KiB"), "{}", long.err);
}

/// A device says that it has no octets and gives as many as one takes.
#[cfg(unix)]
#[test]
fn what_has_no_end_is_not_read_to_its_end() {
    let endless = demo(&["--config", "/dev/zero"]);
    assert_eq!(endless.status, 2);
    assert!(endless.err.contains("64 KiB"), "{}", endless.err);
}

/// Nobody may ever open the other end of a named pipe; one that the shell has opened is read as a file.
#[cfg(unix)]
#[test]
fn a_named_pipe_is_told_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let pipe = pipe.to_str().unwrap();
    let key = format!("@{pipe}");
    for options in [
        &["demo", "--config", pipe][..],
        &["demo", "--k", &key, "--opc", OPC],
        &["vectors", "run", pipe],
        &["explain", &key],
        &["hss", "serve", "--config", pipe],
    ] {
        let said = said(program().args(options));
        assert_eq!(said.status, 2, "{options:?}: {}", said.err);
        assert!(said.err.contains("named pipe"), "{options:?}: {}", said.err);
    }
}

/// Ruling 5: a file beside it doesn't hide a key on the command line from other users.
#[test]
fn ruling_05_a_bare_option_is_warned_of_beside_a_file_too() {
    let text = format!("k = \"{K}\"\nopc = \"{OPC}\"\n");
    let from_file = with(&text, &["--quiet"]);
    assert_eq!(
        (from_file.status, from_file.err.contains("on the command line")),
        (0, false),
        "{}",
        from_file.err
    );
    let bare = with(&text, &["--quiet", "--k", K]);
    assert_eq!(bare.status, 0, "{}", bare.err);
    assert!(
        bare.err.contains("--k: a key on the command line"),
        "{}",
        bare.err
    );
}
