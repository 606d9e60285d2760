//! Octets of commands, responses and envelopes, both ways; and a card with a script against a handset.

use base::hex;
use proptest::prelude::*;

use super::*;
use crate::{
    Sw,
    software::{
        Profile, SoftCard,
        toolkit::{Scripted, When},
    },
    terminal::{
        Session,
        toolkit::{Handset, Terminal},
    },
};

fn text(text: &str) -> Action {
    Action::DisplayText {
        text: Text::new(text).unwrap(),
        high_priority: true,
        wait_for_user: false,
    }
}

/// Each of the actions that have a name.
fn actions() -> Vec<(Action, &'static str)> {
    let channel = Channel {
        bearer: vec![0x02, 0, 0, 3, 0, 0, 2],
        buffer: 1400,
        network_access_name: Some(b"\x03iot".to_vec()),
        transport: Some((0x02, 4433)),
        destination: Some(vec![0x21, 127, 0, 0, 1]),
    };
    vec![
        (
            text("Toolkit Test 1"),
            "d01a8103012101820281028d0f04546f6f6c6b697420546573742031",
        ),
        (Action::MoreTime, "d009810301020082028182"),
        (
            Action::PollInterval { seconds: 20 },
            "d00d81030103008202818284020114",
        ),
        (Action::PollingOff, "d009810301040082028182"),
        (Action::Refresh { mode: 1 }, "d009810301010182028182"),
        (
            Action::SetUpEventList(vec![Event::USER_ACTIVITY, Event::IDLE_SCREEN]),
            "d00d81030105008202818299020405",
        ),
        (
            Action::ProvideLocalInformation(Local::Imei),
            "d009810301260182028182",
        ),
        (
            Action::Timer {
                timer: 1,
                action: TimerAction::Start([0x00, 0x50, 0x00]),
            },
            "d011810301270082028182a40101a503005000",
        ),
        (
            Action::Timer {
                timer: 8,
                action: TimerAction::Stop,
            },
            "d00c810301270182028182a40108",
        ),
        (
            Action::SendShortMessage {
                address: Some(vec![0x91, 0x11, 0x22]),
                tpdu: vec![0x01, 0x00, 0x02],
                packing: false,
            },
            "d01381030113008202818386039111228b03010002",
        ),
        (
            Action::OpenChannel(channel),
            "d028810301400182028182b50702000003000002b9020578c70403696f74bc03021151be05217f000001",
        ),
        (Action::CloseChannel(1), "d009810301410082028121"),
        (
            Action::ReceiveData {
                channel: 1,
                length: 200,
            },
            "d00c810301420082028121b701c8",
        ),
        (
            Action::SendData {
                channel: 7,
                data: vec![1, 2, 3],
                at_once: true,
            },
            "d00e810301430182028127b603010203",
        ),
        (Action::ChannelStatus, "d009810301440082028182"),
    ]
}

//= TS102223-6.6-r1
#[test]
fn commands_have_the_octets_of_the_specification_and_come_back_from_them() {
    for (action, wanted) in actions() {
        let command = Proactive::new(1, action);
        let octets = command.octets().unwrap();
        assert_eq!(hex::encode(&octets), wanted, "{:?}", command.action);
        assert_eq!(Proactive::parse(&octets).unwrap(), command);
    }
}

#[test]
fn what_a_command_brings_besides_is_kept() {
    // DISPLAY TEXT in 7 bit with an icon and immediate response.
    let octets = hex::decode(
        "d018810301210082028102 8d07 00d3e614442dab 9e020001 ab00"
            .replace(' ', "")
            .as_str(),
    );
    let octets = octets.unwrap();
    let command = Proactive::parse(&octets).unwrap();
    let Action::DisplayText { text, .. } = &command.action else {
        panic!("{command:?}");
    };
    assert!(text.as_str().starts_with("SM"), "{text}");
    assert_eq!(command.more.0.len(), 2);
    assert_eq!(command.octets().unwrap(), octets);
    // To the display, where only the network can send: not what is known by that name.
    let odd = Proactive::parse(&hex::decode("d00c8103011300820281028b0101").unwrap()).unwrap();
    assert!(matches!(odd.action, Action::Other { kind: 0x13, .. }));
}

