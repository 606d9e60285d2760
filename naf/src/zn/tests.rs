//! The Zn client and its cache against a BSF that is a function.

use std::sync::{
    Mutex,
    atomic::{AtomicI64, AtomicUsize, Ordering},
};

use base::{Mono, Now, Secret};
use diameter::{Message, Origin, ResultCode};
use gba::{
    ids::UaId,
    keys::KeyKind,
    ub::server::Rate,
    zn::{BootstrappingInfo, BootstrappingInfoAnswer, BootstrappingInfoRequest, Failure, GbaType},
};

use super::*;

const EXPIRY: Utc = Utc(1_800_003_600);

fn origin() -> Origin {
    Origin {
        host: "naf.home.test".parse().unwrap(),
        realm: "home.test".parse().unwrap(),
    }
}

fn btid(domain: &str) -> Btid {
    format!("I1U8vpY3qJ0hiuZNrke/NQ==@{domain}").parse().unwrap()
}

fn naf_id() -> NafId {
    NafId::new("naf.home.test".parse().unwrap(), UaId::HTTP_DIGEST)
}

/// Answers every request as told, and remembers them.
struct Bsf {
    asked: Mutex<Vec<BootstrappingInfoRequest>>,
    answer: fn() -> Result<BootstrappingInfoAnswer, String>,
}

impl Bsf {
    fn new(answer: fn() -> Result<BootstrappingInfoAnswer, String>) -> Arc<Self> {
        Arc::new(Self {
            asked: Mutex::default(),
            answer,
        })
    }
}

impl Transport for Bsf {
    async fn exchange(&self, request: Message) -> Result<Message, String> {
        // As it would come off the wire.
        let request = Message::parse(&request.encode()).map_err(|e| e.text)?;
        self.asked
            .lock()
            .unwrap()
            .push(BootstrappingInfoRequest::parse(&request).map_err(|e| e.text)?);
        Ok((self.answer)()?.to_message(&request, &origin()))
    }
}

fn info() -> BootstrappingInfo {
    BootstrappingInfo {
        impi: None,
        me_key: Secret::new([0x42; 32]),
        uicc_key: None,
        expiry: EXPIRY,
        created: Utc(1_800_000_000),
        uss: None,
        gba_type: GbaType::ThreeG,
    }
}

fn route<T>(domain: Option<&str>, transport: T) -> Route<T> {
    Route {
        domain: domain.map(|d| d.parse().unwrap()),
        realm: "home.test".parse().unwrap(),
        host: None,
        transport,
    }
}

fn client(bsf: &Arc<Bsf>) -> ZnClient<Arc<Bsf>> {
    ZnClient::new(ZnConfig::new(origin()), 1, vec![route(None, Arc::clone(bsf))])
}

#[tokio::test]
async fn asks_with_its_names_and_takes_the_key() {
    let bsf = Bsf::new(|| {
        let impi = Some(
            "001010123456789@ims.mnc001.mcc001.3gppnetwork.org"
                .parse()
                .unwrap(),
        );
        Ok(BootstrappingInfoAnswer::Ok(BootstrappingInfo { impi, ..info() }))
    });
    let key = client(&bsf)
        .key(&btid("bsf.home.test"), &naf_id())
        .await
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(
        (key.expiry, key.ks_naf.naf_id(), key.ks_naf.kind()),
        (EXPIRY, &naf_id(), KeyKind::Me)
    );
    assert_eq!(
        key.ks_naf.key_for(&UaId::HTTP_DIGEST).unwrap().expose(),
        &[0x42; 32]
    );
    assert!(key.impi.as_ref().is_some_and(|i| i.as_str().starts_with("00101")) && key.uicc_key.is_none());
    let asked = bsf.asked.lock().unwrap();
    assert_eq!(
        (&asked[0].btid, &asked[0].naf_id),
        (&btid("bsf.home.test"), &naf_id())
    );
    assert!(!asked[0].gba_u_aware && asked[0].origin_host.as_str() == "naf.home.test");
}

