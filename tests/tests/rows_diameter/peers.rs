//! Who speaks out of turn, or in another's name.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use bsf::{ZhSource, sources::VectorSource as _};
use diameter::{Message, dictionary as d, peer::Timers};
use naf::{KeySource as _, Route, ZnClient, zn::ZnConfig};
use net::{
    diameter::{Client, Config, Role, Rule},
    tap::{Incident, SharedTap},
};
use tokio::net::TcpListener;

use crate::{names::Log, raw::*, stage::*};

#[tokio::test]
async fn row_04_a_cer_with_64_origin_hosts_is_5009() {
    for element in Element::both().await {
        let mut avps = capabilities(element.peer, element.application);
        avps.extend(vec![avp(264, element.peer); 63]);
        let mut peer = Peer::connect(element.address).await;
        let cea = peer.ask(message(OWN, CER, BASE, &avps)).await;
        assert_result(&cea, 5009, 264, element.name);
        assert!(peer.rest().await.is_empty());
        assert_eq!(element.incidents.take(), [Incident::PeerRefused]);
        element.still_serves("64 names").await;
    }
}

#[tokio::test]
async fn row_05_a_cer_with_a_broken_application_id_is_answered_with_5xxx() {
    let vendor = avp(266, TGPP.to_be_bytes());
    let zh = avp(258, d::ZH.to_be_bytes());
    let broken: [(Vec<u8>, u32, u32); 8] = [
        // Nothing in it, one of the two missing, one twice.
        (Vec::new(), 5005, 266),
        (vendor.clone(), 5005, 258),
        (zh.clone(), 5005, 266),
        ([&*vendor, &zh, &zh].concat(), 5009, 258),
        // No AVPs in it, half of one, and ones of no length.
        (b"no group".to_vec(), 5014, 0x6e6f_2067),
        (vendor[..6].to_vec(), 5014, 0),
        ([&*vendor, &with_length(zh.clone(), 0)].concat(), 5014, 258),
        ([&*vendor, &avp(258, [1, 0])].concat(), 5014, 258),
    ];
    for element in Element::both().await {
        let good = capabilities(element.peer, element.application);
        for (group, code, failed) in &broken {
            let what = format!("{} {group:02x?}", element.name);
            let avps = replace(&good, 260, avp(260, group));
            let mut peer = Peer::connect(element.address).await;
            let cea = peer.ask(message(OWN, CER, BASE, &avps)).await;
            assert_result(&cea, *code, *failed, &what);
            assert!(peer.rest().await.is_empty(), "{what}");
        }
        // Whole, but of an application that isn't served.
        let avps = replace(&good, 260, application(16_777_216));
        let mut peer = Peer::connect(element.address).await;
        let cea = peer.ask(message(OWN, CER, BASE, &avps)).await;
        assert_result(&cea, 5010, 0, element.name);
        element.still_serves("broken applications").await;
    }
}

/// The side that is called: answers to it have nothing that they could answer.
#[tokio::test]
async fn row_06_an_answer_that_nothing_asked_for_is_dropped_and_counted() {
    for element in Element::both().await {
        let mut peer = element.open().await;
        let mut answer = vec![avp(268, 2001_u32.to_be_bytes())];
        answer.extend(origin(element.peer));
        let unasked = [
            message(0x40, element.command, element.application, &answer),
            message(0x40, 999, element.application, &answer),
            message(0, DWR, BASE, &answer),
            message(0, CER, BASE, &capabilities(element.peer, element.application)),
            message(0, DPR, BASE, &answer),
            // An error, and one without any AVP.
            message(0x20, element.command, element.application, &answer),
            message(0, DWR, BASE, &[]),
        ];
        for octets in &unasked {
            peer.send(octets).await;
        }
        let answer = peer.ask(element.request(&element.good)).await;
        assert_result(&answer, 2001, 0, element.name);
        assert_eq!(
            element.incidents.take(),
            [Incident::UnaskedAnswer; 7],
            "{}",
            element.name
        );
        element.still_serves("answers").await;
    }
}

/// The side that calls: its peer is what a test makes it. Accepts one connection and answers the CER.
pub(crate) async fn accept(listener: &TcpListener, host: &str, id: u32) -> Peer {
    let mut peer = Peer::of(listener.accept().await.unwrap().0);
    let cer = peer.read().await;
    peer.send(reply(
        &cer,
        &[vec![avp(268, 2001_u32.to_be_bytes())], capabilities(host, id)].concat(),
    ))
    .await;
    peer
}

