//! Bad input on Ua and Zn, each a row of docs/bad-input.md, against our BSF and NAF over real sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use base::Secret;
use diameter::{Identity, SessionIds, dictionary as d};
use gba::{
    digest::Challenge,
    guss::UiccType,
    ids::{Btid, Fqdn, NafId, UaId},
    keys::{KeyKind, Ks, KsNaf},
    ua::client::{UaError, UaRequest},
    zn::{BootstrappingInfoAnswer, BootstrappingInfoRequest},
};
use http::{Request, Response, StatusCode, header};
use net::{
    accept::stop,
    http::{Bytes, Client as Http, Limits},
};
use tests::{
    scene::{challenge, credentials, get, signed},
    wired::{
        BSF, NAF, Plan, REALM, Running, Wired, card, device, from, impi, listen, origin, profile, subscriber,
        zn,
    },
};
use ue::{Client, ClientError, Device};
use uicc::software::SoftCard;

async fn wired(plan: Plan) -> (Wired, Running, Device) {
    let (wired, hss) = Wired::with_hss(subscriber(UiccType::Gba), plan).await;
    let mut ue = device(card(), net::clock::now).await;
    ue.bootstrap(&wired.bsf()).await.unwrap();
    (wired, hss, ue)
}

async fn key(ue: &mut Device, host: &str, ua: UaId) -> KsNaf {
    let naf_id = NafId::new(host.parse().unwrap(), ua);
    ue.naf_key(&naf_id).await.unwrap()
}

fn page(host: &str) -> UaRequest {
    UaRequest::get(format!("http://{host}/").parse().unwrap())
}

fn bir(ids: &SessionIds, btid: &Btid, naf_id: NafId, aware: bool) -> diameter::Message {
    BootstrappingInfoRequest {
        session_id: ids.next(),
        origin_host: NAF.parse().unwrap(),
        origin_realm: REALM.parse().unwrap(),
        destination_realm: REALM.parse().unwrap(),
        destination_host: None,
        btid: btid.clone(),
        naf_id,
        gba_u_aware: aware,
        service_ids: Vec::new(),
    }
    .to_message()
}

/// A name of somebody else, one below or above its own, and its own with another Ua id than it has.
#[tokio::test]
async fn row_14_a_naf_gets_no_key_under_a_name_that_it_does_not_own() {
    let (wired, _hss, ue) = wired(Plan::default()).await;
    let btid = ue.btid().unwrap().clone();
    let (naf, host) = (zn(wired.zn), NAF.parse::<Identity>().unwrap());
    let ids = SessionIds::new(host, 1);
    for (name, ua) in [
        ("bank.example", UaId::HTTP_DIGEST),
        ("x.naf.m2m.example", UaId::HTTP_DIGEST),
        ("m2m.example", UaId::HTTP_DIGEST),
        (NAF, UaId::new([1, 0, 0, 0, 1])),
    ] {
        let naf_id = NafId::new(name.parse().unwrap(), ua);
        let answer = naf.request(bir(&ids, &btid, naf_id, true)).await.unwrap();
        assert_eq!(answer.result().unwrap().number(), 5402, "{name}");
        for key in [&d::ME_KEY_MATERIAL, &d::UICC_KEY_MATERIAL] {
            assert!(answer.find(key).is_none(), "{name}: a key");
        }
    }
    let own = NafId::new(NAF.parse().unwrap(), UaId::HTTP_DIGEST);
    let answer = naf.request(bir(&ids, &btid, own, true)).await.unwrap();
    assert!(answer.find(&d::ME_KEY_MATERIAL).is_some(), "its own works");
}

/// A NAF by hand, for a device that has its key.
struct ByHand {
    http: Http,
    btid: Btid,
    key: KsNaf,
}

impl ByHand {
    async fn new(naf: std::net::SocketAddr, ue: &mut Device) -> Self {
        Self {
            http: Http::new(naf),
            btid: ue.btid().unwrap().clone(),
            key: key(ue, NAF, UaId::HTTP_DIGEST).await,
        }
    }

    async fn challenge(&self) -> Challenge {
        challenge(&self.http.send(get(NAF, "/", None)).await.unwrap())
    }

    fn header(&self, c: &Challenge, count: u32) -> String {
        let mut out = credentials(c, "/", self.btid.as_str());
        out.nc = Some(format!("{count:08x}"));
        signed(out, self.key.password().unwrap().expose())
    }

    async fn send(&self, header: &str) -> Response<Bytes> {
        self.http.send(get(NAF, "/", Some(header))).await.unwrap()
    }

    /// The status for a count.
    async fn count(&self, c: &Challenge, count: u32) -> u16 {
        let answer = self.send(&self.header(c, count)).await;
        if answer.status() == 401 {
            assert!(challenge(&answer).stale, "nothing is wrong but the count");
        }
        answer.status().as_u16()
    }
}

