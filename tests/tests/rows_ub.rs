//! Bad input on Ub and Zh, each a row of docs/bad-input.md, against our HSS and BSF over real sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::{
    collections::HashSet,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use aka::{Algorithm as _, Amf, Auts, Rand, Sqn, auts, sqn::SqnArray};
use base::{Mono, Now, apdu};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use diameter::{Avp, Message, SessionIds, dictionary as d};
use gba::{
    digest::{Algorithm, Challenge, Qop},
    guss::UiccType,
    ids::{NafId, UaId},
    ub::client::UbError,
    zh::{MultimediaAuthAnswer, MultimediaAuthRequest, Scheme},
};
use http::{Request, Response, header};
use net::{
    accept::stop,
    http::{Bytes, Limits},
};
use tests::{
    scene::{challenge, credentials, get, signed},
    wired::{
        BSF, ByHand, IMPI, NAF, Plan, REALM, Wired, card, device, foreign_hss, from, hss, impi, listen, maa,
        milenage, origin, profile, read, res, subscriber, zh,
    },
};
use ue::{BsfAddress, DeviceError};
use uicc::{Card, CardError, software::SoftCard};

/// A SQN of the published sets, far ahead of a new subscriber's.
const AHEAD: u64 = 0x0b60_4a81_eca8;

fn auts_of(rand: &Rand, sqn_ms: u64) -> Auts {
    auts::build(&milenage(), rand, Sqn::new(sqn_ms).unwrap())
}

async fn us() -> (Wired, tests::wired::Running) {
    Wired::with_hss(subscriber(UiccType::Gba), Plan::default()).await
}

fn seq(c: &Challenge) -> u64 {
    read(c).2.seq(5)
}

#[tokio::test]
async fn row_15_one_bit_of_mac_s_moves_no_sqn_and_brings_no_vector() {
    let (wired, _hss) = us().await;
    let ue = ByHand::to(wired.ub);
    let mut c = ue.challenge().await;
    for bit in 0..64 {
        let mut octets = *auts_of(&read(&c).0, AHEAD).octets();
        octets[6 + bit / 8] ^= 1 << (bit % 8);
        let refused = ue.resynchronise(&c, &Auts::new(octets)).await;
        assert_eq!(refused.status(), 403, "bit {bit}");
        assert!(
            !refused.headers().contains_key(header::WWW_AUTHENTICATE),
            "no vector"
        );
        let next = ue.challenge().await;
        assert_eq!(seq(&next), seq(&c) + 1, "bit {bit}: the SQN after it");
        c = next;
    }
    let moved = challenge(&ue.resynchronise(&c, &auts_of(&read(&c).0, AHEAD)).await);
    assert_eq!(seq(&moved), (AHEAD >> 5) + 1);
}

/// AMF of the subscriber, of the separation bit, and any other: MAC-S is over AMF* = 0000 alone (TS 33.102 6.3.3).
#[tokio::test]
async fn row_16_auts_over_another_amf_is_refused() {
    let (wired, _hss) = us().await;
    let ue = ByHand::to(wired.ub);
    for amf in [[0x80, 0], [0, 1], [0xb9, 0xb9]] {
        let c = ue.challenge().await;
        let (rand, sqn_ms) = (read(&c).0, Sqn::new(AHEAD).unwrap());
        let mac_s = milenage().f1_star(&rand, sqn_ms, Amf::new(amf)).0;
        let auts = Auts::from_parts(sqn_ms.xor(milenage().f5_star(&rand)), mac_s);
        assert_eq!(ue.resynchronise(&c, &auts).await.status(), 403, "{amf:?}");
        assert_eq!(seq(&ue.challenge().await), seq(&c) + 1, "{amf:?}");
    }
}

