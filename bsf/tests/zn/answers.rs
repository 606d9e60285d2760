//! Zn message by message, over octets.

use std::sync::{Arc, Mutex};

use base::{Now, Utc, hex};
use bsf::sessions::{Mode, Sessions};
use diameter::{Avp, Message, ResultCode, dictionary as d};
use gba::{guss::UssList, ids::Btid, keys::KeyKind};
use net::tap;
use proptest::prelude::*;

use crate::help::*;

//= TS33.220-4.5.3-r2
//= TS33.220-B.3-r4
//= TS29.109-5.2-r2
#[tokio::test]
async fn a_naf_gets_its_key_and_no_more_than_it_asked_for() {
    let bsf = bsf(Mode::Me).await;
    let info = info(&bsf, at(10), &bir()).await;
    assert_eq!(hex::encode(info.me_key.expose()), KS_NAF);
    assert!(info.uicc_key.is_none() && info.impi.is_none() && info.uss.is_none());
    assert_eq!(info.created, at(0).utc);
    assert_eq!(info.expiry, at(LIFETIME).utc);
    // The name as the UE may write it gives the same key.
    let mut bir = bir();
    bir.naf_id = naf_id(&NAF.to_uppercase(), "0100000002");
    assert!(
        crate::help::info(&bsf, at(10), &bir)
            .await
            .me_key
            .ct_eq(&info.me_key)
    );
}

//= TS33.220-H.3-r2
#[tokio::test]
async fn a_suite_of_tls_enters_the_key() {
    let bsf = bsf(Mode::Me).await;
    let mut bir = bir();
    for ua in ["01000100ae", "010001c0a8", "0100010000"] {
        bir.naf_id = naf_id(NAF, ua);
        let want = ks().naf_key(KeyKind::Me, &rand(), &IMPI.parse().unwrap(), &bir.naf_id);
        assert!(
            info(&bsf, at(0), &bir)
                .await
                .me_key
                .ct_eq(want.key_for(&bir.naf_id.ua()).unwrap()),
            "{ua}"
        );
    }
}

//= TS33.220-5.3.3-r1
//= TS29.109-5.2-r3
#[tokio::test]
async fn gba_u_gives_the_card_s_key_only_to_a_naf_that_knows_it() {
    let key = |kind| {
        let naf_id = bir().naf_id;
        let key = ks().naf_key(kind, &rand(), &IMPI.parse().unwrap(), &naf_id);
        key.key_for(&naf_id.ua()).unwrap().duplicate()
    };
    for (mode, aware, int) in [
        (Mode::U, true, true),
        (Mode::U, false, false),
        (Mode::Me, true, false),
    ] {
        let mut bir = bir();
        bir.gba_u_aware = aware;
        let info = info(&bsf(mode).await, at(0), &bir).await;
        assert!(info.me_key.ct_eq(&key(KeyKind::Ext)), "{mode} {aware}");
        assert_eq!(info.uicc_key.is_some(), int, "{mode} {aware}");
        if let Some(uicc) = info.uicc_key {
            assert!(uicc.ct_eq(&key(KeyKind::Int)) && !uicc.ct_eq(&info.me_key));
        }
    }
}

//= TS29.109-6.2-r3
#[tokio::test]
async fn an_unknown_or_ended_btid_is_5403_for_a_naf_that_may_ask() {
    let bsf = bsf(Mode::Me).await;
    let mut unknown = bir();
    unknown.btid = "nobody@bsf.home.test".parse().unwrap();
    let text = btid().to_string();
    let mut other_case = bir();
    other_case.btid = text.replace("I1U8", "i1u8").parse().unwrap();
    assert_ne!(other_case.btid.to_string(), text);
    for bir in [&unknown, &other_case] {
        assert_eq!(
            result(&bsf, at(0), bir).await,
            ResultCode::TRANSACTION_IDENTIFIER_INVALID
        );
    }
    assert_eq!(result(&bsf, at(LIFETIME - 1), &bir()).await, ResultCode::SUCCESS);
    assert_eq!(
        result(&bsf, at(LIFETIME), &bir()).await,
        ResultCode::TRANSACTION_IDENTIFIER_INVALID
    );
    let mut no_btid = bir().to_message();
    set(&mut no_btid, &d::TRANSACTION_IDENTIFIER, b"no at sign");
    assert_eq!(
        ask(&bsf, at(0), &no_btid).await.result(),
        Ok(ResultCode::TRANSACTION_IDENTIFIER_INVALID)
    );
}

fn set(message: &mut Message, def: &diameter::AvpDef, value: &[u8]) {
    for avp in &mut message.avps {
        if avp.is(def) {
            *avp = Avp::octets(def, value);
        }
    }
}

