//! The primitives of a bootstrap: what every implementation has to compute, encode and decode, once for each time that a
//! run needs it, over the octets of a real run.
//!
//! Cryptography is counted bare: MD5 without hex, HMAC over a ready string, AES key schedules already made (HSS and card
//! keep theirs). A codec is what turns octets into a checked, typed value and back: Diameter frames, then MAR, MAA, BIR
//! and BIA with their grammar; digest headers; XML; APDUs. Neither HTTP messages, maps, locks, clocks, the bucket of ruling 6, the comparison of
//! keys, summaries for the ladder nor logging are primitives: all of that is what the bound leaves room for.

use std::hint::black_box;

use aka::{Algorithm, Amf, Milenage, Rand, Sqn};
use base::{
    Entropy, Secret,
    apdu::{Command, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use diameter::{Message, dictionary as d};
use gba::{
    digest::{AuthenticationInfo, Challenge, Credentials},
    guss::Guss,
    ub::{BootstrappingInfo, client::Mode},
    zh::{MultimediaAuthAnswer, MultimediaAuthRequest},
    zn::{BootstrappingInfoAnswer, BootstrappingInfoRequest},
};
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use net::entropy::OsEntropy;
use sha1::Sha1;
use sha2::Sha256;

use crate::network::{Logs, Network, OPC, key};

/// One row of the table.
pub(crate) struct Primitive {
    pub(crate) what: String,
    pub(crate) is_codec: bool,
    /// How often a run needs it.
    pub(crate) count: u32,
    pub(crate) run: Box<dyn Fn()>,
}

fn crypto(what: impl Into<String>, count: u32, run: impl Fn() + 'static) -> Primitive {
    Primitive {
        what: what.into(),
        is_codec: false,
        count,
        run: Box::new(run),
    }
}

fn codec(what: impl Into<String>, count: u32, run: impl Fn() + 'static) -> Primitive {
    Primitive {
        is_codec: true,
        ..crypto(what, count, run)
    }
}

/// The primitives of a run in that mode, with the sizes that one run shows.
pub(crate) async fn of_a_run(mode: Mode) -> Vec<Primitive> {
    let logs = Logs::keeping();
    let mut network = Network::new(mode, 1, &logs);
    logs.card.take(); // opening the card isn't part of a run
    network.bootstrap(0).await;
    let [hello, challenge, answer, info, body] = five(logs.ub.take());
    let mut all = milenage();
    all.push(md5(&text(&answer), &body));
    let (naf_id, impi) = network.derivation();
    let s = 1 + 6 + 2 + 16 + 2 + impi.kdf_octets().len() + 2 + naf_id.octets().len() + 2;
    all.push(kdf(s, mode));
    if mode == Mode::U {
        all.push(crypto("SHA-1 of IK for MAC*: card, BSF", 2, || {
            black_box(Sha1::digest(black_box([7_u8; 16])));
        }));
    }
    all.push(crypto("16 random octets: RAND, opaque, cnonce", 3, || {
        black_box(OsEntropy.array::<16>().expect("randomness"));
    }));
    all.extend(base64());
    all.extend(headers(
        &text(&hello),
        &text(&challenge),
        &text(&answer),
        &text(&info),
    ));
    let (zh, zn) = (logs.zh.take(), logs.zn.take());
    typed(&mut all, &zh, &zn);
    let maa = diameter(&mut all, zh, zn);
    all.extend(xml(&maa, body));
    all.extend(apdus(logs.card.take()));
    all
}

fn five(log: Vec<Vec<u8>>) -> [Vec<u8>; 5] {
    log.try_into()
        .unwrap_or_else(|log: Vec<_>| panic!("a run has five digest headers and bodies, not {}", log.len()))
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).expect("a header's text")
}

fn milenage() -> Vec<Primitive> {
    let (hss, card) = (
        Milenage::new(&key(0), &Secret::new(OPC)),
        Milenage::new(&key(0), &Secret::new(OPC)),
    );
    let rand = Rand::new([9; 16]);
    let sqn = Sqn::new(0x1234_5678).expect("48 bits");
    let amf = Amf::new([0, 0]);
    vec![
        crypto(
            "Milenage f1 to f5 at the HSS: one vector, 5 AES blocks",
            1,
            move || {
                black_box(hss.vector(black_box(&rand), sqn, amf));
            },
        ),
        crypto(
            "Milenage f2 to f5, then f1 at the card: SQN is known only then",
            1,
            move || {
                black_box(card.f2345(black_box(&rand)));
                black_box(card.f1(&rand, sqn, amf));
            },
        ),
    ]
}

/// The seven hashes of one digest with auth-int, as both ends have to compute them.
fn md5(answer: &str, body: &[u8]) -> Primitive {
    let c = Credentials::parse(answer).expect("credentials");
    let joined = |parts: &[&str]| parts.join(":").into_bytes();
    let hex = "0".repeat(32);
    let (nc, cnonce) = (c.nc.unwrap_or_default(), c.cnonce.unwrap_or_default());
    let inputs = [
        joined(&[&c.username, &c.realm, "RES-RES."]),
        Vec::new(),
        joined(&["GET", &c.uri, &hex]),
        joined(&[&hex, &c.nonce, &nc, &cnonce, "auth-int", &hex]),
        body.to_vec(),
        joined(&["", &c.uri, &hex]),
        joined(&[&hex, &c.nonce, &nc, &cnonce, "auth-int", &hex]),
    ];
    let blocks: usize = inputs.iter().map(|i| (i.len() + 8) / 64 + 1).sum();
    crypto(
        format!(
            "MD5 of {} strings, {blocks} blocks (H(A1), response, rspauth): UE, BSF",
            inputs.len()
        ),
        2,
        move || {
            for input in &inputs {
                black_box(Md5::digest(black_box(input)));
            }
        },
    )
}

fn kdf(octets: usize, mode: Mode) -> Primitive {
    let (count, who) = match mode {
        Mode::Me => (2, "Ks_NAF: UE, BSF"),
        Mode::U => (4, "Ks_ext_NAF and Ks_int_NAF: card, BSF"),
    };
    let s = vec![0x55; octets];
    crypto(
        format!("HMAC-SHA-256 of {octets} octets, {who}"),
        count,
        move || {
            let mut mac = Hmac::<Sha256>::new_from_slice(black_box(&[7; 32])).expect("any length");
            mac.update(black_box(&s));
            black_box(mac.finalize().into_bytes());
        },
    )
}

fn base64() -> [Primitive; 2] {
    let nonce = STANDARD.encode([7; 32]);
    [
        codec(
            "base64 of the nonce written, of the RAND in the B-TID written",
            1,
            || {
                black_box(STANDARD.encode(black_box([7; 32])));
                black_box(STANDARD.encode(black_box([7; 16])));
            },
        ),
        codec("base64 of the nonce read", 1, move || {
            black_box(STANDARD.decode(black_box(&nonce)).expect("base64"));
        }),
    ]
}

/// Each header as the side that sends it writes it and the other reads it.
fn headers(hello: &str, challenge: &str, answer: &str, info: &str) -> [Primitive; 2] {
    let (hello, challenge, answer, info) = (
        hello.to_owned(),
        challenge.to_owned(),
        answer.to_owned(),
        info.to_owned(),
    );
    let to_write = (
        Credentials::parse(&hello).expect("credentials"),
        Challenge::parse(&challenge).expect("a challenge"),
        Credentials::parse(&answer).expect("credentials"),
        AuthenticationInfo::parse(&info).expect("a proof"),
    );
    [
        codec(
            "digest headers written (2 Authorization, challenge, proof)",
            1,
            move || {
                black_box(written(&to_write.0));
                black_box(written(&to_write.1));
                black_box(written(&to_write.2));
                black_box(written(&to_write.3));
            },
        ),
        codec("the four headers read", 1, move || {
            black_box(Credentials::parse(black_box(&hello)).expect("credentials"));
            black_box(Challenge::parse(black_box(&challenge)).expect("a challenge"));
            black_box(Credentials::parse(black_box(&answer)).expect("credentials"));
            black_box(AuthenticationInfo::parse(black_box(&info)).expect("a proof"));
        }),
    ]
}

/// Written as both ends do it, without growing step by step.
fn written(header: &impl std::fmt::Display) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(384);
    write!(text, "{header}").expect("writing to a String can't fail");
    text
}

