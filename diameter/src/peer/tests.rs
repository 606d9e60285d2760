//! Two machines in one simulated time, and one against hand-made messages.

use super::*;
use crate::identity::Origin;

fn local(host: &str, applications: &[u32]) -> Arc<Local> {
    Arc::new(Local {
        origin: Origin {
            host: host.parse().unwrap(),
            realm: "home.test".parse().unwrap(),
        },
        addresses: vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
        product: "gba".into(),
        origin_state_id: 7,
        applications: applications.to_vec(),
    })
}

fn known(rules: &[(&str, Role)]) -> Arc<Known> {
    let rule = |(host, role): &(&str, Role)| Rule {
        host: host.parse().unwrap(),
        role: *role,
    };
    Arc::new(rules.iter().map(rule).collect())
}

/// Without jitter, so that the tests know the time.
fn timers() -> Timers {
    Timers {
        jitter: std::time::Duration::ZERO,
        ..Timers::default()
    }
}

const HSS: &str = "hss.home.test";
const BSF: &str = "bsf.home.test";

struct Pair {
    bsf: Peer,
    hss: Peer,
    now: Now,
}

impl Pair {
    fn new(bsf_apps: &[u32], known_to_hss: &[(&str, Role)]) -> Self {
        let (now, timers) = (Now::default(), timers());
        let hss = Peer::responder(local(HSS, &[d::ZH]), known(known_to_hss), timers, now, 1);
        let known_to_bsf = known(&[(HSS, Role::Hss)]);
        let bsf = Peer::initiator(local(BSF, bsf_apps), known_to_bsf, timers, now, 1000);
        Self { bsf, hss, now }
    }

    /// Carries messages over, as octets, until both wait. Returns what else came out at BSF and HSS.
    fn drive(&mut self) -> (Vec<Output>, Vec<Output>) {
        let (mut at_bsf, mut at_hss) = (Vec::new(), Vec::new());
        for _ in 0..20 {
            let moved = carry(&mut self.bsf, &mut self.hss, self.now, &mut at_bsf)
                + carry(&mut self.hss, &mut self.bsf, self.now, &mut at_hss);
            if moved == 0 {
                return (at_bsf, at_hss);
            }
        }
        panic!("the two never come to rest");
    }

    fn open() -> Self {
        let mut pair = Self::new(&[d::ZH], &[(BSF, Role::Bsf)]);
        let (at_bsf, at_hss) = pair.drive();
        assert!(matches!(&at_bsf[..], [Output::Open(peer)] if peer.role == Role::Hss));
        assert!(
            matches!(&at_hss[..], [Output::Open(peer)] if peer.role == Role::Bsf && peer.host.as_str() == BSF)
        );
        pair
    }
}

fn carry(from: &mut Peer, to: &mut Peer, now: Now, rest: &mut Vec<Output>) -> usize {
    let mut moved = 0;
    loop {
        match from.poll() {
            Output::Send(m) => {
                moved += 1;
                to.handle(now, Input::Message(Message::parse(&m.encode()).unwrap()));
            }
            Output::Wait(_) => return moved,
            other => rest.push(other),
        }
    }
}

/// What one machine does with one input.
fn outputs(peer: &mut Peer, now: Now, input: Input) -> Vec<Output> {
    peer.handle(now, input);
    core::iter::from_fn(|| match peer.poll() {
        Output::Wait(_) => None,
        output => Some(output),
    })
    .collect()
}

fn sent(outputs: &[Output]) -> Vec<String> {
    let name = |o: &Output| match o {
        Output::Send(m) if m.is_request() => m.name(),
        Output::Send(m) => format!("{} {}", m.name(), m.result().unwrap().number()),
        Output::Close(why) => format!("close: {why:?}")
            .chars()
            .take_while(|c| !"{(".contains(*c))
            .collect::<String>()
            .trim_end()
            .to_owned(),
        Output::Request(..) => "request".into(),
        Output::Answer(_) => "answer".into(),
        Output::Open(_) => "open".into(),
        Output::Incident(Incident::UnaskedAnswer) => "unasked".into(),
        Output::Incident(Incident::Malformed(_)) => "malformed".into(),
        Output::Incident(Incident::ForeignName(_)) => "foreign name".into(),
        Output::Wait(_) => "wait".into(),
    };
    outputs.iter().map(name).collect()
}

