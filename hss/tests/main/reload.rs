//! Subscribers and BSFs that change while the HSS runs.

use aka::{Amf, Milenage, auts};
use base::{Secret, Utc};
use diameter::ResultCode;
use gba::{guss::UiccType, zh::MultimediaAuthAnswer};
use hss::{Config, Subscriber, Subscribers};

use crate::help::*;

const OTHER: &str = "123001000000001@ims.mnc001.mcc123.3gppnetwork.org";

fn other() -> Subscriber {
    Subscriber::new(OTHER.parse().unwrap(), milenage())
}

fn of(subscribers: impl IntoIterator<Item = Subscriber>) -> Subscribers {
    Subscribers::from_iter(subscribers)
}

async fn vector(hss: &TestHss) -> aka::Vector {
    let MultimediaAuthAnswer::Ok(ok) = answer(hss, &mar().to_message()).await else {
        panic!("no vector");
    };
    ok.vectors.into_iter().next().unwrap()
}

async fn answer(hss: &TestHss, request: &diameter::Message) -> MultimediaAuthAnswer {
    MultimediaAuthAnswer::parse(&ask(hss, BSF, request).await).unwrap()
}

#[tokio::test]
async fn subscribers_come_and_go_and_sequence_numbers_go_on() {
    let hss = hss(subscriber(), &[]);
    let first = sqn_of(&vector(&hss).await);
    let mut of_other = mar();
    of_other.impi = OTHER.parse().unwrap();
    assert_eq!(
        result(&hss, BSF, &of_other.to_message()).await,
        ResultCode::IDENTITY_UNKNOWN
    );

    let (subscribers, peers) = hss.reload(config(), of([subscriber(), other()]), at(1));
    assert_eq!(subscribers.to_string(), "1 added, 0 changed, 0 removed");
    assert!(peers.is_empty());
    assert_eq!(
        result(&hss, BSF, &of_other.to_message()).await,
        ResultCode::SUCCESS
    );

    let (subscribers, _) = hss.reload(config(), of([other()]), at(2));
    assert_eq!(subscribers.to_string(), "0 added, 0 changed, 1 removed");
    assert_eq!(
        result(&hss, BSF, &mar().to_message()).await,
        ResultCode::IDENTITY_UNKNOWN
    );

    // Back again, and with a first SQN below what was issued: no number a second time.
    let low = subscriber().with_first_sqn(sqn("00000000003f"));
    hss.reload(config(), of([low]), at(3));
    assert!(sqn_of(&vector(&hss).await) > first);
    // Also with another key.
    let k = Secret::new([7; 16]);
    let (subscribers, _) = hss.reload(
        config(),
        of([Subscriber::new(impi(), Milenage::new(&k, &k))]),
        at(4),
    );
    assert_eq!(subscribers.to_string(), "0 added, 1 changed, 0 removed");
    hss.reload(config(), of([subscriber()]), at(5));
    assert!(sqn_of(&vector(&hss).await) > first);
}

/// A resynchronisation that was under way: the RAND of before is answered with the AMF of now.
//= TS33.102-6.3.5-r3
#[tokio::test]
async fn ruling_01_an_auts_for_a_rand_of_before_the_reload_counts_while_the_key_is_the_same() {
    for (same_key, code) in [(true, ResultCode::SUCCESS), (false, ResultCode::UNABLE_TO_COMPLY)] {
        let hss = hss(subscriber(), &[]);
        let issued = vector(&hss).await;
        let k = Secret::new([7; 16]);
        let changed = if same_key {
            subscriber().with_amf(Amf::new([0x01, 0x23]))
        } else {
            Subscriber::new(impi(), Milenage::new(&k, &k))
        };
        let (changes, _) = hss.reload(config(), of([changed]), at(0));
        assert_eq!(changes.changed, 1);
        let mut mar = mar();
        mar.resync = Some((
            issued.rand,
            auts::build(&milenage(), &issued.rand, sqn("0b604a81eca8")),
        ));
        assert_eq!(result(&hss, BSF, &mar.to_message()).await, code);
    }
}

/// Its file may be older than the time at which a BSF fetched what stood there before.
#[tokio::test]
async fn settings_that_differ_are_news_to_a_bsf_that_fetched_the_old_ones_later() {
    let old = subscriber().with_bsf_info(UiccType::Gba, None);
    let hss = hss(old, &[]);
    let mut mar = mar();
    mar.guss_timestamp = Some(at(0).utc);
    let guss = async |hss: &TestHss| match answer(hss, &mar.to_message()).await {
        MultimediaAuthAnswer::Ok(ok) => ok.guss,
        MultimediaAuthAnswer::Err(e) => panic!("{e}"),
    };
    assert_eq!(guss(&hss).await, None);
    // The same settings, though the file has been written since.
    let touched = subscriber()
        .with_guss(subscriber().guss().clone(), Utc(at(9).utc.0))
        .with_bsf_info(UiccType::Gba, None);
    let (changes, _) = hss.reload(config(), of([touched]), at(0));
    assert!(changes.is_empty());
    assert_eq!(guss(&hss).await, None);
    let (changes, _) = hss.reload(
        config(),
        of([subscriber().with_bsf_info(UiccType::GbaU, None)]),
        at(0),
    );
    assert_eq!(changes.changed, 1);
    assert!(
        guss(&hss)
            .await
            .is_some_and(|xml| String::from_utf8(xml).unwrap().contains("GBA_U"))
    );
}

#[tokio::test]
async fn bsfs_come_and_go() {
    let hss = hss(subscriber(), &[]);
    let new = Config {
        bsfs: [name("bsf2.home.test")].into(),
        ..config()
    };
    let (subscribers, peers) = hss.reload(new, of([subscriber()]), at(0));
    assert!(subscribers.is_empty());
    assert_eq!(peers.to_string(), "1 added, 0 changed, 1 removed");
    assert_eq!(
        result(&hss, BSF, &mar().to_message()).await,
        ResultCode::AUTHORIZATION_REJECTED
    );
    let mut mar = mar();
    mar.origin_host = name("bsf2.home.test");
    assert_eq!(
        result(&hss, "bsf2.home.test", &mar.to_message()).await,
        ResultCode::SUCCESS
    );
}
