//! Properties of the codec: it never panics, gives back what was put in, and is bounded.
#![allow(clippy::unwrap_used, reason = "a test helper may panic")]

use diameter::{Avp, Message, ResultCode, Value, avp::MAX_DEPTH, dictionary as d, grammar, message};
use proptest::prelude::*;

/// AVPs of any code, flags and value; groups only where the dictionary says so, as a receiver reads them.
fn avp() -> impl Strategy<Value = Avp> {
    let octets = proptest::collection::vec(any::<u8>(), 0..40);
    let vendor = prop_oneof![Just(0), Just(d::TGPP), any::<u32>()];
    let code = prop_oneof![any::<u32>(), 1u32..700];
    let leaf = (code, vendor, 0u8..0x80, octets)
        .prop_filter("a group by its code", |(code, vendor, ..)| {
            d::find(*vendor, *code).is_none_or(|def| def.kind != diameter::Kind::Grouped)
        })
        .prop_map(|(code, vendor, flags, value)| Avp::raw(code, vendor, flags, value));
    leaf.prop_recursive(7, 64, 4, |inner| {
        let group = prop_oneof![
            Just(&d::SIP_AUTH_DATA_ITEM),
            Just(&d::VENDOR_SPECIFIC_APPLICATION_ID)
        ];
        (group, proptest::collection::vec(inner, 0..4)).prop_map(|(def, avps)| Avp::group(def, avps))
    })
}

fn message() -> impl Strategy<Value = Message> {
    let avps = proptest::collection::vec(avp(), 0..12);
    (any::<u8>(), 0u32..1 << 24, any::<[u32; 3]>(), avps).prop_map(
        |(flags, command, [application, hop_by_hop, end_to_end], avps)| Message {
            flags,
            command,
            application,
            hop_by_hop,
            end_to_end,
            avps,
        },
    )
}

/// A head that lets the body through, so that arbitrary octets reach the AVP reader.
fn framed(body: &[u8]) -> Vec<u8> {
    let mut octets = Message::request(grammar::MULTIMEDIA_AUTH, d::ZH, true).encode();
    octets.extend_from_slice(body);
    octets.resize(octets.len().next_multiple_of(4), 0);
    let len = u32::try_from(octets.len()).unwrap().to_be_bytes();
    octets[1..4].copy_from_slice(&len[1..]);
    octets
}

