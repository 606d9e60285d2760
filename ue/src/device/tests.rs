//! The device against a BSF over a socket and a card over APDUs.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use gba::ids::UaId;
use net::tap::SharedTap;

use super::*;
use crate::{
    fake::{self, Bsf, Fault, IMPI, Lines, Removable, card, device, foreign_card},
    test_clock,
};

fn naf_id(name: &str, ua: UaId) -> NafId {
    NafId::new(name.parse().unwrap(), ua)
}

fn kinds() -> [NafId; 3] {
    [
        naf_id("naf.home.test", UaId::HTTP_DIGEST),
        naf_id("maf.home.test", UaId::tls(0x00ae)),
        naf_id("in-cse.home.test", UaId::tls(0x00ae)),
    ]
}

fn start() -> Now {
    fake::at(0)
}

//= TS33.220-4.5.2-r1
//= TS33.220-4.5.3-r1
//= TS0003-8.3.2.3-r6
#[tokio::test]
async fn one_run_gives_every_naf_its_key_in_both_modes() {
    for mode in [Mode::Me, Mode::U] {
        let bsf = Bsf::start(mode).await;
        let mut ue = device(card(mode), start, net::tap::none()).await;
        assert_eq!((ue.identity().impi.as_str(), ue.identity().mode), (IMPI, mode));
        assert_eq!(ue.identity().bsf.as_str(), fake::BSF);
        assert_eq!(
            ue.naf_key(&kinds()[0]).await.map(drop),
            Err(DeviceError::NotBootstrapped)
        );

        let b = ue.bootstrap(&bsf.address()).await.unwrap();
        assert_eq!((b.mode, b.expires), (mode, fake::at(3600)));
        assert_eq!(ue.bootstrapped(), Some(&b));
        let mut seen = Vec::new();
        for naf_id in kinds() {
            let key = ue.naf_key(&naf_id).await.unwrap();
            let network = bsf.state.naf_key(b.btid.as_str(), &naf_id).unwrap();
            assert!(key.ct_eq(&network), "{mode:?} {naf_id}");
            assert_eq!(
                key.kind(),
                if mode == Mode::U {
                    KeyKind::Ext
                } else {
                    KeyKind::Me
                }
            );
            seen.push(key.fingerprint());
        }
        seen.dedup();
        assert_eq!(seen.len(), 3, "each NAF and protocol has its own");
        assert_eq!(
            (ue.vectors_used(), bsf.vectors()),
            (1, 1),
            "one AKA run for all of them"
        );
    }
}

//= TS24.109-A.4-r2
#[tokio::test]
async fn a_card_ahead_of_its_hss_resynchronises_it() {
    for mode in [Mode::Me, Mode::U] {
        let bsf = Bsf::start(mode).await;
        let mut ue = device(card(mode), start, net::tap::none()).await;
        let first = ue.bootstrap(&bsf.address()).await.unwrap();
        *bsf.state.sqn.lock().unwrap() = aka::Sqn::new(0).unwrap();
        let second = ue.bootstrap(&bsf.address()).await.unwrap();
        assert_ne!(first.btid, second.btid);
        assert_eq!(ue.vectors_used(), 3, "one refused with AUTS, one more");
        let key = ue.naf_key(&kinds()[0]).await.unwrap();
        assert!(key.ct_eq(&bsf.state.naf_key(second.btid.as_str(), &kinds()[0]).unwrap()));
    }
}

//= TS33.220-4.5.2-r7
#[tokio::test]
async fn ruling_08_an_unproven_bsf_leaves_the_old_ks_of_mode_me() {
    let bsf = Bsf::start(Mode::Me).await;
    let mut ue = device(card(Mode::Me), start, net::tap::none()).await;
    let b = ue.bootstrap(&bsf.address()).await.unwrap();
    let before = ue.naf_key(&kinds()[0]).await.unwrap();
    bsf.fault(Fault::WrongRspauth);
    let e = ue.bootstrap(&bsf.address()).await.unwrap_err();
    assert!(e.to_string().contains("the old Ks stands"), "{e}");
    assert_eq!(ue.bootstrapped(), Some(&b));
    assert!(ue.naf_key(&kinds()[0]).await.unwrap().ct_eq(&before));

    // A card with GBA_U has replaced its Ks by then: nothing may be derived under the old name.
    let bsf = Bsf::start(Mode::U).await;
    let mut ue = device(card(Mode::U), start, net::tap::none()).await;
    ue.bootstrap(&bsf.address()).await.unwrap();
    bsf.fault(Fault::WrongRspauth);
    assert!(ue.bootstrap(&bsf.address()).await.is_err());
    assert_eq!(
        ue.naf_key(&kinds()[0]).await.map(drop),
        Err(DeviceError::NotBootstrapped)
    );
}

