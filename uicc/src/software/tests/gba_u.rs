//! GBA_U: rulings 12 and 14, NAF keys and EF_GBANL.

use super::*;

//= TS31.102-7.1.2-r3
//= TS31.102-7.1.2-r5
#[test]
fn ruling_12_the_forms_keep_the_contexts_apart() {
    let mut card = usim(profile().with_gba_u());
    // AUTN* at P2 = 81: no CK, no IK.
    assert_eq!(
        authenticate(&mut card, "81", "", autn_star(5)),
        (String::new(), 0x9862)
    );
    // A plain AUTN at P2 = 84.
    assert_eq!(bootstrap(&mut card, autn(5)), (String::new(), 0x9862));
    // The card is as before: the same SQN is still fresh, in the right form.
    let (data, sw_) = bootstrap(&mut card, autn_star(5));
    let res = algorithm().f2345(&Rand::from(RAND)).res.flipped_lsb();
    assert_eq!(
        (data, sw_),
        (format!("db08{}", hex::encode(res.expose())), 0x9000)
    );
    let btid = write_btid(&mut card);
    let key = naf_key(&mut card, NAF);
    assert_eq!(key.1, 0x9000);

    // A 9862 changes neither Ks nor EF_GBABP nor the SQN array.
    let other = Rand::from([0x99; 16]);
    let wrong = mac_star(&autn(6), &algorithm().f2345(&other).ik);
    assert_eq!(bootstrap(&mut card, wrong).1, 0x9862);
    let bp = read_gbabp(&mut card);
    assert_eq!((bp.rand(), bp.btid()), (Some(Rand::from(RAND)), Some(btid)));
    assert_eq!(naf_key(&mut card, NAF), key);
    assert_eq!(
        authenticate(&mut card, "81", "", autn(6)).1,
        0x9000,
        "SQN 6 was not used up"
    );
}

//= TS31.102-7.1.2-r2
#[test]
fn ruling_12_auts_is_the_same_in_both_contexts_and_changes_nothing() {
    let mut card = usim(profile().with_gba_u());
    assert_eq!(bootstrap(&mut card, autn_star(5)).1, 0x9000);
    write_btid(&mut card);
    let key = naf_key(&mut card, NAF);
    let auts = aka::auts::build(&algorithm(), &Rand::from(RAND), sqn(5));
    let want = (format!("dc0e{auts}"), 0x9000);
    assert_eq!(bootstrap(&mut card, autn_star(5)), want);
    assert_eq!(authenticate(&mut card, "81", "", autn(5)), want);
    assert_eq!(naf_key(&mut card, NAF), key);
    assert!(read_gbabp(&mut card).is_finished());
}

#[test]
fn ruling_12_plain_forms_are_switches_of_their_own() {
    for (mac, res) in [
        (MacForm::Plain, ResForm::Plain),
        (MacForm::Plain, ResForm::Flipped),
        (MacForm::Star, ResForm::Plain),
    ] {
        let gba_u = GbaU {
            mac,
            res,
            ..GbaU::default()
        };
        let mut card = usim(Profile {
            gba_u: Some(gba_u),
            ..profile()
        });
        let (right, wrong) = match mac {
            MacForm::Plain => (autn(1), autn_star(1)),
            MacForm::Star => (autn_star(1), autn(1)),
        };
        assert_eq!(bootstrap(&mut card, wrong).1, 0x9862, "{mac:?}");
        let f2 = algorithm().f2345(&Rand::from(RAND)).res;
        let want = match res {
            ResForm::Plain => f2,
            ResForm::Flipped => f2.flipped_lsb(),
        };
        let (data, _) = bootstrap(&mut card, right);
        assert_eq!(data, format!("db08{}", hex::encode(want.expose())), "{res:?}");
    }
}