//= TS33.220-5.3.3-r1
#[tokio::test]
async fn a_gba_u_subscriber_has_two_keys_each_of_its_kind() {
    let bsf = Bsf::new(|| {
        Ok(BootstrappingInfoAnswer::Ok(BootstrappingInfo {
            uicc_key: Some(Secret::new([1; 32])),
            ..info()
        }))
    });
    let key = client(&bsf)
        .key(&btid("bsf.home.test"), &naf_id())
        .await
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(key.ks_naf.kind(), KeyKind::Ext);
    assert_eq!(key.uicc_key.as_ref().map(KsNaf::kind), Some(KeyKind::Int));
}

//= TS29.109-6.2-r2
//= TS29.109-6.2-r3
#[tokio::test]
async fn results_become_what_the_naf_has_to_tell_apart() {
    type Answer = fn() -> Result<BootstrappingInfoAnswer, String>;
    fn failure(result: ResultCode) -> Result<BootstrappingInfoAnswer, String> {
        Ok(BootstrappingInfoAnswer::Err(Failure::new(result)))
    }
    let cases: [(Answer, &str); 6] = [
        (
            || failure(ResultCode::TRANSACTION_IDENTIFIER_INVALID),
            "bootstrap again",
        ),
        (|| failure(ResultCode::NOT_AUTHORIZED), "check the NAF's rights"),
        (
            || failure(ResultCode::UNABLE_TO_DELIVER),
            "cannot be asked now: it answered 3002",
        ),
        (
            || failure(ResultCode::UNABLE_TO_COMPLY),
            "cannot be asked now: it answered 5012",
        ),
        (|| failure(ResultCode::MISSING_AVP), "of no use: it answered 5005"),
        (
            || Err("nobody is there".to_owned()),
            "cannot be asked now: nobody is there",
        ),
    ];
    for (answer, words) in cases {
        let e = client(&Bsf::new(answer))
            .key(&btid("bsf.home.test"), &naf_id())
            .await
            .map(drop)
            .unwrap_err();
        assert!(e.to_string().contains(words), "{e}");
    }
}

//= TS29.109-5.2-r7
#[tokio::test]
async fn the_domain_of_the_b_tid_finds_the_bsf() {
    let ok = || Ok(BootstrappingInfoAnswer::Ok(info()));
    let (home, other) = (Bsf::new(ok), Bsf::new(ok));
    let routes = vec![
        route(Some("bsf.home.test"), Arc::clone(&home)),
        route(Some("bsf.other.test"), Arc::clone(&other)),
    ];
    let client = ZnClient::new(ZnConfig::new(origin()), 1, routes);
    assert!(client.key(&btid("BSF.other.test"), &naf_id()).await.is_ok());
    assert_eq!(
        (
            home.asked.lock().unwrap().len(),
            other.asked.lock().unwrap().len()
        ),
        (0, 1)
    );
    assert_eq!(
        client.key(&btid("bsf.strange.test"), &naf_id()).await.map(drop),
        Err(KeyError::Unknown)
    );
}

/// Gives keys that end at [`EXPIRY`], and counts.
#[derive(Default)]
struct Counting(AtomicUsize);

impl KeySource for Counting {
    async fn key(&self, _: &Btid, naf_id: &NafId) -> Result<Arc<NafKey>, KeyError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let ks_naf = KsNaf::from_parts(Secret::new([1; 32]), naf_id.clone(), KeyKind::Me);
        Ok(Arc::new(NafKey {
            ks_naf,
            uicc_key: None,
            expiry: EXPIRY,
            impi: None,
            uss: None,
        }))
    }
}

