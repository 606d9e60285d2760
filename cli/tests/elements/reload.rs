//! SIGHUP: subscribers, rights and peers taken by an element that runs; a wrong file changes nothing.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

use crate::{
    Element, LIMIT, Said, folder,
    kill::{client, request},
    ops::{get, value},
    program, said,
};

const FREE: &str = "127.0.0.1:0";
const SECOND: &str = "001010123456780";

/// An element whose standard error goes where its standard output goes, so that lines of both can be waited for.
fn serve(folder: &Path, element: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Element {
    let gba = program(folder);
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec \"$0\" \"$@\" 2>&1"])
        .arg(gba.get_program());
    for (name, value) in gba.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
        .current_dir(folder)
        .args([element, "serve"])
        .args(arguments);
    command.envs(environment.iter().copied());
    Element::start(&mut command)
}

fn hss(folder: &Path, arguments: &[&str]) -> (Element, String) {
    let mut hss = serve(folder, "hss", arguments, &[("GBA_HSS_LISTEN", FREE)]);
    let zh = hss.wait("hss: Zh on ");
    hss.wait("hss: ready");
    (hss, zh)
}

fn bsf(folder: &Path, arguments: &[&str]) -> (Element, String, String) {
    let listen = [("GBA_BSF_LISTEN_UB", FREE), ("GBA_BSF_LISTEN_ZN", FREE)];
    let mut bsf = serve(
        folder,
        "bsf",
        &[&["--vectors-per-minute", "0"], arguments].concat(),
        &listen,
    );
    let (ub, zn) = (bsf.wait("bsf: Ub on "), bsf.wait("bsf: Zn on "));
    bsf.wait("bsf: Zh to ");
    (bsf, ub, zn)
}

fn naf(folder: &Path, arguments: &[&str]) -> (Element, String, String) {
    let listen = [
        ("GBA_NAF_LISTEN", FREE),
        ("GBA_NAF_LISTEN_TLS", FREE),
        ("GBA_NAF_OPS_LISTEN", FREE),
    ];
    let mut naf = serve(folder, "naf", arguments, &listen);
    let ops = naf.wait("naf: /livez, /readyz and /metrics on ");
    let digest = naf.wait("naf: HTTP digest on ");
    naf.wait("naf: ready");
    (naf, digest, ops)
}

fn ue(folder: &Path, ub: &str, imsi: &str, arguments: &[&str]) -> Said {
    let mut command = program(folder);
    command.arg("ue").args(arguments);
    said(command.env("GBA_UE_BSF", ub).env("GBA_UE_IMSI", imsi))
}

fn file(folder: &Path) -> String {
    fs::read_to_string(folder.join("gba.toml")).unwrap()
}

fn write(folder: &Path, text: &str) {
    fs::write(folder.join("gba.toml"), text).unwrap();
}

/// The file with what stands there in another way.
fn with(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replace(from, to)
}

/// The example with a second subscriber, who has the same keys.
fn with_second(text: &str) -> String {
    let key = |name: &str| {
        text.lines()
            .find(|l| l.starts_with(&format!("{name} = ")))
            .unwrap()
    };
    let second = format!(
        "[[hss.subscriber]]\nimsi = \"{SECOND}\"\nmnc_length = 2\n{}\n{}\n\n[bsf]",
        key("k"),
        key("opc")
    );
    with(text, "\n[bsf]", &format!("\n{second}"))
}

/// The line of what came of it.
fn reload(element: &mut Element, begin: &str) -> String {
    element.signal("HUP");
    element.wait(begin);
    element.seen.last().unwrap().clone()
}