//= TS31.102-7.1.2-r7
//= TS33.220-G.1-r1
#[test]
fn ruling_14_no_naf_key_before_btid_and_lifetime_are_written() {
    let mut card = usim(profile().with_gba_u());
    assert_eq!(naf_key(&mut card, NAF).1, 0x6985, "no Ks yet");
    assert_eq!(bootstrap(&mut card, autn_star(1)).1, 0x9000);
    assert_eq!(naf_key(&mut card, NAF).1, 0x6985);
    write_btid(&mut card);
    assert_eq!(naf_key(&mut card, NAF).1, 0x9000);
    // The next run empties both in the same step in which it stores RAND and Ks.
    assert_eq!(bootstrap(&mut card, autn_star(2)).1, 0x9000);
    let bp = read_gbabp(&mut card);
    assert_eq!(
        (bp.rand(), bp.btid.len(), bp.lifetime.len()),
        (Some(Rand::from(RAND)), 0, 0)
    );
    assert_eq!(naf_key(&mut card, NAF).1, 0x6985);
    card.reset();
    assert_eq!(sw(&mut card, "00a4040c 07 a0000000871002"), 0x9000);
    assert_eq!(
        naf_key(&mut card, NAF).1,
        0x6985,
        "a reset doesn't finish it either"
    );
    write_btid(&mut card);
    assert_eq!(naf_key(&mut card, NAF).1, 0x9000);
    // A terminal that writes another RAND makes the run unusable.
    assert_eq!(sw(&mut card, "00a4000c 02 6fd6"), 0x9000);
    assert_eq!(sw(&mut card, "00d6000101 00"), 0x9000);
    assert_eq!(naf_key(&mut card, NAF).1, 0x6985);

    let gba_u = GbaU {
        wait_for_btid: false,
        ..GbaU::default()
    };
    let mut lax = usim(Profile {
        gba_u: Some(gba_u),
        ..profile()
    });
    assert_eq!(bootstrap(&mut lax, autn_star(1)).1, 0x9000);
    assert_eq!(naf_key(&mut lax, NAF).1, 0x9000, "the switch");
}

//= TS33.220-B.3-r2
//= TS31.102-7.1.2-r6
//= TS33.220-G.2-r1
#[test]
fn the_external_key_goes_out_and_the_internal_one_stays_and_is_listed() {
    let mut card = usim(profile().with_gba_u());
    assert_eq!(bootstrap(&mut card, autn_star(1)).1, 0x9000);
    let btid = write_btid(&mut card);
    let (data, _) = naf_key(&mut card, NAF);
    assert_eq!(
        data,
        format!("db20{}", hex::encode(expected(Label::GbaMe, NAF).expose()))
    );
    assert!(card.holds_ks_int_naf(NAF, &expected(Label::GbaU, NAF)));
    assert!(!card.holds_ks_int_naf(NAF, &expected(Label::GbaMe, NAF)));

    assert_eq!(sw(&mut card, "00a4000c 02 6fda"), 0x9000);
    let record = hex::decode(&apdu(&mut card, "00b2010400").0).unwrap();
    let entry = NafRecord {
        naf_id: NAF.to_vec(),
        btid: btid.octets().to_vec(),
    };
    assert_eq!(NafRecord::parse(&record).unwrap(), Some(entry));
}

//= TS33.220-G.2-r2
#[test]
fn a_full_naf_list_gives_up_the_least_recent_one() {
    let gba_u = GbaU {
        naf_records: 3,
        ..GbaU::default()
    };
    let mut card = usim(Profile {
        gba_u: Some(gba_u),
        ..profile()
    });
    assert_eq!(bootstrap(&mut card, autn_star(1)).1, 0x9000);
    write_btid(&mut card);
    let naf = |n: u8| [&[b'a' + n][..], &NAF[3..]].concat();
    for n in [0, 1, 2, 0, 3, 2] {
        assert_eq!(naf_key(&mut card, &naf(n)).1, 0x9000);
    }
    let kept = (0..4).map(|n| card.holds_ks_int_naf(&naf(n), &expected(Label::GbaU, &naf(n))));
    assert_eq!(
        kept.collect::<Vec<_>>(),
        [true, false, true, true],
        "1 was the least recent when 3 came"
    );
    assert_eq!(sw(&mut card, "00a4000c 02 6fda"), 0x9000);
    let listed: Vec<_> = (1..=3)
        .map(|n| {
            let record = hex::decode(&apdu(&mut card, &format!("00b20{n}0400")).0).unwrap();
            NafRecord::parse(&record).unwrap().unwrap().naf_id
        })
        .collect();
    assert_eq!(listed, [naf(0), naf(3), naf(2)]);
}

#[test]
fn a_naf_that_does_not_fit_into_the_list_is_refused() {
    let mut card = usim(profile().with_gba_u());
    assert_eq!(bootstrap(&mut card, autn_star(1)).1, 0x9000);
    write_btid(&mut card);
    let data = [&[0xde, 240][..], &[b'a'; 240], &[3], b"a@b"].concat();
    let c = Command::new(0, 0x88, 0, 0x84)
        .with_data(&data)
        .unwrap()
        .with_le(0);
    assert_eq!(card.transmit(&c).unwrap().sw, 0x9866);
}
