//! The whole story at trace level with keys that would be recognised: no log line, ladder line or error holds one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use aka::{Algorithm, Amf, Milenage, Rand, Sqn};
use base::{Secret, hex};
use base64::{Engine, prelude::BASE64_STANDARD};
use gba::keys::Ks;
use lab::{
    demo::{self, Setup},
    report::Mode,
    trace::{Entry, Trace},
};
use tracing_subscriber::fmt::MakeWriter;

const K: [u8; 16] = *b"canary-of-key-K!";
const OPC: [u8; 16] = *b"canary-of-OPc-*!";
const RAND: [u8; 16] = [0x3c; 16];
const SQN: &str = "000000000040";

/// Everything that anybody logs.
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

impl MakeWriter<'_> for Log {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn setup(mode: Mode, k: [u8; 16], amf: Option<Amf>) -> Setup {
    Setup {
        mode,
        imsi: "001010123456789".parse().unwrap(),
        mnc_length: None,
        k: Secret::new(k),
        opc: Secret::new(OPC),
        amf,
        sqn: Some(SQN.parse().unwrap()),
        rand: Some(Rand::new(RAND)),
    }
}

/// The forms in which octets get into a text: raw, hex, base64, and the list that `Debug` prints. Halves of the key
/// count too.
fn forms(name: &str, key: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut forms = Vec::new();
    for half in key
        .chunks(key.len().div_ceil(2).max(6))
        .filter(|half| half.len() >= 6)
    {
        let list = format!("{half:?}");
        forms.extend([
            (format!("{name}, raw"), half.to_vec()),
            (format!("{name}, hex"), hex::encode(half).into_bytes()),
            (
                format!("{name}, HEX"),
                hex::encode(half).to_uppercase().into_bytes(),
            ),
            (
                format!("{name}, list"),
                list.trim_matches(['[', ']']).as_bytes().to_vec(),
            ),
        ]);
    }
    // The last octets of base64 depend on what follows.
    let text = BASE64_STANDARD.encode(key);
    forms.push((
        format!("{name}, base64"),
        text.trim_end_matches('=').as_bytes()[..text.len() - 4].to_vec(),
    ));
    forms
}

#[tokio::test]
async fn no_log_no_ladder_and_no_error_holds_a_key() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let vector = Milenage::new(&Secret::new(K), &Secret::new(OPC)).vector(
        &Rand::new(RAND),
        SQN.parse::<Sqn>().unwrap(),
        Amf::new([0, 0]),
    );
    let ks = Ks::from_ck_ik(&vector.ck, &vector.ik);
    let mut secrets = [forms("K", &K), forms("OPc", &OPC)].concat();
    secrets.extend(forms("CK", vector.ck.expose()));
    secrets.extend(forms("IK", vector.ik.expose()));
    secrets.extend(forms("RES", vector.xres.expose()));
    secrets.extend(forms("RES of GBA_U", vector.xres.flipped_lsb().expose()));
    secrets.extend(forms("Ks", ks.expose()));

    let mut told = String::new();
    for mode in [Mode::Me, Mode::U] {
        let (trace, mut entries) = Trace::begin();
        let outcome = demo::run(setup(mode, K, None), trace).await.unwrap();
        while let Ok(entry) = entries.try_recv() {
            if let Entry::Message(event) = entry {
                told.push_str(&format!("{event:?}\n{}\n", event.summary));
            }
        }
        for pair in [&outcome.root, &outcome.session, &outcome.service] {
            assert!(pair.agrees());
            let key = pair.device.key_for(&pair.naf_id().ua()).unwrap().expose();
            secrets.extend(forms(&format!("Ks_NAF for {}", pair.naf_id()), key));
        }
    }
    // A run that ends in an error.
    let (trace, _entries) = Trace::begin();
    if let Err(error) = demo::run(setup(Mode::Me, K, Some(Amf::new([0xff, 0xff]))), trace).await {
        told.push_str(&format!("{error:?}\n{error}\n"));
    }

    let log = log.0.lock().unwrap().clone();
    assert!(
        log.len() > 1000,
        "nothing was logged at trace level: {} octets",
        log.len()
    );
    assert!(told.len() > 1000, "the ladder is empty");
    for (name, form) in &secrets {
        for (place, text) in [("log", log.as_slice()), ("ladder or error", told.as_bytes())] {
            let found = text.windows(form.len()).position(|part| part == form);
            if let Some(at) = found {
                let from = at.saturating_sub(200);
                panic!(
                    "{name} stands in the {place}, after: {}",
                    String::from_utf8_lossy(&text[from..at])
                );
            }
        }
    }
}