/// On Zh a BSF may send any RAND; on Ub there is none to send, only the nonce of a challenge.
#[tokio::test]
async fn row_17_auts_for_a_rand_that_was_never_issued_is_refused() {
    let (address, _hss) = hss(subscriber(UiccType::Gba)).await;
    let wired = Wired::start(address, Plan::default()).await;
    let (bsf, ids) = (zh(address), SessionIds::new(origin(BSF).host, 7));
    let ask = async |resync| {
        let request = MultimediaAuthRequest {
            session_id: ids.next(),
            origin_host: origin(BSF).host,
            origin_realm: origin(BSF).realm,
            destination_realm: REALM.parse().unwrap(),
            destination_host: None,
            impi: impi(),
            public_identity: None,
            scheme: Some(Scheme::DigestAkaV1Md5),
            resync,
            guss_timestamp: None,
        };
        bsf.request(request.to_message()).await.unwrap()
    };
    let issued = |answer: &Message| match MultimediaAuthAnswer::parse(answer) {
        Ok(MultimediaAuthAnswer::Ok(ok)) => Sqn::from_octets(
            Sqn::from_octets(ok.vectors[0].autn.sqn_xor_ak()).xor(milenage().f2345(&ok.vectors[0].rand).ak),
        ),
        _ => panic!("{}", answer.summary()),
    };
    let before = issued(&ask(None).await);
    let stranger = Rand::new([0x77; 16]);
    let refused = ask(Some((stranger, auts_of(&stranger, AHEAD)))).await;
    assert_eq!(refused.result().unwrap().number(), 5012);
    assert!(refused.find(&d::SIP_AUTH_DATA_ITEM).is_none(), "no vector");
    assert_eq!(issued(&ask(None).await).seq(5), before.seq(5) + 1);

    let ue = ByHand::to(wired.ub);
    let c = ue.challenge().await;
    let mut forged = c.clone();
    forged.nonce = BASE64_STANDARD.encode([[0x77; 16], [0x77; 16]].concat());
    let again = challenge(&ue.resynchronise(&forged, &auts_of(&stranger, AHEAD)).await);
    assert_eq!(
        again.nonce, c.nonce,
        "as a first request: no AUTS went to the HSS"
    );
}

#[tokio::test]
async fn row_18_a_card_is_followed_over_the_whole_range_of_48_bits() {
    for sqn_ms in [AHEAD, 0xf1e8_a523_a36d, 0x16f3_b3f7_0fc2, 0xffff_ffff_ff00] {
        let (wired, _hss) = us().await;
        let mut profile = profile();
        let rules = profile.sqn.profile();
        profile.sqn = SqnArray::with_seq_ms(rules, &vec![sqn_ms >> 5; 1 << rules.ind_bits]).unwrap();
        let mut ue = device(SoftCard::new(profile), net::clock::now).await;
        ue.bootstrap(&wired.bsf()).await.unwrap();
        assert_eq!(ue.vectors_used(), 2, "{sqn_ms:012x}: one AUTS");
    }
}

/// Both ways out of step: the HSS was set to its beginning, or runs far ahead of the card.
#[tokio::test]
async fn row_19_in_step_after_exactly_one_auts_whoever_is_ahead() {
    for (home, card) in [(0x20, 0x7fff_ffff_0000), (0xf000_0000_0000, 0)] {
        let subscriber = subscriber(UiccType::Gba).with_first_sqn(Sqn::new(home).unwrap());
        let (wired, _hss) = Wired::with_hss(subscriber, Plan::default()).await;
        let mut profile = profile();
        let rules = profile.sqn.profile();
        profile.sqn = SqnArray::with_seq_ms(rules, &vec![card >> 5; 1 << rules.ind_bits]).unwrap();
        let mut ue = device(SoftCard::new(profile), net::clock::now).await;
        ue.bootstrap(&wired.bsf()).await.unwrap();
        assert_eq!(ue.vectors_used(), 2, "{home:012x}, {card:012x}");
        for more in 3..6 {
            ue.bootstrap(&wired.bsf()).await.unwrap();
            assert_eq!(ue.vectors_used(), more, "no further AUTS");
        }
    }
}

