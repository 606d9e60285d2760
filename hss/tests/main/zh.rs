//! Zh message by message, over octets.

use std::sync::{Arc, Mutex};

use aka::{Amf, Check};
use base::Utc;
use diameter::{Avp, Message, ResultCode, dictionary as d, layout::Out};
use gba::{
    guss::{Guss, UiccType},
    zh::{MultimediaAuthAnswer, MultimediaAuthRequest, Scheme},
};
use net::tap;
use proptest::prelude::*;

use crate::help::*;

async fn success(hss: &TestHss, request: &Message) -> gba::zh::Authentication {
    let answer = ask(hss, BSF, request).await;
    match MultimediaAuthAnswer::parse(&answer).unwrap() {
        MultimediaAuthAnswer::Ok(ok) => ok,
        MultimediaAuthAnswer::Err(failure) => panic!("{failure}"),
    }
}

//= TS29.109-4.2-r1
//= TS29.109-4.2-r2
//= TS29.109-4.2-r6
#[tokio::test]
async fn a_mar_is_answered_with_a_vector_and_the_guss() {
    let subscriber = subscriber()
        .with_first_sqn(sqn("ff9bb4d0b607"))
        .with_amf_as_is(Amf::new([0xb9, 0xb9]))
        .with_bsf_info(UiccType::GbaU, Some(3600));
    let hss = hss(subscriber, &[RAND]);
    let ok = success(&hss, &mar().to_message()).await;
    assert_eq!(ok.impi, Some(impi()));
    let [vector] = ok.vectors.as_slice() else {
        panic!("{} vectors", ok.vectors.len())
    };
    assert_eq!(vector.rand.to_string(), RAND);
    assert_eq!(vector.autn.to_string(), "55f328b43577b9b94a9ffac354dfafb3");
    let guss = Guss::parse(&ok.guss.unwrap()).unwrap();
    assert_eq!(guss.bsf_info.uicc_type, Some(UiccType::GbaU));
    assert_eq!(guss.bsf_info.lifetime, Some(3600));
    assert_eq!(guss.id.as_deref(), Some(IMPI));
}

//= TS29.109-4.2-r6
#[tokio::test]
async fn the_guss_is_left_out_only_if_the_bsf_has_this_one() {
    let changed = at(0).utc.0 - 1000;
    let guss = subscriber().guss().clone();
    let hss = hss(subscriber().with_guss(guss, Utc(changed)), &[]);
    // Older, the same second, newer, within the skew of clocks, and from a clock that is wrong.
    for (timestamp, sent) in [
        (None, true),
        (Some(changed - 1), true),
        (Some(changed), false),
        (Some(changed + 500), false),
        (Some(at(0).utc.0 + 60), false),
        (Some(at(0).utc.0 + 61), true),
    ] {
        let mut mar = mar();
        mar.guss_timestamp = timestamp.map(Utc);
        let ok = success(&hss, &mar.to_message()).await;
        assert_eq!(ok.guss.is_some(), sent, "{timestamp:?}");
    }
}

//= TS29.109-4.2-r8
#[tokio::test]
async fn an_unknown_impi_is_5401() {
    let hss = hss(subscriber(), &[]);
    let mut mar = mar();
    // Compared as sent: another case is another identity.
    for unknown in ["nobody@home.test", &IMPI.to_uppercase()] {
        mar.impi = unknown.parse().unwrap();
        assert_eq!(
            result(&hss, BSF, &mar.to_message()).await,
            ResultCode::IDENTITY_UNKNOWN
        );
    }
    let mut empty = mar.to_message();
    for avp in &mut empty.avps {
        if avp.is(&d::USER_NAME) {
            *avp = Avp::utf8(&d::USER_NAME, "");
        }
    }
    assert_eq!(result(&hss, BSF, &empty).await, ResultCode::IDENTITY_UNKNOWN);
}

#[tokio::test]
async fn only_a_registered_bsf_is_served() {
    let hss = hss(subscriber(), &[]);
    let mut mar = mar();
    // A stranger; a stranger with a BSF's name; a BSF that speaks for another.
    mar.origin_host = name("naf.home.test");
    assert_eq!(
        result(&hss, "naf.home.test", &mar.to_message()).await,
        ResultCode::AUTHORIZATION_REJECTED
    );
    mar.origin_host = name(BSF);
    assert_eq!(
        result(&hss, "naf.home.test", &mar.to_message()).await,
        ResultCode::AUTHORIZATION_REJECTED
    );
    mar.origin_host = name("bsf2.home.test");
    assert_eq!(
        result(&hss, BSF, &mar.to_message()).await,
        ResultCode::AUTHORIZATION_REJECTED
    );
    // A stranger can't tell a known IMPI from an unknown one, nor good grammar from bad.
    mar.impi = "nobody@home.test".parse().unwrap();
    assert_eq!(
        result(&hss, "naf.home.test", &mar.to_message()).await,
        ResultCode::AUTHORIZATION_REJECTED
    );
    let mut bad = mar.to_message();
    bad.avps.retain(|avp| !avp.is(&d::USER_NAME));
    assert_eq!(
        result(&hss, "naf.home.test", &bad).await,
        ResultCode::AUTHORIZATION_REJECTED
    );
    // Names have no case.
    assert_eq!(
        result(&hss, "BSF.Home.Test", &crate::help::mar().to_message()).await,
        ResultCode::SUCCESS
    );
}

