//! No parser of octets from outside asks for more memory than what came justifies, whatever lengths those octets
//! announce, however deep they nest and into however many pieces they fall.
//!
//! [`PARSERS`] states for each parser how many octets it may hold at its highest for each octet of its input;
//! [`ALWAYS`] is what it may hold besides, [`TOML`] where it is TOML. [`hostile`] makes the inputs; each goes to every parser.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod allocator;

use std::{str::from_utf8, sync::LazyLock};

use aka::{Amf, Autn, Auts, Milenage, Rand, Sqn};
use base::{
    Secret, Utc,
    apdu::{Command, Response},
    tlv,
};
use bsf::rights::Rights;
use diameter::{Avp, Header, Message, grammar};
use gba::{
    digest::{AuthenticationInfo, Challenge, Credentials},
    guss::{Guss, UssList},
    ids::{Btid, Fqdn, Impi, Imsi, MncLength, NafId, PskIdentity, Realm3gpp, UaId, hint_offers},
    ua::Url,
    ub::BootstrappingInfo,
    zh::{MultimediaAuthAnswer, MultimediaAuthRequest},
    zn::{BootstrappingInfoAnswer, BootstrappingInfoRequest},
};
use hss::{
    sqn::decode_sqn_file,
    subscribers::{OnlyHex, Subscribers},
};
use net::tls::sniff::{Sniffer, read_message};
use uicc::{
    ef::{self, DirEntry, GbaBp, Iccid, NafRecord, ServiceTable},
    fcp::Fcp,
    software::{FileSystem, Profile, SoftCard},
};

/// Octets that any parser may hold at once whatever its input: error texts, small tables, what one card has of its own.
const ALWAYS: usize = 16 * 1024;

/// The same where the input is TOML: its reader makes a table of more than 1 KiB for each level that a short key such
/// as `a.a.a` opens, and ends that at 80 levels.
const TOML: usize = 128 * 1024;

/// The octets that `work` held at its highest.
fn most_held(work: impl FnOnce()) -> usize {
    allocator::begin();
    work();
    allocator::most_held()
}

fn profile() -> Profile {
    let milenage = Milenage::new(&Secret::new([1; 16]), &Secret::new([2; 16]));
    let imsi = "001010123456789".parse().unwrap();
    Profile::new(imsi, MncLength::Two, milenage).with_gba_u()
}

/// The files that cards of one profile share: made once, before anything comes from outside.
static FILES: LazyLock<FileSystem> =
    LazyLock::new(|| FileSystem::new(&SoftCard::files_of(&profile())).unwrap());

