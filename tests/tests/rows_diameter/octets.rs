//! What is wrong in the octets themselves.

use net::tap::Incident;

use crate::{allocator, raw::*, stage::*};

/// What one connection may hold: its buffers, its queue and its answers. Nothing of it comes from a length field.
const ONE_CONNECTION: usize = 256 * 1024;

/// A head whose length says what it likes: the connection ends without waiting for the rest, at any time of its life.
#[tokio::test]
async fn row_01_a_length_below_the_head_or_beyond_bounds_ends_the_connection() {
    for element in Element::both().await {
        for length in [0_u32, 5, 19, 0x00ff_fffc] {
            for opened in [false, true] {
                let mut head = message(OWN, if opened { DWR } else { CER }, BASE, &[]);
                head[1..4].copy_from_slice(&length.to_be_bytes()[1..]);
                allocator::begin();
                let mut peer = if opened {
                    element.open().await
                } else {
                    Peer::connect(element.address).await
                };
                peer.send(&head).await;
                let answer = peer.rest().await;
                assert!(
                    allocator::most_held() < ONE_CONNECTION,
                    "{length}: {}",
                    allocator::most_held()
                );
                // What says that it has no whole head isn't answered.
                assert_eq!(
                    answer.is_empty(),
                    length < 20,
                    "{} {length} {opened}",
                    element.name
                );
                let counted = element.incidents.take();
                assert_eq!(
                    counted,
                    [Incident::Malformed],
                    "{} {length} {opened}",
                    element.name
                );
            }
        }
        element.still_serves("heads without length").await;
    }
}

/// The reference of what is measured above: a good connection holds as much, and a real allocation is seen.
#[tokio::test]
async fn row_01_the_measure_sees_what_is_allocated() {
    let element = hss().await;
    allocator::begin();
    element.still_serves("nothing").await;
    let good = allocator::most_held();
    assert!((1024..ONE_CONNECTION).contains(&good), "{good}");
    drop(std::hint::black_box(Vec::<u8>::with_capacity(16 << 20)));
    assert!(allocator::most_held() >= 16 << 20);
}

#[tokio::test]
async fn row_02_an_avp_length_below_its_head_is_5014() {
    for element in Element::both().await {
        for length in 0..12_u8 {
            let user = avp(1, IMPI);
            let btid = avp_of(401, TGPP, btid().octets());
            let broken = [(1, user, 8), (401, btid, 12)];
            for (code, avp, head) in broken.into_iter().filter(|(.., head)| length < *head) {
                let what = format!("{} {length} of {head}", element.name);
                let mut avps = element.good.clone();
                avps.push(with_length(avp.clone(), length));
                allocator::begin();
                let mut peer = element.open().await;
                let answer = peer.ask(element.request(&avps)).await;
                assert_result(&answer, 5014, code, &what);
                // The frame of the message holds, so the connection does.
                let answer = peer.ask(element.request(&element.good)).await;
                assert_result(&answer, 2001, 0, &what);
                // Before the peer is known it ends.
                let mut stranger = Peer::connect(element.address).await;
                let mut avps = capabilities(element.peer, element.application);
                avps.push(with_length(avp, length));
                let cea = stranger.ask(message(OWN, CER, BASE, &avps)).await;
                assert_result(&cea, 5014, code, &what);
                assert!(stranger.rest().await.is_empty(), "{what}");
                assert!(allocator::most_held() < 2 * ONE_CONNECTION, "{what}");
            }
        }
        let counted = element.incidents.take();
        assert!(counted.contains(&Incident::Malformed), "{counted:?}");
        element.still_serves("AVPs without length").await;
    }
}

/// So many groups within each other: each octet of the innermost belongs to all of them.
fn nested(groups: usize) -> Vec<u8> {
    let mut octets = Vec::with_capacity(groups * 8);
    for group in 0..groups {
        let length = u32::try_from((groups - group) * 8).unwrap();
        octets.extend(284_u32.to_be_bytes());
        octets.extend((0x4000_0000 | length).to_be_bytes());
    }
    octets
}