#[test]
fn texts_are_read_in_all_three_alphabets_and_show_nothing_that_steers() {
    for (octets, wanted) in [
        ("04546f6f6c", "Tool"),
        ("0800410416", "AЖ"),
        ("00c8329bfd06", "Hello"),
        ("", ""),
        ("0800 1b005b".replace(' ', "").as_str(), "\u{fffd}["),
    ] {
        let text = Text::parse(&hex::decode(octets).unwrap()).unwrap();
        assert_eq!(text.to_string(), wanted);
        assert_eq!(text.octets(), hex::decode(octets).unwrap());
    }
    assert!(Text::parse(&[0x08, 0x00]).is_err() && Text::parse(&[0x0c]).is_err());
    assert!(Text::new(&"x".repeat(120)).is_err());
    assert_eq!(Text::new("Ж").unwrap().octets(), [0x08, 0x04, 0x16]);
}

//= TS102223-7-r1
#[test]
fn envelopes_are_what_they_say() {
    let sms = Envelope::SmsPp {
        address: Some(vec![0x91, 0x11]),
        tpdu: vec![0x40, 0x05],
    };
    assert_eq!(
        hex::encode(sms.octets()),
        "d10c8202838186029111 8b024005".replace(' ', "")
    );
    let timer = Envelope::TimerExpiration {
        timer: 1,
        value: [0, 0x50, 0],
    };
    assert_eq!(hex::encode(timer.octets()), "d70c82028281a40101a503005000");
    let menu = Envelope::MenuSelection { item: 3 };
    assert_eq!(hex::encode(menu.octets()), "d30782020181900103");
    for envelope in [sms, timer, menu] {
        assert_eq!(Envelope::parse(&envelope.octets()).unwrap(), envelope);
    }
    for bad in [
        "d1",
        "d103820283",
        "d70c82028281a40109a503005000",
        "d60482028281",
        "d30000",
    ] {
        assert!(Envelope::parse(&hex::decode(bad).unwrap()).is_err(), "{bad}");
    }
}

/// A handset that remembers what it was asked.
#[derive(Default)]
struct Remembering(Handset, Vec<Proactive>);

impl Terminal for Remembering {
    fn profile(&self) -> TerminalProfile {
        self.0.profile()
    }

    fn perform(&mut self, command: &Proactive) -> TerminalResponse {
        self.1.push(command.clone());
        self.0.perform(command)
    }
}

fn card(script: Vec<Scripted>, t0: bool) -> Session<SoftCard> {
    let algorithm = aka::Milenage::new(&base::Secret::new([1; 16]), &base::Secret::new([2; 16]));
    let imsi = "001010123456789".parse().unwrap();
    let mut profile = Profile::new(imsi, gba::ids::MncLength::Two, algorithm);
    profile.toolkit = script;
    profile.t0 = t0;
    Session::new(SoftCard::new(profile))
}

