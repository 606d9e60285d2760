//! Whatever APDUs come, in any order, on any channel.

use base::SeededEntropy;

use super::{laboratory::*, *};
use crate::software::Change;

/// A class octet of that channel.
fn class(channel: u8, etsi: bool) -> u8 {
    let kind = if etsi { 0x80 } else { 0 };
    match channel {
        0..=3 => kind | channel,
        _ => kind | 0x40 | (channel - 4),
    }
}

fn valid(cla: u8, ins: u8, p1: u8, p2: u8, data: &[u8], le: Option<u8>) -> Vec<u8> {
    let c = Command::new(cla, ins, p1, p2).with_data(data).unwrap();
    le.map_or(c.clone(), |le| c.with_le(le)).octets()
}

fn script(text: &str) -> Vec<u8> {
    hex::decode(&text.replace(' ', "")).unwrap()
}

/// GBA on channel 0, from the challenge to keys.
fn gba() -> impl Strategy<Value = Vec<u8>> {
    let octets = || proptest::collection::vec(any::<u8>(), 0..40);
    let le = || any::<Option<u8>>();
    let bootstrap = (0..4_u64, le()).prop_map(|(seq, le)| {
        let data = [&[0xdd, 16][..], &RAND, &[16], autn_star(seq).octets()].concat();
        valid(0, 0x88, 0, 0x84, &data, le)
    });
    let naf_key = (octets(), le()).prop_map(|(fqdn, le)| {
        let length = u8::try_from(fqdn.len()).unwrap();
        let data = [&[0xde, length][..], &fqdn, &[3], b"a@b"].concat();
        valid(0, 0x88, 0, 0x84, &data, le)
    });
    let finish = octets().prop_map(|o| {
        let data = [&[4, 1, 2, 3, 4, 2, 5, 6][..], &o].concat();
        valid(0, 0xd6, 0, 17, &data, None)
    });
    let gbabp = Just(script("00a40004 02 6fd6"));
    let usim = Just(script("00a4040c 07 a0000000871002"));
    prop_oneof![2 => bootstrap, 2 => naf_key, 2 => finish, 2 => gbabp, 1 => usim]
}

/// Commands that succeed on the card of the laboratory, at the right time.
fn fitting() -> impl Strategy<Value = Vec<u8>> {
    let fixed = [
        "00a40004 02 7f10 00",
        "00a4080c 04 7f106f3a",
        "00a40004 02 2f10",
        "00a40004 02 2f11",
        "00a40004 02 2f12",
        "00a4000c 02 2f20",
        "00a4000c 02 3f00",
        "00a4030c",
        "00a4040c 08 a0000000871004ff",
        "00a4044c 08 a0000000871004ff",
        "00a4040e 05 a000000087",
        "80f2000000",
        "80f2010c",
        "00c0000000",
        "00b0000000",
        "00b0000400",
        "00d60003 02 aabb",
        "00b2000200",
        "00b2000300",
        "00b2010400",
        "00dc0003 03 010203",
        "00dc0104 02 0505",
        "00a20104 01 01",
        "00a20106 03 040001",
        "80320000 01 05",
        "80329000 01 05",
        "00dc0083 03 010203",
        "80cb0080 02 5f21 00",
        "80cb9180 02 5f21 00",
        "80cb000000",
        "80db0080 03 810105",
        "80db9180 03 810105",
        "80db0080 03 810205",
        "80db0000 01 06",
        "80db0080 01 81",
        "00e00000 16 6214 82024121 83022f20 8a0105 8b032f0602 80020003",
        "00e00000 11 620f 82027821 83027f20 8a0105 8b032f0601",
        "00e40000 02 2f20",
        "00e40000 02 7f20",
        "80d40000 0a 6208 83022f12 80020020",
        "00040000 02 2f12",
        "00440000 02 2f12",
        "00e80000 02 2f20",
        "0070000001",
        "00700007",
        "00708001",
        "00708007",
        "0084000008",
        "80aa0000 02 a900",
    ];
    let mut all: Vec<_> = fixed.iter().map(|text| script(text)).collect();
    for text in [
        format!("00200001 08 {PIN}"),
        format!("00200001 08 {WRONG}"),
        format!("0020000a 08 {ADM}"),
        format!("00200011 08 {UNIVERSAL}"),
        format!("00200081 08 {PIN2}"),
        format!("00240001 10 {PIN}{PIN}"),
        format!("00260001 08 {PIN}"),
        format!("00269101 08 {PIN}"),
        format!("00280001 08 {PIN}"),
        format!("002c0001 10 {PUK}{PIN}"),
    ] {
        all.push(script(&text));
    }
    (proptest::sample::select(all), 0..20_u8).prop_map(|(mut command, channel)| {
        // Most of it on channels that are open.
        let channel = if channel < 12 { channel % 3 } else { channel };
        command[0] = class(channel, command[0] & 0x80 != 0);
        command
    })
}