#[tokio::test]
async fn row_03_groups_within_groups_end_at_a_bound() {
    for element in Element::both().await {
        // As many as a message of ours may have octets for: answered.
        for groups in [9, 1_000, 16_000] {
            let mut avps = element.good.clone();
            avps.push(nested(groups));
            let request = element.request(&avps);
            allocator::begin();
            let mut peer = element.open().await;
            let answer = peer.ask(&request).await;
            assert_result(&answer, 5014, 284, &format!("{} {groups}", element.name));
            let most = allocator::most_held();
            assert!(most < 2 * request.len() + ONE_CONNECTION, "{groups}: {most}");
        }
        // 1.6 MB: more than a message may have, so the connection ends before they are read.
        let request = element.request(&[nested(200_000)]);
        assert_eq!(request.len(), 1_600_020);
        allocator::begin();
        let mut peer = element.open().await;
        peer.send(&request).await;
        peer.rest().await;
        assert!(
            allocator::most_held() < 2 * ONE_CONNECTION,
            "{}",
            allocator::most_held()
        );
        element.still_serves("200,000 groups").await;
    }
}

#[tokio::test]
async fn row_08_an_unsigned32_of_another_length_is_5014_and_is_not_used() {
    for element in Element::both().await {
        let mut peer = element.open().await;
        for length in [0, 1, 2, 3, 5, 8] {
            let value = vec![0xff; length];
            // Auth-Session-State, Origin-State-Id, GUSS-Timestamp, SIP-Number-Auth-Items, GBA_U-Awareness-Indicator.
            for (code, vendor) in [(277, 0), (278, 0), (409, TGPP), (607, TGPP), (407, TGPP)] {
                let what = format!("{} AVP {code} of {length}", element.name);
                let avps = replace(&element.good, code, avp_of(code, vendor, &value));
                let answer = peer.ask(element.request(&avps)).await;
                assert_result(&answer, 5014, code, &what);
            }
            // In a group it is the inner one that is named.
            let group = avp(
                260,
                [avp(266, &value), avp(258, element.application.to_be_bytes())].concat(),
            );
            let avps = replace(&element.good, 260, group);
            let answer = peer.ask(element.request(&avps)).await;
            assert_result(&answer, 5014, 266, element.name);
            // And before the peer is known.
            for code in [266, 278, 267, 265] {
                let good = capabilities(element.peer, element.application);
                let mut stranger = Peer::connect(element.address).await;
                let avps = replace(&good, code, avp(code, &value));
                let cea = stranger.ask(message(OWN, CER, BASE, &avps)).await;
                assert_result(&cea, 5014, code, &format!("{} CER, AVP {code}", element.name));
            }
        }
        element.still_serves("short numbers").await;
    }
}

#[tokio::test]
async fn row_09_an_enumerated_value_that_is_not_served_is_5004() {
    for element in Element::both().await {
        let mut peer = element.open().await;
        // STATE_MAINTAINED is in RFC 6733 8.11, but there are no sessions on Zh and Zn. The rest is in no document.
        let values = [
            (277, 0, 0),
            (277, 0, 2),
            (277, 0, u32::MAX),
            (407, TGPP, 2),
            (410, TGPP, 3),
        ];
        for (code, vendor, value) in values {
            let avps = replace(&element.good, code, avp_of(code, vendor, value.to_be_bytes()));
            let answer = peer.ask(element.request(&avps)).await;
            let what = format!("{} AVP {code} = {value}", element.name);
            assert_result(&answer, 5004, code, &what);
        }
        let mut dpr = origin(element.peer).to_vec();
        dpr.push(avp(273, 3_u32.to_be_bytes()));
        let answer = peer.ask(message(OWN, DPR, BASE, &dpr)).await;
        assert_result(&answer, 5004, 273, element.name);
        // It wasn't a goodbye.
        let answer = peer.ask(element.request(&element.good)).await;
        assert_result(&answer, 2001, 0, element.name);
    }
}

#[tokio::test]
async fn row_10_an_address_of_another_family_or_length_is_5004() {
    let values: [&[u8]; 9] = [
        b"",
        &[0],
        &[0, 1],
        &[0, 1, 127, 0, 0],
        &[0, 1, 127, 0, 0, 1, 0],
        &[0, 2, 127, 0, 0, 1],
        &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        // E.164, and a family that nobody has.
        &[0, 8, b'4', b'9'],
        &[0xff, 0xff, 127, 0, 0, 1],
    ];
    for element in Element::both().await {
        for value in values {
            let good = capabilities(element.peer, element.application);
            let avps = replace(&good, 257, avp(257, value));
            let mut peer = Peer::connect(element.address).await;
            let cea = peer.ask(message(OWN, CER, BASE, &avps)).await;
            assert_result(&cea, 5004, 257, &format!("{} {value:02x?}", element.name));
            assert!(peer.rest().await.is_empty());
        }
        element.still_serves("odd addresses").await;
    }
}
