//! Where values come from, and what is said of a wrong one.

use std::{fs, path::Path};

use crate::{Said, folder, program, said};

const K: &str = "8baf473f2f8fd09487cccbd7097c6862";
const OPC: &str = "8e27b6af0e692e750f32667a3b14605d";

fn check(text: &str) -> Said {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("h.toml"), text).unwrap();
    said(program(folder.path()).args(["config", "check", "h.toml"]))
}

fn show(folder: &Path, environment: &[(&str, &str)]) -> Said {
    let mut command = program(folder);
    said(
        command
            .args(["config", "show", "--json"])
            .envs(environment.iter().copied()),
    )
}

#[test]
fn the_example_is_good_and_its_values_are_the_defaults() {
    let folder = folder();
    let good = said(program(folder.path()).args(["config", "check", "gba.toml"]));
    assert_eq!(
        (good.status, good.out.as_str()),
        (0, "gba.toml: good for hss, bsf, naf, ue\n"),
        "{}",
        good.err
    );
    let of = |said: Said| -> serde_json::Map<String, serde_json::Value> {
        serde_json::from_str(&said.out).unwrap()
    };
    let (example, empty) = (of(show(folder.path(), &[])), tempfile::tempdir().unwrap());
    let defaults = of(show(empty.path(), &[]));
    for (name, value) in &defaults {
        if !value["value"].is_null() {
            assert_eq!(example[name]["value"], value["value"], "{name}");
            assert!(
                example[name]["origin"]
                    .as_str()
                    .unwrap()
                    .starts_with("gba.toml, line "),
                "{name}"
            );
        }
    }
    // Fresh keys each time: there is no default secret.
    let other = crate::folder();
    let read = |folder: &Path| fs::read_to_string(folder.join("gba.toml")).unwrap();
    assert_ne!(read(folder.path()), read(other.path()));
}

#[test]
fn file_under_environment_under_flags_and_each_says_where_it_is_from() {
    let folder = folder();
    let path = folder.path();
    let json = |said: Said| -> serde_json::Value { serde_json::from_str(&said.out).unwrap() };
    let shown = json(show(
        path,
        &[
            ("GBA_HSS_LISTEN", "127.0.0.1:1"),
            ("GBA_HSS_BSFS", "a.test,b.test"),
        ],
    ));
    assert_eq!(shown["hss.listen"]["origin"], "GBA_HSS_LISTEN");
    assert_eq!(shown["hss.bsfs"]["value"], "a.test,b.test");
    let text = said(program(path).args(["config", "show", "--origin"]));
    assert!(
        text.out.contains("gba.toml, line ") && text.out.contains("not set"),
        "{}",
        text.out
    );
    // Ruling 5: no key is shown, from whatever source.
    let keys = fs::read_to_string(path.join("gba.toml")).unwrap();
    let key = keys
        .lines()
        .find_map(|l| l.strip_prefix("k = \""))
        .unwrap()
        .trim_end_matches('"');
    assert!(
        !text.out.contains(key) && text.out.contains("(secret)"),
        "{}",
        text.out
    );
    // A flag stands above the variable: the port that is refused is the flag's.
    let mut hss = program(path);
    hss.env("GBA_HSS_LISTEN", "127.0.0.1:0")
        .args(["hss", "serve", "--listen", "192.0.2.1:1"]);
    let refused = said(&mut hss);
    assert_eq!(refused.status, 2);
    assert!(
        refused.err.contains("--listen: Diameter away from loopback"),
        "{}",
        refused.err
    );
    let other = said(
        program(path)
            .env("GBA_CONFIG", "nothere.toml")
            .args(["config", "show"]),
    );
    assert!(
        other.status == 2 && other.err.contains("nothere.toml"),
        "{}",
        other.err
    );
}