/// A name, how many octets it may hold for each octet of input and how many besides, and what it does.
type Parser = (&'static str, usize, usize, fn(&[u8]));

fn text(octets: &[u8], read: impl FnOnce(&str)) {
    if let Ok(text) = from_utf8(octets) {
        read(text);
    }
}

const PARSERS: &[Parser] = &[
    ("AUTN, AUTS, RAND, AMF, SQN", 2, ALWAYS, |octets| {
        let _ = Auts::try_from(octets);
        text(octets, |t| {
            let _ = (t.parse::<Autn>(), t.parse::<Auts>(), t.parse::<Rand>());
            let _ = (t.parse::<Amf>(), t.parse::<Sqn>());
        });
    }),
    ("APDU", 2, ALWAYS, |octets| {
        let _ = Command::parse(octets);
        let _ = Response::parse(octets);
    }),
    ("software card", 2, ALWAYS, |octets| {
        let mut card = SoftCard::with_files(profile(), FILES.clone());
        let _ = card.exchange(octets);
        for short in octets.chunks(261).take(4) {
            let _ = card.exchange(short);
        }
    }),
    // Two octets make an object, whose entry has the tag and where the value is.
    ("BER-TLV", 32, ALWAYS, |octets| {
        let _ = tlv::read_all(octets);
        let _ = tlv::find(octets, 0xdf20);
    }),
    // Eight octets make an AVP, which has 80 in memory, and a list of them that grows counts twice while it moves.
    ("Diameter message", 24, ALWAYS, |octets| {
        let _ = Header::parse(octets);
        let _ = grammar::parse_and_check(octets);
        let _ = diameter::message::session_id(octets);
    }),
    ("typed Zh and Zn messages", 24, ALWAYS, |octets| {
        let Ok(message) = Message::parse(octets) else {
            return;
        };
        let _ = (
            MultimediaAuthRequest::parse(&message),
            MultimediaAuthAnswer::parse(&message),
        );
        let _ = BootstrappingInfoRequest::parse(&message);
        let _ = BootstrappingInfoAnswer::parse(&message);
    }),
    ("digest headers", 8, ALWAYS, |octets| {
        text(octets, |t| {
            let _ = (Challenge::parse(t), Challenge::parse_all(t));
            let _ = (Credentials::parse(t), AuthenticationInfo::parse(t));
        });
    }),
    ("GUSS and USS", 32, ALWAYS, |octets| {
        let _ = (Guss::parse(octets), UssList::parse(octets));
    }),
    ("BootstrappingInfo", 4, ALWAYS, |octets| {
        let _ = BootstrappingInfo::parse(octets);
    }),
    ("B-TID, PSK identity, NAF_Id", 4, ALWAYS, |octets| {
        let _ = (
            Btid::parse(octets),
            PskIdentity::parse(octets),
            NafId::parse(octets),
        );
        let _ = hint_offers(octets, "3GPP-bootstrapping");
    }),
    ("names, realms, addresses", 4, ALWAYS, |octets| {
        text(octets, |t| {
            let _ = (t.parse::<Imsi>(), t.parse::<Impi>(), t.parse::<UaId>());
            let _ = (t.parse::<Fqdn>(), Fqdn::from_host(t), t.parse::<Url>());
            let _ = Realm3gpp::parse_list(t);
        });
    }),
    // The operator's own files. The TOML reader collects a mistake, with its place, for each octet that is one.
    ("subscribers", 160, TOML, |octets| {
        text(octets, |t| drop(Subscribers::parse(t, &mut OnlyHex, Utc(0))));
    }),
    ("rights", 160, TOML, |octets| {
        text(octets, |t| drop(Rights::parse(t)));
    }),
    ("SQN file", 8, ALWAYS, |octets| {
        let _ = decode_sqn_file(octets);
    }),
    ("TLS sniffer", 4, ALWAYS, |octets| {
        let _ = read_message(octets);
        for portion in [octets.len().max(1), 7] {
            let mut sniffer = Sniffer::new();
            for mut part in octets.chunks(portion) {
                while let Ok((taken, Some(_))) = sniffer.push(part) {
                    part = part.get(taken..).unwrap_or_default();
                }
            }
        }
    }),
    ("elementary files", 32, ALWAYS, |octets| {
        let _ = (
            GbaBp::parse(octets),
            NafRecord::parse(octets),
            DirEntry::parse(octets),
        );
        let _ = (Iccid::parse(octets), ef::imsi::parse(octets), Fcp::parse(octets));
        let _ = ServiceTable::parse(octets);
    }),
];

/// Inputs that promise much, nest deep or fall into many pieces, of some tens of thousands of octets and of few.
fn hostile() -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> = Vec::new();
    let mut add = |what: &str, octets: &[u8]| all.push((what.to_owned(), octets.to_vec()));

    // Lengths that nothing follows.
    add("TLV of 4 GiB", &[0x5a, 0x84, 0xff, 0xff, 0xff, 0xff]);
    add(
        "FCP of 4 GiB",
        &[0x62, 0x84, 0xff, 0xff, 0xff, 0xff, 0x80, 0x82, 0xff, 0xff],
    );
    add("extended APDU of 64 KiB", &[0x80, 0x88, 0, 0, 0, 0xff, 0xff, 1]);
    add("APDU that wants 64 KiB", &[0, 0xb0, 0, 0, 0, 0, 0]);
    add(
        "TLS handshake message of 16 MiB",
        &[22, 3, 3, 0, 4, 16, 0xff, 0xff, 0xff],
    );
    add(
        "TLS identity of 64 KiB",
        &[22, 3, 3, 0, 6, 16, 0, 0xff, 0xff, 0xff, 0xff],
    );
    add("GBABP with long fields", &[0xff, 0xff, 0xff, 0xff]);
    let mut head = Message::request(grammar::MULTIMEDIA_AUTH, diameter::dictionary::ZH, true).encode();
    head[1..4].copy_from_slice(&[0xff, 0xff, 0xfc]);
    add("Diameter message of 16 MiB", &head);
    let mut long = Message::request(grammar::MULTIMEDIA_AUTH, diameter::dictionary::ZH, true);
    long.avps.push(Avp::raw(263, 0, 0x40, *b"session "));
    let mut long = long.encode();
    long[25..28].copy_from_slice(&[0xff, 0xff, 0xff]);
    add("AVP of 16 MiB", &long);

    // Many pieces, and pieces within pieces.
    for size in [100, 4_000, 60_000] {
        let mut add = |what: &str, octets: Vec<u8>| add(&format!("{what}, {size}"), &octets);
        let times = |piece: &str| piece.repeat(size / piece.len());
        for octet in [0, b'0', b'a', b'[', b'=', b'"', b'.', b',', 0x7f, 0xff] {
            add(&format!("one octet {octet:02x}"), vec![octet; size]);
        }
        add("empty TLVs", [0x80, 0].repeat(size / 2));
        let mut nested = vec![0; size];
        for (i, place) in nested.chunks_exact_mut(4).enumerate() {
            let [high, low] = u16::try_from(size - 4 * i - 4).unwrap().to_be_bytes();
            place.copy_from_slice(&[0xa5, 0x82, high, low]);
        }
        add("TLVs in TLVs", nested.clone());
        let [high, low] = u16::try_from(size).unwrap().to_be_bytes();
        add(
            "FCP of many parts",
            [&[0x62, 0x82, high, low][..], &[0x8b, 0].repeat(size / 2)].concat(),
        );
        add(
            "APDU with much data",
            [&[0x80, 0xe2, 0, 0, 0, high, low][..], &vec![0x73; size]].concat(),
        );

        let with = |avps: Vec<Avp>| {
            let mut m = Message::request(grammar::MULTIMEDIA_AUTH, diameter::dictionary::ZH, true);
            m.avps = avps;
            m.encode()
        };
        add("empty AVPs", with(vec![Avp::raw(1, 0, 0, []); size / 8]));
        let items = vec![Avp::raw(612, 10415, 0xc0, []); size / 12];
        add("empty groups", with(items));
        let mut group = Avp::raw(612, 10415, 0xc0, []);
        for _ in 0..size / 12 {
            group = Avp::raw(612, 10415, 0xc0, with(vec![group])[20..].to_vec());
        }
        add("groups in groups", with(vec![group]));

        add(
            "digest parameters",
            format!("Digest {}", times("a=b,")).into_bytes(),
        );
        add(
            "digest challenges",
            times("Digest realm=\"a\", nonce=\"b\", ").into_bytes(),
        );
        add(
            "escapes",
            format!("Digest username=\"{}\"", times("\\\"")).into_bytes(),
        );
        add("realms", times("3GPP-bootstrapping@a;").into_bytes());

        let guss = |inner: String| format!("<guss id=\"a\"><ussList>{inner}</ussList></guss>").into_bytes();
        add("elements in elements", times("<a>").into_bytes());
        add("empty USS", guss(times("<uss id=\"1\" type=\"1\"/>")));
        add(
            "flags",
            guss(format!(
                "<uss id=\"1\" type=\"1\"><flags>{}</flags></uss>",
                times("<flag>1</flag>")
            )),
        );
        add(
            "UE ids",
            guss(format!(
                "<uss id=\"1\" type=\"1\"><uids>{}</uids></uss>",
                times("<uid>a</uid>")
            )),
        );
        add("attributes", format!("<guss {}/>", times("a=\"\" ")).into_bytes());
        add(
            "references",
            format!("<guss id=\"{}\"/>", times("&#x10ffff;")).into_bytes(),
        );
        add(
            "entities",
            format!("<!DOCTYPE a [{}]><a/>", times("<!ENTITY a \"&a;&a;\">")).into_bytes(),
        );
        add("comments", times("<!---->").into_bytes());

        add("TOML tables", times("[[subscriber]]\n").into_bytes());
        add("TOML rights", times("[[naf]]\n").into_bytes());
        add("TOML arrays", format!("a={}", times("[")).into_bytes());
        add("TOML inline tables", format!("a={}", times("{a=")).into_bytes());
        add("TOML elements", format!("a=[{}]", times("1,")).into_bytes());
        add("TOML dotted keys", format!("a{}=1", times(".a")).into_bytes());
        let keys: String = (0..size / 8).map(|n| format!("k{n}=1\n")).collect();
        add("TOML keys", keys.into_bytes());
        add("lines", vec![b'\n'; size]);
        add("TLS records", [22, 3, 3, 0, 1, 16].repeat(size / 6));
        add(
            "TLS messages",
            [&[22, 3, 3, 0x3f, 0xfc][..], &[14, 0, 0, 0].repeat(size / 4)].concat(),
        );
    }
    add("the example of subscribers", hss::subscribers::EXAMPLE.as_bytes());
    all
}

