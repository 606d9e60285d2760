//! A card of a few lines behind the transport: channels, applications, an ARA-M, and a log of what came.

use std::sync::{Arc, Mutex};

use base::{
    apdu::{Command, Response},
    tlv,
};
use proptest::prelude::*;
use uicc::{Card, CardError};

use super::{
    access::{ARA_M, Rules},
    error::Denial,
    *,
};

const USIM: &[u8] = &[0xa0, 0, 0, 0, 0x87, 0x10, 0x02, 0xff, 0x01];
const USIM_2: &[u8] = &[0xa0, 0, 0, 0, 0x87, 0x10, 0x02, 0xff, 0x02];
const RID: &[u8] = &[0xa0, 0, 0, 0, 0x87];
const OURS: [u8; 20] = [0x11; 20];

#[derive(Default)]
struct Inside {
    log: Vec<Vec<u8>>,
    open: Vec<u8>,
    selected: [usize; 20],
    /// `None`: no ARA-M.
    rules: Option<Vec<u8>>,
    refresh: u8,
    /// What is left for GET DATA [Next].
    left: Vec<u8>,
    reads: usize,
    fails: Option<CardError>,
    most: usize,
}

#[derive(Clone, Default)]
struct Toy(Arc<Mutex<Inside>>);

impl Toy {
    fn with(rules: &[Vec<u8>]) -> Self {
        let toy = Self::default();
        toy.set(rules);
        toy
    }

    fn set(&self, rules: &[Vec<u8>]) {
        let mut inside = self.0.lock().unwrap();
        inside.rules = Some(tlv::object(0xff40, &rules.concat()));
        inside.refresh += 1;
        inside.most = 3;
    }

    fn last(&self) -> Vec<u8> {
        self.0.lock().unwrap().log.last().unwrap().clone()
    }
}

impl Card for Toy {
    fn transmit(&mut self, c: &Command) -> Result<Response, CardError> {
        let mut inside = self.0.lock().unwrap();
        if let Some(e) = inside.fails.take() {
            return Err(e);
        }
        inside.log.push(c.octets());
        let number = match c.cla {
            further if further & 0x40 != 0 => (further & 0x0f) + 4,
            first => first & 3,
        };
        if number != 0 && !inside.open.contains(&number) {
            return Ok(Response::status(0x6881));
        }
        let most = inside.most;
        let answer = |data: &[u8]| Ok(Response::new(data.to_vec(), 0x9000));
        match (c.ins, c.p1, c.p2) {
            (0x70, 0, _) => match (1..=u8::try_from(most).unwrap()).find(|n| !inside.open.contains(n)) {
                Some(number) => {
                    inside.open.push(number);
                    answer(&[number])
                }
                None => Ok(Response::status(0x6a81)),
            },
            (0x70, _, p2) => {
                inside.open.retain(|n| *n != p2);
                answer(&[])
            }
            (0xa4, 4, p2) => {
                let all = [USIM, USIM_2, &ARA_M];
                let all = all.iter().filter(|a| **a != ARA_M || inside.rules.is_some());
                let fit: Vec<&&[u8]> = all.filter(|a| a.starts_with(c.data())).collect();
                let place = &mut inside.selected[usize::from(number)];
                let next = if p2 & 3 == 2 { *place + 1 } else { 0 };
                let Some(aid) = fit.get(next) else {
                    return Ok(Response::status(0x6a82));
                };
                *place = next;
                if p2 & 0x0c == 0x0c {
                    return answer(&[]);
                }
                answer(&tlv::object(0x62, &tlv::object(0x84, aid)))
            }
            (0xca, 0xdf, 0x20) => answer(&tlv::object(0xdf20, &[inside.refresh; 8])),
            (0xca, 0xff, which) => {
                if which == 0x40 {
                    inside.reads += 1;
                    inside.left = inside.rules.clone().unwrap();
                }
                let n = inside.left.len().min(100);
                let rest = inside.left.split_off(n);
                let part = std::mem::replace(&mut inside.left, rest);
                answer(&part)
            }
            _ => answer(&[]),
        }
    }
}

fn rule(aid: &[u8], hash: &[u8], access: &[u8]) -> Vec<u8> {
    let reference = [tlv::object(0x4f, aid), tlv::object(0xc1, hash)].concat();
    let allowed = tlv::object(0xd0, access);
    let parts = [tlv::object(0xe1, &reference), tlv::object(0xe3, &allowed)].concat();
    tlv::object(0xe2, &parts)
}

fn ours() -> Application {
    Application {
        certificates: vec![Hash::new(&OURS).unwrap()],
    }
}