fn mar(from: &str) -> Message {
    let mut m = Message::request(grammar::MULTIMEDIA_AUTH, d::ZH, true);
    m.push_origin(&local(from, &[]).origin);
    m
}

//= RFC6733-5.3-r1
#[test]
fn capabilities_open_both_sides() {
    let pair = Pair::open();
    assert_eq!((pair.bsf.state(), pair.hss.state()), (State::Open, State::Open));
}

//= RFC6733-5.3-r2
#[test]
fn an_unknown_peer_gets_3010() {
    let mut pair = Pair::new(&[d::ZH], &[("other.home.test", Role::Bsf)]);
    let (at_bsf, at_hss) = pair.drive();
    assert!(matches!(
        &at_bsf[..],
        [Output::Close(Closed::Refused {
            result: ResultCode::UNKNOWN_PEER
        })]
    ));
    assert!(matches!(&at_hss[..], [Output::Close(Closed::Refusing(_))]));
}

#[test]
fn a_laboratory_may_take_strangers_in_one_role_and_listed_hosts_keep_theirs() {
    let strict = Known::new([Rule {
        host: BSF.parse().unwrap(),
        role: Role::Bsf,
    }]);
    let stranger = "any.home.test".parse().unwrap();
    assert_eq!(strict.role(&stranger), None);
    let open = strict.with_others(Some(Role::Naf));
    assert_eq!(open.role(&stranger), Some(Role::Naf));
    assert_eq!(open.role(&BSF.parse().unwrap()), Some(Role::Bsf));
}

//= RFC6733-5.3-r3
#[test]
fn no_common_application_gets_5010() {
    let mut pair = Pair::new(&[d::ZN], &[(BSF, Role::Bsf)]);
    let (at_bsf, _) = pair.drive();
    assert!(matches!(
        &at_bsf[..],
        [Output::Close(Closed::Refused {
            result: ResultCode::NO_COMMON_APPLICATION
        })]
    ));
}

//= RFC6733-5.3-r3
#[test]
fn a_relay_has_every_application() {
    let mut pair = Pair::new(&[d::RELAY], &[(BSF, Role::Relay)]);
    assert!(matches!(&pair.drive().1[..], [Output::Open(peer)] if peer.role == Role::Relay));
}

//= RFC6733-5.3-r4
#[test]
fn the_initiator_refuses_who_it_did_not_call() {
    let (now, timers) = (Now::default(), timers());
    let mut hss = Peer::responder(
        local("evil.test", &[d::ZH]),
        known(&[(BSF, Role::Bsf)]),
        timers,
        now,
        1,
    );
    let mut bsf = Peer::initiator(local(BSF, &[d::ZH]), known(&[(HSS, Role::Hss)]), timers, now, 9);
    let mut rest = Vec::new();
    carry(&mut bsf, &mut hss, now, &mut rest);
    carry(&mut hss, &mut bsf, now, &mut Vec::new());
    carry(&mut bsf, &mut hss, now, &mut rest);
    assert_eq!(sent(&rest), ["close: Refusing"]);
}

//= RFC6733-6.1-r1
//= RFC6733-6.1-r4
#[test]
fn requests_pass_with_their_origin_only() {
    let mut pair = Pair::open();
    let got = outputs(&mut pair.hss, pair.now, Input::Message(mar(BSF)));
    assert!(matches!(&got[..], [Output::Request(peer, _)] if peer.role == Role::Bsf));
    let got = outputs(&mut pair.hss, pair.now, Input::Message(mar("other.home.test")));
    assert_eq!(sent(&got), ["MAA 3010", "foreign name"]);
    let mut without = mar(BSF);
    without.avps.clear();
    assert_eq!(
        sent(&outputs(&mut pair.hss, pair.now, Input::Message(without))),
        ["MAA 5005"]
    );
    let mut zn = mar(BSF);
    (zn.application, zn.command) = (d::ZN, grammar::BOOTSTRAPPING_INFO);
    assert_eq!(
        sent(&outputs(&mut pair.hss, pair.now, Input::Message(zn))),
        ["BIA 3007"]
    );
    let mut other = mar(BSF);
    other.command = 300;
    assert_eq!(
        sent(&outputs(&mut pair.hss, pair.now, Input::Message(other))),
        ["300 answer 3001"]
    );
}