/// The wall clock set back an hour revives nothing.
#[tokio::test]
async fn ruling_37_a_clock_set_back_revives_no_key() {
    let bsf = bsf(Mode::Me).await;
    let back = Now {
        utc: Utc(at(0).utc.0 - 3600),
        ..at(LIFETIME)
    };
    assert_eq!(
        result(&bsf, back, &bir()).await,
        ResultCode::TRANSACTION_IDENTIFIER_INVALID
    );
}

/// A NAF without the right gets the same octets whatever the B-TID is.
//= TS33.220-4.5.3-r6
//= TS29.109-6.2-r2
#[tokio::test]
async fn ruling_22_a_naf_without_rights_cannot_tell_a_live_btid_from_any_other() {
    let bsf = bsf(Mode::Me).await;
    let names = [
        (NAF, "0100000007"),
        ("open.example", "01000100ae"),
        ("nobody.example", "0100000002"),
        ("x.xcap.ims.mnc001.mcc123.pub.3gppnetwork.org", "0100000002"),
        ("ims.mnc001.mcc123.pub.3gppnetwork.org", "0100000002"),
    ];
    for (fqdn, ua) in names {
        let mut refused = bir();
        refused.naf_id = naf_id(fqdn, ua);
        let live = ask(&bsf, at(0), &refused.to_message()).await;
        assert_eq!(live.result(), Ok(ResultCode::NOT_AUTHORIZED), "{fqdn} {ua}");
        let ended = ask(&bsf, at(LIFETIME), &refused.to_message()).await;
        let mut none = refused.to_message();
        set(&mut none, &d::TRANSACTION_IDENTIFIER, b"no at sign");
        let none = ask(&bsf, at(0), &none).await;
        refused.btid = "nobody@bsf.home.test".parse().unwrap();
        let unknown = ask(&bsf, at(0), &refused.to_message()).await;
        for other in [ended, none, unknown] {
            assert_eq!(other.encode(), live.encode(), "{fqdn} {ua}");
        }
    }
    // A NAF that isn't registered, and one that names another as the sender.
    let mut stranger = bir();
    stranger.origin_host = name("stranger.test");
    assert_eq!(result(&bsf, at(0), &stranger).await, ResultCode::NOT_AUTHORIZED);
    let answer = bsf.answer(at(0), &name("open.test"), &bir().to_message()).await;
    assert_eq!(answer.result(), Ok(ResultCode::NOT_AUTHORIZED));
}

/// The sessions aren't even looked at for a NAF without rights, so that the time tells nothing either.
#[tokio::test]
async fn ruling_22_no_session_is_looked_for_without_rights() {
    let bsf = bsf(Mode::Me).await;
    let mut refused = bir();
    refused.naf_id = naf_id("open.example", "01000100ae");
    let config = bsf.config();
    let checked = bsf::zn::check(&config, &name("naf.test"), &refused.to_message());
    assert_eq!(checked.err().map(|f| f.result), Some(ResultCode::NOT_AUTHORIZED));
}

/// `naf.exampleABCDE` without Ua id must not pass for `naf.example` (the last five octets cut off).
#[tokio::test]
async fn ruling_22_a_name_without_ua_id_is_not_cut() {
    let bsf = bsf(Mode::Me).await;
    for octets in [NAF.as_bytes(), b"open.exampleabcde", b"\x01\x00\x00\x00\x02", b""] {
        let mut request = bir().to_message();
        set(&mut request, &d::NAF_ID, octets);
        let answer = ask(&bsf, at(0), &request).await;
        assert_eq!(answer.result(), Ok(ResultCode::INVALID_AVP_VALUE), "{octets:?}");
    }
}

//= TS29.109-5.2-r6
#[tokio::test]
async fn ruling_22_the_user_is_named_only_to_a_naf_that_may_know() {
    let bsf = bsf(Mode::Me).await;
    let mut open = bir();
    open.origin_host = name("open.test");
    open.naf_id = naf_id("open.example", "01000100ae");
    assert_eq!(info(&bsf, at(0), &open).await.impi, Some(IMPI.parse().unwrap()));
    let answer = ask(&bsf, at(0), &bir().to_message()).await;
    assert!(answer.find(&d::USER_NAME).is_none());
}

//= TS33.220-4.5.3-r3
#[tokio::test]
async fn a_key_never_outlives_ks() {
    let bsf = bsf(Mode::Me).await;
    let mut short = bir();
    short.origin_host = name("short.test");
    short.naf_id = naf_id("short.example", "0100000002");
    assert_eq!(info(&bsf, at(10), &short).await.expiry, at(70).utc);
    assert_eq!(
        info(&bsf, at(LIFETIME - 10), &short).await.expiry,
        at(LIFETIME).utc
    );
}