fn session(toy: &Toy) -> Session {
    let reader = Reader::new("SIM1", Box::new(toy.clone()), Some(vec![0x3b, 0x00]));
    reader.open_session(ours()).unwrap()
}

fn everything() -> Toy {
    Toy::with(&[rule(&[], &[], &[1])])
}

//= OMAPI-channel-r1
#[test]
fn the_channels_number_stands_in_every_class_octet_whatever_the_caller_wrote() {
    let toy = everything();
    let session = session(&toy);
    let one = session.open_logical_channel(Some(USIM)).unwrap().unwrap();
    let two = session.open_logical_channel(Some(USIM)).unwrap().unwrap();
    assert_eq!((one.number(), two.number()), (1, 2));
    assert_eq!(one.transmit(&[0x02, 0xb0, 0, 0, 9]).unwrap(), [0x90, 0]);
    assert_eq!(toy.last(), [0x01, 0xb0, 0, 0, 9]);
    two.transmit(&[0x80, 0xf2, 0, 0]).unwrap();
    assert_eq!(toy.last(), [0x82, 0xf2, 0, 0]);
    two.transmit(&[0x4f, 0xb0, 0, 0, 1]).unwrap();
    assert_eq!(toy.last(), [0x02, 0xb0, 0, 0, 1]);
    for (cla, number, wanted) in [
        (0x00, 3, 0x03),
        (0x0c, 4, 0x60),
        (0x80, 19, 0xcf),
        (0x60, 1, 0x0d),
        (0x4a, 0, 0x00),
        (0x10, 7, 0x53),
        (0xb0, 5, 0xd1),
    ] {
        assert_eq!(class::on_channel(cla, number), wanted, "{cla:02x} on {number}");
    }
}

//= OMAPI-channel-r2
#[test]
fn commands_that_would_leave_the_channel_are_refused_before_the_card_sees_them() {
    let toy = everything();
    let session = session(&toy);
    let channel = session.open_logical_channel(Some(USIM)).unwrap().unwrap();
    let before = toy.0.lock().unwrap().log.len();
    for cla in [0x00, 0x41, 0x80, 0xff] {
        assert_eq!(
            channel.transmit(&[cla, 0x70, 0, 0, 1]),
            Err(Error::Forbidden("MANAGE CHANNEL"))
        );
        assert_eq!(
            channel.transmit(&[cla, 0xa4, 4, 0]),
            Err(Error::Forbidden("SELECT by AID"))
        );
    }
    for short in [
        &[][..],
        &[0, 0xb0, 0],
        &[0, 0xd6, 0, 0, 3, 1],
        &[0, 0xb0, 0, 0, 0, 0, 0],
    ] {
        assert!(matches!(channel.transmit(short), Err(Error::Apdu(_))));
    }
    assert_eq!(toy.0.lock().unwrap().log.len(), before);
    // SELECT by file identifier stays.
    assert!(channel.transmit(&[0, 0xa4, 0, 4, 2, 0x6f, 7]).is_ok());
}

//= OMAPI-session-r1
#[test]
fn a_channel_lives_as_long_as_its_session_and_the_card() {
    let toy = everything();
    let reader = Reader::new("SIM1", Box::new(toy.clone()), None);
    let session = reader.open_session(ours()).unwrap();
    assert_eq!(session.atr(), None);
    let channel = session.open_logical_channel(Some(USIM)).unwrap().unwrap();
    channel.close();
    channel.close();
    assert_eq!(channel.transmit(&[0, 0xb0, 0, 0]), Err(Error::Closed("channel")));
    // Its number goes to the next one, and the old one stays closed.
    let next = session.open_logical_channel(Some(USIM)).unwrap().unwrap();
    assert_eq!(next.number(), channel.number());
    assert!(channel.is_closed() && !next.is_closed());
    drop(channel);
    assert!(!next.is_closed());
    toy.0.lock().unwrap().fails = Some(CardError::Reset);
    assert!(matches!(next.transmit(&[0, 0xb0, 0, 0]), Err(Error::Io(_))));
    assert!(next.is_closed());
    toy.0.lock().unwrap().open.clear();
    let again = session.open_logical_channel(Some(USIM)).unwrap().unwrap();
    reader.close_sessions();
    assert!(again.is_closed() && session.is_closed());
    assert!(matches!(
        session.open_logical_channel(None),
        Err(Error::Closed("session"))
    ));
    assert!(toy.0.lock().unwrap().open.is_empty());
}

