//! Names that want to be more than names, and what a NAF without rights learns of them.

use std::sync::{Arc, Mutex};

use base::text::steers;
use bsf::{ZhSource, sources::VectorSource as _};
use diameter::{Message, dictionary as d, peer::Timers};
use lab::demo::Setup;
use tests::scene::{Scene, Sim};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{peers::*, raw::*, stage::*};

/// Colours, a forged line, an end for C, and the rest from right to left; in front of what would be a good name.
const STEERING: [&str; 5] = [
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "\r\n2026-01-01T00:00:00Z ERROR forged: ",
    "\0",
    "\u{202e}\u{2066}",
    "\u{9b}31m",
];

/// What was logged while it lived.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn begin() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    pub(crate) fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.0.lock().unwrap())).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Lines of their own making, and nothing in them that steers.
#[track_caller]
fn assert_calm(text: &str, what: &str) {
    for line in text.lines() {
        assert!(!line.contains(steers), "{what}: {line:?}");
        assert!(!line.starts_with("2026-01-01"), "{what}: {line:?}");
    }
}

fn error_message(answer: &Message) -> String {
    let text = answer.find(&d::ERROR_MESSAGE).map(|avp| avp.as_octets().to_vec());
    String::from_utf8(text.unwrap_or_default()).unwrap()
}

#[tokio::test]
async fn row_46_names_that_steer_are_refused_and_reach_no_log_and_no_answer() {
    let (log, _guard) = Log::begin();
    for element in Element::both().await {
        for steering in STEERING {
            let what = format!("{} {steering:?}", element.name);
            // User-Name, Public-Identity, B-TID, NAF_Id, and the names of nodes and realms.
            for (code, vendor, name) in [
                (1, 0, IMPI.to_owned()),
                (401, TGPP, btid().as_str().to_owned()),
                (402, TGPP, String::from_utf8(naf_id(SERVICE)).unwrap()),
                (264, 0, element.peer.to_owned()),
                (283, 0, REALM.to_owned()),
                (293, 0, REALM.to_owned()),
            ] {
                let asked_for = element.good.iter().any(|avp| avp[..4] == u32::to_be_bytes(code));
                let mut peer = element.open().await;
                let avps = replace(
                    &element.good,
                    code,
                    avp_of(code, vendor, format!("{steering}{name}")),
                );
                let answer = peer.ask(element.request(&avps)).await;
                let refused = !answer.result().unwrap().is_success();
                // The other element's AVPs are none of its business.
                assert!(
                    refused || !asked_for && vendor != 0 || code == 1,
                    "{what}, AVP {code}: {answer:?}"
                );
                assert_calm(&error_message(&answer), &what);
            }
            let cer = replace(
                &replace(
                    &capabilities(element.peer, element.application),
                    264,
                    avp(264, format!("{steering}{}", element.peer)),
                ),
                269,
                avp(269, steering),
            );
            let mut stranger = Peer::connect(element.address).await;
            let cea = stranger.ask(message(OWN, CER, BASE, &cer)).await;
            assert_result(&cea, 5004, 264, &what);
            assert_calm(&error_message(&cea), &what);
            // Session-Id goes back as it came and is never shown.
            let avps = [
                vec![avp(263, format!("{steering};1;1"))],
                without(&element.good, 263),
            ];
            let mut peer = element.open().await;
            let answer = peer.ask(element.request(&avps.concat())).await;
            assert_result(&answer, 2001, 0, &what);
        }
        let said = log.take();
        assert!(said.lines().count() > 20, "{said}");
        assert_calm(&said, element.name);
    }
}

/// What a peer answers is told to people too.
#[tokio::test]
async fn row_46_the_words_of_an_hss_that_refuses_steer_no_log() {
    let (log, _guard) = Log::begin();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let (zh, _) = client(&listener, BSF, HSS, d::ZH, Timers::default());
    let source = ZhSource::new(zh, origin_of(BSF), REALM.parse().unwrap());
    let hss = async {
        let mut bsf = accept(&listener, HSS, d::ZH).await;
        for steering in STEERING {
            let mar = bsf.read().await;
            let mut avps = vec![avp(268, 5012_u32.to_be_bytes())];
            avps.extend(origin(HSS));
            avps.push(avp(281, format!("no {steering} vector")));
            bsf.send(reply(&mar, &avps)).await;
        }
        bsf
    };
    let impi = IMPI.parse().unwrap();
    let asking = async {
        for _ in STEERING {
            assert!(source.fetch(&impi, None).await.is_err());
        }
    };
    tokio::join!(asking, hss);
    let said = log.take();
    assert!(said.matches("5012").count() >= STEERING.len(), "{said}");
    assert_calm(&said, "BSF");
}