#[tokio::test]
async fn row_23_the_same_header_a_second_time_is_stale_at_a_naf_from_any_address() {
    let (wired, _hss, mut ue) = wired(Plan::default()).await;
    let mut ue = ByHand::new(wired.naf, &mut ue).await;
    let c = ue.challenge().await;
    let header = ue.header(&c, 1);
    assert_eq!(ue.send(&header).await.status(), 200);
    for address in [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 2)] {
        ue.http = from(address, wired.naf).await;
        let fresh = challenge(&ue.send(&header).await);
        assert!(fresh.stale && fresh.nonce != c.nonce);
        // Whoever has the key goes on with the new nonce.
        assert_eq!(ue.count(&fresh, 1).await, 200);
    }
}

/// Strictly rising by default; with a window those in it come in any order. A count is taken once, and a jump locks
/// nobody out: a new nonce comes with the refusal.
#[tokio::test]
async fn row_24_each_nonce_count_is_taken_once_and_a_jump_locks_nobody_out() {
    let (strict, _hss, mut device) = wired(Plan::default()).await;
    let ue = ByHand::new(strict.naf, &mut device).await;
    let c = ue.challenge().await;
    for (count, status) in [(1, 200), (0xffff, 200), (2, 401), (0xffff, 401), (0x1_0000, 200)] {
        assert_eq!(ue.count(&c, count).await, status, "nc {count:x}");
    }
    let fresh = challenge(&ue.send(&ue.header(&c, 3)).await);
    assert_eq!(ue.count(&fresh, 1).await, 200, "the way on");

    let mut plan = Plan::default();
    plan.ua.nonce_count_window = 16;
    let (window, _hss, mut device) = wired(plan).await;
    let ue = ByHand::new(window.naf, &mut device).await;
    let c = ue.challenge().await;
    for (count, status) in [
        (20, 200),
        (18, 200),
        (19, 200),
        (5, 200),
        (4, 401),
        (18, 401),
        (5, 401),
        (u32::MAX, 200),
        (20, 401),
        (u32::MAX - 15, 200),
        (u32::MAX - 16, 401),
        (u32::MAX - 15, 401),
        (u32::MAX, 401),
    ] {
        assert_eq!(
            ue.count(&c, count).await,
            status,
            "nc {count:x} in a window of 16"
        );
    }
    assert_eq!(ue.count(&ue.challenge().await, 1).await, 200);
}

/// The two keys of GBA_U and the one of GBA_ME have nothing in common, though made of the same Ks, and a NAF that
/// wants the card's own gets neither of the others.
#[tokio::test]
async fn row_28_who_wants_a_key_of_the_card_gets_no_other() {
    let (wired, _hss) = Wired::with_hss(subscriber(UiccType::GbaU), Plan::default()).await;
    let mut ue = device(SoftCard::new(profile().with_gba_u()), net::clock::now).await;
    ue.bootstrap(&wired.bsf()).await.unwrap();
    let naf_id = NafId::new(NAF.parse().unwrap(), UaId::HTTP_DIGEST);
    let ids = SessionIds::new(NAF.parse().unwrap(), 1);
    let naf = zn(wired.zn);
    let answer = naf.request(bir(&ids, ue.btid().unwrap(), naf_id.clone(), true));
    let Ok(BootstrappingInfoAnswer::Ok(info)) = BootstrappingInfoAnswer::parse(&answer.await.unwrap()) else {
        panic!("no keys")
    };
    let (ext, int) = (info.me_key, info.uicc_key.unwrap());
    assert!(!ext.ct_eq(&int));
    let of_device = key(&mut ue, NAF, UaId::HTTP_DIGEST).await;
    assert_eq!(of_device.kind(), KeyKind::Ext);
    assert!(of_device.key_for(&UaId::HTTP_DIGEST).unwrap().ct_eq(&ext));
    // "gba-me" and "gba-u" over one Ks, whatever Ks is.
    for octet in 0..=255 {
        let ks = Ks::new(Secret::new([octet; 32]));
        let octets = |kind| {
            let key = ks.naf_key(kind, &aka::Rand::new([octet; 16]), &impi(), &naf_id);
            key.key_for(&naf_id.ua()).unwrap().duplicate()
        };
        for of_terminal in [KeyKind::Me, KeyKind::Ext] {
            assert!(!octets(of_terminal).ct_eq(&octets(KeyKind::Int)), "{octet}");
        }
    }

    // A NAF whose realm asks for the card's key: no credentials go out, whatever the mode.
    for mut ue in [ue, device(card(), net::clock::now).await] {
        let asked = Arc::new(AtomicU64::new(0));
        let (address, _stopper) = demanding(Arc::clone(&asked)).await;
        let mut client = Client::new(wired.bsf()).with_resolver(move |_, _| address.to_string());
        let refused = client.fetch(&mut ue, page(NAF)).await;
        assert!(
            matches!(refused, Err(ClientError::Ua(UaError::NeedsKsInt))),
            "{refused:?}"
        );
        assert_eq!(
            asked.load(Ordering::Relaxed),
            1,
            "no second request, so no credentials"
        );
    }
}

