//! Bad input to elements as processes, each a row of docs/bad-input.md or a ruling: what they refuse to start with, and
//! sockets that say nothing or hardly anything.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use crate::{Element, LIMIT, Said, folder, program, said};

const ZEROS: &str = "00000000000000000000000000000000";
/// Random, and nowhere else.
const KEY: &str = "5d1e8a0b7c43f29669aa21c0de04b7f3";

fn write(folder: &Path, name: &str, text: &str, mode: u32) {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Starts an element with this configuration, which it must refuse; nothing may listen before.
fn refused(element: &str, text: &str, files: &[(&str, &str, u32)]) -> Said {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "gba.toml", text, 0o600);
    for (name, text, mode) in files {
        write(folder.path(), name, text, *mode);
    }
    let said = said(program(folder.path()).args([element, "serve"]));
    assert_eq!(said.status, 2, "{element} with\n{text}\n{}{}", said.out, said.err);
    assert!(
        !said.out.contains(" on 127.") && !said.out.contains("ready"),
        "{}",
        said.out
    );
    said
}

fn subscriber(k: &str) -> String {
    format!(
        "production = true\n[hss]\nsqn_file = \"new.sqn\"\n[[hss.subscriber]]\nimsi = \"001010123456789\"\n\
         mnc_length = 2\nk = \"{k}\"\nopc = \"@opc.hex\"\n"
    )
}

/// A key of the kind that nobody changed, one that every user of the host can read, and one in the file itself.
#[test]
fn row_50_an_element_does_not_start_with_a_placeholder_or_an_open_key_and_names_the_line() {
    let opc = ("opc.hex", KEY, 0o600);
    for placeholder in [
        ZEROS,
        "ffffffffffffffffffffffffffffffff",
        "465b5ce8b199b49faa5f0a2ee238a6bc",
    ] {
        let said = refused(
            "hss",
            &subscriber("@k.hex"),
            &[opc, ("k.hex", placeholder, 0o600)],
        );
        for words in [
            "gba.toml, line 7",
            "hss.subscriber[1].k",
            "printed in a specification",
        ] {
            assert!(said.err.contains(words), "{words}: {}", said.err);
        }
    }
    let said = refused("hss", &subscriber("@k.hex"), &[opc, ("k.hex", KEY, 0o644)]);
    for words in [
        "gba.toml, line 7",
        "hss.subscriber[1].k",
        "k.hex can be read by other users: chmod 600",
    ] {
        assert!(said.err.contains(words), "{words}: {}", said.err);
    }
    let said = refused("hss", &subscriber(KEY), &[opc]);
    assert!(
        said.err.contains("gba.toml, line 7") && said.err.contains("a bare key"),
        "{}",
        said.err
    );
    assert!(!said.err.contains(KEY), "{}", said.err);
    // What is no key is none in the laboratory either.
    let said = refused("hss", &subscriber("changeme").replace("true", "false"), &[opc]);
    assert!(said.err.contains("gba.toml, line 7"), "{}", said.err);
}

/// Each element, at each address where Diameter would carry keys in clear, in production and in the laboratory.
#[test]
fn row_50_no_element_serves_or_calls_an_open_address_without_tls_and_names_the_line() {
    let naf = "[[bsf.naf]]\norigin_hosts = [\"naf.m2m.example\"]\nfqdns = [\"naf.m2m.example\"]\nua = [\"0100000002\"]\n";
    let sim = format!(
        "[[hss.subscriber]]\nimsi = \"001010123456789\"\nmnc_length = 2\nk = \"{KEY}\"\nopc = \"{KEY}\"\n"
    );
    for (element, key, value, rest) in [
        ("hss", "listen", "0.0.0.0:0", sim.as_str()),
        ("hss", "listen", "[::]:0", sim.as_str()),
        ("bsf", "listen_zn", "0.0.0.0:0", naf),
        ("bsf", "hss", "192.0.2.1:3868", naf),
        ("naf", "bsf", "192.0.2.1:3868", ""),
    ] {
        let value = if key == "hss" {
            format!("[\"{value}\"]")
        } else {
            format!("\"{value}\"")
        };
        let text = format!("[{element}]\n{key} = {value}\n{rest}");
        let said = refused(element, &text, &[]);
        for words in ["gba.toml, line 2", &format!("{element}.{key}"), "in clear"] {
            assert!(said.err.contains(words), "{words}: {}", said.err);
        }
        let text =
            format!("production = true\n[{element}]\ninsecure_diameter = true\n{key} = {value}\n{rest}");
        let said = refused(element, &text, &[]);
        for words in [
            "gba.toml, line 3",
            "insecure_diameter",
            "not allowed with production = true",
        ] {
            assert!(said.err.contains(words), "{words}: {}", said.err);
        }
    }
}