#[tokio::test]
async fn row_23_the_same_header_a_second_time_is_stale_from_any_address() {
    let (wired, _hss) = us().await;
    let ue = ByHand::to(wired.ub);
    let c = ue.challenge().await;
    let header = signed(credentials(&c, "/", IMPI), &res(&c));
    assert_eq!(ue.send(&header).await.status(), 200);
    let elsewhere = ByHand::over(from(Ipv4Addr::new(127, 0, 0, 2), wired.ub).await);
    for who in [&ue, &elsewhere] {
        let fresh = challenge(&who.send(&header).await);
        assert!(fresh.stale && fresh.nonce != c.nonce);
    }
    assert_eq!(sessions(&wired).await, 1);
}

async fn sessions(wired: &Wired) -> usize {
    bsf::Sessions::counts(&*wired.sessions, net::clock::now())
        .await
        .sessions
}

/// A right response under a weaker algorithm or quality than was asked for makes no session; nor does our UE give one.
#[tokio::test]
async fn row_25_neither_bsf_nor_ue_goes_down_to_a_weaker_digest() {
    let (wired, _hss) = us().await;
    let ue = ByHand::to(wired.ub);
    let downgrades: [fn(&mut gba::digest::Credentials); 6] = [
        |c| c.algorithm = Some(Algorithm::Md5),
        |c| c.algorithm = Some(Algorithm::Md5Sess),
        |c| c.qop = Some(Qop::Auth),
        |c| c.qop = None,
        |c| c.nc = None,
        |c| c.cnonce = None,
    ];
    for (number, weaken) in downgrades.iter().enumerate() {
        let c = ue.challenge().await;
        let mut weak = credentials(&c, "/", IMPI);
        weaken(&mut weak);
        let answer = ue.send(&signed(weak, &res(&c))).await;
        assert!(
            matches!(answer.status().as_u16(), 400 | 401),
            "{number}: {answer:?}"
        );
        assert_eq!(sessions(&wired).await, 0, "{number}");
    }

    // The same from the other end: a BSF, or who stands before it, offers less.
    let c = ue.challenge().await;
    let realm = format!("realm=\"{BSF}\", nonce=\"{}\"", c.nonce);
    for offer in [
        format!("Digest {realm}, algorithm=AKAv1-MD5"),
        format!("Digest {realm}, algorithm=AKAv1-MD5, qop=\"auth\""),
        format!("Digest {realm}, algorithm=MD5-sess, qop=\"auth-int\""),
        format!("Digest {realm}, algorithm=MD5, qop=\"auth-int\""),
        format!("Digest {realm}, qop=\"auth-int\""),
    ] {
        let (bsf, asked, _running) = false_bsf(offer.clone()).await;
        let mut ue = device(card(), net::clock::now).await;
        let error = ue.bootstrap(&bsf).await.unwrap_err();
        assert!(
            matches!(
                error,
                DeviceError::Bootstrap(UbError::Algorithm { .. } | UbError::Qop { .. })
            ),
            "{offer}: {error}"
        );
        assert_eq!(asked.load(Ordering::Relaxed), 1, "no answer to it: {offer}");
        assert_eq!(ue.vectors_used(), 0, "the card wasn't asked: {offer}");
    }
}

/// A BSF that answers everything with this challenge, and how often it was asked.
async fn false_bsf(offer: String) -> (BsfAddress, Arc<AtomicU64>, net::accept::Stopper) {
    let (listener, address) = listen().await;
    let asked = Arc::new(AtomicU64::new(0));
    let (stopper, stop) = stop();
    let count = Arc::clone(&asked);
    let service = move |_: Request<Bytes>, _| {
        count.fetch_add(1, Ordering::Relaxed);
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = http::StatusCode::UNAUTHORIZED;
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, offer.parse().unwrap());
        std::future::ready(response)
    };
    tokio::spawn(net::http::serve(listener, Limits::default(), service, stop));
    (BsfAddress::new(address, BSF.parse().unwrap()), asked, stopper)
}