#[tokio::test]
async fn row_47_a_name_of_ten_thousand_characters_is_5xxx() {
    let long = ["-", "7", "a.", "-7"].map(|part| part.repeat(10_000 / part.len()));
    for element in Element::both().await {
        for long in &long {
            let with_at = format!("{long}@{long}");
            let naf = naf_id(long);
            let expected: [(u32, u32, &[u8], &[u32]); 6] = [
                (1, 0, long.as_bytes(), &[5401, 2001]),
                (1, 0, with_at.as_bytes(), &[5401, 2001]),
                (401, TGPP, with_at.as_bytes(), &[5403, 2001]),
                (402, TGPP, &naf, &[5004, 2001]),
                (283, 0, long.as_bytes(), &[5004]),
                (264, 0, long.as_bytes(), &[5004]),
            ];
            let mut peer = element.open().await;
            for (code, vendor, value, results) in expected {
                let avps = replace(&element.good, code, avp_of(code, vendor, value));
                let result = peer.ask(element.request(&avps)).await.result().unwrap().number();
                // 2001 where the element doesn't read that AVP.
                let reads = element.good.iter().any(|avp| avp[..4] == code.to_be_bytes());
                let wanted = if reads {
                    results[0]
                } else {
                    *results.last().unwrap()
                };
                assert_eq!(result, wanted, "{} AVP {code}", element.name);
            }
            let cer = replace(
                &capabilities(element.peer, element.application),
                264,
                avp(264, long),
            );
            let mut stranger = Peer::connect(element.address).await;
            assert_result(
                &stranger.ask(message(OWN, CER, BASE, &cer)).await,
                5004,
                264,
                element.name,
            );
        }
        element.still_serves("long names").await;
    }
}

/// Head and status of what an HTTP server answers to this head.
async fn http(address: std::net::SocketAddr, head: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let _ = socket.write_all(head.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// The same names where HTTP brings them: BSF and NAF say 400 and go on.
#[tokio::test]
async fn row_47_a_name_of_ten_thousand_characters_is_400_over_http() {
    let sim = Sim {
        k: [1; 16],
        opc: [2; 16],
    };
    let setup: Setup = sim.setup();
    let scene = Scene::of(&setup, &sim.setup()).await;
    let names = &scene.network.names;
    for (address, host) in [
        (scene.network.addresses.ub, names.bsf.to_string()),
        (scene.network.addresses.naf, names.naf.to_string()),
    ] {
        for part in ["-", "7"] {
            let (long, half) = (part.repeat(10_000), part.repeat(5_000));
            let by = |user: &str, realm: &str| {
                format!(
                    "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: Digest \
                     username=\"{user}\", realm=\"{realm}\", nonce=\"\", uri=\"/\", response=\"\"\r\n\r\n"
                )
            };
            for head in [
                by(&long, &host),
                by(&format!("{long}@{host}"), &host),
                by(&format!("{half}@{half}"), &host),
                by(&scene.device.identity().impi.to_string(), &long),
            ] {
                let answer = http(address, &head).await;
                assert!(answer.starts_with("HTTP/1.1 400 "), "{host}: {answer}");
            }
        }
        let good = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = http(address, &good).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    scene.end().await;
}

/// A NAF that may not have a key learns nothing of a B-TID: the same octets. (That no session is looked for, so that the
/// time tells nothing either, is shown beside the BSF.)
#[tokio::test]
async fn ruling_22_a_naf_without_rights_cannot_tell_one_btid_from_another() {
    let bsf = bsf().await;
    // naf2 is registered, but the name is another's.
    let mut peer = bsf.open_as("naf2.home.test").await;
    let unknown = format!("{}==@{BSF}", "A".repeat(22));
    let mut answers = Vec::new();
    for value in [
        btid().octets(),
        unknown.as_bytes(),
        b"no B-TID",
        b"@",
        b"",
        &[0xff; 200],
    ] {
        let avps = replace(&bsf.good, 264, avp(264, "naf2.home.test"));
        let answer = peer
            .ask(bsf.request(&replace(&avps, 401, avp_of(401, TGPP, value))))
            .await;
        assert_result(&answer, 5402, 0, "without rights");
        answers.push(answer.encode());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:02x?}");
    // Who has the right to ask is told.
    let mut peer = bsf.open().await;
    let avps = replace(&bsf.good, 401, avp_of(401, TGPP, unknown));
    assert_result(&peer.ask(bsf.request(&avps)).await, 5403, 0, "with rights");
}