/// Octets of values in the tree, and number of AVPs.
fn size(avps: &[Avp]) -> (usize, usize) {
    avps.iter().fold((0, 0), |(octets, count), avp| {
        let (o, c) = match avp.value() {
            Value::Octets(v) => (v.memory(), 0),
            Value::Group(inner) => size(inner),
        };
        (octets + o, count + c + 1)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    //= RFC6733-3-r1
    #[test]
    fn what_is_written_is_read_back(m in message()) {
        let octets = m.encode();
        prop_assert_eq!(octets.len(), m.encoded_len());
        let back = Message::parse(&octets).unwrap();
        prop_assert!(back == m);
        prop_assert_eq!(back.encode(), octets);
    }

    //= RFC6733-3-r2
    #[test]
    fn arbitrary_octets_never_panic_and_hold_no_more_than_they_bring(
        body in proptest::collection::vec(any::<u8>(), 0..600)
    ) {
        let _ = Message::parse(&body);
        let _ = message::session_id(&body);
        let octets = framed(&body);
        let _ = grammar::parse_and_check(&octets);
        if let Ok(m) = Message::parse(&octets) {
            let (held, count) = size(&m.avps);
            prop_assert!(held + 8 * count <= octets.len());
            let again = Message::parse(&m.encode()).unwrap();
            prop_assert!(again == m);
            let _ = m.pretty();
        }
    }

    /// One octet changed in a good message: parsed or refused, never a panic, and every fault has an answer.
    //= RFC6733-3-r2
    #[test]
    fn a_damaged_message_is_answered(m in message(), at in any::<prop::sample::Index>(), new in any::<u8>()) {
        let mut octets = m.encode();
        let at = at.index(octets.len());
        octets[at] = new;
        if let Err(fault) = grammar::parse_and_check(&octets) {
            let origin = diameter::Origin { host: "a.test".parse().unwrap(), realm: "test".parse().unwrap() };
            let answer = fault.answer(&m.header(), message::session_id(&octets), &origin);
            let read = Message::parse(&answer.encode()).unwrap();
            prop_assert_eq!(read.result().unwrap(), fault.result);
        }
    }
}

//= RFC6733-4.4-r1
#[test]
fn groups_nest_only_so_deep() {
    let nest = |depth: usize| {
        let group = (0..depth).fold(Avp::utf8(&d::USER_NAME, "x"), |inner, _| {
            Avp::group(&d::SIP_AUTH_DATA_ITEM, vec![inner])
        });
        let mut m = Message::request(grammar::MULTIMEDIA_AUTH, d::ZH, true);
        m.avps.push(group);
        Message::parse(&m.encode())
    };
    assert!(nest(MAX_DEPTH).is_ok());
    assert_eq!(
        nest(MAX_DEPTH + 1).unwrap_err().result,
        ResultCode::INVALID_AVP_LENGTH
    );
    // As deep as the size allows: refused before the stack notices.
    let deep = (0..10_000u32).fold(Vec::new(), |inner: Vec<u8>, _| {
        let len = u32::try_from(inner.len() + 12).unwrap();
        let head = [612, 0xc000_0000 | len, d::TGPP].map(u32::to_be_bytes);
        [head.as_flattened(), &inner].concat()
    });
    assert_eq!(
        Message::parse(&framed(&deep)).unwrap_err().result,
        ResultCode::INVALID_AVP_LENGTH
    );
}

#[test]
fn a_message_of_nothing_but_avp_heads_is_refused() {
    let heads = [0, 0, 0, 1, 0, 0, 0, 8].repeat(2000);
    assert_eq!(
        Message::parse(&framed(&heads)).unwrap_err().result,
        ResultCode::AVP_OCCURS_TOO_MANY_TIMES
    );
}

//= RFC6733-4.1-r1
#[test]
fn lengths_below_the_head_are_refused() {
    for flags in [0u8, 0xc0] {
        let head = if flags == 0 { 8 } else { 12 };
        for len in 0..head {
            let avp = [0, 0, 1, 0x91, flags, 0, 0, len, 0, 0, 0x28, 0xaf];
            let fault = Message::parse(&framed(&avp)).unwrap_err();
            assert_eq!(fault.result, ResultCode::INVALID_AVP_LENGTH, "length {len}");
            let vendor = if flags == 0 { 0 } else { d::TGPP };
            assert_eq!(fault.failed_avp, Some((401, vendor)), "length {len}");
        }
    }
}

//= RFC6733-7.1.5-r1
#[test]
fn a_device_that_names_itself_64_times_is_told_5009() {
    let mut m = Message::request(grammar::CAPABILITIES_EXCHANGE, d::BASE, false);
    m.avps = vec![Avp::utf8(&d::ORIGIN_HOST, "a.test"); 64];
    let fault = grammar::check_request(&m).unwrap_err();
    assert_eq!(fault.result, ResultCode::AVP_OCCURS_TOO_MANY_TIMES);
    assert_eq!(fault.failed_avp, Some((264, 0)));
}

//= RFC6733-4.1-r2
//= RFC6733-4.2-r1
//= RFC6733-7.1.5-r1
#[test]
fn values_are_checked_by_their_type() {
    let cer = |extra: Avp| {
        let mut m = Message::request(grammar::CAPABILITIES_EXCHANGE, d::BASE, false);
        m.avps = vec![
            Avp::utf8(&d::ORIGIN_HOST, "a.test"),
            Avp::utf8(&d::ORIGIN_REALM, "test"),
            Avp::octets(&d::HOST_IP_ADDRESS, [0, 1, 127, 0, 0, 1]),
            Avp::u32(&d::VENDOR_ID, d::TGPP),
            Avp::utf8(&d::PRODUCT_NAME, "gba"),
            extra,
        ];
        grammar::check_request(&m)
            .map(|_| ())
            .map_err(|f| (f.result.number(), f.failed_avp))
    };
    let fails = |code, avp| Err((code, Some((avp, 0))));
    let vsai = |inner| Avp::group(&d::VENDOR_SPECIFIC_APPLICATION_ID, inner);
    assert_eq!(cer(Avp::octets(&d::ORIGIN_STATE_ID, [0, 0, 1])), fails(5014, 278));
    assert_eq!(
        cer(Avp::octets(&d::HOST_IP_ADDRESS, [0, 1, 127, 0, 0])),
        fails(5004, 257)
    );
    assert_eq!(cer(Avp::octets(&d::HOST_IP_ADDRESS, [])), fails(5004, 257));
    assert_eq!(
        cer(Avp::octets(&d::HOST_IP_ADDRESS, [0, 8, 1, 2])),
        fails(5004, 257)
    );
    assert_eq!(cer(Avp::octets(&d::USER_NAME, [0xff])), fails(5004, 1));
    assert_eq!(cer(Avp::utf8(&d::ROUTE_RECORD, "a b")), fails(5004, 282));
    assert_eq!(cer(vsai(vec![])), fails(5005, 266));
    assert_eq!(cer(vsai(vec![Avp::u32(&d::VENDOR_ID, 1)])), fails(5005, 258));
    assert_eq!(cer(Avp::raw(4000, 99, 0, [1])), Ok(()));
    assert_eq!(
        cer(Avp::raw(4000, 99, Avp::MANDATORY, [1])),
        Err((5001, Some((4000, 99))))
    );
}

/// Ruling 35: whatever prints a message shows keys by their length only.
#[test]
fn ruling_35_keys_are_shown_as_their_length() {
    const CANARY: &[u8] = b"canary-canary-16";
    let key = |def| Avp::octets(def, CANARY);
    let mut m = Message::request(grammar::MULTIMEDIA_AUTH, d::ZH, true);
    m.avps = vec![
        key(&d::ME_KEY_MATERIAL),
        key(&d::UICC_KEY_MATERIAL),
        Avp::group(
            &d::SIP_AUTH_DATA_ITEM,
            [&d::SIP_AUTHORIZATION, &d::CONFIDENTIALITY_KEY, &d::INTEGRITY_KEY]
                .map(key)
                .into(),
        ),
        // What no dictionary knows, and a group that wasn't opened, could hold a key as well.
        Avp::raw(77777, d::TGPP, 0, CANARY),
        Avp::group(
            &d::FAILED_AVP,
            vec![
                key(&d::INTEGRITY_KEY),
                Avp::group(&d::SIP_AUTH_DATA_ITEM, vec![key(&d::INTEGRITY_KEY)]),
            ],
        ),
    ];
    let m = Message::parse(&m.encode()).unwrap();
    let fault = diameter::Fault::value(&m.avps[0], "wrong");
    let shown = format!(
        "{m:?} {:?} {} {} {fault} {fault:?}",
        m.avps,
        m.summary(),
        m.pretty()
    );
    assert!(!shown.contains("canary"), "{shown}");
    assert!(!shown.contains(&base::hex::encode(CANARY)), "{shown}");
    let lines = m.pretty();
    for code in [405, 406, 610, 625, 626] {
        let line = lines
            .lines()
            .find(|l| l.contains(&format!("({code}/10415)")))
            .unwrap();
        assert!(line.ends_with("= <16 octets>"), "{line}");
    }
}