//= RFC6733-6.1-r3
#[test]
fn behind_a_relay_only_known_nodes_are_heard_in_their_role() {
    let mut pair = Pair::new(&[d::RELAY], &[(BSF, Role::Relay), ("b2.home.test", Role::Bsf)]);
    pair.drive();
    let got = outputs(&mut pair.hss, pair.now, Input::Message(mar("b2.home.test")));
    assert!(matches!(&got[..], [Output::Request(peer, _)] if peer.role == Role::Bsf));
    assert_eq!(
        sent(&outputs(
            &mut pair.hss,
            pair.now,
            Input::Message(mar("b3.home.test"))
        )),
        ["MAA 3010", "foreign name"]
    );
}

//= RFC6733-5.5-r1
//= RFC3539-3.4.1-r2
#[test]
fn silence_brings_dwr_then_suspicion_then_the_end() {
    let mut pair = Pair::open();
    let tw = timers().watchdog;
    let tick = |pair: &mut Pair| {
        pair.now = pair.now + tw;
        outputs(&mut pair.bsf, pair.now, Input::Timeout)
    };
    let first = tick(&mut pair);
    assert_eq!(sent(&first), ["DWR"]);
    assert!(tick(&mut pair).is_empty());
    assert_eq!(pair.bsf.state(), State::Suspect);
    // A DWA to the DWR makes it whole again.
    let [Output::Send(dwr)] = &first[..] else {
        panic!("no DWR")
    };
    let [Output::Send(dwa)] = &outputs(&mut pair.hss, pair.now, Input::Message(dwr.clone()))[..] else {
        panic!("no DWA")
    };
    outputs(&mut pair.bsf, pair.now, Input::Message(dwa.clone()));
    assert_eq!(pair.bsf.state(), State::Open);
    assert_eq!(sent(&tick(&mut pair)), ["DWR"]);
    assert!(tick(&mut pair).is_empty());
    assert_eq!(sent(&tick(&mut pair)), ["close: Watchdog"]);
}

//= RFC6733-3-r3
#[test]
fn row_06_a_dwa_that_answers_nothing_is_dropped_and_noted() {
    let mut pair = Pair::open();
    pair.now = pair.now + timers().watchdog;
    let [Output::Send(dwr)] = &outputs(&mut pair.bsf, pair.now, Input::Timeout)[..] else {
        panic!("no DWR")
    };
    let [Output::Send(dwa)] = &outputs(&mut pair.hss, pair.now, Input::Message(dwr.clone()))[..] else {
        panic!("no DWA")
    };
    let mut forged = dwa.clone();
    forged.end_to_end ^= 1;
    for (answer, noted) in [(&forged, &["unasked"][..]), (dwa, &[]), (dwa, &["unasked"])] {
        let out = outputs(&mut pair.bsf, pair.now, Input::Message(answer.clone()));
        assert_eq!(sent(&out), noted);
    }
}

//= RFC6733-5.4-r1
#[test]
fn either_side_says_goodbye() {
    let mut pair = Pair::open();
    pair.bsf
        .handle(pair.now, Input::Disconnect(DisconnectCause::Rebooting));
    let (at_bsf, at_hss) = pair.drive();
    assert_eq!(
        (sent(&at_bsf), sent(&at_hss)),
        (vec!["close: ByUs".into()], vec!["close: ByPeer".into()])
    );
    let mut pair = Pair::open();
    pair.hss
        .handle(pair.now, Input::Disconnect(DisconnectCause::Busy));
    assert_eq!(
        sent(&outputs(&mut pair.hss, pair.now, Input::Message(mar(BSF)))),
        ["DPR", "MAA 3002"]
    );
    pair.now = pair.now + timers().disconnect;
    assert_eq!(
        sent(&outputs(&mut pair.hss, pair.now, Input::Timeout)),
        ["close: ByUs"]
    );
}

