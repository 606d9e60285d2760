//! `gba demo --pcap FILE`: a new file for its owner, which says that it holds keys. What is in it is `tshark`'s to judge.

use std::os::unix::fs::PermissionsExt;

use crate::demo;

#[test]
fn ruling_35_a_capture_says_that_it_holds_keys_and_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("demo.pcapng");
    let file = path.to_str().unwrap();

    let said = demo(&["--json", "--pcap", file]);
    assert_eq!(said.status, 0, "{}", said.err);
    serde_json::from_str::<serde_json::Value>(&said.out).unwrap();
    for word in [
        "holds keys in clear",
        "only you can read it",
        "wireshark -d tcp.port==",
        "8 TCP connections",
    ] {
        assert!(said.err.contains(word), "no {word:?} in {}", said.err);
    }
    assert!(!said.err.contains("CLIENT_RANDOM"));
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let octets = std::fs::read(&path).unwrap();
    assert!(octets.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]), "pcapng");

    let said = demo(&["--quiet", "--pcap", file]);
    assert_eq!((said.status, said.out.as_str()), (2, ""));
    assert!(
        said.err.contains("exists") && said.err.contains("--force"),
        "{}",
        said.err
    );
    assert_eq!(std::fs::read(&path).unwrap(), octets, "untouched");

    assert_eq!(demo(&["--quiet", "--force", "--pcap", file]).status, 0);
    assert_ne!(std::fs::read(&path).unwrap(), octets);
}

#[test]
fn a_capture_that_cannot_be_made_is_said_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("no-such-folder").join("demo.pcapng");
    let said = demo(&["--pcap", nowhere.to_str().unwrap()]);
    assert_eq!((said.status, said.out.as_str()), (2, ""));
    assert!(said.err.contains("--pcap: cannot make"), "{}", said.err);
    // --force would otherwise do nothing, unseen.
    assert_eq!(demo(&["--force"]).status, 2);
}
