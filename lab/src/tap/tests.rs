//! The rules without sockets: what no rule names passes with every octet, what one names is changed and nothing else.

use diameter::{Avp, Identity, Message, Origin, dictionary as d, grammar};
use proptest::prelude::*;

use super::{
    Content, Direction, Interface, Passing,
    cut::{self, Cutter, Exchanges, Protocol},
    engine::{Engine, Fate, Judgement},
    parse::{EXAMPLE, rules},
    rule::Rules,
    say,
};

/// An MAA with a group, a secret, padding that isn't zero, and an AVP that nobody knows.
fn maa() -> Vec<u8> {
    let mut maa = Message::request(grammar::MULTIMEDIA_AUTH, d::ZH, true);
    maa.flags &= !Message::REQUEST;
    maa.avps = vec![
        Avp::utf8(&d::SESSION_ID, "bsf;1;2"),
        Avp::u32(&d::RESULT_CODE, 2001),
        Avp::utf8(&d::USER_NAME, "a@home.test"),
        Avp::group(
            &d::SIP_AUTH_DATA_ITEM,
            vec![
                Avp::octets(&d::SIP_AUTHENTICATE, [7; 32]),
                Avp::octets(&d::CONFIDENTIALITY_KEY, [0xc5; 16]),
            ],
        ),
        Avp::raw(4711, 99, 0, b"abcde".as_slice()),
    ];
    let mut octets = maa.encode();
    // The last octet is padding.
    *octets.last_mut().unwrap() = 0x5a;
    octets
}

fn diameter(octets: Vec<u8>) -> Passing {
    let content = cut::diameter(&octets);
    Passing::new(octets, content)
}

fn http(text: &str, direction: Direction) -> Passing {
    let mut cutter = Cutter::new(Protocol::Http, direction);
    cutter.push(text.as_bytes());
    cutter.next(&mut Exchanges::default()).unwrap()
}

fn judge(interface: Interface, text: &str, passing: &Passing) -> Judgement {
    let rules = rules(text, interface).unwrap_or_else(|e| panic!("{e}"));
    Engine::new(rules).judge(Direction::ToListener, passing, None)
}

/// The octets after an alteration.
fn altered(interface: Interface, steps: &str, passing: &Passing) -> Vec<u8> {
    let judged = judge(
        interface,
        &format!("[[rule]]\naction = \"alter\"\nalter = [{steps}]\n"),
        passing,
    );
    let altered = judged
        .altered
        .as_ref()
        .unwrap_or_else(|| panic!("{:?}", judged.marks));
    altered.octets().to_vec()
}

/// How two of the same length differ: offsets.
fn differing(a: &[u8], b: &[u8]) -> Vec<usize> {
    assert_eq!(a.len(), b.len());
    (0..a.len()).filter(|n| a[*n] != b[*n]).collect()
}

#[test]
fn the_example_is_read_for_each_reference_point() {
    let counts = [Interface::Ub, Interface::Zh, Interface::Zn, Interface::Ua]
        .map(|on| rules(EXAMPLE, on).unwrap().rules.len());
    assert_eq!(counts, [2, 3, 2, 3]);
}

#[test]
fn one_bit_is_turned_and_no_other_octet_changes() {
    let before = maa();
    let after = altered(
        Interface::Zh,
        "{ flip = \"SIP-Auth-Data-Item/SIP-Authenticate\", octet = 16, bits = 0x80 }",
        &diameter(before.clone()),
    );
    let at = before.windows(32).position(|w| w == [7; 32]).unwrap() + 16;
    assert_eq!(differing(&before, &after), [at]);
    assert_eq!(after[at], 0x87);
}

#[test]
fn a_value_of_the_same_length_changes_its_octets_only() {
    let before = maa();
    let after = altered(
        Interface::Zh,
        "{ set = \"Result-Code\", value = 5012 }",
        &diameter(before.clone()),
    );
    assert_eq!(differing(&before, &after).len(), 2);
    let read = Message::parse(&after).unwrap();
    assert_eq!(read.result().unwrap().number(), 5012);
}

