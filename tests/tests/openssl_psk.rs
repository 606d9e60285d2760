//! `openssl s_client` and `openssl s_server` against our TLS-PSK server and client (TLS 1.2).
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{net::Ipv4Addr, path::Path, process::Stdio, time::Duration};

use base::Secret;
use net::{
    Error,
    tap::Connection,
    tls::{
        psk::{Client, Config, HINT, Lookup, PskHello, PskInfo, Server},
        suite::Suite,
    },
};
use tests::peer;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    time::timeout,
};

const SNI: &str = "maf.operator.example";
const IDENTITY: &str = "3GPP-bootstrapping;I1U8vpY3qJ0hiuZNrke/NQ==@bsf.mnc001.mcc001.pub.3gppnetwork.org";
const KEY: [u8; 32] = [0x5a; 32];
const LIMIT: Duration = Duration::from_secs(20);

fn hex(key: [u8; 32]) -> String {
    base::hex::encode(key)
}

fn spawn(openssl: &Path, args: &[&str]) -> Child {
    Command::new(openssl)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Our server takes one connection, reads a line and sends it back reversed.
async fn serve_one(listener: &TcpListener, suite: Suite) -> Result<PskInfo, Error> {
    let config = Config {
        suites: vec![suite],
        ..Config::default()
    };
    let server = Server::new(config, HINT, None).unwrap();
    let (socket, _) = listener.accept().await.unwrap();
    let connection = Connection::of(&socket).unwrap();
    let find = async |hello: PskHello| {
        if hello.sni == SNI && hello.identity == IDENTITY.as_bytes() {
            Lookup::Key(Secret::new(KEY))
        } else {
            Lookup::Unknown
        }
    };
    let mut stream = BufReader::new(server.accept(socket, connection, find).await?);
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    let mut answer: String = line.trim_end().chars().rev().collect();
    answer.push('\n');
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    Ok(stream.get_ref().info().clone())
}

/// What s_client printed, and what our server says.
async fn s_client(
    openssl: &Path,
    suite: Suite,
    name: &[&str],
    identity: &str,
    key: [u8; 32],
) -> (String, Result<PskInfo, Error>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (to, key) = (listener.local_addr().unwrap().to_string(), hex(key));
    let mut args = vec![
        "s_client",
        "-connect",
        &to,
        "-psk",
        &key,
        "-psk_identity",
        identity,
    ];
    // It offers all versions and suites that it has: our server narrows them down.
    args.extend(["-cipher", "PSK", "-ign_eof"]);
    args.extend(name);
    let mut child = spawn(openssl, &args);
    child.stdin.as_mut().unwrap().write_all(b"ping\n").await.unwrap();
    let (served, output) = tokio::join!(
        timeout(LIMIT, serve_one(&listener, suite)),
        timeout(LIMIT, child.wait_with_output())
    );
    let output = output.unwrap().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&said).into_owned(), served.unwrap())
}

//= TS33.222-5.4-r3
#[tokio::test]
async fn s_client_gets_in_with_every_suite_and_shows_hint_and_identity() {
    let Some(openssl) = peer::program("openssl", "openssl") else {
        return;
    };
    for suite in Suite::ALL {
        let (said, served) = s_client(&openssl, suite, &["-servername", SNI], IDENTITY, KEY).await;
        let served = served.unwrap_or_else(|e| panic!("{suite}: {e}\n{said}"));
        assert_eq!((served.sni.as_str(), served.suite), (SNI, suite.code()));
        assert_eq!(served.identity, IDENTITY.as_bytes());
        for wanted in [
            &format!("Cipher is {suite}"),
            "Protocol  : TLSv1.2",
            "PSK identity hint: 3GPP-bootstrapping\n",
            &format!("PSK identity: {IDENTITY}\n"),
            "gnip\n",
        ] {
            assert!(said.contains(wanted), "{suite}: {wanted}\n{said}");
        }
        assert!(!said.contains("session ticket:"), "{said}");
    }
}

//= RFC4279-2-r1
#[tokio::test]
async fn s_client_cannot_tell_a_wrong_key_from_an_unknown_identity_or_name() {
    let Some(openssl) = peer::program("openssl", "openssl") else {
        return;
    };
    let unknown = IDENTITY.replace("NQ==", "NR==");
    let named: &[&str] = &["-servername", SNI];
    for (what, name, identity, key) in [
        ("key", named, IDENTITY, [1; 32]),
        ("identity", named, &unknown, KEY),
        ("name", &["-servername", "other.example"], IDENTITY, KEY),
        ("no name", &["-noservername"], IDENTITY, KEY),
        ("long identity", named, &"i".repeat(255), KEY),
    ] {
        let (said, served) = s_client(&openssl, Suite::Aes128CbcSha256, name, identity, key).await;
        assert!(said.contains("SSL alert number 20"), "{what}: {said}");
        assert!(said.contains("alert bad record mac"), "{what}: {said}");
        assert!(matches!(served, Err(Error::Tls { .. })), "{what}: {served:?}");
    }
}

/// s_server that sends lines back reversed; its address.
async fn s_server(openssl: &Path, suite: Suite, key: [u8; 32], hint: &[&str]) -> (Child, String) {
    let key = hex(key);
    let mut args = vec![
        "s_server",
        "-accept",
        "127.0.0.1:0",
        "-nocert",
        "-rev",
        "-psk",
        &key,
    ];
    args.extend(["-tls1_2", "-cipher", suite.name(), "-psk_identity", IDENTITY]);
    args.extend(hint);
    let mut child = spawn(openssl, &args);
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let listening = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some(addr) = line.strip_prefix("ACCEPT ") {
                return addr.to_owned();
            }
        }
        panic!("s_server ended before it listened");
    };
    let addr = timeout(LIMIT, listening).await.unwrap();
    (child, addr)
}

async fn ask(addr: &str, hint: Option<&str>) -> Result<String, Error> {
    let config = Config {
        suites: Suite::ALL.to_vec(),
        ..Config::default()
    };
    let client = Client::new(config, None).unwrap();
    let socket = TcpStream::connect(addr).await.unwrap();
    let connection = Connection::of(&socket).unwrap();
    let key_for = async |offer: net::tls::psk::ServerOffer| {
        assert_eq!(offer.hint.as_deref(), hint.map(str::as_bytes));
        Ok(Secret::new(KEY))
    };
    let mut stream = client
        .connect(socket, connection, SNI, IDENTITY.as_bytes(), key_for)
        .await?;
    stream.write_all(b"ping\n").await.unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await.unwrap();
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test]
async fn s_server_lets_us_in_with_every_suite_with_and_without_hint() {
    let Some(openssl) = peer::program("openssl", "openssl") else {
        return;
    };
    for suite in Suite::ALL {
        for hint in [None, Some("other;3GPP-bootstrapping")] {
            let option = hint.map_or(vec![], |hint| vec!["-psk_hint", hint]);
            let (_child, addr) = s_server(&openssl, suite, KEY, &option).await;
            let answer = timeout(LIMIT, ask(&addr, hint)).await.unwrap();
            assert_eq!(answer.as_deref(), Ok("gnip\n"), "{suite} {hint:?}");
        }
    }
}

#[tokio::test]
async fn s_server_with_another_key_is_named_as_such() {
    let Some(openssl) = peer::program("openssl", "openssl") else {
        return;
    };
    let (_child, addr) = s_server(&openssl, Suite::Aes128CbcSha256, [1; 32], &[]).await;
    let error = timeout(LIMIT, ask(&addr, None)).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::TlsAlert { alert: 20, .. }), "{error}");
    assert!(error.to_string().contains("different keys"), "{error}");
}