/// RFC 3539 3.4.1: a peer that failed is trusted again after its third DWA, and a silence begins the count anew.
//= RFC3539-3.4.1-r3
#[test]
fn a_peer_that_failed_proves_itself_by_three_dwas() {
    let now = Now::default();
    let mut hss = Peer::responder(local(HSS, &[d::ZH]), known(&[(BSF, Role::Bsf)]), timers(), now, 1);
    let bsf = Peer::initiator(local(BSF, &[d::ZH]), known(&[(HSS, Role::Hss)]), timers(), now, 9);
    let mut pair = Pair {
        bsf: bsf.reopened(),
        hss: {
            let _ = hss.poll();
            hss
        },
        now,
    };
    pair.drive();
    let tick = |pair: &mut Pair| {
        pair.now = pair.now + timers().watchdog;
        pair.bsf.handle(pair.now, Input::Timeout);
    };
    // The first DWR went out with the opening.
    assert_eq!((pair.bsf.missing_dwas, pair.bsf.state()), (2, State::Open));
    tick(&mut pair);
    assert!(matches!(pair.bsf.poll(), Output::Send(m) if m.command == DEVICE_WATCHDOG));
    tick(&mut pair);
    assert_eq!((pair.bsf.missing_dwas, pair.bsf.state()), (3, State::Suspect));
    let dwr = |pair: &mut Pair| {
        pair.bsf.asked = None;
        pair.bsf.state = State::Open;
        tick(pair);
        pair.drive();
    };
    dwr(&mut pair);
    dwr(&mut pair);
    assert!(pair.bsf.is_reopening());
    dwr(&mut pair);
    assert!(!pair.bsf.is_reopening());
}

/// RFC 3539 3.4.1: Tw ± 2 s, another one each time.
//= RFC3539-3.4.1-r1
#[test]
fn the_watchdog_has_a_jitter() {
    let mut pair = Pair::open();
    pair.bsf.timers = Timers::default();
    let mut waits = std::collections::HashSet::new();
    for _ in 0..100 {
        pair.bsf.set_watchdog(pair.now);
        let wait = pair.bsf.deadline.since(pair.now.mono).as_millis();
        assert!((28_000..=32_000).contains(&wait), "{wait}");
        waits.insert(wait);
    }
    assert!(waits.len() > 50);
}

/// Ruling 21: the Origin-Host of CER and CEA is one that the certificate proves.
//= RFC6733-13.1-r1
#[test]
fn ruling_21_the_certificate_has_to_name_the_origin_host() {
    let open = |at_hss: &[&str], at_bsf: &[&str]| {
        let names = |names: &[&str]| names.iter().map(|n| n.parse().unwrap()).collect();
        let mut pair = Pair::new(&[d::ZH], &[(BSF, Role::Bsf)]);
        pair.hss.certificate = Some(names(at_hss));
        pair.bsf.certificate = Some(names(at_bsf));
        let (at_bsf, at_hss) = pair.drive();
        (sent(&at_bsf).join(","), format!("{at_hss:?}"))
    };
    assert_eq!(open(&["x.test", "BSF.home.test"], &[HSS]).0, "open");
    for wrong in [&["bsf2.home.test"][..], &["home.test"], &[]] {
        let (at_bsf, at_hss) = open(wrong, &[HSS]);
        assert_eq!(at_bsf, "close: Refused");
        assert!(at_hss.contains("isn't in the peer's certificate"), "{at_hss}");
    }
    assert_eq!(open(&[BSF], &["hss2.home.test"]).0, "close: Refusing");
}