#[test]
fn what_becomes_longer_or_shorter_mends_the_lengths_around_it() {
    let steps = "{ set = \"User-Name\", value = \"someone-longer@home.test\" }, { set = \"SIP-Authenticate\", value = \"hex:0102030405\" }, \
                 { add = \"Error-Message\", value = \"x\" }, { add = \"10415:626\", value = \"hex:aa\", within = \"SIP-Auth-Data-Item\" }, \
                 { remove = \"Confidentiality-Key\" }";
    let octets = altered(Interface::Zh, steps, &diameter(maa()));
    let read = Message::parse(&octets).unwrap();
    assert_eq!(
        read.find(&d::USER_NAME).unwrap().as_utf8().unwrap(),
        "someone-longer@home.test"
    );
    let item = read.find(&d::SIP_AUTH_DATA_ITEM).unwrap();
    assert_eq!(
        item.find(&d::SIP_AUTHENTICATE).unwrap().as_octets(),
        [1, 2, 3, 4, 5]
    );
    assert_eq!(item.find(&d::INTEGRITY_KEY).unwrap().as_octets(), [0xaa]);
    assert!(item.find(&d::CONFIDENTIALITY_KEY).is_none());
    assert_eq!(read.find(&d::ERROR_MESSAGE).unwrap().as_utf8().unwrap(), "x");
    assert_eq!(octets.len(), usize::from(octets[2]) << 8 | usize::from(octets[3]));
    // The padding of what nobody named is as it came.
    assert!(octets.windows(8).any(|w| w == b"abcde\0\0\x5a"), "{octets:02x?}");
}

const ANSWER: &str = "HTTP/1.1 401 Unauthorized\r\nx-ODD:  two  blanks \r\nWWW-Authenticate: Digest realm=\"r\", cnonce=\"QUFB\", \
                      nonce=\"AAAA\", qop=\"auth-int\"\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn headers_keep_order_case_and_blanks() {
    let passing = http(ANSWER, Direction::ToListener);
    let after = altered(
        Interface::Ub,
        "{ flip = \"WWW-Authenticate\", parameter = \"nonce\", octet = 2 }",
        &passing,
    );
    assert_eq!(
        String::from_utf8(after).unwrap(),
        ANSWER.replace("nonce=\"AAAA", "nonce=\"AAAB")
    );
    let after = altered(
        Interface::Ub,
        "{ set = \"X-odd\", value = \"1\" }, { add = \"X-New\", value = \"2\" }, { set = \"status\", value = 500 }, { replace = \"l\", with = \"LL\" }",
        &passing,
    );
    let expected = ANSWER
        .replace("x-ODD:  two  blanks ", "x-ODD:  1 ")
        .replace("Length: 5\r\n", "Length: 7\r\nX-New: 2\r\n")
        .replace(" 401 ", " 500 ")
        .replace("hello", "heLLLLo");
    assert_eq!(String::from_utf8(after).unwrap(), expected);
    let after = altered(Interface::Ub, "{ remove = \"x-odd\" }", &passing);
    assert_eq!(
        String::from_utf8(after).unwrap(),
        ANSWER.replace("x-ODD:  two  blanks \r\n", "")
    );
}

#[test]
fn chunks_are_put_together_where_the_body_changes_and_only_there() {
    let text =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nT: 1\r\n\r\n";
    let passing = http(text, Direction::ToListener);
    assert_eq!(passing.octets(), text.as_bytes());
    let after = altered(Interface::Ua, "{ replace = \"ell\", with = \"al\" }", &passing);
    let expected = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalo\r\n0\r\n\r\n";
    assert_eq!(String::from_utf8(after).unwrap(), expected);
    let after = altered(
        Interface::Ua,
        "{ flip = \"body\", octet = 3, bits = 32 }",
        &passing,
    );
    assert_eq!(
        String::from_utf8(after).unwrap(),
        text.replace("\r\nlo\r\n", "\r\nLo\r\n")
    );
}

#[test]
fn what_is_not_there_is_told_and_not_done() {
    let judged = judge(
        Interface::Zh,
        "[[rule]]\nname = \"n\"\naction = \"alter\"\nalter = [{ remove = \"Error-Message\" }]\n",
        &diameter(maa()),
    );
    assert!(judged.altered.is_none());
    assert_eq!(judged.marks[0].did, "Error-Message isn't there");
}