#[tokio::test]
async fn ruling_07_a_card_of_another_operator_says_what_to_check() {
    for mode in [Mode::Me, Mode::U] {
        let bsf = Bsf::start(mode).await;
        let mut ue = device(foreign_card(mode), start, net::tap::none()).await;
        let e = ue.bootstrap(&bsf.address()).await.unwrap_err();
        assert_eq!(e, DeviceError::Bootstrap(UbError::MacFailure));
        assert_eq!(bsf.state.reports.load(Ordering::SeqCst), 1, "the BSF was told");
        assert_eq!(bsf.vectors(), 1);
    }
}

#[tokio::test]
async fn ruling_11_card_and_hss_that_disagree_about_gba_u_get_nowhere_and_say_so() {
    for (network, mode) in [(Mode::Me, Mode::U), (Mode::U, Mode::Me)] {
        let bsf = Bsf::start(network).await;
        let lines = Arc::new(Lines::default());
        let mut ue = device(card(mode), start, Arc::clone(&lines) as SharedTap).await;
        let e = ue.bootstrap(&bsf.address()).await.unwrap_err();
        assert!(
            e.to_string()
                .contains("GBA_U setting (uiccType) and the card disagree"),
            "{e}"
        );
        // A card with GBA_U isn't asked at P2 = 81 afterwards: that would hand CK and IK to the terminal.
        assert_eq!(
            lines.text().contains("3G: RAND"),
            mode == Mode::Me,
            "{}",
            lines.text()
        );
        assert_eq!(lines.text().matches("AUTHENTICATE").count(), 1);
    }
}

//= TS33.220-4.4.11-r1
#[tokio::test]
async fn ruling_10_the_key_ends_with_its_lifetime() {
    test_clock!(SECONDS, clock);
    for mode in [Mode::Me, Mode::U] {
        SECONDS.store(0, Ordering::SeqCst);
        let bsf = Bsf::start(mode).await;
        let mut ue = device(card(mode), clock, net::tap::none()).await;
        ue.bootstrap(&bsf.address()).await.unwrap();
        SECONDS.store(3599, Ordering::SeqCst);
        assert!(ue.naf_key(&kinds()[0]).await.is_ok());
        SECONDS.store(3600, Ordering::SeqCst);
        assert_eq!(
            ue.naf_key(&kinds()[0]).await.map(drop),
            Err(DeviceError::NotBootstrapped)
        );
        SECONDS.store(0, Ordering::SeqCst);
        assert!(ue.bootstrapped().is_none(), "a clock set back revives nothing");
    }
}

//= TS33.220-4.4.11-r2
#[tokio::test]
async fn ruling_10_the_key_goes_with_the_card() {
    for mode in [Mode::Me, Mode::U] {
        let bsf = Bsf::start(mode).await;
        let out = Arc::new(AtomicBool::new(false));
        let removable = Box::new(Removable {
            card: card(mode),
            out: Arc::clone(&out),
        });
        let mut ue = device(removable, start, net::tap::none()).await;
        ue.bootstrap(&bsf.address()).await.unwrap();
        out.store(true, Ordering::SeqCst);
        assert_eq!(
            ue.naf_key(&kinds()[0]).await.map(drop),
            Err(DeviceError::CardChanged)
        );
        out.store(false, Ordering::SeqCst);
        assert_eq!(
            ue.naf_key(&kinds()[0]).await.map(drop),
            Err(DeviceError::NotBootstrapped),
            "{mode:?}"
        );
    }
}

//= TS33.220-4.4.11-r3
#[tokio::test]
async fn ruling_10_a_new_run_and_a_wish_delete_the_old_key() {
    let bsf = Bsf::start(Mode::Me).await;
    let mut ue = device(card(Mode::Me), start, net::tap::none()).await;
    ue.bootstrap(&bsf.address()).await.unwrap();
    let old = ue.naf_key(&kinds()[0]).await.unwrap();
    ue.bootstrap(&bsf.address()).await.unwrap();
    assert!(!ue.naf_key(&kinds()[0]).await.unwrap().ct_eq(&old));
    ue.forget();
    assert!(ue.bootstrapped().is_none());
}

/// A card that outlives the device that bootstrapped it.
struct Shared(Arc<std::sync::Mutex<Box<dyn Card>>>);

impl Card for Shared {
    fn transmit(&mut self, c: &base::apdu::Command) -> Result<base::apdu::Response, uicc::CardError> {
        self.0.lock().unwrap().transmit(c)
    }
}