/// Ruling 21: base requests too are the peer's own.
//= RFC6733-6.1-r4
#[test]
fn ruling_21_a_goodbye_in_another_name_is_refused() {
    let mut pair = Pair::open();
    let dpr = dpr("other.home.test");
    assert_eq!(
        sent(&outputs(&mut pair.hss, pair.now, Input::Message(dpr))),
        ["DPA 3010", "foreign name"]
    );
    assert_eq!(pair.hss.state(), State::Open);
}

/// A request of the base protocol, as the BSF would send it.
fn base(command: u32) -> Message {
    let mut m = Message::request(command, d::BASE, false);
    m.push_origin(&local(BSF, &[]).origin);
    m
}

/// A CER that opens a connection.
fn cer() -> Message {
    let mut m = Message::request(CAPABILITIES_EXCHANGE, d::BASE, false);
    m.avps = local(BSF, &[d::ZH]).capabilities();
    m
}

fn dpr(host: &str) -> Message {
    let mut m = Message::request(DISCONNECT_PEER, d::BASE, false);
    m.push_origin(&local(host, &[]).origin);
    m.avps.push(Avp::u32(&d::DISCONNECT_CAUSE, 0));
    m
}

/// [`Peer`]'s own request that awaits its answer.
type Asked = Option<(u32, u32, u32)>;

/// An answer 2001 with the identifiers of what the machine asked last, or with ones that match nothing.
fn answer(asked: Asked, command: u32, avps: Vec<Avp>) -> Input {
    let mut m = Message::answer_to(&base(command));
    let (_, hop_by_hop, end_to_end) = asked.unwrap_or((0, 0xdead, 0xbeef));
    (m.hop_by_hop, m.end_to_end) = (hop_by_hop, end_to_end);
    m.avps.push(crate::fault::result_avp(ResultCode::SUCCESS));
    m.avps.extend(avps);
    Input::Message(m)
}

fn with(mut m: Message, change: impl FnOnce(&mut Message)) -> Input {
    change(&mut m);
    Input::Message(m)
}

/// What a stream gives for octets that are no message.
fn malformed(m: &Message, change: impl FnOnce(&mut Vec<u8>)) -> Input {
    let mut octets = m.encode();
    change(&mut octets);
    let header = Header::parse(&octets).unwrap();
    let fault = header.check(4096).err();
    let fault = fault.or_else(|| Message::parse(&octets).err()).unwrap();
    Input::Malformed {
        header,
        session: None,
        fault,
    }
}