#[test]
fn a_wrong_file_is_told_by_line_column_key_and_what_was_expected() {
    let cases = [
        (
            "[hss]\nlistn = \"127.0.0.1:0\"\n",
            "line 2, column 1: hss.listn: not known here; did you mean `listen`?",
        ),
        (
            "[hs]\n",
            "line 1, column 2: hs: not known here; did you mean `hss`?",
        ),
        (
            "[hss]\nlisten_ub = \"127.0.0.1:0\"\n",
            "hss.listen_ub: not known here; did you mean `listen_ub` in [bsf]?",
        ),
        (
            "[naf]\nxyzzy = 1\n",
            "line 2, column 1: naf.xyzzy: not known here; known are listen, listen_tls",
        ),
        (
            "[hss]\nlisten = 3868\n",
            "line 2, column 10: hss.listen: a text in quotes, an address and port",
        ),
        (
            "[hss]\nlisten = \"127.0.0.1\"\n",
            "line 2, column 10: hss.listen: an address and port such as",
        ),
        (
            "[bsf]\nlifetime = -1\n",
            "line 2, column 12: bsf.lifetime: seconds, from 1 to",
        ),
        (
            "[hss]\nbsfs = 1\n",
            "line 2, column 8: hss.bsfs: a list in brackets",
        ),
        (
            "[hss]\nbsfs = [\"a b\"]\n",
            "line 2, column 8: hss.bsfs: each one a name such as",
        ),
        (
            "production = 1\n",
            "line 1, column 14: production: true or false expected, not integer",
        ),
        (
            "hss = 1\n",
            "line 1, column 1: hss: a table that begins with [hss] expected",
        ),
        (
            "[hss.tls]\nkay = \"k\"\n",
            "line 2, column 1: hss.tls.kay: not known here; did you mean `tls.key`?",
        ),
        (
            "[hss]\ntls = { ca = \"ca.pem\" }\n",
            "hss.tls.cert: missing: ca, cert and key belong together",
        ),
        (
            "[hss]\n",
            "hss.subscribers: there is no subscriber: name a file here, or write [[hss.subscriber]]",
        ),
        ("[hss]\nlisten = \n", "line 2, column 10: not TOML: "),
        (
            "[hss]\n[[hss.subscriber]]\nimsi = \"001010123456789\"\nmnc_length = 4\n",
            "line 4, column 14: hss.subscriber[1].mnc_length",
        ),
        ("[bsf]\n", "bsf.rights: no NAF may have a key"),
        (
            "[bsf]\n[[bsf.naf]]\nfqdn = 1\n",
            "line 3, column 1: unknown field `fqdn`",
        ),
        ("[bsf]\n[[bsf.naf]]\nservice = 1\n", "did you mean `services`?"),
        ("[ue]\n", "ue.k: missing: 32 hex digits"),
        (
            "[ue]\nimsi = \"12a\"\n",
            "line 2, column 8: ue.imsi: an IMSI of 6 to 15 digits expected",
        ),
        ("[ue]\nmode = \"x\"\n", "ue.mode: \"me\" or \"u\" expected"),
        (
            "[ue]\nhosts = [\"naf=\"]\n",
            "ue.hosts: each one NAME=ADDRESS expected",
        ),
    ];
    for (text, wanted) in cases {
        let said = check(text);
        assert_eq!(said.status, 2, "{text}");
        assert!(
            said.err.contains(wanted),
            "{text}\nwanted {wanted}\ngot {}",
            said.err
        );
        assert!(said.err.contains("h.toml"), "{}", said.err);
    }
    let several = "[bsf]\nhss = [\"127.0.0.1:1\", \"127.0.0.1:2\"]\n[[bsf.naf]]\norigin_hosts = [\"a\"]\nfqdns = [\"a\"]\nua = [\"010001*\"]\n";
    let said = check(several);
    assert!(
        said.err.contains("bsf.hss_host: 2 names expected"),
        "{}",
        said.err
    );
    // All mistakes at once, in the order of the file.
    let said = check("[hss]\nlistn = 1\n[bsf]\nnme = 2\n");
    assert!(
        said.err.find("hss.listn") < said.err.find("bsf.nme") && said.err.contains("hss.listn"),
        "{}",
        said.err
    );
}

#[test]
fn ruling_05_a_key_in_a_wrong_place_is_never_shown() {
    for text in [
        format!("[ue]\n{K} = 1\n"),
        format!("{K} = 1\n"),
        format!("[ue]\nk = {K}\n"),
        format!("[ue]\nk = \"{K}\n"),
        format!("[ue]\nk = \"{K}zz\"\nopc = \"{OPC}\"\n"),
        format!("[ue]\nk = [\"{K}\"]\n"),
        format!("[ue]\nimsi = \"{K}\"\n"),
        format!("[hss]\nlisten = \"{K}\"\n"),
        format!("[bsf]\n[[bsf.naf]]\nfqdns = [\"{K} \"]\n"),
    ] {
        let said = check(&text);
        assert_eq!(said.status, 2, "{text}");
        assert!(
            !said.err.contains(&K[..16]) && !said.out.contains(&K[..16]),
            "{text}: {}",
            said.err
        );
        assert!(
            said.err.contains("line ") || said.err.contains("ue.k"),
            "{}",
            said.err
        );
    }
}

#[test]
fn a_misspelt_variable_is_an_error_and_other_variables_of_ours_are_none() {
    let folder = folder();
    let said_ = show(folder.path(), &[("GBA_HSS_LISTN", "127.0.0.1:0")]);
    assert_eq!(said_.status, 2);
    assert!(
        said_
            .err
            .contains("GBA_HSS_LISTN: no such variable; did you mean `GBA_HSS_LISTEN`?"),
        "{}",
        said_.err
    );
    let said_ = show(folder.path(), &[("GBA_NAF_LISTEN", "somewhere")]);
    assert!(
        said_.err.contains("GBA_NAF_LISTEN: an address and port"),
        "{}",
        said_.err
    );
    assert_eq!(
        show(folder.path(), &[("GBA_LOG", "off"), ("GBA_PEERS", "off")]).status,
        0
    );
}