/// A response that was got by asking the card in clear is of no use elsewhere: it names its realm and resource, and a
/// NAF wants a B-TID and its own realm (RFC 4169).
#[tokio::test]
async fn row_26_a_response_got_elsewhere_opens_nothing() {
    let (wired, _hss) = us().await;
    let ue = ByHand::to(wired.ub);
    let c = ue.challenge().await;
    let response = signed(credentials(&c, "/", IMPI), &res(&c));

    // At the NAF: it isn't the NAF's realm, and the IMPI is no B-TID.
    let naf = net::http::Client::new(wired.naf);
    let answer = naf.send(get(NAF, "/", Some(&response))).await.unwrap();
    assert_eq!(answer.status(), 403);
    // At the BSF for another resource, or under another realm.
    let bsf = net::http::Client::new(wired.ub);
    let other = bsf.send(get(BSF, "/other", Some(&response))).await.unwrap();
    assert_eq!(other.status(), 400);
    let mut foreign = credentials(&c, "/", IMPI);
    foreign.realm = "3GPP-bootstrapping@naf.m2m.example".into();
    assert_eq!(ue.send(&signed(foreign, &res(&c))).await.status(), 400);
    assert_eq!(sessions(&wired).await, 0);
    // None of it used up the challenge, which stands for its own.
    assert_eq!(ue.send(&response).await.status(), 200);

    // And a NAF's response doesn't open the BSF.
    let mut ours = device(card(), net::clock::now).await;
    let btid = ours.bootstrap(&wired.bsf()).await.unwrap().btid;
    let key = ours
        .naf_key(&NafId::new(NAF.parse().unwrap(), UaId::HTTP_DIGEST))
        .await
        .unwrap();
    let c = challenge(&naf.send(get(NAF, "/", None)).await.unwrap());
    let at_naf = signed(
        credentials(&c, "/", btid.as_str()),
        key.password().unwrap().expose(),
    );
    let before = sessions(&wired).await;
    assert_eq!(ue.send(&at_naf).await.status(), 400);
    assert_eq!(sessions(&wired).await, before);
}

/// 2G GBA isn't offered yet, so whatever has only the GSM half is refused: a vector without AUTN, a nonce without
/// AUTN, a card that answers with SRES and Kc.
#[tokio::test]
async fn row_27_an_answer_of_2g_is_refused_at_each_place() {
    let (address, _hss) = foreign_hss(|request: Message| async move {
        let mut answer = maa(&request, None);
        // RAND alone, SRES and Kc, where RAND and AUTN, XRES, CK and IK are expected.
        for avp in &mut answer.avps {
            if avp.def() == Some(&d::SIP_AUTH_DATA_ITEM) {
                let gsm = vec![
                    Avp::utf8(&d::SIP_AUTHENTICATION_SCHEME, "Digest-AKAv1-MD5"),
                    Avp::octets(&d::SIP_AUTHENTICATE, vec![0x52; 16]),
                    Avp::octets(&d::SIP_AUTHORIZATION, vec![1; 4]),
                    Avp::octets(&d::CONFIDENTIALITY_KEY, vec![2; 8]),
                ];
                *avp = Avp::group(&d::SIP_AUTH_DATA_ITEM, gsm);
            }
        }
        Some(answer)
    })
    .await;
    let wired = Wired::start(address, Plan::default()).await;
    let answer = ByHand::to(wired.ub).first().await;
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key(header::RETRY_AFTER));

    let rand_only = BASE64_STANDARD.encode([0x52; 16]);
    let offer =
        format!("Digest realm=\"{BSF}\", nonce=\"{rand_only}\", algorithm=AKAv1-MD5, qop=\"auth-int\"");
    let (bsf, asked, _running) = false_bsf(offer).await;
    let mut ue = device(card(), net::clock::now).await;
    let error = ue.bootstrap(&bsf).await.unwrap_err();
    assert!(error.to_string().contains("32 octets"), "{error}");
    assert_eq!((asked.load(Ordering::Relaxed), ue.vectors_used()), (1, 0));

    let (wired, _hss) = us().await;
    let mut ue = device(Gsm(card()), net::clock::now).await;
    let error = ue.bootstrap(&wired.bsf()).await.unwrap_err();
    assert!(ue.bootstrapped().is_none(), "{error}");
    assert_eq!(sessions(&wired).await, 0);
}