/// An answer with the identifiers of a request.
pub(crate) fn reply(request: &Message, avps: &[Vec<u8>]) -> Vec<u8> {
    let mut octets = message(request.flags & 0x40, request.command, request.application, avps);
    octets[12..16].copy_from_slice(&request.hop_by_hop.to_be_bytes());
    octets[16..20].copy_from_slice(&request.end_to_end.to_be_bytes());
    octets
}

/// The same octets with one bit of the hop-by-hop (12) or end-to-end identifier (16), or of the command (7), flipped.
fn flipped(octets: &[u8], at: usize) -> Vec<u8> {
    let mut octets = octets.to_vec();
    octets[at] ^= 1;
    octets
}

pub(crate) fn client(
    listener: &TcpListener,
    us: &str,
    them: &str,
    id: u32,
    timers: Timers,
) -> (Client, Arc<Incidents>) {
    let rule = Rule {
        host: them.parse().unwrap(),
        role: Role::Hss,
    };
    let incidents = Arc::new(Incidents::default());
    let mut config = Config::new(origin_of(us), vec![id], vec![rule]);
    config.tap = Arc::clone(&incidents) as SharedTap;
    config.limits.timers = timers;
    let address = listener.local_addr().unwrap().to_string();
    (Client::connect(address, config), incidents)
}

#[tokio::test]
async fn row_06_a_bsf_takes_from_an_hss_only_the_answer_to_its_question() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (zh, incidents) = client(&listener, BSF, HSS, d::ZH, Timers::default());
    let source = ZhSource::new(zh.clone(), origin_of(BSF), REALM.parse().unwrap());
    let maa = |rand: u8| {
        let item = avp_of(609, TGPP, [[rand; 16], [2; 16]].concat());
        let item = [
            item,
            avp_of(610, TGPP, [3; 8]),
            avp_of(625, TGPP, [4; 16]),
            avp_of(626, TGPP, [5; 16]),
        ];
        let mut avps = vec![avp(268, 2001_u32.to_be_bytes())];
        avps.extend(origin(HSS));
        avps.extend([avp(1, IMPI), avp_of(612, TGPP, item.concat())]);
        avps
    };
    let hss = async {
        let mut bsf = accept(&listener, HSS, d::ZH).await;
        let mar = bsf.read().await;
        let (right, wrong) = (reply(&mar, &maa(1)), reply(&mar, &maa(9)));
        let mut error = wrong.clone();
        error[4] |= 0x20;
        for octets in [
            flipped(&wrong, 12),
            flipped(&wrong, 16),
            flipped(&wrong, 7),
            flipped(&error, 19),
            right.clone(),
            right,
            wrong,
        ] {
            bsf.send(octets).await;
        }
        bsf
    };
    let impi = IMPI.parse().unwrap();
    let (obtained, mut bsf) = tokio::join!(source.fetch(&impi, None), hss);
    assert_eq!(obtained.unwrap().vector.rand, aka::Rand::new([1; 16]));
    // Its goodbye comes after all that was sent has been read.
    let goodbye = async {
        let dpr = bsf.read().await;
        assert_eq!(dpr.command, DPR);
        bsf.send(reply(&dpr, &[avp(268, 2001_u32.to_be_bytes())])).await;
    };
    tokio::join!(zh.close(), goodbye);
    assert_eq!(incidents.take(), [Incident::UnaskedAnswer; 6]);
}

#[tokio::test]
async fn row_06_a_naf_takes_from_a_bsf_only_the_answer_to_its_question() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (transport, _) = client(&listener, NAF, BSF, d::ZN, Timers::default());
    let route = Route {
        domain: None,
        realm: REALM.parse().unwrap(),
        host: None,
        transport,
    };
    let zn = ZnClient::new(ZnConfig::new(origin_of(NAF)), 1, vec![route]);
    let bsf = async {
        let mut naf = accept(&listener, BSF, d::ZN).await;
        let bir = naf.read().await;
        let later = u32::MAX.to_be_bytes();
        let mut bia = vec![avp(268, 2001_u32.to_be_bytes())];
        bia.extend(origin(BSF));
        bia.extend([
            avp_of(405, TGPP, [9; 32]),
            avp_of(404, TGPP, later),
            avp_of(408, TGPP, later),
        ]);
        let key = reply(&bir, &bia);
        let mut refusal = vec![avp(268, 5012_u32.to_be_bytes())];
        refusal.extend(origin(BSF));
        // A key for another question, then the refusal of this one.
        for octets in [
            flipped(&key, 12),
            flipped(&key, 16),
            flipped(&key, 7),
            reply(&bir, &refusal),
        ] {
            naf.send(octets).await;
        }
        naf
    };
    let id = gba::ids::NafId::parse(&naf_id(SERVICE)).unwrap();
    let btid = btid();
    let (key, _naf) = tokio::join!(zn.key(&btid, &id), bsf);
    assert!(key.is_err());
}