#[test]
fn a_subscriber_is_taken_and_removed_without_a_restart() {
    let folder = folder();
    let folder = folder.path();
    let (mut hss, zh) = hss(folder, &[]);
    let (mut bsf, ub, _) = bsf(folder, &["--hss", &zh]);
    let first = "001010123456789";
    let bootstrap = |imsi| ue(folder, &ub, imsi, &["bootstrap"]).status;
    assert_eq!((bootstrap(first), bootstrap(SECOND)), (0, 1));

    let one = file(folder);
    let two = with_second(&one);
    write(folder, &two);
    let line = reload(&mut hss, "hss: reloaded");
    assert!(
        line.contains("subscribers: 1 added, 0 changed, 0 removed"),
        "{line}"
    );
    assert!(
        line.contains("BSFs and relays: 0 added, 0 changed, 0 removed"),
        "{line}"
    );
    assert_eq!((bootstrap(first), bootstrap(SECOND)), (0, 0));

    // A wrong key: its place is told, nothing of it is shown, and what was there stays.
    let wrong = with(
        &two,
        &format!("imsi = \"{SECOND}\""),
        &format!("imsi = \"{SECOND}\"\nsqm = \"5e\""),
    );
    write(folder, &wrong);
    let line = reload(&mut hss, "gba: hss: not reloaded");
    let at = wrong.lines().position(|l| l.starts_with("sqm")).unwrap() + 1;
    for part in [
        "the old settings stay",
        &format!("gba.toml, line {at}, column 1: hss.subscriber[2]."),
        "not known here",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    assert!(!line.contains("5e"), "{line}");
    assert_eq!((bootstrap(first), bootstrap(SECOND)), (0, 0));
    // So does a file that isn't there.
    fs::remove_file(folder.join("gba.toml")).unwrap();
    let line = reload(&mut hss, "gba: hss: not reloaded");
    assert!(line.contains("cannot read gba.toml"), "{line}");
    write(folder, &two);
    assert_eq!((bootstrap(first), bootstrap(SECOND)), (0, 0));

    // The device has its keys from the file, so only the HSS sees the one without it.
    write(folder, &one);
    let line = reload(&mut hss, "hss: reloaded");
    assert!(
        line.contains("subscribers: 0 added, 0 changed, 1 removed"),
        "{line}"
    );
    assert_eq!((bootstrap(first), bootstrap(SECOND)), (0, 1));

    // A BSF that isn't one any more loses its connection, and comes back when it is one again.
    let other = with(&one, "bsfs = [\"bsf.", "bsfs = [\"another-bsf.");
    write(folder, &other);
    let line = reload(&mut hss, "hss: reloaded");
    assert!(
        line.contains("BSFs and relays: 1 added, 0 changed, 1 removed"),
        "{line}"
    );
    assert_ne!(bootstrap(first), 0);
    write(folder, &one);
    reload(&mut hss, "hss: reloaded");
    let begun = Instant::now();
    while bootstrap(first) != 0 {
        assert!(begun.elapsed() < LIMIT, "the BSF never came back");
    }
    assert_eq!(bsf.end("TERM").code(), Some(0));
    assert_eq!(hss.end("TERM").code(), Some(0));
}

#[test]
fn a_subscribers_file_is_read_again_and_what_needs_a_restart_is_named() {
    let folder = folder();
    let folder = folder.path();
    let example = file(folder);
    let (start, rest) = example.split_once("\n[[hss.subscriber]]").unwrap();
    let (subscriber, rest) = rest.split_once("\n[bsf]").unwrap();
    let subscriber = format!("[[subscriber]]{subscriber}\n");
    fs::write(folder.join("subscribers.toml"), &subscriber).unwrap();
    let text = format!("{start}\n[bsf]{rest}");
    let text = with(&text, "# subscribers = ", "subscribers = ");
    write(folder, &text);
    let (mut hss, zh) = hss(folder, &[]);
    let (mut bsf, ub, _) = bsf(folder, &["--hss", &zh]);
    let bootstrap = |imsi| ue(folder, &ub, imsi, &["bootstrap"]).status;
    assert_eq!((bootstrap("001010123456789"), bootstrap(SECOND)), (0, 1));

    let second = with(&subscriber, "001010123456789", SECOND);
    fs::write(folder.join("subscribers.toml"), format!("{subscriber}\n{second}")).unwrap();
    let moved = with(&text, "sqn_file = \"hss.sqn\"", "sqn_file = \"elsewhere.sqn\"");
    write(folder, &with(&moved, "production = false", "production = true"));
    let line = reload(&mut hss, "hss: reloaded");
    assert!(line.contains("subscribers: 1 added"), "{line}");
    assert!(
        line.ends_with("; needs a restart: production, hss.sqn_file"),
        "{line}"
    );
    assert!(!folder.join("elsewhere.sqn").exists());
    // The device reads the file too.
    write(folder, &text);
    assert_eq!((bootstrap("001010123456789"), bootstrap(SECOND)), (0, 0));

    fs::write(
        folder.join("subscribers.toml"),
        format!("{subscriber}\n[[subscriber]]\n"),
    )
    .unwrap();
    let line = reload(&mut hss, "gba: hss: not reloaded");
    assert!(
        line.contains("subscribers.toml: line ") && line.contains("subscriber[2]"),
        "{line}"
    );
    assert_eq!(bootstrap(SECOND), 0);
    assert_eq!(bsf.end("TERM").code(), Some(0));
    assert_eq!(hss.end("TERM").code(), Some(0));
}

#[test]
fn rights_of_a_naf_are_taken_at_its_next_request_and_its_connection_stays_while_it_is_one() {
    let folder = folder();
    let folder = folder.path();
    let (mut hss, zh) = hss(folder, &[]);
    let (mut bsf, ub, zn) = bsf(folder, &["-v", "--hss", &zh]);
    let (mut naf, digest, ops) = naf(folder, &["--bsf", &zn]);
    naf.wait("naf: Zn to ");
    let url = format!("http://naf.m2m.example:{}/", digest.rsplit(':').next().unwrap());
    let page = || ue(folder, &ub, "001010123456789", &["get", &url]);
    let shown = page();
    assert_eq!(shown.status, 0, "{}", shown.err);
    assert!(!shown.out.contains("IMPI"), "{}", shown.out);

    let text = file(folder);
    write(folder, &with(&text, "impi = false ", "impi = true "));
    let line = reload(&mut bsf, "bsf: reloaded");
    assert!(line.contains("NAFs: 0 added, 1 changed, 0 removed"), "{line}");
    assert!(line.contains("HSS: 0 added, 0 changed, 0 removed"), "{line}");
    let shown = page();
    assert!(shown.out.contains("IMPI     001010123456789@"), "{}", shown.out);

    // Another name: the NAF stays connected and gets 5402.
    write(
        folder,
        &with(
            &text,
            "fqdns = [\"naf.m2m.example\"]",
            "fqdns = [\"other.m2m.example\"]",
        ),
    );
    reload(&mut bsf, "bsf: reloaded");
    assert_eq!(page().status, 1);
    while !bsf.seen.last().unwrap().contains("BIA 5402") {
        bsf.wait("");
    }
    let (_, metrics) = get(&ops, "/metrics");
    assert!(
        metrics
            .lines()
            .any(|l| l.starts_with("gba_peer_up{") && l.ends_with("} 1")),
        "{metrics}"
    );

    // No NAF any more: its connection ends.
    write(
        folder,
        &with(&text, "origin_hosts = [\"naf.", "origin_hosts = [\"other."),
    );
    let line = reload(&mut bsf, "bsf: reloaded");
    assert!(line.contains("NAFs: 1 added, 0 changed, 1 removed"), "{line}");
    let begun = Instant::now();
    while !get(&ops, "/readyz").0.contains(" 503 ") {
        assert!(begun.elapsed() < LIMIT, "still connected");
        thread::yield_now();
    }
    write(folder, &text);
    reload(&mut bsf, "bsf: reloaded");
    let begun = Instant::now();
    while page().status != 0 {
        assert!(begun.elapsed() < LIMIT, "it never came back");
    }
    for element in [&mut naf, &mut bsf, &mut hss] {
        assert_eq!(element.end("TERM").code(), Some(0));
    }
}

#[test]
fn a_naf_takes_another_bsf_and_counts_its_reloads() {
    let folder = folder();
    let folder = folder.path();
    let (mut hss, zh) = hss(folder, &[]);
    let (mut bsf, ub, zn) = bsf(folder, &["--hss", &zh]);
    // Nobody is there: a port that was free a moment ago.
    let nobody = std::net::TcpListener::bind(FREE)
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let text = file(folder);
    let at = |bsf: &str| with(&text, "bsf = \"127.0.0.1:13869\"", &format!("bsf = \"{bsf}\""));
    write(folder, &at(&nobody));
    let (mut naf, digest, ops) = naf(folder, &[]);
    let url = format!("http://naf.m2m.example:{}/", digest.rsplit(':').next().unwrap());
    let page = || ue(folder, &ub, "001010123456789", &["get", &url]).status;
    assert_ne!(page(), 0);
    let metric = |name: &str| value(&get(&ops, "/metrics").1, name);
    let before = metric("gba_last_reload_success_timestamp_seconds");
    assert_eq!(metric("gba_reloads_total{result=\"done\"}"), 0);

    write(folder, &at(&zn));
    let line = reload(&mut naf, "naf: reloaded");
    assert!(line.ends_with("BSF: 1 added, 0 changed, 1 removed"), "{line}");
    assert_eq!(page(), 0);
    let (_, metrics) = get(&ops, "/metrics");
    let peers: Vec<_> = metrics
        .lines()
        .filter(|l| l.starts_with("gba_peer_up{"))
        .collect();
    assert!(peers.len() == 1 && peers[0].ends_with("} 1"), "{metrics}");

    write(folder, &at("nowhere"));
    let line = reload(&mut naf, "gba: naf: not reloaded");
    assert!(line.contains("naf.bsf: a host and port such as"), "{line}");
    // The device reads the file too.
    write(folder, &text);
    assert_eq!(page(), 0);
    assert_eq!(metric("gba_reloads_total{result=\"done\"}"), 1);
    assert_eq!(metric("gba_reloads_total{result=\"refused\"}"), 1);
    assert!(metric("gba_last_reload_success_timestamp_seconds") >= before);
    for element in [&mut naf, &mut bsf, &mut hss] {
        assert_eq!(element.end("TERM").code(), Some(0));
    }
}

/// Eight ask an HSS without end while its subscribers change: every one has its vector.
#[test]
fn no_request_fails_while_an_hss_reloads() {
    let folder = folder();
    let folder = folder.path();
    let (mut hss, zh) = hss(folder, &[]);
    let one = file(folder);
    let two = with_second(&one);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let client = runtime.block_on(async { client(&zh) });
    let stop = Arc::new(AtomicBool::new(false));
    let asking: Vec<_> = (0..8)
        .map(|n| {
            let (client, stop) = (client.clone(), Arc::clone(&stop));
            let ids = diameter::SessionIds::new("bsf.mnc001.mcc001.pub.3gppnetwork.org".parse().unwrap(), n);
            runtime.spawn(async move {
                let mut count = 0_u32;
                while !stop.load(Ordering::Relaxed) {
                    let answer = client.request(request(&ids)).await.unwrap();
                    assert_eq!(answer.result(), Ok(diameter::ResultCode::SUCCESS));
                    count += 1;
                }
                count
            })
        })
        .collect();
    for turn in 0..30 {
        write(folder, if turn % 2 == 0 { &two } else { &one });
        let line = reload(&mut hss, "hss: reloaded");
        assert!(
            line.contains(if turn % 2 == 0 { "1 added" } else { "1 removed" }),
            "{line}"
        );
    }
    stop.store(true, Ordering::Relaxed);
    for task in asking {
        assert!(runtime.block_on(task).unwrap() > 0);
    }
    runtime.block_on(client.close());
    assert_eq!(hss.end("TERM").code(), Some(0));
}

/// Devices bootstrap without end while their BSF goes from one HSS to another and back.
#[test]
fn no_bootstrapping_fails_while_a_bsf_changes_its_hss() {
    let folder = folder();
    let folder = folder.path();
    let (one, two) = (
        "one.mnc001.mcc001.3gppnetwork.org",
        "two.mnc001.mcc001.3gppnetwork.org",
    );
    write(folder, &with_second(&file(folder)));
    // An IND each, so that a device that asks again doesn't refuse the number of the other one.
    let own = |host, file, ind| ["--origin-host", host, "--sqn-file", file, "--sqn-ind", ind];
    let (mut first, at_one) = hss(folder, &own(one, "one.sqn", "28"));
    let (mut second, at_two) = hss(folder, &own(two, "two.sqn", "31"));
    let text = file(folder);
    let to = |at: &str, host: &str| {
        let text = with(&text, "hss = [\"127.0.0.1:13868\"]", &format!("hss = [\"{at}\"]"));
        with(
            &text,
            "hss_host = [\"hss.mnc001.mcc001.3gppnetwork.org\"]",
            &format!("hss_host = [\"{host}\"]"),
        )
    };
    write(folder, &to(&at_one, one));
    let (mut bsf, ub, _) = bsf(folder, &[]);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop = &stop;
        let ub = ub.as_str();
        let asking: Vec<_> = ["001010123456789", SECOND]
            .into_iter()
            .map(|imsi| {
                scope.spawn(move || {
                    let mut count = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let said = ue(folder, ub, imsi, &["bootstrap"]);
                        assert_eq!(said.status, 0, "{}", said.err);
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        for turn in 0..8 {
            let text = if turn % 2 == 0 {
                to(&at_two, two)
            } else {
                to(&at_one, one)
            };
            // Whole at any time, since devices read it too.
            fs::write(folder.join("next.toml"), text).unwrap();
            fs::rename(folder.join("next.toml"), folder.join("gba.toml")).unwrap();
            let line = reload(&mut bsf, "bsf: reloaded");
            assert!(line.ends_with("HSS: 1 added, 0 changed, 1 removed"), "{line}");
        }
        stop.store(true, Ordering::Relaxed);
        for task in asking {
            assert!(task.join().unwrap() > 0);
        }
    });
    for element in [&mut bsf, &mut first, &mut second] {
        assert_eq!(element.end("TERM").code(), Some(0));
    }
}

/// What a closed terminal sends is a SIGHUP too, and nobody is left to stop what runs there.
#[test]
fn an_element_ends_with_its_terminal() {
    let folder = folder();
    let folder = folder.path();
    let serve = format!(
        "exec {} hss serve --listen {FREE} >{}",
        env!("CARGO_BIN_EXE_gba"),
        folder.join("out").display()
    );
    // Gives it a terminal; killed, it closes that.
    let mut script = Command::new("script");
    script.args(["-qfc", &serve, "/dev/null"]).current_dir(folder);
    let mut terminal = match script
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
    {
        Ok(terminal) => terminal,
        Err(_) if std::env::var_os("CI").is_none() => {
            eprintln!("skipped: needs script (bsdutils)");
            return;
        }
        Err(e) => panic!("script (bsdutils): {e}"),
    };
    let wait = |line: &str| {
        let begun = Instant::now();
        while !fs::read_to_string(folder.join("out"))
            .unwrap_or_default()
            .contains(line)
        {
            assert!(begun.elapsed() < LIMIT, "{line}");
            thread::yield_now();
        }
    };
    wait("hss: ready");
    terminal.kill().unwrap();
    terminal.wait().unwrap();
    wait("hss: stopping");
}
