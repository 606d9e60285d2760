//! What has a view is what the general way reads, and means the same; what we write has one.
#![allow(clippy::unwrap_used, reason = "a test helper may panic")]

use aka::{Autn, Auts, Rand, Res, Vector};
use base::{Secret, Utc, secret::ct_eq};
use diameter::{
    Avp, Identity, Message, Origin, ResultCode, dictionary as d,
    layout::{Any, Ascii, Block, Exactly, Ids, Out},
};
use gba::zh::{
    view::{Asked, Item, Maa, Mar, Route, Success, UserName},
    *,
};
use proptest::{prelude::*, sample::Index};

fn origin() -> Origin {
    Origin {
        host: "hss.home.test".parse().unwrap(),
        realm: "home.test".parse().unwrap(),
    }
}

fn identity() -> impl Strategy<Value = Identity> {
    "[a-zA-Z0-9._-]{1,70}".prop_map(|name| name.parse().unwrap())
}

fn requests() -> impl Strategy<Value = MultimediaAuthRequest> {
    let resync = (any::<[u8; 16]>(), any::<[u8; 14]>());
    let resync = resync.prop_map(|(rand, auts)| (Rand::from(rand), Auts::from(auts)));
    (
        "[ -~]{0,80}",
        (
            identity(),
            identity(),
            identity(),
            proptest::option::of(identity()),
        ),
        "[!-?A-~]{1,30}@[!-?A-~]{1,40}",
        proptest::option::of(proptest::option::of(resync)),
        proptest::option::of(0_u32..0x7000_0000),
    )
        .prop_map(|(session_id, names, impi, item, time)| MultimediaAuthRequest {
            session_id,
            origin_host: names.0,
            origin_realm: names.1,
            destination_realm: names.2,
            destination_host: names.3,
            impi: impi.parse().unwrap(),
            public_identity: None,
            scheme: item.map(|_| Scheme::DigestAkaV1Md5),
            resync: item.flatten(),
            guss_timestamp: time.map(|secs| Utc(i64::from(secs))),
        })
}

type Parts = ([u8; 16], [u8; 16], [u8; 16], [u8; 16], Vec<u8>);

fn vector((rand, autn, ck, ik, xres): Parts) -> Vector {
    Vector {
        rand: Rand::from(rand),
        autn: Autn::from(autn),
        xres: Res::new(&xres).unwrap(),
        ck: Secret::new(ck),
        ik: Secret::new(ik),
    }
}

fn parts() -> impl Strategy<Value = Parts> {
    let key = any::<[u8; 16]>();
    (key, key, key, key, proptest::collection::vec(any::<u8>(), 4..=16))
}

/// A request and the answer to it, by the general way; now and then a result that is no success.
fn exchanges() -> impl Strategy<Value = (MultimediaAuthRequest, Vec<u8>, Vec<u8>)> {
    let guss = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300));
    let ids = any::<(u32, u32)>();
    (
        requests(),
        ids,
        proptest::collection::vec(parts(), 1..3),
        any::<bool>(),
        guss,
    )
        .prop_map(|(request, ids, parts, named, guss)| {
            let vectors = parts.into_iter().map(vector).collect();
            let mut asked = request.to_message();
            (asked.hop_by_hop, asked.end_to_end) = ids;
            let impi = named.then(|| request.impi.clone());
            let answer = MultimediaAuthAnswer::Ok(Authentication { impi, vectors, guss });
            let answer = answer.to_message(&asked, &origin()).encode();
            (request, asked.encode(), answer)
        })
}

/// What may be done to a message on its way.
#[derive(Clone, Debug)]
enum Change {
    Nothing,
    Octet(Index, u8),
    Cut(Index),
    Without(Index),
    Twice(Index),
    Swapped(Index, Index),
    Moved(Index),
    Added(u32, u32, u8, Vec<u8>),
    Value(Index, Vec<u8>),
}