/// A peer that answers each watchdog request with a wrong end-to-end identifier hasn't answered: it is given up.
#[tokio::test]
async fn row_06_a_dwa_with_a_wrong_end_to_end_identifier_is_no_answer() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let timers = Timers {
        watchdog: Duration::from_millis(60),
        ..Timers::default()
    };
    let (zh, incidents) = client(&listener, BSF, HSS, d::ZH, timers);
    let mut avps = vec![avp(268, 2001_u32.to_be_bytes())];
    avps.extend(origin(HSS));
    let mut bsf = accept(&listener, HSS, d::ZH).await;
    for at in [19, 12] {
        let dwr = bsf.read().await;
        assert_eq!(dwr.command, DWR);
        bsf.send(flipped(&reply(&dwr, &avps), at)).await;
        assert!(bsf.rest().await.is_empty(), "given up without a word");
        assert_eq!(incidents.take(), [Incident::UnaskedAnswer]);
        bsf = accept(&listener, HSS, d::ZH).await;
    }
    // The right one keeps the connection.
    for _ in 0..3 {
        let dwr = bsf.read().await;
        assert_eq!(dwr.command, DWR);
        bsf.send(reply(&dwr, &avps)).await;
    }
    assert!(zh.is_open() && incidents.take().is_empty());
}

#[tokio::test]
async fn row_07_a_request_without_realm_or_with_a_wrong_flag_is_3xxx_or_5005() {
    for element in Element::both().await {
        let mut peer = element.open().await;
        let good = &element.good;
        let (app, command) = (element.application, element.command);
        let elsewhere = replace(good, 283, avp(283, "elsewhere.test"));
        let mut other_host = good.clone();
        other_host.push(avp(293, "other.home.test"));
        let own = origin(element.peer);
        let requests = [
            (
                "without Destination-Realm",
                PROXIABLE,
                command,
                app,
                without(good, 283),
                5005,
                283,
            ),
            (
                "without Origin-Realm",
                PROXIABLE,
                command,
                app,
                without(good, 296),
                5005,
                296,
            ),
            ("for another realm", PROXIABLE, command, app, elsewhere, 3003, 0),
            ("for another host", PROXIABLE, command, app, other_host, 3002, 0),
            ("without the P flag", OWN, command, app, good.clone(), 3008, 0),
            (
                "with the E flag",
                PROXIABLE | 0x20,
                command,
                app,
                good.clone(),
                3008,
                0,
            ),
            ("DWR with the P flag", PROXIABLE, DWR, BASE, own.to_vec(), 3008, 0),
            (
                "a command that is none",
                PROXIABLE,
                999,
                app,
                good.clone(),
                3001,
                0,
            ),
            (
                "the other application",
                PROXIABLE,
                command,
                app ^ 1,
                good.clone(),
                3007,
                0,
            ),
            (
                "a base command that is none",
                OWN,
                999,
                BASE,
                own.to_vec(),
                3001,
                0,
            ),
        ];
        for (what, flags, command, app, avps, code, failed) in requests {
            let answer = peer.ask(message(flags, command, app, &avps)).await;
            let what = format!("{} {what}", element.name);
            assert_result(&answer, code, failed, &what);
            assert_eq!(answer.flags & 0x40, flags & 0x40, "{what}: the P flag is copied");
        }
        element.still_serves("wrong flags").await;
    }
}