/// The private key of a certificate that others can read.
#[test]
fn row_50_no_element_starts_in_production_with_a_private_key_that_others_can_read() {
    let folder = tempfile::tempdir().unwrap();
    let name = "node.m2m.example";
    let made = said(program(folder.path()).args(["pki", "init", name]));
    assert_eq!(made.status, 0, "{}{}", made.out, made.err);
    let pki = |ending: &str| folder.path().join("pki").join(format!("{name}.{ending}"));
    fs::set_permissions(pki("key"), fs::Permissions::from_mode(0o644)).unwrap();
    for element in ["hss", "bsf", "naf"] {
        let (ca, cert, key) = (folder.path().join("pki").join("ca.pem"), pki("pem"), pki("key"));
        let text = format!(
            "production = true\n[{element}.tls]\nca = \"{}\"\ncert = \"{}\"\nkey = \"{}\"\n",
            ca.display(),
            cert.display(),
            key.display()
        );
        let said = refused(element, &text, &[]);
        for words in [
            "gba.toml, line 5",
            &format!("{element}.tls.key"),
            "can be read by other users: chmod 600",
        ] {
            assert!(said.err.contains(words), "{words}: {}", said.err);
        }
    }
}

/// A socket, and what it says once and then in pieces.
async fn silent(to: SocketAddr, begin: &'static [u8], piece: Option<u8>) -> (Duration, SocketAddr) {
    let began = Instant::now();
    let socket = TcpStream::connect(to).await.unwrap();
    let (mut reader, mut writer) = socket.into_split();
    let drip = async {
        let mut open = writer.write_all(begin).await.is_ok();
        while let (true, Some(octet)) = (open, piece) {
            sleep(Duration::from_millis(100)).await;
            open = writer.write_all(&[octet]).await.is_ok();
        }
        std::future::pending::<()>().await;
    };
    let end = async {
        let mut rest = Vec::new();
        // Closed or reset: both are an end.
        let _ = reader.read_to_end(&mut rest).await;
    };
    let ended = timeout(LIMIT, async {
        tokio::select! {
            () = drip => {}
            () = end => {}
        }
    });
    assert!(ended.await.is_ok(), "{to}: still open after {LIMIT:?}");
    (began.elapsed(), to)
}

/// Every listener of the three processes, many sockets each: they are closed by the timer of the configuration, and
/// meanwhile others are served. The operator's listener has a test of its own.
#[test]
fn row_43_silent_and_slow_sockets_end_at_every_listener_of_every_process() {
    const EACH: usize = 20;
    let folder = folder();
    let serve = |element: &str, more: &[&str]| {
        let mut command = program(folder.path());
        command.args([element, "serve", "--peer-timeout", "1"]).args(more);
        Element::start(&mut command)
    };
    let address = |text: String| -> SocketAddr { text.parse().unwrap() };
    let mut hss = serve("hss", &["--listen", "127.0.0.1:0"]);
    let zh = address(hss.wait("hss: Zh on "));
    let mut bsf = serve(
        "bsf",
        &[
            "--listen-ub",
            "127.0.0.1:0",
            "--listen-zn",
            "127.0.0.1:0",
            "--hss",
            &zh.to_string(),
        ],
    );
    let (ub, zn) = (address(bsf.wait("bsf: Ub on ")), address(bsf.wait("bsf: Zn on ")));
    bsf.wait("bsf: Zh to ");
    let mut naf = serve(
        "naf",
        &[
            "--listen",
            "127.0.0.1:0",
            "--listen-tls",
            "127.0.0.1:0",
            "--bsf",
            &zn.to_string(),
        ],
    );
    let (ua, tls) = (
        address(naf.wait("naf: HTTP digest on ")),
        address(naf.wait("naf: TLS-PSK on ")),
    );
    naf.wait("naf: Zn to ");

    let http = b"GET / HTTP/1.1\r\nHost: ";
    // The first octets of a CER, and of a ClientHello.
    let (cer, hello) = (
        &[1, 0, 0, 200, 0x80, 0, 1, 1][..],
        &[0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3][..],
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut sockets = tokio::task::JoinSet::new();
        for (to, begin) in [(zh, cer), (ub, http), (zn, cer), (ua, http), (tls, hello)] {
            for _ in 0..EACH {
                sockets.spawn(silent(to, b"", None));
                sockets.spawn(silent(to, begin, None));
                sockets.spawn(silent(to, begin, Some(b'a')));
            }
        }
        // Others, from the same address and meanwhile.
        for round in 0..3 {
            let got = tokio::task::spawn_blocking({
                let mut command = program(folder.path());
                command.args(["ue", "get", &format!("http://naf.m2m.example:{}/", ua.port())]);
                command.args(["--bsf", &ub.to_string()]);
                move || said(&mut command)
            });
            let got = got.await.unwrap();
            assert_eq!(got.status, 0, "round {round}: {}{}", got.out, got.err);
        }
        while let Some(ended) = sockets.join_next().await {
            let (after, to) = ended.unwrap();
            assert!(
                after > Duration::from_millis(500),
                "{to}: closed at once, not by a timer"
            );
            assert!(after < LIMIT / 2, "{to}: {after:?}");
        }
        let other = tests::wired::from(Ipv4Addr::LOCALHOST, ub).await;
        let answer = other.send(tests::scene::get("bsf", "/", None)).await.unwrap();
        assert_eq!(answer.status(), 400, "a request without an IMPI");
    });
    for element in [&mut hss, &mut bsf, &mut naf] {
        assert_eq!(element.end("TERM").code(), Some(0));
    }
}

