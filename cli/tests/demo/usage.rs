//! What `gba demo` refuses with status 2, and in which words: what was wrong, what was expected, and never a key.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use crate::{K, OPC, Said, demo, program};

/// Status 2, nothing on standard output, and a sentence with all these words on standard error.
fn refused(options: &[&str], words: &[&str]) {
    let said = demo(options);
    assert_eq!(said.status, 2, "{options:?}: {}", said.err);
    assert!(said.out.is_empty(), "{options:?} printed {}", said.out);
    for word in words {
        assert!(
            said.err.contains(word),
            "{options:?}: no {word:?} in {}",
            said.err
        );
    }
    for key in options.iter().filter(|o| o.len() >= 30) {
        assert!(!said.err.contains(key), "{options:?} shows its key: {}", said.err);
    }
}

#[test]
fn an_imsi_that_is_none() {
    for imsi in ["abc", "", "12345", "1234567890123456", "00101012345678x"] {
        refused(&["--imsi", imsi], &["--imsi", "6 to 15 digits"]);
    }
}

#[test]
fn keys_of_the_wrong_length_or_not_hex() {
    refused(
        &["--k", "465b5ce8b199b49faa5f0a2ee238a6", "--opc", OPC],
        &["--k", "16 octets", "15"],
    );
    refused(
        &["--k", "465b5ce8b199b49faa5f0a2ee238a6bcaa", "--opc", OPC],
        &["--k", "16 octets", "17"],
    );
    refused(
        &["--k", K, "--opc", "cd63cb71954a9f4e48a5994e37a02ba"],
        &["--opc"],
    );
    refused(
        &["--k", "465b5ce8b199b49faa5f0a2ee238a6bx", "--opc", OPC],
        &["--k", "hex"],
    );
    refused(&["--k", K, "--op", "cd63"], &["--op", "16 octets"]);
    refused(&["--amf", "00"], &["--amf", "2 octets"]);
    refused(&["--sqn", "20"], &["--sqn", "6 octets"]);
    refused(&["--rand", "00"], &["--rand", "16 octets"]);
}

#[test]
fn op_together_with_opc() {
    refused(
        &["--k", K, "--op", OPC, "--opc", OPC],
        &["--opc", "--op", "cannot be used with"],
    );
}

#[test]
fn half_a_subscriber() {
    for half in [&["--k", K][..], &["--opc", OPC], &["--op", OPC]] {
        refused(half, &["K together with OPc or OP"]);
    }
}

#[test]
fn sources_that_cannot_be_read() {
    let file = tempfile::tempdir().unwrap();
    let missing = format!("@{}", file.path().join("no-such-key").display());
    refused(&["--k", &missing, "--opc", OPC], &["--k", "no-such-key"]);
    refused(
        &["--k", "env:GBA_TEST_NO_SUCH_KEY", "--opc", OPC],
        &["--k", "GBA_TEST_NO_SUCH_KEY"],
    );
    refused(&["--k", "-", "--opc", OPC], &["--k"]);
    refused(&["--k", "-", "--opc", "-"], &["--k", "one key a line"]);
    #[cfg(unix)]
    refused(
        &["--k", "@no-such-key", "--opc", OPC],
        &["No such file or directory\n"],
    );
    refused(
        &["--k", "K.hex", "--opc", OPC],
        &["--k: no hex; for a file write @K.hex"],
    );
    let prefixed = format!("0x{K}");
    refused(&["--k", &prefixed, "--opc", OPC], &["without 0x"]);
}

#[test]
fn a_sqn_that_no_card_accepts() {
    refused(&["--sqn", "00000000001f"], &["SEQ 0", "000000000020"]);
    assert_eq!(demo(&["--sqn", "000000000020", "--quiet"]).status, 0);
    assert_eq!(demo(&["--sqn", "ffffffffffff", "--quiet"]).status, 0);
}

#[test]
fn options_that_are_none() {
    refused(&["--mnc-length", "4"], &["2 or 3 digits"]);
    refused(&["--mode", "isim"], &["--mode", "me", "u"]);
    refused(&["--no-such-option"], &["--no-such-option"]);
    let bare = crate::said(&mut program());
    assert_eq!((bare.status, bare.out.as_str()), (2, ""));
    assert!(bare.err.contains("demo"), "{}", bare.err);
}

/// Ruling 5: a bare key works in the laboratory, with a warning; from a file, the environment or standard input it
/// comes without one, and gives the same run.
#[test]
fn ruling_05_keys_come_from_elsewhere_without_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("k.hex");
    std::fs::write(&file, format!("{K}\n")).unwrap();
    let at = format!("@{}", file.display());
    let fixed = ["demo", "--json", "--show-secrets", "--sqn", "000000000040"];
    let rand = ["--rand", "23553cbe9637a89d218ae64dae47bf35"];
    let run = |k: &str, stdin: &str| -> Said {
        let mut command: Command = program();
        command.env("GBA_TEST_K", K).env("GBA_TEST_OPC", OPC);
        command
            .args(fixed)
            .args(rand)
            .args(["--k", k, "--opc", "env:GBA_TEST_OPC"]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        Said {
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    };
    let mut keys = Vec::new();
    for (k, stdin) in [(at.as_str(), ""), ("env:GBA_TEST_K", ""), ("-", K), (K, "")] {
        let said = run(k, stdin);
        assert_eq!(said.status, 0, "{k}: {}", said.err);
        assert_eq!(
            said.err.contains("--k: a key on the command line"),
            k == K,
            "{}",
            said.err
        );
        assert!(said.err.contains("--rand: laboratory only"), "{}", said.err);
        let whole: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        keys.push(whole["root_key"]["device"].as_str().unwrap().to_owned());
    }
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

/// Keys that come one a line are taken in the order K, OPc or OP, with either line end.
#[test]
fn standard_input_has_one_key_a_line() {
    let run = |operator: &str, stdin: &str| -> Said {
        let mut command: Command = program();
        command
            .args(["demo", "--quiet", "--k", "-", operator, "-"])
            .args(["--sqn", "000000000040"]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        Said {
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    };
    for (operator, stdin) in [
        ("--opc", format!("{K}\n{OPC}\n")),
        ("--opc", format!("{K}\r\n{OPC}")),
        ("--op", format!("{K}\n{}\n", crate::OP)),
    ] {
        let said = run(operator, &stdin);
        assert_eq!((said.status, said.err.as_str()), (0, ""), "{stdin:?}");
    }
    for (stdin, words) in [
        (format!("{K}\n"), "--opc: standard input has no line for it"),
        (
            format!("{K}\n{}\n", &OPC[2..]),
            "--opc: 16 octets (32 hex digits) expected, got 15",
        ),
        (format!("{K} {OPC}\n"), "--k: not a hex digit at position 32"),
    ] {
        let said = run("--opc", &stdin);
        assert_eq!(said.status, 2, "{}", said.err);
        assert!(said.err.contains(words), "no {words:?} in {}", said.err);
        assert!(!said.err.contains(&K[..8]), "{}", said.err);
    }
}