/// Who only asks serves nobody, and goes on asking.
#[tokio::test]
async fn row_07_a_request_to_who_only_asks_is_3001() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (zh, _) = client(&listener, BSF, HSS, d::ZH, Timers::default());
    let mut bsf = accept(&listener, HSS, d::ZH).await;
    let own = origin(HSS).to_vec();
    for (command, app, flags) in [(MAR, d::ZH, PROXIABLE), (BIR, d::ZN, PROXIABLE), (999, BASE, OWN)] {
        let answer = bsf.ask(message(flags, command, app, &own)).await;
        assert_eq!(answer.command, command);
        assert!(answer.is_error() && answer.find(&d::SIP_AUTH_DATA_ITEM).is_none());
        let expected = if app == d::ZN { 3007 } else { 3001 };
        assert_result(&answer, expected, 0, &format!("command {command}"));
    }
    assert!(zh.is_open());
}

/// Who may not have a vector or a key gets none, and somebody is told: a warning, and a count of its kind.
#[tokio::test]
async fn row_13_who_is_no_registered_peer_gets_nothing_and_an_alarm_is_raised() {
    let (log, _guard) = Log::begin();
    for element in Element::both().await {
        let alarm = |incident, words: &str| {
            let said = log.take();
            let warned = said
                .lines()
                .any(|line| line.contains(" WARN ") && line.contains(words));
            assert!(warned, "{} {words}: {said}", element.name);
            assert_eq!(element.incidents.take(), [incident], "{} {words}", element.name);
        };
        // Nobody whom it knows.
        let mut stranger = Peer::connect(element.address).await;
        let cer = message(
            OWN,
            CER,
            BASE,
            &capabilities("stranger.home.test", element.application),
        );
        assert_result(&stranger.ask(cer).await, 3010, 0, element.name);
        assert!(stranger.rest().await.is_empty());
        alarm(Incident::PeerRefused, "stranger.home.test");

        // A peer in the name of another one that may have it, and in that of nobody.
        let mut peer = element.open().await;
        for name in ["bsf2.home.test", "naf2.home.test", "nobody.home.test"] {
            let avps = replace(&element.good, 264, avp(264, name));
            let answer = peer.ask(element.request(&avps)).await;
            assert_result(&answer, 3010, 0, element.name);
            assert!(
                answer.find(&d::SIP_AUTH_DATA_ITEM).is_none() && answer.find(&d::ME_KEY_MATERIAL).is_none()
            );
            alarm(Incident::ForeignName, name);
        }

        // An agent that asks for itself: connected and known, but no BSF and no NAF.
        let mut relay = element.open_as(RELAY).await;
        let avps = replace(&element.good, 264, avp(264, RELAY));
        let answer = relay.ask(element.request(&avps)).await;
        let code = if element.command == MAR { 5003 } else { 5402 };
        assert_result(&answer, code, 0, element.name);
        alarm(Incident::NotAllowed, RELAY);
        // For those whom it may speak for it does.
        let answer = relay.ask(element.request(&element.good)).await;
        assert_result(&answer, 2001, 0, element.name);
        assert!(!log.take().contains(" WARN ") && element.incidents.take().is_empty());
    }
}

/// The same octets in one piece, in several and octet by octet are the same messages; and whoever leaves in the middle of
/// one leaves nothing behind.
#[tokio::test]
async fn messages_in_pieces_are_read_alike_and_half_ones_harm_nobody() {
    for element in Element::both().await {
        let cer = message(OWN, CER, BASE, &capabilities(element.peer, element.application));
        let mut faulty = element.good.clone();
        faulty.push(with_length(avp(1, IMPI), 3));
        let stream = [
            cer,
            message(OWN, DWR, BASE, &origin(element.peer)),
            element.request(&faulty),
            element.request(&element.good),
        ]
        .concat();
        for size in [1, 3, 19, 20, 21, stream.len()] {
            let mut peer = Peer::connect(element.address).await;
            for piece in stream.chunks(size) {
                peer.send(piece).await;
            }
            for (command, code) in [
                (CER, 2001),
                (DWR, 2001),
                (element.command, 5014),
                (element.command, 2001),
            ] {
                let answer = peer.read().await;
                let got = (answer.command, answer.result().unwrap().number());
                assert_eq!(got, (command, code), "{} in pieces of {size}", element.name);
            }
        }
        element.incidents.take();
        for cut in (1..stream.len()).step_by(5) {
            let mut peer = Peer::connect(element.address).await;
            peer.send(&stream[..cut]).await;
            drop(peer);
        }
        element.still_serves("half messages").await;
        // Half a message is none: what is counted is only the faulty one, where all of it came.
        let counted = element.incidents.take();
        assert!(
            counted.iter().all(|one| *one == Incident::Malformed),
            "{counted:?}"
        );
    }
}