/// Well-formed commands with any parameters, and octets.
fn wild() -> impl Strategy<Value = Vec<u8>> {
    let octets = || proptest::collection::vec(any::<u8>(), 0..40);
    let numbers: Vec<u8> = (0..=255)
        .filter(|ins| super::super::command(*ins).is_some())
        .collect();
    let ins = prop_oneof![6 => proptest::sample::select(numbers), 1 => any::<u8>()];
    let p1 = prop_oneof![
        Just(0u8),
        Just(1),
        Just(4),
        Just(8),
        Just(0x80),
        Just(0x91),
        any::<u8>()
    ];
    let p2 = prop_oneof![
        Just(0u8),
        Just(1),
        Just(2),
        Just(4),
        Just(0x0c),
        Just(0x80),
        Just(0x84),
        Just(0x81),
        any::<u8>()
    ];
    let cla = prop_oneof![
        8 => (0..20_u8, any::<bool>()).prop_map(|(channel, etsi)| class(channel, etsi)),
        1 => any::<u8>()
    ];
    // Only TERMINATE CARD USAGE is left out: all that comes behind it would show nothing.
    let well_formed = (cla, ins, p1, p2, octets(), any::<Option<u8>>())
        .prop_filter("not the card's end", |(_, ins, ..)| *ins != 0xfe)
        .prop_map(|(cla, ins, p1, p2, data, le)| valid(cla, ins, p1, p2, &data, le));
    prop_oneof![4 => well_formed, 1 => proptest::collection::vec(any::<u8>(), 0..300)]
}

fn commands() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![3 => gba(), 6 => fitting(), 3 => wild()]
}

/// A card on which much is allowed: both PINs known, ADM verified by the scripts.
fn any_card(t0: bool, gsm: bool) -> SoftCard {
    let profile = Profile {
        t0,
        gsm,
        ..laboratory()
    };
    of(profile).with_entropy(Box::new(SeededEntropy::new(1)))
}

/// The same items with the same content, told without secrets.
fn told(changes: &[Change]) -> Vec<String> {
    let mut all: Vec<_> = changes
        .iter()
        .map(|c| match c {
            Change::File(spec) => format!("{spec:?}"),
            Change::Key(k) => format!("{:?} {} {} {}", c.item(), k.tries, k.enabled, k.replaced),
            Change::Sqn(_, seq) => format!("{seq:?}"),
            Change::Gba(_, g) => format!("{} {:?}", g.clock, g.run.as_ref().map(|r| r.rand)),
            other => format!("{:?}", other.item()),
        })
        .collect();
    all.sort();
    all.dedup();
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Whatever comes: a response, a status word of the table, and neither K, OPc, CK, IK nor Ks in it; and a card made
    /// of what this one kept is the same one.
    //= TS31.102-7.1.2-r8
    #[test]
    fn never_panics_and_never_tells_a_key(
        commands in proptest::collection::vec(commands(), 1..80),
        t0 in any::<bool>(),
        gsm in any::<bool>(),
    ) {
        let mut card = any_card(t0, gsm);
        let f = algorithm().f2345(&Rand::from(RAND));
        for c in commands {
            let out = card.exchange(&c);
            let (data, word) = out.split_last_chunk::<2>().unwrap();
            let sw = crate::Sw(u16::from_be_bytes(*word));
            let ranges = matches!(sw.sw1(), 0x61 | 0x6c) || sw.tries_left().is_some();
            prop_assert!(ranges || crate::Sw::TABLE.contains(&sw), "{}", sw);
            prop_assert!(data.len() <= 256);
            for key in [&[0x46; 16], &[0xcd; 16], f.ck.expose(), f.ik.expose()] {
                prop_assert!(!data.windows(16).any(|w| w == key));
            }
        }
        let kept = card.snapshot();
        let mut again = any_card(t0, gsm);
        prop_assert!(again.apply(&kept).is_ok());
        prop_assert_eq!(told(&again.snapshot()), told(&kept));
        card.reset();
        let first = card.exchange(&script("00a4000c023f00"));
        prop_assert!(matches!(first[..], [0x90, 0x00]));
    }
}

#[test]
fn the_random_commands_reach_everything() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    use std::collections::BTreeMap;
    let mut runner = TestRunner::deterministic();
    let mut done: BTreeMap<u8, u32> = BTreeMap::new();
    let mut words: BTreeMap<u16, u32> = BTreeMap::new();
    let (mut runs, mut keys) = (0, 0);
    for _ in 0..60 {
        let mut card = any_card(false, false);
        let _ = sw(&mut card, &format!("0020000a08{ADM}"));
        let _ = sw(&mut card, &format!("0020000108{PIN}"));
        for _ in 0..200 {
            let c = commands().new_tree(&mut runner).unwrap().current();
            let out = card.exchange(&c);
            let word = u16::from_be_bytes(*out.last_chunk().unwrap());
            runs += usize::from(out.starts_with(&[0xdb, 8]));
            keys += usize::from(out.starts_with(&[0xdb, 0x20]));
            *words.entry(word).or_default() += 1;
            if matches!(word >> 8, 0x90 | 0x61 | 0x62) {
                *done.entry(c[1]).or_default() += 1;
            }
        }
    }
    assert!(runs > 0 && keys > 0, "{runs} runs, {keys} NAF keys");
    // TERMINATE DF and TERMINATE CARD USAGE end too much to be drawn often.
    for ins in [
        0x04, 0x20, 0x24, 0x26, 0x28, 0x2c, 0x32, 0x44, 0x70, 0x84, 0x88, 0xa2, 0xa4, 0xaa, 0xb0, 0xb2, 0xc0,
        0xcb, 0xd4, 0xd6, 0xdb, 0xdc, 0xe0, 0xe4, 0xe8, 0xf2,
    ] {
        assert!(done.contains_key(&ins), "no {ins:02x} succeeded");
    }
    assert!(words.len() > 30, "{words:04x?}");
}
