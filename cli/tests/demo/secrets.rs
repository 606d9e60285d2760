//! `gba demo` at trace level with canary keys: without `--show-secrets` no key is on either output, and with it only
//! the three that it is for.

use crate::{demo_of_set_1, program, repeatable, said};

/// K, OPc, and what TS 35.208 test set 1 publishes for them: RES, CK, IK; then Ks and the RES of GBA_U.
const SECRETS: [(&str, &str); 7] = [
    ("K", "465b5ce8b199b49faa5f0a2ee238a6bc"),
    ("OPc", "cd63cb71954a9f4e48a5994e37a02baf"),
    ("RES", "a54211d5e3ba50bf"),
    ("RES of GBA_U", "a54211d5e3ba50be"),
    ("CK", "b40ba9a3c58b2a05bbf0d987b21bf8cb"),
    ("IK", "f769bcd751044604127672711c6d3441"),
    (
        "Ks",
        "b40ba9a3c58b2a05bbf0d987b21bf8cbf769bcd751044604127672711c6d3441",
    ),
];

/// The ways in which a key gets into a text: hex of either case with or without separators, base64, a list of numbers.
fn finds(text: &str, key: &str) -> bool {
    use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
    let octets: Vec<u8> = (0..key.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&key[at..at + 2], 16).unwrap())
        .collect();
    let list = |octet: &u8| octet.to_string();
    let list = octets.iter().map(list).collect::<Vec<_>>().join(", ");
    let lower = text.to_ascii_lowercase();
    let joined: String = lower.chars().filter(|c| !matches!(c, ' ' | ':' | '-')).collect();
    joined.contains(key) || text.contains(&BASE64_STANDARD_NO_PAD.encode(&octets)) || text.contains(&list)
}

#[test]
fn the_search_finds_what_is_there() {
    for text in [
        "log: 465b5ce8b199b49faa5f0a2ee238a6bc",
        "465B5CE8B199B49FAA5F0A2EE238A6BC",
        "46:5b:5c:e8:b1:99:b4:9f:aa:5f:0a:2e:e2:38:a6:bc",
        "Rltc6LGZtJ+qXwou4jimvA==",
        "[70, 91, 92, 232, 177, 153, 180, 159, 170, 95, 10, 46, 226, 56, 166, 188]",
    ] {
        assert!(finds(text, SECRETS[0].1), "{text}");
    }
    assert!(!finds("465b5ce8b199b49faa5f0a2ee238a6bd", SECRETS[0].1));
}

#[test]
fn at_trace_level_no_key_is_shown() {
    for mode in ["me", "u"] {
        let secrets = demo_of_set_1(mode, &["--json", "--show-secrets"]);
        let whole: serde_json::Value = serde_json::from_str(&secrets.out).unwrap();
        let shown = ["root_key", "session_key", "service_key"]
            .map(|name| whole[name]["device"].as_str().unwrap().to_owned());
        for key in &shown {
            assert!(finds(&secrets.out, key), "the search can't find what is printed");
        }
        for (name, key) in SECRETS {
            assert!(!finds(&secrets.out, key), "--show-secrets shows {name} too");
        }

        for form in [&["--json"][..], &[], &["--quiet"]] {
            let mut command = program();
            // The keys come by the environment, so that the command line itself isn't what is found.
            command.env("GBA_LOG", "trace");
            command
                .env("CANARY_K", SECRETS[0].1)
                .env("CANARY_OPC", SECRETS[1].1);
            let options = repeatable(mode, form).into_iter().map(|option| match option {
                crate::K => "env:CANARY_K",
                crate::OPC => "env:CANARY_OPC",
                other => other,
            });
            let said = said(command.arg("demo").args(options));
            assert_eq!(said.status, 0, "{}", said.err);
            assert!(
                said.err.contains("TRACE") || said.err.contains("DEBUG"),
                "{}",
                said.err
            );
            let hidden = SECRETS.map(|(name, key)| (name, key.to_owned()));
            let derived = shown.clone().map(|key| ("Ks_NAF", key));
            for (name, key) in hidden.iter().chain(&derived) {
                assert!(!finds(&said.out, key), "{mode} {form:?}: {name} in {}", said.out);
                assert!(
                    !finds(&said.err, key),
                    "{mode} {form:?}: {name} in the log: {}",
                    said.err
                );
            }
        }
    }
}
