//! Whatever APDUs come, in any order.

use super::*;

fn valid(cla: u8, ins: u8, p1: u8, p2: u8, data: &[u8], le: Option<u8>) -> Vec<u8> {
    let c = Command::new(cla, ins, p1, p2).with_data(data).unwrap();
    le.map_or(c.clone(), |le| c.with_le(le)).octets()
}

/// Commands that get somewhere, commands that are well-formed, and octets.
fn commands() -> impl Strategy<Value = Vec<u8>> {
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
    let fid = prop_oneof![
        Just(0x7fff_u16),
        Just(0x6fd6),
        Just(0x6fda),
        Just(0x6f07),
        Just(0x3f00),
        any::<u16>()
    ];
    let select = (fid, le()).prop_map(|(fid, le)| valid(0, 0xa4, 0, 4, &fid.to_be_bytes(), le));
    let finish = octets().prop_map(|o| {
        valid(
            0,
            0xd6,
            0,
            17,
            &[&[4, 1, 2, 3, 4, 2, 5, 6][..], &o].concat(),
            None,
        )
    });
    let ins = prop_oneof![
        Just(0xa4u8),
        Just(0xb0),
        Just(0xb2),
        Just(0xc0),
        Just(0xd6),
        Just(0xf2),
        Just(0x20),
        Just(0x88),
        any::<u8>(),
    ];
    let cla = prop_oneof![6 => Just(0u8), 2 => Just(0x80), 1 => any::<u8>()];
    let p1 = prop_oneof![Just(0u8), Just(4), Just(8), Just(0x87), any::<u8>()];
    let p2 = prop_oneof![
        Just(0u8),
        Just(2),
        Just(4),
        Just(0x0c),
        Just(0x84),
        Just(0x81),
        any::<u8>()
    ];
    let well_formed = (cla, ins, p1, p2, octets(), le())
        .prop_map(|(cla, ins, p1, p2, data, le)| valid(cla, ins, p1, p2, &data, le));
    prop_oneof![
        2 => bootstrap,
        2 => naf_key,
        3 => select,
        2 => finish,
        1 => Just(valid(0, 0xa4, 4, 0x0c, &crate::names::USIM_AID_PREFIX, None)),
        1 => Just(valid(0, 0xc0, 0, 0, &[], Some(0))),
        6 => well_formed,
        2 => proptest::collection::vec(any::<u8>(), 0..300),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever comes: a response, a status word of the table, and neither K, OPc, CK nor IK in it.
    //= TS31.102-7.1.2-r8
    #[test]
    fn never_panics_and_never_tells_a_key(
        commands in proptest::collection::vec(commands(), 1..60),
        t0 in any::<bool>(),
        gsm in any::<bool>(),
    ) {
        let mut card = SoftCard::new(Profile { t0, gsm, ..profile().with_gba_u() });
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
    }
}

#[test]
fn the_random_commands_reach_the_keys() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut card = usim(profile().with_gba_u());
    let (mut runs, mut keys) = (0, 0);
    for _ in 0..3000 {
        let c = commands().new_tree(&mut runner).unwrap().current();
        let out = card.exchange(&c);
        runs += usize::from(out.starts_with(&[0xdb, 8]));
        keys += usize::from(out.starts_with(&[0xdb, 0x20]));
    }
    assert!(runs > 0 && keys > 0, "{runs} runs, {keys} NAF keys");
}