/// In the device that saw it end, and, as the card holds the end, in each one that comes after.
#[tokio::test]
async fn ruling_37_a_clock_set_back_revives_no_run_of_the_card() {
    test_clock!(SECONDS, clock);
    static BACK: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);
    fn set_back() -> Now {
        let now = clock();
        Now {
            utc: Utc(now.utc.0 - BACK.load(Ordering::SeqCst)),
            ..now
        }
    }
    let shared = Arc::new(std::sync::Mutex::new(card(Mode::U)));
    let open = || device(Box::new(Shared(Arc::clone(&shared))), set_back, net::tap::none());
    let bsf = Bsf::start(Mode::U).await;
    let mut ue = open().await;
    ue.bootstrap(&bsf.address()).await.unwrap();
    assert!(open().await.resume().await.unwrap());
    // The clock goes back while the session runs out: the device has counted.
    BACK.store(24 * 3600, Ordering::SeqCst);
    SECONDS.store(3601, Ordering::SeqCst);
    assert!(ue.bootstrapped().is_none());
    assert!(!ue.resume().await.unwrap(), "this device");
    drop(ue);
    assert!(
        !open().await.resume().await.unwrap(),
        "the next one, by what the card holds"
    );
}

//= TS33.220-G.1-r1
#[tokio::test]
async fn ruling_14_a_card_with_gba_u_goes_on_with_its_stored_run() {
    test_clock!(SECONDS, clock);
    let shared = Arc::new(std::sync::Mutex::new(card(Mode::U)));
    let open = || device(Box::new(Shared(Arc::clone(&shared))), clock, net::tap::none());
    let bsf = Bsf::start(Mode::U).await;
    let mut first = open().await;
    assert!(!first.resume().await.unwrap(), "no run yet");
    let b = first.bootstrap(&bsf.address()).await.unwrap();
    let key = first.naf_key(&kinds()[0]).await.unwrap();
    drop(first);

    let mut second = open().await;
    assert_eq!(
        second.naf_key(&kinds()[0]).await.map(drop),
        Err(DeviceError::NotBootstrapped)
    );
    assert!(second.resume().await.unwrap());
    assert_eq!(second.bootstrapped(), Some(&b));
    assert!(second.naf_key(&kinds()[0]).await.unwrap().ct_eq(&key));
    assert_eq!(bsf.vectors(), 1);
    SECONDS.store(3600, Ordering::SeqCst);
    assert!(!open().await.resume().await.unwrap(), "it has ended");
}

#[tokio::test]
async fn a_network_in_trouble_is_told_in_plain_words() {
    let bsf = Bsf::start(Mode::Me).await;
    let mut ue = device(card(Mode::Me), start, net::tap::none()).await;
    for (fault, words) in [
        (Fault::Down, "asks to wait (503, 9 s): it or its HSS is down"),
        (
            Fault::Unknown,
            "check that the HSS knows the IMPI 001010123456789@ims",
        ),
    ] {
        bsf.fault(fault);
        let e = ue.bootstrap(&bsf.address()).await.unwrap_err();
        assert!(e.to_string().contains(words), "{e}");
    }
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let e = ue
        .bootstrap(&BsfAddress::new(nobody, fake::BSF.parse().unwrap()))
        .await
        .unwrap_err();
    assert!(
        matches!(e, DeviceError::Unreachable(_)) && e.to_string().contains("refused"),
        "{e}"
    );
}

#[tokio::test]
async fn the_ladder_shows_each_message_once_and_no_key() {
    let bsf = Bsf::start(Mode::U).await;
    let lines = Arc::new(Lines::default());
    let mut ue = device(card(Mode::U), start, Arc::clone(&lines) as SharedTap).await;
    ue.bootstrap(&bsf.address()).await.unwrap();
    ue.naf_key(&kinds()[0]).await.unwrap();
    assert_eq!(
        lines.text(),
        "Ub UE→BSF GET / as 001010123456789@ims.mnc001.mcc001.3gppnetwork.org\n\
         card UE→UICC AUTHENTICATE GBA bootstrapping: RAND, AUTN\n\
         card UICC→UE RES 8 octets; Ks stays in the card\n\
         Ub UE→BSF GET / with response (RES), auth-int, nc 00000001\n\
         card UE→UICC UPDATE EF_GBABP: B-TID and lifetime of this run\n\
         card UICC→UE done\n\
         card UE→UICC AUTHENTICATE GBA NAF key: naf.home.test 0100000002\n\
         card UICC→UE Ks_ext_NAF 32 octets"
    );
}