//= TS29.109-5.2-r5
#[tokio::test]
async fn settings_are_those_asked_for_allowed_and_of_the_naf_s_group() {
    let bsf = bsf(Mode::Me).await;
    for (asked, got) in [
        (vec!["1"], vec!["1"]),
        // 3 is for group B, 4 isn't among the NAF's services, 9 doesn't exist.
        (vec!["4", "3", "2", "1", "9"], vec!["1", "2"]),
        (vec!["4"], vec![]),
        (vec![], vec![]),
    ] {
        let mut bir = bir();
        bir.service_ids = asked.iter().map(ToString::to_string).collect();
        let uss = info(&bsf, at(0), &bir).await.uss;
        let list = uss.map(|xml| UssList::parse(&xml).unwrap().0).unwrap_or_default();
        assert_eq!(
            list.iter().map(|u| u.id.as_str()).collect::<Vec<_>>(),
            got,
            "{asked:?}"
        );
    }
}

//= RFC6733-6.1-r2
#[tokio::test]
async fn another_realm_or_host_is_not_served() {
    let bsf = bsf(Mode::Me).await;
    let mut wrong = bir();
    wrong.destination_realm = name("visited.test");
    assert_eq!(result(&bsf, at(0), &wrong).await, ResultCode::REALM_NOT_SERVED);
    let mut wrong = bir();
    wrong.destination_host = Some(name("bsf2.home.test"));
    assert_eq!(result(&bsf, at(0), &wrong).await, ResultCode::UNABLE_TO_DELIVER);
}

/// Neither Ks nor CK or IK stand anywhere in an answer.
//= TS33.220-4.5.3-r2
#[tokio::test]
async fn ks_never_leaves() {
    for mode in [Mode::Me, Mode::U] {
        let bsf = bsf(mode).await;
        let mut bir = bir();
        bir.gba_u_aware = true;
        bir.service_ids = vec!["1".into(), "2".into()];
        let octets = ask(&bsf, at(0), &bir.to_message()).await.encode();
        for half in ks().expose().chunks(8) {
            assert!(!octets.windows(8).any(|w| w == half));
        }
    }
}

#[tokio::test]
async fn the_tap_hears_each_answer_once_in_words() {
    #[derive(Default)]
    struct Ear(Mutex<Vec<String>>);
    impl tap::Tap for Ear {
        fn message(&self, m: tap::Message<'_>) {
            let line = format!("{} {}>{} {}", m.interface, m.from, m.to, m.summary);
            self.0.lock().unwrap().push(line);
        }
    }
    let ear = Arc::new(Ear::default());
    let bsf = bsf(Mode::U).await.with_tap(ear.clone());
    result(&bsf, at(0), &bir()).await;
    let mut aware = bir();
    aware.gba_u_aware = true;
    aware.service_ids = vec!["1".into()];
    result(&bsf, at(0), &aware).await;
    result(&bsf, at(LIFETIME), &bir()).await;
    let heard = ear.0.lock().unwrap().clone();
    let [first, second, third] = heard.as_slice() else {
        panic!("{heard:?}")
    };
    assert_eq!(first, "Zn BSF>MAF BIA 2001: key until 09:00:00Z");
    assert_eq!(second, "Zn BSF>MAF BIA 2001: key until 09:00:00Z, UICC key, USS");
    assert!(
        third.starts_with("Zn BSF>MAF BIA 5403: no live bootstrapping"),
        "{third}"
    );
}

/// A session that is revoked gives no key any more.
#[tokio::test]
async fn a_revoked_session_is_5403() {
    let sessions = Arc::new(bsf::MemorySessions::default());
    sessions
        .issue_btid(Arc::new(session(Mode::Me)), at(0))
        .await
        .unwrap();
    let config = (*bsf(Mode::Me).await.config()).clone();
    let bsf = bsf::zn::ZnServer::new(config, Arc::clone(&sessions));
    assert_eq!(result(&bsf, at(0), &bir()).await, ResultCode::SUCCESS);
    assert!(sessions.revoke(&btid()).await);
    assert_eq!(
        result(&bsf, at(0), &bir()).await,
        ResultCode::TRANSACTION_IDENTIFIER_INVALID
    );
}

proptest! {
    /// Any message that Diameter can read is answered; with success only if the B-TID and the NAF_Id are untouched.
    #[test]
    fn whatever_comes_is_answered(
        drop in prop::collection::vec(any::<bool>(), 16),
        keep_all in any::<bool>(),
        flip in any::<(u16, u8)>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let bsf = runtime.block_on(bsf(Mode::Me));
        let mut request = bir().to_message();
        let mut drops = drop.into_iter();
        request.avps.retain(|_| keep_all || !drops.next().unwrap_or(false));
        let mut octets = request.encode();
        let index = usize::from(flip.0) % octets.len();
        octets[index] ^= flip.1;
        if let Ok(request) = Message::parse(&octets) {
            let answer = runtime.block_on(bsf.answer(at(0), &name("naf.test"), &request));
            let result = answer.result().unwrap();
            if result.is_success() {
                let b = request.find(&d::TRANSACTION_IDENTIFIER).map(|a| Btid::parse(a.as_octets()));
                prop_assert_eq!(b, Some(Ok(btid())));
            }
        }
    }
}