//= TS29.109-4.2-r3
//= RFC6733-6.1-r2
#[tokio::test]
async fn another_realm_host_scheme_or_application_is_refused_by_its_name() {
    let hss = hss(subscriber(), &[]);
    let mut wrong = mar();
    wrong.destination_realm = name("visited.test");
    assert_eq!(
        result(&hss, BSF, &wrong.to_message()).await,
        ResultCode::REALM_NOT_SERVED
    );
    let mut wrong = mar();
    wrong.destination_host = Some(name("hss2.home.test"));
    assert_eq!(
        result(&hss, BSF, &wrong.to_message()).await,
        ResultCode::UNABLE_TO_DELIVER
    );
    for scheme in ["Digest-AKAv2-MD5", "Digest-MD5", "GBA_ME", ""] {
        let mut wrong = mar();
        wrong.scheme = Some(Scheme::Other(scheme.into()));
        let answer = ask(&hss, BSF, &wrong.to_message()).await;
        assert_eq!(answer.result(), Ok(ResultCode::INVALID_AVP_VALUE), "{scheme}");
        let failed = answer.find(&d::FAILED_AVP).unwrap();
        assert!(
            failed
                .as_group()
                .iter()
                .any(|avp| avp.is(&d::SIP_AUTHENTICATION_SCHEME)),
            "{scheme}"
        );
    }
    let mut none = mar();
    none.scheme = None;
    assert_eq!(result(&hss, BSF, &none.to_message()).await, ResultCode::SUCCESS);
    let mut wrong = mar().to_message();
    wrong.application = diameter::dictionary::ZN;
    assert!(!result(&hss, BSF, &wrong).await.is_success());
}

//= TS29.109-4.2-r4
#[tokio::test]
async fn a_sip_authorization_of_another_length_is_5004_and_counts_for_nothing() {
    let hss = hss(subscriber(), &[]);
    let ok = success(&hss, &mar().to_message()).await;
    let rand = ok.vectors[0].rand;
    for length in [0, 14, 16, 29, 31, 60] {
        let mut request = mar().to_message();
        request.avps.retain(|avp| !avp.is(&d::SIP_AUTH_DATA_ITEM));
        let mut octets = rand.octets().to_vec();
        octets.resize(length, 0);
        let item = vec![Avp::octets(&d::SIP_AUTHORIZATION, octets)];
        request.avps.push(Avp::group(&d::SIP_AUTH_DATA_ITEM, item));
        let got = result(&hss, BSF, &request).await;
        assert!([5004, 5014].contains(&got.number()), "{length}: {got}");
    }
    // The RAND wasn't answered by these.
    let mut resync = mar();
    resync.resync = Some((rand, aka::auts::build(&milenage(), &rand, sqn("0b604a81eca8"))));
    assert_eq!(result(&hss, BSF, &resync.to_message()).await, ResultCode::SUCCESS);
}