#[tokio::test]
async fn the_cache_keeps_keys_until_they_end_and_no_more_than_told() {
    static UTC: AtomicI64 = AtomicI64::new(0);
    static MONO: AtomicI64 = AtomicI64::new(0);
    fn clock() -> Now {
        let mono = u64::try_from(MONO.load(Ordering::SeqCst)).unwrap();
        Now {
            mono: Mono(mono * 1_000_000_000),
            utc: Utc(UTC.load(Ordering::SeqCst)),
        }
    }
    let set = |utc, mono| {
        UTC.store(utc, Ordering::SeqCst);
        MONO.store(mono, Ordering::SeqCst);
    };
    let counter = Arc::new(Counting::default());
    let cache = Cached::new(Arc::clone(&counter), 2).with_clock(clock);
    let asked = || counter.0.load(Ordering::Relaxed);
    let other = NafId::new("naf.home.test".parse().unwrap(), UaId::tls(0x00ae));
    let third = NafId::new("third.home.test".parse().unwrap(), UaId::HTTP_DIGEST);
    let b = btid("bsf.home.test");

    set(EXPIRY.0 - 100, 0);
    for naf_id in [&naf_id(), &naf_id(), &other, &other] {
        assert_eq!(
            cache
                .key(&b, naf_id)
                .await
                .unwrap_or_else(|e| panic!("{e}"))
                .ks_naf
                .naf_id(),
            naf_id
        );
    }
    assert_eq!((asked(), cache.len()), (2, 2), "one question for each NAF_Id");
    let cased: Btid = b.as_str().replace("I1U8", "i1u8").parse().unwrap();
    let _ = cache.key(&cased, &naf_id()).await;
    assert_eq!(
        (asked(), cache.len()),
        (3, 2),
        "ruling 19: another B-TID; and the bound holds"
    );

    let _ = cache.key(&b, &third).await;
    let before = asked();
    set(EXPIRY.0 - 100, 99);
    let _ = cache.key(&b, &third).await;
    assert_eq!(asked(), before, "still alive");
    // Ruling 37: the UTC clock stands still or is set back, the key ends all the same.
    set(EXPIRY.0 - 5000, 100);
    let _ = cache.key(&b, &third).await;
    assert_eq!(asked(), before + 1);
    set(EXPIRY.0, 101);
    assert_eq!(
        cache.key(&b, &third).await.map(drop),
        Err(KeyError::Unknown),
        "a key that has ended is none"
    );
}

/// Knows nobody, and counts.
#[derive(Default)]
struct Stranger(AtomicUsize);

impl KeySource for Stranger {
    async fn key(&self, _: &Btid, _: &NafId) -> Result<Arc<NafKey>, KeyError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(KeyError::Unknown)
    }
}

#[tokio::test]
async fn an_unknown_b_tid_costs_one_question_and_an_address_only_so_many() {
    static SECOND: AtomicI64 = AtomicI64::new(0);
    fn clock() -> Now {
        Now {
            mono: Mono(SECOND.load(Ordering::SeqCst).unsigned_abs() * 1_000_000_000),
            utc: Utc(0),
        }
    }
    let limits = Strangers {
        remember: Duration::from_secs(10),
        per_address: Rate::new(2, 60),
        capacity: 4,
    };
    let source = Arc::new(Stranger::default());
    let cache = Cached::new(Arc::clone(&source), 4)
        .with_clock(clock)
        .with_strangers(limits);
    let ask = async |n: u8, address: Option<[u8; 4]>| {
        let btid = format!("{n}@bsf.home.test").parse().unwrap();
        let answer = cache.key_for(&btid, &naf_id(), address.map(IpAddr::from)).await;
        (answer.err().unwrap(), source.0.load(Ordering::Relaxed))
    };
    let (one, two) = (Some([10, 0, 0, 1]), Some([10, 0, 0, 2]));
    assert_eq!(ask(1, one).await, (KeyError::Unknown, 1));
    assert_eq!(ask(1, one).await, (KeyError::Unknown, 1), "remembered");
    assert_eq!(ask(2, one).await, (KeyError::Unknown, 2));
    let wait = KeyError::TooMany(Duration::from_secs(1));
    assert_eq!(
        ask(3, one).await,
        (wait.clone(), 2),
        "the address has had its two"
    );
    assert_eq!(
        ask(1, one).await,
        (KeyError::Unknown, 2),
        "what is remembered costs nothing"
    );
    assert_eq!(ask(3, two).await, (KeyError::Unknown, 3), "others are asked for");
    SECOND.store(1, Ordering::SeqCst);
    assert_eq!(ask(4, one).await, (KeyError::Unknown, 4), "a token a second");
    SECOND.store(11, Ordering::SeqCst);
    assert_eq!(
        ask(1, one).await,
        (KeyError::Unknown, 5),
        "forgotten: it may be known by now"
    );
    // Four are remembered at most, of B-TIDs and of addresses, and then nobody new is asked for.
    for n in 20..40 {
        let _ = ask(n, Some([10, 0, 1, n])).await;
    }
    let (refused, asked) = ask(50, Some([10, 0, 2, 1])).await;
    assert_eq!((refused, asked), (wait, 8));
    SECOND.store(20, Ordering::SeqCst);
    assert_eq!(
        ask(50, Some([10, 0, 2, 1])).await,
        (KeyError::Unknown, 9),
        "buckets that are full again go"
    );
}

