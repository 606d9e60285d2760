//! A TLS-PSK handshake (TLS 1.2, PSK-AES128-GCM-SHA256) between our two ends against the same between two bare ends of
//! crate `openssl` on tokio: CPU of both ends, each handshake on a TCP connection of its own over loopback.
//!
//! `cargo bench -p gba-net --bench psk`. Reported, not gated. Ours looks at the hello before the key is asked for,
//! asks for it asynchronously, bounds the time, and tells both ends whom they speak to.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints, and may stop"
)]

use std::{net::Ipv4Addr, pin::Pin};

use base::Secret;
use net::{
    tap::Connection,
    tls::{
        psk::{Client, Config, HINT, Lookup, Server},
        suite::Suite,
    },
};
use openssl::ssl::{Ssl, SslContext, SslMethod, SslVersion};
use tokio::net::{TcpListener, TcpStream};
use tokio_openssl::SslStream;

#[path = "../../benches/pairs.rs"]
mod pairs;

const PAIRS: usize = 15;
const HANDSHAKES: u32 = 300;
const IDENTITY: &[u8] = b"3GPP-bootstrapping;I1U8vpY3qJ0hiuZNrke/NQ==@bsf.mnc001.mcc001.pub.3gppnetwork.org";
const KEY: [u8; 32] = [0x42; 32];

async fn pair(listener: &TcpListener) -> (TcpStream, TcpStream) {
    let (client, accepted) = tokio::join!(
        TcpStream::connect(listener.local_addr().expect("an address")),
        listener.accept()
    );
    (client.expect("a connection"), accepted.expect("a connection").0)
}

/// A context as plain as it gets.
fn bare(is_server: bool) -> SslContext {
    let mut context = SslContext::builder(SslMethod::tls()).expect("OpenSSL");
    context
        .set_max_proto_version(Some(SslVersion::TLS1_2))
        .expect("TLS 1.2");
    context
        .set_cipher_list("PSK-AES128-GCM-SHA256")
        .expect("the suite");
    if is_server {
        context.set_psk_server_callback(|_, _, room| {
            room[..KEY.len()].copy_from_slice(&KEY);
            Ok(KEY.len())
        });
    } else {
        context.set_psk_client_callback(|_, _, identity, room| {
            identity[..IDENTITY.len()].copy_from_slice(IDENTITY);
            identity[IDENTITY.len()] = 0;
            room[..KEY.len()].copy_from_slice(&KEY);
            Ok(KEY.len())
        });
    }
    context.build()
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let listener = runtime
        .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .expect("a port");
    let config = || Config {
        suites: vec![Suite::Aes128GcmSha256],
        ..Config::default()
    };
    let server = Server::new(config(), HINT, None).expect("a server");
    let client = Client::new(config(), None).expect("a client");
    let ours = |n| {
        runtime.block_on(async {
            for _ in 0..n {
                let (near, far) = pair(&listener).await;
                let ids = (
                    Connection::of(&near).expect("an id"),
                    Connection::of(&far).expect("an id"),
                );
                let accept = server.accept(far, ids.1, async |_| Lookup::Key(Secret::new(KEY)));
                let connect = client.connect(near, ids.0, "naf.example", IDENTITY, async |_| {
                    Ok(Secret::new(KEY))
                });
                let (accepted, connected) = tokio::join!(accept, connect);
                assert!(accepted.is_ok() && connected.is_ok());
            }
        });
    };
    let (bare_server, bare_client) = (bare(true), bare(false));
    let theirs = |n| {
        runtime.block_on(async {
            for _ in 0..n {
                let (near, far) = pair(&listener).await;
                let stream = |context: &SslContext, socket| {
                    let ssl = Ssl::new(context).expect("OpenSSL");
                    SslStream::new(ssl, socket).expect("OpenSSL")
                };
                let (mut far, mut near) = (stream(&bare_server, far), stream(&bare_client, near));
                let (accepted, connected) =
                    tokio::join!(Pin::new(&mut far).accept(), Pin::new(&mut near).connect());
                assert!(accepted.is_ok() && connected.is_ok());
            }
        });
    };
    let measured = pairs::pairs(PAIRS, HANDSHAKES, ours, theirs);
    println!(
        "psk: a handshake {:.0} us CPU for both ends with their TCP connection, bare OpenSSL {:.0} us, median ratio {:.2}",
        measured.ours / 1e3,
        measured.theirs / 1e3,
        measured.ratio
    );
}
