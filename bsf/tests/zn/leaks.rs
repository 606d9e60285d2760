//! Zn over a connection at trace level: no line holds Ks or a key under it.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use base::hex;
use bsf::sessions::Mode;
use diameter::ResultCode;
use gba::keys::KeyKind;
use net::accept;
use tokio::net::TcpListener;
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    help::*,
    loopback::{client, living},
};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[test]
fn ruling_35_no_line_of_the_log_holds_a_key() {
    let log = Log::default();
    let to_log = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    // For the whole process: a scoped subscriber misses what other threads write, and callsites they met first.
    tracing::subscriber::set_global_default(to_log).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let bsf = Arc::new(living(Mode::U).await);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let naf = client(listener.local_addr().unwrap(), "naf.test");
        let (stopper, stop) = accept::stop();
        let server = tokio::spawn(bsf::zn::serve_zn(listener, Arc::clone(&bsf), stop));
        let mut aware = bir();
        aware.gba_u_aware = true;
        let answer = naf.request(aware.to_message()).await.unwrap();
        assert_eq!(answer.result(), Ok(ResultCode::SUCCESS));
        let mut refused = bir();
        refused.naf_id = naf_id("open.example", "01000100ae");
        naf.request(refused.to_message()).await.unwrap();
        tracing::info!(?answer, config = ?bsf.config(), session = ?session(Mode::U), "debug output");
        tracing::info!(answer = answer.pretty(), "pretty output");
        naf.close().await;
        stopper.stop();
        server.await.unwrap().unwrap();
    });
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("BIR refused") && log.contains("Diameter peer open"),
        "{log}"
    );
    let naf_id = bir().naf_id;
    let mut secrets = vec![CK.to_owned(), IK.to_owned(), KS_NAF.to_owned()];
    let int = ks().naf_key(KeyKind::Int, &rand(), &IMPI.parse().unwrap(), &naf_id);
    secrets.push(hex::encode(int.key_for(&naf_id.ua()).unwrap().expose()));
    for secret in secrets {
        let decimal = hex::decode(&secret)
            .unwrap()
            .iter()
            .take(4)
            .map(u8::to_string)
            .collect::<Vec<_>>()
            .join(", ");
        assert!(!log.to_lowercase().contains(&secret[..8]), "{secret}");
        assert!(!log.contains(&decimal), "{secret}");
    }
}