/// A key on the command line is seen by others: warned of in the laboratory, refused in production, whether that is said
/// by the file here, by the environment or by a flag. It is never repeated.
#[test]
fn ruling_05_a_bare_key_on_the_command_line_is_warned_of_and_refused_in_production() {
    let folder = tempfile::tempdir().unwrap();
    let commands: [&[&str]; 4] = [
        &["demo", "--k", KEY, "--opc", KEY],
        &["keys", "--k", KEY, "--opc", KEY, "--rand", ZEROS],
        &[
            "ue",
            "bootstrap",
            "--k",
            KEY,
            "--opc",
            KEY,
            "--bsf",
            "127.0.0.1:1",
        ],
        &[
            "ue",
            "get",
            "http://naf.m2m.example:1/",
            "--btid",
            "a@bsf.example.org",
            "--ks-naf",
            KEY,
        ],
    ];
    for command in commands {
        let lab = said(program(folder.path()).args(command));
        let words = "a key on the command line is seen by others; use @FILE, env:NAME or -";
        assert!(
            lab.err.contains(words) || command.contains(&"--ks-naf"),
            "{command:?}: {}",
            lab.err
        );
        let said = said(program(folder.path()).args(command).env("GBA_PRODUCTION", "true"));
        assert_eq!(said.status, 2, "{command:?}: {}", said.out);
        assert!(
            said.err
                .contains("a bare key isn't allowed with production = true"),
            "{command:?}: {}",
            said.err
        );
        for text in [lab.err, said.err, said.out] {
            assert!(!text.contains(KEY), "{command:?}: {text}");
        }
    }
    fs::write(folder.path().join("gba.toml"), "production = true\n").unwrap();
    let here = said(program(folder.path()).args(commands[1]));
    assert!(
        here.status == 2 && here.err.contains("production = true"),
        "{}",
        here.err
    );
}

/// `gba config check` judges what would be served here, so the environment counts.
#[test]
fn ruling_05_config_check_sees_production_in_the_environment() {
    let folder = folder();
    let check = || {
        let mut command = program(folder.path());
        command.args(["config", "check", "gba.toml"]);
        command
    };
    assert_eq!(said(&mut check()).status, 0);
    let strict = said(check().env("GBA_PRODUCTION", "true"));
    assert_eq!(strict.status, 2, "{}", strict.out);
    assert!(
        strict
            .err
            .contains("a bare key isn't allowed with production = true"),
        "{}",
        strict.err
    );
    let other = said(check().env("GBA_HSS_LISTEN", "nonsense"));
    assert!(
        other.status == 2 && other.err.contains("GBA_HSS_LISTEN"),
        "{}",
        other.err
    );
}

/// A capture says that it holds keys, is its owner's alone, and isn't made in production, by whatever command.
#[test]
fn ruling_35_a_capture_says_that_it_holds_keys_and_is_refused_in_production() {
    let folder = folder();
    let made = said(program(folder.path()).args(["demo", "--pcap", "run.pcapng"]));
    assert_eq!(made.status, 0, "{}", made.err);
    assert!(made.err.contains("holds keys in clear"), "{}", made.err);
    let mode = fs::metadata(folder.path().join("run.pcapng"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let commands: [&[&str]; 7] = [
        &["demo"],
        &["up"],
        &["hss", "serve"],
        &["bsf", "serve"],
        &["naf", "serve"],
        &["ue", "bootstrap"],
        &["tap", "ub", "127.0.0.1:0", "127.0.0.1:1"],
    ];
    for command in commands {
        let mut with = program(folder.path());
        with.args(command)
            .args(["--pcap", "no.pcapng"])
            .env("GBA_PRODUCTION", "true");
        let said = said(&mut with);
        assert_eq!(said.status, 2, "{command:?}: {}", said.out);
        let words = "--pcap writes keys to a file: not allowed with production = true";
        assert!(said.err.contains(words), "{command:?}: {}", said.err);
        assert!(!folder.path().join("no.pcapng").exists(), "{command:?}");
    }
}