#[test]
fn matches_say_which_message() {
    let hits = |interface, wanted: &str, passing: &Passing| {
        let text = format!("[[rule]]\nmatch = {{ {wanted} }}\naction = \"drop\"\n");
        matches!(judge(interface, &text, passing).fate, Fate::Drop)
    };
    let passing = diameter(maa());
    for (wanted, is) in [
        ("message = \"MAA\"", true),
        ("message = \"MAR\"", false),
        ("message = \"answer\"", true),
        ("command = 303", true),
        ("command = 310", false),
        ("avp = { \"Result-Code\" = 2001 }", true),
        ("avp = { \"Result-Code\" = 5001 }", false),
        ("avp = { \"SIP-Auth-Data-Item/SIP-Authenticate\" = true }", true),
        ("avp = { \"99:4711\" = \"abcde\" }", true),
        ("avp = { \"Error-Message\" = false }", true),
        (
            "avp = { \"User-Name\" = \"a@home.test\", \"Error-Message\" = true }",
            false,
        ),
        ("nth = 1", true),
        ("nth = 2", false),
        ("every = 2", false),
        ("probability = 1.0", true),
        ("probability = 0.0", false),
    ] {
        assert_eq!(hits(Interface::Zh, wanted, &passing), is, "{wanted}");
    }
    let passing = http(ANSWER, Direction::ToListener);
    for (wanted, is) in [
        ("message = \"response\"", true),
        ("status = 401", true),
        ("status = 200", false),
        ("header = { \"www-authenticate\" = \"auth-int\" }", true),
        ("header = { Date = true }", false),
        ("method = \"GET\"", false),
    ] {
        assert_eq!(hits(Interface::Ub, wanted, &passing), is, "{wanted}");
    }
    let passing = http("GET /a?b HTTP/1.1\r\n\r\n", Direction::ToTarget);
    assert!(hits(Interface::Ua, "method = \"GET\", path = \"/a\"", &passing));
}

#[test]
fn nth_every_and_probability_count_what_else_is_true() {
    let run = |wanted: &str| -> String {
        let text =
            format!("seed = 7\n[[rule]]\nmatch = {{ message = \"MAA\", {wanted} }}\naction = \"drop\"\n");
        let mut engine = Engine::new(rules(&text, Interface::Zh).unwrap());
        let passing = diameter(maa());
        let fate = |_| match engine.judge(Direction::ToListener, &passing, None).fate {
            Fate::Drop => 'x',
            _ => '-',
        };
        (0..8).map(fate).collect()
    };
    assert_eq!(run("nth = 3"), "--x-----");
    assert_eq!(run("every = 3"), "--x--x--");
    let half = run("probability = 0.5");
    assert!(half.contains('x') && half.contains('-'), "{half}");
    assert_eq!(half, run("probability = 0.5"), "the same seed, the same run");
}

#[test]
fn an_answer_of_ours_names_who_would_have_answered() {
    let mut mar = Message::request(grammar::MULTIMEDIA_AUTH, d::ZH, true);
    mar.hop_by_hop = 9;
    mar.avps = vec![
        Avp::utf8(&d::SESSION_ID, "bsf;1;2"),
        Avp::utf8(&d::DESTINATION_REALM, "home.test"),
    ];
    let passing = diameter(mar.encode());
    let name = |text: &str| -> Identity { text.parse().unwrap() };
    let hss = Origin {
        host: name("hss.home.test"),
        realm: name("home.test"),
    };
    for (answer, number, vendor) in [(5401, 5401, Some(10415)), (3004, 3004, None)] {
        let text =
            format!("[[rule]]\nmatch = {{ message = \"MAR\" }}\naction = \"answer\"\nanswer = {answer}\n");
        let mut engine = Engine::new(rules(&text, Interface::Zh).unwrap());
        let Fate::Answer(octets) = engine.judge(Direction::ToTarget, &passing, Some(&hss)).fate else {
            panic!("not answered")
        };
        let read = Message::parse(&octets).unwrap();
        let result = read.result().unwrap();
        assert_eq!(
            (result.number(), read.hop_by_hop, read.is_request()),
            (number, 9, false)
        );
        assert_eq!(read.find(&d::EXPERIMENTAL_RESULT).is_some(), vendor.is_some());
        assert_eq!(read.is_error(), result.is_protocol_error());
        assert_eq!(read.origin().unwrap(), hss);
    }
}