#[test]
fn what_is_held_grows_with_what_came_and_not_with_what_is_announced() {
    let inputs = hostile();
    LazyLock::force(&FILES);
    let mut breaches = Vec::new();
    for (name, factor, always, parse) in PARSERS {
        for (what, octets) in &inputs {
            let most = most_held(|| parse(octets));
            if most > factor * octets.len() + always {
                breaches.push(format!("{name}: {most} octets for {} of {what}", octets.len()));
            }
        }
    }
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

/// The measure itself: what is announced and allocated is seen, also where it is freed at once.
#[test]
fn an_allocation_is_seen() {
    assert_eq!(most_held(|| {}), 0);
    let announced = most_held(|| drop(std::hint::black_box(Vec::<u8>::with_capacity(1 << 24))));
    assert!(announced >= 1 << 24);
}

/// XML that grows in its reader: refused, and what it costs is bounded by what may be read at all, however long it is.
#[test]
fn row_42_a_bomb_of_xml_is_refused_within_a_megabyte() {
    type Read = fn(&[u8]) -> bool;
    let readers: [(&str, Read); 3] = [
        ("guss", |octets| Guss::parse(octets).is_err()),
        ("ussList", |octets| UssList::parse(octets).is_err()),
        ("BootstrappingInfo", |octets| {
            BootstrappingInfo::parse(octets).is_err()
        }),
    ];
    for (root, refuses) in readers {
        for (name, bomb) in tests::bombs::xml(root) {
            let mut refused = false;
            let held = most_held(|| refused = refuses(&bomb));
            assert!(refused, "{root}: {name}");
            assert!(held <= 1 << 20, "{root}: {name} held {held} octets");
        }
    }
}
