//! A tap's rules and what they are tried on: an octet of choices, the rules up to an octet ff, then what passes. Any file is
//! read or refused; without rules no octet changes; what a rule makes of a well-framed Diameter message is well framed.
#![no_main]

use gba_fuzz as _;
use lab::tap::{
    Content, Direction, Interface,
    cut::{Cutter, Exchanges, Protocol},
    engine::Engine,
    parse,
    rule::Rules,
    say,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((choices, rest)) = data.split_first() else {
        return;
    };
    let interfaces = [Interface::Ub, Interface::Zh, Interface::Zn, Interface::Ua];
    let interface = interfaces[usize::from(choices & 3)];
    let protocol = match (interface.is_diameter(), choices & 4) {
        (true, _) => Protocol::Diameter,
        (false, 0) => Protocol::Http,
        (false, _) => Protocol::Tls,
    };
    let direction = if choices & 8 == 0 {
        Direction::ToTarget
    } else {
        Direction::ToListener
    };
    let mut halves = rest.splitn(2, |octet| *octet == 0xff);
    let text = String::from_utf8_lossy(halves.next().unwrap_or_default());
    let octets = halves.next().unwrap_or_default();
    let rules = parse::rules(&text, interface);
    if let Err(e) = &rules {
        let _ = e.to_string();
    }
    let mut engine = Engine::new(rules.unwrap_or_else(|_| Rules::none(interface)));
    let mut nothing = Engine::new(Rules::none(interface));
    let mut cutter = Cutter::new(protocol, direction);
    let mut exchanges = Exchanges::default();
    let mut passed = Vec::new();
    let portion = 1 + usize::from(choices >> 4) * 16;
    let mut all = Vec::new();
    for part in octets.chunks(portion) {
        cutter.push(part);
        while let Some(passing) = cutter.next(&mut exchanges) {
            all.push(passing);
        }
    }
    all.extend(cutter.finish(&mut exchanges));
    for passing in &all {
        passed.extend_from_slice(passing.octets());
        assert!(nothing.judge(direction, passing, None).altered.is_none());
        let judged = engine.judge(direction, passing, None);
        let last = judged.altered.as_ref().unwrap_or(passing);
        if let (Content::Diameter(_, Ok(_)), Content::Diameter(header, _)) =
            (passing.content(), last.content())
            && !text.contains("\"message\"")
        {
            assert_eq!(header.length, last.octets().len());
        }
        let _ = (
            say::line(last),
            say::full(last, false),
            say::clause(interface, last),
        );
    }
    assert_eq!(passed, octets);
});