/// The four messages as frames of AVPs; gives the MAA.
fn diameter(all: &mut Vec<Primitive>, zh: Vec<Vec<u8>>, zn: Vec<Vec<u8>>) -> Message {
    let octets: Vec<Vec<u8>> = zh.into_iter().chain(zn).collect();
    let messages: Vec<Message> = octets
        .iter()
        .map(|o| Message::parse(o).expect("what was sent"))
        .collect();
    assert_eq!(messages.len(), 4, "MAR, MAA, BIR, BIA");
    let maa = messages.get(1).cloned().expect("four messages");
    let sizes: Vec<String> = octets.iter().map(|o| o.len().to_string()).collect();
    let sizes = sizes.join(", ");
    all.push(codec(
        format!("Diameter: four frames written ({sizes} octets)"),
        1,
        move || {
            for message in &messages {
                black_box(black_box(message).encode());
            }
        },
    ));
    all.push(codec("Diameter: four frames read", 1, move || {
        for o in &octets {
            black_box(Message::parse(black_box(o)).expect("what was sent"));
        }
    }));
    maa
}

/// What stands between a frame and its meaning: the grammar of RFC 6733 and TS 29.109, lengths, names.
fn typed(all: &mut Vec<Primitive>, zh: &[Vec<u8>], zn: &[Vec<u8>]) {
    let message = |octets: &Vec<u8>| Message::parse(octets).expect("what was sent");
    let ([mar, maa], [bir, bia]) = ([&zh[0], &zh[1]].map(message), [&zn[0], &zn[1]].map(message));
    let origin = maa.origin().expect("an origin");
    let read = (
        MultimediaAuthRequest::parse(&mar).expect("a MAR"),
        MultimediaAuthAnswer::parse(&maa).expect("a MAA"),
        BootstrappingInfoRequest::parse(&bir).expect("a BIR"),
        BootstrappingInfoAnswer::parse(&bia).expect("a BIA"),
    );
    let requests = (mar.clone(), bir.clone());
    all.push(codec(
        "Diameter: frames made of MAR, MAA, BIR, BIA",
        1,
        move || {
            black_box(read.0.to_message());
            black_box(read.1.to_message(&requests.0, &origin));
            black_box(read.2.to_message());
            black_box(read.3.to_message(&requests.1, &origin));
        },
    ));
    all.push(codec(
        "Diameter: MAR, MAA, BIR, BIA read from frames, grammar checked",
        1,
        move || {
            black_box(MultimediaAuthRequest::parse(black_box(&mar)).expect("a MAR"));
            black_box(MultimediaAuthAnswer::parse(black_box(&maa)).expect("a MAA"));
            black_box(BootstrappingInfoRequest::parse(black_box(&bir)).expect("a BIR"));
            black_box(BootstrappingInfoAnswer::parse(black_box(&bia)).expect("a BIA"));
        },
    ));
}