/// Knows a B-TID from the second question on.
#[derive(Default)]
struct Late(AtomicUsize);

impl KeySource for Late {
    async fn key(&self, btid: &Btid, naf_id: &NafId) -> Result<Arc<NafKey>, KeyError> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0 => Err(KeyError::Unknown),
            _ => Counting::default().key(btid, naf_id).await,
        }
    }
}

/// Has its keys forgotten while it is asked.
#[derive(Default)]
struct Slow {
    asked: tokio::sync::Notify,
    go_on: tokio::sync::Notify,
}

impl KeySource for Slow {
    async fn key(&self, btid: &Btid, naf_id: &NafId) -> Result<Arc<NafKey>, KeyError> {
        self.asked.notify_one();
        self.go_on.notified().await;
        if btid.as_str().starts_with('0') {
            return Err(KeyError::Unknown);
        }
        Counting::default().key(btid, naf_id).await
    }
}

/// The NAF has another BSF from then on, which is asked whatever the one before says or said.
#[tokio::test]
async fn what_the_bsf_before_says_is_not_kept() {
    let cache = Cached::new(Slow::default(), 4).with_clock(|| Now {
        mono: Mono(0),
        utc: Utc(0),
    });
    for (btid, known) in [("0@bsf.home.test", false), ("1@bsf.home.test", true)] {
        let (btid, naf_id) = (btid.parse().unwrap(), naf_id());
        let ask = || cache.key_for(&btid, &naf_id, Some([10, 0, 0, 1].into()));
        for _ in 0..2 {
            // Asked anew each time.
            let (answer, ()) = tokio::join!(ask(), async {
                cache.source().asked.notified().await;
                cache.clear();
                cache.source().go_on.notify_one();
            });
            assert_eq!(answer.is_ok(), known);
            assert!(cache.is_empty());
        }
    }
}

/// Who hears RAND can name the B-TID before its device has finished; the device is served all the same.
#[tokio::test]
async fn a_b_tid_that_a_stranger_names_too_early_is_taken_from_its_device() {
    let cache = Cached::new(Late::default(), 4).with_clock(|| Now {
        mono: Mono(0),
        utc: Utc(0),
    });
    let btid = "1@bsf.home.test".parse().unwrap();
    let naf_id = naf_id();
    let ask = |address: [u8; 4]| cache.key_for(&btid, &naf_id, Some(address.into()));
    assert_eq!(ask([10, 0, 0, 1]).await.err(), Some(KeyError::Unknown));
    assert!(ask([10, 0, 0, 2]).await.is_ok());
}

#[tokio::test]
async fn a_known_b_tid_costs_its_address_nothing() {
    let cache = Cached::new(Counting::default(), 4)
        .with_clock(|| Now {
            mono: Mono(0),
            utc: Utc(0),
        })
        .with_strangers(Strangers {
            per_address: Rate::new(1, 1),
            ..Strangers::default()
        });
    let address = Some(IpAddr::from([10, 0, 0, 1]));
    for n in 0..9 {
        let btid = format!("{n}@bsf.home.test").parse().unwrap();
        assert!(cache.key_for(&btid, &naf_id(), address).await.is_ok(), "{n}");
    }
}