/// The table of the module's head: each state against each kind of input, whole, half and forged.
//= RFC6733-5.6-r1
#[test]
fn every_state_meets_every_input() {
    type Make = fn(Asked) -> Input;
    let inputs: &[(&str, Make)] = &[
        ("CER", |_| Input::Message(cer())),
        ("CER of a stranger", |_| {
            with(cer(), |m| m.avps = local("x.test", &[d::ZH]).capabilities())
        }),
        ("CER without Host-IP-Address", |_| {
            Input::Message(base(CAPABILITIES_EXCHANGE))
        }),
        ("CER with the P flag", |_| {
            with(cer(), |m| m.flags |= Message::PROXIABLE)
        }),
        ("CER of half an AVP", |_| malformed(&cer(), |o| o[25] = 0xff)),
        ("CEA", |asked| {
            answer(asked, CAPABILITIES_EXCHANGE, local(HSS, &[d::ZH]).capabilities())
        }),
        ("CEA to nothing", |_| {
            answer(None, CAPABILITIES_EXCHANGE, local(HSS, &[d::ZH]).capabilities())
        }),
        ("CEA without an AVP", |asked| {
            answer(asked, CAPABILITIES_EXCHANGE, Vec::new())
        }),
        ("DWR", |_| Input::Message(base(DEVICE_WATCHDOG))),
        ("DWR in another name", |_| {
            with(base(DEVICE_WATCHDOG), |m| {
                m.avps.clear();
                m.push_origin(&local("x.test", &[]).origin);
            })
        }),
        ("DWR without Origin-Host", |_| {
            with(base(DEVICE_WATCHDOG), |m| m.avps.clear())
        }),
        ("DWR with the E flag", |_| {
            with(base(DEVICE_WATCHDOG), |m| m.flags |= Message::ERROR)
        }),
        ("DWA", |asked| answer(asked, DEVICE_WATCHDOG, Vec::new())),
        ("DWA to nothing", |_| answer(None, DEVICE_WATCHDOG, Vec::new())),
        ("DPR", |_| Input::Message(dpr(BSF))),
        ("DPR in another name", |_| Input::Message(dpr("x.test"))),
        ("DPR without a cause", |_| Input::Message(base(DISCONNECT_PEER))),
        ("DPA", |asked| answer(asked, DISCONNECT_PEER, Vec::new())),
        ("DPA to nothing", |_| answer(None, DISCONNECT_PEER, Vec::new())),
        ("base command 999", |_| Input::Message(base(999))),
        ("MAR", |_| Input::Message(mar(BSF))),
        ("MAR in another name", |_| Input::Message(mar("x.test"))),
        ("MAR without the P flag", |_| {
            with(mar(BSF), |m| m.flags = Message::REQUEST)
        }),
        ("MAR of half an AVP", |_| malformed(&mar(BSF), |o| o[25] = 0xff)),
        ("MAA", |_| Input::Message(Message::answer_to(&mar(BSF)))),
        ("MAA of half an AVP", |_| {
            malformed(&mar(BSF), |o| (o[4], o[25]) = (0, 0xff))
        }),
        ("BIR", |_| {
            with(mar(BSF), |m| {
                (m.application, m.command) = (d::ZN, grammar::BOOTSTRAPPING_INFO);
            })
        }),
        ("length 5", |_| {
            malformed(&cer(), |o| o[1..4].copy_from_slice(&[0, 0, 5]))
        }),
        ("length 16 MiB", |_| malformed(&cer(), |o| o[1] = 0xff)),
        ("version 2", |_| malformed(&cer(), |o| o[0] = 2)),
        ("the timer", |_| Input::Timeout),
        ("our leave", |_| Input::Disconnect(DisconnectCause::Busy)),
    ];
    let mut table = String::new();
    for state in [
        State::WaitCea,
        State::WaitCer,
        State::Open,
        State::Suspect,
        State::Closing,
        State::Closed,
    ] {
        for (name, input) in inputs {
            let mut peer = in_state(state);
            let now = Now::default() + timers().watchdog;
            let input = input(peer.asked);
            let out = outputs(&mut peer, now, input);
            table += &format!(
                "{state:?}, {name}: {} -> {:?}\n",
                sent(&out).join(", "),
                peer.state()
            );
            // Whatever came: what is over stays over, and what isn't has a time at which it goes on.
            let waits = matches!(peer.poll(), Output::Wait(Some(_)));
            assert_eq!(waits, peer.state() != State::Closed, "{state:?}, {name}");
        }
    }
    assert_eq!(table, include_str!("states.txt"), "\n{table}");
}

/// A machine in that state, with an answer missing where the state has one.
fn in_state(state: State) -> Peer {
    let pair = Pair::open();
    let (now, tw) = (pair.now, timers().watchdog);
    let mut peer = match state {
        State::WaitCea => {
            let known = known(&[(HSS, Role::Hss)]);
            Peer::initiator(local(BSF, &[d::ZH]), known, timers(), now, 1)
        }
        State::WaitCer => Peer::responder(local(HSS, &[d::ZH]), known(&[(BSF, Role::Bsf)]), timers(), now, 1),
        _ => pair.hss,
    };
    match state {
        State::WaitCea | State::WaitCer | State::Open => {}
        State::Suspect => {
            peer.handle(now + tw, Input::Timeout);
            peer.handle(now + tw * 2, Input::Timeout);
            // So that the table's own time is its next deadline.
            peer.deadline = now.mono + tw;
        }
        State::Closing => peer.handle(now, Input::Disconnect(DisconnectCause::Busy)),
        State::Closed => peer.close(Closed::ByUs),
    }
    peer.out.clear();
    assert_eq!(peer.state(), state);
    peer
}