fn xml(maa: &Message, body: Vec<u8>) -> [Primitive; 3] {
    let guss = maa
        .find(&d::GBA_USER_SEC_SETTINGS)
        .expect("a GUSS")
        .as_octets()
        .to_vec();
    let info = BootstrappingInfo::parse(&body).expect("a BootstrappingInfo");
    [
        codec(
            format!("XML: GUSS of {} octets read (the HSS wrote it once)", guss.len()),
            1,
            move || {
                black_box(Guss::parse(black_box(&guss)).expect("a GUSS"));
            },
        ),
        codec("XML: BootstrappingInfo written", 1, move || {
            black_box(black_box(&info).to_xml());
        }),
        codec(
            format!("XML: BootstrappingInfo of {} octets read", body.len()),
            1,
            move || {
                black_box(BootstrappingInfo::parse(black_box(&body)).expect("a BootstrappingInfo"));
            },
        ),
    ]
}

/// Commands and answers alternate.
fn apdus(log: Vec<Vec<u8>>) -> [Primitive; 1] {
    let pairs: Vec<_> = log
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[command, response]| {
            (
                command.clone(),
                Command::parse(command).expect("what was sent"),
                response.clone(),
                Response::parse(response).expect("what was sent"),
            )
        })
        .collect();
    [codec(
        format!("APDUs: {} command(s) and answer(s) written and read", pairs.len()),
        1,
        move || {
            for (c, command, r, response) in &pairs {
                black_box(black_box(command).octets());
                black_box(Command::parse(black_box(c)).expect("what was sent"));
                black_box(black_box(response).octets());
                black_box(Response::parse(black_box(r)).expect("what was sent"));
            }
        },
    )]
}