//= TS102221-11.2-r1
#[test]
fn a_card_gives_its_commands_one_after_the_other_and_each_when_it_is_time() {
    let scripted = |when, action| Scripted {
        when,
        command: Proactive::new(1, action),
    };
    for t0 in [false, true] {
        let mut all: Vec<_> = actions()
            .into_iter()
            .map(|(a, _)| scripted(When::Profile, a))
            .collect();
        let at_start = all.len();
        all.push(scripted(When::Event(Event::IDLE_SCREEN), text("idle")));
        all.push(scripted(When::Timer(1), text("timer")));
        all.push(scripted(When::Item(3), text("item")));
        let mut session = card(all, t0);
        let mut handset = Remembering::default();
        assert_eq!(session.download_profile(&mut handset).unwrap(), at_start);
        let numbers: Vec<u8> = handset.1.iter().map(|c| c.number).collect();
        assert_eq!(numbers, (1..).take(at_start).collect::<Vec<u8>>());
        for (envelope, wanted) in [
            (
                Envelope::EventDownload {
                    event: Event::IDLE_SCREEN,
                    objects: Objects::default(),
                },
                Some("idle"),
            ),
            (
                Envelope::TimerExpiration {
                    timer: 1,
                    value: [0; 3],
                },
                Some("timer"),
            ),
            (Envelope::MenuSelection { item: 3 }, Some("item")),
            (Envelope::MenuSelection { item: 4 }, None),
        ] {
            handset.1.clear();
            session.send_envelope(&envelope, &mut handset).unwrap();
            let asked: Vec<_> = handset.1.drain(..).map(|c| c.action).collect();
            assert_eq!(asked, wanted.map(text).into_iter().collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_command_that_the_terminal_cannot_do_is_not_given() {
    let script = vec![
        Scripted {
            when: When::Profile,
            command: Proactive::new(1, text("no display")),
        },
        Scripted {
            when: When::Profile,
            command: Proactive::new(1, Action::MoreTime),
        },
    ];
    let mut session = card(script, false);
    let mut handset = Remembering::default();
    handset.0.profile = TerminalProfile::new(&[0x01, 0x00, 0x08]);
    assert_eq!(session.download_profile(&mut handset).unwrap(), 1);
    assert_eq!(handset.1[0].action, Action::MoreTime);
}

//= TS102221-11.2-r1
#[test]
fn commands_out_of_turn_and_bad_data_are_refused_and_91xx_stays_until_it_is_fetched() {
    let script = vec![Scripted {
        when: When::Profile,
        command: Proactive::new(9, Action::MoreTime),
    }];
    let mut session = card(script, false);
    let mut say = |apdu: &str| {
        let answer = session.card_mut().exchange(&hex::decode(apdu).unwrap());
        hex::encode(answer)
    };
    assert_eq!(say("8012000000"), "6985");
    assert_eq!(say("8010000003010008"), "910b");
    // Any success on the basic channel says so again, none on another.
    assert_eq!(say("00a4000c023f00"), "910b");
    assert_eq!(say("0070000001"), "01910b");
    assert_eq!(say("01a4000c023f00"), "9000");
    assert_eq!(say("80140000"), "6a80");
    assert_eq!(say("801200000c"), "6c0b");
    assert_eq!(say("801200000b"), "d0098103010200820281829000");
    assert_eq!(say("801200000b"), "6985");
    // Another number, then the right one.
    assert_eq!(say("801400000c810302020082028281830100"), "6a80");
    assert_eq!(say("801400000c810301020082028281830100"), "9000");
    assert_eq!(say("801400000c810301020082028281830100"), "6985");
    assert_eq!(say("80c2000002d600"), "6a80");
    assert_eq!(
        say("80c200000bd1098202838 18b03000000".replace(' ', "").as_str()),
        "6a81"
    );
    assert_eq!(say("80c20100020000"), "6a86");
}

proptest! {
    #[test]
    fn no_octets_make_reading_panic_and_what_is_read_is_written_again(octets in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = Envelope::parse(&octets);
        if let Ok(response) = TerminalResponse::parse(&octets) {
            prop_assert_eq!(TerminalResponse::parse(&response.octets()).unwrap(), response);
        }
        let wrapped = [&[0xd0, u8::try_from(octets.len()).unwrap()], octets.as_slice()].concat();
        if let Ok(command) = Proactive::parse(&wrapped) {
            prop_assert_eq!(Proactive::parse(&command.octets().unwrap()).unwrap(), command);
        }
    }

    #[test]
    fn a_card_with_a_script_stands_any_toolkit_data(
        commands in proptest::collection::vec((prop_oneof![Just(0x10u8), Just(0x12), Just(0x14), Just(0xc2)],
            proptest::collection::vec(any::<u8>(), 0..40)), 0..30)
    ) {
        let script = actions().into_iter().map(|(action, _)| Scripted {
            when: When::Profile,
            command: Proactive::new(1, action),
        }).collect();
        let mut session = card(script, true);
        for (ins, data) in commands {
            let mut apdu = vec![0x80, ins, 0, 0];
            if !data.is_empty() {
                apdu.push(u8::try_from(data.len()).unwrap());
                apdu.extend_from_slice(&data);
            }
            let answer = session.card_mut().exchange(&apdu);
            let sw = Sw(u16::from_be_bytes([answer[answer.len() - 2], answer[answer.len() - 1]]));
            prop_assert!(matches!(sw.sw1(), 0x61 | 0x6c | 0x91) || Sw::TABLE.contains(&sw), "{sw}");
        }
    }
}