/// Ruling 35: what may be a key isn't shown, neither by name nor in the octets, unless it is wanted.
#[test]
fn ruling_35_a_tap_tells_keys_by_their_length() {
    let passing = diameter(maa());
    let shown = say::full(&passing, false).join("\n");
    assert!(!shown.contains("c5") && !shown.contains("61 62 63"), "{shown}");
    assert!(
        shown.contains("Confidentiality-Key (625/10415) M = <16 octets>"),
        "{shown}"
    );
    assert!(shown.contains("··"), "{shown}");
    let shown = say::full(&passing, true).join("\n");
    assert!(
        shown.contains(&"c5".repeat(16)) && shown.contains("c5 c5 c5"),
        "{shown}"
    );
    let basic = http(
        "GET / HTTP/1.1\r\nAuthorization: Basic c2VjcmV0\r\nCookie: a=b\r\n\r\n",
        Direction::ToTarget,
    );
    let shown = say::full(&basic, false).join("\n");
    assert!(
        !shown.contains("c2Vj") && !shown.contains("a=b") && !shown.contains("63 32 56"),
        "{shown}"
    );
}

#[test]
fn a_mistake_has_its_place_and_says_what_was_meant() {
    for (interface, text, place, words) in [
        (
            Interface::Zh,
            "[[rule]]\nname = \"x\"\n",
            "line 1",
            "rule[1].action: missing: one of show",
        ),
        (
            Interface::Zh,
            "[[rule]]\naction = \"dropp\"\n",
            "line 2, column 10",
            "did you mean `drop`",
        ),
        (
            Interface::Zh,
            "[[rule]]\nacton = \"drop\"\naction = \"drop\"\n",
            "line 2, column 1",
            "did you mean `action`",
        ),
        (
            Interface::Zh,
            "[[rule]]\naction = \"drop\"\nmatch = { avp = { \"Resul-Code\" = 1 } }\n",
            "line 3, column 19",
            "did you mean `Result-Code`",
        ),
        (
            Interface::Zh,
            "[[rule]]\naction = \"drop\"\nmatch = { avp = { \"Result-Code\" = \"x\" } }\n",
            "line 3, column 35",
            "a number",
        ),
        (
            Interface::Zh,
            "[[rule]]\naction = \"drop\"\nmatch = { status = 200 }\n",
            "line 3, column 11",
            "known are message, command",
        ),
        (
            Interface::Ub,
            "[[rule]]\naction = \"drop\"\nmatch = { command = 303 }\n",
            "line 3, column 11",
            "known are message, status",
        ),
        (
            Interface::Zh,
            "[[rule]]\naction = \"delay\"\ndelay = \"2\"\n",
            "line 3, column 9",
            "\"2s\"",
        ),
        (
            Interface::Zh,
            "[[rule]]\naction = \"delay\"\ndelay = \"2h\"\n",
            "line 3, column 9",
            "\"2s\"",
        ),
        (
            Interface::Zh,
            "[[rule]]\naction = \"alter\"\n",
            "line 1, column 1",
            "a list of changes",
        ),
        (
            Interface::Zh,
            "[[rule]]\naction = \"alter\"\nalter = [{ set = \"Result-Code\" }]\n",
            "line 3, column 10",
            "value expected",
        ),
        (
            Interface::Zh,
            "[[rule]]\naction = \"replay\"\ntimes = 1000\n",
            "line 3, column 9",
            "from 1 to 100",
        ),
        (
            Interface::Ub,
            "[[rule]]\naction = \"alter\"\nalter = [{ set = \"A B\", value = \"x\" }]\n",
            "line 3, column 18",
            "header field",
        ),
        (
            Interface::Ub,
            "[[rule]]\naction = \"answer\"\nanswer = 42\n",
            "line 3, column 10",
            "from 200 to 599",
        ),
    ] {
        let why = rules(text, interface)
            .err()
            .map(|e| e.to_string())
            .unwrap_or_default();
        assert!(why.starts_with(place) && why.contains(words), "{text}\n{why}");
    }
}

/// Everything that comes out of a cutter.
fn cut_all(protocol: Protocol, direction: Direction, octets: &[u8], portion: usize) -> Vec<Passing> {
    let mut cutter = Cutter::new(protocol, direction);
    let mut exchanges = Exchanges::default();
    let mut all = Vec::new();
    for part in octets.chunks(portion.max(1)) {
        cutter.push(part);
        while let Some(passing) = cutter.next(&mut exchanges) {
            all.push(passing);
        }
    }
    all.extend(cutter.finish(&mut exchanges));
    all
}