/// A NAF that wants Ks_int_NAF, and counts how often it is asked.
async fn demanding(asked: Arc<AtomicU64>) -> (std::net::SocketAddr, net::accept::Stopper) {
    let (listener, address) = listen().await;
    let (stopper, stop) = stop();
    let service = move |request: Request<Bytes>, _| {
        asked.fetch_add(1, Ordering::Relaxed);
        assert!(!request.headers().contains_key(header::AUTHORIZATION));
        let offer = format!(
            "Digest realm=\"3GPP-bootstrapping-uicc@{NAF}\", nonce=\"n\", algorithm=MD5, qop=\"auth-int\""
        );
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, offer.parse().unwrap());
        std::future::ready(response)
    };
    tokio::spawn(net::http::serve(listener, Limits::default(), service, stop));
    (address, stopper)
}

#[tokio::test]
async fn row_29_another_ua_id_is_another_key_and_another_case_is_the_same_name() {
    let (wired, _hss, mut ue) = wired(Plan::default()).await;
    let mut by_hand = ByHand::new(wired.naf, &mut ue).await;
    for ua in [UaId::tls(0xae), UaId::new([1, 0, 0, 0, 1]), UaId::new([0; 5])] {
        let other = key(&mut ue, NAF, ua).await;
        // As if it were the right one: only the octets go into the digest.
        let octets = other.key_for(&ua).unwrap().duplicate();
        let own = NafId::new(NAF.parse().unwrap(), UaId::HTTP_DIGEST);
        by_hand.key = KsNaf::from_parts(octets, own, KeyKind::Me);
        let c = by_hand.challenge().await;
        let answer = by_hand.send(&by_hand.header(&c, 1)).await;
        assert_eq!(answer.status(), 401, "{ua}");
        assert!(
            String::from_utf8_lossy(answer.body()).contains("the response is wrong"),
            "{ua}"
        );
    }

    // The device's end: any spelling of the URL; the NAF's end: any spelling of Host.
    let mut client = wired.client();
    for host in [NAF, "NAF.M2M.Example", "naf.M2M.example."] {
        let answer = client.fetch(&mut ue, page(host)).await.unwrap();
        assert!(answer.status == 200 && answer.proven, "{host}");
    }
    assert_eq!(ue.vectors_used(), 1);
    by_hand.key = key(&mut ue, "NAF.m2m.EXAMPLE", UaId::HTTP_DIGEST).await;
    let c = by_hand.challenge().await;
    let request = get("Naf.M2M.example", "/", Some(&by_hand.header(&c, 1)));
    assert_eq!(by_hand.http.send(request).await.unwrap().status(), 200);
    // And the BSF's: the name in a NAF-Id.
    let naf_id = NafId::new("NAF.m2m.example".parse::<Fqdn>().unwrap(), UaId::HTTP_DIGEST);
    let ids = SessionIds::new(NAF.parse().unwrap(), 1);
    let answer = zn(wired.zn)
        .request(bir(&ids, &by_hand.btid, naf_id, false))
        .await
        .unwrap();
    assert!(answer.result().unwrap().is_success());
}

static AHEAD: AtomicU64 = AtomicU64::new(0);

fn ahead() -> base::Now {
    net::clock::now() + std::time::Duration::from_secs(AHEAD.load(Ordering::SeqCst))
}

/// Revoked at the BSF, or over by its time, in the middle of a digest session that went well: the NAF stops it, and
/// its challenge tells the device to bootstrap anew (TS 24.109 B.2), which it does by itself.
#[tokio::test]
async fn row_30_a_session_stops_with_its_b_tid_and_the_device_is_told_to_bootstrap() {
    // A NAF that keeps no key hears of a revocation with the next request.
    let plan = Plan {
        kept: 1,
        clock: ahead,
        ..Plan::default()
    };
    let (wired, _hss, mut ue) = wired(plan).await;
    for round in ["revoked", "expired"] {
        let by_hand = ByHand::new(wired.naf, &mut ue).await;
        let c = by_hand.challenge().await;
        assert_eq!(by_hand.count(&c, 1).await, 200, "{round}");
        if round == "revoked" {
            assert!(bsf::Sessions::revoke(&*wired.sessions, &by_hand.btid).await);
            // Another subscriber's key takes its place, so that it has to be asked for again.
            let mut other = device(card(), net::clock::now).await;
            other.bootstrap(&wired.bsf()).await.unwrap();
            let other = ByHand::new(wired.naf, &mut other).await;
            assert_eq!(other.count(&other.challenge().await, 1).await, 200);
        } else {
            AHEAD.store(3601, Ordering::SeqCst);
        }
        let answer = by_hand.send(&by_hand.header(&c, 2)).await;
        let told = challenge(&answer);
        assert!(
            told.realm.starts_with("3GPP-bootstrapping@") && !told.stale,
            "{round}"
        );
        let words = String::from_utf8_lossy(answer.body()).into_owned();
        assert!(words.contains("bootstrap again"), "{round}: {words}");
        // Our device, which still believes in its key.
        let answer = wired.client().fetch(&mut ue, page(NAF)).await.unwrap();
        assert!(answer.status == 200 && answer.proven, "{round}");
        assert_ne!(*ue.btid().unwrap(), by_hand.btid, "{round}");
    }
    let _ = (origin(BSF), Limits::default());
}