#[test]
fn ruling_05_production_refuses_bare_and_published_keys() {
    let ue = |k: &str| format!("production = true\n[ue]\nk = \"{k}\"\nopc = \"env:OPC\"\n");
    let bare = check(&ue("a0b1c2d3e4f5061728394a5b6c7d8e9f"));
    assert!(
        bare.status == 2
            && bare
                .err
                .contains("line 3, column 5: ue.k: a bare key isn't allowed"),
        "{}",
        bare.err
    );
    let text = format!(
        "production = true\n[hss]\n[[hss.subscriber]]\nimsi = \"001010123456789\"\nmnc_length = 2\nk = \"{K}\"\nopc = \"{OPC}\"\n"
    );
    let bare = check(&text);
    assert!(
        bare.err
            .contains("line 6, column 5: hss.subscriber[1].k: a bare key"),
        "{}",
        bare.err
    );

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("gba.toml"), ue("env:K")).unwrap();
    let run = |k: &str, arguments: &[&str]| {
        let mut command = program(folder.path());
        command
            .args(["ue", "bootstrap", "--bsf", "127.0.0.1:1"])
            .args(arguments);
        said(command.env("K", k).env("OPC", OPC))
    };
    let published = run(K, &[]);
    assert!(
        published.err.contains("printed in a specification"),
        "{}",
        published.err
    );
    // A key of one's own passes; then only the BSF is missing.
    let own = run("a0b1c2d3e4f5061728394a5b6c7d8e9f", &[]);
    assert!(
        own.status == 2 && own.err.contains("refused the connection"),
        "{}",
        own.err
    );
    let xor = run("a0b1c2d3e4f5061728394a5b6c7d8e9f", &["--algorithm", "xor"]);
    assert!(
        xor.err.contains("--algorithm: xor is for test cards"),
        "{}",
        xor.err
    );
    let flag = run(K, &["--k", "a0b1c2d3e4f5061728394a5b6c7d8e9f"]);
    assert!(flag.err.contains("--k: a bare key isn't allowed"), "{}", flag.err);
    let warned = said(program(tempfile::tempdir().unwrap().path()).args([
        "ue",
        "bootstrap",
        "--bsf",
        "127.0.0.1:1",
        "--k",
        K,
        "--opc",
        OPC,
    ]));
    assert!(warned.err.contains("seen by others"), "{}", warned.err);
}

#[test]
fn ruling_21_diameter_stays_on_loopback_and_production_has_no_way_around() {
    let folder = folder();
    let run = |arguments: &[&str]| said(program(folder.path()).args(arguments));
    for arguments in [
        ["hss", "serve", "--listen", "0.0.0.0:0"],
        ["bsf", "serve", "--listen-zn", "0.0.0.0:0"],
        ["bsf", "serve", "--hss", "192.0.2.1:3868"],
        ["naf", "serve", "--bsf", "[2001:db8::1]:3868"],
    ] {
        let said = run(&arguments);
        assert!(
            said.status == 2 && said.err.contains("would carry keys in clear"),
            "{arguments:?}: {}",
            said.err
        );
    }
    let insecure = run(&["hss", "serve", "--insecure-diameter", "--listen", "192.0.2.1:1"]);
    assert!(
        insecure.err.contains("cannot listen on 192.0.2.1:1"),
        "{}",
        insecure.err
    );
    let text = "production = true\n[naf]\ninsecure_diameter = true\n";
    let refused = check(text);
    assert!(
        refused
            .err
            .contains("line 3, column 21: naf.insecure_diameter: a laboratory mode"),
        "{}",
        refused.err
    );
}

#[test]
fn in_production_a_lost_file_of_sequence_numbers_is_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let text = "production = true\n[hss]\nlisten = \"127.0.0.1:0\"\n[[hss.subscriber]]\nimsi = \"001010123456789\"\n\
                mnc_length = 2\nk = \"env:K\"\nopc = \"env:OPC\"\n";
    fs::write(folder.path().join("gba.toml"), text).unwrap();
    let mut command = program(folder.path());
    command
        .env("K", "a0b1c2d3e4f5061728394a5b6c7d8e9f")
        .env("OPC", OPC)
        .args(["hss", "serve"]);
    let lost = said(&mut command);
    assert!(
        lost.status == 2 && lost.err.contains("hss.sqn doesn't exist. Was it lost?"),
        "{}",
        lost.err
    );
    let mut hss = crate::Element::start(command.arg("--new-sqn-file"));
    hss.wait("hss: ready");
    assert_eq!(hss.end("TERM").code(), Some(0));
}
