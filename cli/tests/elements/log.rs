//! The log: as text or JSON, by what is chosen where, each event in its line, and nobody's name or key in it.

use std::{fs, io::Write as _, net::TcpStream, path::Path};

use serde_json::Value;

use crate::{Element, audit::Scene, folder, program, said};

/// Every line of a log, as JSON.
fn lines(text: &str) -> Vec<Value> {
    let object = |line: &str| -> Value {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line:?}: {e}"));
        for key in ["time", "level", "target", "message"] {
            assert!(value[key].is_string(), "{key}: {line}");
        }
        assert!(value["fields"].is_object(), "{line}");
        assert!(value["time"].as_str().unwrap().ends_with('Z'), "{line}");
        value
    };
    text.lines().map(object).collect()
}

#[test]
fn the_whole_story_at_trace_names_no_subscriber_and_no_key() {
    let mut scene = Scene::start();
    let btid = scene.play();
    let unknown = scene.ue(&["bootstrap", "--imsi", "001010000000001"]);
    assert_eq!(unknown.status, 1);
    let canaries = scene.canaries();
    for (name, element) in [
        ("hss", &mut scene.hss),
        ("bsf", &mut scene.bsf),
        ("naf", &mut scene.naf),
    ] {
        assert_eq!(element.end("TERM").code(), Some(0));
        let log = fs::read_to_string(scene.folder.path().join(format!("{name}.log"))).unwrap();
        assert!(!lines(&log).is_empty(), "{name}");
        assert_eq!(canaries.found_in(log.as_bytes()), Vec::<String>::new(), "{name}");
        for somebody in ["001010123456789", "001010000000001", &btid] {
            assert!(!log.contains(somebody), "{name}: {somebody}: {log}");
        }
    }
}

/// What an HSS logs that a stranger connects to, as it is started so.
fn logged(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> String {
    let log = folder.join("hss.log");
    let mut hss = program(folder);
    hss.args(["hss", "serve", "--listen", "127.0.0.1:0"])
        .args(arguments);
    hss.envs(environment.iter().copied())
        .stderr(fs::File::create(&log).unwrap());
    let mut hss = Element::start(&mut hss);
    let zh = hss.wait("hss: Zh on ");
    hss.wait("hss: ready");
    // Nothing that Diameter begins with: the connection ends, which is told at info.
    let mut stranger = TcpStream::connect(zh).unwrap();
    stranger.write_all(&[0xff; 20]).unwrap();
    let _ = std::io::Read::read(&mut stranger, &mut [0; 64]);
    drop(stranger);
    assert_eq!(hss.end("TERM").code(), Some(0));
    fs::read_to_string(log).unwrap()
}

#[test]
fn flags_stand_above_variables_above_the_file() {
    let folder = folder();
    let file = folder.path().join("gba.toml");
    let text = fs::read_to_string(&file).unwrap();
    let json = text.replace("format = \"text\"", "format = \"json\"");
    fs::write(
        &file,
        json.replace(
            "filter = \"error,net::diameter::server=warn,hss::hostapd=warn\"",
            "filter = \"info\"",
        ),
    )
    .unwrap();
    let of_file = logged(folder.path(), &[], &[]);
    let of_file = lines(&of_file);
    assert!(
        of_file
            .iter()
            .any(|line| line["target"] == "net::diameter::server"),
        "{of_file:?}"
    );

    let variables = [("GBA_LOG_FORMAT", "text"), ("GBA_LOG", "info")];
    let of_variables = logged(folder.path(), &variables, &[]);
    assert!(
        of_variables.contains("INFO net::diameter::server: "),
        "{of_variables}"
    );

    let of_flags = logged(
        folder.path(),
        &variables,
        &["--log-format", "json", "--log", "net::diameter::server=info"],
    );
    assert!(
        lines(&of_flags).iter().all(|line| line["level"] == "INFO"),
        "{of_flags}"
    );
    // By target.
    assert_eq!(logged(folder.path(), &variables, &["--log", "off,bsf=trace"]), "");

    for (arguments, says) in [
        (["--log-format", "xml"], "\"text\" or \"json\" expected"),
        (["--log", "hss=loud"], "levels by target"),
    ] {
        let wrong = said(program(folder.path()).args(["hss", "serve"]).args(arguments));
        assert!(wrong.status == 2 && wrong.err.contains(says), "{}", wrong.err);
    }
}

#[test]
fn as_json_it_is_json_to_the_last_line() {
    let folder = folder();
    let nobody = ["ue", "bootstrap", "--log-format", "json", "--bsf", "127.0.0.1:9"];
    let k = ["--k", "00112233445566778899aabbccddeeff"];
    let failed = said(program(folder.path()).args(nobody).args(k));
    let all = lines(&failed.err);
    assert_eq!((failed.status, all.len()), (2, 2), "{}", failed.err);
    assert_eq!(
        (&all[0]["level"], &all[1]["level"]),
        (&"WARN".into(), &"ERROR".into())
    );
    assert!(
        all[0]["message"]
            .as_str()
            .unwrap()
            .contains("--k: a key on the command line")
    );
    let ladder = said(program(folder.path()).args(nobody).arg("-v"));
    assert!(
        ladder.status == 2 && ladder.err.contains("leave one of them out"),
        "{}",
        ladder.err
    );
}
