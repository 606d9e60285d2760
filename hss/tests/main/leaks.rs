//! The whole Zh at trace level: no line holds a key, neither K and OPc nor what is made of them.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use aka::{Algorithm as _, Auts, auts};
use base::hex;
use diameter::ResultCode;
use hss::{
    hostapd::{Access, Settings},
    subscribers::{OnlyHex, Subscribers},
};
use net::accept;
use tokio::net::TcpListener;
use tracing_subscriber::fmt::MakeWriter;

use crate::{help::*, loopback::client};

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
        let hss = Arc::new(hss(subscriber(), &[RAND]));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let bsf = client(listener.local_addr().unwrap(), BSF);
        let (stopper, stop) = accept::stop();
        let server = tokio::spawn(hss::serve(listener, Arc::clone(&hss), stop));
        let answer = bsf.request(mar().to_message()).await.unwrap();
        assert_eq!(answer.result(), Ok(ResultCode::SUCCESS));
        for auts in [
            auts::build(&milenage(), &rand(), sqn("0b604a81eca8")),
            Auts::new([3; 14]),
        ] {
            let mut resync = mar();
            resync.resync = Some((rand(), auts));
            bsf.request(resync.to_message()).await.unwrap();
        }
        result(&hss, "stranger.test", &mar().to_message()).await;
        let settings = Settings {
            sim: true,
            ..Settings::default()
        };
        for request in [
            "AKA-REQ-AUTH 123001000000000",
            "SIM-REQ-AUTH 123001000000000 3",
            "AKA-REQ-AUTH 999",
            "AKA-AUTS 123001000000000 00112233445566778899aabbccdd 23553cbe9637a89d218ae64dae47bf35",
        ] {
            hss.answer_hostapd(at(0), Access::AkaPrime, settings, request.as_bytes())
                .await;
        }
        tracing::info!(hss = ?hss.subscribers(), config = ?hss.config(), ?answer, "debug output");
        tracing::info!(answer = answer.pretty(), "pretty output");
        bsf.close().await;
        stopper.stop();
        server.await.unwrap().unwrap();
    });
    let text = format!("[[subscriber]]\nimpi = \"x@y\"\nk = \"{K}\"\nopc = \"{OPC}0\"\namf = \"ffff\"");
    let error = Subscribers::parse(&text, &mut OnlyHex, at(0).utc).unwrap_err();
    tracing::error!(%error, ?error, "file");
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("SQN_HE set to SQN_MS"),
        "the audit line is missing:\n{log}"
    );
    assert!(
        log.contains("not a BSF") && log.contains("Diameter peer open"),
        "{log}"
    );
    assert!(
        log.contains("no resynchronisation") && !log.contains("123001000000000 "),
        "{log}"
    );
    let keys = milenage().f2345(&rand());
    let secrets = [
        K.to_owned(),
        OPC.to_owned(),
        hex::encode(keys.ck.expose()),
        hex::encode(keys.ik.expose()),
        hex::encode(keys.res.expose()),
    ];
    for secret in secrets {
        // As hex, and as a list of decimal octets.
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