#[tokio::test]
async fn ruling_01_over_zh_one_auts_one_vector_and_a_wrong_one_none() {
    let hss = hss(subscriber(), &[]);
    let mut card = Card::new();
    card.array = aka::sqn::SqnArray::with_seq_ms(card.array.profile(), &[1_000_000; 32]).unwrap();
    let vector = success(&hss, &mar().to_message()).await.vectors.remove(0);
    let Check::SyncFailure(auts) = card.run(&vector) else {
        panic!("accepted")
    };
    let mut resync = mar();
    resync.resync = Some((vector.rand, auts));
    let request = resync.to_message();
    let ok = success(&hss, &request).await;
    assert_eq!(ok.vectors.len(), 1);
    assert!(matches!(card.run(&ok.vectors[0]), Check::Accept { .. }));

    // Again, and for a RAND nobody issued: the same answer, word for word, as for a wrong MAC-S.
    let again = ask(&hss, BSF, &request).await;
    assert_eq!(again.result(), Ok(ResultCode::UNABLE_TO_COMPLY));
    let mut forged = mar();
    let vector = success(&hss, &mar().to_message()).await.vectors.remove(0);
    forged.resync = Some((vector.rand, aka::Auts::new([1; 14])));
    let forged = ask(&hss, BSF, &forged.to_message()).await;
    assert_eq!(forged.encode(), again.encode());
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
    let hss = hss(subscriber().with_bsf_info(UiccType::GbaU, None), &[RAND]).with_tap(ear.clone());
    ask(&hss, BSF, &mar().to_message()).await;
    ask(&hss, "x.test", &mar().to_message()).await;
    let mut unchanged = mar();
    unchanged.guss_timestamp = Some(at(0).utc);
    ask(&hss, BSF, &unchanged.to_message()).await;
    let heard = ear.0.lock().unwrap().clone();
    assert_eq!(heard.len(), 3, "{heard:?}");
    assert_eq!(heard[0], "Zh HSS>BSF MAA 2001: RAND 23553c…, GUSS uiccType GBA_U");
    assert_eq!(
        heard[1],
        "Zh HSS>BSF MAA 5003: not a BSF that is registered with this HSS"
    );
    assert!(heard[2].ends_with(", GUSS unchanged"), "{}", heard[2]);
}

proptest! {
    /// Any message that Diameter can read, from any peer, is answered, and never with success unless it is in order.
    #[test]
    fn whatever_comes_is_answered(
        drop in prop::collection::vec(any::<bool>(), 16),
        cut in any::<u16>(),
        flip in any::<(u16, u8)>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let hss = hss(subscriber(), &[]);
        let mut request = mar().to_message();
        let mut drops = drop.into_iter();
        request.avps.retain(|_| !drops.next().unwrap_or(false));
        let mut octets = request.encode();
        let index = usize::from(flip.0) % octets.len();
        octets[index] ^= flip.1;
        octets.truncate(octets.len().min(usize::from(cut)));
        if let Ok(request) = Message::parse(&octets) {
            let answer = runtime.block_on(hss.answer(at(0), &name(BSF), &request));
            prop_assert!(answer.result().is_ok());
            prop_assert!(!answer.is_request());
        }
    }
}

/// Two HSS alike, one of which answers by octets.
#[tokio::test]
async fn a_usual_request_is_answered_by_its_octets_with_the_same_octets() {
    let (general, usual) = (hss(subscriber(), &[RAND]), Arc::new(hss(subscriber(), &[RAND])));
    let other = |text: &str| Some(name(text));
    let ours = mar();
    let unknown = "1@home.test".parse().unwrap();
    let resync = Some((rand(), aka::Auts::from([0; 14])));
    for (request, result) in [
        (mar(), ResultCode::SUCCESS),
        (
            MultimediaAuthRequest {
                destination_host: other(HSS),
                ..mar()
            },
            ResultCode::SUCCESS,
        ),
        (
            MultimediaAuthRequest { resync, ..mar() },
            ResultCode::UNABLE_TO_COMPLY,
        ),
        (
            MultimediaAuthRequest {
                impi: unknown,
                ..mar()
            },
            ResultCode::IDENTITY_UNKNOWN,
        ),
    ] {
        let mut request = request.to_message();
        (request.hop_by_hop, request.end_to_end) = (7, 8);
        let (code, write) = usual
            .usual(at(0), &name(BSF), &request.encode())
            .expect("as usual")
            .await;
        let mut out = Out::default();
        write(&mut out);
        let answer = general.answer(at(0), &name(BSF), &request).await;
        assert_eq!((code, answer.result()), (result, Ok(result)));
        assert_eq!(out.octets(), answer.encode());
    }
    // What is refused for what it is, is refused the general way.
    let asked = |peer: &str, request: MultimediaAuthRequest| {
        let octets = request.to_message().encode();
        usual.usual(at(0), &name(peer), &octets).is_some()
    };
    assert!(asked(BSF, mar()));
    assert!(!asked("bsf2.home.test", mar()), "a stranger");
    let origin_host = name("bsf2.home.test");
    assert!(!asked(BSF, MultimediaAuthRequest { origin_host, ..mar() }));
    let destination_realm = name("other.test");
    assert!(!asked(
        BSF,
        MultimediaAuthRequest {
            destination_realm,
            ..mar()
        }
    ));
    let destination_host = other("hss2.home.test");
    assert!(!asked(
        BSF,
        MultimediaAuthRequest {
            destination_host,
            ..mar()
        }
    ));
    let scheme = Some(Scheme::Other("Digest-MD5".into()));
    assert!(!asked(BSF, MultimediaAuthRequest { scheme, ..ours }));
}