fn anything() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        "((GET|HEAD|POST) /[a-z]{0,3} HTTP/1.1\r\n(Content-Length: [0-9]{1,2}\r\n|Transfer-Encoding: chunked\r\n|a: b\r\n){0,3}\r\n([0-9a-f]{1,2}\r\n|[a-z]{0,9}|\r\n){0,4}){1,3}"
            .prop_map(String::into_bytes),
        "(HTTP/1.1 (200|401|204|101|304) x\r\n(Content-Length: [0-9]{1,2}\r\n|Transfer-Encoding: chunked\r\n|a: b\r\n){0,3}\r\n([0-9a-f]{1,2}\r\n|[a-z]{0,9}|\r\n){0,4}){1,3}"
            .prop_map(String::into_bytes),
        (prop::collection::vec(any::<u8>(), 0..4), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(tail, at, octet)| {
            let mut octets = [maa(), maa()].concat();
            let at = at.index(octets.len());
            octets[at] = octet;
            octets.extend(tail);
            octets
        }),
    ]
}

proptest! {
    /// Without a rule what comes out is what went in, in any portions, whatever it is.
    #[test]
    fn without_a_rule_no_octet_changes(
        octets in anything(),
        portion in 1_usize..300,
        protocol in prop_oneof![Just(Protocol::Diameter), Just(Protocol::Http), Just(Protocol::Tls)],
        to_target in any::<bool>(),
    ) {
        let direction = if to_target { Direction::ToTarget } else { Direction::ToListener };
        let mut engine = Engine::new(Rules::none(Interface::Zh));
        let mut out = Vec::new();
        for passing in cut_all(protocol, direction, &octets, portion) {
            let judged = engine.judge(direction, &passing, None);
            prop_assert!(judged.altered.is_none() && judged.marks.is_empty());
            out.extend_from_slice(passing.octets());
        }
        prop_assert_eq!(out, octets);
    }

    /// Every rule of the example on any input: no panic, and what comes of a message that was well framed is well framed.
    #[test]
    fn no_input_makes_a_rule_panic(
        octets in anything(),
        protocol in prop_oneof![Just(Protocol::Diameter), Just(Protocol::Http), Just(Protocol::Tls)],
        to_target in any::<bool>(),
        secrets in any::<bool>(),
    ) {
        let direction = if to_target { Direction::ToTarget } else { Direction::ToListener };
        // Of every message, also where the example is more choosy.
        let text = EXAMPLE.replace("match =", "# match =");
        for interface in [Interface::Ub, Interface::Zh, Interface::Zn, Interface::Ua] {
            for text in [&text, EXAMPLE] {
                let mut engine = Engine::new(rules(text, interface).unwrap());
                for passing in cut_all(protocol, direction, &octets, 50) {
                    let judged = engine.judge(direction, &passing, None);
                    let last = judged.altered.as_ref().unwrap_or(&passing);
                    if let (Content::Diameter(_, Ok(_)), Content::Diameter(header, read)) = (passing.content(), last.content()) {
                        prop_assert_eq!(header.length, last.octets().len());
                        prop_assert!(read.is_ok());
                    }
                    let _ = (say::line(last), say::full(last, secrets), say::clause(interface, last));
                }
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[\\PC\n]{0,200}") {
        let _ = rules(&text, Interface::Zh);
    }

    #[test]
    fn any_value_is_read_or_refused(
        interface in prop_oneof![Just(Interface::Ub), Just(Interface::Zh)],
        action in "show|alter|drop|delay|replay|answer|close",
        key in "name|interface|direction|match|alter|delay|times|after|answer|body|vendor",
        value in prop_oneof![
            Just("1"), Just("-1"), Just("1.5"), Just("true"), Just("[]"), Just("[{}]"), Just("{}"), Just("\"\""), Just("\"1s\""),
            Just("{ avp = { \"1:2\" = 3 } }"), Just("{ header = { a = 3 } }"), Just("[{ flip = \"message\", octet = 0 }]"), Just("[{ set = \"Result-Code\", value = 1979-05-27 }]"),
        ],
    ) {
        let _ = rules(&format!("[[rule]]\naction = \"{action}\"\n{key} = {value}\n"), interface);
    }
}