//= OMAPI-session-r1
#[test]
fn where_no_channel_is_left_there_is_none_and_a_missing_application_leaves_none_open() {
    let toy = everything();
    let session = session(&toy);
    assert!(session.open_basic_channel(None).unwrap().is_none());
    for bad in [&[0xa0; 4][..], &[0xa0; 17]] {
        assert!(matches!(
            session.open_logical_channel(Some(bad)),
            Err(Error::AidLength(_))
        ));
    }
    assert!(matches!(
        session.open_logical_channel_p2(Some(USIM), 0x02),
        Err(Error::P2(2))
    ));
    let missing = session.open_logical_channel(Some(&[0xa1; 7]));
    assert!(matches!(missing, Err(Error::NoSuchApplication { .. })));
    assert!(toy.0.lock().unwrap().open.is_empty());
    toy.0.lock().unwrap().most = 1;
    let _one = session.open_logical_channel(Some(USIM)).unwrap().unwrap();
    assert!(session.open_logical_channel(Some(USIM)).unwrap().is_none());
    // A card that nobody else works with.
    let reader = Reader::new("eSE", Box::new(everything()), None).with_basic_channel();
    let session = reader.open_session(ours()).unwrap();
    let basic = session.open_basic_channel(Some(USIM)).unwrap().unwrap();
    assert!(basic.is_basic_channel() && session.open_basic_channel(None).unwrap().is_none());
}

#[test]
fn the_next_application_is_selected_only_if_the_rules_let_it() {
    let toy = everything();
    let session = session(&toy);
    let mut channel = session.open_logical_channel(Some(RID)).unwrap().unwrap();
    assert!(channel.select_response().unwrap().windows(9).any(|w| w == USIM));
    assert!(channel.select_next().unwrap());
    assert!(channel.select_response().unwrap().windows(9).any(|w| w == USIM_2));
    assert!(!channel.select_next().unwrap());
    drop(channel);
    toy.set(&[rule(&[], &[], &[1]), rule(USIM_2, &[], &[0])]);
    let mut channel = session.open_logical_channel(Some(RID)).unwrap().unwrap();
    assert!(matches!(
        channel.select_next(),
        Err(Error::Denied(Denial::Never(_)))
    ));
    assert!(channel.is_closed());
    // The beginning of an AID doesn't go around the rule for the whole one.
    toy.set(&[rule(&[], &[], &[1]), rule(USIM, &[], &[0])]);
    assert!(matches!(
        session.open_logical_channel(Some(RID)),
        Err(Error::Denied(Denial::Never(_)))
    ));
    // Nor where no answer is asked for, so that the card can't tell which one that is.
    assert!(matches!(
        session.open_logical_channel_p2(Some(RID), 0x0c),
        Err(Error::Denied(Denial::Untold(_)))
    ));
    assert!(toy.0.lock().unwrap().open.is_empty());
    toy.set(&[rule(&[], &[], &[1])]);
    assert!(
        session
            .open_logical_channel_p2(Some(RID), 0x0c)
            .unwrap()
            .is_some()
    );
}

//= SEAC-3.2.1-r1
#[test]
fn the_most_specific_rule_decides_and_a_rule_for_others_shuts_out() {
    let other = [0x22; 32];
    let cases: [(&[Vec<u8>], bool); 11] = [
        (&[], false),
        (&[rule(&[], &[], &[1])], true),
        (&[rule(USIM, &OURS, &[1]), rule(USIM, &[], &[0])], true),
        (&[rule(USIM, &other, &[1]), rule(USIM, &[], &[1])], false),
        (&[rule(USIM, &[], &[0]), rule(&[], &OURS, &[1])], false),
        (&[rule(&[], &OURS, &[1]), rule(&[], &[], &[0])], true),
        (&[rule(&[], &other, &[1]), rule(&[], &[], &[1])], false),
        (&[rule(USIM_2, &other, &[1]), rule(&[], &[], &[1])], true),
        (&[rule(USIM, &OURS, &[1]), rule(USIM, &OURS, &[0])], false),
        (&[rule(USIM, &OURS, &[1]), rule(&[], &[], &[0])], true),
        (&[rule(USIM_2, &OURS, &[1])], false),
    ];
    for (n, (rules, allowed)) in cases.into_iter().enumerate() {
        let session = session(&Toy::with(rules));
        let opened = session.open_logical_channel(Some(USIM));
        match opened {
            Ok(Some(_)) => assert!(allowed, "case {n}"),
            Err(Error::Denied(_)) => assert!(!allowed, "case {n}"),
            other => panic!("case {n}: {:?}", other.err()),
        }
    }
}