/// A card that authenticates as in GSM, whatever it is asked.
struct Gsm(SoftCard);

impl Card for Gsm {
    fn transmit(&mut self, command: &apdu::Command) -> Result<apdu::Response, CardError> {
        let response = self.0.transmit(command)?;
        if command.ins != 0x88 || response.data().is_empty() {
            return Ok(response);
        }
        let sres_and_kc = [&[4][..], &[1; 4], &[8], &[2; 8]].concat();
        Ok(apdu::Response::new(sres_and_kc, response.sw))
    }
}

/// Whoever sees the B-TIDs of one subscriber finds nothing that ties one to another: no part of them is the same, and
/// their bits differ as those of random octets do.
#[tokio::test]
async fn row_31_nothing_links_two_b_tids_of_one_subscriber() {
    let (wired, _hss) = us().await;
    let mut ue = device(card(), net::clock::now).await;
    let mut seen: Vec<Vec<u8>> = Vec::new();
    let mut opaque = HashSet::new();
    for _ in 0..16 {
        let btid = ue.bootstrap(&wired.bsf()).await.unwrap().btid;
        let (local, bsf) = btid.as_str().split_once('@').unwrap();
        assert_eq!(bsf, BSF);
        assert!(!local.contains("001010123456789"));
        let octets = BASE64_STANDARD.decode(local).unwrap();
        for other in &seen {
            let differ: u32 = other.iter().zip(&octets).map(|(a, b)| (a ^ b).count_ones()).sum();
            // Of 128 random bits 64 differ; less than 24 or more than 104 is a chance of 10^-12.
            assert!((24..=104).contains(&differ), "{differ} bits");
            let runs = other.windows(4).any(|run| octets.windows(4).any(|w| w == run));
            assert!(!runs, "four octets are the same");
        }
        seen.push(octets);
        let c = ByHand::to(wired.ub).challenge().await;
        assert!(opaque.insert(c.opaque.unwrap()), "opaque tells them apart");
    }
}

/// What an HSS may send as a GUSS: each is refused before it grows, the UE is told to come back, and the next one,
/// which is in order, is used. What they may cost is counted in `allocation.rs`.
#[tokio::test]
async fn row_42_a_guss_that_is_a_bomb_is_refused_and_the_next_one_is_used() {
    let bombs = tests::bombs::xml("guss");
    let all = bombs.len();
    let next = Arc::new(Mutex::new(bombs.into_iter()));
    let (address, _hss) = foreign_hss(move |request: Message| {
        let bomb = next.lock().unwrap().next();
        async move {
            let guss = bomb.map_or_else(|| b"<guss/>".to_vec(), |(_, octets)| octets);
            Some(maa(&request, Some(guss)))
        }
    })
    .await;
    let wired = Wired::start(address, Plan::default()).await;
    let ue = ByHand::to(wired.ub);
    for number in 0..all {
        assert_eq!(ue.first().await.status(), 503, "bomb {number}");
    }
    let c = ue.challenge().await;
    assert_eq!(ue.respond(&c, &res(&c)).await.status(), 200);
}

/// The HSS goes in the middle of a request: 503 with Retry-After as a problem that programs read, and those who were
/// refused together are not all told the same time.
#[tokio::test]
async fn row_49_an_hss_that_goes_in_the_middle_is_503_and_not_all_come_back_at_once() {
    let (asked, mut came) = tokio::sync::mpsc::unbounded_channel();
    let (address, hss) = foreign_hss(move |_| {
        let asked = asked.clone();
        async move {
            asked.send(()).unwrap();
            std::future::pending().await
        }
    })
    .await;
    let wired = Wired::start(address, Plan::default()).await;
    let mut waiting = tokio::task::JoinSet::new();
    for n in 0..32 {
        let mut ue = ByHand::to(wired.ub);
        ue.impi = IMPI.replace("456789", &format!("{n:06}"));
        waiting.spawn(async move { ue.first().await });
    }
    for _ in 0..32 {
        came.recv().await.unwrap();
    }
    hss.stop().await;
    let mut told = HashSet::new();
    while let Some(answer) = waiting.join_next().await {
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json");
        let problem: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(problem["status"], 503);
        assert!(problem["detail"].as_str().unwrap().contains("HSS"), "{problem}");
        let after: u64 = answer.headers()[header::RETRY_AFTER]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((5..10).contains(&after), "{after}");
        told.insert(after);
    }
    assert!(told.len() > 1, "all come back at once: {told:?}");
}