fn changes() -> impl Strategy<Value = Change> {
    let octets = || proptest::collection::vec(any::<u8>(), 0..40);
    let name = prop_oneof![octets(), "[a-z.@ ü]{0,20}".prop_map(String::into_bytes)];
    let row = proptest::sample::select(d::TABLE);
    prop_oneof![
        Just(Change::Nothing),
        (any::<Index>(), any::<u8>()).prop_map(|(at, to)| Change::Octet(at, to)),
        any::<Index>().prop_map(Change::Cut),
        any::<Index>().prop_map(Change::Without),
        any::<Index>().prop_map(Change::Twice),
        any::<(Index, Index)>().prop_map(|(a, b)| Change::Swapped(a, b)),
        any::<Index>().prop_map(Change::Moved),
        (row, any::<u8>(), octets()).prop_map(|(d, f, v)| Change::Added(d.code, d.vendor, f, v)),
        (any::<u32>(), 0..2_u32, any::<u8>(), octets()).prop_map(|(c, v, f, o)| Change::Added(c, v, f, o)),
        (any::<Index>(), name).prop_map(|(at, value)| Change::Value(at, value)),
    ]
}

fn changed(octets: &[u8], change: &Change) -> Vec<u8> {
    let mut octets = octets.to_vec();
    match change {
        Change::Nothing => return octets,
        Change::Octet(at, to) => {
            let at = at.index(octets.len());
            octets[at] = *to;
            return octets;
        }
        Change::Cut(at) => {
            octets.truncate(at.index(octets.len() / 4) * 4);
            if let Ok(length) = u16::try_from(octets.len())
                && octets.len() >= 4
            {
                octets[2..4].copy_from_slice(&length.to_be_bytes());
            }
            return octets;
        }
        _ => {}
    }
    let mut message = Message::parse(&octets).unwrap();
    let avps = &mut message.avps;
    match change {
        Change::Without(at) => drop(avps.remove(at.index(avps.len()))),
        Change::Twice(at) => avps.push(avps[at.index(avps.len())].clone()),
        Change::Swapped(a, b) => {
            let (a, b) = (a.index(avps.len()), b.index(avps.len()));
            avps.swap(a, b);
        }
        Change::Moved(at) => {
            // Into the group, or out of it.
            let inner = avps.remove(at.index(avps.len()));
            avps.push(Avp::group(&d::SIP_AUTH_DATA_ITEM, vec![inner]));
        }
        Change::Added(code, vendor, flags, value) => {
            avps.push(Avp::raw(*code, *vendor, *flags & !Avp::VENDOR, value.as_slice()));
        }
        Change::Value(at, value) => {
            let at = at.index(avps.len());
            let avp = &avps[at];
            avps[at] = Avp::raw(avp.code(), avp.vendor(), avp.flags(), value.as_slice());
        }
        _ => {}
    }
    message.encode()
}

/// By both ways: true if there is a view.
fn mar_is_the_same(octets: &[u8]) -> Result<bool, TestCaseError> {
    let Some((ids, mar)) = Mar::read(octets) else {
        return Ok(false);
    };
    let message = Message::parse(octets).map_err(|fault| TestCaseError::fail(fault.to_string()))?;
    prop_assert_eq!(
        (ids.hop_by_hop, ids.end_to_end),
        (message.hop_by_hop, message.end_to_end)
    );
    prop_assert_eq!(mar.to_owned(), MultimediaAuthRequest::parse(&message).ok());
    Ok(true)
}

