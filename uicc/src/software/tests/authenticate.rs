//! AUTHENTICATE outside of GBA_U: its status words, GET RESPONSE, PIN, Kc, lengths of RES.

use super::*;

//= TS102221-7.3.1-r1
#[test]
fn case_3_commands_are_answered_with_61xx_and_get_response() {
    let mut card = usim(profile());
    let rand = Rand::from(RAND);
    let command = format!("00880081 22 10{rand} 10{}", autn(1));
    assert_eq!(apdu(&mut card, &command), (String::new(), 0x612c));
    assert_eq!(sw(&mut card, "00c00000ff"), 0x6c2c);
    let (head, sw_) = apdu(&mut card, "00c000000a");
    assert_eq!((head.len(), sw_), (20, 0x6122));
    let (tail, sw_) = apdu(&mut card, "00c0000022");
    assert_eq!((tail.len(), sw_), (68, 0x9000));
    assert_eq!(sw(&mut card, "00c0000022"), 0x6985, "once only");
    // What waits doesn't outlast another command.
    assert_eq!(
        sw(&mut card, &format!("00880081 22 10{rand} 10{}", autn(2))),
        0x612c
    );
    assert_eq!(sw(&mut card, "80f2000c"), 0x9000);
    assert_eq!(sw(&mut card, "00c000002c"), 0x6985);
}

//= TS31.102-7.1.2-r3
//= TS31.102-7.1.2-r4
#[test]
fn authenticate_refuses_what_is_malformed_with_the_right_word() {
    let mut card = usim(profile().with_gba_u());
    let rand = Rand::from(RAND);
    for (command, want) in [
        (format!("00880181 22 10{rand} 10{rand} 00"), 0x6a86),
        (format!("00880001 22 10{rand} 10{rand} 00"), 0x6a86),
        (format!("00880080 11 10{rand} 00"), 0x9864), // no GSM context on this card
        (format!("00880082 11 10{rand} 00"), 0x9864),
        (format!("00880085 11 10{rand} 00"), 0x9864),
        ("0088008100".to_owned(), 0x6700),
        (format!("00880081 11 10{rand} 00"), 0x6700),
        (format!("00880081 23 10{rand} 10{rand} 00 00"), 0x6700),
        (
            format!(
                "00880081 20 0f{} 0f{} 00",
                &rand.to_string()[2..],
                &rand.to_string()[2..]
            ),
            0x6a80,
        ),
        (format!("00880084 22 10{rand} 10{rand} 00"), 0x6a80),
        ("0088008401dd00".to_owned(), 0x6700),
        ("0088008401de00".to_owned(), 0x6700),
        ("0088008406de034142430500".to_owned(), 0x6700), // too short for its lengths
        ("0088008405de0141014200".to_owned(), 0x6a80),   // too short for a NAF_Id
    ] {
        assert_eq!(sw(&mut card, &command), want, "{command}");
    }
    let mut me = usim(profile());
    assert_eq!(
        bootstrap(&mut me, autn_star(1)).1,
        0x9864,
        "no service 68, no GBA context"
    );
    let mut mf = SoftCard::new(profile());
    assert_eq!(
        authenticate(&mut mf, "81", "", autn(1)).1,
        0x6985,
        "no USIM selected"
    );
}

//= TS33.102-6.8.1.2-r1
//= TS31.102-7.1.2-r1
#[test]
fn gsm_services_add_kc() {
    let mut card = usim(Profile {
        gsm: true,
        ..profile()
    });
    let (data, sw_) = authenticate(&mut card, "81", "", autn(1));
    assert_eq!((data.len(), sw_), (2 * (1 + 9 + 17 + 17 + 9), 0x9000));
    let (gsm, sw_) = apdu(&mut card, &format!("00880080 11 10{} 00", Rand::from(RAND)));
    assert_eq!((gsm.len(), sw_), (28, 0x9000));
    assert!(data.ends_with(&gsm[10..]), "the same Kc in both contexts");
}

//= TS102221-11.1.9-r1
//= TS31.102-7.1.2-r4
#[test]
fn a_pin_stands_before_identity_and_keys() {
    let pin = Pin::from_digits("1234").unwrap();
    let mut card = usim(Profile {
        pin: Some(pin),
        ..profile()
    });
    assert_eq!(sw(&mut card, "00b0870000"), 0x6982);
    assert_eq!(sw(&mut card, "00b0830000"), 0x9000, "EF_AD is for everybody");
    assert_eq!(authenticate(&mut card, "81", "", autn(1)).1, 0x6982);
    assert_eq!(sw(&mut card, "00200001"), 0x63c3);
    assert_eq!(sw(&mut card, "00200001 08 31323335ffffffff"), 0x63c2);
    assert_eq!(sw(&mut card, "00200101 08 31323335ffffffff"), 0x6a86);
    assert_eq!(sw(&mut card, "00200002 08 31323335ffffffff"), 0x6a88);
    assert_eq!(sw(&mut card, "00200001 08 31323334ffffffff"), 0x9000);
    assert_eq!(authenticate(&mut card, "81", "", autn(1)).1, 0x9000);
    card.reset();
    assert_eq!(sw(&mut card, "00a4040c 07 a0000000871002"), 0x9000);
    assert_eq!(sw(&mut card, "00b0870000"), 0x6982, "a reset forgets the PIN");
    assert_eq!(sw(&mut card, "00200001"), 0x63c3);
}

#[test]
fn res_of_every_length_is_answered() {
    for length in [4, 8, 16] {
        let xor = || {
            aka::Xor::new(&Secret::new([0x46; 16]))
                .with_res_length(length)
                .unwrap()
        };
        let mut card =
            usim(Profile::new("001010123456789".parse().unwrap(), MncLength::Two, xor()).with_gba_u());
        let rand = Rand::from(RAND);
        let plain = xor().vector(&rand, sqn(1), Amf::from([0x80, 0]));
        let (data, sw_) = bootstrap(&mut card, mac_star(&plain.autn, &plain.ik));
        let res = hex::encode(plain.xres.flipped_lsb().expose());
        assert_eq!((data, sw_), (format!("db{length:02x}{res}"), 0x9000));
    }
}