//= SEAC-3.2.1-r2
#[test]
fn a_filter_lets_only_its_commands_pass() {
    let filter = |ins| [0, ins, 0, 0, 0xff, 0xff, 0, 0];
    let filters = [filter(0xb0), filter(0xa4)].concat();
    let toy = Toy::with(&[rule(USIM, &OURS, &filters), rule(USIM, &OURS, &[1])]);
    let session = session(&toy);
    let channel = session.open_logical_channel(Some(USIM)).unwrap().unwrap();
    // The channel's number is no part of the header that is looked at.
    for cla in [0x00, 0x03, 0x4f] {
        assert!(channel.transmit(&[cla, 0xb0, 0x81, 0, 9]).is_ok());
    }
    for refused in [[0x80, 0xb0, 0, 0], [0x00, 0xd6, 0, 0], [0x00, 0x88, 0, 0x84]] {
        let refused = channel.transmit(&refused);
        assert!(matches!(refused, Err(Error::Denied(Denial::Filtered(_)))));
    }
}

//= SEAC-4.2.1-r1
#[test]
fn rules_are_read_in_pieces_and_again_only_when_the_refresh_tag_changes() {
    let many: Vec<_> = (0..40).map(|n| rule(&[n; 9], &OURS, &[0])).collect();
    let toy = Toy::with(&[many, vec![rule(USIM, &OURS, &[1])]].concat());
    let session = session(&toy);
    for _ in 0..3 {
        assert!(session.open_logical_channel(Some(USIM)).unwrap().is_some());
    }
    assert_eq!(toy.0.lock().unwrap().reads, 1);
    toy.set(&[rule(USIM, &OURS, &[0])]);
    assert!(session.open_logical_channel(Some(USIM)).is_err());
    assert_eq!(toy.0.lock().unwrap().reads, 2);
}

//= SEAC-4.2.3-r1
#[test]
fn without_rules_or_with_broken_ones_nobody_gets_in() {
    let toy = everything();
    toy.0.lock().unwrap().rules = None;
    let refused = session(&toy).open_logical_channel(Some(USIM));
    assert!(matches!(refused, Err(Error::Denied(Denial::NoRules))));
    let reader = Reader::new("SIM1", Box::new(toy.clone()), None).unruled(Unruled::Allow);
    let laboratory = reader.open_session(ours()).unwrap();
    assert!(laboratory.open_logical_channel(Some(USIM)).unwrap().is_some());
    for broken in [
        &[0xff, 0x40, 0x02, 0xe2][..],
        &[0xff, 0x40, 0x83, 1, 0, 0],
        &[0x62, 0],
    ] {
        toy.0.lock().unwrap().rules = Some(broken.to_vec());
        // A laboratory's card with broken rules isn't one without.
        for session in [session(&toy), reader.open_session(ours()).unwrap()] {
            let refused = session.open_logical_channel(Some(USIM));
            assert!(matches!(refused, Err(Error::Denied(Denial::Unreadable(_)))));
        }
    }
}

#[test]
fn a_rule_for_a_package_lets_nobody_in_by_its_certificate() {
    let reference = [
        tlv::object(0x4f, USIM),
        tlv::object(0xc1, &OURS),
        tlv::object(0xca, b"org.example"),
    ];
    let parts = [
        tlv::object(0xe1, &reference.concat()),
        tlv::object(0xe3, &tlv::object(0xd0, &[1])),
    ];
    let package = tlv::object(0xe2, &parts.concat());
    let toy = Toy::with(&[package, rule(&[], &[], &[1])]);
    let refused = session(&toy).open_logical_channel(Some(USIM));
    assert!(matches!(refused, Err(Error::Denied(Denial::OthersOnly(_)))));
}

proptest! {
    #[test]
    fn no_octets_make_the_reading_of_rules_panic(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Rules::parse(&octets);
        let _ = Rules::parse(&tlv::object(0xff40, &octets));
        let _ = Rules::parse(&tlv::object(0xff40, &tlv::object(0xe2, &octets)));
    }

    #[test]
    fn a_class_octet_keeps_all_but_its_channel(cla: u8, number in 0u8..20) {
        let on = class::on_channel(cla, number);
        prop_assert_eq!(on & 0x90, cla & 0x90);
        let there = if on & 0x40 == 0 { on & 3 } else { (on & 0x0f) + 4 };
        prop_assert_eq!(there, number);
        prop_assert_eq!(class::on_channel(on, number), on);
    }

    #[test]
    fn no_command_of_a_caller_reaches_another_channel(apdu in proptest::collection::vec(any::<u8>(), 0..300)) {
        let toy = everything();
        let session = session(&toy);
        let channel = session.open_logical_channel(Some(USIM)).unwrap().unwrap();
        let before = toy.0.lock().unwrap().log.len();
        let _ = channel.transmit(&apdu);
        for sent in &toy.0.lock().unwrap().log[before..] {
            let number = if sent[0] & 0x40 == 0 { sent[0] & 3 } else { (sent[0] & 0x0f) + 4 };
            prop_assert_eq!(number, channel.number());
        }
    }
}