static UTC: AtomicU64 = AtomicU64::new(DAY);
static MONO: AtomicU64 = AtomicU64::new(1000);
const DAY: u64 = 24 * 3600;

/// UTC goes where it is set; the monotonic clock only on.
fn jumping() -> Now {
    Now {
        mono: Mono(MONO.load(Ordering::SeqCst) * 1_000_000_000),
        utc: base::Utc(1_800_000_000 + i64::try_from(UTC.load(Ordering::SeqCst)).unwrap()),
    }
}

/// Set back by a day, by a leap second, or put on by a day: what has ended stays ended at device, BSF and NAF, and
/// what goes on works.
#[tokio::test]
async fn row_53_a_clock_that_jumps_revives_nothing() {
    let plan = Plan {
        clock: jumping,
        ..Plan::default()
    };
    let (wired, _hss) = Wired::with_hss(subscriber(UiccType::Gba), plan).await;
    let mut ue = device(card(), jumping).await;
    let mut client = wired.client();
    let url: gba::ua::Url = format!("http://{NAF}/").parse().unwrap();
    let ask = || gba::ua::client::UaRequest::get(url.clone());
    assert_eq!(client.fetch(&mut ue, ask()).await.unwrap().status, 200);
    let old = ue.btid().unwrap().clone();
    let naf_id = NafId::new(NAF.parse().unwrap(), UaId::HTTP_DIGEST);
    let key = ue.naf_key(&naf_id).await.unwrap();

    // A leap second, and a day back: the session lives, and no longer than it would have.
    for back in [1, DAY] {
        UTC.store(DAY - back, Ordering::SeqCst);
        assert_eq!(client.fetch(&mut ue, ask()).await.unwrap().status, 200);
        assert_eq!(*ue.btid().unwrap(), old);
    }
    MONO.fetch_add(3601, Ordering::SeqCst);
    assert!(ue.bootstrapped().is_none(), "the device's");
    let naf = net::http::Client::new(wired.naf);
    let c = challenge(&naf.send(get(NAF, "/", None)).await.unwrap());
    let header = signed(
        credentials(&c, "/", old.as_str()),
        key.password().unwrap().expose(),
    );
    let answer = naf.send(get(NAF, "/", Some(&header))).await.unwrap();
    let _ = challenge(&answer);
    assert!(
        String::from_utf8_lossy(answer.body()).contains("bootstrap again"),
        "the NAF's, which had kept it"
    );
    assert_eq!(sessions_at(&wired, jumping()).await, 0, "the BSF's");

    // A day on: what the clock has passed is over, and coming back doesn't bring it back once it was seen so.
    UTC.store(DAY, Ordering::SeqCst);
    assert_eq!(client.fetch(&mut ue, ask()).await.unwrap().status, 200);
    let second = ue.btid().unwrap().clone();
    assert_ne!(second, old);
    UTC.store(2 * DAY, Ordering::SeqCst);
    assert!(ue.bootstrapped().is_none());
    let found = bsf::Sessions::find(&*wired.sessions, &second, jumping()).await;
    assert!(found.is_none());
    UTC.store(DAY, Ordering::SeqCst);
    assert!(ue.bootstrapped().is_none());
    assert!(
        bsf::Sessions::find(&*wired.sessions, &second, jumping())
            .await
            .is_none()
    );
    assert_eq!(client.fetch(&mut ue, ask()).await.unwrap().status, 200);
}

async fn sessions_at(wired: &Wired, now: Now) -> usize {
    bsf::Sessions::counts(&*wired.sessions, now).await.sessions
}