fn maa_is_the_same(octets: &[u8]) -> Result<bool, TestCaseError> {
    let Some((ids, maa)) = Maa::read(octets) else {
        return Ok(false);
    };
    let message = Message::parse(octets).map_err(|fault| TestCaseError::fail(fault.to_string()))?;
    prop_assert_eq!(
        (ids.hop_by_hop, ids.end_to_end),
        (message.hop_by_hop, message.end_to_end)
    );
    let Ok(MultimediaAuthAnswer::Ok(ok)) = MultimediaAuthAnswer::parse(&message) else {
        return Err(TestCaseError::fail("the general way reads no success"));
    };
    let [theirs] = ok.vectors.as_slice() else {
        return Err(TestCaseError::fail("one vector expected"));
    };
    let ours = maa.vector().unwrap();
    prop_assert_eq!((&ours.rand, &ours.autn), (&theirs.rand, &theirs.autn));
    prop_assert!(ours.ck.ct_eq(&theirs.ck) && ours.ik.ct_eq(&theirs.ik));
    prop_assert!(ct_eq(ours.xres.expose(), theirs.xres.expose()));
    prop_assert_eq!(maa.impi.map(|impi| impi.impi().unwrap()), ok.impi);
    prop_assert_eq!(maa.guss.map(Any::octets), ok.guss.as_deref());
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_we_write_is_the_same_by_both_ways((request, asked, answer) in exchanges()) {
        prop_assert!(mar_is_the_same(&asked)?);
        let (ids, mar) = Mar::read(&asked).unwrap();
        let route = Block::octets_of(Route::of(&request));
        let mut out = Out::default();
        out.write(
            Mar {
                session_id: Ascii::of(request.session_id.as_bytes()),
                route: Block::ready(&route),
                impi: UserName::of(&request.impi),
                ..mar
            },
            ids,
        );
        prop_assert_eq!(out.octets(), &asked[..]);

        let message = Message::parse(&answer).unwrap();
        let Ok(MultimediaAuthAnswer::Ok(ok)) = MultimediaAuthAnswer::parse(&message) else {
            return Err(TestCaseError::fail("a success"));
        };
        let several = ok.vectors.len() > 1;
        prop_assert_eq!(maa_is_the_same(&answer)?, !several);
        if !several {
            let from = Block::octets_of(Success::origin(&origin()));
            let mut out = Out::default();
            // Not the first one there: its memory isn't new.
            for _ in 0..2 {
                out.clear();
                let maa = Maa {
                    session_id: Any::of(request.session_id.as_bytes()),
                    from: Block::ready(&from),
                    impi: ok.impi.as_ref().map(UserName::of),
                    item: Item::of(&ok.vectors[0]),
                    guss: ok.guss.as_deref().map(Any::of),
                };
                out.write(maa, ids);
                prop_assert_eq!(out.octets(), &answer[..]);
                out.clear();
                out.push(&Message::parse(&answer).unwrap());
                prop_assert_eq!(out.octets(), &answer[..]);
                out.clear();
                out.write(Mar { impi: UserName::of(&request.impi), ..Mar::default() }, Ids::default());
            }
        }
    }

    #[test]
    fn what_has_a_view_is_the_same_by_both_ways((_, asked, answer) in exchanges(), change in changes()) {
        mar_is_the_same(&changed(&asked, &change))?;
        maa_is_the_same(&changed(&answer, &change))?;
        // A request is no answer, whatever becomes of it.
        prop_assert!(Maa::read(&asked).is_none() && Mar::read(&answer).is_none());
    }

    #[test]
    fn any_octets_have_a_view_or_none(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        mar_is_the_same(&octets)?;
        maa_is_the_same(&octets)?;
    }
}

#[test]
fn a_failure_and_a_failed_check_have_no_view() {
    let request = MultimediaAuthRequest {
        session_id: "s;1;2".into(),
        origin_host: "bsf.home.test".parse().unwrap(),
        origin_realm: "home.test".parse().unwrap(),
        destination_realm: "home.test".parse().unwrap(),
        destination_host: None,
        impi: "a@b".parse().unwrap(),
        public_identity: None,
        scheme: None,
        resync: None,
        guss_timestamp: None,
    };
    let failure = MultimediaAuthAnswer::Err(Failure::new(ResultCode::UNABLE_TO_COMPLY));
    let failure = failure.to_message(&request.to_message(), &origin());
    assert!(Maa::read(&failure.encode()).is_none());
    let refused = |request: &MultimediaAuthRequest| Mar::read(&request.to_message().encode()).is_none();
    assert!(!refused(&request));
    assert!(refused(&MultimediaAuthRequest {
        scheme: Some(Scheme::Other("Digest-MD5".into())),
        ..request
    }));
    // Names are looked at by sixteen octets at once: each place counts.
    for long in [1, 15, 16, 17, 33, 255] {
        for at in 0..long {
            let mut name = vec![b'a'; long];
            name[at] = b'/';
            let mut out = Out::default();
            let route = Block::octets_of(Route {
                origin_host: diameter::layout::Name::of(&name),
                origin_realm: diameter::layout::Name::of(b"r"),
                destination_realm: diameter::layout::Name::of(b"r"),
                destination_host: None,
            });
            let impi = "a@b".parse().unwrap();
            let mar = Mar {
                session_id: Ascii::of(b"s"),
                route: Block::ready(&route),
                impi: UserName::of(&impi),
                item: Some(Asked {
                    resync: Some(Exactly(&[1; 30])),
                }),
                guss_timestamp: None,
            };
            out.write(mar, Ids::default());
            assert!(Mar::read(out.octets()).is_none(), "{at} of {long}");
        }
    }
}
