//! What the program says of itself and of a wrong file.

use crate::{Element, folder, program, said};

#[test]
fn the_example_that_is_printed_is_taken_at_every_reference_point() {
    let folder = folder();
    let example = said(&mut program(folder.path(), &["tap", "example"]));
    assert_eq!((example.status, example.err.as_str()), (0, ""));
    std::fs::write(folder.path().join("rules.toml"), example.out).unwrap();
    for (interface, name, count) in [("ub", "Ub", 2), ("zh", "Zh", 3), ("zn", "Zn", 2), ("ua", "Ua", 3)] {
        let arguments = [
            "tap",
            interface,
            "127.0.0.1:0",
            "127.0.0.1:1",
            "--rule",
            "rules.toml",
        ];
        let tap = Element::start(&mut program(folder.path(), &arguments));
        let lines = tap.stop_when("to 127.0.0.1:1");
        assert!(
            lines.contains(&format!(
                "tap {name}: to 127.0.0.1:1, {count} rules; Ctrl-C stops"
            )),
            "{lines:#?}"
        );
        // The table at the end, and each rule.
        assert!(lines.iter().any(|line| line.contains("replayed")), "{lines:#?}");
        assert_eq!(
            lines.iter().filter(|line| line.starts_with("rule ")).count(),
            count
        );
    }
}

#[test]
fn a_wrong_file_is_answered_with_place_key_and_what_was_meant() {
    let folder = folder();
    for (text, place, words) in [
        (
            "[[rule]]\naction = \"drop\"\nmatch = { avp = { \"Result-Cod\" = 1 } }\n",
            "rules.toml, line 3, column 19",
            "did you mean `Result-Code`?",
        ),
        (
            "[[rule]]\naction = \"dellay\"\n",
            "rules.toml, line 2, column 10",
            "did you mean `delay`?",
        ),
        (
            "[[rul]]\naction = \"drop\"\n",
            "rules.toml, line 1, column 3",
            "did you mean `rule`?",
        ),
        ("[[rule]\n", "rules.toml, line 1", "not TOML"),
    ] {
        std::fs::write(folder.path().join("rules.toml"), text).unwrap();
        let arguments = ["tap", "zh", "127.0.0.1:0", "127.0.0.1:1", "--rule", "rules.toml"];
        let refused = said(&mut program(folder.path(), &arguments));
        assert_eq!((refused.status, refused.out.as_str()), (2, ""), "{}", refused.err);
        assert!(
            refused.err.contains(place) && refused.err.contains(words),
            "{text}\n{}",
            refused.err
        );
    }
    let missing = said(&mut program(
        folder.path(),
        &["tap", "zh", "127.0.0.1:0", "127.0.0.1:1", "--rule", "none.toml"],
    ));
    assert_eq!(missing.status, 2);
    assert!(missing.err.contains("none.toml"), "{}", missing.err);
}

#[test]
fn a_target_that_is_down_is_told_and_the_tap_goes_on() {
    let folder = folder();
    // A port that nobody has.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let mut tap = Element::start(&mut program(folder.path(), &["tap", "ub", "127.0.0.1:0", &free]));
    let at = tap.wait("tap Ub: listening on ");
    for _ in 0..2 {
        let refused = said(&mut program(folder.path(), &["ue", "bootstrap", "--bsf", &at]));
        assert_eq!(refused.status, 2, "{}", refused.err);
    }
    let lines = tap.stop();
    assert!(
        lines
            .iter()
            .filter(|line| line.contains(&free) && line.contains("connection "))
            .count()
            >= 2,
        "{lines:#?}"
    );
}
